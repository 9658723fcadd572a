"""docs/sources/slack.md: what it tells people to press, to write and to look for is there, under these very names."""

import re
from datetime import UTC, datetime

import pytest

from bridge.core.slack.buttons import _LOOKS
from bridge.core.slack.command import read_command
from bridge.core.slack.manifest import SCOPES, App, manifest
from tests.test_docs import DOCS, blocks, log_events, text_of

PAGE = text_of(DOCS / "sources" / "slack.md")
SHOWN = [line for block in blocks(PAGE, "text") for line in block.splitlines() if line.startswith("/publish ")]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def part(heading: str) -> str:
    return PAGE.partition(f"## {heading}\n")[2].partition("\n## ")[0]


def test_a_first_command_takes_ten_lines():
    assert 0 < len(re.findall(r"^\d+\. ", part("Setting it up"), re.MULTILINE)) <= 10


def test_each_scope_of_the_app_has_its_reason():
    reasons = part("Who may do what").partition("**Scopes of the app:**")[2]

    assert set(re.findall(r"`([a-z_]+(?:[:-][a-z_.]+)?)`", reasons)) - {"webhook"} == set(SCOPES)


def test_what_is_pressed_is_called_as_in_the_app():
    app = manifest(App(name="bridge", command="/publish", url="https://bridge.example.com/hooks/chat"))
    names = [shortcut["name"] for shortcut in app["features"]["shortcuts"]]
    names += [step["title"] for step in app["functions"].values()]

    assert [name for name in names if f'"{name}"' not in part("What each surface does")] == []


@pytest.mark.parametrize("look", _LOOKS.values(), ids=lambda look: look[0])
def test_each_button_is_named(look):
    assert re.search(rf"\b{look[0]}\b", part("What each surface does"))


@pytest.mark.parametrize("command", SHOWN)
def test_a_command_that_is_shown_is_understood(command):
    fields = read_command(command.removeprefix("/publish "), now=NOON, timezone="Europe/Berlin")

    assert fields.keys() >= {"caption", "accounts"}


def test_what_is_to_be_looked_for_in_the_log_is_logged():
    named = re.findall(r"`((?:event|reply|form|socket|delivery|gesture|chat)\.[a-z_]+)`", part("Traps"))

    assert named
    assert set(named) <= log_events().keys()
