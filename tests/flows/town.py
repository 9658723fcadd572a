"""A whole bridge in process: real store in a temporary file, real partner client, simulated partner, fixed clock."""

import itertools
import socket
from collections.abc import AsyncIterator, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from ipaddress import ip_network
from typing import Any

import httpx
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from prometheus_client import CollectorRegistry

from bridge import partners, sources
from bridge.core.directory import NamedAccount
from bridge.core.errors import Problem
from bridge.core.hook_rules import HookRules
from bridge.core.model import Account, Cause, Command, Endpoint, Intent, Item, Post, RawRequest
from bridge.core.rules import Limits, MediaRules, PublishRules, RetryRules, SourceRules, WatchRules
from bridge.core.times import sortable
from bridge.core.tokens import Token, Tokens
from bridge.flows import Book, Kit
from bridge.flows.act import Actions
from bridge.flows.adopt import Adopter
from bridge.flows.fetch import Fetcher
from bridge.flows.ingest import Ingest, Look, Result
from bridge.flows.publish import Publisher
from bridge.flows.resume import Resumer
from bridge.flows.watch import Watcher
from bridge.metrics import Metrics
from bridge.net import GuardedClient
from bridge.partners.genviral import GenviralConfig
from bridge.ports import Find, Parsed, Reply, Source, Store, Write
from bridge.simulator.genviral import DEMO_TOKEN, INSTAGRAM, TIKTOK, TIKTOK_HOSTED, Fault, GenviralSimulator
from bridge.simulator.genviral import Account as SimAccount
from bridge.simulator.genviral import Key as SimKey
from bridge.simulator.genviral import app as simulated
from bridge.sources._kind import Hook, Payload
from bridge.store import SqlStore

Hooked = tuple[str | sources.Kind, Any]
"""A source of a test: its kind, or the name of it, and its configuration."""


def _read_own(payload: Payload, rules: HookRules) -> Iterable[Item]:
    return (Item(intent=Intent.PUBLISH, own=payload.data),)


OWN = sources.Kind(name="own", title="Own", read=_read_own)
"""Sends publish requests in our own words."""


def _read_things(payload: Payload, rules: HookRules) -> Parsed:
    things = payload.data if isinstance(payload.data, list) else [payload.data]
    named = {"id": "object_id", "rev": "revision", "at": "scheduled_at"}
    found = []
    for thing in things:
        fields = {named.get(name, name): value for name, value in thing.items() if name not in ("video", "slug")}
        found.append(Item(**{**fields, "intent": Intent(thing["intent"]), "raw": thing}))
    return Parsed(tuple(found))


THINGS = sources.Kind(
    name="things", title="Things", read=_read_things, fetches=lambda rules: rules.site is not None, reply=Reply(200)
)
"""A CMS that sends the fields of items, one or a list; with a `site` it can be asked for what it leaves out."""

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
VIDEO = "https://cdn.example.com/a.mp4"
NAMES = (
    NamedAccount("brand-tiktok", "gv", TIKTOK),
    NamedAccount("brand-instagram", "gv", platform="instagram", username="brandhq"),
    NamedAccount("ugc-tiktok", "gv", TIKTOK_HOSTED),
)
TOKENS = (
    ("s3cret", Token("zapier", frozenset({"publish"}))),
    ("only-brand", Token("brand", frozenset({"publish"}), ("brand-*",))),
)
OTHER_KEY, OTHER_ACCOUNT = "gva_live_two.another-secret", "11111111-2222-4333-8444-555555555555"
LATER = timedelta(minutes=30)


LOOPBACK = (ip_network("127.0.0.0/8"),)


PUBLIC = "files.example.com"
"""The one name that resolves: to loopback, where a test may serve files."""


class Names(AbstractResolver):
    """Knows one name."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host != PUBLIC:
            raise OSError(None, "no such name")
        found = {"host": "127.0.0.1", "family": socket.AF_INET, "proto": 0, "flags": socket.AI_NUMERICHOST}
        return [ResolveResult(hostname=host, port=port, **found)]  # type: ignore[typeddict-item]

    async def close(self) -> None:
        """There is nothing to close."""


async def nobody(partner_ids: Collection[str]) -> Mapping[str, Post]:
    """Knows no post of ours."""
    return {}


class Clock:
    """A clock that only moves when told."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@dataclass(frozen=True)
