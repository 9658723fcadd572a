"""Retry: what failed on a network is judged by its text, retried for its own account only, and never doubled."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import AccountState, CommandKind, PostState, TargetState, WorkState
from bridge.core.rules import RetryRules
from bridge.simulator.genviral import worker
from tests.flows.town import INSTAGRAM, TIKTOK, TIKTOK_HOSTED, failing

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TOKEN = worker.TOKEN_TEXT
UNSURE = "Publishing timed out; the outcome is unknown"


async def the_retry(town, post_id):
    """The post's last retry command."""
    return [one for one in await town.commands(post_id) if one.kind is CommandKind.RETRY][-1]


async def failed(town, text, **more):
    """A post to two accounts that failed on TikTok with this text, five minutes ago."""
    town.sim.script(TIKTOK, failing(text, **more))
    post_id = await town.sent(accounts=["brand-*"])
    await town.advance(5)
    return post_id


@pytest.mark.parametrize(
    ("text", "choice", "reason"),
    [
        ("Temporary platform error (503)", "retry", "platform_rate"),
        ("Too many requests, rate limit reached", "retry", "platform_rate"),
        ("Something odd", "retry", "platform_other"),
        ("Video violates our content policy", "give_up", "content"),
        ("spam_risk_too_many_pending_share", "wait", "platform_limit"),
        ("spam_risk_too_many_posts", "wait", "platform_limit"),
        ("reached_active_user_cap", "wait", "platform_limit"),
        (TOKEN, "park", "token"),
        (UNSURE, "", "unknown_outcome"),
    ],
)
async def test_each_class_of_failure_has_its_choice(town, text, choice, reason):
    target = (await town.post(await failed(town, text))).targets[0]
    assert (target.choice, target.reason) == (choice, reason)


async def test_three_retries_after_5_15_and_45_minutes_and_then_it_gave_up(town):
    town.sim.script(TIKTOK, *[failing()] * 9)
    post_id = await town.sent()
    await town.advance(120, step=1)
    times = [entry.at for entry in town.calls("retry")]
    failures = [one.created_at for one in (await town.store.timeline(post_id)).events if one.type == "target.failed"]
    delays = [(retried - at) / timedelta(minutes=1) for at, retried in zip(failures, times, strict=False)]
    assert delays == [5, 15, 45]
    data = await town.data(post_id, "post.gave_up")
    assert (data["reason"], (await town.post(post_id)).gave_up) == ("exhausted", True)


async def test_a_passing_failure_is_retried_for_its_account_only(town):
    post_id = await failed(town, "Temporary platform error (503)")
    await town.advance(20)
    [entry] = town.calls("retry")
    assert (await town.post(post_id)).state is PostState.POSTED
    assert [one.body for one in town.retries] == [
        {"post_ids": [entry.post_id], "account_ids": [TIKTOK]},
    ]


async def test_accounts_that_failed_for_good_are_left_out_of_a_retry(town):
    town.sim.script(TIKTOK, failing())
    town.sim.script(INSTAGRAM, failing("Caption violates policy"))
    post_id = await town.sent(accounts=["brand-*", "ugc-tiktok"])
    await town.advance(20)
    post = await town.post(post_id)
    assert [one.body["account_ids"] for one in town.retries] == [[TIKTOK]]
    assert {one.account: one.state for one in post.targets} == {
        TIKTOK: TargetState.POSTED,
        INSTAGRAM: TargetState.FAILED,
        TIKTOK_HOSTED: TargetState.POSTED,
    }
    assert (post.state, post.gave_up) == (PostState.PARTIAL, True)


async def test_two_accounts_that_failed_together_are_retried_by_one_call(town):
    for account in (TIKTOK, INSTAGRAM):
        town.sim.script(account, failing())
    await town.sent(accounts=["brand-*"])
    await town.advance(20)
    assert [sorted(one.body["account_ids"]) for one in town.retries] == [sorted([TIKTOK, INSTAGRAM])]


async def test_what_was_decided_and_why_is_told(town):
    post_id = await failed(town, "Temporary platform error (503)")
    retry = (await town.data(post_id, "target.retrying"))["retry"]
    assert retry == {
        "will": True,
        "at": (town.clock() + timedelta(minutes=5)).isoformat().replace("+00:00", "Z"),
        "attempt": 1,
        "of": 3,
        "why": "platform_rate",
    }
    await town.advance(5)
    assert (await town.data(post_id, "post.retrying"))["account_ids"] == [TIKTOK]


