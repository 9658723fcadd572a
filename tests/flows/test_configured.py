"""Processes with different configurations beside each other: an endpoint is there while any of them has it."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from bridge.core.model import Endpoint, Write
from bridge.flows.configured import follow_configurations, follow_owners, say, sync_endpoints
from tests.flows.test_deliver_elsewhere import Shared

pytestmark = pytest.mark.anyio

OPS = {"ops": {"url": "https://ops.example"}}
HERE, TWO = {"here": ()}, {"here": (), "added": ()}
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
    await follow_configurations(kit, OPS, HERE)

    assert (await standing(kit))["added"] == (True, None)


async def test_an_endpoint_that_left_is_disabled_when_the_last_one_that_has_it_is_gone(kit, clock):
    await sync_endpoints(kit, BOTH)
    await sync_endpoints(kit, OPS)
    for _ in range(9):
        clock.move(seconds=10)
        await follow_configurations(kit, BOTH, HERE)
        await follow_configurations(kit, OPS, HERE)
    before = (await standing(kit))["added"]
    clock.move(seconds=61)
    await follow_configurations(kit, OPS, HERE)

    assert (before, (await standing(kit))["added"]) == ((True, None), (False, "unconfigured"))


async def test_one_that_was_disabled_while_its_process_was_silent_goes_on(kit, clock):
    await sync_endpoints(kit, BOTH)
    clock.move(seconds=61)
    await sync_endpoints(kit, OPS)
    before = (await standing(kit))["added"]
    await follow_configurations(kit, BOTH, HERE)
    await follow_configurations(kit, OPS, HERE)

    assert (before, (await standing(kit))["added"]) == ((False, "unconfigured"), (True, None))


async def test_what_was_disabled_by_hand_and_what_was_made_over_the_api_stay_as_they_are(kit):
    off = Endpoint("off", "https://off.example", enabled=False, reason="by_hand")
    mine = Endpoint("mine", "https://mine.example", configured=False, owner="here")
    await kit.store.record([Write(endpoints=(off, mine))])
    await follow_configurations(kit, [*OPS, "off"], HERE)

    assert await standing(kit) == {"ops": (True, None), "off": (False, "by_hand"), "mine": (True, None)}


async def made_by(kit, *owners):
    made = [Endpoint(f"of-{owner}", "https://made.example", configured=False, owner=owner) for owner in owners]
    await kit.store.record([Write(endpoints=tuple(made))])


async def test_what_a_token_made_goes_on_while_any_process_has_the_token(kit, clock):
    await made_by(kit, "here", "added")
    await follow_owners(kit, TWO)
    await follow_owners(kit, HERE)
    for _ in range(9):
        clock.move(seconds=10)
        await follow_configurations(kit, OPS, TWO)
        await follow_configurations(kit, OPS, HERE)
    before = (await standing(kit))["of-added"]
    clock.move(seconds=61)
    with capture_logs() as lines:
        await follow_configurations(kit, OPS, HERE)
        await follow_configurations(kit, OPS, HERE)
    after = await standing(kit)
    await follow_configurations(kit, OPS, TWO)

    assert (before, after["of-added"], after["of-here"]) == ((True, None), (False, "owner_gone"), (True, None))
    assert [(line["event"], line["endpoints"]) for line in lines] == [("config.warned", ["of-added"])]
    assert (await standing(kit))["of-added"] == (True, None)


async def test_what_leaves_one_process_alone_is_disabled_a_minute_later_and_not_if_it_is_back(town, clock):
    kit = town.kit
    await sync_endpoints(kit, BOTH)
    await made_by(kit, "here", "added")
    await say(kit, BOTH, TWO)
    await sync_endpoints(kit, {})
    await follow_owners(kit, {})
    clock.move(seconds=59)
    await follow_configurations(kit, {}, {})
    still = await standing(kit)
    await sync_endpoints(kit, OPS)
    await follow_owners(kit, HERE)
    clock.move(seconds=2)
    await follow_configurations(kit, OPS, HERE)

    off = {"added": (False, "unconfigured"), "of-added": (False, "owner_gone")}
    assert still == dict.fromkeys(["ops", "added", "of-here", "of-added"], (True, None))
    assert await standing(kit) == {"ops": (True, None), "of-here": (True, None)} | off


async def test_nothing_is_said_at_the_start_of_a_process_that_is_alone(town):
    await sync_endpoints(town.kit, BOTH)
    await sync_endpoints(town.kit, OPS)

    assert (await standing(town.kit))["added"] == (False, "unconfigured")
