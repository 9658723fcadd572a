"""Zapier's hooks: at most thirty requests a second, 429 is obeyed, and 410 is the end of a subscription."""

import asyncio
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.endpoints import SUBSCRIPTION, Sending
from bridge.core.errors import FailureReason
from bridge.core.model import Lane, WorkState
from bridge.simulator.receiver import HookAnswer
from tests.flows.sending import Office

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECOND = timedelta(seconds=1)


async def subscribe(office: Office, name: str = "zap", *events: str) -> None:
    """Add a subscription whose row shows Zapier's host, and whose requests go to the receiver."""
    office.sendings[name] = lambda at: Sending(url=f"{office.base}/hook/{name}")
    row = {"kind": SUBSCRIPTION, "configured": False, "owner": "zapier"}
    await office.endpoint(name, *events, **row)
    await office.change(name, url="https://hooks.zapier.com/[redacted]")
    office.town.clock.move(seconds=1)


async def test_a_hook_gets_thirty_requests_a_second(office):
    await subscribe(office, "zap", "post.*")
    await office.tell(70)
    counts = []
    for _ in range(3):
        await office.run(Lane.FIRST)
        counts.append(len(office.receiver.of("zap")))
        office.town.clock.move(seconds=1)

    assert counts == [30, 60, 70]


async def test_no_second_has_more_than_thirty_wherever_it_begins(office):
    await subscribe(office, "zap", "post.*")
    await office.tell(10)
    await office.run(Lane.FIRST)
    office.town.clock.move(seconds=0.5)
    await office.tell(60)
    counts = []
    for _ in range(3):
        await office.run(Lane.FIRST)
        counts.append(len(office.receiver.of("zap")))
        office.town.clock.move(seconds=0.5)

    assert counts == [30, 40, 60]


async def test_429_with_a_time_is_waited_out(office):
    await subscribe(office, "zap", "post.*")
    office.receiver.script("zap", HookAnswer(429, retry_after="20"))
    await office.tell(1)
    await office.run()
    held = await office.row_of("zap")
    await office.tell(2)
    office.town.clock.move(seconds=19)
    await office.run()

    assert held.held_until == (await office.row_of("zap")).held_until
    assert len(office.receiver.of("zap")) == 1
    office.town.clock.move(seconds=10)
    await office.run()
    assert len(office.receiver.of("zap")) > 1


async def test_429_without_a_time_slows_everything_down_for_a_moment(office):
    await subscribe(office, "zap", "post.*")
    office.receiver.script("zap", 429)
    await office.tell(1)
    await office.run()
    await office.tell(3)
    await office.run()
    at_once = len(office.receiver.of("zap"))
    office.town.clock.move(seconds=1)
    await office.run(Lane.FIRST)

    assert (at_once, len(office.receiver.of("zap"))) == (1, 4)
    assert (await office.row_of("zap")).enabled


async def gone(office: Office) -> None:
    await subscribe(office)
    await office.endpoint("two", "endpoint.*")
    office.receiver.script("zap", HookAnswer(410, times=-1))


async def test_410_is_the_end_of_a_subscription_and_of_what_is_due_for_it(office):
    await gone(office)
    await office.tell(3)
    with capture_logs() as lines:
        await office.run()

    assert "zap" not in await office.town.store.endpoints()
    assert {row.state for row in await office.rows("zap")} == {WorkState.DEAD}
    assert {row.reason for row in await office.rows("zap")} == {FailureReason.GONE, FailureReason.ENDPOINT_DISABLED}
    assert len(office.receiver.of("zap")) == 1
    assert [line["log_level"] for line in lines if line["event"] == "subscription.deleted"] == ["info"]


async def test_nobody_is_told_because_there_is_nothing_to_repair(office):
    await gone(office)
    await office.tell(1)
    await office.run()
    office.town.clock.move(seconds=1)
    await office.tell(1)
    await office.run()

    assert office.types("two") == []
    assert len(await office.rows("zap")) == 1


async def test_two_410s_at_once_end_it_once(office):
    await gone(office)
    await office.tell(2)
    await asyncio.gather(*map(office.deliverer.act, await office.deliverer.claim(Lane.FIRST, 10)))

    assert "zap" not in await office.town.store.endpoints()
    assert {row.state for row in await office.rows("zap")} == {WorkState.DEAD}
