"""What an event is known again by: two that differ never have it in common, whatever their sender repeats in both."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import pytest

from bridge.core.model import Item
from tests.sources.reading import a_request, entries, item, items

AT, LATER = "2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z"
WOO = {"x-wc-webhook-topic": "product.updated", "x-wc-webhook-delivery-id": "d1"}
GONE = {**WOO, "x-wc-webhook-topic": "product.deleted"}
SHOP = {"x-shopify-event-id": "e1"}
LAB = {"x-gitlab-event-uuid": "u1"}
FOLDERS = (
    "contentful", "datocms", "ghost", "github", "gitlab", "hygraph", "kontent", "sanity", "strapi", "webflow",
    "woocommerce", "wordpress_com", "wordpress_mu_plugin", "wordpress_rest", "wordpress_wp_webhooks",
)  # fmt: skip


def a_product(number: int, status: str = "publish", at: str = AT) -> dict[str, Any]:
    return {"id": number, "name": "N", "status": status, "date_modified_gmt": at}


def a_ghost(name: str, status: str, before: str = "draft", at: str = AT) -> dict[str, Any]:
    current = {"id": name, "title": "T", "status": status, "updated_at": at}
    return {"post": {"current": current, "previous": {"status": before}}}


def a_wordpress(number: int, status: str, at: str = AT) -> dict[str, Any]:
    post = {"post_title": "T", "post_status": status, "post_type": "post", "post_modified_gmt": at}
    return {"post_id": number, "post": post}


def a_webflow(word: str, name: str, at: str = AT) -> dict[str, Any]:
    thing = {"id": name, "lastPublished": at, "lastUpdated": at, "fieldData": {"name": "N"}}
    return {"triggerType": f"collection_item_{word}", "payload": thing}


def an_entry(event: str, name: str, at: str) -> dict[str, Any]:
    entry = {"documentId": name, "title": "T", "updatedAt": AT, "publishedAt": AT}
    return {"event": f"entry.{event}", "createdAt": at, "model": "article", "entry": entry}


def a_release(number: int, action: str) -> dict[str, Any]:
    return {"object_kind": "release", "action": action, "id": number, "name": "v1"}


def a_notification(name: str, action: str) -> dict[str, Any]:
    message = {"object_type": "content_item", "action": action}
    system = {"id": name, "language": "en", "last_modified": AT}
    return {"notifications": [{"data": {"system": system}, "message": message}]}


def an_operation(operation: str, name: str, stage: str = "PUBLISHED") -> dict[str, Any]:
    return {"operation": operation, "data": {"id": name, "stage": stage, "updatedAt": AT, "title": "T"}}


def a_change(number: int, status: str) -> dict[str, Any]:
    return {"event": "items.update", "collection": "posts", "key": number, "payload": {"status": status}}


DIFFERENT: Mapping[str, list[tuple[Mapping[str, Any], Mapping[str, str]]]] = {
    "woocommerce": [
        (a_product(1), WOO), (a_product(2), WOO), (a_product(1, "draft"), WOO), (a_product(1, at=LATER), WOO),
        ({"id": 1}, GONE), ({"id": 2}, GONE), ({"id": 1}, {**GONE, "x-wc-webhook-delivery-id": "d2"}),
    ],
    "ghost": [
        (a_ghost("a", "published"), {}), (a_ghost("b", "published"), {}), (a_ghost("a", "scheduled"), {}),
        (a_ghost("a", "draft", "published"), {}), (a_ghost("a", "published", at=LATER), {}),
    ],
    "wordpress": [
        (a_wordpress(1, "publish"), {}), (a_wordpress(2, "publish"), {}), (a_wordpress(1, "future"), {}),
        (a_wordpress(1, "draft"), {}), (a_wordpress(1, "publish", LATER), {}),
    ],
    "webflow": [
        (a_webflow("published", "a"), {}), (a_webflow("published", "b"), {}), (a_webflow("changed", "a"), {}),
        (a_webflow("unpublished", "a"), {}), (a_webflow("deleted", "a"), {}), (a_webflow("published", "a", LATER), {}),
    ],
    "shopify": [
        ({"id": 1, "title": "T"}, {**SHOP, "x-shopify-topic": "products/create"}),
        ({"id": 2, "title": "T"}, {**SHOP, "x-shopify-topic": "products/create"}),
        ({"id": 1, "title": "T"}, {**SHOP, "x-shopify-topic": "products/delete"}),
        ({"id": 1, "title": "T"}, {**SHOP, "x-shopify-topic": "collections/create"}),
    ],
    "strapi": [
        (an_entry("publish", "a", AT), {}), (an_entry("publish", "a", LATER), {}), (an_entry("publish", "b", AT), {}),
        (an_entry("unpublish", "a", AT), {}),
    ],
    "gitlab": [(a_release(1, "create"), LAB), (a_release(2, "create"), LAB), (a_release(1, "delete"), LAB)],
    "kontent": [
        (a_notification("a", "published"), {}), (a_notification("b", "published"), {}),
        (a_notification("a", "unpublished"), {}), (a_notification("a", "deleted"), {}),
    ],
    "hygraph": [
        (an_operation("publish", "a"), {}), (an_operation("publish", "b"), {}), (an_operation("update", "a"), {}),
        (an_operation("unpublish", "a"), {"gcms-signature": "sign=x, env=m, t=1"}),
        (an_operation("unpublish", "a"), {"gcms-signature": "sign=x, env=m, t=2"}),
    ],
    "directus": [(a_change(1, "published"), {}), (a_change(2, "published"), {}), (a_change(1, "archived"), {})],
    "contentful": [
        ({"sys": {"id": name, "revision": 1}}, {"x-contentful-topic": f"ContentManagement.Entry.{word}"})
        for name in ("a", "b") for word in ("publish", "unpublish", "delete")
    ],
    "sanity": [
        ({"_id": name, "title": "T"}, {"sanity-operation": word, "sanity-transaction-time": AT})
        for name in ("a", "b") for word in ("create", "update", "delete")
    ],
    "storyblok": [({"story_id": number, "action": word}, {}) for number in (1, 2) for word in ("published", "deleted")],
    "prismic": [
        ({"type": "api-update", "documents": [name], "masterRef": ref}, {}) for name in ("a", "b") for ref in ("r", "s")
    ],
}  # fmt: skip


def identity(found: Item, body: bytes, place: int = 0) -> object:
    """What ingest goes by: the sender's key, else the version of the object, else the bytes."""
    if found.key:
        return found.key
    if found.object_id and found.revision:
        return found.object_id, found.revision, found.intent
    return sha256(body).hexdigest(), place


@pytest.mark.parametrize("kind", DIFFERENT)
def test_things_and_transitions_that_differ_are_never_taken_for_one(kind):
    said = [identity(item(kind, body, headers), a_request(body).body) for body, headers in DIFFERENT[kind]]

    assert len(set(said)) == len(said)


@pytest.mark.parametrize("kind", DIFFERENT)
def test_what_is_sent_again_is_known_again(kind):
    for body, headers in DIFFERENT[kind]:
        assert item(kind, body, headers) == item(kind, body, headers)


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_two_samples_are_taken_for_one(folder):
    known: dict[object, object] = {}
    for entry in entries(folder):
        for place, one in enumerate(items(entry["kind"], entry["bytes"], entry["sent"], **entry["config"])):
            told = one.object_id, one.intent
            assert known.setdefault(identity(one, entry["bytes"], place), told) == told
