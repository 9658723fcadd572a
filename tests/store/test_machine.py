"""The store against what its contract says, by chance: hypothesis plays one or two stores, and the rows must be alike.

`FUZZ_RUNS=2000 pytest tests/store/test_machine.py` plays more of it than `make test` does.
"""

import asyncio
import os
from collections.abc import Awaitable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete

from bridge.core.endpoints import BY_SUBJECT
from bridge.core.model import (
    Attempt,
    AttemptOutcome,
    CommandKind,
    Delivery,
    Endpoint,
    Key,
    Lane,
    PostState,
    WorkState,
    Write,
)
from bridge.ports import ClaimedDelivery, Find, Rooms, Settlement
from bridge.store import open_store
from bridge.store._store import SqlStore
from bridge.store._tables import metadata
from tests.store.conftest import Emptied, FixedClock
from tests.store.filled import connected
from tests.store.imagined import OPEN, Imagined
from tests.store.made import LEASE, NOW, acceptance, command, endpoint, next_of, post, told

RUNS = int(os.environ.get("FUZZ_RUNS", "0"))
CI_RUNS = 25
STEPS = 40
PARTNERS = ("genviral", "other")
AGE = timedelta(hours=1)
Answer = TypeVar("Answer")
few = st.lists(st.integers(0, 5), min_size=1, max_size=3, unique=True)


class Bed:
    """The stores that all examples use, on one database that is emptied for each."""

    def __init__(self, url: str, number: int) -> None:
        self.runner, self.clock, self._url = asyncio.Runner(), FixedClock(), url
        self.stores: list[SqlStore] = [self.run(open_store(url, clock=self.clock)) for _ in range(number)]  # type: ignore[arg-type]

    def run(self, call: Awaitable[Answer]) -> Answer:
        async def called() -> Answer:
            return await call

        return self.runner.run(called())

    def empty(self) -> None:
        self.clock.now = NOW
        with connected(self._url) as connection:
            for table in reversed(metadata.sorted_tables):
                connection.execute(delete(table))

    def close(self) -> None:
        for store in self.stores:
            self.run(store.close())
        self.runner.close()


