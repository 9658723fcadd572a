"""A create whose answer was lost and that cannot be told for sure: a person is asked, and a key is never free again."""

from collections.abc import AsyncIterator

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import PostState, WorkState
from bridge.simulator.posteverywhere import X
from tests.flows.town import Town
from tests.flows.vendor import Vendor, a_vendor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ON_X = {"accounts": [str(X)], "caption": "same words"}


@pytest.fixture
async def vendor(town: Town) -> AsyncIterator[Vendor]:
    async with a_vendor(town) as vendor:
        yield vendor


async def lost_behind_a_block(vendor: Vendor) -> str:
    """A create that is stored there, its answer lost, and its key blocked before it could be looked for."""
    vendor.sim.fault("stored_then_dropped", "create")
    post_id = await vendor.wish(**ON_X, key="k")
    await vendor.town.work()
    vendor.sim.fault("unauthorized", "*", times=-1)
    await vendor.work(300)
    assert (await vendor.town.post(post_id)).state is PostState.PARKED
    return post_id


async def doubted(vendor: Vendor, fault: str) -> str:
    """A create of which there is one like it at the partner that may be it, for long enough."""
    vendor.sim.fault(fault, "create")
    post_id = await vendor.wish(**ON_X)
    await vendor.town.work()
    if fault == "dropped":
        vendor.sim.seed_post("scheduled", content="Same words!", account_ids=[X])
    else:
        next(iter(vendor.sim.world.posts.values())).content = "Same words!"
    await vendor.work(1800, step=30)
    return post_id


@pytest.mark.parametrize("how", ["drop", "expire"])
async def test_one_that_is_dropped_or_expires_keeps_its_key(vendor: Vendor, how: str) -> None:
    post_id = await lost_behind_a_block(vendor)
    if how == "drop":
        await vendor.town.actions.drop(post_id, ())
    for _ in range(10 if how == "expire" else 0):
        vendor.town.clock.move(hours=20)
        await vendor.town.tick()
    vendor.sim.faults.clear()
    assert (await vendor.town.post(post_id)).state is PostState.UNKNOWN
    assert (await vendor.wish(**ON_X, key="k"), len(vendor.stored())) == (post_id, 1)


async def test_one_that_is_found_long_after_its_time_is_not_called_too_late(vendor: Vendor) -> None:
    post_id = await lost_behind_a_block(vendor)
    vendor.town.clock.move(hours=8)
    vendor.sim.faults.clear()
    await vendor.live(15)
    assert (await vendor.town.post(post_id)).partner_id == vendor.stored()[0]


async def test_one_that_is_absent_long_after_its_time_waits_for_a_person(vendor: Vendor) -> None:
    post_id = await lost_behind_a_block(vendor)
    vendor.sim.world.posts.clear()
    vendor.town.clock.move(hours=8)
    vendor.sim.faults.clear()
    await vendor.live(15)
    post = await vendor.town.post(post_id)
    assert (post.state, post.reason, vendor.stored()) == (PostState.PARKED, FailureReason.TOO_LATE, [])


async def test_a_doubt_is_put_to_a_person_who_may_send(vendor: Vendor) -> None:
    post_id = await doubted(vendor, "dropped")
    post = await vendor.town.post(post_id)
    assert (post.state, post.reason, vendor.creates()) == (PostState.PARKED, FailureReason.UNKNOWN_OUTCOME, 1)
    await vendor.town.actions.send(post_id, ())
    await vendor.town.work()
    assert (vendor.creates(), (await vendor.town.post(post_id)).partner_id is not None) == (2, True)


async def test_a_doubt_is_put_to_a_person_who_may_say_that_it_is_live(vendor: Vendor) -> None:
    post_id = await doubted(vendor, "stored_then_dropped")
    await vendor.town.actions.live(post_id, ())
    await vendor.work(600, step=60)
    [command] = await vendor.town.commands(post_id)
    assert ((await vendor.town.post(post_id)).state, command.state) == (PostState.POSTED, WorkState.DONE)
    assert vendor.creates() == 1
