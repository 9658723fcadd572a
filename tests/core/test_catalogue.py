"""The catalogue: every type is described, and its schema takes what is sent and nothing that lacks a part of it."""

import copy
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator

from bridge.core.catalogue import catalogue
from bridge.core.catalogue._samples import refused, samples
from bridge.core.events import EVENT_TYPES
from tests.schemas import faults, undescribed

TYPES = list(EVENT_TYPES)


def test_the_catalogue_has_every_type_and_no_other():
    assert list(catalogue()) == TYPES == list(samples())


@pytest.mark.parametrize("name", TYPES)
def test_a_type_is_described_whole(name):
    entry = catalogue()[name]
    assert entry.description.endswith(".")
    assert (entry.family, entry.since) == (name.partition(".")[0], "0.1")
    assert orjson.loads(orjson.dumps(entry.wire()))["type"] == name


@pytest.mark.parametrize("name", TYPES)
def test_a_schema_is_one_of_2020_12(name):
    schema = catalogue()[name].schema
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", TYPES)
def test_an_example_fits_its_schema_and_has_nothing_that_the_schema_does_not_describe(name):
    entry = catalogue()[name]
    assert faults(entry.example) == []
    assert not list(undescribed(entry.example, entry.schema))


@pytest.mark.parametrize("name", TYPES)
def test_every_field_is_explained(name):
    assert not list(unexplained(catalogue()[name].schema))


def unexplained(schema: Any, path: str = "") -> Iterator[str]:
    for field, part in schema.get("properties", {}).items():
        if not part.get("description"):
            yield f"{path}.{field}"
        yield from unexplained(part, f"{path}.{field}")
        yield from unexplained(part.get("items", {}), f"{path}.{field}[]")


def places(schema: Any, body: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Every place in a body that its schema demands."""
    for field in schema.get("required", ()):
        yield (*path, field)
        if isinstance(body[field], dict):
            yield from places(schema["properties"][field], body[field], (*path, field))


@pytest.mark.parametrize("name", TYPES)
def test_a_body_that_lacks_a_part_or_has_another_kind_in_its_place_is_wrong(name):
    entry = catalogue()[name]
    demanded = list(places(entry.schema, entry.example))
    assert len(demanded) > 12
    for *way, field in demanded:
        for change in (lambda part, at: part.pop(at), lambda part, at: part.update({at: [[]]})):
            body = copy.deepcopy(entry.example)
            part = body
            for step in way:
                part = part[step]
            change(part, field)
            assert faults(body), f"{way} {field}"


def test_receivers_may_get_fields_and_reasons_that_they_do_not_know():
    body = example("attention.opened", reason="solar_storm", later={"version": 2})
    assert Draft202012Validator(catalogue()["attention.opened"].schema).is_valid(body)


def test_what_this_version_sends_has_no_field_and_no_reason_that_is_not_described():
    assert faults(example("attention.opened", later={"version": 2})) == [
        "attention.opened $.data.later: is not described"
    ]
    [fault] = faults(example("attention.opened", reason="solar_storm"))
    assert fault.startswith("attention.opened $.data.reason: 'solar_storm' is not one of ['dns', ")
    [fault] = faults(example("post.failed", retry={**catalogue()["post.failed"].example["data"]["retry"], "why": "x"}))
    assert fault.startswith("post.failed $.data.retry.why: 'x' is not one of ")


@pytest.mark.parametrize(
    ("event_type", "fact"),
    [
        ("post.posted", {"subject": {"kind": "post", "id": ""}}),
        ("endpoint.failing", {"percent": -1}),
        ("endpoint.failing", {"percent": 101}),
        ("delivery.exhausted", {"status": 99}),
        ("delivery.exhausted", {"status": 1000}),
        ("webhook.test", {"message": None}),
    ],
)
def test_a_value_out_of_its_bounds_is_a_fault(event_type, fact):
    assert len(faults(example(event_type, **fact))) == 1


def test_the_message_of_a_test_is_demanded():
    body = example("webhook.test")
    del body["data"]["message"]
    assert len(faults(body)) == 1


@pytest.mark.parametrize(
    "wrong", ["yesterday", "2026-01-01Z", "2026W011Z", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z"]
)
def test_an_instant_must_be_one(wrong):
    body = example("post.posted") | {"timestamp": wrong}
    assert faults(body) == [f"post.posted $.timestamp: '{wrong}' is not a 'date-time'"]


def example(event_type: str, **facts: Any) -> Any:
    """The example of a type with other facts."""
    body = copy.deepcopy(catalogue()[event_type].example)
    body["data"] |= facts
    return body


def test_a_refusal_is_of_a_post_with_its_targets_or_of_an_event_with_its_faults():
    of_event = orjson.loads(refused().body)
    assert faults(of_event) == []
    of_event["data"]["subject"]["kind"] = "post"
    assert len(faults(of_event)) == 2
    of_post = copy.deepcopy(catalogue()["post.rejected"].example)
    of_post["data"]["subject"]["kind"] = "event"
    assert len(faults(of_post)) == 2


def test_a_type_that_is_not_in_the_catalogue_is_a_fault():
    assert faults({"type": "post.loved", "timestamp": "", "data": {}}) == ["there is no type post.loved"]
