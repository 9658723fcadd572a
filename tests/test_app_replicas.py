"""Processes that share a database: they start at once, keep a partner's rate together, and see what others learnt."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from bridge.app import Bridge, running, serving
from bridge.core.model import Write
from bridge.partners.genviral import GenviralConfig
from bridge.settings import Database, EndpointEntry, Entry, Server, Settings, Token
from bridge.simulator.genviral import DEMO_TOKEN, GenviralSimulator
from bridge.simulator.genviral import app as simulated
from bridge.store import open_store
from tests.postgres import Cluster
from tests.test_app_endpoints import MADE, NEW, OLD, SECRET

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MANY = 10
Start = Callable[..., AbstractAsyncContextManager[Bridge]]


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with Cluster.made() as cluster:
        yield cluster


@pytest.fixture
def url(cluster: Cluster) -> str:
    return cluster.new()


@pytest.fixture
def start(url: str) -> Start:
    """Return a function that starts a process over one database and one simulated partner."""
    sim = GenviralSimulator()

    def start(*, rate: float = 100.0, keys: tuple[str, ...] = (), **endpoints: EndpointEntry):
        config = GenviralConfig(token=DEMO_TOKEN, base_url="http://sim/api/partner/v1", rate=rate)
        settings = Settings(
            database=Database(url=url),
            server=Server(secret_key=keys),
            partners={"gv": Entry("genviral", config)},
            endpoints=endpoints,
            tokens=(Token(name="team", token=("secret-of-the-team",), scopes=("admin",), accounts=("brand-*",)),),
        )
        return running(settings, transport=httpx.ASGITransport(app=simulated(sim)))

    return start


@pytest.fixture
async def stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


async def test_ten_processes_start_at_once(start: Start, url: str):
    """Keys, configured endpoints, what owners may see, and secrets that are sealed anew: each is written once."""
    store = await open_store(url)
    await store.record([Write(endpoints=(MADE,))])
    await store.close()
    entries = {
        f"ops{number}": EndpointEntry(url=f"https://ops{number}.example/hook", secret=(SECRET,)) for number in range(5)
    }
    async with AsyncExitStack() as stack:
        begun = (stack.enter_async_context(start(keys=(NEW, OLD), **entries)) for _ in range(MANY))
        bridges = await asyncio.gather(*begun)
        rows = await bridges[0].kit.store.endpoints()
        listed = [await bridge.ready() for bridge in bridges]
    assert {name: row.version for name, row in rows.items()} == {**dict.fromkeys(entries, 1), "made": 3}
    assert rows["made"].allowed == ("brand-*",)
    assert listed == [{}] * MANY


async def test_one_process_polls_and_all_know_the_accounts(start: Start, stack: AsyncExitStack):
    one, two = [await stack.enter_async_context(start()) for _ in range(2)]
    for bridge in (one, two, one, two):
        await bridge.schedule.run_now("accounts")
    asked = [listings(bridge) for bridge in (one, two)]
    assert min(asked) == 0
    assert max(asked) > 1
    await asyncio.gather(one.gauges(), two.gauges())
    assert two.kit.book.directory.accounts.keys() == one.kit.book.directory.accounts.keys() != set()
    polling, other = (one, two) if asked[0] else (two, one)
    await polling.stop(polling.settings.server.drain)
    await other.schedule.run_now("accounts")
    assert listings(other) == 1


def listings(bridge: Bridge) -> int:
    labels = {"partner": "gv", "operation": "accounts", "outcome": "ok"}
    families = text_string_to_metric_families(bridge.kit.metrics.render().decode())
    samples = (sample for family in families for sample in family.samples)
    return sum(int(one.value) for one in samples if one.name.endswith("requests_total") and one.labels == labels)


async def test_an_endpoint_that_one_has_and_another_not_yet_or_no_more_stays(url: str, stack: AsyncExitStack):
    before = Settings(database=Database(url=url))
    after = replace(before, endpoints={"ops": EndpointEntry(url="https://ops.example/hook", secret=(SECRET,))})
    one, two = [await stack.enter_async_context(serving(before)) for _ in range(2)]
    seen = []
    for service, settings in ((one, after), (two, after), (one, before)):
        await service.change(settings)
        await asyncio.gather(*(each.bridge.leases() for each in (one, two)))
        seen.append((await one.store.endpoints())["ops"])
    assert [(row.enabled, row.version) for row in seen] == [(True, 1)] * 3


async def test_calls_of_all_processes_together_keep_the_rate_of_a_key(start: Start, stack: AsyncExitStack):
    """Four at once and then forty a second, whoever calls: by the clock of the database."""
    bridges = [await stack.enter_async_context(start(rate=40.0)) for _ in range(3)]
    began = time.monotonic()
    await asyncio.gather(*(bridge.kit.partners["gv"].accounts() for bridge in bridges for _ in range(8)))
    assert time.monotonic() - began >= (24 - 4) / 40 - 0.02
