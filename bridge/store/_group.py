"""Group commit: one thread writes, and everything that waits when a commit returns goes into the next one.

Calls of one operation are merged into one list, so 64 callers cost a statement a table and one sync, not 64. When a
merged transaction fails for anything but the database itself, it is rolled back and run again with a savepoint around
each call: one bad item cannot abort its neighbours.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, OperationalError

from bridge.core.errors import StoreBusy, StoreError, StoreOvertaken
from bridge.ports import Due
from bridge.store._engine import Clash, Database
from bridge.store._sql import Unit

Item = TypeVar("Item")
Answer = TypeVar("Answer")
_MERGED_ITEMS = 1_000
_LINGER_S, _LINGERS, _ENOUGH = 0.0005, 8, 32
"""How long the writer waits for company, how often, and when there is enough: a commit costs as much as ten items."""


@dataclass(frozen=True)
class Operation(Generic[Item, Answer]):
    """Something that can be merged: a list of items in, one answer an item, in order.

    `refused` makes the answer for an item that clashes even when it is alone; without it the call raises `StoreBusy`.
    """

    run: Callable[[Unit, Sequence[Item]], list[Answer]]
    refused: Callable[[Item], Answer] | None = None


@dataclass(eq=False)
class _Call:
    operation: Operation[Any, Any]
    items: Sequence[Any]
    future: "asyncio.Future[list[Any]]"
    answers: list[Any] = field(default_factory=list)
    error: Exception | None = None


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
        self._database = database
        self._loop = loop
        self._woken = woken
        self._max_waiting = max_waiting
        self._waiting: deque[_Call] = deque()
        self._waiting_items = 0
        self._changed = threading.Condition()
        self._closing = False
        self._company = False
        self._started: Future[None] = Future()
        self._thread = threading.Thread(target=self._write_until_closed, name="bridge-store-writer", daemon=True)

    def start(self) -> None:
        """Start the thread and wait until its connection is open; raises `StoreError` when it cannot be."""
        self._thread.start()
        self._started.result()

    async def submit(self, operation: Operation[Item, Answer], items: Sequence[Item]) -> list[Answer]:
        """Run an operation in the next transaction and return its answers once they are synced.

        Raises:
            StoreBusy: too much waits, or the database is locked; nothing was kept.
            StoreError: the database refused; nothing was kept.
        """
        if not items:
            return []
        call = _Call(operation, items, self._loop.create_future())
        with self._changed:
            if self._closing:
                raise StoreError("the store is closed")
            if self._waiting_items + len(items) > self._max_waiting and self._waiting:
                raise StoreBusy("too many writes are waiting")
            self._waiting.append(call)
            self._waiting_items += len(items)
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
        """Wait for calls and take all, up to a number of items; an empty list says that the store closes."""
        batch: list[_Call] = []
        items = 0
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
        self._linger()
        with self._changed:
            while self._waiting and items < _MERGED_ITEMS:
                call = self._waiting.popleft()
                items += len(call.items)
                batch.append(call)
            self._waiting_items -= items
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
        except OperationalError as error:
            self._fail(calls, self._database.translate(error))
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
        unit = Unit(connection)
        with connection.begin():
            run(unit, calls)
        self.commits += 1
        return unit.made_due

    def _run_separately(self, unit: Unit, calls: list[_Call]) -> None:
        for call in calls:
            try:
                with unit.connection.begin_nested():
                    call.answers = self._run_call(unit, call)
            except OperationalError:
                raise
            except Exception as error:  # noqa: BLE001  # It is handed to the caller, whose item it was.
                call.error = self._explain(error)

    def _run_call(self, unit: Unit, call: _Call) -> list[Any]:
        answers: list[Any] = []
        for item in call.items:
            try:
                with unit.connection.begin_nested():
                    answers.extend(call.operation.run(unit, [item]))
            except (Clash, DBAPIError) as error:
                clash = self._database.translate(error) if isinstance(error, DBAPIError) else error
                if not isinstance(clash, Clash) or call.operation.refused is None:
                    raise
                answers.append(call.operation.refused(item))
        return answers

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
    for same in grouped.values():
        yield same[0].operation, same
