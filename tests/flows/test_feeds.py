"""Feeds: what a hook missed is taken once."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import orjson
import pytest

from bridge.core.errors import Problem
from bridge.core.model import PostState, SourceObject, Write
from bridge.metrics import Metrics
from bridge.store import SqlStore
from tests.flows.feeding import Stand, a_stand, an_entry, begun
from tests.flows.town import Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stand(store: SqlStore, clock: Clock, metrics: Metrics) -> AsyncIterator[Stand]:
    async with a_stand(store, clock, metrics) as made:
        yield made


async def test_the_first_sweep_posts_nothing(stand):
    stand.site.show(an_entry("a", stand.clock), an_entry("b", stand.clock, age=10_000))

    await stand.feeds().tick()

    assert (stand.take.taken, await stand.known()) == ([], {"a": None, "b": None})
    assert stand.counted("bridge_feed_entries_total", "first_sweep") == 2
    assert (await stand.state()).swept_at == stand.clock()


async def test_what_is_new_at_the_next_sweep_is_taken_once(stand):
    feeds = await begun(stand)
    stand.site.show(an_entry("a", stand.clock), an_entry("b", stand.clock, age=40))

    await stand.after(15, feeds)
    await stand.after(15, feeds)

    assert stand.take.taken == [("a", ""), ("b", "")]
    assert orjson.loads(stand.take.bodies[0])["id"] == "a"
    assert stand.counted("bridge_feed_entries_total", "posted") == 2
    assert (await stand.state()).sent == ((stand.clock() - timedelta(minutes=15)).isoformat(),) * 2


async def test_a_feed_is_read_by_its_interval_and_says_when_nothing_changed(stand):
    feeds = await begun(stand)

    for minutes in (14, 1, 14, 1):
        await stand.after(minutes, feeds)

    first, *later = stand.site.asked
    assert ("If-None-Match" in first.headers, len(later)) == (False, 2)
    assert later[0].headers["If-None-Match"] == stand.site.tag
    assert later[0].headers["If-Modified-Since"] == "Thu, 01 Jan 2026 11:00:00 GMT"
    assert stand.counted("bridge_feed_sweeps_total", "unchanged") == 2
    assert (await stand.state()).swept_at == stand.clock()


async def test_a_clock_that_was_ahead_keeps_no_feed_from_being_read(stand):
    feeds = await begun(stand)
    await stand.after(2 * 24 * 60, feeds)
    stand.clock.move(minutes=-2 * 24 * 60)
    stand.site.show(an_entry("a", stand.clock))

    await stand.after(1, feeds)

    assert (stand.take.names, (await stand.state()).swept_at) == (["a"], stand.clock())


async def test_what_the_hook_took_is_left_alone(stand):
    feeds = await begun(stand)
    stand.site.show(*(an_entry(name, stand.clock) for name in ("a", "b", "c")))
    rows = (
        SourceObject("blog", "a", stand.clock(), event_id="evt_a"),
        SourceObject("blog", "url:blog.example/b", stand.clock(), event_id="evt_b"),
    )
    await stand.store.record([Write(objects=rows)])

    await stand.after(15, feeds)

    assert stand.take.names == ["c"]


async def test_what_is_young_waits_for_its_hook_and_is_not_forgotten(stand):
    feeds = await begun(stand)
    stand.site.show(an_entry("a", stand.clock, age=-10))

    await stand.after(15, feeds)
    waited, known = stand.take.names, await stand.known()
    await stand.after(15, feeds)

    assert (waited, known, stand.take.names) == ([], {}, ["a"])
    assert "If-None-Match" not in stand.site.asked[-1].headers
    assert stand.counted("bridge_feed_entries_total", "waits") == 1


async def test_old_entries_are_never_taken(stand):
    feeds = await begun(stand)
    stand.site.show(an_entry("a", stand.clock, age=3 * 24 * 60))

    await stand.after(15, feeds)

    assert (stand.take.taken, await stand.known()) == ([], {"a": None})


async def test_beyond_the_brake_entries_wait_for_one_cause(stand):
    feeds = await begun(stand, brake=2)
    stand.site.show(*(an_entry(name, stand.clock, age=age) for name, age in (("a", 40), ("b", 30), ("c", 20))))
    await stand.after(15, feeds)
    stand.site.show(an_entry("d", stand.clock, age=10))
    await stand.after(15, feeds)

    assert stand.take.taken == [("a", ""), ("b", ""), ("c", "source:blog"), ("d", "source:blog")]
    cause = (await stand.store.causes())["source:blog"]
    assert (cause.kind, cause.reason, cause.open, cause.sequence) == ("source", "brake", True, 1)
    assert "sources.blog.brake" in cause.detail
    assert stand.counted("bridge_feed_entries_total", "braked") == 2


async def test_the_brake_lets_go_again_after_an_hour(stand):
    feeds = await begun(stand, brake=1)
    for name, minutes in (("a", 15), ("b", 60)):
        stand.site.show(an_entry(name, stand.clock, age=10))
        await stand.after(minutes, feeds)

    assert stand.take.taken == [("a", ""), ("b", "")]


async def test_what_makes_no_post_uses_up_no_brake(stand):
    feeds = await begun(stand, brake=1)
    stand.take.state = PostState.REJECTED
    stand.site.show(an_entry("a", stand.clock), an_entry("b", stand.clock))

    await stand.after(15, feeds)

    assert (stand.take.taken, (await stand.state()).sent) == ([("a", ""), ("b", "")], ())


async def test_a_sweep_that_is_cut_short_repeats_nothing_and_loses_nothing(stand):
    feeds = await begun(stand, brake=2)
    stand.site.show(*(an_entry(name, stand.clock, age=age) for name, age in (("a", 40), ("b", 30), ("c", 20))))
    stand.take.refuse["b"] = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await stand.after(15, feeds)
    stand.take.refuse.clear()

    await stand.after(11, stand.feeds(brake=2))

    assert stand.take.taken == [("a", ""), ("b", ""), ("c", "source:blog")]


async def test_two_processes_do_not_sweep_at_once(stand):
    feeds = await begun(stand)
    stand.site.show(an_entry("a", stand.clock))
    stand.clock.move(minutes=15)

    await asyncio.gather(feeds.tick(), stand.feeds().tick())

    assert (stand.take.names, len(stand.site.asked)) == (["a"], 2)


async def test_another_address_begins_anew(stand):
    await begun(stand)
    stand.site.show(an_entry("a", stand.clock))

    await stand.after(1, stand.feeds(url=f"{stand.site.url}?all"))

    assert (stand.take.taken, await stand.known()) == ([], {"a": None})
    assert "If-None-Match" not in stand.site.asked[-1].headers


async def test_an_entry_that_is_refused_does_not_keep_the_others_back_and_comes_again(stand):
    feeds = await begun(stand)
    stand.site.show(an_entry("a", stand.clock, age=40), an_entry("b", stand.clock, age=30))
    stand.take.refuse["a"] = Problem(403, "account_not_allowed", "no")

    await stand.after(15, feeds)
    stand.take.refuse.clear()
    await stand.after(15, feeds)

    assert stand.take.names == ["b", "a"]
    assert stand.counted("bridge_feed_entries_total", "failed") == 1


async def test_when_nothing_can_be_stored_the_sweep_is_tried_again_soon(stand):
    feeds = await begun(stand)
    stand.site.show(an_entry("a", stand.clock))
    stand.take.refuse["a"] = Problem(503, "storage_full", "full", retry_after=timedelta(minutes=1))
    await stand.after(15, feeds)
    state = await stand.state()
    stand.take.refuse.clear()

    await stand.after(0.9, feeds)
    await stand.after(0.2, feeds)

    assert (stand.take.names, state.failures, state.detail) == (["a"], 0, "internal: storage_full: full")
