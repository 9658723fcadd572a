"""The source `hygraph`: entries as they move between stages.

Sources: https://hygraph.com/classic-docs/developer-guides/webhooks/webhooks-overview and
github.com/hygraph/hygraph-utils, read 2026-11. What is signed is a JSON text with the body as a string in it. Nothing
says how often or with which signature Hygraph tries again, so a signature counts for an hour.
"""

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from bridge.core.model import Intent, Item, Json
from bridge.core.signing import Encoding
from bridge.core.verifying import Signature, Stamp, Unit
from bridge.sources._fields import LocaleRules, as_object, describe
from bridge.sources._kind import Kind, Payload, text_at

_GONE = {"unpublish": Intent.UNPUBLISH, "delete": Intent.DELETE}
"""What takes an entry away, and may tell of the draft that is left: its time says nothing of what was published."""

_LIVE = {"publish": Intent.PUBLISH, "create": Intent.PUBLISH, "update": Intent.UPDATE}
_SENT = re.compile(r"\bt=(\d{1,16})")
_THIN = 'It has no data. Switch "Include payload" on for this webhook.'


def _read(payload: Payload, rules: LocaleRules) -> Iterable[Item]:
    body = as_object(payload.data)
    operation, entry = text_at(body, "operation"), as_object(body.get("data"))
    stage, found = text_at(entry, "stage"), text_at(entry, "id")
    intent = _intent(operation, stage, entry)
    revision = text_at(entry, "updatedAt")
    yield Item(
        intent=intent,
        event=operation,
        key=_key(payload, operation, entry),
        object_id=found or None,
        revision=(revision or None) if operation not in _GONE else None,
        status=stage,
        raw=body,
        note=_THIN if intent is Intent.NEEDS_FETCH else "",
        **describe(_in_one_language(entry, rules.locale), rules.fields),
    )


def _key(payload: Payload, operation: str, entry: Json) -> str | None:
    """Name an event; what takes an entry away also by when it was sent: the draft that is left may be an old one."""
    found, revision = text_at(entry, "id"), text_at(entry, "updatedAt")
    if not found or not revision:
        return None
    signed = _SENT.search(payload.header("gcms-signature"))
    sent = signed[1] if signed and operation in _GONE else ""
    return ":".join(filter(None, (found, revision, text_at(entry, "publishedAt"), operation, sent)))


def _intent(operation: str, stage: str, entry: Json) -> Intent:
    """Judge by the stage that the entry is in: a project may have more of them than two."""
    if text_at(entry, "__typename") == "Asset":
        return Intent.IGNORE
    if operation in _GONE:
        return _GONE[operation] if stage in ("", "PUBLISHED", "DRAFT") else Intent.IGNORE
    if operation == "publish" and not entry:
        return Intent.NEEDS_FETCH
    is_live = stage == "PUBLISHED" or (not stage and operation == "publish")
    return _LIVE.get(operation, Intent.IGNORE) if is_live else Intent.IGNORE


def _in_one_language(entry: Json, locale: str | None) -> dict[str, Any]:
    """Return an entry's fields with those of one of its localizations."""
    localizations = entry.get("localizations")
    every = [as_object(each) for each in localizations] if isinstance(localizations, list) else []
    chosen: Json = next((each for each in every if locale is None or text_at(each, "locale") == locale), {})
    return {**entry, **{name: value for name, value in chosen.items() if value is not None}}


KIND = Kind(
    name="hygraph",
    title="Hygraph",
    read=_read,
    config_type=LocaleRules,
    signatures=(
        Signature(
            header="gcms-signature",
            separator=",",
            field="sign",
            template='{"Body":{body_json},"EnvironmentName":{json.env},"TimeStamp":{timestamp}}',
            encoding=Encoding.BASE64,
            stamp=Stamp(field="t", unit=Unit.MILLISECONDS, tolerance=timedelta(hours=1)),
        ),
    ),
)
