"""Bringing a database to the present schema.

An empty database gets the tables as declared and is stamped; an older one is migrated by Alembic, which is imported
only then. A test holds both ways to the same schema.
"""

from pathlib import Path

from sqlalchemy import Column, Connection, MetaData, String, Table, inspect, select, update
from sqlalchemy.sql import insert

from bridge.core.errors import StoreError
from bridge.store._tables import metadata

HEAD = "0003_since_0001"
"""The newest revision in `migrations/versions`.

`0004_since_0003` says that bridge of revision 0003 still works with it: so processes of both releases run side by side
while replicas are replaced. `0004` alone is for none that is older.
"""

COPYING = f"copying {HEAD}"
"""Stands in the place of the revision while the rows of another database are copied into this one."""

_SINCE = "_since_"

MIGRATIONS = Path(__file__).parent / "migrations"

# As Alembic makes it.
_stamp = Table("alembic_version", MetaData(), Column("version_num", String(32), nullable=False, primary_key=True))


def is_usable(connection: Connection) -> bool:
    """Say whether the database has the present schema, or a newer one that still serves this bridge.

    Raises:
        StoreError: not all of the rows that were to be copied into it are there.
    """
    return serves(_usable_version(connection), HEAD)


def serves(stored: str | None, head: str) -> bool:
    """Compare a stored revision with that of a bridge; numbers have the same length, so they sort as text."""
    if not stored:
        return False
    newest, _, oldest = stored.partition(_SINCE)
    own = head.partition(_SINCE)[0]
    return newest >= own >= (oldest or newest)


def make_current(connection: Connection) -> None:
    """Create or migrate all tables, within the transaction of `connection`.

    Raises:
        StoreError: the database was made by a newer bridge, is not one of bridge, or is an unfinished copy.
    """
    stored = _usable_version(connection)
    if serves(stored, HEAD):
        return
    if stored is not None:
        upgrade(connection)
    elif inspect(connection).get_table_names():
        raise StoreError("the database has tables, but they are not those of bridge; give it a database of its own")
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


def _usable_version(connection: Connection) -> str | None:
    stored = stored_version(connection)
    if stored is not None and stored.startswith("copying"):
        raise StoreError(
            "the database is an unfinished copy; run the same `bridge migrate --from ...` again to its end"
        )
    return stored


def write_version(connection: Connection, version: str) -> None:
    """Change the stamp of a database that has one."""
    connection.execute(update(_stamp).values(version_num=version))


def stored_version(connection: Connection) -> str | None:
    """Return the stamp: a revision, nothing before the first one, or `COPYING`; None for a database without one."""
    if not inspect(connection).has_table(_stamp.name):
        return None
    # A stamp without a revision is that of a database before the first one.
    return connection.execute(select(_stamp.c.version_num)).scalar() or ""
