"""Reading, listing, changing, retrying and deleting posts."""

import pytest

from bridge.simulator.genviral import INSTAGRAM, TIKTOK, TIKTOK_HOSTED, X

pytestmark = pytest.mark.anyio


async def test_get_of_an_unknown_post_is_404(partner):
    answer = await partner.client.get("/posts/11111111-1111-1111-1111-111111111111")
    assert (answer.status_code, answer.json()["error_code"]) == (404, "not_found")


async def test_list_is_newest_first_and_its_window_is_inclusive(partner):
    ids = []
    for number in range(3):
        ids.append(await partner.created(caption=f"Post {number}"))
        partner.clock.advance(seconds=1)
    newest, middle, _ = (await partner.client.get("/posts")).json()["data"]["posts"]
    assert [newest["id"], middle["id"]] == [ids[2], ids[1]]
    window = {"since": middle["created_at"], "until": middle["created_at"]}
    page = (await partner.client.get("/posts", params=window)).json()["data"]
    assert [post["id"] for post in page["posts"]] == [ids[1]]


@pytest.mark.parametrize(("limit", "count"), [("0", 1), ("-5", 1), ("2", 2), ("1000", 100), (None, 50)])
async def test_list_clamps_its_limit(partner, limit, count):
    for number in range(120):
        partner.sim.seed_post("posted", caption=str(number), accounts=[TIKTOK])
    params = {"limit": limit} if limit else {}
    assert len((await partner.client.get("/posts", params=params)).json()["data"]["posts"]) == count


async def test_list_filters_by_status_but_sums_up_everything(partner):
    partner.sim.seed_post("posted", accounts=[TIKTOK])
    partner.sim.seed_post("failed", accounts=[TIKTOK])
    data = (await partner.client.get("/posts", params={"status": "failed"})).json()["data"]
    assert [post["status"] for post in data["posts"]] == ["failed"]
    assert data["summary"] == {"total": 2, "pending": 0, "published": 1, "by_status": {"posted": 1, "failed": 1}}


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"since": "yesterday"}, 400, "invalid_since"),
        ({"until": "2025-01-01T00:00:00"}, 400, "invalid_until"),
        ({"status": "gone"}, 422, "invalid_payload"),
        ({"limit": "many"}, 422, "invalid_payload"),
    ],
)
async def test_list_refuses_what_it_cannot_read(partner, params, status, code):
    answer = await partner.client.get("/posts", params=params)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


@pytest.mark.parametrize("status", ["draft", "pending", "scheduled", "retry", "failed"])
async def test_update_changes_what_is_not_final(partner, status):
    post = partner.sim.seed_post(status, accounts=[X])
    answer = await partner.client.patch(f"/posts/{post.id}", json={"caption": "New"})
    assert (answer.status_code, answer.json()["message"]) == (200, "Post updated")
    assert (await partner.read(post.id))["caption"] == "New"


@pytest.mark.parametrize("status", ["posted", "partial", "canceled"])
async def test_update_refuses_what_is_final(partner, status):
    post = partner.sim.seed_post(status, accounts=[X])
    answer = await partner.client.patch(f"/posts/{post.id}", json={"caption": "New"})
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({}, 422, "invalid_payload"),
        ({"external_id": "other"}, 409, "external_id_immutable"),
        ({"media": None}, 400, "validation_failed"),
        ({"caption": "c" * 2201}, 400, "validation_failed"),
        ({"accounts": [{"id": "11111111-1111-4111-8111-111111111111"}]}, 400, "unknown_accounts"),
        ({"scheduled_at": "2025-01-20T12:06:00Z"}, 400, "validation_failed"),
        ({"tiktok": {"post_mode": "MEDIA_UPLOAD"}}, 400, "validation_failed"),
    ],
    ids=str,
)
async def test_update_refuses_by_the_rules_of_create(partner, body, status, code):
    post_id = await partner.created(external_id="order-1")
    answer = await partner.client.patch(f"/posts/{post_id}", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)


async def test_update_moves_a_post_between_schedule_and_queue(partner):
    post_id = await partner.created(scheduled_at=partner.soon(hours=1))
    now = await partner.client.patch(f"/posts/{post_id}", json={"scheduled_at": None})
    assert now.json()["data"] == {"id": post_id, "status": "pending", "scheduled_at": None}
    later = await partner.client.patch(f"/posts/{post_id}", json={"scheduled_at": "2025-03-01T18:00:00+01:00"})
    assert later.json()["data"] == {"id": post_id, "status": "scheduled", "scheduled_at": "2025-03-01T17:00:00Z"}


