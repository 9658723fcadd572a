"""The configuration changes again and again under load, in real processes: nothing is lost, nothing is doubled."""

import asyncio
import re
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.simulator.receiver import HookAnswer
from tests.crash.audit import broken, query
from tests.crash.replicas import Replicas, open_replicas
from tests.crash.town import SECRETS, Town, until
from tests.postgres import Cluster

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

RELOADS = 4
RELOADED, REFUSED = '"event":"config.reloaded"', '"event":"config.reload_refused"'


def change(config: Path, number: int) -> None:
    """Write the configuration with something else in many of its sections."""
    tree = yaml.safe_load(config.read_text())
    tree["partners"]["genviral"]["rate"] = 90 + number
    tree["deliver"]["concurrency"] = 20 + number
    tree["limits"] = {"queue": 90_000 + number}
    config.write_text(yaml.safe_dump(tree))


def reloaded(log: Path, times: int) -> bool:
    return log.read_text().count(RELOADED) == times


async def at_rest(town: Replicas) -> None:
    """Wait until all is posted and told; a repeated create may be answered as posted before its targets were read."""
    targets = sum(len(wish.accounts) for wish in town.wishes)
    linked = "select 1 from outbound_events where type = 'target.linked'"
    await until("the links", lambda: len(query(town.database, linked)) == targets, 60)
    await town.rest(60)


async def publish_until(stop: asyncio.Event, publish: Callable[[], Awaitable[Any]]) -> None:
    while not stop.is_set():
        await publish()
        await asyncio.sleep(0.02)


async def test_under_load_nothing_is_lost_or_doubled_or_refused(town: Town):
    assert await town.start()
    await until("the accounts", lambda: query(town.database, "select 1 from accounts"))
    town.simulator.fault("slow", "create", times=-1, delay_s=0.3)
    town.receiver.script("town", HookAnswer(delay_s=0.3, times=50))
    stop, waiting = asyncio.Event(), []
    senders = [asyncio.create_task(publish_until(stop, lambda: town.publish(town.wish()))) for _ in range(2)]
    for number in range(RELOADS):
        waiting.append(asyncio.ensure_future(town.publish(town.wish(), "?wait=30")))
        change(town.config, number)
        town.signal(signal.SIGHUP)
        await until("the reload", partial(reloaded, town.log, number + 1))
    stop.set()
    await asyncio.gather(*senders)
    answers = await asyncio.gather(*waiting)

    assert {status for wish in town.wishes for status in wish.statuses} <= {200, 202}
    assert [answer and answer.status_code for answer in answers] == [200] * RELOADS
    assert await town.stop() == 0
    await town.finish()
    assert broken(town) == []


async def test_replicas_reload_each_by_itself(tmp_path: Path):
    with Cluster.made() as cluster:
        async with open_replicas(tmp_path, cluster.new(), count=2) as town:
            await town.start()
            await until("the accounts", lambda: query(town.database, "select 1 from accounts"))
            town.simulator.fault("slow", "create", times=-1, delay_s=0.3)
            stop = asyncio.Event()
            senders = [asyncio.create_task(town.send(stop, 0.05)) for _ in range(2)]
            for number in range(RELOADS):
                change(tmp_path / "bridge.yaml", number)
                for replica in town.replicas:
                    replica.send(signal.SIGHUP)
                    await until("the reload", partial(reloaded, replica.logs[-1], number + 1))
            stop.set()
            await asyncio.gather(*senders)
            await at_rest(town)

            assert set(town.told) <= {"200", "202", "repeats answered"}
            assert not [line for line in town.logged() if "endpoint.unconfigured" in line]
            assert await town.stop() == [0, 0]
            assert broken(town) == []


async def test_what_does_not_finish_is_cut_short_and_taken_up_again(tmp_path: Path):
    with Cluster.made() as cluster:
        async with open_replicas(tmp_path, cluster.new(), count=1, module="tests.crash.short_leases") as town:
            config = tmp_path / "bridge.yaml"
            config.write_text(config.read_text().replace("port: 0", "port: 0\n  drain: 1s"))
            await town.start()
            await until("the accounts", lambda: query(town.database, "select 1 from accounts"))
            town.simulator.fault("slow", "create", times=-1, delay_s=60.0)
            for _ in range(4):
                await town.publish(town.wish())
            await until("calls in flight", lambda: len(town.simulator.journal.of("create")) == 4)
            change(config, 0)
            town.replicas[0].send(signal.SIGHUP)
            await until("the reload", partial(reloaded, town.replicas[0].logs[-1], 1))
            town.simulator.faults.clear()
            await at_rest(town)

            assert "flow.cut_short" in town.replicas[0].logs[-1].read_text()
            assert await town.stop() == [0]
            assert broken(town) == []


async def test_a_broken_file_is_refused_and_a_mended_one_taken_without_a_signal(town: Town):
    assert await town.start()
    sound = town.config.read_text()
    town.config.write_text(sound + "\nwatch: [")
    await until("the refusal", lambda: REFUSED in town.log.read_text())
    refused = await town.http.get(f"{town.url}/readyz")
    metrics = (await town.http.get(f"{town.url}/metrics")).text
    town.config.write_text(sound.replace("10s", "11s") + "\nlimits: {queue: 5}\n")
    await until("the reload", partial(reloaded, town.log, 1))

    assert (refused.status_code, refused.json()["status"]) == (200, "ready")
    assert refused.json()["config"]["faults"] == 1
    assert "bridge.yaml line" in town.log.read_text()
    assert re.search(r"^bridge_config_last_reload_successful 0.0", metrics, re.MULTILINE)
    assert (await town.http.get(f"{town.url}/readyz")).json() == {"status": "ready"}
    assert not any(secret in town.log.read_text() for secret in SECRETS.values())
    assert await town.stop() == 0
