"""Several processes on one PostgreSQL, as threads with a store each: nothing is done twice, or out of turn."""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Hashable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from bridge.core.endpoints import BY_SUBJECT
from bridge.core.model import CommandKind, Lane, WorkState, Write
from bridge.ports import ClaimedCommand, ClaimedDelivery, Find, Rooms, Settled
from bridge.store import open_store
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import LEASE, NOW, command, endpoint, next_of, post, settlement, told

pytestmark = pytest.mark.anyio

PROCESSES = 4
POSTS, OF_EACH = 40, 3
LATEST, APART = OF_EACH - 1, {"apart": True}


@dataclass
class Hands:
    """What is in somebody's hands, and what is done; whoever takes something looks whether he may."""

    wrong: list[str] = field(default_factory=list)
    taken: Counter[str] = field(default_factory=Counter)
    _busy: set[Hashable] = field(default_factory=set)
    _done: Counter[Hashable] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, name: str, line: Hashable, number: int | None) -> None:
        """Take the so manieth of a line, where there is one, and where it has an order."""
        with self._lock:
            self.taken[name] += 1
            if line is not None:
                if line in self._busy:
                    self.wrong.append(f"{name} was taken beside another of its line")
                if number is not None and self._done[line] != number - 1:
                    self.wrong.append(f"{name} is number {number}, and {self._done[line]} are done")
                self._busy.add(line)

    def end(self, line: Hashable) -> None:
        with self._lock:
            self._busy.discard(line)
            self._done[line] += 1


async def given(store: SqlStore) -> None:
    posts = [post(partner=("genviral", "other")[number % 2]) for number in range(POSTS)]
    kinds = (CommandKind.PUBLISH, CommandKind.UPDATE, CommandKind.UPDATE)
    commands = [command(one, number + 1, kind=kinds[number]) for one in posts for number in range(OF_EACH)]
    # Of these every clock says that another one is the first that is due.
    apart = [post() for _ in range(POSTS)]
    due = [NOW + timedelta(seconds=LATEST - number) for number in range(OF_EACH)]
    commands += [
        command(one, number + 1, kind=CommandKind.RETRY, due_at=due[number], payload=APART)
        for one in apart
        for number in range(OF_EACH)
    ]
    events = [told(subject=f"post:{one.id}", sequence=number + 1) for one in posts for number in range(OF_EACH)]
    await store.record([Write(endpoints=(endpoint("plain"), endpoint("strict", ordering=BY_SUBJECT)))])
    await store.record([Write(posts=(*posts, *apart), commands=tuple(commands), events=tuple(events))])


def work(url: str, hands: Hands) -> None:
    """Be one process until nothing is left."""

    async def run() -> None:
        store = await open_store(url, clock=FixedClock(), readers=1)
        try:
            await asyncio.gather(_do_commands(store, hands), _do_deliveries(store, hands))
        finally:
            await store.close()

    asyncio.run(run())


async def _do_commands(store: SqlStore, hands: Hands) -> None:
    seconds = itertools.cycle(range(LATEST + 1))
    while await store.next_due() is not None:
        now = NOW + timedelta(seconds=next(seconds))
        claimed = await store.claim_commands(now, 7, LEASE, ["genviral", "other"])
        for one in claimed:
            number = None if one.command.payload == APART else one.command.number
            hands.take(one.command.id, one.post.id, number)
        # The others get their turn while this is in our hands.
        await store.posts([])
        await _end_commands(store, hands, claimed)


async def _end_commands(store: SqlStore, hands: Hands, claimed: Sequence[ClaimedCommand]) -> None:
    writes = []
    for one in claimed:
        done = next_of(one.command, state=WorkState.DONE, settled_at=NOW, lease_until=None)
        writes.append(Write(commands=(done,), posts=(next_of(one.post),)))
        hands.end(one.post.id)
    if not all(await store.record(writes)):
        hands.wrong.append("somebody else wrote what was ours")


async def _do_deliveries(store: SqlStore, hands: Hands) -> None:
    while await store.next_due() is not None:
        claimed = await store.claim_deliveries(NOW, Lane.FIRST, Rooms(9, 9), LEASE)
        for one in claimed:
            hands.take(one.delivery.id, _line(one), one.delivery.sequence)
        for one in claimed:
            hands.end(_line(one))
        if any(answer is not Settled.KEPT for answer in await store.settle([settlement(one) for one in claimed])):
            hands.wrong.append("a delivery of ours was somebody else's")


def _line(claimed: ClaimedDelivery) -> Hashable:
    return claimed.delivery.ordered_by and (claimed.delivery.destination, claimed.delivery.subject)


async def test_of_many_at_one_queue_nobody_takes_what_another_has(
    postgresql_store: SqlStore, postgresql_url: str
) -> None:
    await given(postgresql_store)
    hands = Hands()
    with ThreadPoolExecutor(PROCESSES) as pool:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(pool, work, postgresql_url, hands) for _ in range(PROCESSES)))
    assert hands.wrong == []
    assert set(hands.taken.values()) == {1}
    assert len(hands.taken) == POSTS * OF_EACH * 4
    ended = await postgresql_store.find_deliveries(Find(limit=1_000))
    assert {one.state for one in ended} == {WorkState.DONE}
