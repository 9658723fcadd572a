"""What was told, and what was lost, before the database went back to a copy: also when it did so twice."""

from typing import Any

import pytest

from bridge.core.errors import FailureReason
from bridge.ports import Find
from bridge.store import SqlStore
from tests.flows.test_restored import ON_X, past, publish_of, vendor
from tests.flows.town import TIKTOK, Town
from tests.flows.vendor import LOOKED_TWICE, Vendor

pytestmark = pytest.mark.anyio

__all__ = ["past", "vendor"]


async def told_by_subject(store: SqlStore) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for event in await store.told(Find(limit=500)):
        found.setdefault(event.subject, []).append(event.sequence)
    return found


async def lose_an_account(town: Town) -> None:
    town.sim.world.accounts[TIKTOK].status = "inactive"
    for _ in range(3):
        town.clock.move(minutes=10)
        await town.tick()


async def test_what_is_new_again_is_told_under_numbers_that_nobody_has_seen(
    town: Town, store: SqlStore, past: Any
) -> None:
    """The cause of an account that died after the copy is a row made anew, under the same name."""
    copy = past()
    await lose_an_account(town)
    before = await told_by_subject(store)
    copy.come_back()
    await lose_an_account(town)
    after = await told_by_subject(store)
    again = {subject for subject in before if subject in after}
    assert any(subject.startswith("cause:") for subject in again)
    assert all(min(after[subject]) > max(before[subject]) for subject in again)


async def test_what_the_first_of_two_restores_lost_is_looked_for_after_the_second(vendor: Vendor, past: Any) -> None:
    first = past()
    await vendor.wish(**ON_X)
    await vendor.town.work()
    first.come_back()
    vendor.town.clock.move(hours=1)
    second = past()
    vendor.town.clock.move(hours=1)
    second.come_back()
    post_id = await vendor.wish(**ON_X)
    await vendor.work(LOOKED_TWICE)
    assert (await publish_of(vendor.town, post_id)).reason is FailureReason.UNKNOWN_OUTCOME
    assert vendor.creates() == 1


async def test_what_came_between_two_restores_and_repeats_what_was_lost_waits_for_a_person(
    vendor: Vendor, past: Any
) -> None:
    first = past()
    await vendor.wish(**ON_X)
    await vendor.town.work()
    first.come_back()
    vendor.town.clock.move(hours=1)
    post_id = await vendor.wish(**ON_X)
    past().come_back()
    await vendor.work(LOOKED_TWICE)
    await vendor.work(LOOKED_TWICE)
    assert (await publish_of(vendor.town, post_id)).reason is FailureReason.UNKNOWN_OUTCOME
    assert vendor.creates() == 1
