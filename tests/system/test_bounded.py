"""Under a steady load with retention a database stops growing by itself, and pruning keeps nobody waiting for long."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from random import Random

import pytest

from bridge.core.model import Attempt, AttemptOutcome, PostState, WorkState, Write
from bridge.store import open_store
from bridge.store._store import SqlStore
from bridge.store._wal import LONG
from tests.postgres import Cluster
from tests.store.made import LEASE, NOW, acceptance, claim_any, endpoint, next_of, settlement, told

pytestmark = pytest.mark.anyio

ROUNDS, WARM_UP = 24, 10
EVENTS = 150
ROUND = timedelta(hours=1)
KEPT = timedelta(minutes=90)
"""So that history is that of one round or two."""

MOST_GROWTH = 1.25
AT_ONCE = 200
PRUNED = 100_000
ROWS = 7
"""An event that has ended, its post, the command and its attempt, what was told, its delivery and its attempt."""

_chance = Random(5)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A server that looks after its tables each second: a round here is an hour there."""
    with Cluster.made(settings={"autovacuum_naptime": "1s"}) as made:
        yield made


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgresql":
        made: Cluster = request.getfixturevalue("cluster")
        return made.new()
    return f"sqlite:///{tmp_path / 'bridge.db'}"


@pytest.fixture
def size(url: str, request: pytest.FixtureRequest) -> Callable[[], int]:
    """Say how many bytes the database takes, without its log."""
    if not url.startswith("sqlite"):
        server: Cluster = request.getfixturevalue("cluster")
        name = url.partition("?")[0].rpartition("/")[2]
        return lambda: int(str(server.run("SELECT pg_database_size(current_database())", name)[0][0]))
    path = Path(url.removeprefix("sqlite:///"))

    def of_file() -> int:
        assert Path(f"{path}-wal").stat().st_size < 2 * LONG
        with contextlib.closing(sqlite3.connect(path)) as connection:
            [pages, each] = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size")]
        return int(pages * each)

    return of_file


@pytest.fixture
async def store(url: str, anyio_backend: str) -> AsyncIterator[SqlStore]:
    opened = await open_store(url, clock=lambda: NOW)
    yield opened
    await opened.close()


async def live_through(store: SqlStore, at: datetime, events: int) -> None:
    """Take events, publish their posts, tell of them, and deliver that."""
    items = [acceptance(received_at=at, body=_chance.randbytes(2_000)) for _ in range(events)]
    await store.accept(items, at)
    left = events
    while left:
        claimed = await store.claim_commands(at, 64, LEASE, ["genviral"])
        left -= len(claimed)
        writes = []
        for one in claimed:
            ended = next_of(one.post, state=PostState.POSTED, created_at=at, ended_at=at, sequence=1)
            done = next_of(one.command, state=WorkState.DONE, settled_at=at, lease_until=None)
            tried = Attempt(done.id, 1, ended.id, at, AttemptOutcome.OK, at, 201)
            outbound = told(subject=f"post:{ended.id}", created_at=at, post_id=ended.id, body=b"x" * 800)
            writes.append(Write(posts=(ended,), commands=(done,), attempts=(tried,), events=(outbound,)))
        assert all(await store.record(writes))
    while claimed_deliveries := await claim_any(store, at, 64):
        await store.settle([settlement(one, settled_at=at) for one in claimed_deliveries])


async def prune(store: SqlStore, before: datetime) -> int:
    """Let all go that is older, as the service does it."""
    gone = 0
    limits = {"events_before": before, "attempts_before": before, "posts_before": before}
    async for some in store.prune(**limits, limit=AT_ONCE):
        gone += some
        await asyncio.sleep(0.01)
    return gone


async def test_a_database_stops_growing_under_a_steady_load(store: SqlStore, size: Callable[[], int], url: str) -> None:
    await store.record([Write(endpoints=(endpoint("ops"),))])
    sizes = []
    for number in range(ROUNDS):
        at = NOW + number * ROUND
        await live_through(store, at, EVENTS)
        gone = await prune(store, at - KEPT)
        sizes.append(size())
        assert gone == (EVENTS * ROWS if number > 1 else 0)
    print(f"{url.partition(':')[0]}: {[round(one / 1e6, 1) for one in sizes]} MB")
    assert max(sizes[WARM_UP:]) < MOST_GROWTH * max(sizes[:WARM_UP])


async def test_what_an_accept_waits_while_much_is_pruned(store: SqlStore, url: str) -> None:
    """No time is asserted: the figures are printed."""
    await store.record([Write(endpoints=(endpoint("ops"),))])
    for _ in range(PRUNED // ROWS // 500):
        await live_through(store, NOW, 500)
    waits: list[float] = []

    async def accept_on() -> None:
        while True:
            began = time.perf_counter()
            await store.accept([acceptance(received_at=NOW + ROUND)], NOW + ROUND)
            waits.append(time.perf_counter() - began)
            await asyncio.sleep(0.002)

    accepting = asyncio.create_task(accept_on())
    began = time.perf_counter()
    gone = await prune(store, NOW + timedelta(minutes=1))
    took = time.perf_counter() - began
    accepting.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await accepting
    waits.sort()
    worst = f"99 of 100 within {waits[len(waits) * 99 // 100] * 1e3:.0f} ms, the longest {waits[-1] * 1e3:.0f} ms"
    print(f"{url.partition(':')[0]}: {gone} rows in {took:.0f} s; {len(waits)} accepts meanwhile, {worst}")
    assert gone >= 0.9 * PRUNED
