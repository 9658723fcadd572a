"""`bridge slack manifest` prints what Slack is to be told of a configuration, before there are any secrets."""

import json

import pytest
import yaml

from bridge.cli import main
from bridge.core.slack.manifest_rules import faults

SERVER = 'server: {public_url: "https://bridge.example.com/"}\n'
TEAM = "  team: {kind: slack, secret: {env: SLACK_A}, bot_token: {env: SLACK_B}}\n"
LAPTOP = "  laptop: {kind: slack, mode: socket, app_token: {env: SLACK_C}, bot_token: {env: SLACK_B}, command: /post}\n"


@pytest.fixture
def printed(tmp_path, capsys):
    def run(sources: str, *arguments: str, server: str = SERVER) -> tuple[int, str, str]:
        path = tmp_path / "bridge.yaml"
        path.write_text(server + (f"sources:\n{sources}" if sources else ""))
        status = main(["slack", "manifest", "--config", str(path), *arguments])
        return status, *capsys.readouterr()

    return run


def test_it_prints_yaml_that_names_the_hook(printed):
    status, out, err = printed(TEAM)
    made = yaml.safe_load(out)

    assert (status, err, faults(made)) == (0, "", [])
    assert made["settings"]["interactivity"]["request_url"] == "https://bridge.example.com/hooks/team"


def test_it_prints_json_of_the_one_that_is_named(printed):
    status, out, err = printed(TEAM + LAPTOP, "--name", "laptop", "--json", "--app", "Posting", "--no-step")
    made = json.loads(out)

    assert (status, err, faults(made)) == (0, "", [])
    assert made["display_information"]["name"] == "Posting"
    assert made["features"]["slash_commands"][0]["command"] == "/post"
    assert made["settings"]["socket_mode_enabled"] is True
    assert "functions" not in made


def test_where_steps_may_not_publish_there_is_none(printed):
    _, out, _ = printed(TEAM.replace("}}", "}, users: [U1]}"))

    assert "functions" not in yaml.safe_load(out)


@pytest.mark.parametrize(
    ("sources", "arguments", "told"),
    [
        ("", [], "There is no source of the kind slack."),
        (TEAM + LAPTOP, [], "Name one with --name: team, laptop"),
        (TEAM, ["--name", "tem"], "Write team."),
        (TEAM, ["--app", "a" * 36], "display_information.name: must have at most 35 characters"),
        (TEAM.replace("bot_token", "bot_tokn"), [], "sources.team.bot_tokn"),
    ],
    ids=["none", "several", "another", "refused", "fault"],
)
def test_what_is_wrong_is_told_and_nothing_is_printed(printed, sources, arguments, told):
    status, out, err = printed(sources, *arguments)

    assert (status, out) == (1, "")
    assert told in err


def test_without_a_public_address_every_missing_address_is_told(printed):
    status, out, err = printed(TEAM, server="")

    assert (status, out) == (1, "")
    assert err.count("must begin with https://") == 3
