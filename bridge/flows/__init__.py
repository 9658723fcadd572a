"""The flows, one file an arrow: each claims work, acts, and settles it. They meet only in the store.

`Kit` is what every flow is given; `Pump` keeps a flow's work in flight, `Tasks` what goes on behind an answer.
"""

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Generic, TypeVar

import structlog

from bridge.core.auditing import Note
from bridge.core.directory import Directory, NamedAccount
from bridge.core.errors import Conflict, StoreBusy, StoreError, StoreFull, StoreOvertaken
from bridge.core.model import Account, Cause, Key, Post, Write
from bridge.core.step import Moment, Step, World, account_cause, account_facts, reconnect
from bridge.metrics import Metrics
from bridge.ports import Clock, Partner, Store

if TYPE_CHECKING:
    from bridge.tracing import Spans

log = structlog.get_logger("bridge")

Item = TypeVar("Item")
Result = TypeVar("Result")

NAMED = 20
"""How many of the posts that wait for a cause are named when it opens."""

TRIES = 50
"""How often a step is decided anew when its rows changed under it: more often than there are commands of one key in
flight, for when they all fail at once each of them notes that on the key's row, one after the other."""

LEASE = timedelta(seconds=30)
"""How long claimed work is ours when nothing more is heard of us: others take it then."""

_RENEWED_EVERY_S = 10.0
_AGAIN_S = 1.0
_LEAST_REST_S = 0.01


class Book:
    """The accounts as they were last read, under every name: what accepting an event looks at instead of the store."""

    def __init__(self, names: Sequence[NamedAccount], partners: Sequence[str]) -> None:
        self.directory = Directory(names=tuple(names), partners=tuple(partners))
        self._keys: Mapping[str, Key] = {}
        self._reading = asyncio.Lock()

    async def refresh(self, store: Store) -> list[Key]:
        """Read the accounts anew; of two at once the later read wins. Answers the keys that were held or blocked anew,
        or are no longer.

        Keys are read first: a key that counts as listed must have its accounts in what is read after it.
        """
        async with self._reading:
            before, self._keys = self._keys, await store.keys()
            listed = frozenset(name for name, key in self._keys.items() if key.listed_at is not None)
            accounts = {account.key: account for account in await store.accounts()}
            self.directory = Directory(accounts, self.directory.names, listed, self.directory.partners)
            return [key for name, key in self._keys.items() if _standing(key) != _standing(before.get(name))]


def _standing(key: Key | None) -> tuple[object, object]:
    return (key.held_until, key.blocked) if key is not None else (None, None)


