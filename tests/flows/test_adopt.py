"""Adopt: a key alone gives webhooks and alerts for posts that were made elsewhere, each told once and never sent."""

from contextlib import suppress
from datetime import timedelta

import orjson
import pytest

from bridge.core.errors import FailureReason, StoreBusy
from bridge.core.model import ADOPTED, AccountState, Intent, PostState
from bridge.core.rules import RetryRules, WatchRules
from bridge.ports import Find
from tests.flows.town import INSTAGRAM, NOON, TIKTOK, failing

pytestmark = pytest.mark.anyio
ALL = WatchRules(adopt="all")
OTHER = "99999999-2222-4333-8444-555555555555"


@pytest.fixture
async def town(build_town):
    """A town that adopts, and has looked for strangers for the first time."""
    town = await build_town(watch=ALL)
    await town.watcher.posts()
    return town


async def adopted(town):
    """All posts that were made elsewhere, oldest first."""
    found = await town.store.find_posts(Find(source=ADOPTED))
    return sorted(found, key=lambda post: post.id)


async def seen(town, status="pending", **given):
    """Let somebody make a post in the dashboard, and look a minute later."""
    made = town.sim.seed_post(status, **{"accounts": [TIKTOK], "caption": "by hand"} | given)
    town.clock.move(minutes=1)
    await town.watcher.posts()
    return made


async def test_a_post_made_elsewhere_is_told_with_its_content_and_our_names(town):
    made = await seen(town)

    [post] = await adopted(town)
    assert (post.partner_id, post.content["caption"], post.targets[0].name) == (made.id, "by hand", "brand-tiktok")
    assert await town.events(post.id) == ["post.pending"]
    data = await town.data(post.id, "post.pending")
    assert (data["source"], data["previous"], data["event_id"]) == (ADOPTED, None, post.event_id)
    event, _ = await town.store.event(post.event_id)
    assert (event.intent, event.key) == (Intent.ADOPT, f"adopt:gv:{made.id}")


async def test_it_is_followed_to_its_end_like_ours(town):
    await seen(town)
    await town.advance(10)

    [post] = await adopted(town)
    assert await town.events(post.id) == ["post.pending", "target.posted", "target.linked", "post.posted"]
    assert town.wire.creates == []


async def test_at_first_only_what_has_yet_to_go_is_taken_in(build_town):
    town = await build_town(watch=ALL)
    for status in ("posted", "failed", "scheduled", "pending"):
        town.sim.seed_post(status, accounts=[TIKTOK], created_at="2025-12-01T00:00:00Z")
    await town.watcher.posts()

    assert {post.state for post in await adopted(town)} == {PostState.SCHEDULED, PostState.PENDING}


async def test_afterwards_everything_new_is_told_as_what_it_is(town):
    await seen(town, "posted")
    await seen(town, "canceled")

    assert [await town.events(post.id) for post in await adopted(town)] == [["post.posted"], ["post.canceled"]]


async def test_it_is_told_once_however_often_it_is_shown(town):
    await seen(town)
    for _ in range(3):
        town.clock.move(minutes=1)
        await town.watcher.posts()
    restarted = await town.store.keys()
    town.kit.partners["gv"]._last_look.last = None
    await town.watcher.posts()

    assert restarted["gv"].cursor is not None
    assert len(await adopted(town)) == 1
    assert (await town.told("post.pending")) == ["post.pending"]


async def test_strangers_are_looked_for_with_one_list_call_a_minute(town):
    before = len(town.calls("list"))
    for _ in range(36):
        town.clock.move(seconds=5)
        await town.watcher.posts()

    assert len(town.calls("list")) - before == 3


async def test_more_than_a_page_of_new_posts_is_taken_in(town):
    for number in range(130):
        town.sim.seed_post("pending", accounts=[TIKTOK], caption=f"{number}")
        town.clock.move(seconds=0.1)
    town.clock.move(minutes=1)
    await town.watcher.posts()

    assert len(await town.store.find_posts(Find(source=ADOPTED, limit=500))) == 130


async def test_without_being_asked_nothing_is_adopted(build_town):
    town = await build_town()
    await seen(town)

    assert (await adopted(town), town.calls("list")) == ([], [])


async def test_ours_is_no_stranger(town):
    await town.sent()
    await town.advance(5)

    assert await adopted(town) == []


async def test_what_is_gone_already_is_not_taken_in(town):
    await seen(town, "deleted")

    assert await adopted(town) == []


# Failures.


