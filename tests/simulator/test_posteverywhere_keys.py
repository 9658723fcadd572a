"""Who may call PostEverywhere, how often, and what a key tells of itself."""

import pytest

from bridge.simulator.posteverywhere import DEMO_KEY, Key, Organization

pytestmark = pytest.mark.anyio
CALLS = [("GET", "/accounts"), ("POST", "/posts"), ("GET", "/posts/p"), ("PATCH", "/posts/p"), ("GET", "/me")]


def error(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer pe_live_other", f"Basic {DEMO_KEY}"])
async def test_a_missing_or_unknown_key_is_401_everywhere(pe, header):
    for method, path in CALLS:
        answer = await pe.client.request(method, path, headers={"authorization": header})
        assert error(answer) == (401, "unauthorized")
        assert answer.headers["x-ratelimit-limit"] == "1000"


@pytest.mark.parametrize(
    ("scopes", "method", "path"),
    [
        (("write",), "GET", "/posts"),
        (("read",), "POST", "/posts"),
        (("read", "write"), "POST", "/ai/generate-caption"),
    ],
)
async def test_a_missing_scope_is_403_and_was_401(pe, scopes, method, path):
    pe.sim.world.keys[DEMO_KEY].scopes = scopes
    assert error(await pe.client.request(method, path)) == (403, "insufficient_scope")
    pe.sim.world.options.scope_status = 401
    assert error(await pe.client.request(method, path)) == (401, "unauthorized")


async def test_nobody_paying_is_402_everywhere_but_on_me(pe):
    await pe.control("/organizations", {"entitled": False})
    assert (await pe.client.get("/posts")).status_code == 402
    assert (await pe.read("/me"))["organization"]["entitled"] is False


async def test_me_tells_key_organisation_and_quota_but_no_secret(pe):
    await pe.created()
    answer = await pe.client.get("/me")
    data = answer.json()["data"]
    assert data.keys() == {"api_key", "scopes", "user", "organization", "workspace", "quota", "stats"}
    assert (data["scopes"], data["stats"]["total_posts"]) == (["read", "write", "ai"], 1)
    assert data["quota"]["accounts"] == {"used": 8, "limit": 50}
    assert DEMO_KEY not in answer.text


async def test_a_key_sees_only_its_organisation(pe):
    post_id = await pe.created()
    pe.sim.world.organizations["other"] = Organization("other")
    pe.sim.world.keys["pe_live_two"] = Key(pe.sim.world.keys[DEMO_KEY].token, "other")
    two = {"authorization": "Bearer pe_live_two"}
    assert (await pe.client.get(f"/posts/{post_id}", headers=two)).status_code == 404
    assert (await pe.client.get("/accounts", headers=two)).json()["data"]["accounts"] == []


@pytest.mark.parametrize("options", [{"general_per_minute": 3, "creates_per_minute": 2}])
async def test_calls_are_counted_by_key_and_told_on_every_answer(pe):
    answers = [await pe.client.get("/posts") for _ in range(4)]
    assert [one.headers["x-ratelimit-remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert [one.status_code for one in answers] == [200, 200, 200, 429]
    assert {one.headers["x-ratelimit-limit"] for one in answers} == {"3"}
    reset = int(answers[3].headers["x-ratelimit-reset"])
    assert 0 < reset - pe.clock.at.timestamp() <= 61
    assert (answers[3].headers["retry-after"], "retry-after" in answers[0].headers) == ("60", False)
    pe.clock.advance(seconds=60)
    assert (await pe.client.get("/posts")).status_code == 200


@pytest.mark.parametrize("options", [{"creates_per_minute": 2}])
async def test_creates_have_a_narrower_limit_and_a_bulk_is_one(pe):
    body = {"posts": [{"content": str(number), "account_ids": [2280]} for number in range(5)]}
    assert (await pe.client.post("/posts/bulk", json=body)).status_code == 201
    assert (await pe.create()).headers["x-ratelimit-remaining"] == "0"
    assert error(await pe.create()) == (429, "rate_limit_exceeded")
    assert (await pe.client.get("/posts")).status_code == 200
    assert len(pe.sim.world.posts) == 6


@pytest.mark.parametrize("options", [{"creates_per_minute": 0, "scheduled_bypass": True}])
async def test_posts_for_later_may_spare_the_limit(pe):
    assert (await pe.create()).status_code == 429
    assert (await pe.create(scheduled_for=pe.soon(days=1))).status_code == 201


@pytest.mark.parametrize("options", [{"general_per_minute": 0, "contract": "old"}])
async def test_the_older_429_carries_its_wait_in_the_body(pe):
    answer = await pe.client.get("/posts")
    assert error(answer) == (429, "rate_limited")
    assert (answer.json()["error"]["retryAfter"], answer.headers["retry-after"]) == (60, "60")


@pytest.mark.parametrize(("switch", "shown"), [(True, {"retryable": False}), (False, {})])
async def test_an_error_says_if_it_may_be_repeated(pe, switch, shown):
    pe.sim.world.options.error_retryable = switch
    error = (await pe.client.get("/posts/none")).json()["error"]
    assert {name: value for name, value in error.items() if name == "retryable"} == shown


@pytest.mark.parametrize("options", [{"request_id_key": "requestId", "error_key": False}])
async def test_the_oldest_envelope(pe):
    answer = (await pe.client.get("/me")).json()
    assert (answer.keys(), answer["meta"].keys()) == ({"data", "meta"}, {"requestId", "timestamp"})
