"""Replays: jobs that send again what was told, how far they are, and stopping one."""

from bridge.core.errors import Problem
from bridge.web.console._visit import Gone, Shown, Visit
from bridge.web.console._words import path

_ROWS = "50"
_STATES = ("running", "done", "stopped")


async def listing(visit: Visit) -> Shown:
    """Show a page of replays."""
    asked = visit.chosen("state", "before")
    found = await visit.ask("list_replays", query={**asked, "limit": _ROWS})
    facts = {"replays": found["items"], "after": found["next"], "asked": asked, "states": _STATES}
    return Shown("replays", "Replays", facts)


async def one(visit: Visit) -> Shown:
    """Show how far a replay is."""
    job = await visit.ask("get_replay", {"id": visit.params["id"]})
    looked = job["sent"] + job["skipped"]
    facts = {
        "job": job,
        "looked": looked,
        "whole": max(job["total"], looked),
        "where": {name: job["filter"].get(name) for name in ("endpoint", "type", "source")},
        "stoppable": job["state"] == "running" and visit.may("stop_replay"),
    }
    return Shown("replay", "Replay", facts)


async def stop(visit: Visit) -> Shown | Gone:
    """Stop a replay."""
    here = path("replays", visit.params["id"])
    try:
        await visit.ask("stop_replay", {"id": visit.params["id"]})
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return Gone(here, problem.detail, well=False)
    return Gone(here, "Stopped. What it sent so far stays sent.")
