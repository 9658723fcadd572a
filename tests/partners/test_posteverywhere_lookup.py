"""A PostEverywhere create whose answer was lost: which posts may be it, and how the vendor is asked for them."""

from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import orjson
import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError, TooManyPosts
from bridge.core.model import Command, Post
from bridge.partners.posteverywhere import PostEverywhere
from bridge.partners.posteverywhere.likeness import Fit, Wanted, text_fit
from bridge.partners.posteverywhere.lookup import BEHIND, FARTHEST
from bridge.ports import Send
from bridge.simulator.posteverywhere import LINKEDIN, PostEverywhereSimulator, X, app
from tests.partners.sending import TEXT, operations, ours, published_id, send
from tests.partners.things import NOW, Clock, answering, command, posteverywhere

pytestmark = pytest.mark.anyio

SOON = NOW + timedelta(hours=2)
NO, PERHAPS, YES = Fit.NO, Fit.PERHAPS, Fit.YES


async def lose(sim: PostEverywhereSimulator, partner: PostEverywhere, made: Post) -> Command:
    """Send a create whose answer is lost; give the command as it is then."""
    sim.fault("stored_then_dropped", "create")
    with pytest.raises(PartnerError):
        await send(partner, command(), made)
    built = partner.build(command(), made, NOW)
    assert isinstance(built, Send)
    return command(body=built.body, sent_at=NOW)


# Which posts may be it.


@pytest.mark.parametrize(
    ("sent", "shown", "fit"),
    [
        ("Hi  there", "Hi there ", YES), ("Hi", "Ho", NO), ("", "", YES),
        ("Cafe\u0301 time", "Caf\u00e9 time", YES),
        ("New drop \U0001f389!", "New drop!", PERHAPS), ("It's on", "It\u2019s on", PERHAPS),
        ("Tom & Jerry", "Tom &amp; Jerry", PERHAPS),
        ("See https://example.com/a?b=c now", "See https://pe.link/x now", PERHAPS),
        ("See example.com/a now", "See now", PERHAPS),
        (TEXT, TEXT[:40] + "\u2026", PERHAPS), ("Sale 1", "Sale 10", NO), ("\U0001f389", "\U0001f525", PERHAPS),
    ],
)  # fmt: skip
def test_texts_are_compared_with_what_a_vendor_may_have_made_of_them(sent: str, shown: str, fit: Fit) -> None:
    assert text_fit(sent, shown) is fit


@pytest.mark.parametrize(
    ("sent", "data", "fit"),
    [
        ({"content": "Hi  there"}, {"content": "Hi there "}, YES), ({"content": "Hi"}, {"content": "Ho"}, NO),
        ({"content": "Hi"}, {"content": "Hi", "account_ids": ["2"]}, NO),
        ({"content": "Hi"}, {"content": "Hi", "account_ids": ["1"]}, YES),
        ({"content": "Hi"}, {"content": "Hi", "account_ids": None}, PERHAPS),
        ({"content": "Hi"}, {"content": "Hi", "account_ids": [], "destinations": [{"social_account_id": 1}]}, YES),
        ({"content": "Hi"}, {"content": ""}, NO), ({"content": "Hi"}, {}, PERHAPS), ({}, {"content": "Hi"}, NO),
        ({"content": "Hi"}, {"content": "", "platform_content": {"x": {"content": "Hi"}}}, YES),
        ({"platform_content": {"x": {"content": "Own"}}}, {"platform_content": {"x": {"content": "Own"}}}, YES),
        ({"platform_content": {"x": {"content": "Own"}}}, {"platform_content": {"x": {"content": "Other"}}}, NO),
        ({"platform_content": {"x": {"content": "Own"}}}, {"content": "Own"}, YES),
        ({"content": "Hi", "scheduled_for": "2025-02-01T15:00:00Z"}, {"content": "Hi"}, PERHAPS),
        ({"platform_content": {"x": {"settings": {"a": 1}}}}, {"platform_content": {"x": {"settings": "a"}}}, PERHAPS),
        ({"content": "Hi", "scheduled_for": "2025-02-01T15:00:00Z"},
         {"content": "Hi", "scheduled_at": "2025-02-01T15:00:00.000Z"}, YES),
        ({"content": "Hi"}, {"content": "Hi", "scheduled_for": NOW.isoformat()}, YES),
        ({"content": "Hi"}, {"content": "Hi", "scheduled_for": SOON.isoformat()}, NO),
    ],
)  # fmt: skip
def test_lost_post_is_known_by_what_was_sent(sent: dict[str, Any], data: dict[str, Any], fit: Fit) -> None:
    wanted = Wanted.of(orjson.dumps({"account_ids": [1]} | sent))
    assert wanted.fit({"account_ids": [1], "created_at": NOW.isoformat()} | data) is fit


