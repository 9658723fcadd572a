"""Act: what a person may change, take back or try again, wherever the post is by then."""

from datetime import timedelta

import orjson
import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import CommandKind, PostState, WorkState
from tests.flows.town import INSTAGRAM, NOON, TIKTOK, SimAccount, failing

pytestmark = pytest.mark.anyio

HOUR = {"scheduled_at": (NOON + timedelta(hours=1)).isoformat()}
PRIVATE = {"privacy_level": "SELF_ONLY"}


async def refused(action):
    with pytest.raises(Problem) as caught:
        await action
    return caught.value


# PATCH.


async def test_an_unsent_post_is_changed_here(town):
    post_id = (await town.publish()).posts[0].id
    post, command = await town.actions.edit(post_id, {"caption": "better"}, ())
    await town.work()
    assert (post.content["caption"], command) == ("better", None)
    assert orjson.loads(town.wire.creates[0])["caption"] == "better"
    assert (await town.data(post_id, "post.updated"))["changed"] == ["caption"]


async def test_an_unsent_post_can_be_moved_to_a_later_time(town):
    post_id = (await town.publish()).posts[0].id
    await town.actions.edit(post_id, HOUR, ())
    await town.work()
    assert (await town.post(post_id)).state is PostState.SCHEDULED


async def test_a_post_that_waits_out_the_gap_goes_when_its_time_is_cleared(town):
    post_id = await town.sent(scheduled_at=(NOON + timedelta(seconds=60)).isoformat())
    await town.actions.edit(post_id, {"scheduled_at": None}, ())
    await town.work()
    assert (await town.post(post_id)).state is PostState.PENDING