async def test_a_failure_is_told_and_nothing_is_retried(town):
    town.sim.script(TIKTOK, failing())
    await seen(town)
    await town.advance(60)

    [post] = await adopted(town)
    assert (post.state, post.gave_up, town.retries, await town.commands(post.id)) == (PostState.FAILED, True, [], [])
    assert (await town.events(post.id))[-3:] == ["target.failed", "post.failed", "post.gave_up"]
    assert (await town.data(post.id, "post.failed"))["retry"]["will"] is False


async def test_it_is_retried_where_that_is_asked_for(build_town):
    town = await build_town(watch=ALL, retry=RetryRules(adopted=True))
    await town.watcher.posts()
    town.sim.script(TIKTOK, failing())
    await seen(town)
    await town.advance(30)

    [post] = await adopted(town)
    assert (post.state, len(town.retries)) == (PostState.POSTED, 1)


async def test_a_dead_token_opens_the_cause_of_its_account_and_parks_nothing(town):
    town.sim.script(TIKTOK, failing("Token expired, please reconnect your account"))
    await seen(town)
    await town.advance(10)

    [post] = await adopted(town)
    assert (await town.account()).state is AccountState.DEGRADED
    assert (await town.cause(f"account:gv:{TIKTOK}")).reason is FailureReason.TOKEN
    assert (await town.store.parked(10), post.gave_up) == ([], True)


async def test_a_person_may_retry_and_cancel_it(town):
    town.sim.script(TIKTOK, failing("Caption is not allowed"))
    await seen(town)
    await town.advance(10)
    [post] = await adopted(town)
    await town.actions.retry(post.id, ())
    await town.advance(20)
    await seen(town, "scheduled", scheduled_at=(NOON + timedelta(days=1)).isoformat())
    second = (await adopted(town))[1]
    await town.actions.cancel(second.id, ())
    await town.work()

    assert (await town.post(post.id)).state is PostState.POSTED
    assert (await town.post(second.id)).state is PostState.CANCELED


# Which workspace.


async def test_the_posts_of_another_workspace_are_not_taken_in(town):
    key = next(iter(town.sim.world.keys.values()))
    key.workspace_id = "other"
    town.sim.world.seed({"status": "pending", "accounts": [OTHER], "scope_id": key.scope_id})
    town.clock.move(minutes=1)
    await town.watcher.posts()

    assert await adopted(town) == []
    assert (await town.store.keys())["gv"].blocked is FailureReason.OTHER_WORKSPACE


async def test_a_post_on_an_account_that_was_never_listed_is_taken_in_after_a_look_at_the_accounts(town):
    await seen(town, rows=[{"account_id": OTHER, "status": "pending"}])

    [post] = await adopted(town)
    assert (post.targets[0].account, post.targets[0].name) == (OTHER, "")


# A crash, and several at once.


@pytest.mark.parametrize("fault", ["lose", "drop"])
@pytest.mark.parametrize("method", ["accept", "record"])
async def test_a_look_that_dies_is_made_again_and_tells_once(town, fault, method):
    """The cursor is kept last of all: what it stands for was written before, or is shown again."""
    town.sim.seed_post("pending", accounts=[TIKTOK])
    town.clock.move(minutes=1)
    getattr(town.store, fault)[method] = [StoreBusy()] * 5
    for _ in range(3):
        with suppress(StoreBusy):
            await town.watcher.posts()
        town.clock.move(minutes=1)
    getattr(town.store, fault).clear()
    await town.watcher.posts()

    assert len(await adopted(town)) == 1
    assert await town.told("post.pending") == ["post.pending"]


async def test_many_that_concern_one_dead_account_open_one_cause(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(3, step=1)
    for number in range(4):
        town.sim.seed_post("scheduled", accounts=[TIKTOK, INSTAGRAM], caption=f"{number}",
                           scheduled_at=(NOON + timedelta(hours=5)).isoformat())  # fmt: skip
    town.clock.move(minutes=1)
    await town.watcher.posts()

    assert len(await adopted(town)) == 4
    assert await town.told("attention.*") == ["attention.opened"]


async def test_a_dead_account_of_the_baseline_opens_its_cause_with_the_first_post_for_it(build_town):
    town = await build_town(watch=ALL, listed=False)
    town.sim.fault("unknown_status", "accounts", word="revoked", times=-1)
    await town.watcher.accounts()
    told = await town.told("a*")
    await town.watcher.posts()
    await seen(town, "scheduled", scheduled_at=(NOON + timedelta(hours=5)).isoformat())

    [post] = await adopted(town)
    assert told == []
    [delivery] = await town.store.find_deliveries(Find(type="attention.opened"))
    _, event, _ = await town.store.delivery(delivery.id)
    assert orjson.loads(event.body)["data"]["waits"] == [post.id]
