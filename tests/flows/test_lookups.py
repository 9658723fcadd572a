"""Lookups: what a sender only named is fetched and taken once, however its API behaves; what cannot be had is told."""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from structlog.testing import capture_logs

from bridge import sources
from bridge.core.errors import Problem, StoreBusy
from bridge.core.lookups import LAGS_FOR, LEASE
from bridge.core.model import Endpoint, Event, Intent, Item, Lookup, PostState, Write
from bridge.core.rules import PublishRules
from bridge.flows import Book, Kit
from bridge.flows.lookups import MAX_ANSWER, MOST_CALLS, PER_SOURCE, Lookups
from bridge.net import GuardedClient
from bridge.ports import Acceptance, Call, Find
from bridge.sources.notion import NotionRules
from bridge.sources.prismic import PrismicRules
from bridge.sources.storyblok import StoryblokRules
from bridge.tracing import current
from tests.flows.sender_api import SenderApi, a_sender_api
from tests.flows.town import LOOPBACK, NOON, TIKTOK, VIDEO, Clock, Town
from tests.sources.thin import mac, sent

pytestmark = pytest.mark.anyio

RULES = PublishRules()
TOKEN = "the-token-of-the-api"
STORY, SPACE = "/cdn/stories/123", "/cdn/spaces/me"


@dataclass
class Taken:
    """Stands for ingest: keeps what it is handed, and stores what is to be stored with it."""

    store: Any
    items: list[tuple[str, Item, bytes]] = field(default_factory=list)
    raises: list[BaseException] = field(default_factory=list)

    async def take(self, source_name, items, *, body, content_type, write):
        assert content_type == "application/json"
        if self.raises:
            raise self.raises.pop(0)
        assert await self.store.record([write]) == [True]
        self.items += [(source_name, item, body) for item in items]


class Broken:
    """A source with a fault."""

    fetches = True

    def lookup(self, wanted, answers):
        raise KeyError(TOKEN)


class Endless:
    """A source that is never content."""

    fetches = True

    def __init__(self, base: str) -> None:
        self.base = base

    def lookup(self, wanted, answers):
        return Call(f"{self.base}{SPACE}")


@dataclass
class Desk:
    """Everything that takes part in a lookup, over a real store and a real server."""

    kit: Kit
    clock: Clock
    file: Any
    api: SenderApi
    client: GuardedClient
    given: Mapping[str, Any]
    taken: Taken
    lookups: Lookups

    async def wants(self, source: str, wanted: Mapping[str, Any], number: int = 1) -> str:
        """Store an event with its lookup."""
        event_id = f"evt_{number:04d}"
        at = self.clock() + timedelta(milliseconds=number)
        event = Event(event_id, source, f"source:{source}", None, None, "f", Intent.NEEDS_FETCH, at, "", b"{}", {})
        lookup = Lookup(id=event_id, source=source, wanted=wanted, due_at=self.clock(), created_at=self.clock())
        await self.kit.store.accept([Acceptance(event, Write(lookups=(lookup,)))], at)
        return event_id

    async def run(self) -> int:
        """Try everything that is due now, once."""
        claimed = await self.lookups.claim(8)
        for lookup in claimed:
            await self.lookups.act(lookup)
        return len(claimed)

    def row(self, event_id: str = "evt_0001") -> dict[str, Any]:
        with closing(sqlite3.connect(self.file)) as connection:
            connection.row_factory = sqlite3.Row
            return dict(connection.execute("SELECT * FROM lookups WHERE id = ?", (event_id,)).fetchone())

    async def due_in(self) -> timedelta | None:
        """How long until the one lookup is tried again; None when it has ended."""
        found = await self.kit.store.due_lookups(self.clock() + timedelta(days=30), 10)
        return found[0].due_at - self.clock() if found else None

    async def told(self) -> list[tuple[str, dict[str, Any]]]:
        found = await self.kit.store.find_deliveries(Find())
        events = [(await self.kit.store.delivery(one.id))[1] for one in found]
        return [(event.type, orjson.loads(event.body)["data"]) for event in events]

    def again(self, **given: Any) -> Lookups:
        """Another flow over the same store."""
        return Lookups(self.kit, self.client, self.given, self.taken.take, RULES, **given)


