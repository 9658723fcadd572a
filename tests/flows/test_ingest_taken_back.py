"""What a CMS takes back and publishes again: one post is live in the end, whenever the cancel was tried."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.ports import Write
from tests.flows.test_ingest_objects import IN_AN_HOUR, a_cms, all_posts, claimed, say, scheduled

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cms(build_town):
    return await build_town(hooks=a_cms())


async def published(town) -> list[str]:
    """The captions that are on the network once all has settled."""
    await town.work()
    await town.advance(40)
    live = [one.post_id for one in town.sim.world.publications]
    assert all(command.state in (WorkState.DONE, WorkState.DEAD) for command in await all_commands(town))
    return [town.sim.world.posts[post_id].caption for post_id in live]


async def all_commands(town):
    return [command for post in await all_posts(town) for command in await town.commands(post.id)]


async def pending(town, **fields):
    """A post that its partner has and has not begun to publish."""
    result = await say(town, **fields)
    await town.work()
    post = await town.post(result.posts[0].id)
    assert post.state is PostState.PENDING
    return post


async def leaving(town, **fields):
    """A post whose cancel is on its way: the post and the claimed cancel."""
    post = await pending(town, **fields)
    await say(town, "unpublish", rev="2")
    return post, await claimed(town)


async def go_out(town):
    """Let the partner publish what it has."""
    for minutes in (5, 1):
        town.clock.move(minutes=minutes)
        town.sim.tick()


async def test_a_cancel_that_nobody_tried_is_withdrawn_and_the_post_gets_the_new_text(cms):
    post = await pending(cms)
    await say(cms, "unpublish", rev="2")
    again = await say(cms, rev="3", title="Mended")

    assert (again.outcome, [one.id for one in again.posts]) == ("changed", [post.id])
    [_, cancel, _] = await cms.commands(post.id)
    assert (cancel.kind, cancel.state, cancel.reason) == (CommandKind.CANCEL, WorkState.DEAD, FailureReason.DROPPED)
    assert await published(cms) == ["Mended"]
    assert len(await all_posts(cms)) == 1


async def test_what_comes_again_as_it_was_just_stays(cms):
    await pending(cms)
    await say(cms, "unpublish", rev="2")
    again = await say(cms, rev="3")
    await go_out(cms)

    assert again.outcome == "changed"
    assert await published(cms) == ["Drops"]


async def test_what_is_being_sent_taken_back_and_published_again_goes_out_once(cms):
    await say(cms)
    item = await claimed(cms)
    await say(cms, "unpublish", rev="2")
    again = await say(cms, rev="3", title="Mended")
    await cms.publisher.act(item)

    assert again.outcome == "changed"
    assert await published(cms) == ["Mended"]


async def test_a_new_time_moves_what_was_taken_back(cms):
    post = await scheduled(cms)
    await say(cms, "unpublish", rev="2")
    await say(cms, "schedule", rev="3", at=(IN_AN_HOUR + timedelta(hours=1)).isoformat())
    await cms.work()

    post = await cms.post(post.id)
    assert (post.state, post.scheduled_at) == (PostState.SCHEDULED, IN_AN_HOUR + timedelta(hours=1))


async def test_what_was_planned_and_taken_back_goes_now_when_it_is_published(cms):
    await scheduled(cms)
    await say(cms, "unpublish", rev="2")
    await say(cms, rev="3")

    assert await published(cms) == ["Drops"]


async def test_a_change_that_is_certain_to_fail_leaves_the_cancel(build_town):
    cms = await build_town(hooks=a_cms(accounts=("brand-instagram",)))
    await pending(cms)
    await say(cms, "unpublish", rev="2")
    again = await say(cms, rev="3", excerpt="x" * 5000)

    assert again.outcome == "invalid"
    assert await published(cms) == []


async def test_while_a_cancel_is_under_way_a_new_post_waits_for_it(cms):
    post, cancel = await leaving(cms)
    again = await say(cms, rev="3", title="Mended")
    await cms.work()
    [new] = again.posts
    [publish] = await cms.commands(new.id)
    assert (new.id != post.id, publish.state, publish.attempts) == (True, WorkState.DUE, 0)
    assert publish.detail == f"waits for the cancel of {post.id}"

    await cms.publisher.act(cancel)
    assert await published(cms) == ["Mended"]
    assert (await cms.post(post.id)).state is PostState.CANCELED


async def test_a_new_post_ends_when_the_cancel_came_too_late(cms):
    post, cancel = await leaving(cms)
    again = await say(cms, rev="3", title="Mended")
    await go_out(cms)
    await cms.publisher.act(cancel)

    assert await published(cms) == ["Drops"]
    [new] = again.posts
    new = await cms.post(new.id)
    assert (new.state, new.reason) == (PostState.REJECTED, FailureReason.CONFLICT)
    assert (await cms.data(new.id, "post.rejected"))["same_as"] == post.id
    assert (await say(cms, rev="4")).reason.startswith("already_posted")


async def test_taken_back_and_published_over_and_over_it_goes_out_once(cms):
    _, cancel = await leaving(cms)
    for rev in range(3, 9, 2):
        await say(cms, rev=str(rev), title=f"Version {rev}")
        await say(cms, "unpublish", rev=str(rev + 1))
    await say(cms, rev="9", title="Last")
    await cms.work()
    assert len(cms.wire.creates) == 1
    await go_out(cms)
    await cms.publisher.act(cancel)

    assert await published(cms) == ["Drops"]


async def test_taken_back_again_while_it_waits_nothing_goes_out(cms):
    _, cancel = await leaving(cms)
    await say(cms, rev="3")
    await say(cms, "unpublish", rev="4")
    await cms.publisher.act(cancel)

    assert await published(cms) == []


async def test_a_change_reaches_the_post_that_waits(cms):
    _, cancel = await leaving(cms)
    await say(cms, rev="3")
    await say(cms, "update", rev="4", title="Mended")
    await cms.publisher.act(cancel)

    assert await published(cms) == ["Mended"]


async def test_a_new_post_does_not_wait_for_ever(cms):
    await leaving(cms)
    [new] = (await say(cms, rev="3")).posts
    cms.clock.move(days=15)
    [item] = [one for one in await cms.publisher.claim(9) if one.post.id == new.id]
    await cms.publisher.act(item)

    assert (await cms.post(new.id)).state is PostState.REJECTED


async def test_what_never_went_out_is_posted_when_it_is_published_after_its_posts_are_forgotten(cms):
    await say(cms)
    await say(cms, "unpublish", rev="2")
    await cms.store.record([Write(kill_deliveries_of=("ops",))])
    cms.clock.move(days=200)
    before = cms.clock() - timedelta(days=180)
    limits = {"events_before": before, "attempts_before": before, "posts_before": before}
    assert [gone async for gone in cms.store.prune(**limits, limit=100)]

    assert await all_posts(cms) == []
    assert (await say(cms, rev="3")).outcome == "accepted"
    assert await published(cms) == ["Drops"]
