"""The source `contentful`: entries in one of their languages, and what happened to them."""

from dataclasses import replace
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

SIGNED_AT = datetime.fromtimestamp(1_700_000_000, UTC)
PUBLISH = {"x-contentful-topic": "ContentManagement.Entry.publish"}


def an_entry(**fields):
    return {
        "sys": {"id": "e1", "type": "Entry", "revision": 3, "contentType": {"sys": {"id": "post"}}},
        "metadata": {"tags": [{"sys": {"type": "Link", "linkType": "Tag", "id": "news"}}]},
        "fields": {name: {"en-US": value, "de": f"{value} (de)"} for name, value in fields.items()},
    }


@pytest.mark.parametrize("entry", entries("contentful"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize("vector", vectors("contentful"))
def test_a_vector_is_genuine_and_nothing_near_it(vector):
    assert_vector("contentful", vector, SIGNED_AT + timedelta(seconds=299))


def test_a_signature_is_of_one_path():
    """The vector was signed for another one."""
    (vector,) = vectors("contentful")
    raw = a_request(vector["bytes"], vector["headers"], SIGNED_AT)
    moved = replace(raw, path="/hooks/other", public_url="https://b.example/hooks/other")

    refused = problem_of(lambda: a_source("contentful", secret=vector["secret"]).verify(moved))

    assert isinstance(refused, Unverified)
    assert refused.check is Check.FORGED


@pytest.mark.parametrize(
    ("topic", "intent"),
    [
        ("Entry.publish", "publish"),
        ("Entry.unpublish", "unpublish"),
        ("Entry.delete", "delete"),
        ("Entry.save", "ignore"),
        ("Entry.auto_save", "ignore"),
        ("Entry.create", "ignore"),
        ("Entry.archive", "unpublish"),
        ("Entry.unarchive", "ignore"),
        ("Entry.of_next_year", "ignore"),
        ("Asset.publish", "ignore"),
        ("ContentType.publish", "ignore"),
        ("ReleaseEntry.save", "ignore"),
    ],
)
def test_the_topic_says_what_happened(topic, intent):
    found = item("contentful", an_entry(title="Hi"), {"x-contentful-topic": f"ContentManagement.{topic}"})

    assert (found.intent, found.object_id, found.revision) == (intent, "e1", "3")


def test_without_a_topic_nothing_is_published():
    found = item("contentful", an_entry(title="Hi"))

    assert (found.intent, found.note) == ("ignore", "It has no X-Contentful-Topic.")


@pytest.mark.parametrize(("locale", "title"), [(None, "Hi"), ("en-US", "Hi"), ("de", "Hi (de)"), ("fr", "")])
def test_one_language_is_read(locale, title):
    assert item("contentful", an_entry(title="Hi", slug="a"), PUBLISH, locale=locale, caption="x").title == title


def test_the_fields_of_an_entry_are_known_by_name_or_told():
    found = item(
        "contentful",
        an_entry(headline="Hi", slug="hi-there", promo="Short"),
        PUBLISH | {"x-contentful-idempotency-key": "k1"},
        fields={"excerpt": "promo"},
    )

    assert (found.title, found.url, found.excerpt, found.body) == ("Hi", "hi-there", "Short", "Short")
    assert (found.tags, found.key, found.status) == (("news",), "k1", "published")


@pytest.mark.parametrize(("types", "intent"), [((), "publish"), (("post",), "publish"), (("page",), "ignore")])
def test_only_the_content_types_that_are_named_are_published(types, intent):
    assert item("contentful", an_entry(title="Hi"), PUBLISH, content_types=types).intent == intent


def test_an_image_without_an_address_is_noted():
    link = {"sys": {"type": "Link", "linkType": "Asset", "id": "a1"}}
    body = an_entry(title="Hi")
    body["fields"]["heroImage"] = {"en-US": link}

    found = item("contentful", body, PUBLISH)

    assert (found.intent, found.images) == ("publish", ())
    assert "has no address" in found.note


def test_a_custom_payload_may_be_written_in_our_own_names():
    body = {"title": "Hi", "url": "https://a.example/hi", "image": "https://a.example/hi.jpg", "caption": "Read it",
            "accounts": ["a"]}  # fmt: skip

    found = item("contentful", body, PUBLISH)

    assert (found.title, found.url, found.images) == ("Hi", "https://a.example/hi", ("https://a.example/hi.jpg",))
    assert (found.own, found.object_id, found.tags) == ({"caption": "Read it", "accounts": ["a"]}, None, ())


@given(anything("sys", "fields", "metadata", "tags", "contentType", "revision", "en-US", "content", "value"))
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("contentful", data, PUBLISH)
