"""A key and an endpoint are a whole configuration: nobody sends through bridge, and everybody hears of everything."""

from contextlib import AsyncExitStack
from ipaddress import ip_network

import httpx
import pytest

from bridge.app import KINDS, build, configured
from bridge.app._build import Carried, metrics_for
from bridge.core.redact import Redactor
from bridge.core.states import Lane
from bridge.flows.configured import sync_endpoints
from bridge.flows.wait import Waiters
from bridge.net import GuardedClient
from bridge.settings import load
from bridge.simulator import genviral, posteverywhere
from bridge.simulator import running as serving
from bridge.simulator.receiver import Receiver
from bridge.store import open_store
from tests.flows.town import NOON, Clock

pytestmark = pytest.mark.anyio
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TEXT = """
partners:
  brand: {{kind: {kind}, token: {{env: KEY}}, base_url: "http://simulator/{base}", {rate}}}
endpoints:
  ops: {{url: "{url}/hook/ops", secret: {{env: SECRET}}}}
watch: {{adopt: all}}
network: {{allow: [127.0.0.0/8], allow_http: true, ports: []}}
database: {{url: "sqlite:///{file}"}}
"""


KEYS = {"genviral": ("api/partner/v1", "rate: 100"), "posteverywhere": ("api/v1", "calls: 1000")}
"""Where the API of each kind is, and what keeps its budget from making a test wait."""


class Alone:
    """A bridge of these few lines, whose ticks run when a test says so, and who hears of it."""

    def __init__(self, bridge, clock, receiver):
        self.bridge, self.clock, self.receiver = bridge, clock, receiver

    async def tick(self, minutes=1):
        self.clock.move(minutes=minutes)
        await self.bridge.watcher.accounts()
        await self.bridge.watcher.posts()
        await self.bridge.resumer.tick()
        for lane in Lane:
            while batches := await self.bridge.deliverer.claim(lane, 100):
                for batch in batches:
                    await self.bridge.deliverer.act(batch)

    def heard(self, *kinds):
        """What the endpoint got, signed, oldest first: types and data."""
        got = [one for one in self.receiver.of("ops") if one.json["type"].startswith(kinds or "")]
        assert all(one.verified for one in got)
        return [(one.json["type"], one.json["data"]) for one in got]


@pytest.fixture
async def alone(tmp_path):
    async with AsyncExitStack() as stack:

        async def start(kind, app, key, clock):
            receiver = Receiver({"ops": SECRET}, check_time=False, now=clock)
            url = await stack.enter_async_context(serving(receiver.app()))
            file = tmp_path / "bridge.yaml"
            base, rate = KEYS[kind]
            file.write_text(TEXT.format(kind=kind, base=base, rate=rate, url=url, file=tmp_path / "bridge.db"))
            settings = load(file, {"KEY": key, "SECRET": SECRET}, KINDS)
            assert any("tokens" in warning for warning in settings.warnings)
            store = await open_store(settings.database.url, clock=clock)
            stack.push_async_callback(store.close)
            network = GuardedClient(allow=[ip_network("127.0.0.0/8")], allow_http=True)
            await stack.enter_async_context(network)
            transport = httpx.ASGITransport(app=app)
            carried = Carried(metrics_for(settings, clock()), Waiters(store))
            redactor = Redactor(settings.secrets)
            bridge = build(settings, store, network, redactor, carried, clock=clock, transport=transport)
            stack.push_async_callback(bridge.kit.partners["brand"].close)
            await bridge.watcher.add_keys()
            await sync_endpoints(bridge.kit, configured(settings))
            made = Alone(bridge, clock, receiver)
            await made.tick(0)
            return made

        yield start


@pytest.mark.slow
async def test_with_genviral(alone):
    clock = Clock(NOON)
    sim = genviral.GenviralSimulator(now=clock)
    town = await alone("genviral", genviral.app(sim), genviral.DEMO_TOKEN, clock)
    sim.script(genviral.INSTAGRAM, {"kind": "fail", "text": "Token expired, please reconnect your account"})
    sim.seed_post("pending", accounts=[genviral.TIKTOK], caption="by hand")
    sim.seed_post("pending", accounts=[genviral.INSTAGRAM], caption="dead")
    await town.tick()
    sim.tick()
    await town.tick(5)

    told = [kind for kind, _ in town.heard("post.")]
    assert sorted(told) == ["post.failed", "post.gave_up", "post.pending", "post.pending", "post.posted"]
    [(_, attention)] = town.heard("attention.")
    assert (attention["account"]["id"], attention["waiting"]) == (genviral.INSTAGRAM, 1)
    assert "dashboard" in attention["what_to_do"]
    assert b'source="adopted"' in town.bridge.kit.metrics.render()


@pytest.mark.slow
async def test_with_posteverywhere(alone):
    clock = Clock(NOON)
    # The words of the SDK are those with an early notice.
    sim = posteverywhere.PostEverywhereSimulator(now=clock, contract="sdk")
    town = await alone("posteverywhere", posteverywhere.app(sim), posteverywhere.DEMO_KEY, clock)
    await town.tick()
    sim.seed_post("scheduled", content="by hand", account_ids=[posteverywhere.X],
                  scheduled_for=(NOON.replace(hour=13)).isoformat())  # fmt: skip
    await town.tick()
    sim.expire_soon(posteverywhere.X)
    await town.tick()
    sim.expire(posteverywhere.X)
    await town.tick()

    assert [kind for kind, _ in town.heard("post.")] == ["post.scheduled"]
    assert [kind for kind, _ in town.heard("account.")] == ["account.degraded", "account.disconnected"]
    [(_, attention)] = town.heard("attention.")
    assert f"/v1/accounts/brand:{posteverywhere.X}/reconnect-link" in attention["what_to_do"]
    assert (attention["waiting"], attention["account"]["platform"]) == (1, "x")

    sim.reconnect(posteverywhere.X)
    await town.tick()
    clock.at = NOON.replace(hour=13, minute=1)
    sim.tick(3)
    await town.tick()
    assert [kind for kind, _ in town.heard("attention.")] == ["attention.opened", "attention.closed"]
    assert [kind for kind, _ in town.heard("post.")][-1] == "post.posted"
