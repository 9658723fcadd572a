"""A look at a database, beside whoever works on it, of both engines."""

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from bridge.core.errors import StoreError
from bridge.store import migrate, open_store
from bridge.store._schema import HEAD
from bridge.store.condition import Schema, condition
from tests.postgres import Cluster
from tests.store.made import NOW

pytestmark = pytest.mark.anyio


async def test_a_database_that_is_in_use_is_looked_at_all_the_same(url: str):
    store = await open_store(url, clock=lambda: NOW)
    try:
        found = condition(url)
    finally:
        await store.close()

    assert (found.schema, found.version) == (Schema.PRESENT, HEAD)
    if url.startswith("sqlite"):
        assert found.engine.startswith("SQLite 3.")
        assert (found.log, found.ahead, found.unsafe) == ("wal", None, ())
    else:
        assert found.engine.startswith("PostgreSQL ")
        assert found.unsafe == ("fsync is off",)
        assert found.ahead is not None
        assert abs(found.ahead) < timedelta(seconds=1)


def test_an_empty_database_is_left_empty(empty: str, sqlite_url: str, path: Path):
    assert condition(empty).schema is condition(sqlite_url).schema is Schema.EMPTY
    assert not path.exists()


def test_a_file_that_nobody_has_open_gets_no_others_beside_it(path: Path, sqlite_url: str):
    migrate(sqlite_url)
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode = wal")
    connection.close()
    before = sorted(path.parent.iterdir())

    found = condition(sqlite_url)

    assert (found.schema, found.log) == (Schema.PRESENT, "wal")
    assert sorted(path.parent.iterdir()) == before


@pytest.mark.parametrize(
    ("version", "schema"),
    [("0001", Schema.OLDER), ("9999", Schema.NEWER), (f"copying {HEAD}", Schema.COPYING), ("", Schema.OLDER)],
)
def test_the_stamp_says_what_the_tables_are(path: Path, sqlite_url: str, version: str, schema: Schema):
    migrate(sqlite_url)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", [version])
    connection.close()

    assert condition(sqlite_url).schema is schema


def test_tables_of_something_else_are_not_ours(path: Path, sqlite_url: str):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    connection.close()

    assert condition(sqlite_url).schema is Schema.STRANGE


def test_what_cannot_be_read_is_said_without_a_password(path: Path, sqlite_url: str, cluster: Cluster):
    path.write_bytes(b"no database at all, whatever its name says " * 50)
    with pytest.raises(StoreError, match=r"cannot read the database .*bridge\.db"):
        condition(sqlite_url)
    with pytest.raises(StoreError, match="cannot open the database") as caught:
        condition("postgresql://me:hush-hush@127.0.0.1:9/nowhere")
    assert "hush" not in str(caught.value)
