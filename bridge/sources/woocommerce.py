"""The source `woocommerce`: products of a WooCommerce shop.

Body: the product as the REST API has it; `{"id"}` alone when it was deleted. `X-WC-Webhook-Topic` says what happened,
`X-WC-Webhook-Signature` is the base64 HMAC of the body. A webhook that is saved is tried with the form `webhook_id=N`,
which is not signed. After five answers in a row that are no 2xx WooCommerce turns a webhook off. It never sends again.
`X-WC-Webhook-Delivery-ID` is made of the webhook and the second, so all that one webhook sends in a second has it.
Source: https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks and includes/class-wc-webhook.php of
github.com/woocommerce/woocommerce, read 2026-11.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bridge.core.hook_rules import HookRules
from bridge.core.model import Intent, Item, Json, RawRequest
from bridge.core.signing import Encoding
from bridge.core.verifying import Signature
from bridge.sources._kind import Kind, Payload, text_at

_PING = re.compile(rb"webhook_id=\d{1,10}")
_FORM = re.compile(r"application/x-www-form-urlencoded(; ?charset=utf-8)?", re.IGNORECASE)
_NEW_FOR = timedelta(minutes=10)
"""How long after its date an edited product counts as new: publishing a draft is an edit, too, and dates it."""
_NO_CATEGORY = "uncategorized"
_SHOWN = ("publish", "future")


def _read(payload: Payload, rules: HookRules) -> Iterable[Item]:
    topic, product = payload.header("x-wc-webhook-topic"), payload.object()
    if not topic and _PING.fullmatch(payload.raw.body):
        # All tries count as one event: they may come from anybody.
        return (Item(intent=Intent.TEST, event="ping", key="ping"),)
    if not topic.startswith("product."):
        return (Item(intent=Intent.IGNORE, event=topic, raw=product, note="It is about no product."),)
    when, status = _utc(text_at(product, "date_created_gmt")), text_at(product, "status")
    item = Item(
        intent=_intent(topic, product),
        event=topic,
        key=_deletion(payload, topic),
        object_id=text_at(product, "id") or None,
        revision=_utc(text_at(product, "date_modified_gmt")) or None,
        title=text_at(product, "name"),
        body=text_at(product, "description"),
        excerpt=text_at(product, "short_description"),
        url=text_at(product, "permalink"),
        images=tuple(_texts(product.get("images"), "src")),
        tags=tuple(dict.fromkeys((*_texts(product.get("tags"), "name"), *_categories(product)))),
        scheduled_at=when if status == "future" else "",
        published_at=when if status == "publish" else "",
        status=status,
        raw=product,
    )
    return (item,)


def _deletion(payload: Payload, topic: str) -> str | None:
    """Name a deletion, whose body has nothing but the id: a product may be restored and deleted anew."""
    if topic != "product.deleted":
        return None
    when = payload.header("x-wc-webhook-delivery-id") or payload.raw.received_at.isoformat()
    return f"{topic}:{payload.text('id')}:{when}"


def _intent(topic: str, product: Json) -> Intent:
    status = text_at(product, "status")
    if topic == "product.deleted":
        return Intent.DELETE
    if status not in _SHOWN or text_at(product, "catalog_visibility") == "hidden":
        # It may have been out, or scheduled, until this very change.
        return Intent.UNPUBLISH if status and topic != "product.created" else Intent.IGNORE
    if topic != "product.created" and not _is_new(product):
        return Intent.UPDATE
    return Intent.SCHEDULE if status == "future" else Intent.PUBLISH


def _is_new(product: Json) -> bool:
    """Say whether a product was dated just before it was saved: each sale edits one, and an old one is no news."""
    made, saved = _utc(text_at(product, "date_created_gmt")), _utc(text_at(product, "date_modified_gmt"))
    try:
        return datetime.fromisoformat(saved) - datetime.fromisoformat(made) <= _NEW_FOR
    except (TypeError, ValueError):
        return False


def _utc(text: str) -> str:
    return f"{text}Z" if text and not text.endswith("Z") and "+" not in text else text


def _categories(product: Json) -> Iterable[str]:
    listed = product.get("categories")
    kept = [one for one in listed if text_at(one, "slug") != _NO_CATEGORY] if isinstance(listed, list) else []
    return _texts(kept, "name")


def _texts(listed: object, name: str) -> Iterable[str]:
    """Give this field of each object of a list."""
    for one in listed if isinstance(listed, list) else ():
        if isinstance(one, Mapping) and (text := text_at(one, name)):
            yield text


def _is_ping(raw: RawRequest, rules: HookRules) -> bool | None:
    """Let in the try of a webhook that was just saved: it is not signed, and says nothing."""
    signed = raw.header("x-wc-webhook-topic") or raw.header("x-wc-webhook-signature")
    is_form = _FORM.fullmatch(raw.header("content-type") or "")
    return True if not signed and is_form and _PING.fullmatch(raw.body) else None


KIND = Kind(
    name="woocommerce",
    title="WooCommerce",
    read=_read,
    signatures=(Signature(header="x-wc-webhook-signature", encoding=Encoding.BASE64),),
    verify=_is_ping,
)
