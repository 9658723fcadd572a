"""The spans there are, with their names and attributes, by OpenTelemetry's semantic conventions.

Of messaging (accepting, commands, what is told, deliveries) and of HTTP (requests, calls), read 2026-11:
https://opentelemetry.io/docs/specs/semconv/messaging/messaging-spans/ and .../http/http-spans/. Left out on purpose is
what may be secret or personal: whole addresses (`url.full`, `url.path`, `url.query`), those of callers, and exceptions'
texts. Names and attributes hold names of the configuration, ids and words of closed sets, never content.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import Token
from dataclasses import replace
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags, Tracer

from bridge.core.errors import FailureReason
from bridge.core.model import Command, Delivery, Endpoint, OutboundEvent, Write
from bridge.core.traces import carried, is_same
from bridge.tracing._current import working_on

Attributes = dict[str, str | int | Sequence[str]]

_METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
_OTHER = "_OTHER"
_PORTS = {"https": 443, "http": 80}


class Span:
    """A piece of work. Within `with` it is what the task works on; it ends there, failed by what is raised.

    `context` is what goes on from it. One whose trace is not sampled has a context as well, and takes nothing down.
    """

    __slots__ = ("_span", "_token", "context")

    def __init__(self, span: trace.Span) -> None:
        self._span = span
        self._token: Token[str | None] | None = None
        self.context = _text(span.get_span_context())

    def __enter__(self) -> Self:
        self._token = working_on.set(self.context)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            working_on.reset(self._token)
        if kind is not None:
            reason = getattr(error, "reason", None)
            self.fail(reason if isinstance(reason, FailureReason) else kind.__name__)
        self.end()

    def set(self, attributes: Attributes) -> None:
        """Take facts down."""
        self._span.set_attributes(attributes)

    def fail(self, why: str) -> None:
        """Say that the work failed, in a word of a closed set."""
        self._span.set_attribute("error.type", why)
        self._span.set_status(Status(StatusCode.ERROR))

    def accepted(self, event_id: str, outcome: str, post_ids: Sequence[str]) -> None:
        """Take down what a request made."""
        self.set({"bridge.event_id": event_id, "bridge.outcome": outcome, "bridge.post_ids": post_ids})

    def settled(self, outcome: str, reason: str | None) -> None:
        """Take down how work ended; what is not done failed."""
        self._span.set_attribute("bridge.outcome", outcome)
        if outcome != "done" and reason is not None:
            self.fail(reason)

    def served(self, route: str, method: str, status: int) -> None:
        """Take down what a request was answered; 0 when whoever asked did not wait for it."""
        self._span.update_name(f"{_method(method)} {route}")
        self._span.set_attribute("http.route", route)
        self.answered(status)
        if status >= 500:
            self.fail(str(status))

    def attempted(self, status: int | None, reason: str | None) -> None:
        """Take down how an attempt ended."""
        self.answered(status)
        if reason is not None:
            self.fail(reason)

    def answered(self, status: int | None) -> None:
        """Take down the status of an answer, if there was one."""
        if status:
            self._span.set_attribute("http.response.status_code", status)

    def end(self) -> None:
        """Hand it to the export."""
        self._span.end()


class Spans:
    """Begins spans.

    Args:
        tracer: OpenTelemetry's.
        to_partners: whether partners are given the context.
        close: ends the export within so many seconds; it blocks.
    """

    def __init__(self, tracer: Tracer, *, to_partners: bool, close: Callable[[float], None]) -> None:
        self._tracer, self.to_partners, self.close = tracer, to_partners, close

    def request(self, method: str, scheme: str, headers: Iterable[tuple[bytes, bytes]]) -> Span:
        """Begin that of a request to us, in the trace that its headers tell of."""
        told = [("traceparent", str(value, "latin-1")) for name, value in headers if name == b"traceparent"]
        attributes: Attributes = {"http.request.method": _method(method), "url.scheme": scheme}
        return self._begin(_method(method), SpanKind.SERVER, carried(told), attributes)

    def accepting(self, source: str) -> Span:
        """Begin that of an event: all that becomes of it goes on from this one."""
        return self._begin(
            f"accept {source}", SpanKind.PRODUCER, working_on.get(), _message("accept", "create", source)
        )

    def command(self, command: Command, context: str | None) -> Span:
        """Begin that of one try at a command, in the trace of the event that its post came from."""
        attributes = _message(command.kind, "process", command.partner, command.id)
        attributes |= {"bridge.post_id": command.post_id, "bridge.attempt": command.attempts + 1}
        return self._begin(f"{command.kind} {command.partner}", SpanKind.CONSUMER, context, attributes)

    @contextmanager
    def call(self, partner: str, operation: str, method: str, url: str) -> Iterator[Span | None]:
        """Have one of a call to a partner; None where it is of no event's trace, as a poll is."""
        context = working_on.get()
        if context is None:
            yield None
            return
        attributes = _sent(method, url) | {"bridge.partner": partner, "bridge.operation": operation}
        with self._begin(f"{method} {operation}", SpanKind.CLIENT, context, attributes) as span:
            yield span

    def telling(self, writes: Sequence[Write]) -> tuple[list[Write], list[list[Span]]]:
        """Begin one for each outbound event of writes, and return the writes as their deliveries go on from them.

        They are to be ended once their write is kept; one that never ends is not exported.
        """
        begun = [[self._tell(event) for event in write.events] for write in writes]
        return [_going_on(write, spans) for write, spans in zip(writes, begun, strict=True)], begun

    def _tell(self, event: OutboundEvent) -> Span:
        working, context = working_on.get(), event.traceparent
        attributes = _message("tell", "create", event.type, event.id) | _subject(event)
        # Of a transition that a command caused, the command comes before it; of one that a poll found, the event.
        if context is None or is_same(working, context):
            return self._begin(f"tell {event.type}", SpanKind.PRODUCER, working, attributes)
        # What caused it is of another trace: a person's request, say.
        links = [Link(_span_context(working))] if working is not None else []
        return self._begin(f"tell {event.type}", SpanKind.PRODUCER, context, attributes, links)

    def delivery(self, delivery: Delivery, endpoint: Endpoint, label: str, contexts: Sequence[str | None]) -> Span:
        """Begin that of an attempt; of several deliveries in one request it goes on from the first, and links others.

        `label` stands for the endpoint where names must be few, `contexts` are those of the deliveries.
        """
        attributes = _message("send", "send", label, delivery.outbound_id)
        attributes |= _sent("POST", endpoint.url)
        attributes |= {"bridge.delivery_id": delivery.id, "bridge.type": delivery.type}
        if len(contexts) > 1:
            attributes["messaging.batch.message_count"] = len(contexts)
        if delivery.calls > 1:
            attributes["http.request.resend_count"] = delivery.calls - 1
        first, *others = contexts
        linked = [Link(_span_context(one)) for one in others if one is not None]
        return self._begin(f"send {label}", SpanKind.CLIENT, first, attributes, linked)

    def _begin(
        self, name: str, kind: SpanKind, context: str | None, attributes: Attributes, links: Sequence[Link] = ()
    ) -> Span:
        parent = Context()  # Not OpenTelemetry's own: only what is told here counts.
        if context is not None:
            parent = trace.set_span_in_context(NonRecordingSpan(_span_context(context)), parent)
        return Span(self._tracer.start_span(name, parent, kind, attributes, links))


