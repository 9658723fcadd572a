"""Reads the clocks of others off their answers."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx

_HALF_A_SECOND = timedelta(seconds=0.5)
"""A Date header leaves out what is less than a second."""


class Dated(httpx.AsyncBaseTransport):
    """Carries requests, and tells how far the clock of whoever answers is ahead of ours, by the Date header."""

    def __init__(self, told: Callable[[timedelta], object]) -> None:
        self._inner = httpx.AsyncHTTPTransport(trust_env=False)
        self._told = told

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Carry one."""
        asked = datetime.now(UTC)
        answer = await self._inner.handle_async_request(request)
        middle = asked + (datetime.now(UTC) - asked) / 2
        if (ahead := ahead_of(answer.headers.get("date"), middle)) is not None:
            self._told(ahead)
        return answer

    async def aclose(self) -> None:
        """Close connections."""
        await self._inner.aclose()


def ahead_of(date: str | None, now: datetime) -> timedelta | None:
    """Return how far a Date header is ahead of a time; None for what is no date."""
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    return there.replace(tzinfo=there.tzinfo or UTC) + _HALF_A_SECOND - now
