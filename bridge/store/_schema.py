"""Bringing a database to the present schema.

An empty database gets the tables as declared and is stamped; an older one is migrated by Alembic, which is imported
only then. A test holds both ways to the same schema.
"""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select
from sqlalchemy.sql import insert

from bridge.core.errors import StoreError
from bridge.store._tables import metadata

HEAD = "0001"
"""The newest revision in `migrations/versions`."""

MIGRATIONS = Path(__file__).parent / "migrations"

# As Alembic makes it.
_stamp = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False, primary_key=True))


def is_current(connection: Connection) -> bool:
    """Say whether the database has the present schema."""
    return _stored_version(connection) == HEAD


def make_current(connection: Connection) -> None:
    """Create or migrate all tables, within the transaction of `connection`.

    Raises:
        StoreError: the database was made by a newer bridge, or is not one of bridge.
    """
    stored = _stored_version(connection)
    if stored == HEAD:
        return
    if stored is not None:
        upgrade(connection)
    elif inspect(connection).get_table_names():
        raise StoreError("the database has tables, but they are not those of bridge")
    else:
        metadata.create_all(connection)
        _stamp.create(connection)
        connection.execute(insert(_stamp).values(version_num=HEAD))


def upgrade(connection: Connection) -> None:
    """Run the migrations that are missing, within the transaction of `connection`."""
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise StoreError("the database was made by a newer bridge") from error


def _stored_version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_stamp.name):
        return None
    # A stamp without a revision is that of a database before the first one.
    return connection.execute(select(_stamp.c.version_num)).scalar() or ""
