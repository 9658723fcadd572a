"""`bridge config`: the configuration as it counts, as YAML that says where each value is from, and its schema."""

from pathlib import Path

import orjson
import pytest
import yaml
from jsonschema import Draft202012Validator

from bridge.cli import main

CONFIG = """
server: {port: 9000}
tokens: [{name: me, token: {env: CONFIG_TOKEN}}, {name: you, token: {env: CONFIG_TOKEN_2}, scopes: [read]}]
partners: {main: {kind: genviral, token: {env: CONFIG_KEY}}}
publish: {caption: "{{ title }}\\n{{ url }}"}
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("CONFIG_TOKEN", "the-token-of-me-1234")
    monkeypatch.setenv("CONFIG_TOKEN_2", "the-token-of-you-1234")
    monkeypatch.setenv("CONFIG_KEY", "gva_live_1.the-key")
    monkeypatch.setenv("BRIDGE_LOG__LEVEL", "debug")
    path = tmp_path / "bridge.yaml"
    path.write_text(CONFIG)
    return str(path)


def test_what_was_set_is_yaml_that_says_where_it_is_from(config: str, capsys: pytest.CaptureFixture[str]):
    assert main(["config", "show", "--set", "-c", config]) == 0

    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [" ".join(line.split()) if "#" in line else line for line in lines] == [
        "server:",
        "port: 9000 # file",
        "tokens:",
        "- name: me # file",
        "token: {env: CONFIG_TOKEN} # file",
        "- name: you # file",
        "token: {env: CONFIG_TOKEN_2} # file",
        "scopes: [read] # file",
        "partners:",
        "  main:",
        "kind: genviral # file",
        "token: {env: CONFIG_KEY} # file",
        "publish:",
        'caption: "{{ title }}\\n{{ url }}" # file',
        "log:",
        "level: debug # variable BRIDGE_LOG__LEVEL",
    ]


def test_what_was_set_is_a_configuration_that_loads_as_the_same(config: str, tmp_path: Path, capsys):
    main(["config", "show", "--set", "-c", config])
    again = tmp_path / "again.yaml"
    again.write_text(capsys.readouterr().out)
    main(["config", "schema"])
    schema = orjson.loads(capsys.readouterr().out)
    main(["config", "show", "--json", "-c", config])
    first = orjson.loads(capsys.readouterr().out)["config"]

    assert main(["config", "show", "--json", "-c", str(again)]) == 0
    assert orjson.loads(capsys.readouterr().out)["config"] == first
    assert Draft202012Validator(schema).is_valid(yaml.safe_load(again.read_text()))


def test_all_of_it_is_yaml(config: str, capsys: pytest.CaptureFixture[str]):
    main(["config", "show", "-c", config])
    shown = yaml.safe_load(capsys.readouterr().out)
    main(["config", "show", "--json", "-c", config])

    assert shown == orjson.loads(capsys.readouterr().out)["config"]


def test_one_section_comes_alone(config: str, capsys: pytest.CaptureFixture[str]):
    assert main(["config", "show", "--section", "log", "--json", "-c", config]) == 0
    assert orjson.loads(capsys.readouterr().out) == {
        "config": {"log": {"level": "debug", "format": "auto"}},
        "from": {"log.level": "variable BRIDGE_LOG__LEVEL", "log.format": "default"},
    }


def test_a_section_that_is_none_is_a_wrong_call(config: str, capsys: pytest.CaptureFixture[str]):
    assert main(["config", "show", "--section", "logs", "-c", config]) == 2
    assert capsys.readouterr().err == "'logs' is no section. Write log.\n"


def test_a_configuration_with_faults_is_not_shown(config: str, capsys: pytest.CaptureFixture[str]):
    Path(config).write_text("server: {port: many}")

    assert main(["config", "show", "-c", config]) == 1
    assert "server.port" in capsys.readouterr().err
