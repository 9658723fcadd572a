"""A database with rows in every table, whatever tables there are, written past the store."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Boolean, Connection, Float, Integer, LargeBinary, NullPool, Table, create_engine, insert, select

from bridge.store import migrate
from bridge.store._copy import as_kept
from bridge.store._tables import metadata

TABLES = [as_kept(table) for table in metadata.sorted_tables]


@contextmanager
def connected(url: str) -> Iterator[Connection]:
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=NullPool)
    with engine.begin() as connection:
        yield connection


def fill(url: str, rows: int, *names: str) -> str:
    """Make a database with so many rows in each table, or in some; every other row has what may be left out."""
    migrate(url)
    with connected(url) as connection:
        for table in [table for table in TABLES if not names or table.name in names]:
            connection.execute(insert(table), [made(table, number) for number in range(rows)])
    return url


def made(table: Table, number: int) -> dict[str, Any]:
    """A row that is like no other; what refers to another table's row has its id."""
    left_out = {one.name for one in metadata.tables[table.name].columns if one.nullable and number % 2}
    return {one.name: None if one.name in left_out else value(one.name, one.type, number) for one in table.columns}


def value(name: str, kind: Any, number: int) -> Any:
    if name == "id" or name.endswith("_id") or name == "key":
        return f"id_{number:08}"
    match kind:
        case LargeBinary():
            return bytes([number % 256]) * 40
        case Boolean():
            return bool(number % 2)
        case Integer():
            return 0 if name in ("until", "lease_until") else number
        case Float():
            return number / 3
        case _:
            return f'{{"{name}": "é\\t{number}\\n\\\\N"}}'


def rows_of(url: str) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, in order."""
    with connected(url) as connection:
        return {table.name: sorted(map(tuple, connection.execute(select(table))), key=repr) for table in TABLES}


def copied(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, list[tuple[Any, ...]]]:
    """What a copy of these rows has: nobody works on it."""
    return {table.name: [] if table.name == "leases" else _freed(table, rows[table.name]) for table in TABLES}


def _freed(table: Table, rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    leases = [column.name == "lease_until" for column in table.columns]
    freed = (tuple(None if is_lease else one for is_lease, one in zip(leases, row, strict=True)) for row in rows)
    return sorted(freed, key=repr)
