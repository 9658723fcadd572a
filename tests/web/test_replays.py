"""Replays over HTTP: jobs that send many deliveries again, and how far they are."""

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Endpoint, WorkState, Write
from tests.web.room import problem
from tests.web.test_deliveries import disable, listed

pytestmark = pytest.mark.anyio


async def ask(room, token="admin", **fields):
    return await room.call("POST", "/v1/deliveries/replay", token, json=fields)


async def dead_letters(room, count=3):
    for number in range(count):
        await room.published(caption=f"number {number}")
    assert await room.fail_deliveries() == count
    room.clock.advance(minutes=1)


async def test_dead_letters_of_a_filter_are_sent_again_by_a_job(room):
    await dead_letters(room)

    answer = await ask(room, endpoint="ops", reason="exhausted")

    job = answer.json()
    assert (answer.status_code, answer.headers["location"]) == (202, f"/v1/replays/{job['id']}")
    assert (job["state"], job["total"], job["sent"], job["by"]) == ("running", 3, 0, "admin")
    assert job["filter"] == {"endpoint": "ops", "reason": "exhausted", "state": "dead"}
    assert await room.web.replayer.tick() == 3
    await room.web.replayer.tick()
    done = await room.get(f"/v1/replays/{job['id']}")
    assert (done["state"], done["sent"], done["ended_at"] is not None) == ("done", 3, True)
    assert {item["state"] for item in await listed(room)} == {"due"}


@pytest.mark.parametrize(
    ("fields", "total"),
    [
        ({"type": "post.failed"}, 0),
        ({"type": "post.pending"}, 3),
        ({"partner": "genviral", "source": "api"}, 3),
        ({"source": "blog"}, 0),
        ({"reason": "gone"}, 0),
        ({"state": "done"}, 0),
        ({"since": "2025-01-20T11:00:00Z"}, 3),
        ({"until": "2025-01-20T11:00:00Z"}, 0),
        ({"all": True}, 3),
    ],
)
async def test_every_filter_counts(room, fields, total):
    await dead_letters(room)

    job = (await ask(room, **fields)).json()

    assert (job["total"], job["state"]) == (total, "running" if total else "done")
    assert await room.web.replayer.tick() == total


async def test_what_was_delivered_is_sent_again_when_it_is_asked_for(room):
    await room.published()
    await room.settle_deliveries(WorkState.DONE)
    room.clock.advance(minutes=1)

    assert (await ask(room, endpoint="ops", state="done")).json()["total"] == 1
    assert await room.web.replayer.tick() == 1


async def test_an_endpoint_that_is_new_gets_what_it_missed(room):
    await room.published(caption="before it was there")
    room.clock.advance(minutes=1)
    await room.web.store.record([Write(endpoints=(Endpoint("late", "https://late.example.com/hook", ("post.*",)),))])
    assert await listed(room, "endpoint=late") == []

    job = (await ask(room, endpoint="late", missed_since="2025-01-20T00:00:00Z")).json()

    assert (job["total"], job["filter"]) == (1, {"endpoint": "late", "missed_since": "2025-01-20T00:00:00+00:00"})
    assert await room.web.replayer.tick() == 1
    assert [item["type"] for item in await listed(room, "endpoint=late")] == ["post.pending"]


async def test_a_filter_must_be_given_and_every_fault_is_named(room):
    body = {"endpoint": 7, "state": "due", "type": "post.lost", "since": "monday", "colour": "red"}

    faults = {fault["field"] for fault in problem(await ask(room, **body), 422, "invalid_request")["errors"]}

    assert faults == set(body)
    assert "all: true" in problem(await ask(room), 422, "invalid_request")["errors"][0]["remedy"]


async def test_no_job_begins_for_an_endpoint_that_takes_nothing(room):
    problem(await ask(room, endpoint="nobody"), 404, "no_such_endpoint")
    await disable(room)
    assert problem(await ask(room, endpoint="ops"), 409, "endpoint_disabled")["reason"] == "gone"
    assert (await room.get("/v1/replays"))["items"] == []


async def test_jobs_are_listed_newest_first_by_state_and_page_by_page(room):
    await dead_letters(room, 1)
    jobs = [(await ask(room, **fields)).json()["id"] for fields in ({"all": True}, {"source": "none"}, {"all": True})]

    first = await room.get("/v1/replays?limit=2")
    rest = await room.get(f"/v1/replays?limit=2&before={first['next']}")

    assert [job["id"] for job in [*first["items"], *rest["items"]]] == jobs[::-1]
    assert [job["id"] for job in (await room.get("/v1/replays?state=done"))["items"]] == [jobs[1]]
    assert (await room.get("/v1/replays?since=2030-01-01T00:00:00Z"))["items"] == []
    problem(await room.call("GET", "/v1/replays?state=due"), 422, "invalid_request")


async def test_a_job_is_stopped_and_what_it_made_due_stays(room):
    await dead_letters(room)
    job = (await ask(room, all=True)).json()["id"]

    for _ in range(2):
        answer = await room.call("DELETE", f"/v1/replays/{job}", "admin")
        stopped = answer.json()
        assert (answer.status_code, stopped["state"], stopped["detail"]) == (200, "stopped", "stopped by admin")
    assert await room.web.replayer.tick() == 0
    assert {item["state"] for item in await listed(room)} == {"dead"}


