"""Row `hook`: the signed webhook of a Ghost post through the real service, against an endpoint that reads the body."""

import hmac
import time

import orjson

from bench._engines import Engine
from bench._load import post
from bench._run import HOOK_SECRET, Row
from bench.accept import measured

SIZE = 8 * 1024
PARAGRAPH = (
    '<p>Drops start on <b>Monday</b>: the <a href="https://shop.example.com/">shop</a> opens at nine, and '
    "what is gone by noon is gone until spring. Bring a friend, and a bag that holds more than you planned.</p>\n"
)
SOURCE = {
    "kind": "ghost",
    "secret": {"env": "BENCH_HOOK"},
    "accounts": ["brand"],
    "content": {"media": {"type": "video", "url": "https://cdn.example.com/holidays.mp4"}},
}


def requests(tag: str, count: int) -> list[bytes]:
    """Make requests about a post each, signed now and before any is sent."""
    return [_request(f"{tag}-{number}") for number in range(count)]


def _request(name: str) -> bytes:
    url, at = f"https://blog.example.com/{name}/", "2026-11-22T06:00:00.000Z"
    current = {"id": name, "title": f"Holiday drops {name}", "status": "published", "visibility": "public", "url": url}
    current |= {"updated_at": at, "published_at": at, "html": PARAGRAPH}
    current["html"] *= (SIZE - len(orjson.dumps(current))) // len(current["html"])
    body = orjson.dumps({"post": {"current": current, "previous": {"status": "draft"}}})
    stamp = str(time.time_ns() // 1_000_000)
    digest = hmac.new(HOOK_SECRET.encode(), body + stamp.encode(), "sha256").hexdigest()
    headers = {"X-Ghost-Signature": f"sha256={digest}, t={stamp}", "Content-Type": "application/json"}
    return post("/hooks/blog", "127.0.0.1", headers, body)


def measure(engine: Engine, repetitions: int) -> Row:
    """Measure both, turn by turn."""
    return measured("hook", engine, requests, status=200, repetitions=repetitions, sources={"blog": SOURCE})
