"""The whole service in one process, over a database file that outlives it, between two partners and a receiver.

The wiring is `app.build`'s own; only the clock, the ids, and the ways out are the town's. Nothing runs by itself: a
test says when a flow has its turn, so a bad day can be played again.
"""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import orjson
import yaml

from bridge import app
from bridge.app._build import Carried, metrics_for
from bridge.core.errors import Conflict, FailureReason, StoreError
from bridge.core.model import Post, RawRequest
from bridge.core.redact import Redactor
from bridge.core.states import Lane
from bridge.core.times import sortable
from bridge.flows.configured import sync_endpoints
from bridge.flows.ingest import Result
from bridge.flows.wait import Waiters
from bridge.net import NetError, Reply
from bridge.ports import Find
from bridge.settings import Settings, load
from bridge.simulator import genviral, posteverywhere
from bridge.simulator.receiver import Receiver
from bridge.store import open_store
from tests.crash.audit import query
from tests.fuzz.fuse import Fuse, Killed

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRETS = {
    "FUZZ_TOKEN": "fuzz-token-0123456789",
    "FUZZ_GENVIRAL": genviral.DEMO_TOKEN,
    "FUZZ_POSTEVERYWHERE": posteverywhere.DEMO_KEY,
    "FUZZ_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}
ACCOUNTS: Mapping[str, tuple[str, str]] = {
    "gv-tiktok": ("gv", genviral.TIKTOK),
    "gv-instagram": ("gv", genviral.INSTAGRAM),
    "pe-x": ("pe", str(posteverywhere.X)),
    "pe-linkedin": ("pe", str(posteverywhere.LINKEDIN)),
}
STORE = ("accept", "claim_commands", "claim_deliveries", "record", "settle")
LAST_DAYS = 6
"""A delivery is tried for three days and a bit; work is parked for seven days before it ends."""

TURNS = 60
"""How often a flow may find more to do before it must be going in circles."""


class Clock:
    """The town's time: it moves when a test says so, and while a client waits for its turn."""

    def __init__(self) -> None:
        self.at = NOON

    def __call__(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True)
class Asked:
    """One failed row that a partner was asked to try again, as it was at that moment."""

    key: str
    partner_id: str
    account: str
    error: str | None
    attempts: int


class Wires(httpx.AsyncBaseTransport):
    """The ways to the partners, by host name; `look` sees each request on its way."""

    def __init__(self, ways: Mapping[str, httpx.ASGITransport], look: Callable[[httpx.Request], None]) -> None:
        self._ways, self._look = ways, look

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._look(request)
        return await self._ways[request.url.host].handle_async_request(request)


class Network:
    """What deliveries and fetches go through: the receiver, and nothing else."""

    def __init__(self, receiver: Receiver) -> None:
        self._http = httpx.AsyncClient(transport=httpx.ASGITransport(app=receiver.app()))

    async def post(self, url: str, headers: Mapping[str, str], body: bytes, timeout_s: float, **_: Any) -> Reply:
        """Bring a delivery to the receiver."""
        try:
            answer = await self._http.post(url, headers=dict(headers), content=body)
        except httpx.TransportError as error:
            raise NetError(FailureReason.CLOSED) from error
        return Reply(answer.status_code, answer.headers, answer.content, 0.0)

    async def request(self, method: str, url: str, **given: Any) -> Reply:
        """Find nobody: what a partner cannot fetch itself cannot be fetched here either."""
        raise NetError(FailureReason.DNS)


class Town:
    """Everything that takes part. `start` and `end` are the life of one process."""

    def __init__(self, folder: Path, contract: str) -> None:
        self.database, self.clock, self.fuse = folder / "bridge.db", Clock(), Fuse()
        self.gv = genviral.GenviralSimulator(now=self.clock, contract=contract)
        self.pe = posteverywhere.PostEverywhereSimulator(now=self.clock)
        self.receiver = Receiver({"ops": SECRETS["FUZZ_SECRET"]}, check_time=False, now=self.clock)
        self.wires = Wires(
            {
                "gv.sim": httpx.ASGITransport(app=genviral.app(self.gv)),
                "pe.sim": httpx.ASGITransport(app=posteverywhere.app(self.pe)),
            },
            self._look,
        )
        self.retries: list[Asked] = []
        self.network = Network(self.receiver)
        self.settings = settings(folder, contract)
        self._numbers = itertools.count(1)

    @property
    def simulators(self) -> Mapping[str, Any]:
        return {"gv": self.gv, "pe": self.pe}

    def _look(self, request: httpx.Request) -> None:
        if request.method != "POST" or not request.url.path.endswith("/retry"):
            return
        body = orjson.loads(request.content or b"{}")
        wanted = [str(one) for one in body.get("account_ids") or ()]
        if request.url.host == "gv.sim":
            self.retries += [one for post_id in body["post_ids"] for one in self._asked_gv(post_id, wanted)]
        else:
            self.retries += self._asked_pe(request.url.path.split("/")[-2], wanted)

    def _asked_gv(self, post_id: str, wanted: list[str]) -> Iterator[Asked]:
        post = self.gv.world.posts.get(post_id)
        for row in post.rows if post else ():
            if row.status == "failed" and (not wanted or row.account_id in wanted):
                yield Asked("gv", post_id, row.account_id, row.error_message, 0)

    def _asked_pe(self, post_id: str, wanted: list[str]) -> Iterator[Asked]:
        post = self.pe.world.posts.get(post_id)
        for row in post.destinations if post else ():
            if row.status == "failed" and (not wanted or str(row.account_id) in wanted):
                yield Asked("pe", post_id, str(row.account_id), row.error, row.attempts)

    def is_live(self, post: Post, account: str) -> bool:
        """Whether the network shows a post of ours to an account's followers."""
        publications = [*self.gv.world.publications, *self.pe.world.publications]
        return any((one.post_id, str(one.account_id)) == (post.partner_id, account) for one in publications)

    # What the partners meet with.

    def script(self, name: str, *outcomes: dict[str, Any]) -> None:
        """Queue what becomes of an account's next attempts."""
        key, account = ACCOUNTS[name]
        self.simulators[key].script(account if key == "gv" else int(account), *outcomes)

    def disconnect(self, name: str) -> None:
        """Let an account's token die: Genviral lists it no more, PostEverywhere says that it cannot post."""
        key, account = ACCOUNTS[name]
        if key == "gv":
            self.gv.world.set_account_status(account, "revoked")
        else:
            self.pe.expire(int(account))

    def reconnect(self, name: str) -> None:
        """Let a person connect an account again."""
        key, account = ACCOUNTS[name]
        self.simulators[key].world.reconnect(account if key == "gv" else int(account))

    def mend(self) -> None:
        """Let everything go well from now on."""
        self.fuse.disarm()
        self.receiver._hook("ops").answers.clear()
        for simulator in self.simulators.values():
            simulator.faults.clear()
            simulator.world.outcomes.clear()
        for name in ACCOUNTS:
            self.reconnect(name)

    async def settle(self, seconds: float) -> None:
        """Let so much time pass, and then until no work is due any more."""
        end = self.clock() + timedelta(seconds=seconds)
        while self.clock() < end and self._moving():
            await self.advance(900, 1)
        for _ in range(LAST_DAYS):
            if not self._due():
                return
            await self.advance(24 * 3600, 6)

    def _moving(self) -> bool:
        """Whether anything may still happen by itself."""
        waits = "select 1 from posts where poll_at is not null union select 1 from commands where state = 'parked'"
        return self._due() or bool(query(self.database, waits))

    def _due(self) -> bool:
        due = "select 1 from commands where state = 'due' union select 1 from deliveries where state = 'due'"
        return bool(query(self.database, due))

    # The process.

    async def start(self) -> None:
        """Open the database and wire the service over it."""
        self.fuse.disarm()
        store = await open_store(f"sqlite:///{self.database}", clock=self.clock, readers=1)
        self._opened = store
        network: Any = self.fuse.wrap("receiver", self.network, ("post",))
        wires: Any = self.fuse.wrap("partner", self.wires, ("handle_async_request",))
        transport = _Carrier(wires)
        kept: Any = self.fuse.wrap("store", store, STORE)
        carried = Carried(metrics_for(self.settings, self.clock()), Waiters(kept))
        redactor = Redactor(self.settings.secrets)
        self.bridge = app.build(self.settings, kept, network, redactor, carried, clock=self.clock, transport=transport)
        # An id is made of the time and of chance: both must be the same when a day is played again.
        object.__setattr__(self.bridge.kit, "new_id", self._new_id)
        for partner in self.bridge.kit.partners.values():
            budget: Any = partner._budget  # type: ignore[attr-defined]  # Every client has one.
            budget._sleep, budget._tick = self.clock.sleep, lambda: self.clock().timestamp()
        await self.bridge.watcher.add_keys()
        await sync_endpoints(self.bridge.kit, app.configured(self.settings))
        await self.bridge.kit.book.refresh(kept)

    def _new_id(self, prefix: str) -> str:
        return sortable(prefix, self.clock(), next(self._numbers).to_bytes(8, "big"))

    async def end(self) -> None:
        """Close everything; what was under way is lost, as it is when a process dies."""
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.gather(*(partner.close() for partner in self.bridge.kit.partners.values()))
        await self._opened.close()

    async def restart(self) -> None:
        """Be another process over the same file."""
        await self.end()
        await self.start()

    @contextlib.asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        """Let one thing happen; when it dies of the fuse, the process is dead, and another one begins."""
        try:
            yield
        except (Conflict, StoreError):
            pass  # The schedule logs it, and the next turn finds what is left.
        except Killed:
            await self.restart()
        if self.fuse.dead:
            await self.restart()

    # What a sender and a person do.

    async def publish(self, fields: Mapping[str, Any], key: str) -> Result | None:
        """Hand a request in; None when the sender got no answer.

        Raises:
            Problem: it was refused.
        """
        headers = (
            ("authorization", f"Bearer {SECRETS['FUZZ_TOKEN']}"),
            ("content-type", "application/json"),
            ("idempotency-key", key),
        )
        body = orjson.dumps(dict(fields))
        request = RawRequest("POST", "/v1/publish", "", "", headers, body, received_at=self.clock())
        async with self._turn():
            return (await self.bridge.ingest.receive("api", request)).results[0]
        return None

    async def act(self, verb: str, post_id: str) -> None:
        """Let a person do something to a post.

        Raises:
            Problem: it is not allowed now.
        """
        async with self._turn():
            await getattr(self.bridge.actions, verb)(post_id, ())

    async def posts(self, event_id: str | None = None) -> list[Post]:
        """All posts, or those of one event, oldest first."""
        found = await self._opened.find_posts(Find(event_id=event_id, limit=1_000))
        return sorted(found, key=lambda post: post.id)

    # What time does.

    async def work(self) -> None:
        """Act on every command that is due."""
        async with self._turn():
            await _all(self.bridge.publisher, self.bridge.publisher.claim)

    async def deliver(self) -> None:
        """Deliver everything that is due."""
        async with self._turn():
            for lane in Lane:
                await _all(self.bridge.deliverer, partial(self.bridge.deliverer.claim, lane))

    async def partners(self) -> None:
        """Let the partners' own workers run."""
        self.gv.tick()
        self.pe.tick(2)

    async def watch(self) -> None:
        """Look at the accounts and at the posts that are due."""
        async with self._turn():
            await self.bridge.watcher.accounts()
        async with self._turn():
            await self.bridge.watcher.posts()

    async def resume(self) -> None:
        """Look through what is parked."""
        async with self._turn():
            await self.bridge.resumer.tick()

    async def tick(self) -> None:
        """Give every flow, and the partners' own workers, their turn."""
        await self.partners()
        await self.watch()
        await self.resume()
        await self.work()
        await self.deliver()

    async def advance(self, seconds: float, steps: int = 2) -> None:
        """Let time pass, in so many steps."""
        for _ in range(steps):
            self.clock.at += timedelta(seconds=seconds / steps)
            await self.tick()


class _Carrier(httpx.AsyncBaseTransport):
    """A transport that hands over to a wrapped one."""

    def __init__(self, wires: Any) -> None:
        self._wires = wires

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response: httpx.Response = await self._wires.handle_async_request(request)
        return response


async def _all(flow: Any, claim: Callable[[int], Awaitable[Sequence[Any]]]) -> None:
    for _ in range(TURNS):
        claimed = await claim(32)
        if not claimed:
            return
        for item in claimed:
            await flow.act(item)
    raise AssertionError(f"{type(flow).__name__} always finds more to do")


def settings(folder: Path, contract: str) -> Settings:
    """The configuration: all defaults, but for what belongs to the place."""
    partners = {
        "gv": {"kind": "genviral", "token": {"env": "FUZZ_GENVIRAL"}, "base_url": "http://gv.sim/api/partner/v1"},
        "pe": {"kind": "posteverywhere", "token": {"env": "FUZZ_POSTEVERYWHERE"}, "base_url": "http://pe.sim/api/v1"},
    }
    tree = {
        "database": {"url": f"sqlite:///{folder / 'bridge.db'}"},
        "tokens": [{"name": "fuzz", "token": {"env": "FUZZ_TOKEN"}, "scopes": ["publish", "read"]}],
        "partners": {"gv": partners["gv"] | {"contract": contract}, "pe": partners["pe"]},
        "accounts": {name: {"partner": key, "id": account} for name, (key, account) in ACCOUNTS.items()},
        "endpoints": {"ops": {"url": "https://ops.example.com/hook/ops", "secret": {"env": "FUZZ_SECRET"}}},
    }
    path = folder / "bridge.yaml"
    path.write_text(yaml.safe_dump(tree))
    return load(path, SECRETS, app.KINDS)
