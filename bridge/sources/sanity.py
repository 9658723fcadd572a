"""The source `sanity`: documents as a GROQ filter picks and a projection shapes them, whole or in our own field names.

Sources: https://www.sanity.io/docs/webhooks, https://www.sanity.io/docs/content-lake/webhook-best-practices and
github.com/sanity-io/webhook-toolkit, read 2026-11.
Publishing makes a document, unpublishing deletes it; a draft is another document, whose id says so. Sanity tries twice
more, 30 s apart, within which a signature stays good; `idempotency-key` stays the same and tells repetitions.
"""

import re
from collections.abc import Iterable

from bridge.core.model import Intent, Item, Json
from bridge.core.signing import Encoding
from bridge.core.verifying import Signature, Stamp, Unit
from bridge.sources._fields import FieldRules, as_object, describe, own_fields
from bridge.sources._kind import Kind, Payload, text_at
from bridge.sources._words import is_withdrawn

_NOT_LIVE = ("drafts.", "versions.")
_IMAGE = re.compile(r"image-([0-9A-Za-z]+-\d+x\d+)-([a-z0-9]+)")


def _read(payload: Payload, rules: FieldRules) -> Iterable[Item]:
    body = as_object(payload.data)
    document = text_at(body, "_id") or payload.header("sanity-document-id")
    said = describe(body, rules.fields)
    said["images"] = said["images"] or tuple(_images(payload, body, rules))
    yield Item(
        intent=_intent(payload.header("sanity-operation"), document, body),
        event=payload.header("sanity-operation"),
        object_id=document or None,
        revision=payload.header("sanity-transaction-time") or text_at(body, "_updatedAt") or None,
        status=text_at(body, "status"),
        previous=text_at(body, "before.status"),
        own=own_fields(body),
        raw=body,
        **said,
    )


def _intent(operation: str, document: str, body: Json) -> Intent:
    """Judge what happened; `before` (of the projection: `"before": before()`) tells a change from a publication."""
    if document.startswith(_NOT_LIVE):
        return Intent.IGNORE
    if operation == "delete":
        return Intent.DELETE
    status, previous = text_at(body, "status"), text_at(body, "before.status")
    if is_withdrawn(status):
        was_never_out = operation == "create" or is_withdrawn(previous)
        return Intent.IGNORE if was_never_out else Intent.UNPUBLISH
    appeared = "before" in body and (body["before"] is None or previous not in ("", status))
    return Intent.UPDATE if operation == "update" and not appeared else Intent.PUBLISH


def _images(payload: Payload, body: Json, rules: FieldRules) -> Iterable[str]:
    """Give the address of the image that a document refers to: https://www.sanity.io/docs/presenting-images."""
    project, dataset = payload.header("sanity-project-id"), payload.header("sanity-dataset")
    names = (rules.fields["image"],) if "image" in rules.fields else ("mainImage", "image", "coverImage")
    found = _IMAGE.fullmatch(text_at(body, *(f"{name}.asset._ref" for name in names)))
    if found and project and dataset:
        yield f"https://cdn.sanity.io/images/{project}/{dataset}/{found[1]}.{found[2]}"


KIND = Kind(
    name="sanity",
    title="Sanity",
    read=_read,
    config_type=FieldRules,
    signatures=(
        Signature(
            header="sanity-webhook-signature",
            separator=",",
            field="v1",
            template="{timestamp}.{body}",
            encoding=Encoding.BASE64URL,
            stamp=Stamp(field="t", unit=Unit.MILLISECONDS),
        ),
    ),
)
