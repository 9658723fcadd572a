"""Ingest: request -> verified -> items -> events, each with its posts and commands in one transaction.

A caller of the API is told at once what is wrong with a request, and so is a person in a chat who reads the answer. Any
other source has nobody who does: its event is kept, and what cannot be sent becomes posts that are `rejected`, or the
event's `reason`. What a person does in a chat beside that (`Gesture`) is acted on before the answer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from bridge.core.errors import Problem, StoreError, storage_problem
from bridge.core.inbound import Card
from bridge.core.model import Command, Event, Item, Json, Post, RawRequest, Verified, Write
from bridge.core.request import FIELDS
from bridge.core.rules import Limits, PublishRules, SourceRules
from bridge.core.signing import Check, Unverified
from bridge.core.traces import carried
from bridge.flows import Kit, log
from bridge.flows.ingest._again import Again, Recalled, as_asked, item_of, take_again
from bridge.flows.ingest._events import API, NOTHING, USUAL, Answer, Result, Said
from bridge.flows.ingest._hints import Hints, Look
from bridge.flows.ingest._keep import Keeper
from bridge.flows.ingest._preview import Rehearsal, refused, shown
from bridge.flows.ingest._take import Taker
from bridge.metrics import EventOutcome
from bridge.ports import Gesture, Parsed, Reply, Source
from bridge.tracing import current, enter

__all__ = ["API", "Act", "Again", "Answer", "Ingest", "Know", "Load", "Look", "Result"]

Know = Callable[[str, Verified], Awaitable[Verified]]
"""Finds out who speaks in a chat, given the source's name; answers within seconds, whatever happens."""

Act = Callable[[str, Gesture], Awaitable[Reply | None]]
"""Acts on what a person did in a chat, given the source's name; raises `Problem` for what they filled in."""

_COME_BACK = timedelta(seconds=5)
_SILENCE = Reply(200, b"", "text/plain")


@dataclass(slots=True)
class Load:
    """How full we are, kept current by the gauges' tick: `queue` waiting items, `free` bytes on the store's disk."""

    queue: int = 0
    free: int | None = None
    draining: bool = False


