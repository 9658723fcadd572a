"""Watch: every transition is told once, whatever is read twice, late, stale or never."""

import asyncio
import itertools
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason, StoreBusy
from bridge.core.model import AccountState, PostState, TargetState
from bridge.ports import Find
from tests.flows.town import INSTAGRAM, NOON, TIKTOK, TIKTOK_HOSTED, failing, nobody

pytestmark = pytest.mark.anyio


def partner_post(town):
    """The newest post at the simulator."""
    return list(town.sim.world.posts.values())[-1]


def show(town, word, **rows):
    """Let the partner show a word from now on, and read it a minute later."""
    town.clock.move(minutes=1)
    return town.sim.world.set_post_status(partner_post(town).id, word, **rows)


@pytest.mark.parametrize(
    ("word", "state", "target"),
    [
        ("posted", PostState.POSTED, TargetState.POSTED),
        ("failed", PostState.FAILED, TargetState.FAILED),
        ("canceled", PostState.CANCELED, TargetState.CANCELED),
        ("deleted", PostState.VANISHED, TargetState.VANISHED),
        ("void", PostState.VANISHED, TargetState.VANISHED),
        ("draft", PostState.DRAFT, TargetState.WAITING),
        ("reconciling", PostState.UNKNOWN, TargetState.UNKNOWN),
    ],
)
async def test_each_word_of_the_partner_is_one_transition(town, word, state, target):
    post_id = await town.sent()
    show(town, word)
    await town.watcher.posts()
    post = await town.post(post_id)
    assert (post.state, post.raw_status, post.targets[0].state) == (state, word, target)
    assert (await town.events(post_id)).count(f"post.{state}") == 1


async def test_some_posted_and_some_failed_is_partial(town):
    town.sim.script(INSTAGRAM, failing("Caption is too long for the format"))
    post_id = await town.sent(accounts=["brand-*"])
    await town.advance(5)
    data = await town.data(post_id, "post.partial")
    assert (data["previous"], data["current"], data["reason"]) == ("pending", "partial", "content")
    assert data["retry"]["will"] is False
    assert {one["state"] for one in data["targets"]} == {"posted", "failed"}


async def test_every_event_carries_who_asked_and_what_for(town):
    post_id = await town.sent(external_id="x1", correlation="c1")
    data = await town.data(post_id, "post.pending")
    post = await town.post(post_id)
    known = {"partner": "gv", "source": "api", "event_id": post.event_id, "external_id": "x1", "correlation": "c1"}
    assert known.items() <= data.items()
    assert data["subject"] == {"kind": "post", "id": post_id}
    assert (data["previous"], data["current"], data["sequence"]) == ("accepted", "pending", 1)


async def test_sequences_of_a_post_have_no_holes(town):
    town.sim.script(TIKTOK, failing(), "late_url")
    post_id = await town.sent(accounts=["brand-*"])
    await town.advance(60)
    events = (await town.store.timeline(post_id)).events
    assert sorted(event.sequence for event in events) == list(range(1, len(events) + 1))


async def test_a_scheduled_post_is_posted_after_its_time(town):
    post_id = await town.sent(scheduled_at=(NOON + timedelta(hours=1)).isoformat())
    await town.advance(55)
    assert (await town.post(post_id)).state is PostState.SCHEDULED
    await town.advance(15)
    assert (await town.events(post_id))[0] == "post.scheduled"
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_many_scheduled_posts_are_swept_by_one_list_call(town):
    for number in range(5):
        await town.sent(caption=f"{number}", scheduled_at=(NOON + timedelta(hours=3)).isoformat())
    await town.advance(5)  # Learns when the partner made them, which is what windows are over.
    gets, lists = len(town.calls("get")), len(town.calls("list"))
    await town.advance(5)
    assert (len(town.calls("get")) - gets, len(town.calls("list")) - lists) == (0, 1)


async def test_reads_of_a_post_in_flight_stretch_from_one_minute_to_five(town):
    town.sim.script(TIKTOK, {"kind": "hang"})
    await town.sent()
    await town.advance(60, step=1)
    times = [entry.at for entry in town.calls("get")]
    pauses = [(after - before) / timedelta(minutes=1) for before, after in itertools.pairwise(times)]
    assert (pauses[0], pauses[-1]) == (1, 5)
    assert pauses == sorted(pauses)


async def test_a_post_is_read_once_more_ten_minutes_after_its_end_and_never_again(town):
    await town.sent()
    await town.advance(5)
    reads = len(town.calls("get"))
    await town.advance(9, step=1)
    assert len(town.calls("get")) == reads
    await town.advance(180)
    assert len(town.calls("get")) == reads + 1


