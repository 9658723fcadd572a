"""Looks through JSON whose shape its writers made up, within bounds: the contents of a CMS."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

DEEPEST = 32
MOST = 20_000
"""How many values are looked at."""


def mappings(data: Any) -> Iterator[Mapping[str, Any]]:
    """Give every mapping in a tree, each before what is in it, in the order they are written.

    What lies deeper than `DEEPEST`, or after the first `MOST` values, is left out.
    """
    waiting: list[tuple[Any, int]] = [(data, 0)]
    seen = 0
    while waiting and seen < MOST:
        value, depth = waiting.pop()
        seen += 1
        if isinstance(value, Mapping):
            yield value
        elif not isinstance(value, list):
            continue
        if depth < DEEPEST:
            inner = list(islice(value.values() if isinstance(value, Mapping) else value, MOST))
            waiting += ((one, depth + 1) for one in reversed(inner))


def lines(texts: Iterator[str]) -> str:
    """Return texts as paragraphs, one a line, without those that say nothing."""
    return "\n".join(text.strip() for text in texts if text.strip())
