"""Three replicas under load, killed in turn, and their database killed twice: nothing is lost or doubled."""

import asyncio
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import timedelta
from fnmatch import fnmatch
from pathlib import Path
from random import Random

import pytest

from bridge.simulator.receiver import HookAnswer
from tests.crash.audit import broken, query
from tests.crash.replicas import ACCOUNTS_EVERY_S, ENDPOINTS, RATE, Replica, Replicas, open_replicas, run
from tests.crash.test_random import make_bad_days
from tests.postgres import Cluster

pytestmark = pytest.mark.anyio

SENDERS = 6
PAUSE_S = 0.9
ROUNDS = 2
"""How often each replica is killed."""

KILL_EVERY_S = 3.0
SERVER_KILLS = 2
SERVER_LIVES_S, SERVER_DOWN_S = 10.0, 1.5
REST_S = 90.0
"""How long the rest may take: what a killed process had taken is another's after 30 s."""

BURST = 4
"""How many calls a key may make at once after a pause."""

JITTER_S = 0.5
"""How much closer together calls may reach the partner than they were let out."""

NOTED = """
    create schema noted;
    create table noted.leases (at bigint, name text, holder text, until bigint, had text, had_until bigint);
    create function noted.lease() returns trigger language plpgsql as $$
    begin
        insert into noted.leases values (extract(epoch from clock_timestamp()) * 1000000,
            new.name, new.holder, new.until, old.holder, old.until);
        return null;
    end $$;
    create trigger noted after insert or update on leases for each row execute function noted.lease()
"""
"""Keeps every change of a lease, for a look at them when all is over."""


class Havoc:
    """Kills and starts again, and counts."""

    def __init__(self, town: Replicas, cluster: Cluster, chance: Random) -> None:
        self.town, self.cluster, self.chance = town, cluster, chance
        self.counts: Counter[str] = Counter()

    async def kill_replicas(self) -> None:
        """Kill one every few seconds and start it again, none more often than another."""
        for replica in self.chance.sample(ROUNDS * self.town.replicas, ROUNDS * len(self.town.replicas)):
            await asyncio.sleep(self.chance.uniform(0.6, 1.4) * KILL_EVERY_S)
            self.counts["processes killed"] += 1
            await replica.end(signal.SIGKILL)
            await self.revive(replica)

    async def revive(self, replica: Replica) -> None:
        """Start a replica as its platform does: again and again, for it ends where the database is gone."""
        for _ in range(10):
            try:
                await replica.start()
            except AssertionError:
                self.counts["starts without a database"] += 1
                await asyncio.sleep(0.5)
            else:
                self.counts["processes started again"] += 1
                return
        raise AssertionError(f"{replica.name} does not start")

    async def kill_server(self) -> None:
        """Kill the database's server now and then, for a while."""
        for _ in range(SERVER_KILLS):
            await asyncio.sleep(SERVER_LIVES_S)
            await asyncio.to_thread(self.cluster.kill)
            self.counts["servers killed"] += 1
            await asyncio.sleep(SERVER_DOWN_S)
            await asyncio.to_thread(self.cluster.start)
            self.counts["servers started again"] += 1


async def test_deaths_of_replicas_and_of_their_database_lose_and_double_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    seed = Random().randrange(10**6)
    chance = Random(seed)
    with Cluster.made() as cluster:
        async with open_replicas(tmp_path, cluster.new(), count=3, chance=chance) as town:
            await town.start()
            run(town.database, NOTED)
            make_bad_days(town, chance)
            town.simulator.fault("rate_limited", times=-1, chance=0.01, retry_after=1)
            town.receiver.script("posts", *(HookAnswer(chance.choice((200, 200, 200, 503))) for _ in range(500)))
            havoc, began = Havoc(town, cluster, chance), time.monotonic()
            await live(town, havoc)
            calm = time.monotonic()
            town.simulator.faults.clear()
            await town.rest(REST_S)
            rested = time.monotonic()
            assert await town.stop() == [0, 0, 0]

            checks = (broken, untold_anywhere, uncounted, left_leased, held_twice, read_by_several, too_fast, internal)
            # Else pytest keeps what a test that passes prints to itself.
            times = f"load for {calm - began:.0f} s, then at rest in {rested - calm:.0f} s"
            with capsys.disabled():
                report(town, havoc, f"seed {seed}; {times}")
                faults = [fault for check in checks for fault in check(town)]
            assert faults == []
            assert len(town.wishes) > 10 * ROUNDS


async def live(town: Replicas, havoc: Havoc) -> None:
    """Send while all are killed; in the end they have been started again, and every wish was taken."""
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        for _ in range(SENDERS):
            tasks.create_task(town.send(stop, PAUSE_S))
        await asyncio.gather(havoc.kill_replicas(), havoc.kill_server())
        stop.set()


