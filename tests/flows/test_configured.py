"""Processes with different configurations beside each other: an endpoint is there while any of them has it."""

from dataclasses import replace

import pytest

from bridge.core.model import Endpoint, Write
from bridge.flows.configured import follow_configurations, sync_endpoints
from tests.flows.test_deliver_elsewhere import Shared

pytestmark = pytest.mark.anyio

OPS = {"ops": {"url": "https://ops.example"}}
BOTH = OPS | {"added": {"url": "https://added.example"}}


@pytest.fixture
async def kit(town):
    kit = replace(town.kit, store=Shared(town.store))
    await sync_endpoints(kit, OPS)
    return kit


async def standing(kit):
    return {name: (one.enabled, one.reason) for name, one in (await kit.store.endpoints()).items()}


async def test_one_of_the_old_configuration_that_starts_again_leaves_a_new_endpoint_alone(kit):
    await sync_endpoints(kit, BOTH)
    await sync_endpoints(kit, OPS)
    await follow_configurations(kit, OPS)

    assert (await standing(kit))["added"] == (True, None)


async def test_an_endpoint_that_left_is_disabled_when_the_last_one_that_has_it_is_gone(kit, clock):
    await sync_endpoints(kit, BOTH)
    await sync_endpoints(kit, OPS)
    for _ in range(9):
        clock.move(seconds=10)
        await follow_configurations(kit, BOTH)
        await follow_configurations(kit, OPS)
    before = (await standing(kit))["added"]
    clock.move(seconds=61)
    await follow_configurations(kit, OPS)

    assert (before, (await standing(kit))["added"]) == ((True, None), (False, "unconfigured"))


async def test_one_that_was_disabled_while_its_process_was_silent_goes_on(kit, clock):
    await sync_endpoints(kit, BOTH)
    clock.move(seconds=61)
    await sync_endpoints(kit, OPS)
    before = (await standing(kit))["added"]
    await follow_configurations(kit, BOTH)
    await follow_configurations(kit, OPS)

    assert (before, (await standing(kit))["added"]) == ((False, "unconfigured"), (True, None))


async def test_what_was_disabled_by_hand_and_what_was_made_over_the_api_stay_as_they_are(kit):
    off = Endpoint("off", "https://off.example", enabled=False, reason="by_hand")
    mine = Endpoint("mine", "https://mine.example", configured=False)
    await kit.store.record([Write(endpoints=(off, mine))])
    await follow_configurations(kit, [*OPS, "off"])

    assert await standing(kit) == {"ops": (True, None), "off": (False, "by_hand"), "mine": (True, None)}
