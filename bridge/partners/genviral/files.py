"""Files stored with Genviral: which media must be, what it takes, and its two steps: announce, then PUT the bytes.

Source: https://docs.genviral.io/api-reference/create-file and create-post (media), read 2026-11.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import urlsplit

import orjson

from bridge.core import media
from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Json
from bridge.partners._http import Answer
from bridge.partners._replies import unreadable
from bridge.partners.genviral import replies
from bridge.partners.genviral.limits import CONVERTED, MAX_SLIDE_BYTES, MAX_VIDEO_BYTES
from bridge.ports import MediaFile, MediaLimits

_IMAGE, _VIDEO = MAX_SLIDE_BYTES - 1, MAX_VIDEO_BYTES - 1

LIMITS = MediaLimits(
    MappingProxyType(
        {
            "image/jpeg": _IMAGE,
            "image/png": _IMAGE,
            "video/mp4": _VIDEO,
            "video/quicktime": _VIDEO,
            "video/x-m4v": _VIDEO,
            "video/x-msvideo": _VIDEO,
        }
    )
)
"""What a post may name; storing alone takes more (GIF, WebP, HEIC, WebM). Sizes are said as "under", so one less."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where the bytes go, within ten minutes, and the address that a post then names."""

    upload_url: str
    url: str


def to_host(content: Json, *, refused: bool) -> tuple[str, ...]:
    """Return the addresses that Genviral could not fetch, perhaps not later, or not in their format."""
    found = media.addresses(content)
    if refused or not found:
        return found
    video = media.is_video(content)
    return tuple(
        [
            url
            for url in found
            if media.is_private(url) or media.is_signed(url) or (not video and media.ending(url) in CONVERTED)
        ]
    )


def request(file: MediaFile) -> bytes:
    """Make the body of POST /files."""
    return orjson.dumps({"contentType": file.content_type, "filename": file.filename, "size": file.size})


def read_place(status: int, body: Mapping[str, object] | None) -> Place:
    """Read the answer of POST /files: `uploadUrl` and `url`, with or without the envelope's `data`.

    Raises:
        PartnerError: unreadable.
    """
    data = replies.data_of(body) or body or {}
    upload_url, url = data.get("uploadUrl"), data.get("url")
    if not _is_address(upload_url) or not _is_address(url):
        raise unreadable(status, "the answer says not where the file goes", write=False)
    return Place(str(upload_url), str(url))


def refusal(answer: Answer) -> PartnerError | None:
    """Judge how the storage behind `uploadUrl` answers: it is not the vendor's API, so only its status says anything.

    A refusal may be one of an address that has ended: the next try asks for a new one.
    """
    if 200 <= answer.status < 300:
        return None
    detail = f"the storage answered the upload with {answer.status}"
    reason, failure = FailureReason.MEDIA_INVALID, FailureClass.RETRYABLE
    if answer.status == 413:
        reason, failure = FailureReason.MEDIA_TOO_LARGE, FailureClass.TERMINAL
    elif answer.status >= 500:
        reason = FailureReason.SERVER_ERROR
    return PartnerError(reason, failure, status=answer.status, detail=detail)


def _is_address(value: object) -> bool:
    try:
        return isinstance(value, str) and urlsplit(value).scheme in ("https", "http") and bool(urlsplit(value).hostname)
    except ValueError:
        return False
