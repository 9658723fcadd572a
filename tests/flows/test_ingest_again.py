"""Which item of what is read again is the one that a stored event was made of, and when nobody can tell."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bridge.core.model import Event, Intent, Item
from bridge.flows.ingest._again import Recalled, item_of

EVENT = Event(
    id="evt_1",
    source="shop",
    scope="source:shop",
    key="key:1",
    key_until=None,
    fingerprint="",
    intent=Intent.PUBLISH,
    received_at=datetime(2026, 1, 1, tzinfo=UTC),
    content_type="application/json",
    body=b"{}",
    request={},
    object_id="7",
)
SAME = Item(intent=Intent.PUBLISH, object_id="7")


def recalled(*asked: str) -> Recalled:
    raw = Recalled(EVENT)
    for name in asked:
        raw.header(name)
    return raw


def test_what_is_recalled_has_its_content_type_and_notes_what_it_lacks():
    raw = recalled("content-type", "idempotency-key", "x-shop-topic")

    assert raw.header("content-type") == "application/json"
    assert raw.missed == ["x-shop-topic"]


@pytest.mark.parametrize("intent", [Intent.PUBLISH, Intent.SCHEDULE])
def test_the_same_thing_is_taken_under_a_key_of_its_own(intent):
    assert item_of(EVENT, [replace(SAME, intent=intent)], recalled("x-any"), free=False) == replace(
        SAME, intent=intent, key="evt_1"
    )


@pytest.mark.parametrize(
    ("items", "asked", "said"),
    [
        ([SAME, SAME], [], "the whole of a request"),
        ([], [], "it was fetched, or is a part"),
        ([replace(SAME, object_id="8")], [], "it was fetched, or is a part"),
        ([replace(SAME, intent=Intent.DELETE)], [], "it was fetched, or is a part"),
        ([Item(intent=Intent.IGNORE, object_id="7")], ["x-shop-topic"], "in the header x-shop-topic what it is"),
        ([Item(intent=Intent.IGNORE)], ["x-shop-topic"], "in the header x-shop-topic what it is"),
    ],
)
def test_what_is_not_the_same_says_why_nobody_can_tell(items, asked, said):
    found = item_of(EVENT, items, recalled(*asked), free=False)

    assert isinstance(found, str)
    assert said in found


def test_what_the_configuration_reads_otherwise_is_a_change():
    other = replace(SAME, object_id="8")
    ignored = replace(SAME, intent=Intent.IGNORE)

    assert item_of(EVENT, [other], recalled(), free=True) == replace(other, key="evt_1")
    assert item_of(EVENT, [ignored], recalled(), free=False) == replace(ignored, key="evt_1")


def test_a_hint_makes_nothing_then_and_now():
    assert item_of(replace(EVENT, intent=Intent.HINT), [], recalled(), free=False) is None
