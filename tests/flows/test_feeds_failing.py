"""Feeds that cannot be read: they are asked less often, say why, and keep nobody else from theirs."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bridge.core.errors import StoreBusy
from bridge.core.model import SourceObject, Write
from bridge.flows.feeds import MOST_BYTES, Feeds
from bridge.metrics import Metrics
from bridge.sources.feed import parse
from bridge.store import SqlStore
from tests.flows.feeding import Overtaken, Stand, a_stand, an_entry, begun
from tests.flows.town import Clock, Flaky

PACKED = {"Content_Encoding": "gzip"}

pytestmark = pytest.mark.anyio


@pytest.fixture
async def stand(store: SqlStore, clock: Clock, metrics: Metrics) -> AsyncIterator[Stand]:
    async with a_stand(store, clock, metrics) as made:
        yield made


@pytest.mark.parametrize(
    ("status", "headers", "rests"),
    [
        (500, {}, [15, 30, 60]),
        (404, {}, [15, 30, 60]),
        (429, {"Retry_After": "3600"}, [60, 60, 60]),
        (503, {"Retry_After": "Thu, 01 Jan 2026 13:00:00 GMT"}, [60]),
        (503, {"Retry_After": "later"}, [15]),
        (410, {}, [1440, 1440]),
    ],
)
async def test_a_feed_that_fails_is_asked_less_often(stand, status, headers, rests):
    stand.failing(status, **headers)
    feeds = await begun(stand)

    for count, minutes in enumerate(rests, 1):
        assert (len(stand.site.asked), (await stand.state()).failures) == (count, count)
        await stand.after(minutes - 0.1, feeds)
        assert len(stand.site.asked) == count
        await stand.after(0.2, feeds)

    stand.site.serve = None
    await stand.after(24 * 60, feeds)
    state = await stand.state()
    assert (state.failures, state.detail, state.swept_at) == (0, "", stand.clock())


async def test_a_first_sweep_that_fails_is_still_the_first(stand):
    stand.failing(500)
    feeds = await begun(stand)
    stand.site.serve = None
    stand.site.show(an_entry("a", stand.clock))

    await stand.after(16, feeds)

    assert (stand.take.taken, await stand.known()) == ([], {"a": None})


@pytest.mark.parametrize(
    ("body", "headers", "detail"),
    [
        (b"<html>Sorry</html>", {}, "unreadable: 127.0.0.1: The feed cannot be read: it is neither"),
        (b"x" * (MOST_BYTES + 2), {}, "unreadable: 127.0.0.1: The feed has more than 5000000 bytes"),
        (
            gzip.compress(b"x" * (MOST_BYTES + 2)),
            PACKED,
            "unreadable: 127.0.0.1: The feed has more",
        ),
        (b"plain", PACKED, "unreadable: 127.0.0.1: The feed says that it is packed"),
    ],
)
async def test_what_is_no_feed_is_a_failure_with_a_reason(stand, body, headers, detail):
    stand.answering(body, **headers)

    await begun(stand)

    assert (await stand.state()).detail.startswith(detail)
    assert stand.counted("bridge_feed_sweeps_total", "failed") == 1


async def test_a_feed_that_is_packed_all_the_same_is_read(stand):
    stand.answering(gzip.compress(orjson.dumps({"items": [an_entry("a", stand.clock)]})), Content_Encoding="gzip")

    await begun(stand)

    assert (await stand.state()).failures == 0


async def test_a_server_that_is_slow_is_not_waited_for(stand):
    async def serve(_: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError("nobody waits")

    stand.site.serve = serve

    await begun(stand, given={"timeout_s": 0.05})

    assert (await stand.state()).detail.startswith("timeout")


async def test_redirects_are_followed_with_addresses_from_where_they_lead(stand):
    async def serve(request: web.Request) -> web.Response:
        if request.path == "/feed.json":
            return web.Response(status=301, headers={"Location": "/moved/"})
        body = orjson.dumps({"items": [an_entry("a", stand.clock, url="page")]})
        return web.Response(body=body)

    stand.site.serve = serve

    await begun(stand)

    page = stand.site.url.replace("http://", "url:").replace("feed.json", "moved/page")
    assert [row.id for row in await stand.store.objects("blog", ["a", page])] == ["a", page]


@pytest.mark.parametrize(
    ("location", "detail"),
    [
        ("", "redirect: 127.0.0.1 redirects to what is no address"),
        ("http://[", "redirect: 127.0.0.1 redirects to what is no address"),
        ("/feed.json", "redirect: more than 3 redirects, last to 127.0.0.1"),
        ("http://127.0.0.2/", "blocked_address: 127.0.0.2: 127.0.0.2 is not public; see network.allow"),
        ("ftp://127.0.0.1/", "insecure_url: 127.0.0.1: ftp is not allowed"),
    ],
)
async def test_redirects_lead_nowhere_else(stand, location, detail):
    stand.failing(302, **({"Location": location} if location else {}))

    await begun(stand)

    assert (await stand.state()).detail == detail


async def test_a_failure_of_ours_in_one_feed_is_a_failed_sweep(stand):
    def broken(_body: bytes, _kind: str, _url: str) -> Any:
        raise RecursionError

    with capture_logs() as lines:
        await begun(stand, given={"parse": broken})

    assert [line["event"] for line in lines] == ["feed.failed", "feed.swept"]
    assert (await stand.state()).detail == "internal: RecursionError"


async def test_one_line_tells_of_a_sweep_and_no_query(stand):
    feeds = stand.feeds(url=f"{stand.site.url}?token=s3cret")
    with capture_logs() as lines:
        await feeds.tick()
        stand.failing(500)
        await stand.after(15, feeds)

    told = [(line["event"], line["log_level"], line["source"], line["outcome"]) for line in lines]
    assert told == [("feed.swept", "info", "blog", "ok"), ("feed.swept", "warning", "blog", "failed")]
    assert (lines[1]["reason"], lines[1]["failures"], lines[1]["next_in_s"]) == ("server_error", 1, 900)
    assert "s3cret" not in repr(lines) + (await stand.state()).detail


async def test_nothing_is_read_where_there_is_no_feed(stand):
    await Feeds(stand.kit, stand.client, [], stand.take, parse).tick()

    assert stand.site.asked == []


async def test_a_database_that_refuses_puts_a_sweep_off(stand):
    flaky = Flaky(stand.store)
    stand.kit = replace(stand.kit, store=flaky)
    feeds = stand.feeds()
    flaky.lose["lease"] = [StoreBusy("busy")]
    with capture_logs() as lines:
        await feeds.tick()
    flaky.lose["objects"] = [StoreBusy("busy")]
    await feeds.tick()
    failed = await stand.state()

    await stand.after(1, feeds)

    assert [line["event"] for line in lines] == ["feed.not_swept"]
    assert (failed.failures, failed.detail, failed.swept_at) == (0, "internal: busy", None)
    assert (await stand.state()).swept_at == stand.clock()


async def test_an_object_that_a_hook_notes_in_between_does_not_end_the_sweep(stand):
    async def note(_: object) -> None:
        stand.kit.store.after.clear()
        await stand.store.record([Write(objects=(SourceObject("blog", "a", stand.clock(), event_id="evt_1"),))])

    stand.site.show(an_entry("a", stand.clock), an_entry("b", stand.clock))
    stand.kit = replace(stand.kit, store=Overtaken(stand.store, {"objects": note}, skip=1))

    await stand.feeds().tick()

    assert await stand.known() == {"a": "evt_1", "b": None}


async def test_two_that_end_the_same_sweep_do_not_both_count(stand):
    feeds = await begun(stand)
    before = await stand.state()

    async def sweep(_: object) -> None:
        state = await stand.state()
        await stand.store.record([Write(feeds=(replace(state, version=state.version + 1),))])

    stand.kit = replace(stand.kit, store=Overtaken(stand.store, {"objects": sweep}))
    stand.site.show(an_entry("a", stand.clock))
    await stand.after(15, stand.feeds())
    state = await stand.state()

    assert feeds.feeds.keys() == {"blog"}
    assert (state.swept_at, state.failures) == (before.swept_at, 0)
    assert state.detail.startswith("internal: another process sweeps")


async def test_a_process_that_comes_too_late_leaves_a_feed_alone(stand):
    async def sweep(_: object) -> None:
        stand.kit.store.after.clear()
        await Feeds(replace(stand.kit, store=stand.store), stand.client, followed, stand.take, parse).tick()

    followed = list(stand.feeds().feeds.values())
    stand.kit = replace(stand.kit, store=Overtaken(stand.store, {"feeds": sweep}))

    await stand.feeds().tick()

    assert len(stand.site.asked) == 1
