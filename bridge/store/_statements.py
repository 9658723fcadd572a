"""Statements, compiled once, and how each is run for a list of values or for many rows of them.

PostgreSQL takes lists as arrays, so that any number of values is one statement of one text; SQLite takes each value by
itself, so that a statement has a few texts, for a few lengths.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import Any, Protocol

from sqlalchemy import ARRAY, Column, Compiled, Connection, Dialect, Text, TypeDecorator, any_, bindparam, func
from sqlalchemy import column as named
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.elements import ColumnElement

from bridge.store._arrays import kind_of
from bridge.store._rows import Row

_LONGEST_LIST = 512
_MOST_ROWS = 64

Among = Callable[[ColumnElement[Any]], ColumnElement[bool]]
"""Says of a column that its value is in the list that the statement is run for."""

Given = Mapping[str, ColumnElement[Any]]
"""The values of a row that a statement is run for, by name."""


class Listed(Protocol):
    """A statement over a list of values."""

    def rows(self, connection: Connection, items: Iterable[Any], **values: Any) -> list[Row]:
        """Run for all items and return all rows; on SQLite in order only within 512 items."""
        ...

    def run(self, connection: Connection, items: Iterable[Any], **values: Any) -> int:
        """Run for all items and return how many rows were touched."""
        ...


class Each(Protocol):
    """A statement that is run for many rows of values."""

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]], **values: Any) -> int:
        """Run for every tuple (in the order of its names) and return how many rows were touched in all."""
        ...


class Statement:
    """A statement, made and compiled when it is first used; values are given in the form the table keeps."""

    def __init__(self, make: Callable[[], ClauseElement], dialect: Dialect) -> None:
        self._make = make
        self._dialect = dialect

    @cached_property
    def _compiled(self) -> Compiled:
        return self._make().compile(dialect=self._dialect)

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
        return connection.exec_driver_sql(self.text, self.in_order(values)).fetchall()

    def run(self, connection: Connection, **values: Any) -> int:
        """Run once and return how many rows it touched."""
        return connection.exec_driver_sql(self.text, self.in_order(values)).rowcount

    def in_order(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return values by name in the order of the text."""
        known = {**self._constants, **values}
        return tuple(known[name] for name in self.names)


class EachByItself:
    """Runs once for every row: the driver keeps the statement prepared, and no answer has to travel."""

    def __init__(self, names: Sequence[str], statement: Statement) -> None:
        self._given = [given_name(name) for name in names]
        self._statement = statement

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]], **values: Any) -> int:
        if not rows:
            return 0
        statement = self._statement
        filled = [statement.in_order({**dict(zip(self._given, row, strict=True)), **values}) for row in rows]
        return connection.exec_driver_sql(statement.text, filled).rowcount


class ValuesAtOnce:
    """Runs for many rows by one statement, of few texts, that has nothing but one row of values in it.

    Each run of a statement lets the event loop have the interpreter, and has to wait until it is given back: so a run
    for every row would cost more than the rows do.
    """

    def __init__(self, statement: Statement) -> None:
        self._statement = statement
        self._texts: dict[int, str] = {}

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]], **_values: Any) -> int:
        start = touched = 0
        while start < len(rows):
            count = min(1 << (len(rows) - start).bit_length() - 1, _MOST_ROWS)
            values = tuple(chain.from_iterable(rows[start : start + count]))
            touched += connection.exec_driver_sql(self._text(count), values).rowcount
            start += count
        return touched

    def _text(self, count: int) -> str:
        if count not in self._texts:
            before, row, after = re.split(r"(\((?:\?, )*\?\))", self._statement.text)
            self._texts[count] = before + ", ".join([row] * count) + after
        return self._texts[count]


class AllAtOnce:
    """Runs once for all rows, whose values are given as one array a column."""

    def __init__(self, columns: Sequence[Column[Any]], statement: Statement) -> None:
        self._given = [(given_name(column.name), kind_of(_plain(column)).array) for column in columns]
        self._statement = statement

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]], **values: Any) -> int:
        if not rows:
            return 0
        listed = zip(self._given, zip(*rows, strict=True), strict=True)
        arrays = {name: array(values_of_column) for (name, array), values_of_column in listed}
        return self._statement.run(connection, **arrays, **values)


class Chosen:
    """Runs with some values of each row only."""

    def __init__(self, each: Each, places: Sequence[int]) -> None:
        self._each = each
        self._chosen = itemgetter(*places)

    def many(self, connection: Connection, rows: Sequence[tuple[Any, ...]], **values: Any) -> int:
        return self._each.many(connection, [self._chosen(row) for row in rows], **values)


class ListOfValues:
    """A statement over a list of values, compiled for a few lengths.

    Lists are filled up to the next power of two by repeating the last value, which an `IN` does not notice: so the
    engine sees ten texts in all and keeps them prepared.
    """

    def __init__(self, build: Callable[[Among], ClauseElement], dialect: Dialect) -> None:
        self._build = build
        self._dialect = dialect
        self._by_length: dict[int, Statement] = {}

    def rows(self, connection: Connection, items: Iterable[Any], **values: Any) -> list[Row]:
        found: list[Row] = []
        for statement, filled in self._parts(items):
            found.extend(statement.rows(connection, **filled, **values))
        return found

    def run(self, connection: Connection, items: Iterable[Any], **values: Any) -> int:
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
            statement = Statement(lambda: self._build(lambda column: column.in_(names)), self._dialect)
            self._by_length[length] = statement
        return statement


class ListAsArray:
    """A statement over a list of values that is given as one array."""

    def __init__(self, build: Callable[[Among], ClauseElement], dialect: Dialect) -> None:
        self._build = build
        self._dialect = dialect

    @cached_property
    def _statement(self) -> Statement:
        # Made at once, for what it is made with also says how its list is written.
        made = self._build(self._among)
        return Statement(lambda: made, self._dialect)

    def rows(self, connection: Connection, items: Iterable[Any], **values: Any) -> list[Row]:
        everything = list(items)
        return list(self._statement.rows(connection, items=self._array(everything), **values)) if everything else []

    def run(self, connection: Connection, items: Iterable[Any], **values: Any) -> int:
        everything = list(items)
        return self._statement.run(connection, items=self._array(everything), **values) if everything else 0

    def _among(self, column: ColumnElement[Any]) -> ColumnElement[bool]:
        plain = _plain(column)
        self._array = kind_of(plain).array
        return column == any_(bindparam("items", type_=ARRAY(plain)))


def given_name(name: str) -> str:
    # Not the column's own name, which a compiled insert or update keeps to itself.
    return f"given_{name}"


def _plain(column: ColumnElement[Any]) -> Any:
    """Return the type that an engine keeps values of a column in."""
    kind = column.type.impl_instance if isinstance(column.type, TypeDecorator) else column.type
    return Text() if isinstance(kind, Text) else kind


def unnested(columns: Sequence[Column[Any]]) -> Any:
    arrays = [bindparam(given_name(column.name), type_=ARRAY(_plain(column))) for column in columns]
    shown = [named(column.name, column.type) for column in columns]
    return func.unnest(*arrays).table_valued(*shown, name="given").render_derived()
