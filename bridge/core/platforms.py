"""The networks' names: one word each, however a partner, a caller or a configuration spells it. The set is open."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeVar

Value = TypeVar("Value")

_ALIASES = {"twitter": "x"}


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
