"""Every metric of bridge: `METRICS` says what there is, `Metrics` counts into a registry.

Every label comes from a closed set, and every combination stands at 0 from the start: so `rate()` sees the first
failure, and absence means absence. A value outside its set is counted as `other`. The sets that the configuration
gives follow it (`Metrics.follow`); what was counted stays.
"""

from collections import Counter as Counted
from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from itertools import product
from platform import python_version
from typing import Any

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
from bridge.core.delivering import MADE_HERE
from bridge.core.endpoints import WANTED
from bridge.core.errors import FailureReason, StoreAway, StoreBusy, StoreError, StoreFull
from bridge.core.model import CommandKind
from bridge.core.retry import Choice
from bridge.core.tallies import DELIVERIES, EVENTS, POSTS, REFUSED, Tallying
from bridge.metrics._family import Family, Parent
from bridge.metrics._table import (
    CALL_OUTCOMES,
    CONFIGURED,
    METRICS,
    OPERATIONS,
    OTHER,
    PLATFORMS,
    STATUS,
    WHAT,
    CommandOutcome,
    DeliveryOutcome,
    EventOutcome,
    FeedEntry,
    FeedSwept,
    LookupOutcome,
    Metric,
    Polled,
    Reloaded,
    reference,
)
from bridge.ports import Counts

__all__ = [
    "CONFIGURED",
    "CONTENT_TYPE",
    "METRICS",
    "OPERATIONS",
    "OTHER",
    "PLATFORMS",
    "CommandOutcome",
    "DeliveryOutcome",
    "EventOutcome",
    "FeedEntry",
    "FeedSwept",
    "LookupOutcome",
    "Metric",
    "Metrics",
    "Polled",
    "Reloaded",
    "reference",
]

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4
"""What `Metrics.render` gives: the classic text format, which every reader knows."""

_BY_NAME = frozenset({"source", "partner", "endpoint", "socket"})
"""Labels whose values may change while bridge runs."""

_STORAGE = ((StoreAway, "away"), (StoreBusy, "busy"), (StoreFull, "full"))
"""What a refused call counts as: the first that it is, else as an `error`."""

_ENDS = ("post.posted", "post.partial", "post.failed", "post.rejected")
"""What the tallies count of posts."""

