"""What ingest takes in (`Said`), the event that is made of it, and what its sender is answered.

`Said`, `Plan` and `Result` are made for every event and never changed; frozen ones would take several times as long.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from hashlib import sha256

import orjson

from bridge.core.errors import FailureReason, Fault
from bridge.core.hook_rules import HookRules
from bridge.core.inbound import Card
from bridge.core.model import Event, Intent, Item, Json, Post, RawRequest, Write
from bridge.core.nouns import noun
from bridge.core.planning import dedupe_key
from bridge.core.request import PublishRequest
from bridge.core.rules import SourceRules
from bridge.core.step import Moment, Step
from bridge.core.telling import telling
from bridge.flows import Kit
from bridge.metrics import EventOutcome
from bridge.ports import Accepted, Reply

API = "api"
"""The built-in source. Its callers read what they are answered; those of any other source get a 200 and events."""

_WITH_CONTENT = frozenset({Intent.PUBLISH, Intent.SCHEDULE, Intent.UPDATE})
"""Intents of which one version may come with another content: senders have clocks of whole seconds, or none."""

MENDED_AFTER = timedelta(minutes=10)
"""How long the repetition of an event that made no post tells nothing new."""

NOTHING = Write()
USUAL = HookRules()
"""The rules of a source whose kind has none of its own."""


@dataclass(slots=True)
class Said:
    """One item with who said it and in which request: all that its event is made of.

    `rules` are those of the source; `allowed` are patterns of the accounts it may use, empty means all. `place` counts
    the items of a request that brought several, from 1; of an only one it is 0. `write` is stored with the event.
    `park_for` names a cause that the posts wait for. `fetches` says that the source can look up what is missing.
    `strict` says that somebody reads the answer: what is wrong is refused with every fault, and then nothing is kept.
    `card` is where a person looks at what is held.
    """

    source: str
    scope: str
    raw: RawRequest
    item: Item
    rules: SourceRules
    allowed: tuple[str, ...] = ()
    place: int = 0
    write: Write = NOTHING
    park_for: str = ""
    fetches: bool = False
    strict: bool = False
    card: Card | None = None
    traceparent: str | None = None

    @property
    def own(self) -> bool:
        """Whether it is a publish request in our own words: then it is known again as one of the API's."""
        return self.source == API or (bool(self.item.own) and self.item.object_id is None)

    @property
    def hook_rules(self) -> HookRules:
        """The rules as a hook has them; a source whose kind has none goes by the usual ones."""
        return self.rules if isinstance(self.rules, HookRules) else USUAL

    @property
    def kept(self) -> tuple[str, bytes]:
        """The content type and the body that its event keeps.

        Of several items each keeps its own part: a request of 200 would be stored 200 times, and what one of them says
        could not be erased without the others.
        """
        if self.place:
            return "application/json", orjson.dumps(self.item.raw)
        return self.raw.header("content-type") or "", self.raw.body

    @property
    def now(self) -> datetime:
        """When it arrived."""
        return self.raw.received_at


@dataclass(slots=True)
class Result:
    """What became of one item: the stored event, the posts it made or changed, and what was noticed.

    `reason` says why an event that should have made or changed posts did not; `note` tells a person more.
    """

    accepted: Accepted
    intent: Intent
    outcome: EventOutcome
    posts: tuple[Post, ...] = ()
    warnings: tuple[Json, ...] = ()
    reason: str | None = None
    note: str = ""


@noun(frozen=True, slots=True)
class Answer:
    """What a sender is told, and a result for each item of its request, in order; none where `reply` refuses it."""

    results: tuple[Result, ...]
    reply: Reply


@dataclass(slots=True)
class Plan:
    """What an item comes to, before it is stored; `shown` is the earlier event whose posts say what became of it."""

    event: Event
    write: Write = NOTHING
    outcome: EventOutcome = "accepted"
    note: str = ""
    shown: str = ""

    @property
    def acts(self) -> bool:
        """Whether posts are made, changed, taken back or kept."""
        return self.outcome in ("accepted", "changed") and bool(self.write.posts or self.write.commands)


