"""The source `webflow`: items of its CMS collections. Hooks made in the dashboard are unsigned: give those `auth:`.

Sources: https://developers.webflow.com/data/reference/webhooks/events and github.com/webflow/js-webflow-api, read
2026-11. The types show one item as `payload`; receivers report that `collection_item_published` comes with one or
several in `payload.items`. An item that is live may have changes that are not: `lastUpdated` is later than
`lastPublished` then, or it is a draft with a `lastPublished`. What is sent are these changes.
"""

from collections.abc import Iterable
from typing import Any

from bridge.core.model import Intent, Item, Json
from bridge.core.times import parse_when
from bridge.core.verifying import Signature, Stamp, Unit
from bridge.sources._fields import FieldRules, as_object, describe
from bridge.sources._kind import Kind, Payload, at_most, text_at

_CHANGED = "collection_item_changed"


def _read(payload: Payload, rules: FieldRules) -> Iterable[Item]:
    body = as_object(payload.data)
    event, thing = text_at(body, "triggerType"), as_object(body.get("payload"))
    listed = thing.get("items")
    for each in map(as_object, at_most(listed) if isinstance(listed, list) else [thing]):
        intent = _intent(event, each)
        yield Item(
            intent=intent,
            event=event,
            object_id=text_at(each, "id", "itemId") or None,
            revision=_revision(intent, event, each),
            status=_status(each),
            raw={**body, "payload": each},
            **_described(each, rules),
        )


def _revision(intent: Intent, event: str, item: Json) -> str | None:
    """Return what tells the versions of an item; taking it off the site by itself changes neither of its times."""
    if intent in (Intent.PUBLISH, Intent.UPDATE):
        return text_at(item, "lastPublished") or None
    return text_at(item, "lastUpdated") or None if intent is Intent.UNPUBLISH and event == _CHANGED else None


def _described(item: Json, rules: FieldRules) -> dict[str, Any]:
    said = describe(as_object(item.get("fieldData")), rules.fields)
    return {**said, "published_at": said["published_at"] or text_at(item, "lastPublished")}


def _status(item: Json) -> str:
    """Say where an item stands; the page's example spells its marks otherwise than its table."""
    if item.get("isArchived") is True or item.get("archived") is True:
        return "archived"
    if item.get("isDraft") is True or item.get("draft") is True:
        return "draft"
    return "published" if item.get("lastPublished") else ""


def _intent(event: str, item: Json) -> Intent:
    status = _status(item)
    match event:
        case "collection_item_unpublished":
            return Intent.UNPUBLISH
        case "collection_item_deleted":
            return Intent.DELETE
        case "collection_item_published" if status in ("published", ""):
            return Intent.PUBLISH
        case "collection_item_created" if status == "published":
            return Intent.PUBLISH
        case "collection_item_published" if status == "archived":
            return Intent.UNPUBLISH
        case "collection_item_changed":
            return _changed(status, item)
        case _:
            return Intent.IGNORE


def _changed(status: str, item: Json) -> Intent:
    """Judge a change: what is sent of an item that is live may be a draft of it, which nobody is to see."""
    if status == "archived" or not item.get("lastPublished", "unknown"):
        return Intent.UNPUBLISH
    published, _, _ = parse_when(text_at(item, "lastPublished"), None)
    updated, _, _ = parse_when(text_at(item, "lastUpdated"), None)
    is_out = status == "published" and published is not None and updated is not None and published >= updated
    return Intent.UPDATE if is_out else Intent.IGNORE


KIND = Kind(
    name="webflow",
    title="Webflow",
    read=_read,
    config_type=FieldRules,
    signatures=(
        Signature(
            header="x-webflow-signature",
            template="{timestamp}:{body}",
            stamp=Stamp(header="x-webflow-timestamp", unit=Unit.MILLISECONDS),
        ),
    ),
)
