"""The source `datocms`: records of the primary environment, or a custom payload."""

import pytest
from hypothesis import given

from bridge.core.signing import Unverified
from tests.core.builders import problem_of
from tests.sources.reading import a_request, a_source, anything, assert_never_crashes, assert_sample, entries, item


def a_call(event, status="published", previous=None, **more):
    body = {
        "webhook_call_id": "c1",
        "entity_type": "item",
        "event_type": event,
        "event_triggered_at": "2026-03-01T12:00:00Z",
        "entity": {"id": "r1", "attributes": {"title": "Hi"}, "meta": {"status": status}},
    }
    return body | ({"previous_entity": {"meta": {"status": previous}}} if previous else {}) | more


@pytest.mark.parametrize("entry", entries("datocms"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize(
    ("sent", "refused"), [("Basic Y2lhbzptaWFv", False), ("Basic Y2lhbzpvdGhlcg==", True), ("Bearer miao", True)]
)
def test_it_proves_itself_with_a_password(sent, refused):
    source = a_source("datocms", secret="miao")
    raw = a_request({}, {"authorization": sent})

    assert isinstance(problem_of(lambda: source.verify(raw)), Unverified) is refused


@pytest.mark.parametrize(
    ("body", "intent"),
    [
        (a_call("publish"), "publish"),
        (a_call("publish", previous="published"), "publish"),
        (a_call("create"), "publish"),
        (a_call("create", "draft"), "ignore"),
        (a_call("update"), "update"),
        (a_call("update", previous="published"), "update"),
        (a_call("update", previous="draft"), "publish"),
        (a_call("update", "draft"), "unpublish"),
        (a_call("update", "draft", "published"), "unpublish"),
        (a_call("update", "draft", "draft"), "ignore"),
        (a_call("update", "updated", "published"), "ignore"),
        (a_call("unpublish", "draft"), "unpublish"),
        (a_call("delete", "draft"), "delete"),
        (a_call("of_next_year"), "ignore"),
        (a_call("publish", entity_type="upload"), "ignore"),
        (a_call("publish", is_environment_primary=False), "ignore"),
    ],
)
def test_the_transition_says_what_happened(body, intent):
    found = item("datocms", body)

    assert (found.intent, found.key, found.object_id, found.revision) == (intent, "c1", "r1", "2026-03-01T12:00:00Z")


@pytest.mark.parametrize(
    ("locale", "title", "url"), [("it", "Ciao", "a"), ("en", "Hi", "a"), (None, "", "a"), ("fr", "", "a")]
)
def test_one_language_is_read(locale, title, url):
    body = a_call("publish", entity={"id": "r1", "attributes": {"title": {"en": "Hi", "it": "Ciao"}, "slug": "a"}})

    found = item("datocms", body, locale=locale)

    assert (found.title, found.url) == (title, url)


def test_structured_text_is_read_as_prose():
    words = [{"type": "span", "value": "One "}, {"type": "span", "marks": ["strong"], "value": "two"}]
    text = {"schema": "dast", "document": {"type": "root", "children": [{"type": "paragraph", "children": words}]}}

    assert item("datocms", a_call("publish", entity={"attributes": {"content": text}})).body == "One two"


@pytest.mark.parametrize(
    ("word", "intent"),
    [(None, "publish"), ("publish", "publish"), ("update", "update"), ("unpublish", "unpublish"), ("create", "ignore")],
)
def test_a_custom_payload_may_be_written_in_our_own_names(word, intent):
    body = {"event_type": word, "id": "r1", "title": "Hi", "url": "https://a.example", "captions": {"x": "Short"}}

    found = item("datocms", body)

    assert (found.intent, found.title, found.object_id) == (intent, "Hi", "r1")
    assert found.own == {"captions": {"x": "Short"}}


@given(anything("entity", "entity_type", "item", "event_type", "publish", "update", "meta", "status", "attributes"))
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("datocms", data)
