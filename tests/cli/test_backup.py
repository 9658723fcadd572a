"""`bridge backup` and `bridge restore`: one line of what was done, or one sentence of why not."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bridge.cli import main
from bridge.cli._copied import sized
from tests.store.filled import fill

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    def called(verb: str, *arguments: str) -> tuple[int, str, str]:
        status = main([verb, *arguments])
        return status, *capsys.readouterr()

    return called


@pytest.fixture
def config(tmp_path: Path) -> str:
    fill(f"sqlite:///{tmp_path / 'bridge.db'}", 3, "events", "posts")
    return configured(tmp_path, f"'sqlite:///{tmp_path / 'bridge.db'}'")


def configured(folder: Path, url: str) -> str:
    path = folder / "bridge.yaml"
    path.write_text(f"database: {{url: {url}}}\n")
    return str(path)


def test_a_copy_is_made_and_put_back(call: Call, config: str, tmp_path: Path) -> None:
    copy, database = tmp_path / "copy.db", tmp_path / "bridge.db"
    status, out, err = call("backup", str(copy), "-c", config)

    assert (status, err) == (0, "")
    assert re.fullmatch(rf"{re.escape(str(copy))}: [\d.]+ kB in \d+\.\d s, checked\n", out)

    status, out, err = call("restore", str(copy), "-c", config)
    assert (status, err) == (0, "")
    assert f"What was there is kept as {database}.old.\n" in out
    assert "UTC: 0 commands are unfinished, and what came later is not known.\n" in out


def test_older_copies_go(call: Call, config: str, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / "bridge-20260101T000000Z.db").touch()

    assert ", checked, 1 older removed\n" in call("backup", str(folder), "--keep", "1", "-c", config)[1]
    [left] = folder.iterdir()
    assert left.name > "bridge-2026"
    assert left.stat().st_size > 0


def test_a_copy_stands_when_an_older_one_stays(call: Call, config: str, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    (folder / "bridge-20260101T000000Z.db").mkdir(parents=True)
    status, out, err = call("backup", str(folder), "--keep", "1", "-c", config)

    assert (status, "checked\n" in out) == (1, True)
    assert err.startswith("The copy was made, but not all older ones could be removed: ")


@pytest.mark.parametrize("keep", ["0", "-1", "many"])
def test_at_least_one_copy_is_kept(call: Call, config: str, tmp_path: Path, keep: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        call("backup", str(tmp_path), "--keep", keep, "-c", config)


def test_what_is_wrong_is_one_sentence(call: Call, config: str, tmp_path: Path) -> None:
    taken = tmp_path / "taken.db"
    taken.write_text("mine")

    said = f"No copy was made: {taken} is there already; take another name, or --force\n"
    assert call("backup", str(taken), "-c", config) == (1, "", said)
    said = f"Not restored: there is no database {tmp_path / 'none.db'}\n"
    assert call("restore", str(tmp_path / "none.db"), "-c", config) == (1, "", said)


def test_postgresql_has_its_own_tools(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://bridge:hunter2-hunter2@127.0.0.1:1/bridge")
    config = configured(tmp_path, "{env: DATABASE_URL}")
    backup, restore = call("backup", "x.db", "-c", config), call("restore", "x.db", "-c", config)
    marked = call("restore", "-c", config)

    assert (backup[0], restore[0], marked[0]) == (1, 1, 1)
    assert "use pg_dump or your provider's snapshots" in backup[2]
    assert "then run `bridge restore` without a file" in restore[2]
    assert "hunter2" not in backup[2] + restore[2] + marked[2]


def test_other_tools_have_put_it_back(call: Call, config: str) -> None:
    status, out, err = call("restore", "-c", config)

    assert (status, err) == (0, "")
    assert out.startswith("This is the database of 1970-01-01 00:00:00 UTC")
    assert "kept as" not in out


@pytest.mark.parametrize(
    ("size", "expected"), [(0, "0 bytes"), (999, "999 bytes"), (12_340, "12.3 kB"), (5 * 10**12, "5.0 TB")]
)
def test_sizes_are_written_for_people(size: int, expected: str) -> None:
    assert sized(size) == expected
