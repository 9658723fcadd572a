"""Limits as the server tells them, in shapes that are known, guessed, or neither."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.partners.posteverywhere.limits import check
from bridge.partners.posteverywhere.platforms import BUILT_IN, Limit, Needs, refreshed
from tests.partners.things import account


def entry(platform: str, shown: Any, shape: str = "map") -> Limit:
    """Return a platform's limit after the server has shown this of it."""
    platforms = {platform: shown} if shape == "map" else [{"platform": platform} | shown]
    return refreshed(BUILT_IN, {"data": {"platforms": platforms}, "error": None}).of(platform)


def test_published_example_of_the_cli_is_read() -> None:
    shown = {"characterLimit": 299, "features": ["threads", "quotes", "link_cards"]}
    assert entry("bluesky", shown) == Limit(caption=299)


@pytest.mark.parametrize("shape", ["map", "list"])
def test_guessed_shapes_are_read(shape: str) -> None:
    shown = {
        "character_limit": 100,
        "requires_media": True,
        "image": {"max_count": 4, "formats": ["jpeg"]},
        "video": {"maxDurationSeconds": 60, "min_duration_s": 2.5},
    }
    wanted = Limit(caption=100, needs=Needs.MEDIA, images=4, shortest_s=2.5, longest_s=60)
    assert entry("mastodon", shown, shape) == wanted


def test_what_is_not_shown_stays() -> None:
    assert entry("twitter", {"maxImages": 4}) == Limit(caption=280, longest_s=140, images=4)
    assert entry("youtube", {"requiresMedia": True}).needs is Needs.VIDEO
    assert entry("instagram", {"requiresMedia": False}).needs is Needs.NOTHING


@pytest.mark.parametrize(
    "shown",
    [
        {"characterLimit": "280"}, {"characterLimit": 0}, {"characterLimit": True}, {"characterLimit": {"max": 1}},
        {"image": [1], "video": 3}, {"video": {"maxDuration": 1000}}, {"requiresMedia": "yes"}, [], None, "x",
    ],
)  # fmt: skip
def test_unreadable_entry_changes_nothing(shown: Any) -> None:
    assert refreshed(BUILT_IN, {"data": {"platforms": {"x": shown}}}).platforms == BUILT_IN.platforms


@pytest.mark.parametrize("body", [None, [], "<html>", {}, {"data": None}, {"data": {"platforms": None}}, [1], 7])
def test_unreadable_answer_changes_nothing(body: object) -> None:
    assert refreshed(BUILT_IN, body).platforms == BUILT_IN.platforms


def test_shown_number_of_images_is_kept_to() -> None:
    rules = refreshed(BUILT_IN, {"platforms": {"x": {"images": {"maxCount": 4}}}})
    media = {"type": "slideshow", "urls": ["https://a.example/1.png"] * 5}
    [fault] = check({"caption": "a", "media": media}, [account("x", id="1")], rules=rules).faults
    assert (fault.field, fault.limit, fault.found, fault.unit) == ("media.urls", 4, 5, "images")


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["data", "platforms", "x", "image", "characterLimit", "max"]), inner)
        ),
        max_leaves=9,
    )
)
def test_any_answer_is_tolerated(body: object) -> None:
    assert set(refreshed(BUILT_IN, body).platforms) >= set(BUILT_IN.platforms)
