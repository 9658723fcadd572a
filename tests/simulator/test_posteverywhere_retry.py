"""Retrying what failed on PostEverywhere: one post, or all that a filter finds."""

import pytest

from bridge.simulator.posteverywhere import INSTAGRAM, LINKEDIN, X

pytestmark = pytest.mark.anyio


def error(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def seed(pe, status="failed", **row):
    rows = [{"account_id": one, "attempts": 3, "error": "No", "status": status} | row for one in (X, LINKEDIN)]
    return pe.sim.seed_post(status, destinations=rows)


async def test_a_retry_queues_the_failed_and_keeps_their_attempts(pe):
    post = seed(pe)
    data = (await pe.client.post(f"/posts/{post.id}/retry")).json()["data"]
    assert (data["retried_count"], [one["attempts"] for one in data["destinations"]]) == (2, [3, 3])
    assert {(one["status"], one["error"]) for one in data["destinations"]} == {("queued", None)}
    assert data["next_step"].startswith("2 destinations re-queued. Poll GET /v1/posts/")
    assert (await pe.read(f"/posts/{post.id}"))["status"] == "publishing"
    pe.sim.tick(2)
    assert [one["attempts"] for one in (await pe.rows(post.id)).values()] == [4, 4]


async def test_a_retry_may_name_accounts(pe):
    post = seed(pe)
    answer = await pe.client.post(f"/posts/{post.id}/retry", json={"account_ids": [X]})
    assert answer.json()["data"]["retried_count"] == 1
    rows = await pe.rows(post.id)
    assert (rows[X]["status"], rows[LINKEDIN]["status"]) == ("queued", "failed")


async def test_a_second_retry_is_409(pe):
    post = seed(pe)
    first, second = [await pe.client.post(f"/posts/{post.id}/retry") for _ in range(2)]
    assert (first.status_code, error(second)) == (200, (409, "no_failed_destinations"))


@pytest.mark.parametrize("status", ["draft", "scheduled", "publishing", "published"])
async def test_nothing_failed_is_409(pe, status):
    post = pe.sim.seed_post(status, account_ids=[X])
    assert error(await pe.client.post(f"/posts/{post.id}/retry")) == (409, "no_failed_destinations")


async def test_a_retry_of_other_accounts_or_of_text_is_refused(pe):
    path = f"/posts/{seed(pe).id}/retry"
    assert error(await pe.client.post(path, json={"account_ids": [INSTAGRAM]})) == (409, "no_failed_destinations")
    assert error(await pe.client.post(path, json={"account_ids": ["2282"]})) == (400, "validation_error")


async def test_a_retry_ends_the_vendors_own_wait(pe):
    post = seed(pe, next_retry_at="2030-01-01T00:00:00Z")
    await pe.client.post(f"/posts/{post.id}/retry")
    assert {one["next_retry_at"] for one in (await pe.rows(post.id)).values()} == {None}


@pytest.mark.parametrize(
    ("contract", "keys"),
    [
        ("new", {"post_id", "retried_count", "destinations", "next_step"}),
        ("sdk", {"message", "retried"}),
        ("old", {"retried_count", "destinations"}),
    ],
)
async def test_each_generation_answers_a_retry_its_way(pe, contract, keys):
    shapes = {"new": "docs"}.get(contract, contract)
    pe.sim.world.options.shapes = shapes
    assert (await pe.client.post(f"/posts/{seed(pe).id}/retry")).json()["data"].keys() == keys


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ({"account_id": X}, 1),
        ({"platform": "linkedin"}, 1),
        ({"platform": "linkedin", "account_id": X}, 0),
        ({"account_id": X, "max_attempts": 3}, 0),
        ({"account_id": X, "max_attempts": 4}, 1),
        ({"post_ids": ["none"]}, 0),
        ({"failed_after": "2024-01-01T00:00:00Z"}, 2),
        ({"failed_before": "2024-01-01T00:00:00Z"}, 0),
    ],
)
async def test_retry_failed_takes_what_the_filter_finds(pe, query, count):
    post = seed(pe, failed_at="2025-01-01T00:00:00Z")
    data = (await pe.client.post("/posts/retry-failed", json=query)).json()["data"]
    assert (data["retried_count"], len(data["destinations"])) == (count, count)
    assert all(one["post_id"] == post.id and one["new_status"] == "queued" for one in data["destinations"])


@pytest.mark.parametrize(
    "body", [{}, {"max_attempts": 5}, {"account_id": X, "max_attempts": 11}, {"post_ids": ["p"] * 201}]
)
async def test_retry_failed_without_a_filter_or_out_of_bounds_is_400(pe, body):
    assert error(await pe.client.post("/posts/retry-failed", json=body)) == (400, "validation_error")
