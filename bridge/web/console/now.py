"""Now: what needs a person on top, then the three arrows with their rates and backlogs."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from bridge.web.console._causes import tell
from bridge.web.console._visit import Shown, Visit
from bridge.web.console._words import many, when

_ROWS = "8"


async def now(visit: Visit) -> Shown:
    """Show what is going on."""
    causes, endpoints, numbers, latest = await asyncio.gather(
        visit.ask("list_causes"),
        visit.ask("list_endpoints"),
        visit.ask("list_numbers"),
        visit.ask("list_posts", query={"limit": _ROWS}),
    )
    facts = {
        "causes": await tell(visit, causes["items"]),
        "failing": [one for one in endpoints["items"] if one["state"] != "enabled"],
        "dead": numbers["backlog"]["dead_letters"]["count"],
        "arrows": _arrows(numbers),
        "posts": latest["items"],
    }
    return Shown("now", "Now", facts)


def _arrows(numbers: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the three arrows; `numbers` are those of `GET /v1/numbers`."""
    minutes, backlog = numbers["minutes"], numbers["backlog"]
    return [
        _arrow("Events in", minutes, ("events", "refused", "came in"), _waits(backlog["lookups"], "fetch", "fetches")),
        _arrow("Posts at partners", minutes, ("published", "failed", "went live"), _waits(backlog["commands"], "call")),
        _arrow(
            "Deliveries out",
            minutes,
            ("delivered", "undelivered", "were told"),
            _waits(backlog["deliveries"], "delivery", "deliveries"),
        ),
    ]


def _arrow(
    name: str, minutes: Sequence[Mapping[str, Any]], what: tuple[str, str, str], backlog: Markup
) -> Mapping[str, Any]:
    well, badly, did = what
    counts = [int(minute[well]) for minute in minutes]
    failed = sum(int(minute[badly]) for minute in minutes)
    busiest = max(counts, default=0)
    label = f"{name}: {sum(counts):,} {did} in the last hour, at most {busiest:,} in a minute"
    return {"name": name, "count": sum(counts), "failed": failed, "minutes": counts, "label": label, "backlog": backlog}


def _waits(queue: Mapping[str, Any], one: str, more: str = "") -> Markup:
    if not queue["count"]:
        return Markup("Nothing waits.")
    waits = "waits" if queue["count"] == 1 else "wait"
    since = Markup(", the oldest since {}").format(when(queue["oldest_at"])) if queue["oldest_at"] else ""
    return Markup("{} {}{}.").format(many(queue["count"], one, more), waits, since)
