"""What tests of leaks share: the secrets, a scene where all that comes out of bridge is kept, and where to look."""

import asyncio
import base64
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bridge.simulator import running as serving
from tests.crash.town import until
from tests.e2e.process import Process, running, write_config

CALLER = "callertokenPaperclipUmbrella71"
STRANGER = "strangertokenVelvetHarbour52"
SIGNING_HALF = base64.b64encode(b"signing-half-of-thirty-two-bytes").decode()
SIGNING = f"whsec_{SIGNING_HALF}"
ADMIN = "admintokenLanternCobalt29"
MADE = "madeheaderMarigoldAnvil47"
MADE_HALF = base64.b64encode(b"another-half-of-thirty-two-bytes").decode()
SEALING = base64.urlsafe_b64encode(b"sealing-half-of-thirty-two-bytes").decode()
ADDRESS = "addressqueryCinnamonOrbit38"
MEDIA = "mediaqueryThimbleGlacier64"
PUBLIC = f"https://cdn.example.com/v.mp4?sig={MEDIA}"
VIDEO = b"\0\0\0\x18ftypmp42" + bytes(1000)
TABLES = ("attempts", "outbound_events", "deliveries", "causes", "keys", "accounts")
"""All but what callers have sent, which is kept as it came."""

BAD_REQUESTS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("POST", "/v1/publish", {"content": f'{{"caption": "{CALLER}", '}),
    ("POST", "/v1/publish", {"json": [CALLER]}),
    ("POST", "/v1/publish", {"json": {"caption": "x", "media": PUBLIC, "accounts": [CALLER]}}),
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
    """What a test plays with, and all that came out of it; `files` is where media are, `asked` what was asked there."""

    simulator: Any
    signatures: set[str]
    files: str
    asked: list[str]
    process: Process
    client: httpx.AsyncClient
    database: Path
    answers: list[httpx.Response] = field(default_factory=list)

    def link(self, number: object = "") -> str:
        """A signed address that only bridge can fetch; a number makes it another file."""
        return f"{self.files}/v{number}.mp4?sig={MEDIA}"

    async def ask(self, method: str, path: str, **more: Any) -> httpx.Response:
        """Ask the API, and keep the answer."""
        self.answers.append(await self.client.request(method, path, **more))
        return self.answers[-1]

    async def publish(self, caption: str, link: str) -> None:
        """Hand a post in."""
        body = {"caption": caption, "media": link, "accounts": ["tt"]}
        assert (await self.ask("POST", "/v1/publish", json=body)).status_code == 202

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as connection:
            return connection.execute(sql).fetchall()

    async def settled(self) -> None:
        """Wait until every fault was met, and everything is told; what was lost is looked for longer than that."""
        # Some of them block the key, which is tried again after a while, longer each time.
        await until("all faults", lambda: not self.simulator.faults.waiting(), 120)
        # Whoever never answers is held after a few tries, and what is due for it waits.
        due = "select 1 from deliveries where state = 'due' and destination != 'gone'"
        await until("an end of all work", lambda: not self.rows(due), 90)


def storage(asked: list[str]) -> Starlette:
    """A place for files, of which one path takes none: it answers with all that it was sent."""

    async def file(request: Request) -> Response:
        asked.append(str(request.url))
        return Response(VIDEO, media_type="video/mp4")

    async def full(request: Request) -> Response:
        asked.append(str(request.url))
        return PlainTextResponse(f"{request.url} {dict(request.headers)}", 507)

    return Starlette(routes=[Route("/{name}.mp4", file), Route("/full", full, methods=["PUT", "POST"])])


def telltale(signatures: set[str]) -> Starlette:
    """An endpoint that answers with all that it was sent and knows, well or badly by turns."""

    async def hook(request: Request) -> Response:
        signatures.add(request.headers["webhook-signature"].partition(",")[2])
        told = {"headers": dict(request.headers), "url": str(request.url), "secret": SIGNING, "half": SIGNING_HALF}
        return PlainTextResponse(orjson.dumps(told), 200 if len(signatures) % 2 else 500)

    return Starlette(routes=[Route("/hook", hook, methods=["POST"])])


