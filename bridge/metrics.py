"""Every metric of bridge: `METRICS` says what there is, `Metrics` counts into a registry.

Every label comes from a closed set that is known when `Metrics` is built, and every combination stands at 0 from the
start: so `rate()` sees the first failure, and absence means absence. A value outside its set is counted as `other`.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import product
from platform import python_version
from typing import Any, Generic, Literal, TypeVar, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bridge import __version__
from bridge.core.errors import FailureReason, StoreBusy, StoreError, StoreFull
from bridge.core.events import EVENT_TYPES
from bridge.core.model import AccountState, CommandKind, PostState
from bridge.core.retry import Choice
from bridge.core.signing import Check
from bridge.ports import Counts

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What `Metrics.render` gives: the classic text format, which every reader knows."""

EventOutcome = Literal[
    "accepted", "duplicate", "conflict", "invalid", "unauthorized", "forbidden", "ignored", "overloaded", "failed"
]
CommandOutcome = Literal["done", "later", "parked", "dead", "stale"]
DeliveryOutcome = Literal["done", "later", "dead", "stale"]
Polled = Literal["posts", "accounts"]

OTHER = "other"
"""Stands for every label value outside its set."""

OPERATIONS = (
    "create", "update", "schedule", "retry", "cancel", "get", "results", "list", "accounts", "health", "reconnect",
    "key", "host",
)  # fmt: skip
"""The words for calls to a partner."""

PLATFORMS = (
    "tiktok", "instagram", "youtube", "pinterest", "linkedin", "facebook",
    "x", "twitter", "threads", "bluesky", "reddit", "telegram", "discord", "wordpress",
)  # fmt: skip
"""The networks that partners name."""

CONFIGURED = {
    "source": "`api`, `adopted` (posts made elsewhere) and the names under `sources`",
    "partner": "the names under `partners`",
    "endpoint": "the names under `endpoints`",
    "job": "the jobs of the scheduler",
    "route": "the paths of the HTTP API, with placeholders for ids",
    "method": "the methods of those paths",
    "version": "the version of bridge",
    "python": "the version of the interpreter",
}
"""Labels whose values are known only when bridge starts -> where they come from."""

_CALL_OUTCOMES: dict[str, str] = {
    FailureReason.RATE_LIMITED: "rate_limited",
    FailureReason.UNAUTHORIZED: "unauthorized",
    FailureReason.PAYMENT_REQUIRED: "payment_required",
    FailureReason.FORBIDDEN: "forbidden",
    FailureReason.SERVER_ERROR: "server_error",
    FailureReason.UNREADABLE: "unreadable",
    FailureReason.TIMEOUT: "timeout",
    FailureReason.DNS: "network",
    FailureReason.CONNECT: "network",
    FailureReason.TLS: "network",
    FailureReason.CLOSED: "network",
    FailureReason.PROTOCOL: "network",
    FailureReason.BLOCKED_ADDRESS: "network",
    FailureReason.INSECURE_URL: "network",
}
"""Why a partner call failed -> its outcome; anything else that a partner refuses is a `client_error`."""

_DELIVERY_REASONS = (
    FailureReason.DNS, FailureReason.CONNECT, FailureReason.TLS, FailureReason.TIMEOUT, FailureReason.CLOSED,
    FailureReason.PROTOCOL, FailureReason.BLOCKED_ADDRESS, FailureReason.INSECURE_URL, FailureReason.RATE_LIMITED,
    FailureReason.SERVER_ERROR, FailureReason.UNAUTHORIZED, FailureReason.FORBIDDEN, FailureReason.NOT_FOUND,
    FailureReason.REDIRECT, FailureReason.CLIENT_ERROR, FailureReason.GONE, FailureReason.EXHAUSTED,
    FailureReason.ENDPOINT_DISABLED, FailureReason.LOST, FailureReason.INTERNAL,
)  # fmt: skip

_EVENT_WORDS = ("outcome", get_args(EventOutcome))
_AUTH_WORDS = ("reason", ("no_token", "unknown_token", "scope", "account", *(set(Check) - {Check.GENUINE})))
_CALL_WORDS = ("outcome", ("ok", *dict.fromkeys(_CALL_OUTCOMES.values()), "client_error"))
_OPERATION = ("operation", OPERATIONS)
_QUEUES = ("queue", ("commands", "deliveries", "commands_parked", "deliveries_dead"))
_WHAT = ("what", get_args(Polled))
_STATUS = ("status_class", ("2xx", "3xx", "4xx", "5xx"))
_RESULTS = ("result", ("succeeded", "failed", "skipped"))
_STORAGE = ("kind", ("busy", "full", "error"))
_CAUSES = ("kind", ("account", "key", "plan"))


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its name without `bridge_`, its labels (with their values, unless configured), its help."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str | tuple[str, Iterable[str]], ...]
    help: str
    buckets: tuple[float, ...] = ()

    def sets(self, configured: Mapping[str, Iterable[str]]) -> dict[str, tuple[str, ...]]:
        """Return each label with its values, sorted."""
        pairs = ((item, configured[item]) if isinstance(item, str) else item for item in self.labels)
        return {name: tuple(sorted(map(str, values))) for name, values in pairs}


