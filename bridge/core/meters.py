"""Rates: how long a call waits for its turn, and what several processes count together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

_BELIEVED_S = 60.0
"""How much further ahead than a bucket is deep a meter may stand, for the clocks of processes differ."""

_COMES_BACK_S = 2.0
"""How much later than it was told a call that was refused asks again, at most; after that it is not waited for."""


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
        return max(backlog - self._depth_s, 0.0)

    def take(self, at: float) -> None:
        """Count a call that goes at `at`."""
        self.free_at = max(self.free_at, at) + self.interval_s

    def drain(self, at: float, wait_s: float) -> None:
        """Note that others have taken so much that the next call waits so long, if that is longer than was known."""
        self.free_at = max(self.free_at, at + wait_s + self._depth_s)

    @property
    def _depth_s(self) -> float:
        return (self.burst - 1) * self.interval_s


@dataclass(frozen=True, slots=True)
class Meter:
    """A bucket that processes share, by its name: a call takes `interval_s` of it, up to `burst` go at once."""

    name: str
    interval_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Spending:
    """A call and the meters that it counts against; `yields` lets those go first that do not, whoever makes them."""

    meters: Sequence[Meter]
    yields: bool = False


@dataclass(frozen=True, slots=True)
class Level:
    """How a meter stands: in how many seconds it is full again, and for how many more those that yield get nothing."""

    backlog_s: float = 0.0
    wanted_s: float = 0.0


def spend(calls: Sequence[Spending], levels: Mapping[str, Level]) -> tuple[list[tuple[float, ...]], dict[str, Level]]:
    """Let calls through one after the other, each against all of its meters or against none.

    What a call that does not yield was refused is kept for it until it asks again, or should have.

    Args:
        calls: who asks, in order.
        levels: how each meter stands that was used before. One that stands further ahead than calls and clocks that
            differ can have brought it was left there by a clock that went back: it counts anew.

    Returns:
        How long each call has to wait for each of its meters, all 0 when it was counted; and the levels that changed.
    """
    known, changed, answers = dict(levels), dict[str, Level](), list[tuple[float, ...]]()
    for call in calls:
        stand = [_believed(meter, known.get(meter.name, Level())) for meter in call.meters]
        waits = tuple(
            _wait_s(meter, level, yields=call.yields) for meter, level in zip(call.meters, stand, strict=True)
        )
        answers.append(waits)
        for meter, level, wait_s in zip(call.meters, stand, waits, strict=True):
            if not any(waits):
                known[meter.name] = changed[meter.name] = _taken(meter, level)
            elif wait_s and not call.yields:
                wanted_s = max(level.wanted_s, wait_s + _COMES_BACK_S)
                known[meter.name] = changed[meter.name] = replace(level, wanted_s=wanted_s)
    return answers, changed


def _wait_s(meter: Meter, level: Level, *, yields: bool) -> float:
    """Return how long a call waits for one meter; of one that is wanted it is not known, so it asks again soon."""
    wait_s = Bucket(meter.interval_s, meter.burst, level.backlog_s).wait_s(0.0)
    return max(wait_s, meter.interval_s) if yields and level.wanted_s > 0 else wait_s


def _taken(meter: Meter, level: Level) -> Level:
    # Whoever wanted it has got it; others who do ask again, and are refused again.
    return Level(max(level.backlog_s, 0.0) + meter.interval_s)


def _believed(meter: Meter, level: Level) -> Level:
    most = meter.burst * meter.interval_s + _BELIEVED_S
    return Level(*(seconds if seconds <= most else 0.0 for seconds in (level.backlog_s, level.wanted_s)))
