"""Which posts that are not ours a Genviral key is asked for, how often, and what is told of them."""

from datetime import timedelta

import httpx
import pytest

from bridge.core.errors import PartnerError
from bridge.core.model import PostState
from bridge.partners.genviral import Genviral
from bridge.partners.genviral.reading import Pace, cursor_after, to_look_through
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, GenviralSimulator, app
from tests.partners.things import NOW, Clock, genviral, nobody, post

pytestmark = pytest.mark.anyio
EARLIER = "2025-01-20T11:00:00.000Z"


@pytest.fixture
def sim(clock: Clock) -> GenviralSimulator:
    return GenviralSimulator(now=clock)


@pytest.fixture
def partner(sim: GenviralSimulator, clock: Clock) -> Genviral:
    return genviral(httpx.ASGITransport(app=app(sim)), clock)


async def look(partner: Genviral, cursor: str | None = EARLIER, tracked=(), known=nobody):  # type: ignore[no-untyped-def]
    return await partner.read(tracked, cursor, 20, known=known, adopt=True)


def lists(sim: GenviralSimulator) -> int:
    return len([entry for entry in sim.journal if entry.operation == "list"])


def test_at_first_what_has_yet_to_go_is_listed_then_what_is_new() -> None:
    assert [filters for _, filters in to_look_through(None)] == [{"status": "scheduled"}, {"status": "pending"}]
    [(window, filters)] = to_look_through(EARLIER)
    assert (window.since, window.until, filters) == (NOW - timedelta(minutes=61), None, {})


@pytest.mark.parametrize(
    ("cursor", "shown", "after"),
    [
        (None, [], "2025-01-20T11:59:00.000Z"),
        (None, [{"created_at": EARLIER}], "2025-01-20T11:59:00.000Z"),
        (EARLIER, [], EARLIER),
        (EARLIER, [{"created_at": "2025-01-20T11:30:00Z"}, {"created_at": None}], "2025-01-20T11:30:00.000Z"),
        (EARLIER, [{"created_at": "2025-01-19T00:00:00Z"}], EARLIER),
    ],
)
def test_the_cursor_is_the_latest_creation_that_was_shown(cursor: str, shown: list[dict[str, str]], after: str) -> None:
    assert cursor_after(cursor, NOW, shown) == after


def test_a_pace_lets_through_once_in_its_time() -> None:
    pace = Pace(timedelta(minutes=1))
    times = (0, 30, 59, 60, 61, 119, 120)
    assert [second for second in times if pace.is_due(NOW + timedelta(seconds=second))] == [0, 60, 120]


async def test_a_stranger_is_told_with_its_content_and_rows(sim: GenviralSimulator, partner: Genviral) -> None:
    made = sim.seed_post("posted", accounts=[TIKTOK, INSTAGRAM], caption="by hand", tiktok={"privacy_level": "X"})
    [stranger] = (await look(partner)).strangers
    assert (stranger.snapshot.partner_id, stranger.snapshot.state) == (made.id, PostState.POSTED)
    assert {row.account for row in stranger.snapshot.targets} == {TIKTOK, INSTAGRAM}
    assert (stranger.content["caption"], stranger.content["tiktok"]) == ("by hand", {"privacy_level": "X"})


async def test_ours_are_no_strangers(sim: GenviralSimulator, partner: Genviral) -> None:
    made = sim.seed_post("posted", accounts=[TIKTOK])

    async def ours(ids):  # type: ignore[no-untyped-def]
        return {one: post(partner_id=one) for one in ids if one == made.id}

    assert (await look(partner, known=ours)).strangers == ()


async def test_a_minute_must_pass_between_two_looks(sim: GenviralSimulator, partner: Genviral, clock: Clock) -> None:
    first = await look(partner)
    again = await look(partner, first.cursor)
    clock.advance(seconds=60)
    await look(partner, again.cursor)
    assert (lists(sim), again.cursor) == (2, first.cursor)


async def test_without_being_asked_nothing_is_listed(sim: GenviralSimulator, partner: Genviral) -> None:
    reading = await partner.read((), "kept", 20, known=nobody)
    assert (reading.cursor, lists(sim)) == ("kept", 0)


async def test_a_look_that_fails_is_raised_unless_something_was_learnt(
    sim: GenviralSimulator, partner: Genviral, clock: Clock
) -> None:
    sim.fault("server_error", "list", times=2)
    with pytest.raises(PartnerError):
        await look(partner)
    made = sim.seed_post("pending", accounts=[TIKTOK])
    clock.advance(minutes=1)
    reading = await look(partner, tracked=(post(partner_id=made.id),))
    assert ([one.partner_id for one in reading.snapshots], reading.cursor) == ([made.id], EARLIER)
