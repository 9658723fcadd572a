"""How `bridge demo` shows what happened: posts with their timelines, the webhooks, the main metrics."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from bridge.simulator.receiver import Received

_METRICS = (
    "bridge_events",
    "bridge_commands",
    "bridge_partner_requests",
    "bridge_transitions",
    "bridge_retries_decided",
    "bridge_deliveries",
    "bridge_posts",
    "bridge_causes_open",
    "bridge_queue_depth",
)


def show_posts(console: Console, posts: Iterable[Mapping[str, Any]]) -> None:
    """One row a post, its timeline in the last column."""
    table = Table(title="Posts", title_justify="left", show_lines=True)
    for column in ("post", "state", "accounts", "timeline"):
        table.add_column(column, overflow="fold")
    for post in posts:
        accounts = [f"{row['name'] or row['account']}: {row['state']}" for row in post["targets"]]
        table.add_row(post["id"], post["state"], "\n".join(accounts), "\n".join(_lines(post["timeline"])))
    console.print(table)


def _lines(timeline: Sequence[Mapping[str, Any]]) -> Iterable[str]:
    for entry in timeline:
        words = _WORDS[entry["kind"]]
        facts = " ".join(str(entry[name]) for name in words if entry.get(name) is not None)
        account = (entry.get("account") or {}).get("name", "")
        yield f"{entry['at'][11:23]} {entry['kind'].replace('_', ' '):<15} {facts} {account}".rstrip()


_WORDS = {
    "received": ("source",),
    "attempt_started": ("what", "number"),
    "attempt_ended": ("what", "number", "outcome", "status", "reason"),
    "transition": ("type", "reason"),
    "delivery": ("type", "endpoint", "state"),
}


def show_webhooks(console: Console, received: Sequence[Received]) -> None:
    """One row an arrival, with the receiver's own judgement of the signature."""
    table = Table(title="Webhooks received", title_justify="left")
    for column in ("time", "type", "subject", "webhook-id", "signature"):
        table.add_column(column, overflow="fold")
    for item in received:
        subject = item.json["data"]["subject"]
        judged = "verified" if item.verified else f"BAD: {item.why_not}"
        table.add_row(
            f"{item.at:%H:%M:%S}", item.json["type"], f"{subject['kind']} {subject['id']}", item.webhook_id, judged
        )
    console.print(table)


def show_metrics(console: Console, exposition: str) -> None:
    """The main metrics that are not zero."""
    table = Table(title="Metrics", title_justify="left")
    table.add_column("metric")
    table.add_column("value", justify="right")
    for family in text_string_to_metric_families(exposition):
        if family.name in _METRICS:
            for sample in family.samples:
                if sample.value and not sample.name.endswith("_created"):
                    labels = ",".join(f'{name}="{value}"' for name, value in sample.labels.items())
                    table.add_row(f"{sample.name}{{{labels}}}", f"{sample.value:g}")
    console.print(table)


def posts_by_state(exposition: str) -> Counter[str]:
    """Count posts by state, as the metrics have them; a state without any is not there."""
    counted: Counter[str] = Counter()
    for family in text_string_to_metric_families(exposition):
        if family.name == "bridge_posts":
            for sample in family.samples:
                counted[sample.labels["state"]] += int(sample.value)
    return +counted


def types_of(received: Iterable[Received]) -> Counter[str]:
    """Count arrivals by type, each event once however often it arrived."""
    return Counter({item.webhook_id: item.json["type"] for item in received}.values())
