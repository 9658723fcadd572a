"""What the libraries of Standard Webhooks and CloudEvents make of an event, through the route."""

from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks import Webhook

from tests.web.hooks import SECRET, Sent, add_source, b64, events, post
from tests.web.room import NOW, problem

pytestmark = pytest.mark.anyio


def by_library(body: bytes, brand: str = "webhook", secret: str = SECRET, at: datetime = NOW) -> dict[str, str]:
    """The headers that the library of Standard Webhooks makes; Svix calls them otherwise."""
    return {
        "content-type": "application/json",
        f"{brand}-id": "msg_1",
        f"{brand}-timestamp": str(int(at.timestamp())),
        f"{brand}-signature": Webhook(secret).sign("msg_1", at, body.decode()),
    }


STANDARD = [
    ("standard_webhooks", "webhook", {}),
    ("standard_webhooks", "svix", {}),
    ("gitlab", "webhook", {"auth": "signature"}),
    ("wordpress", "webhook", {}),
]


@pytest.mark.parametrize(("kind", "brand", "config"), STANDARD)
async def test_what_the_library_of_standard_webhooks_signs_is_genuine(room, kind, brand, config):
    add_source(room, "cms", kind, secret=SECRET, **config)
    body = '{"type": "post.published", "data": {"title": "Grüße", "url": "https://example.com/a"}}'.encode()
    sent = Sent(body=body, headers=by_library(body, brand), path="/hooks/cms", at=NOW)
    rotated = by_library(body, brand, "whsec_" + b64(b"another key"))[f"{brand}-signature"]
    other = {**sent.headers, f"{brand}-signature": f"{rotated} v1a,AAAA"}

    problem(await post(room.public, replace(sent, headers=other), {}), 401, "not_verified")
    problem(await post(room.public, replace(sent, body=body + b" "), {}), 401, "not_verified")
    assert await events(room, "cms") == []
    both = {**other, f"{brand}-signature": f"{other[f'{brand}-signature']} {sent.headers[f'{brand}-signature']}"}
    assert (await post(room.public, replace(sent, headers=both), {})).status_code == 200
    if kind == "standard_webhooks":
        [event] = await events(room, "cms")
        assert (event["key"], event["posts"][0]["content"]["title"]) == ("key:msg_1", "Grüße")


def an_event(**attributes: Any) -> CloudEvent:
    named = {
        "id": "1", "source": "/blog/ä", "type": "com.example.post.published", "specversion": "1.0",
        "datacontenttype": "application/json", "time": NOW, "subject": 'Grüße % "x"',
    }  # fmt: skip
    return CloudEvent(named | attributes, {"title": "Grüße", "url": "https://example.com/a", "tags": ["a", "b"]})


def as_sent(message: HTTPMessage, **more: Any) -> Sent:
    headers = {**message.headers, "Authorization": f"Bearer {SECRET}"}
    body = message.body.encode() if isinstance(message.body, str) else message.body
    return replace(Sent(body=body, headers=headers, path="/hooks/cms", at=NOW), **more)


@pytest.mark.parametrize("make", [to_binary_event, to_structured_event])
async def test_what_the_sdk_of_cloudevents_sends_is_taken(room, make):
    add_source(room, "cms", "cloudevents", secret=SECRET, caption="{{ title }} {{ raw.subject }}")
    first = await post(room.public, as_sent(make(an_event())), {})
    again = await post(room.public, as_sent(make(an_event())), {})

    assert (first.status_code, again.status_code) == (202, 202)
    assert [one.json()["duplicate"] for one in (first, again)] == [False, True]
    [event] = await events(room, "cms")
    assert (event["key"], event["intent"]) == ("key:/blog/ä#1", "publish")
    content = event["posts"][0]["content"]
    assert (content["title"], content["tags"]) == ("Grüße", ["a", "b"])
    assert content["caption"] == 'Grüße Grüße % "x"'


@pytest.mark.parametrize("change", [{"headers": {}}, {"headers": {"Authorization": "Bearer other"}}])
async def test_an_event_without_its_token_is_refused(room, change):
    add_source(room, "cms", "cloudevents", secret=SECRET)
    sent = as_sent(to_structured_event(an_event()))
    headers = {name: value for name, value in sent.headers.items() if name != "Authorization"} | change["headers"]

    problem(await post(room.public, replace(sent, headers=headers), {}), 401, "not_verified")
    problem(
        await post(room.public, replace(sent, headers=headers, path="/hooks/cms?access_token=x"), {}),
        401,
        "not_verified",
    )
    assert await events(room, "cms") == []


async def test_the_token_in_the_address_counts_as_well(room):
    add_source(room, "cms", "cloudevents", secret=SECRET)
    sent = as_sent(to_binary_event(an_event()), path=f"/hooks/cms?access_token={SECRET}")
    headers = {name: value for name, value in sent.headers.items() if name != "Authorization"}

    assert (await post(room.public, replace(sent, headers=headers), {})).status_code == 202


async def test_a_batch_is_an_event_for_each(room):
    add_source(room, "cms", "cloudevents", secret=SECRET)
    listed = [orjson.loads(to_structured_event(an_event(id=str(number))).body) for number in range(3)]
    kind = {"content-type": "application/cloudevents-batch+json"}
    sent = as_sent(HTTPMessage(headers=kind, body=orjson.dumps(listed)))

    answer = await post(room.public, sent, {})
    assert (answer.status_code, len(answer.json()["events"])) == (202, 3)
    assert [event["key"] for event in await events(room, "cms")] == [f"key:/blog/ä#{number}" for number in range(3)]
    empty = await post(room.public, replace(sent, body=b"[]"), {})
    assert (empty.status_code, empty.content) == (204, b"")
