"""Outbound events: the closed list of their types, how their bodies are made, and which endpoint wants which.

Shape of a body (Standard Webhooks 1.0.0):
`{"type": "post.posted", "timestamp": "2026-01-02T03:04:05Z", "data": {...}}`.
`data` always has `subject` {kind, id}, `sequence`, `previous`, `current`, `changed_at`, `partner`, `source`,
`event_id`, `external_id`, `correlation`. `bridge.core.catalogue` has what is there besides, `bridge.core.formats` other
forms of the same.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson

from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, Command, Delivery, OutboundEvent, WorkState
from bridge.core.patterns import fits

EVENT_TYPES: dict[str, str] = {
    "post.rejected": "will never be sent to the partner as it is",
    "post.parked": "waits for an account, a key or a person, or is held for a while",
    "post.draft": "is a draft at the partner",
    "post.scheduled": "is scheduled at the partner",
    "post.pending": "is in the partner's queue",
    "post.publishing": "is being published",
    "post.posted": "is live on every account",
    "post.partial": "is live on some accounts, failed on others",
    "post.failed": "failed on every account",
    "post.retrying": "was put back in the partner's queue by our retry",
    "post.gave_up": "failed, and nothing more is tried by itself",
    "post.updated": "was changed at the partner",
    "post.canceled": "was taken back before it went out",
    "post.vanished": "is gone at the partner without our doing",
    "post.stuck": "has been in flight for too long",
    "post.unknown": "is in a state that the partner has not documented",
    "target.posted": "is live on this account",
    "target.linked": "has got its public address",
    "target.failed": "failed on this account",
    "target.retrying": "will be retried on this account by itself",
    "account.connected": "was seen for the first time",
    "account.degraded": "still works, but a post failed for its token, or its partner gives an early notice",
    "account.disconnected": "is no longer listed as active",
    "account.reconnected": "is active again",
    "account.removed": "is gone at the partner",
    "partner.blocked": "refuses the key or the plan",
    "partner.recovered": "accepts the key again",
    "attention.opened": "needs a person; the event names what waits and what to do",
    "attention.closed": "no longer needs a person",
    "endpoint.failing": "has failed for some time",
    "endpoint.disabled": "gets no more deliveries",
    "delivery.exhausted": "was tried for the last time",
    "webhook.test": "is a test that somebody asked for",
}
"""Type -> what it says of its subject, in the words of the reference page."""


def matches(patterns: Iterable[str], event_type: str) -> bool:
    """Say whether an endpoint with these type patterns (`*`, `post.*`, `post.failed`) wants an event of this type."""
    return any(fits(pattern, event_type) for pattern in patterns)


def wire(value: Any) -> Any:
    """Return a value as JSON-ready data: instants as ISO 8601 in UTC with `Z`, mappings and sequences copied."""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(key): wire(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [wire(item) for item in value]
    return value


def outbound(
    event_id: str, event_type: str, data: Mapping[str, Any], *, filters: Mapping[str, Any], at: datetime
) -> OutboundEvent:
    """Make an outbound event; its body is serialised here, once.

    Args:
        event_id: the id of the outbound event, sent as `webhook-id`.
        event_type: one of `EVENT_TYPES`.
        data: with `subject`, `sequence` and the facts.
        filters: `partner`, `platforms`, `accounts`, `source`, `reason`, `endpoint`, `post_id`, `event_id`, as far as
            known.
        at: when the transition was recorded.
    """
    body = body_of(event_type, data, at)
    subject = f"{data['subject']['kind']}:{data['subject']['id']}"
    return OutboundEvent(event_id, event_type, subject, data["sequence"], at, body, **filters)


def body_of(event_type: str, data: Mapping[str, Any], at: datetime) -> bytes:
    """Return the bytes of an event that are signed and sent."""
    return orjson.dumps({"type": event_type, "timestamp": wire(at), "data": wire(data)})


def asked_by(command: Command) -> dict[str, str]:
    """Return who asked for a command, as the fact `by`; nothing when no person did."""
    return {"by": command.payload["by"]} if "by" in command.payload else {}


NEVER_TOLD_OF = ("delivery.", "endpoint.", "reply.")
"""How the types of events begin of which it is not told that they could not be delivered."""


def is_exhausted(delivery: Delivery) -> bool:
    """Say whether a delivery was tried for the last time, and it is to be told."""
    return delivery.reason is FailureReason.EXHAUSTED and not delivery.type.startswith(NEVER_TOLD_OF)


def exhausted(
    event_id: str, delivery: Delivery, attempt: Attempt | None, at: datetime, count: int = 1
) -> tuple[OutboundEvent, ...]:
    """Tell that a delivery was tried for the last time; never about one that told of an endpoint or a delivery.

    `attempt` is the last one; None when it is not kept any more. `count` is how many of its endpoint's died since this
    was told last, this one included.
    """
    if not is_exhausted(delivery):
        return ()
    reason, status = (attempt.reason, attempt.status) if attempt is not None else (delivery.reason, None)
    data = {
        "subject": {"kind": "delivery", "id": delivery.id},
        "sequence": delivery.calls,
        "previous": WorkState.DUE,
        "current": delivery.state,
        "changed_at": at,
        **dict.fromkeys(("partner", "source", "event_id", "external_id", "correlation")),
        "endpoint": delivery.destination,
        "type": delivery.type,
        "webhook_id": delivery.outbound_id,
        "reason": reason,
        "status": status,
        "count": count,
        "what_to_do": "Repair the endpoint, then send what it missed again with POST /v1/deliveries/replay.",
    }
    filters = {"reason": str(reason), "endpoint": delivery.destination}
    return (outbound(event_id, "delivery.exhausted", data, filters=filters, at=at),)
