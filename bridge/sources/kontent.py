"""The source `kontent`: Kontent.ai says which content item was published, and not a word of it.

Sources: https://kontent.ai/learn/docs/webhooks/webhooks and github.com/kontent-ai/webhook-helper-js, read 2026-11. The
signature is over the body with CR LF at each line end, however it was sent.
"""

from collections.abc import Iterable

from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, Item, Json
from bridge.core.signing import Encoding
from bridge.core.verifying import Signature
from bridge.sources._fields import as_object
from bridge.sources._kind import Kind, Payload, at_most, text_at

_INTENTS = {"published": Intent.NEEDS_FETCH, "unpublished": Intent.UNPUBLISH, "deleted": Intent.DELETE}
_THIN = (
    "Kontent.ai sends no content. Put a step in between (n8n, Make, a function) that reads the item and sends it to a "
    "source of the kind generic."
)


def _read(payload: Payload, rules: HookRules) -> Iterable[Item]:
    listed = as_object(payload.data).get("notifications")
    for each in map(as_object, at_most(listed) if isinstance(listed, list) else []):
        system, message = as_object(as_object(each.get("data")).get("system")), as_object(each.get("message"))
        intent = _intent(message)
        yield Item(
            intent=intent,
            event=f"{text_at(message, 'object_type')}.{text_at(message, 'action')}",
            object_id=_object_id(system),
            revision=text_at(system, "last_modified") or None,
            title=text_at(system, "name"),
            status=text_at(system, "workflow_step"),
            previous=text_at(message, "action_context.previous_workflow_step"),
            raw=each,
            note=_THIN if intent is Intent.NEEDS_FETCH else "",
        )


def _object_id(system: Json) -> str | None:
    """Name an item; each of its languages is published on its own."""
    found = text_at(system, "id")
    return ":".join(part for part in (found, text_at(system, "language")) if part) if found else None


def _intent(message: Json) -> Intent:
    """Judge by the action; what the preview shows, and steps of a workflow, are not published."""
    if text_at(message, "object_type") != "content_item" or text_at(message, "delivery_slot") == "preview":
        return Intent.IGNORE
    return _INTENTS.get(text_at(message, "action"), Intent.IGNORE)


KIND = Kind(
    name="kontent",
    title="Kontent.ai",
    read=_read,
    signatures=(Signature(header="x-kontent-ai-signature", encoding=Encoding.BASE64, crlf=True),),
)
