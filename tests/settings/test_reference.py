"""The JSON Schema, the settings reference and the example say what the fields say."""

import json
from dataclasses import fields
from pathlib import Path

import pytest
import yaml

from bridge.app import KINDS as PRODUCT
from bridge.core.hook_rules import HookRules
from bridge.core.rules import DeliverRules, Limits, MediaRules, PublishRules, Retention, RetryRules, WatchRules
from bridge.partners import CONFIGS as PARTNERS
from bridge.settings import Settings, json_schema, load, reference
from bridge.sources import CONFIGS

DOCS = Path(__file__).parent.parent.parent / "docs"


@pytest.fixture
def example(tmp_path):
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "second-brand").write_text("gva_live_2.second\n")
    (tmp_path / "bridge.yaml").write_bytes((DOCS / "bridge.example.yaml").read_bytes())
    return tmp_path / "bridge.yaml"


EXAMPLE_ENVIRON = {
    "GENVIRAL_TOKEN": "gva_live_1.first",
    "BRIDGE_TOKEN": "the-token-of-zapier",
    "BRIDGE_TOKEN_NEXT": "the-next-one-of-zapier",
    "BRIDGE_OPERATOR_TOKEN": "the-token-of-the-operator",
    "POSTEVERYWHERE_TOKEN": "pe_live_" + "0" * 32,
    "POSTEVERYWHERE_HOOK_SECRET": "whsec_of-the-subscription",
    "BLOG_SECRET": "the-secret-of-the-blog",
    "ZAPIER_SECRET": "the-secret-of-zapier",
    "OPS_SECRET": "whsec_" + "QUJD" * 10,
    "SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef",
    "SLACK_BOT_TOKEN": "xoxb-1-2-of-the-bot",
    "SLACK_WEBHOOK": "https://hooks.slack.com/services/T0/B0/secret",
    "SHEET_SECRET": "whsec_" + "REVG" * 10,
    "SHEET_AUTHORIZATION": "Bearer of-the-sheet",
    "BRIDGE_SECRET_KEY": "a" * 43 + "=",
    "BRIDGE_SIGNING_KEY": f"whsk_{'a' * 43}=",
}


def test_the_example_loads_without_a_warning_and_its_defaults_are_true(example):
    settings = load(example, EXAMPLE_ENVIRON, PRODUCT)
    assert settings.warnings == ()
    plain = Settings()
    for section in (
        "database",
        "publish",
        "watch",
        "retry",
        "deliver",
        "media",
        "limits",
        "network",
        "retention",
        "log",
    ):
        assert getattr(settings, section) == getattr(plain, section)


def test_the_example_shows_every_key(example):
    tree = yaml.safe_load(example.read_text())
    rules = {"publish": PublishRules, "watch": WatchRules, "retry": RetryRules, "deliver": DeliverRules}
    rules |= {"media": MediaRules, "limits": Limits, "retention": Retention}
    for section, kind in rules.items():
        assert set(tree[section]) == {item.name for item in fields(kind)}
    shown = json_schema(PRODUCT)["properties"]
    assert set(tree) == set(shown)
    assert set(tree["server"]) == set(shown["server"]["properties"])
    for section, kinds in (("sources", CONFIGS), ("partners", PARTNERS)):
        widest = {one["kind"]: set(one) for one in sorted(tree[section].values(), key=len)}
        assert section == "sources" or widest.keys() == kinds.keys()
        for kind in widest.keys() - {"generic", "slack"}:
            assert widest[kind] == {"kind", *(item.name for item in fields(kinds[kind]))}
    assert (
        max(tree["endpoints"].values(), key=len).keys()
        == shown["endpoints"]["additionalProperties"]["properties"].keys()
    )
    common = {item.name for item in fields(HookRules)}
    assert common <= set(tree["sources"]["blog"])
    assert {item.name for item in fields(CONFIGS["slack"])} - common <= set(tree["sources"]["team"])


def test_the_defaults_of_every_source_that_the_example_shows_are_true(example):
    """What the example gives another value is there to be changed."""
    blog, plain = load(example, EXAMPLE_ENVIRON, PRODUCT).sources["blog"].config, CONFIGS["ghost"]()
    shown = {item.name for item in fields(blog) if getattr(blog, item.name) != getattr(plain, item.name)}
    assert shown == {
        *("secret", "accounts", "accounts_by_tag", "when", "caption", "captions", "by_partner", "media_default"),
        *("site", "timezone", "feed", "hold", "card"),
    }


def test_the_schema_is_closed_and_explains_every_key(kinds):
    schema = json_schema(kinds)
    json.dumps(schema)
    objects = [schema]
    while objects:
        node = objects.pop()
        objects += [item for item in node.values() if isinstance(item, dict)]
        objects += [
            item for value in node.values() if isinstance(value, list) for item in value if isinstance(item, dict)
        ]
        if "properties" in node:
            assert node["additionalProperties"] is False
    plain = schema["properties"]["partners"]["additionalProperties"]["anyOf"][0]
    assert plain["properties"]["kind"] == {"const": "plain"}
    assert plain["properties"]["token"] == {"$ref": "#/$defs/secret", "description": "What opens it."}
    assert plain["properties"]["pause"]["default"] == "1s"
    assert plain["required"] == ["token"]
    assert schema["properties"]["sources"]["additionalProperties"]["anyOf"][0]["properties"]["secret"]["$ref"]


def test_the_reference_page_is_the_one_the_fields_give():
    page = (DOCS / "configuration.md").read_text(encoding="utf-8")
    assert page == reference(PRODUCT), "write it again: python -m tests.settings.test_reference"


def test_every_field_of_the_product_has_its_help():
    rows = [line for line in reference(PRODUCT).splitlines() if line.startswith("| `")]
    assert rows
    assert not [row for row in rows if row.endswith("|  |")]


if __name__ == "__main__":
    (DOCS / "configuration.md").write_text(reference(PRODUCT), encoding="utf-8")
