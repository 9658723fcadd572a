"""The source `strapi`: entries of its content types. Strapi signs nothing; it sends the headers it is given.

It gives up after 10 s and never sends again, so the time of an event (`createdAt`) tells it from any other; publishing
what did not change leaves `updatedAt` as it was. `entry.update` of a draft may be that of an entry that stays live: it
takes nothing back. Source: https://docs.strapi.io/cms/backend-customization/webhooks, read
2026-11.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from bridge.core.hook_rules import Words
from bridge.core.model import Intent, Item, Json
from bridge.sources._fields import FieldRules, as_object, describe
from bridge.sources._kind import Kind, Payload, text_at

_RELEASE = "A release says only how many entries it has; each of them is sent as entry.publish, too."


@dataclass(frozen=True, slots=True, kw_only=True)
class StrapiRules(FieldRules):
    """What a source of this kind can be told."""

    models: Annotated[
        Words, Field(description="Models that are published, such as article or api::article.article; []: all.")
    ] = ()


def _read(payload: Payload, rules: StrapiRules) -> Iterable[Item]:
    body = as_object(payload.data)
    event = payload.header("x-strapi-event") or text_at(body, "event")
    model, uid = text_at(body, "model"), text_at(body, "uid")
    entry = as_object(body.get("entry"))
    intent, note, object_id = _intent(event, entry), "", _object_id(model or uid, entry)
    if event.startswith("releases."):
        note = _RELEASE
    elif rules.models and not {model, uid} & set(rules.models):
        intent, note = Intent.IGNORE, "Its model is not among models."
    yield Item(
        intent=intent,
        event=event,
        key=_key(event, object_id, text_at(body, "createdAt")),
        object_id=object_id,
        revision=text_at(entry, "updatedAt", "updated_at") or None,
        status=_status(entry),
        raw=body,
        note=note,
        **describe(entry, rules.fields),
    )


def _key(event: str, object_id: str | None, at: str) -> str | None:
    return f"{object_id}:{event}:{at}" if object_id and at else None


def _intent(event: str, entry: Json) -> Intent:
    """Judge by the event, and saving by what was saved; one of a type without drafts has no status."""
    is_draft = _status(entry) == "draft"
    match event:
        case "entry.publish":
            return Intent.PUBLISH
        case "entry.create" if entry and not is_draft:
            return Intent.PUBLISH
        case "entry.update" if entry and not is_draft:
            return Intent.UPDATE
        case "entry.unpublish":
            return Intent.UNPUBLISH
        case "entry.delete":
            return Intent.DELETE
        case "trigger-test":
            return Intent.TEST
        case _:
            return Intent.IGNORE


def _status(entry: Json) -> str:
    """Say where an entry stands, by what version 3 spells `published_at`."""
    times = [entry[name] for name in ("publishedAt", "published_at") if name in entry]
    return ("published" if times[0] else "draft") if times else ""


def _object_id(model: str, entry: Json) -> str | None:
    """Name an entry: its ids count by model, and each of its languages is a thing of its own."""
    found = text_at(entry, "documentId", "id")
    return ":".join(part for part in (model, found, text_at(entry, "locale")) if part) if found else None


KIND = Kind(name="strapi", title="Strapi", read=_read, config_type=StrapiRules)
