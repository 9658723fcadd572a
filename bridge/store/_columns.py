"""What tables are declared with: columns, words of closed sets, and indexes over some rows only."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Index, MetaData, Text, func, literal_column
from sqlalchemy.dialects import postgresql
from sqlalchemy.sql.elements import ColumnElement

metadata = MetaData()

WORDS = Text().with_variant(postgresql.TEXT(collation="C"), "postgresql")
"""Text that every engine sorts as Python does."""


def column(
    name: str, kind: Any = WORDS, *, null: bool = False, primary: bool = False, fixed: bool = False
) -> Column[Any]:
    """Make a column; `fixed` says that it never changes, so an update leaves it (and its indexes) alone."""
    return Column(name, kind, nullable=null, primary_key=primary, info={"fixed": fixed or primary})


def word(value: StrEnum) -> ColumnElement[str]:
    """Give a word of a closed set as a literal: a bound value could not prove that a partial index fits."""
    return literal_column(f"'{value.value}'")


def in_state(column: ColumnElement[Any], *states: StrEnum) -> ColumnElement[bool]:
    """Compare a state with literal words."""
    return column == word(states[0]) if len(states) == 1 else column.in_([word(state) for state in states])


def has_body(column: ColumnElement[bytes]) -> ColumnElement[bool]:
    """Say that a payload was not erased: one that was is left empty."""
    return func.length(column) > 0


def partial(name: str, *columns: Column[Any], where: ColumnElement[bool], unique: bool = False) -> Index:
    """Make an index over some rows only, for both engines."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)
