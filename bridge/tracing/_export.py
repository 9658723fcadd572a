"""The way of spans out of the process: a bounded queue, a thread of its own, OTLP over HTTP.

Nothing waits for it. What the queue does not hold, or the collector does not take in time, is lost, counted and told.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from bridge import __version__
from bridge.tracing._connection import Connection
from bridge.tracing._spans import Spans

log = structlog.get_logger("bridge")

MOST: Final = 4096
"""How many spans may wait: some 8 MB."""

_BATCH = 512
_TOLD_EVERY_S = 60.0
_LIBRARY = "opentelemetry"

Lost = Callable[[str, int], None]


def opened(
    *,
    collector: str | None,
    headers: Mapping[str, str],
    service_name: str | None,
    sample: float,
    to_partners: bool,
    lost: Lost,
) -> Spans:
    """Begin to export; as `bridge.tracing.open_spans`."""
    address = f"{collector.rstrip('/')}/v1/traces" if collector else None
    # Before the exporter: of a variable that it cannot read it logs the value.
    connection = Connection()
    losses = Losses(lost, connection)
    exporter = OTLPSpanExporter(endpoint=address, headers=dict(headers) or None, session=connection)
    return over(exporter, losses, service_name=service_name, sample=sample, to_partners=to_partners)


def over(
    exporter: SpanExporter, losses: "Losses", *, service_name: str | None, sample: float, to_partners: bool
) -> Spans:
    """Return spans that go out by an exporter."""
    processor = _Bounded(exporter, losses)
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sample)),
        resource=_resource(service_name),
        shutdown_on_exit=False,  # It would wait for 30 s.
    )
    provider.add_span_processor(processor)
    return Spans(provider.get_tracer("bridge", __version__), to_partners=to_partners, close=processor.close)


def _resource(service_name: str | None) -> Resource:
    name = service_name or OTELResourceDetector().detect().attributes.get(SERVICE_NAME, "bridge")
    return Resource.create({SERVICE_NAME: name, SERVICE_VERSION: __version__})


class _Bounded(BatchSpanProcessor):
    """Holds `MOST` spans: what comes on top is lost here, where it can be counted, and not in the library's queue."""

    def __init__(self, exporter: SpanExporter, losses: "Losses") -> None:
        self._losses = losses
        # Each of the two counts is written by one thread only: this by that of the work, the other by the export's.
        self._taken = 0
        self._watched = _Watched(exporter, losses)
        super().__init__(self._watched, max_queue_size=MOST + _BATCH, max_export_batch_size=_BATCH)

    def on_end(self, span: ReadableSpan) -> None:
        """Queue a span."""
        if span.context is None or not span.context.trace_flags.sampled:
            return
        if self._waiting >= MOST:
            self._losses.add("queue_full", 1)
            return
        self._taken += 1
        super().on_end(span)

    @property
    def _waiting(self) -> int:
        return self._taken - self._watched.handled

    def close(self, timeout_s: float) -> None:
        """Export what waits, for so long at most; the rest is lost."""
        ending = threading.Thread(target=self.shutdown, name="end-of-traces", daemon=True)
        ending.start()
        ending.join(timeout_s)
        if ending.is_alive():
            self._losses.add("stopped", self._waiting)
        self._losses.end()


class _Watched(SpanExporter):
    """An exporter of which is known how much it has handled, and how."""

    def __init__(self, exporter: SpanExporter, losses: "Losses") -> None:
        self._exporter, self._losses = exporter, losses
        self.handled = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export a batch."""
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            self.handled += len(spans)
            if failed := len(spans) if result is not SpanExportResult.SUCCESS else self._losses.rejected(len(spans)):
                self._losses.add("export_failed", failed)
            self._losses.tell()
        return result

    def shutdown(self) -> None:
        """Take nothing more."""
        self._exporter.shutdown()


class Losses(logging.Handler):
    """Counts what is lost, and tells it in a line a minute at most.

    It is also where the library's own lines end: they come by the second while a collector is down, with its address
    in them. Of these only the kind of an error is kept, where the connection knows of none.
    """

    def __init__(self, lost: Lost, connection: Connection | None = None) -> None:
        super().__init__()
        self._lost, self._untold, self._error = lost, Counter[str](), ""
        self._connection = connection
        self._told_at = -_TOLD_EVERY_S
        self._guard = threading.Lock()
        library = logging.getLogger(_LIBRARY)
        library.handlers[:] = [self]
        library.propagate = False
        # What carries the exports tells of every connection.
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what a line of the library says of why."""
        told = record.args if isinstance(record.args, tuple) else ()
        errors = [value for value in (*told, *(record.exc_info or ())) if isinstance(value, BaseException)]
        if errors:
            self._error = type(errors[-1]).__name__

    def rejected(self, sent: int) -> int:
        """Return how many of the spans sent last were not taken, though the exporter believes it."""
        return min(self._connection.rejected, sent) if self._connection is not None else 0

    def add(self, reason: str, number: int) -> None:
        """Count spans."""
        with self._guard:
            self._untold[reason] += number
            if self._connection is not None and self._connection.error:
                self._error = self._connection.error
        self._lost(reason, number)

    def tell(self) -> None:
        """Log what was lost since it was last told, when that is a minute ago."""
        if self._untold and time.monotonic() - self._told_at >= _TOLD_EVERY_S:
            self.end()

    def end(self) -> None:
        """Log what was lost and not told yet."""
        with self._guard:
            untold, self._untold = self._untold, Counter()
            error, self._error = self._error, ""
        if untold:
            self._told_at = time.monotonic()
            log.warning("tracing.spans_lost", error=error or None, **untold)
