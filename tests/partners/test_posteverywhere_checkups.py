"""Early notices: accounts are asked more closely in turn, within the key's budget, and no failure spoils a listing."""

from datetime import timedelta

import httpx
import pytest

from bridge.core.model import AccountState, Listing
from bridge.partners.posteverywhere import PostEverywhere
from bridge.partners.posteverywhere.checkups import AT_ONCE, EVERY
from bridge.simulator.posteverywhere import LINKEDIN, PostEverywhereSimulator, X, app
from tests.partners.things import Clock, posteverywhere

pytestmark = pytest.mark.anyio


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sim(clock: Clock) -> PostEverywhereSimulator:
    return PostEverywhereSimulator(now=clock, general_per_minute=10_000)


@pytest.fixture
def partner(sim: PostEverywhereSimulator, clock: Clock) -> PostEverywhere:
    return posteverywhere(httpx.ASGITransport(app=app(sim)), clock)


def asked(sim: PostEverywhereSimulator) -> int:
    return len(sim.journal.of("health"))


def shown(listing: Listing, account: int) -> tuple[AccountState, str, bool]:
    return next((row.state, row.detail, row.thorough) for row in listing.accounts if row.id == str(account))


async def test_first_listing_asks_nothing_and_says_that_it_does_not_tell_all(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    listing = await partner.accounts()
    assert (asked(sim), shown(listing, X)) == (0, (AccountState.ACTIVE, "", False))


async def test_each_account_is_asked_once_an_hour_a_few_at_a_time(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    count = len((await partner.accounts()).accounts)
    for _ in range(count):
        before = asked(sim)
        await partner.accounts()
        assert asked(sim) - before <= AT_ONCE
    assert asked(sim) == count
    clock.at += EVERY
    await partner.accounts()
    assert asked(sim) == count + AT_ONCE


async def test_token_that_expires_soon_is_an_early_notice_and_a_dead_account_is_not_asked(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    sim.expire_soon(X, days=3)
    sim.expire(LINKEDIN)
    listings = [await partner.accounts() for _ in range(6)]
    notices = [shown(one, X) for one in listings if shown(one, X)[2]]
    assert notices == [(AccountState.DEGRADED, "its token expires within 7 days", True)]
    assert {shown(one, LINKEDIN)[0] for one in listings} == {AccountState.DISCONNECTED}


async def test_failed_question_spoils_no_listing(
    sim: PostEverywhereSimulator, partner: PostEverywhere, clock: Clock
) -> None:
    await partner.accounts()
    sim.fault("html_502", "health", times=-1)
    clock.at += timedelta(minutes=1)
    assert shown(await partner.accounts(), X)[0] is AccountState.ACTIVE
