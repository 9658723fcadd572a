"""The source `sanity`: documents whole or as a projection shapes them, and what happened to them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given

from bridge.core.signing import Check, Unverified
from tests.core.builders import problem_of
from tests.sources.reading import (
    a_request,
    a_source,
    anything,
    assert_never_crashes,
    assert_sample,
    assert_vector,
    entries,
    item,
    vectors,
)

HEADERS = {
    "sanity-operation": "create",
    "sanity-project-id": "p1",
    "sanity-dataset": "production",
    "sanity-document-id": "doc1",
    "sanity-transaction-time": "2026-03-01T12:00:00Z",
    "idempotency-key": "k1",
}
IMAGE = {"_type": "image", "asset": {"_type": "reference", "_ref": "image-abc123-200x300-jpg"}}


def signed_at(vector):
    stamp = vector["headers"]["sanity-webhook-signature"].partition(",")[0].removeprefix("t=")
    return datetime.fromtimestamp(int(stamp) / 1000, UTC)


@pytest.mark.parametrize("entry", entries("sanity"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize("vector", vectors("sanity"))
def test_a_vector_is_genuine_for_five_minutes_and_nothing_near_it(vector):
    assert_vector("sanity", vector, signed_at(vector) + timedelta(minutes=5))
    late = a_request(vector["bytes"], vector["headers"], signed_at(vector) + timedelta(minutes=5, seconds=1))

    refused = problem_of(lambda: a_source("sanity", secret=vector["secret"]).verify(late))

    assert isinstance(refused, Unverified)
    assert refused.check is Check.STALE


@pytest.mark.parametrize(
    ("operation", "body", "intent"),
    [
        ("create", {"_id": "a"}, "publish"),
        ("update", {"_id": "a"}, "update"),
        ("delete", {"_id": "a"}, "delete"),
        ("", {"_id": "a"}, "publish"),
        ("create", {"_id": "drafts.a"}, "ignore"),
        ("create", {"_id": "versions.r1.a"}, "ignore"),
        ("update", {"_id": "a", "before": None}, "publish"),
        ("update", {"_id": "a", "before": {"title": "Old"}}, "update"),
        ("update", {"_id": "a", "status": "published", "before": {"status": "draft"}}, "publish"),
        ("update", {"_id": "a", "status": "published", "before": {"status": "published"}}, "update"),
        ("update", {"_id": "a", "status": "draft", "before": {"status": "published"}}, "unpublish"),
        ("update", {"_id": "a", "status": "draft"}, "unpublish"),
        ("update", {"_id": "a", "status": "archived", "before": {"status": "scheduled"}}, "unpublish"),
        ("update", {"_id": "a", "status": "draft", "before": {"status": "draft"}}, "ignore"),
        ("create", {"_id": "a", "status": "archived"}, "ignore"),
    ],
)
def test_the_transition_says_what_happened(operation, body, intent):
    assert item("sanity", {"title": "Hi", **body}, {**HEADERS, "sanity-operation": operation}).intent == intent


def test_a_document_is_read_with_its_rich_text_and_image():
    block = {
        "_type": "block",
        "children": [{"_type": "span", "text": "One "}, {"_type": "span", "text": "two"}],
    }
    box = {"_type": "callout", "text": "Mind this"}
    body = {"_id": "doc1", "title": "Hi", "slug": {"_type": "slug", "current": "hi"}, "body": [block, IMAGE, box]}

    found = item("sanity", {**body, "mainImage": IMAGE, "tags": ["a", "b"], "_updatedAt": "2026-02-01"}, HEADERS)

    assert (found.title, found.url, found.body) == ("Hi", "hi", "One two\n\nMind this")
    assert (found.images, found.tags) == (
        ("https://cdn.sanity.io/images/p1/production/abc123-200x300.jpg",),
        ("a", "b"),
    )
    assert (found.object_id, found.revision, found.key) == ("doc1", "2026-03-01T12:00:00Z", "k1")


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"image": IMAGE}, {}),
        ({"image": {"asset": {"_ref": "file-abc-pdf"}}}, HEADERS),
        ({"image": IMAGE}, {"sanity-project-id": "p1"}),
    ],
)
def test_an_image_that_cannot_be_found_is_left_out(body, headers):
    assert item("sanity", {"title": "Hi", **body}, headers).images == ()


def test_a_projection_may_be_written_in_our_own_names():
    body = {"title": "Hi", "url": "https://a.example", "excerpt": "E", "caption": "C", "accounts": ["a"], "card": IMAGE}

    found = item("sanity", {**body, "media": None}, HEADERS, fields={"image": "card"})

    assert found.own == {"caption": "C", "accounts": ["a"]}
    assert (found.excerpt, found.object_id) == ("E", "doc1")
    assert found.images == ("https://cdn.sanity.io/images/p1/production/abc123-200x300.jpg",)


def test_a_caption_of_a_photo_is_not_taken_for_ours():
    body = {"title": "Hi", "caption": "Photo: AFP", "media": [IMAGE], "settings": {"wide": True}}

    found = item("sanity", body, HEADERS)

    assert (found.own, found.title, found.raw["caption"]) == ({}, "Hi", "Photo: AFP")


@given(
    anything("_id", "before", "status", "draft", "body", "children", "_type", "image", "asset", "_ref", "slug", "tags")
)
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("sanity", data, {**HEADERS, "sanity-operation": "update"})
