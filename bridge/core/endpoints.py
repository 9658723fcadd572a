"""Which endpoint wants which event, and what an endpoint is sent with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from fnmatch import fnmatchcase
from functools import lru_cache
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bridge.core.events import EVENT_TYPES, matches
from bridge.core.model import Delivery, Endpoint, OutboundEvent
from bridge.core.patterns import fits_any
from bridge.core.platforms import family

ENDPOINT = "endpoint"
SUBSCRIPTION = "subscription"
REPLY = "reply"
"""A chat that messages are kept up to date in: one row for each source that is one. It wants nothing by itself."""

UNORDERED = "none"
BY_SUBJECT = "subject"
TEST = "webhook.test"
"""Goes to the endpoint that it names, whatever that wants."""

WANTED = "reply.wanted"
"""Asks that one message in a chat be brought up to date. It is no news to anybody, so it is none of `EVENT_TYPES`."""

DELIVERED = (*EVENT_TYPES, WANTED)
"""All types of what deliveries carry."""

ORDERINGS = (UNORDERED, BY_SUBJECT)

ZAPIER_RATE = 30.0
"""How many requests a second one hook of Zapier takes.

That is 9,000 in five minutes, below the 10,000 that all hooks of one user may get in that
time. Source: https://help.zapier.com/hc/en-us/articles/29972220283789, read 2026-11.
"""
_ZAPIER = "hooks.zapier.com"

CONDITIONS = ("partner", "platform", "account", "source", "reason")
"""What the conditions of an endpoint (`where`) may name."""


@dataclass(frozen=True, slots=True)
class Sending:
    """What an endpoint's requests carry, and where to: signing keys, the newest first, and headers of its own.

    `private_keys` are those of this bridge, which sign what goes to any endpoint (`core.public_keys`). `url` is the
    whole address, of which the endpoint's row has only what may be shown.
    """

    keys: tuple[bytes, ...] = field(default=(), repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    private_keys: tuple[Ed25519PrivateKey, ...] = field(default=(), repr=False)
    url: str = field(default="", repr=False)


def wants(endpoint: Endpoint, event: OutboundEvent) -> bool:
    """Say whether an endpoint wants an event; never one that tells of itself, and of tests only its own.

    An endpoint that was made for somebody who may see some accounts only gets what tells of these alone. What a chat
    gets goes by its messages (`reply`), so it wants nothing.
    """
    if endpoint.kind == REPLY or event.type == WANTED:
        return False
    if event.type == TEST:
        return event.endpoint == endpoint.name
    if event.endpoint == endpoint.name or not matches(endpoint.events, event.type):
        return False
    if not may_be_told(endpoint.allowed, event):
        return False
    return all(fits_any(patterns, _words(event, name)) for name, patterns in endpoint.where.items())


def may_be_told(allowed: Sequence[str], event: OutboundEvent) -> bool:
    """Say whether an event tells of nothing but accounts that these patterns allow; no patterns allow everything.

    They are the `accounts` of a token, which the operator writes and `directory.may_use` reads the same way.
    """
    return not allowed or (
        bool(event.accounts) and all(any(fnmatchcase(one, pattern) for pattern in allowed) for one in event.accounts)
    )


def _words(event: OutboundEvent, condition: str) -> tuple[str, ...]:
    match condition:
        case "platform":
            return (*event.platforms, *map(family, event.platforms))
        case "account":
            return event.accounts
        case "partner":
            return (event.partner,)
        case "source":
            return (event.source,)
        case _:
            return (event.reason,)


def rate_of(endpoint: Endpoint) -> float | None:
    """Return how many requests a second an endpoint may get: what it says, else what is known of its host."""
    if endpoint.rate is not None or not _is_zapier(endpoint.url):
        return endpoint.rate
    return ZAPIER_RATE


@lru_cache(maxsize=1024)
def _is_zapier(url: str) -> bool:
    try:
        return (urlsplit(url).hostname or "").rstrip(".") == _ZAPIER
    except ValueError:
        return False


def was_there(endpoint: Endpoint, at: datetime) -> bool:
    """Say whether an endpoint was there at an instant; what one of its name had before it is not its own."""
    return endpoint.created_at is None or endpoint.created_at <= at


def due_at(endpoint: Endpoint, at: datetime) -> datetime:
    """Return when an event of this instant is due: at once, or at the end of the window of its group."""
    if not endpoint.group_s:
        return at
    window = timedelta(seconds=endpoint.group_s)
    start = at.replace(hour=0, minute=0, second=0, microsecond=0)
    return at + (window - (at - start) % window)


def ordered_by(endpoint: Endpoint, event: OutboundEvent) -> str | None:
    """Return what an event must keep in order with; None when anything may overtake it."""
    if endpoint.ordering != BY_SUBJECT:
        return None
    return f"post:{event.post_id}" if event.post_id else event.subject


def delivery(delivery_id: str, event: OutboundEvent, endpoint: Endpoint) -> Delivery:
    """Make the delivery of an event to an endpoint."""
    return Delivery(
        id=delivery_id,
        outbound_id=event.id,
        type=event.type,
        destination_kind=endpoint.kind,
        destination=endpoint.name,
        subject=event.subject,
        sequence=event.sequence,
        due_at=event.created_at if event.type == TEST else due_at(endpoint, event.created_at),
        # A replica whose clock is behind may tell of what came before the endpoint by its own time only.
        created_at=max(event.created_at, endpoint.created_at or event.created_at),
        format=endpoint.format,
        ordered_by=ordered_by(endpoint, event),
    )


def destination_of(source: str) -> str:
    """Return the name of the endpoint row that stands for a chat; no configured endpoint can have it."""
    return f"{REPLY}:{source}"


def wanted_message(event: OutboundEvent) -> str:
    """Return the id of the message that `WANTED` names."""
    return event.subject.removeprefix(_MESSAGE)


def reply(delivery_id: str, event: OutboundEvent, endpoint: Endpoint, message_id: str) -> Delivery:
    """Make the delivery of an event to a message in a chat: it shows what is true when it is sent, so it needs no body.

    Deliveries of one message go together, in whatever order they were made.
    """
    return replace(delivery(delivery_id, event, endpoint), ordered_by=message_key(message_id))


def message_key(message_id: str) -> str:
    """Return what the deliveries of a message have in common, and what is told of it is about."""
    return f"{_MESSAGE}{message_id}"


_MESSAGE = "message:"
