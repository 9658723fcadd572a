"""Group commit: one thread writes, and everything that waits when a commit returns goes into the next one.

Calls of one operation are merged into one list, so 64 callers cost a statement a table and one sync, not 64. When a
merged transaction fails for anything but the database itself, it is rolled back and run again with a savepoint around
each call: one bad item cannot abort its neighbours.
"""

import asyncio
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreBusy, StoreError, StoreFull, StoreOvertaken
from bridge.ports import Due
from bridge.store._engine import Clash, Database
from bridge.store._sql import Unit

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_MERGED_ITEMS, _MERGED_BYTES = 1_000, 32 << 20
"""How much goes into one transaction: a call that begins below either number still goes with it."""
_MOST_BYTES = 256 << 20
"""How much may wait: where the database stands still, memory ends before many large bodies are many items."""
_TRIES = 5
"""How often a transaction is run that stands in the way of another process."""
_CLASHES = 3
"""How often an item is run that clashes alone: the next look sees what the other process has written."""
_LINGER_S, _LINGERS, _ENOUGH = 0.0005, 8, 64
"""How long the writer waits for company, how often, and when there is enough: a commit costs as much as ten items."""


@dataclass(frozen=True)
class Operation(Generic[Item, Answer]):
    """Something that can be merged: a list of items in, one answer an item, in order.

    `refused` makes the answer for an item that clashes even when it is alone; without it the call raises `StoreBusy`.
    Of one transaction those of higher `rank` run later: what locks rows that every process wants comes last, so that
    it waits for nothing while it has them.
    """

    run: Callable[[Unit, Sequence[Item]], list[Answer]]
    refused: Callable[[Item], Answer] | None = None
    rank: int = 0


@dataclass(eq=False)
class _Call:
    operation: Operation[Any, Any]
    items: Sequence[Any]
    future: "asyncio.Future[list[Any]]"
    weight: int = 0
    answers: list[Any] = field(default_factory=list)
    error: Exception | None = None


class _Again(Exception):
    """A transaction of which nothing is kept may succeed when it is run once more."""

    def __init__(self, error: DBAPIError) -> None:
        self.error = error