@pytest.fixture
async def desk(store, clock, file, shared_metrics) -> AsyncIterator[Desk]:
    numbers = iter(range(10**6))
    kit = Kit(
        store, {}, Book((), ()), shared_metrics, clock, lambda prefix: f"{prefix}_{next(numbers):06d}", lambda: 0.0
    )
    await store.record([Write(endpoints=(Endpoint("ops", "https://ops.example.com/hook", ("*",)),))])
    async with a_sender_api() as api, GuardedClient(allow=LOOPBACK, allow_http=True) as client:
        configs = {
            "storyblok": StoryblokRules(secret=("s",), token=TOKEN, api=f"{api.base}/cdn"),
            "prismic": PrismicRules(secret=("s",), token=TOKEN, api=f"{api.base}/prismic"),
            "notion": NotionRules(secret=("s",), token=TOKEN, api=f"{api.base}/notion"),
        }
        given: dict[str, Any] = {kind: sources.build(kind, kind, config) for kind, config in configs.items()}
        given |= {
            "broken": Broken(),
            "endless": Endless(api.base),
            "off": sources.build("off", "notion", NotionRules()),
        }
        taken = Taken(store)
        lookups = Lookups(kit, client, given, taken.take, RULES)
        yield Desk(kit, clock, file, api, client, given, taken, lookups)


async def test_what_is_fetched_is_of_the_trace_that_its_event_came_in(desk):
    context, found = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", []

    async def take(*given, **more):
        found.append(current())
        return await desk.taken.take(*given, **more)

    await desk.wants("storyblok", {"id": "123"})
    desk.lookups.take = take
    [lookup] = await desk.lookups.claim(8)
    await asyncio.create_task(desk.lookups.act(replace(lookup, traceparent=context)))

    assert (found, current()) == ([context], None)


async def test_a_story_is_fetched_and_taken(desk):
    await desk.wants("storyblok", {"id": "123"})

    assert (await desk.run(), await desk.run()) == (1, 0)
    [(source, item, body)] = desk.taken.items
    assert (source, item.intent, item.title) == ("storyblok", Intent.PUBLISH, "Holiday drops & more")
    assert orjson.loads(body)["story"]["id"] == 123
    assert [request.query["token"] for request in desk.api.asked] == [TOKEN, TOKEN]
    assert (desk.row()["state"], desk.row()["lease_until"], await desk.due_in()) == ("done", None, None)


async def test_a_document_is_fetched_and_taken_though_its_version_is_gone(desk):
    desk.api.says("/prismic/documents/search", 410, b'{"message":"Master ref is: YnewMasterRef"}')
    await desk.wants("prismic", {"id": "X6LUfBEAACIAnkzc", "ref": "old", "repository": "r"})
    await desk.run()

    assert [item.title for _, item, _ in desk.taken.items] == ["Example Page"]
    assert [request.query.get("ref") for request in desk.api.asked] == ["old", None, "YnewMasterRef"]
    assert {request.query["access_token"] for request in desk.api.asked} == {TOKEN}


async def test_a_page_is_fetched_and_taken(desk):
    await desk.wants("notion", {"id": "p1", "at": "2026-06-30T14:02:11.000Z"})
    await desk.run()

    assert [item.body for _, item, _ in desk.taken.items] == ["First\nBold and plain."]
    assert {request.headers["Authorization"] for request in desk.api.asked} == {f"Bearer {TOKEN}"}
    assert {request.headers["Notion-Version"] for request in desk.api.asked} == {"2026-03-11"}


async def test_what_is_not_there_yet_is_asked_for_again(desk):
    desk.api.says(STORY, 404, times=2)
    await desk.wants("storyblok", {"id": "123"})

    await desk.run()
    assert await desk.due_in() == RULES.backoff_first
    assert await desk.run() == 0
    for pause in (RULES.backoff_first, 2 * RULES.backoff_first):
        desk.clock.at += pause
        assert await desk.run() == 1
    assert (len(desk.taken.items), desk.row()["attempts"], desk.row()["reason"]) == (1, 3, None)


async def test_what_is_never_there_is_told_once_and_no_more_asked_for(desk):
    desk.api.says(STORY, 404, times=100)
    await desk.wants("storyblok", {"id": "123"})
    began = desk.clock()
    while (pause := await desk.due_in()) is not None:
        desk.clock.at += pause
        await desk.run()

    assert desk.clock() - began <= LAGS_FOR
    [(kind, data)] = await desk.told()
    assert (kind, data["reason"], data["event_id"]) == ("post.rejected", "not_found", "evt_0001")
    assert "answered 404" in data["error"]
    assert (desk.row()["state"], desk.row()["reason"]) == ("dead", "not_found")
    assert not desk.taken.items


