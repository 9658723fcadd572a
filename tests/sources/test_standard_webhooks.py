"""The source `standard_webhooks`: what a type means, and the fields of its data."""

import pytest

from tests.sources.reading import item


def read(word, data=None, **config):
    body = {"type": word, "data": {"id": 5, "title": "T", "updated_at": "x"} if data is None else data}
    return item("standard_webhooks", body, {"webhook-id": "m1"}, **config)


@pytest.mark.parametrize(
    ("word", "config", "intent"),
    [
        ("post.published", {}, "publish"),
        ("post.scheduled", {}, "schedule"),
        ("post.updated", {}, "update"),
        ("post.deleted", {}, "delete"),
        ("contact.created", {}, "ignore"),
        ("test", {}, "test"),
        ("post.sent", {"types": ("post.sent",)}, "publish"),
        ("post.sent", {"types": ("post.*",)}, "publish"),
        ("page.published", {"types": ("post.*",)}, "ignore"),
        ("page.deleted", {"types": ("post.published",)}, "delete"),
        ("", {}, "publish"),
    ],
)
def test_a_type_says_what_happened(word, config, intent):
    found = read(word, **config)

    assert (found.intent, found.event, found.key, found.title) == (intent, word, "m1", "T")
    assert found.object_id == ("5" if word else None)


def test_an_object_may_be_elsewhere():
    fields = {"title": "data.post.title", "object_id": "data.post.id", "key": "header:webhook-id"}
    found = read("post.published", {"post": {"id": 8, "title": "Deep"}}, fields=fields)

    assert (found.title, found.object_id, found.intent) == ("Deep", "8", "publish")


@pytest.mark.parametrize(
    ("word", "status", "intent"),
    [
        ("post.updated", "draft", "unpublish"),
        ("", "draft", "unpublish"),
        ("post.updated", "published", "update"),
        ("post.published", "draft", "publish"),
    ],
)
def test_what_stands_as_a_draft_is_not_out(word, status, intent):
    assert read(word, {"id": 5, "title": "T", "status": status}).intent == intent


def test_svix_has_headers_of_its_own():
    assert item("standard_webhooks", {"type": "post.published", "title": "T"}, {"svix-id": "s1"}).key == "s1"


def test_what_has_no_type_is_looked_at():
    assert item("standard_webhooks", {"message": "Hi"}).own == {"caption": "Hi"}
    assert item("standard_webhooks", {"test": 1}).intent == "needs_mapping"
    assert item("standard_webhooks", [{"type": "post.published"}]).intent == "needs_mapping"
