"""Statements: what is compiled once says the same to every engine."""

import re
from collections.abc import Iterator, Mapping
from types import MethodType
from typing import Any

import pytest
from sqlalchemy import Dialect, NullPool, create_engine, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.store import _sql, _statements
from bridge.store._sql import Sql
from bridge.store._statements import Each, Listed, Statement
from bridge.store._store import SqlStore
from bridge.store._tables import events
from bridge.store.postgresql import PostgresDatabase
from tests.store.conftest import FixedClock

DIALECTS = [sqlite.dialect(), postgresql.dialect(paramstyle="format")]  # type: ignore[no-untyped-call]
ALL_IN_PARTS = (
    _sql.Lock,
    _statements.AllAtOnce,
    _statements.Chosen,
    _statements.EachByItself,
    _statements.ListAsArray,
    _statements.ListOfValues,
    _statements.ValuesAtOnce,
)


class NoServer(PostgresDatabase):
    """Stands where only the dialect is asked for."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect


def statements(holder: Any, seen: set[int]) -> Iterator[Statement]:
    """All statements that an object of the store holds, however deep; lists as they are for four items."""
    if id(holder) in seen or isinstance(holder, Sql):
        return
    seen.add(id(holder))
    match holder:
        case Statement():
            yield holder
        case _statements.ListOfValues():
            yield holder._for_length(4)
        case _statements.ListAsArray():
            yield holder._statement
        case MethodType():
            yield from statements(holder.__self__, seen)
        case Mapping():
            yield from within(holder.values(), seen)
        case list() | tuple() | set() | frozenset():
            yield from within(holder, seen)
        case _ if type(holder).__module__.startswith("bridge.store"):
            names = [name for kind in type(holder).__mro__ for name in getattr(kind, "__slots__", ())]
            late = [name for name in vars(type(holder)) if name == "_statements"]
            values = [*getattr(holder, "__dict__", {}).values(), *(getattr(holder, name) for name in [*names, *late])]
            yield from within(values, seen)


def within(holders: Any, seen: set[int]) -> Iterator[Statement]:
    for holder in holders:
        yield from statements(holder, seen)


async def every(dialect: Dialect) -> list[Statement]:
    """All statements of a store; it is never started."""
    store = SqlStore(NoServer(dialect), FixedClock(), readers=1, max_waiting=1)
    return list(statements(store, set()))


@pytest.mark.anyio
@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
async def test_every_statement_can_be_said_in_every_dialect(dialect: Dialect) -> None:
    found = await every(dialect)
    assert len(found) > 130
    placeholder = "?" if dialect.name == "sqlite" else "%s"
    for one in found:
        # Rows of values are given by place.
        by_place = dialect.name == "sqlite" and "FROM (VALUES (" in one.text
        assert by_place or one.text.count(placeholder) == len(one.names), one.text


def test_every_kind_of_statement_is_looked_into() -> None:
    """A new kind is to be looked into too: what is here is all that there is."""
    made = [one for room in (_sql, _statements) for one in vars(room).values() if isinstance(one, type)]
    kinds = {one for one in made if one.__module__ in (_sql.__name__, _statements.__name__)}
    assert kinds - {Statement, Sql, Listed, Each, _sql.Unit} == {*ALL_IN_PARTS}


@pytest.mark.anyio
async def test_what_is_written_for_many_rows_is_one_statement_where_lists_are_arrays() -> None:
    many = [one.text for one in await every(DIALECTS[1]) if re.match("INSERT", one.text)]
    assert len(many) > 20
    assert [text.split()[2] for text in many if "unnest(" not in text] == ["leases"]


@pytest.mark.anyio
async def test_claims_lock_their_rows_where_the_engine_can() -> None:
    locks = [re.split(r"\sFOR\s", one.text)[-1] for one in await every(DIALECTS[1]) if "SKIP LOCKED" in one.text]
    assert sorted(locks) == [
        "NO KEY UPDATE OF commands, posts SKIP LOCKED",
        *["UPDATE OF deliveries SKIP LOCKED"] * 2,
    ]
    assert not any(" FOR " in one.text for one in await every(DIALECTS[0]))


@pytest.mark.parametrize(("number", "texts"), [(0, 0), (1, 1), (3, 1), (4, 1), (512, 1), (513, 2), (1500, 1)])
def test_lists_of_any_length_need_few_texts(number: int, texts: int) -> None:
    found = Sql(DIALECTS[0]).by_ids(events.c.id, [events.c.id])
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        events.create(connection)
        assert found.rows(connection, [str(place) for place in range(number)]) == []
    assert len(found._by_length) == texts


def test_a_value_that_is_not_given_is_an_error_not_a_null() -> None:
    statement = Sql(DIALECTS[0]).one(select(events.c.id).where(events.c.id == "fixed").limit(3))
    other = Sql(DIALECTS[0]).by_ids(events.c.id, [events.c.id])._for_length(1)
    with create_engine("sqlite://", poolclass=NullPool).connect() as connection:
        events.create(connection)
        assert statement.rows(connection) == []
        with pytest.raises(KeyError):
            other.rows(connection)