@dataclass(frozen=True, slots=True)
class Kit:
    """What flows work with: the edges, and what pure code may not fetch for itself.

    `spans` is None where nothing is traced.
    """

    store: Store
    partners: Mapping[str, Partner]
    book: "Book"
    metrics: Metrics
    clock: Clock
    new_id: Callable[[str], str]
    chance: Callable[[], float]
    spans: "Spans | None" = None

    def moment(self) -> Moment:
        """Return this instant, for a decision."""
        restored = self.store.restored
        return Moment(self.clock(), self.new_id, self.chance, restored.floor if restored is not None else 0)

    async def world(self) -> World:
        """Read what decisions look at beside their own rows."""
        # Causes first: where one is seen closed, what closed it must be seen as it was then, or later.
        causes, keys = await self.store.causes(), await self.store.keys()
        accounts = {account.key: account for account in await self.store.accounts()}
        directory = self.book.directory
        return World(accounts, keys, causes, directory.name_of, directory.retired)

    def makes_link(self, account: Account | None) -> bool:
        """Say whether a person can be given a link to reconnect an account; not for one that was never listed."""
        partner = self.partners.get(account.partner) if account is not None else None
        return account is not None and partner is not None and partner.writes and partner.links(account.platform)

    async def counted(self, work: Awaitable[Result]) -> Result:
        """Await work on the store, and count it when the store refuses."""
        try:
            return await work
        except StoreError as error:
            self.metrics.storage_error(error)
            raise

    async def insist(self, work: Callable[[], Awaitable[Result]]) -> Result:
        """Do what is known to have happened outside, and must not be lost, again until the store takes it.

        For as long as a lease lasts: then others do what it was about once more.

        Raises:
            StoreError: it still cannot, or never will.
        """
        end = time.monotonic() + LEASE.total_seconds()
        while True:
            try:
                return await work()
            except StoreOvertaken:
                raise
            except (StoreBusy, StoreFull) as error:
                if time.monotonic() > end:
                    raise
                self.metrics.storage_error(error)
            await asyncio.sleep(_AGAIN_S)

    async def step(
        self, decide: Callable[[Step, Mapping[str, Post]], Result], post_ids: Collection[str] = ()
    ) -> Result:
        """Decide a step over fresh rows and record it; decide anew when they changed meanwhile.

        Raises:
            Conflict: they changed each time.
            StoreError: the store refused.
        """
        for _ in range(TRIES):
            step = Step(self.moment(), await self.world())
            result = decide(step, await self.store.posts(post_ids) if post_ids else {})
            if await self.record(step):
                return result
        raise Conflict(f"gave up after {TRIES} tries")

    async def record(self, step: Step) -> bool:
        """Write a step and count what it tells; False when its rows changed meanwhile."""
        return (await self.record_all([step]))[0]

    async def record_all(self, steps: Sequence[Step]) -> list[bool]:
        """Write steps in one go, each whole or not at all; an empty step counts as written."""
        await self.explain(steps)
        writes = [step.write() for step in steps if step]
        answers = iter(await self._written(writes) if writes else ())
        kept = [next(answers) if step else True for step in steps]
        written = [
            write
            for write, ok in zip(writes, (ok for ok, step in zip(kept, steps, strict=True) if step), strict=True)
            if ok
        ]
        await self.note(written)
        return kept

    async def _written(self, writes: Sequence[Write]) -> list[bool]:
        if self.spans is None:
            return await self.store.record(writes)
        writes, telling = self.spans.telling(writes)
        kept = await self.store.record(writes)
        for span in (span for spans, ok in zip(telling, kept, strict=True) if ok for span in spans):
            span.end()
        return kept

    async def note(self, written: Sequence[Write]) -> None:
        """Count what writes that were kept tell, and look at the accounts anew when they changed any."""
        for write in written:
            for event in write.events:
                self.metrics.transition(event.type)
        if any(write.accounts or write.keys for write in written):
            await self.refresh()

    async def refresh(self) -> None:
        """Look at the accounts and keys anew: what another process found out of them counts here, too."""
        for key in await self.book.refresh(self.store):
            if key.name in self.partners:
                self.metrics.key_blocked(key.name, key.blocked is not None)
                self.metrics.key_held(key.name, key.held_until)
                self.partners[key.name].hold(key.held_until)

    async def end_note(self, note: Note, status: int, subject: str = "") -> None:
        """Write down what came of what somebody asked for; where that cannot be, it is logged, for it is done."""
        try:
            await self.store.desk.end_note(note.id, status, subject)
        except StoreError as error:
            log.warning("audit.not_ended", note=note.id, action=note.action, status=status, error=str(error))

    async def explain(self, steps: Sequence[Step]) -> None:
        """Say of each cause that a step opens which account it is about, what waits for it, and what to do."""
        for step in steps:
            for cause, known in step.opened:
                step.explain(cause.id, **await self._about(step.world, cause, known))

    async def _about(self, world: World, cause: Cause, known: Sequence[str]) -> dict[str, object]:
        account_id = cause.id.removeprefix(account_cause(cause.partner, "")) if cause.kind == "account" else None
        waits = list(dict.fromkeys([*known, *await self.store.waiting(cause, account_id)]))
        facts: dict[str, object] = {"waits": waits[:NAMED], "waiting": len(waits), "account": None}
        if account_id is not None:
            name = self.book.directory.name_of(cause.partner, account_id)
            account = world.accounts.get(f"{cause.partner}:{account_id}")
            facts["account"] = account_facts(account, name) if account is not None else {"id": account_id, "name": name}
            if self.makes_link(account):
                facts["what_to_do"] = reconnect(f"{cause.partner}:{account_id}")
        return facts


