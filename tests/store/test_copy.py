"""Copying a database: every row goes over, wherever it was cut, and a database that has other rows is left alone."""

import re
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.core.errors import StoreError
from bridge.core.model import Write
from bridge.store import migrate, open_store
from bridge.store._tables import metadata
from bridge.store.copying import Step, copy_database
from tests.postgres import Cluster
from tests.store.filled import connected, copied, fill, rows_of
from tests.store.made import LEASE, NOW, acceptance, claim_any, endpoint, told

pytestmark = pytest.mark.anyio

ENGINES = ["sqlite", "postgresql"]
ROWS = 5


class CutError(Exception):
    """Stands for the end of a process."""


class Cut:
    """Ends a copy at a step."""

    def __init__(self, at: int = -1) -> None:
        self.left = at
        self.steps: list[Step] = []

    def __call__(self, step: Step) -> None:
        self.steps.append(step)
        self.left -= 1
        if self.left == 0:
            raise CutError


def new_url(engine: str, folder: Path, request: pytest.FixtureRequest, name: str) -> str:
    if engine == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        return cluster.new()
    return f"sqlite:///{folder / name}"


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file that has rows."""
    return fill(f"sqlite:///{tmp_path / 'file.db'}", ROWS)


@pytest.fixture
def empty(tmp_path: Path) -> str:
    """A file that is not there yet."""
    return f"sqlite:///{tmp_path / 'empty.db'}"


@pytest.fixture(params=ENGINES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database that has rows, of each engine."""
    return fill(new_url(request.param, tmp_path, request, "source.db"), ROWS)


