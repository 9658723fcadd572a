"""The rate limits by key, counted: every answer tells where the caller stands, and who is over gets a 429.

Windows of a minute that begin with the first call in them (a guess; the vendor gives only the numbers). A refused call
is not counted. Sources: posteverywhere.ai/developers/rate-limits, README of @posteverywhere/sdk 1.4.2.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil

WINDOW = timedelta(minutes=1)


@dataclass(slots=True)
class Window:
    """The calls of one key in one minute."""

    begins: datetime
    used: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a caller stands after a call; `retry_after` (seconds) only if it was refused."""

    limit: int
    remaining: int
    reset: datetime
    retry_after: int | None = None

    def headers(self) -> dict[str, str]:
        """Write the X-RateLimit headers (reset in unix seconds) and Retry-After."""
        shown = {
            "x-ratelimit-limit": str(self.limit),
            "x-ratelimit-remaining": str(self.remaining),
            "x-ratelimit-reset": str(ceil(self.reset.timestamp())),
        }
        return shown | ({} if self.retry_after is None else {"retry-after": str(self.retry_after)})


class Limits:
    """The windows of all keys; `general` counts every call, `creates` those that make posts."""

    def __init__(self) -> None:
        self._windows: dict[tuple[str, str], Window] = {}

    def count(self, key: str, now: datetime, *, general: int, creates: int | None) -> Standing:
        """Count a call, unless a limit is reached.

        Args:
            key: whose call it is.
            now: when.
            general: the limit of all calls.
            creates: the limit of creates if the call is one, else None.

        Returns:
            The standing in the narrower window the call belongs to.
        """
        wanted = [("general", general)] + ([("creates", creates)] if creates is not None else [])
        windows = [(self._window(key, bucket, now), limit) for bucket, limit in wanted]
        for window, limit in windows:
            if window.used >= limit:
                ends = window.begins + WINDOW
                return Standing(limit, 0, ends, max(1, ceil((ends - now).total_seconds())))
        for window, _ in windows:
            window.used += 1
        window, limit = windows[-1]
        return Standing(limit, limit - window.used, window.begins + WINDOW)

    def _window(self, key: str, bucket: str, now: datetime) -> Window:
        window = self._windows.get((key, bucket))
        if window is None or now - window.begins >= WINDOW:
            window = self._windows[key, bucket] = Window(now)
        return window
