"""A bridge to call over HTTP, whose flows run when a test says so."""

import asyncio
import itertools
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any

import httpx
import orjson

from bridge.core.endpoint_fields import Known
from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, AttemptOutcome, Endpoint, Lane, WorkState, Write
from bridge.core.queries import Rooms
from bridge.core.sealing import Sealer, Sendings
from bridge.core.signing import secret_key
from bridge.core.targets import Reachable
from bridge.flows import Kit
from bridge.flows.endpoints import Endpoints
from bridge.flows.publish import Publisher
from bridge.flows.watch import Watcher
from bridge.ports import Settled, Settlement
from bridge.simulator.genviral import TIKTOK, GenviralSimulator
from bridge.web import Web

NOW = datetime(2025, 1, 20, 12, 0, 0, 0, UTC)
VIDEO = "https://cdn.example.com/video.mp4"


@dataclass
class Clock:
    """A clock that only moves when told."""

    at: datetime = NOW

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> datetime:
        self.at += timedelta(**span)
        return self.at


@dataclass
class Checks:
    """What the probes find."""

    failing: dict[str, str] = field(default_factory=dict)
    alive: bool = True
    settings: dict[str, object] = field(default_factory=dict)

    async def ready(self) -> dict[str, str]:
        return self.failing

    def config(self) -> dict[str, object]:
        return self.settings

    def live(self) -> bool:
        return self.alive


@dataclass
class Room:
    """The two apps and what stands behind them."""

    web: Web
    sim: GenviralSimulator
    clock: Clock
    checks: Checks
    publisher: Publisher
    watcher: Watcher
    public: httpx.AsyncClient = field(init=False)
    admin: httpx.AsyncClient = field(init=False)

    async def call(self, method: str, path: str, token: str | None = "zapier", **more: Any) -> httpx.Response:
        """Call the API with one of the tokens; every answer is looked through for secrets."""
        headers = {"Authorization": f"Bearer secret-of-{token}"} if token else {}
        answer = await self.public.request(method, path, headers=headers | more.pop("headers", {}), **more)
        assert "secret-of-" not in answer.text
        assert "hidden-in-query" not in answer.text
        assert "simulator-secret" not in answer.text
        return answer

    async def get(self, path: str, token: str | None = "zapier", **more: Any) -> Any:
        """Get what must be there."""
        answer = await self.call("GET", path, token, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def publish(self, *, wait: str = "", token: str | None = "zapier", **fields: Any) -> httpx.Response:
        """Publish to an account, unless the fields say otherwise."""
        body = {"caption": "Holiday drops", "media": VIDEO, "accounts": ["brand-tiktok"]} | fields
        return await self.call("POST", "/v1/publish" + (f"?wait={wait}" if wait else ""), token, json=body)

    async def published(self, **fields: Any) -> dict[str, Any]:
        """Publish and let the partner take it; answers the first post."""
        answer = await self.publish(**fields)
        assert answer.status_code == 202, answer.text
        await self.work()
        found: dict[str, Any] = await self.get(f"/v1/posts/{answer.json()['posts'][0]['id']}")
        return found

    async def work(self) -> None:
        """Do the commands that are due."""
        for claimed in await self.publisher.claim(100):
            await self.publisher.act(claimed)

    async def look(self, **later: float) -> None:
        """Let the partner's worker run, and read what became of the posts."""
        self.clock.advance(**(later or {"minutes": 6}))
        self.sim.tick()
        await self.watcher.posts()

    async def until_waiting(self) -> None:
        """Let a call come as far as waiting."""
        while not self.web.waiters._waiting:  # noqa: ASYNC110  # It says nothing when it begins to wait.
            await asyncio.sleep(0)

    def refuse(self, operation: str, code: str, text: str, status: int = 400) -> None:
        """Let the partner refuse its next such call."""
        body = orjson.dumps({"ok": False, "code": status, "error_code": code, "message": text})
        self.sim.fault("answer", operation, status=status, body=body)

    async def lose_account(self, account_id: str = TIKTOK) -> None:
        """Let the partner no longer list an account."""
        self.sim.world.accounts.pop(account_id)
        for _ in range(2):
            await self.watcher.accounts()

    async def endpoint(self, name: str) -> Endpoint | None:
        """Read an endpoint's row."""
        return (await self.web.store.endpoints()).get(name)

    async def change_endpoint(self, name: str, **fields: Any) -> None:
        """Let a flow change an endpoint's row."""
        row = (await self.web.store.endpoints())[name]
        changed = replace(row, version=row.version + 1, **fields)
        assert await self.web.store.record([Write(endpoints=(changed,))]) == [True]

    def start_anew(self, **given: Any) -> None:
        """Go on as a process that was started with another configuration of endpoints."""
        object.__setattr__(self.web, "endpoints", a_flow_of_endpoints(self.web.ingest.kit, **given))

    async def fail_deliveries(self, reason: FailureReason = FailureReason.EXHAUSTED) -> int:
        """Let every due delivery die."""
        return await self.settle_deliveries(WorkState.DEAD, reason)

    async def settle_deliveries(self, state: WorkState, reason: FailureReason | None = None) -> int:
        """Let every due delivery end like this."""
        rooms, lease = Rooms(total=100, each=100), timedelta(minutes=1)
        claimed = [await self.web.store.claim_deliveries(self.clock(), lane, rooms, lease) for lane in Lane]
        items = []
        for one in (item.delivery for lane in claimed for item in lane):
            ended = {"state": state, "reason": reason, "settled_at": self.clock(), "version": one.version + 1}
            attempt = Attempt(one.id, one.calls, None, self.clock(), AttemptOutcome.FAILED, self.clock(), 500)
            items.append(Settlement(replace(one, attempts=one.attempts + 1, **ended), attempt))
        assert set(await self.web.store.settle(items)) <= {Settled.KEPT}
        return len(items)


OPS_SECRET = "whsec_" + b64encode(b"what-signs-for-ops-at-noon-today").decode()
SEALING_KEY = urlsafe_b64encode(b"k" * 32).decode()
LOOPBACK = ip_network("127.0.0.0/8")


class _Anybody(tuple[str, ...]):
    """The names of all tokens that a test may think of."""

    __slots__ = ()

    def __contains__(self, name: object) -> bool:
        return True


ANYBODY = _Anybody()


def a_flow_of_endpoints(kit: Kit, keys: Sequence[str] = (SEALING_KEY,), **given: Any) -> Endpoints:
    """Endpoints over a kit, whose secrets are known beforehand; they may be at loopback, too."""
    numbers = itertools.count(1)
    sealer = Sealer(keys) if keys else None
    parts = {
        "known": Known(("genviral",), (), (), Reachable((LOOPBACK,), ports=())),
        "sending": Sendings({"ops": Sending((secret_key(OPS_SECRET),))}, sealer),
        "entropy": lambda size: next(numbers).to_bytes(size),
        "disable_after": timedelta(days=5),
        "owners": ANYBODY,
    }
    return Endpoints(kit, sealer=sealer, **{**parts, **given})


def problem(answer: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """Check that an answer is a problem document as RFC 9457 and our own rules want it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    assert found["type"] == f"urn:bridge:problem:{slug}"
    assert found["status"] == status
    assert found["title"]
    assert 0 < len(found["detail"]) < 250
    assert all({"field", "problem", "remedy"} <= set(fault) for fault in found["errors"])
    return found
