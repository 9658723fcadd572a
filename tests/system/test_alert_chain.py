"""From an account that dies to the person who is told, and back, through a real Prometheus and a real Alertmanager.

The same run shows that what a living service says of itself is well-formed, and that every query of the dashboard has
an answer.
"""

import asyncio
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.simulator import DEMO_TOKEN, GenviralSimulator, genviral, running
from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from bridge.simulator.receiver import Receiver
from tests.dashboard.model import dashboard
from tests.e2e.process import Process
from tests.system import monitoring
from tests.system.chart import only, render

pytestmark = pytest.mark.anyio

SECRETS = {
    "CHAIN_TOKEN": "chain-token-0123456789",
    "CHAIN_PARTNER": DEMO_TOKEN,
    "CHAIN_OPS": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
AUTHORIZED = {"Authorization": f"Bearer {SECRETS['CHAIN_TOKEN']}"}
PATIENCE_S = 30.0
VALUES = {
    "serviceMonitor": {"enabled": True, "interval": "1s", "scrapeTimeout": "1s"},
    "prometheusRule": {"enabled": True, "rules": {"BridgeAccountDisconnected": {"for": "1s"}}},
}
SHOWN = {"namespace": "social", "job": "bridge", "partner": ".*", "__rate_interval": "10s", "__range": "1m"}
"""What Grafana puts in the place of the variables, when every partner is chosen and a minute is looked at."""

Tree = dict[str, Any]


def configuration(folder: Path, partner: str, receiver: str) -> Tree:
    """A whole bridge, with the partner's time shortened. Its other account is not used any more."""
    hook = {"url": f"{receiver}/hook/ops", "secret": {"env": "CHAIN_OPS"}}
    return {
        "server": {"host": "127.0.0.1", "port": 0, "admin": {"port": 0}},
        "database": {"url": f"sqlite:///{folder / 'bridge.db'}"},
        "tokens": [{"name": "chain", "token": {"env": "CHAIN_TOKEN"}, "scopes": ["publish", "read"]}],
        "partners": {
            "genviral": {"token": {"env": "CHAIN_PARTNER"}, "base_url": f"{partner}/api/partner/v1", "rate": 20}
        },
        "accounts": {
            "brand-tiktok": {"partner": "genviral", "id": TIKTOK},
            "old-instagram": {"partner": "genviral", "id": INSTAGRAM, "retired": True},
        },
        "endpoints": {"ops": hook},
        "watch": {"tick": "500ms", "accounts_every": "1s", "first_poll": "200ms", "max_poll": "1s"},
        "deliver": {"schedule": ["0s", "200ms", "200ms"]},
        "network": {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        "log": {"format": "json"},
    }


class Told:
    """Who Alertmanager tells."""

    def __init__(self) -> None:
        self.notices: list[Tree] = []

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/alerts", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        self.notices.append(await request.json())
        return Response()


@dataclass
class Chain:
    """Everything that takes part: the simulated partner, bridge, Prometheus, and who is told."""

    http: httpx.AsyncClient
    partner: str
    public: str
    admin: str
    prometheus: monitoring.Asked
    receiver: Receiver
    told: Told

    async def move(self, account: str, verb: str) -> None:
        """Let something happen to an account at the partner."""
        answer = await self.http.post(f"{self.partner}/_control/accounts/{account}/{verb}", json={})
        assert answer.is_success, answer.text

    async def publish(self, caption: str, **fields: Any) -> httpx.Response:
        body = {"caption": caption, "media": "https://cdn.example.com/v.mp4", "accounts": ["brand-tiktok"], **fields}
        return await self.http.post(f"{self.public}/v1/publish", json=body, headers=AUTHORIZED)

    async def until(self, what: str, holds: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until something holds, and return it."""
        deadline = time.monotonic() + PATIENCE_S
        while not (held := await holds()):
            assert time.monotonic() < deadline, f"{what} did not come within {PATIENCE_S:.0f} s"
            await asyncio.sleep(0.1)
        return held

    async def notice(self, status: str) -> Tree:
        """Wait for a notice of Alertmanager that says so of a disconnected account, and return its alert."""

        async def told() -> Tree | None:
            alerts = [alert for one in self.told.notices if one["status"] == status for alert in one["alerts"]]
            found = [one for one in alerts if one["labels"]["alertname"] == "BridgeAccountDisconnected"]
            return found[0] if found else None

        return dict(await self.until(f"the notice {status!r}", told))

    async def series(self, expression: str) -> list[Tree]:
        return await self.prometheus.query(expression)


@asynccontextmanager
async def linked(folder: Path) -> AsyncIterator[Chain]:
    """Start all of it, one after the other, and end it."""
    receiver, told = Receiver({"ops": SECRETS["CHAIN_OPS"]}), Told()
    documents = render(VALUES)
    async with AsyncExitStack() as stack:
        partner = await stack.enter_async_context(running(genviral.app(GenviralSimulator(), tick_s=0.2)))
        hooks = await stack.enter_async_context(running(receiver.app()))
        config = folder / "bridge.yaml"
        config.write_text(yaml.safe_dump(configuration(folder, partner, hooks)))
        process = Process(folder / "bridge.log", "serve", "--config", str(config), environ=SECRETS)
        stack.callback(process.end, signal.SIGKILL)
        public, admin = await asyncio.to_thread(process.addresses)
        person = await stack.enter_async_context(running(told.app()))
        manager = await stack.enter_async_context(monitoring.alertmanager(folder, f"{person}/alerts"))
        job = monitoring.scrape_of(only(documents, "ServiceMonitor"), admin.removeprefix("http://"))
        groups = only(documents, "PrometheusRule")["spec"]["groups"]
        asked = await stack.enter_async_context(monitoring.prometheus(folder, [job], groups, manager))
        http = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, timeout=10.0))
        yield Chain(http, partner, public, admin, monitoring.Asked(http, asked), receiver, told)
        assert await asyncio.to_thread(process.end) == 0


async def work(chain: Chain) -> None:
    """Let each arrow do something, and something of each go wrong."""
    chain.receiver.script("ops", 500)
    for number in range(3):
        assert (await chain.publish(f"post {number}")).status_code == 202
    assert (await chain.http.post(f"{chain.public}/v1/publish", json={})).status_code == 401
    assert (await chain.publish("to one that is retired", accounts=["old-instagram"])).status_code == 422

    async def posted() -> bool:
        return len([one for one in chain.receiver.of("ops") if one.json["type"] == "post.posted"]) >= 3

    await chain.until("three posts", posted)


async def test_an_account_that_dies_is_told_of_and_so_is_its_return(tmp_path):
    async with linked(tmp_path) as chain:
        await work(chain)
        for account in (TIKTOK, INSTAGRAM):
            await chain.move(account, "pause")

        fired = await chain.notice("firing")

        assert fired["labels"].items() >= {
            "severity": "warning", "audience": "marketing", "partner": "genviral", "platform": "tiktok",
            "job": "bridge", "namespace": "social",
        }.items()  # fmt: skip
        assert "tiktok" in fired["annotations"]["description"]
        assert fired["annotations"]["runbook_url"].endswith("BridgeAccountDisconnected.md")
        await look(chain)

        await chain.move(TIKTOK, "reconnect")
        resolved = await chain.notice("resolved")

        assert resolved["fingerprint"] == fired["fingerprint"]
        platforms = {alert["labels"].get("platform") for one in chain.told.notices for alert in one["alerts"]}
        assert "instagram" not in platforms, "nobody is to be told of an account that is retired"


async def look(chain: Chain) -> None:
    """Look at all that is shown while the account is dead and a post waits for it."""
    assert (await chain.publish("waits")).json()["posts"][0]["state"] == "parked"
    waits = 'bridge_queue_depth{queue="commands_parked"} == 1'
    await chain.until("the parked post", lambda: chain.series(waits))
    await the_text_is_well_formed(chain)
    await the_labels_are_those_of_bridge(chain)
    await every_query_of_the_dashboard_has_an_answer(chain)


async def the_text_is_well_formed(chain: Chain) -> None:
    text = (await chain.http.get(f"{chain.admin}/metrics")).content
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
    promtool = await asyncio.create_subprocess_exec("promtool", "check", "metrics", **pipes)
    said, _ = await promtool.communicate(text)
    assert (promtool.returncode, said.decode()) == (0, "")


async def the_labels_are_those_of_bridge(chain: Chain) -> None:
    [target] = await chain.prometheus.targets()
    assert (target["health"], target["lastError"]) == ("up", "")
    assert target["labels"].items() >= {"job": "bridge", "namespace": "social", "pod": "bridge-0"}.items()
    delivered = await chain.series('bridge_deliveries_total{outcome="done"} > 0')
    assert [one["metric"]["endpoint"] for one in delivered] == ["ops"]
    renamed = await chain.series('group by (__name__) ({__name__=~"bridge_.*",exported_endpoint!=""})')
    assert renamed == []
    shown = await chain.series('bridge_accounts{state=~"disconnected|retired"} > 0')
    assert {(one["metric"]["platform"], one["metric"]["state"]) for one in shown} == {
        ("tiktok", "disconnected"),
        ("instagram", "retired"),
    }
    [series] = await chain.series("scrape_samples_scraped")
    assert float(series["value"][1]) < 20_000 / 4, "the limit of the chart leaves room for more partners and sources"


async def every_query_of_the_dashboard_has_an_answer(chain: Chain) -> None:
    empty = []
    for panel in dashboard()["panels"]:
        for target in panel.get("targets", ()):
            query = re.sub(r"\$(\w+)", lambda found: SHOWN[found[1]], target["expr"])
            if not await chain.series(query):
                empty.append(f"{panel['title']} {target['refId']}: {query}")
    assert not empty, "\n".join(empty)
