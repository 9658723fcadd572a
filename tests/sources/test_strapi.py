"""The source `strapi`: entries by model, and whether what was saved is a draft."""

import pytest
from hypothesis import given

from tests.sources.reading import anything, assert_never_crashes, assert_sample, entries, item

LIVE = {"documentId": "d1", "id": 7, "title": "Hi", "publishedAt": "2026-03-01T10:00:00Z", "updatedAt": "2026-03-01"}
DRAFT = {**LIVE, "publishedAt": None}
TYPED = {"id": 7, "title": "Hi"}
OLD_DRAFT = {"id": 7, "title": "Hi", "published_at": None, "updated_at": "2020-01-01"}


def an_event(event, entry=LIVE, **more):
    return {"event": event, "model": "article", "uid": "api::article.article", "entry": entry, **more}


@pytest.mark.parametrize("entry", entries("strapi"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize(
    ("event", "entry", "intent", "status"),
    [
        ("entry.publish", LIVE, "publish", "published"),
        ("entry.unpublish", LIVE, "unpublish", "published"),
        ("entry.unpublish", DRAFT, "unpublish", "draft"),
        ("entry.delete", LIVE, "delete", "published"),
        ("entry.update", LIVE, "update", "published"),
        ("entry.update", DRAFT, "ignore", "draft"),
        ("entry.update", OLD_DRAFT, "ignore", "draft"),
        ("entry.update", TYPED, "update", ""),
        ("entry.create", LIVE, "publish", "published"),
        ("entry.create", DRAFT, "ignore", "draft"),
        ("entry.create", TYPED, "publish", ""),
        ("entry.create", {}, "ignore", ""),
        ("media.create", {}, "ignore", ""),
        ("media.update", {}, "ignore", ""),
        ("review-workflows.updateEntryStage", {}, "ignore", ""),
        ("releases.publish", {}, "ignore", ""),
        ("trigger-test", {}, "test", ""),
        ("", {}, "ignore", ""),
    ],
)
def test_saving_a_draft_is_not_publishing(event, entry, intent, status):
    found = item("strapi", an_event(event, entry))

    assert (found.intent, found.status) == (intent, status)


def test_the_header_names_the_event_as_well():
    assert item("strapi", {"entry": LIVE}, {"x-strapi-event": "entry.publish"}).event == "entry.publish"


@pytest.mark.parametrize(
    ("entry", "object_id"),
    [
        (LIVE, "article:d1"),
        ({**LIVE, "locale": "de"}, "article:d1:de"),
        (TYPED, "article:7"),
        ({"title": "Hi"}, None),
    ],
)
def test_an_entry_is_named_by_model_and_language(entry, object_id):
    assert item("strapi", an_event("entry.publish", entry)).object_id == object_id


def test_publishing_what_did_not_change_is_another_event():
    body = {"event": "entry.publish", "model": "article", "entry": LIVE}
    first, second, bare = (
        item("strapi", {**body, **at}).key
        for at in ({"createdAt": "2026-03-01T12:00:00.001Z"}, {"createdAt": "2026-03-01T13:00:00.001Z"}, {})
    )

    assert first
    assert first != second
    assert bare is None


@pytest.mark.parametrize(
    ("models", "intent"),
    [((), "publish"), (("article",), "publish"), (("api::article.article",), "publish"), (("page",), "ignore")],
)
def test_only_the_models_that_are_named_are_published(models, intent):
    assert item("strapi", an_event("entry.publish"), models=models).intent == intent


def test_a_release_says_where_its_entries_are():
    assert "entry.publish" in item("strapi", an_event("releases.publish", {}), models=("article",)).note


def test_the_fields_of_an_entry_are_known_by_name_or_told():
    blocks = [
        {"type": "paragraph", "children": [{"type": "text", "text": "One "}, {"type": "text", "text": "two"}]},
        {"type": "list", "children": [{"type": "list-item", "children": [{"type": "text", "text": "Three"}]}]},
    ]
    entry = {**LIVE, "content": blocks, "slug": "hi", "cover": {"url": "/uploads/a.png"}, "tags": [{"name": "News"}]}

    found = item("strapi", an_event("entry.publish", {**entry, "seo": {"line": "Told"}}), fields={"title": "seo.line"})

    assert (found.title, found.body, found.url) == ("Told", "One two\n\nThree", "hi")
    assert (found.images, found.tags, found.revision) == (("/uploads/a.png",), ("News",), "2026-03-01")
    assert found.published_at == "2026-03-01T10:00:00Z"


@given(anything("event", "entry", "model", "uid", "entry.publish", "publishedAt", "locale", "cover", "content"))
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("strapi", data, {"x-strapi-event": "entry.update"})
