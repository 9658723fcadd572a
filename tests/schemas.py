"""Judges what is sent, in whatever format, by the schemas that `GET /v1/event-types` publishes.

It is stricter than they are: a receiver is to expect new fields and new reasons, but what this version sends has none
that are not described.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import Any

import orjson
from cloudevents.core.bindings.http import HTTPMessage, from_http
from cloudevents.core.exceptions import BaseCloudEventException
from cloudevents.core.formats.json import JSONFormat
from jsonschema import Draft202012Validator, FormatChecker

from bridge.core import formats
from bridge.core.catalogue import catalogue, samples
from bridge.simulator.receiver import Received
from tests.block_kit import block_faults

FORMATS = FormatChecker(formats=())
"""Without more packages `jsonschema` knows no `date-time`."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


@FORMATS.checks("date-time", raises=ValueError)
def _is_instant(value: object) -> bool:
    if not isinstance(value, str):
        return True
    return _INSTANT.fullmatch(value) is not None and datetime.fromisoformat(value) is not None


@cache
def validator(event_type: str) -> Draft202012Validator:
    return Draft202012Validator(_strict(catalogue()[event_type].schema), format_checker=FORMATS)


def _strict(schema: Any) -> Any:
    """Take the words that are given as examples for all that there are."""
    if isinstance(schema, list):
        return [_strict(part) for part in schema]
    if not isinstance(schema, Mapping):
        return schema
    strict = {name: _strict(part) for name, part in schema.items()}
    return strict | ({"enum": [*schema["examples"], None]} if "examples" in schema else {})


def faults(body: Any) -> list[str]:
    """Say what is wrong with a standard body by the schema of its type."""
    if not isinstance(body, dict):
        return [f"no object: {str(body)[:100]}"]
    name = body.get("type")
    if not isinstance(name, str) or name not in catalogue():
        return [f"there is no type {name}"]
    wrong = [f"{name} {error.json_path}: {error.message[:300]}" for error in validator(name).iter_errors(body)]
    # A part of the wrong kind has been told of above.
    return wrong or [f"{name} ${path}: is not described" for path in undescribed(body, catalogue()[name].schema)]


def undescribed(value: Any, schema: Any, path: str = "") -> Iterator[str]:
    """Give the places in a body that its schema does not know."""
    known = schema.get("properties")
    if isinstance(value, dict) and known is not None:
        for field, item in value.items():
            yield from undescribed(item, known[field], f"{path}.{field}") if field in known else [f"{path}.{field}"]
    if isinstance(value, list):
        for item in value:
            yield from undescribed(item, schema["items"], path)


def faults_of(received: Received) -> list[str]:
    """Say what is wrong with what a receiver got, signed or not, in the format that it looks like."""
    kind = received.headers.get("content-type")
    if kind == formats.content_type(formats.CLOUDEVENTS):
        return _cloudevent_faults(kind, received.body)
    if kind != formats.content_type(formats.STANDARD):
        return [f"no content type of ours: {kind}"]
    try:
        body = orjson.loads(received.body)
    except orjson.JSONDecodeError as error:
        return [f"no JSON: {error}"]
    if isinstance(body, dict) and "blocks" in body:
        return block_faults(body)
    if isinstance(body, dict) and "id" in body and "data" not in body:
        return _flat_faults(body)
    return faults(body)


def _cloudevent_faults(kind: str, body: bytes) -> list[str]:
    try:
        read = from_http(HTTPMessage({"content-type": kind}, body), JSONFormat())
    except (BaseCloudEventException, ValueError, KeyError, TypeError) as error:
        return [f"cloudevents: {type(error).__name__} {error}"]
    time = orjson.loads(body).get("time")
    return faults({"type": read.get_type(), "timestamp": time, "data": read.get_data()})


@cache
def _columns(event_type: str) -> tuple[str, ...]:
    return tuple(orjson.loads(formats.body(formats.FLAT, samples()[event_type]) or b""))


def _flat_faults(body: Mapping[str, Any]) -> list[str]:
    name = body.get("type")
    if name not in catalogue():
        return [f"there is no type {name}"]
    odd = [key for key, value in body.items() if isinstance(value, (dict, list))]
    odd += sorted({*body} ^ {*_columns(name)})
    return [f"{name} flat: {', '.join(odd)}"] if odd else []
