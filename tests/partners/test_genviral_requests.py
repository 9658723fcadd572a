"""Request bodies, byte for byte, and the times that are never sent."""

from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import CommandKind, Post, Target
from bridge.partners.genviral.requests import build
from bridge.ports import Later, Send
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, YOUTUBE
from tests.partners.things import MUSIC, NOW, command, post, sample


def body(made: Send | Later) -> dict[str, Any]:
    assert isinstance(made, Send)
    return dict(orjson.loads(made.body))


def create(made: Post, now: datetime = NOW) -> dict[str, Any]:
    return body(build(command(), made, now))


def update(changes: dict[str, Any], made: Post | None = None, now: datetime = NOW) -> dict[str, Any]:
    made = made or post(partner_id="p1")
    return body(build(command(CommandKind.UPDATE, payload={"changes": changes}), made, now))


@pytest.mark.parametrize("name", ["create-video", "create-slideshow"])
def test_published_create_is_made_byte_for_byte(name: str) -> None:
    wanted = sample(name)["request"]["body"]
    targets = tuple(Target(one["id"], platform="tiktok") for one in wanted["accounts"])
    content = {name: wanted[name] for name in ("music_url", "media", "caption")}
    made = post(
        content=content, external_id=wanted["external_id"], scheduled_at=datetime.fromisoformat(wanted["scheduled_at"])
    )
    assert build(command(), replace(made, targets=targets), NOW) == Send(orjson.dumps(wanted))


def test_published_update_is_made_byte_for_byte() -> None:
    wanted = sample("update-post")["request"]["body"]
    made = build(
        command(CommandKind.UPDATE, payload={"changes": dict(reversed(wanted.items()))}), post(partner_id="p1"), NOW
    )
    assert made == Send(orjson.dumps(wanted))


@pytest.mark.parametrize(
    ("lead_s", "sent"),
    [
        (-3600, None), (0, None), (20, None), (20.5, "gap"), (30, "gap"), (31, "gap"), (119, "gap"),
        (120, "gap"), (134.9, "gap"),
        (135, "2025-01-20T12:02:15Z"), (7200, "2025-01-20T14:00:00Z"),
    ],
)  # fmt: skip
def test_schedule_is_kept_dropped_or_waited_for(lead_s: float, sent: str | None) -> None:
    at = NOW + timedelta(seconds=lead_s)
    for made in (build(command(), post(scheduled_at=at), NOW), _rescheduled(at)):
        if sent == "gap":
            assert made == Later(at - timedelta(seconds=20))
        else:
            assert body(made).get("scheduled_at") == sent


def _rescheduled(at: datetime) -> Send | Later:
    return build(
        command(CommandKind.UPDATE, payload={"changes": {"scheduled_at": at.isoformat()}}), post(partner_id="p1"), NOW
    )


@given(st.timedeltas(timedelta(hours=-2), timedelta(hours=2)))
def test_waiting_as_told_always_leads_out_of_the_gap(lead: timedelta) -> None:
    made = post(scheduled_at=NOW + lead)
    first = build(command(), made, NOW)
    now = first.until if isinstance(first, Later) else NOW
    sent = create(made, now)
    assert now >= NOW
    assert "scheduled_at" not in sent or datetime.fromisoformat(sent["scheduled_at"]) - now >= timedelta(seconds=134)


def test_time_is_written_in_utc_without_fractions() -> None:
    at = datetime(2025, 2, 1, 16, 0, 0, 999_999, timezone(timedelta(hours=1)))
    assert create(post(scheduled_at=at))["scheduled_at"] == "2025-02-01T15:00:00Z"


