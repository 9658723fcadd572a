"""The vendor's calls on webhook subscriptions, as functions of world, key and body; refusals are raised.

Sources: the types of @posteverywhere/sdk 1.4.2, tool texts of @posteverywhere/mcp 1.7.0, captured by 2026-11.
"""

from urllib.parse import urlsplit

import httpx
import orjson

from bridge.simulator.instants import stamp
from bridge.simulator.posteverywhere.media import is_public
from bridge.simulator.posteverywhere.model import Json, Key, Refusal, invalid
from bridge.simulator.posteverywhere.outbox import Delivery, Subscription, attempt, unknown
from bridge.simulator.posteverywhere.posts import Answer
from bridge.simulator.posteverywhere.world import World

ONCE = "Save this secret now. It will not be shown again."
LONGEST = {"name": 100, "description": 500}


def list_webhooks(world: World, key: Key) -> Answer:
    """Answer GET /webhooks."""
    own = [one for one in world.outbox.subscriptions.values() if one.organization_id == key.organization_id]
    return Answer(200, {"webhooks": [one.render() for one in own]})


def create(world: World, key: Key, body: Json) -> Answer:
    """Answer POST /webhooks: the only answer that shows the secret."""
    _check(world, body, needed=("url", "events"))
    now = world.now()
    made = Subscription(
        world.new_uuid(),
        key.organization_id,
        body["url"],
        list(body["events"]),
        secret=f"whsec_{world.new_hex(48)}",
        created_at=now,
        updated_at=now,
        name=body.get("name"),
        description=body.get("description"),
    )
    world.outbox.subscriptions[made.id] = made
    return Answer(201, made.render() | {"secret": made.secret, "secret_warning": ONCE})


def _check(world: World, body: Json, *, needed: tuple[str, ...] = ()) -> None:
    for name in needed:
        if not body.get(name):
            raise invalid(f"{name} is required", details={"field": name})
    if "url" in body and not _allowed(world, body["url"]):
        raise invalid("url must be a public HTTPS address", details={"field": "url"})
    events = body.get("events")
    if events is not None and (not isinstance(events, list) or not events or unknown(events)):
        raise invalid("events must be a non-empty array of known events", details={"field": "events"})
    for name, longest in LONGEST.items():
        if len(body.get(name) or "") > longest:
            raise invalid(f"{name} is longer than {longest} characters", details={"field": name})


def _allowed(world: World, url: object) -> bool:
    if not isinstance(url, str):
        return False
    parts = urlsplit(url)
    if world.options.webhook_urls == "any":
        return parts.scheme in ("http", "https")
    return parts.scheme == "https" and is_public(parts.hostname or "")


def _found(world: World, key: Key, webhook_id: str) -> Subscription:
    one = world.outbox.subscriptions.get(webhook_id)
    if one is None or one.organization_id != key.organization_id:
        raise Refusal(404, "not_found", "Webhook not found.")
    return one


def get(world: World, key: Key, webhook_id: str) -> Answer:
    """Answer GET /webhooks/{id}."""
    return Answer(200, _found(world, key, webhook_id).render())


def update(world: World, key: Key, webhook_id: str, body: Json) -> Answer:
    """Answer PATCH /webhooks/{id}; `is_active: true` revives one that was switched off."""
    one = _found(world, key, webhook_id)
    _check(world, body)
    for name in ("url", "events", "name", "description", "is_active"):
        if name in body:
            setattr(one, name, body[name])
    if body.get("is_active") is True:
        one.consecutive_failures, one.auto_disabled_at = 0, None
    one.updated_at = world.now()
    return Answer(200, one.render())


def delete(world: World, key: Key, webhook_id: str) -> Answer:
    """Answer DELETE /webhooks/{id}."""
    _found(world, key, webhook_id)
    del world.outbox.subscriptions[webhook_id]
    return Answer(200, {"id": webhook_id, "deleted": True})


async def test(world: World, key: Key, webhook_id: str, client: httpx.AsyncClient) -> Answer:
    """Answer POST /webhooks/{id}/test: sends a signed `webhook.test` at once (its name and body are a guess)."""
    one, now = _found(world, key, webhook_id), world.now()
    event_id = f"evt_{world.new_hex(24)}"
    payload: Json = {"event": "webhook.test", "event_id": event_id, "created_at": stamp(now)}
    payload |= {"organization_id": key.organization_id, "data": {"message": "Test event"}}
    delivery = Delivery(one.id, "webhook.test", event_id, orjson.dumps(payload))
    sent = await attempt(client, one, delivery, now=now)
    said = "Test event delivered" if sent.ok else "Test event failed"
    return Answer(
        200, {"ok": sent.ok, "status": sent.status or 0, "duration_ms": 1, "error": sent.error, "message": said}
    )
