"""Events: what came in, from whom, how that was checked, and what was made of it."""

from collections.abc import Mapping
from typing import Any

from bridge.core.model import Intent, PostState
from bridge.web.console._origin import in_slack, origin
from bridge.web.console._visit import Shown, Visit

FILTERS = ("intent", "source", "external_id", "partner", "account", "state", "since", "until")
_ROWS = "50"
_WHO: Mapping[str, str] = {
    "token": "a token of the API",
    "source": "the source's own check",
    "hook": "the source's own check",
    "adopted": "nobody sent it: it was found at the partner",
}

_SILENT: Mapping[str, str] = {
    "hint": "The partner has news:",
    "test": "The sender's test",
    "handshake": "The sender's handshake",
    "adopt": "A post found at the partner:",
    "delete": "Deleted:",
    "unpublish": "Taken back:",
}
"""What an event is that has no text, by its intent."""


async def listing(visit: Visit) -> Shown:
    """Show a page of events."""
    asked = visit.chosen(*FILTERS, "before")
    found = await visit.ask("list_events", query={**asked, "limit": _ROWS})
    facts = {
        "events": [{**one, "title": _title(one)} for one in found["items"]],
        "after": found["next"],
        "asked": asked,
        "intents": list(Intent),
        "states": list(PostState),
        "partners": sorted(visit.web.ingest.kit.partners),
        "sources": sorted(visit.web.ingest.sources),
    }
    return Shown("events", "Events", facts)


async def one(visit: Visit) -> Shown:
    """Show an event with all that is known of it; its body to those who may see it."""
    event = await visit.ask("get_event", {"id": visit.params["id"]})
    source = visit.web.ingest.sources.get(event["source"])
    kind = source.kind if source is not None else ""
    facts = {
        "event": event,
        "kind": kind,
        "verified": _verified(event["verified"]),
        "origin": origin(event, kind),
        "talks": [{**one, "href": in_slack(one["channel"] or "")} for one in event["messages"]],
        "previewable": "body" in event and source is not None and event["source"] != "api" and visit.may("preview"),
    }
    title = _title(event)
    return Shown("event", " ".join(title.split())[:60], {**facts, "title_of": title})


def _title(event: Mapping[str, Any]) -> str:
    """Return what an event says, or what it is of when it says nothing."""
    said = event["request"].get("caption") or event["request"].get("title")
    if said:
        return str(said)
    thing = event["external_id"] or event["object_id"] or ""
    return f"{_SILENT.get(event['intent'], 'An entry')} {thing}".strip()


def _verified(by: Mapping[str, Any]) -> str:
    who = _WHO.get(by["by"], str(by["by"]))
    return f"{who} ({by['name']})" if by["name"] and by["by"] != "adopted" else who
