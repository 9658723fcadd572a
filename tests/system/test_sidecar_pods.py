"""Two pods, each with the sidecar of the example, over one PostgreSQL: who reaches it, and which of them polls."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from bridge.simulator import DEMO_TOKEN, GenviralSimulator, genviral
from bridge.simulator import running as serving
from tests.crash.audit import query
from tests.crash.town import until
from tests.e2e.process import Process
from tests.postgres import Cluster
from tests.system.chart import only
from tests.system.pods import Pod, ask, pod
from tests.system.test_sidecar import SIDECAR, bridge_of, kustomize

pytestmark = pytest.mark.anyio

SECRETS = "/etc/bridge/secrets"
TOKEN = "token-of-the-app-0123456789"
EVERY_S = 0.4
"""How often the accounts are read."""

LOOK_S = 3.0
"""How long it is counted how often they are."""


@dataclass
class Sidecar:
    """One pod with bridge in it, as its application and its node see it."""

    pod: Pod
    process: Process

    def publish(self, caption: str) -> int:
        """Ask as the application does, over the loopback that it shares with bridge; returns the status."""
        wanted = {"caption": caption, "media": "https://cdn.example.com/drop.mp4", "accounts": ["brand-tiktok"]}
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
        return ask("http://127.0.0.1:8080/v1/publish", orjson.dumps(wanted).decode(), headers, pod=self.pod)[0]

    def seen(self, path: str, port: int = 9090) -> tuple[int, str]:
        """Ask as the kubelet and Prometheus do, by the pod's address."""
        return ask(f"http://{self.pod.address}:{port}{path}")

    def polls(self) -> float:
        """Return how often this one has asked the partner for its accounts."""
        wanted = 'bridge_partner_requests_total{operation="accounts",outcome="ok"'
        lines = self.seen("/metrics")[1].splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(wanted))


@dataclass
class Town:
    """Both pods, with what they share."""

    sidecars: tuple[Sidecar, ...]
    simulator: GenviralSimulator
    database: str

    def leader_and_other(self) -> tuple[Sidecar, Sidecar]:
        """Return the one that polls, and the one that does not."""
        polling = [one for one in self.sidecars if one.polls()]
        assert len(polling) == 1
        (other,) = [one for one in self.sidecars if one not in polling]
        return polling[0], other

    def listings(self) -> int:
        """Return how often the partner was asked for its accounts, by whomever."""
        return len(self.simulator.journal.of("accounts"))

    def posted(self) -> set[str]:
        """Return the captions of the posts at the partner: two of one are a fault, but not two calls for one post."""
        creates = self.simulator.journal.of("create")
        captions = [call.caption for call in creates if call.worked and not call.duplicate]
        assert len(captions) == len(set(captions))
        return {caption or "" for caption in captions}


@contextlib.asynccontextmanager
async def open_town(folder: Path) -> AsyncIterator[Town]:
    """Start the partner, the database and both pods."""
    documents, simulator = kustomize(SIDECAR / "example" / "postgresql"), GenviralSimulator()
    async with contextlib.AsyncExitStack() as stack:
        database = stack.enter_context(Cluster.made()).new()
        made = [stack.enter_context(pod(number)) for number in (1, 2)]
        partner = await stack.enter_async_context(serving(genviral.app(simulator, tick_s=0.2), host=made[0].node))
        for key, value in {"token": TOKEN, "genviral": DEMO_TOKEN, "database-url": database}.items():
            (folder / key).write_text(value)
        config = folder / "bridge.yaml"
        tree = yaml.safe_load(only(documents, "ConfigMap")["data"]["bridge.yaml"])
        config.write_text(configured(tree, partner).replace(SECRETS, str(folder)))
        environ = {one["name"]: one["value"].replace(SECRETS, str(folder)) for one in bridge_of(documents)["env"]}
        sidecars = []
        for where in made:
            one = Sidecar(where, started(folder, config, environ, where))
            stack.callback(one.process.end, signal.SIGKILL)
            await asyncio.to_thread(one.process.addresses)
            # Whoever starts later knows from the database what was read before; it would refuse posts at first.
            await until("accounts", lambda: query(database, "select 1 from accounts"))
            sidecars.append(one)
        yield Town(tuple(sidecars), simulator, database)


def configured(tree: dict[str, Any], partner: str) -> str:
    """The example's configuration, with a partner that is played here, and its time shortened."""
    del tree["endpoints"]
    tree["partners"]["genviral"] |= {"base_url": f"{partner}/api/partner/v1", "rate": 50}
    tree["accounts"]["brand-tiktok"]["username"] = "brandhq.tt"
    every = {"tick": "200ms", "accounts_every": f"{EVERY_S}s", "first_poll": "200ms", "max_poll": "1s"}
    return yaml.safe_dump(tree | {"watch": every, "log": {"format": "json"}})


def started(folder: Path, config: Path, environ: dict[str, str], where: Pod) -> Process:
    """Begin to serve in a pod, with the variables that the component gives the container."""
    words = ("serve", "--config", str(config))
    log, module = folder / f"{where.name}.log", "tests.crash.short_leases"
    return Process(log, *words, environ=environ, module=module, before=where.inside)


async def test_a_sidecar_serves_its_pod_alone_and_one_of_several_polls(tmp_path):
    """Then the one that polls is killed: the other one takes over, and what the dead one had acknowledged."""
    async with open_town(tmp_path) as town:
        await asyncio.to_thread(check_reach, town)

        before = town.listings()
        await asyncio.sleep(LOOK_S)
        assert LOOK_S / EVERY_S / 2 < town.listings() - before <= LOOK_S / EVERY_S + 2
        leader, other = await asyncio.to_thread(town.leader_and_other)

        assert await asyncio.to_thread(leader.publish, "The last of the dead") == 202
        await asyncio.to_thread(leader.process.end, signal.SIGKILL)
        before = town.listings()
        await until("the other's polls", lambda: town.listings() > before + 2)
        assert await asyncio.to_thread(other.polls) > 0
        assert await asyncio.to_thread(other.publish, "The first of the other") == 202
        wanted = {"The last of the dead", "The first of the other"} | {f"From {one.pod.name}" for one in town.sidecars}
        await until("all posts", lambda: town.posted() == wanted)
        unposted = "select 1 from posts where state != 'posted'"
        await until("their end", lambda: not query(town.database, unposted))
        assert await asyncio.to_thread(other.process.end) == 0


def check_reach(town: Town) -> None:
    """Intake is for the pod alone; probes and metrics are for all, and nothing else is on their port."""
    for one in town.sidecars:
        assert one.publish(f"From {one.pod.name}") == 202
        assert "refused" in one.seen("/v1/publish", port=8080)[1]
        assert [one.seen(path)[0] for path in ("/readyz", "/livez", "/metrics")] == [200, 200, 200]
        assert one.seen("/v1/posts")[0] == 404
