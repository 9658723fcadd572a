"""The way there and back: the rate budget on a clock of its own, lost calls, Retry-After, and odd bodies."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.partners import _http
from bridge.partners._http import Answer, Bucket, Budget, Http, Priority, lost, parse_retry_after
from tests.partners.things import NOW, Clock, Observed

pytestmark = pytest.mark.anyio


class Timeline:
    """Time in which sleepers wake in order, without any real waiting."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.s = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Event]] = []

    def tick(self) -> float:
        return self.s

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.Event()
        self._sleepers.append((self.s + seconds, len(self._sleepers), woken))
        await woken.wait()

    async def run_until(self, s: float) -> None:
        """Let time pass, waking whoever is due on the way."""
        await _settle()
        while self._sleepers and min(self._sleepers)[0] <= s:
            at, _, woken = due = min(self._sleepers)
            self._sleepers.remove(due)
            self.clock.advance(seconds=at - self.s)
            self.s = at
            woken.set()
            await _settle()
        self.clock.advance(seconds=s - self.s)
        self.s = s


async def _settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


class Gate:
    """A budget on a timeline, and who went out when."""

    def __init__(self, rate: float, burst: int) -> None:
        self.time = Timeline()
        self.budget = Budget(rate, burst, now=self.time.clock, tick=self.time.tick, sleep=self.time.sleep)
        self.out: list[tuple[str, float]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def arrive(self, name: str, priority: Priority) -> asyncio.Task[None]:
        async def enter() -> None:
            await self.budget.enter(priority)
            self.out.append((name, round(self.time.s, 3)))

        self._tasks.append(asyncio.create_task(enter()))
        return self._tasks[-1]

    async def leave(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@pytest.fixture
async def gate() -> AsyncIterator[Gate]:
    made = Gate(rate=2.0, burst=1)
    yield made
    await made.leave()


async def test_calls_go_out_at_the_rate(gate: Gate) -> None:
    for name in "abc":
        gate.arrive(name, Priority.READ)
    await gate.time.run_until(5)
    assert gate.out == [("a", 0.0), ("b", 0.5), ("c", 1.0)]


async def test_commands_go_before_reads_that_wait(gate: Gate) -> None:
    for name in ("r1", "r2", "r3"):
        gate.arrive(name, Priority.READ)
    await gate.time.run_until(0.2)
    gate.arrive("c1", Priority.COMMAND)
    gate.arrive("c2", Priority.COMMAND)
    await gate.time.run_until(5)
    assert [name for name, _ in gate.out] == ["r1", "c1", "c2", "r2", "r3"]
    assert gate.out[-1][1] == pytest.approx(2.0, abs=0.01)


async def test_one_that_is_cancelled_gives_its_turn_away(gate: Gate) -> None:
    gate.arrive("a", Priority.READ)
    gone = gate.arrive("b", Priority.READ)
    gate.arrive("c", Priority.READ)
    await gate.time.run_until(0.1)
    gone.cancel()
    await gate.time.run_until(1.2)
    assert [name for name, _ in gate.out] == ["a", "c"]


async def test_short_hold_is_waited_for(gate: Gate) -> None:
    gate.budget.hold(NOW + timedelta(seconds=3))
    gate.arrive("a", Priority.COMMAND)
    await gate.time.run_until(2.9)
    assert gate.out == []
    await gate.time.run_until(4)
    assert gate.out == [("a", 3.0)]


async def test_long_hold_refuses_those_that_wait_already(gate: Gate) -> None:
    gate.arrive("a", Priority.COMMAND)
    waiting = gate.arrive("b", Priority.COMMAND)
    await gate.time.run_until(0.1)
    gate.budget.hold(NOW + timedelta(seconds=60))
    await gate.time.run_until(0.6)
    error = waiting.exception()
    assert isinstance(error, PartnerError)
    assert (error.reason, error.failure, error.maybe_stored) == (
        FailureReason.RATE_LIMITED,
        FailureClass.RETRYABLE,
        False,
    )
    assert timedelta(seconds=59) < (error.retry_after or timedelta()) < timedelta(seconds=60)


async def test_hold_that_is_lifted_lets_out(gate: Gate) -> None:
    gate.budget.hold(NOW + timedelta(seconds=4))
    gate.arrive("a", Priority.COMMAND)
    await gate.time.run_until(0.5)
    gate.budget.hold(None)
    await gate.time.run_until(1.1)
    assert gate.out == [("a", 1.0)]


def test_hold_at_least_never_shortens() -> None:
    budget = Budget(2.0, now=lambda: NOW)
    budget.hold(NOW + timedelta(seconds=60))
    budget.hold_at_least(NOW + timedelta(seconds=30))
    assert budget._held_until == NOW + timedelta(seconds=60)


@given(
    st.floats(0.1, 50), st.integers(1, 8), st.lists(st.floats(0, 3), min_size=1, max_size=60),
)  # fmt: skip
def test_bucket_never_lets_out_more_than_burst_and_rate(rate: float, burst: int, gaps: list[float]) -> None:
    bucket, at, out = Bucket(1 / rate, burst), 0.0, []
    for gap in gaps:
        at += gap
        at += bucket.wait_s(at)
        bucket.take(at)
        out.append(at)
    for first in range(len(out)):
        for last in range(first, len(out)):
            assert last - first + 1 <= burst + (out[last] - out[first]) * rate + 1e-6


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "reason", "left"),
    [
        (httpx.ConnectError("no"), FailureReason.CONNECT, False),
        (caused(httpx.ConnectError("no"), socket.gaierror()), FailureReason.DNS, False),
        (caused(httpx.ConnectError("no"), ssl.SSLCertVerificationError()), FailureReason.TLS, False),
        (httpx.ConnectTimeout("no"), FailureReason.CONNECT, False),
        (httpx.PoolTimeout("no"), FailureReason.CONNECT, False),
        (httpx.UnsupportedProtocol("no"), FailureReason.PROTOCOL, False),
        (httpx.InvalidURL("no"), FailureReason.PROTOCOL, False),
        (TimeoutError(), FailureReason.TIMEOUT, True),
        (httpx.ReadTimeout("no"), FailureReason.TIMEOUT, True),
        (httpx.WriteTimeout("no"), FailureReason.TIMEOUT, True),
        (httpx.ReadError("no"), FailureReason.CLOSED, True),
        (httpx.WriteError("no"), FailureReason.CLOSED, True),
        (httpx.RemoteProtocolError("no"), FailureReason.CLOSED, True),
        (httpx.DecodingError("no"), FailureReason.UNREADABLE, True),
        (httpx.LocalProtocolError("no"), FailureReason.PROTOCOL, True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_lost_call_may_be_stored_once_bytes_may_have_left(error: Exception, reason: FailureReason, left: bool) -> None:
    write, read = lost(error, write=True), lost(error, write=False)
    assert (write.reason, write.maybe_stored, read.maybe_stored) == (reason, left, False)
    assert write.failure is FailureClass.RETRYABLE


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None), ("0", 0), ("90", 90), ("1.5", 1.5), ("-3", 0), ("soon", None), ("nan", None),
        ("inf", None), ("", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), 0),
        ("Mon, 20 Jan 2025 12:01:30 -0000", 90), ("1e300", 604_800), ("Mon, 20 Jan 2099 12:00:00 GMT", 604_800),
    ],
)  # fmt: skip
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@given(st.text(max_size=40))
def test_any_retry_after_is_read_without_an_error(value: str) -> None:
    wait = parse_retry_after(value, NOW)
    assert wait is None or timedelta() <= wait <= timedelta(days=7)


