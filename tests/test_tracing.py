"""Spans: what they are called, what they hold, what they go on from; what becomes of those that are not exported."""

import logging
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import structlog
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import INVALID_SPAN

from bridge.app._changes import keep_fixed
from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Command, CommandKind, Delivery, Endpoint, OutboundEvent, Write
from bridge.core.traces import trace_id
from bridge.flows.wait import Waiters
from bridge.settings import Settings, Tracing
from bridge.tracing import current, enter, open_spans
from bridge.tracing._export import MOST, Losses, over
from bridge.tracing._spans import Span, Spans

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
CONTEXT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = CONTEXT[:-1] + "0"
OTHER = "00-11112222333344445555666677778888-aaaabbbbccccdddd-01"


@dataclass
class Watched:
    """Spans that are kept in memory; `lost` is what was told of the others."""

    spans: Spans
    memory: InMemorySpanExporter
    lost: Counter[str]

    def done(self) -> dict[str, ReadableSpan]:
        """End the export and return what came of it, by name."""
        self.spans.close(5)
        return {span.name: span for span in self.memory.get_finished_spans()}


@pytest.fixture(autouse=True)
def library_log() -> Iterator[None]:
    """Give the library's log back as it was."""
    library = logging.getLogger("opentelemetry")
    before = library.handlers[:], library.propagate
    yield
    library.handlers[:], library.propagate = before


def watched(exporter: SpanExporter | None = None, sample: float = 1.0) -> Watched:
    memory, lost = InMemorySpanExporter(), Counter[str]()

    def count(reason: str, number: int) -> None:
        lost[reason] += number

    made = over(exporter or memory, Losses(count), service_name="x", sample=sample, to_partners=False)
    return Watched(made, memory, lost)


def outbound(number: int = 1, context: str | None = CONTEXT) -> OutboundEvent:
    return OutboundEvent(f"msg_{number}", "post.posted", "post:p1", number, NOON, b"{}", traceparent=context)


def delivery(calls: int = 1) -> Delivery:
    return Delivery("dlv_1", "msg_1", "post.posted", "endpoint", "ops", "post:p1", 1, NOON, NOON, calls=calls)


COMMAND = Command("cmd_1", "post_1", 1, CommandKind.PUBLISH, "main", NOON, NOON)
ENDPOINT = Endpoint("ops", "https://hooks.example.com:8443/T0/secret-part")


def test_the_page_names_the_attributes_that_are_ours():
    root = Path(__file__).parent.parent
    set_here = re.findall(r'"bridge\.([a-z_]+)"', (root / "bridge/tracing/_spans.py").read_text())
    table = (root / "docs/tracing.md").read_text().partition("| --- | --- |")[2].partition("\n\n")[0]
    assert set(re.findall(r"`([a-z_]+)`", table)) == set(set_here)


def test_a_change_of_it_waits_for_a_restart():
    settings, names = keep_fixed(Settings(), Settings(tracing=Tracing(sample=0.5)))
    assert (settings, names) == (Settings(), ("tracing.sample",))


def test_a_request_goes_on_from_the_one_header_that_counts():
    kit = watched()
    with kit.spans.request("POST", "https", [(b"traceparent", CONTEXT.encode())]) as span:
        assert trace_id(span.context) == trace_id(CONTEXT)
        assert current() == span.context
        span.served("/v1/publish", "POST", 202)
    with kit.spans.request("BREW", "https", [(b"traceparent", CONTEXT.encode())] * 2) as alone:
        assert trace_id(alone.context) != trace_id(CONTEXT)
        alone.served("other", "BREW", 503)
    assert current() is None

    done = kit.done()
    assert done["POST /v1/publish"].attributes == {
        "http.request.method": "POST",
        "url.scheme": "https",
        "http.route": "/v1/publish",
        "http.response.status_code": 202,
    }
    assert done["POST /v1/publish"].status.is_unset
    # A method that is none of HTTP's is not repeated: anybody may send any word.
    assert done["_OTHER other"].attributes["error.type"] == "503"
    assert not done["_OTHER other"].status.is_ok


def test_a_trace_that_its_sender_does_not_sample_is_handed_on_and_not_exported():
    kit = watched()
    with kit.spans.request("POST", "https", [(b"traceparent", UNSAMPLED.encode())]), kit.spans.accepting("api") as span:
        assert trace_id(span.context) == trace_id(UNSAMPLED)
        assert span.context.endswith("-00")
    assert kit.done() == {}


