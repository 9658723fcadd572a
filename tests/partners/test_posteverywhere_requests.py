"""Request bodies for PostEverywhere: fields, times, and whose settings go where."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Command, CommandKind, Post, PostState, Target
from bridge.partners.posteverywhere.requests import build, is_schedule, retry_failed, schedule, wire_time
from bridge.ports import Later, Send
from tests.partners.things import NOW, command
from tests.partners.things import post as any_post

IDS = {"instagram": "2280", "x": "2282", "tiktok": "2283", "linkedin": "2285", "youtube": "2286", "pinterest": "2287"}


def post(*platforms: str, **changes: Any) -> Post:
    """Make a post without media to accounts of these platforms; `content` adds to a caption."""
    targets = tuple(Target(IDS.get(one, "2299"), platform=one) for one in platforms or ("x",))
    content = {"caption": "Holiday drops"} | changes.pop("content", {})
    return replace(any_post(**changes), targets=targets, content=content)


def body(made: Send | Later) -> dict[str, Any]:
    assert isinstance(made, Send)
    return dict(orjson.loads(made.body))


def create(made: Post) -> dict[str, Any]:
    return body(build(command(), made, NOW))


def own(made: Post) -> dict[str, Any]:
    return dict(create(made).get("platform_content", {}))


def editing(changes: dict[str, Any]) -> Command:
    return command(CommandKind.UPDATE, payload={"changes": changes})


def update(changes: dict[str, Any], made: Post | None = None) -> dict[str, Any]:
    return body(build(editing(changes), made or post(partner_id="p1"), NOW))


def test_create_has_exactly_these_bytes() -> None:
    media = {"type": "slideshow", "urls": ["https://a.example/2.png", "https://a.example/1.png"]}
    made = post(
        "instagram",
        "x",
        content={"media": media, "settings": {"instagram": {"post_type": "story"}}},
        hosted={"https://a.example/1.png": "m1", "https://a.example/2.png": "m2"},
        scheduled_at=NOW + timedelta(hours=2),
    )
    assert build(command(), made, NOW) == Send(
        b'{"account_ids":[2280,2282],"content":"Holiday drops","media_ids":["m2","m1"],'
        b'"platform_content":{"instagram":{"contentType":"Story"}},"scheduled_for":"2025-01-20T14:00:00Z"}'
    )


def test_create_has_nothing_that_there_is_not() -> None:
    assert create(post(content={"media": None, "tiktok": None, "settings": {}, "music_url": "u", "title": "t"})) == {
        "account_ids": [2282],
        "content": "Holiday drops",
    }
    assert "content" not in create(post(content={"caption": ""}))


@pytest.mark.parametrize(
    ("lead_s", "sent"),
    [(-3600, None), (0, None), (10, None), (11, "2025-01-20T12:00:11Z"), (7200, "2025-01-20T14:00:00Z")],
)
def test_schedule_is_kept_unless_it_is_now(lead_s: float, sent: str | None) -> None:
    assert create(post(scheduled_at=NOW + timedelta(seconds=lead_s))).get("scheduled_for") == sent


def test_time_is_written_in_utc() -> None:
    assert wire_time(datetime(2026, 10, 1, 9, 30, 0, 9, timezone(timedelta(hours=-4)))) == "2026-10-01T13:30:00Z"


@pytest.mark.parametrize(
    ("platform", "content", "told"),
    [
        ("tiktok", {"tiktok": {"privacy_level": "SELF_ONLY", "disable_comment": True, "disable_duet": False}},
         {"settings": {"privacyLevel": "SELF_ONLY", "allowComments": False, "allowDuet": True}}),
        ("tiktok", {"tiktok": {"title": "a", "user_consent": True}}, None),
        ("tiktok", {"tiktok": {"privacy_level": "SELF_ONLY"}, "settings": {"tiktok": {"allowStitch": True}}},
         {"settings": {"privacyLevel": "SELF_ONLY", "allowStitch": True}}),
        ("pinterest", {"pinterest": {"board_id": "7", "link": "https://a.example", "title": "t", "tags": ["no"]}},
         {"settings": {"boardId": "7", "link": "https://a.example", "title": "t"}}),
        ("instagram", {"settings": {"instagram": {"alt_text": "a", "first_comment": "b", "thumb_offset_ms": 1500}}},
         {"settings": {"altText": "a", "firstComment": "b", "coverPhotoTimestamp": 1.5}}),
        ("instagram", {"settings": {"instagram": {"is_trial_reel": True, "cover_url": "no"}}},
         {"contentType": "Trial Reel"}),
        ("instagram", {"settings": {"instagram": {"post_type": "reels", "is_trial_reel": False}}},
         {"contentType": "Reels"}),
        ("instagram",
         {"settings": {"instagram": {"post_type": "post"}, "instagram-standalone": {"post_type": "story"}}},
         {"contentType": "Story"}),
        ("instagram", {"settings": {"instagram": {"contentType": "Post", "altText": "a", "newField": 1}}},
         {"contentType": "Post", "settings": {"altText": "a", "newField": 1}}),
        ("facebook", {"settings": {"facebook": {"post_type": "reel", "url": "no"}}}, {"contentType": "Reels"}),
        ("youtube", {"settings": {"youtube": {"title": "T", "description": "D", "privacy": "unlisted",
                                              "tags": [{"value": "a", "label": "A"}, "b"], "type": "short"}}},
         {"content": "D", "contentType": "Short",
          "settings": {"title": "T", "privacyStatus": "unlisted", "tags": ["a", "b"]}}),
        ("youtube", {"settings": {"youtube": {"type": "private", "title": "T"}}},
         {"settings": {"title": "T", "privacyStatus": "private"}}),
        ("x", {"settings": {"twitter": {"post_type": "article"}}}, {"settings": {"post_type": "article"}}),
        ("instagram", {"settings": {"instagram": {"alt_text": None}}}, None),
    ],
)  # fmt: skip
def test_our_words_become_the_vendors(platform: str, content: dict[str, Any], told: dict[str, Any] | None) -> None:
    assert own(post(platform, content=content)) == ({platform: told} if told else {})


def test_only_what_is_for_the_targets_is_sent() -> None:
    content = {"tiktok": {"privacy_level": "SELF_ONLY"}, "settings": {"instagram": {"alt_text": "a"}}}
    assert own(post("instagram", content=content)) == {"instagram": {"settings": {"altText": "a"}}}
    assert own(post("x", content=content)) == {}
    assert {"tiktok", "instagram"} <= set(own(post("", content=content)))


@pytest.mark.parametrize(
    ("content", "title"),
    [
        ({"caption": "\n\nFirst <line>\nSecond"}, "First line"),
        ({"caption": "a" * 101}, "a" * 100),
        ({"title": "Of the article"}, "Of the article"),
        ({"title": "no", "settings": {"youtube": {"title": "Given"}}}, "Given"),
    ],
)
def test_youtube_gets_a_title(content: dict[str, Any], title: str) -> None:
    assert own(post("youtube", content=content))["youtube"]["settings"]["title"] == title


@pytest.mark.parametrize(
    ("platform", "block"),
    [
        ("tiktok", {"disable_duet": True, "allowDuet": True, "privacy_level": "SELF_ONLY"}),
        ("instagram", {"post_type": "post", "is_trial_reel": True, "alt_text": "a"}),
    ],
)
def test_bytes_do_not_depend_on_the_order_of_keys(platform: str, block: dict[str, Any]) -> None:
    one = post(platform, content={"settings": {platform: block}})
    other = post(platform, content={"settings": {platform: dict(reversed(block.items()))}})
    assert build(command(), one, NOW) == build(command(), other, NOW)


@pytest.mark.parametrize("hosted", [None, {}, {"https://a.example/other": "m"}])
def test_media_that_is_not_hosted_is_never_left_out(hosted: dict[str, str] | None) -> None:
    content = {"media": {"type": "video", "url": "https://a.example/1.mp4"}}
    with pytest.raises(ValueError, match="not stored"):
        build(command(), post(content=content, hosted=hosted), NOW)


def test_account_that_is_no_number_is_never_left_out() -> None:
    with pytest.raises(PartnerError, match="'abc' is no id") as caught:
        build(command(), replace(post(), targets=(Target("abc", platform="x"),)), NOW)
    assert (caught.value.reason, caught.value.failure) == (FailureReason.INVALID, FailureClass.TERMINAL)


def test_update_sends_what_changes() -> None:
    made = post("x", "tiktok", partner_id="p1", content={"tiktok": {"privacy_level": "SELF_ONLY"}})
    changes = {"caption": "b", "media": None, "accounts": [{"id": "2282"}], "tiktok": {"disable_duet": True}}
    assert update(changes, made) == {
        "content": "b", "media_ids": [], "account_ids": [2282],
        "platform_content": {"tiktok": {"settings": {"allowDuet": False}}},
    }  # fmt: skip


def test_update_moves_media_to_what_is_hosted() -> None:
    changes = {"media": {"type": "video", "url": "https://a.example/1.mp4"}}
    assert update(changes, post(partner_id="p1", hosted={"https://a.example/1.mp4": "m1"})) == {"media_ids": ["m1"]}


def test_update_leaves_out_settings_of_others() -> None:
    assert update({"caption": "b", "settings": {"youtube": {"title": "t"}}}) == {"content": "b"}


def test_cleared_block_is_sent_as_null_settings() -> None:
    made = post("tiktok", partner_id="p1", content={"tiktok": {"privacy_level": "SELF_ONLY", "title": "no"}})
    assert update({"tiktok": None}, made) == {"platform_content": {"tiktok": {"settings": {"privacyLevel": None}}}}


def test_new_accounts_get_all_settings_and_titles() -> None:
    made = post("x", partner_id="p1", content={"settings": {"instagram": {"alt_text": "a"}}})
    sent = update({"accounts": ["2282", "2286"]}, made)
    assert sent["account_ids"] == [2282, 2286]
    assert sent["platform_content"]["instagram"] == {"settings": {"altText": "a"}}
    assert sent["platform_content"]["youtube"] == {"settings": {"title": "Holiday drops"}}


def test_change_that_the_vendor_has_no_field_for_is_no_empty_update() -> None:
    assert update({"music_url": None}) == {"content": "Holiday drops"}


@pytest.mark.parametrize(("lead_s", "sent_s"), [(None, 75), (-60, 75), (30, 75), (75, 75), (7200, 7200)])
def test_update_moves_a_post_as_near_as_it_can(lead_s: float | None, sent_s: float) -> None:
    at = None if lead_s is None else (NOW + timedelta(seconds=lead_s)).isoformat()
    assert update({"scheduled_at": at}) == {"scheduled_for": wire_time(NOW + timedelta(seconds=sent_s))}


def test_draft_that_gets_a_time_is_scheduled() -> None:
    draft = post(partner_id="p1", state=PostState.DRAFT)
    assert is_schedule(editing({"scheduled_at": None}), draft)
    assert update({"scheduled_at": None}, draft) == {"publish_now": True}
    assert not is_schedule(editing({"scheduled_at": None, "caption": "b"}), draft)
    assert not is_schedule(editing({"scheduled_at": None}), replace(draft, state=PostState.SCHEDULED))
    assert not is_schedule(command(), draft)


def test_draft_is_scheduled_now_or_a_minute_ahead() -> None:
    assert body(schedule(NOW + timedelta(seconds=10), NOW)) == {"publish_now": True}
    assert schedule(NOW + timedelta(seconds=60), NOW) == Later(NOW + timedelta(seconds=50))
    assert body(schedule(NOW + timedelta(seconds=75), NOW)) == {"scheduled_for": "2025-01-20T12:01:15Z"}


@given(st.timedeltas(timedelta(hours=-2), timedelta(hours=2)))
def test_waiting_as_told_always_leads_out_of_the_gap(lead: timedelta) -> None:
    first = schedule(NOW + lead, NOW)
    now = first.until if isinstance(first, Later) else NOW
    assert isinstance(schedule(NOW + lead, now), Send)


def test_retry_names_only_its_accounts() -> None:
    made = post(partner_id="p1")
    named = command(CommandKind.RETRY, payload={"account_ids": ["2282"], "manual": True})
    assert body(build(named, made, NOW)) == {"account_ids": [2282]}
    assert build(command(CommandKind.RETRY), made, NOW) == Send(b"")


def test_many_failures_are_retried_at_once() -> None:
    assert orjson.loads(retry_failed(["a", "b"], max_attempts=4)) == {"post_ids": ["a", "b"], "max_attempts": 4}
    assert orjson.loads(retry_failed(["a"], max_attempts=99))["max_attempts"] == 10


@pytest.mark.parametrize("number", [0, 201])
def test_no_or_too_many_failures_are_refused(number: int) -> None:
    with pytest.raises(ValueError, match="1 to 200"):
        retry_failed(["a"] * number, max_attempts=4)


def test_cancel_has_no_body_and_fetch_is_nothing_to_build() -> None:
    assert build(command(CommandKind.CANCEL), post(partner_id="p1"), NOW) == Send(b"")
    with pytest.raises(ValueError, match="fetch"):
        build(command(CommandKind.FETCH), post(), NOW)