async def test_a_parked_post_that_is_given_another_account_goes_out(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    post_id = (await town.publish()).posts[0].id
    await town.actions.edit(post_id, {"accounts": ["brand-instagram"]}, ())
    await town.work()
    post = await town.post(post_id)
    assert (post.state, [one.account for one in post.targets]) == (PostState.PENDING, [INSTAGRAM])


async def test_a_scheduled_post_is_changed_by_a_command(town):
    post_id = await town.sent(**HOUR)
    _, command = await town.actions.edit(post_id, {"caption": "better"}, ())
    assert command.kind is CommandKind.UPDATE
    await town.work()
    post = await town.post(post_id)
    assert (post.content["caption"], post.state) == ("better", PostState.SCHEDULED)
    assert next(iter(town.sim.world.posts.values())).caption == "better"
    assert "post.updated" in await town.events(post_id)


async def test_a_scheduled_post_that_is_moved_to_now_is_pending(town):
    post_id = await town.sent(**HOUR)
    await town.actions.edit(post_id, {"scheduled_at": None}, ())
    await town.work()
    post = await town.post(post_id)
    assert (post.state, post.scheduled_at) == (PostState.PENDING, None)


async def test_a_failed_post_may_be_edited(town):
    town.sim.script(TIKTOK, failing("Caption violates policy"))
    post_id = await town.sent()
    await town.advance(5)
    await town.actions.edit(post_id, {"caption": "better", "scheduled_at": None}, ())
    await town.advance(10)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_a_posted_post_cannot_be_changed(town):
    post_id = await town.sent()
    await town.advance(5)
    problem = await refused(town.actions.edit(post_id, {"caption": "better"}, ()))
    assert (problem.status, problem.slug, problem.extra["state"]) == (409, "not_allowed_now", "posted")


async def test_an_edit_that_the_partner_would_refuse_lists_every_fault(town):
    post_id = await town.sent(**HOUR)
    problem = await refused(town.actions.edit(post_id, {"caption": "x" * 2300}, ()))
    assert (problem.status, problem.errors[0].field) == (422, "caption")


@pytest.mark.parametrize("fields", [{}, {"external_id": "x"}, {"timezone": "Europe/Berlin"}, {"text": None}])
async def test_an_edit_must_name_something_that_can_be_changed(town, fields):
    post_id = await town.sent(**HOUR)
    assert (await refused(town.actions.edit(post_id, fields, ()))).status == 422


async def test_an_edit_refused_by_the_partner_leaves_the_post_as_it_is(town):
    post_id = await town.sent(**HOUR)
    body = '{"ok": false, "code": 422, "error_code": "invalid_payload"}'
    town.sim.fault("answer", "update", status=422, body=body)
    _, command = await town.actions.edit(post_id, {"caption": "better"}, ())
    await town.work()
    post, ended = await town.post(post_id), (await town.commands(post_id))[-1]
    assert (post.state, post.content["caption"]) == (PostState.SCHEDULED, "hello")
    assert (ended.id, ended.state, ended.reason) == (command.id, WorkState.DEAD, FailureReason.INVALID)
    assert "post.gave_up" not in await town.events(post_id)


async def test_an_edit_in_the_gap_waits(town):
    post_id = await town.sent(**HOUR)
    await town.actions.edit(post_id, {"scheduled_at": (NOON + timedelta(seconds=60)).isoformat()}, ())
    await town.work()
    assert town.calls("update") == []
    town.clock.move(seconds=40)
    await town.work()
    assert (await town.post(post_id)).state is PostState.PENDING


# Two edits.


async def test_an_edit_that_waits_out_the_gap_goes_with_the_next_one(town):
    post_id = await town.sent(**HOUR)
    soon = (NOON + timedelta(seconds=90)).isoformat()
    _, first = await town.actions.edit(post_id, {"caption": "first", "scheduled_at": soon}, ())
    await town.work()
    _, second = await town.actions.edit(post_id, {"scheduled_at": (NOON + timedelta(hours=5)).isoformat()}, ())
    await town.advance(10, step=1)
    folded = (await town.commands(post_id))[1]
    assert (folded.id, folded.state, second.id in (folded.detail or "")) == (first.id, WorkState.DONE, True)
    post = await town.post(post_id)
    assert (post.content["caption"], post.scheduled_at) == ("first", NOON + timedelta(hours=5))
    assert len(town.calls("update")) == 1


async def test_an_edit_never_overtakes_one_whose_answer_was_lost(town):
    post_id = await town.sent(**HOUR)
    town.sim.fault("server_error", "update")
    await town.actions.edit(post_id, {"caption": "first"}, ())
    await town.work()
    await town.actions.edit(post_id, {"caption": "second"}, ())
    assert await town.work() == 0
    await town.advance(5, step=1)
    assert next(iter(town.sim.world.posts.values())).caption == "second"
    assert (await town.post(post_id)).content["caption"] == "second"


async def test_an_edit_is_judged_with_those_before_it(town):
    post_id = await town.sent(**HOUR)
    await town.actions.edit(post_id, {"accounts": ["brand-instagram"]}, ())
    problem = await refused(town.actions.edit(post_id, {"tiktok": PRIVATE}, ()))
    assert [fault.field for fault in problem.errors] == ["tiktok"]


# What a post would have to be split for.


@pytest.mark.parametrize("soon", [60, 7200])
async def test_a_block_that_not_every_account_takes_is_refused(town, soon):
    at = (NOON + timedelta(seconds=soon)).isoformat()
    post_id = await town.sent(accounts=["brand-tiktok", "brand-instagram"], scheduled_at=at)
    problem = await refused(town.actions.edit(post_id, {"tiktok": PRIVATE}, ()))
    assert (problem.status, problem.errors[0].field) == (422, "tiktok")
    assert "publish it anew" in problem.errors[0].remedy


async def test_an_account_that_the_blocks_do_not_fit_is_refused(town):
    post_id = await town.sent(tiktok=PRIVATE, **HOUR)
    problem = await refused(town.actions.edit(post_id, {"accounts": ["brand-tiktok", "brand-instagram"]}, ()))
    assert (problem.status, [fault.field for fault in problem.errors]) == (422, ["tiktok"])


async def test_more_accounts_than_one_request_takes_are_refused(town):
    post_id = (await town.publish()).posts[0].id
    scope = next(iter(town.sim.world.keys.values())).scope_id
    ids = [f"aaaaaaaa-0000-4000-8000-0000000000{number}" for number in range(10, 21)]
    town.sim.world.accounts |= {one: SimAccount(one, "tiktok", username=one, scope_id=scope) for one in ids}
    await town.watcher.accounts()
    problem = await refused(town.actions.edit(post_id, {"accounts": ids}, ()))
    assert (problem.status, problem.errors[0].field) == (422, "accounts")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tiktok": PRIVATE}, "tiktok"),
        ({"settings": {"youtube": {"privacy": "private"}}}, "settings.youtube"),
        ({"settings": None}, "settings"),
    ],
)
async def test_an_edit_of_which_nothing_would_be_sent_is_refused(town, changes, field):
    post_id = await town.sent(accounts=["brand-instagram"], **HOUR)
    problem = await refused(town.actions.edit(post_id, changes, ()))
    assert (problem.status, [fault.field for fault in problem.errors]) == (422, [field])


