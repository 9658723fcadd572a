"""kill -9 at random moments, under load, while partner and receiver have bad days."""

import asyncio
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from bridge.simulator.receiver import HookAnswer
from tests.crash.audit import broken, query
from tests.crash.town import ACCOUNTS, Starter, Town, open_town, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KILLS = 30
"""How often each test kills."""

LONGEST_LIFE_S = 0.8
SENDERS = 3
WISHES = 5
"""How many each sender sends in one life."""

MANY = 5_000


DISCONNECTED = "select 1 from accounts where state = 'disconnected'"
PASSING = {"kind": "fail", "text": "Temporary error 503"}


def make_bad_days(town: Town, chance: Random) -> None:
    """Let the partner lose calls, fail and dawdle, fail posts in passing, and the receiver refuse, cut and dawdle."""
    town.simulator.fault("stored_then_dropped", "create", times=-1, chance=0.1)
    town.simulator.fault("stored_then_dropped", "retry", times=-1, chance=0.2)
    town.simulator.fault("server_error", "create", times=-1, chance=0.05, after=True)
    town.simulator.fault("dropped", "create", times=-1, chance=0.05)
    town.simulator.fault("server_error", times=-1, chance=0.05)
    town.simulator.fault("slow", times=-1, chance=0.1, delay_s=0.2)
    for account in ACCOUNTS:
        town.simulator.script(account, *(PASSING if chance.random() < 0.1 else "ok" for _ in range(MANY)))
    bad = [HookAnswer(503), HookAnswer(500, delay_s=0.1), HookAnswer(drop=True), HookAnswer(delay_s=0.2)]
    town.receiver.script("town", *(chance.choice(bad) if chance.random() < 0.2 else HookAnswer() for _ in range(MANY)))


async def live(town: Town, chance: Random) -> None:
    """Live under load, and be killed at some moment: as a rule after the start, now and then in the middle of it."""
    await town.spawn()
    senders = [asyncio.ensure_future(_send(town)) for _ in range(SENDERS)]
    if chance.random() < 0.8:
        await town.listening()
    await asyncio.wait(senders, timeout=chance.uniform(0.0, LONGEST_LIFE_S))
    await town.kill()
    await asyncio.gather(*senders)


async def _send(town: Town) -> None:
    if await town.listening():
        await town.publish_while_alive(most=WISHES, pause_s=0.02)


async def live_through(town: Town, chance: Random, lives: int) -> None:
    """Die so often."""
    for _ in range(lives):
        await live(town, chance)


@pytest.mark.parametrize("contract", ["v3", "v1"])
async def test_deaths_at_random_moments_lose_and_double_nothing(tmp_path: Path, starter: Starter, contract: str):
    seed = Random().randrange(10**6)
    print(f"seed {seed}")
    chance = Random(seed)
    async with open_town(tmp_path, starter, contract=contract) as town:
        make_bad_days(town, chance)
        await live_through(town, chance, KILLS)

        await town.finish()

        print(f"{town.lives} lives, {len(town.wishes)} wishes, {town.receiver.total} webhooks")
        assert broken(town) == []
        assert len(town.wishes) > KILLS


async def test_deaths_while_an_account_is_gone_lose_and_double_nothing(town: Town):
    seed = Random().randrange(10**6)
    print(f"seed {seed}")
    chance, gone = Random(seed), ACCOUNTS[-1]
    await live_through(town, chance, KILLS // 5)
    town.simulator.world.set_account_status(gone, "revoked")
    await town.start()
    await until("the account's end", lambda: query(town.database, DISCONNECTED))
    await town.kill()
    await live_through(town, chance, KILLS // 5)
    town.simulator.world.reconnect(gone)
    await live_through(town, chance, KILLS // 5)

    await town.finish()

    assert broken(town) == []
    closed = Counter(item.json["type"] for item in town.receiver.received if item.attempt == 1)
    assert closed["attention.opened"] == closed["attention.closed"] >= 1