async def test_the_last_read_sees_a_post_that_was_taken_down(town):
    post_id = await town.sent()
    await town.advance(5)
    town.sim.world.forget(partner_post(town))
    await town.advance(10)
    assert (await town.post(post_id)).state is PostState.VANISHED
    assert (await town.events(post_id))[-1] == "post.vanished"


async def test_an_address_that_comes_later_is_told_as_linked(town):
    town.sim.script(TIKTOK, {"kind": "late_url", "ticks": 8})
    post_id = await town.sent()
    await town.advance(20)
    assert "target.linked" not in await town.events(post_id)
    await town.advance(90)
    data = await town.data(post_id, "target.linked")
    assert data["url"].startswith("https://www.tiktok.com/")
    assert (await town.events(post_id)).count("target.linked") == 1


async def test_a_draft_in_the_inbox_is_no_post_without_an_address(town):
    slides = ["https://cdn.example.com/a.jpg"]
    post_id = await town.sent(media=slides, tiktok={"post_mode": "MEDIA_UPLOAD"})
    await town.advance(5)
    assert (await town.post(post_id)).targets[0].state is TargetState.DRAFT_DELIVERED
    await town.advance(120)
    assert "target.linked" not in await town.events(post_id)


async def test_a_post_is_stuck_once_after_half_an_hour_in_flight(town):
    town.sim.script(TIKTOK, {"kind": "hang"})
    post_id = await town.sent()
    await town.advance(25)
    assert "post.stuck" not in await town.events(post_id)
    await town.advance(60)
    assert (await town.events(post_id)).count("post.stuck") == 1


async def test_a_scheduled_post_that_does_not_go_is_stuck_too(town):
    post_id = await town.sent(scheduled_at=(NOON + timedelta(minutes=10)).isoformat())
    for _ in range(10):
        town.clock.move(minutes=5)
        await town.tick()
    assert (await town.events(post_id)).count("post.stuck") == 1


async def test_a_404_is_vanished_and_ends_the_watching(town):
    post_id = await town.sent()
    town.sim.world.forget(partner_post(town))
    await town.advance(5)
    post = await town.post(post_id)
    assert (post.state, post.targets[0].state, post.poll_at) == (PostState.VANISHED, TargetState.VANISHED, None)


async def test_a_list_that_does_not_show_a_post_proves_nothing(town):
    ids = [await town.sent(caption=f"{n}", scheduled_at=(NOON + timedelta(hours=3)).isoformat()) for n in range(4)]
    await town.advance(5)
    hidden = partner_post(town)
    hidden.created_at += timedelta(days=1)
    await town.advance(5)
    assert {(await town.post(one)).state for one in ids} == {PostState.SCHEDULED}


async def test_an_unknown_word_is_kept_as_unknown_and_later_resolved(town):
    town.sim.script(TIKTOK, {"kind": "unknown", "word": "reconciling", "ticks": 2})
    post_id = await town.sent()
    await town.advance(5)
    assert (await town.data(post_id, "post.unknown"))["raw_status"] == "reconciling"
    await town.advance(15)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_fields_that_are_new_to_us_change_nothing(town):
    town.sim.fault("extra_fields", "*", times=-1)
    post_id = await town.sent(accounts=["brand-*"])
    await town.advance(5)
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_a_second_failure_with_the_same_text_is_a_new_transition(town):
    town.sim.script(TIKTOK, failing(), failing())
    post_id = await town.sent()
    await town.advance(20)
    assert (await town.events(post_id)).count("target.failed") == 2
    assert (await town.post(post_id)).targets[0].retries == 2


async def test_a_failure_that_was_retried_unseen_is_told_by_its_newer_time(town):
    post_id = await town.sent(accounts=["brand-*"])
    town.sim.script(TIKTOK, failing("Caption is not allowed"))
    await town.advance(5)
    row = next(row for row in partner_post(town).rows if row.account_id == TIKTOK)
    town.clock.move(minutes=10)
    row.last_attempted_at = town.clock()
    await town.watcher.posts()
    events = await town.events(post_id)
    assert (events.count("target.failed"), events.count("post.partial")) == (2, 1)


async def test_a_retry_that_the_partner_makes_itself_is_not_ours(town):
    post_id = await town.sent()
    town.sim.script(TIKTOK, failing())
    await town.advance(5)
    show(town, "retry")
    town.clock.move(minutes=4)
    await town.watcher.posts()
    assert (await town.post(post_id)).state is PostState.PENDING
    assert (await town.data(post_id, "target.failed"))["retry"]["attempt"] == 1
    assert "post.retrying" not in await town.events(post_id)
    await town.advance(20)
    assert (await town.post(post_id)).state is PostState.POSTED
    assert not [one for one in town.calls("retry") if one.worked]


# Told once.


