"""`bridge demo --keep`: what is left for a person to find in the console, with the token that is in its address."""

import re

import httpx
import pytest

from bridge.cli._kept import leave
from bridge.cli._stage import KEPT_TOKEN, set_stage

pytestmark = pytest.mark.anyio


async def test_what_is_left_is_there_to_be_mended_in_the_console():
    async with set_stage(keep=True) as stage, httpx.AsyncClient(base_url=stage.service_url) as browser:
        left = await leave(stage)
        door = await browser.post("/console/sign-in", data={"token": KEPT_TOKEN})
        now, posts, sources = [(await browser.get(f"/console{at}")).text for at in ("", "/posts", "/sources")]
        dead = (await stage.api.get("/v1/deliveries?state=dead")).json()["items"]
        partial = re.search(r'badge warn">partial</span></td>.*?href="([^"]+)"', posts, re.DOTALL)
        page = (await browser.get(partial[1])).text

    assert len(left) == 4
    assert door.status_code == 303
    assert "brand-x must be reconnected" in now
    assert "old-tool" in now
    assert ">parked</span>" in posts
    assert ">Retry</button>" in page
    assert "forged: 1" in sources
    assert {one["endpoint"] for one in dead} == {"sheet"}
