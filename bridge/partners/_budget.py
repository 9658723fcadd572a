"""The rate budget of one key: who may call when, by our own limits and by what the partner says of its own.

Where several processes call with one key, they keep its rates together (`Spend`). Each obeys by itself what the answers
to its own calls say of the rate (`Pace`): the partner tells all of them the same, each in turn.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from itertools import count
from typing import Protocol

from bridge.core.errors import FailureClass, FailureReason, PartnerError, StoreError
from bridge.core.meters import Bucket, Meter
from bridge.ports import Clock

LONGEST_HELD_WAIT_S = 5.0
"""A call waits for a shorter hold, and is refused unsent by a longer one."""
LONGEST_TURN_S = 120.0
"""A call waits for a nearer turn in the budget, and is refused unsent by a later one."""
SPEND_S = 10.0
"""What all processes share must be counted within this time, else the call is refused unsent."""
LOW_SHARE = 0.1
"""With less than this share of its calls left, a key spreads them until the partner counts anew."""


class Spend(Protocol):
    """Counts one call of all processes against meters, or against none: see `bridge.ports.Store.spend`."""

    def __call__(self, meters: Sequence[Meter], *, yields: bool) -> Awaitable[Sequence[float]]:
        """Answer in how many seconds each has room for the call."""
        ...


class Priority(IntEnum):
    """Who goes first when calls wait for the budget."""

    COMMAND = 0
    READ = 1


@dataclass(frozen=True, slots=True)
class Pace:
    """What an answer told of the rate: `left` calls of `limit` until `reset`."""

    limit: int
    left: int
    reset: datetime


@dataclass(slots=True)
class Lane:
    """A bucket, and what the partner last told of the calls that go through it: that may be slower for a while.

    `name` is that of the meter which all processes share.
    """

    name: str
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

    @property
    def meter(self) -> Meter:
        """What is asked for all processes together."""
        return Meter(self.name, self.bucket.interval_s, self.bucket.burst)

    def take(self, at: float) -> None:
        """Count a call that goes at `at`."""
        self.bucket.take(at)
        if self.slow is not None:
            self.slow.take(at)


class Budget:
    """Lets the calls of one key out: so many a second, commands before reads, in order of arrival, none while held.

    Order is kept among the calls of one process. Between processes whoever asks first goes first, but no read while a
    command was refused and has yet to ask again.

    Args:
        rate: calls a second; up to `burst` at once after a pause.
        name: the key's.
        creates: what calls that make posts must pass besides, None where the partner counts them as all others.
        spend: counts what other processes call, too; None where there are none.
        now: the wall clock, for holds.
        tick: the clock of the rate, in seconds; it never jumps.
        sleep: how waiting is done.
    """

    def __init__(
        self,
        rate: float,
        burst: int = 4,
        *,
        name: str,
        creates: Bucket | None = None,
        spend: Spend | None = None,
        now: Clock,
        tick: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._all = Lane(f"partner:{name}:all", Bucket(1 / rate, burst))
        self._creates = Lane(f"partner:{name}:creates", creates) if creates is not None else None
        self._spend = spend
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
                or the call's turn comes later than in `LONGEST_TURN_S`; or other processes may be calling, and what
                they share could not be counted.
        """
        turn, latest = (priority, next(self._arrivals)), self._tick() + LONGEST_TURN_S
        self._waiting[turn] = create
        try:
            while (wait_s := self._wait_s(turn)) or not await self._take(self._lanes(create), priority, latest):
                # A second at most: a hold that is lifted or a turn that falls away is seen that soon.
                await self._sleep(min(max(wait_s, 0.001), 1.0))
        finally:
            del self._waiting[turn]

    async def _take(self, lanes: Sequence[Lane], priority: Priority, latest: float) -> bool:
        """Count a call; False, and nothing was counted, when other processes have taken what this one counts on."""
        at = self._tick()
        waits = await _asked(self._spend, lanes, priority) if self._spend is not None else ()
        if not any(waits):
            for lane in lanes:
                lane.take(at)
            return True
        if at + max(waits) > latest:
            # Others may come first again and again: a turn that never comes is refused like one that is far away.
            raise _unsent("the partner's rate leaves no room")
        for lane, wait_s in zip(lanes, waits, strict=True):
            if wait_s:
                lane.bucket.drain(at, wait_s)
        return False

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
            raise _unsent("the partner's rate leaves no room")
        return max(held_s, wait_s)


def _unsent(detail: str) -> PartnerError:
    return PartnerError(FailureReason.RATE_LIMITED, FailureClass.RETRYABLE, detail=f"not sent: {detail}")


async def _asked(spend: Spend, lanes: Sequence[Lane], priority: Priority) -> Sequence[float]:
    """Count a call for all processes; answers how long it waits for each lane, all 0 when it was counted.

    Raises:
        PartnerError: it could not be counted. Unmetered it must not go: others may have used up all there is.
    """
    try:
        async with asyncio.timeout(SPEND_S):
            return await spend([lane.meter for lane in lanes], yields=priority is Priority.READ)
    except (StoreError, TimeoutError) as error:
        raise _unsent("what all processes share could not be counted") from error
