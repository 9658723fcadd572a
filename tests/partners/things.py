"""What tests of partners stand on: a clock that moves when told, and short ways to make what they are about."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.core.model import Account, Command, CommandKind, Post, PostState, Target
from bridge.partners.genviral import Genviral, GenviralConfig
from bridge.partners.posteverywhere import PostEverywhere, PostEverywhereConfig
from bridge.ports import Partner, Send
from bridge.simulator.genviral import DEMO_TOKEN, INSTAGRAM, TIKTOK, TIKTOK_HOSTED, YOUTUBE, X
from bridge.simulator.posteverywhere import DEMO_KEY

NOW = datetime(2025, 1, 20, 12, 0, 0, 0, UTC)
VIDEO = {"type": "video", "url": "https://cdn.example.com/video.mp4", "duration_sec": 30}
MUSIC = "https://www.tiktok.com/@genviral/video/1234567890"
PLATFORMS = {TIKTOK: "tiktok", TIKTOK_HOSTED: "tiktok", INSTAGRAM: "instagram", YOUTUBE: "youtube", X: "x"}
BASE_URL = "http://simulator/api/partner/v1"
PE_URL = "http://simulator/api/v1"
every_contract = pytest.mark.parametrize(
    ("kind", "contract"),
    [
        ("genviral", "v1"), ("genviral", "v3"),
        ("posteverywhere", "new"), ("posteverywhere", "sdk"), ("posteverywhere", "old"),
    ],
)  # fmt: skip
genviral_only = pytest.mark.parametrize("kind", ["genviral"])
_SAMPLES = Path(__file__).parent / "samples"


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
class Observed:
    """What `observe` was told."""

    calls: list[tuple[str, str, str]] = field(default_factory=list)

    def __call__(self, name: str, operation: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.calls.append((name, operation, outcome))


@dataclass(kw_only=True)
class Bench:
    """One partner's client, the simulator behind it, the clock of both, what was observed, and how the partner differs.

    `ids` are two accounts; `at_once` is the state of a post that goes out now, `nothing_to_retry` the partner's words;
    `ticks` is how often its worker must run until a post is out; `lead` is how far ahead a schedule must be to be sent
    as it is, and `late` when it is too near for the partner.
    """

    partner: Partner
    sim: Any
    clock: Clock
    observed: Observed
    token: str
    ids: tuple[str, str]
    scope: str
    at_once: PostState
    nothing_to_retry: str
    ticks: int = 1
    lead: timedelta
    late: timedelta
    content: Mapping[str, Any] = field(default_factory=dict)

    def post(self, *accounts: str, **changes: Any) -> Post:
        """Make a post for these accounts, or the first one, that the partner takes."""
        content = {**self.content, **changes.pop("content", {})}
        return post(*(accounts or self.ids[:1]), content=content, **changes)

    def script(self, account_id: str, *outcomes: Any) -> None:
        """Say what becomes of the account's next attempts."""
        known = self.sim.world.accounts
        self.sim.script(account_id if account_id in known else int(account_id), *outcomes)

    def run(self) -> None:
        """Let the partner publish what is due."""
        for _ in range(self.ticks):
            self.sim.tick()

    def stored(self) -> int:
        """Count the posts that the partner has."""
        return len(self.sim.world.posts)


def body_of(bench: Bench, cmd: Command, made: Post) -> bytes:
    """Make a command's bytes as of now."""
    built = bench.partner.build(cmd, made, bench.clock())
    assert isinstance(built, Send)
    return built.body


async def published(bench: Bench, made: Post) -> Post:
    """Publish a post, and give it as we then hold it."""
    cmd = command()
    receipt = await bench.partner.send(cmd, made, body_of(bench, cmd, made))
    state = receipt.state or PostState.PENDING
    return replace(made, partner_id=receipt.partner_id, state=state, scheduled_at=receipt.scheduled_at)


async def nobody(partner_ids: Collection[str]) -> Mapping[str, Post]:
    """Knows no post of ours."""
    return {}


def sample(name: str) -> dict[str, Any]:
    """Read one of the vendor's published examples."""
    return dict(json.loads((_SAMPLES / f"{name}.json").read_text()))


def account(platform: str = "tiktok", **changes: Any) -> Account:
    """Make an active account of the user's own; `kinds` are the content kinds it advertises."""
    kinds = changes.pop("kinds", ["video", "slideshow"])
    fields: dict[str, Any] = {"id": f"id-{platform}", "username": "brandhq", "type": "byo"} | changes
    seen: dict[str, Any] = {
        "first_seen_at": NOW,
        "last_seen_at": NOW,
        "capabilities": {"supported_content_kinds": kinds},
    }
    return Account(partner="brand", platform=platform, **fields, **seen)


def post(*accounts: str, **changes: Any) -> Post:
    """Make a post for these accounts of the simulator; `content` adds to a caption and a video."""
    content = {"caption": "Holiday drops", "media": VIDEO} | changes.pop("content", {})
    targets = tuple(Target(one, platform=PLATFORMS.get(one, "tiktok")) for one in accounts or (TIKTOK,))
    at = {"created_at": NOW, "changed_at": NOW, "wanted_at": NOW}
    fields = {"id": "post_1", "event_id": "evt_1", "external_id": "ext-1", "source": "api", "state": PostState.ACCEPTED}
    return Post(partner="brand", content=content, targets=targets, **(at | fields | changes))


def command(kind: CommandKind = CommandKind.PUBLISH, **changes: Any) -> Command:
    """Make a command that goes out for the first time."""
    fields: dict[str, Any] = {"id": "cmd_1", "post_id": "post_1", "number": 1, "calls": 1, "attempts": 1}
    return Command(kind=kind, partner="brand", due_at=NOW, created_at=NOW, **(fields | changes))


def genviral(
    transport: httpx.AsyncBaseTransport, clock: Clock, observed: Observed | None = None, **config: Any
) -> Genviral:
    """Make a client that is quick: its budget is no matter of the test."""
    settings: dict[str, Any] = {"token": DEMO_TOKEN, "base_url": BASE_URL, "rate": 100.0} | config
    return Genviral("brand", GenviralConfig(**settings), observed or Observed(), now=clock, transport=transport)


def posteverywhere(
    transport: httpx.AsyncBaseTransport, clock: Clock, observed: Observed | None = None, **config: Any
) -> PostEverywhere:
    """Make a client that is quick: its budget is no matter of the test."""
    settings: dict[str, Any] = {"token": DEMO_KEY, "base_url": PE_URL, "calls": 1000, "creates": 1000} | config
    return PostEverywhere(
        "brand", PostEverywhereConfig(**settings), observed or Observed(), now=clock, transport=transport
    )


def answering(status: int, body: Any = None, **headers: str) -> httpx.MockTransport:
    """Make a transport that answers every call alike; a `body` that is no bytes is sent as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.MockTransport(lambda request: httpx.Response(status, content=content, headers=headers))
