"""The simulated PostEverywhere on a real socket of this machine: cut connections, its own worker, its webhooks."""

import argparse
import asyncio
import os
import signal

import httpx
import pytest

from bridge.cli import simulate
from bridge.simulator import DEMO_KEY, PostEverywhereSimulator, posteverywhere, running, simulate_posteverywhere
from bridge.simulator.posteverywhere import X
from bridge.simulator.receiver import Receiver

pytestmark = pytest.mark.anyio
HEADERS = {"authorization": f"Bearer {DEMO_KEY}"}
BODY = {"content": "Holiday drops", "account_ids": [X]}


async def test_a_lost_answer_is_a_cut_connection_and_the_repeat_a_second_post():
    sim = PostEverywhereSimulator()
    sim.fault("stored_then_dropped", "create")
    async with running(posteverywhere.app(sim)) as url, httpx.AsyncClient(base_url=url, headers=HEADERS) as client:
        with pytest.raises(httpx.TransportError):
            await client.post("/api/v1/posts", json=BODY)
        assert (await client.post("/api/v1/posts", json=BODY)).status_code == 201
    assert len(sim.posts_with("Holiday drops")) == 2


@pytest.mark.usefixtures("unjudged_receivers")
async def test_its_worker_publishes_and_its_webhooks_arrive():
    sim, receiver = PostEverywhereSimulator(webhook_urls="any"), Receiver()
    served = running(posteverywhere.app(sim, tick_s=0.01))
    async with (
        running(receiver.app()) as hooks,
        served as url,
        httpx.AsyncClient(base_url=url, headers=HEADERS) as client,
    ):
        wanted = {"url": f"{hooks}/hook/pe", "events": ["post.published"]}
        await client.post("/api/v1/webhooks", json=wanted)
        post_id = (await client.post("/api/v1/posts", json=BODY)).json()["data"]["post_id"]

        await receiver.wait_for(lambda received: len(received) == 1)
        assert (await client.get(f"/api/v1/posts/{post_id}")).json()["data"]["status"] == "published"


async def test_simulate_introduces_itself_and_ends_on_sigterm():
    said, told = [], asyncio.Event()
    task = asyncio.create_task(simulate_posteverywhere(port=0, echo=lambda line: (said.append(line), told.set())))
    await told.wait()
    async with httpx.AsyncClient(headers=HEADERS) as client:
        assert (await client.get(f"{said[0].split()[3]}/accounts")).status_code == 200
    os.kill(os.getpid(), signal.SIGTERM)
    await task
    assert f"key {DEMO_KEY}" in said
    assert f"account {X} x @mybrand" in said


@pytest.mark.parametrize(("partner", "contract"), [("genviral", "new"), ("posteverywhere", "v3")])
def test_a_contract_the_partner_never_had_is_refused(capsys, partner, contract):
    assert simulate.run(argparse.Namespace(partner=partner, contract=contract)) == 2
    assert partner in capsys.readouterr().err
