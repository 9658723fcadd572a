"""Posts of a key that left the configuration: a person ends what was never sent, and nothing that may be out there."""

import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import PostState, WorkState
from tests.flows.town import TIKTOK

pytestmark = pytest.mark.anyio


async def published(town):
    return (await town.publish()).posts[0].id


async def is_refused(town, post_id):
    with pytest.raises(Problem) as caught:
        await town.actions.drop(post_id, ())
    return (caught.value.status, caught.value.slug) == (409, "partner_not_configured")


async def ended(town, post_id):
    post, commands = await town.post(post_id), await town.commands(post_id)
    assert {(one.state, one.reason) for one in commands} == {(WorkState.DEAD, FailureReason.DROPPED)}
    assert (await town.events(post_id)).count("post.rejected") == 1
    return (post.state, post.reason) == (PostState.REJECTED, FailureReason.DROPPED)


async def counted(town):
    queue = (await town.store.counts(town.clock(), town.kit.partners)).queue
    return {name: queue[name] for name in ("commands", "commands_parked", "commands_unconfigured")}


async def test_what_is_due_can_be_dropped(town):
    post_id = await published(town)
    town.kit.partners.clear()
    before = await counted(town)
    await town.actions.drop(post_id, (), by="ops")

    assert await ended(town, post_id)
    assert (await town.data(post_id, "post.rejected"))["by"] == "ops"
    assert before == {"commands": 0, "commands_parked": 0, "commands_unconfigured": 1}
    assert not any((await counted(town)).values())


async def test_what_is_parked_can_be_dropped(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    post_id = await published(town)
    await town.work()
    parked = (await town.post(post_id)).state
    town.kit.partners.clear()
    await town.actions.drop(post_id, ())

    assert parked is PostState.PARKED
    assert await ended(town, post_id)


async def test_what_another_process_has_begun_cannot_be_dropped_until_its_lease_is_over(town):
    post_id = await published(town)
    await town.publisher.claim(1)
    town.kit.partners.clear()

    assert await is_refused(town, post_id)
    town.clock.move(minutes=5)
    await town.actions.drop(post_id, ())
    assert await ended(town, post_id)


async def test_what_may_be_at_the_partner_cannot_be_dropped(town):
    town.sim.fault("stored_then_dropped", "create")
    lost, sent = await town.sent(), await town.sent(caption="two")
    town.kit.partners.clear()

    assert await is_refused(town, lost)
    assert await is_refused(town, sent)


async def test_a_token_for_other_accounts_may_not_drop(town):
    post_id = await published(town)
    town.kit.partners.clear()
    with pytest.raises(Problem) as caught:
        await town.actions.drop(post_id, ("ugc-*",))

    assert caught.value.slug == "account_not_allowed"
