"""The source `shopify`: products, collections and metaobjects of a shop. There is no topic for articles of its blog.

Sources: https://shopify.dev/docs/apps/build/webhooks and .../webhooks/ignore-duplicates, read 2026-11. The same
`X-Shopify-Event-Id` means the same event; nobody says that two topics or two things never share one, so a key has all
three.
`products/update` comes for any change, stock included, and never says what it was: a product that went live just then
counts as published.
"""

from collections.abc import Iterable
from datetime import timedelta

from bridge.core.model import Intent, Item, Json
from bridge.core.signing import Encoding
from bridge.core.times import parse_when
from bridge.core.verifying import Signature
from bridge.sources._fields import FieldRules, as_object, describe
from bridge.sources._kind import Kind, Payload, text_at

_JUST = timedelta(minutes=2)
_INTENTS = {
    "create": Intent.PUBLISH, "add": Intent.PUBLISH, "update": Intent.UPDATE, "delete": Intent.DELETE,
    "remove": Intent.UNPUBLISH,
}  # fmt: skip
_KINDS = {
    "products": "product", "product_listings": "product", "product_publications": "product",
    "collections": "collection", "collection_listings": "collection", "collection_publications": "collection",
    "metaobjects": "metaobject",
}  # fmt: skip
_OFF = {Intent.PUBLISH: Intent.IGNORE, Intent.UPDATE: Intent.UNPUBLISH}
"""What it means when the thing cannot be seen in the shop."""

_THIN_INTENTS = {"create": Intent.NEEDS_FETCH, "delete": Intent.UNPUBLISH}
_THIN = "It says only which id was published. Subscribe to products/update or product_listings/add as well."


def _read(payload: Payload, rules: FieldRules) -> Iterable[Item]:
    body, topic = as_object(payload.data), payload.header("x-shopify-topic")
    group, _, _ = topic.partition("/")
    kind = _KINDS.get(group, "")
    thing = as_object(body.get(f"{kind}_listing")) or body
    intent, object_id = _intent(payload, topic, thing), _object_id(kind, thing)
    said = describe({**thing, **as_object(thing.get("fields"))}, rules.fields)
    said["url"] = said["url"] if "url" in rules.fields else _address(payload, kind, thing, rules)
    yield Item(
        intent=intent,
        event=topic,
        key=_key(payload, topic, object_id),
        object_id=object_id,
        revision=text_at(thing, "updated_at") or None,
        scheduled_at=text_at(thing, "published_at") if intent is Intent.SCHEDULE else "",
        status=text_at(thing, "status", "capabilities.publishable.status").lower(),
        raw=body,
        note=_THIN if intent is Intent.NEEDS_FETCH else "",
        **said,
    )


def _key(payload: Payload, topic: str, object_id: str | None) -> str | None:
    event = payload.header("x-shopify-event-id")
    return f"{event}:{topic}:{object_id or ''}" if event else payload.header("x-shopify-webhook-id") or None


def _object_id(kind: str, thing: Json) -> str | None:
    """Name a thing; products, by far the most, by their bare id."""
    found = text_at(thing, f"{kind}_id", "id")
    return f"{kind}:{found}" if found and kind == "collection" else found or None


def _intent(payload: Payload, topic: str, thing: Json) -> Intent:
    group, _, word = topic.partition("/")
    intent = _INTENTS.get(word, Intent.IGNORE)
    if payload.header("x-shopify-test").lower() == "true":
        return Intent.TEST
    if group not in _KINDS:
        return Intent.IGNORE
    if group.endswith("_publications"):
        if thing.get("published") is False:
            return Intent.UNPUBLISH if word == "update" else Intent.IGNORE
        return _THIN_INTENTS.get(word, Intent.IGNORE)
    if intent in _OFF:
        return _when(payload, thing, intent) if _is_live(thing) else _OFF[intent]
    return intent


def _is_live(thing: Json) -> bool:
    status = text_at(thing, "status", "capabilities.publishable.status").lower()
    return status in ("", "active") and ("published_at" not in thing or thing["published_at"] is not None)


def _when(payload: Payload, thing: Json, intent: Intent) -> Intent:
    """Tell by the times what is still to be published, and what was at this very change."""
    published, _, _ = parse_when(text_at(thing, "published_at"), None)
    updated, _, _ = parse_when(text_at(thing, "updated_at"), None)
    if published and published > payload.raw.received_at:
        return Intent.SCHEDULE
    if published and updated and abs(updated - published) <= _JUST:
        return Intent.PUBLISH
    return intent


def _address(payload: Payload, kind: str, thing: Json, rules: FieldRules) -> str:
    """Return where a thing is in the shop, at `site` when that is set; a metaobject is nowhere by itself."""
    handle, shop = text_at(thing, "handle"), payload.header("x-shopify-shop-domain")
    if not handle or kind not in ("product", "collection"):
        return ""
    path = f"/{kind}s/{handle}"
    return f"https://{shop}{path}" if shop and not rules.site else path


KIND = Kind(
    name="shopify",
    title="Shopify",
    read=_read,
    config_type=FieldRules,
    signatures=(Signature(header="x-shopify-hmac-sha256", encoding=Encoding.BASE64),),
)
