"""Nouns for the store's tests, with only what matters said; ids rise, as real ones do."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.core.endpoints import REPLY, destination_of
from bridge.core.events import body_of
from bridge.core.model import (
    Attempt,
    AttemptOutcome,
    Command,
    CommandKind,
    Endpoint,
    Event,
    Intent,
    Lane,
    Lookup,
    Message,
    OutboundEvent,
    Post,
    SourceObject,
    Target,
    WorkState,
    Write,
)
from bridge.ports import Acceptance, ClaimedDelivery, Rooms, Settlement
from bridge.store._store import SqlStore

NOW = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
LEASE = timedelta(seconds=30)
_numbers = itertools.count(1)


def new_id(kind: str) -> str:
    return f"{kind}_{next(_numbers):08d}"


def event(**given: Any) -> Event:
    made: dict[str, Any] = {
        "id": new_id("evt"),
        "source": "api",
        "scope": "token:zapier",
        "key": None,
        "key_until": None,
        "fingerprint": "same",
        "intent": Intent.PUBLISH,
        "received_at": NOW,
        "content_type": "application/json",
        "body": b'{"caption": "hello"}',
        "request": {"caption": "hello"},
    }
    return Event(**{**made, **given})


def post(event_id: str = "", **given: Any) -> Post:
    made: dict[str, Any] = {
        "id": new_id("post"),
        "event_id": event_id,
        "partner": "genviral",
        "external_id": "ext",
        "source": "api",
        "content": {"caption": "hello"},
        "targets": (Target("acc-1", "brand-tiktok", "tiktok"),),
        "created_at": NOW,
        "changed_at": NOW,
        "wanted_at": NOW,
    }
    return Post(**{**made, **given})


def command(of: Post, number: int = 1, **given: Any) -> Command:
    made: dict[str, Any] = {
        "id": new_id("cmd"),
        "post_id": of.id,
        "number": number,
        "kind": CommandKind.PUBLISH,
        "partner": of.partner,
        "due_at": NOW,
        "created_at": NOW,
    }
    return Command(**{**made, **given})


def acceptance(posts: int = 1, **given: Any) -> Acceptance:
    """An event with posts and their publish commands."""
    received = event(**given)
    made = tuple(post(received.id) for _ in range(posts))
    return Acceptance(received, Write(posts=made, commands=tuple(command(one) for one in made)))


def source_object(object_id: str = "1", **given: Any) -> SourceObject:
    return SourceObject(**{"source": "blog", "id": object_id, "seen_at": NOW, **given})


def lookup(of: Event, **given: Any) -> Lookup:
    made: dict[str, Any] = {"id": of.id, "source": of.source, "wanted": {"id": 7}, "due_at": NOW, "created_at": NOW}
    return Lookup(**{**made, **given})


def told(event_type: str = "post.posted", subject: str = "", sequence: int = 1, **given: Any) -> OutboundEvent:
    made: dict[str, Any] = {"created_at": NOW, "body": b'{"type": "x"}'}
    return OutboundEvent(new_id("out"), event_type, subject or new_id("post:post"), sequence, **{**made, **given})


def told_in_full(event_type: str = "post.failed", **given: Any) -> OutboundEvent:
    """An outbound event whose body says what one must."""
    event = told(event_type, **given)
    kind, _, subject_id = event.subject.partition(":")
    facts = dict.fromkeys(("partner", "source", "event_id", "external_id", "correlation", "reason", "previous"))
    data = {"subject": {"kind": kind, "id": subject_id}, "sequence": event.sequence, "current": "x", **facts}
    return replace(event, body=body_of(event_type, {**data, "changed_at": event.created_at}, event.created_at))


def endpoint(name: str = "ops", *events: str, **given: Any) -> Endpoint:
    return Endpoint(name, f"https://{name}.example.com/hook", events or ("*",), **given)


def message(event_id: str = "evt_1", **given: Any) -> Message:
    made: dict[str, Any] = {"id": new_id("rpl"), "source": "team", "kind": "reply", "created_at": NOW}
    return Message(event_id=event_id, **{**made, **given})


def chat(source: str = "team", **given: Any) -> Endpoint:
    """The row that stands for a chat."""
    name = destination_of(source)
    return Endpoint(name, "https://chat.example.com", **{"events": (), "kind": REPLY, **given})


async def claim_any(store: SqlStore, now: datetime = NOW, most: int = 10, **named: int) -> list[ClaimedDelivery]:
    """Claim first tries, then what is sent again, for a claimant with room for `most`."""
    found: list[ClaimedDelivery] = []
    for lane in Lane:
        rooms = Rooms(most - len(found), most, named)
        found += await store.claim_deliveries(now, lane, rooms, LEASE)
    return found


def settlement(claimed: ClaimedDelivery, state: WorkState = WorkState.DONE, **given: Any) -> Settlement:
    """The end of a claimed delivery's attempt."""
    ours = claimed.delivery
    delivery = replace(ours, **{"state": state, "settled_at": NOW, "version": ours.version + 1, **given})
    return Settlement(delivery, Attempt(ours.id, ours.calls, None, NOW, AttemptOutcome.OK, NOW, 200))


def next_of(row: Any, **changes: Any) -> Any:
    """The row's next version."""
    return replace(row, version=row.version + 1, **changes)
