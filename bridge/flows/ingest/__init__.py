"""Ingest: request -> verified -> parsed -> posts and commands, stored with the event in one transaction.

A caller of the API is told at once what is wrong with a request. Any other source has nobody who reads an answer: its
event is kept, and what cannot be sent becomes posts that are `rejected`, or the event's `reason`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from bridge.core.errors import FailureReason, Fault, Problem, StoreError, StoreFull
from bridge.core.fetching import has_ended
from bridge.core.model import Event, Json, Post, RawRequest, Verified, Write
from bridge.core.planning import as_warnings
from bridge.core.request import FIELDS, parse_request
from bridge.core.rules import Limits, PublishRules, SourceRules
from bridge.flows import Kit, log
from bridge.flows.ingest._hints import Hints, Look
from bridge.flows.ingest._plan import API, make_event, note_event, plan, refuse_event
from bridge.metrics import EventOutcome
from bridge.ports import Acceptance, Accepted, Find, Parsed, Source

__all__ = ["API", "Answer", "Ingest", "Load", "Look"]

_COME_BACK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender is told: the stored event, its posts as they are now, and what was noticed.

    `reason` says why an event that should have made posts made none.
    """

    accepted: Accepted
    posts: tuple[Post, ...] = ()
    warnings: tuple[Json, ...] = ()
    reason: str | None = None


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
    ) -> None:
        self.kit, self.rules, self.limits, self.sources = kit, rules, limits, sources
        self.load, self.hints = Load(), Hints(look)
        self._own: Mapping[str, SourceRules] = {**(own or {}), API: rules}
        self._log = log.bind()

    async def receive(self, name: str, raw: RawRequest) -> Answer:
        """Take one request to a source.

        Raises:
            Problem: what the sender is told instead; every kind is counted and logged.
        """
        try:
            answer = await self._receive(name, raw)
        except Problem as problem:
            self._refused(name, problem)
            raise
        outcome: EventOutcome = "accepted"
        if answer.accepted.duplicate:
            outcome = "duplicate"
        elif answer.reason:
            outcome = "conflict" if answer.reason == FailureReason.KEY_CONFLICT else "invalid"
        self.kit.metrics.event(name, outcome)
        posts = [post.id for post in answer.posts]
        self._log.info(
            "event.accepted", source=name, event_id=answer.accepted.event_id, post_ids=posts, outcome=outcome
        )
        return answer

    async def _receive(self, name: str, raw: RawRequest) -> Answer:
        source = self.sources[name]
        verified = source.verify(raw)
        self._refuse_when_full()
        parsed = source.read(verified)
        if parsed.requests:
            return await self._publish(verified, parsed)
        noted = note_event(self.kit, verified, parsed, dedupe_window=self.rules.dedupe_window)
        answer = await self._keep(Acceptance(noted, Write()))
        if parsed.hint is not None and not answer.accepted.duplicate:
            self.hints.follow(parsed.hint)
        return answer

    async def _publish(self, verified: Verified, parsed: Parsed) -> Answer:
        rules = self._own.get(verified.source) or SourceRules()
        try:
            request = parse_request(parsed.requests[0], timezone=rules.timezone)
        except Problem as problem:
            if verified.source == API:
                raise
            return await self._keep_unread(verified, parsed, problem)
        event = make_event(self.kit, verified, parsed, request, dedupe_window=self.rules.dedupe_window)
        try:
            acceptance = plan(self.kit, event, verified, request, rules)
        except Problem as problem:
            if problem.status != 422 or (repeated := await self._repeated(event)) is None:
                raise
            return repeated
        return await self._keep(acceptance)

    async def _keep_unread(self, verified: Verified, parsed: Parsed, problem: Problem) -> Answer:
        """Keep the event of a request whose fields cannot be read, and tell; it may come again, mended."""
        noted = note_event(self.kit, verified, parsed, dedupe_window=self.rules.dedupe_window)
        body = sha256(verified.raw.body).hexdigest()
        warnings = tuple(as_warnings(problem.errors, "INVALID"))
        event = replace(noted, fingerprint=body, reason=problem.detail, warnings=warnings)
        return await self._keep(refuse_event(event, FailureReason.INVALID, problem.errors, self.kit.moment()))

    async def _keep(self, acceptance: Acceptance) -> Answer:
        """Store what was planned, or answer what is stored already."""
        try:
            accepted = await self._accept(acceptance)
        except StoreError as error:
            raise self._not_stored(error) from error
        event = acceptance.event
        if accepted.conflict:
            used = f"This key was used for another request (event {accepted.event_id})."
            if event.source != API:
                return await self._keep_conflict(event, used)
            detail = f"{used} Use a new key, or the same request."
            raise Problem(409, "key_conflict", detail, extra={"event_id": accepted.event_id})
        return Answer(accepted, await self._current(accepted, acceptance.write), event.warnings, event.reason)

    async def _keep_conflict(self, event: Event, detail: str) -> Answer:
        """Keep an event whose key another holds, under a key of its own, and tell: nobody reads a 409 there."""
        fault = Fault("idempotency-key" if (event.key or "").startswith("key:") else "external_id", detail)
        own = replace(
            event,
            key=f"conflict:{event.key}:{event.fingerprint}",
            reason=FailureReason.KEY_CONFLICT.value,
            warnings=tuple(as_warnings([fault], "KEY_CONFLICT")),
        )
        return await self._keep(refuse_event(own, FailureReason.KEY_CONFLICT, [fault], self.kit.moment()))

    def _not_stored(self, error: StoreError) -> Problem:
        self.kit.metrics.storage_error(error)
        slug = "storage_full" if isinstance(error, StoreFull) else "storage_unavailable"
        return Problem(503, slug, "Nothing was stored. Send the same request again later.", retry_after=_COME_BACK)

    async def _accept(self, acceptance: Acceptance) -> Accepted:
        """Store an event. A key whose posts never reached a partner, and never will, is free again."""
        now = acceptance.event.received_at
        [accepted] = await self.kit.store.accept([acceptance], now)
        if (accepted.duplicate or accepted.conflict) and await self._is_free(accepted, acceptance.event):
            await self.kit.store.record([Write(free_keys=(accepted.event_id,))])
            [accepted] = await self.kit.store.accept([acceptance], now)
        return accepted

    async def _is_free(self, holder: Accepted, event: Event) -> bool:
        """Say whether the event that holds a key lets go of it.

        A caller of the API was told that nothing will be sent, so it means the same request anew. A hook's sender
        repeats itself unasked: of that only another request is new, or the same when the first is long ago.
        """
        if event.source == API:
            return _is_void((await self.kit.store.posts(holder.post_ids)).values())
        found = await self.kit.store.event(holder.event_id)
        if found is None:
            return False
        first, posts = found
        is_new = holder.conflict or first.received_at + self.rules.dedupe_window <= event.received_at
        return is_new and (not posts or _is_void(posts))

    async def _current(self, accepted: Accepted, made: Write) -> tuple[Post, ...]:
        if not accepted.duplicate:
            for told in made.events:
                self.kit.metrics.transition(told.type)
            return made.posts
        stored = await self.kit.store.posts(accepted.post_ids)
        return tuple(stored[post_id] for post_id in accepted.post_ids if post_id in stored)

    async def _repeated(self, event: Event) -> Answer | None:
        """Find the same request as it was taken before: one that is refused only now (its schedule passed) is known.

        Asked only before a refusal, so that it costs nothing where it does not matter.
        """
        if event.key is None:
            return None
        try:
            for one in await self.kit.store.find_events(Find(key=event.key, source=event.source)):
                same = (one.scope, one.fingerprint) == (event.scope, event.fingerprint)
                found = await self.kit.store.event(one.id) if same else None
                if found and (one.key_until is None or one.key_until > event.received_at):
                    posts = tuple(found[1])
                    ids = tuple(post.id for post in posts)
                    return None if _is_void(posts) else Answer(Accepted(one.id, ids, duplicate=True), posts)
        except StoreError as error:
            raise self._not_stored(error) from error
        return None

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


_OUTCOMES: dict[int, EventOutcome] = {
    401: "unauthorized", 403: "forbidden", 409: "conflict", 429: "overloaded", 503: "overloaded",
}  # fmt: skip


def _is_void(posts: Iterable[Post]) -> bool:
    """Say whether there are posts, and none of them reached a partner or ever will."""
    found = list(posts)
    return bool(found) and all(map(has_ended, found))
