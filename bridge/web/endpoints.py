"""Endpoints over HTTP: where events go, how each fares, and what a person does to it."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bridge.core.errors import FailureReason, Fault
from bridge.core.model import Delivery, Endpoint, Replay, WorkState
from bridge.core.queries import EndpointStats
from bridge.core.request import invalid
from bridge.core.sealing import SealError
from bridge.flows.endpoints import Made
from bridge.ports import Find
from bridge.web._call import Answer, Call, Web
from bridge.web._query import Query, wait_of
from bridge.web._shapes import Shape, delivery_shape, endpoint_shape, listed
from bridge.web.deliveries import try_shape

STATS = ("since",)
_WINDOW = timedelta(hours=24)
"""What statistics are of unless the caller says otherwise."""
_REFUSED_AT_ONCE = 200
"""How many deliveries that were answered 410 are sent again when an endpoint is enabled: one, or a few at once."""


async def list_endpoints(web: Web, call: Call) -> Answer:
    """Answer where events go."""
    return Answer.json(listed([shown(web, one) for one in await web.endpoints.all(call.caller)]))


async def create_endpoint(web: Web, call: Call) -> Answer:
    """Make an endpoint; its secret is told in this answer and never again."""
    made = await web.endpoints.create(await call.fields(), call.caller)
    location = f"/v1/endpoints/{made.endpoint.name}".encode()
    return Answer.json(with_secret(web, made), 201, ((b"location", location),))


async def get_endpoint(web: Web, call: Call) -> Answer:
    """Answer one endpoint."""
    return Answer.json(shown(web, await web.endpoints.get(call.param("name"), call.caller)))


async def patch_endpoint(web: Web, call: Call) -> Answer:
    """Change the fields that are given."""
    return Answer.json(shown(web, await web.endpoints.patch(call.param("name"), await call.fields(), call.caller)))


async def delete_endpoint(web: Web, call: Call) -> Answer:
    """Let an endpoint go."""
    await web.endpoints.delete(call.param("name"), call.caller)
    return Answer(204, b"")


async def enable_endpoint(web: Web, call: Call) -> Answer:
    """Let an endpoint have deliveries again; with `replay`, also those that died while it had none."""
    name, fields = call.param("name"), await call.fields()
    faults = [Fault(field[:60], "is not a known field", "Known: replay.") for field in fields if field != "replay"]
    if fields.get("replay") not in (None, True, False):
        faults.append(Fault("replay", "is not true or false", "Send true or false."))
    if faults:
        raise invalid(faults)
    endpoint = await web.endpoints.enable(name, call.caller)
    own = Find(limit=_REFUSED_AT_ONCE, destination=name, since=endpoint.created_at)
    refused = await web.store.find_deliveries(replace(own, state=WorkState.DEAD, reason=FailureReason.GONE))
    told: Shape = {"endpoint": shown(web, endpoint), "replay": None}
    if not fields.get("replay"):
        lost = await web.store.count_replay(_lost(name, web.clock()))
        return Answer.json(told | {"waiting": lost + len(refused)})
    job = await web.replayer.start({"endpoint": name, "reason": _LOST}, call.caller.name)
    await web.store.replay([delivery.id for delivery in refused], web.clock())
    return Answer.json(told | {"replay": job.id, "waiting": 0})


_LOST = str(FailureReason.ENDPOINT_DISABLED)


def _lost(name: str, now: datetime) -> Replay:
    """Return the job that would send what died because an endpoint was disabled."""
    find = {"destination": name, "state": str(WorkState.DEAD), "reason": _LOST}
    return Replay(id="", find=find, created_at=now, until=now)


async def disable_endpoint(web: Web, call: Call) -> Answer:
    """Let an endpoint have nothing more."""
    return Answer.json(shown(web, await web.endpoints.disable(call.param("name"), call.caller)))


async def rotate_secret(web: Web, call: Call) -> Answer:
    """Give an endpoint a new secret; it is told in this answer and never again."""
    made = await web.endpoints.rotate(call.param("name"), await call.fields(), call.caller)
    return Answer.json(with_secret(web, made) | {"old_until": made.old_until})


async def test_endpoint(web: Web, call: Call) -> Answer:
    """Send a test to an endpoint; with `wait`, say how its first attempt ended."""
    limit_s, name = wait_of(call.query), call.param("name")
    delivery = await web.endpoints.test(name, call.caller)
    load = web.ingest.load
    delivery, attempts = await web.endpoints.first_attempt(delivery, limit_s, lambda: load.draining)
    ended = next((attempt for attempt in attempts if attempt.finished_at is not None), None)
    endpoint = await web.endpoints.get(name, call.caller)
    told = {"delivery": delivery_shape(delivery), "attempt": try_shape(ended) if ended is not None else None}
    why = None if ended is not None else _why(delivery, endpoint, web.clock())
    return Answer.json(told | {"why": why}, 200 if ended is not None else 202)


def _why(delivery: Delivery, endpoint: Endpoint, now: datetime) -> str:
    """Say why nothing is known of an attempt yet."""
    if delivery.state is WorkState.DEAD:
        return f"it was not sent: {delivery.reason}"
    if endpoint.held_until is not None and endpoint.held_until > now:
        until = endpoint.held_until.isoformat().replace("+00:00", "Z")
        return f"the endpoint is held until {until}, because it failed too often or asked for a pause"
    return f"it is not known yet: GET /v1/deliveries/{delivery.id}, or ask with ?wait=20"


async def endpoint_stats(web: Web, call: Call) -> Answer:
    """Answer how an endpoint has fared since an instant."""
    query = Query(call.query, STATS)
    since = query.instant("since") or web.clock() - _WINDOW
    query.check()
    endpoint = await web.endpoints.get(call.param("name"), call.caller)
    stats = await web.store.endpoint_stats(endpoint.name, since)
    return Answer.json({"name": endpoint.name, "since": since} | _stats(stats))


def _stats(stats: EndpointStats) -> Shape:
    seconds = dict(zip(("median", "p95", "most"), stats.durations_s, strict=True)) if stats.durations_s else None
    return {
        "deliveries": _named(stats.deliveries),
        "oldest_due_at": stats.oldest_due_at,
        "attempts": _named(stats.attempts),
        "reasons": _named(stats.reasons),
        "seconds": seconds,
        "last_success_at": stats.last_success_at,
        "last_failure_at": stats.last_failure_at,
    }


def _named(counts: Mapping[str, int]) -> dict[str, int]:
    """Return counts under plain words, which is all that JSON takes as keys."""
    return {str(word): count for word, count in counts.items()}


def shown(web: Web, endpoint: Endpoint) -> Shape:
    """An endpoint as it is now; what cannot be opened of it is unknown."""
    now = web.clock()
    try:
        sending = web.endpoints.sending(endpoint, now)
    except SealError:
        sending = None
    return endpoint_shape(endpoint, sending, now=now, disable_after=web.endpoints.disable_after)


def with_secret(web: Web, made: Made) -> dict[str, Any]:
    """An endpoint with the secret that was just made."""
    return shown(web, made.endpoint) | {"secret": made.secret}
