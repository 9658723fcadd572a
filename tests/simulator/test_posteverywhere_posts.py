"""Reading, listing, editing, scheduling and deleting posts of PostEverywhere."""

import pytest

from bridge.simulator.posteverywhere import INSTAGRAM, LINKEDIN, PostEverywhereSimulator, X

pytestmark = pytest.mark.anyio


def error(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


async def listed(pe, **query) -> list[str]:
    return [one["content"] for one in (await pe.read("/posts", **query))["posts"]]


def seed_three(pe) -> None:
    for day, (content, status, account) in enumerate(
        [("one red", "published", X), ("two red", "failed", LINKEDIN), ("three blue", "scheduled", X)], start=1
    ):
        at = f"2025-01-0{day}T00:00:00Z"
        row = {"account_id": account, "published_at": at if status == "published" else None}
        times = {"created_at": at, "updated_at": at, "scheduled_for": at}
        pe.sim.seed_post(status, content=content, destinations=[row], campaign_id=day, **times)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ["three blue", "two red", "one red"]),
        ({"order": "asc"}, ["one red", "two red", "three blue"]),
        ({"status": "failed,scheduled"}, ["three blue", "two red"]),
        ({"platform": "twitter,linkedin", "search": "RED"}, ["two red", "one red"]),
        ({"platform": "x", "search": "red one"}, ["one red"]),
        ({"account_id": LINKEDIN}, ["two red"]),
        ({"campaign_id": 3}, ["three blue"]),
        ({"created_after": "2025-01-02T00:00:00Z"}, ["three blue", "two red"]),
        ({"created_before": "2025-01-02T00:00:00Z"}, ["two red", "one red"]),
        ({"scheduled_after": "2025-01-03T00:00:00"}, ["three blue"]),
        ({"published_after": "2025-01-01T00:00:00Z", "published_before": "2025-01-01T00:00:00Z"}, ["one red"]),
        ({"updated_after": "2025-01-02T00:00:00Z", "sort": "updated_at", "order": "asc"}, ["two red", "three blue"]),
        ({"sort": "published_at"}, ["one red", "three blue", "two red"]),
        ({"limit": 1, "offset": 1}, ["two red"]),
    ],
)
async def test_a_listing_is_filtered_sorted_and_cut(pe, query, found):
    seed_three(pe)
    assert await listed(pe, **query) == found


@pytest.mark.parametrize(
    "query", [{"status": "lost"}, {"sort": "name"}, {"order": "up"}, {"limit": "x"}, {"created_after": "soon"}]
)
async def test_a_word_a_listing_does_not_know_is_400(pe, query):
    seed_three(pe)
    assert error(await pe.client.get("/posts", params=query)) == (400, "validation_error")


@pytest.mark.parametrize(
    ("pagination", "shown"),
    [
        ("full", {"pagination": {"limit": 2, "offset": 0, "total": 3, "has_more": True}}),
        ("bare", {"pagination": {"limit": 2, "offset": 0}}),
        ("sdk", {"limit": 2, "offset": 0, "total": 3}),
    ],
)
async def test_a_page_tells_where_it_is_in_three_ways(pe, pagination, shown):
    seed_three(pe)
    pe.sim.world.options.pagination = pagination
    data = await pe.read("/posts", limit=2)
    assert len(data.pop("posts")) == 2
    assert data == shown


@pytest.mark.parametrize("options", [{"ignore_updated_after": True}])
async def test_an_older_server_shows_rows_older_than_asked(pe):
    seed_three(pe)
    assert len(await listed(pe, updated_after="2025-01-03T00:00:00Z")) == 3


async def test_updated_at_moves_with_every_change_of_a_destination(pe):
    post_id = await pe.created()
    seen = [(await pe.read(f"/posts/{post_id}"))["updated_at"]]
    for _ in range(2):
        pe.clock.advance(seconds=1)
        pe.sim.tick()
        seen.append((await pe.read(f"/posts/{post_id}"))["updated_at"])
    assert seen == sorted(set(seen))
    assert await listed(pe, updated_after=seen[-1]) == ["Holiday drops"]
    pe.clock.advance(seconds=1)
    pe.sim.tick()
    assert (await pe.read(f"/posts/{post_id}"))["updated_at"] == seen[-1]


@pytest.mark.parametrize(("propagates", "shown"), [(True, "2030-02-01"), (False, "2030-01-01")])
async def test_an_edit_moves_the_destinations_too_unless_it_fails_to(pe, propagates, shown):
    post_id = await pe.created(scheduled_for="2030-01-01T00:00:00Z")
    pe.sim.world.options.patch_propagates = propagates
    answer = await pe.client.patch(f"/posts/{post_id}", json={"scheduled_for": "2030-02-01T00:00:00Z"})
    data = answer.json()["data"]
    assert data["scheduled_for"] == "2030-02-01T00:00:00.000Z"
    assert data["destinations"][0]["scheduled_for"].startswith(shown)


