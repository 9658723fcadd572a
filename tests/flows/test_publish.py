"""Publish: one intent is one partner post, whatever is lost; what is refused waits, parks or ends with a reason."""

import asyncio
from datetime import timedelta

import orjson
import pytest

from bridge import flows
from bridge.core.errors import FailureReason, StoreBusy, StoreError, StoreFull
from bridge.core.model import AccountState, AttemptOutcome, PostState, TargetState, WorkState
from bridge.core.rules import PublishRules
from bridge.ports import Find
from tests.flows.town import INSTAGRAM, NOON, OTHER_ACCOUNT, TIKTOK

pytestmark = pytest.mark.anyio


def refused(code):
    """The partner's answer to a create that it does not want."""
    return orjson.dumps({"ok": False, "code": 400, "error_code": code}).decode()


REFUSED = {"status": 400, "body": refused("validation_failed")}
SOON = PublishRules(give_up_after=timedelta(minutes=2))


async def test_a_post_goes_out_and_is_posted_on_every_account(town):
    post_id = await town.sent(accounts=["brand-*"])
    await town.advance(5)
    post = await town.post(post_id)
    assert post.state is PostState.POSTED
    assert all(target.url for target in post.targets)
    events = await town.events(post_id)
    assert (events[0], events[-1]) == ("post.pending", "post.posted")


async def test_the_partners_warnings_are_kept_with_the_attempt_and_told(town):
    post_id = await town.sent()
    [attempt] = await town.attempts(post_id)
    assert (attempt.outcome, attempt.status) == (AttemptOutcome.OK, 201)
    assert attempt.answer["warnings"][0]["code"] == "VIDEO_DURATION_MISSING"
    assert (await town.data(post_id, "post.pending"))["warnings"]


# The gap between "now" and the shortest schedule.


@pytest.mark.parametrize("seconds", [21, 31, 60, 119, 134])
async def test_a_schedule_in_the_gap_waits_until_it_can_go_at_once(town, seconds):
    at = NOON + timedelta(seconds=seconds)
    post_id = await town.sent(scheduled_at=at.isoformat())
    assert not town.wire.creates
    town.clock.at = at - timedelta(seconds=20)
    await town.work()
    assert "scheduled_at" not in orjson.loads(town.wire.creates[0])
    [command] = await town.commands(post_id)
    assert (command.state, command.attempts) == (WorkState.DONE, 1)


@pytest.mark.parametrize(("seconds", "state"), [(-60, "pending"), (0, "pending"), (20, "pending"), (135, "scheduled")])
async def test_a_schedule_outside_the_gap_goes_at_once(town, seconds, state):
    post_id = await town.sent(scheduled_at=(NOON + timedelta(seconds=seconds)).isoformat())
    assert (await town.post(post_id)).state == state


async def test_a_schedule_that_drifts_into_the_gap_while_it_waits_is_held_back(town):
    town.sim.fault("rate_limited", "create", retry_after=60)
    await town.sent(scheduled_at=(NOON + timedelta(seconds=180)).isoformat())
    town.clock.move(seconds=60)
    await town.work()
    assert len(town.wire.creates) == 1
    town.clock.move(seconds=100)
    await town.work()
    assert "scheduled_at" not in orjson.loads(town.wire.creates[1])


# Answers.


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_a_lost_answer_is_asked_for_again_and_there_is_one_post(build_town, contract):
    town = await build_town(contract=contract)
    town.sim.fault("stored_then_dropped", "create")
    post_id = await town.sent()
    town.clock.move(seconds=3)
    await town.work()
    assert len(town.sim.world.posts) == 1
    assert (await town.post(post_id)).state is PostState.PENDING
    assert (await town.attempts(post_id))[0].outcome is AttemptOutcome.FAILED


@pytest.mark.parametrize("kind", ["stored_then_dropped", "dropped", "server_error", "html_502", "empty"])
async def test_bytes_whose_answer_was_lost_are_sent_again_as_they_are(town, kind):
    town.sim.fault(kind, "create")
    post_id = await town.sent(scheduled_at=(NOON + timedelta(minutes=3)).isoformat())
    town.clock.move(seconds=50)
    await town.work()
    assert len(town.wire.creates) == 2
    assert len(set(town.wire.creates)) == len(town.sim.world.posts) == 1
    assert (await town.post(post_id)).state is PostState.SCHEDULED


