"""Deliveries over HTTP: what was told to whom, how that went, and sending one of them again."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, AttemptOutcome, Lane, WorkState, Write
from bridge.core.queries import Rooms
from bridge.ports import Settled, Settlement
from tests.web.room import problem

pytestmark = pytest.mark.anyio


async def disable(room, reason=FailureReason.GONE):
    endpoint = (await room.web.store.endpoints())["ops"]
    off = replace(endpoint, enabled=False, reason=reason, version=endpoint.version + 1)
    assert await room.web.store.record([Write(endpoints=(off,), kill_deliveries_of=("ops",))]) == [True]


async def listed(room, query="", token="zapier"):
    return (await room.get(f"/v1/deliveries?{query}", token))["items"]


async def test_deliveries_are_listed_and_filtered(room):
    await room.published()

    found = await listed(room, "endpoint=ops&state=due&type=post.pending")

    assert [(item["type"], item["endpoint"], item["subject"]["kind"]) for item in found] == [
        ("post.pending", "ops", "post")
    ]
    assert await listed(room, "endpoint=nobody") == []
    problem(await room.call("GET", "/v1/deliveries?state=lost&type=post.lost&reason=tired"), 422, "invalid_request")


async def test_deliveries_are_found_by_what_they_tell_of(room):
    post = await room.published(accounts=["brand-tiktok"])
    await room.published(accounts=["brand-youtube"])
    await room.fail_deliveries()

    for query in (
        "account=brand-tiktok",
        f"subject={post['id']}",
        f"subject=post:{post['id']}",
        f"event_id={post['event_id']}",
        f"source=api&partner=genviral&reason=exhausted&subject={post['id']}",
    ):
        assert [item["subject"]["id"] for item in await listed(room, query)] == [post["id"]], query
    assert await listed(room, "reason=gone") == await listed(room, "account=brand") == []


async def test_deliveries_are_found_by_when_they_were_made(room):
    first = await room.published(caption="first")
    room.clock.advance(hours=1)
    since = room.clock().isoformat().replace("+00:00", "Z")
    second = await room.published(caption="second")

    assert [item["subject"]["id"] for item in await listed(room, f"since={since}")] == [second["id"]]
    assert [item["subject"]["id"] for item in await listed(room, f"until={since}")] == [first["id"]]


async def test_a_delivery_shows_its_event_and_every_attempt(room):
    await room.published()
    [claimed] = await room.web.store.claim_deliveries(room.clock(), Lane.FIRST, Rooms(9, 9), timedelta(minutes=1))
    one, started = claimed.delivery, room.clock()
    failed = Attempt(
        subject_id=one.id,
        number=one.calls,
        post_id=None,
        started_at=started,
        outcome=AttemptOutcome.FAILED,
        finished_at=started + timedelta(seconds=1.25),
        status=500,
        reason=FailureReason.SERVER_ERROR,
        answer={"body": "no"},
    )
    dead = {"state": WorkState.DEAD, "reason": FailureReason.EXHAUSTED, "settled_at": started}
    settled = Settlement(replace(one, attempts=1, version=one.version + 1, **dead), failed)
    assert await room.web.store.settle([settled]) == [Settled.KEPT]

    shown = await room.get(f"/v1/deliveries/{one.id}")

    assert (shown["state"], shown["reason"], shown["attempts"], shown["calls"]) == ("dead", "exhausted", 1, 1)
    [tried] = shown["tries"]
    assert tried == {
        "number": 1,
        "started_at": "2025-01-20T12:00:00Z",
        "finished_at": "2025-01-20T12:00:01.250000Z",
        "duration_s": 1.25,
        "outcome": "failed",
        "status": 500,
        "reason": "server_error",
        "detail": None,
        "response": "no",
    }
    assert shown["told"]["body"]["type"] == shown["type"] == "post.pending"
    assert shown["told"]["body"]["data"]["current"] == "pending"


async def test_an_attempt_that_has_not_ended_has_no_duration(room):
    await room.published()
    [claimed] = await room.web.store.claim_deliveries(room.clock(), Lane.FIRST, Rooms(9, 9), timedelta(minutes=1))

    [tried] = (await room.get(f"/v1/deliveries/{claimed.delivery.id}"))["tries"]

    assert (tried["outcome"], tried["duration_s"], tried["response"]) == ("started", None, None)


async def test_a_dead_delivery_is_sent_again(room):
    await room.published()
    await room.fail_deliveries()
    delivery = (await listed(room))[0]["id"]

    answer = await room.call("POST", f"/v1/deliveries/{delivery}/replay", "admin")

    assert (answer.status_code, answer.json()) == (202, {"replayed": 1})
    assert (await room.get(f"/v1/deliveries/{delivery}"))["state"] == "due"
    assert b"bridge_deliveries_replayed_total 1.0" in room.web.metrics.render()
    again = await room.call("POST", f"/v1/deliveries/{delivery}/replay", "admin")
    assert problem(again, 409, "not_settled")["state"] == "due"


async def test_an_unknown_delivery_is_not_found(room):
    problem(await room.call("GET", "/v1/deliveries/dlv_nobody"), 404, "no_such_delivery")
    problem(await room.call("POST", "/v1/deliveries/dlv_nobody/replay", "admin"), 404, "no_such_delivery")


async def test_nothing_is_sent_again_to_a_disabled_endpoint(room):
    await room.published()
    await disable(room)
    delivery = (await listed(room))[0]["id"]

    answer = await room.call("POST", f"/v1/deliveries/{delivery}/replay", "admin")

    assert problem(answer, 409, "endpoint_disabled")["reason"] == "gone"


async def test_a_restricted_token_sees_only_deliveries_of_its_accounts(room):
    await room.published(accounts=["brand-tiktok"])
    await room.published(accounts=["other-x"], media=None)
    await room.lose_account()

    everything, own = await listed(room), await listed(room, "", "brand")

    assert len(await listed(room, "limit=1", "brand")) == 1
    seen = {item["id"] for item in own}
    assert [item["type"] for item in everything if item["id"] not in seen] == ["post.pending"]
    hidden = next(item["id"] for item in everything if item["id"] not in seen)
    problem(await room.call("GET", f"/v1/deliveries/{hidden}", "brand"), 404, "no_such_delivery")


async def test_a_restricted_token_sends_nothing_again(room):
    await room.published(accounts=["brand-tiktok"])
    await room.fail_deliveries()
    delivery = (await listed(room))[0]["id"]

    for path in (f"/v1/deliveries/{delivery}/replay", "/v1/deliveries/replay"):
        answer = await room.call("POST", path, "brand-admin", json={"all": True})
        problem(answer, 403, "account_not_allowed")


async def test_a_restricted_token_learns_nothing_of_an_endpoint_that_is_not_its_own(room):
    post = await room.published(accounts=["brand-tiktok"])
    await room.fail_deliveries()
    [whole] = await listed(room)

    [row] = await listed(room, "", "brand")
    one = await room.get(f"/v1/deliveries/{row['id']}", "brand")
    told = await room.get(f"/v1/posts/{post['id']}", "brand")

    assert (row["endpoint"], one["endpoint"], one["tries"], one["told"]["body"] is None) == (None, None, [], False)
    assert row == whole | {"endpoint": None}
    assert await listed(room, "endpoint=ops", "brand") == await listed(room, "endpoint=none", "brand") == []
    [entry] = [entry for entry in told["timeline"] if entry["kind"] == "delivery"]
    assert (entry["endpoint"], entry["attempts"]) == (None, [])
    [entry] = [
        entry
        for post in (await room.get(f"/v1/events/{post['event_id']}", "brand"))["posts"]
        for entry in post["timeline"]
        if entry["kind"] == "delivery"
    ]
    assert (entry["endpoint"], entry["attempts"]) == (None, [])


async def own_endpoint(room, name="mine", token="brand-admin"):
    body = {"name": name, "url": "https://mine.example.com/hook"}
    assert (await room.call("POST", "/v1/endpoints", token, json=body)).status_code == 201


async def test_a_restricted_token_sees_all_of_its_own_endpoints_deliveries(room):
    await own_endpoint(room)
    await room.published(accounts=["brand-tiktok"])
    tested = (await room.call("POST", "/v1/endpoints/mine/test", "brand-admin")).json()["delivery"]["id"]
    await room.fail_deliveries()

    found = await listed(room, "endpoint=mine", "brand-admin")

    assert {(item["type"], item["endpoint"]) for item in found} == {("webhook.test", "mine"), ("post.pending", "mine")}
    for item in found:
        assert len((await room.get(f"/v1/deliveries/{item['id']}", "brand-admin"))["tries"]) == 1
    problem(await room.call("GET", f"/v1/deliveries/{tested}", "brand"), 404, "no_such_delivery")


async def test_what_the_former_endpoint_of_a_name_got_is_not_the_new_ones(room):
    await own_endpoint(room, "team", "admin")
    await room.published(accounts=["brand-tiktok"])
    await room.published(accounts=["other-x"], media=None)
    await room.settle_deliveries(WorkState.DONE)
    assert (await room.call("DELETE", "/v1/endpoints/team", "admin")).status_code == 204
    old = await listed(room, "endpoint=team", "admin")
    room.clock.advance(minutes=5)
    await own_endpoint(room, "team")

    assert len(old) == 2
    assert await listed(room, "endpoint=team", "brand-admin") == []
    for item in old:
        answer = await room.call("POST", f"/v1/deliveries/{item['id']}/replay", "admin")
        assert "was deleted" in problem(answer, 404, "no_such_endpoint")["detail"]