def client(handler: httpx.MockTransport, observed: Observed | None = None) -> Http:
    budget = Budget(100.0, now=lambda: NOW)
    return Http(
        "brand", "https://partner.example/v1", "gva_live_a.s3cr3t-part", budget=budget, now=lambda: NOW,
        observe=observed or Observed(), transport=handler,
    )  # fmt: skip


async def ask(http: Http, **options: Any) -> Answer:
    answer = await http.call("get", "GET", "/posts/1", refuse=lambda answer: None, **options)
    await http.close()
    return answer


async def test_call_carries_the_credential_and_the_exact_bytes() -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"ok": True}, headers={"X-Some": "1"})

    http = client(httpx.MockTransport(handle))
    answer = await http.call("create", "POST", "/posts", refuse=lambda _: None, write=True, body=b'{"a": 1}')
    await http.close()
    assert (str(seen[0].url), seen[0].content) == ("https://partner.example/v1/posts", b'{"a": 1}')
    assert seen[0].headers["authorization"] == "Bearer gva_live_a.s3cr3t-part"
    assert (answer.body, answer.headers["x-some"], answer.sent_at) == ({"ok": True}, "1", NOW)


async def test_redirect_is_not_followed() -> None:
    calls: list[str] = []

    def handle(request: httpx.Request) -> httpx.Response:
        calls.append(str(request.url))
        return httpx.Response(302, headers={"location": "http://elsewhere.example/"})

    assert (await ask(client(httpx.MockTransport(handle)))).status == 302
    assert len(calls) == 1


@pytest.mark.parametrize("content", [b"", b"<html>502</html>", b"[1]", b'"text"', b"\xff\xfe", b'{"cut": '])
async def test_body_that_is_no_object_is_none(content: bytes) -> None:
    answer = await ask(client(httpx.MockTransport(lambda _: httpx.Response(502, content=content))))
    assert answer.body is None


async def test_kept_text_is_short_and_redacted() -> None:
    content = b"<p>gva_live_a.s3cr3t-part</p>" + b"x" * 1000
    answer = await ask(client(httpx.MockTransport(lambda _: httpx.Response(502, content=content))))
    assert "s3cr3t" not in answer.text
    assert len(answer.text) <= 200


async def test_credential_across_the_cut_is_redacted() -> None:
    content = b"x" * 190 + b" s3cr3t-part is no key"
    answer = await ask(client(httpx.MockTransport(lambda _: httpx.Response(502, content=content))))
    assert "s3c" not in answer.text


async def test_answer_that_is_too_long_is_unreadable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "MAX_BODY", 100)
    with pytest.raises(PartnerError) as caught:
        await ask(client(httpx.MockTransport(lambda _: httpx.Response(200, content=b"x" * 101))))
    assert caught.value.reason is FailureReason.UNREADABLE


async def test_slow_answer_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_http, "READ_S", 0.01)

    async def handle(request: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    observed = Observed()
    with pytest.raises(PartnerError) as caught:
        await ask(client(httpx.MockTransport(handle), observed))
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.TIMEOUT, False)
    assert observed.calls == [("brand", "get", "timeout")]


async def test_refused_connection_on_the_real_network_is_not_stored(unused_port: int) -> None:
    budget = Budget(100.0, now=lambda: NOW)
    http = Http("brand", f"http://127.0.0.1:{unused_port}", "token", budget=budget, now=lambda: NOW, observe=Observed())
    with pytest.raises(PartnerError) as caught:
        await http.call("create", "POST", "/posts", refuse=lambda _: None, write=True, body=b"{}")
    await http.close()
    assert (caught.value.reason, caught.value.maybe_stored) == (FailureReason.CONNECT, False)


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
