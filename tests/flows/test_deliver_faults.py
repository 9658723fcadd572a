"""Deliver to receivers that misbehave: outcome, attempt, next try, endpoint, counts and log line of every fault."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge.core.endpoints import Sending
from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, AttemptOutcome, Delivery, Endpoint, Lane, OutboundEvent, WorkState, Write
from bridge.core.redact import Redactor
from bridge.core.rules import DeliverRules
from bridge.flows.deliver import Deliverer
from bridge.net import GuardedClient
from tests.flows.faulty import (
    HEAD,
    LOOPBACK,
    OK,
    Line,
    Listener,
    Serve,
    answers,
    answers_unread,
    closed_port,
    drips,
    endless,
    hangs,
    listening,
    reads_nothing,
    reply,
    resets,
    self_signed,
    traced,
)
from tests.flows.town import NOON, Town

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SCHEDULE = (timedelta(), timedelta(seconds=5), timedelta(minutes=5))
EVENT = OutboundEvent("msg_1", "post.posted", "post:post_1", 1, NOON, b'{"type":"post.posted"}')
SECRET = "s3cret-word"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
LONG = HEAD + b"Content-Length: 1000\r\n\r\n"
SHORT_S = 0.3
CUT = "x" * (16 * 1024 - 1) + "…"


@dataclass(frozen=True)
class Expected:
    """What becomes of one attempt: when it is tried again (None: never), and until when its endpoint is left alone."""

    reason: FailureReason | None
    status: int | None = None
    wait_s: float | None = 5
    hold_s: float | None = None
    answer: str | None = None
    detail: str | None = None
    requests: int = 1

    @property
    def outcome(self) -> str:
        if self.reason is None:
            return "done"
        return "later" if self.wait_s is not None else "dead"

    @property
    def next_at(self) -> datetime | None:
        return NOON + timedelta(seconds=self.wait_s) if self.outcome == "later" and self.wait_s is not None else None


def succeeds(status: int = 200, answer: str | None = "ok", **given: Any) -> Expected:
    return Expected(None, status, answer=answer, **given)


def fails(reason: str, status: int | None = None, **given: Any) -> Expected:
    return Expected(FailureReason(reason), status, **given)


@dataclass
class Attempted:
    """One attempt that was made, and all that is to be seen of it."""

    delivery: Delivery
    attempts: list[Attempt]
    endpoint: Endpoint
    logs: list[dict[str, Any]]
    counted: dict[str, float]


class Sender:
    """The real flow over a real store, with one endpoint."""

    def __init__(self, town: Town, deliverer: Deliverer) -> None:
        self.town, self.deliverer = town, deliverer

    async def attempt(self, url: str, **endpoint: Any) -> Attempted:
        """Tell one event to an endpoint at this address, and try once."""
        store = self.town.store
        row = replace((await store.endpoints())["ops"], version=2, url=url, **endpoint)
        await store.record([Write(endpoints=(row,)), Write(events=(EVENT,))])
        before = self._counts()
        with capture_logs() as logs:
            [batch] = await self.deliverer.claim(Lane.FIRST, 10)
            await self.deliverer.act(batch)
        after = self._counts()
        delivery, _, attempts = await store.delivery(batch[0].delivery.id)
        counted = {name: after[name] - before[name] for name in after if after[name] != before[name]}
        return Attempted(delivery, list(attempts), (await store.endpoints())["ops"], logs, counted)

    def _counts(self) -> dict[str, float]:
        families = self.town.kit.metrics._registry.collect()
        return {
            ".".join((one.name.removeprefix("bridge_"), *one.labels.values())): one.value
            for family in families
            for one in family.samples
            if one.name in ("bridge_deliveries_total", "bridge_deliveries_failed_total")
        }


@pytest.fixture
async def build_sender(build_town):
    async with AsyncExitStack() as stack:

        async def build(timeout_s: float = 5.0, **client: Any) -> Sender:
            town = await build_town()
            rules = DeliverRules(timeout=timedelta(seconds=timeout_s), schedule=SCHEDULE, jitter=0.0)
            settings: dict[str, Any] = {"allow": LOOPBACK, "allow_http": True} | client
            network = await stack.enter_async_context(GuardedClient(**settings))
            return Sender(town, Deliverer(town.kit, rules, network, sending, Redactor((SECRET,))))

        yield build


def sending(endpoint: Endpoint, now: datetime) -> Sending:
    return Sending((b"k" * 32,))


def check(made: Attempted, expected: Expected) -> None:
    """Compare every trace of an attempt with what is expected of it."""
    states = {"done": WorkState.DONE, "later": WorkState.DUE, "dead": WorkState.DEAD}
    delivery, [attempt], reason = made.delivery, made.attempts, expected.reason
    assert (delivery.state, delivery.reason, delivery.attempts) == (states[expected.outcome], reason, 1)
    assert delivery.lease_until is None
    if expected.outcome == "later":
        assert delivery.due_at == expected.next_at

    assert attempt.outcome is (AttemptOutcome.FAILED if reason else AttemptOutcome.OK)
    assert (attempt.number, attempt.status, attempt.reason) == (1, expected.status, reason)
    assert (attempt.answer or {}).get("body") == expected.answer
    assert expected.detail is None or expected.detail in (attempt.detail or "")

    gone = reason is FailureReason.GONE
    hold = timedelta(seconds=expected.hold_s) if expected.hold_s else None
    assert made.endpoint.enabled is not gone
    assert made.endpoint.failing_since == (NOON if reason and not gone else None)
    assert made.endpoint.held_until == (NOON + hold if hold else None)

    counts = {f"deliveries_total.ops.{expected.outcome}": 1.0}
    assert made.counted == counts | ({f"deliveries_failed_total.ops.{reason}": 1.0} if reason else {})

    [line] = [one for one in made.logs if one["event"] == "delivery.attempted"]
    assert (line["log_level"], line["endpoint"]) == ("warning" if reason else "info", "ops")
    assert (line["delivery_id"], line["webhook_id"], line["type"]) == (delivery.id, EVENT.id, EVENT.type)
    assert (line["status"], line["outcome"], line["reason"]) == (expected.status, expected.outcome, reason)
    assert (line["attempt"], line["of"], line["next_at"]) == (1, len(SCHEDULE), expected.next_at)
    assert SECRET not in str((made.delivery, made.attempts, made.logs))


@asynccontextmanager
async def asked_once(serve: Serve, requests: int = 1) -> AsyncIterator[Listener]:
    """Serve, and see to it that one connection was made and its request was the right one."""
    async with listening(serve) as receiver:
        yield receiver
        assert (receiver.connections, len(receiver.requests)) == (1, requests)
        for request in receiver.requests:
            assert b"webhook-id: msg_1\r\n" in request
            assert request.endswith(EVENT.body)


BROKEN: dict[str, tuple[Serve, Expected]] = {
    "resets before the head": (resets(), fails("closed")),
    "resets in the head": (resets(HEAD + b"Content-"), fails("closed")),
    "resets in the body": (resets(LONG + b"half"), fails("closed")),
    "hangs up before the head": (answers(b""), fails("closed")),
    "hangs up in the head": (answers(HEAD + b"Content-"), fails("closed")),
    "says more than it sends": (answers(LONG + b"half"), fails("closed")),
    "sends more than it says": (answers(HEAD + b"Content-Length: 2\r\n\r\nok, more"), succeeds()),
    "closes in spite of its promise": (answers(reply(200, "Connection: keep-alive")), succeeds()),
    "never reads": (reads_nothing, fails("timeout", requests=0)),
    "hangs before the head": (hangs(), fails("timeout")),
    "hangs in the head": (hangs(HEAD + b"Content-"), fails("timeout")),
    "hangs in the body": (hangs(LONG + b"half"), fails("timeout")),
    "drips the head": (drips(HEAD + b"X: "), fails("timeout")),
    "drips the body": (drips(LONG), fails("timeout")),
    "drips interim answers": (drips(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), fails("timeout")),
    "answers before it reads": (answers_unread, succeeds(requests=0)),
    "100 first": (answers(b"HTTP/1.1 100 Continue\r\n\r\n" + OK), succeeds()),
    "103 first": (answers(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + OK), succeeds()),
    "100 and no more": (answers(b"HTTP/1.1 100 Continue\r\n\r\n"), fails("closed")),
    "speaks another protocol": (answers(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), fails("protocol")),
    "sends noise": (answers(bytes(range(256)) * 4), fails("protocol")),
    "has a negative length": (answers(HEAD + b"Content-Length: -2\r\n\r\nok"), fails("protocol")),
    "has two lengths": (answers(HEAD + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nok"), fails("protocol")),
    "has no size of a chunk": (answers(CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n"), fails("protocol")),
    "has a head in one long line": (answers(HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n"), fails("protocol")),
    "repeats a secret": (
        answers(reply(500, body=b"not s3cret-word")),
        fails("server_error", 500, answer="not [redacted]"),
    ),
    "sends a NUL and half a letter": (answers(reply(200, body=b"a\0b\xc3")), succeeds(answer="ab\ufffd")),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_answer(build_sender, case):
    serve, expected = BROKEN[case]
    sender = await build_sender(SHORT_S if expected.reason is FailureReason.TIMEOUT else 5.0)
    async with asked_once(serve, expected.requests) as receiver:
        check(await sender.attempt(receiver.url), expected)


ENDLESS: dict[str, tuple[Serve, Expected]] = {
    "body": (endless(HEAD + b"\r\n", b"x"), succeeds(answer=CUT)),
    "body of a refusal": (
        endless(b"HTTP/1.1 500 Error\r\n\r\n", b"x"),
        fails("server_error", 500, answer=CUT),
    ),
    "small chunks": (endless(CHUNKED, b"1\r\nx\r\n"), succeeds(answer=CUT)),
    "size of a chunk": (endless(CHUNKED, b"0"), fails("protocol")),
    "header": (endless(HEAD + b"X: ", b"x"), fails("protocol")),
    "headers": (endless(HEAD, b"X-Some: header\r\n"), fails("protocol")),
    "interim answers": (endless(b"", b"HTTP/1.1 102 Processing\r\n\r\n"), fails("protocol")),
}


@pytest.mark.parametrize("case", ENDLESS)
async def test_what_never_ends_is_cut_off_in_bounded_memory(build_sender, case):
    serve, expected = ENDLESS[case]
    sender = await build_sender()
    async with asked_once(serve) as receiver:
        with traced() as memory:
            made = await sender.attempt(receiver.url)

    check(made, expected)
    assert memory.peak < 24_000_000


STATUSES: dict[int, Expected] = (
    {status: succeeds(status) for status in (200, 201, 202, 203, 206, 226, 299)}
    | {status: succeeds(status, None) for status in (204, 205)}
    | {status: fails("redirect", status, answer="ok") for status in (300, 301, 302, 303, 305, 307, 308, 399)}
    | {304: fails("redirect", 304)}
    | {status: fails("client_error", status, answer="ok") for status in (400, 402, 405, 408, 409, 413, 422, 425, 499)}
    | {401: fails("unauthorized", 401, answer="ok"), 403: fails("forbidden", 403, answer="ok")}
    | {404: fails("not_found", 404, answer="ok"), 429: fails("rate_limited", 429, answer="ok")}
    | {status: fails("server_error", status, answer="ok") for status in (500, 501, 502, 503, 504, 511, 599, 600, 999)}
    | {101: fails("protocol", 101)}
    | {410: fails("gone", 410, wait_s=None, answer="ok")}
)


@pytest.mark.parametrize("status", STATUSES)
async def test_a_status(build_sender, status):
    body = b"" if status in (101, 204, 205, 304) else b"ok"
    sender = await build_sender()
    async with asked_once(answers(reply(status, body=body))) as receiver:
        check(await sender.attempt(receiver.url), STATUSES[status])


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("to", ["http://127.0.0.1:{port}/moved", "http://169.254.169.254/latest/meta-data/"])
async def test_a_redirect_is_not_followed(build_sender, status, to):
    """That the other connection is not made, even to an allowed address, is what `asked_once` looks at."""

    async def serve(line: Line) -> None:
        await line.request()
        await line.send(reply(status, f"Location: {to.format(port=line.listener.port)}"))

    sender = await build_sender()
    async with asked_once(serve) as receiver:
        check(await sender.attempt(receiver.url), fails("redirect", status, answer="ok"))


DAY_S = 86_400.0
RETRY_AFTER: dict[str, float] = {
    "30": 30, "7.5": 7.5, " 30 ": 30, "0": 0, "2": 2, "-5": 0, "": -1, "soon": -1, "nan": -1, "30, 60": -1,
    "86399": 86_399, "86401": DAY_S, "1000000000000": DAY_S, "9" * 400: DAY_S,
    format_datetime(NOON + timedelta(minutes=1), usegmt=True): 60,
    format_datetime(NOON - timedelta(minutes=1), usegmt=True): 0,
    format_datetime(NOON + timedelta(days=2), usegmt=True): DAY_S,
    "Thursday, 01-Jan-26 12:01:00 GMT": 60, "Thu Jan  1 12:01:00 2026": 60,
    "Fri, 31 Dec 9999 23:59:59 GMT": DAY_S, "Thu, 01 Jan 0001 00:00:00 GMT": 0,
    "Thu, 99 Jan 2026 12:00:00 GMT": -1, "Thu, 01 Jan 99999999999999999999 00:00:00 GMT": -1,
}  # fmt: skip
"""What a Retry-After asks for, in seconds; -1 when that cannot be told."""


@pytest.mark.parametrize("value", RETRY_AFTER)
async def test_a_retry_after_is_never_shortened_but_capped(build_sender, value):
    asked_s = RETRY_AFTER[value]
    sender = await build_sender()
    async with asked_once(answers(reply(503, f"Retry-After: {value}"))) as receiver:
        made = await sender.attempt(receiver.url)

    hold_s = asked_s if asked_s > 0 else None
    check(made, fails("server_error", 503, wait_s=max(asked_s, 5), hold_s=hold_s, answer="ok"))


@pytest.mark.parametrize("status", [301, 400, 404, 408, 429, 500, 502, 503, 504, 599])
@pytest.mark.parametrize("value", ["30", "Thu, 01 Jan 2026 12:00:30 GMT"])
async def test_every_retryable_status_may_ask_for_time_and_some_for_the_whole_endpoint(build_sender, status, value):
    hold_s = 30 if status in (429, 502, 503, 504) else None
    sender = await build_sender()
    async with asked_once(answers(reply(status, f"Retry-After: {value}"))) as receiver:
        made = await sender.attempt(receiver.url)

    check(made, replace(STATUSES[status], wait_s=30, hold_s=hold_s))


@pytest.mark.parametrize("status", [200, 410])
async def test_a_retry_after_where_there_is_no_retry_changes_nothing(build_sender, status):
    sender = await build_sender()
    async with asked_once(answers(reply(status, "Retry-After: 30"))) as receiver:
        check(await sender.attempt(receiver.url), STATUSES[status])


async def test_a_closed_port(build_sender):
    sender = await build_sender()
    async with closed_port() as port:
        check(await sender.attempt(f"http://127.0.0.1:{port}/hook"), fails("connect", detail="Connection refused"))


async def test_tls_to_a_port_that_does_not_speak_it(build_sender):
    sender = await build_sender()
    async with listening(answers_unread) as receiver:
        check(await sender.attempt(receiver.url.replace("http:", "https:")), fails("tls"))


async def test_a_certificate_that_nobody_vouches_for(build_sender, tmp_path):
    sender = await build_sender()
    async with listening(tls=self_signed(tmp_path)) as receiver:
        check(await sender.attempt(receiver.url), fails("tls", detail="self-signed"))

        assert receiver.requests == []


REFUSED: dict[str, tuple[dict[str, Any], str, Expected]] = {
    "an address inside": ({"allow": ()}, "http://127.0.0.1:{port}/", fails("blocked_address", detail="network.allow")),
    "its other spelling": ({"allow": ()}, "http://0x7f.1:{port}/", fails("blocked_address", detail="network.allow")),
    "a port that is not named": (
        {"ports": (443,)},
        "http://127.0.0.1:{port}/",
        fails("blocked_address", detail="network.ports"),
    ),
    "plain http": (
        {"allow_http": False},
        "http://127.0.0.1:{port}/",
        fails("insecure_url", detail="http is not allowed"),
    ),
    "a user": ({}, "http://me:s3cret-word@127.0.0.1:{port}/", fails("insecure_url", detail="user name or password")),
    "no address": ({}, "http://[::1", fails("protocol", detail="not an address")),
}


@pytest.mark.parametrize("case", REFUSED)
async def test_an_address_that_may_not_be_reached(build_sender, case):
    settings, url, expected = REFUSED[case]
    sender = await build_sender(**settings)
    async with listening() as canary:
        check(await sender.attempt(url.format(port=canary.port)), expected)

        assert canary.connections == 0


async def test_an_endpoint_that_may_be_plain_http_is_reached_when_others_may_not(build_sender):
    sender = await build_sender(allow_http=False)
    async with asked_once(answers(OK)) as receiver:
        check(await sender.attempt(receiver.url, allow_http=True), succeeds())


async def test_an_endpoints_own_time_out_counts(build_sender):
    sender = await build_sender(60.0)
    async with asked_once(hangs()) as receiver:
        check(await sender.attempt(receiver.url, timeout_s=SHORT_S), fails("timeout"))
