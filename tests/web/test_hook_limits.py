"""What is too large, too deep, too many or broken: a short refusal or an answer, within bounds of memory and time."""

import asyncio
import time
import tracemalloc
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.web.hooks import Sent, add_source, events, post, widen
from tests.web.room import NOW, problem

pytestmark = pytest.mark.anyio

MOST = 2 * 1024 * 1024
PEAK = 200 * 1024 * 1024
HANGS_S = 120.0
"""No measure of speed: what takes as long has no end. To count memory slows everything down many times."""

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"


async def send(room, body: bytes, content_type: str = JSON, kind: str = "generic", **config) -> httpx.Response:
    """Send a body to a source that takes anybody's word."""
    widen(room, MOST)
    add_source(room, "cms", kind, auth="none", **config)
    sent = Sent(body=body, headers={"content-type": content_type}, path="/hooks/cms", at=NOW)
    return await post(room.public, sent, {})


def filled(size: int, before: bytes = b'{"title": "Hello", "text": "', after: bytes = b'"}', by: bytes = b"x") -> bytes:
    """A body of exactly that size."""
    room = size - len(before) - len(after)
    return before + (by * (room // len(by) + 1))[:room] + after


@pytest.mark.parametrize("white", [True, False])
async def test_a_body_of_just_the_limit_is_taken(room, white):
    body = b'{"title": "Hello"}'
    answer = await send(room, body + b" " * (MOST - len(body)) if white else filled(MOST))

    assert answer.status_code == 200
    assert [event["size"] for event in await events(room, "cms")] == [MOST]


async def test_a_byte_more_is_too_large(room):
    told = problem(await send(room, filled(MOST + 1)), 413, "too_large")

    assert told["limit"] == MOST
    assert await events(room, "cms") == []


async def test_a_body_that_does_not_say_its_size_is_read_no_further_than_the_limit(room):
    widen(room, MOST)
    add_source(room, "cms", "generic", auth="none")
    read = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(100):
            read.append(number)
            yield b"x" * 100_000

    answer = await room.public.post("/hooks/cms", content=chunks(), headers={"content-type": JSON})
    problem(answer, 413, "too_large")
    assert len(read) <= MOST // 100_000 + 1


BROKEN = {
    "not UTF-8": (b'{"title": "\xff"}', JSON, "invalid_json", "byte 11 is part of no character"),
    "half a character": (b'{"title": "\xc3', JSON, "invalid_json", "byte 11 is part of no character"),
    "half a surrogate": (b'{"title": "\\ud800"}', JSON, "invalid_json", "offset"),
    "a form that is not UTF-8": (b"title=%ff", FORM, "invalid_body", "utf-8"),
    "nested too deep": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, JSON, "invalid_json", "nested too deep"),
    "lists nested too deep": (b"[" * 100_000 + b"]" * 100_000, JSON, "invalid_json", "nested too deep"),
    "too many fields": (b"&".join(b"k%d=v" % n for n in range(10_000)), FORM, "invalid_body", "more than 1000 fields"),
    "a name twice": (b'{"title": "a", "title": "b"}', JSON, "invalid_json", "'title' comes twice"),
    "a name twice inside": (b'{"a": [{"url": 1, "x": 2, "url": 3}]}', JSON, "invalid_json", "'url' comes twice"),
    "a form nested too deep": (b"a" + b"[b]" * 10_000 + b"=1", FORM, "invalid_body", "nested too deep"),
    "cut off": (b'{"title": "Hel', JSON, "invalid_json", "offset"),
    "a quote that is not escaped": (b'{"title": "He said "no""}', JSON, "invalid_json", "must be escaped"),
    "empty": (b"", JSON, "invalid_json", "empty"),
    "a number": (b"17", JSON, "invalid_json", "neither an object nor a list"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_cannot_be_read_is_refused_with_the_place(room, name):
    body, kind, slug, words = BROKEN[name]
    told = problem(await send(room, body, kind), 400, slug)

    assert words in told["detail"]
    assert await events(room, "cms") == []
    if "byte" in words:
        assert told["offset"] == 11


def tags(number: int) -> bytes:
    return b'{"title": "Hello", "tags": [' + b",".join(b'"t%d"' % n for n in range(number)) + b"]}"


def images(number: int) -> bytes:
    listed = b",".join(b'"https://a.b/%d.jpg"' % n for n in range(number))
    return b'{"title": "Hello", "images": [' + listed + b"]}"


def ghost_post(html: bytes) -> bytes:
    start = b'{"post": {"current": {"id": "1", "status": "published", "title": "Hello", "html": "'
    return filled(MOST, start, b'"}, "previous": {"status": "draft"}}}', html)


RSS = b'<rss version="2.0"><channel><title>x</title>'
ATOM = b'<feed xmlns="http://www.w3.org/2005/Atom">'
XML = "application/rss+xml"
FEED = {"feed": "https://example.org/feed"}

LARGE = {
    "open lists": (b"[" * MOST, JSON, "generic", {}),
    "open objects": (filled(MOST, b"", b"", b'{"a":'), JSON, "generic", {}),
    "empty lists": (filled(MOST, b'{"a": [', b"[]]}", b"[],"), JSON, "generic", {}),
    "empty objects": (filled(MOST, b'{"a": [', b"{}]}", b"{},"), JSON, "strapi", {}),
    "backslashes": (filled(MOST, b'{"title": "', b'"}', b"\\\\"), JSON, "generic", {}),
    "escaped quotes before colons": (filled(MOST, b'{"title": "', b'"}', b'\\":'), JSON, "generic", {}),
    "a number of many digits": (b'{"title": ' + b"7" * (MOST - 12) + b"}", JSON, "generic", {}),
    "a form of brackets": (filled(MOST, b"a", b"=1", b"[]"), FORM, "generic", {}),
    "a form of open brackets": (filled(MOST, b"a", b"=1", b"["), FORM, "wordpress", {}),
    "a form of percent signs": (filled(MOST, b"a=", b"", b"%"), FORM, "generic", {}),
    "a form of many steps": (b"&".join(b"a[%d][b][c][d]=1" % n for n in range(900)), FORM, "generic", {}),
    "markup that never ends": (ghost_post(b"<"), JSON, "ghost", {}),
    "tags that are never closed": (ghost_post(b"<div>"), JSON, "ghost", {}),
    "comments that never end": (ghost_post(b"<!--"), JSON, "ghost", {}),
    "scripts that never end": (ghost_post(b"<script>"), JSON, "ghost", {}),
    "attributes that never end": (ghost_post(b"<a b='"), JSON, "ghost", {}),
    "entities": (ghost_post(b"&amp"), JSON, "ghost", {}),
    "markup that templates see": (ghost_post(b"<p>x"), JSON, "ghost", {"caption": "{{ body | truncate_words(200) }}"}),
    "a long title": (filled(MOST, b'{"title": "'), JSON, "generic", {}),
    "a long title in a post": (filled(MOST, b'{"title": "'), JSON, "standard_webhooks", {}),
    "a long link": (filled(MOST, b'{"title": "Hello", "url": "https://a.b/'), JSON, "generic", {}),
    "a long id": (filled(MOST, b'{"title": "Hello", "object_id": "'), JSON, "generic", {}),
    "a long time": (filled(MOST, b'{"title": "Hello", "scheduled_at": "', by=b"1"), JSON, "generic", {}),
    "a long account": (filled(MOST, b'{"title": "Hello", "accounts": "', by=b"*"), JSON, "generic", {}),
    "a long name": (filled(MOST, b'{"', b'": 1}', b"a_"), JSON, "generic", {}),
    "a long event": (filled(MOST, b'{"type": "', b'"}', b"a."), JSON, "standard_webhooks", {"types": ["*a*b*c"]}),
    "many tags": (tags(100_000), JSON, "generic", {}),
    "many images": (images(80_000), JSON, "generic", {}),
    "many names": (b"{" + b",".join(b'"a%d":1' % n for n in range(150_000)) + b"}", JSON, "generic", {}),
    "many names with underscores": (
        b"{" + b",".join(b'"a%d__b":1' % n for n in range(100_000)) + b"}", JSON, "generic", {},
    ),
    "many items": (b"[" + b",".join([b'{"title": "a"}'] * 100_000) + b"]", JSON, "generic", {}),
    "many events": (
        b"[" + b",".join([b"{}"] * 100_000) + b"]", "application/cloudevents-batch+json", "cloudevents", {},
    ),
    "many notifications": (b'{"notifications": [' + b",".join([b"{}"] * 99_000) + b"]}", JSON, "kontent", {}),
    "a feed of many entries": (
        filled(MOST, RSS, b"</channel></rss>", b"<item><guid>a</guid><title>x</title></item>"), XML, "feed", FEED,
    ),
    "a feed of open tags": (filled(MOST, RSS, b"", b"<item>"), XML, "feed", FEED),
    "a feed of markup": (filled(MOST, RSS + b"<item><description>", b"", b"<"), XML, "feed", FEED),
    "a feed of escaped markup": (
        filled(MOST, ATOM + b'<entry><id>1</id><content type="html">', b"</content></entry></feed>", b"&lt;"),
        "application/atom+xml", "feed", FEED,
    ),
    "a feed of entities": (
        b'<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "' + b"&a;" * 1000 + b'">]>' + RSS, XML, "feed", FEED,
    ),
    "a feed that is JSON": (
        filled(MOST, b'{"version": "1", "items": [', b'{"id": "b"}]}', b'{"id": "a"},'),
        "application/feed+json", "feed", FEED,
    ),
}  # fmt: skip


FEEDS = [name for name, (_, _, kind, _) in LARGE.items() if kind == "feed"]
OTHERS = [name for name in LARGE if name not in FEEDS]


@pytest.mark.slow
@pytest.mark.parametrize("name", OTHERS)
async def test_what_is_large_is_answered_within_bounds(room, name):
    tracemalloc.start()
    try:
        await assert_answered(room, name)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < PEAK


@pytest.mark.slow
async def test_a_stranger_gets_no_memory_for_a_secret_in_a_form(room):
    widen(room, MOST)
    add_source(room, "cms", "generic", auth="body:secret", secret="the secret")
    sent = Sent(body=filled(MOST, b"secret=", b"", b"%"), headers={"content-type": FORM}, path="/hooks/cms", at=NOW)
    tracemalloc.start()
    try:
        problem(await post(room.public, sent, {}), 401, "not_verified")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak < 10 * MOST


@pytest.mark.slow
@pytest.mark.parametrize("name", FEEDS)
async def test_a_large_feed_is_answered(room, name):
    """Without its memory: the parser is pure Python, and takes minutes while that is counted."""
    await assert_answered(room, name)


async def assert_answered(room, name: str) -> None:
    """Check that a body is either taken or refused shortly, and then nothing is stored."""
    body, content_type, kind, config = LARGE[name]
    assert len(body) <= MOST
    async with asyncio.timeout(HANGS_S):
        answer = await send(room, body, content_type, kind, **config)

    if answer.status_code in (200, 202):
        assert answer.headers["content-type"] == JSON
        assert len(answer.content) < 100_000
    else:
        assert answer.headers["content-type"] == "application/problem+json"
        assert 400 <= answer.status_code < 500, answer.text
        assert len(answer.json()["detail"]) < 250
        assert await events(room, "cms") == []


STRANGERS = {
    "generic": ({"auth": "none"}, JSON, b"{}", 415),
    "cloudevents": ({"auth": "none"}, JSON, b"{}", 415),
    "feed": ({"auth": "none", **FEED}, JSON, b"{}", 415),
    "woocommerce": ({"secret": "the secret"}, FORM, b"webhook_id=1", 401),
    "notion": ({}, JSON, b'{"verification_token": "x"}', 401),
}


@pytest.mark.parametrize("kind", STRANGERS)
async def test_a_content_type_of_a_stranger_costs_nothing(room, kind):
    """To part it could stop the process for seconds, before anybody has proved anything."""
    config, named, body, status = STRANGERS[kind]
    add_source(room, "cms", kind, **config)
    headers = {"content-type": f'{named}; a="' + ";" * 60_000}
    started = time.perf_counter()
    answer = await post(room.public, Sent(body=body, headers=headers, path="/hooks/cms", at=NOW), {})

    assert answer.status_code == status
    assert time.perf_counter() - started < 1
    assert await events(room, "cms") == []


async def test_headers_that_are_too_large_are_refused(room):
    add_source(room, "cms", "generic", auth="none")
    headers = {"content-type": JSON, **{f"x-{n}": "x" * 8000 for n in range(9)}}
    answer = await post(room.public, Sent(body=b"{}", headers=headers, path="/hooks/cms", at=NOW), {})

    assert "65536" in problem(answer, 431, "headers_too_large")["detail"]
    assert await events(room, "cms") == []
