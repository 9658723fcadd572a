"""Watch, with a partner that tells of a change once: what is read when that is not enough."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bridge.core.model import AccountState, PostState
from bridge.ports import Hint
from bridge.simulator.posteverywhere import X
from tests.flows.town import Town
from tests.flows.vendor import Vendor, a_vendor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ACCOUNT = str(X)
BUSY = {"kind": "fail", "text": "Service unavailable (503)"}


@pytest.fixture
async def vendor(town: Town) -> AsyncIterator[Vendor]:
    async with a_vendor(town) as made:
        yield made


async def sent(vendor: Vendor) -> str:
    post_id = await vendor.wish(accounts=[ACCOUNT], caption="one")
    await vendor.town.work()
    return post_id


async def scheduled(vendor: Vendor, hours: int = 5) -> str:
    """A post that is known to be scheduled."""
    at = vendor.town.clock() + timedelta(hours=hours)
    post_id = await vendor.wish(accounts=[ACCOUNT], caption="one", scheduled_at=at.isoformat())
    await vendor.town.work()
    await pass_by(vendor, 10)
    return post_id


async def pass_by(vendor: Vendor, minutes: int, *, step: int = 5, ticks: int = 1) -> None:
    """Let time go by, in steps of minutes in which the partner's worker runs so often."""
    for _ in range(0, minutes, step):
        vendor.town.clock.move(minutes=step)
        vendor.sim.tick(ticks)
        await vendor.town.tick()


async def forget(vendor: Vendor, post_id: str) -> str:
    """Let the partner lose a post without a word, and give its id there."""
    partner_id = (await vendor.town.post(post_id)).partner_id or ""
    vendor.sim.world.forget(vendor.sim.world.posts[partner_id])
    vendor.town.clock.move(seconds=30)
    return partner_id


async def test_news_of_a_post_that_no_sweep_shows_has_it_read(town: Town, vendor: Vendor) -> None:
    post_id = await scheduled(vendor)
    partner_id = await forget(vendor, post_id)
    await town.watcher.look(Hint("two", (partner_id,)))
    assert (await town.post(post_id)).state is PostState.VANISHED


async def test_news_whose_read_failed_is_followed_by_the_next_tick(town: Town, vendor: Vendor) -> None:
    post_id = await scheduled(vendor)
    partner_id = await forget(vendor, post_id)
    vendor.sim.fault("server_error", "get")
    await town.watcher.look(Hint("two", (partner_id,)))
    assert (await town.post(post_id)).state is PostState.SCHEDULED
    await pass_by(vendor, 1, step=1)
    assert (await town.post(post_id)).state is PostState.VANISHED


async def test_post_that_was_gone_when_it_was_to_be_canceled_is_canceled(town: Town, vendor: Vendor) -> None:
    post_id = await scheduled(vendor)
    await forget(vendor, post_id)
    await town.actions.cancel(post_id, ())
    await town.work()
    await pass_by(vendor, 1, step=1)
    assert (await town.post(post_id)).state is PostState.CANCELED


async def test_announced_retry_that_never_comes_is_a_failure(town: Town, vendor: Vendor) -> None:
    vendor.sim.script(X, BUSY)
    post_id = await sent(vendor)
    for _ in range(2):
        town.clock.move(seconds=30)
        vendor.sim.tick()
    await pass_by(vendor, 8, step=1, ticks=0)
    assert "target.failed" in await town.events(post_id)


@pytest.mark.parametrize(("contract", "failures"), [("new", 4), ("old", 4), ("sdk", 2)])
async def test_each_failure_after_a_retry_of_ours_is_seen(town: Town, contract: str, failures: int) -> None:
    async with a_vendor(town, contract=contract, auto_retries=0) as vendor:
        vendor.sim.script(X, *[BUSY] * 9)
        post_id = await sent(vendor)
        await pass_by(vendor, 200, step=10, ticks=3)
        assert (await town.post(post_id)).gave_up
        assert (await town.events(post_id)).count("target.failed") == failures


@pytest.mark.parametrize("contract", ["new", "old", "sdk"])
async def test_post_that_never_goes_out_is_stuck(town: Town, contract: str) -> None:
    async with a_vendor(town, contract=contract) as vendor:
        post_id = await sent(vendor)
        await pass_by(vendor, 45, ticks=0)
        assert (await town.events(post_id)).count("post.stuck") == 1


async def test_new_time_that_the_partner_does_not_go_by_is_told(town: Town) -> None:
    async with a_vendor(town, patch_propagates=False) as vendor:
        post_id = await scheduled(vendor)
        before = (await town.post(post_id)).scheduled_at
        await town.actions.edit(post_id, {"scheduled_at": (town.clock() + timedelta(hours=9)).isoformat()}, ())
        await town.work()
        [warning] = (await town.data(post_id, "post.updated"))["warnings"]
        assert warning["code"] == "SCHEDULE_NOT_TAKEN"
        await pass_by(vendor, 20)
        assert (await town.post(post_id)).scheduled_at == before


async def test_account_that_was_removed_at_the_partner_is_removed(town: Town, vendor: Vendor) -> None:
    await pass_by(vendor, 1, step=1)
    vendor.sim.remove(X)
    await pass_by(vendor, 5, step=1)
    [account] = [one for one in await town.store.accounts() if one.key == f"two:{ACCOUNT}"]
    assert account.state is AccountState.REMOVED
    assert await town.told("account.*") == ["account.removed"]
