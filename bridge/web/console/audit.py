"""Audit: who asked for which change, when, by which way, and what came of it."""

from collections.abc import Mapping
from typing import Any

from bridge.web._table import PUBLIC
from bridge.web.console._visit import Shown, Visit
from bridge.web.console._words import path, words

FILTERS = ("token", "action", "subject", "since", "until")
_ROWS = "50"
_UNNAMED = ("sign_in", "sign_out")
_NOT_NOTED = ("publish", "receive_hook", "put_hook", "preview")
_DID: Mapping[str, str] = {
    "sign_in": "signed in",
    "sign_out": "signed out",
    "retry_post": "tried a post again",
    "send_post": "let a parked post go",
    "drop_post": "dropped a parked post",
    "confirm_post": "noted a post as live",
    "cancel_post": "took a post back",
    "edit_post": "changed a post",
    "reconnect_account": "made a link to reconnect an account",
    "close_cause": "let go what waited for a cause",
    "create_endpoint": "made an endpoint",
    "patch_endpoint": "changed an endpoint",
    "delete_endpoint": "removed an endpoint",
    "enable_endpoint": "enabled an endpoint",
    "disable_endpoint": "disabled an endpoint",
    "rotate_secret": "gave an endpoint a new secret",
    "test_endpoint": "sent a test to an endpoint",
    "subscribe": "made a subscription",
    "unsubscribe": "ended a subscription",
    "replay_delivery": "sent a delivery again",
    "replay_deliveries": "sent deliveries again",
    "stop_replay": "stopped sending again",
    "erase_subject": "erased what was said",
}
_PAGES: Mapping[str, str] = {"post": "posts", "endpoint": "endpoints", "delivery": "deliveries", "replay": "replays"}
"""Where the thing that an action ends with is shown."""


async def listing(visit: Visit) -> Shown:
    """Show a page of what was asked for, newest first."""
    asked = visit.chosen(*FILTERS, "before")
    found = await visit.ask("list_audit", query={**asked, "limit": _ROWS})
    facts = {
        "rows": [_row(note) for note in found["items"]],
        "after": found["next"],
        "asked": asked,
        "actions": sorted({*_UNNAMED, *(one.name for one in PUBLIC if one.method != "GET")} - {*_NOT_NOTED}),
    }
    return Shown("audit", "Audit", facts)


def _row(note: Mapping[str, Any]) -> dict[str, Any]:
    action, outcome = str(note["action"]), note["outcome"]
    tone, said = _came_of(outcome)
    return {
        **note,
        "did": _DID.get(action, words(action)),
        "tone": tone,
        "said": said,
        "href": _where(action, str(note["subject"] or "")),
    }


def _came_of(outcome: int | None) -> tuple[str, str]:
    """Return the tone of an HTTP status, and what it says."""
    if outcome is None:
        return "warn", "not known: it goes on, or was cut off"
    return ("good", "done") if outcome < 400 else ("bad", f"refused ({outcome})")


def _where(action: str, subject: str) -> str:
    """Return where the thing is shown that was changed; empty when nowhere."""
    if not subject or action in ("delete_endpoint", "unsubscribe", "erase_subject"):
        return ""
    if action == "rotate_secret":
        return path("endpoints", subject)
    if action in ("reconnect_account", "close_cause"):
        return path("accounts")
    page = _PAGES.get(action.rpartition("_")[2])
    return path(page, subject) if page is not None else ""
