"""The limits that an account itself advertises: they go before the published table.

Genviral lists `capabilities` with every account, but documents only `supported_content_kinds`. The names below are
guesses: any spelling of them (`caption_limit`, `captionLimit`, `{"caption": {"max_length": 2200}}`,
`{"limits": {"maxImages": 10}}`) is understood, and whatever is not a whole number above zero is passed over.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from bridge.core.model import Account

CAPTION = ("captionlimit", "captionmax", "captionmaxlength", "captionlength", "maxcaption", "maxcaptionlength")
"""The most characters of a caption."""

IMAGES = ("maximages", "imagesmax", "imagelimit", "imageslimit", "maxslides", "slideshowmaximages", "maxmediacount")
"""The most images of a slideshow."""

_OUTER = ("limits", "media", "content", "slideshow")
_SIGNS = re.compile(r"[^a-z0-9]+")


def own_limit(account: Account, names: tuple[str, ...]) -> int | None:
    """Return the smallest limit that an account advertises under one of these names; None when it has none."""
    if not account.capabilities or not any(map(_may_limit, account.capabilities.values())):
        return None
    return min((number for name, number in _numbers(account.capabilities) if name in names), default=None)


def _may_limit(value: object) -> bool:
    # Most capabilities are lists of words, in which there is nothing to look for.
    return isinstance(value, (dict, int))


def _numbers(block: Mapping[str, Any], prefix: str = "", depth: int = 0) -> Iterator[tuple[str, int]]:
    for key, value in block.items():
        if isinstance(value, dict) and depth < 3:
            name = _SIGNS.sub("", str(key).lower())
            yield from _numbers(value, prefix if name in _OUTER else prefix + name, depth + 1)
        elif isinstance(value, int) and not isinstance(value, bool) and value > 0:
            yield prefix + _SIGNS.sub("", str(key).lower()), value
