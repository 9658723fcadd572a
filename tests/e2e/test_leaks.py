"""Whatever can fail is made to fail with secrets in its mouth; none is in logs, metrics, answers or the database."""

import asyncio
import base64
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.simulator import GenviralSimulator, genviral
from bridge.simulator import running as serving
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, default_keys
from tests.crash.town import until
from tests.e2e.process import Process, running, write_config

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CALLER = "callertokenPaperclipUmbrella71"
STRANGER = "strangertokenVelvetHarbour52"
PARTNER_HALF = "partnerhalfMarzipanLantern93"
PARTNER = f"gva_live_leaktest.{PARTNER_HALF}"
SIGNING_HALF = base64.b64encode(b"signing-half-of-thirty-two-bytes").decode()
SIGNING = f"whsec_{SIGNING_HALF}"
ADDRESS = "addressqueryCinnamonOrbit38"
MEDIA = "mediaqueryThimbleGlacier64"
SECRETS = {"LEAK_CALLER": CALLER, "LEAK_PARTNER": PARTNER, "LEAK_SIGNING": SIGNING}

BEARER = f"Authorization: Bearer {PARTNER}"
LINK = f"https://cdn.example.com/v.mp4?sig={MEDIA}"
# The credential stands where a text is cut: half of it is before the cut.
ON_THE_EDGE = "x" * (200 - len(PARTNER_HALF) // 2) + PARTNER_HALF + " is no key"


def refusal(message: str, code: str = "create_failed", **more: Any) -> str:
    return orjson.dumps({"ok": False, "message": message, "error_code": code, **more}).decode()


ANSWERS = {
    "a refusal": (400, refusal(f"bad header {BEARER}", "invalid_media_payload")),
    "a refused half": (400, refusal(f"no key {PARTNER_HALF}", "invalid_media_payload")),
    "issues": (422, refusal("no", "invalid_payload", issues=[{"path": LINK, "message": f"{BEARER} {PARTNER_HALF}"}])),
    "a code": (400, refusal("no", f"bad_{PARTNER_HALF}")),
    "a link": (400, refusal(f"Media unreachable: {LINK}", "media_unreachable")),
    "an unknown key": (401, refusal(f"{PARTNER} not found", "invalid_token")),
    "a lapsed plan": (402, refusal(f"no plan for {PARTNER_HALF}", "subscription_required")),
    "no permission": (403, refusal(f"{BEARER} may not", "tier_not_allowed")),
    "a conflict": (409, refusal(f"used with {PARTNER} and {LINK}")),
    "too many": (429, refusal(f"{PARTNER} is too fast", "rate_limited")),
    "an error": (500, refusal(f"panic: {BEARER} {LINK}")),
    "a page": (502, f"<html><body>{BEARER} {PARTNER_HALF} {LINK}</body></html>"),
    "a long text": (500, ON_THE_EDGE),
    "a long message": (400, refusal("x" * 480 + PARTNER_HALF + "y" * 40, "invalid_media_payload")),
    "no JSON": (200, f"OK {BEARER} {PARTNER_HALF}"),
}
"""What the partner answers to creates: a name, a status and a body."""

TEXTS = (f"upload failed for {LINK} with {BEARER}", f"Access token {PARTNER_HALF} is invalid or expired", ON_THE_EDGE)
"""What the partner says of accounts that failed."""

BAD_REQUESTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/v1/publish", {"content": f'{{"caption": "{CALLER}", '}),
    ("POST", "/v1/publish", {"json": [CALLER]}),
    ("POST", "/v1/publish", {"json": {"caption": "x", "media": LINK, "accounts": [CALLER]}}),
    (
        "POST",
        "/v1/publish",
        {"json": {"caption": "x", "media": f"https://cdn.example.com/v?sig={MEDIA}", "accounts": ["tt"]}},
    ),
    (
        "POST",
        "/v1/publish",
        {"json": {"caption": "x", "media": f"ftp://me:{MEDIA}@cdn.example.com/v.mp4", "accounts": ["tt"]}},
    ),
    ("POST", "/v1/publish", {"json": {CALLER: "x", "scheduled_at": CALLER, "timezone": CALLER, "accounts": ["tt"]}}),
    (
        "POST",
        "/v1/publish",
        {"json": {"caption": "x", "settings": CALLER, "tiktok": {CALLER: CALLER}, "accounts": ["tt"]}},
    ),
    ("POST", "/v1/publish", {"content": CALLER, "headers": {"content-type": f"text/{CALLER}"}}),
    (
        "POST",
        "/v1/publish",
        {"content": f"--{CALLER}", "headers": {"content-type": f"multipart/form-data; boundary={CALLER}"}},
    ),
    ("POST", "/v1/publish", {"json": {}, "headers": {"idempotency-key": CALLER * 20}}),
    ("POST", "/v1/publish", {"json": {}, "headers": {"authorization": f"Bearer {STRANGER}"}}),
    ("POST", "/v1/publish", {"json": {}, "headers": {"authorization": f"Basic {STRANGER}"}}),
    ("POST", f"/v1/publish?wait={CALLER}", {"json": {}}),
    ("GET", f"/v1/posts?limit={CALLER}&{CALLER}=1&state={CALLER}&before={CALLER}", {}),
    ("GET", f"/v1/posts/{CALLER}", {}),
    ("GET", f"/v1/events/{CALLER}?token={STRANGER}", {}),
    ("GET", f"/v1/deliveries/genviral:{CALLER}", {}),
    ("PATCH", f"/v1/posts/{CALLER}", {"json": {"caption": CALLER}}),
    ("POST", f"/v1/endpoints/{CALLER}/enable", {}),
    ("POST", "/v1/deliveries/replay", {"json": {CALLER: CALLER}}),
    ("GET", f"/{STRANGER}?token={CALLER}", {"headers": {"authorization": f"Bearer {STRANGER}"}}),
    ("PUT", "/v1/publish", {"content": CALLER}),
)


