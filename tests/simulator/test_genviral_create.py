"""What POST /posts refuses and takes, under both contracts."""

import pytest

from bridge.simulator.genviral import INSTAGRAM, TIKTOK, TIKTOK_HOSTED, YOUTUBE, X

pytestmark = pytest.mark.anyio
SLIDES = {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"]}
MUSIC = "https://www.tiktok.com/@genviral/video/1234567890"
UNKNOWN = "11111111-1111-4111-8111-111111111111"


def video(**changes):
    return {"type": "video", "url": "https://cdn.example.com/video.mp4", "duration_sec": 30} | changes


SCHEMA_FAULTS = [
    {"caption": ...},
    {"caption": 7},
    {"accounts": ...},
    {"accounts": []},
    {"accounts": [{"id": TIKTOK}] * 11},
    {"accounts": [TIKTOK]},
    {"accounts": [{"id": "not-a-uuid"}]},
    {"account_id": TIKTOK},
    {"post_mode": "DIRECT_POST"},
    {"media": {"type": "slideshow", "images": ["https://cdn.example.com/1.jpg"]}},
    {"media": {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"] * 36}},
    {"media": {"type": "slideshow", "urls": []}},
    {"media": {"type": "gif", "url": "https://cdn.example.com/1.gif"}},
    {"media": {"type": "video", "url": "cdn.example.com/video.mp4"}},
    {"external_id": "e" * 129},
    {"scheduled_at": "2025-02-01T15:00:00"},
    {"scheduled_at": "tomorrow"},
    {"settings": {"myspace": {}}},
    {"settings": {"youtube": {"coverUrl": "https://cdn.example.com/1.jpg"}}},
    {"settings": {"tiktok": {}}},
    {"tiktok": {"post_mode": "LATER"}},
    {"tiktok": {"disable_duet": 1}},
    {"pinterest": {"tags": ["x" * 101]}},
]


@pytest.mark.parametrize("changes", SCHEMA_FAULTS, ids=str)
async def test_a_schema_fault_is_422_with_issues(partner, changes):
    answer = await partner.create(**changes)
    assert (answer.status_code, answer.json()["error_code"]) == (422, "invalid_payload")
    assert answer.json()["issues"]
    assert not partner.sim.world.posts


CONTENT_FAULTS = [
    ([TIKTOK_HOSTED], {"caption": "c" * 501}),
    ([TIKTOK], {"caption": "c" * 2201}),
    ([INSTAGRAM], {"caption": "😀" * 1101}),
    ([YOUTUBE], {"caption": "é" * 2501}),
    ([X, TIKTOK], {"caption": "c" * 281}),
    ([TIKTOK], {"media": ...}),
    ([YOUTUBE], {"media": SLIDES}),
    ([TIKTOK], {"media": video(url="https://cdn.example.com/video.webm?sig=1")}),
    ([TIKTOK], {"media": {"type": "slideshow", "urls": ["https://cdn.example.com/1.gif"]}}),
    ([TIKTOK], {"media": video(size=100_000_001)}),
    ([TIKTOK_HOSTED], {"media": video(duration_sec=61)}),
    ([X], {"media": video(duration_sec=141)}),
    ([TIKTOK, INSTAGRAM], {"music_url": MUSIC}),
    ([TIKTOK_HOSTED], {"tiktok": {"post_mode": "DIRECT_POST"}}),
    ([TIKTOK], {"tiktok": {"post_mode": "MEDIA_UPLOAD"}}),
    ([TIKTOK], {"media": SLIDES, "tiktok": {"title": "t" * 91}}),
    ([TIKTOK], {"media": SLIDES, "tiktok": {"video_cover_timestamp_ms": 5}}),
    ([TIKTOK], {"caption": "c" * 2000, "tiktok": {"description": "d" * 201}}),
    ([TIKTOK], {"pinterest": {"board_id": "1"}}),
    ([TIKTOK], {"settings": {"youtube": {"title": "t"}}}),
]


@pytest.mark.parametrize(("accounts", "changes"), CONTENT_FAULTS, ids=lambda value: str(value)[:60])
async def test_a_broken_content_rule_is_400_validation_failed(partner, accounts, changes):
    answer = await partner.create(*accounts, **changes)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")
    assert not partner.sim.world.posts


TAKEN = [
    ([TIKTOK_HOSTED], {"caption": "c" * 500}),
    ([TIKTOK], {"caption": "c" * 4000, "media": SLIDES}),
    ([YOUTUBE], {"caption": "é" * 2500}),
    ([X], {"media": ...}),
    ([X], {"media": None}),
    ([TIKTOK], {"music_url": MUSIC}),
    ([TIKTOK], {"media": video(duration_sec=600)}),
    ([TIKTOK], {"media": SLIDES, "tiktok": {"post_mode": "MEDIA_UPLOAD", "privacy_level": "SELF_ONLY"}}),
    ([INSTAGRAM], {"settings": {"instagram-standalone": {"post_type": "story"}}}),
    ([TIKTOK], {"external_id": "e" * 128}),
]


@pytest.mark.parametrize(("accounts", "changes"), TAKEN, ids=lambda value: str(value)[:60])
async def test_what_keeps_the_rules_is_201_pending(partner, accounts, changes):
    answer = await partner.create(*accounts, **changes)
    assert (answer.status_code, answer.json()["data"]["status"]) == (201, "pending")
    assert (answer.json()["code"], answer.json()["message"]) == (201, "Post scheduled")


@pytest.mark.parametrize("contract", ["v1"])
@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"caption": "c" * 501}, 400),
        ({"media": ...}, 422),
        ({"settings": {}}, 422),
        ({"media": {"type": "video", "url": "https://cdn.example.com/v.mp4", "duration": 61}}, 400),
        ({"external_id": "e" * 200}, 201),
    ],
    ids=str,
)
async def test_v1_has_one_caption_limit_demands_media_and_knows_no_settings(partner, changes, status):
    assert (await partner.create(**changes)).status_code == status