def test_nothing_is_sent_as_null_in_a_create() -> None:
    content: dict[str, Any] = {"media": None, "music_url": None, "tiktok": None, "settings": {}, "title": "t"}
    assert list(create(post(content=content))) == [
        "caption", "accounts", "external_id",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("accounts", "sent"),
    [
        ((TIKTOK,), {"music_url", "tiktok"}),
        ((TIKTOK, INSTAGRAM), {"instagram"}),
        ((INSTAGRAM,), {"instagram"}),
        ((YOUTUBE, INSTAGRAM), {"instagram", "youtube"}),
    ],
)
def test_only_what_is_for_the_targets_is_sent(accounts: tuple[str, ...], sent: set[str]) -> None:
    content = {
        "music_url": MUSIC, "tiktok": {"title": "a"}, "pinterest": {"board_id": "1"},
        "settings": {"instagram": {"post_type": "story"}, "youtube": {"title": "y"}},
    }  # fmt: skip
    made = create(post(*accounts, content=content))
    assert (set(made) | set(made.get("settings", {}))) - {
        "caption",
        "media",
        "accounts",
        "external_id",
        "settings",
    } == sent


@pytest.mark.parametrize(
    ("platform", "provider"),
    [
        ("linkedin", "linkedin-page"),
        ("twitter", "x"),
        ("x", "twitter"),
        ("instagram", "instagram-standalone"),
        ("bluesky", "bluesky"),
    ],
)
def test_settings_reach_the_variants_of_a_platform(platform: str, provider: str) -> None:
    made = post(content={"settings": {provider: {"a": 1}}})
    assert create(replace(made, targets=(Target("a", platform=platform),)))["settings"] == {provider: {"a": 1}}


def test_pinterest_goes_with_a_pinterest_target() -> None:
    targets = (Target("pin", platform="pinterest"), Target("x", platform="x"))
    assert create(replace(post(content={"pinterest": {"board_id": "1"}}), targets=targets))["pinterest"] == {
        "board_id": "1"
    }


def test_bytes_do_not_depend_on_the_order_of_keys() -> None:
    one = post(content={"tiktok": {"title": "a", "privacy_level": "SELF_ONLY", "disable_duet": True}})
    other = post(content={"tiktok": {"disable_duet": True, "privacy_level": "SELF_ONLY", "title": "a"}})
    assert build(command(), one, NOW) == build(command(), other, NOW)


def test_update_sends_what_changes_and_keeps_null() -> None:
    changes = {
        "media": None,
        "music_url": None,
        "tiktok": None,
        "scheduled_at": None,
        "external_id": "no",
        "title": "no",
    }
    assert update(changes) == {"media": None, "music_url": None, "tiktok": None, "scheduled_at": None}


@pytest.mark.parametrize("accounts", [[{"id": "a"}], ["a"]])
def test_update_replaces_accounts_and_leaves_blocks_to_the_partner(accounts: list[Any]) -> None:
    changes = {"accounts": accounts, "pinterest": {"board_id": "1"}, "settings": {"youtube": {"title": "t"}}}
    assert update(changes) == {
        "accounts": [{"id": "a"}],
        "pinterest": {"board_id": "1"},
        "settings": {"youtube": {"title": "t"}},
    }


def test_update_leaves_out_blocks_of_others() -> None:
    assert update({"caption": "a", "pinterest": {"board_id": "1"}, "settings": {"youtube": {}}}) == {"caption": "a"}


def test_retry_names_only_its_accounts() -> None:
    made = post(partner_id="p1")
    assert body(build(command(CommandKind.RETRY, payload={"account_ids": ["a"], "manual": True}), made, NOW)) == {
        "post_ids": ["p1"], "account_ids": ["a"],
    }  # fmt: skip
    assert body(build(command(CommandKind.RETRY), made, NOW)) == {"post_ids": ["p1"]}


def test_cancel_names_the_post_in_camel_case() -> None:
    assert body(build(command(CommandKind.CANCEL), post(partner_id="p1"), NOW)) == {"postIds": ["p1"]}


def test_fetch_is_nothing_to_build() -> None:
    with pytest.raises(ValueError, match="fetch"):
        build(command(CommandKind.FETCH), post(), NOW)
