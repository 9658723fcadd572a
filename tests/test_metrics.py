"""What /metrics shows: every known series from the start, nothing outside the closed sets, a reference that is true."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from bridge.core.errors import FailureReason, StoreAway, StoreBusy, StoreError, StoreFull, StoreOvertaken
from bridge.core.model import CommandKind
from bridge.core.platforms import family
from bridge.core.retry import Choice
from bridge.core.signing import Check
from bridge.metrics import CONFIGURED, METRICS, PLATFORMS, Metrics, reference
from bridge.partners.genviral.fields import SETTINGS
from bridge.partners.genviral.limits import CAPTIONS
from bridge.partners.posteverywhere.platforms import BUILT_IN
from bridge.ports import Counts

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ROUTES = [("/v1/publish", "POST"), ("/v1/posts/{id}", "GET"), ("/v1/posts/{id}", "DELETE")]
CONFIGURATION = {
    "source": ("api", "blog"),
    "partner": ("main", "second"),
    "endpoint": ("ops",),
    "task": ("watch",),
    "socket": ("team",),
}
NOT_ZERO = {
    "bridge_build_info",
    "bridge_last_successful_poll_timestamp_seconds",
    "bridge_config_last_reload_successful",
    "bridge_config_last_reload_success_timestamp_seconds",
}
NO_COUNTS = Counts(posts={}, causes={}, queue={}, oldest={})


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(
        CollectorRegistry(),
        started=START,
        sources=CONFIGURATION["source"],
        sockets=CONFIGURATION["socket"],
        partners=CONFIGURATION["partner"],
        endpoints=CONFIGURATION["endpoint"],
        routes=ROUTES,
        jobs=CONFIGURATION["task"],
    )


def samples(metrics, prefix="bridge_"):
    """Return every sample as {(name, label values by name): value}."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith(prefix)
    }


def value(metrics, name, **labels):
    return samples(metrics)[f"bridge_{name}", frozenset(labels.items())]


def changed(before, after):
    return {key: after[key] - before.get(key, 0) for key in after if after[key] != before.get(key, 0)}


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_every_known_label_set_stands_at_zero_from_the_start(metrics, metric):
    shown = samples(metrics)
    suffix = "_count" if metric.kind == "histogram" else ""
    sets = metric.sets(CONFIGURATION | dict.fromkeys(("route", "method", "version", "python"), ()))
    for values in product(*sets.values()):
        key = (f"bridge_{metric.name}{suffix}", frozenset(zip(sets, values, strict=True)))
        assert f"bridge_{metric.name}" in NOT_ZERO or shown[key] == 0


def test_every_route_stands_at_zero_with_its_own_methods_alone(metrics):
    shown = {
        dict(labels)["route"] + dict(labels)["method"] for name, labels in samples(metrics) if "http_requests" in name
    }
    assert shown == {path + method for path, method in ROUTES}


def test_types_and_names_are_those_of_the_table(metrics):
    families = {family.name: family for family in text_string_to_metric_families(metrics.render().decode())}
    for metric in METRICS:
        family = families[f"bridge_{metric.name}".removesuffix("_total")]
        assert (family.type, family.documentation) == (metric.kind, metric.help)
    assert sum(name.startswith("bridge_") for name in families) == len(METRICS)


def test_names_keep_the_conventions():
    for metric in METRICS:
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert metric.kind != "histogram" or metric.name.endswith("_seconds")


def test_every_platform_that_a_partner_has_limits_for_has_series_of_its_own():
    named = {"tiktok", *CAPTIONS, *SETTINGS, *BUILT_IN.platforms}
    assert {family(word) for word in named} <= set(PLATFORMS)
    assert {family(word) for word in PLATFORMS} == {family(word) for word in named}


def test_a_poll_that_never_succeeded_shows_the_start_of_the_process(metrics):
    assert value(metrics, "last_successful_poll_timestamp_seconds", partner="main", what="posts") == START.timestamp()


