"""The rate budget on a clock of its own: turns, holds, creates apart, and what a partner tells of its rate."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from itertools import count, pairwise
from typing import Any

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError, StoreBusy
from bridge.core.meters import Bucket, Level, Meter, Spending, spend
from bridge.partners._budget import LONGEST_TURN_S, Budget, Pace, Priority, Spend
from tests.partners.things import NOW, Clock

pytestmark = pytest.mark.anyio


class Timeline:
    """Time in which sleepers wake in order, without any real waiting."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []
        self._order = count()

    def tick(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.s + seconds, next(self._order), woken))
        await woken.wait()

    async def run_until(self, s: float) -> None:
        """Let time pass, waking whoever is due on the way."""
        await _settle()
        while self._sleepers and min(self._sleepers)[0] <= s:
            at, _, woken = due = min(self._sleepers)
            self._sleepers.remove(due)
            self.clock.advance(seconds=at - self.s)
            self.s = at
            woken.set()
            await _settle()
        self.clock.advance(seconds=s - self.s)
        self.s = s


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Gate:
    """A budget on a timeline, and who went out when."""

    def __init__(
        self,
        rate: float,
        burst: int,
        creates: Bucket | None = None,
        *,
        time: Timeline | None = None,
        spend: Spend | None = None,
    ) -> None:
        self.time = time or Timeline()
        clocks: Any = {"now": self.time.clock, "tick": self.time.tick, "sleep": self.time.sleep}
        self.budget = Budget(rate, burst, name="gv", creates=creates, spend=spend, **clocks)
        self.out: list[tuple[str, float]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def arrive(self, name: str, priority: Priority, *, create: bool = False) -> asyncio.Task[None]:
        async def enter() -> None:
            await self.budget.enter(priority, create=create)
            self.out.append((name, round(self.time.s, 3)))

        self._tasks.append(asyncio.create_task(enter()))
        return self._tasks[-1]

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    made = Gate(rate=2.0, burst=1)
    yield made
    await made.leave()


async def test_calls_go_out_at_the_rate(gate: Gate) -> None:
    for name in "abc":
        gate.arrive(name, Priority.READ)
    await gate.time.run_until(5)
    assert gate.out == [("a", 0.0), ("b", 0.5), ("c", 1.0)]


async def test_commands_go_before_reads_that_wait(gate: Gate) -> None:
    for name in ("r1", "r2", "r3"):
        gate.arrive(name, Priority.READ)
    await gate.time.run_until(0.2)
    gate.arrive("c1", Priority.COMMAND)
    gate.arrive("c2", Priority.COMMAND)
    await gate.time.run_until(5)
    assert [name for name, _ in gate.out] == ["r1", "c1", "c2", "r2", "r3"]
    assert gate.out[-1][1] == pytest.approx(2.0, abs=0.01)


async def test_one_that_is_cancelled_gives_its_turn_away(gate: Gate) -> None:
    gate.arrive("a", Priority.READ)
    gone = gate.arrive("b", Priority.READ)
    gate.arrive("c", Priority.READ)
    await gate.time.run_until(0.1)
    gone.cancel()
    await gate.time.run_until(1.2)
    assert [name for name, _ in gate.out] == ["a", "c"]


async def test_short_hold_is_waited_for(gate: Gate) -> None:
    gate.budget.hold(NOW + timedelta(seconds=3))
    gate.arrive("a", Priority.COMMAND)
    await gate.time.run_until(2.9)
    assert gate.out == []
    await gate.time.run_until(4)
    assert gate.out == [("a", 3.0)]


async def test_long_hold_refuses_those_that_wait_already(gate: Gate) -> None:
    gate.arrive("a", Priority.COMMAND)
    waiting = gate.arrive("b", Priority.COMMAND)
    await gate.time.run_until(0.1)
    gate.budget.hold(NOW + timedelta(seconds=60))
    await gate.time.run_until(0.6)
    error = waiting.exception()
    assert isinstance(error, PartnerError)
    assert (error.reason, error.failure, error.maybe_stored) == (
        FailureReason.RATE_LIMITED,
        FailureClass.RETRYABLE,
        False,
    )
    assert timedelta(seconds=59) < (error.retry_after or timedelta()) < timedelta(seconds=60)


async def test_hold_that_is_lifted_lets_out(gate: Gate) -> None:
    gate.budget.hold(NOW + timedelta(seconds=4))
    gate.arrive("a", Priority.COMMAND)
    await gate.time.run_until(0.5)
    gate.budget.hold(None)
    await gate.time.run_until(1.1)
    assert gate.out == [("a", 1.0)]


def test_hold_at_least_never_shortens() -> None:
    budget = Budget(2.0, name="gv", now=lambda: NOW)
    budget.hold(NOW + timedelta(seconds=60))
    budget.hold_at_least(NOW + timedelta(seconds=30))
    assert budget._held_until == NOW + timedelta(seconds=60)


@pytest.fixture
async def apart() -> AsyncIterator[Gate]:
    """A call a second, a create every three."""
    made = Gate(rate=1.0, burst=1, creates=Bucket(3.0, 1))
    yield made
    await made.leave()


async def test_creates_have_a_rate_of_their_own(apart: Gate) -> None:
    for name in ("c1", "c2", "c3"):
        apart.arrive(name, Priority.COMMAND, create=True)
    await apart.time.run_until(10)
    assert apart.out == [("c1", 0.0), ("c2", 3.0), ("c3", 6.0)]


async def test_creates_that_wait_let_others_pass(apart: Gate) -> None:
    for name in ("c1", "c2", "c3"):
        apart.arrive(name, Priority.COMMAND, create=True)
    apart.arrive("other", Priority.COMMAND)
    apart.arrive("read", Priority.READ)
    await apart.time.run_until(10)
    assert [name for name, _ in apart.out] == ["c1", "other", "read", "c2", "c3"]


async def told(gate: Gate, left: int, *, in_s: float = 30, create: bool = False) -> None:
    gate.budget.obey(Pace(60, left, gate.time.clock() + timedelta(seconds=in_s)), create=create)


async def test_few_calls_left_are_spread_until_the_reset(gate: Gate) -> None:
    await told(gate, left=2)
    for name in "abcd":
        gate.arrive(name, Priority.READ)
    await gate.time.run_until(40)
    assert gate.out == [("a", 10.0), ("b", 20.0), ("c", 30.0), ("d", 30.5)]


async def test_no_call_left_waits_for_the_reset(gate: Gate) -> None:
    await told(gate, left=0)
    gate.arrive("a", Priority.COMMAND)
    await gate.time.run_until(29.9)
    assert gate.out == []
    await gate.time.run_until(31)
    assert gate.out == [("a", 30.0)]


@pytest.mark.parametrize(("left", "in_s"), [(6, 30.0), (60, 30.0), (0, -1.0)])
async def test_enough_calls_left_or_a_reset_that_has_been_change_nothing(gate: Gate, left: int, in_s: float) -> None:
    await told(gate, left=left, in_s=in_s)
    gate.arrive("a", Priority.READ)
    await gate.time.run_until(1)
    assert gate.out == [("a", 0.0)]


async def test_newer_word_of_the_rate_counts(gate: Gate) -> None:
    await told(gate, left=0)
    await told(gate, left=50)
    gate.arrive("a", Priority.READ)
    await gate.time.run_until(1)
    assert gate.out == [("a", 0.0)]


async def test_creates_that_are_used_up_do_not_stop_reads(apart: Gate) -> None:
    await told(apart, left=0, create=True)
    apart.arrive("c1", Priority.COMMAND, create=True)
    apart.arrive("read", Priority.READ)
    await apart.time.run_until(40)
    assert apart.out == [("read", 0.0), ("c1", 30.0)]


async def test_turn_that_is_too_far_away_is_refused_unsent(gate: Gate) -> None:
    await told(gate, left=0, in_s=3600)
    waiting = gate.arrive("a", Priority.COMMAND)
    await gate.time.run_until(0.1)
    error = waiting.exception()
    assert isinstance(error, PartnerError)
    assert (error.reason, error.maybe_stored, error.retry_after) == (FailureReason.RATE_LIMITED, False, None)


class Shared:
    """What processes share: meters on a timeline. It can be made to refuse."""

    def __init__(self, time: Timeline) -> None:
        self.time, self.refuses, self.asked = time, False, 0
        self._ends: dict[str, tuple[float, float]] = {}

    async def spend(self, meters: Sequence[Meter], *, yields: bool) -> Sequence[float]:
        self.asked += 1
        if self.refuses:
            raise StoreBusy("too many writes are waiting")
        at = self.time.tick()
        levels = {name: Level(*(end - at for end in ends)) for name, ends in self._ends.items()}
        [waits], changed = spend([Spending(meters, yields)], levels)
        self._ends |= {name: (at + level.backlog_s, at + level.wanted_s) for name, level in changed.items()}
        return waits


class Replicas:
    """Two processes with one key."""

    def __init__(self, rate: float, burst: int, creates_s: float = 0.0) -> None:
        self.time = Timeline()
        self.shared = Shared(self.time)

        def process() -> Gate:
            creates = Bucket(creates_s, 1) if creates_s else None
            return Gate(rate, burst, creates, time=self.time, spend=self.shared.spend)

        self.one, self.two = process(), process()

    @property
    def out(self) -> list[tuple[str, float]]:
        return sorted(self.one.out + self.two.out, key=lambda call: call[1])

    async def leave(self) -> None:
        await asyncio.gather(self.one.leave(), self.two.leave())


@pytest.fixture
async def replicas() -> AsyncIterator[Replicas]:
    """Two calls a second, two at once."""
    made = Replicas(2.0, 2)
    yield made
    await made.leave()


async def test_two_processes_together_keep_the_rate_of_one(replicas: Replicas) -> None:
    for number in range(5):
        replicas.one.arrive(f"a{number}", Priority.READ)
        replicas.two.arrive(f"b{number}", Priority.READ)
    await replicas.time.run_until(10)
    gone = [at for _, at in replicas.out]
    assert len(gone) == 10
    assert all(later - earlier >= 0.5 - 0.001 for earlier, later in pairwise(gone[1:]))
    # Waiting for each other costs no more than the steps in which it is done.
    assert gone[-1] < 8 * 0.5 + 0.1


async def test_within_a_process_commands_still_go_before_reads(replicas: Replicas) -> None:
    for number in range(4):
        replicas.two.arrive(f"b{number}", Priority.READ)
    for name, priority in (("r1", Priority.READ), ("r2", Priority.READ), ("c1", Priority.COMMAND)):
        replicas.one.arrive(name, priority)
    await replicas.time.run_until(10)
    assert [name for name, _ in replicas.one.out] == ["c1", "r1", "r2"]


async def test_reads_of_one_process_let_a_command_of_another_go_first(replicas: Replicas) -> None:
    """The first is told of room a moment before the other asks, each time."""
    for number in range(20):
        replicas.one.arrive(f"r{number}", Priority.READ)
    await replicas.time.run_until(1.1)
    replicas.two.arrive("c", Priority.COMMAND)
    await replicas.time.run_until(2.6)
    assert "c" in [name for name, _ in replicas.out]
    await replicas.time.run_until(30)
    assert len(replicas.out) == 21


async def test_reads_wait_no_longer_for_a_command_whose_process_is_gone(replicas: Replicas) -> None:
    for number in range(4):
        replicas.one.arrive(f"r{number}", Priority.READ)
    await replicas.time.run_until(0.1)
    gone = replicas.two.arrive("c", Priority.COMMAND)
    await replicas.time.run_until(0.2)
    gone.cancel()
    await replicas.time.run_until(6)
    assert [name for name, _ in replicas.out] == ["r0", "r1", "r2", "r3"]


async def test_creates_of_another_process_hold_creates_up_and_no_reads() -> None:
    replicas = Replicas(1.0, 2, creates_s=30.0)
    replicas.one.arrive("theirs", Priority.COMMAND, create=True)
    await replicas.time.run_until(1)
    replicas.two.arrive("ours", Priority.COMMAND, create=True)
    await replicas.time.run_until(2)
    replicas.two.arrive("read", Priority.READ)
    await replicas.time.run_until(40)
    assert replicas.out == [("theirs", 0.0), ("read", 2.0), ("ours", 30.0)]
    # It is not asked again before there is room.
    assert replicas.shared.asked < 6
    await replicas.leave()


async def test_what_cannot_be_counted_is_refused_unsent(replicas: Replicas) -> None:
    replicas.shared.refuses = True
    waiting = replicas.one.arrive("a", Priority.COMMAND)
    await replicas.time.run_until(0.1)
    error = waiting.exception()
    assert isinstance(error, PartnerError)
    assert (error.reason, error.failure, error.maybe_stored) == (
        FailureReason.RATE_LIMITED,
        FailureClass.RETRYABLE,
        False,
    )
    replicas.shared.refuses = False
    replicas.one.arrive("b", Priority.COMMAND)
    await replicas.time.run_until(0.2)
    assert [name for name, _ in replicas.out] == ["b"]


async def test_one_that_others_overtake_again_and_again_is_refused_in_time(replicas: Replicas) -> None:
    async def full(meters: Sequence[Meter], *, yields: bool) -> Sequence[float]:
        return [0.9 for _ in meters]

    gate = Gate(2.0, 2, time=replicas.time, spend=full)
    waiting = gate.arrive("a", Priority.COMMAND)
    await replicas.time.run_until(LONGEST_TURN_S - 2)
    assert not waiting.done()
    await replicas.time.run_until(LONGEST_TURN_S)
    assert isinstance(waiting.exception(), PartnerError)
