"""The source `cloudevents`: the three modes, as the SDK writes them where it can; the token; the handshake."""

import base64
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from cloudevents.core.bindings.http import to_binary, to_structured
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from bridge.core.errors import Problem
from bridge.core.model import Verified
from bridge.core.signing import Check, Unverified
from tests.core.builders import problem_of
from tests.sources.reading import a_request, a_source, item, items

DATA = {"title": "Hello", "url": "https://a.example/hello", "tags": ["one"]}
BATCH = {"content-type": "application/cloudevents-batch+json; charset=utf-8"}
ONE = {"content-type": "application/cloudevents+json"}
FIELDS = {"id": "1", "source": "/a", "type": "com.example.post.published", "specversion": "1.0"}


def an_event(**more):
    attributes = {"id": "é 1", "source": "/blog", "type": "com.example.post.published", "datacontenttype":
                  "application/json", "time": datetime(2026, 3, 1, 12, tzinfo=UTC), **more}  # fmt: skip
    return CloudEvent(attributes, DATA)


@pytest.mark.parametrize("write", [to_binary, to_structured])
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_what_the_sdk_sends_is_read(write, method):
    message = write(an_event(), JSONFormat())
    source = a_source("cloudevents", secret="s3cret")
    raw = replace(a_request(message.body, {**message.headers, "authorization": "Bearer s3cret"}), method=method)

    parsed = source.read(source.verify(raw))

    (found,) = parsed.items
    assert (found.intent, found.event, found.key) == ("publish", "com.example.post.published", "/blog#é 1")
    assert (found.title, found.url, found.tags) == ("Hello", "https://a.example/hello", ("one",))
    assert (found.raw["data"], found.raw["source"]) == (DATA, "/blog")
    assert (source.reply.status, method in source.methods, parsed.reply) == (202, True, None)


def test_a_batch_is_several_events_and_none_is_fine():
    body = [{**FIELDS, "data": DATA}, {**FIELDS, "id": "2", "type": "com.example.post.deleted", "data": DATA}]

    assert [(one.intent, one.key) for one in items("cloudevents", body, BATCH)] == [
        ("publish", "/a#1"),
        ("delete", "/a#2"),
    ]
    raw = a_request(b"[]", BATCH)
    parsed = a_source("cloudevents").read(Verified(raw, "cms", "source:cms"))
    assert (parsed.items, parsed.reply.status, parsed.reply.body) == ((), 204, b"")


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"data_base64": base64.b64encode(orjson.dumps(DATA)).decode()}, "Hello"),
        ({"data_base64": base64.b64encode(orjson.dumps(DATA)).decode(), "datacontenttype": "text/json"}, "Hello"),
        ({"data_base64": base64.b64encode(b"{").decode()}, ""),
        ({"data_base64": "..."}, ""),
        ({"data_base64": base64.b64encode(orjson.dumps(DATA)).decode(), "datacontenttype": "image/png"}, ""),
        ({"data": "just a string"}, ""),
        ({"data": [DATA]}, ""),
        ({}, ""),
    ],
)
def test_data_that_is_no_json_object_needs_a_mapping(more, title):
    found = item("cloudevents", {**FIELDS, **more}, ONE)

    assert (found.title, found.intent) == (title, "publish" if title else "needs_mapping")


@pytest.mark.parametrize("body", [b"<a/>", b"text", b""])
def test_binary_events_may_hold_anything(body):
    headers = {f"ce-{name}": value for name, value in FIELDS.items()}

    assert item("cloudevents", body, {**headers, "content-type": "application/xml"}).intent == "needs_mapping"
    assert item("cloudevents", body, headers).intent == "needs_mapping"


def test_values_of_headers_may_be_quoted_and_escaped():
    headers = {"ce-id": '"a b%20c"', "ce-source": "/%E2%82%AC", "ce-type": "x", "ce-specversion": "1.0"}

    assert item("cloudevents", DATA, headers).key == "/€#a b c"


@pytest.mark.parametrize(
    ("word", "config", "intent"),
    [
        ("com.example.someevent", {}, "publish"),
        ("com.example.post.deleted.v2", {}, "delete"),
        ("com.example.post.unpublished", {}, "unpublish"),
        ("com.example.someevent", {"types": ("com.example.post.*",)}, "ignore"),
        ("com.example.page.published", {"types": ("com.example.post.*",)}, "ignore"),
        ("com.example.post.sent", {"types": ("com.example.post.*",)}, "publish"),
        ("com.example.page.deleted", {"types": ("com.example.post.*",)}, "delete"),
    ],
)
def test_a_type_says_what_happened(word, config, intent):
    assert item("cloudevents", {**FIELDS, "type": word, "data": DATA}, ONE, **config).intent == intent


