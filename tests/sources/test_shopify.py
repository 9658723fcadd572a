"""The source `shopify`: what can be seen in a shop, and since when."""

import pytest
from hypothesis import given

from tests.core.builders import NOW
from tests.sources.reading import (
    anything,
    assert_never_crashes,
    assert_sample,
    assert_vector,
    entries,
    item,
    vectors,
)

OLD, CHANGED = "2025-01-01T00:00:00+01:00", "2026-03-01T11:59:00Z"
PRODUCT = {"id": 1, "title": "Hat", "handle": "hat", "status": "active", "published_at": OLD, "updated_at": CHANGED}
LISTING = {"product_listing": {"product_id": 1, "title": "Hat", "handle": "hat", "published_at": OLD}}
SHELF = {"collection_listing": {"collection_id": 1, "title": "Hats", "handle": "hats", "published_at": OLD}}


def headers(topic, **more):
    return {"x-shopify-topic": topic, "x-shopify-shop-domain": "shop.example", "x-shopify-webhook-id": "w1", **more}


@pytest.mark.parametrize("entry", entries("shopify"), ids=lambda entry: entry["headers"])
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize("vector", vectors("shopify"))
def test_a_vector_is_genuine_and_nothing_near_it(vector):
    assert_vector("shopify", vector, NOW)


@pytest.mark.parametrize(
    ("topic", "body", "intent"),
    [
        ("products/create", PRODUCT, "publish"),
        ("products/create", {**PRODUCT, "status": "draft"}, "ignore"),
        ("products/create", {**PRODUCT, "published_at": None}, "ignore"),
        ("products/create", {**PRODUCT, "published_at": "2026-03-01T13:00:00Z"}, "schedule"),
        ("products/update", PRODUCT, "update"),
        ("products/update", {**PRODUCT, "published_at": "2026-03-01T11:58:30Z"}, "publish"),
        ("products/update", {**PRODUCT, "published_at": "2026-03-01T13:00:00Z"}, "schedule"),
        ("products/update", {**PRODUCT, "status": "archived"}, "unpublish"),
        ("products/update", {**PRODUCT, "status": "unlisted"}, "unpublish"),
        ("products/update", {**PRODUCT, "published_at": None}, "unpublish"),
        ("products/delete", {"id": 1}, "delete"),
        ("product_listings/add", LISTING, "publish"),
        ("product_listings/update", LISTING, "update"),
        ("product_listings/remove", {"product_listing": {"product_id": 1}}, "unpublish"),
        ("product_publications/create", {"product_id": 1, "published": True}, "needs_fetch"),
        ("product_publications/create", {"product_id": 1, "published": False}, "ignore"),
        ("product_publications/update", {"product_id": 1, "published": True}, "ignore"),
        ("product_publications/update", {"product_id": 1, "published": False}, "unpublish"),
        ("product_publications/delete", {"product_id": 1}, "unpublish"),
        ("products/of_next_year", PRODUCT, "ignore"),
        ("orders/create", PRODUCT, "ignore"),
        ("", PRODUCT, "ignore"),
    ],
)
def test_the_transition_says_what_happened(topic, body, intent):
    found = item("shopify", body, headers(topic))

    assert (found.intent, found.event, found.object_id) == (
        intent,
        topic,
        "1" if found.event != "" else found.object_id,
    )


def test_a_product_to_come_is_scheduled():
    when = "2026-03-01T13:00:00Z"

    assert item("shopify", {**PRODUCT, "published_at": when}, headers("products/create")).scheduled_at == when


def test_what_is_thin_says_what_to_subscribe_to():
    assert "products/update" in item("shopify", {"product_id": 1}, headers("product_publications/create")).note


def test_a_test_notification_is_never_published():
    assert item("shopify", PRODUCT, headers("products/create", **{"x-shopify-test": "true"})).intent == "test"


@pytest.mark.parametrize(
    ("status", "intent"), [("ACTIVE", "publish"), ("DRAFT", "ignore"), ("active", "publish"), (None, "publish")]
)
def test_a_metaobject_has_a_status_of_its_own(status, intent):
    body = {"id": "gid://1", "display_name": "Card", "capabilities": {"publishable": {"status": status}}}

    found = item("shopify", {**body, "handle": "card", "fields": {"excerpt": "E"}}, headers("metaobjects/create"))

    assert (found.intent, found.title, found.excerpt, found.url) == (intent, "Card", "E", "")


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({}, "w1"),
        ({"x-shopify-event-id": "e1"}, "e1:products/create:1"),
        ({"x-shopify-webhook-id": ""}, None),
    ],
)
def test_topics_and_things_of_one_event_do_not_count_as_repetitions(more, key):
    assert item("shopify", PRODUCT, headers("products/create", **more)).key == key


@pytest.mark.parametrize(
    ("topic", "body", "config", "url"),
    [
        ("products/create", PRODUCT, {}, "https://shop.example/products/hat"),
        ("products/create", PRODUCT, {"site": "https://hats.example"}, "/products/hat"),
        ("products/create", {**PRODUCT, "handle": ""}, {}, ""),
        ("products/create", {**PRODUCT, "link": "https://a.example"}, {"fields": {"url": "link"}}, "https://a.example"),
        ("collection_listings/add", SHELF, {}, "https://shop.example/collections/hats"),
    ],
)
def test_a_thing_is_where_its_handle_says(topic, body, config, url):
    assert item("shopify", body, headers(topic), **config).url == url


def test_a_collection_is_not_taken_for_the_product_of_the_same_number():
    found = item("shopify", SHELF, headers("collection_listings/add"))

    assert (found.object_id, found.title, found.intent) == ("collection:1", "Hats", "publish")


def test_a_product_without_an_id_has_no_name():
    assert item("shopify", {**PRODUCT, "id": None}, headers("products/create")).object_id is None


@pytest.mark.parametrize("topic", ["products/update", "product_publications/create", "collection_listings/add"])
@given(
    data=anything("product_listing", "product_id", "status", "published_at", "2026-03-01T13:00:00Z", "handle", "tags")
)
def test_nothing_that_is_sent_crashes_it(topic, data):
    assert_never_crashes("shopify", data, headers(topic))
