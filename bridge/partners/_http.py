"""The only await of the room: one HTTP client a key, its rate budget, and what a call that found no answer means.

A call is made once, never repeated here. Statuses are the partner's own to judge (`refuse`); this file knows the way
there and back: connecting, cutting, time-outs, `Retry-After`, bodies that are no JSON, and that no error text shows a
secret.
"""

import asyncio
import math
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import IntEnum
from itertools import count
from typing import Any

import httpx
import orjson

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.redact import Redactor
from bridge.ports import Clock

CONNECT_S = 10.0
WRITE_S = 120.0
"""A create checks the media's addresses before it answers; the vendor's own client waits as long."""
READ_S = 30.0
MAX_BODY = 16 * 2**20
KEPT_CHARACTERS = 200
_LOOKED_AT_BYTES = 1_000
LONGEST_RETRY_AFTER = timedelta(days=7)
LONGEST_HELD_WAIT_S = 5.0
"""A call waits for a shorter hold, and is refused unsent by a longer one."""

Observe = Callable[[str, str, str, float], None]
"""Told of every call that ended: the key's name, operation, outcome (`ok` or a `FailureReason`), seconds."""


class Priority(IntEnum):
    """Who goes first when calls wait for the budget."""

    COMMAND = 0
    READ = 1


@dataclass(slots=True)
class Bucket:
    """A token bucket as GCRA: `free_at` is when the bucket is full again; a call takes `interval_s` of it.

    A call may go once `free_at - at <= (burst - 1) * interval_s`; the one behind `ahead` others an interval later for
    each.
    """

    interval_s: float
    burst: int
    free_at: float = 0.0

    def wait_s(self, at: float, ahead: int = 0) -> float:
        """Return how long a call with so many others before it waits, in seconds; 0 when it may go at `at`."""
        backlog = max(self.free_at - at, 0.0) + ahead * self.interval_s
        return max(backlog - (self.burst - 1) * self.interval_s, 0.0)

    def take(self, at: float) -> None:
        """Count a call that goes at `at`."""
        self.free_at = max(self.free_at, at) + self.interval_s


