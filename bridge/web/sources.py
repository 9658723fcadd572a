"""Sources over HTTP: the address to give to each sender, what came last, and why some of it was refused."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from bridge.core.tallies import EVENTS, REFUSED, Tally
from bridge.flows.ingest import API
from bridge.ports import Source
from bridge.web._call import Answer, Call, Web
from bridge.web._shapes import Shape, listed, overall
from bridge.web.events import may_see_event

_GOOD_FOR_S = 2.0
_LOOKED_AT = timedelta(hours=24)
_Counts = Mapping[str, Mapping[str, int]]


async def list_sources(web: Web, call: Call) -> Answer:
    """Answer all configured sources, the API among them."""
    tallies: list[Tally] = await web.fresh.get("tallied", lambda: _tallied(web), _GOOD_FOR_S)
    newest: Mapping[str, str] = await web.fresh.get("newest", web.store.desk.newest, _GOOD_FOR_S)
    took, refused, seen = _by_source(EVENTS, tallies), _by_source(REFUSED, tallies), _last_minutes(tallies)
    shapes = []
    for name, source in web.ingest.sources.items():
        last = await _last(web, call, newest.get(name))
        shape = _shape(web, name, source) | {"last_at": (last or {}).get("at") or seen.get(name), "last_event": last}
        shapes.append(shape | {"events": took.get(name, {}), "refused": refused.get(name, {})})
    return Answer.json(listed(shapes))


def _shape(web: Web, name: str, source: Source) -> Shape:
    path = "/v1/publish" if name == API else f"/hooks/{name}"
    return {
        "name": name,
        "kind": source.kind,
        "path": path,
        "url": f"{web.public_url.rstrip('/')}{path}" if web.public_url else None,
        "methods": list(source.methods),
        "verified_by": source.told,
    }


async def _last(web: Web, call: Call, event_id: str | None) -> Shape | None:
    found = await web.store.event(event_id) if event_id is not None else None
    if found is None or not may_see_event(call, *found):
        return None
    event, posts = found
    return {
        "id": event.id,
        "at": event.received_at,
        "intent": event.intent,
        "status": overall(posts),
        "reason": event.reason,
    }


async def _tallied(web: Web) -> list[Tally]:
    return list(await web.store.desk.tallied(web.clock() - _LOOKED_AT))


def _by_source(what: str, tallies: Iterable[Tally]) -> _Counts:
    """Return how often what had which outcome, by source."""
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in tallies:
        kind, _, source = one.what.partition(":")
        if kind == what and source:
            found[source][one.outcome] += one.count
    return found


def _last_minutes(tallies: Iterable[Tally]) -> dict[str, datetime]:
    """Return the last minute in which something came from a source, taken or not."""
    found: dict[str, datetime] = {}
    for one in tallies:
        kind, _, source = one.what.partition(":")
        if kind == EVENTS and source:
            found[source] = one.minute
    return found
