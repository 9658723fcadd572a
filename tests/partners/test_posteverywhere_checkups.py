"""Early notices: accounts are asked more closely in turn, within the key's budget, and no failure spoils a listing."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import AccountState, Listed, Listing
from bridge.partners.posteverywhere import PostEverywhere
from bridge.partners.posteverywhere.checkups import AT_ONCE, EVERY, Checkups
from bridge.simulator.posteverywhere import LINKEDIN, PostEverywhereSimulator, X
from tests.partners.things import NOW, Clock

pytestmark = pytest.mark.anyio


@pytest.fixture
def sim(clock: Clock) -> PostEverywhereSimulator:
    return PostEverywhereSimulator(now=clock, general_per_minute=10_000)


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


# Accounts that are listed no more.


class Desk:
    """Lists accounts, and answers for each by itself: 404 for those in `gone`, a 5xx for those in `failing`."""

    def __init__(self) -> None:
        self.checkups = Checkups(self.ask, Clock())
        self.gone: set[str] = set()
        self.failing: set[str] = set()
        self.asked: list[str] = []

    async def ask(self, name: str) -> Listed:
        self.asked.append(name)
        if name in self.gone | self.failing:
            status = 404 if name in self.gone else 502
            raise PartnerError(FailureReason.NOT_FOUND, FailureClass.TERMINAL, status=status)
        return Listed(name, "x", f"user-{name}")

    async def lists(self, *names: str, scope: str = "organization:1", username: str = "user-") -> dict[str, str]:
        rows = tuple(Listed(name, "x", f"{username}{name}") for name in names)
        shown = await self.checkups.over(Listing(scope, rows, NOW))
        return {row.id: row.state.value for row in shown.accounts}


async def test_account_that_was_removed_is_listed_as_that_once(
    sim: PostEverywhereSimulator, partner: PostEverywhere
) -> None:
    for _ in range(2):
        await partner.accounts()
    sim.remove(X)
    listings = [await partner.accounts() for _ in range(3)]
    found = [[row for row in one.accounts if row.id == str(X)] for one in listings]
    assert [[(row.platform, row.state) for row in rows] for rows in found] == [[("x", AccountState.REMOVED)], [], []]


@pytest.mark.parametrize("answer", ["well", "failing"])
async def test_account_that_is_not_listed_and_not_known_to_be_removed_is_asked_once(answer: str) -> None:
    desk = Desk()
    await desk.lists("1", "2")
    await desk.lists("1", "2")
    desk.failing = {"2"} if answer == "failing" else set()
    before = len(desk.asked)
    assert [await desk.lists("1") for _ in range(3)] == [{"1": "active"}] * 3
    assert desk.asked[before:] == ["2"]


async def test_account_that_goes_again_is_asked_again() -> None:
    desk = Desk()
    for names in (("1", "2"), ("1", "2"), ("1",), ("1", "2")):
        await desk.lists(*names)
    desk.gone = {"2"}
    assert await desk.lists("1") == {"1": "active", "2": "removed"}


async def test_another_organisation_says_nothing_of_the_accounts_of_the_one_before() -> None:
    desk = Desk()
    await desk.lists("1", "2")
    await desk.lists("1", "2")
    desk.gone = {"1", "2"}
    assert [await desk.lists("3", scope="organization:2") for _ in range(2)] == [{"3": "active"}] * 2


async def test_server_that_has_never_answered_the_question_says_nothing_by_404() -> None:
    desk = Desk()
    desk.gone = {"1", "2"}
    await desk.lists("1", "2")
    assert [await desk.lists("1") for _ in range(2)] == [{"1": "active"}] * 2


async def test_account_that_came_back_under_another_id_was_replaced() -> None:
    desk = Desk()
    await desk.lists("1", "2", username="")
    await desk.lists("1", "2", username="")
    desk.gone = {"2"}
    row = Listed("3", "x", "2")
    shown = await desk.checkups.over(Listing("organization:1", (row,), NOW))
    assert {one.id for one in shown.accounts if one.state is AccountState.REMOVED} == set()
