"""Resume: parked work goes out when its cause is gone, one per account and gap, unless it came too late."""

import itertools
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason, Problem, StoreBusy
from bridge.core.model import PostState, WorkState
from bridge.core.rules import PublishRules
from tests.flows.town import INSTAGRAM, NOON, TIKTOK

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def parked(town, count=1, **fields):
    """Posts that wait for the TikTok account, which is away."""
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    ids = []
    for number in range(count):
        town.clock.move(seconds=1)
        ids.append((await town.publish(caption=f"{number}", **fields)).posts[0].id)
    return ids


async def test_parked_work_goes_out_oldest_first_ten_minutes_apart(town):
    ids = await parked(town, 3)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(40, step=1)
    creates = town.calls("create")
    assert [one.caption for one in creates] == ["0", "1", "2"]
    gaps = [(after.at - before.at) / timedelta(minutes=1) for before, after in itertools.pairwise(creates)]
    assert gaps == [10, 10]
    assert {(await town.post(one)).state for one in ids} == {PostState.POSTED}


async def test_each_account_has_a_gap_of_its_own(town):
    town.sim.world.set_account_status(INSTAGRAM, "paused")
    await parked(town)
    await town.publish(accounts=["brand-instagram"], caption="i")
    for account in (TIKTOK, INSTAGRAM):
        town.sim.world.reconnect(account)
    await town.advance(5)
    assert len(town.calls("create")) == 2


async def test_fresh_posts_do_not_wait_for_the_gap(town):
    await parked(town, 2)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(5)
    await town.sent(caption="fresh")
    assert [one.caption for one in town.calls("create")] == ["0", "fresh"]


async def test_work_that_is_six_hours_late_waits_for_a_person(town):
    [post_id] = await parked(town)
    await town.advance(6 * 60 + 5, step=30)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(30)
    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.PARKED, FailureReason.TOO_LATE)
    assert (await town.events(post_id)).count("post.parked") == 2
    assert town.calls("create") == []


async def test_lateness_counts_from_the_schedule(town):
    [post_id] = await parked(town, scheduled_at=(NOON + timedelta(hours=8)).isoformat())
    await town.advance(9 * 60, step=30)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(15)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_late_work_is_sent_by_a_person(town):
    [post_id] = await parked(town)
    await town.advance(7 * 60, step=30)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(10)
    await town.actions.send(post_id, ())
    await town.advance(10)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_late_work_is_dropped_by_a_person(town):
    [post_id] = await parked(town)
    await town.advance(7 * 60, step=30)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(10)
    await town.actions.drop(post_id, ())
    post, [command] = await town.post(post_id), await town.commands(post_id)
    assert (post.state, post.reason, command.state) == (PostState.REJECTED, FailureReason.DROPPED, WorkState.DEAD)
    assert (await town.events(post_id))[-1] == "post.rejected"


@pytest.mark.parametrize("reconnected", [True, False])
async def test_parked_work_expires_after_a_week(town, reconnected):
    [post_id] = await parked(town)
    await town.advance(7 * 60, step=60)
    if reconnected:
        town.sim.world.reconnect(TIKTOK)
    for _ in range(8):
        town.clock.move(days=1)
        await town.tick()
    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.EXPIRED)


async def test_what_is_sent_while_the_account_is_still_away_parks_again(town):
    [post_id] = await parked(town)
    await town.actions.send(post_id, ())
    await town.work()
    assert (await town.post(post_id)).state is PostState.PARKED
    assert town.calls("create") == []


async def test_cancels_and_edits_that_waited_for_the_key_all_go_at_once(town):
    soon = {"scheduled_at": (NOON + timedelta(minutes=50)).isoformat()}
    ids = [await town.sent(caption=f"{number}", **soon) for number in range(5)]
    key = next(iter(town.sim.world.keys.values()))
    key.active = False
    for post_id in ids[:-1]:
        await town.actions.cancel(post_id, ())
    await town.actions.edit(ids[-1], {"caption": "better"}, ())
    await town.work()
    key.active = True
    town.sim.world.set_account_status(TIKTOK, "revoked")
    await town.advance(15)
    assert {(await town.post(one)).state for one in ids[:-1]} == {PostState.CANCELED}
    assert (await town.post(ids[-1])).content["caption"] == "better"


async def test_a_dropped_post_frees_its_key(town):
    [post_id] = await parked(town, key="k1")
    await town.actions.drop(post_id, ())
    assert not (await town.publish(key="k1", caption="0")).accepted.duplicate


async def test_nothing_parked_is_nothing_to_send(town):
    post_id = await town.sent()
    with pytest.raises(Problem) as caught:
        await town.actions.send(post_id, ())
    assert (caught.value.status, caught.value.slug) == (409, "not_parked")


async def test_parked_work_uses_no_budget(build_town):
    town = await build_town(publish=PublishRules(give_up_after=timedelta(seconds=10)))
    [post_id] = await parked(town)
    await town.advance(120, step=30)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(10)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_a_pass_that_dies_releases_once(town):
    await parked(town)
    town.sim.world.reconnect(TIKTOK)
    await town.watcher.accounts()
    town.store.drop["record"] = [StoreBusy()]
    with pytest.raises(StoreBusy):
        await town.resumer.tick()
    assert await town.resumer.tick() == 0
    await town.work()
    assert len(town.calls("create")) == 1


async def test_more_than_a_page_of_parked_work_is_looked_through(town):
    town.resumer.page = 2
    await parked(town, 5)
    town.sim.world.reconnect(TIKTOK)
    await town.watcher.accounts()
    assert await town.resumer.tick() == 1
    await town.work()
    town.clock.move(minutes=10)
    assert await town.resumer.tick() == 1