_REFUSED = frozenset({"invalid", "conflict", "overloaded", "failed"})
"""Outcomes of events that the tallies count as refused; whoever proves nothing is counted as `auth_failure`."""


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
        sockets: Iterable[str] = (),
        routes: Collection[tuple[str, str]] = (),
        jobs: Iterable[str] = (),
    ) -> None:
        # Else each counter would be followed by a second series, of when it began, which nothing here reads.
        disable_created_metrics()  # type: ignore[no-untyped-call]  # It has no types, nor anything to give.
        self._registry = registry
        self.counted = Tallying()
        self._named: list[tuple[Metric, Family[Any]]] = []
        self._standing: Counted[str] = Counted()
        self._configured: dict[str, Collection[str]] = {
            **_names(sources, partners, endpoints, sockets),
            "route": {path for path, _ in routes},
            "method": {method for _, method in routes},
            # Not `job`: a scrape gives every series a label of that name.
            "task": tuple(jobs),
            "version": (__version__,),
            "python": (python_version(),),
        }
        self._define([(*route, status) for route, status in product(routes, STATUS[1])])
        self._build_info.at(__version__, python_version()).set(1)
        self._reload_successful.set(1)
        self._reloaded_at.set(started.timestamp())
        for partner, what in product(self._configured["partner"], WHAT[1]):
            self._last_poll.at(partner, what).set(started.timestamp())
        ProcessCollector(registry=registry)
        GCCollector(registry=registry)

    def _define(self, requests: Iterable[tuple[str, ...]]) -> None:
        self._events = self._family(Counter, "events_total")
        self._feed_sweeps = self._family(Counter, "feed_sweeps_total")
        self._feed_entries = self._family(Counter, "feed_entries_total")
        self._lookups = self._family(Counter, "lookups_total")
        self._sockets = self._family(Gauge, "socket_connected")
        self._auth_failures = self._family(Counter, "auth_failures_total")
        self._commands = self._family(Counter, "commands_total")
        self._commands_failed = self._family(Counter, "commands_failed_total")
        self._calls = self._family(Counter, "partner_requests_total")
        self._call_seconds = self._family(Histogram, "partner_request_duration_seconds")
        self._key_blocked = self._family(Gauge, "partner_key_blocked")
        self._key_held = self._family(Gauge, "partner_key_held_until_timestamp_seconds")
        self._rates = self._family(Gauge, "partner_rate_limit")
        self._transitions = self._family(Counter, "transitions_total")
        self._posts = self._family(Gauge, "posts")
        self._accounts = self._family(Gauge, "accounts")
        self._causes = self._family(Gauge, "causes_open")
        self._retries = self._family(Counter, "retries_decided_total")
        self._deliveries = self._family(Counter, "deliveries_total")
        self._deliveries_failed = self._family(Counter, "deliveries_failed_total")
        self._deliveries_replayed = self._family(Counter, "deliveries_replayed_total").at()
        self._endpoints = self._family(Gauge, "endpoints")
        self._delivery_seconds = self._family(Histogram, "delivery_duration_seconds").at()
        self._depth = self._family(Gauge, "queue_depth")
        self._oldest = self._family(Gauge, "queue_oldest_due_timestamp_seconds")
        self._queue_limit = self._family(Gauge, "queue_limit").at()
        self._free_disk = self._family(Gauge, "free_disk_bytes").at()
        self._free_disk_limit = self._family(Gauge, "free_disk_limit_bytes").at()
        self._last_poll = self._family(Gauge, "last_successful_poll_timestamp_seconds")
        self._poll_interval = self._family(Gauge, "poll_interval_seconds")
        self._jobs = self._family(Counter, "scheduler_jobs_total")
        self._job_seconds = self._family(Histogram, "scheduler_job_duration_seconds")
        self._requests = self._family(Counter, "http_requests_total", requests)
        self._request_seconds = self._family(Histogram, "http_request_duration_seconds")
        self._storage_errors = self._family(Counter, "storage_errors_total")
        self._spans_lost = self._family(Counter, "trace_spans_lost_total")
        self._warnings = self._family(Gauge, "config_warnings").at()
        self._reloads = self._family(Counter, "config_reloads_total")
        self._reload_successful = self._family(Gauge, "config_last_reload_successful").at()
        self._reloaded_at = self._family(Gauge, "config_last_reload_success_timestamp_seconds").at()
        self._build_info = self._family(Gauge, "build_info")

    def _family(self, kind: type[Parent], name: str, known: Iterable[tuple[str, ...]] | None = None) -> Family[Parent]:
        metric = next(item for item in METRICS if item.name == name)
        sets = metric.sets(self._configured)
        more: dict[str, Any] = {"buckets": metric.buckets} if metric.buckets else {}
        parent = kind(f"bridge_{name}", metric.help, tuple(sets), registry=self._registry, **more)
        family = Family(parent, sets.values(), known)
        if not _BY_NAME.isdisjoint(sets):
            self._named.append((metric, family))
        return family

    def follow(
        self,
        at: datetime,
        *,
        sources: Iterable[str],
        partners: Iterable[str],
        endpoints: Iterable[str],
        sockets: Iterable[str],
    ) -> None:
        """Go by other names from now on, and forget the warnings about the configuration before.

        New names stand at 0. What was counted of those that are gone is still shown, for they may come back; how they
        are is not.
        """
        before = set(self._configured["partner"])
        self._configured |= _names(sources, partners, endpoints, sockets)
        for metric, family in self._named:
            family.follow(metric.sets(self._configured).values(), drop=metric.kind == "gauge")
        for partner, what in product(self._configured["partner"], WHAT[1]):
            if partner not in before:
                self._last_poll.at(partner, what).set(at.timestamp())
        self._warnings.set(0)

    def event(self, source: str, outcome: EventOutcome, count: int = 1) -> None:
        """Count events received."""
        self._events.at(source, outcome).inc(count)
        self.counted.add(EVENTS, outcome, count)
        self.counted.add(f"{EVENTS}:{source}", outcome, count)
        if outcome in _REFUSED:
            self.counted.add(f"{REFUSED}:{source}", outcome, count)

    def feed_swept(self, source: str, outcome: FeedSwept) -> None:
        """Count one reading of a feed."""
        self._feed_sweeps.at(source, outcome).inc()

    def feed_entry(self, source: str, outcome: FeedEntry, count: int = 1) -> None:
        """Count entries of a feed."""
        self._feed_entries.at(source, outcome).inc(count)

    def lookup(self, source: str, outcome: LookupOutcome) -> None:
        """Count one try to fetch what a sender only named."""
        self._lookups.at(source, outcome).inc()

    def socket(self, source: str, *, connected: bool) -> None:
        """Note that a connection of Socket Mode stands, or no more; a new one may stand before the old one goes."""
        self._standing[source] = max(self._standing[source] + (1 if connected else -1), 0)
        if source in self._configured["socket"]:
            self._sockets.at(source).set(self._standing[source] > 0)

    def auth_failure(self, source: str, reason: str) -> None:
        """Count a sender that was refused: `no_token`, `unknown_token`, `scope`, `account`, or a `signing.Check`."""
        self._auth_failures.at(source, reason).inc()
        self.counted.add(f"{REFUSED}:{source}", reason)

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
        self._calls.at(partner, operation, outcome if well else CALL_OUTCOMES.get(outcome, "client_error")).inc()
        self._call_seconds.at(partner, operation, outcome if well else "failed").observe(seconds)

    def key_blocked(self, partner: str, blocked: bool) -> None:
        """Show whether a partner refuses its key."""
        self._key_blocked.at(partner).set(blocked)

    def key_held(self, partner: str, until: datetime | None) -> None:
        """Show until when no call goes out with a partner's key."""
        self._key_held.at(partner).set(until.timestamp() if until is not None else 0)

    def partner_rate(self, partner: str, calls_a_second: float) -> None:
        """Show how many calls a partner gets at most."""
        self._rates.at(partner).set(calls_a_second)

    def transition(self, event_type: str) -> None:
        """Count an outbound event that was recorded; one that only asks for word in a chat tells of none."""
        if event_type != WANTED:
            self._transitions.at(event_type).inc()
        if event_type in _ENDS:
            self.counted.add(POSTS, event_type.removeprefix("post."))

    def retry_decided(self, choice: Choice) -> None:
        """Count a judgement on a failed target."""
        self._retries.at(choice).inc()

    def delivery(
        self, endpoint: str, outcome: DeliveryOutcome, seconds: float, reason: FailureReason | None = None
    ) -> None:
        """Count one attempt to deliver; `reason` when it did not succeed. `endpoint` is its `delivering.label`."""
        self._deliveries.at(endpoint, outcome).inc()
        self.counted.add(DELIVERIES, outcome)
        self._delivery_seconds.observe(seconds)
        if reason is not None:
            self._deliveries_failed.at(endpoint, reason).inc()

    def replayed(self, count: int) -> None:
        """Count deliveries that were made due again."""
        self._deliveries_replayed.inc(count)

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
        self._storage_errors.at(next((word for kind, word in _STORAGE if isinstance(error, kind)), "error")).inc()

    def spans_lost(self, reason: str, count: int) -> None:
        """Count spans that are not exported; may be called in any thread."""
        self._spans_lost.at(reason).inc(count)

    def config_warned(self, count: int = 1) -> None:
        """Count warnings about the configuration."""
        self._warnings.inc(count)

    def config_reloaded(self, result: Reloaded, at: datetime) -> None:
        """Count one reading of the configuration while it runs."""
        self._reloads.at(result).inc()
        self._reload_successful.set(result != "refused")
        if result != "refused":
            self._reloaded_at.set(at.timestamp())

    def set_counts(self, counts: Counts) -> None:
        """Show what the store counted; whatever it no longer mentions goes to 0."""
        self._posts.replace(counts.posts.items())
        self._causes.replace(((kind,), number) for kind, number in counts.causes.items())
        self._depth.replace(((queue,), number) for queue, number in counts.queue.items())
        self._oldest.replace(((queue,), oldest.timestamp()) for queue, oldest in counts.oldest.items())

    def queue_limit(self, most: int) -> None:
        """Show how many commands and deliveries may wait."""
        self._queue_limit.set(most)

    def free_disk(self, free: int, least: int) -> None:
        """Show how many bytes are free where the database is, and below which number events are refused."""
        self._free_disk.set(free)
        self._free_disk_limit.set(least)

    def set_accounts(self, shown: Iterable[tuple[str, str, str]]) -> None:
        """Show how accounts are, given the partner, the platform and the state of each."""
        self._accounts.replace(Counted(shown).items())

    def set_endpoints(self, states: Iterable[str]) -> None:
        """Show how endpoints are, given the state of each."""
        self._endpoints.replace(((state,), count) for state, count in Counted(states).items())

    def render(self) -> bytes:
        """Return everything in the format of `CONTENT_TYPE`."""
        return generate_latest(self._registry)


def _names(
    sources: Iterable[str], partners: Iterable[str], endpoints: Iterable[str], sockets: Iterable[str]
) -> dict[str, Collection[str]]:
    """Return the values of the labels in `_BY_NAME`."""
    return {
        "source": tuple(sources),
        "partner": tuple(partners),
        "endpoint": (*endpoints, *MADE_HERE),
        "socket": tuple(sockets),
    }
