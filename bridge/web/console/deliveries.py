"""Deliveries: what was told to whom, each request with its answer, and sending again what nobody took."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bridge.core.endpoints import DELIVERED, REPLY
from bridge.core.errors import FailureReason, Problem
from bridge.core.formats import body, content_type
from bridge.core.model import WorkState
from bridge.web.console._subjects import with_subjects
from bridge.web.console._visit import Gone, Shown, Visit
from bridge.web.console._words import many, path, with_query

FILTERS = ("endpoint", "state", "type", "reason", "source", "account", "subject", "since", "until")
DEAD_FILTERS = ("endpoint", "type", "reason", "since")

_ROWS, _MOST = "50", 50
_DEAD = "/console/dead-letters"
_HIDDEN = "not shown"


async def listing(visit: Visit) -> Shown:
    """Show a page of deliveries."""
    asked = visit.chosen(*FILTERS, "before")
    found, endpoints, sources = await asyncio.gather(
        visit.ask("list_deliveries", query={**asked, "limit": _ROWS}),
        visit.ask("list_endpoints"),
        visit.ask("list_sources"),
    )
    facts = {
        "deliveries": await with_subjects(visit, found["items"]),
        "after": found["next"],
        "asked": asked,
        "states": [state for state in WorkState if state is not WorkState.PARKED],
        "types": DELIVERED,
        "reasons": list(FailureReason),
        "endpoints": [one["name"] for one in endpoints["items"]],
        "sources": [one["name"] for one in sources["items"]],
    }
    return Shown("deliveries", "Deliveries", facts)


async def one(visit: Visit) -> Shown:
    """Show a delivery: the request, and what was answered each time."""
    found = await visit.ask("get_delivery", {"id": visit.params["id"]})
    [delivery] = await with_subjects(visit, [found])
    settled = delivery["state"] in (WorkState.DONE, WorkState.DEAD)
    facts = {
        "delivery": delivery,
        "request": await _request(visit, delivery),
        "replayable": settled and delivery["told"]["body"] is not None and visit.may("replay_delivery"),
    }
    return Shown("delivery", f"{delivery['type']} to {delivery['endpoint'] or 'an endpoint'}", facts)


async def replay(visit: Visit) -> Shown | Gone:
    """Send one delivery again."""
    here = path("deliveries", visit.params["id"])
    try:
        await visit.ask("replay_delivery", {"id": visit.params["id"]})
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return Gone(here, problem.detail, well=False)
    return Gone(here, "It is sent again: this page shows what is answered.")


async def dead(visit: Visit) -> Shown:
    """Show what nobody was told of."""
    asked = visit.chosen(*DEAD_FILTERS, "before")
    found, endpoints, running = await asyncio.gather(
        visit.ask("list_deliveries", query={**asked, "state": "dead", "limit": _ROWS}),
        visit.ask("list_endpoints"),
        visit.ask("list_replays", query={"state": "running", "limit": "5"}),
    )
    facts = {
        "deliveries": await with_subjects(visit, found["items"]),
        "after": found["next"],
        "asked": asked,
        "chosen": {name: asked[name] for name in DEAD_FILTERS if asked[name]},
        "types": DELIVERED,
        "reasons": list(FailureReason),
        "endpoints": [one["name"] for one in endpoints["items"]],
        "running": running["items"],
        "replays": visit.may("replay_deliveries"),
    }
    return Shown("dead_letters", "Dead letters", facts)


async def replay_many(visit: Visit) -> Shown | Gone:
    """Send again what is ticked, or begin a replay of all that the filter finds."""
    chosen = {name: value for name in DEAD_FILTERS if (value := visit.form.get(name, "").strip())}
    back = with_query(_DEAD, chosen)
    if visit.form.get("which") != "all":
        return await _replay_ticked(visit, back)
    try:
        job = await visit.ask("replay_deliveries", body=chosen or {"all": True})
    except Problem as problem:
        if problem.status == 403:
            raise
        said = [f"{fault.field} {fault.problem}. {fault.remedy}" for fault in problem.errors]
        return Gone(back, " ".join(said) or problem.detail, well=False)
    return Gone(path("replays", job["id"]), "" if job["total"] else "There was nothing to send again.")


async def _replay_ticked(visit: Visit, back: str) -> Gone:
    ids = visit.ticked.get("id", ())[:_MOST]
    if not ids:
        return Gone(back, "Nothing is ticked: tick what is to be sent again.", well=False)
    refused: list[str] = []
    for delivery_id in ids:
        try:
            await visit.ask("replay_delivery", {"id": delivery_id})
        except Problem as problem:
            if problem.slug == "scope":
                raise
            refused.append(problem.detail)
    sent = len(ids) - len(refused)
    said = f"{many(sent, 'delivery is', 'deliveries are')} sent again." if sent else ""
    if refused:
        said = f"{said} {many(len(refused), 'is', 'are')} not: {' '.join(dict.fromkeys(refused))}".strip()
    return Gone(back, said, well=not refused)


async def _request(visit: Visit, delivery: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what each try sends: `url`, `headers` (name, value or why it is not shown) and `body`; None for a chat.

    The address and the names of headers are those that the endpoint has now.
    """
    found = await visit.web.store.delivery(delivery["id"])
    if found is None or found[0].destination_kind == REPLY:
        return None
    row, event, _ = found
    headers = [("content-type", content_type(row.format)), ("webhook-id", event.id), ("webhook-timestamp", "the time")]
    endpoint = await _endpoint(visit, delivery["endpoint"])
    if endpoint is not None:
        headers += [("webhook-signature", _HIDDEN)] if endpoint["signed"] else []
        headers += [(name.lower(), _HIDDEN) for name in endpoint["headers"] or ()]
    sent = body(row.format, event) if event.body else None
    return {
        "url": endpoint["url"] if endpoint is not None else None,
        "headers": headers,
        "format": row.format,
        "body": sent.decode() if sent is not None else None,
    }


async def _endpoint(visit: Visit, name: str | None) -> dict[str, Any] | None:
    """Return an endpoint; None when it is there no more, or not for the one who looks."""
    if name is None:
        return None
    try:
        return await visit.ask("get_endpoint", {"name": name})
    except Problem as problem:
        if problem.status != 404:
            raise
        return None