def test_of_traces_that_begin_here_as_many_are_exported_as_is_said():
    kit = watched(sample=0)
    with kit.spans.accepting("blog") as span:
        assert not int(span.context[-2:], 16) & 1
    with kit.spans.request("POST", "http", [(b"traceparent", CONTEXT.encode())]):
        pass
    assert list(kit.done()) == ["POST"]


def test_a_call_to_a_partner_is_traced_only_for_a_command():
    kit = watched()
    with kit.spans.call("main", "list", "GET", "https://api.example.com/posts?token=hush") as poll:
        assert poll is None
    refusal = PartnerError(FailureReason.RATE_LIMITED, FailureClass.RETRYABLE, detail="hush")
    with (
        kit.spans.command(COMMAND, CONTEXT) as trying,
        suppress(PartnerError),
        kit.spans.call("main", "create", "POST", "https://api.example.com/posts?token=hush") as call,
    ):
        call.answered(429)
        raise refusal

    done = kit.done()
    assert done["POST create"].parent.span_id == int(trying.context.split("-")[2], 16)
    assert done["POST create"].attributes == {
        "http.request.method": "POST",
        "server.address": "api.example.com",
        "server.port": 443,
        "bridge.partner": "main",
        "bridge.operation": "create",
        "http.response.status_code": 429,
        "error.type": "rate_limited",
    }
    # What an exception says may hold anything.
    assert not done["POST create"].events
    assert done["POST create"].status.description is None


def test_what_is_told_goes_on_from_the_command_that_caused_it_else_from_its_event():
    kit = watched()
    [write], [[polled]] = kit.spans.telling([Write(events=(outbound(),))])
    assert write.events[0].traceparent == polled.context
    with kit.spans.command(COMMAND, CONTEXT) as trying:
        _, [[caused]] = kit.spans.telling([Write(events=(outbound(),))])
    with kit.spans.request("DELETE", "http", [(b"traceparent", OTHER.encode())]):
        _, [[asked]] = kit.spans.telling([Write(events=(outbound(),))])
    kit.spans.telling([Write(events=(outbound(),))])  # Its write is not kept.
    for span in (polled, caused, asked):
        span.end()

    kit.spans.close(5)
    polled, caused, asked = (one for one in kit.memory.get_finished_spans() if one.name == "tell post.posted")
    assert f"{polled.parent.span_id:016x}" == f"{asked.parent.span_id:016x}" == CONTEXT.split("-")[2]
    assert f"{caused.parent.span_id:016x}" == trying.context.split("-")[2]
    assert [f"{link.context.trace_id:032x}" for link in asked.links] == [trace_id(OTHER)]


def test_an_attempt_to_deliver_says_where_to_and_nothing_of_the_address_that_may_be_secret():
    kit = watched()
    with kit.spans.delivery(delivery(calls=3), ENDPOINT, "ops", [CONTEXT, OTHER, None]) as span:
        span.attempted(None, FailureReason.TIMEOUT)

    [done] = kit.done().values()
    assert done.name == "send ops"
    assert f"{done.context.trace_id:032x}" == trace_id(CONTEXT)
    assert [f"{link.context.trace_id:032x}" for link in done.links] == [trace_id(OTHER)]
    facts = dict(done.attributes)
    assert (facts["server.address"], facts["server.port"]) == ("hooks.example.com", 8443)
    assert (facts["http.request.resend_count"], facts["messaging.batch.message_count"]) == (2, 3)
    assert facts["error.type"] == "timeout"
    assert "secret-part" not in str(facts)


@dataclass
class Stuck(SpanExporter):
    """A collector that answers nothing until it is let."""

    free: threading.Event = field(default_factory=threading.Event)
    took: int = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.free.wait(10)
        self.took += len(spans)
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        self.free.set()


def test_spans_beyond_the_queue_are_lost_and_every_one_is_counted():
    stuck = Stuck()
    kit = watched(stuck)
    for _ in range(MOST + 100):
        kit.spans.accepting("api").end()
    with structlog.testing.capture_logs() as lines:
        stuck.free.set()
        kit.spans.close(5)
    assert (kit.lost, stuck.took) == ({"queue_full": 100}, MOST)
    assert lines == [{"event": "tracing.spans_lost", "log_level": "warning", "error": None, "queue_full": 100}]