async def test_a_slow_answer_after_the_work_is_a_replay(town):
    town.sim.fault("server_error", "create", after=True)
    post_id = await town.sent()
    town.clock.move(seconds=3)
    await town.work()
    [entry] = [one for one in town.calls("create") if one.duplicate]
    assert entry.status == 200
    assert (await town.post(post_id)).partner_id == entry.post_id


async def test_a_409_is_a_conflict_and_a_500_with_the_same_code_is_tried_again(town):
    town.sim.fault(
        "answer", "create", status=409, match="one", body='{"ok":false,"code":409,"error_code":"create_failed"}'
    )
    town.sim.fault("server_error", "create", match="two")
    refused, passing = await town.sent(caption="one"), await town.sent(caption="two")
    town.clock.move(seconds=3)
    await town.work()
    assert ((await town.post(refused)).state, (await town.post(refused)).reason) == (PostState.REJECTED, "conflict")
    assert (await town.post(passing)).state is PostState.PENDING


async def test_an_external_id_that_is_another_post_of_ours_is_told_as_its_twin(town):
    first = await town.sent(key="k1", external_id="x1")
    second = await town.sent(key="k2", external_id="x1")
    post = await town.post(second)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.CONFLICT)
    assert (await town.data(second, "post.rejected"))["same_as"] == first


async def test_the_attempt_is_written_before_the_call(town):
    town.store.lose["record"] = [None, StoreError(), StoreError()]
    post_id = await town.sent()
    [attempt] = await town.attempts(post_id)
    assert attempt.outcome is AttemptOutcome.STARTED
    assert len(town.sim.world.posts) == 1


async def test_a_settlement_that_is_lost_is_made_up_for_when_the_lease_ends(town):
    town.store.lose["record"] = [None, StoreError()]
    post_id = await town.sent()
    assert (await town.post(post_id)).state is PostState.ACCEPTED
    town.clock.move(minutes=6)
    await town.work()
    assert (await town.post(post_id)).state is PostState.PENDING
    assert (len(town.sim.world.posts), len(set(town.wire.creates))) == (1, 1)
    assert [one.outcome for one in await town.attempts(post_id)] == [AttemptOutcome.LOST, AttemptOutcome.OK]


async def test_what_a_partner_answered_is_settled_as_soon_as_the_store_is_back(town, monkeypatch):
    monkeypatch.setattr(flows, "_AGAIN_S", 0)
    town.store.drop["record"] = [None, StoreBusy(), StoreFull(), StoreBusy()]
    post_id = await town.sent()
    assert (await town.post(post_id)).state is PostState.PENDING
    assert [one.outcome for one in await town.attempts(post_id)] == [AttemptOutcome.OK]
    assert len(town.wire.creates) == 1


async def test_many_commands_at_once_are_each_sent_once(town):
    for number in range(12):
        await town.publish(caption=f"{number}")
    await asyncio.gather(*(town.publisher.act(item) for item in await town.publisher.claim(32)))
    assert (len(town.wire.creates), len(town.sim.world.posts), await town.work()) == (12, 12, 0)


async def test_nothing_is_sent_when_the_attempt_cannot_be_written(town):
    town.store.lose["record"] = [StoreBusy()]
    await town.sent()
    assert not town.wire.creates


async def test_two_claimants_of_one_command_send_it_once(town):
    await town.publish()
    [first] = await town.publisher.claim(32)
    town.clock.move(minutes=6)
    [second] = await town.publisher.claim(32)
    await town.publisher.act(second)
    await town.publisher.act(first)
    assert len(town.wire.creates) == 1


# Rate limits.


async def test_a_429_holds_the_whole_key_for_its_retry_after_and_uses_no_budget(town):
    town.sim.fault("rate_limited", "create", retry_after=90)
    first, second = await town.sent(caption="one"), await town.sent(caption="two")
    town.clock.move(seconds=89)
    await town.tick()
    assert len(town.sim.journal) == 2
    town.clock.move(seconds=1)
    await town.work()
    assert [(await town.commands(one))[0].attempts for one in (first, second)] == [1, 1]
    assert len(town.sim.world.posts) == 2