class Tasks:
    """Up to `most` tasks that nobody awaits; what one does sees to its own failures."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def start(self, work: Coroutine[None, None, None]) -> asyncio.Task[None] | None:
        """Begin at once; None, and it is never begun, when too much is under way."""
        if len(self) >= self._most:
            work.close()
            return None
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def settled(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """End what is under way."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class Pump(Generic[Item]):
    """Keeps up to `most` items in flight: claims a batch when there is room, and starts a task for each.

    `claim(room)` gives at most `room` items, fewer when nothing more is due; `act(item)` must settle the item and
    raises nothing that matters. Woken by `wake`; else it looks again every `idle_s` seconds, or sooner when `rest_s`
    says so. `more` says, after a claim that gave something and whenever an item has ended, whether another claim may
    give more. `renew(items)` is called every 10 s with what is in flight, so that it stays ours however long it takes.
    What `ids` names is not begun again while it is in flight here. It was claimed again because our lease ran out while
    we live (the machine slept, the store was gone): it is looked at once that lease is over, too. `leave(item)` is told
    of it.
    """

    def __init__(
        self,
        claim: Callable[[int], Awaitable[Sequence[Item]]],
        act: Callable[[Item], Coroutine[None, None, None]],
        *,
        most: int,
        idle_s: float = 1.0,
        rest_s: Callable[[], float] = lambda: math.inf,
        renew: Callable[[Collection[Item]], Awaitable[None]] | None = None,
        ids: Callable[[Item], Collection[str]] = lambda _: (),
        leave: Callable[[Item], None] = lambda _: None,
        more: Callable[[], bool] = lambda: True,
    ) -> None:
        self._claim, self._act, self._renew, self._ids, self._leave = claim, act, renew, ids, leave
        self._most, self._idle_s = most, idle_s
        self._rest_s, self._more = rest_s, more
        self._tasks: dict[asyncio.Task[None], Item] = {}
        self._renewing: asyncio.Task[None] | None = None
        self._awake = asyncio.Event()
        self._stopping = self._cut_short = False
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def in_flight(self) -> int:
        """How many items are being worked on."""
        return len(self._tasks)

    def wake(self) -> None:
        """Look for work now."""
        self._awake.set()

    async def run(self) -> None:
        """Work until `stop`; one that was stopped before it began does nothing.

        Raises:
            RuntimeError: it runs already.
        """
        if not self._idle.is_set():
            raise RuntimeError("the pump runs already")
        self._idle.clear()
        self._renewing = asyncio.create_task(self._keep())
        try:
            while not self._stopping:
                self._awake.clear()
                room = self._most - len(self._tasks)
                if room < max(1, self._most // 2) or not await self._start(room):
                    await self._rest()
        finally:
            self._idle.set()

    async def _start(self, room: int) -> bool:
        """Claim and start; False when nothing more is due or the store refused."""
        try:
            items = await self._claim(room)
        except StoreError as error:
            log.warning("store.claim_failed", error=str(error))
            return False
        if self._cut_short:  # Nobody waits for them any more: they are made again when their lease ends.
            return False
        # One that is done may still be among the tasks: it was settled, and due again, a moment ago.
        busy = {one for task, item in self._tasks.items() if not task.done() for one in self._ids(item)}
        for item in items:
            if not busy.isdisjoint(self._ids(item)):
                log.warning("flow.claimed_again", ids=sorted(self._ids(item)))
                self._leave(item)
                continue
            task = asyncio.create_task(self._act(item))
            self._tasks[task] = item
            task.add_done_callback(self._ended)
        return bool(items) and self._more()

    async def _keep(self) -> None:
        while self._renew is not None:
            await asyncio.sleep(_RENEWED_EVERY_S)
            try:
                await self._renew(list(self._tasks.values()))
            except StoreError as error:
                log.warning("store.renewal_failed", error=str(error))

    def _ended(self, task: "asyncio.Task[None]") -> None:
        del self._tasks[task]
        if len(self._tasks) <= self._most // 2 and self._more():
            self._awake.set()
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("flow.item_failed", error=repr(error), exc_info=error)

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(min(self._idle_s, max(self._rest_s(), _LEAST_REST_S))):
                await self._awake.wait()
        except TimeoutError:
            return

    async def stop(self, timeout_s: float) -> None:
        """Take no more work for good, wait for what is in flight, and cancel what is not done by then.

        A claim that takes longer than that starts nothing any more.
        """
        self._stopping = True
        self.wake()
        try:
            async with asyncio.timeout(timeout_s):
                # A claim that is under way still starts what it got, rather than leave it leased and lying.
                await self._idle.wait()
                if self._tasks:
                    await asyncio.wait(set(self._tasks))
        except TimeoutError:
            self._cut_short = True
            log.warning("flow.cut_short", in_flight=len(self._tasks))
        late = {*self._tasks, *([self._renewing] if self._renewing else [])}
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
