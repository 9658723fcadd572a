"""The source `kontent`: names of content items, and where they went."""

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
    items,
    vectors,
)


def a_notification(action, slot="published", kind="content_item", **system):
    return {
        "data": {
            "system": {"id": "i1", "name": "Hi", "language": "de", "last_modified": "2026-03-01T12:00:00Z", **system}
        },
        "message": {"object_type": kind, "action": action, "delivery_slot": slot},
    }


@pytest.mark.parametrize("entry", entries("kontent"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize("vector", vectors("kontent"))
def test_a_vector_is_genuine_and_nothing_near_it(vector):
    assert_vector("kontent", vector, NOW)


@pytest.mark.parametrize(
    ("notification", "intent"),
    [
        (a_notification("published"), "needs_fetch"),
        (a_notification("unpublished"), "unpublish"),
        (a_notification("deleted"), "delete"),
        (a_notification("workflow_step_changed"), "ignore"),
        (a_notification("metadata_changed"), "ignore"),
        (a_notification("published", slot="preview"), "ignore"),
        (a_notification("published", kind="asset"), "ignore"),
    ],
)
def test_the_action_says_what_happened(notification, intent):
    found = item("kontent", {"notifications": [notification]})

    assert (found.intent, found.object_id, found.title) == (intent, "i1:de", "Hi")
    assert found.revision == "2026-03-01T12:00:00Z"
    assert ("Put a step in between" in found.note) is (intent == "needs_fetch")


def test_each_notification_is_a_thing_of_its_own():
    found = items("kontent", {"notifications": [a_notification("published"), a_notification("deleted", id=""), None]})

    assert [(one.intent, one.object_id) for one in found] == [
        ("needs_fetch", "i1:de"),
        ("delete", None),
        ("ignore", None),
    ]


@pytest.mark.parametrize("body", [{}, [], {"notifications": {}}])
def test_without_notifications_there_is_nothing(body):
    assert items("kontent", body) == ()


@given(anything("notifications", "data", "system", "message", "object_type", "content_item", "action", "published"))
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("kontent", data)