@pytest.fixture(params=ENGINES)
def target(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of each engine."""
    return new_url(request.param, tmp_path, request, "target.db")


def copy(source: str, target: str, *, cut: int = -1) -> list[Step]:
    """Copy two rows at a time, up to a step."""
    tell = Cut(cut)
    copy_database(source, target, tell, most_rows=2)
    return tell.steps


def change(url: str, statement: str) -> None:
    with connected(url) as connection:
        connection.execute(text(statement))


def test_every_row_goes_over_and_the_source_stays_as_it_is(source: str, target: str) -> None:
    before = rows_of(source)
    counts = copy_database(source, target, Cut())
    assert rows_of(target) == copied(before)
    assert rows_of(source) == before
    assert counts == {name: ROWS for name in metadata.tables if name != "leases"}
    assert not migrate(target)


def test_a_copy_that_was_cut_goes_on_where_it_was(source: str, target: str) -> None:
    """The first run ends in the middle of a table, the second one in a later table, the third one while comparing."""
    with pytest.raises(CutError):
        copy(source, target, cut=2)
    with pytest.raises(CutError):
        copy(source, target, cut=25)
    [first, *_] = steps = copy(source, target)
    assert (first.done, first.total) == (ROWS, ROWS)
    assert len(steps) < 25 + 3 * len(metadata.tables)
    assert rows_of(target) == copied(rows_of(source))


@pytest.mark.parametrize("at", range(3, 4 * (len(metadata.tables) - 1), 17))
def test_wherever_it_is_cut_it_ends_whole(file: str, empty: str, at: int) -> None:
    with pytest.raises(CutError):
        copy(file, empty, cut=at)
    copy(file, empty)
    assert rows_of(empty) == copied(rows_of(file))


async def test_no_bridge_opens_what_is_not_whole(file: str, target: str, empty: str) -> None:
    with pytest.raises(CutError):
        copy(file, target, cut=9)
    for create in (True, False):
        with pytest.raises(StoreError, match="is an unfinished copy; run the same"):
            await open_store(target, create=create)
    with pytest.raises(StoreError, match="is an unfinished copy"):
        migrate(target)
    with pytest.raises(StoreError, match="is itself an unfinished copy"):
        copy(target, empty)


def test_a_copy_that_is_whole_is_compared_again(file: str, target: str) -> None:
    copy(file, target)
    assert all(step.checking for step in copy(file, target))
    change(target, "UPDATE attempts SET detail = 'another' WHERE number = 3")
    with pytest.raises(StoreError, match=r"attempts: row 4 is not the same in .*: empty the target"):
        copy(file, target)


@pytest.mark.parametrize(
    ("change_of", "refusal"),
    [
        ("DELETE FROM keys WHERE sequence = 2", "the unfinished copy of another database, or of this one before"),
        ("UPDATE keys SET failures = 77 WHERE sequence = 0", "keys: row 1 is not the same"),
    ],
)
def test_a_source_that_was_used_in_between_is_found_out(file: str, empty: str, change_of: str, refusal: str) -> None:
    with pytest.raises(CutError):
        copy(file, empty, cut=1 + 4 * (len(metadata.tables) - 1))
    change(file, change_of)
    with pytest.raises(StoreError, match=refusal):
        copy(file, empty)
    with pytest.raises(StoreError, match="unfinished copy"):
        migrate(empty)


def test_a_target_with_rows_of_its_own_is_left_alone(file: str, target: str) -> None:
    migrate(target)
    change(target, "INSERT INTO leases VALUES ('a', 'b', 1)")
    before = rows_of(target)
    with pytest.raises(StoreError, match=re.escape("has rows already (leases: 1); copy into an empty database")):
        copy(file, target)
    assert rows_of(target) == before
    assert not migrate(target)


def test_a_target_of_others_is_left_alone(file: str, target: str) -> None:
    change(target, "CREATE TABLE theirs (a INTEGER)")
    with pytest.raises(StoreError, match="not those of bridge"):
        copy(file, target)


def test_a_database_is_not_copied_into_itself(file: str) -> None:
    with pytest.raises(StoreError, match="both are the same database"):
        copy(file, file)


def test_a_source_that_is_not_there_is_not_made(file: str, empty: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        copy(empty, file)
    assert not (tmp_path / "empty.db").exists()


@pytest.mark.parametrize(
    ("change_of", "refusal"),
    [
        ("DROP TABLE alembic_version", "is not a database of bridge"),
        ("UPDATE alembic_version SET version_num = '0000'", "has the schema of another release"),
    ],
)
def test_a_source_of_another_schema_is_refused(file: str, empty: str, change_of: str, refusal: str) -> None:
    change(file, change_of)
    with pytest.raises(StoreError, match=refusal):
        copy(file, empty)


async def test_while_a_bridge_works_on_either_nothing_is_copied(url: str, tmp_path: Path, anyio_backend: str) -> None:
    store = await open_store(url)
    for source, target in (
        (url, f"sqlite:///{tmp_path / 'target.db'}"),
        (fill(f"sqlite:///{tmp_path / 'b.db'}", 1), url),
    ):
        with pytest.raises(StoreError, match=r"in use by (process \d+|a running bridge).* stop"):
            copy(source, target)
    await store.close()
    copy(url, f"sqlite:///{tmp_path / 'target.db'}")


def test_a_lease_that_has_not_ended_means_that_a_bridge_works(cluster: Cluster, empty: str) -> None:
    """It was killed, or is connected under another name."""
    source = fill(cluster.new(), 1)
    change(source, "UPDATE leases SET until = (extract(epoch FROM now()) + 60) * 1000000")
    with pytest.raises(StoreError, match=r"one that was killed counts until \d\d:\d\d:\d\d UTC"):
        copy(source, empty)


def test_of_two_copies_at_once_one_gets_no_further(cluster: Cluster) -> None:
    source, target = fill(cluster.new(), ROWS), cluster.new()

    def overtake(step: Step) -> None:
        if step.done and not step.checking:
            copy(source, target)

    with pytest.raises(StoreError):
        copy_database(source, target, overtake, most_rows=2)
    assert rows_of(target) == copied(rows_of(source))
    assert not migrate(target)


def test_a_sign_that_postgresql_cannot_keep_is_replaced(file: str, cluster: Cluster) -> None:
    with connected(file) as connection:
        connection.execute(text("UPDATE keys SET detail = :text"), {"text": "a\0b"})
    target = cluster.new()
    copy(file, target)
    assert {row[0] for row in _select(target, "SELECT detail FROM keys")} == {"a\ufffdb"}
    copy(file, target)


def _select(url: str, statement: str) -> list[tuple[object, ...]]:
    with connected(url) as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


async def test_a_bridge_goes_on_with_the_copy(url: str, empty: str) -> None:
    """Work that somebody had when the source was left is there to be claimed."""
    store = await open_store(url)
    await store.record([Write(endpoints=(endpoint(),), events=(told(),))])
    await store.accept([acceptance()], NOW)
    [command] = await store.claim_commands(NOW, 10, LEASE, ["genviral"])
    [delivery] = await claim_any(store)
    await store.close()
    copy(url, empty)
    store = await open_store(empty)
    [again] = await store.claim_commands(NOW, 10, LEASE, ["genviral"])
    [sent] = await claim_any(store)
    assert (again.command.id, sent.delivery.id) == (command.command.id, delivery.delivery.id)
    await store.close()