@pytest.mark.parametrize(("status", "reason"), [(401, "unauthorized"), (402, "payment_required"), (403, "forbidden")])
async def test_a_credential_can_be_mended(desk, status, reason):
    desk.api.says(SPACE, status)
    await desk.wants("storyblok", {"id": "123"})

    await desk.run()
    assert (desk.row()["reason"], await desk.due_in()) == (reason, RULES.backoff_max)
    desk.clock.at += RULES.backoff_max
    await desk.run()
    assert len(desk.taken.items) == 1


async def test_a_credential_that_nobody_mends_is_told_at_last(desk):
    desk.api.says(SPACE, 401, times=2)
    await desk.wants("storyblok", {"id": "123"})
    await desk.run()
    desk.clock.at += RULES.give_up_after
    await desk.run()

    [(kind, data)] = await desk.told()
    assert (kind, data["reason"], desk.row()["state"]) == ("post.rejected", "unauthorized", "dead")
    assert "tried 2 times" in data["error"]


@pytest.mark.parametrize("wait", ["120", "Thu, 01 Jan 2026 12:02:00 GMT"])
async def test_the_api_says_when_to_come_back(desk, wait):
    desk.api.says(SPACE, 429, Retry_After=wait)
    await desk.wants("storyblok", {"id": "123"})
    await desk.run()

    assert desk.clock() == NOON
    assert (desk.row()["reason"], await desk.due_in()) == ("rate_limited", timedelta(minutes=2))


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"oops", "server_error"),
        (200, b"<html>soon back</html>", "unreadable"),
        (200, b'{"space":"' + b"x" * MAX_ANSWER + b'"}', "unreadable"),
        (301, b"", "redirect"),
        (422, b"{}", "client_error"),
    ],
    ids=["500", "garbage", "too much", "redirect", "422"],
)
async def test_a_bad_answer_is_no_end(desk, status, body, reason):
    desk.api.says(SPACE, status, body)
    await desk.wants("storyblok", {"id": "123"})
    await desk.run()

    assert (desk.row()["state"], desk.row()["reason"]) == ("due", reason)
    desk.clock.at += RULES.backoff_first
    await desk.run()
    assert len(desk.taken.items) == 1


async def test_an_api_that_hangs_is_left(desk):
    desk.api.plan[SPACE] = [None]
    await desk.wants("storyblok", {"id": "123"})
    hasty = desk.again(call_s=0.03)
    [lookup] = await hasty.claim(8)
    await hasty.act(lookup)

    assert (desk.row()["state"], desk.row()["reason"]) == ("due", "timeout")


async def test_an_address_that_is_not_allowed_is_not_asked(desk):
    await desk.wants("storyblok", {"id": "123"})
    async with GuardedClient(allow_http=True) as guarded:
        flow = Lookups(desk.kit, guarded, desk.given, desk.taken.take, RULES)
        [lookup] = await flow.claim(8)
        await flow.act(lookup)

    assert (desk.row()["reason"], await desk.due_in()) == ("blocked_address", RULES.backoff_max)
    assert not desk.api.asked


@pytest.mark.parametrize(("source", "reason"), [("gone", "not_allowed_now"), ("off", "not_allowed_now")])
async def test_a_source_that_may_not_ask_waits_for_a_person(desk, source, reason):
    await desk.wants(source, {"id": "p1"})
    await desk.run()

    assert (desk.row()["reason"], await desk.due_in()) == (reason, RULES.backoff_max)


async def test_a_fault_of_ours_is_one_more_failed_try(desk):
    await desk.wants("broken", {})
    with capture_logs() as logs:
        await desk.run()

    assert (desk.row()["state"], desk.row()["reason"], desk.row()["detail"]) == ("due", "internal", "KeyError")
    assert [line["event"] for line in logs] == ["lookup.failed", "lookup.tried"]


async def test_a_lookup_does_not_go_on_for_ever(desk):
    await desk.wants("endless", {})
    await desk.run()

    assert (desk.row()["reason"], len(desk.api.asked)) == ("unreadable", MOST_CALLS)


