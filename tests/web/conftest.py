"""The HTTP room over a real store and the real partner client on the simulator; nothing runs by itself."""

import asyncio
import itertools
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry

from bridge.core.directory import NamedAccount
from bridge.core.model import Endpoint, Write
from bridge.core.rules import DeliverRules, Limits, MediaRules, PublishRules, RetryRules, WatchRules
from bridge.core.tokens import Token, Tokens
from bridge.flows import Book, Kit
from bridge.flows.act import Actions
from bridge.flows.fetch import Fetcher
from bridge.flows.ingest import Ingest
from bridge.flows.publish import Publisher
from bridge.flows.replay import Replayer
from bridge.flows.wait import Waiters
from bridge.flows.watch import Watcher
from bridge.metrics import Metrics
from bridge.net import GuardedClient
from bridge.partners.genviral import Genviral, GenviralConfig
from bridge.ports import Partner
from bridge.simulator.genviral import DEMO_TOKEN, TIKTOK, YOUTUBE, GenviralSimulator, X
from bridge.simulator.genviral import app as simulated
from bridge.sources.api import Api
from bridge.store import migrate, open_store
from bridge.web import ROUTES, Web, admin_app, public_app
from tests.web.room import NOW, Checks, Clock, Room, a_flow_of_endpoints

NAMES = (
    NamedAccount("brand-tiktok", "genviral", TIKTOK),
    NamedAccount("brand-youtube", "genviral", YOUTUBE),
    NamedAccount("other-x", "genviral", X),
)
TOKENS = (
    ("secret-of-zapier", Token("zapier", frozenset({"publish", "read"}))),
    ("secret-of-reader", Token("reader", frozenset({"read"}))),
    ("secret-of-writer", Token("writer", frozenset({"publish"}))),
    ("secret-of-brand", Token("brand", frozenset({"publish", "read"}), ("brand-*",))),
    ("secret-of-admin", Token("admin", frozenset({"admin"}))),
    ("secret-of-brand-admin", Token("brand-admin", frozenset({"admin"}), ("brand-*",))),
)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database that is up to date and empty: copying it is many times faster than making one."""
    path = tmp_path_factory.mktemp("migrated") / "bridge.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def room(clock: Clock, tmp_path: Path, migrated: Path, anyio_backend: str) -> AsyncIterator[Room]:
    """A bridge whose accounts are read and which has one endpoint."""
    shutil.copy(migrated, tmp_path / "bridge.db")
    store = await open_store(f"sqlite:///{tmp_path / 'bridge.db'}", clock=clock)
    sim = GenviralSimulator(now=clock)
    metrics = Metrics(
        CollectorRegistry(), started=NOW, partners=("genviral",), endpoints=("ops",), routes=ROUTES, jobs=()
    )
    config = GenviralConfig(token=DEMO_TOKEN, base_url="http://simulator/api/partner/v1", rate=100.0)
    transport = httpx.ASGITransport(app=simulated(sim))
    partner: Partner = Genviral("genviral", config, metrics.partner_call, now=clock, transport=transport)
    numbers = itertools.count(1)
    kit = Kit(
        store=store,
        partners={"genviral": partner},
        book=Book(NAMES, ("genviral",)),
        metrics=metrics,
        clock=clock,
        new_id=lambda prefix: f"{prefix}_{next(numbers):08d}",
        chance=lambda: 0.0,
    )
    rules, watch = PublishRules(), WatchRules()
    tokens = Tokens(TOKENS)
    ingest = Ingest(kit, rules, Limits(), {"api": Api(tokens)})
    watcher = Watcher(kit, rules, watch, RetryRules())
    await watcher.add_keys()
    await watcher.accounts()
    await store.record([Write(endpoints=(Endpoint("ops", "https://ops.example.com/hook?key=hidden-in-query"),))])
    checks = Checks()
    web = Web(
        ingest=ingest,
        actions=Actions(kit),
        endpoints=a_flow_of_endpoints(kit),
        replayer=Replayer(kit, DeliverRules()),
        waiters=Waiters(store),
        store=store,
        metrics=metrics,
        tokens=tokens,
        clock=clock,
        public_url="https://bridge.example.com",
        max_body=10_000,
        health=checks,
        with_admin=False,
    )
    fetch = Fetcher(kit, GuardedClient(), MediaRules(), rules, watch).act
    room = Room(web, sim, clock, checks, Publisher(kit, rules, watch, watcher.listing, fetch), watcher)
    async with (
        httpx.AsyncClient(transport=httpx.ASGITransport(app=public_app(web)), base_url="http://bridge") as room.public,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=admin_app(web)), base_url="http://bridge") as room.admin,
    ):
        yield room
    await partner.close()
    await asyncio.wait_for(store.close(), 5)
