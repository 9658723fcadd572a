"""The service dies while posts are held: none goes before its time or a person's word, and each goes once."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.simulator.genviral import TIKTOK
from tests.crash.audit import query
from tests.crash.town import SECRETS, Starter, Town, open_town, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TOKEN = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}"}
CHAT = {
    "kind": "slack",
    "secret": {"env": "TOWN_HOOK"},
    "bot_token": {"env": "TOWN_BOT"},
    "api_url": "http://127.0.0.1:9/api/",
    "accounts": [TIKTOK],
}
"""A chat that cannot be reached: no card of it ever comes, and the posts do not mind."""
SHORT = {"backoff_first": "50ms", "backoff_max": "300ms", "resume_gap": "20ms"}

ASKED = SHORT | {"approve": "#social"}


def creates(town: Town) -> int:
    return len(town.simulator.journal.of("create"))


def post_id(town: Town) -> str:
    [(found,)] = query(town.database, "select id from posts")
    return str(found)


async def held(town: Town) -> str:
    """Publish, and be killed once it was answered."""
    await town.start()
    await until("the accounts", town._accounts_known)
    answer = await town.publish(town.wish())
    assert answer is not None
    assert answer.json()["posts"][0]["state"] == "parked"
    await town.kill()
    return post_id(town)


async def restarted(town: Town, verb: str = "", post: str = "") -> Any:
    """Start it anew, and ask something of a post."""
    await town.start()
    if not verb:
        return None
    async with httpx.AsyncClient(trust_env=False) as http:
        return (await http.post(f"{town.url}/v1/posts/{post}/{verb}", headers=TOKEN)).json()


async def test_a_hold_that_ends_while_nothing_runs_goes_after_the_restart(tmp_path: Path, starter: Starter):
    async with open_town(tmp_path, starter, publish=SHORT | {"hold": "1s"}) as town:
        await held(town)
        await asyncio.sleep(1.2)
        assert creates(town) == 0

        await restarted(town)
        await until("rest", town._at_rest)

        assert creates(town) == 1


async def test_what_needs_approval_waits_through_deaths_and_goes_when_it_is_approved(tmp_path: Path, starter: Starter):
    async with open_town(tmp_path, starter, publish=ASKED, sources={"team": CHAT}) as town:
        post = await held(town)
        for _ in range(2):
            await restarted(town)
            await asyncio.sleep(0.3)
            await town.kill()
        assert creates(town) == 0

        done = await restarted(town, "send", post)
        await town.kill()
        assert done["command"]["by"] == "token town"
        await restarted(town)
        await until("its end", lambda: query(town.database, "select 1 from posts where state = 'posted'"))

        assert creates(town) == 1


async def test_what_is_canceled_while_it_is_held_leaves_no_trace(tmp_path: Path, starter: Starter):
    async with open_town(tmp_path, starter, publish=SHORT | {"hold": "1h"}) as town:
        post = await held(town)
        await restarted(town, "drop", post)
        await town.kill()
        await restarted(town)
        await asyncio.sleep(0.3)
        assert creates(town) == 0
        assert query(town.database, "select state from posts") == [("rejected",)]
