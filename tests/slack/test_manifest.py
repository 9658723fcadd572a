"""The manifest of the app: what it asks for follows the configuration, and what Slack would refuse is told."""

import copy
from typing import Any

import pytest

from bridge.core.slack.manifest import EVENTS, SCOPES, App, manifest
from bridge.core.slack.manifest_rules import faults

HOOK = "https://bridge.example.com/hooks/team"
HTTP = App(name="bridge", command="/publish", url=HOOK)
SOCKET = App(name="bridge", command="/publish")


@pytest.mark.parametrize(
    "app",
    [
        HTTP,
        SOCKET,
        App(name="bridge", command="/post", talks=False, webhook=True),
        App(name="bridge", command="/post", url=HOOK, step=False),
    ],
    ids=["http", "socket", "mute", "free plan"],
)
def test_what_is_made_keeps_the_rules(app):
    assert faults(manifest(app)) == []


def addresses(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {str(value) for key, value in node.items() if key in ("url", "request_url") and isinstance(value, str)}
        return own.union(*map(addresses, node.values()))
    return set().union(*map(addresses, node)) if isinstance(node, list) else set()


def test_everything_is_sent_to_the_one_hook():
    made = manifest(HTTP)

    assert addresses(made) == {HOOK}
    assert made["features"]["slash_commands"][0]["url"] == HOOK
    assert made["settings"]["socket_mode_enabled"] is False


def test_socket_mode_needs_no_address():
    made = manifest(SOCKET)

    assert addresses(made) == set()
    assert made["settings"]["socket_mode_enabled"] is True


def test_the_app_hears_and_may_what_is_used_here():
    made = manifest(HTTP)

    assert made["settings"]["event_subscriptions"]["bot_events"] == list(EVENTS)
    assert made["oauth_config"]["scopes"]["bot"] == [scope for scope in SCOPES if scope != "incoming-webhook"]
    assert [one["callback_id"] for one in made["features"]["shortcuts"]] == ["bridge_publish", "bridge_publish_message"]
    assert list(made["functions"]) == ["bridge_publish"]


def test_without_a_bot_token_there_is_the_command_alone():
    made = manifest(App(name="bridge", command="/publish", url=HOOK, talks=False, webhook=True))

    assert made["oauth_config"]["scopes"]["bot"] == ["commands", "incoming-webhook"]
    assert made["settings"]["incoming_webhooks"] == {"incoming_webhooks_enabled": True}
    assert "shortcuts" not in made["features"]
    assert "event_subscriptions" not in made["settings"]
    assert "functions" not in made


def test_a_free_plan_gets_no_step_and_no_word_of_it():
    made = manifest(App(name="bridge", command="/publish", url=HOOK, step=False))

    assert "function_executed" not in made["settings"]["event_subscriptions"]["bot_events"]
    assert made["settings"]["org_deploy_enabled"] is False
    assert "functions" not in made


def without(*path: Any):
    def change(made):
        for part in path[:-1]:
            made = made[part]
        del made[path[-1]]

    return change


def given(value: Any, *path: Any):
    def change(made):
        for part in path[:-1]:
            made = made[part]
        made[path[-1]] = value

    return change


COMMAND = ("features", "slash_commands", 0)
WRONG = {
    "a long name": (given("b" * 36, "display_information", "name"), "display_information.name: must have at most 35"),
    "no name": (without("display_information", "name"), "display_information.name: is missing"),
    "a short long description": (
        given("short", "display_information", "long_description"),
        "display_information.long_description: must have at least 174",
    ),
    "a colour": (given("red", "display_information", "background_color"), "display_information.background_color: is"),
    "a bot's name": (given("Big Bot", "features", "bot_user", "display_name"), "features.bot_user.display_name: is"),
    "a command without /": (given("publish", *COMMAND, "command"), "features.slash_commands.0.command: is"),
    "a long command": (given("/" + "p" * 32, *COMMAND, "command"), "features.slash_commands.0.command: must have at"),
    "plain http": (given("http://a.example", *COMMAND, "url"), "features.slash_commands.0.url: must begin with https"),
    "no address": (without(*COMMAND, "url"), "features.slash_commands.0.url: must be an https address without Socket"),
    "no address of events": (
        without("settings", "event_subscriptions", "request_url"),
        "settings.event_subscriptions.request_url: must be an https address",
    ),
    "no address of buttons": (
        without("settings", "interactivity", "request_url"),
        "settings.interactivity.request_url: must be an https address",
    ),
    "one callback id twice": (
        given("bridge_publish", "features", "shortcuts", 1, "callback_id"),
        "features.shortcuts: two have the same callback_id",
    ),
    "a long shortcut": (given("n" * 25, "features", "shortcuts", 0, "name"), "features.shortcuts.0.name: must have at"),
    "a strange scope": (
        given(["commands", "admin"], "oauth_config", "scopes", "bot"),
        "oauth_config.scopes.bot: admin",
    ),
    "a scope too few": (
        given(["chat:write"], "oauth_config", "scopes", "bot"),
        "oauth_config.scopes.bot: lacks commands",
    ),
    "a strange event": (
        given(["reaction_added"], "settings", "event_subscriptions", "bot_events"),
        "settings.event_subscriptions.bot_events: reaction_added",
    ),
    "a step without its opt-in": (
        given(False, "settings", "org_deploy_enabled"),
        "settings.org_deploy_enabled: must be true for functions",
    ),
    "a step that is not there": (without("functions"), "functions: is missing"),
    "a strange runtime": (given("moon", "settings", "function_runtime"), "settings.function_runtime: must be"),
    "a strange key": (given(1, "settings", "colour"), "settings.colour: "),
    "a parameter without a title": (
        without("functions", "bridge_publish", "input_parameters", "caption", "title"),
        "functions.bridge_publish.input_parameters.caption.title: is missing",
    ),
    "text for truth": (given("yes", "settings", "socket_mode_enabled"), "settings.socket_mode_enabled: must be"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_slack_would_refuse_is_told_with_its_place(case):
    change, told = WRONG[case]
    made = copy.deepcopy(manifest(HTTP))
    change(made)

    assert any(one.startswith(told) for one in faults(made)), faults(made)


def test_all_faults_are_told_at_once():
    assert len(faults(manifest(App(name="b" * 40, command="Publish", url="http://a.example")))) == 5
