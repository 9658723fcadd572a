"""Which calls read which posts: pages for what is scheduled, GETs for the rest, and what a page leaves out."""

from dataclasses import replace
from datetime import datetime, timedelta

import httpx
import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Post, PostState
from bridge.partners.genviral import Genviral
from bridge.partners.genviral.reading import PAGE, Wanted, Window
from bridge.simulator.genviral import TIKTOK, GenviralSimulator, app
from tests.partners.things import NOW, Clock, answering, command, genviral, nobody, post

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(days=1)


@pytest.fixture
def sim(clock: Clock) -> GenviralSimulator:
    return GenviralSimulator(now=clock)


@pytest.fixture
def partner(sim: GenviralSimulator, clock: Clock) -> Genviral:
    return genviral(httpx.ASGITransport(app=app(sim)), clock)


def scheduled(
    sim: GenviralSimulator, count: int, *, every_s: float = 1, name: str = "ours", status: str = "scheduled"
) -> list[Post]:
    """Store scheduled posts at the partner, and give them as we track them."""
    made = []
    for n in range(count):
        at = NOW + timedelta(seconds=n * every_s)
        given = {
            "id": f"{name}-{n}",
            "accounts": [TIKTOK],
            "scheduled_at": LATER.isoformat(),
            "created_at": at.isoformat(),
        }
        sim.seed_post(status, **given)
        state = PostState.SCHEDULED
        made.append(post(partner_id=f"{name}-{n}", state=state, scheduled_at=LATER, partner_created_at=at))
    return made


def calls(sim: GenviralSimulator) -> list[str]:
    return [entry.operation for entry in sim.journal]


async def test_scheduled_posts_are_read_a_page_at_a_time(sim: GenviralSimulator, partner: Genviral) -> None:
    tracked = scheduled(sim, 250)
    reading = await partner.read(tracked, None, 20, known=nobody)
    assert calls(sim) == ["list"] * 3
    assert {one.partner_id for one in reading.snapshots} == {one.partner_id for one in tracked}
    assert len(reading.snapshots) == 250


@pytest.mark.parametrize("count", [1, 2])
async def test_few_posts_are_not_worth_a_page(sim: GenviralSimulator, partner: Genviral, count: int) -> None:
    await partner.read(scheduled(sim, count), None, 20, known=nobody)
    assert calls(sim) == ["get"] * count


async def test_posts_in_flight_are_read_one_by_one(sim: GenviralSimulator, partner: Genviral) -> None:
    flying = [replace(one, state=PostState.PENDING) for one in scheduled(sim, 3, name="flying")]
    due = [replace(one, scheduled_at=NOW) for one in scheduled(sim, 3, name="due")]
    new = [replace(one, partner_created_at=None) for one in scheduled(sim, 3, name="new")]
    await partner.read([*flying, *due, *new], None, 20, known=nobody)
    assert calls(sim) == ["get"] * 9


async def test_most_due_is_read_first_whatever_it_takes(sim: GenviralSimulator, partner: Genviral) -> None:
    flying = [replace(one, state=PostState.PENDING) for one in scheduled(sim, 2, name="flying")]
    tracked = [flying[0], *scheduled(sim, 5), flying[1]]
    reading = await partner.read(tracked, None, 2, known=nobody)
    assert calls(sim) == ["get", "list"]
    assert len(reading.snapshots) == 6


async def test_post_that_a_page_does_not_show_is_read_by_get(sim: GenviralSimulator, partner: Genviral) -> None:
    tracked = scheduled(sim, 5)
    sim.world.set_post_status("ours-1", "canceled")
    del sim.world.posts["ours-3"]
    states = {one.partner_id: one.state for one in (await partner.read(tracked, None, 20, known=nobody)).snapshots}
    assert calls(sim) == ["list", "get", "get"]
    assert states["ours-1"] is PostState.CANCELED
    assert states["ours-3"] is PostState.VANISHED
    assert list(states.values()).count(PostState.SCHEDULED) == 3