async def test_an_edit_replaces_accounts_and_content_and_merges_settings(pe):
    own = {"instagram": {"settings": {"altText": "A", "firstComment": "B"}}}
    post_id = await pe.created(INSTAGRAM, scheduled_for=pe.soon(days=1), platform_content=own)
    change = {"content": "New", "account_ids": [INSTAGRAM, X]}
    change["platform_content"] = {"instagram": {"settings": {"altText": "C"}}}
    data = (await pe.client.patch(f"/posts/{post_id}", json=change)).json()["data"]
    assert (data["content"], data["account_ids"]) == ("New", [INSTAGRAM, X])
    assert data["platform_content"]["instagram"]["settings"] == {"altText": "C", "firstComment": "B"}
    assert [one["account_id"] for one in data["destinations"]] == [INSTAGRAM, X]


async def test_an_edit_keeps_the_rules_of_a_create(pe):
    post_id = await pe.created(X, scheduled_for=pe.soon(days=1))
    for body, code in (
        ({"content": "a" * 281}, "content_too_long"),
        ({"scheduled_for": "2020-01-01T00:00:00Z"}, "past_schedule_time"),
        ({"account_ids": ["1"]}, "validation_error"),
        ({"media": []}, "invalid_field_name"),
    ):
        assert error(await pe.client.patch(f"/posts/{post_id}", json=body)) == (400, code)
    assert (await pe.read(f"/posts/{post_id}"))["content"] == "Holiday drops"


@pytest.mark.parametrize("status", ["publishing", "published", "failed", "partially_failed"])
async def test_what_is_on_its_way_cannot_be_edited_or_scheduled(pe, status):
    post = pe.sim.seed_post(status, account_ids=[X])
    assert error(await pe.client.patch(f"/posts/{post.id}", json={"content": "New"})) == (409, "post_not_editable")
    assert error(await pe.client.post(f"/posts/{post.id}/schedule", json={"publish_now": True})) == (409, "not_a_draft")


@pytest.mark.parametrize(
    ("status", "code"),
    [("draft", None), ("scheduled", None), ("published", "post_already_published"), ("publishing", "conflict")],
)
async def test_only_what_is_not_out_can_be_deleted(pe, status, code):
    post = pe.sim.seed_post(status, account_ids=[X])
    answer = await pe.client.delete(f"/posts/{post.id}")
    if code:
        assert error(answer) == (409, code)
    else:
        assert answer.json()["data"] == {"post_id": post.id, "deleted": True}
        assert (await pe.client.get(f"/posts/{post.id}")).status_code == 404


async def test_a_published_post_can_be_deleted_on_its_platforms(pe):
    post = pe.sim.seed_post("published", account_ids=[X])
    assert (await pe.client.delete(f"/posts/{post.id}", params={"delete_on_platforms": "x"})).status_code == 200


async def test_a_draft_is_published_or_scheduled_a_minute_ahead(pe):
    now, later = [await pe.created(draft=True) for _ in range(2)]
    answer = await pe.client.post(f"/posts/{now}/schedule", json={"publish_now": True, "account_ids": [X]})
    assert (answer.status_code, answer.json()["data"]["status"]) == (200, "publishing")
    path = f"/posts/{later}/schedule"
    assert error(await pe.client.post(path, json={})) == (400, "validation_error")
    assert error(await pe.client.post(path, json={"scheduled_for": pe.soon(seconds=59)})) == (400, "past_schedule_time")
    answer = await pe.client.post(path, json={"scheduled_for": pe.soon(seconds=60)})
    assert answer.json()["data"]["status"] == "scheduled"


async def test_a_draft_without_accounts_must_get_some(pe):
    post_id = await pe.created(account_ids=..., draft=True)
    answer = await pe.client.post(f"/posts/{post_id}/schedule", json={"publish_now": True})
    assert error(answer) == (400, "validation_error")


@pytest.mark.parametrize("options", [{"contract": "sdk"}])
async def test_the_sdk_reads_results_and_deletions_its_way(pe):
    post_id = await pe.created(draft=True)
    assert (await pe.read(f"/posts/{post_id}/results")).keys() == {"post_id", "content", "scheduled_for", "results"}
    assert (await pe.client.delete(f"/posts/{post_id}")).json()["data"] == {"message": "Post deleted successfully"}


@pytest.mark.parametrize(
    ("contract", "words"),
    [
        ("new", ("partially_failed", "published", "failed")),
        ("sdk", ("failed", "done", "failed")),
        ("old", ("published", "published", "failed")),
    ],
)
async def test_each_generation_has_its_words(pe, contract, words):
    pe.sim = PostEverywhereSimulator(now=pe.clock, contract=contract)
    post = pe.sim.seed_post("partially_failed", destinations=[{"account_id": X, "status": "published"}])
    post.destinations.append(pe.sim.world.destination(LINKEDIN, None))
    post.destinations[1].status, post.destinations[1].error = "failed", "No"
    shown = pe.sim.world.show(post)
    rows = shown["destinations"]
    assert (shown.get("status") or shown["post_status"], rows[0]["status"], rows[1]["status"]) == words
    assert rows[1].get("error", rows[1].get("last_error"))


@pytest.mark.parametrize("shape", ["map", "list"])
async def test_platform_rules_name_every_platform(pe, shape):
    pe.sim.world.options.rules_shape = shape
    told = (await pe.read("/platform-rules"))["platforms"]
    names = list(told) if shape == "map" else [one["platform"] for one in told]
    assert {"x", "instagram", "linkedin", "bluesky"} <= set(names)
