"""Scripts of what goes wrong: which calls of a simulated partner fail, how often, and how; the partner words it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from random import Random
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

Endpoint = Callable[[Request], Awaitable[Response]]
ABORT = "simulator.abort_connection"
HTML_502 = (
    b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"
)


class FaultKind(StrEnum):
    """How a call goes wrong."""

    RATE_LIMITED = "rate_limited"
    UNAUTHORIZED = "unauthorized"
    PLAN_LAPSED = "plan_lapsed"
    TIER_NOT_ALLOWED = "tier_not_allowed"
    HOSTED_SUBSCRIPTION_REQUIRED = "hosted_subscription_required"
    FORBIDDEN = "forbidden"
    SERVER_ERROR = "server_error"
    UNAVAILABLE = "unavailable"
    PARTIAL = "partial"
    HTML_502 = "html_502"
    EMPTY = "empty"
    SLOW = "slow"
    DROPPED = "dropped"
    STORED_THEN_DROPPED = "stored_then_dropped"
    EXTRA_FIELDS = "extra_fields"
    UNKNOWN_STATUS = "unknown_status"
    ANSWER = "answer"


LETS_WORK = frozenset(
    {FaultKind.SLOW, FaultKind.STORED_THEN_DROPPED, FaultKind.EXTRA_FIELDS, FaultKind.UNKNOWN_STATUS, FaultKind.PARTIAL}
)


@dataclass(slots=True)
class Fault:
    """One line of a script.

    Args:
        kind: what happens. `plan_lapsed` is 402, `tier_not_allowed` and `hosted_subscription_required` are 403,
            `forbidden` is a plain 403 and `unavailable` a 503 (PostEverywhere only; Genviral answers its 500),
            `server_error` is the operation's own 500, `partial` does part of a retry or delete and answers 500 with
            the data, `answer` sends the fields below as they are.
        operation: `create`, `list`, `get`, `update`, `retry`, `delete`, `accounts`, `subscription`, `host`, or `*`; of
            PostEverywhere also `bulk`, `results`, `schedule`, `retry_failed`, `me` and the rest of its route table.
        times: how many calls it hits; -1 for all.
        match: only calls whose caption, external id or post id contains this text.
        key: only calls with the key of this public id.
        chance: the share of matching calls that are hit, 0 to 1.
        after: do the call's work first, then answer the fault (a lost answer). `stored_then_dropped` is `dropped`
            with it.
        delay_s: wait so long before answering; what `slow` is about, and possible with every kind.
        retry_after: seconds for `rate_limited` (none: no header); `as_date` writes it as an HTTP date.
        done: how many ids `partial` works off; default the first half, at least one.
        word: the status shown by `unknown_status`.
        fields: what `extra_fields` adds to the envelope, `data`, and each post, row and account.
        status, body, headers: the raw answer of `answer`.
    """

    kind: FaultKind
    operation: str = "*"
    times: int = 1
    match: str | None = None
    key: str | None = None
    chance: float = 1.0
    after: bool = False
    delay_s: float = 0.0
    retry_after: int | None = None
    as_date: bool = False
    done: int | None = None
    word: str = "reconciling"
    fields: dict[str, Any] = field(default_factory=lambda: {"x_new_field": {"nested": [1, None]}})
    status: int = 500
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.kind = FaultKind(self.kind)
        if self.kind is FaultKind.SLOW and not self.delay_s:
            self.delay_s = 0.2

    @property
    def works_first(self) -> bool:
        """Whether the call still does its work."""
        return self.after or self.kind in LETS_WORK

    @property
    def drops(self) -> bool:
        """Whether the connection is cut without an answer."""
        return self.kind in (FaultKind.DROPPED, FaultKind.STORED_THEN_DROPPED)

    def hits(self, operation: str, *, text: str, key: str | None) -> bool:
        """Whether the fault is meant for this call."""
        named = self.operation in ("*", operation) and self.key in (None, key)
        return self.times != 0 and named and (self.match is None or self.match in text)

    def render(self) -> dict[str, Any]:
        """Write the fault for the control API."""
        return asdict(self)


class FaultScript:
    """The faults still to come, taken in the order they were added."""

    def __init__(self, chance: Random) -> None:
        self._chance = chance
        self._waiting: list[Fault] = []

    def add(self, fault: Fault) -> Fault:
        """Put a fault at the end of the script."""
        self._waiting.append(fault)
        return fault

    def clear(self) -> None:
        """Let everything go well again."""
        self._waiting.clear()

    def waiting(self) -> list[Fault]:
        """Give the faults still to come."""
        return list(self._waiting)

    def take(self, operation: str, *, text: str = "", key: str | None = None) -> Fault | None:
        """Take the first fault meant for the call, and count it."""
        for fault in self._waiting:
            if fault.hits(operation, text=text, key=key) and (
                fault.chance >= 1 or self._chance.random() < fault.chance
            ):
                fault.times -= fault.times > 0
                if fault.times == 0:
                    self._waiting.remove(fault)
                return fault
        return None


def retry_after_header(fault: Fault, now: datetime) -> dict[str, str]:
    """Write the Retry-After header of a 429: seconds, an HTTP date, or none."""
    if fault.retry_after is None:
        return {}
    moment = now + timedelta(seconds=fault.retry_after)
    return {"retry-after": format_datetime(moment, usegmt=True) if fault.as_date else str(fault.retry_after)}


def inject(value: Any, fields: dict[str, Any]) -> Any:
    """Add unknown fields to a JSON object and to every object in it."""
    if isinstance(value, dict):
        return {name: inject(one, fields) for name, one in value.items()} | fields
    return [inject(one, fields) for one in value] if isinstance(value, list) else value


def reword(value: Any, word: str) -> Any:
    """Replace every `status` word in a JSON value; account listings included."""
    if isinstance(value, dict):
        return {
            name: word if name == "status" and isinstance(one, str) else reword(one, word)
            for name, one in value.items()
        }
    return [reword(one, word) for one in value] if isinstance(value, list) else value


async def drop(request: Request) -> Response:
    """Cut the connection without an answer: really if served by `running`, else by raising httpx's error for it."""
    abort: Callable[[], None] | None = request.scope.get(ABORT)
    if abort is None:
        import httpx  # Only an in-process caller gets here, and it is httpx itself.

        raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
    abort()
    await asyncio.sleep(0)  # The server learns of the cut before the empty answer below is (not) sent.
    return Response()