class Ingest:
    """Accepts events. A 2xx means that the event and all it causes is committed.

    Args:
        kit: what flows work with.
        rules: those of the API.
        limits: where new work is refused.
        sources: by name, the API among them.
        own: the rules of the other sources, by name.
        look: follows a hint, after its sender was answered; None leaves hints to the polls.
        know: is asked who speaks before a request is read.
        act: acts on gestures; without it there are none.
        cards: where a person looks at what posts of a source wait for, by the source's name.
    """

    def __init__(
        self,
        kit: Kit,
        rules: PublishRules,
        limits: Limits,
        sources: Mapping[str, Source],
        *,
        own: Mapping[str, SourceRules] | None = None,
        look: Look | None = None,
        know: Know | None = None,
        act: Act | None = None,
        cards: Mapping[str, Card] | None = None,
    ) -> None:
        self.kit, self.rules, self.limits, self.sources = kit, rules, limits, sources
        self.load, self.hints = Load(), Hints(look)
        self._know, self._act, self._cards = know, act, cards or {}
        self._own: Mapping[str, SourceRules] = {**(own or {}), API: rules}
        self._keeper, self._log = Keeper(kit, rules), log.bind()
        self._taker = Taker(kit, rules, self._keeper)

    async def receive(self, name: str, raw: RawRequest, verified: Verified | None = None) -> Answer:
        """Take one request to a source; `verified` is given where the line it came by proves who sends.

        Each item is an event of its own, stored in turn: a request that is cut off half way finds its first half by
        its keys when it is sent again. Fullness is looked at once it is known how to word a refusal.

        Raises:
            Problem: what the sender is told instead; every kind is counted and logged.
        """
        source, parsed = self.sources[name], None
        if self.kit.spans is None:
            enter(carried(raw.headers))
        try:
            verified = source.verify(raw) if verified is None else verified
            if source.slow:  # It is not read in vain.
                self._refuse_when_full()
            if self._know is not None:
                verified = await self._know(name, verified)
            parsed = await self._read(source, verified)
            return await self._answer(name, verified, parsed)
        except Problem as problem:
            self._refused(name, problem)
            if parsed is None or parsed.refusal is None:
                raise
            return Answer((), parsed.refusal(problem))
        except Exception:
            self.kit.metrics.event(name, "failed")
            raise

    async def _answer(self, name: str, verified: Verified, parsed: Parsed) -> Answer:
        """Do what a request asks for, and answer it."""
        reply = parsed.reply or self.sources[name].reply
        if parsed.gesture is not None and self._act is not None:
            reply = await self._acted(name, parsed.gesture, self._act) or parsed.reply or _SILENCE
        if not parsed.items:
            self.kit.metrics.event(name, "ignored" if parsed.gesture is None else "accepted")
            return Answer((), reply)
        self._refuse_when_full()
        several, results, strict = len(parsed.items) > 1, [], parsed.refusal is not None
        verified = _without_secrets(verified, parsed)
        for place, item in enumerate(parsed.items, 1):
            said = self._said(verified, item, place if several else 0, strict=strict)
            results.append(await self._take(said))
        if parsed.hint is not None and not results[0].accepted.duplicate:
            self.hints.follow(parsed.hint)
        return Answer(tuple(results), reply)

    async def _acted(self, name: str, gesture: Gesture, act: Act) -> Reply | None:
        """Have a gesture acted on, and say so in one line, without any text of it."""
        try:
            reply = await act(name, gesture)
        except StoreError as error:
            raise self._not_stored(error) from error
        self._log.info("gesture.acted", source=name, verb=gesture.verb, user=gesture.user)
        return reply

    async def take(
        self,
        source_name: str,
        items: Sequence[Item],
        *,
        body: bytes,
        content_type: str,
        write: Write = NOTHING,
        park_for: str = "",
    ) -> tuple[Result, ...]:
        """Take items that we fetched from a source ourselves, by the same rules as those of a request.

        Args:
            source_name: the source.
            items: become one event each.
            body: what they were read from, kept with the first event; the others keep their own part of it.
            content_type: what `body` is.
            write: is stored in one transaction with the first event, or by itself when there is no new event.
            park_for: a cause that the posts made wait for.

        Raises:
            Problem: 429 or 503, nothing of the item it came at was stored: come back later.
        """
        raw = RawRequest("", "", "", "", (("content-type", content_type),), body, self.kit.clock())
        try:
            self._refuse_when_full()
            rules, several, results = self._own.get(source_name) or USUAL, len(items) > 1, []
            for place, item in enumerate(items, 1):
                said = Said(source_name, f"source:{source_name}", raw, item, rules, (), place if several else 0)
                card = self._cards.get(source_name)
                results.append(await self._take(replace(said, write=write, park_for=park_for, card=card)))
                write = NOTHING
            if not items:
                await self._keeper.record(write)
        except Problem as problem:
            self._refused(source_name, problem)
            raise
        except StoreError as error:
            raise self._not_stored(error) from error
        return tuple(results)

    async def preview(self, name: str, raw: RawRequest, allowed: Sequence[str] = ()) -> dict[str, Any]:
        """Show what a request to a source would come to; nothing is stored, sent or counted.

        What fails its check is shown all the same, with what was found; so is what would be refused.

        Args:
            name: the source.
            raw: the request as its sender would make it.
            allowed: patterns of the accounts that whoever asks may use; empty means all.
        """
        source, problem, parsed = self.sources[name], None, None
        try:
            verified, found = source.verify(raw), Check.GENUINE
        except Unverified as error:
            verified, found = Verified(raw, name, f"source:{name}", how=error.how), error.check
        try:
            parsed = await self._read(source, verified)
        except Problem as error:
            problem = {"status": error.status, "type": error.slug, "detail": error.detail}
        verified = replace(verified, accounts=tuple(allowed))
        items = parsed.items if parsed is not None else ()
        strict = parsed is not None and parsed.refusal is not None
        return {
            "verified": {"genuine": found is Check.GENUINE, "found": found, "how": verified.how},
            "problem": problem,
            "items": [await self._rehearsed(self._said(verified, item, 0, strict=strict)) for item in items],
        }

    async def again(self, event: Event, allowed: Sequence[str] = (), *, free: bool = False) -> Again:
        """Take a stored event once more, by this configuration, and show what it comes to.

        It is kept in our store, which is to be one made for this. Nothing is sent or counted.

        Args:
            event: as it is stored; its source is one of ours.
            allowed: patterns of the accounts that its sender may use; empty means all.
            free: see `item_of`.
        """
        source, raw = self.sources[event.source], Recalled(event)
        verified = Verified(raw, event.source, event.scope, tuple(allowed))
        try:
            parsed = await self._read(source, verified)
            item = item_of(event, parsed.items, raw, free=free)
            if item is None or isinstance(item, str):
                return Again(unknown=item or "")
            said = self._said(verified, item, 0, strict=parsed.refusal is not None)
            return Again([await take_again(self.kit, self._taker, said)])
        except Problem as problem:
            return Again(unknown=problem.detail)

    def asked(self, event: Event, post: Post, commands: Sequence[Command]) -> Json:
        """Show a post that is stored as `again` would have shown it when its event was accepted."""
        return as_asked(self.kit, event, post, commands)

    @staticmethod
    async def _read(source: Source, verified: Verified) -> Parsed:
        return await asyncio.to_thread(source.read, verified) if source.slow else source.read(verified)

    async def _rehearsed(self, said: Said) -> dict[str, Any]:
        rehearsal = Rehearsal(self._keeper)
        try:
            result = await Taker(self.kit, self.rules, rehearsal).take(said)
        except Problem as problem:
            return refused(said, problem)
        return shown(self.kit, said, result, rehearsal.planned)

    def _said(self, verified: Verified, item: Item, place: int, *, strict: bool) -> Said:
        """Gather what an event is made of; `strict` says that its sender reads how it is refused."""
        name = verified.source
        return Said(
            name,
            verified.scope,
            verified.raw,
            item,
            self._own.get(name) or USUAL,
            allowed=verified.accounts,
            place=place,
            fetches=self.sources[name].fetches,
            strict=strict or name == API,
            card=self._cards.get(name),
        )

    async def _take(self, said: Said) -> Result:
        """Make an item an event of the trace that is worked on, or of one that begins with it."""
        if self.kit.spans is None:
            said.traceparent = current()
            return await self._taken(said)
        with self.kit.spans.accepting(said.source) as span:
            said.traceparent = span.context
            result = await self._taken(said)
            span.accepted(result.accepted.event_id, result.outcome, [post.id for post in result.posts])
        return result

    async def _taken(self, said: Said) -> Result:
        """Make an item an event, store it with all it causes, count it, and say so in one line."""
        try:
            result = await self._taker.take(said)
        except StoreError as error:
            raise self._not_stored(error) from error
        self.kit.metrics.event(said.source, result.outcome)
        self._log.info(
            "event.accepted",
            source=said.source,
            event_id=result.accepted.event_id,
            intent=result.intent,
            post_ids=[post.id for post in result.posts],
            outcome=result.outcome,
        )
        return result

    def _not_stored(self, error: StoreError) -> Problem:
        self.kit.metrics.storage_error(error)
        log.warning("event.not_stored", error=str(error))
        return storage_problem(error)

    def _refuse_when_full(self) -> None:
        """Overload is refused, not swallowed."""
        if self.load.draining:
            raise Problem(503, "draining", "This process is stopping. Send the request again.", retry_after=_COME_BACK)
        if self.load.queue >= self.limits.queue:
            detail = f"{self.load.queue} commands and deliveries wait; the limit is {self.limits.queue}. Try later."
            raise Problem(429, "queue_full", detail, retry_after=timedelta(seconds=30))
        if self.load.free is not None and self.load.free < self.limits.free_disk:
            detail = "The disk of the database is nearly full. Free some space, or lower limits.free_disk."
            raise Problem(503, "disk_full", detail, retry_after=timedelta(seconds=60))

    def _refused(self, name: str, problem: Problem) -> None:
        outcome = _OUTCOMES.get(problem.status, "invalid")
        self.kit.metrics.event(name, outcome)
        # A name that we do not know may be anything, up to the content itself: it is counted, not logged.
        named = [fault.field.partition(".")[0].partition("[")[0] for fault in problem.errors]
        known = [field for field in named if field in FIELDS]
        log.warning(
            "event.refused",
            source=name,
            outcome=outcome,
            status=problem.status,
            reason=problem.slug,
            fields=known,
            unknown_fields=len(named) - len(known),
        )


def _without_secrets(verified: Verified, parsed: Parsed) -> Verified:
    """Put what may be stored of a request in the place of what was sent."""
    if parsed.kept is None:
        return verified
    headers = tuple((name, value) for name, value in verified.raw.headers if name != "content-type")
    raw = replace(verified.raw, headers=(("content-type", "application/json"), *headers), body=parsed.kept)
    return replace(verified, raw=raw)


_OUTCOMES: dict[int, EventOutcome] = {
    401: "unauthorized", 403: "forbidden", 409: "conflict", 429: "overloaded", 503: "overloaded",
}  # fmt: skip