async def test_each_lookup_is_one_flows_alone(desk):
    await desk.wants("storyblok", {"id": "123"})
    mine, theirs = await asyncio.gather(desk.lookups.claim(8), desk.again().claim(8))

    assert len(mine) + len(theirs) == 1


async def test_one_source_does_not_keep_the_others_waiting(desk):
    for number in range(1, 6):
        await desk.wants("storyblok", {"id": "123"}, number)
    await desk.wants("notion", {"id": "p1"}, 6)
    claimed = await desk.lookups.claim(8)

    assert [lookup.source for lookup in claimed] == ["storyblok"] * PER_SOURCE + ["notion"]
    assert await desk.lookups.claim(8) == []
    await desk.lookups.act(claimed[0])
    assert [lookup.id for lookup in await desk.lookups.claim(8)] == ["evt_0003"]


async def test_a_long_queue_of_a_busy_source_hides_nobody(desk):
    await asyncio.gather(*(desk.wants("storyblok", {"id": str(number)}, number) for number in range(1, 131)))
    desk.clock.at += timedelta(seconds=1)
    await desk.wants("notion", {"id": "p1"}, 131)

    claimed = [*await desk.lookups.claim(8), *await desk.lookups.claim(8)]

    assert [lookup.source for lookup in claimed] == ["storyblok"] * PER_SOURCE + ["notion"]


@pytest.mark.parametrize("stop", [asyncio.CancelledError(), StoreBusy("locked")])
async def test_what_stops_between_the_fetch_and_its_end_is_done_again_and_taken_once(desk, stop):
    desk.taken.raises.append(stop)
    await desk.wants("storyblok", {"id": "123"})
    [lookup] = await desk.lookups.claim(8)
    try:
        await desk.lookups.act(lookup)
    except asyncio.CancelledError:
        assert isinstance(stop, asyncio.CancelledError)

    assert await desk.run() == 0
    desk.clock.at += LEASE + timedelta(seconds=1)
    assert await desk.run() == 1
    assert len(desk.taken.items) == 1
    assert (desk.row()["state"], desk.row()["attempts"]) == ("done", 2)


async def test_who_comes_too_late_changes_nothing(desk):
    desk.api.says(SPACE, 500)
    await desk.wants("storyblok", {"id": "123"})
    [slow] = await desk.lookups.claim(8)
    desk.clock.at += LEASE + timedelta(seconds=1)
    other = desk.again()
    [lookup] = await other.claim(8)
    await desk.lookups.act(slow)
    await other.act(lookup)

    assert (desk.row()["state"], len(desk.taken.items)) == ("done", 1)


async def test_what_cannot_be_taken_now_is_taken_later(desk):
    desk.taken.raises.append(Problem(503, "draining", "This process is stopping.", retry_after=timedelta(seconds=30)))
    await desk.wants("storyblok", {"id": "123"})
    await desk.run()

    assert (desk.row()["state"], await desk.due_in()) == ("due", timedelta(seconds=30))
    desk.clock.at += timedelta(seconds=30)
    await desk.run()
    assert len(desk.taken.items) == 1


async def test_each_try_is_told_in_one_line_without_a_secret(desk):
    desk.api.says(SPACE, 500, f'{{"token":"{TOKEN}"}}'.encode())
    await desk.wants("storyblok", {"id": "123"})
    with capture_logs() as logs:
        await desk.run()
        desk.clock.at += RULES.backoff_first
        await desk.run()

    assert [(line["event"], line["log_level"], line["attempt"], line["outcome"]) for line in logs] == [
        ("lookup.tried", "warning", 1, "later"),
        ("lookup.tried", "info", 2, "done"),
    ]
    assert TOKEN not in repr(logs) + repr(desk.row())


async def test_tries_are_counted(desk, metrics):
    desk.lookups.kit = desk.kit = replace(desk.kit, metrics=metrics)
    desk.api.says(STORY, 404, times=1)
    desk.api.says(STORY, 404, times=1)
    await desk.wants("blog", {"id": "123"})
    desk.lookups.sources = {"blog": desk.given["storyblok"]}
    await desk.run()
    desk.clock.at += LAGS_FOR
    await desk.run()
    await desk.wants("blog", {"id": "123"}, 2)
    await desk.run()

    counted = metrics._registry.get_sample_value
    assert [
        counted("bridge_lookups_total", {"source": "blog", "outcome": one}) for one in ("later", "dead", "done")
    ] == [1, 1, 1]
    assert counted("bridge_transitions_total", {"type": "post.rejected"}) == 1


