"""Events over HTTP: what came in, and who may see it."""

from dataclasses import replace

import pytest
from jsonschema import Draft202012Validator

from bridge.core.model import Message, Write
from bridge.ports import Acceptance
from tests.web.room import NOW, problem

pytestmark = pytest.mark.anyio

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


async def test_an_event_shows_its_posts_with_their_timelines(room):
    made = (await room.publish(external_id="mine")).json()

    shown = await room.get(f"/v1/events/{made['event_id']}")

    assert (shown["status"], shown["external_id"], shown["intent"]) == ("accepted", "mine", "publish")
    assert shown["verified"] == {"by": "token", "name": "zapier"}
    assert shown["posts"][0]["timeline"][0]["kind"] == "received"
    assert "body" not in shown


async def test_only_an_admin_sees_the_body(room):
    made = (await room.publish()).json()

    assert "Holiday drops" in (await room.get(f"/v1/events/{made['event_id']}", "admin"))["body"]["text"]
    assert "body" not in await room.get(f"/v1/events/{made['event_id']}", "reader")


async def test_of_the_headers_an_admin_sees_what_tells_something(room):
    told = {"X-Vendor-Event": "post.saved", "X-Vendor-Signature": "hidden-in-query", "User-Agent": "Vendor/1"}
    body = {"caption": "Holiday drops", "media": "https://cdn.example.com/a.mp4", "accounts": ["brand-tiktok"]}
    made = (await room.call("POST", "/v1/publish", json=body, headers=told)).json()

    shown = await room.get(f"/v1/events/{made['event_id']}", "admin")
    assert shown["headers"] == {"x-vendor-event": "post.saved", "user-agent": "Vendor/1"}
    assert "headers" not in await room.get(f"/v1/events/{made['event_id']}", "reader")


async def test_a_body_that_is_no_text_is_shown_as_base64(room):
    form = "caption=one&accounts=brand-tiktok&media=https%3A%2F%2Fcdn.example.com%2Fa.mp4"
    made = (await room.call("POST", "/v1/publish", content=form, headers=FORM)).json()
    event, _ = await room.web.store.event(made["event_id"])
    odd = replace(event, id="evt_odd", key=None, body=b"\xff\x00", scope="token:brand")
    await room.web.store.accept([Acceptance(odd, Write())], event.received_at)

    assert (await room.get("/v1/events/evt_odd", "admin"))["body"] == {"base64": "/wA="}
    assert (await room.get("/v1/events/evt_odd"))["status"] == "none"


async def test_what_made_no_post_is_shown_to_a_restricted_token_that_sent_it(room):
    made = (await room.publish()).json()
    event, _ = await room.web.store.event(made["event_id"])
    for name in ("brand", "zapier"):
        lone = replace(event, id=f"evt_of_{name}", key=None, scope=f"token:{name}")
        await room.web.store.accept([Acceptance(lone, Write())], event.received_at)

    listed = (await room.get("/v1/events", "brand"))["items"]

    assert {event["id"] for event in listed} == {"evt_of_brand", made["event_id"]}


async def test_an_event_shows_the_messages_that_follow_it_and_nothing_that_answers_there(room):
    made = (await room.publish()).json()
    secrets = {"address": "https://chat.example.com/s3cret", "execution": "run-1"}
    told = {"channel": "C1", "user": "U1", **secrets}
    follows = [Message("rpl_1", made["event_id"], "team", "reply", NOW, **told), bare(made["event_id"], "rpl_2")]
    await room.web.store.record([Write(messages=tuple(follows))])

    shown = (await room.get(f"/v1/events/{made['event_id']}"))["messages"]

    where = {"source": "team", "kind": "reply", "endpoint": "reply:team", "created_at": shown[0]["created_at"]}
    assert shown == [
        {"id": "rpl_1", "channel": "C1", "user": "U1", **where},
        {"id": "rpl_2", "channel": None, "user": None, **where},
    ]


def bare(event_id, message_id):
    return Message(message_id, event_id, "team", "reply", NOW)


async def test_events_are_filtered(room):
    await room.publish(caption="now")
    await room.publish(caption="later", scheduled_at="2025-02-01T10:00:00Z")

    listed = await room.get("/v1/events?intent=schedule&source=api&account=brand-tiktok")

    assert [event["request"]["caption"] for event in listed["items"]] == ["later"]
    assert listed["next"] is None


async def test_a_bad_filter_is_refused(room):
    problem(await room.call("GET", "/v1/events?intent=shout"), 422, "invalid_request")


async def test_a_restricted_token_sees_only_events_of_its_accounts(room):
    ids = [
        (await room.publish(accounts=[name], caption=name)).json()["event_id"] for name in ("other-x", "brand-tiktok")
    ]

    listed = await room.get("/v1/events", "brand")

    assert [event["id"] for event in listed["items"]] == ids[1:]
    problem(await room.call("GET", f"/v1/events/{ids[0]}", "brand"), 404, "no_such_event")


async def test_an_unknown_event_is_not_found(room):
    problem(await room.call("GET", "/v1/events/evt_nobody"), 404, "no_such_event")


async def test_every_type_of_event_is_explained(room):
    types = {item["type"]: item for item in (await room.get("/v1/event-types"))["items"]}

    assert types["post.posted"]["description"] == "The post is live on every account."
    assert (types["post.posted"]["family"], types["post.posted"]["since"]) == ("post", "0.1")
    assert len(types) > 30
    for item in types.values():
        Draft202012Validator(item["schema"]).validate(item["example"])