async def test_a_retry_after_as_a_date_counts_too(town):
    town.sim.fault("rate_limited", "create", retry_after=90, as_date=True)
    await town.sent()
    assert (await town.store.keys())["gv"].held_until == NOON + timedelta(seconds=90)


async def test_a_429_without_retry_after_holds_the_key_for_the_back_off(town):
    town.sim.fault("rate_limited", "create", times=3)
    post_id = await town.sent()
    holds = []
    while (await town.post(post_id)).state is PostState.ACCEPTED:
        [command] = await town.commands(post_id)
        assert command.attempts == 0
        holds.append((command.due_at - town.clock()).total_seconds())
        town.clock.at = command.due_at
        await town.work()
    assert holds == [2, 4, 8]


async def test_a_429_on_a_read_holds_the_commands_as_well(town):
    await town.sent()
    town.sim.fault("rate_limited", "get", retry_after=120)
    await town.advance(1, step=1)
    await town.sent(caption="two")
    assert len(town.wire.creates) == 1


async def test_a_success_that_was_under_way_does_not_lift_a_hold(town):
    await town.publish(caption="one")
    await town.publish(caption="two")
    first, second = await town.publisher.claim(32)
    town.sim.fault("rate_limited", "create", match="two", retry_after=90)
    send = town.kit.partners["gv"].send

    async def both(*args):
        receipt = await send(*args)
        town.kit.partners["gv"].send = send
        await town.publisher.act(second)
        return receipt

    town.kit.partners["gv"].send = both
    await town.publisher.act(first)
    assert (await town.store.keys())["gv"].held_until == NOON + timedelta(seconds=90)


# Keys and plans that a person must mend.


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("unauthorized", "unauthorized"), ("plan_lapsed", "payment_required"), ("tier_not_allowed", "forbidden")],
)
async def test_a_refused_key_parks_is_told_once_and_resumes_when_the_poll_succeeds(town, kind, reason):
    town.sim.fault(kind, "*", times=2)
    first, second = await town.sent(caption="one"), await town.sent(caption="two", accounts=["brand-instagram"])
    for post_id in (first, second):
        assert ((await town.post(post_id)).state, (await town.post(post_id)).reason) == (PostState.PARKED, reason)
    assert len(town.wire.creates) == 1
    await town.advance(20)
    assert {(await town.post(one)).state for one in (first, second)} == {PostState.POSTED}
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]
    assert await town.told("partner.*") == ["partner.blocked", "partner.recovered"]


async def test_a_blocked_key_is_probed_slowly_and_by_the_accounts_alone(town):
    town.sim.fault("unauthorized", "*", times=-1)
    await town.sent()
    await town.sent(caption="two")
    before = len(town.sim.journal)
    await town.advance(30, step=1)
    probes = list(town.sim.journal)[before:]
    assert {one.operation for one in probes} == {"accounts"}
    assert len(probes) == 6


async def test_a_key_that_is_refused_writes_only_is_told_once_and_probed_by_one_of_them(town):
    posted = await town.sent()
    town.sim.fault("tier_not_allowed", "create", times=-1)
    posts = [await town.sent(caption=f"{number}", accounts=["brand-*"]) for number in range(3)]
    await town.advance(60, step=1)
    assert (await town.post(posted)).state is PostState.POSTED
    assert await town.told("attention.*") == ["attention.opened"]
    assert len(town.wire.creates) in range(4, 14)
    town.sim.faults.clear()
    await town.advance(60, step=1)
    assert {(await town.post(post_id)).state for post_id in posts} == {PostState.POSTED}
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]
    assert await town.told("partner.*") == ["partner.blocked", "partner.recovered"]


