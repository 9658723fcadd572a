"""Held posts: their partner hears nothing of them before their time or a person's word, and of some it never does."""

import asyncio
from datetime import timedelta

import httpx
import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.core.rules import PublishRules
from bridge.core.step import source_cause
from bridge.flows.resume import Resumer, let_all_go
from bridge.ports import Find
from bridge.simulator.posteverywhere import TIKTOK as PE_TIKTOK
from bridge.simulator.posteverywhere import PostEverywhereSimulator, app
from tests.flows.feeding import an_entry
from tests.flows.test_feeds_and_hooks import build
from tests.flows.test_fetch import files, picture
from tests.flows.test_ingest_objects import IN_AN_HOUR, a_cms, say
from tests.flows.town import INSTAGRAM, NOON, TIKTOK, a_town
from tests.partners.things import Observed, posteverywhere

pytestmark = pytest.mark.anyio

__all__ = ["build", "files"]

A_WHILE = {"hold": timedelta(minutes=10)}
ASKED = {"approve": "#social"}


def asked(town) -> int:
    """How often the partner was asked for anything."""
    return len(list(town.sim.journal))


async def passing(town, minutes: float = 0) -> None:
    """Let time pass, look once through what is parked, and act on what is due."""
    town.clock.move(minutes=minutes)
    await town.resumer.tick()
    await town.work()


async def kinds(town, post_id):
    return [(one.kind, one.state) for one in await town.commands(post_id)]


@pytest.fixture
async def held(build_town):
    """A town whose CMS and API hold posts for ten minutes."""
    return await build_town(hooks=a_cms(**A_WHILE), publish=PublishRules(**A_WHILE))


@pytest.fixture
async def approved(build_town):
    """A town whose CMS and API wait for approval."""
    return await build_town(hooks=a_cms(**ASKED), publish=PublishRules(**ASKED))


async def test_a_held_post_goes_by_itself_when_its_time_is_over(held):
    before = asked(held)
    [post] = (await held.publish()).posts
    assert (post.state, post.reason) == (PostState.PARKED, FailureReason.HELD)
    await passing(held, 9)
    assert asked(held) == before

    await passing(held, 1)

    assert (await held.post(post.id)).state is PostState.PENDING
    assert await held.events(post.id) == ["post.parked", "post.pending"]


async def test_what_needs_approval_waits_for_days_and_goes_when_somebody_says_so(approved):
    before = asked(approved)
    [post] = (await approved.publish(accounts=["brand-*"])).posts
    await passing(approved, 5 * 24 * 60)
    assert asked(approved) == before

    await approved.actions.send(post.id, (), "Ada")
    await approved.work()

    assert (await approved.post(post.id)).state is PostState.PENDING
    assert await approved.events(post.id) == ["post.parked", "post.updated", "post.pending"]
    told = await approved.data(post.id, "post.updated")
    assert (told["changed"], told["by"]) == (["approval"], "Ada")


async def test_what_nobody_approves_ends(approved):
    [post] = (await approved.publish()).posts
    before = asked(approved)
    await passing(approved, 8 * 24 * 60)

    ended = await approved.post(post.id)
    assert (ended.state, ended.reason, asked(approved)) == (PostState.REJECTED, FailureReason.EXPIRED, before)


@pytest.mark.parametrize("intent", ["unpublish", "delete"])
@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
async def test_what_is_taken_back_while_it_is_held_leaves_no_trace_at_the_partner(build_town, rules, intent):
    town = await build_town(hooks=a_cms(**rules))
    before = asked(town)
    [post] = (await say(town)).posts
    town.clock.move(minutes=5)

    assert (await say(town, intent, rev="2")).outcome == "changed"
    await passing(town, 60)

    assert (asked(town), (await town.post(post.id)).state) == (before, PostState.CANCELED)
    assert await town.events(post.id) == ["post.parked", "post.canceled"]


async def test_what_was_taken_back_may_be_published_again(held):
    await say(held)
    await say(held, "unpublish", rev="2")

    [post] = (await say(held, rev="3")).posts

    assert post.reason is FailureReason.HELD


async def test_a_change_in_the_cms_changes_the_held_post_and_leaves_it_held(held):
    [post] = (await say(held)).posts
    before = asked(held)
    held.clock.move(minutes=5)

    assert (await say(held, "update", rev="2", title="Better")).outcome == "changed"
    assert asked(held) == before
    assert (await held.post(post.id)).state is PostState.PARKED
    await passing(held, 5)

    [sent] = held.sim.world.posts.values()
    assert sent.content["caption"] == "Better"


