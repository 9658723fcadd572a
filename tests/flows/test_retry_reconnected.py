"""Retry after a reconnection: each account's retry has its turn, and an old failure is no news of a new one."""

import pytest

from bridge.core.model import PostState
from tests.flows.town import INSTAGRAM, TIKTOK, is_safe

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_two_accounts_of_one_post_that_come_back_together_are_both_retried(town):
    post_id = await town.sent(accounts=["brand-*"])
    town.sim.world.set_account_status(TIKTOK, "revoked")
    town.sim.world.set_account_status(INSTAGRAM, "revoked")
    await town.advance(15)
    town.sim.world.set_account_status(TIKTOK, "active")
    town.sim.world.set_account_status(INSTAGRAM, "active")
    await town.advance(120)
    assert ((await town.post(post_id)).state, is_safe(town.sim)) == (PostState.POSTED, True)
    assert len(town.retries) == 2


async def test_failure_that_is_older_than_the_reconnection_opens_nothing_and_is_retried(town):
    failed_id = await town.sent()
    town.sim.world.set_account_status(TIKTOK, "revoked")
    for _ in range(3):
        await town.watcher.accounts()
    parked_id = (await town.publish(caption="later")).posts[0].id
    town.clock.move(minutes=5)
    town.sim.tick()
    town.sim.world.set_account_status(TIKTOK, "active")
    await town.watcher.accounts()
    before = await town.told("attention.*")
    await town.advance(120)
    states = [(await town.post(post_id)).state for post_id in (failed_id, parked_id)]
    assert states == [PostState.POSTED, PostState.POSTED]
    assert await town.told("attention.*") == before == ["attention.opened", "attention.closed"]
