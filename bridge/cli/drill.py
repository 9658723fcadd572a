"""`bridge drill`: a bad day with one's own configuration and simulated partners: who is told, and what resumes.

Nothing of it is real, and everything says so. 0 when all that waited went out, and once; 1 when not; 2 when the
configuration is wrong.
"""

import argparse
import sys

import orjson
from rich.console import Console
from rich.table import Table

from bridge import logs
from bridge.cli._drill_stage import Stage, can_notify, set_stage
from bridge.cli._drill_story import Story
from bridge.cli._ending import run_to_end
from bridge.cli._settings import read
from bridge.core.drilling import MARK
from bridge.core.redact import Redactor
from bridge.settings import Settings


def run(arguments: argparse.Namespace) -> int:
    """Play the drill; see above for how it ends."""
    settings = read(arguments.config, without_secrets=True)
    if settings is None:
        return 2
    if fault := _unplayable(settings, arguments.partner):
        sys.stderr.write(f"bridge drill: {fault}\n")
        return 2
    logs.configure(Redactor(settings.secrets), level="error", as_json=False, stream=sys.stderr)
    return run_to_end(_play(settings, arguments))


def _unplayable(settings: Settings, partner: str | None) -> str:
    """Return why there can be no drill."""
    if not settings.partners:
        return "There is no key under partners. Add one, or use `bridge init`."
    if partner is not None and partner not in settings.partners:
        return f"{partner!r} is not under partners. There are: {', '.join(settings.partners)}."
    return ""


async def _play(settings: Settings, arguments: argparse.Namespace) -> int:
    console = Console(quiet=arguments.json, highlight=False)
    async with set_stage(settings, notify=arguments.notify) as stage:
        story = Story(console, stage, _chosen(stage, arguments.partner), going=arguments.keep_going)
        _introduce(story, settings, arguments)
        outcome = await story.play(arguments.scene)
        told = await story.told()
    well = outcome.well and story.well
    if arguments.json:
        shown = {
            "drill": arguments.scene,
            "partner": story.partner,
            "notified": arguments.notify,
            "well": well,
            "posts": outcome.wire(),
            "endpoints": [{**one.wire(), "called": one.name not in stage.local} for one in told],
            "steps": story.steps,
        }
        sys.stdout.write(orjson.dumps(shown, option=orjson.OPT_INDENT_2).decode() + "\n")
        return 0 if well else 1
    table = Table(title=f"{MARK}: who was told", title_justify="left")
    for column in ("endpoint", "wants", "was told", "how"):
        table.add_column(column, overflow="fold")
    for one in told:
        types = "\n".join(f"{name} {count}" for name, count in sorted(one.types.items())) or "nothing"
        table.add_row(one.name, ", ".join(one.patterns), types, _how(story, one.name, one.arrived, one.total))
    console.print(table)
    for one in told:
        verb = "would have told" if one.name in stage.local else "told"
        types = ", ".join(one.types) or "nothing"
        story.line(f"{verb}: endpoint {one.name} (wants {', '.join(one.patterns)}): {types}")
    story.line(
        f"posts: {outcome.published} published, {outcome.waited} waited, {outcome.resumed} resumed, "
        f"lost {outcome.lost}, doubled {outcome.doubled}"
    )
    story.line("Everything resumed." if well else "NOT everything resumed.")
    return 0 if well else 1


def _how(story: Story, name: str, arrived: int, total: int) -> str:
    if name not in story.stage.local:
        return f"really, {arrived} of {total} arrived"
    bad = sum(not one.verified for one in story.stage.receiver.of(name)) if name in story.stage.signed else 0
    judged = "" if name not in story.stage.signed else f", {bad} BADLY signed" if bad else ", signed well"
    return f"a stand-in, {arrived} of {total} arrived{judged}"


def _chosen(stage: Stage, partner: str | None) -> str:
    """Return the key that it happens to: as said, or the first with an account."""
    return partner or next((name for name, one in stage.played.items() if one.accounts), next(iter(stage.played)))


def _introduce(story: Story, settings: Settings, arguments: argparse.Namespace) -> None:
    """Say what is about to happen to whom."""
    where = settings.path or "the environment"
    story.line(f"{MARK} {arguments.scene} at partners.{story.partner}, by {where}, with simulated partners.")
    for name, endpoint in settings.endpoints.items():
        if name not in story.stage.local:
            story.line(f"endpoint {name} is REALLY told; everything says {MARK}")
        elif arguments.notify and not can_notify(endpoint):
            story.line(f"endpoint {name} is not told: its secret or its address is not at hand")
    if not arguments.notify:
        story.line("Endpoints are not called: a receiver stands in for each. --notify calls them.")
    if settings.sources:
        story.line("Posts come as by the API; sources, chats and feeds take no part.")
