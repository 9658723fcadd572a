"""Both simulators on a real socket of this machine."""

import asyncio
import os
import signal

import httpx
import pytest

from bridge.simulator import DEMO_TOKEN, GenviralSimulator, genviral, running, simulate_genviral
from bridge.simulator.genviral import TIKTOK
from bridge.simulator.receiver import HookAnswer, Receiver

pytestmark = pytest.mark.anyio
HEADERS = {"authorization": f"Bearer {DEMO_TOKEN}"}
BODY = {
    "caption": "Holiday drops",
    "accounts": [{"id": TIKTOK}],
    "media": {"type": "video", "url": "https://cdn.example.com/video.mp4"},
    "external_id": "order-1",
}


async def becomes_posted(client, url):
    for _ in range(500):
        if (await client.get(url)).json()["data"]["status"] == "posted":
            return True
        await asyncio.sleep(0.01)
    return False


async def test_a_dropped_connection_is_really_cut_and_the_replay_finds_the_post():
    sim = GenviralSimulator()
    sim.fault("stored_then_dropped", "create")
    async with running(genviral.app(sim)) as url, httpx.AsyncClient(base_url=url, headers=HEADERS) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/api/partner/v1/posts", json=BODY)
        answer = await client.post("/api/partner/v1/posts", json=BODY)
    assert (answer.status_code, answer.json()["data"]["duplicate"]) == (200, True)


async def test_a_client_that_gave_up_on_a_slow_call_finds_its_post_made():
    sim = GenviralSimulator()
    sim.fault("slow", "create", delay_s=0.1)
    async with running(genviral.app(sim)) as url, httpx.AsyncClient(base_url=url, headers=HEADERS) as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/api/partner/v1/posts", json=BODY, timeout=0.05)
        assert (await client.post("/api/partner/v1/posts", json=BODY)).status_code == 200


@pytest.mark.usefixtures("unjudged_receivers")
async def test_the_receiver_cuts_a_connection_too():
    receiver = Receiver()
    receiver.script("ops", HookAnswer(drop=True))
    async with running(receiver.app()) as url, httpx.AsyncClient(base_url=url) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/hook/ops", content=b"{}")
        assert (await client.post("/hook/ops", content=b"{}")).status_code == 200


async def test_a_taken_port_is_an_error_at_once():
    async with running(Receiver().app()) as url:
        with pytest.raises(OSError, match="in use"):
            async with running(Receiver().app(), port=int(url.rpartition(":")[2])):
                pass


async def test_leaving_the_block_closes_the_address():
    async with running(Receiver().app()) as url:
        pass
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"{url}/_control/received")


async def test_simulate_introduces_itself_ticks_and_ends_on_sigterm():
    said = []
    told = asyncio.Event()
    task = asyncio.create_task(
        simulate_genviral(port=0, tick_s=0.01, echo=lambda line: (said.append(line), told.set()))
    )
    await told.wait()
    base_url = said[0].split()[3]
    async with httpx.AsyncClient(headers=HEADERS) as client:
        post_id = (await client.post(f"{base_url}/posts", json=BODY)).json()["data"]["id"]
        assert await becomes_posted(client, f"{base_url}/posts/{post_id}")
    os.kill(os.getpid(), signal.SIGTERM)
    await task
    assert f"token {DEMO_TOKEN}" in said
    assert any(TIKTOK in line for line in said)


async def test_simulate_does_not_repeat_a_token_it_was_given():
    said = []
    told = asyncio.Event()
    token = "gva_live_mine.hush"
    task = asyncio.create_task(
        simulate_genviral(port=0, token=token, echo=lambda line: (said.append(line), told.set()))
    )
    await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert "hush" not in "".join(said)
