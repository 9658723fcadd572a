"""The rate budget of one key: who may call when, by our own limits and by what the partner says of its own."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import count

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.ports import Clock

LONGEST_HELD_WAIT_S = 5.0
"""A call waits for a shorter hold, and is refused unsent by a longer one."""
LONGEST_TURN_S = 120.0
"""A call waits for a nearer turn in the budget, and is refused unsent by a later one."""
LOW_SHARE = 0.1
"""With less than this share of its calls left, a key spreads them until the partner counts anew."""


class Priority(IntEnum):
    """Who goes first when calls wait for the budget."""

    COMMAND = 0
    READ = 1


@dataclass(slots=True)
class Bucket:
    """A token bucket as GCRA: `free_at` is when the bucket is full again; a call takes `interval_s` of it.

    A call may go once `free_at - at <= (burst - 1) * interval_s`; the one behind `ahead` others an interval later for
    each.
    """

    interval_s: float
    burst: int
    free_at: float = 0.0

    def wait_s(self, at: float, ahead: int = 0) -> float:
        """Return how long a call with so many others before it waits, in seconds; 0 when it may go at `at`."""
        backlog = max(self.free_at - at, 0.0) + ahead * self.interval_s
        return max(backlog - (self.burst - 1) * self.interval_s, 0.0)

    def take(self, at: float) -> None:
        """Count a call that goes at `at`."""
        self.free_at = max(self.free_at, at) + self.interval_s


@dataclass(frozen=True, slots=True)
class Pace:
    """What an answer told of the rate: `left` calls of `limit` until `reset`."""

    limit: int
    left: int
    reset: datetime


@dataclass(slots=True)
class Lane:
    """A bucket, and what the partner last told of the calls that go through it: that may be slower for a while."""

    bucket: Bucket
    slow: Bucket | None = None
    until: datetime | None = None

    def obey(self, pace: Pace, now: datetime, at: float) -> None:
        """Spread what is left until the reset when that is little; nothing left, nothing goes until then."""
        left_s = (pace.reset - now).total_seconds()
        if left_s <= 0 or pace.left >= pace.limit * LOW_SHARE:
            self.slow = self.until = None
            return
        interval_s = left_s / (pace.left + 1)
        self.slow, self.until = Bucket(interval_s, 1, free_at=at + interval_s), pace.reset

    def wait_s(self, now: datetime, at: float, ahead: int) -> float:
        """Return how long a call with so many others before it waits, in seconds."""
        wait_s = self.bucket.wait_s(at, ahead)
        if self.slow is None or self.until is None:
            return wait_s
        # After the reset the partner counts anew, whatever was spread before.
        left_s = max((self.until - now).total_seconds(), 0.0)
        return max(wait_s, min(self.slow.wait_s(at, ahead), left_s))

    def take(self, at: float) -> None:
        """Count a call that goes at `at`."""
        self.bucket.take(at)
        if self.slow is not None:
            self.slow.take(at)


class Budget:
    """Lets the calls of one key out: so many a second, commands before reads, in order of arrival, none while held.

    Args:
        rate: calls a second; up to `burst` at once after a pause.
        creates: what calls that make posts must pass besides, None where the partner counts them as all others.
        now: the wall clock, for holds.
        tick: the clock of the rate, in seconds; it never jumps.
        sleep: how waiting is done.
    """

    def __init__(
        self,
        rate: float,
        burst: int = 4,
        *,
        creates: Bucket | None = None,
        now: Clock,
        tick: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._all = Lane(Bucket(1 / rate, burst))
        self._creates = Lane(creates) if creates is not None else None
        self._now, self._tick, self._sleep = now, tick, sleep
        self._held_until: datetime | None = None
        self._arrivals = count()
        self._waiting: dict[tuple[Priority, int], bool] = {}

    def hold(self, until: datetime | None) -> None:
        """Let nothing out before `until`; None lifts the hold."""
        self._held_until = until

    def hold_at_least(self, until: datetime) -> None:
        """Hold until then, unless a longer hold stands."""
        self._held_until = max(until, self._held_until or until)

    def obey(self, pace: Pace, *, create: bool = False) -> None:
        """Go by what an answer told: that to a create speaks of creates, where these are counted apart."""
        lane = self._creates if create and self._creates is not None else self._all
        lane.obey(pace, self._now(), self._tick())

    async def enter(self, priority: Priority, *, create: bool = False) -> None:
        """Return when the call may go out.

        Raises:
            PartnerError: the hold lasts longer than `LONGEST_HELD_WAIT_S`, then `retry_after` is what is left of it;
                or the call's turn comes later than in `LONGEST_TURN_S`.
        """
        turn = (priority, next(self._arrivals))
        self._waiting[turn] = create
        try:
            while wait_s := self._wait_s(turn):
                # A second at most: a hold that is lifted or a turn that falls away is seen that soon.
                await self._sleep(min(max(wait_s, 0.001), 1.0))
            for lane in self._lanes(create):
                lane.take(self._tick())
        finally:
            del self._waiting[turn]

    def _lanes(self, create: bool) -> list[Lane]:
        return [self._all] + ([self._creates] if create and self._creates is not None else [])

    def _wait_s(self, turn: tuple[Priority, int]) -> float:
        held_s = (self._held_until - self._now()).total_seconds() if self._held_until else 0.0
        if held_s > LONGEST_HELD_WAIT_S:
            raise PartnerError(
                FailureReason.RATE_LIMITED,
                FailureClass.RETRYABLE,
                detail="not sent: the key is held",
                retry_after=timedelta(seconds=held_s),
            )
        now, at = self._now(), self._tick()
        before = [create for other, create in self._waiting.items() if other < turn]
        creates, others = sum(before), len(before) - sum(before)
        wait_s = 0.0
        if self._creates is not None:
            if self._waiting[turn]:
                wait_s = self._creates.wait_s(now, at, creates)
            # Creates that wait for their own lane let others pass.
            creates = sum(not self._creates.wait_s(now, at, ahead) for ahead in range(creates))
        wait_s = max(wait_s, self._all.wait_s(now, at, creates + others))
        if wait_s > LONGEST_TURN_S:
            detail = "not sent: the partner's rate leaves no room"
            raise PartnerError(FailureReason.RATE_LIMITED, FailureClass.RETRYABLE, detail=detail)
        return max(held_s, wait_s)
