"""Deliveries over HTTP: what was told to whom, and how that went."""

from collections.abc import Sequence

from bridge.core.endpoints import DELIVERED
from bridge.core.errors import FailureReason, Problem
from bridge.core.model import Attempt, Delivery, WorkState
from bridge.web._call import Answer, Call, Web
from bridge.web._pages import page
from bridge.web._query import PAGE, Query
from bridge.web._shapes import Shape, attempt_shape, delivery_shape, listed, told_shape
from bridge.web._sight import Sight, concerning, sight

FILTERS = ("endpoint", "state", "type", "partner", "source", "reason", "account", "subject", "event_id")


async def list_deliveries(web: Web, call: Call) -> Answer:
    """Answer a page of deliveries, newest first."""
    query = Query(call.query, (*FILTERS, *PAGE))
    subject = query.text("subject")
    find = query.find(
        destination=query.text("endpoint"),
        state=query.word("state", tuple(WorkState)),
        type=query.word("type", DELIVERED),
        partner=query.word("partner", tuple(web.ingest.kit.partners)),
        source=query.text("source"),
        reason=query.word("reason", tuple(FailureReason)),
        account=query.text("account"),
        subject=f"post:{subject}" if subject and subject.startswith("post_") else subject,
        event_id=query.text("event_id"),
    )

    seen = await sight(web, call)

    async def visible(rows: Sequence[Delivery]) -> list[Delivery]:
        # Who asks for an endpoint that is not for it must not learn from the answer that there is one.
        return await _visible(web, call, seen, [row for row in rows if not find.destination or seen.has(row)])

    rows, after = await page(web.store.find_deliveries, find, visible if call.allowed else None)
    return Answer.json(listed([seen.shown(row, delivery_shape(row), "tries") for row in rows], after))


async def get_delivery(web: Web, call: Call) -> Answer:
    """Answer a delivery with its event and, when its endpoint is for the caller, every attempt."""
    asked, seen = call.param("id"), await sight(web, call)
    found = await web.store.delivery(asked)
    if found is None or (call.allowed and not await _visible(web, call, seen, [found[0]])):
        detail = f"There is no delivery {asked[:60]!r}. GET /v1/deliveries lists them."
        raise Problem(404, "no_such_delivery", detail)
    delivery, event, attempts = found
    tries = [try_shape(attempt) for attempt in attempts]
    shape = delivery_shape(delivery) | {"tries": tries, "told": told_shape(event)}
    return Answer.json(seen.shown(delivery, shape, "tries"))


def try_shape(attempt: Attempt) -> Shape:
    """One request to an endpoint: how long it took, and the beginning of what was answered, redacted."""
    ended = attempt.finished_at
    shown = attempt_shape(attempt)
    response = (shown.pop("answer") or {}).get("body")
    took = (ended - attempt.started_at).total_seconds() if ended is not None else None
    return shown | {"duration_s": took, "response": response}


async def _visible(web: Web, call: Call, seen: Sight, rows: Sequence[Delivery]) -> list[Delivery]:
    """Leave out what tells of accounts that the caller may not use.

    What tells of keys and endpoints is not for it, unless an endpoint of its own was told.
    """
    concerned = await concerning(web, call, {row.id: row.subject for row in rows})
    return [row for row in rows if seen.all_of(row) or row.id in concerned]
