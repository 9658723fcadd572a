"""What can be told of media without asking anybody: their addresses, and what their first bytes say that they are."""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import ip_address
from posixpath import basename, splitext
from types import MappingProxyType
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from bridge.core.model import Json

HEAD = 64
"""How many bytes of a file `sniff` looks at."""

ENDINGS: Mapping[str, str] = MappingProxyType(
    {
        "image/jpeg": ".jpg", "image/png": ".png", "image/gif": ".gif", "image/webp": ".webp", "image/avif": ".avif",
        "image/heic": ".heic", "image/tiff": ".tiff", "image/bmp": ".bmp", "video/mp4": ".mp4",
        "video/quicktime": ".mov", "video/x-m4v": ".m4v", "video/x-msvideo": ".avi", "video/webm": ".webm",
    }
)  # fmt: skip
"""Every content type that `sniff` knows -> the ending of its files."""

_SIGNS = frozenset(
    {
        "signature", "sig", "x-amz-signature", "x-goog-signature", "x-oss-signature", "x-signature", "hmac",
        "expires", "expire", "expiry", "exp", "x-amz-expires", "x-goog-expires", "x-oss-expires", "x-expires",
        "token", "access_token", "auth_token", "x-amz-security-token", "key-pair-id", "hdnts", "hdnea", "se", "oe",
        "hm",
    }
)  # fmt: skip
"""Names in a query that say that an address is signed or ends: S3, Google, CloudFront, Azure, Akamai, Discord ..."""

_GUARDED = frozenset({"files.slack.com", "files.slack-gov.com"})
"""Hosts that give a file only to whoever has a token for it: anybody else gets a page to log in."""

_INNER = (".local", ".internal", ".lan", ".home", ".home.arpa", ".intranet", ".corp", ".private", ".localhost")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")

_BRANDS: Mapping[bytes, str] = MappingProxyType(
    {
        b"avif": "image/avif", b"avis": "image/avif", b"heic": "image/heic", b"heix": "image/heic",
        b"heim": "image/heic", b"heis": "image/heic", b"hevc": "image/heic", b"hevx": "image/heic",
        b"mif1": "image/heic", b"msf1": "image/heic", b"qt  ": "video/quicktime", b"M4V ": "video/x-m4v",
        b"M4VH": "video/x-m4v", b"M4VP": "video/x-m4v",
    }
)  # fmt: skip
"""The brand of an ISO media file -> its content type; any other is MP4 (https://mp4ra.org/registered-types/brands)."""


def addresses(content: Json) -> tuple[str, ...]:
    """Return the addresses of a post's media, in order, each once."""
    media = content.get("media")
    if not isinstance(media, Mapping):
        return ()
    if media.get("type") == "video":
        return (url,) if isinstance(url := media.get("url"), str) else ()
    found = media.get("urls")
    return tuple(dict.fromkeys(url for url in (found or ()) if isinstance(url, str)))


def is_video(content: Json) -> bool:
    """Say whether a post's media are meant to be a video."""
    media = content.get("media")
    return isinstance(media, Mapping) and media.get("type") == "video"


def moved(media: Json, hosted: Json) -> Json:
    """Return media with the addresses that are stored at the partner in place of those that were given."""
    changed = dict(media)
    if "url" in media:
        changed["url"] = hosted.get(media["url"], media["url"])
    if "urls" in media:
        changed["urls"] = [hosted.get(url, url) for url in media["urls"]]
    return changed


def is_signed(url: str) -> bool:
    """Say whether an address carries a signature or an end: whoever uses it later may find it closed."""
    if "?" not in url:
        return False
    return any(name.lower() in _SIGNS for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True))


def is_private(url: str) -> bool:
    """Say whether no partner can fetch an address: it is not on the public internet, or asks for a token."""
    return _is_inner(urlsplit(url).netloc)


def needs_token(url: str) -> bool:
    """Say whether an address is at a host that gives its files only to whoever has a token."""
    return host(urlsplit(url).netloc) in _GUARDED


@lru_cache(maxsize=1024)
def host(netloc: str) -> str:
    """Return the host of what stands between an address's `//` and its path, in lower case; empty when there is none.

    Raises:
        ValueError: it is no host.
    """
    return SplitResult("", netloc, "", "", "").hostname or ""


@lru_cache(maxsize=1024)
def _is_inner(netloc: str) -> bool:
    name = host(netloc).rstrip(".")
    try:
        return not ip_address(name).is_global
    except ValueError:
        return "." not in name or name.endswith(_INNER) or name in _GUARDED


def ending(url: str) -> str:
    """Return the ending of an address's path, in lower case with its dot; empty when there is none."""
    return splitext(urlsplit(url).path)[1].lower()


def place(url: str) -> str:
    """Return where an address leads without anything that may be secret: its host."""
    return urlsplit(url).hostname or "nowhere"


def filename(url: str, content_type: str) -> str:
    """Return a plain name for a file, with the ending of what it is."""
    stem = splitext(basename(unquote(urlsplit(url).path)))[0]
    return (_UNSAFE.sub("-", stem).strip("-.")[:60] or "media") + ENDINGS.get(content_type, "")


def sniff(head: bytes) -> str | None:
    """Return the content type that the first `HEAD` bytes of a file show; None when they show none that is known.

    What a server says of a file is not asked: it is wrong too often, and partners look at the bytes, too.
    """
    if head[4:8] == b"ftyp":
        return _iso(head)
    if head[:4] == b"RIFF":
        return {b"WEBP": "image/webp", b"AVI ": "video/x-msvideo"}.get(head[8:12])
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm" if b"webm" in head else None
    return next((kind for start, kind in _STARTS if head.startswith(start)), None)


_STARTS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"BM", "image/bmp"),
)


def _iso(head: bytes) -> str:
    """Read the brands of an ISO media file: `mif1` is any still image, so what it is compatible with says more."""
    major, most = head[8:12], min(int.from_bytes(head[:4]), len(head))
    if major in (b"mif1", b"msf1"):
        also = {head[at : at + 4] for at in range(16, most - 3, 4)}
        return "image/avif" if also & {b"avif", b"avis"} else "image/heic"
    return _BRANDS.get(major, "video/mp4")
