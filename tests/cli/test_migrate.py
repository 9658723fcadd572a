"""`bridge migrate`: the configured database brought up to date, and one database copied into another."""

import contextlib
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from bridge.cli import main
from bridge.cli._copying import Lines
from bridge.store.copying import Step
from tests.e2e.process import run, running
from tests.postgres import Cluster
from tests.store.filled import copied, fill, rows_of

PASSWORD = "hunter2-hunter2"


@pytest.fixture
def migrated(capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    def call(*arguments: str) -> tuple[int, str, str]:
        status = main(["migrate", *arguments])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def file(tmp_path: Path) -> str:
    return fill(f"sqlite:///{tmp_path / 'file.db'}", 3)


def config(folder: Path, url: str) -> str:
    path = folder / "bridge.yaml"
    path.write_text(f"database: {{url: '{url}'}}\n")
    return str(path)


def test_the_configured_database_is_made_once(migrated, tmp_path):
    path = config(tmp_path, f"sqlite:///{tmp_path / 'new.db'}")

    assert migrated("--config", path) == (0, "The database was brought up to date.\n", "")
    assert migrated("--config", path) == (0, "The database is up to date.\n", "")


def test_a_copy_needs_no_configuration_and_says_what_was_copied(migrated, file, tmp_path):
    target = f"sqlite:///{tmp_path / 'new.db'}"
    status, out, err = migrated("--from", file, "--to", target)

    assert status == 0
    assert "posts                        3\n" in out
    assert out.endswith(" rows, and each was compared. The source was not changed.\n")
    assert "copy posts: 3 of 3 rows" in err
    assert "compare posts: 3 of 3 rows" in err
    assert rows_of(target) == copied(rows_of(file))


@pytest.mark.parametrize("left_out", ["--from", "--to"])
def test_what_is_left_out_is_the_configured_database(migrated, file, tmp_path, left_out):
    target = f"sqlite:///{tmp_path / 'new.db'}"
    given = ("--from", file) if left_out == "--to" else ("--to", target)
    path = config(tmp_path, target if left_out == "--to" else file)

    assert migrated(*given, "--config", path)[0] == 0
    assert rows_of(target) == copied(rows_of(file))


def test_a_url_is_taken_from_a_variable(migrated, file, tmp_path, monkeypatch):
    target = f"sqlite:///{tmp_path / 'new.db'}"
    monkeypatch.setenv("NEW_DATABASE", target)

    assert migrated("--from", file, "--to", "env:NEW_DATABASE")[0] == 0
    assert rows_of(target) == copied(rows_of(file))


@pytest.mark.parametrize(
    ("source", "target", "told"),
    [
        ("env:NO_SUCH", "sqlite:////no-such/x.db", "--from: the variable NO_SUCH is not set, or empty"),
        ("sqlite:///no-such.db", "sqlite:////no-such/x.db", "there is no database no-such.db"),
        ("mysql://a@b/c", "sqlite:////no-such/x.db", "mysql is not supported; write sqlite:///PATH or postgresql://"),
        (
            f"mysql://a:{PASSWORD}@b:c/d",
            "sqlite:////no-such/x.db",
            "the database URL cannot be read; write sqlite:///PATH",
        ),
        ("FILE", f"postgresql://a:{PASSWORD}@[b/c", "the database URL cannot be read by libpq. Percent-encode"),
        ("FILE", f"postgresql://a:{PASSWORD}@127.0.0.1:1/c?password={PASSWORD}", "postgresql://a@127.0.0.1:1/c"),
    ],
)
def test_what_is_wrong_is_told_without_a_password(migrated, file, source, target, told):
    status, out, err = migrated("--from", file if source == "FILE" else source, "--to", target)

    assert (status, out) == (1, "")
    assert told in err
    assert PASSWORD not in err
    assert "Traceback" not in err


def test_lines_tell_how_fast_it_goes_and_how_long_it_takes_yet():
    told: list[str] = []
    times = iter((100.0, 100.0, 102.0, 106.0, 107.0, 110.0, 111.0))
    lines = Lines(told.append, lambda: next(times))
    for done in (1_000, 2_000, 7_000, 8_000, 11_000):
        lines(Step("posts", done, 11_000))
    lines(Step("keys", 0, 0))

    assert told == [
        "copy posts: 7,000 of 11,000 rows, 1,000 a second, 0:00:04 left\n",
        "copy posts: 11,000 of 11,000 rows, 1,000 a second\n",
    ]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.made() as cluster:
        yield cluster


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file that takes some transactions for each table."""
    return fill(
        f"sqlite:///{tmp_path_factory.mktemp('full') / 'full.db'}", 6_000, "events", "attempts", "keys", "feeds"
    )


def done_of(url: str) -> int:
    """How many rows went over until now."""
    ask = "SELECT sum(done) FROM copy_progress"
    with contextlib.suppress(sqlite3.OperationalError, psycopg.errors.UndefinedTable):
        if url.startswith("sqlite"):
            with contextlib.closing(sqlite3.connect(url.removeprefix("sqlite:///"))) as file:
                return file.execute(ask).fetchone()[0] or 0
        with psycopg.connect(url, autocommit=True) as connection:
            return int(connection.execute(ask).fetchone()[0] or 0)
    return 0


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_copy_that_is_killed_goes_on_and_ends_whole(engine, full, tmp_path, request):
    target = f"sqlite:///{tmp_path / 'new.db'}"
    if engine == "postgresql":
        target = request.getfixturevalue("cluster").new()
    arguments = ("migrate", "--from", full, "--to", target)
    with running(tmp_path / "log", *arguments) as process:
        process.until(lambda: done_of(target), "a first row")
        assert process.end(signal.SIGKILL) == -signal.SIGKILL
    done = run(*arguments)

    assert done.returncode == 0, done.stderr
    assert rows_of(target) == copied(rows_of(full))