class Budget:
    """Lets the calls of one key out: so many a second, commands before reads, in order of arrival, none while held.

    Args:
        rate: calls a second; up to `burst` at once after a pause.
        now: the wall clock, for holds.
        tick: the clock of the rate, in seconds; it never jumps.
        sleep: how waiting is done.
    """

    def __init__(
        self,
        rate: float,
        burst: int = 4,
        *,
        now: Clock,
        tick: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bucket = Bucket(1 / rate, burst)
        self._now, self._tick, self._sleep = now, tick, sleep
        self._held_until: datetime | None = None
        self._arrivals = count()
        self._waiting: set[tuple[Priority, int]] = set()

    def hold(self, until: datetime | None) -> None:
        """Let nothing out before `until`; None lifts the hold."""
        self._held_until = until

    def hold_at_least(self, until: datetime) -> None:
        """Hold until then, unless a longer hold stands."""
        self._held_until = max(until, self._held_until or until)

    async def enter(self, priority: Priority) -> None:
        """Return when the call may go out.

        Raises:
            PartnerError: the hold lasts longer than `LONGEST_HELD_WAIT_S`; `retry_after` is what is left of it.
        """
        turn = (priority, next(self._arrivals))
        self._waiting.add(turn)
        try:
            while wait_s := self._wait_s(turn):
                # A second at most: a hold that is lifted or a turn that falls away is seen that soon.
                await self._sleep(min(max(wait_s, 0.001), 1.0))
            self._bucket.take(self._tick())
        finally:
            self._waiting.discard(turn)

    def _wait_s(self, turn: tuple[Priority, int]) -> float:
        held_s = (self._held_until - self._now()).total_seconds() if self._held_until else 0.0
        if held_s > LONGEST_HELD_WAIT_S:
            raise PartnerError(
                FailureReason.RATE_LIMITED,
                FailureClass.RETRYABLE,
                detail="not sent: the key is held",
                retry_after=timedelta(seconds=held_s),
            )
        ahead = sum(other < turn for other in self._waiting)
        return max(held_s, self._bucket.wait_s(self._tick(), ahead))


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer: `body` is its JSON object, or None; `text` its redacted first 200 characters.

    `sent_at` was taken just before the call. `headers` have lower-case names. `retry_after` counts from now.
    """

    status: int
    body: Mapping[str, Any] | None
    text: str
    headers: Mapping[str, str]
    retry_after: timedelta | None
    sent_at: datetime


class Http:
    """Calls one partner with one credential.

    Args:
        name: the key's name, for `observe`.
        base_url: without a final slash; plain http only if it says so itself, for redirects are never followed.
        token: sent as `Authorization: Bearer`, and taken out of every text.
        transport: what carries the calls instead of the network (tests).
    """

    def __init__(
        self,
        name: str,
        base_url: str,
        token: str,
        *,
        budget: Budget,
        now: Clock,
        observe: Observe,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        secret = token.rpartition(".")[2]
        self.redactor = Redactor((token, secret) if len(secret) >= 8 else (token,))
        self._name, self._budget, self._now, self._observe = name, budget, now, observe
        headers = {"authorization": f"Bearer {token}", "accept": "application/json", "user-agent": "bridge-publish"}
        # The whole call is timed in `_exchange`; httpx itself only watches over connecting.
        timeout = httpx.Timeout(None, connect=CONNECT_S)
        self._client = httpx.AsyncClient(
            base_url=base_url,
            headers=headers,
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
            transport=transport,
        )

    async def call(
        self,
        operation: str,
        method: str,
        path: str,
        *,
        refuse: Callable[[Answer], PartnerError | None],
        write: bool = False,
        priority: Priority = Priority.READ,
        body: bytes | None = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        """Make one call, after its turn in the budget, and answer what came back.

        Args:
            operation: the metric's word for it.
            refuse: judges the answer; what it returns is raised.
            write: the call changes something there, so a lost answer may mean that it did; it may take
                120 s, others 30 s.
            body: JSON bytes, sent exactly as they are.

        Raises:
            PartnerError: refused, or lost on the way.
        """
        await self._budget.enter(priority)
        started = time.monotonic()
        try:
            answer = await self._exchange(method, path, write=write, body=body, params=params)
            self._obey(answer)
            if (refused := refuse(answer)) is not None:
                raise refused
        except PartnerError as error:
            self._observe(self._name, operation, str(error.reason), time.monotonic() - started)
            raise
        self._observe(self._name, operation, "ok", time.monotonic() - started)
        return answer

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _exchange(
        self, method: str, path: str, *, write: bool, body: bytes | None, params: Mapping[str, str] | None
    ) -> Answer:
        headers = {"content-type": "application/json"} if body is not None else None
        sent_at = self._now()
        try:
            async with (
                asyncio.timeout(WRITE_S if write else READ_S),
                self._client.stream(method, path, content=body, params=params, headers=headers) as response,
            ):
                raw = await _read(response)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, TimeoutError) as error:
            # `from None`: the cause holds the request, and with it the credential.
            raise lost(error, write=write) from None
        return Answer(
            status=response.status_code,
            body=_json_object(raw),
            # Redacted well beyond the cut: a credential that stands across it must be seen whole.
            text=self.redactor.text(raw[:_LOOKED_AT_BYTES].decode(errors="replace"), KEPT_CHARACTERS),
            headers={name.lower(): value for name, value in response.headers.items()},
            retry_after=parse_retry_after(response.headers.get("retry-after"), self._now()),
            sent_at=sent_at,
        )

    def _obey(self, answer: Answer) -> None:
        """Hold the key at once, so that calls that already wait here do not run into the same refusal."""
        if answer.status == 429 and answer.retry_after is not None:
            self._budget.hold_at_least(self._now() + answer.retry_after)


async def _read(response: httpx.Response) -> bytes:
    raw = bytearray()
    async for chunk in response.aiter_bytes():
        raw += chunk
        if len(raw) > MAX_BODY:
            raise httpx.DecodingError("the answer is too long")
    return bytes(raw)


def _json_object(raw: bytes) -> Mapping[str, Any] | None:
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None


def lost(error: Exception, *, write: bool) -> PartnerError:
    """Say what a call without a readable answer means. A write may be stored as soon as bytes may have left."""
    match error:
        case httpx.ConnectError():
            reason, detail, left = _connect_reason(error), "no connection", False
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            reason, detail, left = FailureReason.CONNECT, f"no connection within {CONNECT_S:g} s", False
        case httpx.UnsupportedProtocol() | httpx.InvalidURL():
            reason, detail, left = FailureReason.PROTOCOL, "the address cannot be called", False
        case TimeoutError() | httpx.TimeoutException():
            reason, detail, left = FailureReason.TIMEOUT, f"no answer within {WRITE_S if write else READ_S:g} s", True
        case httpx.DecodingError():
            reason, detail, left = FailureReason.UNREADABLE, "the answer could not be read", True
        case httpx.NetworkError() | httpx.RemoteProtocolError():
            reason, detail, left = FailureReason.CLOSED, "the connection was cut", True
        case _:
            reason, detail, left = FailureReason.PROTOCOL, type(error).__name__, True
    return PartnerError(reason, FailureClass.RETRYABLE, maybe_stored=write and left, detail=detail)


def _connect_reason(error: BaseException) -> FailureReason:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, socket.gaierror):
            return FailureReason.DNS
        if isinstance(cause, ssl.SSLError):
            return FailureReason.TLS
        cause = cause.__cause__ or cause.__context__
    return FailureReason.CONNECT


def parse_retry_after(value: str | None, now: datetime) -> timedelta | None:
    """Read a Retry-After header, seconds or an HTTP date, as 0 to 7 days; None when absent or senseless."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    if not math.isfinite(seconds):
        return None
    return min(timedelta(seconds=min(max(seconds, 0.0), 1e6)), LONGEST_RETRY_AFTER)