class Retry:
    """A retry that the partner was asked for."""

    body: dict[str, Any]


class Wire(httpx.ASGITransport):
    """The way to the simulator; keeps the bodies of all creates, and can be cut before anything is sent."""

    def __init__(self, sim: GenviralSimulator) -> None:
        super().__init__(app=simulated(sim))
        self.creates: list[bytes] = []
        self.retries: list[Retry] = []
        self.cut = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.cut:
            self.cut -= 1
            raise httpx.ConnectError("refused", request=request)
        if request.method == "POST" and request.url.path.endswith("/posts"):
            self.creates.append(bytes(request.content))
        if request.url.path.endswith("/posts/retry"):
            self.retries.append(Retry(orjson.loads(request.content)))
        return await super().handle_async_request(request)


class Flaky:
    """A store that hands calls on, and loses some of them before (`lose`) or their answers after (`drop`)."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.lose: dict[str, list[Exception | None]] = {}
        self.drop: dict[str, list[Exception | None]] = {}

    def __getattr__(self, name: str) -> Any:
        plain = getattr(self._store, name)
        if name not in self.lose and name not in self.drop:
            return plain

        async def faulty(*args: Any, **given: Any) -> Any:
            self._next(self.lose, name)
            answer = await plain(*args, **given)
            self._next(self.drop, name)
            return answer

        return faulty

    def _next(self, script: dict[str, list[Exception | None]], name: str) -> None:
        waiting = script.get(name)
        if waiting and (error := waiting.pop(0)) is not None:
            raise error


@dataclass
class Town:
    """Everything that takes part, with short ways to move it on."""

    clock: Clock
    sim: GenviralSimulator
    wire: Wire
    store: Flaky
    kit: Kit
    ingest: Ingest
    publisher: Publisher
    watcher: Watcher
    resumer: Resumer
    actions: Actions

    # What a sender does.

    def request(self, fields: Mapping[str, Any], *, token: str = "s3cret", key: str | None = None) -> RawRequest:
        headers = [("authorization", f"Bearer {token}"), ("content-type", "application/json")]
        headers += [("idempotency-key", key)] if key else []
        return RawRequest(
            "POST", "/v1/publish", "", "", tuple(headers), orjson.dumps(dict(fields)), received_at=self.clock()
        )

    def hook(self, fields: Mapping[str, Any] | bytes, **headers: str) -> RawRequest:
        """A request to a source: JSON, with these headers (`-` written as `_`)."""
        body = fields if isinstance(fields, bytes) else orjson.dumps(dict(fields))
        pairs = [("content-type", "application/json")]
        pairs += [(name.replace("_", "-"), value) for name, value in headers.items()]
        return RawRequest("POST", "/hooks/x", "", "", tuple(pairs), body, received_at=self.clock())

    async def publish(self, *, token: str = "s3cret", key: str | None = None, **fields: Any) -> Result:
        """Hand in a request; a field that is `...` is left out."""
        given = {"caption": "hello", "media": VIDEO, "accounts": ["brand-tiktok"]} | fields
        sent = {name: value for name, value in given.items() if value is not ...}
        return await self.receive("api", self.request(sent, token=token, key=key))

    async def receive(self, source: str, raw: RawRequest) -> Result:
        """Hand a request to a source, and return what became of its only item."""
        [result] = (await self.ingest.receive(source, raw)).results
        return result

    async def refusal(self, **given: Any) -> Problem:
        """Hand in a request that is refused."""
        try:
            answer = await self.publish(**given)
        except Problem as problem:
            return problem
        raise AssertionError(f"was taken: {answer}")

    async def sent(self, **fields: Any) -> str:
        """Publish, try to send, and answer the id of the first post."""
        post_id = (await self.publish(**fields)).posts[0].id
        await self.work()
        return post_id

    # What time does.

    async def work(self) -> int:
        """Act on everything that is due now."""
        for tries in range(20):
            claimed = await self.publisher.claim(32)
            if not claimed:
                return tries
            for item in claimed:
                await self.publisher.act(item)
        raise AssertionError("there is always more to do")

    async def tick(self) -> None:
        """Run every tick once."""
        await self.watcher.accounts()
        await self.watcher.posts()
        await self.resumer.tick()
        await self.work()

    async def advance(self, minutes: float = 5, *, step: float = 5) -> None:
        """Let time pass in steps, each with every tick; the partner's worker runs every five minutes."""
        end = self.clock() + timedelta(minutes=minutes)
        while self.clock() < end:
            before, self.clock.at = self.clock(), min(self.clock() + timedelta(minutes=step), end)
            if int(self.clock().timestamp()) // 300 > int(before.timestamp()) // 300:
                self.sim.tick()
            await self.tick()

    # What is to be seen.

    async def post(self, post_id: str) -> Post:
        return (await self.store.posts([post_id]))[post_id]

    async def posts(self, event_id: str) -> list[Post]:
        """All posts of an event, split ones last."""
        found = await self.store.find_posts(Find(event_id=event_id))
        return sorted(found, key=lambda post: (post.created_at, post.id))

    async def commands(self, post_id: str) -> list[Command]:
        found: list[Command] = await self.store.commands(post_id)
        return found

    async def attempts(self, post_id: str) -> list[Any]:
        return list((await self.store.timeline(post_id)).attempts)

    async def events(self, post_id: str) -> list[str]:
        """The types told of one post and its targets, in order."""
        timeline = await self.store.timeline(post_id)
        return [event.type for event in sorted(timeline.events, key=lambda event: event.sequence)]

    async def data(self, post_id: str, event_type: str) -> dict[str, Any]:
        """The data of the last event of a type about a post."""
        timeline = await self.store.timeline(post_id)
        found = [event for event in timeline.events if event.type == event_type]
        return dict(orjson.loads(max(found, key=lambda event: event.sequence).body)["data"])

    async def told(self, pattern: str = "*") -> list[str]:
        """The types of all events told so far that fit a pattern, oldest first; what a post tells left out for `*`."""
        found = await self.store.find_deliveries(Find(limit=5_000))
        told = [one.type for one in sorted(found, key=lambda one: one.outbound_id)]
        return [one for one in told if fnmatchcase(one, pattern)]

    async def account(self, account_id: str = TIKTOK, key: str = "gv") -> Account:
        return next(one for one in await self.store.accounts() if one.key == f"{key}:{account_id}")

    async def cause(self, cause_id: str) -> Cause:
        found: Cause = (await self.store.causes())[cause_id]
        return found

    def advertise(self, account_id: str, **capabilities: Any) -> None:
        """Let our copy of an account show capabilities that the simulator has no words for."""
        directory = self.kit.book.directory
        key = f"gv:{account_id}"
        shown = replace(directory.accounts[key], capabilities=capabilities)
        self.kit.book.directory = replace(directory, accounts={**directory.accounts, key: shown})

    @property
    def retries(self) -> list[Retry]:
        return self.wire.retries

    def metric(self, name: str, **labels: str) -> float | None:
        return self.kit.metrics._registry.get_sample_value(name, labels)

    def calls(self, operation: str) -> list[Any]:
        """What the partner was asked."""
        return self.sim.journal.of(operation)