async def test_a_failure_for_good_gives_up_at_once_and_says_why(town):
    post_id = await failed(town, "Video violates our content policy")
    data = await town.data(post_id, "post.gave_up")
    assert (data["reason"], data["why"]) == ("content", {TIKTOK: "content"})
    await town.advance(60)
    assert town.calls("retry") == []


async def test_a_daily_limit_waits_a_day_and_is_then_retried(town):
    post_id = await failed(town, "spam_risk_too_many_posts")
    await town.advance(60 * 23 + 30, step=30)
    assert town.calls("retry") == []
    await town.advance(60, step=10)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_a_wait_of_one_account_does_not_hold_up_the_retry_of_another(town):
    town.sim.script(TIKTOK, failing("spam_risk_too_many_posts"))
    town.sim.script(INSTAGRAM, failing())
    post_id = await town.sent(accounts=["brand-*"])
    await town.advance(20)
    states = {one.account: one.state for one in (await town.post(post_id)).targets}
    assert states == {TIKTOK: TargetState.FAILED, INSTAGRAM: TargetState.POSTED}


async def test_a_parked_account_does_not_hold_up_the_retry_of_another(town):
    town.sim.script(TIKTOK, failing(TOKEN))
    town.sim.script(INSTAGRAM, failing())
    post_id = await town.sent(accounts=["brand-*"])
    await town.advance(20)
    states = {one.account: one.state for one in (await town.post(post_id)).targets}
    assert states == {TIKTOK: TargetState.FAILED, INSTAGRAM: TargetState.POSTED}


async def test_retries_can_be_turned_off(build_town):
    town = await build_town(retry=RetryRules(delays=()))
    post_id = await failed(town, "Temporary platform error (503)")
    assert (await town.data(post_id, "post.gave_up"))["reason"] == "exhausted"


async def test_a_retry_that_comes_too_late_is_a_benign_race(town):
    post_id = await failed(town, "Temporary platform error (503)")
    town.sim.world.set_post_status((await town.post(post_id)).partner_id, "posted")
    town.clock.move(minutes=5)
    await town.work()
    command = await the_retry(town, post_id)
    assert (command.state, command.reason) == (WorkState.DONE, FailureReason.NOT_ALLOWED_NOW)
    await town.advance(5)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert "post.gave_up" not in await town.events(post_id)


@pytest.mark.parametrize("kind", ["stored_then_dropped", "partial", "html_502"])
async def test_a_retry_whose_answer_is_lost_is_made_once(town, kind):
    post_id = await failed(town, "Temporary platform error (503)")
    town.sim.fault(kind, "retry")
    await town.advance(30, step=1)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert (await town.events(post_id)).count("target.posted") == 2


async def test_an_unknown_outcome_is_read_again_for_15_minutes_and_then_parked(town):
    post_id = await failed(town, UNSURE)
    await town.advance(14, step=1)
    assert "post.parked" not in await town.events(post_id)
    await town.advance(2, step=1)
    command = await the_retry(town, post_id)
    assert (command.state, command.cause, command.reason) == (WorkState.PARKED, "", "unknown_outcome")
    await town.advance(300)
    assert town.calls("retry") == []


async def test_an_unknown_outcome_that_shows_as_posted_meanwhile_is_posted(town):
    post_id = await failed(town, UNSURE, live=True)
    town.sim.world.set_post_status((await town.post(post_id)).partner_id, "posted")
    await town.advance(30)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert "post.parked" not in await town.events(post_id)


async def test_a_person_says_that_it_is_live(town):
    post_id = await failed(town, UNSURE, live=True)
    await town.advance(20)
    post, _ = await town.actions.live(post_id, ())
    assert (post.state, post.targets[0].state) == (PostState.POSTED, TargetState.POSTED)
    await town.advance(60)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert (await town.data(post_id, "post.posted"))["by"] == "a person"
    assert town.calls("retry") == []


@pytest.mark.parametrize("word", ["retry", "send"])
async def test_a_person_says_that_it_is_not_live(town, word):
    post_id = await failed(town, UNSURE)
    await town.advance(20)
    await getattr(town.actions, word)(post_id, ())
    await town.advance(20)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert [one.body["account_ids"] for one in town.retries] == [[TIKTOK]]


async def test_the_configuration_may_retry_what_is_unknown(build_town):
    town = await build_town(retry=RetryRules(ambiguous="retry"))
    post_id = await failed(town, UNSURE)
    await town.advance(40)
    assert (await town.post(post_id)).state is PostState.POSTED


