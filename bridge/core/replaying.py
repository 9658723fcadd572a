"""Replays: what a request asks to be sent again, how much of it goes at once, and what ends it early."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bridge.core.endpoint_rules import missing
from bridge.core.endpoints import DELIVERED, TEST, may_be_told, was_there
from bridge.core.errors import FailureReason, Fault, Problem
from bridge.core.model import Delivery, Endpoint, Json, OutboundEvent, Replay, WorkState
from bridge.core.request import invalid
from bridge.core.times import parse_when

FILTERS = ("endpoint", "state", "type", "partner", "source", "reason", "since", "until")
"""What a replay may look for among the deliveries that are settled."""

MISSED = "missed_since"
ALL = "all"
FIELDS = (*FILTERS, MISSED, ALL)

MOST_DUE = 1_000
MOST_DUE_IN_ALL = 10_000
"""How much may be due of one endpoint, and in all where a job names none, before a job waits: what is sent again stands
in the queue, and an endpoint that is held would fill it."""

_LONGEST = 200
_CLOCKS_APART, _CHAT_MISSES = timedelta(minutes=1), timedelta(days=7)
"""How old what a chat missed may be: nobody wants to read there what became of a post of last month."""

_TIMES = ("since", "until", MISSED)
_WORDS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "state": ((WorkState.DEAD, WorkState.DONE), "Send dead or done."),
    "type": (DELIVERED, "GET /v1/event-types lists them."),
    "reason": (tuple(FailureReason), "Send the `reason` that the deliveries have."),
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be sent again: the filter of a job, up to when it looks, and whether it is what an endpoint missed."""

    find: Json
    until: datetime
    missed: bool = False


