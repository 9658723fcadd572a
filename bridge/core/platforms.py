"""The networks' names: one word each, however a partner, a caller or a configuration spells it. The set is open.

And how many hashtags suit each.
"""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import TypeVar

Value = TypeVar("Value")

_ALIASES = {"twitter": "x"}

_HASHTAGS: Mapping[str, int] = MappingProxyType(
    {
        "instagram": 5, "tiktok": 5, "threads": 1, "youtube": 15, "x": 2, "facebook": 2, "linkedin": 5,
        "pinterest": 20, "bluesky": 8,
    }
)  # fmt: skip
"""How many hashtags a post there has at most, as read in 2026-11.

Limits: Instagram five since December 2025, Threads one tag a post
(https://www.socialmediatoday.com/news/instagrams-implementing-new-limits-on-hashtag-use/808309/); TikTok five, told in
its app alone (https://www.websitebuilderexpert.com/news/tiktok-hashtag-limit); YouTube ignores all where there are too
many, which was more than 15 before it was more than 60 (https://support.google.com/youtube/answer/6390658).
Advice, where there is no limit: X no more than two (https://help.x.com/en/using-x/how-to-use-hashtags); Facebook two
for readability (its Help Center, by https://uncoversocial.com/how-many-hashtags-can-i-use-on-facebook); LinkedIn three
to five (https://onepartsocial.com/2021/11/01/three-tips-to-leverage-linkedin-hashtags/); Pinterest up to 20, by
https://beithoven.com/what-you-need-to-know-about-pinterest-hashtags/. Bluesky bounds only the tags outside the text, at
eight (the lexicon app.bsky.feed.post); the same is taken for those inside.
"""


KNOWN = frozenset({*_HASHTAGS, "discord", "telegram", "wordpress"})
"""The words of all platforms that a partner is known to publish to, as read in 2026-11; others may come."""


def most_hashtags(platform: str) -> int | None:
    """Return how many hashtags suit a post on a platform; None where nobody says."""
    return _HASHTAGS.get(family(platform))


@lru_cache(maxsize=256)
def platform_word(text: str) -> str:
    """Return the one word for a platform: small letters, without space around, `twitter` as `x`."""
    word = text.strip().lower()
    return _ALIASES.get(word, word)


@lru_cache(maxsize=256)
def family(platform: str) -> str:
    """Return the platform a word stands for: `linkedin-page` is `linkedin`, `twitter` is `x`."""
    return platform_word(platform.partition("-")[0])


def of_platform(values: Mapping[str, Value], platform: str) -> Value | None:
    """Return the value for a platform, keys being `platform_word`s: its own, else that of its family, else None."""
    own = values.get(platform_word(platform))
    return own if own is not None else values.get(family(platform))


def is_targeted(word: str, platforms: Iterable[str]) -> bool:
    """Say whether what is keyed by `word` is for one of these platforms, as `of_platform` would find it."""
    return any(word in (platform_word(platform), family(platform)) for platform in platforms)