@pytest.mark.parametrize("fault", ["lose", "drop"])
async def test_a_tick_that_dies_at_its_write_tells_once(town, fault):
    post_id = await town.sent(accounts=["brand-*"])
    town.sim.tick()
    town.clock.move(minutes=1)
    getattr(town.store, fault)["record"] = [StoreBusy()]
    with pytest.raises(StoreBusy):
        await town.watcher.posts()
    town.clock.move(minutes=1)
    await town.watcher.posts()
    events = await town.events(post_id)
    assert (events.count("post.posted"), events.count("target.posted")) == (1, 2)


@pytest.mark.parametrize("method", ["tracked", "posts", "accounts", "keys", "causes"])
async def test_a_tick_that_dies_at_a_read_tells_once(town, method):
    post_id = await town.sent()
    town.sim.tick()
    town.clock.move(minutes=1)
    town.store.lose[method] = [StoreBusy()]
    with pytest.raises(StoreBusy):
        await town.watcher.posts()
    await town.watcher.posts()
    assert (await town.events(post_id)).count("post.posted") == 1


async def test_two_ticks_at_once_tell_once(town):
    ids = [await town.sent(caption=f"{number}") for number in range(3)]
    town.sim.tick()
    town.clock.move(minutes=1)
    await asyncio.gather(*(town.watcher.posts() for _ in range(4)))
    for post_id in ids:
        assert (await town.events(post_id)).count("post.posted") == 1