async def test_a_refused_write_that_nobody_wants_any_more_does_not_block_its_key_for_good(town):
    town.sim.fault("tier_not_allowed", "create")
    await town.actions.drop(await town.sent(), ())
    await town.advance(5)
    assert (await town.store.keys())["gv"].blocked is FailureReason.FORBIDDEN
    await town.advance(15)
    assert (await town.store.keys())["gv"].blocked is None
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]


async def test_a_refused_key_uses_no_budget(build_town):
    town = await build_town(publish=SOON)
    town.sim.fault("unauthorized", "*", times=10)
    post_id = await town.sent()
    await town.advance(80)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_two_keys_are_independent(build_town):
    town = await build_town(two_keys=True)
    town.sim.fault("unauthorized", "*", times=-1, key="gva_live_demo")
    answer = await town.publish(accounts=[TIKTOK, OTHER_ACCOUNT])
    await town.work()
    await town.advance(10)
    states = [(await town.post(post.id)).state for post in answer.posts]
    assert states == [PostState.PARKED, PostState.POSTED]


async def test_a_missing_tiktok_plan_parks_its_post_only_and_is_probed(town):
    town.sim.world.keys[next(iter(town.sim.world.keys))].tiktok_subscription = False
    hosted, plain = await town.sent(accounts=["ugc-tiktok"]), await town.sent()
    await town.advance(5)
    assert (await town.post(hosted)).state is PostState.PARKED
    assert (await town.post(plain)).state is PostState.POSTED
    assert (await town.store.keys())["gv"].blocked is None
    town.sim.world.keys[next(iter(town.sim.world.keys))].tiktok_subscription = True
    await town.advance(25)
    assert (await town.post(hosted)).state is PostState.POSTED
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]


async def test_a_missing_plan_is_probed_by_one_post_at_a_time(town):
    town.sim.world.keys[next(iter(town.sim.world.keys))].tiktok_subscription = False
    for number in range(4):
        await town.sent(caption=f"{number}", accounts=["ugc-tiktok"])
    before = len(town.wire.creates)
    await town.advance(30, step=1)
    assert len(town.wire.creates) - before <= 6


async def test_a_plan_that_nothing_waits_for_any_more_needs_nobody(town):
    town.sim.world.keys[next(iter(town.sim.world.keys))].tiktok_subscription = False
    hosted = await town.sent(accounts=["ugc-tiktok"])
    await town.actions.drop(hosted, ())
    await town.advance(25)
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]


# Refusals of one request.


async def test_media_that_nobody_can_reach_are_tried_for_ten_minutes(town):
    post_id = await town.sent(media="https://files.invalid/a.mp4")
    await town.advance(30, step=1)
    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.MEDIA_UNREACHABLE)
    create, *fetches = [attempt.started_at for attempt in await town.attempts(post_id)]
    assert (len(town.calls("create")), len(fetches)) == (1, 3)
    assert fetches[-1] - create >= timedelta(minutes=9)


async def test_an_account_that_has_just_died_is_split_off_and_the_healthy_one_goes_now(town):
    answer = await town.publish(accounts=["brand-*"])
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.work()
    here, apart = await town.posts(answer.accepted.event_id)
    assert (here.state, [one.account for one in here.targets]) == (PostState.PENDING, [INSTAGRAM])
    assert (apart.state, [one.account for one in apart.targets]) == (PostState.PARKED, [TIKTOK])
    assert (await town.account(TIKTOK)).state is AccountState.DISCONNECTED
    assert await town.told("attention.*") == ["attention.opened"]


async def test_a_dead_account_alone_parks_its_post_until_it_is_back(town):
    await town.publish()
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.work()
    town.sim.world.reconnect(TIKTOK)
    await town.advance(10)
    [post] = await town.store.find_posts(Find())
    assert post.state is PostState.POSTED
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]


async def test_an_account_that_was_never_seen_is_rejected_after_the_first_listing(build_town):
    town = await build_town(listed=False)
    answer = await town.publish(accounts=["11111111-1111-4111-8111-111111111111", TIKTOK])
    for _ in range(3):
        await town.work()
        town.clock.move(seconds=10)
    states = {one.targets[0].account: (one.state, one.reason) for one in await town.posts(answer.accepted.event_id)}
    assert states[TIKTOK] == (PostState.PENDING, None)
    assert states["11111111-1111-4111-8111-111111111111"] == (PostState.REJECTED, FailureReason.UNKNOWN_ACCOUNTS)


