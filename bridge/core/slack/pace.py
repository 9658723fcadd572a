"""How fast messages go to one channel: one a second, in the order in which they ask.

Slack takes about one message a second in a channel and answers 429 to more, read 2026-11:
https://docs.slack.dev/apis/web-api/rate-limits.
"""

from datetime import datetime, timedelta

SCHEDULE_S = (
    0, 5, 30, 2 * 60, 5 * 60, 10 * 60, 15 * 60, 30 * 60, 3600, 2 * 3600, 4 * 3600, 6 * 3600, 8 * 3600,
)  # fmt: skip
"""The pauses before each try, about a day in all.

A `response_url` lives for half an hour, and who waits in a chat looks at it now: so the first come close together.
"""

PATIENCE = timedelta(seconds=5)
"""Who has to wait for less than this has the next turn; anybody else is told to come back."""

_EVERY = timedelta(seconds=1)
_UNSAID, _LONGEST = timedelta(seconds=30), timedelta(minutes=10)
_NEVER_SO_LONG = timedelta(minutes=30)
_MANY = 1_000


class Pace:
    """Gives turns, by channel. Whatever else it is told, it goes by the instants that it is given."""

    def __init__(self) -> None:
        self._free: dict[str, datetime] = {}
        self._later: dict[str, datetime] = {}
        self._paused: dict[str, datetime] = {}

    def take(self, channel: str, now: datetime) -> timedelta:
        """Return how long to wait. Below `PATIENCE` the turn is taken; else none is, and to come back then is best.

        Those who are to come back are given a second each, so that they do not all come at once.
        """
        free = _sane(self._free.get(channel), now, PATIENCE + _EVERY)
        free = max(free, _sane(self._paused.get(channel), now, _LONGEST))
        if free - now < PATIENCE:
            self._free[channel] = free + _EVERY
            self._tidy(now)
            return free - now
        later = max(_sane(self._later.get(channel), now, _NEVER_SO_LONG), free)
        self._later[channel] = later + _EVERY
        return later - now

    def pause(self, channel: str, asked: timedelta | None, now: datetime) -> timedelta:
        """Give a channel no turn for as long as it asks for, ten minutes at most; return how long that is."""
        wait = min(_UNSAID if asked is None else max(asked, _EVERY), _LONGEST)
        self._paused[channel] = now + wait
        self._tidy(now)
        return wait

    def _tidy(self, now: datetime) -> None:
        """Forget channels that nobody has written to lately."""
        if len(self._free) + len(self._paused) > _MANY:
            self._free, self._later, self._paused = (
                {channel: at for channel, at in known.items() if at > now}
                for known in (self._free, self._later, self._paused)
            )


def _sane(at: datetime | None, now: datetime, most: timedelta) -> datetime:
    """Return an instant that is to come, else now; what is further away than can be was noted by a clock gone wrong."""
    return at if at is not None and now < at <= now + most else now