@pytest.mark.parametrize(
    ("sent", "data", "fit"),
    [
        (["a"], {"media_ids": ["a"]}, YES), (["a", "b"], {"media_ids": ["b", "a"]}, YES),
        (["a"], {"media_ids": ["b"]}, NO), ([], {"media_ids": ["b"]}, NO), (["a"], {}, YES),
        (["a"], {"media_ids": []}, PERHAPS), (["a"], {"media_ids": [], "media": [{"media_id": "a"}]}, YES),
        (["a"], {"media": [{"id": "b"}]}, NO), ([], {"media_ids": [], "media": []}, YES),
    ],
)  # fmt: skip
def test_other_media_are_another_post(sent: list[str], data: dict[str, Any], fit: Fit) -> None:
    wanted = Wanted.of(orjson.dumps({"account_ids": [1], "content": "Hi", "media_ids": sent}))
    assert wanted.fit({"account_ids": [1], "content": "Hi"} | data) is fit


@pytest.mark.parametrize(
    ("shown", "fit"),
    [
        ({}, PERHAPS), ({"youtube": {"settings": {"title": "T", "tags": ["a"], "made_for_kids": False}}}, YES),
        ({"youtube": {"settings": {"title": " t", "tags": ["a"]}}}, YES),
        ({"youtube": {"settings": {"title": "T", "tags": ["b"]}}}, PERHAPS),
        ({"youtube": {"settings": {"title": "T"}}}, PERHAPS), (None, YES),
    ],
)  # fmt: skip
def test_other_settings_leave_a_doubt_and_what_is_filled_in_none(shown: Any, fit: Fit) -> None:
    sent = {"youtube": {"settings": {"title": "T", "tags": ["a"]}}}
    wanted = Wanted.of(orjson.dumps({"account_ids": [1], "content": "Hi", "platform_content": sent}))
    assert wanted.fit({"account_ids": [1], "content": "Hi", "platform_content": shown}) is fit


@pytest.mark.parametrize("scheduled_at", [None, SOON])
async def test_equal_posts_are_found_oldest_first_and_others_not(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, scheduled_at: Any
) -> None:
    lost = await lose(sim, partner, ours(X, LINKEDIN, scheduled_at=scheduled_at))
    [first] = sim.world.posts
    clock.advance(seconds=5)
    twin = await published_id(partner, ours(LINKEDIN, X, scheduled_at=scheduled_at))
    changed = await published_id(partner, ours(X, LINKEDIN, scheduled_at=scheduled_at, content={"caption": TEXT + "!"}))
    for other in (
        ours(X, scheduled_at=scheduled_at),
        ours(X, LINKEDIN, scheduled_at=SOON + timedelta(hours=1)),
        ours(X, LINKEDIN, scheduled_at=scheduled_at, content={"caption": "Other"}),
    ):
        await published_id(partner, other)
    clock.advance(seconds=10)
    found = await partner.find(lost, ours(X, LINKEDIN))
    assert [(one.partner_id, one.sure) for one in found] == [(first, True), (twin, True), (changed, False)]


