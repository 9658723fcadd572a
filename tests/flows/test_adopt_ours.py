"""A post that looks like a stranger and may be ours: it is left alone while that is open, and taken over if it is."""

from datetime import timedelta

import pytest

from bridge.core.model import ADOPTED, PostState, WorkState
from bridge.core.rules import PublishRules, WatchRules
from bridge.ports import Find
from tests.flows.town import INSTAGRAM, TIKTOK, failing

pytestmark = pytest.mark.anyio
ALL = WatchRules(adopt="all")


@pytest.fixture
async def town(build_town):
    """A town under the contract without idempotency, which has lost the answer to a create."""
    rules = PublishRules(give_up_after=timedelta(seconds=1))
    town = await build_town(watch=ALL, publish=rules, contract="v1")
    await town.watcher.posts()
    return town


async def lost(town, **fields):
    town.sim.fault("stored_then_dropped", "create")
    return await town.sent(**fields)


async def adopted(town):
    return await town.store.find_posts(Find(source=ADOPTED))


async def look(town):
    town.clock.move(minutes=1)
    await town.watcher.posts()


async def test_while_a_create_of_ours_is_in_doubt_what_may_be_it_is_not_adopted(town):
    post_id = await lost(town)
    before = (await town.store.keys())["gv"].cursor
    await look(town)
    assert (await adopted(town), (await town.store.keys())["gv"].cursor) == ([], before)

    await town.work()
    await look(town)
    assert (await town.post(post_id)).partner_id == next(iter(town.sim.world.posts))
    assert (await adopted(town), len(town.wire.creates)) == ([], 1)


async def test_others_are_adopted_meanwhile_and_the_doubtful_one_is_shown_again(town):
    await lost(town)
    town.sim.seed_post("pending", accounts=[TIKTOK], caption="by hand")
    town.sim.seed_post("pending", accounts=[INSTAGRAM], caption="hello")
    for _ in range(2):
        await look(town)

    assert sorted(post.content["caption"] for post in await adopted(town)) == ["by hand", "hello"]


async def test_one_that_was_only_like_ours_is_adopted_when_the_doubt_is_over(town):
    town.sim.fault("dropped", "create")
    await town.sent()
    by_hand = town.sim.seed_post("pending", accounts=[TIKTOK, INSTAGRAM], caption="hello")
    await look(town)
    assert await adopted(town) == []

    await town.work()
    town.clock.move(minutes=3)
    await town.work()
    await look(town)
    [post] = await adopted(town)
    assert (post.partner_id, len(town.wire.creates)) == (by_hand.id, 2)


async def taken_for_a_stranger(town):
    """Lose an answer, give the post up, and see it a day later as one that somebody made."""
    post_id = await lost(town)
    town.sim.fault("server_error", "list", times=-1)
    await town.advance(25)
    assert (await town.post(post_id)).state is PostState.UNKNOWN
    town.sim.faults.clear()
    town.clock.move(hours=25)
    await town.watcher.posts()
    [stranger] = await adopted(town)
    return post_id, stranger


async def test_a_lost_create_that_was_adopted_is_taken_over_and_never_sent_again(town):
    town.sim.script(TIKTOK, failing("Caption is not allowed"))
    post_id, stranger = await taken_for_a_stranger(town)
    await town.actions.retry(stranger.id, ())
    await town.actions.retry(post_id, ())
    await town.work()

    ours, theirs = await town.post(post_id), await town.post(stranger.id)
    assert (ours.partner_id, theirs.partner_id, len(town.wire.creates)) == (stranger.partner_id, None, 1)
    assert (theirs.state, theirs.poll_at, (await town.events(stranger.id))[-1]) == (
        PostState.VANISHED,
        None,
        "post.vanished",
    )
    assert (await town.data(stranger.id, "post.vanished"))["same_as"] == post_id
    assert {one.state for one in await town.commands(stranger.id)} <= {WorkState.DEAD, WorkState.DONE}