CALLS = {
    "event": (
        lambda m: m.event("api", "accepted", 3),
        {"events_total": ({"source": "api", "outcome": "accepted"}, 3)},
    ),
    "skipped": (
        lambda m: m.event("blog", "skipped"),
        {"events_total": ({"source": "blog", "outcome": "skipped"}, 1)},
    ),
    "swept": (
        lambda m: m.feed_swept("blog", "unchanged"),
        {"feed_sweeps_total": ({"source": "blog", "outcome": "unchanged"}, 1)},
    ),
    "entry": (
        lambda m: m.feed_entry("blog", "too_old", 3),
        {"feed_entries_total": ({"source": "blog", "outcome": "too_old"}, 3)},
    ),
    "lookup": (
        lambda m: m.lookup("blog", "later"),
        {"lookups_total": ({"source": "blog", "outcome": "later"}, 1)},
    ),
    "auth": (
        lambda m: m.auth_failure("blog", Check.FORGED),
        {"auth_failures_total": ({"source": "blog", "reason": "forged"}, 1)},
    ),
    "command": (
        lambda m: m.command("main", CommandKind.PUBLISH, "later", FailureReason.TIMEOUT),
        {
            "commands_total": ({"partner": "main", "kind": "publish", "outcome": "later"}, 1),
            "commands_failed_total": ({"partner": "main", "reason": "timeout"}, 1),
        },
    ),
    "transition": (lambda m: m.transition("post.posted"), {"transitions_total": ({"type": "post.posted"}, 1)}),
    "retry": (lambda m: m.retry_decided(Choice.PARK), {"retries_decided_total": ({"decision": "park"}, 1)}),
    "key": (lambda m: m.key_blocked("main", True), {"partner_key_blocked": ({"partner": "main"}, 1)}),
    "job": (
        lambda m: m.job("watch", "skipped", 0.0),
        {"scheduler_jobs_total": ({"task": "watch", "result": "skipped"}, 1)},
    ),
    "polled": (
        lambda m: m.polled("main", "posts", START + timedelta(seconds=9)),
        {"last_successful_poll_timestamp_seconds": ({"partner": "main", "what": "posts"}, 9)},
    ),
    "interval": (
        lambda m: m.poll_interval("accounts", timedelta(minutes=1)),
        {"poll_interval_seconds": ({"what": "accounts"}, 60)},
    ),
    "limit": (lambda m: m.queue_limit(100), {"queue_limit": ({}, 100)}),
    "disk": (lambda m: m.free_disk(5, 2), {"free_disk_bytes": ({}, 5), "free_disk_limit_bytes": ({}, 2)}),
    "warnings": (lambda m: m.config_warned(2), {"config_warnings": ({}, 2)}),
    "held": (
        lambda m: m.key_held("main", START),
        {"partner_key_held_until_timestamp_seconds": ({"partner": "main"}, START.timestamp())},
    ),
    "rate": (lambda m: m.partner_rate("main", 0.5), {"partner_rate_limit": ({"partner": "main"}, 0.5)}),
    "away": (lambda m: m.storage_error(StoreAway("")), {"storage_errors_total": ({"kind": "away"}, 1)}),
    "overtaken": (lambda m: m.storage_error(StoreOvertaken("")), {"storage_errors_total": ({"kind": "busy"}, 1)}),
    "busy": (lambda m: m.storage_error(StoreBusy("")), {"storage_errors_total": ({"kind": "busy"}, 1)}),
    "full": (lambda m: m.storage_error(StoreFull("")), {"storage_errors_total": ({"kind": "full"}, 1)}),
    "gone": (lambda m: m.storage_error(StoreError("")), {"storage_errors_total": ({"kind": "error"}, 1)}),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_method_changes_its_series_and_no_other(metrics, name):
    call, expected = CALLS[name]
    before = samples(metrics)
    call(metrics)
    assert changed(before, samples(metrics)) == {
        (f"bridge_{metric}", frozenset(labels.items())): number for metric, (labels, number) in expected.items()
    }


@pytest.mark.parametrize(
    ("told", "outcome"),
    [
        ("ok", "ok"),
        (FailureReason.RATE_LIMITED, "rate_limited"),
        (FailureReason.TLS, "network"),
        (FailureReason.UNKNOWN_ACCOUNTS, "client_error"),
    ],
)
def test_a_partner_call_is_counted_and_timed_by_outcome(metrics, told, outcome):
    metrics.partner_call("main", "create", told, 0.2)
    assert value(metrics, "partner_requests_total", partner="main", operation="create", outcome=outcome) == 1
    short = "ok" if told == "ok" else "failed"
    labels = {"partner": "main", "operation": "create", "outcome": short}
    assert value(metrics, "partner_request_duration_seconds_sum", **labels) == pytest.approx(0.2)


def test_a_delivery_is_counted_and_timed(metrics):
    metrics.delivery("ops", "done", 0.5)
    metrics.delivery("ops", "later", 1.0, FailureReason.SERVER_ERROR)
    assert value(metrics, "deliveries_total", endpoint="ops", outcome="done") == 1
    assert value(metrics, "deliveries_failed_total", endpoint="ops", reason="server_error") == 1
    assert value(metrics, "delivery_duration_seconds_sum") == pytest.approx(1.5)


def test_a_job_that_ran_is_timed(metrics):
    metrics.job("watch", "failed", 0.2)
    assert value(metrics, "scheduler_jobs_total", task="watch", result="failed") == 1
    assert value(metrics, "scheduler_job_duration_seconds_sum", task="watch") == pytest.approx(0.2)


def test_an_http_request_is_counted_by_the_class_of_its_status(metrics):
    metrics.http_request("/v1/publish", "POST", 202, 0.1)
    assert value(metrics, "http_requests_total", route="/v1/publish", method="POST", status_class="2xx") == 1
    assert value(metrics, "http_request_duration_seconds_count", route="/v1/publish") == 1


def test_values_outside_their_set_are_counted_as_other_without_new_series(metrics):
    for number in range(20):
        metrics.http_request(f"/scan/{number}", f"METHOD{number}", 404, 0.1)
        metrics.event(f"stranger{number}", "accepted")
    assert value(metrics, "http_requests_total", route="other", method="other", status_class="4xx") == 20
    assert value(metrics, "events_total", source="other", outcome="accepted") == 20
    assert not any("stranger" in str(labels) or "scan" in str(labels) for _, labels in samples(metrics))


def test_counts_set_the_gauges_and_zero_what_has_vanished(metrics):
    metrics.set_counts(
        Counts(
            posts={("main", "posted"): 5},
            causes={"key": 1},
            queue={"commands": 7},
            oldest={"commands": START},
        )
    )
    assert value(metrics, "posts", partner="main", state="posted") == 5
    assert value(metrics, "causes_open", kind="key") == 1
    assert value(metrics, "queue_depth", queue="commands") == 7
    assert value(metrics, "queue_oldest_due_timestamp_seconds", queue="commands") == START.timestamp()
    metrics.set_counts(NO_COUNTS)
    gauges = ("bridge_posts", "bridge_causes_open", "bridge_queue")
    assert not any(number for (name, _), number in samples(metrics).items() if name.startswith(gauges))


def test_accounts_are_counted_by_what_they_are_shown_as(metrics):
    platforms = ("tiktok", "mastodon", "orkut", "orkut")
    metrics.set_accounts([("main", "tiktok", "retired"), *(("main", platform, "active") for platform in platforms)])
    assert value(metrics, "accounts", partner="main", platform="tiktok", state="active") == 1
    assert value(metrics, "accounts", partner="main", platform="tiktok", state="retired") == 1
    assert value(metrics, "accounts", partner="main", platform="other", state="active") == 3
    metrics.set_accounts([])
    assert value(metrics, "accounts", partner="main", platform="other", state="active") == 0


def test_the_process_is_shown_too(metrics):
    shown = {name for name, _ in samples(metrics, prefix="")}
    assert {"process_resident_memory_bytes", "process_open_fds", "python_gc_collections_total"} <= shown


def test_every_label_without_fixed_values_says_where_they_come_from():
    assert {label for metric in METRICS for label in metric.labels if isinstance(label, str)} == set(CONFIGURED)


def test_the_reference_page_is_the_one_the_table_gives():
    assert PAGE.read_text(encoding="utf-8") == reference(), "write it again: python -m tests.test_metrics"


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")


NAMES = {"sources": ("api",), "partners": ("main", "third"), "endpoints": ("ops", "log"), "sockets": ()}


def test_other_names_stand_at_zero_and_counts_of_those_that_are_gone_stay(metrics):
    metrics.event("blog", "accepted")
    metrics.key_blocked("second", True)
    metrics.config_warned(2)
    metrics.follow(START + timedelta(hours=1), **NAMES)

    shown = samples(metrics)
    assert value(metrics, "events_total", source="blog", outcome="accepted") == 1
    assert value(metrics, "deliveries_total", endpoint="log", outcome="done") == 0
    assert value(metrics, "partner_key_blocked", partner="third") == 0
    assert ("bridge_partner_key_blocked", frozenset({("partner", "second")})) not in shown
    assert ("bridge_socket_connected", frozenset({("socket", "team")})) not in shown
    polled = [
        value(metrics, "last_successful_poll_timestamp_seconds", partner=p, what="posts") for p in ("main", "third")
    ]
    assert polled == [START.timestamp(), START.timestamp() + 3600]
    assert value(metrics, "config_warnings") == 0


def test_a_name_that_comes_back_goes_on_counting(metrics):
    metrics.event("blog", "accepted")
    metrics.follow(START, **NAMES)
    metrics.follow(START, **NAMES | {"sources": ("api", "blog")})
    metrics.event("blog", "accepted")

    assert value(metrics, "events_total", source="blog", outcome="accepted") == 2


def test_a_connection_counts_as_standing_while_a_new_one_takes_its_place(metrics):
    metrics.socket("team", connected=True)
    metrics.socket("team", connected=True)
    metrics.socket("team", connected=False)
    standing = value(metrics, "socket_connected", socket="team")
    metrics.socket("team", connected=False)

    assert (standing, value(metrics, "socket_connected", socket="team")) == (1, 0)


@pytest.mark.parametrize(
    ("result", "successful", "later"), [("applied", 1, 60), ("unchanged", 1, 60), ("refused", 0, 0)]
)
def test_how_the_last_reload_ended(metrics, result, successful, later):
    metrics.config_reloaded(result, START + timedelta(minutes=1))

    assert value(metrics, "config_reloads_total", result=result) == 1
    assert value(metrics, "config_last_reload_successful") == successful
    assert value(metrics, "config_last_reload_success_timestamp_seconds") == START.timestamp() + later