async def test_nothing_was_sent_so_nothing_is_found(sim: PostEverywhereSimulator, partner: PostEverywhere) -> None:
    assert await partner.find(command(), ours()) == []
    assert operations(sim) == []


# How the vendor is asked.


async def test_lost_create_is_found_behind_many_others(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    lost = await lose(sim, partner, ours())
    [wanted] = sim.world.posts
    for n in range(150):
        sim.seed_post(
            "scheduled", content=f"Other {n}", account_ids=[X], created_at=clock.advance(seconds=1).isoformat()
        )
    found = await partner.find(lost, ours())
    assert [receipt.partner_id for receipt in found] == [wanted]


async def test_look_stops_where_older_posts_begin(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    for n in range(300):
        sim.seed_post("published", content=TEXT, account_ids=[X], created_at=f"2024-01-01T00:{n // 60:02}:{n % 60:02}Z")
    lost = await lose(sim, partner, ours())
    clock.advance(seconds=10)
    assert len(await partner.find(lost, ours())) == 1


@pytest.mark.slow
async def test_too_many_posts_to_look_through_is_no_absence(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    """What the search for its words finds counts nevertheless."""
    for n in range(2001):
        sim.seed_post("published", content=f"Other {n}", account_ids=[X], created_at=NOW.isoformat())
    lost = await lose(sim, partner, ours())
    [found] = [one.id for one in sim.world.posts.values() if one.content == TEXT]
    clock.advance(seconds=10)
    assert [one.partner_id for one in await partner.find(lost, ours())] == [found]
    del sim.world.posts[found]
    with pytest.raises(TooManyPosts):
        await partner.find(lost, ours())


async def test_what_was_made_after_a_restore_is_not_looked_through(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    await lose(sim, partner, ours())
    clock.advance(hours=3)
    for n in range(2001):
        sim.seed_post("published", content=f"Other {n}", account_ids=[X], created_at=clock().isoformat())
    doubt = {"lost_at": (NOW + timedelta(hours=2)).isoformat(), "restored": {}}
    found = await partner.find(command(body=b"", sent_at=NOW - timedelta(hours=1), progress=doubt), ours())
    assert len(found) == 1


@pytest.mark.parametrize("seconds", [-1200, -90, 0, 90, 1200])
async def test_clock_of_the_vendor_may_be_far_from_ours_at_both_ends(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock, seconds: int
) -> None:
    sim.world.offset = timedelta(seconds=seconds)
    await lose(sim, partner, ours())
    clock.advance(hours=1)
    doubt = {"lost_at": NOW.isoformat(), "restored": {}}
    assert len(await partner.find(command(body=b"", sent_at=NOW, progress=doubt), ours())) == 1


@pytest.mark.parametrize(
    ("shown", "fit"),
    [
        ({}, YES), ({"account_ids": ["1"]}, PERHAPS), ({"account_ids": ["1", "2", "3"]}, PERHAPS),
        ({"account_ids": ["3"]}, NO), ({"media_ids": ["b"]}, PERHAPS), ({"media_ids": ["b", "c"]}, PERHAPS),
        ({"media_ids": []}, PERHAPS), ({"content": "Ho"}, NO),
    ],
)  # fmt: skip
def test_what_was_only_planned_may_have_gone_with_other_media_and_to_some_accounts(shown: Any, fit: Fit) -> None:
    planned = {"account_ids": [1, 2], "content": "Hi", "media_ids": ["a"]}
    wanted = Wanted.of(orjson.dumps(planned), planned=True)
    data = {"account_ids": ["2", "1"], "content": "Hi", "media_ids": ["a"], "created_at": NOW.isoformat()}
    assert wanted.fit(data | shown) is fit


async def test_server_that_ignores_the_questions_shows_older_posts_that_are_not_it() -> None:
    times = enumerate([NOW, NOW - 2 * BEHIND])
    rows = [{"id": n, "content": "Hi", "account_ids": [1], "created_at": at.isoformat()} for n, at in times]
    partner = posteverywhere(answering(200, {"data": {"posts": rows}}), Clock())
    found = await partner.find(command(body=b'{"account_ids":[1],"content":"Hi"}', sent_at=NOW), ours())
    assert [one.partner_id for one in found] == ["0"]


@pytest.mark.parametrize("says", ["meta", "date", "nothing"])
@pytest.mark.parametrize("seconds", [-1200, -90, 0, 90])
async def test_clock_of_the_vendor_may_be_far_from_ours(
    sim: PostEverywhereSimulator, clock: Clock, says: str, seconds: int
) -> None:
    """One that says nowhere where it stands is taken to be within ten minutes."""
    sim.world.offset = timedelta(seconds=seconds)
    partner = posteverywhere(Silent(sim, says), clock)
    lost = await lose(sim, partner, ours())
    clock.advance(seconds=10)
    known = says != "nothing" or seconds > -600
    assert len(await partner.find(lost, ours())) == (1 if known else 0)


class Silent(httpx.ASGITransport):
    """Takes the vendor's clock out of its answers, but for the place where it may say it."""

    def __init__(self, sim: PostEverywhereSimulator, says: str) -> None:
        super().__init__(app=app(sim))
        self.sim, self.says = sim, says

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        body = orjson.loads(await response.aread())
        if self.says != "meta":
            body.pop("meta", None)
        headers = {"date": format_datetime(self.sim.world.now(), usegmt=True)} if self.says == "date" else {}
        return httpx.Response(response.status_code, content=orjson.dumps(body), headers=headers)


@pytest.mark.parametrize("retryable", [True, False, None])
async def test_schedule_that_passed_on_its_way_is_never_in_doubt(clock: Clock, retryable: bool | None) -> None:
    error = {"code": "past_schedule_time", "message": "must be in the future", "retryable": retryable}
    partner = posteverywhere(answering(400, {"data": None, "error": error}), clock)
    with pytest.raises(PartnerError) as caught:
        await send(partner, command(calls=4), ours())
    assert (caught.value.failure, caught.value.maybe_stored) == (FailureClass.RETRYABLE, False)


async def test_clock_that_is_said_to_be_far_from_any_is_not_believed(clock: Clock) -> None:
    old = (NOW - 2 * FARTHEST).isoformat()
    row = {"id": "p", "content": "Hi", "account_ids": [1], "created_at": old}
    body = {"data": {"posts": [row]}, "meta": {"timestamp": "1970-01-01T00:00:00Z"}}
    partner = posteverywhere(answering(200, body), clock)
    assert await partner.find(command(body=b'{"account_ids":[1],"content":"Hi"}', sent_at=NOW), ours()) == []


@pytest.mark.parametrize(("refused", "found"), [("search=", 1), ("created_after=", None)])
async def test_question_that_is_refused_is_left_to_the_other(
    sim: PostEverywhereSimulator, clock: Clock, refused: str, found: int | None
) -> None:
    partner = posteverywhere(Strict(sim, refused), clock)
    lost = await lose(sim, partner, ours())
    if found is not None:
        assert len(await partner.find(lost, ours())) == found
        return
    with pytest.raises(PartnerError) as caught:
        await partner.find(lost, ours())
    assert caught.value.reason is FailureReason.INVALID


class Strict(httpx.ASGITransport):
    """Refuses questions that have something in them."""

    def __init__(self, sim: PostEverywhereSimulator, refused: str) -> None:
        super().__init__(app=app(sim))
        self.refused = refused

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.refused in str(request.url):
            return httpx.Response(400, json={"data": None, "error": {"code": "validation_error", "message": "No"}})
        return await super().handle_async_request(request)
