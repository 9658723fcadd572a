"""Many steps that change one row at once: each has its turn, none is left lying until its lease ends."""

import asyncio

import pytest

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_commands_of_one_key_that_fail_together_are_all_settled(town):
    posts = [(await town.publish(caption=f"post {number}")).posts[0].id for number in range(20)]
    town.sim.fault("server_error", "create", times=-1)
    claimed = await town.publisher.claim(32)
    await asyncio.gather(*(town.publisher.act(item) for item in claimed))
    leased = [one.lease_until for post_id in posts for one in await town.commands(post_id)]
    assert (len(claimed), leased) == (20, [None] * 20)