class GroupCommit:
    """The writer thread and the queue before it.

    Args:
        database: the engine.
        loop: where answers are delivered and `woken` is called.
        woken: called after each commit that made something due, with what.
        max_waiting: items that may wait; more are refused with `StoreBusy`.
    """

    def __init__(
        self,
        database: Database,
        loop: asyncio.AbstractEventLoop,
        woken: Callable[[Due], None],
        *,
        max_waiting: int = 20_000,
    ) -> None:
        self.commits = 0
        self.full_at = -math.inf
        self._database = database
        self._loop = loop
        self._woken = woken
        self._max_waiting = max_waiting
        self._waiting: deque[_Call] = deque()
        self._waiting_items = self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._company = False
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._write_until_closed, name="bridge-store-writer", daemon=True)

    def start(self) -> None:
        """Start the thread and wait until its connection is open; raises `StoreError` when it cannot be."""
        self._thread.start()
        self._started.result()

    async def submit(
        self, operation: Operation[Item, Answer], items: Sequence[Item], *, weight: int = 0
    ) -> list[Answer]:
        """Run an operation in the next transaction and return its answers once they are synced.

        `weight` says how many bytes the items have about them, where they may be large.

        Raises:
            StoreBusy: too much waits, or the database is locked; nothing was kept.
            StoreError: the database refused; nothing was kept.
        """
        if not items:
            return []
        call = _Call(operation, items, self._loop.create_future(), weight)
        with self._changed:
            if self._closing:
                raise StoreError("the store is closed")
            too_many = self._waiting_items + len(items) > self._max_waiting
            if self._waiting and (too_many or self._waiting_bytes + weight > _MOST_BYTES):
                raise StoreBusy("too many writes are waiting")
            self._waiting.append(call)
            self._waiting_items += len(items)
            self._waiting_bytes += weight
            self._changed.notify()
        return await call.future

    def close(self) -> None:
        """Write what waits, then end the thread; blocks until it has ended."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        if self._thread.ident is not None:
            self._thread.join()

    def _write_until_closed(self) -> None:
        try:
            opened = self._database.writing()
        except DBAPIError as error:
            self._started.set_exception(self._explain(self._database.translate(error)))
            return
        with opened as connection:
            self._started.set_result(None)
            while batch := self._next_batch():
                self._write(connection, batch)

    def _next_batch(self) -> list[_Call]:
        """Wait for calls and take all, up to a number of items and bytes; an empty list says that the store closes."""
        batch: list[_Call] = []
        items = weight = 0
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
        self._linger()
        with self._changed:
            while self._waiting and items < _MERGED_ITEMS and weight < _MERGED_BYTES:
                call = self._waiting.popleft()
                items += len(call.items)
                weight += call.weight
                batch.append(call)
            self._waiting_items -= items
            self._waiting_bytes -= weight
        self._company = len(batch) > 1
        return batch

    def _linger(self) -> None:
        """Let callers who come together share one commit: wait a little while more keep coming.

        A caller alone never waits: only when the last batch was shared, or others wait already, is there company.
        """
        for _ in range(_LINGERS):
            waiting = len(self._waiting)
            if not (self._company or waiting > 1) or waiting >= _ENOUGH or self._closing:
                return
            time.sleep(_LINGER_S)
            if len(self._waiting) == waiting:
                return

    def _write(self, connection: Connection, batch: list[_Call]) -> None:
        # Work whose caller has gone is not begun: nobody would hear of it.
        calls = [call for call in batch if not call.future.cancelled()]
        made_due = Due.NOTHING
        try:
            made_due = self._transact(connection, calls, _run_merged)
        except DBAPIError as error:
            if self._is_of_all(error):
                self._fail(calls, self._database.translate(error))
            else:
                made_due = self._write_separately(connection, calls)
        except Exception:  # noqa: BLE001  # Whatever it was, it belongs to one call: each is run by itself to find it.
            made_due = self._write_separately(connection, calls)
        with suppress(RuntimeError):  # The loop is closed: nobody waits any more.
            self._loop.call_soon_threadsafe(self._deliver, batch, made_due)

    def _write_separately(self, connection: Connection, calls: list[_Call]) -> Due:
        try:
            return self._transact(connection, calls, self._run_separately)
        except Exception as error:  # noqa: BLE001  # The thread must live on, or every later write would wait for ever.
            self._fail(calls, self._explain(error))
            return Due.NOTHING

    def _transact(self, connection: Connection, calls: list[_Call], run: Callable[[Unit, list[_Call]], None]) -> Due:
        """Run calls and commit; again, where another process stood in the way or the connection was an old one."""
        tries_left = _TRIES
        while True:
            try:
                return self._try(connection, calls, run)
            except _Again as again:
                tries_left -= 1
                if not tries_left:
                    raise again.error from None

    def _try(self, connection: Connection, calls: list[_Call], run: Callable[[Unit, list[_Call]], None]) -> Due:
        unit = Unit(connection)
        # What fails before the commit left nothing. The commit itself may have been kept, and is not run again.
        with self._may_go_again():
            transaction = connection.begin()
        with transaction, self._may_go_again():
            run(unit, calls)
            if unit.made_due:
                self._database.notify(connection, unit.made_due)
        self.commits += 1
        return unit.made_due

    @contextmanager
    def _may_go_again(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            if self._database.is_transient(error):
                raise _Again(error) from error
            raise

    def _run_separately(self, unit: Unit, calls: list[_Call]) -> None:
        for call in calls:
            call.error = None
            try:
                with unit.connection.begin_nested():
                    call.answers = self._run_call(unit, call)
            except Exception as error:
                if self._is_of_all(error):
                    raise
                call.error = self._explain(error)

    def _run_call(self, unit: Unit, call: _Call) -> list[Any]:
        return [answer for item in call.items for answer in self._run_item(unit, call.operation, item)]

    def _run_item(self, unit: Unit, operation: Operation[Any, Any], item: Any) -> list[Any]:
        """Run an item by itself; again while it clashes, unless that is an answer."""
        tries_left = _CLASHES
        while True:
            tries_left -= 1
            try:
                with unit.connection.begin_nested():
                    return operation.run(unit, [item])
            except (Clash, DBAPIError) as error:
                if not self._is_clash(error):
                    raise
                if operation.refused is not None:
                    return [operation.refused(item)]
                if not tries_left:
                    raise

    def _is_clash(self, error: Clash | DBAPIError) -> bool:
        return isinstance(self._database.translate(error) if isinstance(error, DBAPIError) else error, Clash)

    def _is_of_all(self, error: Exception) -> bool:
        """Say whether no call can be run while it is so: the connection is lost, the disk full, somebody in the way."""
        return isinstance(error, DBAPIError) and isinstance(self._database.translate(error), (StoreBusy, StoreFull))

    def _explain(self, error: Exception) -> StoreError:
        if isinstance(error, DBAPIError):
            meaning = self._database.translate(error)
            error = meaning if isinstance(meaning, StoreError) else Clash()
        if isinstance(error, StoreError):
            return error
        if isinstance(error, Clash):
            return StoreOvertaken("another write came in between; look again")
        explained = StoreError(f"the item cannot be stored: {type(error).__name__}")
        explained.__cause__ = error
        return explained

    def _fail(self, calls: list[_Call], meaning: StoreError | Clash) -> None:
        if isinstance(meaning, StoreFull):
            self.full_at = time.monotonic()
        for call in calls:
            explained = self._explain(meaning)
            # One exception each: a raised exception keeps the trace of its raiser.
            call.error = type(explained)(*explained.args)

    def _deliver(self, batch: list[_Call], made_due: Due) -> None:
        for call in batch:
            if call.future.done():
                continue
            if call.error is not None:
                call.future.set_exception(call.error)
            else:
                call.future.set_result(call.answers)
        if made_due:
            self._woken(made_due)


def _run_merged(unit: Unit, calls: list[_Call]) -> None:
    for operation, same in _by_operation(calls):
        answers = operation.run(unit, [item for call in same for item in call.items])
        start = 0
        for call in same:
            call.answers = answers[start : start + len(call.items)]
            start += len(call.items)


def _by_operation(calls: list[_Call]) -> Iterator[tuple[Operation[Any, Any], list[_Call]]]:
    grouped: dict[int, list[_Call]] = {}
    for call in calls:
        grouped.setdefault(id(call.operation), []).append(call)
    for same in sorted(grouped.values(), key=lambda calls: calls[0].operation.rank):
        yield same[0].operation, same
