"""After going back to a copy: what is found leaves a doubt, or nothing can be found for long, or too much is there."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import Post, PostState, WorkState
from bridge.simulator.posteverywhere import LINKEDIN, X
from bridge.store import SqlStore
from tests.flows.test_ingest_objects import a_cms, all_posts, say
from tests.flows.test_restored import ON_X, Past, publish_of
from tests.flows.test_restored import past as past
from tests.flows.test_restored import vendor as vendor
from tests.flows.town import INSTAGRAM, TIKTOK, Town
from tests.flows.vendor import Vendor

pytestmark = pytest.mark.anyio

ON_BOTH = {"accounts": [str(X), str(LINKEDIN)], "caption": "same words"}
PICTURE = {"media": "https://cdn.example.com/a.jpg"}
LONG = timedelta(minutes=20).total_seconds()
"""After so many seconds a person is asked about what leaves a doubt."""
APPROVED = a_cms(approve="#social")


@pytest.fixture(autouse=True)
def afterwards(store: SqlStore) -> Iterator[None]:
    """The store is the module's."""
    yield
    store._database.restored = None


async def turn(town: Town, minutes: float) -> None:
    for _ in range(int(minutes * 2)):
        town.clock.move(seconds=30)
        await town.tick()
        town.sim.tick()


async def wait_on(vendor: Vendor, seconds: float) -> None:
    for _ in range(int(seconds / 30)):
        await vendor.work(30, step=30)
        await vendor.town.tick()
        vendor.sim.tick()


async def only_post(town: Town) -> Post:
    [post] = await all_posts(town)
    return post


# What is found leaves a doubt.


async def test_what_comes_again_with_media_waits_for_a_person(vendor: Vendor, past: Any) -> None:
    before = past()
    await vendor.wish(**ON_X, **PICTURE)
    await wait_on(vendor, 300)
    assert vendor.creates() == 1
    before.come_back()
    post_id = await vendor.wish(**ON_X, **PICTURE)
    await wait_on(vendor, 300)
    command = await publish_of(vendor.town, post_id)
    assert (command.state, command.reason) == (WorkState.PARKED, FailureReason.UNKNOWN_OUTCOME)
    assert vendor.creates() == 1


async def test_what_went_to_some_of_its_accounts_waits_for_a_person(vendor: Vendor, past: Any) -> None:
    post_id = await vendor.wish(**ON_BOTH)
    before = past()
    vendor.sim.world.accounts[LINKEDIN].is_active = False
    await vendor.town.tick()
    await wait_on(vendor, 60)
    assert vendor.creates() == 1
    before.come_back()
    await wait_on(vendor, LONG)
    command = await publish_of(vendor.town, post_id)
    assert (command.state, command.reason) == (WorkState.PARKED, FailureReason.UNKNOWN_OUTCOME)
    assert vendor.creates() == 1


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_genviral_is_not_asked_twice_for_some_of_the_accounts(
    build_town: Any, store: SqlStore, file: Path, contract: str
) -> None:
    town = await build_town(contract=contract)
    await town.publish(accounts=["brand-tiktok", "brand-instagram"])
    before = Past(town, store, file)
    town.sim.world.accounts[INSTAGRAM].status = "inactive"
    await town.tick()
    assert len(town.sim.world.posts) == 1
    before.come_back()
    await turn(town, 20)
    assert len(town.sim.world.posts) == 1


async def test_what_went_to_an_account_under_its_new_id_is_found(build_town: Any, store: SqlStore, file: Path) -> None:
    """The copy knows the account under its former id alone."""
    town = await build_town(contract="v1")
    post_id = (await town.publish()).posts[0].id
    before = Past(town, store, file)
    town.sim.world.reconnect(TIKTOK, new_id="11111111-2222-4333-8444-555555555555")
    await town.tick()
    [there] = town.sim.world.posts
    before.come_back()
    await turn(town, 20)
    assert list(town.sim.world.posts) == [there]
    assert (await town.post(post_id)).partner_id == there


# Nothing can be found for long.


async def test_a_partner_that_is_down_for_long_lets_nothing_go_that_nobody_approved(
    build_town: Any, store: SqlStore, file: Path
) -> None:
    town = await build_town(hooks=APPROVED)
    await say(town)
    Past(town, store, file).come_back()
    town.wire.cut = 10**9
    for _ in range(9):
        town.clock.move(days=1)
        await town.work()
    unknown = await only_post(town)
    assert (unknown.state, unknown.reason) == (PostState.UNKNOWN, FailureReason.GAVE_UP)
    town.wire.cut = 0
    await town.actions.retry(unknown.id, ())
    await turn(town, 10)
    held = await only_post(town)
    assert (held.state, held.reason) == (PostState.PARKED, FailureReason.NEEDS_APPROVAL)
    await town.actions.send(held.id, ())
    await turn(town, 5)
    assert (await only_post(town)).partner_id in town.sim.world.posts


@pytest.fixture
async def blocked(build_town: Any, store: SqlStore, file: Path) -> Town:
    """What waits for an approval is looked for, and the key is blocked."""
    town: Town = await build_town(hooks=APPROVED)
    await say(town)
    before = Past(town, store, file)
    allow(town, active=False)
    await town.tick()
    before.come_back()
    await turn(town, 5)
    return town


def allow(town: Town, *, active: bool) -> None:
    [key] = town.sim.world.keys.values()
    key.active = active


async def test_a_retry_lets_nothing_go_that_nobody_approved(blocked: Town) -> None:
    with pytest.raises(Problem, match="It is held") as refused:
        await blocked.actions.retry((await only_post(blocked)).id, ())
    assert refused.value.slug == "needs_approval"


async def test_what_expired_in_doubt_is_held_again_by_a_retry(blocked: Town) -> None:
    blocked.clock.move(days=8)
    await blocked.tick()
    expired = await only_post(blocked)
    assert (expired.state, expired.reason) == (PostState.UNKNOWN, FailureReason.EXPIRED)
    held, _ = await blocked.actions.retry(expired.id, ())
    assert (held.state, held.reason) == (PostState.PARKED, FailureReason.NEEDS_APPROVAL)


async def test_what_waits_for_an_approval_does_so_whatever_its_time(blocked: Town) -> None:
    blocked.clock.move(days=2)
    allow(blocked, active=True)
    await turn(blocked, 20)
    held = await only_post(blocked)
    assert (held.state, held.reason) == (PostState.PARKED, FailureReason.NEEDS_APPROVAL)


# Too much is there.


@pytest.mark.slow
async def test_what_is_new_goes_though_the_key_is_busy(vendor: Vendor, past: Any) -> None:
    """However much was posted between the copy and its restore."""
    copy = past()
    for n in range(2001):
        vendor.sim.seed_post("published", content=f"Sale {n}", account_ids=[X])
    copy.come_back()
    vendor.town.clock.move(minutes=5)
    post_id = await vendor.wish(accounts=[str(X)], caption="Sale")
    await vendor.work(30)
    assert (await vendor.town.post(post_id)).partner_id in vendor.stored()
