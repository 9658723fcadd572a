"""What a post must keep to go out through PostEverywhere: every limit that is known, at its edge."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Fault
from bridge.core.model import Account
from bridge.core.rules import MediaRules
from bridge.partners.posteverywhere.limits import BUILT_IN, CONVERTED, LIMITS, check, needs_hosting, split
from bridge.ports import Checked
from tests.partners.things import account as any_account

VIDEO = {"type": "video", "url": "https://cdn.example.com/video.mp4"}
IMAGES: dict[str, Any] = {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"]}
BOARD = {"board_id": "123"}
PLATFORMS = sorted(BUILT_IN.platforms)


def account(platform: str, number: str = "2280") -> Account:
    return any_account(platform, id=number)


def judged(content: dict[str, Any], *platforms: str) -> Checked:
    whole = {"caption": "Hello", "media": VIDEO} | content
    return check(whole, [account(one) for one in platforms or ("instagram",)], rules=BUILT_IN)


def faults(content: dict[str, Any], *platforms: str) -> list[str]:
    return [fault.field for fault in judged(content, *platforms).faults]


def warned(content: dict[str, Any], *platforms: str) -> list[tuple[str, str]]:
    return [(one["field"], one["code"]) for one in judged(content, *platforms).warnings]


@pytest.mark.parametrize(
    ("platform", "limit"),
    [
        ("x", 280), ("twitter", 280), ("threads", 500), ("bluesky", 300), ("linkedin", 3000), ("facebook", 63206),
        ("instagram", 2200), ("tiktok", 4000), ("youtube", 5000), ("pinterest", 500), ("telegram", 4096),
        ("discord", 2000),
    ],
)  # fmt: skip
def test_caption_limit(platform: str, limit: int) -> None:
    block = {"pinterest": BOARD} if platform == "pinterest" else {}
    assert faults({"caption": "a" * limit} | block, platform) == []
    assert faults({"caption": "a" * (limit + 1)} | block, platform) == ["caption"]


def test_fault_says_limit_and_what_was_found() -> None:
    [fault] = judged({"caption": "a" * 281}, "x").faults
    remedy = "x account brandhq takes at most 280."
    told = {"limit": 280, "found": 281, "unit": "characters", "target": "brand:2280"}
    assert fault == Fault("caption", "has 281 characters", remedy, **told)  # type: ignore[arg-type]


def test_link_on_x_counts_as_23_characters() -> None:
    link = "https://a.example/" + "b" * 200
    assert faults({"caption": "a" * 256 + " " + link}, "x") == []
    assert warned({"caption": "a" * 256 + " " + link}, "x") == [("caption", "MAY_BE_TOO_LONG")]
    assert faults({"caption": "a" * 257 + " " + link}, "x") == ["caption"]


def test_text_that_is_too_long_only_in_utf16_units_is_warned_of() -> None:
    assert faults({"caption": "😀" * 300}, "bluesky") == []
    assert warned({"caption": "😀" * 300}, "bluesky") == [("caption", "MAY_BE_TOO_LONG")]


def test_youtube_counts_bytes() -> None:
    assert faults({"caption": "ü" * 2500}, "youtube") == []
    assert faults({"caption": "ü" * 2501}, "youtube") == ["caption"]


def test_own_text_of_youtube_stands_for_the_caption() -> None:
    content = {"caption": "a" * 5001, "settings": {"youtube": {"description": "short"}}}
    assert faults(content, "youtube") == []
    assert faults({"settings": {"youtube": {"description": "a" * 5001}}}, "youtube") == ["settings.youtube.description"]


def test_instagram_takes_thirty_hashtags() -> None:
    assert faults({"caption": "#tag " * 30}) == []
    assert faults({"caption": "#tag " * 31}) == ["caption"]
    assert faults({"caption": "#tag " * 31}, "linkedin") == []


def test_same_limit_is_told_once_and_another_again() -> None:
    assert faults({"caption": "a" * 2201}, "instagram", "instagram", "x") == ["caption", "caption"]


@pytest.mark.parametrize(
    ("platforms", "content", "fields"),
    [
        (["linkedin"], {"media": None}, []),
        (["x", "wordpress"], {"media": None}, []),
        (["mastodon"], {"media": None, "caption": "a" * 100_000}, []),
        (["instagram"], {"media": None}, ["media"]),
        (["tiktok"], {"media": None}, ["media"]),
        (["pinterest"], {"media": None, "pinterest": BOARD}, ["media"]),
        (["youtube"], {"media": None}, ["media"]),
        (["youtube"], {"media": IMAGES}, ["media.type"]),
        (["linkedin"], {"caption": None}, []),
        (["linkedin"], {"caption": None, "media": None}, ["caption"]),
        (["linkedin"], {"caption": "", "media": None}, ["caption"]),
        (["linkedin"], {"caption": 7}, ["caption"]),
        (["linkedin"], {"media": {"type": "audio"}}, ["media.type"]),
        (["linkedin"], {"media": "https://a.example/b.mp4"}, ["media.type"]),
        (["linkedin"], {"media": {"type": "video"}}, ["media.url"]),
        (["linkedin"], {"media": {"type": "video", "url": "https://[bad"}}, ["media.url"]),
        (["linkedin"], {"media": {"type": "video", "url": "https://a.example/b.mov"}}, ["media.url"]),
        (["linkedin"], {"media": {"type": "video", "url": "https://a.example/b.MP4?x=1"}}, []),
        (["linkedin"], {"media": {"type": "video", "url": "https://a.example/download"}}, []),
        (["linkedin"], {"media": VIDEO | {"bytes": 500_000_000}}, []),
        (["linkedin"], {"media": VIDEO | {"bytes": 500_000_001}}, ["media.bytes"]),
        (["x"], {"media": VIDEO | {"duration_sec": 140}}, []),
        (["x"], {"media": VIDEO | {"duration_sec": 140.5}}, ["media.duration_sec"]),
        (["instagram"], {"media": VIDEO | {"duration_sec": 2}}, ["media.duration_sec"]),
        (["bluesky"], {"media": VIDEO | {"duration_sec": 9999}}, []),
        (["linkedin"], {"media": {"type": "slideshow", "urls": []}}, ["media.urls"]),
        (["linkedin"], {"media": {"type": "slideshow"}}, ["media.urls"]),
        (["linkedin"], {"media": IMAGES | {"urls": ["https://a.example/b.webp", "https://a.example/c.heic"]}}, []),
        (["linkedin"], {"media": IMAGES | {"urls": [f"https://a.example/b{one}" for one in CONVERTED]}}, []),
        (["linkedin"], {"media": IMAGES | {"urls": ["x", "https://a.example/b.svg"]}},
         ["media.urls[0]", "media.urls[1]"]),
        (["x"], {"media": IMAGES | {"urls": IMAGES["urls"] * 50}}, []),
    ],
)  # fmt: skip
def test_fault_is_found(platforms: list[str], content: dict[str, Any], fields: list[str]) -> None:
    assert faults(content, *platforms) == fields


def test_video_for_youtube_is_asked_for_before_other_media() -> None:
    [fault] = judged({"media": None}, "instagram", "youtube").faults
    assert (fault.field, fault.remedy, "youtube" in fault.problem) == ("media", "Send one video.", True)


@pytest.mark.parametrize("name", ["2280a", "", "-1", "post_8", "²"])
def test_account_id_must_be_a_whole_number(name: str) -> None:
    assert [one.field for one in check({"caption": "a"}, [account("x", name)], rules=BUILT_IN).faults] == ["accounts"]


def test_no_accounts_is_a_fault() -> None:
    assert [one.field for one in check({"caption": "a"}, [], rules=BUILT_IN).faults] == ["accounts"]


@pytest.mark.parametrize(
    ("platforms", "content", "fields"),
    [
        (["youtube"], {"caption": "", "title": None}, ["settings.youtube.title"]),
        (["youtube"], {"caption": "\n <> \nFirst line"}, []),
        (["youtube"], {"caption": "", "title": "Of the article"}, []),
        (["youtube"], {"settings": {"youtube": {"title": "a" * 100}}}, []),
        (["youtube"], {"settings": {"youtube": {"title": "a" * 101}}}, ["settings.youtube.title"]),
        (["youtube"], {"settings": {"youtube": {"title": 3}}}, ["settings.youtube.title"]),
        (["youtube"], {"settings": {"youtube": {"title": "a <b>"}}}, ["settings.youtube.title"]),
        (["youtube"], {"settings": {"youtube": {"privacy": "secret"}}}, ["settings.youtube.privacy"]),
        (["youtube"], {"settings": {"youtube": {"type": "unlisted"}}}, []),
        (["youtube"], {"settings": {"youtube": {"type": "movie"}}}, ["settings.youtube.type"]),
        (["wordpress"], {"caption": ""}, ["settings.wordpress.title"]),
        (["instagram"], {"settings": {"instagram": {"post_type": "story"}}}, []),
        (["instagram"], {"settings": {"instagram": {"post_type": "poll"}}}, ["settings.instagram.post_type"]),
        (["instagram"], {"settings": {"instagram": {"contentType": "Trial Reel"}}}, []),
        (["tiktok"], {"tiktok": {"privacy_level": "SELF_ONLY"}}, []),
        (["tiktok"], {"tiktok": {"privacy_level": "self"}}, ["tiktok.privacy_level"]),
        (["tiktok"], {"tiktok": "yes"}, ["tiktok"]),
        (["instagram"], {"tiktok": {}}, ["tiktok"]),
        (["instagram"], {"pinterest": BOARD}, ["pinterest"]),
        (["pinterest"], {}, ["pinterest.board_id"]),
        (["pinterest"], {"pinterest": {"board_id": ""}}, ["pinterest.board_id"]),
        (["pinterest"], {"settings": {"pinterest": {"boardId": "1"}}}, []),
        (["tiktok"], {"music_url": "https://vm.tiktok.com/a"}, ["music_url"]),
        (["instagram"], {"settings": []}, ["settings"]),
        (["instagram"], {"settings": {"instagram": 1}}, ["settings.instagram"]),
    ],
)  # fmt: skip
def test_fault_of_a_block_is_found(platforms: list[str], content: dict[str, Any], fields: list[str]) -> None:
    assert faults(content, *platforms) == fields


@pytest.mark.parametrize(
    ("content", "platforms", "told"),
    [
        ({"settings": {"youtube": {}}}, ["x"], [("settings.youtube", "NOT_TARGETED")]),
        ({"settings": {"reddit": {"subreddit": "a"}}}, ["x"], [("settings.reddit", "NOT_TARGETED")]),
        ({"settings": {"twitter": {"community": "1"}}}, ["x"], [("settings.twitter.community", "NOT_TARGETED")]),
        ({"tiktok": {"post_mode": "DIRECT_POST"}}, ["tiktok"], [("tiktok.post_mode", "NOT_TARGETED")]),
        ({"pinterest": BOARD | {"tags": ["a"]}}, ["pinterest"], [("pinterest.tags", "NOT_TARGETED")]),
        ({"settings": {"x": {"poll": {}}}}, ["x"], [("settings.x.poll", "UNKNOWN_FIELD")]),
        ({"settings": {"linkedin-page": {"carousel_name": "a"}}}, ["linkedin"],
         [("settings.linkedin-page.carousel_name", "NOT_TARGETED")]),
        ({"tiktok": {"disable_duet": True}}, ["tiktok", "instagram"], []),
    ],
)  # fmt: skip
def test_what_reaches_nobody_is_warned_of(
    content: dict[str, Any], platforms: list[str], told: list[tuple[str, str]]
) -> None:
    assert faults(content, *platforms) == []
    assert warned(content, *platforms) == told


def test_one_request_serves_all_but_wordpress() -> None:
    accounts = [account("x", "1"), account("wordpress", "2"), account("tiktok", "3"), account("instagram", "4")]
    content = {"caption": "a", "tiktok": {"title": "a"}, "settings": {"x": {}}}
    assert [[one.id for one in group] for group in split(content, accounts)] == [["1", "3", "4"], ["2"]]


def test_all_media_has_to_be_hosted_once() -> None:
    assert needs_hosting({"caption": "a"}) == ()
    assert needs_hosting({"media": VIDEO}) == (VIDEO["url"],)
    assert needs_hosting({"media": {"type": "slideshow", "urls": ["u1", "u2", "u1"]}}) == ("u1", "u2")
    assert needs_hosting({"media": {"type": "slideshow", "urls": None}}) == ()


def test_images_larger_than_the_vendor_keeps_are_still_fetched_and_made_smaller() -> None:
    assert MediaRules().max_image > max(most for kind, most in LIMITS.most.items() if kind.startswith("image/"))


def test_upload_takes_the_published_types() -> None:
    assert (LIMITS.most["video/mp4"], LIMITS.most["image/heic"]) == (500_000_000, 25_000_000)
    assert "video/quicktime" not in LIMITS.most


@given(
    st.dictionaries(
        st.sampled_from(["caption", "media", "music_url", "tiktok", "pinterest", "settings", "title"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=9),
            lambda inner: st.lists(inner, max_size=2) | st.dictionaries(
                st.sampled_from(["type", "url", "urls", "title", "tags", "youtube", "x", "post_type", "is_trial_reel"]),
                inner, max_size=3,
            ),
            max_leaves=8,
        ),
        max_size=4,
    ),
    st.lists(st.sampled_from(PLATFORMS), max_size=3),
)  # fmt: skip
def test_any_content_is_judged(content: dict[str, Any], platforms: list[str]) -> None:
    accounts = [account(one) for one in platforms]
    assert check(content, accounts, rules=BUILT_IN) == check(content, accounts, rules=BUILT_IN)
    assert sum(map(len, split(content, accounts))) == len(accounts)
    needs_hosting(content)
