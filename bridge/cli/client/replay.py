"""`bridge replay`: begins to send deliveries again, and shows how far it is."""

import argparse
import sys
import time
from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from bridge.cli.client._do import guarded, tell
from bridge.cli.client._failed import Failed
from bridge.cli.client._http import Api, path_of
from bridge.cli.client._looks import now
from bridge.cli.client._parser import REPLAY
from bridge.cli.client._tables import Paper
from bridge.cli.client._text import asked_instant
from bridge.cli.client._words import Exit

_EVERY_S = 0.5
_PATH = "/v1/replays/{id}"


def run(arguments: argparse.Namespace) -> Exit:
    """Begin a job and watch it to its end; what is stopped has failed."""
    return guarded(arguments, _replay)


def _replay(arguments: argparse.Namespace, api: Api, paper: Paper) -> Exit:
    job = api.json(api.ask("POST", "/v1/deliveries/replay", body=fields(arguments)))
    if not arguments.no_wait:
        job = _watched(api, job)
    tell(paper, "replays", job, plain=arguments.json)
    if arguments.no_wait and not arguments.json:
        sys.stderr.write(_again(job))
    return Exit.REFUSED if job["state"] == "stopped" else Exit.OK


def fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the body of the request.

    Raises:
        Failed: --missed without what it needs, or with what the API would not take beside it.
    """
    body = {flag.name: given for flag in REPLAY if (given := getattr(arguments, flag.dest)) is not None}
    body |= {name: asked_instant(body[name], now()) for name in ("since", "until") if name in body}
    if arguments.missed:
        if set(body) != {"endpoint", "since"}:
            raise Failed("--missed takes --endpoint and --since, and nothing beside them.", Exit.USAGE)
        return {"endpoint": body["endpoint"], "missed_since": body["since"]}
    if arguments.all:
        body["all"] = True
    if not body:
        raise Failed("Say which: --endpoint, --since, --type and others, or --all.", Exit.USAGE)
    return body


def _watched(api: Api, job: Any) -> Any:
    """Return the job at its end; whoever interrupts is told how to look again."""
    try:
        if not sys.stderr.isatty():
            return _ended(api, job, lambda _: None)
        with _progress() as bar:
            task = bar.add_task(job["id"], total=job["total"] or None, completed=job["sent"] + job["skipped"])

            def told(now: Any) -> None:
                done = now["sent"] + now["skipped"]
                bar.update(task, completed=done, total=max(now["total"], done) or None)

            return _ended(api, job, told)
    except KeyboardInterrupt:
        sys.stderr.write(_again(job))
        raise
    except Failed as failed:
        raise Failed(f"{failed}\n{_again(job).rstrip()}", failed.how) from None


def _progress() -> Progress:
    console = Console(file=sys.stderr)
    text, bar = TextColumn("{task.description}"), BarColumn(bar_width=None)
    return Progress(text, bar, MofNCompleteColumn(), TimeRemainingColumn(), console=console)


def _ended(api: Api, job: Any, told: Callable[[Any], None]) -> Any:
    while job["state"] == "running":
        time.sleep(_EVERY_S)
        job = api.get(path_of(_PATH, job["id"]))
        told(job)
    return job


def _again(job: Any) -> str:
    return (
        f"It goes on in the service. See it: bridge replays show {job['id']}; end it: bridge replays stop {job['id']}\n"
    )
