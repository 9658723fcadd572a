"""What the benchmarks of deliveries do with pumps: they stand still until they are timed, and run once at a time."""

import asyncio
from types import SimpleNamespace

import pytest

from bench._outbound import halt, timed

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def test_pumps_that_are_halted_before_their_first_turn_never_run(office):
    bridge = SimpleNamespace(deliverer=office.deliverer, kit=office.town.kit)
    begun = [asyncio.create_task(pump.run()) for pump in office.deliverer.pumps]
    await halt(bridge)
    await asyncio.wait_for(asyncio.gather(*begun), 5)
    await office.tell(3)
    assert not office.receiver.of("hook")


async def test_turns_that_are_timed_follow_each_other(office):
    bridge = SimpleNamespace(deliverer=office.deliverer, kit=office.town.kit)
    await halt(bridge)
    for turn in (1, 2):
        await office.tell(3)
        expected = 3 * turn

        async def all_told(expected=expected):
            return len(office.receiver.of("hook")) == expected and not any(p.in_flight for p in bridge.deliverer.pumps)

        await asyncio.wait_for(timed(bridge, all_told), 10)
        assert len(office.receiver.of("hook")) == expected
