"""kill -9, again and again, while a thousand deliveries run: each arrives, and only what was under way comes twice."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from bridge.core.catalogue import catalogue
from bridge.core.events import outbound
from bridge.core.model import OutboundEvent, Write
from bridge.simulator.receiver import HookAnswer
from bridge.store import open_store
from tests.crash.audit import query
from tests.crash.town import Starter, Town, open_town, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EVENTS = 1_000
KILLS = 30
AT_ONCE = 32
"""How many are posted at once to all endpoints. It bounds what a kill can double."""

ANSWER_S = (0.01, 0.3)
"""How long the receiver thinks, at least and at most: so long, all that may be is under way at any moment."""

DELIVER = {"schedule": ["0s"] + ["100ms"] * 50, "timeout": "15s", "concurrency": AT_ONCE}
Attempts = set[tuple[str, int]]

ENDPOINT = "select 1 from endpoints where name = 'town'"
UNDER_WAY = "select subject_id, number from attempts where outcome = 'started'"
LOST = "select subject_id, number from attempts where outcome = 'lost'"
DONE = "select count(*) from deliveries where state = 'done'"
STATES = "select state, count(*) from deliveries group by 1"


def event(place: int) -> OutboundEvent:
    """Say of a post of its own that it was posted."""
    data = {**catalogue()["post.posted"].example["data"], "subject": {"kind": "post", "id": f"post_{place}"}}
    return outbound(f"msg_{place:04}", "post.posted", data, filters={"partner": "genviral"}, at=datetime.now(UTC))


async def make_work(town: Town) -> None:
    """Let the service make its database and its endpoint; then record the events, of which each is one delivery."""
    assert await town.start()
    await until("the endpoint", lambda: query(town.database, ENDPOINT))
    assert await town.stop() == 0
    store = await open_store(f"sqlite:///{town.database}")
    assert all(await store.record([Write(events=(event(place),)) for place in range(EVENTS)]))
    await store.close()


async def live(town: Town, chance: Random) -> Attempts:
    """Deliver for a while and be killed; say which attempts were under way then."""
    assert await town.start()
    enough = done(town) + chance.randrange(1, EVENTS // KILLS)
    await until("deliveries", lambda: done(town) >= enough)
    await town.kill()
    return set(query(town.database, UNDER_WAY))


def done(town: Town) -> int:
    """Count the deliveries that have ended well."""
    [[count]] = query(town.database, DONE)
    return int(count)


async def test_each_event_arrives_and_only_what_was_under_way_comes_twice(tmp_path: Path, starter: Starter):
    seed = Random().randrange(10**6)
    print(f"seed {seed}")
    async with open_town(tmp_path, starter, deliver=DELIVER) as town:
        await make_work(town)
        chance = Random(seed)
        town.receiver.script("town", *(HookAnswer(delay_s=chance.uniform(*ANSWER_S)) for _ in range(2 * EVENTS)))
        under_way = [await live(town, chance) for _ in range(KILLS)]
        left = EVENTS - done(town)
        assert await town.start()
        await until("the end of the work", lambda: query(town.database, STATES) == [("done", EVENTS)])
        assert await town.stop() == 0

    assert left > 0, "all had been delivered before the last kill"
    # One that was under way at a kill may still be waiting to be made again at the next.
    assert_told(town, set().union(*under_way))


def assert_told(town: Town, under_way: Attempts) -> None:
    """Count at the receiver, and in the log of attempts."""
    arrived = Counter(item.webhook_id for item in town.receiver.received)
    twice = sum(times - 1 for times in arrived.values())
    print(f"{len(under_way)} were under way at the kills; {twice} came twice")
    assert set(arrived) == {f"msg_{one:04}" for one in range(EVENTS)}
    assert all(item.verified for item in town.receiver.received)
    assert twice <= len(under_way)
    assert set(query(town.database, LOST)) == under_way, "an attempt that a kill cut off is marked as lost"
    assert query(town.database, UNDER_WAY) == []
