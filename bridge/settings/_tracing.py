"""Checks the section `tracing`, and OpenTelemetry's own variables where they would end the start, or be told."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib.util import find_spec
from math import inf
from typing import Any
from urllib.parse import unquote

from bridge.core.endpoint_fields import header_faults
from bridge.core.targets import split
from bridge.settings._endpoints import check_headers
from bridge.settings._tree import Faults, Trail
from bridge.settings._types import Tracing

_NEEDED = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
_PATH = "/v1/traces"
_DISABLED = "OTEL_SDK_DISABLED"
_HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")
_TIMEOUTS = ("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "OTEL_EXPORTER_OTLP_TIMEOUT")
_COMPRESSIONS = ("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "OTEL_EXPORTER_OTLP_COMPRESSION")
_LIMITS = (
    *("OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"),
    *("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT"),
    *("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"),
)
_HEADER = re.compile(r"[!#$%&'*+.^`|~\w-]+[ \t]*=[ -!#-+\--:<-\[\]-~\t]*", re.ASCII)
"""A name, and a value without a double quote, a comma, a semicolon or a backslash: what the exporter takes."""


def check_tracing(raw: Any, tracing: Tracing, faults: Faults) -> None:
    """Add the faults of the section; what it needs is looked for only where it is switched on."""
    trail: Trail = ("tracing",)
    if tracing.enabled and not all(map(_is_installed, _NEEDED)):
        remedy = (
            "pip install 'bridge-publish[otel]', an image with REQUIREMENTS=requirements-otel.lock, or leave it off."
        )
        faults.add((*trail, "enabled"), "needs OpenTelemetry, which is not installed", remedy)
    if tracing.collector is not None:
        parts = split(tracing.collector)
        if parts is None or parts.query or parts.fragment or parts.username:
            remedy = "Write it as http://HOST:4318, without /v1/traces; a credential goes into tracing.headers."
            faults.add((*trail, "collector"), "is not the address of a collector", remedy)
        elif parts.path.rstrip("/").endswith(_PATH):
            faults.add((*trail, "collector"), f"ends in {_PATH}, which is added to it", "Leave that off.")
    check_headers(raw.get("headers") if isinstance(raw, dict) else None, trail, faults)
    faults.take(trail, header_faults(tracing.headers))


def check_variables(tracing: Tracing, environ: Mapping[str, str], faults: Faults) -> None:
    """Add the faults of variables that the exporter goes by; their values are not told: some are secrets."""
    if not tracing.enabled:
        return
    for name in _HEADERS:
        if not all(_HEADER.fullmatch(part) for part in _parts(environ.get(name, ""))):
            remedy = "Write NAME=VALUE,NAME=VALUE with values as in an address: %2C for a comma, %3B for a semicolon."
            faults.add((name,), "holds something that is not a header", remedy)
    delay = environ.get("OTEL_BSP_SCHEDULE_DELAY")
    if delay is not None and not (_is_whole(delay) and int(delay) > 0):
        faults.add(("OTEL_BSP_SCHEDULE_DELAY",), "is not a number of milliseconds above 0", "Write 5000, or unset it.")
    for name in _TIMEOUTS:
        if environ.get(name) and not _is_above_zero(environ[name]):
            faults.add((name,), "is not a number of seconds above 0", "Write 10, or unset it.")
    for name in _COMPRESSIONS:
        if environ.get(name, "").strip().lower() not in {"", "none", "gzip", "deflate"}:
            faults.add((name,), "is no compression that the exporter knows", "Write none, gzip or deflate.")
    for name in _LIMITS:
        if (limit := environ.get(name, "").strip()) and not _is_whole(limit):
            faults.add((name,), "is not a whole number", "Write 128, say, or unset it.")


def without_disabled(tracing: Tracing, environ: Mapping[str, str]) -> Tracing:
    """Switch the section off where OpenTelemetry's own switch does, which goes before."""
    disabled = environ.get(_DISABLED, "").strip().lower() == "true"
    return replace(tracing, enabled=False) if disabled else tracing


def tracing_warnings(tracing: Tracing, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield a sentence on what the section opens up or leaves useless."""
    if tracing.enabled and not without_disabled(tracing, environ).enabled:
        yield f"tracing.enabled: is on, but {_DISABLED} is true, so nothing is traced."
    if (tracing.collector or "").startswith("http://") and tracing.headers:
        yield "tracing.collector: is plain http, so tracing.headers travel in the clear."


def header_values(tracing: Tracing, environ: Mapping[str, str]) -> Iterator[str]:
    """Yield what the variables for headers hold, in every spelling: a vendor's key, as a rule."""
    for name in _HEADERS if tracing.enabled else ():
        for part in _parts(environ.get(name, "")):
            for value in (part.partition("=")[2].strip() or part, unquote(part.partition("=")[2]).strip()):
                # Of `Authorization: Basic ...` the second word is what counts.
                yield from (value, value.rpartition(" ")[2])


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"\s*\+?[0-9]{1,9}\s*", text, re.ASCII) is not None


def _is_above_zero(text: str) -> bool:
    try:
        return 0 < float(text) < inf
    except ValueError:
        return False


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:
        return False
