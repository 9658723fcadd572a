"""The source `contentful`: entries as they are published, with each field by language.

Sources: https://www.contentful.com/developers/docs/extensibility/webhooks/headers and
https://www.contentful.com/developers/changelog/webhook-request-verification/, read 2026-11.
Each attempt is signed anew; the vendor's library takes signatures of up to 30 s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field

from bridge.core.hook_rules import Words
from bridge.core.model import Intent, Item, Json
from bridge.core.verifying import Signature, Stamp, Unit
from bridge.sources._fields import LocaleRules, as_object, describe, own_fields
from bridge.sources._kind import Kind, Payload, text_at

_INTENTS = {
    "publish": Intent.PUBLISH, "unpublish": Intent.UNPUBLISH, "archive": Intent.UNPUBLISH, "delete": Intent.DELETE,
}  # fmt: skip
_NO_ADDRESS = (
    "Its image is a link to an asset, which has no address: put the address into a custom payload, or set media."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentfulRules(LocaleRules):
    """What a source of this kind can be told."""

    content_types: Annotated[Words, Field(description="Ids of the content types that are published; []: all.")] = ()


def _read(payload: Payload, rules: ContentfulRules) -> Iterable[Item]:
    body = as_object(payload.data)
    topic = payload.header("x-contentful-topic")
    intent, note = _intent(topic, text_at(body, "sys.contentType.sys.id"), rules)
    entry = _in_one_language(as_object(body["fields"]), rules.locale) if "fields" in body else body
    said = describe(entry, rules.fields)
    linked = not said["images"] and any(text_at(value, "sys.linkType") == "Asset" for value in entry.values())
    said["tags"] = said["tags"] or tuple(_tag_ids(body))
    yield Item(
        intent=intent,
        event=topic,
        key=payload.header("x-contentful-idempotency-key") or None,
        object_id=text_at(body, "sys.id") or None,
        revision=text_at(body, "sys.revision") or None,
        status="published" if topic.endswith(".publish") else "",
        own=own_fields(body),
        raw=body,
        note=note or (_NO_ADDRESS if linked else ""),
        **said,
    )


def _intent(topic: str, content_type: str, rules: ContentfulRules) -> tuple[Intent, str]:
    _, _, word = topic.partition(".")
    kind, _, action = word.partition(".")
    if kind != "Entry":
        return Intent.IGNORE, "Only entries are published." if topic else "It has no X-Contentful-Topic."
    if rules.content_types and content_type not in rules.content_types:
        return Intent.IGNORE, "Its content type is not among content_types."
    return _INTENTS.get(action, Intent.IGNORE), ""


def _in_one_language(fields: Json, locale: str | None) -> dict[str, Any]:
    """Return the fields without their languages; one that does not have the wanted language is left out."""
    return {
        name: next(iter(values.values())) if locale is None else values[locale]
        for name, values in fields.items()
        if isinstance(values, Mapping) and values and (locale is None or locale in values)
    }


def _tag_ids(body: Json) -> Iterable[str]:
    tags = as_object(body.get("metadata")).get("tags")
    return (found for tag in tags if (found := text_at(tag, "sys.id"))) if isinstance(tags, list) else ()


KIND = Kind(
    name="contentful",
    title="Contentful",
    read=_read,
    config_type=ContentfulRules,
    signatures=(
        Signature(
            header="x-contentful-signature",
            template="{method}\n{path}\n{signed_headers}\n{body}",
            signed="x-contentful-signed-headers",
            stamp=Stamp(header="x-contentful-timestamp", unit=Unit.MILLISECONDS),
        ),
    ),
)
