"""What is told of dead letters: at once, and when an hour is over how many more there were, by whichever process."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.model import Lane, WorkState
from bridge.flows.deliver import Deliverer
from bridge.simulator.receiver import HookAnswer
from tests.flows.sending import RULES
from tests.flows.test_deliver_meanwhile import act_while

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ONCE = replace(RULES, schedule=(timedelta(),))
DOWN = HookAnswer(500, times=-1)


@pytest.fixture
async def office(build_office):
    """An office whose endpoint `hook` fails each event at once, and whose `two` is told of that."""
    office = await build_office(ONCE)
    await office.endpoint("hook", "post.*")
    await office.endpoint("two", "delivery.*")
    office.receiver.script("hook", DOWN)
    return office


def anew(office):
    """The deliverer of another process."""
    old = office.deliverer
    return Deliverer(old.kit, old.rules, old.client, old.caller.sending, old.caller.redactor)


async def die(office, count):
    """Let so many events die, each in a request of its own, whatever holds the endpoint."""
    for _ in range(count):
        await office.tell()
        await office.run()
        office.town.clock.move(minutes=6)


async def told(office):
    await office.run()
    return [one.json["data"]["count"] for one in office.receiver.of("two")]


async def test_the_rest_of_an_hour_is_told_when_it_is_over_though_nothing_dies_any_more(office):
    await die(office, 4)
    await office.deliverer.dead_letters.tick()
    assert await told(office) == [1]
    office.town.clock.move(hours=1)
    await office.deliverer.dead_letters.tick()
    assert await told(office) == [1, 3]
    last = office.receiver.of("two")[-1].json["data"]
    rows = await office.rows("hook")
    assert (last["endpoint"], last["status"], last["subject"]["id"]) == ("hook", 500, rows[-1].id)


async def test_it_is_told_after_a_restart_too(office):
    await die(office, 3)
    office.town.clock.move(hours=1)
    await anew(office).dead_letters.tick()
    assert await told(office) == [1, 2]


async def test_of_two_replicas_one_tells(office):
    await die(office, 3)
    office.town.clock.move(hours=1)
    await asyncio.gather(office.deliverer.dead_letters.tick(), anew(office).dead_letters.tick())
    assert await told(office) == [1, 2]


async def test_nothing_more_is_told_and_kept_when_nothing_died_since(office):
    await die(office, 2)
    for _ in range(3):
        office.town.clock.move(hours=2)
        await office.deliverer.dead_letters.tick()
    assert await told(office) == [1, 1]
    assert (await office.row_of("hook")).exhausted_at is None


async def test_those_that_die_together_are_all_counted(office):
    """The first of them is told at an instant at which the others ended, too."""
    await office.tell(5)
    batches = []
    while claimed := await office.deliverer.claim(Lane.FIRST, 100):
        batches += claimed
    await asyncio.gather(*map(office.deliverer.act, batches))
    assert {row.state for row in await office.rows("hook")} == {WorkState.DEAD}
    office.town.clock.move(hours=1)
    await office.deliverer.dead_letters.tick()
    assert await told(office) == [1, 4]


async def test_a_disabled_endpoints_dead_letters_are_told_too(office):
    await die(office, 3)
    await office.change("hook", enabled=False, reason="by_hand")
    office.town.clock.move(hours=1)
    await office.deliverer.dead_letters.tick()
    assert await told(office) == [1, 2]


async def test_what_was_sent_again_since_is_not_counted(office):
    await die(office, 3)
    office.receiver.reset()
    dead = [row.id for row in await office.rows("hook")]
    await office.town.store.replay(dead[1:], office.town.clock())
    await office.run()
    office.town.clock.move(hours=1)
    await office.deliverer.dead_letters.tick()
    assert await told(office) == []


async def test_those_who_died_together_are_counted_once_when_the_row_changed_meanwhile(build_office):
    office = await build_office(ONCE)
    await office.endpoint("hook", "post.*", format="slack", group_s=30.0)
    await office.endpoint("two", "delivery.*")
    office.receiver.script("hook", DOWN)
    await office.change("hook", exhausted_at=office.town.clock())
    await office.tell(4)
    office.town.clock.move(hours=1, seconds=30)
    [batch] = await office.deliverer.claim(Lane.FIRST, 10)

    await act_while(office, batch, lambda: office.change("hook", description="changed meanwhile"))
    await office.run()

    assert [one.json["data"]["count"] for one in office.receiver.of("two")] == [4]
