"""The table of all metrics and the words of their labels; what `docs/metrics.md` says is made of it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from bridge.core.errors import FailureReason
from bridge.core.events import EVENT_TYPES
from bridge.core.model import AccountState, CommandKind, PostState
from bridge.core.retry import Choice
from bridge.core.signing import Check
from bridge.core.states import RETIRED
from bridge.core.traces import LOSSES

EventOutcome = Literal[
    "accepted", "changed", "duplicate", "conflict", "invalid", "unauthorized", "forbidden", "ignored", "skipped",
    "stale", "tested", "needs_fetch", "needs_mapping", "overloaded", "failed",
]  # fmt: skip
CommandOutcome = Literal["done", "later", "parked", "dead", "stale"]
DeliveryOutcome = Literal["done", "later", "dead", "stale"]
Polled = Literal["posts", "accounts"]
FeedSwept = Literal["ok", "unchanged", "failed"]
FeedEntry = Literal["posted", "known", "first_sweep", "too_old", "left_out", "braked", "waits", "failed"]
LookupOutcome = Literal["done", "later", "dead"]
Reloaded = Literal["applied", "unchanged", "refused"]

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
    "endpoint": "the names under `endpoints`, `reply:NAME` for each source of the kind `slack`, "
    "`api` (made over the API) and `subscription`",
    "socket": "the names under `sources` of the kind `slack` with `mode: socket`",
    "task": "the tasks of the scheduler",
    "route": "the paths of the HTTP API, with placeholders for ids",
    "method": "the methods of those paths",
    "version": "the version of bridge",
    "python": "the version of the interpreter",
}
"""Labels whose values are known only when bridge runs -> where they come from."""

CALL_OUTCOMES: dict[str, str] = {
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
    FailureReason.ENDPOINT_DISABLED, FailureReason.SEALED, FailureReason.LOST, FailureReason.INTERNAL,
)  # fmt: skip

_EVENT_WORDS = ("outcome", get_args(EventOutcome))
_AUTH_WORDS = ("reason", ("no_token", "unknown_token", "scope", "account", *(set(Check) - {Check.GENUINE})))
_CALL_WORDS = ("outcome", ("ok", *dict.fromkeys(CALL_OUTCOMES.values()), "client_error"))
_OPERATION = ("operation", OPERATIONS)
_WAITING = ("commands", "deliveries", "lookups", "commands_parked", "commands_unconfigured", "deliveries_dead")
_QUEUES = ("queue", _WAITING)
WHAT = ("what", get_args(Polled))
"""What is polled."""
STATUS = ("status_class", ("2xx", "3xx", "4xx", "5xx"))
"""How an HTTP request was answered."""
_RESULTS = ("result", ("succeeded", "failed", "skipped"))
_STORAGE = ("kind", ("away", "busy", "full", "error"))
_HEALTH = ("state", ("enabled", "failing", "held", "disabled"))
_CAUSES = ("kind", ("account", "key", "plan", "source"))


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
    Metric("feed_sweeps_total", "counter", ("source", ("outcome", get_args(FeedSwept))),
           "Feeds read, by what came of it."),
    Metric("feed_entries_total", "counter", ("source", ("outcome", get_args(FeedEntry))),
           "Entries of feeds, by what became of them; those that were seen before are not counted again."),
    Metric("lookups_total", "counter", ("source", ("outcome", get_args(LookupOutcome))),
           "Tries to fetch what a sender only named, by how they ended."),
    Metric("socket_connected", "gauge", ("socket",),
           "1 while the connection of Socket Mode stands. Each replica has its own."),
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
    Metric("partner_key_held_until_timestamp_seconds", "gauge", ("partner",),
           "Until when no call goes out with the key: the partner asked to wait, or failed too often. 0 when it is not "
           "held; in the past when it is not any more, and was not used since."),
    Metric("partner_rate_limit", "gauge", ("partner",),
           "How many calls per second, of every kind and of all replicas together, the partner gets at most, as "
           "configured."),
    Metric("transitions_total", "counter", (("type", EVENT_TYPES),),
           "Outbound events recorded: changes of posts, targets, accounts, keys and endpoints."),
    Metric("posts", "gauge", ("partner", ("state", PostState)),
           "Posts by state. Every replica shows the same number: use max, not sum."),
    Metric("accounts", "gauge", ("partner", ("platform", PLATFORMS), ("state", (*AccountState, RETIRED))),
           "Accounts by state; retired: no longer used, says the configuration. Every replica shows the same number."),
    Metric("causes_open", "gauge", (_CAUSES,),
           "Things that a person must act on, without those of partners that are not configured. Every replica shows "
           "the same number."),
    Metric("retries_decided_total", "counter", (("decision", Choice),), "Failed targets judged, by the decision."),
    Metric("deliveries_total", "counter", ("endpoint", ("outcome", get_args(DeliveryOutcome))),
           "Attempts to deliver an outbound event, by how they ended."),
    Metric("deliveries_failed_total", "counter", ("endpoint", ("reason", _DELIVERY_REASONS)),
           "Attempts to deliver an outbound event that did not succeed."),
    Metric("deliveries_replayed_total", "counter", (), "Deliveries that were made due again because a person asked."),
    Metric("endpoints", "gauge", (_HEALTH,),
           "Endpoints and subscriptions by state; held: left alone for a while. Every replica shows the same number."),
    Metric("delivery_duration_seconds", "histogram", (), "How long attempts to deliver took.",
           (0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0)),
    Metric("queue_depth", "gauge", (_QUEUES,),
           "Work that waits; commands_unconfigured: due or parked, of partners that are not configured, and in no "
           "other queue. Every replica shows the same number."),
    Metric("queue_oldest_due_timestamp_seconds", "gauge", (_QUEUES,),
           "When the work that waits longest was due, without deliveries whose endpoint is held; 0 when none waits."),
    Metric("queue_limit", "gauge", (),
           "How many commands and deliveries may wait before new events are refused, as configured."),
    Metric("free_disk_bytes", "gauge", (), "Free space on the disk of SQLite's file; 0 with PostgreSQL."),
    Metric("free_disk_limit_bytes", "gauge", (),
           "Free space below which new events are refused, as configured; 0 with PostgreSQL."),
    Metric("last_successful_poll_timestamp_seconds", "gauge", ("partner", WHAT),
           "When the partner was last read with success; until then, when the process started."),
    Metric("poll_interval_seconds", "gauge", (WHAT,), "How often partners are read, as configured."),
    Metric("scheduler_jobs_total", "counter", ("task", _RESULTS), "Runs of scheduled jobs."),
    Metric("scheduler_job_duration_seconds", "histogram", ("task",), "How long runs of scheduled jobs took.",
           (0.01, 0.05, 0.25, 1.0, 5.0, 30.0)),
    Metric("http_requests_total", "counter", ("route", "method", STATUS), "HTTP requests answered."),
    Metric("http_request_duration_seconds", "histogram", ("route",), "How long it took to answer HTTP requests.",
           (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 3.0, 10.0, 30.0)),
    Metric("storage_errors_total", "counter", (_STORAGE,),
           "Calls that the database refused; away: it cannot be reached, or takes no writes."),
    Metric("trace_spans_lost_total", "counter", (("reason", LOSSES),),
           "Spans not exported, because too many waited, the collector did not take them, or bridge stopped."),
    Metric("config_warnings", "gauge", (),
           "Warnings about the configuration that runs, and what of a changed one waits for a restart."),
    Metric("config_reloads_total", "counter", (("result", get_args(Reloaded)),),
           "Times that the configuration was read again, by what came of it."),
    Metric("config_last_reload_successful", "gauge", (),
           "0 while the configuration was refused when it was last read, and the one before it goes on."),
    Metric("config_last_reload_success_timestamp_seconds", "gauge", (),
           "When the configuration was last read with success."),
    Metric("build_info", "gauge", ("version", "python"), "Always 1; the labels say what is running."),
)  # fmt: skip
"""All metrics, in the order of their reference."""


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
