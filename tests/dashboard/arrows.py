"""The first rows: how things are now, and the three arrows in, watch and out."""

from tests.dashboard.panel import ANY_IS_BAD, ANY_IS_WORK, GREEN, PER_MINUTE, RED, YELLOW, Panel
from tests.dashboard.queries import age, in_all, level, per_minute, process, quantiles, select

_WATCHED = "post.*|target.*|account.*"
_OLDEST_DUE = age("queue_oldest_due_timestamp_seconds", "queue", queue="commands|deliveries|lookups")

NOW = (
    Panel(
        title="Replicas",
        tells="Processes that Prometheus reaches, of all versions.",
        kind="stat",
        width=3,
        queries=((f"sum({process('up')})", ""),),
        thresholds=((None, RED), (1, GREEN)),
    ),
    Panel(
        title="Oldest work due",
        tells="How late the work is that has waited longest, of all that could go now.",
        kind="stat",
        unit="s",
        width=3,
        thresholds=((None, GREEN), (300, YELLOW), (900, RED)),
        queries=((f"max({_OLDEST_DUE}) or vector(0)", ""),),
    ),
    Panel(
        title="Waits for a person",
        tells="Causes that stay open until somebody acts: GET /v1/causes says what to do.",
        kind="stat",
        width=3,
        queries=((level("causes_open"), ""),),
        thresholds=ANY_IS_WORK,
    ),
    Panel(
        title="Posted",
        tells="Posts that went out whole in the time shown.",
        kind="stat",
        width=3,
        queries=((f"sum({in_all('transitions_total', 'type', type='post.posted')})", ""),),
    ),
    Panel(
        title="Not posted",
        tells="Posts rejected or given up in the time shown.",
        kind="stat",
        width=3,
        queries=((f"sum({in_all('transitions_total', 'type', type='post.rejected|post.gave_up')})", ""),),
        thresholds=ANY_IS_WORK,
    ),
    Panel(
        title="Accounts not usable",
        tells="Accounts that are disconnected or removed; those that are retired do not count.",
        kind="stat",
        width=3,
        queries=((level("accounts", state="disconnected|removed"), ""),),
        thresholds=ANY_IS_WORK,
    ),
    Panel(
        title="Keys blocked",
        tells="Partner keys that are refused: nothing goes to those partners.",
        kind="stat",
        width=3,
        queries=((level("partner_key_blocked"), ""),),
        thresholds=ANY_IS_BAD,
    ),
    Panel(
        title="Deliveries dead",
        tells="Outbound events that were given up; they can be replayed.",
        kind="stat",
        width=3,
        queries=((level("queue_depth", queue="deliveries_dead"), ""),),
        thresholds=ANY_IS_WORK,
    ),
)

_IN = (
    Panel(
        title="In: Events received",
        tells="What senders bring, by what became of it.",
        unit=PER_MINUTE,
        stacked=True,
        queries=((per_minute("events_total", "outcome"), "{{outcome}}"),),
    ),
    Panel(
        title="In: Senders refused",
        tells="Requests whose sender did not prove who it is, by what was wrong.",
        unit=PER_MINUTE,
        queries=((per_minute("auth_failures_total", "source, reason"), "{{source}}: {{reason}}"),),
    ),
    Panel(
        title="In: Time to answer senders",
        unit="s",
        thresholds=((None, GREEN), (1, YELLOW), (3, RED)),
        tells="How long it takes to answer what brings events, once all of it is safe. Slack waits for 3 s.",
        queries=quantiles("http_request_duration_seconds", route="/v1/publish|/hooks/.*"),
    ),
)

_WATCH = (
    Panel(
        title="Watch: Changes seen",
        tells="Transitions of posts, their accounts' rows and accounts, as they are told.",
        unit=PER_MINUTE,
        queries=((per_minute("transitions_total", "type", type=_WATCHED), "{{type}}"),),
        stacked=True,
    ),
    Panel(
        title="Watch: Age of the last read",
        unit="s",
        tells="How long ago partners were last read with success. Above the limit the poller stands still.",
        queries=(
            (
                f"time() - max by (partner, what) ({select('last_successful_poll_timestamp_seconds')})",
                "{{partner}} {{what}}",
            ),
            (f"clamp_min(3 * max by (what) ({select('poll_interval_seconds')}), 300)", "limit for {{what}}"),
        ),
    ),
    Panel(
        title="Watch: Failed rows judged",
        tells="What was decided about accounts on which a post failed.",
        unit=PER_MINUTE,
        queries=((per_minute("retries_decided_total", "decision"), "{{decision}}"),),
        stacked=True,
    ),
)

_OUT = (
    Panel(
        title="Out: Deliveries",
        tells="Attempts to deliver outbound events, by how they ended.",
        unit=PER_MINUTE,
        stacked=True,
        queries=((per_minute("deliveries_total", "outcome"), "{{outcome}}"),),
    ),
    Panel(
        title="Out: Failed deliveries",
        tells="Attempts that did not succeed, by endpoint and reason.",
        unit=PER_MINUTE,
        queries=((per_minute("deliveries_failed_total", "endpoint, reason"), "{{endpoint}}: {{reason}}"),),
    ),
    Panel(
        title="Out: Time to deliver",
        tells="How long receivers took to answer.",
        unit="s",
        queries=quantiles("delivery_duration_seconds"),
        thresholds=((None, GREEN), (5, YELLOW), (15, RED)),
    ),
)

ARROWS = tuple(panel for line in zip(_IN, _WATCH, _OUT, strict=True) for panel in line)
"""Each arrow in a column of its own: from left to right what is taken, what is seen, and what is told."""

MORE = (
    Panel(
        title="Events by source",
        tells="What is accepted, by the source or token it comes through.",
        unit=PER_MINUTE,
        queries=((per_minute("events_total", "source", outcome="accepted|changed"), "{{source}}"),),
        stacked=True,
        width=6,
    ),
    Panel(
        title="Answers to senders",
        tells="How HTTP requests were answered, by class of status.",
        unit=PER_MINUTE,
        queries=((per_minute("http_requests_total", "status_class"), "{{status_class}}"),),
        stacked=True,
        width=6,
    ),
    Panel(
        title="Feeds and lookups",
        tells="Feeds read, and tries to fetch what a sender only named, by how they ended.",
        unit=PER_MINUTE,
        queries=(
            (per_minute("feed_sweeps_total", "outcome"), "feeds {{outcome}}"),
            (per_minute("lookups_total", "outcome"), "lookups {{outcome}}"),
        ),
        width=6,
    ),
    Panel(
        title="Endpoints",
        tells="Endpoints and subscriptions by state; held: left alone for a while.",
        stacked=True,
        queries=((level("endpoints", "state"), "{{state}}"),),
        width=6,
    ),
)
