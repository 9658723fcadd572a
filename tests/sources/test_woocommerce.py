"""The source `woocommerce`: only new products of the shop window are published."""

import pytest

from bridge.core.signing import Unverified
from tests.sources.reading import a_request, a_source, item

FORM = {"content-type": "application/x-www-form-urlencoded"}
NEW = {"date_created_gmt": "2026-03-01T12:00:00", "date_modified_gmt": "2026-03-01T12:01:00"}
OLD = {"date_created_gmt": "2020-03-01T12:00:00", "date_modified_gmt": "2026-03-01T12:01:00"}


def read(topic, **product):
    body = {"id": 5, "name": "Tea", "status": "publish", **NEW, **product}
    return item("woocommerce", body, {"x-wc-webhook-topic": topic})


@pytest.mark.parametrize(
    ("topic", "product", "intent"),
    [
        ("product.created", {}, "publish"),
        ("product.created", OLD, "publish"),
        ("product.created", {"status": "draft"}, "ignore"),
        ("product.created", {"status": "future"}, "schedule"),
        ("product.created", {"catalog_visibility": "hidden"}, "ignore"),
        ("product.updated", {}, "publish"),
        ("product.updated", OLD, "update"),
        ("product.updated", {"date_created_gmt": None}, "update"),
        ("product.updated", {"date_created_gmt": "2026-03-01T12:00:00+00:00"}, "publish"),
        ("product.updated", {"date_created_gmt": "soon"}, "update"),
        ("product.updated", {"status": "trash"}, "unpublish"),
        ("product.updated", {"status": "private"}, "unpublish"),
        ("product.updated", {"status": "draft"}, "unpublish"),
        ("product.updated", {"status": "pending", **OLD}, "unpublish"),
        ("product.updated", {"catalog_visibility": "hidden"}, "unpublish"),
        ("product.updated", {"status": "future", "catalog_visibility": "hidden"}, "unpublish"),
        ("product.updated", {"status": None}, "ignore"),
        ("product.restored", OLD, "update"),
        ("product.deleted", {"status": ""}, "delete"),
        ("coupon.created", {}, "ignore"),
        ("order.created", {}, "ignore"),
        ("", {}, "ignore"),
    ],
)
def test_a_sale_of_an_old_product_is_no_news(topic, product, intent):
    assert read(topic, **product).intent == intent


def test_a_product_says_what_it_is():
    found = read(
        "product.created",
        images=[{"src": "https://s/a.jpg"}, {"id": 1}, 5],
        tags=[{"name": "green"}],
        categories=[{"name": "Tea", "slug": "tea"}, {"name": "Uncategorized", "slug": "uncategorized"}],
        permalink="https://s/tea",
    )

    assert (found.title, found.url, found.images) == ("Tea", "https://s/tea", ("https://s/a.jpg",))
    assert found.tags == ("green", "Tea")
    assert (found.object_id, found.revision) == ("5", "2026-03-01T12:01:00Z")


def test_the_id_of_a_delivery_is_that_of_all_in_its_second():
    headers = {"x-wc-webhook-topic": "product.deleted", "x-wc-webhook-delivery-id": "d1"}
    one, two = (item("woocommerce", {"id": number}, headers) for number in (5, 6))
    later = item("woocommerce", {"id": 5}, {**headers, "x-wc-webhook-delivery-id": "d2"})

    assert len({one.key, two.key, later.key}) == 3
    assert read("product.created").key is None
    assert item("woocommerce", {"id": 5}, {"x-wc-webhook-topic": "product.deleted"}).key


def test_a_webhook_that_is_saved_is_tried_without_a_signature():
    source, ping = a_source("woocommerce", secret="s3cret"), a_request(b"webhook_id=12", FORM)

    (found,) = source.read(source.verify(ping)).items
    assert (found.intent, found.key) == ("test", "ping")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"webhook_id=12&x=1", {}),
        (b"webhook_id=" + b"1" * 11, {}),
        (b"webhook_id=12", {"x-wc-webhook-topic": "product.created"}),
        (b"webhook_id=12", {"x-wc-webhook-signature": "AAAA"}),
        (b"webhook_id=12", {"content-type": "application/json"}),
        (b"webhook_id=12", {"content-type": 'application/x-www-form-urlencoded; a="' + ";" * 100_000}),
    ],
)
def test_nothing_else_comes_in_unsigned(body, headers):
    with pytest.raises(Unverified):
        a_source("woocommerce", secret="s3cret").verify(a_request(body, {**FORM, **headers}))