# --- From the webhook to the partner ---------------------------------------------------------------------------------


@dataclass
class Blog:
    """A town with a Storyblok space, whose process can be stopped around the moment an item is taken."""

    town: Town
    api: SenderApi
    lookups: Lookups
    stop_before: int = 0
    stop_after: int = 0

    async def take(self, *args, **given):
        if self.stop_before:
            self.stop_before -= 1
            raise asyncio.CancelledError
        await self.town.ingest.take(*args, **given)
        if self.stop_after:
            self.stop_after -= 1
            raise asyncio.CancelledError

    async def says(self, file: str = "published"):
        """Hand in a webhook, signed; the clock goes on by a second."""
        self.town.clock.move(seconds=1)
        body = sent(f"storyblok/{file}.json")
        return await self.town.receive("blog", self.town.hook(body, webhook_signature=mac("s3cret", body, "sha1")))

    async def run(self):
        """Try what is due, as a new process would."""
        flow = Lookups(self.town.kit, self.lookups.client, self.town.ingest.sources, self.take, RULES)
        for lookup in await flow.claim(8):
            with contextlib.suppress(asyncio.CancelledError):
                await flow.act(lookup)
        await self.town.work()


@pytest.fixture
async def blog(build_town) -> AsyncIterator[Blog]:
    async with a_sender_api() as api, GuardedClient(allow=LOOPBACK, allow_http=True) as client:
        rules = StoryblokRules(
            secret=("s3cret",),
            token=TOKEN,
            api=f"{api.base}/cdn",
            site="https://brand.example.com",
            accounts=("brand-tiktok",),
            caption="{{ title }} {{ url }}",
            media_default={"type": "video", "url": VIDEO},
            media=(),
        )
        town = await build_town(hooks={"blog": ("storyblok", rules)})
        made = Blog(town, api, Lookups(town.kit, client, town.ingest.sources, town.ingest.take, RULES))
        yield made


async def test_a_webhook_that_only_names_a_story_becomes_one_post(blog):
    result = await blog.says()

    assert (result.intent, result.posts) == (Intent.NEEDS_FETCH, ())
    assert not blog.api.asked
    await blog.run()
    [post] = await blog.town.store.find_posts(Find())
    assert post.content["caption"] == "Holiday drops & more https://brand.example.com/blog/holiday-drops"
    assert ([target.account for target in post.targets], post.state) == ([TIKTOK], PostState.PENDING)
    assert len(blog.town.wire.creates) == 1


@pytest.mark.parametrize("stops", [{"stop_before": 1}, {"stop_after": 1}, {"stop_before": 2, "stop_after": 1}])
async def test_a_process_that_stops_there_makes_one_post(blog, stops):
    vars(blog).update(stops)
    await blog.says()
    for _ in range(4):
        await blog.run()
        blog.town.clock.move(seconds=LEASE.total_seconds() + 1)

    assert len(blog.town.wire.creates) == 1
    assert await blog.town.store.due_lookups(blog.town.clock() + timedelta(days=30), 10) == []


async def test_the_same_version_named_twice_is_one_post(blog):
    await blog.says()
    await blog.says()
    await blog.run()

    assert len(blog.town.wire.creates) == 1
    assert await blog.town.store.due_lookups(blog.town.clock() + timedelta(days=30), 10) == []


async def test_a_story_that_cannot_be_had_is_told_of_its_event(blog):
    blog.api.says(STORY, 404)
    event_id = (await blog.says()).accepted.event_id
    blog.town.clock.move(minutes=11)
    await blog.run()

    assert await blog.town.told() == ["post.rejected"]
    [told] = await blog.town.store.find_deliveries(Find())
    assert told.subject == f"event:{event_id}"


async def test_a_lease_goes_by_the_stores_clock_whatever_the_process_takes_for_now(desk):
    await desk.wants("storyblok", {"id": "123"})
    desk.lookups.kit = replace(desk.kit, clock=lambda: desk.clock() - LEASE)
    desk.clock.move(seconds=LEASE.total_seconds() + 1)

    assert len(await desk.lookups.claim(8)) == 1
    assert await desk.again().claim(8) == []
