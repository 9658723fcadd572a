"""SIGTERM in the middle of work: nobody is kept waiting, what is under way is finished or released, none is doubled."""

import asyncio
import time

import httpx
import pytest

from bridge.app import KINDS, running
from bridge.settings import load
from bridge.simulator.receiver import HookAnswer
from bridge.web import public_app
from tests.crash.audit import broken, query
from tests.crash.town import SECRETS, Town, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

LIMIT_S = 10.0


SLOW_WEBHOOKS = 12
"""How many webhooks are in flight when it stops: fewer than the first posts cause."""


async def start_busy(town: Town, partner_s: float, receiver_s: float) -> list["asyncio.Future[httpx.Response | None]"]:
    """Start with a partner and a receiver that take that long, and return callers who wait for the outcome of posts."""
    assert await town.start()
    await until("the accounts", lambda: query(town.database, "select 1 from accounts"))
    town.receiver.script("town", HookAnswer(delay_s=receiver_s, times=SLOW_WEBHOOKS))
    for _ in range(4):
        await town.publish(town.wish())
    await until("webhooks in flight", lambda: town.receiver.total >= SLOW_WEBHOOKS)
    town.simulator.fault("slow", "create", times=-1, delay_s=partner_s)
    begun = len(town.simulator.journal.of("create"))
    callers = [asyncio.ensure_future(town.publish(town.wish(), "?wait=30")) for _ in range(4)]
    await until("calls in flight", lambda: len(town.simulator.journal.of("create")) >= begun + len(callers))
    return callers


async def stopped(town: Town) -> float:
    """Stop the service, well, and return the seconds it took."""
    began = time.monotonic()
    assert await town.stop() == 0
    return time.monotonic() - began


async def test_what_is_in_flight_is_finished(town: Town):
    callers = await start_busy(town, partner_s=1.0, receiver_s=0.5)

    took_s = await stopped(town)

    assert [answer and answer.status_code for answer in await asyncio.gather(*callers)] == [202] * 4
    assert took_s < LIMIT_S
    assert query(town.database, "select state, count(*) from commands group by 1") == [("done", len(town.wishes))]
    await town.finish()
    assert broken(town) == []


async def test_what_does_not_finish_is_released(town: Town):
    callers = await start_busy(town, partner_s=60.0, receiver_s=60.0)

    took_s = await stopped(town)

    assert [answer and answer.status_code for answer in await asyncio.gather(*callers)] == [202] * 4
    assert took_s < LIMIT_S
    await town.finish()
    assert broken(town) == []


async def test_while_draining_it_says_so_and_takes_nothing(town: Town):
    settings = load(town.config, SECRETS, KINDS)
    headers = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}"}
    async with running(settings) as bridge:
        transport = httpx.ASGITransport(app=public_app(bridge.web))
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            before = await client.get("/readyz")
            bridge.drain()
            after = await client.get("/readyz")
            refused = await client.post("/v1/publish", json=dict(town.wish().body), headers=headers)

    assert (before.status_code, after.status_code, refused.status_code) == (200, 503, 503)
    assert list(after.json()["failing"]) == ["draining"]
    assert refused.json()["type"].endswith("draining")
    assert refused.headers["retry-after"]
