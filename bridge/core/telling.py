"""Headers of a request that tell a person something of it, and none that proves who sent it."""

import re
from collections.abc import Iterable
from functools import lru_cache

from bridge.core.model import Json

_MOST, _LONGEST = 20, 200
_PLAIN = frozenset({"user-agent", "date", "content-language"})
_TELLS = re.compile(r"(^|-)(id|event|topic|type|delivery|timestamp|attempts?|retry|reason|version|source|name|env)$")
_USER = re.compile(r"//[^/@]*@")
_PROVES = re.compile(
    r"auth|cookie|sign|hmac|sha\d|digest|secret|token|key|pass|session|access|forwarded|credential|nonce"
)


def telling(headers: Iterable[tuple[str, str]]) -> Json | None:
    """Return headers by lower-case name: what a sender calls the event, its delivery and itself; None without any."""
    found = {name.lower(): _bare(value)[:_LONGEST] for name, value in headers if _tells(name)}
    return dict(list(found.items())[:_MOST]) or None


def _bare(value: str) -> str:
    """Return a value without what a URL may have of secrets: its user and its query."""
    return _USER.sub("//", value).partition("?")[0] if "://" in value else value


@lru_cache(maxsize=512)
def _tells(name: str) -> bool:
    lowered = name.lower()
    if lowered in _PLAIN:
        return True
    named = len(lowered) <= _LONGEST and lowered != "content-type"
    return named and bool(_TELLS.search(lowered)) and not _PROVES.search(lowered)
