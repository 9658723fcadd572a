"""Statements: what is compiled once says the same to every engine."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Dialect, NullPool, create_engine, select
from sqlalchemy.dialects import postgresql, sqlite

from bridge.store._claims import Claims
from bridge.store._counts import Counting
from bridge.store._erase import Erase
from bridge.store._lanes import Lanes
from bridge.store._prune import Prune
from bridge.store._reads import Reads
from bridge.store._replays import Replays
from bridge.store._settle import Settles
from bridge.store._sql import ListStatement, Replacement, Sql, Statement
from bridge.store._stats import Stats
from bridge.store._tables import events
from bridge.store._writes import Accepts, Records
from tests.store.conftest import FixedClock

DIALECTS = [sqlite.dialect(), postgresql.dialect(paramstyle="format")]  # type: ignore[no-untyped-call]


def statements(holder: Any) -> Iterator[Statement]:
    """All statements that an object holds, lists as they are for three items."""
    if isinstance(holder, Statement):
        yield holder
    elif isinstance(holder, ListStatement):
        yield holder._for_length(4)
    elif isinstance(holder, Replacement):
        yield holder._statement
    elif isinstance(holder, dict):
        for value in holder.values():
            yield from statements(value)
    elif isinstance(holder, tuple):
        for value in holder:
            yield from statements(value)
    elif type(holder).__module__.startswith("bridge.store") and not isinstance(holder, Sql):
        yield from statements(vars(holder))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_every_statement_can_be_said_in_every_dialect(dialect: Dialect) -> None:
    sql, clock = Sql(dialect), FixedClock()
    records, prune = Records(sql, clock), Prune(sql)
    settles = Settles(sql, records, clock)
    holders = [
        records,
        Accepts(sql, records),
        Claims(sql, clock),
        Lanes(sql, clock),
        settles,
        Replays(sql, records, settles),
        Erase(sql, records),
        Reads(sql),
        Stats(sql),
        Counting(sql, clock),
    ]
    every = [one for holder in [*holders, prune._statements] for one in statements(holder)]
    assert len(every) > 60
    placeholder = "?" if dialect.name == "sqlite" else "%s"
    for one in every:
        assert one.text.count(placeholder) == len(one.names), one.text


def test_claims_lock_their_rows_where_the_engine_can() -> None:
    sql, clock = Sql(DIALECTS[1]), FixedClock()
    assert Claims(sql, clock)._due.text.endswith("FOR UPDATE OF commands SKIP LOCKED")
    for due in Lanes(sql, clock)._due.values():
        assert due.text.endswith("FOR UPDATE OF deliveries SKIP LOCKED")


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
