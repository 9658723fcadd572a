"""What PostEverywhere makes of a create: three kinds of post, and every refusal of the contract."""

import pytest

from bridge.simulator.posteverywhere import FACEBOOK, INSTAGRAM, LINKEDIN, YOUTUBE, X

pytestmark = pytest.mark.anyio


def error(answer) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


@pytest.mark.parametrize(("changes", "status"), [({}, "publishing"), ({"draft": True}, "draft")])
async def test_a_create_without_time_is_published_or_kept(pe, changes, status):
    answer = await pe.create(INSTAGRAM, X, **changes)
    data = answer.json()["data"]
    assert (answer.status_code, data["status"], data["scheduled_for"]) == (201, status, None)
    assert data["accounts_count"] == 2
    assert (await pe.read(f"/posts/{data['post_id']}"))["status"] == status


@pytest.mark.parametrize("name", ["scheduled_for", "scheduled_at"])
async def test_a_create_with_a_time_is_scheduled_under_the_newer_name(pe, name):
    answer = await pe.create(**{name: "2030-01-01T09:30:00+02:00", "timezone": "Europe/Berlin"})
    assert answer.json()["data"]["scheduled_for"] == "2030-01-01T07:30:00.000Z"
    assert answer.json()["data"]["status"] == "scheduled"


async def test_a_naive_time_is_utc_whatever_the_timezone(pe):
    answer = await pe.create(scheduled_for="2026-10-01T09:30:00", timezone="America/New_York")
    assert answer.json()["data"]["scheduled_for"] == "2026-10-01T09:30:00.000Z"


async def test_the_same_create_twice_makes_two_posts(pe):
    first, second = await pe.created(), await pe.created()
    assert first != second
    assert len(pe.sim.posts_with("Holiday drops")) == 2
    assert [entry.post_id for entry in pe.sim.journal.of("create")] == [first, second]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        *[({name: "x"}, "invalid_field_name") for name in ("media", "media_id", "mediaId", "attachments", "url")],
        ({"content": ...}, "validation_error"),
        ({"content": "  "}, "validation_error"),
        ({"content": 7}, "validation_error"),
        ({"account_ids": ...}, "validation_error"),
        ({"account_ids": []}, "validation_error"),
        ({"account_ids": ["2280"]}, "validation_error"),
        ({"account_ids": [True]}, "validation_error"),
        ({"account_ids": 2280}, "validation_error"),
        ({"account_ids": [1]}, "invalid_accounts"),
        ({"scheduled_for": "soon"}, "validation_error"),
        ({"scheduled_for": "2020-01-01T00:00:00Z"}, "past_schedule_time"),
        ({"timezone": "Mars/Olympus"}, "invalid_timezone"),
        ({"media_ids": "x"}, "validation_error"),
        ({"media_ids": [7]}, "validation_error"),
        ({"media_ids": ["00000000-0000-4000-8000-000000000000"]}, "validation_error"),
        ({"platform_content": []}, "validation_error"),
        ({"platform_content": {"x": "short"}}, "validation_error"),
        ({"platform_content": {"instagram": {"contentType": "Carousel"}}}, "validation_error"),
    ],
)
async def test_a_broken_body_is_400_and_stores_nothing(pe, changes, code):
    assert error(await pe.create(**changes)) == (400, code)
    assert not pe.sim.world.posts


async def test_a_body_that_is_no_json_object_is_400(pe):
    for raw, code in ((b"{", "invalid_json"), (b"[]", "validation_error")):
        assert error(await pe.client.post("/posts", content=raw)) == (400, code)


@pytest.mark.parametrize("account", [X, LINKEDIN, FACEBOOK])
async def test_content_longer_than_the_platform_rules_say_is_refused(pe, account):
    platform = pe.sim.world.accounts[account].platform
    limit = (await pe.read("/platform-rules"))["platforms"][platform]["character_limit"]
    assert (await pe.create(account, content="a" * limit)).status_code == 201
    answer = await pe.create(account, content="a" * (limit + 1))
    assert error(answer) == (400, "content_too_long")
    assert answer.json()["error"]["details"] == {"platform": platform, "limit": limit, "length": limit + 1}


@pytest.mark.parametrize("name", ["x", "twitter"])
async def test_a_platform_may_have_its_own_text(pe, name):
    own = {name: {"content": "short"}}
    post_id = await pe.created(INSTAGRAM, X, content="a" * 300, platform_content=own)
    pe.sim.tick(2)
    assert [(one.platform, len(one.content)) for one in pe.sim.world.publications] == [("instagram", 300), ("x", 5)]
    assert (await pe.read(f"/posts/{post_id}"))["platform_content"] == own


async def test_own_text_alone_is_content_enough(pe):
    assert (await pe.create(X, content=..., platform_content={"x": {"content": "Hi"}})).status_code == 201


async def test_a_draft_needs_no_account_yet(pe):
    assert (await pe.create(account_ids=..., draft=True)).status_code == 201


async def test_youtube_needs_a_title_and_says_so_by_platform(pe):
    answer = await pe.create(YOUTUBE)
    assert error(answer) == (400, "post_creation_failed")
    assert answer.json()["error"]["details"]["validation_errors"][0]["platform"] == "youtube"
    for settings, status in (({"title": "A title"}, 201), ({"title": "A title", "privacyStatus": "secret"}, 400)):
        answer = await pe.create(YOUTUBE, platform_content={"youtube": {"settings": settings}})
        assert answer.status_code == status


@pytest.mark.parametrize("options", [{"media_required": True}])
async def test_media_may_be_asked_for(pe):
    assert error(await pe.create(INSTAGRAM)) == (400, "post_creation_failed")
    assert (await pe.create(X)).status_code == 201


async def test_media_must_be_ready(pe):
    video = (await pe.client.post("/media/upload-from-url", json={"url": "https://example.com/a.mp4"})).json()["data"]
    answer = await pe.create(media_ids=[video["media_id"]])
    assert (error(answer), answer.json()["error"]["details"]["media_status"]) == (
        (400, "validation_error"),
        "uploading",
    )
    pe.sim.tick()
    post_id = await pe.created(media_ids=[video["media_id"]])
    assert (await pe.read(f"/posts/{post_id}"))["media"][0]["type"] == "video"


@pytest.mark.parametrize("options", [{"contract": "sdk"}])
async def test_the_sdk_reads_the_number_of_destinations(pe):
    data = (await pe.create(INSTAGRAM, X)).json()["data"]
    assert data.keys() == {"post_id", "post_group_id", "destinations", "status", "scheduled_for", "message"}
    assert data["destinations"] == 2


async def test_a_bulk_of_only_bad_posts_is_422_without_an_error(pe):
    answer = await pe.client.post("/posts/bulk", json={"posts": [{"content": ""}, 7]})
    assert (answer.status_code, answer.json()["error"]) == (422, None)
    assert answer.json()["data"]["summary"] == {"total": 2, "succeeded": 0, "failed": 2}


@pytest.mark.parametrize(("count", "code"), [(0, "validation_error"), (51, "bulk_limit_exceeded")])
async def test_a_bulk_has_its_bounds(pe, count, code):
    assert error(await pe.client.post("/posts/bulk", json={"posts": [{}] * count})) == (400, code)