async def test_a_published_page_is_not_posted_twice_while_it_is_held(held):
    await say(held)
    again = await say(held, rev="2")
    assert len(await held.store.find_posts(Find(limit=10))) == 1
    assert again.posts == () or again.outcome == "changed"


async def test_media_are_not_uploaded_before_it_goes(held, files):
    before = asked(held)
    url = files.put("/a.webp", picture())
    [post] = (await held.publish(media=url)).posts
    await passing(held, 9)
    assert (files.asked, asked(held)) == ([], before)

    await passing(held, 1)
    await passing(held, 2)

    assert await kinds(held, post.id) == [
        (CommandKind.PUBLISH, WorkState.DONE),
        (CommandKind.FETCH, WorkState.DONE),
    ]
    assert (await held.post(post.id)).state is PostState.PENDING


async def test_media_that_are_changed_while_it_is_held_are_those_that_go(approved, files):
    first, second = files.put("/a.webp", picture()), files.put("/b.webp", picture())
    [post] = (await approved.publish(media=first)).posts
    before = asked(approved)

    await approved.actions.edit(post.id, {"media": second}, (), "Ada")
    await passing(approved, 60)
    assert (files.asked, asked(approved)) == ([], before)
    await approved.actions.send(post.id, (), "Bob")
    await approved.work()
    await passing(approved, 2)

    assert files.asked == ["/b.webp"]
    assert (await approved.post(post.id)).state is PostState.PENDING


async def test_media_that_became_plain_need_no_upload(approved, files):
    [post] = (await approved.publish(media=files.put("/a.webp", picture()))).posts
    await approved.actions.edit(post.id, {"media": "https://cdn.example.com/a.mp4"}, ())
    await approved.actions.send(post.id, ())
    await approved.work()
    assert (files.asked, (await approved.post(post.id)).state) == ([], PostState.PENDING)


async def test_posteverywhere_is_told_nothing_either(build_town, files):
    town = await build_town(publish=PublishRules(**A_WHILE))
    sim = PostEverywhereSimulator(now=town.clock, general_per_minute=10_000, creates_per_minute=10_000)
    client = posteverywhere(httpx.ASGITransport(app=app(sim)), town.clock, Observed())
    client.name = "two"
    town.kit.partners["two"] = client
    await town.watcher.add_keys()
    await town.watcher.accounts()
    before = len(list(sim.journal))

    [post] = (await town.publish(accounts=[str(PE_TIKTOK)], media=files.put("/a.jpg", picture("JPEG")))).posts
    await passing(town, 9)
    assert len(list(sim.journal)) == before
    await passing(town, 1)
    for _ in range(4):
        await passing(town, 1)

    assert (await town.post(post.id)).partner_id is not None
    await client.close()


async def test_each_post_of_an_event_is_let_go_by_itself(build_town):
    town = await build_town(publish=PublishRules(**ASKED))
    captions = {"tiktok": "one", "instagram": "two"}
    first, second = (await town.publish(accounts=["brand-*"], captions=captions)).posts

    await town.actions.send(first.id, (), "Ada")
    await town.actions.drop(second.id, (), "Bob")
    await town.work()

    states = [(await town.post(one.id)).state for one in (first, second)]
    assert states == [PostState.PENDING, PostState.REJECTED]
    assert (await town.data(second.id, "post.rejected"))["by"] == "Bob"
    assert len(town.sim.world.posts) == 1


async def test_a_dead_account_is_no_news_before_its_post_may_go(held):
    held.sim.world.accounts[TIKTOK].status = "inactive"
    for _ in range(3):
        held.clock.move(minutes=1)
        await held.watcher.accounts()
    posts = (await held.publish(accounts=["brand-*"])).posts
    assert {post.reason for post in posts} == {FailureReason.HELD}

    await passing(held, 10)

    by_account = {post.targets[0].account: post for post in await held.posts(posts[0].event_id)}
    assert by_account[INSTAGRAM].state is PostState.PENDING
    assert by_account[TIKTOK].reason is FailureReason.ACCOUNT_INACTIVE


async def test_a_schedule_that_passed_while_it_waited_goes_at_once(approved):
    at = (NOON + timedelta(hours=1)).isoformat()
    [post] = (await approved.publish(scheduled_at=at)).posts
    await passing(approved, 24 * 60)

    await approved.actions.send(post.id, (), "Ada")
    await approved.work()

    assert (await approved.post(post.id)).state is PostState.PENDING


async def test_a_schedule_to_come_is_kept(held):
    [post] = (await say(held, "schedule", at=IN_AN_HOUR.isoformat())).posts
    await passing(held, 10)
    assert (await held.post(post.id)).state is PostState.SCHEDULED


