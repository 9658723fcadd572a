"""Scripted bad days of PostEverywhere, as a client in process meets them."""

import httpx
import pytest

from bridge.simulator.posteverywhere import PostEverywhereSimulator, X

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("kind", "status", "code", "retryable"),
    [
        ("unauthorized", 401, "unauthorized", False),
        ("plan_lapsed", 402, "subscription_required", False),
        ("forbidden", 403, "insufficient_scope", False),
        ("tier_not_allowed", 403, "quota_exceeded", False),
        ("rate_limited", 429, "rate_limit_exceeded", True),
        ("server_error", 500, "internal_error", True),
        ("unavailable", 503, "service_unavailable", True),
    ],
)
async def test_a_refusal_comes_as_often_as_scripted_and_stores_nothing(pe, kind, status, code, retryable):
    pe.sim.fault(kind, "create", times=2)
    answers = [await pe.create() for _ in range(3)]
    assert [one.status_code for one in answers] == [status, status, 201]
    error = answers[0].json()["error"]
    assert (error["code"], error["retryable"]) == (code, retryable)
    assert len(pe.sim.world.posts) == 1


@pytest.mark.parametrize(("details", "header"), [({"retry_after": 7}, "7"), ({}, None)])
async def test_a_scripted_429_says_how_long_or_not(pe, details, header):
    pe.sim.fault("rate_limited", **details)
    answer = await pe.client.get("/posts")
    assert (answer.headers.get("retry-after"), answer.headers["x-ratelimit-remaining"]) == (header, "0")


@pytest.mark.parametrize(("kind", "status"), [("html_502", 502), ("empty", 200)])
async def test_an_answer_may_be_no_json(pe, kind, status):
    pe.sim.fault(kind, "create")
    answer = await pe.create()
    assert (answer.status_code, len(pe.sim.world.posts)) == (status, 0)
    with pytest.raises(ValueError, match="Expecting value"):
        answer.json()


@pytest.mark.parametrize(("kind", "stored"), [("dropped", 0), ("stored_then_dropped", 1)])
async def test_a_lost_answer_to_a_create_and_its_repeat_may_make_two_posts(pe, kind, stored):
    pe.sim.fault(kind, "create")
    with pytest.raises(httpx.RemoteProtocolError):
        await pe.create()
    assert len(pe.sim.posts_with("Holiday drops")) == stored
    await pe.created()
    assert len(pe.sim.posts_with("Holiday drops")) == stored + 1
    entries = pe.sim.journal.of("create")
    assert [(one.status, one.worked, one.fault) for one in entries] == [(None, stored == 1, kind), (201, True, None)]


@pytest.mark.parametrize("kind", ["html_502", "server_error", "unavailable"])
async def test_an_error_after_the_work_hides_a_post(pe, kind):
    pe.sim.fault(kind, "create", after=True)
    assert (await pe.create()).status_code >= 500
    assert len(pe.sim.world.posts) == 1


async def test_extra_fields_and_unknown_words_are_only_shown(pe):
    post_id = await pe.created(X)
    pe.sim.fault("extra_fields", "get", fields={"new": 1})
    pe.sim.fault("unknown_status", "results", word="simmering")
    answer = (await pe.client.get(f"/posts/{post_id}")).json()
    assert answer["new"] == answer["data"]["new"] == answer["data"]["destinations"][0]["new"] == 1
    assert [(await pe.rows(post_id))[X]["status"] for _ in range(2)] == ["simmering", "queued"]


async def test_a_fault_hits_only_the_content_and_key_it_names(pe):
    pe.sim.fault("server_error", match="bad day", key="pe_live_01234567", times=-1)
    good, bad = await pe.create(content="A good day"), await pe.create(content="A bad day")
    assert (good.status_code, bad.status_code) == (201, 500)
    post_id = pe.sim.seed_post("published", content="A bad day").id
    assert (await pe.client.get(f"/posts/{post_id}/results")).status_code == 500


async def test_a_raw_answer_is_sent_as_it_is(pe):
    pe.sim.fault("answer", status=418, body="tea", headers={"x-why": "test"})
    answer = await pe.client.get("/me")
    assert (answer.status_code, answer.text, answer.headers["x-why"]) == (418, "tea", "test")


async def test_a_slow_call_still_does_its_work(pe):
    pe.sim.fault("slow", "create", delay_s=0.001)
    assert (await pe.create()).status_code == 201


async def test_the_same_seed_and_calls_give_the_same_ids(pe):
    again = PostEverywhereSimulator(now=pe.clock)
    assert pe.sim.world.new_uuid() == again.world.new_uuid()


async def test_a_switch_that_is_unknown_is_refused(pe):
    for wrong in ({"contract": "v9"}, {"shapes": "round"}):
        with pytest.raises(ValueError, match="must be one of"):
            PostEverywhereSimulator(**wrong)
