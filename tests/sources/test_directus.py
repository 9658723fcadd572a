"""The source `directus`: whatever the owner of a flow made its body of."""

from datetime import timedelta

import pytest
from hypothesis import given

from bridge.core.model import Verified
from bridge.core.signing import Unverified
from tests.core.builders import NOW, problem_of
from tests.sources.reading import a_request, a_source, anything, assert_never_crashes, item, items

WHOLE = {"id": 5, "title": "Hi", "status": "published", "date_updated": "2026-03-01T12:00:00"}


def a_trigger(action, payload, **more):
    return {"event": f"items.{action}", "collection": "posts", "key": 5, "payload": payload, **more}


@pytest.mark.parametrize(("sent", "refused"), [("Bearer s3cret", False), ("Bearer other", True), ("", True)])
def test_it_proves_itself_with_a_token(sent, refused):
    source = a_source("directus", secret="s3cret")
    raw = a_request({}, {"authorization": sent})

    assert isinstance(problem_of(lambda: source.verify(raw)), Unverified) is refused


@pytest.mark.parametrize(
    ("body", "intent"),
    [
        (a_trigger("create", WHOLE), "publish"),
        (a_trigger("create", {"title": "Hi"}), "publish"),
        (a_trigger("create", {**WHOLE, "status": "draft"}), "ignore"),
        (a_trigger("update", WHOLE), "publish"),
        (a_trigger("update", {"title": "Hi"}), "update"),
        (a_trigger("update", {"status": "archived"}), "unpublish"),
        (a_trigger("update", {"status": "published"}), "needs_fetch"),
        (a_trigger("update", {"sort": 3}), "needs_fetch"),
        (a_trigger("update", {"status": "published"}, item=WHOLE), "publish"),
        (a_trigger("update", {"status": "published"}, data=WHOLE), "publish"),
        ({"$trigger": a_trigger("update", {"status": "published"}), "item": WHOLE}, "publish"),
        ({"$trigger": a_trigger("create", WHOLE)}, "publish"),
        (a_trigger("delete", [5]), "delete"),
        (a_trigger("of_next_year", WHOLE), "ignore"),
    ],
)
def test_the_transition_says_what_happened(body, intent):
    found = item("directus", body)

    assert (found.intent, found.object_id) == (intent, "posts:5")


def test_only_a_change_is_a_revision():
    """Every version of a thing was made at the same time."""
    made = {"id": 5, "title": "Hi", "status": "published", "date_created": "2026-03-01T12:00:00"}

    assert item("directus", a_trigger("create", made)).revision is None
    assert item("directus", a_trigger("update", WHOLE)).revision == "2026-03-01T12:00:00"


def test_a_status_that_comes_back_is_no_repetition():
    body = a_trigger("update", {"status": "archived"})
    first, second = (
        a_source("directus").read(Verified(a_request(body, at=at), "cms", "source:cms")).items[0].key
        for at in (NOW, NOW + timedelta(hours=1))
    )

    assert first != second
    assert item("directus", body, {"idempotency-key": "i1"}).key == "i1"
    assert item("directus", a_trigger("update", WHOLE)).key is None


def test_an_event_may_name_its_collection():
    assert item("directus", a_trigger("create", WHOLE, event="posts.items.create")).intent == "publish"


def test_what_holds_only_the_change_says_how_to_send_it_whole():
    note = item("directus", a_trigger("update", {"status": "published"})).note

    assert "{{ $last }}" in note
    assert len(note) < 250


def test_a_caption_of_the_configuration_may_make_something_of_the_change():
    found = item(
        "directus", a_trigger("update", {"status": "published", "line": "Hi"}), caption="{{ raw.payload.line }}"
    )

    assert (found.intent, found.note) == ("publish", "")


def test_several_keys_are_several_things():
    found = items("directus", a_trigger("delete", [5, 6], keys=[5, "6"]))

    assert [(one.intent, one.object_id) for one in found] == [("delete", "posts:5"), ("delete", "posts:6")]


def test_no_keys_are_one_thing_without_a_name():
    assert item("directus", a_trigger("delete", [], keys=[])).object_id is None


@pytest.mark.parametrize(("item_", "object_id"), [(WHOLE, "5"), ({"title": "Hi"}, None)])
def test_an_item_alone_is_published(item_, object_id):
    found = item("directus", item_)

    assert (found.intent, found.title, found.object_id) == ("publish", "Hi", object_id)


def test_a_body_may_be_written_in_our_own_names():
    found = item("directus", {"caption": "Read it", "media": "https://a.example/a.jpg", "accounts": "brand-x"})

    assert found.own == {"caption": "Read it", "media": "https://a.example/a.jpg", "accounts": "brand-x"}
    assert found.intent == "publish"


@given(
    anything("event", "items.update", "$trigger", "payload", "item", "keys", "key", "status", "collection", "caption")
)
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("directus", data)
