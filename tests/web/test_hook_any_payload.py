"""Whatever is sent to a source of any kind: an answer as JSON or a problem document, and never a failure of ours."""

import copy
import json
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.sources import KINDS
from tests.web.hooks import EVERY, SECRET, SIGNS, Sent, add_source, post, widen
from tests.web.room import NOW

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

TRIES = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
every_kind = pytest.mark.parametrize("kind", sorted(KINDS))

HEADERS: Mapping[str, tuple[str, ...]] = {
    "cloudevents": ("ce-id", "ce-source", "ce-type", "ce-specversion", "ce-time", "ce-subject", "ce-datacontenttype"),
    "contentful": ("x-contentful-topic", "x-contentful-idempotency-key"),
    "feed": ("link",),
    "github": ("x-github-event", "x-github-delivery"),
    "gitlab": ("x-gitlab-event", "x-gitlab-event-uuid"),
    "sanity": (
        "sanity-operation", "sanity-document-id", "sanity-transaction-time", "sanity-project-id", "sanity-dataset",
    ),
    "shopify": (
        "x-shopify-topic", "x-shopify-shop-domain", "x-shopify-test", "x-shopify-event-id", "x-shopify-webhook-id",
    ),
    "standard_webhooks": ("webhook-id", "svix-id"),
    "strapi": ("x-strapi-event",),
    "woocommerce": ("x-wc-webhook-topic", "x-wc-webhook-delivery-id", "x-wc-webhook-event"),
    "wordpress": ("x-wp-webhook-name", "webhook-id"),
}  # fmt: skip
"""Headers that a kind reads, beside those of its signature and those that everybody sends."""

TYPES = (
    "application/json", "application/x-www-form-urlencoded", "text/plain", "multipart/form-data; boundary=x",
    "multipart/form-data", "application/xml", "application/atom+xml", "application/feed+json", "application/ld+json",
    "application/cloudevents+json", "application/cloudevents-batch+json", "application/json; charset=utf-16",
    "application/json; charset=nothing", "application/x-www-form-urlencoded; charset=iso-8859-1", "", ";", "text/xml",
)  # fmt: skip

words = st.sampled_from(
    ("published", "publish", "draft", "update", "delete", "api-update", "release", "item", "2026-01-01T00:00:00Z",
     "-1", "99999999999999", "1e999", "https://a.b/c.jpg", "//a", "/a b", "http://[", "{{ x }}", "<p>", "&#0;", "\0",
     "🙂")
)  # fmt: skip
texts = st.text(max_size=8) | words
numbers = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    st.none() | st.booleans() | numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
documents = st.dictionaries(texts, values, max_size=5) | st.lists(values, max_size=3) | values


def plain(text: str) -> bytes:
    """A header as bytes: any but those that end it."""
    return text.encode("latin-1", errors="replace").replace(b"\n", b" ").replace(b"\r", b" ").replace(b"\0", b" ")


headers = st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12).map(plain) | words.map(plain)


@cache
def _samples() -> Mapping[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for one in EVERY:
        if one.file.endswith(".json"):
            found.setdefault(one.kind, []).append(json.loads(one.sent.body))
    return found


def samples(kind: str) -> list[Any]:
    """What is known of a kind's payloads, parsed."""
    return _samples().get(kind) or [{"title": "Hello", "data": {"id": 1}, "event": "post.published"}]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is anything in a document."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [found for key, one in inner for found in ((*path, key), *places(one, (*path, key)))]


GONE = object()
"""Stands for a value that is dropped."""

changes = st.lists(st.tuples(st.integers(0, 10_000), values | st.just(GONE)), min_size=1, max_size=4)
"""What is done to a document: at which place, counted around, and what stands there then."""


def changed(document: Any, done: list[tuple[int, Any]]) -> Any:
    """Return a copy of a document with some of its values replaced or dropped."""
    document = copy.deepcopy(document)
    for number, value in done:
        found = places(document)
        if found:
            *path, last = found[number % len(found)]
            inner = document
            for step in path:
                inner = inner[step]
            if value is GONE:
                del inner[last]
            else:
                inner[last] = copy.deepcopy(value)
    return document


def usual_headers(kind: str) -> Mapping[str, str]:
    """Those of a sample of the kind."""
    return next((one.headers for one in EVERY if one.kind == kind), {"content-type": "application/json"})


async def answers(room: Any, kind: str, body: bytes, sent: Mapping[str, Any]) -> None:
    """Send a request that proves who sent it, and check that the answer is one."""
    widen(room)
    add_source(room, "cms", kind, **({"secret": SECRET} if kind == "posteverywhere" else {"auth": "none"}))
    lowered = {name.lower(): value for name, value in sent.items()}
    request = Sent(body=body, headers=lowered, path="/hooks/cms", at=NOW)
    answer = await post(room.public, request, SIGNS[kind](request, SECRET) if kind == "posteverywhere" else {})

    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        assert 0 < len(answer.json()["detail"]) < 250
    elif answer.status_code != 204 and not (kind == "slack" and not answer.content):
        assert answer.headers["content-type"] == "application/json"
        assert isinstance(answer.json(), dict)


@every_kind
@TRIES
@given(document=documents, content_type=st.sampled_from(TYPES))
async def test_any_document(room, kind, document, content_type):
    body = json.dumps(document).encode()
    wanted = content_type if kind in ("cloudevents", "feed") else TYPES[0]
    await answers(room, kind, body, {**usual_headers(kind), "content-type": wanted})


@every_kind
@TRIES
@given(which=st.integers(0, 20), done=changes)
async def test_any_change_of_a_sample(room, kind, which, done):
    known = samples(kind)
    body = json.dumps(changed(known[which % len(known)], done)).encode()
    await answers(room, kind, body, {"content-type": TYPES[0], **usual_headers(kind)})


@every_kind
@TRIES
@given(body=st.binary(max_size=60), content_type=st.sampled_from(TYPES))
async def test_any_bytes(room, kind, body, content_type):
    await answers(room, kind, body, {**usual_headers(kind), "content-type": content_type})


@every_kind
@TRIES
@given(
    pairs=st.lists(st.tuples(texts | st.sampled_from(("a[]", "a[b][c]", "payload", "a__b", "post[title]")), texts)),
    raw=st.none() | st.text("ab=&[]%+;{}\"'1", max_size=30),
)
async def test_any_form(room, kind, pairs, raw):
    body = raw if raw is not None else urlencode(pairs, errors="replace")
    await answers(room, kind, body.encode(), {**usual_headers(kind), "content-type": TYPES[1]})


@every_kind
@TRIES
@given(which=st.integers(0, 20), given_headers=st.dictionaries(st.integers(0, 20), headers, max_size=6))
async def test_any_headers(room, kind, which, given_headers):
    names = (*HEADERS.get(kind, ()), "idempotency-key", "content-type", "traceparent", "authorization")
    sent = {names[number % len(names)]: value for number, value in given_headers.items()}
    known = samples(kind)
    await answers(room, kind, json.dumps(known[which % len(known)]).encode(), {**usual_headers(kind), **sent})


def test_every_kind_has_a_way_to_prove_itself():
    assert set(SIGNS) == set(KINDS)
