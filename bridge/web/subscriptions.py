"""REST hooks over HTTP: subscriptions that a program makes and ends by itself, and samples of what it will get.

Zapier turns a Zap on with a POST that has its target address, keeps the whole answer, and turns it off with a DELETE of
the `id` in it; samples fill its editor. Source: https://docs.zapier.com/platform/build/cli-hook-trigger, read 2026-11.
"""

from collections.abc import Sequence

import orjson

from bridge.core.catalogue import samples
from bridge.core.endpoints import may_be_told
from bridge.core.errors import Problem
from bridge.core.events import EVENT_TYPES
from bridge.core.formats import FORMATS, STANDARD, body
from bridge.core.model import OutboundEvent
from bridge.ports import Find
from bridge.web._call import Answer, Call, Web
from bridge.web._pages import page
from bridge.web._query import Query
from bridge.web._shapes import subscription_shape

SAMPLED = ("format", "limit")
_SAMPLES = 10


async def subscribe(web: Web, call: Call) -> Answer:
    """Make a subscription (201), or answer the one that the caller has for the very same thing (200)."""
    made = await web.endpoints.subscribe(await call.fields(), call.caller)
    secret = {"secret": made.secret} if made.secret else {}
    return Answer.json(subscription_shape(made.endpoint) | secret, 201 if made.new else 200)


async def unsubscribe(web: Web, call: Call) -> Answer:
    """End a subscription. Of one that is gone already the answer is the same: it is what the caller wants."""
    await web.endpoints.unsubscribe(call.param("id"), call.caller)
    return Answer(204, b"")


async def list_samples(web: Web, call: Call) -> Answer:
    """Answer what a subscriber to a type gets, newest first, byte for byte; an example when there was none yet."""
    query = Query(call.query, SAMPLED)
    name = query.word("format", FORMATS) or STANDARD
    limit = query.rows(_SAMPLES)
    query.check()
    event_type = call.param("type")
    if event_type not in EVENT_TYPES:
        detail = f"There is no event type {event_type[:60]!r}. GET /v1/event-types lists them."
        raise Problem(404, "no_such_event_type", detail)

    async def visible(rows: Sequence[OutboundEvent]) -> list[OutboundEvent]:
        return [row for row in rows if may_be_told(call.allowed, row)]

    found, _ = await page(web.store.told, Find(limit=limit, type=event_type), visible)
    bodies = [one for event in found if (one := body(name, event)) is not None]
    if not bodies:
        example = body(name, samples()[event_type])
        bodies = [example] if example is not None else []
    return Answer.json([orjson.Fragment(one) for one in bodies])
