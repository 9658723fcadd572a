"""Lookups: what a sender only named is fetched from its own API, and goes the way of everything that comes in.

Due lookups -> calls of the source -> an item, taken with the end of its lookup in one transaction; later, or dead.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from bridge.core import lookups
from bridge.core.errors import FailureReason, Problem, StoreError
from bridge.core.lookups import Failure
from bridge.core.model import Item, Lookup, WorkState, Write
from bridge.core.retry import parse_retry_after
from bridge.core.rules import PublishRules
from bridge.core.step import Step
from bridge.flows import Kit, Pump, log
from bridge.metrics import LookupOutcome
from bridge.net import GuardedClient, NetError, Reply
from bridge.ports import Call, Source
from bridge.tracing import enter

MOST = 8
"""How many lookups are under way at a time."""
PER_SOURCE = 2
"""How many of them are of one source, so that one slow API does not keep the others waiting."""
MOST_CALLS = 6
"""How many calls one lookup may take."""
LONGEST_S = 60.0
"""How long one try may take altogether; less than its lease."""
MAX_ANSWER = 2 * 1024 * 1024

CALL_S = 20.0
"""How long one call may take."""

_LOOKED_AT = 100
_IDLE_S = 2.0


class Take(Protocol):
    """Hands what was fetched to ingest: see `flows.ingest.Ingest.take`."""

    def __call__(
        self, source_name: str, items: Sequence[Item], *, body: bytes, content_type: str, write: Write
    ) -> Awaitable[object]:
        """Store an event an item, and `write` with the first, or by itself when that one is known."""
        ...


@dataclass(frozen=True, slots=True)
class _Found:
    item: Item
    body: bytes


class _Refused(Exception):
    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Lookups:
    """Asks senders for what they left out. Each lookup is one flow's alone, by the version its lease is written with.

    Args:
        kit: what flows work with.
        client: what calls go through.
        sources: by name.
        take: where items go.
        rules: how long, and how often, a lookup is tried.
        call_s: how long one call may take.
    """

    def __init__(
        self,
        kit: Kit,
        client: GuardedClient,
        sources: Mapping[str, Source],
        take: Take,
        rules: PublishRules,
        *,
        call_s: float = CALL_S,
    ) -> None:
        self.kit, self.client, self.sources, self.take, self.rules = kit, client, sources, take, rules
        self._call_s = call_s
        self.pump = Pump(self.claim, self.act, most=MOST, idle_s=_IDLE_S)
        self._busy: Counter[str] = Counter()

    async def claim(self, room: int) -> Sequence[Lookup]:
        """Take due lookups, oldest due first, as far as their sources have room."""
        chosen: list[Lookup] = []
        busy = self._busy.copy()
        full = [source for source, under_way in busy.items() if under_way >= PER_SOURCE]
        found = await self.kit.counted(self.kit.store.due_lookups(self.kit.clock(), _LOOKED_AT, full))
        for lookup in found:
            if len(chosen) < room and busy[lookup.source] < PER_SOURCE:
                busy[lookup.source] += 1
                chosen.append(lookup)
        steps = [Step(self.kit.moment()) for _ in chosen]
        for step, lookup in zip(steps, chosen, strict=True):
            lookups.lease(step, lookup, self.kit.store.clock())
        kept = await self.kit.counted(self.kit.record_all(steps)) if steps else []
        leased = [step.write().lookups[0] for step, ours in zip(steps, kept, strict=True) if ours]
        self._busy.update(lookup.source for lookup in leased)
        return leased

    async def act(self, lookup: Lookup) -> None:
        """Try a lookup once and settle it. One that is cancelled is free again when its lease ends."""
        started = time.perf_counter()
        enter(lookup.traceparent)
        try:
            settled = await self._tried(lookup)
        except StoreError as error:
            log.warning("lookup.not_settled", event_id=lookup.id, source=lookup.source, error=str(error))
            return
        finally:
            self._busy[lookup.source] -= 1
            self.pump.wake()
        if settled is not None:
            self._report(settled, time.perf_counter() - started)

    async def _tried(self, lookup: Lookup) -> Lookup | None:
        """Return the lookup as it was settled; None when it was no longer ours."""
        try:
            async with asyncio.timeout(LONGEST_S):
                found = await self._fetched(lookup)
            return await self._taken(lookup, found)
        except _Refused as refused:
            failure = refused.failure
        except NetError as error:
            failure = Failure(error.reason, error.detail)
        except TimeoutError:
            failure = Failure(FailureReason.TIMEOUT, f"It took longer than {LONGEST_S:g} s.")
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001  # The outermost step: a fault of ours is one more failed try.
            log.exception("lookup.failed", event_id=lookup.id, source=lookup.source)
            failure = Failure(FailureReason.INTERNAL, type(error).__name__)
        return await self._put_off(lookup, failure)

    async def _fetched(self, lookup: Lookup) -> _Found:
        """Ask what the source wants asked, until it has the whole item.

        Raises:
            NetError: there was no answer.
            _Refused: the answer was a refusal, or cannot be read.
        """
        source = self.sources.get(lookup.source)
        answers: list[bytes] = []
        if source is None or not source.fetches:
            detail = f"sources.{lookup.source} has no access to its API, or is not configured any more."
            raise _Refused(Failure(FailureReason.NOT_ALLOWED_NOW, detail))
        while True:
            try:
                found = source.lookup(lookup.wanted, answers)
            except Problem as problem:
                raise _Refused(Failure(FailureReason.UNREADABLE, problem.detail)) from None
            if isinstance(found, Item):
                return _Found(found, answers[-1] if answers else b"{}")
            if len(answers) == MOST_CALLS:
                raise _Refused(Failure(FailureReason.UNREADABLE, f"{MOST_CALLS} calls gave no answer."))
            answers.append((await self._asked(found)).body)

    async def _asked(self, call: Call) -> Reply:
        """Make one call; an answer that the source does not want is a refusal."""
        reply = await self.client.request(
            call.method, call.url, headers=call.headers, body=call.body, timeout_s=self._call_s, most=MAX_ANSWER
        )
        if 200 <= reply.status < 300 or reply.status in call.answers:
            return reply
        wait = parse_retry_after(reply.headers.get("Retry-After"), self.kit.clock())
        raise _Refused(lookups.refusal(reply.status, wait))

    async def _taken(self, lookup: Lookup, found: _Found) -> Lookup:
        """Hand an item on, with the end of its lookup.

        Raises:
            _Refused: it cannot be taken now.
        """
        step = Step(self.kit.moment())
        lookups.finish(step, lookup)
        ended = step.write()
        try:
            await self.take(lookup.source, (found.item,), body=found.body, content_type="application/json", write=ended)
        except Problem as problem:
            raise _Refused(Failure(FailureReason.INTERNAL, problem.detail, problem.retry_after)) from None
        return ended.lookups[0]

    async def _put_off(self, lookup: Lookup, failure: Failure) -> Lookup | None:
        """Try again later or, when there is no time left, end it and tell so of its event."""
        step = Step(self.kit.moment())
        settled = lookups.fail(step, lookup, failure, self.rules)
        if settled.state is WorkState.DEAD and (found := await self.kit.store.event(lookup.id)) is not None:
            detail = lookups.last_word(settled, failure)
            step.tell_event(found[0], "post.rejected", failure.reason, error=detail, errors=[], accounts=[])
        return settled if await self.kit.record(step) else None

    def _report(self, lookup: Lookup, took_s: float) -> None:
        outcome = _OUTCOMES[lookup.state]
        self.kit.metrics.lookup(lookup.source, outcome)
        level = log.info if outcome == "done" else log.warning
        level(
            "lookup.tried",
            event_id=lookup.id,
            source=lookup.source,
            attempt=lookup.attempts,
            outcome=outcome,
            reason=lookup.reason,
            detail=lookup.detail,
            next_at=lookup.due_at if outcome == "later" else None,
            took_s=round(took_s, 4),
        )


_OUTCOMES: Mapping[WorkState, LookupOutcome] = {
    WorkState.DONE: "done", WorkState.DUE: "later", WorkState.PARKED: "later", WorkState.DEAD: "dead",
}  # fmt: skip
