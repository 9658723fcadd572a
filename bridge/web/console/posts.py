"""Posts: find one in seconds, read its story, and do what can be done about it."""

import asyncio
from collections.abc import Mapping
from typing import Any

from bridge.core.errors import Problem
from bridge.core.model import PostState
from bridge.web.console._causes import tell
from bridge.web.console._origin import origin
from bridge.web.console._story import story
from bridge.web.console._visit import Gone, Shown, Visit
from bridge.web.console._words import many, path

FILTERS = ("q", "state", "partner", "account", "source", "since", "until")
_ROWS = "50"

DEEDS: Mapping[str, tuple[str, str, str, str]] = {
    "retry": (
        "retry_post",
        "Retry",
        "Sends it to the partner again, for the accounts that do not have it.",
        "Tried again.",
    ),
    "send": ("send_post", "Send", "Lets what waits go to the partner now.", "It goes out now."),
    "live": (
        "confirm_post",
        "It is live",
        "Notes that you have seen it online; nothing is sent again.",
        "Noted as live.",
    ),
    "drop": ("drop_post", "Drop", "Ends what waits; it is never sent.", "Dropped."),
    "cancel": ("cancel_post", "Cancel", "Takes the post back, at the partner too.", "Taken back."),
}
"""What a person may ask for: the API's operation, the button, what it will do, and what is said when it was done."""
_EDITED = ("caption", "scheduled_at")
_SETTLED = ("done", "dead")


async def listing(visit: Visit) -> Shown:
    """Show a page of posts."""
    asked = visit.chosen(*FILTERS, "before")
    found, accounts, sources = await asyncio.gather(
        visit.ask("list_posts", query={**asked, "limit": _ROWS}),
        visit.ask("list_accounts"),
        visit.ask("list_sources"),
    )
    facts = {
        "posts": found["items"],
        "after": found["next"],
        "asked": asked,
        "states": list(PostState),
        "partners": sorted(visit.web.ingest.kit.partners),
        "accounts": sorted({one["name"] or one["id"] for one in accounts["items"]}),
        "sources": [one["name"] for one in sources["items"]],
    }
    return Shown("posts", "Posts", facts)


async def one(visit: Visit) -> Shown:
    """Show a post: what became of it, in words, and what may be done."""
    return await _one(visit)


async def act(visit: Visit) -> Shown | Gone:
    """Do what a button of a post's page says."""
    post_id, deed = visit.params["id"], visit.params["deed"]
    here = path("posts", post_id)
    if deed == "edit":
        return await _edit(visit, post_id, here)
    if deed == "replay":
        return await _replay(visit, post_id, here)
    if deed not in DEEDS:
        raise Problem(404, "no_such_page", "There is nothing of this name to do with a post.")
    operation, _, _, said = DEEDS[deed]
    try:
        answer = await visit.ask(operation, {"id": post_id}, {"wait": "3"})
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return Gone(here, problem.detail, well=False)
    queued = answer.get("command") is not None and answer["command"]["state"] != "done"
    return Gone(here, f"{said} The partner is being asked; this page shows what it answers." if queued else said)


async def _replay(visit: Visit, post_id: str, here: str) -> Gone:
    """Send every settled delivery of a post again; what was erased, or is under way by now, is left out."""
    sent, left = 0, ""
    for delivery in _settled(await visit.ask("get_post", {"id": post_id})):
        try:
            await visit.ask("replay_delivery", {"id": delivery})
            sent += 1
        except Problem as problem:
            if problem.status == 403:
                raise
            left = f" Not all: {problem.detail}"
    return Gone(
        here, f"{many(sent, 'delivery', 'deliveries')} {'goes' if sent == 1 else 'go'} out again.{left}", not left
    )


def _settled(post: Mapping[str, Any]) -> list[str]:
    entries = (entry for entry in post["timeline"] if entry["kind"] == "delivery" and entry["endpoint"])
    return [entry["delivery"] for entry in entries if entry["state"] in _SETTLED]


async def _needs(visit: Visit, post: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the open causes that keep a post, with the button that helps."""
    waits = {command["cause"] for command in post["commands"] if command["state"] == "parked"} - {None}
    if not waits:
        return []
    causes = (await visit.ask("list_causes"))["items"]
    return await tell(visit, [cause for cause in causes if cause["id"] in waits])


async def _edit(visit: Visit, post_id: str, here: str) -> Shown | Gone:
    changes: dict[str, Any] = {}
    for name in _EDITED:
        if name in visit.form and visit.form[name] != visit.form.get(f"was_{name}", ""):
            changes[name] = visit.form[name].replace("\r\n", "\n") or None
    if not changes:
        return Gone(here, "Nothing was changed.")
    try:
        await visit.ask("edit_post", {"id": post_id}, {"wait": "3"}, changes)
    except Problem as problem:
        if problem.status in (403, 404):
            raise
        return await _one(visit, problem, visit.form)
    return Gone(here, "Changed.")


async def _one(visit: Visit, problem: Problem | None = None, typed: Mapping[str, str] | None = None) -> Shown:
    post = await visit.ask("get_post", {"id": visit.params["id"]})
    deeds = [
        {"name": name, "button": button, "does": does, "risky": name in ("drop", "cancel")}
        for name, (operation, button, does, _) in DEEDS.items()
        if name in post["actions"] and visit.may(operation)
    ]
    event, seen_at = None, None
    if post["event_id"] is not None:
        event = await visit.ask("get_event", {"id": post["event_id"]})
        source = visit.web.ingest.sources.get(event["source"])
        seen_at = origin(event, source.kind if source is not None else "")
    facts = {
        "post": post,
        "event": event,
        "needs": await _needs(visit, post),
        "story": story(post, event, seen_at),
        "settled": len(_settled(post)) if visit.may("replay_delivery") else 0,
        "deeds": deeds,
        "editable": "edit" in post["actions"] and visit.may("edit_post"),
        "problem": problem,
        "typed": typed or {},
    }
    title = " ".join(str(post["content"].get("caption") or "Post").split())[:60]
    return Shown("post", title, facts, problem.status if problem is not None else 200)
