"""Copying one database into another, whichever engines the two have: what `bridge migrate --from --to` does.

Rows go over as they are kept, table by table, in the order of their keys. How far each table is stands in the target,
and is written in the transaction of the rows it counts: a copy that ended anywhere goes on from there. Until every row
was compared the target is stamped as unfinished, so no bridge opens it.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    CursorResult,
    LargeBinary,
    MetaData,
    Select,
    Table,
    Text,
    TypeDecorator,
    func,
    insert,
    null,
    select,
    tuple_,
    update,
)
from sqlalchemy import Row as SqlRow

from bridge.core.errors import StoreError
from bridge.store._schema import COPYING, HEAD, make_current, stored_version, write_version
from bridge.store._sides import Row, Side
from bridge.store._tables import leases, metadata

MOST_ROWS = 2_000
_MOST_BYTES = 4_000_000
"""What is written in one transaction: one row more than that many bytes at most."""

_FETCHED_ROWS = 100
"""Rows that are asked of a server at once: as many bodies may be in memory."""


@dataclass(frozen=True, slots=True)
class Step:
    """How far a table is: `done` of `total` rows were copied or, when `checking`, compared."""

    table: str
    done: int
    total: int
    checking: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """How far a table is, as the target has it: `position` is the key of the last row that went over."""

    done: int
    total: int
    position: str | None


_places = Table(
    "copy_progress",
    MetaData(),
    Column("name", Text, primary_key=True),
    Column("source", Text, nullable=False),
    Column("done", BigInteger, nullable=False),
    Column("total", BigInteger, nullable=False),
    Column("position", Text),
)


def as_kept(table: Table) -> Table:
    """Return a table whose values are those that the engine keeps: nothing is read into nouns and written again."""
    kinds = [(column, column.type) for column in table.columns]
    plain = [(column, kind.impl_instance if isinstance(kind, TypeDecorator) else kind) for column, kind in kinds]
    return Table(table.name, MetaData(), *(Column(one.name, kind, primary_key=one.primary_key) for one, kind in plain))


# Who works on something is forgotten: nobody does while it is copied.
_TABLES = [as_kept(table) for table in metadata.sorted_tables if table is not leases]


def copy(source: Side, target: Side, tell: Callable[[Step], None], *, most_rows: int = MOST_ROWS) -> dict[str, int]:
    """Copy what is missing, compare all, and return how many rows each table has; the source is only read.

    A copy that is whole already is only compared. One transaction writes `most_rows` at most.

    Raises:
        StoreError: a schema is not the present one, the target has rows of its own, the source was used since the copy
            began, a row differs, or a database refused.
    """
    with source.reading() as reader:
        _refuse_other_schema(reader, source)
        marks = {table.name: _mark(reader, table) for table in _TABLES}
        places = _begun(target, marks)
        copying = _Copying(reader, target, tell, most_rows)
        for table in _TABLES:
            if table.name in places:
                copying.go_on(table, places[table.name])
        counts = {name: count for name, (count, _) in marks.items()}
        for table in _TABLES:
            copying.compare(table, counts[table.name])
    source.refuse_users()
    _finish(target)
    return counts


@dataclass(frozen=True, slots=True)
class _Copying:
    """One run of a copy, in one snapshot of the source."""

    reader: Connection
    target: Side
    tell: Callable[[Step], None]
    most_rows: int

    def go_on(self, table: Table, place: _Place) -> None:
        """Copy what comes after a place."""
        self.tell(Step(table.name, place.done, place.total))
        after = None if place.position is None else json.loads(place.position)
        keys = [table.columns.keys().index(column.name) for column in table.primary_key.columns]
        with _streamed(self.reader, _in_order(table, after=after)) as found:
            for rows in _batches(found, table, self.most_rows):
                moved = _Place(place.done + len(rows), place.total, json.dumps([rows[-1][key] for key in keys]))
                with self.target.writing() as connection:
                    _move(connection, table, place, moved)
                    self.target.add(connection, table, rows)
                place = moved
                self.tell(Step(table.name, place.done, place.total))

    def compare(self, table: Table, total: int) -> None:
        """Compare every row on both sides; all engines sort keys alike."""
        done = 0
        with (
            self.target.reading() as connection,
            _streamed(self.reader, _in_order(table)) as there,
            _streamed(connection, select(table).order_by(*table.primary_key.columns)) as here,
        ):
            for one, other in zip_longest(there, here):
                if one is None or other is None or self.target.as_kept(tuple(one)) != tuple(other):
                    raise StoreError(
                        f"{table.name}: row {done + 1} is not the same in {self.target}; one of the two was used since "
                        "the copy began: empty the target and copy anew"
                    )
                done += 1
                if done % MOST_ROWS == 0 and done != total:
                    self.tell(Step(table.name, done, total, checking=True))
        self.tell(Step(table.name, done, total, checking=True))


def _refuse_other_schema(connection: Connection, side: Side) -> None:
    match stored_version(connection):
        case None:
            raise StoreError(f"{side} is not a database of bridge")
        case version if version == HEAD:
            return
        case version if version.startswith("copying"):
            raise StoreError(f"{side} is itself an unfinished copy; end that one first")
        case _:
            raise StoreError(
                f"{side} has the schema of another release; run `bridge migrate` on it, and copy with that"
            )


def _mark(connection: Connection, table: Table) -> tuple[int, str]:
    """Return how many rows a table has, and a text that tells it from another one, and from what it was before."""
    first = next(iter(table.primary_key.columns))
    count, least, most = connection.execute(select(func.count(), func.min(first), func.max(first))).one()
    return count, json.dumps([count, least, most])


def _begun(target: Side, marks: dict[str, tuple[int, str]]) -> dict[str, _Place]:
    """Return where to go on, nowhere when a copy is whole already; one that is new is noted in the target."""
    with target.reading() as connection:
        is_new = stored_version(connection) != COPYING
    if is_new:
        target.prepare()
    with target.writing() as connection:
        if is_new:
            make_current(connection)
            _refuse_other_schema(connection, target)
            if _is_whole(connection, target, marks):
                return {}
            _note(connection, marks)
        # What a killed copy still had under way has ended when its rows can be locked.
        rows = connection.execute(select(_places).with_for_update()).all()
    if {row.name: row.source for row in rows} != {name: mark for name, (_, mark) in marks.items()}:
        raise StoreError(
            f"{target} has the unfinished copy of another database, or of this one before it was used again; "
            "empty it and copy anew"
        )
    return {row.name: _Place(row.done, row.total, row.position) for row in rows}


def _is_whole(connection: Connection, target: Side, marks: dict[str, tuple[int, str]]) -> bool:
    """Tell whether a copy came to its end before: there are as many rows of each table as in the source.

    Raises:
        StoreError: there are other rows.
    """
    counts = {table.name: _count(connection, table) for table in (*_TABLES, leases)}
    if not any(counts.values()):
        return False
    if counts == {leases.name: 0} | {name: count for name, (count, _) in marks.items()}:
        return True
    found = ", ".join(f"{name}: {count}" for name, count in counts.items() if count)
    raise StoreError(f"{target} has rows already ({found}); copy into an empty database")


def _count(connection: Connection, table: Table) -> int:
    return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def _note(connection: Connection, marks: dict[str, tuple[int, str]]) -> None:
    """Note in the target what is to be copied, and that it is not whole."""
    noted = [{"name": name, "source": mark, "done": 0, "total": count} for name, (count, mark) in marks.items()]
    _places.create(connection)
    connection.execute(insert(_places), noted)
    write_version(connection, COPYING)


def _move(connection: Connection, table: Table, before: _Place, after: _Place) -> None:
    """Note how far the table is. It comes first in a transaction, so that of two copies at once one gets no further."""
    here = _places.c.name == table.name, _places.c.done == before.done
    moved = connection.execute(update(_places).where(*here).values(done=after.done, position=after.position))
    if moved.rowcount != 1:
        raise StoreError("another copy into the same database is under way; let it end")


def _in_order(table: Table, *, after: Sequence[Any] | None = None) -> Select[Any]:
    """Select the rows of a table in the order of keys, each as if nobody worked on it; all, or those after a key."""
    keys = list(table.primary_key.columns)
    columns = (null().label(one.name) if one.name == "lease_until" else one for one in table.columns)
    rows = select(*columns).order_by(*keys)
    return rows if after is None else rows.where(tuple_(*keys) > tuple_(*after))


def _batches(rows: Iterable[SqlRow[Any]], table: Table, most_rows: int) -> Iterator[list[Row]]:
    """Yield rows in lists of a bounded size; never more than one list is held, and what the server is asked for."""
    heavy = [place for place, one in enumerate(table.columns) if isinstance(one.type, (LargeBinary, Text))]
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(tuple(row))
        size += sum(len(row[place] or "") for place in heavy)
        if size >= _MOST_BYTES or len(batch) == most_rows:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _streamed(connection: Connection, rows: Select[Any]) -> CursorResult[Any]:
    return connection.execute(rows, execution_options={"yield_per": _FETCHED_ROWS})


def _finish(target: Side) -> None:
    with target.writing() as connection:
        if stored_version(connection) == COPYING:
            _places.drop(connection)
            write_version(connection, HEAD)
    target.settle()