@contextlib.asynccontextmanager
async def scene(
    folder: Path, simulator: Any, app: Starlette, secrets: Mapping[str, str], **sections: Any
) -> AsyncIterator[Scene]:
    """Run bridge between a partner, a storage and an endpoint.

    Args:
        folder: a temporary one.
        simulator: the partner; `app` serves it.
        secrets: the environment, beside those of this file.
        sections: of the configuration; `partners` has `base_url` as a path on the partner.
    """
    signatures, asked = set[str](), list[str]()
    async with (
        serving(app) as partner_url,
        serving(storage(asked)) as files,
        serving(telltale(signatures)) as hook_url,
        httpx.AsyncClient(headers={"authorization": f"Bearer {CALLER}"}, trust_env=False, timeout=20) as client,
    ):
        [(key, partner)] = sections.pop("partners").items()
        partner = partner | {"base_url": partner_url + partner["base_url"]}
        config = _config(folder, hook_url, partners={key: partner}, **sections)
        environ = {"LEAK_CALLER": CALLER, "LEAK_ADMIN": ADMIN, "LEAK_SIGNING": SIGNING, "BRIDGE_SECRET_KEY": SEALING}
        environ |= secrets
        with running(folder / "log", "serve", "-c", str(config), environ=environ) as process:
            [client.base_url] = await asyncio.to_thread(process.addresses)
            played = Scene(simulator, signatures, files, asked, process, client, folder / "bridge.db")
            await until("the accounts", lambda: played.rows("select 1 from accounts"))
            await _make_endpoint(played, hook_url)
            yield played


async def _make_endpoint(played: Scene, hook_url: str) -> None:
    """Make an endpoint over the API, with all that can be secret of one."""
    admin = {"authorization": f"Bearer {ADMIN}"}
    body = {"name": "made", "url": f"{hook_url}/hook?key={ADDRESS}", "headers": {"X-Made": MADE}, "allow_http": True}
    body["secret"] = f"whsec_{MADE_HALF}"
    assert (await played.client.post("/v1/endpoints", json=body, headers=admin)).status_code == 201
    for method, path, change in (("PATCH", "", {"rate": 1000}), ("POST", "/test?wait=5", None)):
        answer = await played.ask(method, f"/v1/endpoints/made{path}", json=change, headers=admin)
        assert answer.is_success, answer.text


def _config(folder: Path, hook_url: str, **sections: Any) -> Path:
    secret, hooks = {"env": "LEAK_SIGNING"}, {"tells": hook_url, "gone": "http://127.0.0.1:9"}
    return write_config(
        folder,
        tokens=[
            {"name": "leak", "token": {"env": "LEAK_CALLER"}, "scopes": ["publish", "read"]},
            {"name": "admin", "token": {"env": "LEAK_ADMIN"}, "scopes": ["admin"]},
        ],
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
        network={"allow": ["127.0.0.0/8"], "allow_http": True, "ports": []},
        log={"format": "json", "level": "debug"},
        **sections,
    )


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
        "/v1/endpoints/made",
        "/v1/endpoints/made/stats",
        "/v1/samples/webhook.test",
        "/v1/event-types",
        "/metrics",
        "/openapi.json",
        "/readyz",
    ):
        assert (await scene.ask("GET", path)).status_code == 200, path


def leaks(scene: Scene, needles: Iterable[str]) -> list[str]:
    """Return where a secret stands that should not: in the log, the answers, or the database."""
    needles = [*needles, CALLER, ADMIN, STRANGER, SIGNING_HALF, MADE_HALF, MADE, SEALING, *scene.signatures]
    told = found([*needles, ADDRESS, MEDIA], "log", scene.process.log.read_bytes())
    for answer in scene.answers:
        told += told_too_much(answer, needles)
    for path in scene.database.parent.glob("bridge.db*"):
        told += found(needles, path.name, path.read_bytes())
    for table in TABLES:
        told += found([MEDIA, ADDRESS], table, str(scene.rows(f"select * from {table}")))
    told += found([MEDIA], "posts", str(scene.rows("select error, reason, raw_status, targets from posts")))
    told += found([MEDIA], "commands", str(scene.rows("select detail, reason from commands")))
    return told


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