async def test_a_refusal_that_contradicts_the_listing_ends_after_three_tries(town):
    body = '{"ok": false, "code": 400, "error_code": "unknown_accounts", "message": "unknown"}'
    town.sim.fault("answer", "create", times=-1, status=400, body=body)
    post_id = await town.sent()
    await town.advance(10, step=1)
    assert ((await town.post(post_id)).reason, len(town.wire.creates)) == (FailureReason.UNKNOWN_ACCOUNTS, 3)


async def test_a_refused_body_is_rejected_with_the_partners_issues(town):
    issues = [{"path": "caption", "message": "Invalid"}]
    body = orjson.dumps({"ok": False, "code": 422, "error_code": "invalid_payload", "issues": issues}).decode()
    town.sim.fault("answer", "create", status=422, body=body)
    post_id = await town.sent()
    data = await town.data(post_id, "post.rejected")
    assert (data["reason"], data["code"], data["issues"]) == ("invalid", "invalid_payload", issues)
    assert (await town.commands(post_id))[0].state is WorkState.DEAD


# A lost answer, and then a definite one.


async def test_under_v1_a_lost_post_is_found_before_anything_is_sent_again(build_town):
    town = await build_town(contract="v1")
    town.sim.fault("stored_then_dropped", "create")
    post_id = await town.sent()
    town.clock.move(seconds=3)
    await town.work()
    assert ([one.operation for one in town.sim.journal][-1], len(town.wire.creates)) == ("list", 1)
    assert (await town.post(post_id)).partner_id == next(iter(town.sim.world.posts))


async def test_under_v1_a_post_that_is_not_there_is_sent_again(build_town):
    town = await build_town(contract="v1")
    town.sim.fault("dropped", "create")
    await town.sent()
    town.clock.move(seconds=3)
    await town.work()
    assert len(town.wire.creates) == 1  # Somebody may be on the way with it yet.
    town.clock.move(minutes=2)
    await town.work()
    assert (len(town.wire.creates), len(town.sim.world.posts)) == (2, 1)


async def test_who_lost_a_command_while_it_waited_for_its_turn_does_not_call(town):
    partner = town.kit.partners["gv"]
    waits, turn = asyncio.Event(), asyncio.Event()

    async def enter(*_, **__):
        waits.set()
        await turn.wait()

    partner._http._budget.enter, entered = enter, partner._http._budget.enter
    await town.publish()
    [claimed] = await town.publisher.claim(32)
    post_id = claimed.post.id
    paused = asyncio.create_task(town.publisher.act(claimed))
    await waits.wait()
    assert await town.attempts(post_id) == []
    partner._http._budget.enter = entered
    town.clock.move(minutes=1)
    await town.work()
    turn.set()
    await paused
    assert (len(town.wire.creates), len(await town.attempts(post_id))) == (1, 1)


async def test_a_look_that_fails_sends_nothing(build_town):
    town = await build_town(contract="v1")
    town.sim.fault("stored_then_dropped", "create")
    town.sim.fault("server_error", "list", times=3)
    await town.sent()
    await town.advance(2, step=0.25)
    assert (len(town.wire.creates), len(town.sim.world.posts)) == (1, 1)
    assert (await town.store.find_posts(Find()))[0].state is PostState.PENDING


@pytest.mark.parametrize(
    ("contract", "faults"),
    [("v1", [("stored_then_dropped", {})]), ("v3", [("dropped", {}), ("answer", REFUSED)]), ("v1", [("dropped", {})])],
)
async def test_the_same_post_sent_before_is_not_taken_for_the_lost_one(build_town, contract, faults):
    """Two intents of one content in one minute are two posts, whatever becomes of the second one's answer."""
    town = await build_town(contract=contract)
    first = await town.sent(key="a")
    town.clock.move(seconds=30)
    for kind, more in faults:
        town.sim.fault(kind, "create", **more)
    second = await town.sent(key="b")
    await town.advance(15, step=1)
    posts = [await town.post(post_id) for post_id in (first, second)]
    assert [post.state for post in posts] == [PostState.POSTED] * 2
    assert {post.partner_id for post in posts} == set(town.sim.world.posts)


