"""Reads what a sender would send, through the real source of its kind; samples with what they are expected to say."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from hypothesis import strategies as st

from bridge.core.model import Item, RawRequest, Verified
from bridge.core.signing import Check, Unverified
from bridge.ports import Source
from bridge.sources import CONFIGS, build
from tests.core.builders import NOW, problem_of

SAMPLES = Path(__file__).parents[1] / "samples" / "inbound"


def a_source(kind: str, **config: Any) -> Source:
    """A source of that kind; a secret may be given as one text."""
    if isinstance(config.get("secret"), str):
        config["secret"] = (config["secret"],)
    return build("cms", kind, CONFIGS[kind](**config))


def a_request(body: object, headers: Mapping[str, str] | None = None, at: datetime = NOW) -> RawRequest:
    """A request with that body (bytes, or what JSON says) and those headers."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    pairs = {"content-type": "application/json", **{name.lower(): value for name, value in (headers or {}).items()}}
    return RawRequest("POST", "/hooks/cms", "", "https://b.example/hooks/cms", tuple(pairs.items()), raw, at)


def items(kind: str, body: object, headers: Mapping[str, str] | None = None, **config: Any) -> tuple[Item, ...]:
    """What a source of that kind reads out of a body that is verified."""
    raw = a_request(body, headers)
    return a_source(kind, **config).read(Verified(raw, "cms", "source:cms")).items


def item(kind: str, body: object, headers: Mapping[str, str] | None = None, **config: Any) -> Item:
    """The one item of a body."""
    (found,) = items(kind, body, headers, **config)
    return found


def entries(kind: str) -> list[dict[str, Any]]:
    """The samples of a kind, each with its bytes and headers."""
    folder = SAMPLES / kind
    found = json.loads((folder / "index.json").read_text())
    for entry in found:
        lines = (folder / entry["headers"]).read_text().splitlines()
        entry["sent"] = dict(line.split(": ", 1) for line in lines if line)
        entry["bytes"] = (folder / entry["file"]).read_bytes()
    return found


def assert_sample(entry: Mapping[str, Any]) -> None:
    """Check that a sample says what is written beside it; of its body, what it begins with."""
    found = item(entry["kind"], entry["bytes"], entry["sent"], **entry["config"])
    told = {
        name: list(value) if isinstance(value, tuple) else value or None
        for name, value in ((name, getattr(found, name)) for name in entry["expected"])
    }
    expected = dict(entry["expected"])
    if expected["body"]:
        told["body"] = (told["body"] or "")[: len(expected["body"])]
    if expected["event"] in ("unknown", "workflow"):
        told["event"] = expected["event"]
    assert told == expected


def vectors(kind: str) -> list[dict[str, Any]]:
    """The signatures of a sender that its own pages or code give, each with the bytes it is of."""
    found = json.loads((SAMPLES / kind / "vectors.json").read_text())
    for vector in found:
        file = vector.get("file")
        vector["bytes"] = (SAMPLES / kind / file).read_bytes() if file else vector["body"].encode()
    return found


def assert_vector(kind: str, vector: Mapping[str, Any], at: datetime, **config: Any) -> None:
    """Check that a vector is genuine, and neither with another body nor with another secret."""
    url = vector.get("url", "https://b.example/hooks/cms")
    raw = replace(a_request(vector["bytes"], vector["headers"], at), public_url=url)

    assert a_source(kind, secret=vector["secret"], **config).verify(raw).scope == "source:cms"
    for forged, secret in ((replace(raw, body=raw.body + b" "), vector["secret"]), (raw, "other")):
        refused = problem_of(
            lambda forged=forged, secret=secret: a_source(kind, secret=secret, **config).verify(forged)
        )
        assert isinstance(refused, Unverified)
        assert refused.check is Check.FORGED


def anything(*names: str) -> st.SearchStrategy[Any]:
    """JSON objects and lists of any shape, whose names and words are those that a kind looks for, or others."""
    word = st.sampled_from((*names, "id", "title", "x"))
    leaves = st.none() | st.booleans() | st.integers(-1, 9) | st.floats(allow_nan=False) | word | st.text(max_size=3)

    def branches(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner, max_size=3) | st.dictionaries(word, inner, max_size=5)

    return branches(st.recursive(leaves, branches, max_leaves=8))


def assert_never_crashes(kind: str, data: object, headers: Mapping[str, str] | None = None) -> None:
    """Check that what is sent gives items, or is refused with a reason."""
    problem = problem_of(lambda: items(kind, data, headers))
    assert problem is None or 400 <= problem.status < 500
