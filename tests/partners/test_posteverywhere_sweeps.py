"""When the silence of a sweep is believed, and how walks that are longer than a reading has pages go on."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import httpx
import pytest

from bridge.core.model import Post, Target, TargetState
from bridge.partners.posteverywhere import FILTER_AGAIN, PostEverywhere
from bridge.partners.posteverywhere.paging import Cursor, Page, Way
from bridge.partners.posteverywhere.reading import FRESH_FOR
from bridge.simulator.posteverywhere import PostEverywhereSimulator, X, app
from tests.partners.sweeping import calls, first_read, ids, knows, seed
from tests.partners.things import NOW, Clock, nobody, post, posteverywhere

pytestmark = pytest.mark.anyio

START = Cursor(NOW - timedelta(minutes=1)).write()
PAGES = 3
BUDGET = 2 * PAGES

Change = Callable[[Post, Clock], Post]


@pytest.fixture
def sim(clock: Clock) -> PostEverywhereSimulator:
    return PostEverywhereSimulator(now=clock, general_per_minute=10_000, creates_per_minute=10_000)


async def old_post(sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock) -> tuple[Post, str]:
    """A post that no sweep shows, as we hold it after a read, and the cursor."""
    [made], cursor = await first_read(partner, seed(sim, "old", updated_at="2025-01-01T00:00:00Z"))
    clock.advance(minutes=1)
    calls(sim)
    return made, cursor


def settled(made: Post, clock: Clock) -> Post:
    return replace(made, settled_at=clock())


def read_long_ago(made: Post, clock: Clock) -> Post:
    return replace(made, read_at=clock() - FRESH_FOR)


def never_read(made: Post, clock: Clock) -> Post:
    return replace(made, read_at=None)


def waiting_for_the_partners_retry(made: Post, clock: Clock) -> Post:
    return replace(made, targets=(Target(str(X), state=TargetState.WAITING, raw_status="failed"),))


@pytest.mark.parametrize("change", [settled, read_long_ago, never_read, waiting_for_the_partners_retry])
async def test_silence_of_the_sweep_is_not_believed(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, change: Change
) -> None:
    made, cursor = await old_post(sim, partner, clock)
    reading = await partner.read([change(made, clock)], cursor, 20, known=nobody)
    assert (calls(sim), ids(reading), reading.unchanged) == (["list", "get"], ["old"], ())


@pytest.mark.parametrize("urgent", [(), ("old",)])
async def test_silence_is_not_believed_of_a_post_of_which_there_is_news(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, urgent: tuple[str, ...]
) -> None:
    made, cursor = await old_post(sim, partner, clock)
    reading = await partner.read([made], cursor, 20, known=nobody, urgent=urgent)
    assert (ids(reading), reading.unchanged) == (([*urgent], ()) if urgent else ([], ("old",)))


@pytest.mark.parametrize(("minutes", "read"), [(14, []), (16, ["a"])])
async def test_row_that_is_as_we_hold_it_is_a_read_all_the_same_after_15_minutes(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, minutes: int, read: list[str]
) -> None:
    [made], cursor = await first_read(partner, seed(sim, "a"))
    clock.advance(minutes=minutes)
    calls(sim)
    reading = await partner.read([made], cursor, 20, known=nobody)
    assert (calls(sim), ids(reading)) == (["list"], read)


async def test_failure_that_waits_for_the_partners_own_retry_has_its_results_asked_for_whenever_it_is_due(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    [made], cursor = await first_read(partner, seed(sim, "a", "failed"))
    waiting = replace(made, targets=(replace(made.targets[0], state=TargetState.WAITING),))
    calls(sim)
    [shown] = (await partner.read([waiting], cursor, 20, known=nobody)).snapshots
    assert (calls(sim), shown.targets[0].state) == (["list", "results"], TargetState.FAILED)


async def walked(partner: PostEverywhere, sweeps: int) -> set[str]:
    """Make so many sweeps of few pages, and give all that they told; what one told is known to the next."""
    found: set[str] = set()
    cursor: str | None = START
    for _ in range(sweeps):
        reading = await partner.read([], cursor, BUDGET, known=knows(*ours(found)), adopt=True)
        found |= {one.snapshot.partner_id for one in reading.strangers}
        cursor = reading.cursor
    return found


class SecondPageFails(httpx.ASGITransport):
    """The way to the simulator; the first time that a second page is asked for, there is none."""

    failed = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.failed or b"offset=100" not in request.url.query:
            return await super().handle_async_request(request)
        self.failed = True
        return httpx.Response(502, content=b"<html>", request=request)


def ours(found: set[str]) -> list[Post]:
    return [replace(post(str(X)), id=name, partner_id=name) for name in sorted(found)]


@pytest.mark.slow
@pytest.mark.parametrize("every_ms", [0, 2, 40])
async def test_more_rows_within_a_moment_than_pages_are_swept_through(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, every_ms: int
) -> None:
    names = {f"p{n:04}" for n in range(100 * PAGES + 250)}
    for n, name in enumerate(sorted(names)):
        seed(sim, name, updated_at=(NOW + timedelta(milliseconds=every_ms * n)).isoformat())
    clock.advance(minutes=5)
    assert await walked(partner, sweeps=9) == names


@pytest.mark.slow
async def test_rows_of_one_instant_that_are_known_cost_one_page_a_sweep(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    made = [seed(sim, f"p{n:04}", updated_at=NOW.isoformat()) for n in range(100 * PAGES + 250)]
    clock.advance(minutes=5)
    cursor: str | None = START
    for _ in range(4):
        cursor = (await partner.read([], cursor, BUDGET, known=knows(*made))).cursor
    calls(sim)
    again = await partner.read([], cursor, BUDGET, known=knows(*made))
    assert (calls(sim), again.cursor) == (["list"], cursor)


@pytest.mark.slow
async def test_rows_that_moved_away_from_an_instant_hide_none(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    """So many were updated since that the sweep would begin behind the first of them."""
    made = [seed(sim, f"p{n:04}", updated_at=NOW.isoformat()) for n in range(100 * PAGES + 250)]
    cursor = Cursor(NOW, done=500).write()
    clock.advance(minutes=5)
    for one in made[:300]:
        sim.world.touch(sim.world.posts[one.partner_id or ""])
        clock.advance(seconds=1)
    reading = await partner.read([], cursor, 20, known=knows(*made))
    assert {f"p{n:04}" for n in range(300)} <= set(ids(reading))


@pytest.mark.slow
@pytest.mark.parametrize("count", [100 * PAGES - 50, 100 * PAGES + 250])
async def test_walk_through_the_newest_goes_on_where_its_pages_ran_out(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, count: int
) -> None:
    sim.world.options.ignore_updated_after = True
    seed(sim, "before", created_at="2024-01-01T00:00:00Z", updated_at="2024-01-01T00:00:00Z")
    names = {f"p{n:04}" for n in range(count)}
    for name in sorted(names):
        seed(sim, name)
        clock.advance(seconds=1)
    assert await walked(partner, sweeps=9) == names


async def test_walk_through_the_newest_passes_nothing_that_a_failed_page_hid(
    sim: PostEverywhereSimulator, clock: Clock
) -> None:
    sim.world.options.ignore_updated_after = True
    seed(sim, "before", created_at="2024-01-01T00:00:00Z", updated_at="2024-01-01T00:00:00Z")
    names = {f"p{n:04}" for n in range(150)}
    for name in sorted(names):
        seed(sim, name)
        clock.advance(seconds=1)
    assert await walked(posteverywhere(SecondPageFails(app(sim)), clock), sweeps=4) == names


@pytest.mark.parametrize(
    ("times", "answers"),
    [
        ([], True),
        ([None], False),
        ([None, NOW], True),
        ([NOW, None, NOW], True),
        ([NOW - timedelta(hours=1)], False),
        ([NOW + timedelta(seconds=1), NOW], False),
    ],
)
def test_server_knows_the_filter_if_its_rows_are_new_and_in_order(times: list[object], answers: bool) -> None:
    rows = [{"updated_at": at and str(at)} for at in times]
    assert Page(Way.UPDATED, NOW).is_answered_by(rows) is answers


async def test_filter_that_seemed_unknown_is_tried_again_after_an_hour(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    made, cursor = await old_post(sim, partner, clock)
    sim.world.options.ignore_updated_after = True
    await partner.read([made], cursor, 20, known=nobody)
    sim.world.options.ignore_updated_after = False
    calls(sim)
    clock.advance(minutes=FILTER_AGAIN.total_seconds() / 60 - 1)
    await partner.read([made], cursor, 20, known=nobody)
    clock.advance(minutes=1)
    await partner.read([made], cursor, 20, known=nobody)
    assert calls(sim) == ["get", "list", "get"]


def test_cursor_of_a_walk_is_read_as_it_was_written() -> None:
    cursor = Cursor(NOW, done=900, until=NOW + timedelta(hours=1))
    assert Cursor.read(cursor.write()) == cursor
