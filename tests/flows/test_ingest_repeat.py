"""What `repeat` makes of an object that comes again, and which posts of it cannot be changed."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.model import CommandKind, PostState, WorkState
from bridge.ports import Write
from tests.flows.test_ingest_objects import a_cms, all_posts, claimed, posted, say, scheduled
from tests.flows.town import NOON, VIDEO

pytestmark = pytest.mark.anyio


@pytest.fixture
async def cms(build_town):
    return await build_town(hooks=a_cms())


async def test_repost_posts_every_newer_version(build_town):
    town = await build_town(hooks=a_cms(repeat="repost"))
    first = await posted(town)
    again = await say(town, rev="2", title="Again")
    await town.work()
    await town.advance(10)

    assert [post.id == first.id for post in again.posts] == [False]
    assert {post.state for post in await all_posts(town)} == {PostState.POSTED}
    assert (await say(town, rev="2", key="another delivery")).outcome == "skipped"


async def test_repost_changes_what_still_waits(build_town):
    town = await build_town(hooks=a_cms(repeat="repost"))
    post = await scheduled(town)
    await say(town, rev="2", title="Again")
    await town.work()

    assert (await town.post(post.id)).content["caption"] == "Again"
    assert len(await all_posts(town)) == 1


async def test_repost_takes_every_delivery_for_a_new_one_where_there_is_no_revision(build_town):
    town = await build_town(hooks=a_cms(repeat="repost"))
    await posted(town, rev=None)
    assert (await say(town, rev=None)).outcome == "duplicate"
    assert (await say(town, rev=None, title="Again")).outcome == "accepted"


async def test_update_changes_the_post_at_the_partner_as_long_as_it_may(build_town):
    town = await build_town(hooks=a_cms(repeat="update"))
    post = await scheduled(town)
    await say(town, rev="2", title="Again")
    await town.work()

    assert (await town.post(post.id)).content["caption"] == "Again"
    assert [one.caption for one in town.sim.world.posts.values()] == ["Again"]


async def test_update_says_why_where_the_partner_does_not_allow_it_any_more(build_town):
    town = await build_town(hooks=a_cms(repeat="update"))
    await posted(town)
    result = await say(town, rev="2", title="Again")

    assert (result.outcome, result.reason) == ("skipped", "not_allowed_now")
    assert "posted" in result.note


async def alter(town, post, **fields):
    """Let a post be as if time had passed."""
    await town.store.record([Write(posts=(replace(post, version=post.version + 1, **fields),))])


@pytest.mark.parametrize(("intent", "stands"), [("update", "Mended"), ("unpublish", None)])
async def test_of_several_posts_those_that_still_wait_are_changed(build_town, intent, stands):
    town = await build_town(hooks=a_cms(accounts=("brand-*",), captions={"instagram": "IG: {{ title }}"}))
    first, second = (await say(town)).posts
    await alter(town, first, state=PostState.POSTED, partner_id="p1")
    result = await say(town, intent, rev="2", title="Mended")

    assert (result.outcome, [post.id for post in result.posts]) == ("changed", [second.id])
    assert "1 of its posts went out already" in result.note
    changed = await town.post(second.id)
    assert (changed.state is PostState.CANCELED) == (stands is None)
    assert stands is None or stands in changed.content["caption"]


async def test_a_post_of_a_key_that_is_gone_is_left_with_why(cms):
    [post] = (await say(cms)).posts
    await alter(cms, post, partner="gone")
    result = await say(cms, "update", rev="2", title="Mended")

    assert (result.outcome, result.reason) == ("skipped", "partner_not_configured")
    assert "'gone'" in result.note


async def test_a_post_whose_accounts_would_now_get_different_texts_is_left(build_town):
    town = await build_town(hooks=a_cms(accounts=("brand-*",)))
    [post] = (await say(town)).posts
    own = a_cms(accounts=("brand-*",), captions={"instagram": "IG: {{ title }}"})["cms"][1]
    town.ingest._own = {**town.ingest._own, "cms": own}
    result = await say(town, "update", rev="2", title="Mended")

    assert (result.outcome, (await town.post(post.id)).content["caption"]) == ("invalid", "Drops")
    assert "would differ" in result.reason


@pytest.mark.parametrize("intent", ["update", "unpublish"])
async def test_what_a_person_has_to_look_at_first_is_left_with_why(cms, intent):
    [post] = (await say(cms)).posts
    [command] = await cms.commands(post.id)
    doubted = replace(command, state=WorkState.PARKED, body=b"{}", version=command.version + 1)
    await cms.store.record([Write(commands=(doubted,))])
    result = await say(cms, intent, rev="2", title="Mended")

    assert (result.outcome, result.reason) == ("skipped", "not_allowed_now")
    assert "Send or drop it" in result.note


async def test_a_change_that_waits_ends_when_nobody_knows_what_became_of_its_post(cms):
    [post] = (await say(cms)).posts
    await claimed(cms)
    await say(cms, "unpublish", rev="2")
    post = await cms.post(post.id)
    [publish, cancel] = await cms.commands(post.id)
    dead = replace(publish, state=WorkState.DEAD, lease_until=None, version=publish.version + 1)
    await cms.store.record([Write(commands=(dead,))])
    await alter(cms, post, state=PostState.UNKNOWN)
    await cms.work()

    assert [one.state for one in await cms.commands(post.id)] == [WorkState.DEAD, WorkState.DEAD]
    assert cancel.kind is CommandKind.CANCEL


async def test_new_media_go_to_a_post_that_is_scheduled(build_town):
    town = await build_town(hooks=a_cms(content={}, media=("raw.video",)))
    post = await scheduled(town, video=VIDEO)
    await say(town, "update", rev="2", video="https://cdn.example.com/b.mp4")
    await town.work()

    assert (await town.post(post.id)).content["media"]["url"] == "https://cdn.example.com/b.mp4"


async def test_a_fixed_delay_counts_from_the_first_publish(build_town):
    town = await build_town(hooks=a_cms(schedule=timedelta(hours=2), repeat="update"))
    [post] = (await say(town)).posts
    town.clock.move(hours=1)
    await say(town, rev="2", title="Mended")

    changed = await town.post(post.id)
    assert (changed.content["caption"], changed.scheduled_at) == ("Mended", NOON + timedelta(hours=2))
