"""One object per page where a source has a feed: what a hook says of others, leaves out, or schedules itself."""

from datetime import timedelta

import pytest

from bridge.core.model import PostState
from tests.flows.test_ingest_objects import a_cms, posted, row_of, say
from tests.flows.town import NOON

pytestmark = pytest.mark.anyio

PAGE = "https://blog.example.com/7"
IN_AN_HOUR, LATER = NOON + timedelta(hours=1), NOON + timedelta(days=14)


async def a_blog(build_town, **rules):
    return await build_town(hooks=a_cms(feed="https://blog.example.com/rss", **rules))


async def test_two_objects_of_a_hook_at_one_page_are_two(build_town):
    town = await a_blog(build_town)
    first = await say(town, "schedule", id="A", url=PAGE, at=IN_AN_HOUR.isoformat())
    second = await say(town, "schedule", id="B", title="Other", url=PAGE, at=IN_AN_HOUR.isoformat())
    await town.work()

    assert (first.outcome, second.outcome) == ("accepted", "accepted")
    assert (await town.post(first.posts[0].id)).content["caption"] == "Drops"


async def test_a_page_that_is_used_again_is_another_object(build_town):
    town = await a_blog(build_town)
    await posted(town, id="A", rev="9", url=PAGE)
    await say(town, "delete", id="A", rev="10", url=PAGE)

    assert (await say(town, id="B", rev="1", title="New", url=PAGE)).outcome == "accepted"


async def test_a_change_that_is_left_out_does_not_hide_its_publish_from_the_feed(build_town):
    town = await a_blog(build_town, when=("intent == 'publish'",))
    await say(town, "update", rev="2", url=PAGE)

    assert await town.store.objects("cms", ["7"]) == []
    assert (await say(town, rev="1", url=PAGE)).outcome == "accepted"


async def test_a_change_that_is_left_out_takes_nothing_from_what_was_posted(build_town):
    town = await a_blog(build_town, when=("'no' not in tags",), repeat="repost")
    await posted(town, rev="1", url=PAGE, published_at=NOON.isoformat())
    await say(town, rev="2", tags=["no"], url=PAGE, published_at=NOON.isoformat())

    assert not (await row_of(town)).listed
    assert (await say(town, rev="3", url=PAGE, published_at=NOON.isoformat())).outcome == "accepted"


async def test_a_publish_that_names_its_own_time_keeps_it(build_town):
    town = await build_town(hooks=a_cms())
    own = {"scheduled_at": LATER.isoformat()}
    first = await say(town, rev="1", own=own)
    await town.work()
    await say(town, rev="2", own=own)
    await town.work()
    post = await town.post(first.posts[0].id)

    assert (post.state, post.scheduled_at) == (PostState.SCHEDULED, LATER)