# A dead token.


async def test_a_token_failure_degrades_the_account_and_opens_its_cause(town):
    post_id = await failed(town, TOKEN)
    command = await the_retry(town, post_id)
    assert (await town.account()).state is AccountState.DEGRADED
    assert (command.state, command.cause) == (WorkState.PARKED, f"account:gv:{TIKTOK}")
    assert await town.told("a*") == ["account.degraded", "attention.opened"]
    assert "post.parked" in await town.events(post_id)


async def test_a_dead_token_resumes_when_the_account_was_away_and_is_back(town):
    post_id = await town.sent(accounts=["brand-*"])
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(15, step=1)
    assert (await town.account()).state is AccountState.DISCONNECTED
    town.sim.world.reconnect(TIKTOK)
    await town.advance(20)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]
    assert [one.body["account_ids"] for one in town.retries] == [[TIKTOK]]


async def test_a_dead_token_of_an_account_that_stays_listed_ends_with_a_person(town):
    post_id = await failed(town, TOKEN)
    await town.advance(10)
    data = await town.data(post_id, "post.gave_up")
    assert data["reason"] == "needs_human"
    await town.advance(120)
    assert town.calls("retry") == []
    assert (await town.events(post_id)).count("post.gave_up") == 1


async def test_a_dead_token_beside_an_unknown_outcome_is_given_up_once_both_are_decided(town):
    town.sim.script(INSTAGRAM, failing(UNSURE))
    post_id = await failed(town, TOKEN)
    await town.advance(10, step=1)
    assert "post.gave_up" not in await town.events(post_id)
    await town.advance(30, step=1)
    assert (await town.events(post_id)).count("post.gave_up") == 1


async def test_a_retry_after_a_day_is_not_too_late_because_the_key_was_blocked_then(town):
    post_id = await failed(town, "spam_risk_too_many_pending_share")
    await town.advance(60 * 23, step=60)
    key = next(iter(town.sim.world.keys.values()))
    key.active = False
    await town.advance(90, step=10)
    assert (await the_retry(town, post_id)).state is WorkState.PARKED
    key.active = True
    await town.advance(30)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_a_retry_by_hand_after_a_mended_token_goes_out(town):
    post_id = await failed(town, TOKEN)
    await town.advance(10)
    await town.actions.retry(post_id, ())
    await town.advance(20)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert (await town.account()).state is AccountState.ACTIVE
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]


async def test_another_post_that_goes_out_shows_that_the_account_works_again(town):
    post_id = await failed(town, TOKEN)
    await town.sent(caption="two")
    await town.advance(5)
    assert (await town.account()).state is AccountState.ACTIVE
    await town.advance(15)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_two_posts_with_one_dead_token_open_one_cause(town):
    town.sim.script(TIKTOK, failing(TOKEN), failing(TOKEN))
    await town.sent(caption="one")
    await town.sent(caption="two")
    await town.advance(5)
    assert await town.told("attention.*") == ["attention.opened"]


async def test_a_retry_whose_account_came_back_under_a_new_id_becomes_a_post_of_its_own(town):
    new = "11111111-2222-4333-8444-555555555555"
    answer = await town.publish(accounts=["brand-*"])
    await town.work()
    town.sim.world.set_account_status(TIKTOK, "revoked")
    await town.advance(15, step=1)
    town.sim.world.reconnect(TIKTOK, new_id=new)
    await town.advance(10)
    here, anew = await town.posts(answer.accepted.event_id)
    assert (here.state, anew.state, anew.targets[0].account) == (PostState.PARTIAL, PostState.POSTED, new)
    assert town.calls("retry") == []


async def test_a_manual_retry_restarts_the_budget(town):
    town.sim.script(TIKTOK, *[failing()] * 5)
    post_id = await town.sent()
    await town.advance(120)
    assert (await town.post(post_id)).gave_up
    await town.actions.retry(post_id, ())
    await town.advance(30)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert (await town.events(post_id)).count("post.gave_up") == 1


async def test_a_refused_key_keeps_a_retry_until_the_key_works(town):
    post_id = await failed(town, "Temporary platform error (503)")
    town.sim.fault("unauthorized", "retry")
    await town.advance(30)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_decisions_are_counted(metrics, town):
    await failed(town, "Temporary platform error (503)")
    assert town.metric("bridge_retries_decided_total", decision="retry") == 1
