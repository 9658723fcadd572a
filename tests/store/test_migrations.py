"""The schema: migrations and declared tables agree, and bringing a database up to date is safe to repeat."""

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, NullPool, create_engine, text

from bridge.core.errors import StoreError
from bridge.store import migrate, open_store
from bridge.store._schema import HEAD, MIGRATIONS, upgrade
from bridge.store._tables import metadata

CREATED = "SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite%' AND name != 'alembic_version'"


def open_engine(path: Path) -> Any:
    return create_engine(f"sqlite:///{path}", poolclass=NullPool)


def schema(connection: Connection) -> set[tuple[str, ...]]:
    """What made each table and index, without regard to layout."""
    rows = connection.execute(text(CREATED))
    return {(kind, name, " ".join(sql.replace('"', "").split())) for kind, name, sql in rows}


def test_the_migrations_make_the_declared_tables(tmp_path: Path) -> None:
    with open_engine(tmp_path / "a.db").begin() as migrated, open_engine(tmp_path / "b.db").begin() as declared:
        upgrade(migrated)
        metadata.create_all(declared)
        assert compare_metadata(MigrationContext.configure(migrated), metadata) == []
        assert schema(migrated) == schema(declared)


def test_the_head_is_the_newest_revision() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == HEAD


def test_migrating_again_does_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    assert [migrate(url), migrate(url)] == [True, False]


def test_of_many_that_migrate_at_once_one_does_it(tmp_path: Path) -> None:
    url, answers = f"sqlite:///{tmp_path / 'bridge.db'}", []
    threads = [threading.Thread(target=lambda: answers.append(migrate(url))) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [False] * 5 + [True]


def test_an_older_database_is_migrated(tmp_path: Path) -> None:
    """There is one revision yet, so the older one is the empty stamp before it."""
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
