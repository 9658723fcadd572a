"""Whatever can fail at PostEverywhere is made to fail with secrets in its mouth, calls and webhooks; none is found.

Beside the key these are the secret and the signatures of its webhooks, the address to reconnect an account, and the
address to bring a file to.
"""

import asyncio
import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.simulator import PostEverywhereSimulator, posteverywhere
from bridge.simulator.posteverywhere import LINKEDIN, X, default_keys
from tests.e2e.leaks import BAD_REQUESTS, MEDIA, Scene, leaks, look_everywhere, scene

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

KEY_HALF = "keyhalfSaffronTrellis4480"
KEY = f"pe_live_{KEY_HALF}"
HOOK_HALF = "hookhalfPeppermintAnvil27"
HOOK = f"whsec_{HOOK_HALF}"
UPLOAD = "uploadqueryLacquerMeadow15"
BEARER = f"Authorization: Bearer {KEY}"
ON_THE_EDGE = "x" * (200 - len(KEY_HALF) // 2) + KEY_HALF + " is no key"
IMAGE = f"https://cdn.example.com/i.jpg?sig={MEDIA}"
SOON = {"retry-after": "1"}
ADDRESSES = (b"/_upload/", b"/full?", b"/_authorize/")
"""What those to bring files to, and to reconnect an account, are known by."""

LINK_PATH = f"/v1/accounts/posteverywhere:{X}/reconnect-link"


def refusal(message: str, code: str = "validation_error", **more: Any) -> str:
    return orjson.dumps({"data": None, "error": {"message": message, "code": code, **more}}).decode()


def answers(link: str) -> dict[str, tuple[int, str]]:
    """What the partner answers to creates: a name, a status and a body."""
    said = f"{BEARER} {KEY_HALF} {HOOK} {link}"
    return {
        "a refusal": (400, refusal(said, retryable=False)),
        "details": (422, refusal("no", details={"field": link, "said": [said, {KEY_HALF: HOOK}]})),
        "a code": (400, refusal("no", f"bad_{KEY_HALF}")),
        "a link": (400, refusal(f"Media unreachable: {link}", "media_fetch_failed")),
        "an unknown key": (401, refusal(f"{KEY} not found", "unauthorized")),
        "a lapsed plan": (402, refusal(f"no plan for {KEY_HALF}", "subscription_required")),
        "no scope": (403, refusal(f"{BEARER} may not", "insufficient_scope")),
        "no quota": (403, refusal(f"the quota of {KEY_HALF} is used up", "quota_exceeded")),
        "a conflict": (409, refusal(f"used with {KEY} and {link}", "conflict")),
        "too many": (429, refusal(f"{KEY} is too fast", "rate_limit_exceeded", retryAfter=1)),
        "an error": (500, refusal(f"panic: {said}", "internal_error")),
        "a page": (502, f"<html><body>{said}</body></html>"),
        "a long text": (500, ON_THE_EDGE),
        "a long message": (400, refusal("x" * 480 + KEY_HALF + "y" * 40)),
        "no JSON": (200, f"OK {said}"),
        "no id": (201, orjson.dumps({"data": {"status": said}, "error": None}).decode()),
    }


@pytest.fixture
async def played(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Scene]:
    fast = {"creates_per_minute": 1000, "general_per_minute": 10_000, "auto_retries": 0}
    simulator = PostEverywhereSimulator(keys=default_keys(KEY), **fast)
    partner = {
        "kind": "posteverywhere",
        "token": {"env": "LEAK_PARTNER"},
        "base_url": "/api/v1",
        "calls": 1000,
        "creates": 1000,
    }
    vendor = {"kind": "posteverywhere", "secret": {"env": "LEAK_HOOK"}, "partner": "posteverywhere"}
    async with scene(
        tmp_path,
        simulator,
        posteverywhere.app(simulator, tick_s=0.1),
        {"LEAK_PARTNER": KEY, "LEAK_HOOK": HOOK},
        partners={"posteverywhere": partner},
        accounts={name: {"partner": "posteverywhere", "id": str(one)} for name, one in (("tt", X), ("li", LINKEDIN))},
        sources={"vendor": vendor},
    ) as made:
        yield made


def script(scene: Scene) -> None:
    """Let every call but create fail once or twice, and one upload be sent where nothing is taken."""
    wrong = answers(scene.link())
    place = {"media_id": "m-1", "upload_url": f"{scene.files}/full?sig={UPLOAD}", "upload_method": "PUT"}
    told = orjson.dumps({"data": place, "error": None}).decode()
    for operation, name in (
        ("accounts", "an error"),
        ("list", "a page"),
        ("results", "a long text"),
        ("health", "an error"),
        ("import_url", "an error"),
        ("upload", "an error"),
        ("complete", "an error"),
        ("reconnect", "an error"),
    ):
        status, body = wrong[name]
        scene.simulator.fault("answer", operation, status=status, body=body)
    scene.simulator.fault("answer", "upload", status=201, body=told)


async def call_everything(scene: Scene) -> None:
    """Publish into every answer, through public and private addresses, and into failures of the networks."""
    script(scene)
    for number, (caption, (status, body)) in enumerate(answers(scene.link()).items()):
        scene.simulator.fault("answer", "create", match=caption, status=status, body=body, headers=SOON)
        await scene.publish(caption, f"{IMAGE}&n={number}" if number % 5 else scene.link(number))
    said = (f"upload failed for {IMAGE} with {BEARER}", f"Token {KEY_HALF} has expired", ON_THE_EDGE)
    for number, text in enumerate(said):
        scene.simulator.script(X, {"kind": "fail", "text": text})
        await scene.publish(f"failing {number}", f"{IMAGE}&failing={number}")
    for method, path, more in BAD_REQUESTS:
        assert (await scene.ask(method, path, **more)).is_error, path


def sign(body: bytes) -> str:
    return hmac.new(HOOK.encode(), body, hashlib.sha256).hexdigest()


async def hook(scene: Scene, body: bytes, signature: str) -> int:
    """Send a webhook as the vendor does, and return the status of the answer."""
    headers = {"X-PostEverywhere-Signature": f"sha256={signature}", "X-PostEverywhere-Timestamp": f"{time.time():.0f}"}
    return (await scene.ask("POST", "/hooks/vendor", content=body, headers=headers)).status_code


async def hook_everything(scene: Scene) -> list[str]:
    """Send good, forged and unreadable webhooks, and return the signatures that were good."""
    facts: tuple[dict[str, Any], ...] = ({"post_id": "p-1"}, {"account_id": X}, {"error": "odd"})
    events = [{"event": "post.failed", "event_id": f"evt-{n}", "data": data} for n, data in enumerate(facts)]
    bodies = [*map(orjson.dumps, events), b"{", orjson.dumps([HOOK])]
    assert [await hook(scene, body, sign(body)) for body in bodies] == [200, 200, 200, 400, 400]
    assert [await hook(scene, body, HOOK_HALF) for body in bodies] == [401] * len(bodies)
    return [sign(body) for body in bodies]


async def reconnect(scene: Scene) -> str:
    """Ask for a link until one is made, and return what is secret of it; its answer alone may show it."""
    assert (await scene.ask("POST", LINK_PATH)).is_error
    answer = await scene.client.post(LINK_PATH)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["url"]).rpartition("/")[2]


async def test_no_secret_is_found_anywhere(played: Scene):
    await call_everything(played)
    signatures = await hook_everything(played)
    token = await reconnect(played)
    await played.settled()
    await look_everywhere(played)
    assert await asyncio.to_thread(played.process.end) == 0

    told = leaks(played, [KEY_HALF, HOOK_HALF, UPLOAD, token, *signatures])
    for path in (played.process.log, *played.database.parent.glob("bridge.db*")):
        told += [f"{path.name}: {word!r}" for word in ADDRESSES if word in path.read_bytes()]

    assert {f"{played.files}/full?sig={UPLOAD}", played.link(0)} <= set(played.asked)
    assert len(played.signatures) > 10
    assert not told, "\n".join(told)