class Machine(RuleBasedStateMachine):
    """Steps of flows, each through whichever store is next."""

    bed: Bed

    def __init__(self) -> None:
        super().__init__()
        self.bed.empty()
        self.turn = 0
        self.model = Imagined(ordered=("strict",), destinations=("plain", "strict"))
        self.claimed: list[ClaimedDelivery] = []
        self.numbers = iter(range(10_000))

    @property
    def store(self) -> SqlStore:
        self.turn += 1
        return self.bed.stores[self.turn % len(self.bed.stores)]

    @property
    def now(self) -> Any:
        return self.bed.clock.now

    def run(self, call: Awaitable[Answer]) -> Answer:
        return self.bed.run(call)

    @initialize()
    def endpoints(self) -> None:
        rows: tuple[Endpoint, ...] = (endpoint("plain"), endpoint("strict", ordering=BY_SUBJECT))
        keys = tuple(Key(name, "genviral") for name in PARTNERS)
        assert self.run(self.store.record([Write(endpoints=rows, keys=keys)])) == [True]
        self.keys = {key.name: key for key in keys}
        # Something to begin with: what is short is short of steps, not of work.
        items = [acceptance(2, key=key, key_until=NOW + AGE) for key in "ab"]
        assert self.run(self.store.accept(items, NOW)) == self.model.accept(items, NOW)
        first, second = list(self.model.posts)[:2]
        subjects = (f"post:{first}", f"post:{first}", f"post:{second}")
        for number, subject in enumerate(subjects):
            write = Write(
                events=(self._news(subject),), commands=(self._added(first, CommandKind.UPDATE),) * (number < 2)
            )
            assert self.run(self.store.record([write])) == self.model.record([write]) == [True]

    @rule(seconds=st.sampled_from([1, 20, 31, 3600]))
    def wait(self, seconds: int) -> None:
        self.bed.clock.move(seconds=seconds)

    @rule(chosen=st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.booleans(), st.integers(0, 2)), max_size=4))
    def accept(self, chosen: list[tuple[str, bool, int]]) -> None:
        """Some are new, some are known, some have a key that another request has, or had."""
        items = [
            acceptance(
                posts,
                key=key or None,
                fingerprint="same" if same else "another",
                key_until=self.now + timedelta(seconds=30),
                received_at=self.now,
            )
            for key, same, posts in chosen
        ]
        assert self.run(self.store.accept(items, self.now)) == self.model.accept(items, self.now)

    @rule(
        of=few,
        stale=st.booleans(),
        state=st.sampled_from([PostState.POSTED, PostState.PUBLISHING]),
        partner_id=st.sampled_from([None, "p1", "p2"]),
        caused=st.tuples(st.booleans(), st.sampled_from([None, CommandKind.UPDATE, CommandKind.RETRY])),
    )
    def record(
        self, of: list[int], stale: bool, state: PostState, partner_id: str | None, caused: tuple[bool, Any]
    ) -> None:
        """Change posts that are there, or make one; one stale row lets all of the write go."""
        known, (news, adds) = list(self.model.posts.values()), caused
        chosen = [known[-place - 1] for place in of if place < len(known)]
        ended = self.now if state is PostState.POSTED else None
        rows = [next_of(one, state=state, ended_at=ended, partner_id=None) for one in chosen]
        if rows:
            rows[-1] = replace(rows[-1], partner_id=partner_id, version=rows[-1].version + stale)
        write = Write(
            posts=(post(partner=PARTNERS[1]), *rows),
            events=tuple(self._news(f"post:{one.id}") for one in chosen[:1] if news),
            commands=tuple(self._added(one.id, adds) for one in chosen[:1] if adds),
        )
        assert self.run(self.store.record([write])) == self.model.record([write])

    @rule(places=few, again=st.booleans())
    def record_twice(self, places: list[int], again: bool) -> None:
        """Of several writes a later one sees the earlier ones."""
        known = list(self.model.posts.values())
        chosen = [known[place % len(known)] for place in places] if known else []
        writes = [Write(posts=(next_of(one),)) for one in chosen]
        writes += [Write(posts=(next_of(next_of(one)) if again else next_of(one),)) for one in chosen]
        assert self.run(self.store.record(writes)) == self.model.record(writes)

    def _added(self, post_id: str, kind: CommandKind) -> Any:
        numbers = [one.number for one in self.model.commands.values() if one.post_id == post_id]
        due = self.now + timedelta(seconds=len(numbers))
        made = command(self.model.posts[post_id], max(numbers, default=0) + 1, kind=kind, due_at=due)
        return replace(made, state=WorkState.PARKED if len(numbers) == 2 else WorkState.DUE)

    def _news(self, subject: str) -> Any:
        sequence = 1 + max((last for one, last in self.model.told.values() if one == subject), default=0)
        return told(subject=subject, sequence=sequence, created_at=self.now)

    @rule(name=st.sampled_from(PARTNERS), seconds=st.sampled_from([25, 0]))
    def hold(self, name: str, seconds: int) -> None:
        until = self.now + timedelta(seconds=seconds)
        self.keys[name] = next_of(self.keys[name], held_until=until)
        self.model.held[name] = until
        assert self.run(self.store.record([Write(keys=(self.keys[name],))])) == [True]

    @rule(limit=st.sampled_from([10, 2, 1, 0]), partners=st.sampled_from([PARTNERS, PARTNERS[:1], ()]))
    def claim_commands(self, limit: int, partners: tuple[str, ...]) -> None:
        expected = self.model.claimable(partners, self.now)
        claimed = self.run(self.store.claim_commands(self.now, limit, LEASE, partners))
        assert len(claimed) == min(limit, len(expected))
        first = sorted(one.due_at for one in expected)[: len(claimed)]
        assert [one.command.due_at for one in claimed] == first
        by_id = {one.id: one for one in expected}
        for one in claimed:
            assert one.command == self.model.claim_command(by_id.pop(one.command.id), self.now, LEASE)
            assert one.post == self.model.posts[one.command.post_id]

    @precondition(lambda self: any(one.lease_until for one in self.model.commands.values()))
    @rule(place=st.integers(0, 5), state=st.sampled_from([WorkState.DONE, WorkState.DUE, WorkState.PARKED]))
    def end_command(self, place: int, state: WorkState) -> None:
        leased = [one for one in self.model.commands.values() if one.lease_until]
        mine = leased[place % len(leased)]
        due = self.now + timedelta(seconds=10)
        tried = Attempt(mine.id, mine.version, mine.post_id, self.now)
        write = Write(commands=(next_of(mine, state=state, due_at=due, lease_until=None),), attempts=(tried,))
        assert self.run(self.store.record([write])) == self.model.record([write]) == [True]

    @rule(lane=st.sampled_from(list(Lane)), total=st.sampled_from([1000, 2]))
    def claim_deliveries(self, lane: Lane, total: int) -> None:
        expected = {one.id: one for one in self.model.claimable_deliveries(lane, self.now)}
        claimed = self.run(self.store.claim_deliveries(self.now, lane, Rooms(total, total), LEASE))
        assert len(claimed) == len(expected) if total == 1000 else bool(claimed) == bool(expected)
        assert len(claimed) <= total
        for one in claimed:
            assert one.delivery == self.model.claim_delivery(expected.pop(one.delivery.id), self.now, LEASE)
        taken = {one.delivery.destination: one.delivery.due_at for one in claimed}
        for left in expected.values():
            assert left.due_at >= taken.get(left.destination, left.due_at)
        self.claimed += claimed

    @precondition(lambda self: self.claimed)
    @rule(
        places=few,
        state=st.sampled_from([WorkState.DONE, WorkState.DEAD, WorkState.DUE]),
        writes=st.sampled_from(["nothing", "fits", "stale"]),
    )
    def settle(self, places: list[int], state: WorkState, writes: str) -> None:
        """Also what was claimed long ago, and meanwhile by somebody else."""
        chosen = {self.claimed[-1 - place % len(self.claimed)].delivery.id: place for place in places}
        items = []
        for place in chosen.values():
            ours = self.claimed[-1 - place % len(self.claimed)].delivery
            ended = {"lane": Lane.AGAIN, "due_at": self.now} if state is WorkState.DUE else {"settled_at": self.now}
            tried = Attempt(ours.id, ours.calls, None, self.now, AttemptOutcome.OK, self.now, 200)
            made = next_of(ours, state=state, attempts=ours.attempts + 1, **ended)
            items.append(Settlement(made, tried, self._write(writes if not items else "nothing")))
        assert self.run(self.store.settle(items)) == self.model.settle(items)

    def _write(self, kind: str) -> Write:
        if kind == "nothing" or not self.model.posts:
            return Write()
        last = [*self.model.posts.values()][-1]
        return Write(posts=(replace(last, version=last.version + (2 if kind == "stale" else 1)),))

    @precondition(lambda self: self.model.deliveries)
    @rule(places=few)
    def replay(self, places: list[int]) -> None:
        known = list(self.model.deliveries)
        ids = {known[place % len(known)] for place in places}
        assert self.run(self.store.replay(ids, self.now)) == self.model.replay(ids, self.now)

    @rule(seconds=st.sampled_from([1, 40]))
    def renew(self, seconds: int) -> None:
        commands, deliveries = list(self.model.commands)[::2], list(self.model.deliveries)[::2]
        self.run(self.store.renew(commands, deliveries, timedelta(seconds=seconds)))
        self.model.renew(commands, deliveries, self.now + timedelta(seconds=seconds))

    @rule(name=st.sampled_from("xy"), holder=st.sampled_from("ab"), seconds=st.sampled_from([0, 10, 100]))
    def lease(self, name: str, holder: str, seconds: int) -> None:
        expected = self.model.lease(name, holder, seconds, self.now)
        assert self.run(self.store.lease(name, holder, seconds)) == expected

    @rule(limit=st.sampled_from([1, 100]))
    def prune(self, limit: int) -> None:
        """What goes had to be old and over; which of it goes is the store's to choose."""
        before = self.now - AGE
        old = {"events_before": before, "attempts_before": before, "posts_before": before}
        events, posts, sent = self.model.may_go(before)

        async def prune() -> None:
            async for _ in self.store.prune(**old, limit=limit):
                pass

        self.run(prune())
        found = self._found()
        gone = set(self.model.posts) - set(found[0]), set(self.model.deliveries) - set(found[2])
        assert gone[0] <= posts
        assert gone[1] <= sent
        for name in gone[0]:
            del self.model.posts[name]
        for name in set(self.model.commands) - set(found[1]):
            assert self.model.commands.pop(name).state not in OPEN
        for name in gone[1]:
            del self.model.deliveries[name]
        self.claimed = [one for one in self.claimed if one.delivery.id in self.model.deliveries]
        known = {one.id for one in self.run(self.store.find_events(Find(limit=10_000)))}
        assert set(self.model.events) - known <= events
        for name in set(self.model.events) - known:
            del self.model.events[name]
        left = {one.id for one in self.run(self.store.told(Find(limit=10_000)))}
        for name in set(self.model.told) - left:
            del self.model.told[name]

    def _found(self) -> tuple[dict[str, Any], dict[str, Any], dict[str, Delivery]]:
        store = self.store

        async def read() -> tuple[dict[str, Any], dict[str, Any], dict[str, Delivery]]:
            posts = {one.id: one for one in await store.find_posts(Find(limit=10_000))}
            lists = [await store.commands(post_id) for post_id in posts]
            deliveries = await store.find_deliveries(Find(limit=10_000))
            return posts, {one.id: one for some in lists for one in some}, {one.id: one for one in deliveries}

        return self.run(read())

    @invariant()
    def is_alike(self) -> None:
        posts, commands, deliveries = self._found()
        self._learn(deliveries)
        assert posts == self.model.posts
        assert commands == self.model.commands
        assert deliveries == self.model.deliveries
        found = {one.id: one for one in self.run(self.store.find_events(Find(limit=10_000)))}
        assert found == self.model.events

    def _learn(self, deliveries: dict[str, Delivery]) -> None:
        """Take over the ids of what was made due, which are the store's to give; nothing else of it."""
        new = {
            (one.outbound_id, one.destination): one
            for name, one in deliveries.items()
            if name not in self.model.deliveries
        }
        assert sorted(new) == sorted(self.model.untaught)
        for made in new.values():
            assert (made.state, made.calls, made.version, made.lease_until) == (WorkState.DUE, 0, 1, None)
            self.model.deliveries[made.id] = made
        self.model.untaught.clear()


def play(bed: Bed) -> None:
    class Played(Machine):
        pass

    Played.bed = bed
    chosen = settings(
        max_examples=RUNS or CI_RUNS,
        stateful_step_count=STEPS,
        derandomize=not RUNS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
    )
    run_state_machine_as_test(Played, settings=chosen)


@pytest.fixture
def beds(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    made: list[Bed] = []

    def make(engine: str) -> Bed:
        if engine == "sqlite":
            made.append(Bed(f"sqlite:///{tmp_path / 'bridge.db'}", 1))
        else:
            emptied: Emptied = request.getfixturevalue("emptied")
            made.append(Bed(emptied.empty(), 2))
        return made[-1]

    yield make
    for bed in made:
        bed.close()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_store_does_what_its_contract_says(beds: Any, engine: str) -> None:
    """On a server two stores act in turn: what one wrote, the other sees."""
    play(beds(engine))
