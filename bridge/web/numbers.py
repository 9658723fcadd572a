"""What goes on, in numbers: the last hour by the minute, and what waits now."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from bridge.core.delivering import health
from bridge.core.tallies import DELIVERIES, EVENTS, POSTS, Tally
from bridge.web._call import Answer, Call, Web
from bridge.web._shapes import Shape

_GOOD_FOR_S = 1.5
_MINUTES = 60
_REFUSED = frozenset({"invalid", "unauthorized", "forbidden", "conflict", "overloaded", "failed"})
QUEUES = {
    "commands": "commands",
    "deliveries": "deliveries",
    "lookups": "lookups",
    "parked": "commands_parked",
    "dead_letters": "deliveries_dead",
}
"""Our words for what waits -> those of the store."""

_PLACES = {
    (POSTS, "posted"): "published",
    (POSTS, "partial"): "published",
    (POSTS, "failed"): "failed",
    (POSTS, "rejected"): "failed",
    (DELIVERIES, "done"): "delivered",
    (DELIVERIES, "later"): "undelivered",
    (DELIVERIES, "dead"): "undelivered",
}
COUNTED = ("events", "refused", "published", "failed", "delivered", "undelivered")
"""What is counted of each minute."""


async def list_numbers(web: Web, call: Call) -> Answer:
    """Answer the numbers, which are those of all processes and of all accounts."""
    return Answer.json(await web.fresh.get("numbers", lambda: _numbers(web), _GOOD_FOR_S))


async def _numbers(web: Web) -> Shape:
    now = web.clock()
    first = now.replace(second=0, microsecond=0) - timedelta(minutes=_MINUTES - 1)
    tallies = await web.store.desk.tallied(first)
    counts = await web.store.counts(now, web.ingest.kit.partners)
    states = Counter(health(one, now) for one in (await web.store.endpoints()).values())
    backlog = {
        name: {"count": counts.queue.get(queue, 0), "oldest_at": counts.oldest.get(queue)}
        for name, queue in QUEUES.items()
    }
    return {
        "at": now,
        "minutes": _minutes(first, tallies),
        "backlog": backlog,
        "causes": sum(counts.causes.values()),
        "endpoints": {state: states[state] for state in ("enabled", "failing", "held", "disabled")},
        "posts": _by_state(counts.posts),
    }


def _minutes(first: datetime, tallies: Iterable[Tally]) -> list[dict[str, Any]]:
    """Return one row for each minute of the hour, those in which nothing was among them; oldest first."""
    sums: Counter[tuple[datetime, str]] = Counter()
    for one in tallies:
        if (place := _place(one)) is not None:
            sums[one.minute, place] += one.count
    minutes = [first + timedelta(minutes=number) for number in range(_MINUTES)]
    return [{"at": minute} | {name: sums[minute, name] for name in COUNTED} for minute in minutes]


def _place(tally: Tally) -> str | None:
    if tally.what == EVENTS:
        return "refused" if tally.outcome in _REFUSED else "events"
    return _PLACES.get((tally.what, tally.outcome))


def _by_state(posts: Any) -> dict[str, int]:
    found: Counter[str] = Counter()
    for (_, state), number in posts.items():
        found[state] += number
    return dict(found)
