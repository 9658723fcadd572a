"""The way there and back: lost calls, Retry-After, odd bodies, and files that are brought."""

import asyncio
import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from io import BytesIO
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.retry import parse_retry_after
from bridge.core.traces import is_same
from bridge.partners import _http
from bridge.partners._budget import Budget, Pace, Priority
from bridge.partners._http import Answer, Http, lost
from bridge.ports import MediaFile
from bridge.tracing._export import Losses, over
from tests.partners.things import NOW, Observed

pytestmark = pytest.mark.anyio


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
    write, read = lost(error, 30, write=True), lost(error, 30, write=False)
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


def client(handler: httpx.MockTransport | None, observed: Observed | None = None, **changes: Any) -> Http:
    settings: dict[str, Any] = {
        "base_url": "https://partner.example/v1",
        "budget": Budget(100.0, name="gv", now=lambda: NOW),
    }
    return Http(
        "brand", token="gva_live_a.s3cr3t-part", now=lambda: NOW, observe=observed or Observed(), transport=handler,
        **(settings | changes),
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


@pytest.mark.parametrize("wanted", [False, True])
async def test_a_partner_is_given_the_trace_only_where_that_is_asked_for(wanted: bool) -> None:
    seen: list[httpx.Request] = []

    def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={})

    memory = InMemorySpanExporter()
    spans = over(memory, Losses(lambda reason, number: None), service_name=None, sample=1.0, to_partners=wanted)
    http = client(httpx.MockTransport(handle), spans=spans)
    await http.call("list", "GET", "/posts", refuse=lambda _: None)
    with spans.accepting("api") as event:
        await http.call("get", "GET", "/posts/1", refuse=lambda _: None)
    await http.close()
    spans.close(5)

    poll, call = (request.headers.get("traceparent", "") for request in seen)
    assert poll == ""
    assert is_same(call, event.context) if wanted else call == ""
    assert [span.name for span in memory.get_finished_spans()] == ["GET get", "accept api"]


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
    budget = Budget(100.0, name="gv", now=lambda: NOW)
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


async def test_refusal_without_a_header_holds_for_as_long_as_the_partner_reads_out_of_it() -> None:
    def refuse(answer: Answer) -> PartnerError:
        return PartnerError(FailureReason.RATE_LIMITED, FailureClass.RETRYABLE, retry_after=timedelta(seconds=40))

    budget = Budget(100.0, name="gv", now=lambda: NOW)
    http = client(httpx.MockTransport(lambda _: httpx.Response(429)), budget=budget)
    with pytest.raises(PartnerError):
        await http.call("get", "GET", "/posts/1", refuse=refuse)
    with pytest.raises(PartnerError) as caught:
        await budget.enter(Priority.COMMAND)
    await http.close()
    assert caught.value.retry_after == timedelta(seconds=40)


async def test_what_an_answer_tells_of_the_rate_is_obeyed() -> None:
    budget = Budget(100.0, name="gv", now=lambda: NOW)
    pace = Pace(60, 0, NOW + timedelta(hours=1))
    http = client(httpx.MockTransport(lambda _: httpx.Response(200)), budget=budget, pace=lambda _: pace)
    await ask(http)
    with pytest.raises(PartnerError) as caught:
        await budget.enter(Priority.COMMAND)
    assert (caught.value.reason, caught.value.retry_after) == (FailureReason.RATE_LIMITED, None)


FILE = b"x" * 300_000


def file() -> MediaFile:
    return MediaFile(BytesIO(FILE), len(FILE), "video/mp4", "clip.mp4")


async def bring(method: str, url: str, respond: Callable[[httpx.Request], httpx.Response], base: str = "https") -> None:
    http = client(httpx.MockTransport(respond), base_url=f"{base}://partner.example/v1")

    def refuse(answer: Answer) -> PartnerError | None:
        return None if answer.status == 200 else PartnerError(FailureReason.SERVER_ERROR, FailureClass.RETRYABLE)

    try:
        await http.upload("host", method, url, file(), refuse=refuse)
    finally:
        await http.close()


