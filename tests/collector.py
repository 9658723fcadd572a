"""A collector of traces: takes OTLP over HTTP as OpenTelemetry's own exporter sends it, and keeps what it says."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.core.traces import trace_id


@dataclass(frozen=True)
class Seen:
    """A span as it arrived; ids are in hexadecimal digits, `parent` is empty where it begins a trace."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, Any]
    failed: bool
    began: int
    ended: int
    links: tuple[str, ...]
    service: str

    def goes_on_from(self, context: str) -> bool:
        """Say whether it is the next in a trace whose traceparent is known."""
        return (self.trace, self.parent) == (trace_id(context), context.split("-")[2])


@dataclass
class Collector:
    """`status` is what it answers; `bodies` are the exports as they came, `headers` those of the last."""

    status: int = 200
    bodies: list[bytes] = field(default_factory=list)
    spans: list[Seen] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/v1/traces", self._take, methods=["POST"])])

    async def _take(self, request: Request) -> Response:
        body = await request.body()
        self.headers = dict(request.headers)
        if self.status == 200:
            self.bodies.append(body)
            self.spans += seen(ExportTraceServiceRequest.FromString(body))
        return Response(status_code=self.status)

    def of(self, trace: str) -> list[Seen]:
        """Return the spans of a trace in the order in which they began."""
        return sorted((span for span in self.spans if span.trace == trace), key=lambda span: span.began)


def seen(request: ExportTraceServiceRequest) -> Iterable[Seen]:
    for group in request.resource_spans:
        service = _attributes(group.resource)["service.name"]
        for scope in group.scope_spans:
            for span in scope.spans:
                yield Seen(
                    span.name,
                    Sent.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    _attributes(span),
                    span.status.code == Status.STATUS_CODE_ERROR,
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    tuple(link.trace_id.hex() for link in span.links),
                    service,
                )


def _attributes(owner: Any) -> dict[str, Any]:
    found = {}
    for pair in owner.attributes:
        which = pair.value.WhichOneof("value")
        value = getattr(pair.value, which)
        found[pair.key] = [one.string_value for one in value.values] if which == "array_value" else value
    return found
