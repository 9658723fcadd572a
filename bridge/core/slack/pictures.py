"""Which images of a post may be shown in Slack, which fetches them by itself, for everybody who reads there."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

_MOST, _LONGEST = 2, 300
_SHOWN = (".png", ".jpg", ".jpeg", ".gif")
"""What an image block takes (https://docs.slack.dev/reference/block-kit/blocks/image-block, read 2026-11)."""

_PRIVATE = ("slack.com", "slack-files.com", "slack-edge.com", "local", "internal", "localhost", "test", "invalid")
"""Hosts whose files need a token, and names that are no public host."""


def pictures(media: Any) -> list[str]:
    """Return the addresses of images that are public, as far as an address can tell, and hold no secret."""
    return [url for url in _urls(media) if _is_public(url)][:_MOST]


def count_of(media: Any) -> Iterator[str]:
    """Say in words how many images or videos there are."""
    number = len(_urls(media))
    kind = "video" if isinstance(media, dict) and media.get("type") == "video" else "image"
    if number:
        yield f"1 {kind}" if number == 1 else f"{number} {kind}s"


def _urls(media: Any) -> list[str]:
    found = [media.get("url"), *(media.get("urls") or ())] if isinstance(media, dict) else [media]
    return [url for url in found if isinstance(url, str) and url]


def _is_public(url: str) -> bool:
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and not (parts.query or parts.fragment) and parts.port is None
    except ValueError:
        return False
    fits = len(url) <= _LONGEST and url.isascii() and url.isprintable() and " " not in url
    return plain and fits and "@" not in parts.netloc and parts.path.lower().endswith(_SHOWN) and _is_host(parts)


def _is_host(parts: SplitResult) -> bool:
    host = (parts.hostname or "").rstrip(".")
    try:
        return bool(ip_address(host)) and False
    except ValueError:
        pass
    return "." in host and not any(host == name or host.endswith(f".{name}") for name in _PRIVATE)