async def test_two_account_ticks_at_once_tell_once(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    for _ in range(3):
        town.clock.move(minutes=1)
        await asyncio.gather(*(town.watcher.accounts() for _ in range(3)))
    assert await town.told("account.*") == ["account.disconnected"]
    assert await town.told("attention.*") == ["attention.opened"]


async def test_a_list_page_from_before_a_retry_does_not_unretry(town):
    town.sim.script(TIKTOK, failing())
    post_id = await town.sent()
    await town.advance(5)
    stale = await town.kit.partners["gv"].read([await town.post(post_id)], None, 5, known=nobody)
    due = await town.post(post_id)
    town.clock.move(minutes=5)
    await town.work()
    await town.watcher._record(town.kit.partners["gv"], [due], stale)
    post = await town.post(post_id)
    assert (post.state, post.targets[0].state) == (PostState.PENDING, TargetState.WAITING)
    assert (await town.events(post_id)).count("target.failed") == 1


async def test_one_post_that_cannot_be_read_does_not_keep_the_others_from_being_read(town):
    first, second = await town.sent(caption="one"), await town.sent(caption="two")
    town.sim.fault("server_error", "get", times=-1, match="one")
    await town.advance(5)
    assert (await town.post(first)).state is PostState.PENDING
    assert (await town.post(second)).state is PostState.POSTED


async def test_a_key_that_is_refused_on_a_read_is_blocked_and_says_nothing_of_the_posts(town):
    post_id = await town.sent()
    town.sim.fault("plan_lapsed", "get")
    town.clock.move(minutes=1)
    await town.watcher.posts()
    assert (await town.store.keys())["gv"].blocked is FailureReason.PAYMENT_REQUIRED
    assert (await town.post(post_id)).state is PostState.PENDING


async def test_when_the_last_poll_succeeded_is_shown(metrics, town):
    await town.sent()
    town.clock.move(minutes=1)
    await town.watcher.posts()
    name = "bridge_last_successful_poll_timestamp_seconds"
    assert town.metric(name, partner="gv", what="posts") == town.clock().timestamp()


# Accounts.


async def test_the_first_listing_is_a_silent_baseline(town):
    assert await town.told("account.*") == []
    assert (await town.account()).state is AccountState.ACTIVE


async def test_an_account_that_appears_later_is_told(town):
    town.sim.world.reconnect(TIKTOK, new_id="11111111-2222-4333-8444-555555555555")
    town.sim.world.accounts["11111111-2222-4333-8444-555555555555"].username = "new"
    town.sim.world.set_account_status(TIKTOK, "active")
    await town.watcher.accounts()
    assert await town.told("account.*") == ["account.connected"]


async def test_a_disconnect_needs_two_misses(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.watcher.accounts()
    assert (await town.account()).state is AccountState.ACTIVE
    await town.watcher.accounts()
    assert (await town.account()).state is AccountState.DISCONNECTED
    assert (await town.cause(f"account:gv:{TIKTOK}")).open


async def test_one_miss_and_then_there_again_is_nothing(town):
    for _ in range(3):
        town.sim.world.set_account_status(TIKTOK, "paused")
        await town.watcher.accounts()
        town.sim.world.reconnect(TIKTOK)
        await town.watcher.accounts()
    assert await town.told("account.*") == []


async def test_a_disconnect_needs_an_unchanged_scope(town):
    for account in town.sim.world.accounts.values():
        account.scope_id = "w9"
    key = next(iter(town.sim.world.keys.values()))
    key.workspace_id = "w9"
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.watcher.accounts()
    await town.watcher.accounts()
    assert (await town.account()).state is AccountState.ACTIVE


async def test_a_key_that_sees_another_workspace_is_blocked_until_the_former_one_is_back(town):
    post_id = await town.sent(scheduled_at=(NOON + timedelta(hours=2)).isoformat())
    key = next(iter(town.sim.world.keys.values()))
    former, key.workspace_id = key.workspace_id, "other"
    waiting = await town.sent(caption="two")
    await town.advance(20)
    assert (await town.cause("key:gv")).reason is FailureReason.OTHER_WORKSPACE
    assert [(await town.post(one)).state for one in (post_id, waiting)] == [PostState.SCHEDULED, PostState.PARKED]
    key.workspace_id = former
    await town.advance(150)
    assert {(await town.post(one)).state for one in (post_id, waiting)} == {PostState.POSTED}
    assert await town.told("a*") == ["attention.opened", "attention.closed"]


async def test_a_post_is_gone_only_when_the_key_still_sees_the_same_workspace(town):
    post_id = await town.sent()
    next(iter(town.sim.world.keys.values())).workspace_id = "other"
    town.clock.move(minutes=1)
    await town.watcher.posts()
    assert (await town.post(post_id)).state is PostState.PENDING
    assert (await town.store.keys())["gv"].blocked is FailureReason.OTHER_WORKSPACE


async def test_a_post_that_is_gone_says_nothing_of_accounts(town):
    post_id = await town.sent()
    town.sim.world.posts.clear()
    town.sim.world.set_account_status(TIKTOK, "paused")
    town.clock.move(minutes=1)
    await town.watcher.posts()
    assert (await town.post(post_id)).state is PostState.VANISHED
    assert (await town.account()).misses == 0


@pytest.mark.parametrize("kind", ["server_error", "plan_lapsed", "tier_not_allowed", "html_502", "empty", "dropped"])
async def test_a_disconnect_needs_a_200(town, kind):
    town.sim.fault(kind, "accounts", times=3)
    town.sim.world.set_account_status(TIKTOK, "paused")
    for _ in range(3):
        town.clock.move(minutes=6)
        await town.watcher.accounts()
    assert (await town.account()).state is AccountState.ACTIVE
    assert (await town.account()).misses == 0


async def test_misses_are_counted_by_listings_and_not_by_refused_posts(town):
    """A burst of refusals refreshes the list each time; an account that is not concerned must not go down with it."""
    for name in ("brand-instagram", "ugc-tiktok"):
        await town.publish(accounts=[name])
    for account in (TIKTOK, INSTAGRAM, TIKTOK_HOSTED):
        town.sim.world.set_account_status(account, "paused")
    await town.work()
    assert (await town.account(INSTAGRAM)).state is AccountState.DISCONNECTED
    assert (await town.account(TIKTOK)).state is AccountState.ACTIVE


async def test_a_word_that_says_revoked_is_believed_at_once(town):
    town.sim.fault("unknown_status", "accounts", word="revoked")
    await town.watcher.accounts()
    assert (await town.account()).state is AccountState.DISCONNECTED


async def test_an_account_that_comes_back_closes_its_cause(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    town.sim.world.reconnect(TIKTOK)
    await town.advance(5)
    assert await town.told("account.*") == ["account.disconnected", "account.reconnected"]
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]


async def test_an_account_that_comes_back_under_a_new_id_takes_its_work_along(town):
    new = "11111111-2222-4333-8444-555555555555"
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    post_id = await town.sent()
    town.sim.world.reconnect(TIKTOK, new_id=new)
    await town.advance(10)
    post = await town.post(post_id)
    assert (post.state, post.targets[0].account) == (PostState.POSTED, new)
    assert (await town.account()).replaced_by == new
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]


async def test_after_a_rebind_the_old_names_mean_the_new_id(town):
    new = "11111111-2222-4333-8444-555555555555"
    town.sim.world.reconnect(TIKTOK, new_id=new)
    await town.watcher.accounts()
    for word in (TIKTOK, "brand-tiktok"):
        assert (await town.publish(accounts=[word], dedupe=False)).posts[0].targets[0].account == new


async def test_attention_says_what_happened_what_waits_and_what_to_do(town):
    await town.publish()
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.work()
    [delivery] = await town.store.find_deliveries(Find(type="attention.opened"))
    _, event, _ = await town.store.delivery(delivery.id)
    assert b"brandhq.tt" in event.body
    assert b"what_to_do" in event.body


async def test_two_keys_that_see_the_same_workspace_are_told_once(build_town):
    town = await build_town(two_keys=True, listed=False)
    assert town.metric("bridge_config_warnings") == 0
    first, second = town.sim.world.keys.values()
    second.workspace_id = first.workspace_id
    await town.watcher.accounts()
    await town.watcher.accounts()
    assert town.metric("bridge_config_warnings") == 1