async def test_a_lost_post_older_than_a_day_is_looked_for(town):
    town.sim.fault("stored_then_dropped", "create")
    post_id = await town.sent()
    town.clock.move(hours=25)
    await town.work()
    assert len(town.wire.creates) == 1
    assert (await town.post(post_id)).partner_id == next(iter(town.sim.world.posts))


@pytest.mark.parametrize(
    "code", ["validation_failed", "unknown_accounts", "media_unreachable", "invalid_payload", "missing_accounts"]
)
async def test_a_lost_answer_that_is_then_refused_is_looked_for(town, code):
    town.sim.fault("stored_then_dropped", "create")
    town.sim.fault("answer", "create", status=400, body=refused(code))
    post_id = await town.sent()
    town.clock.move(seconds=3)
    await town.work()
    assert (await town.post(post_id)).partner_id == next(iter(town.sim.world.posts))
    assert (len(town.wire.creates), len(town.sim.world.posts)) == (2, 1)


async def test_a_lost_post_whose_account_died_is_found_and_not_split(build_town):
    town = await build_town(replay_first=False)
    town.sim.fault("stored_then_dropped", "create")
    answer = await town.publish(accounts=["brand-*"])
    await town.work()
    town.sim.world.set_account_status(TIKTOK, "paused")
    town.clock.move(seconds=3)
    await town.work()
    assert len(await town.posts(answer.accepted.event_id)) == len(town.sim.world.posts) == 1


async def test_a_lost_answer_then_refused_and_not_found_is_built_anew(build_town):
    town = await build_town(replay_first=False)
    town.sim.fault("dropped", "create")
    await town.sent(scheduled_at=(NOON + timedelta(seconds=140)).isoformat())
    town.clock.move(seconds=60)
    await town.work()
    town.clock.at = NOON + timedelta(seconds=120)
    await town.work()
    assert ["scheduled_at" in orjson.loads(body) for body in town.wire.creates] == [True, True, False]


async def test_a_lost_answer_and_then_no_way_there_is_looked_for(town):
    town.sim.fault("stored_then_dropped", "create")
    post_id = await town.sent()
    town.clock.move(seconds=3)
    town.wire.cut = 2
    await town.work()
    assert (await town.commands(post_id))[0].body == town.wire.creates[0]
    assert [one.outcome for one in await town.attempts(post_id)] == [AttemptOutcome.FAILED] * 2
    await town.advance(10)
    assert len(set(town.wire.creates)) == len(town.sim.world.posts) == 1
    assert (await town.post(post_id)).state is PostState.POSTED


@pytest.mark.parametrize("kind", ["rate_limited", "unauthorized"])
async def test_a_refusal_that_says_nothing_of_the_lost_bytes_keeps_them(town, kind):
    town.sim.fault("stored_then_dropped", "create")
    post_id = await town.sent(scheduled_at=(NOON + timedelta(minutes=30)).isoformat())
    town.clock.move(seconds=3)
    town.sim.fault(kind, "create")
    await town.work()
    assert (await town.commands(post_id))[0].body == town.wire.creates[0]
    await town.advance(25)
    assert len(set(town.wire.creates)) == len(town.sim.world.posts) == 1
    assert (await town.post(post_id)).state is PostState.SCHEDULED


# Giving up.


async def test_what_was_never_stored_is_rejected_when_its_time_is_used_up(build_town):
    town = await build_town(publish=SOON)
    town.wire.cut = 10**6
    post_id = await town.sent()
    for _ in range(20):
        town.clock.move(minutes=5)
        await town.work()
    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.GAVE_UP)


async def test_what_may_be_stored_is_unknown_when_its_time_is_used_up(build_town):
    town = await build_town(publish=SOON)
    town.sim.fault("stored_then_dropped", "create", times=-1)
    post_id = await town.sent()
    await town.advance(60, step=1)
    post, [command] = await town.post(post_id), await town.commands(post_id)
    assert (post.state, post.reason) == (PostState.UNKNOWN, FailureReason.GAVE_UP)
    assert (command.state, (await town.events(post_id))[-1]) == (WorkState.DEAD, "post.unknown")