async def test_unknown_jobs_and_callers_without_the_scope_are_refused(room):
    problem(await room.call("GET", "/v1/replays/rpl_nobody"), 404, "no_such_replay")
    problem(await room.call("DELETE", "/v1/replays/rpl_nobody", "admin"), 404, "no_such_replay")
    problem(await ask(room, "zapier", all=True), 403, "scope")
    problem(await room.call("DELETE", "/v1/replays/rpl_nobody", "zapier"), 403, "scope")
    problem(await room.call("DELETE", "/v1/replays/rpl_nobody", "brand-admin"), 403, "account_not_allowed")


async def a_bound_endpoint(room, name="team"):
    body = {"name": name, "url": "https://team.example.com/hook"}
    assert (await room.call("POST", "/v1/endpoints", "brand-admin", json=body)).status_code == 201


async def test_a_name_that_is_made_again_inherits_nothing(room):
    body = {"name": "team", "url": "https://old.example.com/hook"}
    assert (await room.call("POST", "/v1/endpoints", "admin", json=body)).status_code == 201
    await room.published(accounts=["other-x"], media=None, caption="not for everybody")
    await room.fail_deliveries(FailureReason.GONE)
    await room.published(accounts=["other-x"], media=None, caption="nor is this")
    assert (await room.call("DELETE", "/v1/endpoints/team", "admin")).status_code == 204
    old = {item["id"]: item["state"] for item in await listed(room, "endpoint=team")}
    room.clock.advance(minutes=5)
    await a_bound_endpoint(room)

    enabled = await room.call("POST", "/v1/endpoints/team/enable", "brand-admin", json={})
    job = (await room.call("POST", "/v1/endpoints/team/enable", "brand-admin", json={"replay": True})).json()
    missed = await ask(room, endpoint="team", missed_since="2025-01-20T00:00:00Z")
    await ask(room, endpoint="team", state="dead")
    await room.web.replayer.tick()

    assert enabled.json()["waiting"] == 0
    assert (await room.get(f"/v1/replays/{job['replay']}", "brand-admin"))["total"] == missed.json()["total"] == 0
    assert (len(old), set(old.values())) == (2, {"dead"})
    assert {item["id"]: item["state"] for item in await listed(room, "endpoint=team")} == old
    stats = await room.get("/v1/endpoints/team/stats", "brand-admin")
    assert (set(stats["deliveries"].values()), stats["attempts"], stats["last_failure_at"]) == ({0}, {}, None)


async def test_a_new_endpoint_gets_what_only_the_former_one_of_its_name_got(room):
    await a_bound_endpoint(room)
    await room.published(accounts=["brand-tiktok"])
    await room.settle_deliveries(WorkState.DONE)
    assert (await room.call("DELETE", "/v1/endpoints/team", "brand-admin")).status_code == 204
    room.clock.advance(minutes=5)
    await a_bound_endpoint(room)

    job = (await ask(room, endpoint="team", missed_since="2025-01-20T00:00:00Z")).json()

    assert (job["total"], await room.web.replayer.tick()) == (1, 1)
    assert [item["state"] for item in await listed(room, "endpoint=team")] == ["due", "done"]


async def test_an_endpoint_that_may_be_told_less_now_is_not_sent_the_rest_again(room):
    body = {"name": "team", "url": "https://team.example.com/hook"}
    assert (await room.call("POST", "/v1/endpoints", "admin", json=body)).status_code == 201
    await room.published(accounts=["brand-tiktok"])
    await room.published(accounts=["other-x"], media=None)
    await room.fail_deliveries()
    await room.change_endpoint("team", allowed=("brand-*",))
    room.clock.advance(minutes=1)

    job = (await ask(room, endpoint="team")).json()
    await room.web.replayer.tick()
    await room.web.replayer.tick()

    ended = await room.get(f"/v1/replays/{job['id']}")
    assert [ended[name] for name in ("state", "total", "sent", "skipped")] == ["done", 2, 1, 1]
    states = {item["state"]: item["id"] for item in await listed(room, "endpoint=team")}
    assert set(states) == {"due", "dead"}
    answer = await room.call("POST", f"/v1/deliveries/{states['dead']}/replay", "admin")
    problem(answer, 403, "account_not_allowed")


async def test_a_restricted_token_sees_only_its_own_jobs(room):
    await a_bound_endpoint(room)
    other = (await ask(room, all=True)).json()["id"]
    enabled = await room.call("POST", "/v1/endpoints/team/enable", "brand-admin", json={"replay": True})
    own = enabled.json()["replay"]

    assert [job["id"] for job in (await room.get("/v1/replays", "brand-admin"))["items"]] == [own]
    assert (await room.get(f"/v1/replays/{own}", "brand-admin"))["by"] == "brand-admin"
    problem(await room.call("GET", f"/v1/replays/{other}", "brand-admin"), 404, "no_such_replay")
    assert (await room.get("/v1/replays", "brand"))["items"] == []
