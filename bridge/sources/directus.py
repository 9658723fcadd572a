"""The source `directus`: what a flow sends with "Webhook / Request URL", whose body is a template of its owner.

Known shapes: the trigger (`{{ $trigger }}`: event, collection, key or keys, payload), the trigger with the whole item
beside it (`item` or `data`), an item alone, and our own field names. The payload of an update holds only what changed.
Source: https://directus.io/docs/guides/automate/triggers, read 2026-11. Directus signs nothing and never sends again.
"""

from collections.abc import Iterable

from bridge.core.model import Intent, Item, Json
from bridge.sources._fields import FieldRules, as_object, describe, own_fields, text_of
from bridge.sources._kind import Kind, Payload, at_most, text_at

_THIN = (
    "It holds only what changed. Read the item in the flow and send it whole: "
    '{"event": "{{ $trigger.event }}", "collection": "posts", "item": {{ $last }}}.'
)


def _read(payload: Payload, rules: FieldRules) -> Iterable[Item]:
    body = as_object(payload.data)
    trigger = as_object(body.get("$trigger")) or body
    event = text_at(trigger, "event")
    item = _item(body, trigger)
    said = describe(item, rules.fields)
    revision = text_at(item, "date_updated") or None
    intent = _intent(event.rpartition(".")[2], text_at(item, "status"))
    is_thin = intent in (Intent.PUBLISH, Intent.UPDATE) and not _says(said, rules) and event.endswith(".update")
    keys = trigger.get("keys")
    names = [text_of(each) for each in at_most(keys)] if isinstance(keys, list) else [text_at(trigger, "key")]
    for name in names or [""]:
        object_id = _object_id(text_at(trigger, "collection"), name or text_at(item, "id"))
        yield Item(
            intent=Intent.NEEDS_FETCH if is_thin else intent,
            event=event,
            key=None if revision else _key(payload, f"{event}:{intent}", object_id),
            object_id=object_id,
            revision=revision,
            status=text_at(item, "status"),
            own=own_fields(item),
            raw=body,
            note=_THIN if is_thin else "",
            **said,
        )


def _key(payload: Payload, what: str, object_id: str | None) -> str | None:
    """Name an event of a thing without a revision by when it came: a status that comes back has the same body again."""
    if object_id is None or payload.header("idempotency-key"):
        return None
    return f"{object_id}:{what}:{payload.raw.received_at.isoformat()}"


def _item(body: Json, trigger: Json) -> Json:
    """Return the item: beside the trigger, or in it, or the body itself where nothing says of an event."""
    places = (body.get("item"), body.get("data"), trigger.get("payload"))
    return next((found for place in places if (found := as_object(place))), {} if "event" in trigger else body)


def _says(said: Json, rules: FieldRules) -> bool:
    return bool(said["title"] or said["body"] or said["url"] or rules.caption or rules.captions)


def _object_id(collection: str, key: str) -> str | None:
    return ":".join(part for part in (collection, key) if part) if key else None


def _intent(action: str, status: str) -> Intent:
    """Judge by the status, which an update has when it changed; what has none is published when it is made."""
    if action == "delete":
        return Intent.DELETE
    if status not in ("", "published"):
        return Intent.UNPUBLISH if action == "update" else Intent.IGNORE
    if action == "update" and not status:
        return Intent.UPDATE
    return Intent.PUBLISH if action in ("", "create", "update") else Intent.IGNORE


KIND = Kind(name="directus", title="Directus", read=_read, config_type=FieldRules)
