"""The JSON Schema takes what loads, and refuses what does not."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from bridge.app import KINDS
from bridge.settings import json_schema
from tests.test_docs import PAGES, blocks

SCHEMA = json_schema(KINDS)
SECTIONS = set(SCHEMA["properties"])
EXAMPLE = Path(__file__).parents[2] / "docs" / "bridge.example.yaml"


def configurations() -> list[tuple[str, Any]]:
    """Return each configuration, or part of one, that the documentation shows."""
    found = [("example", yaml.safe_load(EXAMPLE.read_text()))]
    for page in PAGES:
        for number, text in enumerate(blocks(page.read_text(), "yaml")):
            tree = yaml.safe_load(text) if text.count("\n---") == 0 else None
            if isinstance(tree, dict) and tree and set(tree) <= SECTIONS:
                found.append((f"{page.stem}-{number}", tree))
    return found


def faults(tree: Any) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in Draft202012Validator(SCHEMA).iter_errors(tree)]


def test_it_is_a_schema_of_its_own_name():
    assert SCHEMA["$id"] == "urn:bridge:configuration"
    assert SCHEMA["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(("name", "tree"), [pytest.param(*one, id=one[0]) for one in configurations()])
def test_it_takes_what_the_documentation_shows(name: str, tree: Any):
    assert faults(tree) == []


def test_enough_of_the_documentation_is_looked_at():
    assert len(configurations()) > 20


WRONG = {
    "a section that is none": {"servers": {}},
    "a key that is none": {"server": {"prot": 1}},
    "a number out of bounds": {"server": {"port": 70_000}},
    "a word that is none": {"log": {"level": "loud"}},
    "a secret in the file": {"tokens": [{"name": "a", "token": "in-the-file"}]},
    "a secret with two places": {"tokens": [{"name": "a", "token": {"env": "A", "file": "b"}}]},
    "a kind that is none": {"sources": {"blog": {"kind": "goast", "secret": {"env": "A"}}}},
    "a partner without a token": {"partners": {"main": {"kind": "genviral"}}},
    "a name with a capital": {"endpoints": {"Ops": {"url": "https://a.example", "secret": {"env": "A"}}}},
}


@pytest.mark.parametrize("name", WRONG)
def test_it_refuses_what_does_not_load(name: str):
    assert faults(WRONG[name])


def test_what_a_secret_may_be_is_explained_where_an_editor_looks():
    secret = SCHEMA["$defs"]["secret"]

    assert secret["description"]
    assert [set(one["properties"]) for one in secret["oneOf"]] == [{"env"}, {"file"}]