def report(town: Replicas, havoc: Havoc, first: str) -> None:
    """Print the counts."""
    creates = [entry for entry in town.simulator.journal.of("create") if entry.worked]
    [[transitions]] = query(town.database, "select count(*) from outbound_events")
    [[attempts]] = query(town.database, "select count(*) from attempts")
    [[lost]] = query(town.database, "select count(*) from attempts where outcome = 'lost'")
    [[deliveries]] = query(town.database, "select count(*) from deliveries where state = 'done'")
    once = {(item.name, item.webhook_id) for item in town.receiver.received}
    counts = {
        "events accepted": len(town.wishes),
        "answers to senders": dict(town.told),
        "partner posts": sum(not entry.duplicate for entry in creates),
        "creates repeated without a second post": sum(entry.duplicate for entry in creates),
        "partner calls": town.simulator.journal.total,
        "transitions recorded": transitions,
        "deliveries done": deliveries,
        "webhooks received": f"{town.receiver.total} of {len(once)}",
        "attempts": f"{attempts}, {lost} of them cut off by a kill",
        "leases moved": len(query(town.database, "select 1 from noted.leases where holder != had")),
        **havoc.counts,
    }
    print("", first, *(f"{name}: {count}" for name, count in counts.items()), sep="\n  ")


def untold_anywhere(town: Replicas) -> Iterator[str]:
    """Every transition has arrived at every endpoint that asked for it, and at no other."""
    arrived = defaultdict(set)
    for item in town.receiver.received:
        arrived[item.name].add(item.webhook_id)
    recorded = query(town.database, "select id, type from outbound_events")
    for name, patterns in ENDPOINTS.items():
        wanted = {one for one, kind in recorded if not patterns or any(fnmatch(kind, like) for like in patterns)}
        if wanted != arrived[name]:
            yield f"{name} was not told {wanted - arrived[name]}, and told unasked {arrived[name] - wanted}"


def uncounted(town: Replicas) -> Iterator[str]:
    """No call was made that its row does not count: two processes never had the same work at once."""
    creates = sum(call.caption is not None for call in town.simulator.journal.of("create"))
    # A request that was cut off is made once more at once: it may never have got there.
    webhooks = sum(item.status is not None for item in town.receiver.received)
    for made, table in ((creates, "commands"), (webhooks, "deliveries")):
        [[counted]] = query(town.database, f"select sum(calls) from {table}")
        if made > counted:
            yield f"{made} calls were made, and {table} count {counted}"


def left_leased(town: Replicas) -> Iterator[str]:
    """Nothing is under a lease when all is done and all have stopped, neither work nor a tick."""
    for table in ("commands", "deliveries", "lookups"):
        for row in query(town.database, f"select id, lease_until from {table} where lease_until is not null"):
            yield f"{table}: {row} is still leased"
    now = "extract(epoch from clock_timestamp()) * 1000000"
    # What is configured is said for a minute, by all processes together.
    ticks = f"select name, holder from leases where until > {now} and name not like 'configured:%'"
    for row in query(town.database, ticks):
        yield f"the lease {row} was not given up"


def held_twice(town: Replicas) -> Iterator[str]:
    """No lease of a tick went from one process to another before it was given up or had run out."""
    moved = "select name, at - had_until from noted.leases where holder != had and had_until > at + 50000"
    for name, early in query(town.database, moved):
        yield f"{name} was taken {-early / 1e6} s before its lease was over"
    [[names]] = query(town.database, "select count(distinct name) from noted.leases where name like 'tick:%'")
    if not names:
        yield "no tick asked for a lease"


def read_by_several(town: Replicas) -> Iterator[str]:
    """The accounts were read as often as one process reads them, however many there were."""
    if (most := busiest(town, "accounts", seconds := 10)) > seconds / ACCOUNTS_EVERY_S + 2:
        yield f"the accounts were read {most} times within {seconds} s"


def too_fast(town: Replicas) -> Iterator[str]:
    """All processes together have kept to the rate of the key."""
    for seconds in (1, 5, 20):
        if (most := busiest(town, "", seconds)) > (seconds + JITTER_S) * RATE + BURST:
            yield f"{most} calls within {seconds} s"


def busiest(town: Replicas, operation: str, seconds: int) -> int:
    """Return the most calls that the partner saw within so many seconds."""
    times = [entry.at for entry in town.simulator.journal if operation in ("", entry.operation)]
    first = most = 0
    for number, at in enumerate(times):
        while times[first] <= at - timedelta(seconds=seconds):
            first += 1
        most = max(most, number + 1 - first)
    print(f"  most calls within {seconds} s ({operation or 'all'}): {most}")
    return most


def internal(town: Replicas) -> list[str]:
    """Return what the processes said that a person must look at, beside starts without a database."""
    return [line for line in town.logged() if '"level":"error"' in line and '"service.not_started"' not in line]
