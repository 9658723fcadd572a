"""One word for each network."""

import pytest

from bridge.core.platforms import family, is_targeted, most_hashtags, of_platform, platform_word


@pytest.mark.parametrize(
    ("text", "word", "base"),
    [
        ("x", "x", "x"),
        (" Twitter", "x", "x"),
        ("linkedin-page", "linkedin-page", "linkedin"),
        ("Mastodon", "mastodon", "mastodon"),
        ("", "", ""),
    ],
)
def test_a_platform_has_one_word(text, word, base):
    assert (platform_word(text), family(text)) == (word, base)


def test_its_own_value_goes_before_that_of_its_family():
    values = {"linkedin": 1, "linkedin-page": 2, "x": 0}

    assert [of_platform(values, word) for word in ("linkedin-page", "linkedin-profile", "twitter", "tiktok")] == [
        *(2, 1, 0),
        None,
    ]


def test_a_word_is_targeted_by_what_would_use_its_value():
    assert is_targeted("linkedin", ["tiktok", "linkedin-page"])
    assert not is_targeted("linkedin-page", ["linkedin"])


def test_each_platform_takes_so_many_hashtags():
    assert [most_hashtags(word) for word in ("Twitter", "linkedin-page", "threads", "mastodon", "")] == [
        *(2, 5, 1),
        *(None, None),
    ]
