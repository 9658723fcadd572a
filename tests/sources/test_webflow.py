"""The source `webflow`: items of collections, one or several at a time."""

from datetime import UTC, datetime

import pytest
from hypothesis import given

from bridge.core.signing import Unverified
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
    items,
    vectors,
)

LIVE = {"id": "i1", "lastPublished": "2026-03-01T12:00:00Z", "lastUpdated": "2026-03-02T12:00:00Z"}
EDITED = {"id": "i1", "lastPublished": "2026-03-02T12:00:00Z", "lastUpdated": "2026-03-02T12:00:00.000Z"}
NEW = {"id": "i1", "lastPublished": None, "lastUpdated": "2026-03-02T12:00:00Z"}


def an_event(word, thing, **fields):
    return {"triggerType": f"collection_item_{word}", "payload": {**thing, "fieldData": {"name": "Hi", **fields}}}


@pytest.mark.parametrize("entry", entries("webflow"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize("vector", vectors("webflow"))
def test_a_vector_is_genuine_and_nothing_near_it(vector):
    assert_vector("webflow", vector, datetime.fromtimestamp(1_700_000_000, UTC))


@pytest.mark.parametrize(("query", "refused"), [("token=s3cret", False), ("token=other", True), ("", True)])
def test_a_hook_of_the_dashboard_proves_itself_in_its_address(query, refused):
    raw = a_request({})
    raw = type(raw)(raw.method, raw.path, query, raw.public_url, raw.headers, raw.body, raw.received_at)
    source = a_source("webflow", secret="s3cret", auth="query:token")

    assert isinstance(problem_of(lambda: source.verify(raw)), Unverified) is refused


@pytest.mark.parametrize(
    ("word", "thing", "intent", "revision"),
    [
        ("published", LIVE, "publish", "2026-03-01T12:00:00Z"),
        ("published", {"id": "i1"}, "publish", None),
        ("published", {**LIVE, "isDraft": True}, "ignore", None),
        ("published", {**LIVE, "archived": True}, "unpublish", None),
        ("created", LIVE, "publish", "2026-03-01T12:00:00Z"),
        ("created", NEW, "ignore", None),
        ("created", {**LIVE, "draft": True}, "ignore", None),
        ("changed", EDITED, "update", "2026-03-02T12:00:00Z"),
        ("changed", LIVE, "ignore", None),
        ("changed", {**EDITED, "lastUpdated": None}, "ignore", None),
        ("changed", {**EDITED, "lastUpdated": "soon"}, "ignore", None),
        ("changed", {"id": "i1"}, "ignore", None),
        ("changed", {**EDITED, "isDraft": True}, "ignore", None),
        ("changed", NEW, "unpublish", "2026-03-02T12:00:00Z"),
        ("changed", {**NEW, "draft": True}, "unpublish", "2026-03-02T12:00:00Z"),
        ("changed", {**LIVE, "isArchived": True}, "unpublish", "2026-03-02T12:00:00Z"),
        ("unpublished", LIVE, "unpublish", None),
        ("deleted", {"id": "i1"}, "delete", None),
        ("of_next_year", LIVE, "ignore", None),
    ],
)
def test_the_transition_says_what_happened(word, thing, intent, revision):
    found = item("webflow", an_event(word, thing))

    assert (found.intent, found.object_id, found.revision) == (intent, "i1", revision)


def test_publishing_a_site_is_no_post():
    assert item("webflow", {"triggerType": "site_publish", "payload": {"siteId": "s1"}}).intent == "ignore"


def test_several_items_that_are_published_together_are_several():
    """Receivers report that `collection_item_published` wraps its items, which other events do not."""
    each = [an_event("published", {**LIVE, "id": name})["payload"] for name in ("i1", "i2")]

    found = items("webflow", {"triggerType": "collection_item_published", "payload": {"items": [*each, None]}})

    assert [(one.object_id, one.intent) for one in found] == [
        ("i1", "publish"),
        ("i2", "publish"),
        (None, "needs_mapping"),
    ]
    assert found[1].raw["payload"]["fieldData"]["name"] == "Hi"


@given(
    anything("triggerType", "collection_item_published", "payload", "items", "fieldData", "isDraft", "lastPublished")
)
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("webflow", data)