@pytest.mark.parametrize(
    ("word", "status", "intent"),
    [
        ("com.example.post.updated", "draft", "unpublish"),
        ("com.example.post.saved", "archived", "unpublish"),
        ("com.example.post.updated", "published", "update"),
        ("com.example.post.published", "draft", "publish"),
    ],
)
def test_what_stands_as_a_draft_is_not_out(word, status, intent):
    body = {**FIELDS, "type": word, "data": {**DATA, "status": status}}

    assert item("cloudevents", body, ONE).intent == intent


def test_no_two_pairs_of_source_and_id_make_one_key():
    pairs = [("a#b", "c"), ("a", "b#c"), ("a%23b", "c"), ("a%2523b", "c"), ("a", "b%23c")]
    keys = [item("cloudevents", {**FIELDS, "source": source, "id": name}, ONE).key for source, name in pairs]

    assert len(set(keys)) == len(pairs)


def test_paths_begin_at_the_event():
    found = item("cloudevents", {**FIELDS, "subject": "s1", "data": {"post": {"title": "Deep"}}}, ONE,
                 fields={"title": "data.post.title", "object_id": "subject"})  # fmt: skip

    assert (found.title, found.object_id) == ("Deep", "s1")


@pytest.mark.parametrize(
    ("body", "headers", "status", "why"),
    [
        ({**FIELDS, "id": ""}, ONE, 400, "no id"),
        ({**FIELDS, "source": 5}, ONE, 400, "no source"),
        ({**FIELDS, "specversion": "0.3"}, ONE, 400, "version '0.3'"),
        ([5], BATCH, 400, "Event 0 is not an object"),
        ([FIELDS], ONE, 400, "a list goes as"),
        (FIELDS, BATCH, 400, "not a list"),
        (FIELDS, {}, 400, "no CloudEvent"),
        (b"{", ONE, 400, "not JSON"),
        (b"x", {"content-type": "application/cloudevents+avro"}, 415, "avro"),
    ],
)
def test_what_is_no_cloudevent_is_refused_with_a_reason(body, headers, status, why):
    with pytest.raises(Problem) as caught:
        items("cloudevents", body, headers)

    assert caught.value.status == status
    assert why.lower() in caught.value.detail.lower()


def test_the_token_may_stand_in_the_address():
    source = a_source("cloudevents", secret="s3cret")
    raw = replace(a_request({**FIELDS}, ONE), query="access_token=s3cret")

    assert source.verify(raw)
    for other in (replace(raw, query="access_token=other"), replace(raw, query="access_token=")):
        assert problem_of(lambda other=other: source.verify(other)).check is Check.FORGED
    bearer = a_request(FIELDS, {**ONE, "authorization": "Bearer other"})
    with pytest.raises(Unverified):
        source.verify(replace(bearer, query="access_token=s3cret"))
    with pytest.raises(Unverified):
        a_source("cloudevents", secret="s3cret", auth="bearer").verify(raw)


def a_question(**headers):
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return replace(a_request(b""), method="OPTIONS", headers=pairs)


@pytest.mark.parametrize(
    ("origin", "rate", "allowed", "allowed_rate"),
    [
        ("eventemitter.example.com", None, "eventemitter.example.com", None),
        ("eventemitter.example.com", "120", "eventemitter.example.com", "120"),
        ("a\r\nX-Y: 1", "many", "*", "*"),
    ],
)
def test_whoever_asks_is_told_that_events_are_wanted(origin, rate, allowed, allowed_rate):
    asked = {"webhook_request_origin": origin} | ({"webhook_request_rate": rate} if rate else {})
    reply = a_source("cloudevents").probe(a_question(**asked))

    told = dict(reply.headers)
    assert (reply.status, reply.body) == (200, b"")
    assert (told["WebHook-Allowed-Origin"], told.get("WebHook-Allowed-Rate")) == (allowed, allowed_rate)


def test_nothing_else_is_answered_unasked():
    source = a_source("cloudevents")

    assert source.probe(a_question()) is None
    assert source.probe(a_request(b"", {"webhook-request-origin": "a"})) is None