async def test_foreign_posts_that_fill_a_page_end_the_paging(sim: GenviralSimulator, partner: Genviral) -> None:
    tracked = scheduled(sim, 4, every_s=1000)
    scheduled(sim, 2500, name="foreign")
    reading = await partner.read(tracked, None, 20, known=nobody)
    assert calls(sim) == ["list", "get", "get", "get"]
    assert {one.partner_id for one in reading.snapshots} == {one.partner_id for one in tracked}


async def test_a_hundred_posts_of_one_instant_end_the_paging(sim: GenviralSimulator, partner: Genviral) -> None:
    reading = await partner.read(scheduled(sim, 104, every_s=0), None, 20, known=nobody)
    assert calls(sim) == ["list", *["get"] * 4]
    assert len(reading.snapshots) == 104


async def test_failed_page_is_made_up_for_by_gets(sim: GenviralSimulator, partner: Genviral) -> None:
    sim.fault("server_error", "list")
    reading = await partner.read(scheduled(sim, 4), None, 20, known=nobody)
    assert calls(sim) == ["list", *["get"] * 4]
    assert len(reading.snapshots) == 4


async def test_page_that_the_key_may_not_have_is_raised(sim: GenviralSimulator, partner: Genviral) -> None:
    sim.fault("plan_lapsed", "list")
    with pytest.raises(PartnerError):
        await partner.read(scheduled(sim, 4), None, 20, known=nobody)


async def test_three_failures_in_a_row_end_the_reading(sim: GenviralSimulator, partner: Genviral) -> None:
    sim.fault("html_502", "get", times=-1)
    flying = [replace(one, state=PostState.PENDING) for one in scheduled(sim, 6)]
    reading = await partner.read(flying, None, 20, known=nobody)
    assert list(reading.failed.values()) == [FailureReason.SERVER_ERROR] * 3
    assert len(sim.journal) == 3


async def test_partner_that_cannot_be_reached_is_raised() -> None:
    def handle(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no")

    with pytest.raises(PartnerError) as caught:
        await genviral(httpx.MockTransport(handle), Clock()).read([post(partner_id="p1")], None, 5, known=nobody)
    assert caught.value.reason is FailureReason.CONNECT


@pytest.mark.parametrize(("body", "reason"), [({"ok": True, "data": {}}, "unreadable"), ({"ok": True}, "unreadable")])
async def test_answer_without_a_status_is_a_failed_read(body: dict[str, object], reason: str) -> None:
    reading = await genviral(answering(200, body), Clock()).read([post(partner_id="p1")], None, 5, known=nobody)
    assert reading.failed == {"p1": reason}


async def test_not_found_from_someone_else_is_no_absence() -> None:
    with pytest.raises(PartnerError) as caught:
        await genviral(answering(404, b"<html>"), Clock()).read([post(partner_id="p1")], None, 5, known=nobody)
    assert caught.value.key_wide


def page(count: int, at: datetime = NOW) -> list[dict[str, object]]:
    return [{"id": str(n), "created_at": at.isoformat()} for n in range(count)]


def test_window_writes_its_query() -> None:
    window = Window(NOW, NOW + timedelta(microseconds=1_500))
    assert window.params() == {"since": "2025-01-20T12:00:00.000Z", "until": "2025-01-20T12:00:00.001Z", "limit": "100"}
    assert Window(NOW).params() == {"since": "2025-01-20T12:00:00.000Z", "limit": "100"}


def test_window_ends_where_its_page_does() -> None:
    window = Window(NOW - timedelta(hours=1), NOW)
    assert window.before(page(PAGE - 1)) is None
    assert window.before(page(PAGE, NOW - timedelta(minutes=5))) == Window(
        window.since, NOW - timedelta(minutes=5) + timedelta(milliseconds=1)
    )
    assert window.before(page(PAGE)) == window
    assert window.before([{"id": "1"}] * PAGE) == window


def lost(at: datetime | None = None) -> Wanted:
    return Wanted("Hello ", frozenset({"a", "b"}), at)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({}, True),
        ({"caption": "Hello"}, True),
        ({"caption": "Other"}, False),
        ({"accounts": {"states": [{"account_id": "a"}]}}, False),
        ({"accounts": None}, False),
        ({"accounts": ["a", "b"]}, False),
        ({"accounts": {"states": ["a", "b"]}}, False),
        ({"scheduled_at": (NOW + timedelta(seconds=30)).isoformat()}, True),
        ({"scheduled_at": LATER.isoformat()}, False),
    ],
)
def test_lost_post_is_known_by_what_was_sent(changes: dict[str, object], found: bool) -> None:
    rows = {"states": [{"account_id": "b"}, {"account_id": "a"}]}
    data = {"caption": " Hello", "accounts": rows, "created_at": NOW.isoformat(), "scheduled_at": None} | changes
    assert lost().matches(data) is found
    assert lost(LATER).matches(data) is (data["scheduled_at"] == LATER.isoformat())


