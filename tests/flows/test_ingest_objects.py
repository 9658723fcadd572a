"""One social post per object: what a CMS sends again, changes, takes back, and in the wrong order."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import StoreOvertaken
from bridge.core.hook_rules import HookRules
from bridge.core.model import CommandKind, Intent, Item, PostState, WorkState
from bridge.ports import Find, Write
from bridge.sources._kind import Kind
from tests.flows.town import NOON, THINGS, VIDEO

pytestmark = pytest.mark.anyio

SECRET = "the-secret-of-the-blog"
IN_AN_HOUR = NOON + timedelta(hours=1)


def a_cms(kind: Kind = THINGS, **rules) -> dict:
    given = {
        "secret": (SECRET,),
        "accounts": ("brand-tiktok",),
        "caption": "{{ title }}{{ excerpt }}",
        "content": {"media": {"type": "video", "url": VIDEO}},
    }
    return {"cms": (kind, HookRules(**given | rules))}


async def say(town, intent="publish", rev="1", title="Drops", **fields):
    thing = {"id": "7", "intent": intent, "rev": rev, "title": title} | fields
    return await town.receive("cms", town.hook(thing, authorization=f"Bearer {SECRET}"))


async def row_of(town, object_id="7"):
    [row] = await town.store.objects("cms", [object_id])
    return row


async def all_posts(town):
    return await town.store.find_posts(Find(limit=100))


@pytest.fixture
async def cms(build_town):
    return await build_town(hooks=a_cms())


async def scheduled(town, **fields):
    """A post that is scheduled at the partner, for in an hour."""
    result = await say(town, "schedule", at=IN_AN_HOUR.isoformat(), **fields)
    await town.work()
    post = await town.post(result.posts[0].id)
    assert post.state is PostState.SCHEDULED
    return post


async def posted(town, **fields):
    result = await say(town, **fields)
    await town.work()
    await town.advance(10)
    post = await town.post(result.posts[0].id)
    assert post.state is PostState.POSTED
    return post


async def test_the_first_publish_is_remembered_with_its_event(cms):
    result = await say(cms, url="https://blog.example.com/7#top")
    row = await row_of(cms)

    assert (result.outcome, result.intent) == ("accepted", Intent.PUBLISH)
    assert (row.revision, row.event_id) == ("1", result.accepted.event_id)
    event, _ = await cms.store.event(result.accepted.event_id)
    assert (event.object_id, event.revision, event.key[:19]) == ("7", "1", "object:7:1:publish:")


async def test_the_same_version_again_is_a_repetition_whatever_its_bytes(cms):
    first = await say(cms)
    again = await say(cms, status="sent anew")

    assert (again.outcome, again.accepted.event_id) == ("duplicate", first.accepted.event_id)
    assert [post.id for post in again.posts] == [post.id for post in first.posts]
    assert again.reason is None


async def test_what_is_published_again_is_skipped_and_names_the_first(metrics, cms):
    first = await posted(cms)
    again = await say(cms, rev="2", title="Drops again")

    assert (again.outcome, again.posts) == ("skipped", ())
    assert again.reason == f"already_posted: {first.event_id}"
    assert len(await all_posts(cms)) == 1
    assert cms.metric("bridge_events_total", source="cms", outcome="skipped") is None
    assert cms.metric("bridge_events_total", source="other", outcome="skipped") == 1
    assert (await row_of(cms)).revision == "2"


async def test_what_waits_is_left_alone_when_it_is_published_in_time(cms):
    post = await scheduled(cms)
    cms.clock.at += timedelta(minutes=56)
    result = await say(cms, rev="2", title="Other")
    await cms.work()

    assert (result.outcome, result.reason) == ("skipped", f"already_waiting: {post.event_id}")
    assert (await cms.post(post.id)).content["caption"] == "Drops"


async def test_what_is_published_long_before_its_time_goes_now(cms):
    post = await scheduled(cms)
    cms.clock.at += timedelta(minutes=54)
    result = await say(cms, rev="2", title="Other")
    await cms.work()
    post = await cms.post(post.id)

    assert (result.outcome, post.content["caption"], post.scheduled_at) == ("changed", "Other", None)
    assert post.state is not PostState.SCHEDULED


async def test_an_older_version_that_comes_late_is_dropped(cms):
    await say(cms, rev="2026-01-01T10:00:00Z")
    late = await say(cms, "unpublish", rev="2026-01-01T10:59:00+01:00")

    assert (late.outcome, late.reason) == ("stale", "stale")
    assert [post.state for post in await all_posts(cms)] == [PostState.ACCEPTED]


async def test_a_publish_that_comes_after_its_unpublish_makes_nothing(cms):
    await say(cms, "unpublish", rev="3")
    assert (await say(cms, rev="2")).outcome == "stale"
    assert (await say(cms, rev="4")).outcome == "accepted"


async def test_a_change_that_overtakes_its_publish_does_not_stop_it(cms):
    assert (await say(cms, "update", rev="3")).outcome == "ignored"
    assert (await say(cms, rev="2")).outcome == "accepted"


async def test_a_change_goes_to_a_post_that_was_not_sent_here_and_at_once(cms):
    first = await say(cms)
    changed = await say(cms, "update", rev="2", title="Mended")

    assert (changed.outcome, [post.id for post in changed.posts]) == ("changed", [first.posts[0].id])
    post = await cms.post(first.posts[0].id)
    assert post.content["caption"] == "Mended"
    assert [one.kind for one in await cms.commands(post.id)] == [CommandKind.PUBLISH]
    assert await cms.events(post.id) == ["post.updated"]
    await cms.work()
    assert len(cms.wire.creates) == 1
    assert b"Mended" in cms.wire.creates[0]


async def test_a_change_goes_to_the_partner_while_the_post_is_scheduled(cms):
    post = await scheduled(cms)
    later = IN_AN_HOUR + timedelta(hours=2)
    result = await say(cms, "update", rev="2", title="Mended", at=later.isoformat())
    [_, update] = await cms.commands(post.id)

    assert update.payload["changes"] == {"caption": "Mended", "scheduled_at": later.isoformat()}
    assert result.outcome == "changed"
    await cms.work()
    post = await cms.post(post.id)
    assert (post.content["caption"], post.scheduled_at) == ("Mended", later)
    [at_partner] = cms.sim.world.posts.values()
    assert at_partner.caption == "Mended"


async def test_a_new_time_moves_a_post_that_is_still_scheduled(cms):
    post = await scheduled(cms)
    later = IN_AN_HOUR + timedelta(hours=1)
    result = await say(cms, "schedule", rev="2", at=later.isoformat())
    await cms.work()

    assert result.outcome == "changed"
    assert (await cms.post(post.id)).scheduled_at == later


async def test_a_change_that_changes_nothing_asks_nothing(cms):
    post = await scheduled(cms)
    result = await say(cms, "update", rev="2", at=IN_AN_HOUR.isoformat())

    assert (result.outcome, result.reason) == ("skipped", "unchanged")
    assert len(await cms.commands(post.id)) == 1


async def test_a_change_that_is_certain_to_fail_is_told_and_leaves_the_post(build_town):
    cms = await build_town(hooks=a_cms(accounts=("brand-instagram",)))
    first = await say(cms)
    result = await say(cms, "update", rev="2", excerpt="x" * 5000)

    assert result.outcome == "invalid"
    assert "caption" in result.reason
    assert await cms.told("post.rejected") == ["post.rejected"]
    assert (await cms.post(first.posts[0].id)).content["caption"] == "Drops"


async def test_a_change_of_what_is_out_is_kept_with_why(cms):
    first = await posted(cms)
    result = await say(cms, "update", rev="2", title="Mended")

    assert (result.outcome, result.reason) == ("skipped", f"already_posted: {first.event_id}")


async def test_a_change_of_what_nobody_knows_is_ignored(cms):
    result = await say(cms, "update", rev="2")

    assert (result.outcome, result.reason) == ("ignored", "nothing_posted")
    assert await cms.store.objects("cms", ["7"]) == []


async def test_an_unpublish_cancels_what_was_not_sent(cms):
    first = await say(cms)
    result = await say(cms, "unpublish", rev="2")

    assert result.outcome == "changed"
    assert (await cms.post(first.posts[0].id)).state is PostState.CANCELED
    await cms.work()
    assert cms.wire.creates == []


async def test_a_delete_cancels_what_is_scheduled_at_the_partner(cms):
    post = await scheduled(cms)
    await say(cms, "delete", rev="2")
    await cms.work()

    assert (await cms.post(post.id)).state is PostState.CANCELED


async def test_an_unpublish_leaves_what_is_out_and_says_so(cms):
    await posted(cms)
    result = await say(cms, "unpublish", rev="2")

    assert (result.outcome, result.reason) == ("skipped", "already_posted")
    assert "went out already" in result.note


async def test_what_was_taken_back_is_posted_when_it_is_published_again(cms):
    await say(cms)
    await say(cms, "unpublish", rev="2")
    again = await say(cms, rev="3")
    await cms.work()

    assert again.outcome == "accepted"
    assert len(cms.wire.creates) == 1
    assert (await row_of(cms)).event_id == again.accepted.event_id


async def test_a_rejected_post_does_not_stand_in_the_way(build_town):
    cms = await build_town(hooks=a_cms(accounts=("brand-instagram",)))
    await say(cms, excerpt="x" * 5000)
    again = await say(cms, rev="2")

    assert [post.state for post in again.posts] == [PostState.ACCEPTED]


async def claimed(town):
    """Begin to send: what is claimed is under way."""
    [item] = await town.publisher.claim(1)
    return item


async def test_a_change_of_what_is_being_sent_goes_after_it(cms):
    first = await say(cms)
    item = await claimed(cms)
    result = await say(cms, "update", rev="2", title="Mended")
    assert result.outcome == "changed"
    await cms.publisher.act(item)
    await cms.work()

    assert b"Drops" in cms.wire.creates[0]
    [at_partner] = cms.sim.world.posts.values()
    assert (at_partner.caption, (await cms.post(first.posts[0].id)).content["caption"]) == ("Mended", "Mended")


async def test_a_cancel_of_what_is_being_sent_goes_after_it(cms):
    first = await say(cms)
    item = await claimed(cms)
    await say(cms, "unpublish", rev="2")
    await cms.publisher.act(item)
    await cms.work()

    assert (await cms.post(first.posts[0].id)).state is PostState.CANCELED


async def test_a_change_of_what_the_partner_then_refuses_ends_with_it(cms):
    cms.sim.fault("answer", "create", status=422, body='{"ok": false, "code": 422, "error_code": "invalid_payload"}')
    first = await say(cms)
    item = await claimed(cms)
    await say(cms, "update", rev="2", title="Mended")
    await cms.publisher.act(item)
    await cms.work()

    [_, update] = await cms.commands(first.posts[0].id)
    assert (update.state, update.attempts) == (WorkState.DEAD, 0)


async def test_a_pruned_event_counts_as_posted(cms):
    row = replace(await row_after(cms), event_id="evt_gone", version=2)
    await cms.store.record([Write(objects=(row,))])
    assert (await say(cms, rev="9")).reason == "already_posted: evt_gone"


async def row_after(town):
    await say(town)
    return await row_of(town)


async def test_twenty_deliveries_at_once_make_one_post(cms):
    results = await asyncio.gather(*(say(cms, key=f"delivery {number}") for number in range(20)))

    assert sorted(result.outcome for result in results) == ["accepted"] + ["skipped"] * 19
    assert len(await all_posts(cms)) == 1
    assert len({result.accepted.event_id for result in results}) == 20


async def test_twenty_versions_at_once_make_one_post(cms):
    results = await asyncio.gather(*(say(cms, rev=str(number)) for number in range(20)))

    assert sum(result.outcome == "accepted" for result in results) == 1
    assert len(await all_posts(cms)) == 1
    assert (await row_of(cms)).revision == "19"


async def test_what_is_overtaken_is_decided_anew(cms):
    cms.store.lose["accept"] = [StoreOvertaken(), StoreOvertaken()]
    assert (await say(cms)).outcome == "accepted"


async def test_a_feed_that_posted_it_first_is_found_by_its_address(build_town):
    town = await build_town(hooks=a_cms(feed="https://blog.example.com/rss", site="https://blog.example.com"))
    entry = Item(
        intent=Intent.PUBLISH,
        object_id="guid-of-the-feed",
        title="Drops",
        url="https://blog.example.com/7",
        listed=True,
    )
    [first] = await town.ingest.take("cms", [entry], body=b"{}", content_type="application/json")
    result = await say(town, url="/7", rev="2")

    assert result.reason == f"already_waiting: {first.accepted.event_id}"


async def test_without_a_feed_one_address_may_be_that_of_several_objects(cms):
    await say(cms, id="1", url="https://blog.example.com/")
    assert (await say(cms, id="2", url="https://blog.example.com/")).outcome == "accepted"


async def test_an_object_belongs_to_its_source(build_town):
    town = await build_town(hooks={**a_cms(), "other": a_cms()["cms"]})
    await say(town)
    thing = {"id": "7", "intent": "publish", "rev": "1", "title": "Drops"}

    assert (await town.receive("other", town.hook(thing, authorization=f"Bearer {SECRET}"))).outcome == "accepted"


async def test_a_condition_that_does_not_hold_leaves_the_object_alone(build_town):
    town = await build_town(hooks=a_cms(when=("'social' in tags",)))
    result = await say(town, tags=["news"])

    assert (result.outcome, result.posts) == ("ignored", ())
    assert "does not hold" in result.reason
    assert await town.store.objects("cms", ["7"]) == []
    assert (await say(town, tags=["social"], rev="2")).outcome == "accepted"