async def test_a_person_may_have_an_unknown_post_looked_into_again(build_town):
    town = await build_town(publish=SOON)
    town.sim.fault("stored_then_dropped", "create", times=-1)
    post_id = await town.sent()
    await town.advance(60, step=1)
    town.sim.faults.clear()
    await town.actions.retry(post_id, ())
    await town.advance(5)
    assert ((await town.post(post_id)).state, len(town.sim.world.posts)) == (PostState.POSTED, 1)


async def test_five_5xx_in_a_row_open_the_breaker(town):
    town.sim.fault("server_error", "create", times=5)
    for number in range(5):
        await town.sent(caption=f"{number}")
    assert (await town.store.keys())["gv"].held_until > town.clock()
    await town.sent(caption="six")
    assert len(town.wire.creates) == 5
    await town.advance(5, step=0.5)
    key = (await town.store.keys())["gv"]
    assert (key.failures, key.held_until, len(town.sim.world.posts)) == (0, None, 6)


async def test_four_5xx_and_a_success_leave_the_breaker_closed(town):
    town.sim.fault("server_error", "create", times=4)
    for number in range(5):
        await town.sent(caption=f"{number}")
    town.sim.fault("server_error", "create", times=1)
    await town.sent(caption="six")
    assert (await town.store.keys())["gv"].held_until is None


async def test_a_cut_connection_does_not_end_a_row_of_5xx(town):
    town.sim.fault("server_error", "create", times=4)
    town.sim.fault("dropped", "create")
    town.sim.fault("server_error", "create")
    for number in range(6):
        await town.sent(caption=f"{number}")
    assert (await town.store.keys())["gv"].failures == 5


async def test_a_restart_knows_what_the_key_is_held_for(town):
    town.sim.fault("rate_limited", "create", retry_after=600)
    await town.sent()
    town.kit.partners["gv"].hold(None)
    await town.watcher.add_keys()
    calls = len(town.sim.journal)
    await town.watcher.accounts()
    assert len(town.sim.journal) == calls


async def test_commands_are_counted_by_outcome(metrics, town):
    town.sim.fault("server_error", "create")
    await town.sent()
    town.clock.move(seconds=3)
    await town.work()
    for outcome in ("done", "later"):
        assert town.metric("bridge_commands_total", partner="gv", kind="publish", outcome=outcome) == 1
    assert town.metric("bridge_commands_failed_total", partner="gv", reason="server_error") == 1


# Faults of our own.


async def test_a_command_that_cannot_be_built_is_rejected_and_does_not_go_round(town):
    def broken(*_):
        raise ValueError

    town.kit.partners["gv"].build = broken
    post_id = await town.sent()
    post, [command] = await town.post(post_id), await town.commands(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.INTERNAL)
    assert (command.state, await town.work()) == (WorkState.DEAD, 0)


async def test_a_fault_after_the_call_leaves_the_bytes_to_be_sent_again(town):
    async def broken(_command, _post, _body, begin):
        await begin()
        raise TypeError

    send, town.kit.partners["gv"].send = town.kit.partners["gv"].send, broken
    post_id = await town.sent()
    town.kit.partners["gv"].send = send
    [command] = await town.commands(post_id)
    assert (command.state, command.reason, command.attempts) == (WorkState.DUE, FailureReason.INTERNAL, 1)
    town.clock.move(seconds=3)
    await town.work()
    assert (await town.post(post_id)).state is PostState.PENDING


async def test_a_replay_that_is_posted_already_shows_its_accounts_soon(town):
    town.sim.fault("stored_then_dropped", "create")
    post_id = await town.sent()
    town.sim.tick()
    town.clock.move(seconds=3)
    await town.work()
    await town.advance(2, step=1)
    post = await town.post(post_id)
    assert (post.state, post.targets[0].state) == (PostState.POSTED, TargetState.POSTED)
    assert (await town.events(post_id)).count("post.posted") == 1