async def test_lost_post_without_kept_bytes_is_known_by_the_post() -> None:
    wanted = Wanted.of(None, post(scheduled_at=LATER))
    assert wanted == Wanted("Holiday drops", frozenset({TIKTOK}), LATER)


@pytest.mark.parametrize(
    ("ids", "found", "sure"), [("ab", True, True), ("a", True, False), ("bc", True, False), ("c", False, False)]
)
def test_what_was_only_planned_may_have_gone_to_some_of_its_accounts(ids: str, found: bool, sure: bool) -> None:
    wanted = Wanted("Hello", frozenset({"a", "b"}), None, planned=True)
    data = {"caption": "Hello", "accounts": {"states": [{"account_id": one} for one in ids]}}
    assert (wanted.matches(data), wanted.is_sure(data)) == (found, sure)


async def test_what_was_made_after_a_restore_is_not_looked_through(
    sim: GenviralSimulator, partner: Genviral, clock: Clock
) -> None:
    given = {"accounts": [TIKTOK], "caption": "Holiday drops"}
    for name, hours in (("between", 1), ("later", 3)):
        sim.seed_post("pending", id=name, created_at=(NOW + timedelta(hours=hours)).isoformat(), **given)
    clock.advance(hours=4)
    doubt = {"lost_at": (NOW + timedelta(hours=2)).isoformat(), "restored": {}}
    found = await partner.find(command(body=b"", sent_at=NOW, progress=doubt), post())
    assert [receipt.partner_id for receipt in found] == ["between"]


async def test_equal_posts_are_found_oldest_first(sim: GenviralSimulator, partner: Genviral) -> None:
    given = {"accounts": [TIKTOK], "caption": "Holiday drops"}
    for n in range(150):
        at = (NOW + timedelta(seconds=n)).isoformat()
        sim.seed_post("pending", id=f"p{n}", created_at=at, **given | ({} if n in (5, 140) else {"caption": "Other"}))
    sim.seed_post("pending", id="before", created_at=(NOW - timedelta(minutes=2)).isoformat(), **given)
    found = await partner.find(command(sent_at=NOW), post())
    assert [receipt.partner_id for receipt in found] == ["p5", "p140"]
    assert calls(sim) == ["list", "list"]


async def test_too_many_posts_to_look_through_is_no_absence(sim: GenviralSimulator, partner: Genviral) -> None:
    scheduled(sim, 101, every_s=0)
    with pytest.raises(PartnerError) as caught:
        await partner.find(command(sent_at=NOW), post())
    assert caught.value.failure is FailureClass.AMBIGUOUS


async def test_list_without_posts_is_no_absence() -> None:
    with pytest.raises(PartnerError) as caught:
        await genviral(answering(200, {"ok": True, "data": {}}), Clock()).find(command(sent_at=NOW), post())
    assert caught.value.reason is FailureReason.UNREADABLE


async def test_nothing_was_sent_so_nothing_is_found(partner: Genviral, sim: GenviralSimulator) -> None:
    assert await partner.find(command(), post()) == []
    assert calls(sim) == []