def _text(context: SpanContext) -> str | None:
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


def _span_context(context: str) -> SpanContext:
    _, trace_id, span_id, flags = context.split("-")
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16)))


def _going_on(write: Write, spans: Sequence[Span]) -> Write:
    told = zip(write.events, spans, strict=True)
    return replace(write, events=tuple(replace(event, traceparent=span.context) for event, span in told))


def _message(operation: str, kind: str, destination: str, message_id: str = "") -> Attributes:
    attributes: Attributes = {
        "messaging.system": "bridge",
        "messaging.operation.name": operation,
        "messaging.operation.type": kind,
        "messaging.destination.name": destination,
    }
    return attributes | ({"messaging.message.id": message_id} if message_id else {})


def _sent(method: str, url: str) -> Attributes:
    """Say where to a request goes, by what of its address may be told."""
    attributes: Attributes = {"http.request.method": method}
    try:
        address = urlsplit(url)
        port = address.port or _PORTS.get(address.scheme)
    except ValueError:
        return attributes
    attributes |= {"server.address": address.hostname} if address.hostname else {}
    return attributes | ({"server.port": port} if port else {})


def _subject(event: OutboundEvent) -> Attributes:
    ids = {"bridge.event_id": event.event_id, "bridge.post_id": event.post_id, "bridge.reason": event.reason}
    return {"bridge.subject": event.subject, **{name: one for name, one in ids.items() if one}}


def _method(method: str) -> str:
    return method if method in _METHODS else _OTHER