METRICS = (
    Metric("events_total", "counter", ("source", _EVENT_WORDS), "Events received, by what became of them."),
    Metric("auth_failures_total", "counter", ("source", _AUTH_WORDS),
           "Requests whose sender did not prove who it is, or may not do this."),
    Metric("commands_total", "counter", ("partner", ("kind", CommandKind), ("outcome", get_args(CommandOutcome))),
           "Tries of commands, by how they ended."),
    Metric("commands_failed_total", "counter", ("partner", ("reason", FailureReason)),
           "Tries of commands that did not succeed."),
    Metric("partner_requests_total", "counter", ("partner", _OPERATION, _CALL_WORDS), "Calls to partners, ended."),
    Metric("partner_request_duration_seconds", "histogram", ("partner", _OPERATION, ("outcome", ("ok", "failed"))),
           "How long calls to partners took.", (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)),
    Metric("partner_key_blocked", "gauge", ("partner",), "1 while the partner refuses the key or its plan."),
    Metric("transitions_total", "counter", (("type", EVENT_TYPES),),
           "Outbound events recorded: changes of posts, targets, accounts, keys and endpoints."),
    Metric("posts", "gauge", ("partner", ("state", PostState)),
           "Posts by state. Every replica shows the same number: use max, not sum."),
    Metric("accounts", "gauge", ("partner", ("platform", PLATFORMS), ("state", AccountState)),
           "Accounts by state. Every replica shows the same number."),
    Metric("causes_open", "gauge", (_CAUSES,),
           "Things that a person must act on. Every replica shows the same number."),
    Metric("retries_decided_total", "counter", (("decision", Choice),), "Failed targets judged, by the decision."),
    Metric("deliveries_total", "counter", ("endpoint", ("outcome", get_args(DeliveryOutcome))),
           "Attempts to deliver an outbound event, by how they ended."),
    Metric("deliveries_failed_total", "counter", ("endpoint", ("reason", _DELIVERY_REASONS)),
           "Attempts to deliver an outbound event that did not succeed."),
    Metric("delivery_duration_seconds", "histogram", (), "How long attempts to deliver took.",
           (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)),
    Metric("queue_depth", "gauge", (_QUEUES,), "Work that waits. Every replica shows the same number."),
    Metric("queue_oldest_due_timestamp_seconds", "gauge", (_QUEUES,),
           "When the work that waits longest was due; 0 when none waits."),
    Metric("last_successful_poll_timestamp_seconds", "gauge", ("partner", _WHAT),
           "When the partner was last read with success; until then, when the process started."),
    Metric("poll_interval_seconds", "gauge", (_WHAT,), "How often partners are read, as configured."),
    Metric("scheduler_jobs_total", "counter", ("job", _RESULTS), "Runs of scheduled jobs."),
    Metric("scheduler_job_duration_seconds", "histogram", ("job",), "How long runs of scheduled jobs took.",
           (0.01, 0.05, 0.25, 1.0, 5.0, 30.0)),
    Metric("http_requests_total", "counter", ("route", "method", _STATUS), "HTTP requests answered."),
    Metric("http_request_duration_seconds", "histogram", ("route",), "How long it took to answer HTTP requests.",
           (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0)),
    Metric("storage_errors_total", "counter", (_STORAGE,), "Calls that the database refused."),
    Metric("config_warnings", "gauge", (), "Warnings about the configuration at start; `bridge check` lists them."),
    Metric("build_info", "gauge", ("version", "python"), "Always 1; the labels say what is running."),
)  # fmt: skip
"""All metrics, in the order of their reference."""

_Parent = TypeVar("_Parent", Counter, Gauge, Histogram)


