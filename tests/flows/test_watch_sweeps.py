"""Watch, with a partner that shows all changes in one list call: when it is asked, and what its cursor means."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason, StoreBusy
from bridge.core.model import AccountState, PostState, Snapshot, TargetSnapshot, TargetState
from bridge.core.rules import WatchRules
from bridge.ports import Hint, Reading
from tests.flows.town import TIKTOK

pytestmark = pytest.mark.anyio


class Sweeping:
    """A partner that answers readings as it is told, and is the one it stands for in all else."""

    sweeps = True

    def __init__(self, partner):
        self._partner = partner
        self.asked = []
        self.readings = []
        self.meanwhile = None

    def __getattr__(self, name):
        return getattr(self._partner, name)

    async def read(self, tracked, cursor, budget, *, known, adopt=False, urgent=()):
        self.asked.append(([post.partner_id for post in tracked], cursor))
        reading = self.readings.pop(0) if self.readings else Reading((), cursor)
        if self.meanwhile is not None:
            await self.meanwhile()
        return reading


@pytest.fixture
async def town(build_town):
    town = await build_town()
    town.kit.partners["gv"] = town.sweep = Sweeping(town.kit.partners["gv"])
    return town


async def shown(town, post_id, state=PostState.POSTED, row=TargetState.POSTED):
    """What the partner shows of a post from now on."""
    post = await town.post(post_id)
    rows = (TargetSnapshot(TIKTOK, row, str(row)),)
    return Snapshot(post.partner_id, town.clock() + timedelta(seconds=1), state, str(state), rows)


async def tick(town, *readings, **later):
    town.sweep.readings = list(readings)
    town.clock.move(**(later or {"minutes": 1}))
    await town.watcher.posts()


async def cursor(town):
    return (await town.store.keys())["gv"].cursor


async def test_a_sweep_is_made_as_soon_as_a_post_will_be_due_soon(town):
    await town.sent()
    before = len(town.sweep.asked)
    await tick(town, seconds=5)
    assert town.sweep.asked[before:] == [([], None)]


async def test_no_sweep_is_made_while_nothing_is_due_for_long(town):
    await tick(town)
    await town.sent(scheduled_at=(town.clock() + timedelta(hours=5)).isoformat())
    await tick(town, seconds=5)
    assert town.sweep.asked == []


async def test_a_partner_that_does_not_sweep_is_read_only_when_a_post_is_due(town):
    await town.sent()
    town.sweep.sweeps = False
    await tick(town, seconds=5)
    assert town.sweep.asked == []


async def test_a_change_of_ours_that_was_not_asked_for_is_recorded(town):
    post_id = await town.sent(scheduled_at=(town.clock() + timedelta(hours=5)).isoformat())
    other = await town.sent(caption="two")
    await tick(town, Reading((await shown(town, post_id),), "c1"))
    assert (await town.post(post_id)).state is PostState.POSTED
    assert (await town.post(other)).state is PostState.PENDING
    assert await cursor(town) == "c1"


async def test_what_is_known_to_be_as_it_was_is_put_off_in_one_write(town):
    ids = [await town.sent(caption=f"{number}") for number in range(3)]
    before = [await town.post(post_id) for post_id in ids]
    await tick(town, Reading((), None, unchanged=tuple(post.partner_id for post in before)))
    for post, old in zip([await town.post(post_id) for post_id in ids], before, strict=True):
        assert post.poll_at > town.clock()
        assert replace(post, poll_at=old.poll_at, version=old.version) == old


async def test_a_post_that_is_not_due_is_not_put_off(town):
    post_id = await town.sent()
    post = await town.post(post_id)
    await tick(town, Reading((), None, unchanged=(post.partner_id,)), seconds=5)
    assert await town.post(post_id) == post


async def test_a_post_that_stays_unchanged_is_stuck_in_the_end(town):
    post_id = await town.sent()
    post = await town.post(post_id)
    for _ in range(7):
        await tick(town, Reading((), None, unchanged=(post.partner_id,)), minutes=6)
    assert (await town.events(post_id)).count("post.stuck") == 1


async def test_what_could_not_be_read_is_read_soon_though_it_was_not_due(town):
    post_id = await town.sent(scheduled_at=(town.clock() + timedelta(hours=5)).isoformat())
    await town.sent(caption="two")
    post = await town.post(post_id)
    await tick(town, Reading((), "c1", failed={post.partner_id: FailureReason.TIMEOUT}))
    assert (await town.post(post_id)).poll_at <= town.clock() + WatchRules().first_poll


# The cursor.


@pytest.mark.parametrize("fault", ["lose", "drop"])
async def test_a_tick_that_dies_before_all_is_recorded_does_not_move_the_cursor(town, fault):
    post_id, _ = await town.sent(), await town.sent(caption="two")
    getattr(town.store, fault)["record"] = [StoreBusy()]
    with pytest.raises(StoreBusy):
        await tick(town, Reading((await shown(town, post_id),), "c1"))
    assert await cursor(town) is None
    await tick(town, Reading((await shown(town, post_id),), "c1"))
    assert (await cursor(town), (await town.events(post_id)).count("post.posted")) == ("c1", 1)


async def test_a_stale_picture_must_be_shown_again(town):
    post_id = await town.sent()
    old = replace(await shown(town, post_id), read_at=town.clock())
    await tick(town, Reading((old,), "c1"))
    assert (await cursor(town), (await town.post(post_id)).state) == (None, PostState.PENDING)


async def test_a_cursor_that_has_not_moved_is_not_written(town):
    await town.sent()
    await tick(town, Reading((), "c1"))
    version = (await town.store.keys())["gv"].version
    await tick(town, Reading((), "c1"))
    assert (await town.store.keys())["gv"].version == version


async def test_a_post_is_gone_only_while_the_key_sees_its_workspace(town):
    post_id = await town.sent()
    gone = await shown(town, post_id, PostState.VANISHED, TargetState.VANISHED)
    next(iter(town.sim.world.keys.values())).workspace_id = "other"
    await tick(town, Reading((gone,), "c1"))
    assert (await town.post(post_id)).state is PostState.PENDING


# Hints.


async def test_a_post_that_the_partner_has_news_of_is_read_at_once(town):
    post_id = await town.sent(scheduled_at=(town.clock() + timedelta(hours=5)).isoformat())
    post = await town.post(post_id)
    town.sweep.readings = [Reading((await shown(town, post_id),), "c1")]
    town.clock.move(seconds=2)
    await town.watcher.look(Hint("gv", (post.partner_id,)))
    assert town.sweep.asked == [([post.partner_id], None)]
    assert (await town.post(post_id)).state is PostState.POSTED


async def test_news_of_an_account_lists_the_accounts_at_once(town):
    town.sim.world.set_account_status(TIKTOK, "paused")
    await town.advance(10)
    town.sim.world.set_account_status(TIKTOK, "active")
    await town.watcher.look(Hint("gv", accounts=(TIKTOK,)))
    assert await town.told("account.*") == ["account.disconnected", "account.reconnected"]


@pytest.mark.parametrize("named", [TIKTOK, "another"])
async def test_news_of_an_account_counts_no_miss_of_any(town, named):
    town.sim.world.set_account_status(TIKTOK, "paused")
    for _ in range(3):
        await town.watcher.look(Hint("gv", accounts=(named,)))
    assert ((await town.account()).misses, (await town.account()).state) == (0, AccountState.ACTIVE)


@pytest.mark.parametrize("hint", [Hint("nobody", ("p",)), Hint("gv"), Hint("gv", ("unknown",))])
async def test_news_that_concerns_nothing_of_ours_reads_nothing(town, hint):
    await town.watcher.look(hint)
    assert town.sweep.asked == []


async def test_news_of_an_unknown_post_is_swept_for_where_all_are_adopted(build_town):
    town = await build_town(watch=WatchRules(adopt="all"))
    town.sim.seed_post("pending", accounts=[TIKTOK])
    await town.watcher.look(Hint("gv", ("unknown",)))
    assert await town.told("post.*") == ["post.pending"]


async def test_many_hints_while_one_is_followed_are_one_more_look(town):
    post_id = await town.sent()
    post = await town.post(post_id)
    looks = []

    async def more():
        if not looks:
            looks.extend(town.watcher.look(Hint("gv", (post.partner_id,))) for _ in range(9))
            await asyncio.gather(*looks)

    town.sweep.meanwhile = more
    await town.watcher.look(Hint("gv", (post.partner_id,)))
    assert len(town.sweep.asked) == 2


@pytest.mark.parametrize("fault", [StoreBusy(), RuntimeError("a fault of ours")])
async def test_a_look_never_raises_and_the_next_one_is_made(town, fault):
    post_id = await town.sent()
    post = await town.post(post_id)
    town.store.lose["post_ids"] = [fault]
    await town.watcher.look(Hint("gv", (post.partner_id,)))
    assert town.sweep.asked == []
    await town.watcher.look(Hint("gv", (post.partner_id,)))
    assert len(town.sweep.asked) == 1
