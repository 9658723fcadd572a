"""The source `hubspot`: its three signatures, records from workflows, and the CRM events of apps."""

from datetime import UTC, datetime

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
    items,
    vectors,
)

SIGNED_AT = datetime.fromtimestamp(1_693_657_560, UTC)
CREATED = {
    "eventId": 1,
    "subscriptionId": 12345,
    "subscriptionType": "contact.creation",
    "occurredAt": 1564113600000,
    "attemptNumber": 0,
    "objectId": 123,
}


@pytest.mark.parametrize("entry", entries("hubspot"))
def test_a_sample_says_what_its_sender_meant(entry):
    assert_sample(entry)


@pytest.mark.parametrize("vector", vectors("hubspot"), ids=lambda vector: vector["scheme"][:2])
def test_a_vector_is_genuine_and_nothing_near_it(vector):
    assert_vector("hubspot", vector, SIGNED_AT, signatures=("v3", "v2", "v1"))


def test_the_oldest_signature_counts_only_where_it_is_asked_for():
    """It signs neither time nor address: who takes the other headers away could send what was seen anywhere."""
    old, middle, _ = vectors("hubspot")
    raw = a_request(old["bytes"], old["headers"], SIGNED_AT)

    refused = problem_of(lambda: a_source("hubspot", secret=old["secret"]).verify(raw))
    assert isinstance(refused, Unverified)
    assert refused.check is Check.UNSIGNED
    assert_vector("hubspot", middle, SIGNED_AT)
    assert_vector("hubspot", middle, SIGNED_AT, signatures=("v2",))


def test_of_several_signatures_the_newest_counts():
    """An old one that fits does not help a new one that does not."""
    old, _, new = vectors("hubspot")
    both = {**old["headers"], **new["headers"], "X-HubSpot-Signature-v3": "AAAA"}

    refused = problem_of(
        lambda: a_source("hubspot", secret=old["secret"]).verify(a_request(old["bytes"], both, SIGNED_AT))
    )

    assert isinstance(refused, Unverified)
    assert refused.check is Check.FORGED


def test_a_workflow_sends_what_its_owner_named():
    body = {
        "title": "Hi",
        "url": "https://a.example",
        "tags": "a, b",
        "image": "https://a.example/a.jpg",
        "caption": "C",
        "accounts": "a",
    }

    found = item("hubspot", body)

    assert (found.intent, found.title, found.url, found.tags) == ("publish", "Hi", "https://a.example", ("a", "b"))
    assert (found.images, found.own, found.event) == (
        ("https://a.example/a.jpg",),
        {"caption": "C", "accounts": "a"},
        "workflow",
    )


def test_a_property_of_a_record_may_be_named_in_the_configuration():
    body = {"vid": 251, "properties": {"headline": {"value": "Hi"}}}

    assert item("hubspot", body, fields={"title": "properties.headline.value"}).title == "Hi"


@pytest.mark.parametrize("config", [{"caption": "{{ raw.objectId }}"}, {"captions": {"x": "{{ raw.objectId }}"}}])
def test_crm_events_are_published_only_with_a_caption_of_the_configuration(config):
    bare = items("hubspot", [CREATED, {**CREATED, "eventId": 2}])

    assert [(one.intent, one.key) for one in bare] == [
        ("ignore", "1:12345:1564113600000"),
        ("ignore", "2:12345:1564113600000"),
    ]
    assert "Use a workflow" in bare[0].note
    assert item("hubspot", [CREATED], **config).intent == "publish"


@pytest.mark.parametrize("body", [CREATED, [{**CREATED, "attemptNumber": 3}]])
def test_a_repetition_has_the_same_key(body):
    assert item("hubspot", body).key == "1:12345:1564113600000"


def test_an_event_without_an_id_has_no_key():
    assert item("hubspot", [{}]).key is None


@given(anything("eventId", "subscriptionType", "properties", "caption", "url", "tags", "image", "value"))
def test_nothing_that_is_sent_crashes_it(data):
    assert_never_crashes("hubspot", data)
