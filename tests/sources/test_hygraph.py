"""The source `hygraph`: entries by operation and stage."""

from datetime import UTC, datetime

import pytest
from hypothesis import given

from tests.sources.reading import (
    anything,
    assert_never_crashes,
    assert_sample,
    assert_vector,
    entries,
    item,
    vectors,
)


def an_event(operation, stage="PUBLISHED", **fields):
    data = {"__typename": "Post", "id": "e1", "stage": stage, "updatedAt": "2026-03-01T12:00:00+00:00", **fields}
    return {"operation": operation, "data": data}


@pytest.mark.parametrize("entry", entries("hygraph"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize("vector", vectors("hygraph"))
def test_a_vector_is_genuine_and_nothing_near_it(vector):
    assert_vector("hygraph", vector, datetime.fromtimestamp(1_638_210_000, UTC))


@pytest.mark.parametrize(
    ("body", "intent"),
    [
        (an_event("publish"), "publish"),
        (an_event("publish", stage=None), "publish"),
        (an_event("publish", stage="QA"), "ignore"),
        (an_event("unpublish"), "unpublish"),
        (an_event("unpublish", stage="DRAFT"), "unpublish"),
        (an_event("unpublish", stage="QA"), "ignore"),
        (an_event("update"), "update"),
        (an_event("update", stage="DRAFT"), "ignore"),
        (an_event("update", stage=None), "ignore"),
        (an_event("create"), "publish"),
        (an_event("create", stage="DRAFT"), "ignore"),
        (an_event("delete"), "delete"),
        (an_event("of_next_year"), "ignore"),
        (an_event("publish", __typename="Asset"), "ignore"),
    ],
)
def test_the_stage_says_what_happened(body, intent):
    found = item("hygraph", body, caption="x")

    assert (found.intent, found.object_id) == (intent, "e1")
    assert found.key == f"e1:2026-03-01T12:00:00+00:00:{body['operation']}"


@pytest.mark.parametrize("operation", ["unpublish", "delete"])
def test_what_is_taken_away_is_never_out_of_date(operation):
    """It may tell of the draft that is left, which can be older than what was published."""
    assert item("hygraph", an_event(operation)).revision is None
    assert item("hygraph", an_event("publish", title="Hi")).revision == "2026-03-01T12:00:00+00:00"


def test_an_entry_is_taken_away_again_though_its_draft_did_not_change():
    at = [{"gcms-signature": f"sign=x, env=master, t={moment}"} for moment in (1, 2)]
    gone = [item("hygraph", an_event("unpublish", "DRAFT"), headers).key for headers in at]
    out = [item("hygraph", an_event("publish", publishedAt=day)).key for day in ("2026-03-01", "2026-03-02")]

    assert len({*gone, *out}) == 4
    assert item("hygraph", an_event("unpublish", "DRAFT"), at[0]).key == gone[0]


@pytest.mark.parametrize("data", [None, {}, "x"])
def test_without_a_payload_it_says_where_to_switch_it_on(data):
    found = item("hygraph", {"operation": "publish", "data": data})

    assert (found.intent, found.key, found.object_id) == ("needs_fetch", None, None)
    assert "Include payload" in found.note


@pytest.mark.parametrize(("locale", "title"), [(None, "Hallo"), ("de", "Hallo"), ("en", "Hi"), ("fr", "Base")])
def test_the_fields_of_a_localization_go_before_those_of_the_entry(locale, title):
    every = [{"locale": "de", "title": "Hallo", "slug": None}, {"locale": "en", "title": "Hi"}, None]

    found = item("hygraph", an_event("publish", title="Base", slug="a", localizations=every), locale=locale)

    assert (found.title, found.url) == (title, "a")


@pytest.mark.parametrize(
    "text",
    [
        {"raw": {"children": [{"type": "paragraph", "children": [{"text": "One "}, {"text": "two"}]}]}},
        {"json": {"children": [{"children": [{"text": "One two"}]}]}, "references": []},
        {"html": "One two"},
        {"markdown": "One two"},
    ],
)
def test_rich_text_is_read_as_prose(text):
    image = {"__typename": "Asset", "url": "https://media.example/a.jpg"}

    found = item("hygraph", an_event("publish", content=text, coverImage=image))

    assert (found.body, found.images) == ("One two", ("https://media.example/a.jpg",))


@given(anything("operation", "publish", "update", "data", "stage", "PUBLISHED", "localizations", "locale", "updatedAt"))
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("hygraph", data)
