"""Patterns that callers write and that each event is held against: `*` stands for any characters, nothing else does.

They are bounded and matched in one pass, so that nobody's pattern can hold up what everybody's events go through.
"""

from collections.abc import Iterable

from bridge.core.mistakes import Mistaken

MOST_LENGTH = 100
"""How many characters a pattern may have."""

MOST = 100
"""How many patterns an endpoint may have in all."""


def fits(pattern: str, word: str) -> bool:
    """Say whether a pattern fits the whole of a word."""
    first, *parts = pattern.split("*")
    if not parts:
        return word == pattern
    last = parts.pop()
    if len(word) < len(first) + len(last) or not (word.startswith(first) and word.endswith(last)):
        return False
    at, end = len(first), len(word) - len(last)
    for part in parts:
        at = word.find(part, at, end)  # The earliest place leaves the most room for the rest.
        if at < 0:
            return False
        at += len(part)
    return True


def fits_any(patterns: Iterable[str], words: Iterable[str]) -> bool:
    """Say whether one of some patterns fits one of some words."""
    return any(fits(pattern, word) for word in words for pattern in patterns)


def sound(pattern: str) -> str:
    """Return a pattern that may be held against each event.

    Raises:
        Mistaken: it is too long, or has wildcards that are none here.
    """
    if len(pattern) > MOST_LENGTH:
        raise Mistaken(f"has more than {MOST_LENGTH} characters", "Write less of it: * stands for any characters.")
    if "?" in pattern or "[" in pattern:
        raise Mistaken("has ? or [ in it", "Write * instead: it stands for any characters, and nothing else does.")
    return pattern