class _Reader:
    """Reads the fields of one request and gathers what is wrong."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.faults: list[Fault] = []
        self.given: dict[str, str] = {}
        self.times: dict[str, datetime] = {}
        for name, value in fields.items():
            if name not in FIELDS:
                self.fault(name[:60], "is not a known field", f"Known: {', '.join(FIELDS)}.")
            elif name != ALL and value is not None:
                self._read(name, value)
        self.everything = self._flag(fields.get(ALL))

    def fault(self, name: str, problem: str, remedy: str) -> None:
        """Note a fault."""
        self.faults.append(Fault(name, problem, remedy))

    def _flag(self, value: Any) -> bool:
        if value not in (None, True, False):
            self.fault(ALL, "is not true or false", "Send true, or leave it out.")
        return value is True

    def _read(self, name: str, value: Any) -> None:
        self.given[name] = value
        if not isinstance(value, str) or not 0 < len(value) <= _LONGEST:
            self.fault(name, "is not text", f"Send a string of 1 to {_LONGEST} characters.")
        elif name in _TIMES:
            at, _, wrong = parse_when(value, None, name)
            self.faults += wrong
            if at is not None:
                self.times[name] = at
        elif name in _WORDS and value not in _WORDS[name][0]:
            self.fault(name, f"is {value[:60]!r}", _WORDS[name][1])


def wanted(fields: Mapping[str, Any], now: datetime) -> Wanted:
    """Read what a replay is asked for: a filter over settled deliveries, dead ones unless it says otherwise.

    With `missed_since`, which goes with `endpoint` alone, it is all that the endpoint wants and never got since then.

    Raises:
        Problem: 422 with every fault.
    """
    reader = _Reader(fields)
    if MISSED in reader.given:
        _check_missed(reader)
    elif not reader.given and not reader.everything and not reader.faults:
        reader.fault("", "names nothing", f"Send one of {', '.join(FILTERS)}, or `all: true`.")
    since, until = reader.times.get(MISSED) or reader.times.get("since"), reader.times.get("until")
    if since is not None and since >= min(until or now, now):
        name = MISSED if MISSED in reader.times else "since"
        reader.fault(name, "is not before the end of what is looked at", "Send an instant before `until` and now.")
    if reader.faults:
        raise invalid(reader.faults)
    return _wanted(reader, now)


def _check_missed(reader: _Reader) -> None:
    if "endpoint" not in reader.given:
        reader.fault("endpoint", "is missing", "Name the endpoint that missed something.")
    for name in (name for name in reader.given if name not in (MISSED, "endpoint")):
        reader.fault(name, f"does not go with {MISSED}", "Leave it out: an endpoint gets all that it wants and missed.")


def _wanted(reader: _Reader, now: datetime) -> Wanted:
    missed = MISSED in reader.given
    find: dict[str, Any] = {} if missed else {"state": str(WorkState.DEAD)}
    for name, value in reader.given.items():
        word = {"endpoint": "destination", MISSED: "since"}.get(name, name)
        find[word] = reader.times[name].isoformat() if name in _TIMES else value
    return Wanted(find, min(reader.times.get("until", now), now), missed)


def room(job: Replay, due: Mapping[str, int]) -> int:
    """Return how many more deliveries of a job may stand in line, given how many do by endpoint."""
    name = job.find.get("destination")
    left = MOST_DUE_IN_ALL - sum(due.values()) if name is None else MOST_DUE - due.get(name, 0)
    return max(0, left)


def obstacle(job: Replay, endpoints: Mapping[str, Endpoint]) -> str:
    """Say why a job cannot go on; empty when it can."""
    name = job.find.get("destination")
    if name is None:
        return ""
    endpoint = endpoints.get(name)
    if endpoint is None or not was_there(endpoint, job.created_at):
        return f"the endpoint {name} is there no more"
    return "" if endpoint.enabled else f"the endpoint {name} is disabled ({endpoint.reason or 'by_hand'})"


def of_chat(name: str, replay_id: str, now: datetime, owner: str) -> Replay:
    """Return the job that brings the messages of a chat up to date which missed something while it was disabled."""
    find = {"destination": name, "state": str(WorkState.DEAD), "reason": str(FailureReason.ENDPOINT_DISABLED)}
    since = (now - _CHAT_MISSES).isoformat()
    # Another replica, whose clock may be ahead, has let some die a moment ago.
    until = now + _CLOCKS_APART
    return Replay(id=replay_id, find=find | {"since": since}, created_at=now, until=until, owner=owner)


def may_go_again(endpoint: Endpoint, event: OutboundEvent) -> bool:
    """Say whether an endpoint may be told again what it was told; a test tells of nobody's account."""
    return event.type == TEST or may_be_told(endpoint.allowed, event)


def refuse_foreign(endpoint: Endpoint, delivery: Delivery, event: OutboundEvent) -> None:
    """Refuse to send an endpoint what is not, or not any more, for it.

    Raises:
        Problem: 404 for what an earlier endpoint of its name was told; 403 when it may be told of fewer accounts now.
    """
    name = endpoint.name
    if not was_there(endpoint, delivery.created_at):
        detail = f"The endpoint {name!r} that this was for was deleted; the one that has its name now was made later."
        raise Problem(404, "no_such_endpoint", detail)
    if not may_go_again(endpoint, event):
        detail = f"Endpoint {name!r} is for some accounts only, and this tells of others. It is not sent again."
        raise Problem(403, "account_not_allowed", detail)


def refuse_disabled(endpoints: Mapping[str, Endpoint], name: str) -> Endpoint:
    """Return the endpoint of a name, unless it would not be sent anything.

    Raises:
        Problem: 404 when there is none of this name, 409 with its reason when it is disabled.
    """
    endpoint = endpoints.get(name)
    if endpoint is None:
        raise missing(name)
    if not endpoint.enabled:
        detail = f"Endpoint {name!r} is disabled. POST /v1/endpoints/{name}/enable first."
        raise Problem(409, "endpoint_disabled", detail, extra={"reason": endpoint.reason})
    return endpoint
