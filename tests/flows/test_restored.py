"""After going back to a copy nothing is done twice, and nothing of the copy is forgotten."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.simulator.posteverywhere import X
from bridge.store import SqlStore
from bridge.store._restoring import last, mark, reconcile
from tests.flows.town import Town
from tests.flows.vendor import LOOKED_TWICE, Vendor, a_vendor

pytestmark = pytest.mark.anyio

ON_X = {"accounts": [str(X)], "caption": "same words"}


class Past:
    """The database as it was when a copy was made, to go back to."""

    def __init__(self, town: Town, store: SqlStore, file: Path) -> None:
        self.town, self.store, self.file = town, store, file
        self.copy, self.at = sqlite3.connect(":memory:"), town.clock()
        with closing(sqlite3.connect(file)) as connection:
            connection.backup(self.copy)
        town.clock.move(seconds=1)

    def come_back(self) -> None:
        """Put every row back, under the open store, and begin as a start does."""
        with closing(sqlite3.connect(self.file)) as connection, connection:
            tables = "SELECT name FROM sqlite_master WHERE type = 'table'"
            for (table,) in self.copy.execute(tables).fetchall():
                rows = self.copy.execute(f"SELECT * FROM {table}").fetchall()
                connection.execute(f"DELETE FROM {table}")
                for row in rows:
                    connection.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(row))})", row)
        engine = create_engine(f"sqlite:///{self.file}")
        with engine.begin() as connection:
            mark(connection, self.at)
            reconcile(connection, self.town.clock())
            self.store._database.restored = last(connection)
        engine.dispose()
        self.copy.close()


@pytest.fixture
def past(town: Town, store: SqlStore, file: Path) -> Iterator[Any]:
    yield lambda: Past(town, store, file)
    store._database.restored = None


@pytest.fixture
async def vendor(town: Town) -> Any:
    async with a_vendor(town) as vendor:
        yield vendor


async def publish_of(town: Town, post_id: str) -> Any:
    return next(one for one in await town.kit.store.commands(post_id) if one.kind is CommandKind.PUBLISH)


async def test_what_was_sent_after_the_copy_is_found(vendor: Vendor, past: Any) -> None:
    post_id = await vendor.wish(**ON_X)
    copy = past()
    await vendor.town.work()
    copy.come_back()
    await vendor.work(LOOKED_TWICE)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]
    assert vendor.creates() == 1


async def test_what_was_not_sent_goes_once_it_is_known_to_be_absent(vendor: Vendor, past: Any) -> None:
    post_id = await vendor.wish(**ON_X)
    past().come_back()
    await vendor.work(100)
    assert vendor.creates() == 0
    await vendor.work(LOOKED_TWICE)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]


async def test_what_went_late_because_its_time_had_passed_is_found(vendor: Vendor, past: Any) -> None:
    at = vendor.town.clock() + timedelta(hours=1)
    post_id = await vendor.wish(**ON_X, scheduled_at=at.isoformat())
    copy = past()
    vendor.town.clock.move(hours=2)
    await vendor.town.work()
    copy.come_back()
    await vendor.work(LOOKED_TWICE)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]


async def test_what_comes_again_waits_for_a_person(vendor: Vendor, past: Any) -> None:
    copy = past()
    await vendor.wish(**ON_X)
    await vendor.town.work()
    copy.come_back()
    post_id = await vendor.wish(**ON_X)
    await vendor.work(LOOKED_TWICE)
    command = await publish_of(vendor.town, post_id)
    assert (command.state, command.reason) == (WorkState.PARKED, FailureReason.UNKNOWN_OUTCOME)
    assert vendor.creates() == 1


async def test_what_is_new_goes_after_a_look(vendor: Vendor, past: Any) -> None:
    past().come_back()
    vendor.town.clock.move(minutes=5)
    post_id = await vendor.wish(**ON_X)
    await vendor.work(30)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]


async def test_a_person_can_have_what_came_again_sent(vendor: Vendor, past: Any) -> None:
    copy = past()
    await vendor.wish(**ON_X)
    await vendor.town.work()
    copy.come_back()
    post_id = await vendor.wish(**ON_X)
    await vendor.work(LOOKED_TWICE)
    await vendor.town.actions.send(post_id, ())
    await vendor.work(30)
    assert len(vendor.stored()) == 2
    assert (await vendor.town.post(post_id)).partner_id is not None


async def test_a_post_in_doubt_can_be_neither_edited_nor_canceled(vendor: Vendor, past: Any) -> None:
    post_id = await vendor.wish(**ON_X)
    past().come_back()
    with pytest.raises(Problem, match="being sent right now"):
        await vendor.town.actions.cancel(post_id, ())
    assert (await vendor.town.post(post_id)).state is PostState.ACCEPTED


async def test_genviral_is_asked_by_list_first(town: Town, past: Any) -> None:
    post_id = str((await town.publish()).posts[0].id)
    copy = past()
    await town.work()
    copy.come_back()
    for _ in range(30):
        town.clock.move(seconds=10)
        await town.work()
    assert (await town.post(post_id)).partner_id is not None
    assert len(town.sim.world.posts) == 1
    assert len(town.sim.journal.of("create")) == 1
