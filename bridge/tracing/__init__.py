"""Traces: spans of what becomes of an event, for OpenTelemetry, where `tracing.enabled` asks for them.

A context (`core.traces`) is kept with events, posts and outbound events, so that what is done later, by another process
and after a restart, is still of the same trace. Where tracing is off there are no `Spans`, nothing of OpenTelemetry is
imported, and the context that came with an event goes on to its deliveries as it came.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from bridge.tracing._current import current as current
from bridge.tracing._current import enter as enter

if TYPE_CHECKING:
    from bridge.tracing._spans import Span as Span
    from bridge.tracing._spans import Spans as Spans


def open_spans(
    *,
    collector: str | None,
    headers: Mapping[str, str],
    service_name: str | None,
    sample: float,
    to_partners: bool,
    lost: Callable[[str, int], None],
) -> "Spans":
    """Begin to export; `Spans.close` ends it.

    What is not given here is as the variables of OpenTelemetry (`OTEL_EXPORTER_OTLP_...`, `OTEL_RESOURCE_ATTRIBUTES`,
    `OTEL_BSP_SCHEDULE_DELAY`) say.

    Args:
        collector: where to, by OTLP over HTTP: an address to which `/v1/traces` is added.
        headers: sent along.
        service_name: what the service is called.
        sample: how many of the traces that begin here are exported, from 0 to 1. One that came from elsewhere is
            exported when it is there.
        to_partners: whether partners are given the context, too.
        lost: told of spans that are not exported: one of `core.traces.LOSSES`, and how many. Any thread may call it.

    Raises:
        ImportError: the extra `otel` is not installed.
    """
    from bridge.tracing._export import opened

    return opened(
        collector=collector,
        headers=headers,
        service_name=service_name,
        sample=sample,
        to_partners=to_partners,
        lost=lost,
    )
