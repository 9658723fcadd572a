"""`bridge slack manifest`: the manifest of the Slack app that the configuration asks for, checked before it is printed.

It needs none of the secrets: they come of the app, which comes of the manifest.
"""

import argparse
import sys

import orjson
import yaml

from bridge.cli._settings import read
from bridge.core.mistakes import nearest
from bridge.core.slack.manifest import App, manifest
from bridge.core.slack.manifest_rules import faults
from bridge.settings import Settings


def run(arguments: argparse.Namespace) -> int:
    """Print the manifest; 1 when the configuration has faults, or Slack would not take it."""
    settings = read(arguments.config, without_secrets=True)
    if settings is None:
        return 1
    name = _named(settings, arguments.name)
    if name is None:
        return 1
    made = manifest(_app(settings, name, arguments))
    if found := faults(made):
        return _refuse(f"Slack would not take this manifest of sources.{name}:", found)
    if arguments.json:
        sys.stdout.write(orjson.dumps(made, option=orjson.OPT_INDENT_2).decode() + "\n")
    else:
        sys.stdout.write(yaml.safe_dump(made, sort_keys=False, allow_unicode=True, width=120))
    return 0


def _named(settings: Settings, wanted: str | None) -> str | None:
    """Return the source that is meant; None after what is wrong was told."""
    names = [name for name, entry in settings.sources.items() if entry.kind == "slack"]
    if not names:
        _refuse("There is no source of the kind slack.", ["Add one: sources: {team: {kind: slack, ...}}"])
    elif wanted is None and len(names) > 1:
        _refuse(f"There are {len(names)} sources of the kind slack.", [f"Name one with --name: {', '.join(names)}"])
    elif wanted is not None and wanted not in names:
        _refuse(f"{wanted!r} is no source of the kind slack.", [nearest(wanted, names)])
    else:
        return wanted or names[0]
    return None


def _app(settings: Settings, name: str, arguments: argparse.Namespace) -> App:
    config, public = settings.sources[name].config, (settings.server.public_url or "").rstrip("/")
    steps = config.steps if config.steps is not None else not (config.users or config.channels)
    return App(
        name=arguments.app,
        command=config.command,
        url=None if config.mode == "socket" else f"{public}/hooks/{name}",
        talks=bool(config.bot_token),
        webhook=bool(config.webhook),
        step=steps and not arguments.no_step,
    )


def _refuse(what: str, lines: list[str]) -> int:
    sys.stderr.write(f"{what}\n")
    for line in lines:
        sys.stderr.write(f"  {line}\n")
    return 1
