"""Statements compiled once and run with plain tuples: what SQLAlchemy would work out again at every execution.

Every statement is written with SQLAlchemy Core and compiled for the engine's dialect; nothing here knows an engine.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from sqlalchemy import Column, Compiled, Connection, Dialect, Table, bindparam, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql import ClauseElement

from bridge.ports import Due
from bridge.store._rows import Row

_INSERTS: dict[str, Callable[[Table], Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
_LONGEST_LIST = 512


@dataclass(slots=True)
class Unit:
    """One unit of work: the transaction's connection, and what it made due."""

    connection: Connection
    made_due: Due = Due.NOTHING


class Statement:
    """A statement, compiled when it is first used; values are given in the form the table keeps."""

    def __init__(self, statement: ClauseElement, dialect: Dialect) -> None:
        self._statement = statement
        self._dialect = dialect

    @cached_property
    def _compiled(self) -> Compiled:
        return self._statement.compile(dialect=self._dialect)

    @cached_property
    def text(self) -> str:
        """The statement in the engine's words."""
        return str(self._compiled)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names of its values, in the order of the text."""
        return tuple(getattr(self._compiled, "positiontup", None) or ())

    @cached_property
    def _constants(self) -> dict[str, Any]:
        return {name: value for name, value in self._compiled.params.items() if value is not None}

    def rows(self, connection: Connection, **values: Any) -> Sequence[Row]:
        """Run once and return all rows."""
        return connection.exec_driver_sql(self.text, self._in_order(values)).fetchall()

    def run(self, connection: Connection, **values: Any) -> int:
        """Run once and return how many rows it touched."""
        return connection.exec_driver_sql(self.text, self._in_order(values)).rowcount

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> int:
        """Run for every tuple (in the order of `names`) and return how many rows were touched in all."""
        return connection.exec_driver_sql(self.text, list(rows)).rowcount if rows else 0

    def _in_order(self, values: dict[str, Any]) -> tuple[Any, ...]:
        known = {**self._constants, **values}
        return tuple(known[name] for name in self.names)


class Replacement:
    """An update by id of all that may change in a table, run with whole encoded rows."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        (identity,) = table.primary_key.columns
        changed = _named(changing(table))
        self._columns = [column.name for column in table.columns]
        self._identity = identity.name
        self._statement = Statement(update(table).values(changed).where(identity == bindparam("identity")), dialect)

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Replace every stored row by the one of the same id; the rows have all columns but those at the end."""
        if rows:
            self._statement.many(connection, [self._in_order(row) for row in rows])

    @cached_property
    def _in_order(self) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        names = (self._identity if name == "identity" else name for name in self._statement.names)
        return itemgetter(*map(self._columns.index, names))


class ListStatement:
    """A statement over a list of values, compiled for a few lengths.

    Lists are filled up to the next power of two by repeating the last value, which an `IN` does not notice: so the
    engine sees ten texts in all and keeps them prepared.
    """

    def __init__(self, build: Callable[[list[Any]], ClauseElement], dialect: Dialect) -> None:
        self._build = build
        self._dialect = dialect
        self._by_length: dict[int, Statement] = {}

    def rows(self, connection: Connection, items: Iterable[Any], **values: Any) -> list[Row]:
        """Run for all items and return all rows, in order only within 512 items."""
        found: list[Row] = []
        for statement, filled in self._parts(items):
            found.extend(statement.rows(connection, **filled, **values))
        return found

    def run(self, connection: Connection, items: Iterable[Any], **values: Any) -> int:
        """Run for all items and return how many rows were touched."""
        return sum(statement.run(connection, **filled, **values) for statement, filled in self._parts(items))

    def _parts(self, items: Iterable[Any]) -> Iterable[tuple[Statement, dict[str, Any]]]:
        everything = list(items)
        for start in range(0, len(everything), _LONGEST_LIST):
            part = everything[start : start + _LONGEST_LIST]
            length = 1 << (len(part) - 1).bit_length()
            part.extend(part[-1:] * (length - len(part)))
            yield self._for_length(length), {f"item_{place}": item for place, item in enumerate(part)}

    def _for_length(self, length: int) -> Statement:
        statement = self._by_length.get(length)
        if statement is None:
            names: list[Any] = [bindparam(f"item_{place}") for place in range(length)]
            statement = self._by_length[length] = Statement(self._build(names), self._dialect)
        return statement


class Sql:
    """Compiles statements for one dialect."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self.new = _INSERTS[dialect.name]

    def one(self, statement: ClauseElement) -> Statement:
        """Compile a statement."""
        return Statement(statement, self._dialect)

    def listed(self, build: Callable[[list[Any]], ClauseElement]) -> ListStatement:
        """Compile a statement whose `IN` takes a list: `build` is given the list's parameters."""
        return ListStatement(build, self._dialect)

    def by_ids(self, column: Column[Any], columns: Sequence[Column[Any]], *, lock: bool = False) -> ListStatement:
        """Select `columns` where `column` is in a list; `lock` keeps the rows until the transaction ends."""

        def build(items: list[Any]) -> ClauseElement:
            found = select(*columns).where(column.in_(items))
            return found.order_by(column).with_for_update() if lock else found

        return self.listed(build)

    def insert(self, table: Table) -> Statement:
        """Insert rows of all columns; a row that clashes with a stored one is left out of the count."""
        return self.one(self.new(table).values(_named(table.columns)).on_conflict_do_nothing())

    def upsert(self, table: Table) -> Statement:
        """Insert rows of all columns, or replace what is not fixed of the stored one."""
        new = self.new(table).values(_named(table.columns))
        changed = {column.name: new.excluded[column.name] for column in changing(table)}
        return self.one(new.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed))

    def replace(self, table: Table) -> Replacement:
        """Update by id all that is not fixed."""
        return Replacement(table, self._dialect)


def changing(table: Table) -> list[Column[Any]]:
    """Return the columns that an update writes."""
    return [column for column in table.columns if not column.info["fixed"]]


def _named(columns: Iterable[Column[Any]]) -> dict[str, Any]:
    return {column.name: bindparam(column.name) for column in columns}