@pytest.mark.parametrize(
    ("contract", "seconds", "status", "code"),
    [
        ("v1", 45, "scheduled", 201),
        ("v1", 30, "pending", 201),
        ("v3", -60, "pending", 201),
        ("v3", 30, "pending", 201),
        ("v3", 31, None, 400),
        ("v3", 119, None, 400),
        ("v3", 120, "scheduled", 201),
    ],
)
async def test_the_schedule_gap_belongs_to_v3_alone(partner, seconds, status, code):
    answer = await partner.create(scheduled_at=partner.soon(seconds=seconds))
    assert answer.status_code == code
    assert answer.json().get("data", {}).get("status") == status


async def test_accounts_unknown_inactive_or_of_another_scope_are_one_refusal(partner):
    for account_id in (UNKNOWN, INSTAGRAM):
        partner.sim.world.accounts[INSTAGRAM].status = "paused"
        answer = await partner.create(TIKTOK, account_id)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "unknown_accounts")


async def test_nothing_left_of_the_accounts_is_missing_accounts(partner):
    answer = await partner.create(accounts=[{"id": ""}])
    assert (answer.status_code, answer.json()["error_code"]) == (400, "missing_accounts")


async def test_a_music_url_that_is_no_tiktok_post_has_its_own_code(partner):
    answer = await partner.create(music_url="https://open.spotify.com/track/1")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_music_url")


async def test_unreachable_media_has_its_own_code(partner):
    partner.sim.world.unreachable.add("https://cdn.example.com/video.mp4")
    for changes in ({}, {"media": video(url="https://gone.invalid/video.mp4")}):
        answer = await partner.create(**changes)
        assert (answer.status_code, answer.json()["error_code"]) == (400, "media_unreachable")


async def test_a_body_that_is_no_json_is_invalid_json(partner):
    answer = await partner.client.post("/posts", content=b"{")
    assert (answer.status_code, answer.json()["error_code"]) == (400, "invalid_json")


async def test_json_that_is_no_object_is_a_schema_fault(partner):
    answer = await partner.client.post("/posts", json=["caption"])
    assert (answer.status_code, answer.json()["error_code"]) == (422, "invalid_payload")


@pytest.mark.parametrize(("tags", "status"), [(["drops"], 201), (["t" * 100] * 8, 400), (["t"] * 31, 422)], ids=str)
async def test_pinterest_tags_count_towards_the_description(partner, tags, status):
    partner.sim.world.accounts[INSTAGRAM].platform = "pinterest"
    answer = await partner.create(INSTAGRAM, media=SLIDES, pinterest={"board_id": "1", "tags": tags})
    assert answer.status_code == status


async def test_a_missing_duration_is_a_warning(partner):
    answer = await partner.create(media={"type": "video", "url": "https://cdn.example.com/video.mp4"})
    assert [one["code"] for one in answer.json()["data"]["warnings"]] == ["VIDEO_DURATION_MISSING"]


async def test_the_same_external_id_and_body_is_replayed_with_200(partner):
    first, second = [await partner.create(external_id="order-1") for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 200)
    assert second.json()["data"] == first.json()["data"] | {"duplicate": True}
    assert len(partner.sim.world.posts) == 1


@pytest.mark.parametrize("changes", [{"caption": "Other"}, {"scheduled_at": None}], ids=str)
async def test_the_same_external_id_with_another_body_conflicts(partner, changes):
    await partner.create(external_id="order-1")
    answer = await partner.create(external_id="order-1", **changes)
    assert (answer.status_code, answer.json()["error_code"]) == (409, "create_failed")


async def test_without_an_external_id_the_body_itself_is_the_key(partner):
    first, same, other = await partner.create(), await partner.create(), await partner.create(caption="Other")
    assert same.json()["data"]["id"] == first.json()["data"]["id"] != other.json()["data"]["id"]


async def test_a_refused_create_leaves_its_external_id_free(partner):
    await partner.create(TIKTOK_HOSTED, external_id="order-1", caption="c" * 501)
    assert (await partner.create(TIKTOK_HOSTED, external_id="order-1")).status_code == 201


@pytest.mark.parametrize(("frees", "status"), [(True, 201), (False, 200)])
async def test_whether_a_deleted_post_keeps_its_key_is_an_option(partner, frees, status):
    partner.sim.world.options.deleted_frees_key = frees
    post_id = await partner.created(external_id="order-1")
    await partner.client.post("/posts/delete", json={"postIds": [post_id]})
    assert (await partner.create(external_id="order-1")).status_code == status


@pytest.mark.parametrize(("first", "status"), [(True, 200), (False, 400)])
async def test_whether_a_late_replay_is_judged_again_is_an_option(partner, first, status):
    partner.sim.world.options.replay_first = first
    body = {"scheduled_at": partner.soon(minutes=10), "external_id": "order-1"}
    await partner.create(**body)
    partner.clock.advance(minutes=9)
    assert (await partner.create(**body)).status_code == status


@pytest.mark.parametrize("contract", ["v1"])
async def test_v1_makes_a_second_post_of_a_repeat(partner):
    answers = [await partner.create(external_id="order-1") for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 201]
    assert [one.json()["data"]["id"] for one in answers] == ["post_789", "post_790"]