def fresh_metrics() -> Metrics:
    """Metrics that nothing has counted in; it takes a while to put every label set to zero."""
    sources = ("api", "adopted", "blog", "pe-hooks")
    return Metrics(CollectorRegistry(), started=NOON, sources=sources, partners=("gv", "two"), endpoints=("ops",))


def is_safe(sim: GenviralSimulator) -> bool:
    """Whether nothing appeared twice on a network."""
    return sim.world.posted_twice() == {}


@asynccontextmanager
async def a_town(
    store: SqlStore,
    clock: Clock,
    *,
    metrics: Metrics | None = None,
    publish: PublishRules | None = None,
    watch: WatchRules | None = None,
    retry: RetryRules | None = None,
    limits: Limits | None = None,
    media: MediaRules | None = None,
    hooks: Mapping[str, Hooked] | None = None,
    look: Look | None = None,
    two_keys: bool = False,
    listed: bool = True,
    names: Sequence[NamedAccount] = NAMES,
    **options: Any,
) -> AsyncIterator[Town]:
    """Build a town over an empty store that goes by the same clock; `options` are the simulator's."""
    numbers = itertools.count(1)
    sim = GenviralSimulator(now=clock, **options)
    wire, keys = Wire(sim), {"gv": DEMO_TOKEN} | ({"two": OTHER_KEY} if two_keys else {})
    if two_keys:
        sim.world.add_key(SimKey(token=OTHER_KEY, scope="workspace", owner_user_id="o", workspace_id="w2"))
        sim.world.accounts[OTHER_ACCOUNT] = SimAccount(OTHER_ACCOUNT, "tiktok", username="two", scope_id="w2")
    flaky = Flaky(store)
    metrics = metrics or fresh_metrics()
    contract = options.get("contract", "v3")
    clients = {
        name: partners.build(
            name,
            GenviralConfig(token=token, base_url="http://sim/api/partner/v1", rate=100, contract=contract),
            metrics.partner_call,
            now=clock,
            transport=wire,
        )
        for name, token in keys.items()
    }
    for client in clients.values():
        # The rate is tested with the client; here it would only make a test sleep.
        client._budget._all.bucket.interval_s = 0.0
    book = Book(names, tuple(keys))
    kit = Kit(flaky, clients, book, metrics, clock, lambda p: sortable(p, clock(), _entropy(numbers)), lambda: 0.0)
    publish, watch = publish or PublishRules(), watch or WatchRules()
    network = GuardedClient(allow=LOOPBACK, resolver=Names())
    retry = retry or RetryRules()
    adopter = Adopter(kit, watch, retry)
    watcher = Watcher(kit, publish, watch, retry, adopt=adopter.adopt if watch.adopt == "all" else None)
    town = Town(
        clock,
        sim,
        wire,
        flaky,
        kit,
        an_ingest(kit, publish, limits or Limits(), hooks or {}, look),
        Publisher(
            kit, publish, watch, watcher.listing, Fetcher(kit, network, media or MediaRules(), publish, watch).act
        ),
        watcher,
        Resumer(kit, publish, watch),
        Actions(kit),
    )
    await store.record([Write(endpoints=(Endpoint("ops", "https://ops.example.com/hook", ("*",)),))])
    await watcher.add_keys()
    if listed:
        await watcher.accounts()
    try:
        async with network:
            yield town
    finally:
        for client in clients.values():
            await client.close()
    assert is_safe(sim), "a post appeared twice on a network"


def an_ingest(
    kit: Kit, publish: PublishRules, limits: Limits, hooks: Mapping[str, Hooked], look: Look | None
) -> Ingest:
    """An ingest with the API and these sources, wired as the app does it."""
    made = {name: Hook(name, _kind(kind), config) for name, (kind, config) in hooks.items()}
    own = {name: config for name, (_, config) in hooks.items() if isinstance(config, SourceRules)}
    given: dict[str, Source] = {"api": sources.Api(Tokens(TOKENS)), **made}
    return Ingest(kit, publish, limits, given, own=own, look=look)


def _kind(kind: str | sources.Kind) -> sources.Kind:
    return sources.KINDS[kind] if isinstance(kind, str) else kind


def _entropy(numbers: "itertools.count[int]") -> bytes:
    return next(numbers).to_bytes(8, "big")


def failing(text: str = "Temporary platform error (503)", **more: Any) -> dict[str, Any]:
    """An outcome for `sim.script`: the row fails with this text."""
    return {"kind": "fail", "text": text, **more}


__all__ = ["INSTAGRAM", "TIKTOK", "TIKTOK_HOSTED", "Fault", "Town", "a_town", "failing"]
