"""A simulated Genviral, and a simulated PostEverywhere, on clocks that stand still, spoken to in process."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from bridge.simulator import posteverywhere
from bridge.simulator.genviral import DEMO_TOKEN, TIKTOK, GenviralSimulator, app
from bridge.simulator.posteverywhere import DEMO_KEY, INSTAGRAM, PostEverywhereSimulator

VIDEO = {"type": "video", "url": "https://cdn.example.com/video.mp4", "duration_sec": 30}


@dataclass
class Clock:
    """A clock that only moves when told."""

    at: datetime = field(default_factory=lambda: datetime(2025, 1, 20, 12, 5, 11, 205_000, UTC))

    def __call__(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> datetime:
        self.at += timedelta(**span)
        return self.at


@dataclass
class Partner:
    """A simulator, its clock, and a client that holds its key."""

    sim: GenviralSimulator
    clock: Clock
    client: httpx.AsyncClient

    def body(self, *accounts: str, **changes: Any) -> dict[str, Any]:
        """Make a create body that keeps every rule; a change to `...` leaves the field out."""
        ids = [{"id": one} for one in accounts or (TIKTOK,)]
        body = {"caption": "Holiday drops", "media": VIDEO, "accounts": ids} | changes
        return {name: value for name, value in body.items() if value is not ...}

    async def create(self, *accounts: str, **changes: Any) -> httpx.Response:
        return await self.client.post("/posts", json=self.body(*accounts, **changes))

    async def created(self, *accounts: str, **changes: Any) -> str:
        answer = await self.create(*accounts, **changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["id"])

    async def read(self, post_id: str) -> dict[str, Any]:
        return dict((await self.client.get(f"/posts/{post_id}")).json()["data"])

    def soon(self, **span: float) -> str:
        return (self.clock.at + timedelta(**span)).isoformat()


@pytest.fixture
def contract() -> str:
    """The contract generation; a test module or test asks for another with `parametrize`."""
    return "v3"


@pytest.fixture
async def partner(contract: str) -> AsyncIterator[Partner]:
    clock = Clock()
    sim = GenviralSimulator(now=clock, contract=contract)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=app(sim)),
        base_url="http://simulator/api/partner/v1",
        headers={"authorization": f"Bearer {DEMO_TOKEN}"},
    ) as client:
        yield Partner(sim, clock, client)


@dataclass
class PostEverywhere:
    """A simulator, its clock, and a client that holds its key."""

    sim: PostEverywhereSimulator
    clock: Clock
    client: httpx.AsyncClient

    async def create(self, *accounts: int, **changes: Any) -> httpx.Response:
        """Send a create that keeps every rule; a change to `...` leaves the field out."""
        body = {"content": "Holiday drops", "account_ids": list(accounts or (INSTAGRAM,))} | changes
        return await self.client.post("/posts", json={name: value for name, value in body.items() if value is not ...})

    async def created(self, *accounts: int, **changes: Any) -> str:
        answer = await self.create(*accounts, **changes)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["data"]["post_id"])

    async def read(self, path: str, **query: Any) -> Any:
        answer = await self.client.get(path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    async def rows(self, post_id: str) -> dict[int, dict[str, Any]]:
        """Give the destinations of /results by account."""
        return {one["account_id"]: one for one in (await self.read(f"/posts/{post_id}/results"))["results"]}

    async def control(self, path: str, body: Any = None) -> Any:
        return (await self.client.post(f"http://simulator/_control{path}", json=body or {})).json()

    def soon(self, **span: float) -> str:
        return (self.clock.at + timedelta(**span)).isoformat()


@pytest.fixture
def options() -> dict[str, Any]:
    """What differs from the default PostEverywhere; a test asks for more with `parametrize`."""
    return {}


@pytest.fixture
async def pe(options: dict[str, Any]) -> AsyncIterator[PostEverywhere]:
    clock = Clock()
    sim = PostEverywhereSimulator(now=clock, **{"creates_per_minute": 1000, "general_per_minute": 1000} | options)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=posteverywhere.app(sim)),
        base_url="http://simulator/api/v1",
        headers={"authorization": f"Bearer {DEMO_KEY}"},
    ) as client:
        yield PostEverywhere(sim, clock, client)