class _Family(Generic[_Parent]):
    """One metric, with a child bound for each combination of label values, or only for those in `known`."""

    __slots__ = ("_children", "_parent", "_sets")

    def __init__(
        self, parent: _Parent, sets: Collection[tuple[str, ...]], known: Iterable[tuple[str, ...]] | None = None
    ) -> None:
        self._parent: _Parent = parent
        self._sets = tuple(map(frozenset, sets))
        combinations = product(*sets) if known is None else known
        self._children: dict[tuple[str, ...], _Parent] = {values: self._child(values) for values in combinations}

    def at(self, *values: str) -> _Parent:
        """Return the child of these values; one outside its set counts as `other`."""
        child = self._children.get(values)
        if child is None:
            values = self._folded(values)
            child = self._children.setdefault(values, self._child(values))
        return child

    def replace(self: "_Family[Gauge]", numbers: Iterable[tuple[tuple[str, ...], float]]) -> None:
        """Set these numbers, and 0 for every other child; numbers that count as `other` are added up."""
        totals = dict.fromkeys(self._children, 0.0)
        for values, number in numbers:
            folded = self._folded(values)
            totals[folded] = totals.get(folded, 0.0) + number
        for values, total in totals.items():
            self.at(*values).set(total)

    def _folded(self, values: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(value if value in known else OTHER for value, known in zip(values, self._sets, strict=True))

    def _child(self, values: tuple[str, ...]) -> _Parent:
        return self._parent.labels(*values) if values else self._parent


class Metrics:
    """Counts what happens, into one registry. Only `set_counts` and `render` cost more than a microsecond or two.

    Args:
        registry: gets all of `METRICS`, and what there is on the process and its garbage collection.
        started: when the process started.
        sources: the names that events come from.
        partners: the names of the partner keys.
        endpoints: the names of the configured endpoints.
        routes: the path (with placeholders) and method of every HTTP route.
        jobs: the names of the scheduled jobs.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        started: datetime,
        sources: Iterable[str] = ("api",),
        partners: Iterable[str] = (),
        endpoints: Iterable[str] = (),
        routes: Collection[tuple[str, str]] = (),
        jobs: Iterable[str] = (),
    ) -> None:
        # Else each counter would be followed by a second series, of when it began, which nothing here reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # It has no types, nor anything to give.
        self._registry = registry
        self._configured = {
            "source": tuple(sources),
            "partner": tuple(partners),
            "endpoint": tuple(endpoints),
            "route": {path for path, _ in routes},
            "method": {method for _, method in routes},
            "job": tuple(jobs),
            "version": (__version__,),
            "python": (python_version(),),
        }
        self._define([(*route, status) for route, status in product(routes, _STATUS[1])])
        self._build_info.at(__version__, python_version()).set(1)
        for partner, what in product(self._configured["partner"], _WHAT[1]):
            self._last_poll.at(partner, what).set(started.timestamp())
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def _define(self, requests: Iterable[tuple[str, ...]]) -> None:
        self._events = self._family(Counter, "events_total")
        self._auth_failures = self._family(Counter, "auth_failures_total")
        self._commands = self._family(Counter, "commands_total")
        self._commands_failed = self._family(Counter, "commands_failed_total")
        self._calls = self._family(Counter, "partner_requests_total")
        self._call_seconds = self._family(Histogram, "partner_request_duration_seconds")
        self._key_blocked = self._family(Gauge, "partner_key_blocked")
        self._transitions = self._family(Counter, "transitions_total")
        self._posts = self._family(Gauge, "posts")
        self._accounts = self._family(Gauge, "accounts")
        self._causes = self._family(Gauge, "causes_open")
        self._retries = self._family(Counter, "retries_decided_total")
        self._deliveries = self._family(Counter, "deliveries_total")
        self._deliveries_failed = self._family(Counter, "deliveries_failed_total")
        self._delivery_seconds = self._family(Histogram, "delivery_duration_seconds").at()
        self._depth = self._family(Gauge, "queue_depth")
        self._oldest = self._family(Gauge, "queue_oldest_due_timestamp_seconds")
        self._last_poll = self._family(Gauge, "last_successful_poll_timestamp_seconds")
        self._poll_interval = self._family(Gauge, "poll_interval_seconds")
        self._jobs = self._family(Counter, "scheduler_jobs_total")
        self._job_seconds = self._family(Histogram, "scheduler_job_duration_seconds")
        self._requests = self._family(Counter, "http_requests_total", requests)
        self._request_seconds = self._family(Histogram, "http_request_duration_seconds")
        self._storage_errors = self._family(Counter, "storage_errors_total")
        self._warnings = self._family(Gauge, "config_warnings").at()
        self._build_info = self._family(Gauge, "build_info")

    def _family(
        self, kind: type[_Parent], name: str, known: Iterable[tuple[str, ...]] | None = None
    ) -> _Family[_Parent]:
        metric = next(item for item in METRICS if item.name == name)
        sets = metric.sets(self._configured)
        more: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
        parent = kind(f"bridge_{name}", metric.help, tuple(sets), registry=self._registry, **more)
        return _Family(parent, sets.values(), known)

    def event(self, source: str, outcome: EventOutcome, count: int = 1) -> None:
        """Count events received."""
        self._events.at(source, outcome).inc(count)

    def auth_failure(self, source: str, reason: str) -> None:
        """Count a sender that was refused: `no_token`, `unknown_token`, `scope`, `account`, or a `signing.Check`."""
        self._auth_failures.at(source, reason).inc()

    def command(
        self, partner: str, kind: CommandKind, outcome: CommandOutcome, reason: FailureReason | None = None
    ) -> None:
        """Count one try of a command; `reason` when it did not succeed."""
        self._commands.at(partner, kind, outcome).inc()
        if reason is not None:
            self._commands_failed.at(partner, reason).inc()

    def partner_call(self, partner: str, operation: str, outcome: str, seconds: float) -> None:
        """Count one call to a partner: one of `OPERATIONS`, `ok` or the `FailureReason`, how long it took."""
        well = outcome == "ok"
        self._calls.at(partner, operation, outcome if well else _CALL_OUTCOMES.get(outcome, "client_error")).inc()
        self._call_seconds.at(partner, operation, outcome if well else "failed").observe(seconds)

    def key_blocked(self, partner: str, blocked: bool) -> None:
        """Show whether a partner refuses its key."""
        self._key_blocked.at(partner).set(blocked)

    def transition(self, event_type: str) -> None:
        """Count an outbound event that was recorded."""
        self._transitions.at(event_type).inc()

    def retry_decided(self, choice: Choice) -> None:
        """Count a judgement on a failed target."""
        self._retries.at(choice).inc()

    def delivery(
        self, endpoint: str, outcome: DeliveryOutcome, seconds: float, reason: FailureReason | None = None
    ) -> None:
        """Count one attempt to deliver; `reason` when it did not succeed."""
        self._deliveries.at(endpoint, outcome).inc()
        self._delivery_seconds.observe(seconds)
        if reason is not None:
            self._deliveries_failed.at(endpoint, reason).inc()

    def polled(self, partner: str, what: Polled, at: datetime) -> None:
        """Show when a partner was last read with success."""
        self._last_poll.at(partner, what).set(at.timestamp())

    def poll_interval(self, what: Polled, interval: timedelta) -> None:
        """Show how often partners are read."""
        self._poll_interval.at(what).set(interval.total_seconds())

    def job(self, name: str, result: str, seconds: float) -> None:
        """Count one run of a scheduled job: `succeeded`, `failed`, or `skipped`, which takes no time."""
        self._jobs.at(name, result).inc()
        if result != "skipped":
            self._job_seconds.at(name).observe(seconds)

    def http_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one HTTP request answered; `route` is the path with placeholders."""
        self._requests.at(route, method, f"{status // 100}xx").inc()
        self._request_seconds.at(route).observe(seconds)

    def storage_error(self, error: StoreError) -> None:
        """Count a call that the database refused."""
        kind = "busy" if isinstance(error, StoreBusy) else "full" if isinstance(error, StoreFull) else "error"
        self._storage_errors.at(kind).inc()

    def config_warned(self, count: int = 1) -> None:
        """Count warnings about the configuration."""
        self._warnings.inc(count)

    def set_counts(self, counts: Counts) -> None:
        """Show what the store counted; whatever it no longer mentions goes to 0."""
        self._posts.replace(counts.posts.items())
        self._accounts.replace(counts.accounts.items())
        self._causes.replace(((kind,), number) for kind, number in counts.causes.items())
        self._depth.replace(((queue,), number) for queue, number in counts.queue.items())
        self._oldest.replace(((queue,), oldest.timestamp()) for queue, oldest in counts.oldest.items())

    def render(self) -> bytes:
        """Return everything in the format of `CONTENT_TYPE`."""
        return generate_latest(self._registry)


def reference() -> str:
    """Return the reference of all metrics as Markdown: docs/metrics.md."""
    rows = [_row(metric) for metric in METRICS]
    origins = [f"| `{label}` | {origin} |" for label, origin in CONFIGURED.items()]
    return "\n".join([_INTRODUCTION, *rows, _ORIGINS, *origins, ""])


def _row(metric: Metric) -> str:
    fixed = {item[0]: item[1] for item in metric.labels if not isinstance(item, str)}
    sets = metric.sets(dict.fromkeys(CONFIGURED, ()))
    labels = [f"`{name}`" + (f": {', '.join(values)}" if name in fixed else "") for name, values in sets.items()]
    return f"| `bridge_{metric.name}` | {metric.kind} | {'<br>'.join(labels) or 'none'} | {metric.help} |"


_INTRODUCTION = """# Metrics

Served at `/metrics`, beside the usual `process_*` and `python_gc_*`. Every combination of label values stands at 0 from
the start; a value outside its set is counted as `other`. Times are Unix timestamps: subtract them from `time()`.
This page is written by `bridge.metrics.reference`; a test compares the two.

| Metric | Type | Labels and their values | What it tells |
| --- | --- | --- | --- |"""

_ORIGINS = (
    "\nLabels without values above take them from the configuration and the build:\n\n| Label | Values |\n| --- | --- |"
)
