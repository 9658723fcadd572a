"""Endpoints and deliveries over HTTP: what was told to whom, and telling it again."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from bridge.core.errors import FailureReason, Fault, Problem
from bridge.core.events import EVENT_TYPES
from bridge.core.model import Delivery, WorkState
from bridge.core.request import invalid
from bridge.core.times import parse_when
from bridge.flows import log
from bridge.ports import Find
from bridge.web._call import Answer, Call, Web
from bridge.web._pages import page
from bridge.web._query import PAGE, Query
from bridge.web._shapes import (
    attempt_shape,
    delivery_shape,
    endpoint_shape,
    listed,
    may_see,
    may_see_account,
    told_shape,
)

FILTERS = ("endpoint", "state", "type", "partner", "source", "event_id")
REPLAY_FIELDS = ("endpoint", "state", "type", "since", "until")
_AT_ONCE = 500
_LOST_WITH_ENDPOINT = (FailureReason.ENDPOINT_DISABLED, FailureReason.GONE)


async def list_endpoints(web: Web, call: Call) -> Answer:
    """Answer where events go."""
    found = await web.store.endpoints()
    return Answer.json(listed([endpoint_shape(found[name]) for name in sorted(found)]))


async def enable_endpoint(web: Web, call: Call) -> Answer:
    """Let an endpoint have deliveries again; with `replay`, also those that died while it had none."""
    name = call.param("name")
    fields = await call.fields()
    faults = [Fault(field[:60], "is not a known field", "Known: replay.") for field in fields if field != "replay"]
    if not isinstance(fields.get("replay", False), bool):
        faults.append(Fault("replay", "is not true or false", "Send true or false."))
    if faults:
        raise invalid(faults)
    endpoint = await web.actions.enable(name)
    dead = Find(destination=name, state=WorkState.DEAD)
    replayed = waiting = 0
    async for rows in _pages(web, dead):
        ids = [row.id for row in rows if row.reason in _LOST_WITH_ENDPOINT]
        count = await _replay(web, ids) if fields.get("replay") else 0
        replayed, waiting = replayed + count, waiting + len(ids) - count
    return Answer.json({"endpoint": endpoint_shape(endpoint), "replayed": replayed, "waiting": waiting})


async def list_deliveries(web: Web, call: Call) -> Answer:
    """Answer a page of deliveries, newest first."""
    query = Query(call.query, (*FILTERS, *PAGE))
    find = query.find(
        destination=query.text("endpoint"),
        state=query.word("state", tuple(WorkState)),
        type=query.word("type", tuple(EVENT_TYPES)),
        partner=query.word("partner", tuple(web.ingest.kit.partners)),
        source=query.text("source"),
        event_id=query.text("event_id"),
    )

    async def visible(rows: Sequence[Delivery]) -> list[Delivery]:
        return await _visible(web, call, rows)

    rows, after = await page(web.store.find_deliveries, find, visible if call.allowed else None)
    return Answer.json(listed([delivery_shape(row) for row in rows], after))


async def get_delivery(web: Web, call: Call) -> Answer:
    """Answer a delivery with its event and every attempt."""
    found = await web.store.delivery(call.param("id"))
    if found is None or (call.allowed and not await _visible(web, call, [found[0]])):
        raise _unknown(call.param("id"))
    delivery, event, attempts = found
    shown = delivery_shape(delivery) | {"tries": [attempt_shape(attempt) for attempt in attempts]}
    return Answer.json(shown | {"told": told_shape(event)})


async def replay_delivery(web: Web, call: Call) -> Answer:
    """Send one settled delivery again."""
    found = await web.store.delivery(call.param("id"))
    if found is None:
        raise _unknown(call.param("id"))
    await _refuse_disabled(web, found[0].destination)
    if not await _replay(web, [found[0].id]):
        detail = "This delivery is still under way: there is nothing to send again yet."
        raise Problem(409, "not_settled", detail, extra={"state": found[0].state})
    return Answer.json({"replayed": 1}, 202)


async def replay_deliveries(web: Web, call: Call) -> Answer:
    """Send all settled deliveries of a filter again; dead ones unless it says otherwise."""
    find = _filter(await call.fields())
    if find.destination is not None:
        await _refuse_disabled(web, find.destination)
    count = sum([await _replay(web, [row.id for row in rows]) async for rows in _pages(web, find)])
    return Answer.json({"replayed": count}, 202)


def _filter(fields: dict[str, Any]) -> Find:
    """Read the filter of a replay.

    Raises:
        Problem: 422 with every fault.
    """
    known = f"Known: {', '.join(REPLAY_FIELDS)}."
    faults = [Fault(name[:60], "is not a known field", known) for name in fields if name not in REPLAY_FIELDS]
    texts = {name: fields[name] for name in REPLAY_FIELDS if fields.get(name) is not None}
    faults += [
        Fault(name, "is not text", "Send a string.") for name, value in texts.items() if not isinstance(value, str)
    ]
    state, kind = texts.get("state", WorkState.DEAD), texts.get("type")
    if state not in (WorkState.DEAD, WorkState.DONE):
        faults.append(Fault("state", "is neither dead nor done", "Send one of the two."))
    if kind is not None and kind not in EVENT_TYPES:
        faults.append(Fault("type", "is no event type", "GET /v1/event-types lists them."))
    times: dict[str, datetime | None] = {}
    for name in ("since", "until"):
        if isinstance(texts.get(name), str):
            times[name], _, wrong = parse_when(texts[name], None, name)
            faults += wrong
    if faults:
        raise invalid(faults)
    since, until = times.get("since"), times.get("until")
    return Find(destination=texts.get("endpoint"), state=state, type=kind, since=since, until=until)


async def _pages(web: Web, find: Find) -> AsyncIterator[list[Delivery]]:
    """Give every delivery of a filter, page by page; each is older, so what is sent again is not found again."""
    after: str | None = None
    more = True
    while more:
        rows, after = await page(web.store.find_deliveries, replace(find, limit=_AT_ONCE, before=after))
        yield rows
        more = after is not None


async def _replay(web: Web, ids: Sequence[str]) -> int:
    """Make deliveries due again, no more than a page; answer how many were settled and so are."""
    count = await web.store.replay(Find(), ids, web.clock()) if ids else 0
    if count:
        log.info("delivery.replayed", count=count)
    return count


async def _refuse_disabled(web: Web, name: str) -> None:
    endpoint = (await web.store.endpoints()).get(name)
    if endpoint is None:
        raise Problem(404, "no_such_endpoint", f"There is no endpoint {name[:60]!r}. GET /v1/endpoints lists them.")
    if not endpoint.enabled:
        detail = f"Endpoint {name!r} is disabled. POST /v1/endpoints/{name}/enable first, with replay if you like."
        raise Problem(409, "endpoint_disabled", detail, extra={"reason": endpoint.reason})


async def _visible(web: Web, call: Call, rows: Sequence[Delivery]) -> list[Delivery]:
    """Leave out what tells of accounts that the caller may not use; what tells of keys and endpoints is not for it."""
    subjects = {row.id: row.subject.split(":") for row in rows}
    ids = {parts[1] for parts in subjects.values() if parts[0] in ("post", "target")}
    seen = {post_id for post_id, post in (await web.store.posts(ids)).items() if may_see(post, call.allowed)}
    return [row for row in rows if _concerns(web, call, subjects[row.id], seen)]


def _concerns(web: Web, call: Call, parts: Sequence[str], seen: set[str]) -> bool:
    match parts:
        case ["post", post_id] | ["target", post_id, *_]:
            return post_id in seen
        case ["account", partner, *rest] | ["cause", "account", partner, *rest]:
            account_id = ":".join(rest)
            name = web.ingest.kit.book.directory.name_of(partner, account_id)
            return may_see_account(partner, account_id, name, call.allowed)
        case _:
            return False


def _unknown(asked: str) -> Problem:
    return Problem(404, "no_such_delivery", f"There is no delivery {asked[:60]!r}. GET /v1/deliveries lists them.")
