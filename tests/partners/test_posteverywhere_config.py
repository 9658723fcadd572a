"""The configuration of a PostEverywhere key: what it refuses, and that it never shows the token."""

from typing import Any

import pytest

from bridge.partners.posteverywhere.config import PostEverywhereConfig

TOKEN = "pe_live_0123456789abcdef0123456789abcdef"


def test_defaults_are_the_strictest_published_limits() -> None:
    config = PostEverywhereConfig(token=TOKEN)
    assert (config.base_url, config.calls, config.creates, config.writes) == (
        "https://app.posteverywhere.ai/api/v1",
        60,
        20,
        True,
    )


def test_base_url_loses_its_last_slash() -> None:
    assert PostEverywhereConfig(token=TOKEN, base_url="http://localhost:1/x/").base_url == "http://localhost:1/x"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token", ""), ("token", "two words"), ("token", "line\n"), ("token", "ünicode"),
        ("base_url", "ftp://a.example"), ("base_url", "https://"), ("base_url", "https://user:pw@a.example"),
        ("base_url", "https://a.example?x=1"),
        ("calls", 0), ("calls", 1001), ("creates", 0), ("creates", -1), ("creates", float("nan")),
    ],
)  # fmt: skip
def test_wrong_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        PostEverywhereConfig(**({"token": TOKEN} | {field: value}))


def test_token_is_not_shown() -> None:
    assert TOKEN not in repr(PostEverywhereConfig(token=TOKEN))
