"""What is known again and what is not: one version of an object with another content, or after it was taken back."""

from datetime import timedelta

import pytest

from bridge.core.model import Intent, PostState
from bridge.ports import Find
from bridge.sources import KINDS
from tests.flows.test_ingest_objects import SECRET, a_cms, all_posts, posted, say
from tests.flows.town import NOON, VIDEO

pytestmark = pytest.mark.anyio


def in_hours(hours: int) -> str:
    return (NOON + timedelta(hours=hours)).isoformat()


def of_kind(name: str) -> dict:
    """A source of a kind that a vendor has."""
    content = {"media": {"type": "video", "url": VIDEO}}
    config = KINDS[name].config_type(secret=(SECRET,), auth="bearer", accounts=("brand-tiktok",), content=content)
    return {"cms": (name, config)}


async def send(town, body, **headers):
    return await town.receive("cms", town.hook(body, authorization=f"Bearer {SECRET}", **headers))


async def captions(town):
    await town.work()
    await town.advance(40)
    return [town.sim.world.posts[one.post_id].caption for one in town.sim.world.publications]


@pytest.fixture
async def cms(build_town):
    return await build_town(hooks=a_cms())


@pytest.mark.parametrize("rev", ["1", None])
async def test_the_same_is_published_again_after_it_was_taken_back(cms, rev):
    outcomes = [(await say(cms, intent, rev=rev)).outcome for intent in ("publish", "unpublish") * 3 + ("publish",)]

    assert outcomes == ["accepted", "changed"] * 3 + ["accepted"]
    assert await captions(cms) == ["Drops"]


@pytest.mark.parametrize("rev", ["1", None])
async def test_the_same_is_published_again_while_its_cancel_waits(cms, rev):
    for intent in ("publish", "unpublish") * 3 + ("publish",):
        await say(cms, intent, rev=rev)
        if not cms.wire.creates:
            await cms.work()

    assert await captions(cms) == ["Drops"]
    assert len(cms.wire.creates) == 1


@pytest.mark.parametrize("rev", ["1", None])
async def test_what_is_sent_twice_is_still_a_repetition_on_either_side(cms, rev):
    outcomes = [(await say(cms, intent, rev=rev)).outcome for intent in ("publish",) * 2 + ("unpublish",) * 2]

    assert outcomes == ["accepted", "duplicate", "changed", "duplicate"]


async def test_a_repetition_that_comes_after_a_person_canceled_makes_no_post(cms):
    first = await say(cms)
    await cms.actions.cancel(first.posts[0].id, ())

    assert (await say(cms)).outcome == "duplicate"


async def test_what_is_out_is_not_posted_again_for_an_unpublish_in_between(build_town):
    cms = await build_town(hooks=a_cms(repeat="repost"))
    await posted(cms, rev=None)
    await say(cms, "unpublish", rev=None)

    assert (await say(cms, rev=None)).outcome == "duplicate"
    assert len(await all_posts(cms)) == 1


async def test_a_new_time_and_text_of_the_same_version_is_no_repetition(cms):
    first = await say(cms, "schedule", at=in_hours(5))
    again = await say(cms, "schedule", title="Mended", at=in_hours(2))

    post = await cms.post(first.posts[0].id)
    assert again.outcome == "changed"
    assert (post.scheduled_at, post.content["caption"]) == (NOON + timedelta(hours=2), "Mended")
    assert (await say(cms, "schedule", title="Mended", at=in_hours(2))).outcome == "duplicate"


async def test_a_delivery_that_counts_its_tries_is_a_repetition(cms):
    await say(cms, status="tried at 12:00")
    assert (await say(cms, status="tried at 12:05")).outcome == "duplicate"


async def test_a_senders_key_of_another_object_is_told_as_a_conflict(build_town):
    cms = await build_town(hooks=of_kind("generic"))
    things = [{"object_id": name, "title": name, "link": f"https://e.example/{name}"} for name in "ab"]
    first = await send(cms, things[0], idempotency_key="same")
    other = await send(cms, things[1], idempotency_key="same")

    assert [one.outcome for one in (first, other)] == ["accepted", "conflict"]
    assert (other.reason, other.posts) == ("key_conflict", ())
    assert await cms.told("post.rejected") == ["post.rejected"]
    assert (await send(cms, things[0], idempotency_key="same")).outcome == "duplicate"
    assert (await send(cms, things[1], idempotency_key="same")).outcome == "duplicate"
    assert len(await all_posts(cms)) == 1


async def test_a_senders_own_key_stays_taken_when_its_object_is_taken_back(cms):
    await say(cms, key="k1")
    await say(cms, "unpublish", key="k2")

    assert (await say(cms, key="k1")).outcome == "duplicate"
    assert [post.state for post in await all_posts(cms)] == [PostState.CANCELED]


async def test_without_a_revision_a_generic_object_may_be_switched_on_and_off(build_town):
    cms = await build_town(hooks=of_kind("generic"))
    words = ("publish", "unpublish", "publish")
    results = [await send(cms, {"object_id": "1", "title": "A", "event": word}) for word in words]

    assert [one.outcome for one in results] == ["accepted", "changed", "accepted"]
    assert await captions(cms) == ["A"]


async def test_when_a_directus_item_was_made_is_no_version_of_it(build_town):
    cms = await build_town(hooks=of_kind("directus"))
    made = {"id": 3, "status": "published", "date_created": "2026-01-01T10:00:00Z"}

    async def save(event, title):
        cms.clock.move(seconds=1)
        trigger = {"event": f"articles.items.{event}", "collection": "articles", "key": "3"}
        return await send(cms, {"$trigger": trigger, "item": made | {"title": title}})

    results = [await save("create", "A"), await save("update", "B"), await save("update", "C")]
    events = await cms.store.find_events(Find(source="cms"))
    assert [one.outcome for one in results] == ["accepted", "skipped", "skipped"]
    assert [one.revision for one in events] == [None] * 3
    assert {one.intent for one in events} == {Intent.PUBLISH}


async def test_two_versions_within_one_second_are_two(cms):
    second = "2026-01-01T10:00:00Z"
    await say(cms, rev=second)
    assert (await say(cms, "update", rev=second, title="Mended")).outcome == "changed"
    assert (await say(cms, "update", rev=second, title="Mended twice")).outcome == "changed"
    assert await captions(cms) == ["Mended twice"]
