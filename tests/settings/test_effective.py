"""The configuration as it counts: what was loaded, where each value is from, and no secret."""

import orjson
import pytest
import yaml

from bridge.app import KINDS
from bridge.settings import ORDER, effective, load

FILE = """
server: {port: 9000, public_url: "https://b.example"}
database: {url: {env: DATABASE}}
tokens: [{name: zapier, token: [{env: CALLER}, {file: next}], scopes: [read]}]
partners: {genviral: {token: {env: KEY}, rate: 1}}
accounts: {brand-one: {partner: genviral, id: a1}}
sources:
  blog:
    kind: ghost
    secret: {env: HOOK}
    accounts: [brand-one]
    feed: "https://b.example/feed?key=hush-hush-hush"
    by_partner: {genviral: {caption: "{{ title }}"}}
endpoints:
  ops: {url: "https://ops.example/hook?key=hush-hush", secret: {env: OPS}, headers: {x-team: a, x-key: {env: TEAM}}}
"""
SECRETS = {
    "DATABASE": "postgresql://me:hush-of-the-database@db/bridge",
    "CALLER": "hush-of-the-caller-1234",
    "KEY": "gva_live_1.hush-of-the-partner",
    "HOOK": "hush-of-the-hook-123",
    "OPS": "whsec_" + "QUJD" * 10,
    "TEAM": "hush-of-the-team",
}
OVER = {
    "BRIDGE_SERVER__DRAIN": "3s",
    "BRIDGE_PUBLISH__ACCOUNTS": "[brand-one]",
    "BRIDGE_ENDPOINTS__OPS__RATE": "5",
    "BRIDGE_SECRET_KEY": "a" * 43 + "=",
}


@pytest.fixture
def found(tmp_path):
    (tmp_path / "bridge.yaml").write_text(FILE)
    (tmp_path / "next").write_text("hush-of-the-next-caller")
    settings = load(tmp_path / "bridge.yaml", SECRETS | OVER, KINDS)
    return effective(settings, SECRETS | OVER, KINDS)


def test_each_value_is_there_in_the_order_of_the_reference(found):
    assert list(found.tree) == list(ORDER)
    assert found.tree["server"]["port"] == 9000
    assert found.tree["server"]["drain"] == "3s"
    assert found.tree["publish"]["accounts"] == ["brand-one"]
    assert found.tree["endpoints"]["ops"]["rate"] == 5
    assert found.tree["sources"]["blog"]["by_partner"]["genviral"]["caption"] == "{{ title }}"
    assert found.tree["sources"]["blog"]["kind"] == "ghost"
    assert found.tree["accounts"] == {
        "brand-one": {"partner": "genviral", "id": "a1", "platform": None, "username": None, "retired": False}
    }


def test_each_value_says_where_it_is_from(found):
    origins = found.origins

    assert origins["server.port"] == "file"
    assert origins["server.max_body"] == "default"
    assert origins["server.drain"] == "variable BRIDGE_SERVER__DRAIN"
    assert origins["publish.accounts"] == "variable BRIDGE_PUBLISH__ACCOUNTS"
    assert origins["server.secret_key"] == "variable"
    assert origins["sources.blog.by_partner.genviral.caption"] == "file"
    assert origins["sources.blog.captions"] == "default"
    assert origins["tokens[0].token"] == "file"


def test_of_a_secret_there_is_only_where_it_is_kept(found):
    tree = found.tree

    assert tree["database"]["url"] == {"env": "DATABASE"}
    assert tree["tokens"][0]["token"] == [{"env": "CALLER"}, {"file": "next"}]
    assert tree["server"]["secret_key"] == "[redacted]"
    assert tree["endpoints"]["ops"]["url"] == "https://ops.example/[redacted]"
    assert tree["endpoints"]["ops"]["headers"] == {"x-team": "[redacted]", "x-key": {"env": "TEAM"}}
    text = orjson.dumps(tree).decode()
    assert "hush" not in text
    assert not [value for value in (*SECRETS.values(), OVER["BRIDGE_SECRET_KEY"]) if value in text]


def test_without_a_file_there_are_defaults_and_variables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = load(None, {"BRIDGE_LOG__LEVEL": "debug"}, KINDS)

    found = effective(settings, {"BRIDGE_LOG__LEVEL": "debug"}, KINDS)

    assert found.tree["log"]["level"] == "debug"
    assert {origin for path, origin in found.origins.items() if path != "log.level"} == {"default"}
    assert yaml.safe_load(yaml.safe_dump(dict(found.tree))) == found.tree