@dataclass
class Scene:
    """What a test plays with, and all that came out of it."""

    simulator: GenviralSimulator
    signatures: set[str]
    process: Process
    client: httpx.AsyncClient
    database: Path
    answers: list[httpx.Response] = field(default_factory=list)

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the API, and keep the answer."""
        self.answers.append(await self.client.request(method, path, **more))
        return self.answers[-1]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()


def telltale(signatures: set[str]) -> Starlette:
    """An endpoint that answers with all that it was sent and knows, well or badly by turns."""

    async def hook(request: Request) -> Response:
        signatures.add(request.headers["webhook-signature"].partition(",")[2])
        told = {"headers": dict(request.headers), "url": str(request.url), "secret": SIGNING, "half": SIGNING_HALF}
        return PlainTextResponse(orjson.dumps(told), 200 if len(signatures) % 2 else 500)

    return Starlette(routes=[Route("/hook", hook, methods=["POST"])])


@pytest.fixture
async def scene(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Scene]:
    simulator, signatures = GenviralSimulator(keys=default_keys(PARTNER)), set[str]()
    async with (
        serving(genviral.app(simulator, tick_s=0.1)) as partner_url,
        serving(telltale(signatures)) as hook_url,
        httpx.AsyncClient(headers={"authorization": f"Bearer {CALLER}"}, trust_env=False, timeout=20) as client,
    ):
        config = _config(tmp_path, partner_url, hook_url)
        with running(tmp_path / "log", "serve", "-c", str(config), environ=SECRETS) as process:
            [client.base_url] = await asyncio.to_thread(process.addresses)
            yield Scene(simulator, signatures, process, client, tmp_path / "bridge.db")


def _config(folder: Path, partner_url: str, hook_url: str) -> Path:
    key, secret = {"kind": "genviral", "token": {"env": "LEAK_PARTNER"}, "rate": 100}, {"env": "LEAK_SIGNING"}
    hooks = {"tells": hook_url, "gone": "http://127.0.0.1:9"}
    return write_config(
        folder,
        tokens=[{"name": "leak", "token": {"env": "LEAK_CALLER"}, "scopes": ["publish", "read"]}],
        partners={"genviral": key | {"base_url": f"{partner_url}/api/partner/v1"}},
        accounts={"tt": {"partner": "genviral", "id": TIKTOK}, "ig": {"partner": "genviral", "id": INSTAGRAM}},
        endpoints={name: {"url": f"{url}/hook?key={ADDRESS}", "secret": secret} for name, url in hooks.items()},
        publish={"backoff_first": "50ms", "backoff_max": "100ms", "resume_gap": "1ms"},
        watch={
            "tick": "100ms",
            "accounts_every": "200ms",
            "first_poll": "100ms",
            "max_poll": "200ms",
            "probe_every": "1s",
        },
        retry={"delays": ["200ms"]},
        deliver={"schedule": ["0s", "100ms", "100ms"]},
        network={"allow": ["127.0.0.0/8"], "allow_http": True},
        log={"format": "json", "level": "debug"},
    )


async def make_everything_fail(scene: Scene) -> None:
    """Let the partner, the endpoints and the callers do their worst, then ask for all that can be asked."""
    await until("the accounts", lambda: scene.rows("select 1 from accounts"))
    for operation, (status, body) in (
        ("accounts", ANSWERS["an error"]),
        ("get", ANSWERS["a page"]),
        ("get", (404, ON_THE_EDGE)),
    ):
        scene.simulator.fault("answer", operation, status=status, body=body)
    for caption, (status, body) in ANSWERS.items():
        scene.simulator.fault("answer", "create", match=caption, status=status, body=body)
        await publish(scene, caption)
    for text in TEXTS:
        scene.simulator.script(TIKTOK, {"kind": "fail", "text": text})
    for number in range(len(TEXTS)):
        await publish(scene, f"failing {number}")
    for method, path, more in BAD_REQUESTS:
        assert (await scene.ask(method, path, **more)).is_error, path
    await until(f"all faults {scene.simulator.faults.waiting()}", lambda: not scene.simulator.faults.waiting())
    await until("an end of all work", lambda: not scene.rows("select 1 from deliveries where state = 'due'"))


async def publish(scene: Scene, caption: str) -> None:
    body = {"caption": caption, "media": LINK, "accounts": ["tt"]}
    assert (await scene.ask("POST", "/v1/publish", json=body)).status_code == 202


async def look_everywhere(scene: Scene) -> None:
    """Ask for every list and everything in it."""
    for kind in ("posts", "events", "deliveries"):
        listed = (await scene.ask("GET", f"/v1/{kind}?limit=100")).json()
        for item in listed["items"]:
            await scene.ask("GET", f"/v1/{kind}/{item['id']}")
    for path in (
        "/v1/accounts",
        "/v1/causes",
        "/v1/endpoints",
        "/v1/event-types",
        "/metrics",
        "/openapi.json",
        "/readyz",
    ):
        assert (await scene.ask("GET", path)).status_code == 200, path


def found(needles: Iterable[str], where: str, text: str | bytes) -> list[str]:
    """Return where a secret, or half of one, stands, with what surrounds it."""
    text = text.decode(errors="replace") if isinstance(text, bytes) else text
    halves = {half for needle in needles for half in (needle[: len(needle) // 2], needle[len(needle) // 2 :])}
    spots = [(half, text.find(half)) for half in halves]
    return [f"{where}: {half} in {text[max(at - 150, 0) : at + 60]!r}" for half, at in spots if at >= 0]


def told_too_much(answer: httpx.Response, needles: Iterable[str]) -> list[str]:
    """Return the secrets in an answer; what the caller has just written may be quoted to him, and shown as content."""
    request = answer.request
    asked = str(request.url) + request.content.decode()
    secrets = {needle for needle in needles if needle not in asked} | {ADDRESS}
    if answer.is_error or request.url.path == "/metrics":
        secrets |= {MEDIA}
    return found(secrets, request.url.path[:40], answer.text)


async def test_no_secret_is_found_anywhere(scene: Scene):
    await make_everything_fail(scene)
    await look_everywhere(scene)
    assert await asyncio.to_thread(scene.process.end) == 0
    needles = [CALLER, STRANGER, PARTNER_HALF, SIGNING_HALF, *scene.signatures]

    leaks = found([*needles, ADDRESS, MEDIA], "log", scene.process.log.read_bytes())
    for answer in scene.answers:
        leaks += told_too_much(answer, needles)
    for path in scene.database.parent.glob("bridge.db*"):
        leaks += found(needles, path.name, path.read_bytes())
    for table in ("attempts", "outbound_events", "deliveries", "causes", "keys", "accounts"):
        leaks += found([MEDIA, ADDRESS], table, str(scene.rows(f"select * from {table}")))
    leaks += found([MEDIA], "posts", str(scene.rows("select error, reason, raw_status, targets from posts")))
    leaks += found([MEDIA], "commands", str(scene.rows("select detail, reason from commands")))

    assert len(scene.signatures) > 10
    assert not leaks, "\n".join(leaks)
