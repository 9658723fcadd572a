"""What partners' rules find in a request: faults, which refuse it, and warnings; and the looks that they share."""

import re
from collections.abc import Iterable, Iterator, Sequence
from posixpath import splitext
from typing import Any
from urllib.parse import urlsplit

from bridge.core.errors import Fault
from bridge.core.media import host
from bridge.core.model import Account, Json
from bridge.ports import Checked

Finding = Fault | Json

DURATIONS = ("duration_sec", "duration_seconds", "duration", "durationSec", "video_duration_sec")
"""The names that a caller may give the length of a video, in seconds."""

_ENDING = re.compile(
    r"\.(?:mp4|mov|m4v|avi|webm|mkv|mp3|jpe?g|png|gif|webp|heic|heif|pdf|svg|avif|tiff|bmp)", re.IGNORECASE
)
_SOUND = Checked()


def checked(findings: Iterable[Finding]) -> Checked:
    """Part findings into faults and warnings, each in order."""
    found = list(findings)
    if not found:
        return _SOUND
    faults = tuple(one for one in found if isinstance(one, Fault))
    return Checked(faults, tuple(one for one in found if not isinstance(one, Fault)))


def warning(field: str, code: str, message: str) -> Json:
    """Make a warning: `{"field", "code", "message"}`."""
    return {"field": field, "code": code, "message": message}


def who(account: Account) -> str:
    """Name an account to a person."""
    return f"{account.platform or 'the'} account {account.username or account.id}"


def length(text: str) -> int:
    """Return the longer of code points and UTF-16 units, which is the latter."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def number(media: Json, *names: str) -> float | None:
    """Return the first of these fields that holds a number."""
    for name in names:
        value = media.get(name)
        if value is not None and isinstance(value, (int, float)) and not isinstance(value, bool):
            return value
    return None


def file_url(url: Any, field: str, *, good: Sequence[str]) -> Iterator[Finding]:
    """Find fault with what is no http(s) address, or by its ending is another kind of file than the `good` ones.

    An address without an ending, or with one that is not a file's, says nothing certain.
    """
    try:
        parts = urlsplit(url) if isinstance(url, str) else None
    except ValueError:
        parts = None
    if parts is None or parts.scheme not in ("http", "https") or not host(parts.netloc):
        yield Fault(field, "is not an http(s) URL", "Send the full address of the file.")
        return
    ending = splitext(parts.path)[1].lower()
    if ending not in good and _ENDING.fullmatch(ending):
        yield Fault(field, f"is a {ending} file", f"Send one of {', '.join(good)}.")


def too_long(name: str, block: Json, **limits: int) -> Iterator[Finding]:
    """Find fault with fields of a block that are no text, or have more UTF-16 units than their limit."""
    for field, limit in limits.items():
        value = block.get(field)
        if value is not None and not isinstance(value, str):
            yield Fault(f"{name}.{field}", "is not text", "Send a string.")
        elif value is not None and (size := length(value)) > limit:
            told = {"limit": limit, "found": size, "unit": "characters"}
            yield Fault(f"{name}.{field}", f"has {size} characters", f"Send at most {limit}.", **told)  # type: ignore[arg-type]  # One value a field.
