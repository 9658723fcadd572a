"""The schema: migrations and declared tables agree, and bringing a database up to date is safe to repeat."""

import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text

from bridge.core.errors import StoreError
from bridge.ports import Find
from bridge.store import migrate, open_store
from bridge.store._schema import HEAD, MIGRATIONS, upgrade
from bridge.store._tables import metadata
from bridge.store.copying import copy_database
from bridge.store.restore import put_back
from tests.postgres import Cluster
from tests.store.conftest import FixedClock
from tests.store.filled import connected
from tests.store.history import live
from tests.store.made import NOW

_IN_FILE = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' AND name != 'alembic_version'"
_ON_SERVER = """
SELECT 'column', c.relname || '.' || a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
  coalesce((SELECT collname FROM pg_collation WHERE oid = a.attcollation), '')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relkind = 'r' AND a.attnum > 0 AND c.relnamespace = 'public'::regnamespace AND c.relname != 'alembic_version'
UNION ALL SELECT 'index', indexname, indexdef, '', '' FROM pg_indexes
WHERE schemaname = 'public' AND tablename != 'alembic_version'
UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), '', '' FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND conrelid != 'alembic_version'::regclass
UNION ALL SELECT 'options', relname, coalesce(reloptions::text, ''), '', '' FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname != 'alembic_version'
"""


def open_engine(path: Path) -> Any:
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


def schema(connection: Connection) -> set[tuple[str, ...]]:
    """What made each table and index, without regard to layout; the order of columns does not count."""
    if connection.dialect.name == "postgresql":
        return {tuple(row) for row in connection.execute(text(_ON_SERVER))}
    rows = connection.execute(text(_IN_FILE))
    return {(kind, name, *_parts(" ".join(sql.replace('"', "").split()))) for kind, name, sql in rows}


def _parts(sql: str) -> Iterator[str]:
    """Cut what made a table into columns and what stands around them, in one order: one that is added comes last."""
    before, _, rest = sql.partition("(")
    body, _, after = rest.rpartition(")")
    yield from (before.strip(), after.strip())
    yield from sorted(part.strip() for part in re.split(r",(?![^(]*\))", body))


@pytest.fixture(params=["sqlite", "postgresql"])
def two(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, str]:
    """Two databases without a table, of each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'a.db'}", f"sqlite:///{tmp_path / 'b.db'}"
    cluster: Cluster = request.getfixturevalue("cluster")
    return cluster.new(), cluster.new()


def test_the_migrations_make_the_declared_tables(two: tuple[str, str]) -> None:
    with connected(two[0]) as migrated, connected(two[1]) as declared:
        upgrade(migrated)
        metadata.create_all(declared)
        if declared.dialect.name == "postgresql":
            # For the query to leave out.
            declared.execute(text("CREATE TABLE alembic_version (version_num text)"))
        assert compare_metadata(MigrationContext.configure(migrated), metadata) == []
        assert schema(migrated) == schema(declared)
        assert len(schema(declared)) > 40


def test_the_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_migrating_again_does_nothing(two: tuple[str, str]) -> None:
    assert [migrate(two[0]), migrate(two[0])] == [True, False]


def test_of_many_that_migrate_at_once_one_does_it(two: tuple[str, str]) -> None:
    with ThreadPoolExecutor(10) as pool:
        assert sorted(pool.map(migrate, [two[0]] * 10)) == [False] * 9 + [True]


@pytest.mark.slow
def test_of_many_processes_that_migrate_at_once_one_does_it(cluster: Cluster) -> None:
    """On a server; with a file it is its lock that counts, which keeps threads apart as well."""
    code = f"from bridge.store import migrate; print(migrate({cluster.new()!r}))"
    words = [sys.executable, "-c", code]
    made = [subprocess.Popen(words, cwd=MIGRATIONS.parents[2], stdout=subprocess.PIPE) for _ in range(10)]
    answers = [process.communicate()[0].strip() for process in made]
    assert sorted(answers) == [b"False"] * 9 + [b"True"]


_EXPANDED = (
    *(
        f"ALTER TABLE {name} ADD COLUMN later TEXT"
        for name in ("events", "posts", "commands", "deliveries", "attempts")
    ),
    "ALTER TABLE outbound_events ADD COLUMN counted BIGINT NOT NULL DEFAULT 0",
    "CREATE TABLE later (id TEXT PRIMARY KEY, at BIGINT)",
    "CREATE INDEX posts_later ON posts (later)",
    "UPDATE alembic_version SET version_num = '0004_since_0003'",
)


@pytest.mark.anyio
async def test_what_a_newer_bridge_added_does_not_disturb_this_one(two: tuple[str, str]) -> None:
    """So replicas of two releases work side by side, while one is replaced by the other."""
    migrate(two[0])
    with connected(two[0]) as connection:
        for statement in _EXPANDED:
            connection.execute(text(statement))
    store = await open_store(two[0], create=False, clock=FixedClock())
    await live(store)
    [event] = await store.find_events(Find())
    [post] = await store.find_posts(Find())
    assert await store.timeline(post.id) is not None
    assert await store.event(event.id) == (event, [post])
    before = NOW + timedelta(days=20)
    async for _ in store.prune(events_before=before, attempts_before=before, posts_before=before, limit=10):
        pass
    assert await store.find_posts(Find()) == await store.told(Find()) == []
    await store.close()


def of_revision(connection: Connection, revision: str) -> None:
    """Make the tables as a release before this one has them."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


_CONTEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
_KEPT = {
    "a": (_CONTEXT, _CONTEXT),
    "b": (f" {_CONTEXT[:-2]}ff", f"{_CONTEXT[:-2]}03"),
    "c": ("of somebody else's making", None),
    "d": (None, None),
}
_EVENT = """
INSERT INTO events
  (id, source, scope, fingerprint, intent, received_at, content_type, body, request, traceparent, warnings)
VALUES (:id, 'api', '', '', 'publish', 1, '', :body, '{}', :traceparent, '[]')
"""


@pytest.mark.anyio
async def test_a_database_of_the_release_before_is_migrated_and_worked_on(two: tuple[str, str]) -> None:
    with connected(two[0]) as connection:
        of_revision(connection, "0001")
        for name, (traceparent, _) in _KEPT.items():
            connection.execute(text(_EVENT), {"id": name, "body": b"", "traceparent": traceparent})
    with pytest.raises(StoreError, match="bridge migrate"):
        await open_store(two[0], create=False, clock=FixedClock())

    assert [migrate(two[0]), migrate(two[0])] == [True, False]

    with connected(two[0]) as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD
        rows = connection.execute(text("SELECT id, traceparent FROM events")).all()
        assert dict(map(tuple, rows)) == {name: context for name, (_, context) in _KEPT.items()}
    store = await open_store(two[0], create=False, clock=FixedClock())
    await live(store)
    assert store.restored is None
    await store.close()


def test_a_database_of_the_release_before_is_not_copied_as_it_is(two: tuple[str, str]) -> None:
    with connected(two[0]) as connection:
        of_revision(connection, "0001")
    with pytest.raises(StoreError, match="has the schema of another release; run `bridge migrate` on it"):
        copy_database(two[0], two[1], lambda _: None)


@pytest.mark.anyio
async def test_going_back_to_a_copy_of_the_release_before_brings_it_up_to_date(tmp_path: Path) -> None:
    copy, url = tmp_path / "copy.db", f"sqlite:///{tmp_path / 'bridge.db'}"
    with connected(f"sqlite:///{copy}") as connection:
        of_revision(connection, "0001")
        connection.execute(text(_EVENT), {"id": "a", "body": b"", "traceparent": _CONTEXT})
    put_back(url, copy, lambda *_: None)
    store = await open_store(url, create=False, clock=FixedClock())
    assert store.restored is not None
    assert [one.id for one in await store.find_events(Find())] == ["a"]
    await store.close()


def test_an_empty_stamp_is_that_of_a_database_before_the_first_release(tmp_path: Path) -> None:
    path = tmp_path / "bridge.db"
    with open_engine(path).begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"))
    assert migrate(f"sqlite:///{path}")
    with open_engine(path).begin() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one() == HEAD


def test_a_database_of_a_newer_bridge_is_refused(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    migrate(url)
    with open_engine(tmp_path / "bridge.db").begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="newer bridge"):
        migrate(url)


@pytest.mark.anyio
async def test_migrating_beside_a_running_bridge_is_harmless(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    store = await open_store(url)
    assert not migrate(url)
    assert await store.writable()
    await store.close()


def test_opening_imports_alembic_only_when_something_is_to_be_migrated(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    code = f"import sys; from bridge.store import migrate; migrate({url!r}); print('alembic' in sys.modules)"
    for _ in range(2):
        assert subprocess.check_output([sys.executable, "-c", code], cwd=MIGRATIONS.parents[2]).strip() == b"False"