async def test_a_post_that_was_split_off_a_block_can_be_edited(town):
    answer = await town.publish(accounts=["brand-tiktok", "brand-instagram"], tiktok=PRIVATE, **HOUR)
    await town.work()
    for post in answer.posts:
        await town.actions.edit(post.id, {"caption": "better"}, ())
    await town.work()
    assert {post.caption for post in town.sim.world.posts.values()} == {"better"}


# DELETE.


async def test_an_unsent_post_is_canceled_here(town):
    post_id = (await town.publish()).posts[0].id
    post, command = await town.actions.cancel(post_id, ())
    assert (post.state, command, await town.work()) == (PostState.CANCELED, None, 0)
    assert await town.events(post_id) == ["post.canceled"]


async def test_a_parked_post_is_canceled_here(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    post_id = (await town.publish()).posts[0].id
    await town.actions.cancel(post_id, ())
    town.sim.world.reconnect(TIKTOK)
    await town.advance(20)
    assert (await town.post(post_id)).state is PostState.CANCELED
    assert town.calls("create") == []


async def test_a_scheduled_post_is_canceled_at_the_partner(town):
    post_id = await town.sent(**HOUR)
    await town.actions.cancel(post_id, ())
    await town.work()
    assert (await town.post(post_id)).state is PostState.CANCELED
    assert not town.sim.world.posts
    await town.advance(90)
    assert (await town.events(post_id))[-1] == "post.canceled"


async def test_a_post_being_sent_cannot_be_canceled_in_between(town):
    post_id = (await town.publish()).posts[0].id
    await town.publisher.claim(1)
    problem = await refused(town.actions.cancel(post_id, ()))
    assert (problem.status, problem.slug, problem.retry_after) == (409, "being_sent", timedelta(seconds=2))


async def test_a_post_whose_answer_was_lost_cannot_be_canceled_here(town):
    town.sim.fault("stored_then_dropped", "create")
    post_id = await town.sent()
    assert (await refused(town.actions.cancel(post_id, ()))).slug == "being_sent"


async def test_a_posted_post_cannot_be_canceled(town):
    post_id = await town.sent()
    await town.advance(5)
    assert (await refused(town.actions.cancel(post_id, ()))).status == 409


async def test_a_cancel_that_comes_too_late_at_the_partner_leaves_the_truth(town):
    post_id = await town.sent()
    town.sim.tick()
    _, command = await town.actions.cancel(post_id, ())
    await town.work()
    await town.advance(5)
    post, ended = await town.post(post_id), (await town.commands(post_id))[-1]
    assert (post.state, post.reason) == (PostState.POSTED, None)
    assert (ended.id, ended.reason) == (command.id, FailureReason.NOT_ALLOWED_NOW)
    assert ended.detail == (await town.attempts(post_id))[-1].answer["refusal"]


async def test_a_cancel_of_what_is_gone_already_is_a_cancel(town):
    post_id = await town.sent()
    town.sim.world.forget(next(iter(town.sim.world.posts.values())))
    await town.actions.cancel(post_id, ())
    await town.work()
    await town.advance(5)
    assert (await town.post(post_id)).state is PostState.CANCELED


async def test_a_cancel_ends_an_edit_that_waits(town):
    post_id = await town.sent(**HOUR)
    town.sim.fault("server_error", "update")
    await town.actions.edit(post_id, {"caption": "better"}, ())
    await town.work()
    await town.actions.cancel(post_id, ())
    await town.advance(30)
    assert ((await town.post(post_id)).state, len(town.calls("update"))) == (PostState.CANCELED, 1)
    assert [one.reason for one in await town.commands(post_id)] == [None, FailureReason.CANCELED, None]


async def test_an_edit_that_finds_the_post_canceled_says_so_and_the_post_stays_canceled(town):
    post_id = await town.sent(**HOUR)
    await town.actions.cancel(post_id, ())
    await town.actions.edit(post_id, {"caption": "better"}, ())
    await town.advance(30)
    ended = (await town.commands(post_id))[-1]
    assert (ended.state, ended.reason) == (WorkState.DEAD, FailureReason.NOT_FOUND)
    assert (await town.events(post_id))[-1] == "post.canceled"
    assert (await town.post(post_id)).state is PostState.CANCELED


async def test_a_cancel_ends_a_planned_retry(town):
    town.sim.script(TIKTOK, failing())
    post_id = await town.sent()
    await town.advance(5)
    await town.actions.cancel(post_id, ())
    await town.work()
    await town.advance(60)
    assert (await town.post(post_id)).state is PostState.CANCELED
    assert town.calls("retry") == []


# Retry.


async def test_a_retry_of_a_rejected_post_sends_it_again_under_its_external_id(town):
    town.sim.fault("answer", "create", status=422, body='{"ok": false, "code": 422, "error_code": "invalid_payload"}')
    post_id = await town.sent(external_id="x1")
    await town.actions.retry(post_id, ())
    await town.work()
    assert (await town.post(post_id)).state is PostState.PENDING
    assert {orjson.loads(body)["external_id"] for body in town.wire.creates} == {"x1"}


@pytest.mark.parametrize("minutes", [0, 5])
async def test_a_post_that_has_not_failed_cannot_be_retried(town, minutes):
    post_id = await town.sent()
    await town.advance(minutes)
    assert (await refused(town.actions.retry(post_id, ()))).slug == "not_allowed_now"


async def test_a_retry_by_hand_takes_the_place_of_the_planned_one(town):
    town.sim.script(TIKTOK, failing())
    post_id = await town.sent()
    await town.advance(5)
    _, command = await town.actions.retry(post_id, ())
    await town.work()
    assert command.payload == {"account_ids": [TIKTOK], "manual": True, "by": "a person"}
    await town.advance(30)
    assert len(town.calls("retry")) == 1
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_retry_of_a_parked_post_sends_it(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    post_id = (await town.publish()).posts[0].id
    town.sim.world.reconnect(TIKTOK)
    await town.watcher.accounts()
    await town.actions.retry(post_id, ())
    await town.work()
    assert (await town.post(post_id)).state is PostState.PENDING


# Who may, and what there is.


async def test_a_post_is_found_by_the_partners_id(town):
    post_id = await town.sent()
    partner_id = (await town.post(post_id)).partner_id
    assert await town.actions.find(f"gv:{partner_id}") == post_id
    assert await town.actions.find(post_id) == post_id


@pytest.mark.parametrize("action", ["cancel", "retry", "send", "drop", "live"])
async def test_an_unknown_post_is_a_404(town, action):
    assert (await refused(getattr(town.actions, action)("post_x", ()))).status == 404


@pytest.mark.parametrize("action", ["cancel", "retry", "send", "drop", "live"])
async def test_a_token_for_other_accounts_may_not_touch_a_post(town, action):
    post_id = await town.sent()
    problem = await refused(getattr(town.actions, action)(post_id, ("ugc-*",)))
    assert (problem.status, problem.slug) == (403, "account_not_allowed")


async def test_a_token_may_not_move_a_post_to_an_account_it_may_not_use(town):
    post_id = await town.sent(**HOUR)
    problem = await refused(town.actions.edit(post_id, {"accounts": ["ugc-tiktok"]}, ("brand-*",)))
    assert problem.status == 403


async def test_is_live_is_no_word_for_a_post_that_no_partner_has(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    post_id = (await town.publish()).posts[0].id
    assert (await refused(town.actions.live(post_id, ()))).slug == "not_sent"


async def test_schedule_in_the_past_is_no_edit(town):
    at = (NOON + timedelta(days=2)).isoformat()
    post_id = await town.sent(scheduled_at=at)
    with pytest.raises(Problem) as caught:
        await town.actions.edit(post_id, {"scheduled_at": "2020-01-01T00:00:00Z"}, ())
    assert [fault.field for fault in caught.value.errors] == ["scheduled_at"]
