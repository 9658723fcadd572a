"""Fetches files from addresses that nobody vouches for into a file of ours: bounded in size, time and redirects.

Every hop goes through the guarded client, so none leads where it may not. Nothing is sent that identifies anybody, but
for the headers that one host is to get.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType
from typing import BinaryIO
from urllib.parse import urljoin, urlsplit

from bridge.core.errors import FailureReason, MediaError
from bridge.core.media import needs_token, place
from bridge.net import GuardedClient, Incoming, NetError

MOST_REDIRECTS = 3

_MOVED = frozenset({301, 302, 303, 307, 308})
_NOT_YET = frozenset({404, 408, 425, 429})
"""Refusals that may be over in a moment: a file that was just uploaded is not everywhere at once."""
_NOBODY: Mapping[str, str] = MappingProxyType({})
_PAGES = ("text/html", "application/xhtml+xml")
_FINAL = frozenset({FailureReason.BLOCKED_ADDRESS, FailureReason.INSECURE_URL, FailureReason.PROTOCOL})


async def download(
    client: GuardedClient,
    url: str,
    into: BinaryIO,
    *,
    max_bytes: int,
    timeout_s: float,
    headers: Mapping[str, str] = _NOBODY,
) -> int:
    """Write the body that an address answers with into `into`, and return its size.

    Args:
        client: the guarded client, open.
        url: an http(s) address; its query may be a signature, and is told to nobody but its host.
        into: stands at its beginning, as it does afterwards.
        max_bytes: a body that is larger, or says that it is, is refused.
        timeout_s: for everything: every redirect, up to the last byte.
        headers: what a private file is asked for with; a redirect to another scheme, host or port goes without.

    Raises:
        MediaError: `media_unreachable`, `media_too_large`, `media_invalid` (nothing came).
    """
    try:
        async with asyncio.timeout(timeout_s):
            size = await _follow(client, url, into, max_bytes, headers)
    except TimeoutError:
        detail = f"{place(url)} took longer than {timeout_s:g} s"
        raise MediaError(FailureReason.MEDIA_UNREACHABLE, detail, final=False) from None
    if not size:
        raise MediaError(FailureReason.MEDIA_INVALID, f"{place(url)} answered with an empty file")
    into.seek(0)
    return size


async def _follow(client: GuardedClient, url: str, into: BinaryIO, max_bytes: int, headers: Mapping[str, str]) -> int:
    first, asks = url, bool(headers) or needs_token(url)
    for _ in range(MOST_REDIRECTS + 1):
        try:
            async with client.opened(url, headers=headers) as answer:
                if answer.status not in _MOVED:
                    _refuse_login(answer, first if asks else "")
                    return await _body(answer, url, into, max_bytes)
                url = _next(url, answer.headers.get("Location", ""))
                # Once it has led elsewhere they stay here, even when it leads back.
                headers = headers if _origin(url) == _origin(first) else _NOBODY
        except NetError as error:
            # The detail of a network error names hosts and addresses only.
            told = f"{place(url)}: {error.reason}{f', {error.detail}' if error.detail else ''}"
            raise MediaError(FailureReason.MEDIA_UNREACHABLE, told, final=error.reason in _FINAL) from error
    raise MediaError(FailureReason.MEDIA_UNREACHABLE, f"more than {MOST_REDIRECTS} redirects, last to {place(url)}")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _refuse_login(answer: Incoming, private: str) -> None:
    """Say what a file at a private address needs, when a page to log in came in its place.

    Raises:
        MediaError: `media_unreachable`.
    """
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    if private and (kind in _PAGES or answer.status in (401, 403)):
        why = "the bot token is missing, lacks files:read, or its app is not in the channel"
        raise MediaError(FailureReason.MEDIA_UNREACHABLE, f"{place(private)} asks to log in: {why}")


def _next(url: str, location: str) -> str:
    """Return where a redirect leads; never from https to http, where others could read the signature along."""
    try:
        following = urljoin(url, location)
        lowered = urlsplit(url).scheme == "https" and urlsplit(following).scheme != "https"
    except ValueError:
        following, lowered = "", True
    if not location or lowered:
        raise MediaError(FailureReason.MEDIA_UNREACHABLE, f"{place(url)} redirects to what is no https address")
    return following


async def _body(answer: Incoming, url: str, into: BinaryIO, max_bytes: int) -> int:
    if answer.status != 200:
        final = answer.status < 500 and answer.status not in _NOT_YET
        detail = f"{place(url)} answered {answer.status}"
        raise MediaError(FailureReason.MEDIA_UNREACHABLE, detail, final=final)
    said, size = answer.headers.get("Content-Length", ""), 0
    if said.isdecimal() and int(said) > max_bytes:
        raise _too_large(url, max_bytes)
    async for chunk in answer.chunks():
        size += len(chunk)
        if size > max_bytes:
            raise _too_large(url, max_bytes)
        into.write(chunk)
    return size


def _too_large(url: str, max_bytes: int) -> MediaError:
    return MediaError(FailureReason.MEDIA_TOO_LARGE, f"the file at {place(url)} has more than {max_bytes} bytes")
