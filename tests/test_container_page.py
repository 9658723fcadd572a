"""What docs/container.md tells to write and run fits together: the configuration loads with what the command gives."""

import itertools
import re
import shlex
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
import yaml

from bridge.app import KINDS
from bridge.settings import load

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "container.md").read_text()


def block(begin: str) -> str:
    """Return the one block of the page that begins with this."""
    [found] = re.findall(rf"^```\w+\n({re.escape(begin)}.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def options() -> dict[str, list[str]]:
    """Return what `docker run` is given by the page, by the option's name."""
    words = shlex.split(block("docker run --detach"))
    given = defaultdict(list)
    for name, value in itertools.pairwise(words):
        given[name].append(value)
    return given


@pytest.fixture
def folder(tmp_path):
    """The folders that the page has one make."""
    (tmp_path / "secrets").mkdir()
    for name in re.findall(r"> secrets/(\S+)", PAGE):
        (tmp_path / "secrets" / name).write_text(f"{name}-0123456789-abcdefgh")
    return tmp_path


def mounted(text: str, folder: Path) -> str:
    """Return a text with the places of the container as those of the machine that its volumes show."""
    for volume in options()["--volume"]:
        here, there = volume.split(":")[:2]
        text = text.replace(f"{there}/", f"{here}/".replace("$PWD", str(folder)))
    return text


def test_the_example_needs_nothing_that_its_command_does_not_give(folder):
    environ = dict(pair.split("=", 1) for pair in options()["--env"])
    file = Path(mounted("/etc/bridge/config/bridge.yaml", folder))
    assert file == folder / "config" / "bridge.yaml"
    file.parent.mkdir()
    file.write_text(mounted(block("# config/bridge.yaml"), folder))

    settings = load(file, environ, KINDS)

    assert settings.server.admin
    inside = [int(ports.rpartition(":")[2]) for ports in options()["--publish"]]
    assert inside == [settings.server.port, settings.server.admin.port]
    assert settings.server.host == settings.server.admin.host == "0.0.0.0"
    [stop] = options()["--stop-timeout"]
    assert timedelta(seconds=int(stop)) > settings.server.drain


def test_it_may_take_as_much_memory_as_a_sidecar():
    pods = yaml.safe_load_all((ROOT / "docs" / "sidecar" / "manifest.yaml").read_text())
    [deployment] = [one for one in pods if one["kind"] == "Deployment"]
    [sidecar] = deployment["spec"]["template"]["spec"]["initContainers"]
    assert options()["--memory"] == [sidecar["resources"]["limits"]["memory"].replace("Mi", "m")]


def test_variables_are_enough_with_what_the_page_says_of_them(folder, monkeypatch):
    assert "BRIDGE_CONFIG=/etc/bridge/config/bridge.yaml" in (ROOT / "Dockerfile").read_text()
    [given] = re.findall(r"`--env (BRIDGE_CONFIG=\S*)`", PAGE)
    monkeypatch.chdir(folder)
    name, _, value = given.partition("=")
    environ = {
        name: value,
        "BRIDGE_SERVER__HOST": "0.0.0.0",
        "BRIDGE_PARTNERS__GENVIRAL__KIND": "genviral",
        "BRIDGE_PARTNERS__GENVIRAL__TOKEN_FILE": "secrets/genviral",
        "BRIDGE_TOKENS__0__NAME": "zapier",
        "BRIDGE_TOKENS__0__TOKEN_FILE": "secrets/zapier",
    }
    settings = load(None, environ, KINDS)
    assert (set(settings.partners), [token.name for token in settings.tokens]) == ({"genviral"}, ["zapier"])
