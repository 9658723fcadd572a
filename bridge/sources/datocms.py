"""The source `datocms`: records as they are published, or a custom payload in our own field names.

Sources: https://www.datocms.com/docs/content-management-api/resources/webhook and .../webhook-call, read 2026-11. The
body counts attempts, so `webhook_call_id` tells repetitions. Files are ids of uploads, without an address.
"""

from collections.abc import Iterable, Mapping

from bridge.core.model import Intent, Item, Json
from bridge.sources._fields import LocaleRules, as_object, describe, own_fields
from bridge.sources._kind import Kind, Payload, text_at

_WORDS = {
    "": Intent.PUBLISH, "publish": Intent.PUBLISH, "update": Intent.UPDATE, "unpublish": Intent.UNPUBLISH,
    "delete": Intent.DELETE,
}  # fmt: skip


def _read(payload: Payload, rules: LocaleRules) -> Iterable[Item]:
    body = as_object(payload.data)
    if "entity" not in body:
        yield _custom(body, rules)
        return
    entity = as_object(body.get("entity"))
    said = describe(_in_one_language(as_object(entity.get("attributes")), rules.locale), rules.fields)
    said["published_at"] = text_at(entity, "meta.published_at") or said["published_at"]
    yield Item(
        intent=_intent(body),
        event=f"{text_at(body, 'entity_type')}.{text_at(body, 'event_type')}",
        key=text_at(body, "webhook_call_id") or None,
        object_id=text_at(entity, "id") or None,
        revision=text_at(body, "event_triggered_at") or None,
        status=text_at(entity, "meta.status"),
        previous=text_at(body, "previous_entity.meta.status"),
        raw=body,
        **said,
    )


def _custom(body: Json, rules: LocaleRules) -> Item:
    """Read a custom payload: what it does not say is a publication, and nobody but its writer knows its names."""
    event = text_at(body, "event_type")
    return Item(
        intent=_WORDS.get(event, Intent.IGNORE),
        event=event,
        key=text_at(body, "webhook_call_id") or None,
        object_id=text_at(body, "object_id", "id") or None,
        revision=text_at(body, "event_triggered_at") or None,
        own=own_fields(body),
        raw=body,
        **describe(body, rules.fields),
    )


def _intent(body: Json) -> Intent:
    """Judge by event and status: a record whose model has no drafts is live when it is made."""
    if body.get("entity_type") != "item" or body.get("is_environment_primary") is False:
        return Intent.IGNORE
    status, previous = text_at(body, "entity.meta.status"), text_at(body, "previous_entity.meta.status")
    is_live = status == "published"
    match body.get("event_type"):
        case "publish":
            return Intent.PUBLISH
        case "create" if is_live:
            return Intent.PUBLISH
        case "update" if is_live:
            return Intent.UPDATE if previous in ("published", "updated", "") else Intent.PUBLISH
        case "update" if status == "draft" and previous != "draft":
            # One whose status is `updated` is live, and has changes that are not.
            return Intent.UNPUBLISH
        case "unpublish":
            return Intent.UNPUBLISH
        case "delete":
            return Intent.DELETE
        case _:
            return Intent.IGNORE


def _in_one_language(attributes: Json, locale: str | None) -> Json:
    """Return the attributes with those that are kept by language in the wanted one."""
    return {
        name: value[locale] if locale and isinstance(value, Mapping) and locale in value else value
        for name, value in attributes.items()
    }


KIND = Kind(name="datocms", title="DatoCMS", read=_read, config_type=LocaleRules, auth="basic")
