"""What `bridge demo --keep` leaves for a person to find and to mend in the console, and where everything is."""

import asyncio
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from rich.console import Console

from bridge.cli._stage import ACCOUNTS, BLOG, SECOND_ACCOUNTS, Stage
from bridge.simulator.receiver import HookAnswer

_PATIENCE_S = 25.0
_VIDEO = "https://cdn.example.com/holidays.mp4"
_SHEET, _OLD = "sheet", "old-tool"
_ENTRY = {
    "id": "65f1c0de5f3c2a0001a7b3e1",
    "title": "The garden opens on Sunday",
    "status": "published",
    "visibility": "public",
    "html": "<p>Come and see what grows behind the house. There will be cake.</p>",
    "url": "https://www.example.com/garden-day/",
    "feature_image": "https://www.example.com/media/garden-day.jpg",
}


def greet(console: Console, stage: Stage) -> None:
    """Say first where to look."""
    for line in (
        f"Console   {stage.service_url}/console#token={stage.token}",
        "Open it now: what is told below is seen there as it happens. Some things are left for you to mend.",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


async def leave(stage: Stage) -> list[str]:
    """Leave some things unmended, and say of each what it is.

    Raises:
        TimeoutError: one of them did not come about.
    """
    return [await part(stage) for part in (_endpoints, _from_the_blog, _partly_failed, _dead_token)]


async def keep(console: Console, stage: Stage) -> None:
    """Leave some things unmended, then everything running until it is interrupted."""
    console.print("\n[bold]For you, in the console[/bold]")
    try:
        left = await leave(stage)
    except TimeoutError as error:
        left = [f"Not all of it came about: {error}."]
    for line in (
        *(f"- {line}" for line in left),
        "",
        f"Console         {stage.service_url}/console#token={stage.token}",
        f"API             {stage.service_url}/v1    Authorization: Bearer {stage.token}",
        f"genviral        {stage.partner_url}    control: {stage.partner_url}/_control/state",
        f"posteverywhere  {stage.second_url}    control: {stage.second_url}/_control/state",
        f"receiver        {stage.receiver_url}    received: {stage.receiver_url}/_control/received",
        f"log             {stage.log}",
        "Ctrl-C ends it.",
    ):
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    await asyncio.Event().wait()


async def _endpoints(stage: Stage) -> str:
    """Make an endpoint that is down for a moment, and one that stays so."""
    stage.receiver.script(_SHEET, HookAnswer(503, times=4, body="down for maintenance"))
    stage.receiver.script(_OLD, HookAnswer(500, times=-1, body="Internal Server Error"))
    shared = {"events": ["post.*"], "allow_http": True}
    for name, about, more in (
        (_SHEET, "The sheet of the team", {"schedule": ["0s"]}),
        (_OLD, "A tool that nobody runs any more", {}),
    ):
        fields = {"name": name, "url": f"{stage.receiver_url}/hook/{name}", "description": about, **shared, **more}
        answer = await stage.api.post("/v1/endpoints", json=fields)
        if answer.status_code == 201:
            stage.receiver.trust(name, answer.json()["secret"])
    return f"{_SHEET!r} was down for a moment: what it missed is under Dead letters. {_OLD!r} stays down."


async def _from_the_blog(stage: Stage) -> str:
    """Send what a blog sends: once signed as it should be, and once by somebody else."""
    body = orjson.dumps({"post": {"current": _ENTRY, "previous": {"status": "draft"}}})
    for secret in (stage.blog_secret, "somebody-else"):
        stamp = str(time.time_ns() // 1_000_000)
        signature = hmac.digest(secret.encode(), body + stamp.encode(), "sha256").hex()
        headers = {"Content-Type": "application/json", "X-Ghost-Signature": f"sha256={signature}, t={stamp}"}
        await stage.api.post(f"/hooks/{BLOG}", content=body, headers=headers)
    await _until(stage, "the blog's post is posted", lambda posts: any(_is(one, "posted", BLOG) for one in posts))
    return f"{_ENTRY['title']!r} came from the blog and is live; a forgery of it was refused (Sources)."


async def _partly_failed(stage: Stage) -> str:
    """Publish to two accounts, of which one refuses it."""
    refusal = {"kind": "fail", "text": "Video duration is not supported"}
    stage.simulator.script(ACCOUNTS["brand-tiktok"], refusal)
    caption = "A look behind the counter"
    post_id = await _publish(stage, caption, "brand-tiktok", "brand-instagram")
    await _until(stage, "a post is partial", lambda posts: any(_is(one, "partial", post_id) for one in posts))
    return f"{caption!r} is on one account of two: its page says why, and Retry sends it to the other."


async def _dead_token(stage: Stage) -> str:
    """Let an account lose its token, and publish to it."""
    stage.second.expire(SECOND_ACCOUNTS["brand-x"])
    caption = "Tickets for Friday"
    post_id = await _publish(stage, caption, "brand-x")
    await _until(stage, "a post is parked", lambda posts: any(_is(one, "parked", post_id) for one in posts))
    return f"{caption!r} waits, for the token of brand-x is dead: Now says so, and Reconnect mends it."


async def _publish(stage: Stage, caption: str, *accounts: str) -> str:
    body = {"caption": caption, "media": _VIDEO, "accounts": list(accounts)}
    answer = await stage.api.post("/v1/publish", json=body)
    return str(answer.json()["posts"][0]["id"])


def _is(post: Mapping[str, Any], state: str, of: str) -> bool:
    return post["state"] == state and of in (post["id"], post["source"])


async def _until(stage: Stage, what: str, holds: Callable[[list[Mapping[str, Any]]], bool]) -> None:
    """Wait until the posts show something.

    Raises:
        TimeoutError: they did not.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while not holds((await stage.api.get("/v1/posts")).json()["items"]):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} within {_PATIENCE_S:.0f} s")
        await asyncio.sleep(0.2)