async def test_file_is_put_as_it_is_and_without_the_credential() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    await bring("PUT", "https://storage.example/up?sig=1", respond)
    [request] = seen
    assert (str(request.url), request.content) == ("https://storage.example/up?sig=1", FILE)
    assert request.headers["content-length"] == str(len(FILE))
    assert request.headers["content-type"] == "video/mp4"
    assert "authorization" not in request.headers
    assert "transfer-encoding" not in request.headers


async def test_file_is_posted_as_a_form() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200)

    await bring("POST", "https://storage.example/up", respond)
    [request] = seen
    assert b'name="file"; filename="clip.mp4"' in request.content[:300]
    assert FILE in request.content
    assert "authorization" not in request.headers


async def test_file_is_not_brought_over_plain_http() -> None:
    with pytest.raises(PartnerError) as caught:
        await bring("PUT", "http://storage.example/up", lambda _: httpx.Response(200))
    assert (caught.value.reason, caught.value.failure) == (FailureReason.INSECURE_URL, FailureClass.TERMINAL)
    await bring("PUT", "http://storage.example/up", lambda _: httpx.Response(200), base="http")


async def test_refused_and_cut_uploads_are_told() -> None:
    def cut(request: httpx.Request) -> httpx.Response:
        raise httpx.WriteError("no")

    for respond in (lambda _: httpx.Response(503), cut):
        with pytest.raises(PartnerError) as caught:
            await bring("PUT", "https://storage.example/up?sig=s3cr3t", respond)
        assert (caught.value.failure, caught.value.maybe_stored) == (FailureClass.RETRYABLE, False)
        assert "s3cr3t" not in str(caught.value)


async def upload(url: str, *addresses: str, respond: Any = None, base: str = "https://partner.example/v1") -> None:
    """Bring a file to where a name leads to these addresses; over the network without `respond`."""

    async def resolve(name: str, port: int) -> list[str]:
        assert (name, port) == ("storage.example", 8443)
        if not addresses:
            raise socket.gaierror
        return list(addresses)

    handler = httpx.MockTransport(respond) if respond else None
    http = client(handler, base_url=base, resolve=resolve if respond else None)
    try:
        await http.upload("host", "PUT", url, file(), refuse=lambda _: None)
    finally:
        await http.close()


async def test_file_goes_to_the_very_address_that_was_judged_under_the_name_that_was_given() -> None:
    seen: list[httpx.Request] = []

    def respond(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        if len(seen) == 1:
            raise httpx.ConnectError("no")
        return httpx.Response(200)

    await upload("https://storage.example:8443/up?sig=%2F1", "2606:4700::1", "8.8.8.8", respond=respond)
    first, second = seen
    assert [str(one.url) for one in seen] == [
        f"https://{host}:8443/up?sig=%2F1" for host in ("[2606:4700::1]", "8.8.8.8")
    ]
    assert (second.headers["host"], second.extensions["sni_hostname"]) == ("storage.example:8443", "storage.example")
    assert (first.headers["connection"], second.content) == ("close", FILE)


@pytest.mark.parametrize(
    ("addresses", "reason"),
    [
        (("10.0.0.1",), FailureReason.BLOCKED_ADDRESS),
        (("8.8.8.8", "169.254.169.254"), FailureReason.BLOCKED_ADDRESS),
        ((), FailureReason.DNS),
    ],
)
async def test_file_is_not_brought_where_a_name_leads_inside(addresses: tuple[str, ...], reason: FailureReason) -> None:
    with pytest.raises(PartnerError) as caught:
        await upload("https://storage.example:8443/up?sig=s3cr3t", *addresses, respond=lambda _: httpx.Response(200))
    assert (caught.value.reason, "s3cr3t" in str(caught.value)) == (reason, False)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_file_is_not_brought_to_this_machine_unless_the_partner_is_here(host: str) -> None:
    dialled = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.set()
        await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(len(FILE))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(PartnerError, match="not public"):
            await upload(f"https://{host}:{port}/latest/meta-data")
        assert not dialled.is_set()
        await upload(f"http://{host}:{port}/up", base="http://127.0.0.1:9/v1")
    assert dialled.is_set()