def make_event(kit: Kit, said: Said, request: PublishRequest, *, dedupe_window: timedelta) -> Event:
    """Make the event of an item that asks for posts, or for a change of some."""
    if not said.own:
        event = note_event(kit, said, dedupe_window=dedupe_window)
        return replace(event, request=request.given, external_id=request.external_id, correlation=request.correlation)
    content_type, body = said.kept
    key, until, fingerprint = dedupe_key(said.item.key, request.external_id), None, request.fingerprint
    if key is None and request.dedupe:
        key, until = f"hash:{fingerprint}", said.raw.received_at + dedupe_window
    return Event(
        id=kit.new_id("evt"),
        source=said.source,
        scope=said.scope,
        key=key,
        key_until=until,
        fingerprint=fingerprint,
        intent=intent_of(request),
        received_at=said.raw.received_at,
        content_type=content_type,
        body=body,
        request=request.given,
        external_id=request.external_id,
        correlation=request.correlation,
        traceparent=said.traceparent,
        headers=telling(said.raw.headers),
    )


def intent_of(request: PublishRequest) -> Intent:
    """Return what a request asks for that nobody has posted yet."""
    return Intent.SCHEDULE if request.scheduled_at else Intent.PUBLISH


def note_event(kit: Kit, said: Said, *, dedupe_window: timedelta, reason: str | None = None) -> Event:
    """Make the event of an item, known again for a while: by the sender's key, its object's version, or its bytes."""
    item, key = said.item, _key(said)
    content_type, body = said.kept
    return Event(
        id=kit.new_id("evt"),
        source=said.source,
        scope=said.scope,
        key=key,
        key_until=said.now + dedupe_window,
        # A sender that writes the same event anew (its time, its spaces) has not sent another one.
        # But its key for another object is a fault of its own, and to be told.
        fingerprint=f"{key}:{item.object_id}" if item.key and item.object_id else key,
        intent=item.intent,
        received_at=said.now,
        content_type=content_type,
        body=body,
        request={},
        object_id=item.object_id,
        revision=item.revision,
        traceparent=said.traceparent,
        reason=reason,
        headers=telling(said.raw.headers),
    )


def _key(said: Said) -> str:
    item = said.item
    if item.key:
        return f"key:{item.key}"
    if item.object_id and item.revision:
        version = f"object:{item.object_id}:{item.revision}:{item.intent}"
        return f"{version}:{_digest(item)}" if item.intent in _WITH_CONTENT else version
    body = sha256(said.raw.body).hexdigest()
    return f"hash:{body}:{said.place}" if said.place else f"hash:{body}"


def is_our_key(key: str | None) -> bool:
    """Say whether an event is known again by a key that we made, not its sender."""
    return key is not None and key.startswith(("object:", "hash:"))


def _digest(item: Item) -> str:
    """Tell one content from another; what is only of the delivery, such as its count of tries, is not looked at."""
    texts = [item.title, item.body, item.excerpt, item.url, item.scheduled_at]
    said = orjson.dumps([*texts, item.images, item.tags, item.own], default=str, option=orjson.OPT_SORT_KEYS)
    return sha256(said).hexdigest()[:32]


def refuse_event(event: Event, reason: FailureReason, faults: Sequence[Fault], moment: Moment) -> Plan:
    """Keep an event that makes no post, and tell why; it is known again only for a while."""
    step = Step(moment)
    tell_refusal(step, event, reason, faults, error=event.reason)
    return Plan(soon_free(event), step.write(), "conflict" if reason is FailureReason.KEY_CONFLICT else "invalid")


def tell_refusal(
    step: Step,
    event: Event,
    reason: FailureReason,
    faults: Iterable[Fault],
    *,
    error: str | None,
    accounts: Sequence[str] = (),
) -> None:
    """Tell what cannot be done of what an event asks for; `accounts` are words that mean none."""
    told = [fault.wire() for fault in faults]
    step.tell_event(event, "post.rejected", reason, error=error, errors=told, accounts=list(accounts))


def soon_free(event: Event) -> Event:
    """Let an event without a post keep its key only until a mended configuration may take its repetition."""
    return event if event.key is None else replace(event, key_until=event.received_at + MENDED_AFTER)


def joined(one: Write, other: Write) -> Write:
    """Return what both write."""
    return Write(**{row.name: getattr(one, row.name) + getattr(other, row.name) for row in fields(Write)})
