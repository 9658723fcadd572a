"""What only some accounts can use: a fault where nobody can, left out with a warning where somebody else does."""

from dataclasses import replace

import httpx
import pytest

from bridge.core.rules import PublishRules
from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from bridge.simulator.posteverywhere import TIKTOK as PE_TIKTOK
from bridge.simulator.posteverywhere import PostEverywhereSimulator, X, app
from tests.partners.things import MUSIC, Observed, posteverywhere

pytestmark = pytest.mark.anyio

GV_TIKTOK, GV_INSTAGRAM, GV_PINTEREST = f"gv:{TIKTOK}", f"gv:{INSTAGRAM}", "gv:PIN"
TWO_TIKTOK, TWO_X = str(PE_TIKTOK), str(X)
SOUND, BLOCK, BOARD = {"music_url": MUSIC}, {"tiktok": {"privacy_level": "SELF_ONLY"}}, {"pinterest": {"board_id": "1"}}


@pytest.fixture
async def both(build_town):
    """A town of both partners: PostEverywhere under the key `two`."""
    town = await build_town()
    town.sim.world.accounts["PIN"] = replace(town.sim.world.accounts[INSTAGRAM], id="PIN", platform="pinterest")
    sim = PostEverywhereSimulator(now=town.clock, general_per_minute=10_000, creates_per_minute=10_000)
    client = posteverywhere(httpx.ASGITransport(app=app(sim)), town.clock, Observed())
    client.name = "two"
    town.kit.partners["two"] = client
    await town.watcher.add_keys()
    await town.watcher.accounts()
    yield town
    await client.close()


@pytest.mark.parametrize(
    ("accounts", "block"),
    [
        ([TWO_TIKTOK], SOUND), ([TWO_X], SOUND), ([TWO_TIKTOK, GV_INSTAGRAM], SOUND), ([GV_INSTAGRAM], SOUND),
        ([TWO_X], BLOCK), ([TWO_X, GV_INSTAGRAM], BLOCK), ([GV_INSTAGRAM], BLOCK),
        ([TWO_X], BOARD), ([TWO_X, GV_TIKTOK], BOARD), ([GV_TIKTOK], BOARD),
    ],
)  # fmt: skip
async def test_what_no_target_can_use_is_a_fault(both, accounts, block):
    problem = await both.refusal(accounts=accounts, **block)

    assert {fault.field for fault in problem.errors} == set(block)
    assert all(fault.limit is None for fault in problem.errors)


@pytest.mark.parametrize(
    ("accounts", "block", "without"),
    [
        ([TWO_TIKTOK, GV_TIKTOK], SOUND, "two"),
        ([TWO_X, GV_TIKTOK], SOUND, "two"),
        ([TWO_X, GV_TIKTOK], BLOCK, "two"),
        ([TWO_TIKTOK, GV_INSTAGRAM], BLOCK, "gv"),
        ([TWO_X, GV_PINTEREST], BOARD, "two"),
    ],
)
async def test_what_one_part_can_use_goes_there_and_is_warned_of(both, accounts, block, without):
    answer = await both.publish(accounts=accounts, media="https://cdn.example.com/a.jpg", **block)

    [field] = block
    assert {post.partner: field in post.content for post in answer.posts} == {
        name: name != without for name in ("gv", "two")
    }
    assert [(one["field"], one["code"]) for one in answer.warnings] == [(field, "NOT_FOR_ALL")]


async def test_both_may_use_a_block(both):
    answer = await both.publish(accounts=[TWO_TIKTOK, GV_TIKTOK], **BLOCK)

    assert ["tiktok" in post.content for post in answer.posts] == [True, True]


@pytest.mark.parametrize("preflight", ["reject", "warn", "off"])
async def test_partners_that_are_told_nothing_are_warned_of_once_each(build_town, preflight):
    town = await build_town(publish=PublishRules(preflight=preflight), two_keys=True)
    town.kit.partners["gv"].writes = False
    answer = await town.publish(accounts=[TIKTOK, INSTAGRAM], captions={"instagram": "other"})

    assert [(one["code"], one["message"]) for one in answer.warnings] == [
        ("WRITES_OFF", "partners.gv.writes is off: nothing will be sent")
    ]
