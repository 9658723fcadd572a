"""Scripted faults, as a client in process meets them."""

from email.utils import parsedate_to_datetime

import httpx
import pytest

from bridge.simulator.faults import Fault
from bridge.simulator.genviral import TIKTOK

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("unauthorized", 401, "invalid_token"),
        ("plan_lapsed", 402, "subscription_required"),
        ("tier_not_allowed", 403, "tier_not_allowed"),
        ("hosted_subscription_required", 403, "subscription_required"),
        ("rate_limited", 429, "rate_limited"),
        ("server_error", 500, "create_failed"),
    ],
)
async def test_a_refusal_comes_as_often_as_scripted_and_stores_nothing(partner, kind, status, code):
    partner.sim.fault(kind, "create", times=2)
    answers = [await partner.create() for _ in range(3)]
    assert [one.status_code for one in answers] == [status, status, 201]
    assert answers[0].json()["error_code"] == code
    assert len(partner.sim.world.posts) == 1


async def test_retry_after_is_seconds_or_a_date_or_absent(partner):
    for details in ({"retry_after": 30}, {"retry_after": 30, "as_date": True}, {}):
        partner.sim.fault("rate_limited", **details)
    seconds, date, none = [(await partner.client.get("/posts")).headers.get("retry-after") for _ in range(3)]
    assert (seconds, none) == ("30", None)
    assert round((parsedate_to_datetime(date) - partner.clock.at).total_seconds()) == 30


@pytest.mark.parametrize(("kind", "status"), [("html_502", 502), ("empty", 200)])
async def test_an_answer_may_be_no_json(partner, kind, status):
    partner.sim.fault(kind)
    answer = await partner.client.get("/posts")
    assert answer.status_code == status
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


async def test_partial_really_retries_part_and_says_which(partner):
    posts = [partner.sim.seed_post("failed", accounts=[TIKTOK]) for _ in range(3)]
    partner.sim.fault("partial", "retry", done=2)
    answer = await partner.client.post("/posts/retry", json={"post_ids": [post.id for post in posts]})
    assert (answer.status_code, answer.json()["ok"], answer.json()["error_code"]) == (500, False, "retry_failed")
    assert answer.json()["data"]["ids"] == [post.id for post in posts[:2]]
    assert [post.status for post in posts] == ["retry", "retry", "failed"]


async def test_partial_really_deletes_part_and_says_which(partner):
    ids = [partner.sim.seed_post("failed", accounts=[TIKTOK]).id for _ in range(2)]
    partner.sim.fault("partial", "delete")
    answer = await partner.client.post("/posts/delete", json={"postIds": ids})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "bulk_delete_failed")
    assert answer.json()["data"]["deletedIds"] == ids[:1]
    assert list(partner.sim.world.posts) == ids[1:]


@pytest.mark.parametrize(("kind", "stored"), [("dropped", 0), ("stored_then_dropped", 1)])
async def test_a_cut_connection_is_a_transport_error_in_process_too(partner, kind, stored):
    partner.sim.fault(kind, "create")
    with pytest.raises(httpx.RemoteProtocolError):
        await partner.create(external_id="order-1")
    assert len(partner.sim.world.posts) == stored
    assert (await partner.create(external_id="order-1")).status_code == (200 if stored else 201)


async def test_a_fault_after_the_work_is_a_lost_answer(partner):
    partner.sim.fault("server_error", "create", after=True)
    assert (await partner.create()).status_code == 500
    assert len(partner.sim.world.posts) == 1


async def test_extra_fields_appear_everywhere(partner):
    post_id = await partner.created()
    partner.sim.fault("extra_fields", "get", fields={"new": 1})
    answer = (await partner.client.get(f"/posts/{post_id}")).json()
    assert answer["new"] == answer["data"]["new"] == answer["data"]["accounts"]["states"][0]["new"] == 1


async def test_an_unknown_status_is_only_shown_not_stored(partner):
    post_id = await partner.created()
    partner.sim.fault("unknown_status", "get", word="simmering")
    assert [(await partner.read(post_id))["status"] for _ in range(2)] == ["simmering", "pending"]


async def test_a_raw_answer_is_sent_as_it_is(partner):
    partner.sim.fault("answer", status=503, body="busy", headers={"x-why": "test"})
    answer = await partner.client.get("/posts")
    assert (answer.status_code, answer.text, answer.headers["x-why"]) == (503, "busy", "test")


async def test_a_slow_call_still_does_its_work(partner):
    partner.sim.fault("slow", "create", delay_s=0.02)
    assert (await partner.create()).status_code == 201


async def test_a_fault_hits_only_the_operation_caption_and_key_it_names(partner):
    partner.sim.fault("server_error", "create", match="bad day", key="gva_live_demo")
    partner.sim.fault("server_error", "list", key="gva_live_other")
    assert (await partner.client.get("/posts")).status_code == 200
    assert (await partner.create(caption="A good day")).status_code == 201
    assert (await partner.create(caption="A bad day")).status_code == 500


async def test_a_get_is_matched_by_the_caption_of_its_post(partner):
    post_id = await partner.created(caption="A bad day")
    partner.sim.fault("server_error", "get", match="bad day", times=-1)
    answers = [(await partner.client.get(f"/posts/{post_id}")).status_code for _ in range(3)]
    assert answers == [500, 500, 500]


async def test_chance_is_seeded(partner):
    partner.sim.fault("server_error", "list", times=-1, chance=0.5)
    codes = [(await partner.client.get("/posts")).status_code for _ in range(20)]
    assert set(codes) == {200, 500}


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="hiccup"):
        Fault("hiccup")


async def test_the_journal_tells_every_call_in_order_and_no_secret(partner):
    partner.sim.fault("stored_then_dropped", "create")
    with pytest.raises(httpx.RemoteProtocolError):
        await partner.create(external_id="order-1")
    await partner.create(external_id="order-1")
    await partner.client.get("/accounts", headers={"authorization": "Bearer gva_live_x.simulator-secret"})
    entries = list(partner.sim.journal)
    assert [(one.operation, one.status, one.key) for one in entries] == [
        ("create", None, "gva_live_demo"),
        ("create", 200, "gva_live_demo"),
        ("accounts", 401, None),
    ]
    assert entries[0].post_id == entries[1].post_id
    assert entries[1].duplicate
    assert "simulator-secret" not in str([one.render() for one in entries])
