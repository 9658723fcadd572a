"""Whatever can fail at Genviral is made to fail with secrets in its mouth; none is in logs, metrics, answers or the
database.
"""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.simulator import GenviralSimulator, genviral
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, default_keys
from tests.e2e.leaks import BAD_REQUESTS, Scene, leaks, look_everywhere, scene

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

PARTNER_HALF = "partnerhalfMarzipanLantern93"
PARTNER = f"gva_live_leaktest.{PARTNER_HALF}"
BEARER = f"Authorization: Bearer {PARTNER}"
# The credential stands where a text is cut: half of it is before the cut.
ON_THE_EDGE = "x" * (200 - len(PARTNER_HALF) // 2) + PARTNER_HALF + " is no key"


def refusal(message: str, code: str = "create_failed", **more: Any) -> str:
    return orjson.dumps({"ok": False, "message": message, "error_code": code, **more}).decode()


def answers(link: str) -> dict[str, tuple[int, str]]:
    """What the partner answers to creates: a name, a status and a body."""
    return {
        "a refusal": (400, refusal(f"bad header {BEARER}", "invalid_media_payload")),
        "a refused half": (400, refusal(f"no key {PARTNER_HALF}", "invalid_media_payload")),
        "issues": (
            422,
            refusal("no", "invalid_payload", issues=[{"path": link, "message": f"{BEARER} {PARTNER_HALF}"}]),
        ),
        "a code": (400, refusal("no", f"bad_{PARTNER_HALF}")),
        "a link": (400, refusal(f"Media unreachable: {link}", "media_unreachable")),
        "an unknown key": (401, refusal(f"{PARTNER} not found", "invalid_token")),
        "a lapsed plan": (402, refusal(f"no plan for {PARTNER_HALF}", "subscription_required")),
        "no permission": (403, refusal(f"{BEARER} may not", "tier_not_allowed")),
        "a conflict": (409, refusal(f"used with {PARTNER} and {link}")),
        "too many": (429, refusal(f"{PARTNER} is too fast", "rate_limited")),
        "an error": (500, refusal(f"panic: {BEARER} {link}")),
        "a page": (502, f"<html><body>{BEARER} {PARTNER_HALF} {link}</body></html>"),
        "a long text": (500, ON_THE_EDGE),
        "a long message": (400, refusal("x" * 480 + PARTNER_HALF + "y" * 40, "invalid_media_payload")),
        "no JSON": (200, f"OK {BEARER} {PARTNER_HALF}"),
    }


def texts(link: str) -> tuple[str, ...]:
    """What the partner says of accounts that failed."""
    return (
        f"upload failed for {link} with {BEARER}",
        f"Access token {PARTNER_HALF} is invalid or expired",
        ON_THE_EDGE,
    )


@pytest.fixture
async def played(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Scene]:
    simulator = GenviralSimulator(keys=default_keys(PARTNER))
    partner = {"kind": "genviral", "token": {"env": "LEAK_PARTNER"}, "rate": 100, "base_url": "/api/partner/v1"}
    names = {"tt": {"partner": "genviral", "id": TIKTOK}, "ig": {"partner": "genviral", "id": INSTAGRAM}}
    app, secrets = genviral.app(simulator, tick_s=0.1), {"LEAK_PARTNER": PARTNER}
    async with scene(tmp_path, simulator, app, secrets, partners={"genviral": partner}, accounts=names) as made:
        yield made


async def make_everything_fail(scene: Scene) -> None:
    """Let the partner, the endpoints and the callers do their worst, then ask for all that can be asked."""
    wrong = answers(scene.link())
    for operation, (status, body) in (
        ("accounts", wrong["an error"]),
        ("get", wrong["a page"]),
        ("get", (404, ON_THE_EDGE)),
        ("host", wrong["an error"]),
    ):
        scene.simulator.fault("answer", operation, status=status, body=body)
    for number, (caption, (status, body)) in enumerate(wrong.items()):
        scene.simulator.fault("answer", "create", match=caption, status=status, body=body)
        await scene.publish(caption, scene.link(number))
    for text in texts(scene.link()):
        scene.simulator.script(TIKTOK, {"kind": "fail", "text": text})
        await scene.publish(f"failing {len(text)}", scene.link(len(text)))
    for method, path, more in BAD_REQUESTS:
        assert (await scene.ask(method, path, **more)).is_error, path
    await scene.settled()


async def test_no_secret_is_found_anywhere(played: Scene):
    await make_everything_fail(played)
    await look_everywhere(played)
    assert await asyncio.to_thread(played.process.end) == 0

    told = leaks(played, [PARTNER_HALF])

    assert played.link(0) in played.asked
    assert len(played.signatures) > 10
    assert not told, "\n".join(told)
