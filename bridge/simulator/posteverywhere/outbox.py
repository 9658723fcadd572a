"""The vendor's webhooks: who subscribed, what waits to be sent, and the sending, signed, doubled, shuffled or replayed.

Signature: `X-PostEverywhere-Signature: sha256=<hex HMAC-SHA256(secret, raw body)>`; X-PostEverywhere-Timestamp (unix
seconds) is not covered by it. Sources: https://developers.posteverywhere.ai/webhooks,
github.com/posteverywhere/n8n-nodes-posteverywhere, captured by 2026-11. When a delivery is tried again is not
published; here it waits for the next `deliver`.
"""

import hmac
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from random import Random

import httpx
import orjson

from bridge.simulator.instants import stamp
from bridge.simulator.posteverywhere.model import Json
from bridge.simulator.posteverywhere.options import Options

EVENTS = (
    "post.scheduled",
    "post.publishing",
    "post.published",
    "post.failed",
    "post.partially_failed",
    "post.updated",
    "post.deleted",
    "account.connected",
    "account.disconnected",
    "account.reconnect_needed",
    "media.uploaded",
    "media.deleted",
    "post.approval_requested",
    "post.approved",
    "post.changes_requested",
)
KEPT = 10_000


@dataclass(slots=True)
class Subscription:
    """One webhook; `secret` is shown once, when it is made."""

    id: str
    organization_id: str
    url: str
    events: list[str]
    secret: str
    created_at: datetime
    updated_at: datetime
    name: str | None = None
    description: str | None = None
    is_active: bool = True
    consecutive_failures: int = 0
    auto_disabled_at: datetime | None = None
    last_delivery_at: datetime | None = None
    last_success_at: datetime | None = None
    last_failure_at: datetime | None = None

    def render(self) -> Json:
        """Write the subscription as GET /webhooks/{id} shows it: no secret."""
        return {
            "id": self.id,
            "url": self.url,
            "events": self.events,
            "name": self.name,
            "description": self.description,
            "is_active": self.is_active,
            "consecutive_failures": self.consecutive_failures,
            "auto_disabled_at": stamp(self.auto_disabled_at),
            "last_delivery_at": stamp(self.last_delivery_at),
            "last_success_at": stamp(self.last_success_at),
            "last_failure_at": stamp(self.last_failure_at),
            "created_at": stamp(self.created_at),
            "updated_at": stamp(self.updated_at),
        }

    def note(self, ok: bool, at: datetime, *, disable_after: int) -> None:
        """Write down how a delivery ended; too many failures in a row switch the subscription off."""
        self.last_delivery_at = at
        if ok:
            self.last_success_at, self.consecutive_failures = at, 0
            return
        self.last_failure_at, self.consecutive_failures = at, self.consecutive_failures + 1
        if self.consecutive_failures >= disable_after:
            self.is_active, self.auto_disabled_at = False, at


@dataclass(slots=True)
class Delivery:
    """One event for one subscription; with `headers` it is a replay and goes out as it went out before."""

    subscription_id: str
    event: str
    event_id: str
    body: bytes
    attempts: int = 0
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """One try: the bytes and headers that went out, and the status, None without an answer."""

    delivery: Delivery
    url: str
    headers: dict[str, str]
    status: int | None
    at: datetime
    error: str | None = None

    @property
    def ok(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300

    def render(self) -> Json:
        """Write the try for the control API."""
        shown = {"event": self.delivery.event, "event_id": self.delivery.event_id, "url": self.url, "ok": self.ok}
        return shown | {"status": self.status, "at": stamp(self.at), "error": self.error}


def sign(secret: str, body: bytes) -> str:
    """Give the value of X-PostEverywhere-Signature."""
    return "sha256=" + hmac.new(secret.encode(), body, sha256).hexdigest()


def signed_headers(secret: str, body: bytes, at: datetime) -> dict[str, str]:
    """Give the headers of one delivery."""
    return {
        "content-type": "application/json",
        "user-agent": "PostEverywhere-Webhooks/1.0",
        "x-posteverywhere-signature": sign(secret, body),
        "x-posteverywhere-timestamp": str(int(at.timestamp())),
    }


class Outbox:
    """Subscriptions, the deliveries that wait, and the last 10,000 tries."""

    def __init__(self, options: Options, chance: Random) -> None:
        self.options, self._chance = options, chance
        self.subscriptions: dict[str, Subscription] = {}
        self.waiting: deque[Delivery] = deque()
        self.sent: deque[Sent] = deque(maxlen=KEPT)

    def put(self, organization_id: str, payload: Json) -> None:
        """Queue an event `{event, event_id, created_at, organization_id, data}` for all who want it."""
        body = orjson.dumps(payload)
        for one in self.subscriptions.values():
            if one.is_active and one.organization_id == organization_id and payload["event"] in one.events:
                for _ in range(1 + self.options.webhook_duplicates):
                    self.waiting.append(Delivery(one.id, payload["event"], payload["event_id"], body))

    def replay(self, times: int = 1) -> int:
        """Queue the last deliveries that went out once more: same bytes, same signature, same timestamp."""
        last = [one for one in self.sent if one.status is not None][-times:] if times else []
        for one in last:
            again = one.delivery
            self.waiting.append(
                Delivery(again.subscription_id, again.event, again.event_id, again.body, 0, one.headers)
            )
        return len(last)

    async def deliver(self, client: httpx.AsyncClient, now: datetime, *, to: str | None = None) -> list[Sent]:
        """Send all that waits, one after another; what fails waits again until its tries are used up.

        Args:
            client: carries the requests.
            now: the time on the deliveries.
            to: send there, whatever URL was subscribed.
        """
        batch = list(self.waiting)
        self.waiting.clear()
        if self.options.webhook_reorder:
            self._chance.shuffle(batch)
        tries = [await self._send(client, one, now, to=to) for one in batch]
        return list(filter(None, tries))

    async def _send(
        self, client: httpx.AsyncClient, delivery: Delivery, now: datetime, *, to: str | None
    ) -> Sent | None:
        subscription = self.subscriptions.get(delivery.subscription_id)
        if subscription is None or not subscription.is_active:
            return None
        sent = await attempt(client, subscription, delivery, now=now, to=to)
        subscription.note(sent.ok, now, disable_after=self.options.webhook_disable_after)
        self.sent.append(sent)
        delivery.attempts += 1
        if not sent.ok and delivery.attempts < self.options.webhook_attempts:
            self.waiting.append(delivery)
        return sent


async def attempt(
    client: httpx.AsyncClient, subscription: Subscription, delivery: Delivery, *, now: datetime, to: str | None = None
) -> Sent:
    """Send one delivery once, and tell how it went."""
    url = to or subscription.url
    headers = delivery.headers or signed_headers(subscription.secret, delivery.body, now)
    try:
        answer = await client.post(url, content=delivery.body, headers=headers)
    except httpx.HTTPError as error:
        return Sent(delivery, url, headers, None, now, error=type(error).__name__)
    return Sent(delivery, url, headers, answer.status_code, now)


def unknown(events: Iterable[object]) -> list[object]:
    """Give the names that are no event."""
    return [one for one in events if one not in EVENTS]