async def test_update_of_a_failed_post_with_a_time_sends_it_again(partner):
    post = partner.sim.seed_post("failed", accounts=[X])
    await partner.client.patch(f"/posts/{post.id}", json={"scheduled_at": None})
    partner.sim.tick()
    assert (await partner.read(post.id))["status"] == "posted"


async def test_update_replaces_targets_and_merges_settings(partner):
    post_id = await partner.created(X, settings={"x": {"community": "https://x.com/i/1"}})
    changes = {"accounts": [{"id": X}, {"id": INSTAGRAM}], "settings": {"x": {"made_with_ai": True}}}
    await partner.client.patch(f"/posts/{post_id}", json=changes)
    post = partner.sim.world.posts[post_id]
    assert post.content["settings"] == {"x": {"community": "https://x.com/i/1", "made_with_ai": True}}
    assert [row.account_id for row in post.rows] == [X, INSTAGRAM]


@pytest.mark.parametrize("contract", ["v1"])
async def test_v1_update_may_replace_the_external_id(partner):
    post_id = await partner.created(external_id="order-1")
    assert (await partner.client.patch(f"/posts/{post_id}", json={"external_id": "order-2"})).status_code == 200


async def test_retry_resets_only_failed_rows_that_match(partner):
    words = {TIKTOK: "posted", TIKTOK_HOSTED: "failed", INSTAGRAM: "failed"}
    rows = [{"account_id": one, "status": word} for one, word in words.items()]
    post = partner.sim.seed_post("partial", rows=rows)
    body = {"post_ids": [post.id], "account_ids": [INSTAGRAM]}
    answer = await partner.client.post("/posts/retry", json=body)
    assert answer.json()["data"] == {"retried": 1, "ids": [post.id], "failed": []}
    assert [row.status for row in post.rows] == ["posted", "failed", "retry"]


async def test_retry_refuses_each_id_for_itself_and_still_answers_200(partner):
    post = partner.sim.seed_post("posted", accounts=[TIKTOK])
    answer = await partner.client.post("/posts/retry", json={"post_ids": [post.id, "unknown"]})
    assert answer.status_code == 200
    errors = {post.id: "Only failed or partial posts can be retried", "unknown": "Post not found"}
    assert answer.json()["data"] == {"retried": 0, "ids": [], "failed": [post.id, "unknown"], "errors": errors}


async def test_retry_refuses_a_post_whose_failed_rows_the_filter_misses(partner):
    post = partner.sim.seed_post("failed", accounts=[TIKTOK])
    answer = await partner.client.post("/posts/retry", json={"post_ids": [post.id], "account_ids": [X]})
    assert (answer.json()["data"]["failed"], post.status) == ([post.id], "failed")


async def test_a_second_retry_is_refused_while_the_first_is_under_way(partner):
    post = partner.sim.seed_post("failed", accounts=[TIKTOK])
    first, second = [await partner.client.post("/posts/retry", json={"post_ids": [post.id]}) for _ in range(2)]
    assert (first.json()["data"]["retried"], second.json()["data"]["failed"]) == (1, [post.id])


@pytest.mark.parametrize(
    "body", [{}, {"post_ids": []}, {"post_ids": ["p"] * 21}, {"post_ids": ["p"], "account_ids": []}], ids=str
)
async def test_retry_refuses_a_bad_body_as_a_whole(partner, body):
    answer = await partner.client.post("/posts/retry", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "invalid_payload")


async def test_a_deleted_post_is_gone(partner):
    post_id = await partner.created()
    answer = await partner.client.post("/posts/delete", json={"post_ids": [post_id, "unknown"]})
    assert answer.json()["data"]["deletedIds"] == [post_id]
    assert answer.json()["data"]["errors"] == {"unknown": "Post not found"}
    assert (await partner.client.get(f"/posts/{post_id}")).status_code == 404


@pytest.mark.parametrize(("count", "status", "code"), [(51, 400, "too_many_post_ids"), (0, 422, "invalid_payload")])
async def test_delete_takes_one_to_fifty_ids(partner, count, status, code):
    answer = await partner.client.post("/posts/delete", json={"postIds": [f"p{n}" for n in range(count)]})
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
