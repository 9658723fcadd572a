"""Keeps what was planned: stores it, or finds what was stored before, and says which."""

from collections.abc import Iterable
from dataclasses import replace
from hashlib import sha256

from bridge.core.errors import FailureReason, Fault, Problem, StoreOvertaken
from bridge.core.fetching import has_ended
from bridge.core.model import Event, Post, Write
from bridge.core.planning import as_warnings
from bridge.core.replies import begin
from bridge.core.rules import PublishRules
from bridge.core.step import Step
from bridge.flows import Kit
from bridge.flows.ingest._events import NOTHING, Plan, Result, Said, is_our_key, joined, note_event, refuse_event
from bridge.flows.ingest._messages import followed, is_followed
from bridge.metrics import EventOutcome
from bridge.ports import Acceptance, Accepted, Find


class Keeper:
    """Stores events. `rules` say how long one is known again."""

    def __init__(self, kit: Kit, rules: PublishRules) -> None:
        self.kit, self.rules = kit, rules

    async def keep_unread(self, said: Said, problem: Problem) -> Result:
        """Keep the event of an item whose fields cannot be read, and tell; it may come again, mended."""
        event = note_event(self.kit, said, dedupe_window=self.rules.dedupe_window, reason=problem.detail)
        if said.own:
            event = replace(event, fingerprint=sha256(said.raw.body).hexdigest())
        event = replace(event, warnings=tuple(as_warnings(problem.errors, "INVALID")))
        return await self.keep(said, refuse_event(event, FailureReason.INVALID, problem.errors, self.kit.moment()))

    async def keep(self, said: Said, planned: Plan) -> Result:
        """Store what was planned, or answer what is stored already."""
        if said.write is not NOTHING:
            planned = replace(planned, write=joined(planned.write, said.write))
        known = await self.kit.store.messages_of(planned.shown) if said.item.reply_to and planned.shown else ()
        planned = followed(self.kit, said, planned, known)
        event = planned.event
        [accepted] = await self.kit.store.accept([Acceptance(event, planned.write)], event.received_at)
        if accepted.duplicate or accepted.conflict:
            accepted = await self._freed(said, accepted, planned)
        if accepted.conflict:
            used = f"This key was used for another request (event {accepted.event_id})."
            if not said.strict:
                return await self._keep_conflict(said, event, used)
            detail = f"{used} Use a new key, or the same request."
            raise Problem(409, "key_conflict", detail, extra={"event_id": accepted.event_id})
        if accepted.duplicate and said.write is not NOTHING:
            await self.record(said.write)
        if accepted.duplicate:
            await self._tell_again(said, planned.shown or accepted.event_id)
            return await self._known(accepted, planned)
        for told in planned.write.events:
            self.kit.metrics.transition(told.type)
        return _result(accepted, planned, planned.write.posts, planned.outcome)

    async def _keep_conflict(self, said: Said, event: Event, detail: str) -> Result:
        """Keep an event whose key another holds, under a key of its own, and tell: nobody reads a 409 there."""
        fault = Fault("idempotency-key" if (event.key or "").startswith("key:") else "external_id", detail)
        own = replace(
            event,
            key=f"conflict:{event.key}:{event.fingerprint}",
            reason=FailureReason.KEY_CONFLICT.value,
            warnings=tuple(as_warnings([fault], "KEY_CONFLICT")),
        )
        refused = refuse_event(own, FailureReason.KEY_CONFLICT, [fault], self.kit.moment())
        return await self.keep(said, refused)

    async def _known(self, accepted: Accepted, planned: Plan) -> Result:
        """Answer a repetition with the posts of the first, as they are now."""
        stored = await self.kit.store.posts(accepted.post_ids)
        posts = tuple(stored[post_id] for post_id in accepted.post_ids if post_id in stored)
        if planned.outcome in ("skipped", "stale", "changed"):
            # What a repetition of it would come to says nothing of what became of the first.
            return Result(accepted, planned.event.intent, "duplicate", posts, planned.event.warnings)
        return _result(accepted, planned, posts, "duplicate")

    async def _tell_again(self, said: Said, event_id: str) -> None:
        """Tell whoever asks again where the first stands; a request that is only sent again was told with the first."""
        reply_to = said.item.reply_to
        if reply_to is None:
            return
        if is_followed(said, reply_to, await self.kit.store.messages_of(event_id)):
            return
        step = Step(self.kit.moment())
        begin(step, event_id, said.source, reply_to)
        await self.record(step.write())

    async def record(self, write: Write) -> None:
        if write != NOTHING and not all(await self.kit.store.record([write])):
            raise StoreOvertaken("what an event was fetched for was changed by another")

    async def _freed(self, said: Said, holder: Accepted, planned: Plan) -> Accepted:
        """Store an event after all: a key whose posts never reached a partner, and never will, is free again."""
        if not await self._is_free(said, holder, planned):
            return holder
        await self.kit.store.record([Write(free_keys=(holder.event_id,))])
        event = planned.event
        [accepted] = await self.kit.store.accept([Acceptance(event, planned.write)], event.received_at)
        return accepted

    async def _is_free(self, said: Said, holder: Accepted, planned: Plan) -> bool:
        """Say whether the event that holds a key lets go of it.

        Who reads the answer was told that nothing will be sent, so the same request is meant anew. Any other sender
        repeats itself unasked: of that only another request is new, or the same when the first is long ago, or made no
        post and would do something now, since its object was published or taken back in between.
        """
        event = planned.event
        if said.strict:
            return _is_void((await self.kit.store.posts(holder.post_ids)).values())
        found = await self.kit.store.event(holder.event_id)
        if found is None:
            return False
        first, posts = found
        if not posts and event.object_id and is_our_key(event.key) and planned.acts:
            return True
        is_new = holder.conflict or first.received_at + self.rules.dedupe_window <= event.received_at
        return is_new and (not posts or _is_void(posts))

    async def repeated(self, said: Said, event: Event) -> Result | None:
        """Find the same request as it was taken before: one that is refused only now (its schedule passed) is known.

        Asked only before a refusal, so that it costs nothing where it does not matter.
        """
        if event.key is None:
            return None
        for one in await self.kit.store.find_events(Find(key=event.key, source=event.source)):
            same = (one.scope, one.fingerprint) == (event.scope, event.fingerprint)
            found = await self.kit.store.event(one.id) if same else None
            if found and (one.key_until is None or one.key_until > event.received_at):
                posts = tuple(found[1])
                known = Accepted(one.id, tuple(post.id for post in posts), duplicate=True)
                if _is_void(posts):
                    return None
                await self._tell_again(said, one.id)
                return Result(known, event.intent, "duplicate", posts)
        return None


def _result(accepted: Accepted, planned: Plan, posts: tuple[Post, ...], outcome: EventOutcome) -> Result:
    event = planned.event
    reason = None if event.reason == planned.note else event.reason
    return Result(accepted, event.intent, outcome, posts, event.warnings, reason or None, planned.note)


def _is_void(posts: Iterable[Post]) -> bool:
    """Say whether there are posts, and none of them reached a partner or ever will."""
    found = list(posts)
    return bool(found) and all(map(has_ended, found))
