"""Everything at once: whatever goes wrong in between, each intent ends as one post, told without a gap."""

from random import Random

import pytest

from bridge.core.errors import StoreBusy
from bridge.core.model import PostState
from bridge.ports import Find
from tests.flows.town import TIKTOK, failing

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KINDS = (
    "server_error",
    "html_502",
    "empty",
    "dropped",
    "stored_then_dropped",
    "rate_limited",
    "unauthorized",
    "partial",
)


async def a_bad_hour(town, chance):
    """Take events and let time pass while calls and writes fail by chance."""
    for _ in range(3):  # One fewer than would use up a post's retries.
        town.sim.script(TIKTOK, *["ok"] * chance.randrange(5), failing())
    for number in range(30):
        for kind in chance.sample(KINDS, 2):
            operation = chance.choice(("retry", "delete")) if kind == "partial" else "*"
            town.sim.fault(kind, operation, retry_after=chance.choice((None, 5)))
        town.store.lose["record"] = [chance.choice((None, None, None, StoreBusy())) for _ in range(5)]
        town.store.drop["record"] = [chance.choice((None, None, None, StoreBusy())) for _ in range(5)]
        await accept(town, key=f"k{number}", caption=f"{number}", accounts=["brand-*"])
        try:
            await town.advance(2, step=1)
        except StoreBusy:
            continue


async def accept(town, **fields):
    """Hand an event in until it is taken, twice."""
    for _ in range(2):
        await town.publish(**fields)


@pytest.mark.parametrize("contract", ["v1", "v3"])
@pytest.mark.parametrize("seed", range(2))
async def test_after_a_bad_hour_every_event_is_one_post(build_town, contract, seed):
    town = await build_town(contract=contract)
    await a_bad_hour(town, Random(seed))
    town.store.lose, town.store.drop = {}, {}
    town.sim.faults.clear()
    await town.advance(360, step=5)
    posts = await town.store.find_posts(Find(limit=100))
    assert {post.state for post in posts} == {PostState.POSTED}
    assert sorted(post.caption for post in town.sim.world.posts.values()) == sorted(f"{n}" for n in range(30))
    for post in posts:
        told = sorted(event.sequence for event in (await town.store.timeline(post.id)).events)
        assert told == list(range(1, len(told) + 1))
