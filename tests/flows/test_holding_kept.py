"""What is held stays held: no retry, save or later change gets past whoever has to approve it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.core.rules import PublishRules
from bridge.core.slack.buttons import buttons, verbs
from bridge.core.step import source_cause
from bridge.ports import Verb
from tests.flows.feeding import an_entry
from tests.flows.talking import CHAT, pressed
from tests.flows.test_converse import careful, client, slack
from tests.flows.test_feeds_and_hooks import build
from tests.flows.test_fetch import files, picture
from tests.flows.test_holding import A_WHILE, ASKED, approved, asked, held, passing
from tests.flows.test_ingest_objects import IN_AN_HOUR, a_cms, all_posts, say
from tests.flows.town import NOON, TIKTOK

pytestmark = pytest.mark.anyio

__all__ = ["approved", "build", "careful", "client", "files", "held", "slack"]

WEEK = 8 * 24 * 60
WAITS = (PostState.PARKED, FailureReason.NEEDS_APPROVAL)


async def stands(town, post_id):
    post = await town.post(post_id)
    return post.state, post.reason


def captions(town) -> list[str]:
    return [post.content["caption"] for post in town.sim.world.posts.values()]


async def is_approved(town, **fields):
    """A page that was scheduled, approved, and is at the partner."""
    [post] = (await say(town, "schedule", at=IN_AN_HOUR.isoformat(), **fields)).posts
    await town.actions.send(post.id, (), "Boss")
    await town.work()
    return post


# Retries.


async def test_a_retry_of_what_was_dropped_waits_for_approval_again(approved):
    [post] = (await approved.publish()).posts
    before = asked(approved)
    await approved.actions.drop(post.id, (), "Boss")
    assert verbs([await approved.post(post.id)], {post.id: await approved.commands(post.id)}, approved.clock()) == []

    await approved.actions.retry(post.id, (), "Mallory")
    await passing(approved, 60)
    assert (await stands(approved, post.id), asked(approved)) == (WAITS, before)
    assert (await approved.data(post.id, "post.updated"))["by"] == "Mallory"

    await approved.actions.send(post.id, (), "Boss")
    await approved.work()
    assert (await approved.post(post.id)).state is PostState.PENDING


async def test_a_retry_of_what_nobody_approved_in_time_waits_for_approval_again(approved):
    [post] = (await approved.publish()).posts
    await passing(approved, WEEK)
    assert (await approved.post(post.id)).reason is FailureReason.EXPIRED

    await approved.actions.retry(post.id, (), "Mallory")
    await passing(approved, 60)

    assert await stands(approved, post.id) == WAITS


async def test_a_retry_of_what_was_refused_at_once_waits_for_approval(approved):
    [post] = (await say(approved, "schedule", at=(NOON - timedelta(days=3)).isoformat())).posts
    assert post.state is PostState.REJECTED

    await approved.actions.retry(post.id, (), "Mallory")
    await approved.work()

    assert (await stands(approved, post.id), approved.calls("create")) == (WAITS, [])


async def test_a_retry_of_what_was_held_for_a_while_is_held_for_as_long_again(held):
    [post] = (await held.publish()).posts
    await held.actions.drop(post.id, (), "Boss")
    await held.actions.retry(post.id, (), "Ann")
    await passing(held, 9)
    assert held.calls("create") == []

    await passing(held, 1)
    assert (await held.post(post.id)).state is PostState.PENDING


@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
async def test_a_retry_is_no_approval(build_town, rules):
    town = await build_town(publish=PublishRules(**rules))
    [post] = (await town.publish()).posts
    with pytest.raises(Problem, match="/send") as caught:
        await town.actions.retry(post.id, (), "Mallory")
    assert (caught.value.status, (await town.post(post.id)).state) == (409, PostState.PARKED)


async def test_what_was_asked_for_anew_and_goes_is_not_sent_twice(held):
    [first] = (await held.publish(dedupe=True)).posts
    await held.actions.drop(first.id, (), "Boss")
    [second] = (await held.publish(dedupe=True)).posts

    with pytest.raises(Problem) as caught:
        await held.actions.retry(first.id, (), "Mallory")

    assert (caught.value.slug, caught.value.extra["post_id"]) == ("asked_anew", second.id)
    await held.actions.drop(second.id, (), "Boss")
    await held.actions.retry(first.id, (), "Ann")
    assert (await held.post(first.id)).state is PostState.PARKED


# Time.


async def test_media_of_what_was_approved_after_a_week_are_still_fetched(approved, files):
    at = (NOON + timedelta(days=20)).isoformat()
    [post] = (await approved.publish(media=files.put("/a.webp", picture()), scheduled_at=at)).posts
    await passing(approved, WEEK)
    await approved.actions.send(post.id, (), "Ada")
    await approved.work()
    await passing(approved, 2)

    assert ((await approved.post(post.id)).state, files.asked) == (PostState.SCHEDULED, ["/a.webp"])


# Changes of the sender.


async def test_a_change_of_what_is_at_the_partner_waits_for_approval(approved):
    post = await is_approved(approved)
    before = asked(approved)

    assert (await say(approved, "update", rev="2", title="Other")).outcome == "changed"
    await passing(approved, 5)
    assert (asked(approved), (await approved.post(post.id)).state) == (before, PostState.SCHEDULED)
    assert (await approved.data(post.id, "post.parked"))["reason"] == "needs_approval"

    await approved.actions.send(post.id, (), "Boss")
    await approved.work()
    assert captions(approved) == ["Other"]
    assert (await approved.data(post.id, "post.updated"))["by"] == "Boss"


async def test_a_change_that_is_dropped_leaves_the_post_as_it_was_approved(approved):
    post = await is_approved(approved)
    [first] = captions(approved)
    await say(approved, "update", rev="2", title="Other")

    await approved.actions.drop(post.id, (), "Boss")
    await passing(approved, 5)

    assert (captions(approved), (await approved.post(post.id)).state) == ([first], PostState.SCHEDULED)
    assert (await approved.data(post.id, "post.updated"))["changed"] == ["dropped"]


async def test_what_is_taken_back_and_published_otherwise_waits_for_approval(approved):
    post = await is_approved(approved)
    [first] = captions(approved)
    await say(approved, "unpublish", rev="2")
    await say(approved, "publish", rev="3", title="Other")
    await approved.work()
    await passing(approved, 1)

    assert captions(approved) == [first]
    assert (await approved.post(post.id)).state is PostState.SCHEDULED


async def test_a_change_of_what_was_approved_and_has_not_gone_holds_it_again(approved):
    [post] = (await say(approved)).posts
    await approved.actions.send(post.id, (), "Boss")
    await say(approved, "update", rev="2", title="Other")
    await passing(approved, 5)
    assert (await stands(approved, post.id), approved.calls("create")) == (WAITS, [])

    await approved.actions.send(post.id, (), "Boss")
    await approved.work()
    assert captions(approved) == ["Other"]


async def test_what_somebody_edits_beside_it_waits_with_it(approved):
    post = await is_approved(approved)
    await say(approved, "update", rev="2", title="Other")
    await approved.actions.edit(post.id, {"scheduled_at": (NOON + timedelta(hours=3)).isoformat()}, (), "Ann")
    await passing(approved, 5)
    assert "Other" not in captions(approved)

    await approved.actions.send(post.id, (), "Boss")
    await approved.work()
    assert captions(approved) == ["Other"]


async def test_a_change_that_nobody_approved_before_it_went_out_ends(approved):
    post = await is_approved(approved)
    await say(approved, "update", rev="2", title="Other")
    await approved.advance(120)
    await passing(approved, 1)

    updates = [one for one in await approved.commands(post.id) if one.kind is CommandKind.UPDATE]
    assert ([one.state for one in updates], (await approved.post(post.id)).state) == (
        [WorkState.DEAD],
        PostState.POSTED,
    )
    assert "Other" not in captions(approved)


async def test_a_change_is_approved_with_buttons_of_its_own(approved):
    post = await is_approved(approved)
    await say(approved, "update", rev="2", title="Other")
    shown, known = [await approved.post(post.id)], {post.id: await approved.commands(post.id)}
    assert verbs(shown, known, approved.clock()) == ["approve", "drop", "cancel"]


# What is dropped stays dropped.


@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
@pytest.mark.parametrize("intent", ["publish", "update"])
async def test_what_a_person_dropped_is_not_posted_by_the_next_save(build_town, rules, intent):
    town = await build_town(hooks=a_cms(**rules))
    [post] = (await say(town)).posts
    await town.actions.drop(post.id, (), "Boss")

    again = await say(town, intent, rev="2")
    await passing(town, 15)

    assert (again.outcome, len(await all_posts(town)), town.calls("create")) == ("skipped", 1, [])
    assert again.reason == f"dropped by Boss: {post.event_id}"


async def test_a_feed_whose_posts_are_approved_has_no_brake(build):
    both = await build(a_cms(feed=build.site.url, brake=1, **ASKED))
    for name in "abc":
        both.site.show(an_entry(name, both.town.clock, age=0))
    await both.swept()

    assert [await stands(both.town, post.id) for post in await all_posts(both.town)] == [WAITS] * 3
    assert source_cause("cms") not in await both.town.store.causes()


# What was seen is what is approved.


async def value(room, message, post) -> str:
    """The value of the button that approves, as the message has it now."""
    town = room.talk.town
    made = buttons(message.id, [await town.post(post.id)], {post.id: await town.commands(post.id)}, town.clock())
    return next(one["value"] for one in made if one["action_id"] == "bridge:approve")


async def test_what_was_changed_since_it_was_shown_is_not_approved(careful):
    message, [post] = await careful.asked()
    seen = await value(careful, message, post)
    town = careful.talk.town
    await town.actions.edit(post.id, {"caption": "unseen"}, (), "Mallory")
    before = await careful.wants(message)

    await careful.do(Verb.APPROVE, replace(message, id=seen))
    assert ((await town.post(post.id)).state, await careful.wants(message)) == (PostState.PARKED, before + 1)
    assert "Look at it again" in careful.slack.seen("C1", "U1")[0]

    await careful.do(Verb.APPROVE, replace(message, id=await value(careful, message, post)))
    assert (await town.post(post.id)).state is PostState.ACCEPTED


async def test_whoever_may_not_approve_does_not_retry_what_was_held(careful):
    message, [post] = await careful.asked()
    town = careful.talk.town
    await passing(town, WEEK)
    await careful.converser.act(CHAT, pressed(Verb.RETRY, message.id, channel="C1", judges=False))
    await careful.converser.settled()
    assert (await town.post(post.id)).state is PostState.REJECTED

    await careful.do(Verb.RETRY, message)
    assert await stands(town, post.id) == WAITS


# What is shown before.


@pytest.mark.parametrize(("rules", "where"), [(A_WHILE, "goes_at"), (ASKED, "approve")])
async def test_a_preview_says_what_it_waits_for(build_town, rules, where):
    town = await build_town(hooks=a_cms(**rules))
    hook = town.hook({"id": "7", "intent": "publish", "rev": "1", "title": "X"})
    [post] = (await town.ingest.preview("cms", hook))["items"][0]["posts"]
    assert where in post["held"]


async def test_a_hold_that_is_longer_than_the_schedule_is_warned_of(held):
    taken = await held.publish(scheduled_at=(NOON + timedelta(minutes=5)).isoformat())
    assert [one["code"] for one in taken.warnings if one["field"] == "scheduled_at"] == ["HELD_LONGER"]


@pytest.mark.parametrize("act", ["approve", "drop"])
async def test_what_is_decided_on_a_held_change_says_nothing_of_a_doubtful_retry(approved, act):
    post = await is_approved(approved)
    await say(approved, "update", rev="2", title="Other")
    doubtful = {"kind": "fail", "text": "The network timed out while publishing", "live": True}
    approved.sim.script(TIKTOK, doubtful, "ok")
    await approved.advance(90)
    for _ in range(3):
        await passing(approved, 10)

    await (approved.actions.send if act == "approve" else approved.actions.drop)(post.id, (), "Boss")
    await passing(approved, 1)
    await approved.advance(30)

    [retry] = [one for one in await approved.commands(post.id) if one.kind is CommandKind.RETRY]
    assert (retry.state, retry.reason) == (WorkState.PARKED, FailureReason.UNKNOWN_OUTCOME)


@pytest.mark.parametrize("intent", ["unpublish", "delete", "update"])
async def test_of_what_was_dropped_nothing_is_said_to_be_out(build_town, intent):
    town = await build_town(hooks=a_cms(repeat="update", **ASKED))
    [post] = (await say(town)).posts
    await town.actions.drop(post.id, (), "Boss")

    done = await say(town, intent, rev="2", title="Other")

    assert (done.outcome, str(done.reason).partition(":")[0]) == ("skipped", "dropped by Boss")
    assert town.calls("create") == []