def test_the_end_waits_no_longer_than_it_may():
    stuck = Stuck()
    kit = watched(stuck)
    kit.spans.accepting("api").end()
    with structlog.testing.capture_logs() as lines:
        kit.spans.close(0.01)
    stuck.free.set()
    assert kit.lost == {"stopped": 1}
    assert [line["event"] for line in lines] == ["tracing.spans_lost"]


class Refusing(SpanExporter):
    """A collector that takes nothing, and logs as the library does."""

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        log = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")
        why = TimeoutError("http://user:hush@collector/")
        log.error("Failed to export %s batch code: %s, reason: %s", "spans", None, why)
        return SpanExportResult.FAILURE


def test_what_a_collector_does_not_take_is_told_once_a_minute_without_its_address(caplog):
    kit = watched(Refusing())
    with structlog.testing.capture_logs() as lines:
        for _ in range(3 * 512):
            kit.spans.accepting("api").end()
        kit.spans.close(5)
    assert kit.lost == {"export_failed": 3 * 512}
    assert sum(line["export_failed"] for line in lines) == 3 * 512
    assert len(lines) <= 2  # The first, and what was left at the end.
    assert {line["error"] for line in lines} == {"TimeoutError"}
    assert "hush" not in caplog.text


@pytest.fixture
def answering() -> Iterator[Callable[..., str]]:
    """Give the address of a collector that answers with a status and a body, after so many seconds."""
    servers: list[ThreadingHTTPServer] = []

    def begin(status: int, body: bytes = b"", wait_s: float = 0) -> str:
        class Answering(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                servers[0].over.wait(wait_s)
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:9/")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        servers.append(ThreadingHTTPServer(("127.0.0.1", 0), Answering))
        servers[0].over = threading.Event()
        threading.Thread(target=servers[0].serve_forever, args=(0.01,)).start()
        return f"http://127.0.0.1:{servers[0].server_port}"

    yield begin
    for server in servers:
        server.over.set()
        server.shutdown()
        server.server_close()


def exported(collector: str) -> tuple[Counter[str], list[dict[str, object]]]:
    """Export three spans; return what was lost, and the log."""
    lost = Counter[str]()

    def count(reason: str, number: int) -> None:
        lost[reason] += number

    spans = open_spans(collector=collector, headers={}, service_name=None, sample=1.0, to_partners=False, lost=count)
    for _ in range(3):
        spans.accepting("api").end()
    with structlog.testing.capture_logs() as lines:
        spans.close(5)
    return lost, lines


PARTIAL = ExportTraceServiceResponse(
    partial_success=ExportTracePartialSuccess(rejected_spans=2, error_message="hush")
).SerializeToString()


@pytest.mark.parametrize(
    ("answer", "lost", "error"),
    [
        ((200, b""), 0, None),
        ((200, b"\xff"), 0, None),
        ((202, b""), 0, None),
        ((200, PARTIAL), 2, "partial success"),
        ((302, b""), 3, "status 302"),
        ((307, b""), 3, "status 307"),
        ((401, b""), 3, "status 401"),
        ((503, b""), 3, "status 503"),
    ],
)
def test_what_a_collector_did_not_take_is_counted_and_told_with_the_reason(answering, monkeypatch, answer, lost, error):
    """The exporter itself takes every status below 400 for success."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.5")
    told, lines = exported(answering(*answer))
    assert told["export_failed"] == lost
    assert [line["error"] for line in lines] == ([error] if error else [])
    assert "hush" not in str(lines)


def test_of_a_collector_that_hangs_it_is_told_that_it_does(answering, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.1")
    told, [line] = exported(answering(200, wait_s=5))
    assert (told, line["error"]) == ({"export_failed": 3}, "ReadTimeout")


def test_what_the_library_says_of_a_variable_goes_to_no_log(answering, monkeypatch, caplog):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "api-key: hush-hush")
    logging.getLogger("opentelemetry").propagate = True
    exported(answering(200))
    assert "hush" not in caplog.text


@pytest.mark.anyio
async def test_what_looks_for_all_who_wait_is_of_nobodys_trace():
    seen = set()

    class Watching:
        async def posts(self, ids):
            seen.add(current())
            return {}

    waiters = Waiters(Watching())
    enter(CONTEXT)
    await waiters.wait(["post_1"], 5, lambda post: True)
    assert seen == {None}


def test_a_span_of_nothing_has_no_context():
    """As where something else made the library give such."""
    assert Span(INVALID_SPAN).context is None
