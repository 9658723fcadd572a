"""How lists look: the columns of each kind of thing, the most useful first."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from bridge.cli.client._tables import Column, Item, Paper

COLUMNS: Mapping[str, tuple[Column, ...]] = {
    "posts": (
        Column("post", "id"), Column("state", "state", state=True), Column("accounts", "accounts", cut=True),
        Column("says", "content.caption", cut=True, spare=2), Column("reason", "reason", spare=1),
        Column("changed", "changed_at", spare=3), Column("partner", "partner", spare=4),
    ),
    "events": (
        Column("event", "id"), Column("received", "received_at", spare=1), Column("source", "source"),
        Column("intent", "intent"), Column("external id", "external_id", cut=True, spare=2),
        Column("reason", "reason", cut=True),
    ),
    "deliveries": (
        Column("delivery", "id"), Column("state", "state", state=True), Column("endpoint", "endpoint"),
        Column("type", "type"), Column("subject", "subject.id", spare=2), Column("reason", "reason"),
        Column("tries", "calls", right=True, spare=3), Column("made", "created_at", spare=1),
    ),
    "endpoints": (
        Column("endpoint", "name"), Column("state", "state", state=True), Column("url", "url", cut=True),
        Column("events", "events", cut=True), Column("format", "format", spare=1), Column("reason", "reason"),
        Column("failing since", "failing_since", spare=2), Column("made here", "made_here", spare=3),
    ),
    "accounts": (
        Column("account", "name"), Column("state", "state", state=True), Column("platform", "platform", spare=4),
        Column("username", "username", cut=True), Column("waiting", "waiting", right=True),
        Column("partner", "partner", spare=1), Column("detail", "detail", cut=True, spare=2),
        Column("id", "id", spare=3),
    ),
    "causes": (
        Column("cause", "id"), Column("since", "opened_at", spare=1), Column("reason", "reason"),
        Column("waiting", "waiting.count", right=True), Column("what to do", "what_to_do", cut=True),
        Column("closed", "closed_at", spare=2),
    ),
    "replays": (
        Column("replay", "id"), Column("state", "state", state=True), Column("sent", "sent", right=True),
        Column("of", "total", right=True), Column("left out", "skipped", right=True, spare=2),
        Column("of what", "filter", cut=True), Column("by", "by", spare=3), Column("began", "created_at", spare=1),
        Column("detail", "detail", cut=True, spare=1),
    ),
    "audit": (
        Column("at", "at"), Column("token", "token"), Column("action", "action"), Column("to", "subject"),
        Column("outcome", "outcome", right=True), Column("via", "via", spare=2),
        Column("detail", "detail", cut=True, spare=1),
    ),
    "sources": (
        Column("source", "name"), Column("kind", "kind"), Column("address", "address"), Column("last", "last_at"),
        Column("events", "events", cut=True, spare=2), Column("refused", "refused", cut=True, spare=1),
        Column("verified by", "verified_by", cut=True, spare=3),
    ),
    "types": (
        Column("type", "type"), Column("since", "since", spare=1), Column("says", "description", cut=True),
    ),
    "targets": (
        Column("account", "account_name"), Column("state", "state", state=True),
        Column("platform", "platform", spare=2),
        Column("url", "url"), Column("reason", "reason", spare=1), Column("error", "error", cut=True),
        Column("retry", "retry_at", spare=1),
    ),
    "tries": (
        Column("try", "number", right=True), Column("at", "started_at"), Column("outcome", "outcome", state=True),
        Column("status", "status", right=True), Column("seconds", "duration_s", right=True),
        Column("reason", "reason"), Column("detail", "detail", cut=True, spare=1),
        Column("response", "response", cut=True, spare=2),
    ),
    "messages": (
        Column("message", "id"), Column("kind", "kind"), Column("channel", "channel"), Column("endpoint", "endpoint"),
    ),
    "profiles": (
        Column("profile", "name"), Column("in use", "use"), Column("url", "url"), Column("token", "token"),
    ),
}  # fmt: skip


def row(look: str, item: Item) -> Item:
    """Return an item with the members that a column wants and the API has elsewhere."""
    match look:
        case "endpoints":
            return {**item, "made_here": None if item.get("configured") else item.get("owner")}
        case "accounts":
            waiting = sum(cause["waiting"]["count"] for cause in item.get("causes", ()))
            return {**item, "name": item.get("name") or item["id"], "waiting": waiting or None}
        case "sources":
            return {**item, "address": item.get("url") or item.get("path")}
        case "targets":
            return {**item, "account_name": item.get("name") or item["account"]}
        case _:
            return item


def list_of(paper: Paper, look: str, items: Sequence[Item]) -> None:
    """Show a list; one of a kind that has no columns here shows what is plain in its items."""
    columns = COLUMNS.get(look) or _guessed(items)
    paper.table(columns, [row(look, item) for item in items])


def _guessed(items: Sequence[Item]) -> tuple[Column, ...]:
    """Columns of whatever is no object in the items, in their order."""
    names: dict[str, int] = {}
    for item in items:
        for name, value in item.items():
            if not isinstance(value, Mapping) and not (
                isinstance(value, list) and value and isinstance(value[0], Mapping)
            ):
                names.setdefault(name, len(names))
    return tuple(Column(name.replace("_", " "), name, spare=place, cut=place > 1) for name, place in names.items())


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def id_of(item: Any) -> str:
    """Return what a list's item is named by in other calls."""
    return str(item.get("id") or item.get("name") or item.get("type") or "")