async def test_a_hold_that_ends_in_the_gap_before_its_schedule_goes_when_it_is_over(held):
    [post] = (await held.publish(scheduled_at=(NOON + timedelta(minutes=11)).isoformat())).posts
    await passing(held, 10)
    await passing(held, 3)
    assert (await held.post(post.id)).state is PostState.PENDING


async def test_an_account_that_comes_back_late_takes_what_was_held_for_long(build_town):
    town = await build_town(publish=PublishRules(hold=timedelta(hours=12)))
    [post] = (await town.publish()).posts
    town.sim.world.accounts[TIKTOK].status = "inactive"
    for _ in range(3):
        town.clock.move(minutes=1)
        await town.watcher.accounts()
    await passing(town, 12 * 60)
    assert (await town.post(post.id)).reason is FailureReason.ACCOUNT_INACTIVE

    town.sim.world.accounts[TIKTOK].status = "active"
    await town.watcher.accounts()
    await passing(town, 1)

    assert (await town.post(post.id)).state is PostState.PENDING


async def test_a_brake_waits_until_the_hold_is_over(build):
    both = await build(a_cms(feed=build.site.url, brake=1, **A_WHILE))
    for name in ("a", "b"):
        both.site.show(an_entry(name, both.town.clock, age=0))
    await both.swept()
    posts = await both.town.store.find_posts(Find(limit=10))
    assert [post.reason for post in posts] == [FailureReason.HELD] * 2

    await passing(both.town, 10)
    states = sorted(post.state for post in await both.town.store.find_posts(Find(limit=10)))
    assert states == [PostState.PARKED, PostState.PENDING]

    await let_all_go(both.town.kit, source_cause("cms"))
    await passing(both.town, 11)
    assert {post.state for post in await both.town.store.find_posts(Find(limit=10))} == {PostState.PENDING}


async def test_who_lifts_the_brake_cuts_no_hold_short(build):
    both = await build(a_cms(feed=build.site.url, brake=1, **A_WHILE))
    for name in ("a", "b"):
        both.site.show(an_entry(name, both.town.clock, age=0))
    await both.swept()
    await let_all_go(both.town.kit, source_cause("cms"))
    await passing(both.town, 5)
    assert both.town.sim.world.posts == {}

    await passing(both.town, 5)
    assert len(both.town.sim.world.posts) == 2


async def test_a_cause_that_only_held_posts_wait_for_stays_open(build):
    both = await build(a_cms(feed=build.site.url, brake=1, hold=timedelta(hours=3)))
    for name in ("a", "b"):
        both.site.show(an_entry(name, both.town.clock, age=0))
    await both.swept()
    for _ in range(5):
        await passing(both.town, 20)
    assert (await both.town.cause(source_cause("cms"))).open


async def test_two_that_look_at_once_let_it_go_once(held):
    [post] = (await held.publish()).posts
    held.clock.move(minutes=10)
    other = Resumer(held.kit, PublishRules(), held.resumer.watch)

    await asyncio.gather(held.resumer.tick(), other.tick())
    await passing(held)

    assert len(held.calls("create")) == 1
    assert await kinds(held, post.id) == [(CommandKind.PUBLISH, WorkState.DONE)]


async def test_who_sends_it_while_its_time_ends_sends_it_once(held):
    [post] = (await held.publish()).posts
    held.clock.move(minutes=10)

    await asyncio.gather(held.resumer.tick(), held.actions.send(post.id, ()), return_exceptions=True)
    await passing(held)

    assert len(held.calls("create")) == 1


async def test_a_restart_forgets_no_hold(store, clock, shared_metrics):
    rules = PublishRules(**A_WHILE)
    async with a_town(store, clock, metrics=shared_metrics, publish=rules) as first:
        [post] = (await first.publish()).posts
    async with a_town(store, clock, metrics=shared_metrics) as second:
        await passing(second, 10)
        assert (await second.post(post.id)).state is PostState.PENDING


@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
async def test_nobody_can_say_that_it_is_live(build_town, rules):
    town = await build_town(publish=PublishRules(**rules))
    [post] = (await town.publish()).posts
    with pytest.raises(Problem, match="not_sent"):
        await town.actions.live(post.id, ())


async def test_who_edits_and_cancels_at_the_partner_is_told_when_it_is_done(town):
    at = (NOON + timedelta(hours=5)).isoformat()
    post_id = await town.sent(scheduled_at=at)
    await town.actions.edit(post_id, {"caption": "x"}, (), "Ada")
    await town.work()
    await town.actions.cancel(post_id, (), "Bob")
    await town.work()

    assert (await town.data(post_id, "post.updated"))["by"] == "Ada"
    assert (await town.data(post_id, "post.canceled"))["by"] == "Bob"
