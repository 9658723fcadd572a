"""Endpoints and deliveries over HTTP: what was told to whom, and telling it again."""

from dataclasses import replace

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import WorkState, Write
from bridge.web import deliveries
from tests.web.room import problem

pytestmark = pytest.mark.anyio


async def disable(room, reason=FailureReason.GONE):
    endpoint = (await room.web.store.endpoints())["ops"]
    off = replace(endpoint, enabled=False, reason=reason, version=endpoint.version + 1)
    assert await room.web.store.record([Write(endpoints=(off,), kill_deliveries_of=("ops",))]) == [True]


async def test_endpoints_are_listed_without_what_is_secret_in_their_address(room):
    [endpoint] = (await room.get("/v1/endpoints"))["items"]

    assert (endpoint["name"], endpoint["enabled"], endpoint["events"]) == ("ops", True, ["*"])
    assert endpoint["url"] == "https://ops.example.com/hook?[redacted]"


async def test_deliveries_are_listed_and_filtered(room):
    await room.published()

    listed = (await room.get("/v1/deliveries?endpoint=ops&state=due&type=post.pending"))["items"]

    assert [(item["type"], item["endpoint"], item["subject"]["kind"]) for item in listed] == [
        ("post.pending", "ops", "post")
    ]
    assert (await room.get("/v1/deliveries?endpoint=nobody"))["items"] == []
    problem(await room.call("GET", "/v1/deliveries?state=lost&type=post.lost"), 422, "invalid_request")


async def test_a_delivery_shows_its_event_and_every_attempt(room):
    await room.published()
    await room.fail_deliveries()
    listed = (await room.get("/v1/deliveries"))["items"]

    shown = await room.get(f"/v1/deliveries/{listed[0]['id']}")

    assert (shown["state"], shown["reason"]) == ("dead", "exhausted")
    assert [attempt["status"] for attempt in shown["tries"]] == [500]
    assert shown["told"]["body"]["type"] == shown["type"] == "post.pending"
    assert shown["told"]["body"]["data"]["current"] == "pending"


async def test_a_dead_delivery_is_sent_again(room):
    await room.published()
    await room.fail_deliveries()
    delivery = (await room.get("/v1/deliveries"))["items"][0]["id"]

    answer = await room.call("POST", f"/v1/deliveries/{delivery}/replay", "admin")

    assert (answer.status_code, answer.json()) == (202, {"replayed": 1})
    assert (await room.get(f"/v1/deliveries/{delivery}"))["state"] == "due"
    problem(await room.call("POST", f"/v1/deliveries/{delivery}/replay", "admin"), 409, "not_settled")


async def test_an_unknown_delivery_is_not_found(room):
    problem(await room.call("GET", "/v1/deliveries/dlv_nobody"), 404, "no_such_delivery")
    problem(await room.call("POST", "/v1/deliveries/dlv_nobody/replay", "admin"), 404, "no_such_delivery")


async def test_dead_deliveries_of_a_filter_are_sent_again(room):
    for number in range(3):
        await room.published(caption=f"number {number}")
    died = await room.fail_deliveries()

    none = await room.call("POST", "/v1/deliveries/replay", "admin", json={"type": "post.failed"})
    everything = await room.call("POST", "/v1/deliveries/replay", "admin", json={"endpoint": "ops"})
    nothing_left = await room.call("POST", "/v1/deliveries/replay", "admin")

    assert [answer.json()["replayed"] for answer in (none, everything, nothing_left)] == [0, died, 0]
    assert died == 3


@pytest.mark.parametrize("state", ["dead", "done"])
async def test_a_replay_goes_through_page_by_page_and_takes_each_once(room, monkeypatch, state):
    monkeypatch.setattr(deliveries, "_AT_ONCE", 2)
    for number in range(5):
        await room.published(caption=f"number {number}")
    died = await room.settle_deliveries(WorkState(state))

    answer = await room.call("POST", "/v1/deliveries/replay", "admin", json={"state": state})

    assert (answer.json(), died) == ({"replayed": died}, 5)


async def test_a_bad_filter_of_a_replay_is_refused_with_every_fault(room):
    body = {"endpoint": 7, "state": "due", "type": "post.lost", "since": "monday", "colour": "red"}

    answer = await room.call("POST", "/v1/deliveries/replay", "admin", json=body)

    faults = {fault["field"] for fault in problem(answer, 422, "invalid_request")["errors"]}
    assert faults == set(body)


async def test_nothing_is_sent_again_to_a_disabled_endpoint(room):
    await room.published()
    await disable(room)
    delivery = (await room.get("/v1/deliveries"))["items"][0]["id"]

    for path in (f"/v1/deliveries/{delivery}/replay", "/v1/deliveries/replay"):
        answer = await room.call("POST", path, "admin", json={"endpoint": "ops"})
        assert problem(answer, 409, "endpoint_disabled")["reason"] == "gone"


async def test_an_endpoint_is_enabled_and_says_what_waits(room):
    await room.published()
    await disable(room)

    answer = await room.call("POST", "/v1/endpoints/ops/enable", "admin")

    told = answer.json()
    assert answer.status_code == 200
    assert (told["endpoint"]["enabled"], told["replayed"], told["waiting"]) == (True, 0, 1)


async def test_an_endpoint_is_enabled_with_what_it_missed(room):
    await room.published(caption="worn out")
    await room.fail_deliveries(FailureReason.EXHAUSTED)
    await room.published(caption="missed")
    await disable(room)

    answer = await room.call("POST", "/v1/endpoints/ops/enable", "admin", json={"replay": True})

    assert (answer.json()["replayed"], answer.json()["waiting"]) == (1, 0)
    states = [item["state"] for item in (await room.get("/v1/deliveries"))["items"]]
    assert sorted(states) == ["dead", "due"]


async def test_enabling_what_is_not_there_or_not_understood_is_refused(room):
    problem(await room.call("POST", "/v1/endpoints/nobody/enable", "admin"), 404, "no_such_endpoint")
    answer = await room.call("POST", "/v1/endpoints/ops/enable", "admin", json={"replay": "yes", "now": True})
    assert len(problem(answer, 422, "invalid_request")["errors"]) == 2


async def test_a_restricted_token_sees_only_deliveries_of_its_accounts(room):
    await room.published(accounts=["brand-tiktok"])
    await room.published(accounts=["other-x"], media=None)
    await room.lose_account()

    listed = (await room.get("/v1/deliveries?limit=1", "brand"))["items"]
    everything = (await room.get("/v1/deliveries"))["items"]
    own = (await room.get("/v1/deliveries", "brand"))["items"]

    assert len(listed) == 1
    assert [item["type"] for item in everything if item not in own] == ["post.pending"]
    hidden = next(item["id"] for item in everything if item not in own)
    problem(await room.call("GET", f"/v1/deliveries/{hidden}", "brand"), 404, "no_such_delivery")
