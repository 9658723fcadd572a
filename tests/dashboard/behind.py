"""The rows below the arrows: what waits, what became of posts, accounts, partners, and the service itself."""

from tests.dashboard.panel import ANY_IS_BAD, ANY_IS_WORK, GREEN, PER_MINUTE, RED, YELLOW, Panel
from tests.dashboard.queries import age, in_all, level, per_minute, process, quantiles, select

_ENDS = "post.posted|post.partial|post.failed|post.rejected|post.gave_up|post.canceled|post.vanished|post.unknown"
_CALLS_FAILED = (
    "rate_limited|client_error|server_error|timeout|network|unreadable|unauthorized|payment_required|forbidden"
)

_CALLS_A_SECOND = f"sum by (partner) (rate({select('partner_requests_total')}[$__rate_interval]))"
_UPTIME = f"(time() - {process('process_start_time_seconds')})"

WAITS = (
    Panel(
        title="Age of the backlog",
        unit="s",
        thresholds=((None, GREEN), (300, YELLOW), (900, RED)),
        tells="How late the oldest work of each queue is. Parked and dead work waits for a cause or a person.",
        queries=((age("queue_oldest_due_timestamp_seconds", "queue"), "{{queue}}"),),
    ),
    Panel(
        title="Work that waits",
        tells="How much waits in each queue; above the limit new events are refused.",
        queries=((level("queue_depth", "queue"), "{{queue}}"), (f"max({select('queue_limit')})", "limit")),
    ),
    Panel(
        title="Open causes",
        tells="What a person must act on, by kind.",
        stacked=True,
        queries=((level("causes_open", "kind"), "{{kind}}"),),
        thresholds=ANY_IS_WORK,
    ),
)

POSTS = (
    Panel(
        title="How posts ended",
        tells="Transitions that end a post, in the time shown.",
        kind="bargauge",
        queries=((in_all("transitions_total", "type", type=_ENDS), "{{type}}"),),
    ),
    Panel(
        title="Outcome by reason",
        kind="bargauge",
        tells="Tries of commands that did not succeed, in the time shown; docs/operations.md has each reason.",
        queries=((f"topk(10, {in_all('commands_failed_total', 'reason')})", "{{reason}}"),),
    ),
    Panel(
        title="Posts by state",
        tells="Where posts stand now, the ended ones that are still kept included.",
        stacked=True,
        queries=((level("posts", "state"), "{{state}}"),),
    ),
)

ACCOUNTS = (
    Panel(
        title="Accounts by state",
        tells="Where accounts stand; retired: the configuration says they are no longer used.",
        queries=((level("accounts", "state"), "{{state}}"),),
        stacked=True,
        width=12,
    ),
    Panel(
        title="Accounts that need a person",
        tells="Accounts that are degraded, disconnected or removed, by platform.",
        queries=(
            (
                level("accounts", "partner, platform, state", state="degraded|disconnected|removed") + " > 0",
                "{{partner}} {{platform}} {{state}}",
            ),
        ),
        thresholds=ANY_IS_WORK,
        width=12,
    ),
)

PARTNERS = (
    Panel(
        title="Calls to partners",
        tells="Calls made with each key, by operation.",
        unit=PER_MINUTE,
        queries=((per_minute("partner_requests_total", "partner, operation"), "{{partner}} {{operation}}"),),
        stacked=True,
    ),
    Panel(
        title="Budget of calls",
        tells="What of a key's calls per second, as configured, is used, by all replicas together.",
        unit="percentunit",
        thresholds=((None, GREEN), (0.9, YELLOW)),
        queries=((f"{_CALLS_A_SECOND} / max by (partner) ({select('partner_rate_limit')})", "{{partner}}"),),
    ),
    Panel(
        title="Calls that failed",
        tells="Calls that did not succeed; rate_limited: the budget was overspent.",
        unit=PER_MINUTE,
        queries=(
            (
                per_minute("partner_requests_total", "partner, outcome", outcome=_CALLS_FAILED),
                "{{partner}} {{outcome}}",
            ),
        ),
    ),
    Panel(
        title="Time partners take",
        tells="How long calls took, by partner.",
        unit="s",
        queries=quantiles("partner_request_duration_seconds", "partner"),
    ),
    Panel(
        title="Commands",
        tells="Tries of commands, by how they ended.",
        unit=PER_MINUTE,
        stacked=True,
        queries=((per_minute("commands_total", "kind, outcome"), "{{kind}} {{outcome}}"),),
    ),
    Panel(
        title="Keys",
        tells="1 while the partner refuses the key or its plan, and while no call goes out until it has had its pause.",
        thresholds=ANY_IS_BAD,
        queries=(
            (f"max by (partner) ({select('partner_key_blocked')})", "{{partner}} blocked"),
            (
                f"max by (partner) ({select('partner_key_held_until_timestamp_seconds')}) > bool time()",
                "{{partner}} held",
            ),
        ),
    ),
)

SERVICE = (
    Panel(
        title="Reloads",
        tells="Readings of the configuration in the time shown, by what came of them.",
        kind="bargauge",
        queries=((in_all("config_reloads_total", "result"), "{{result}}"),),
    ),
    Panel(
        title="Configuration",
        tells="0: what was read last was refused, and the configuration before it goes on.",
        queries=(
            (f"min by (instance) ({select('config_last_reload_successful')})", "last read well, {{instance}}"),
            (f"max by (instance) ({select('config_warnings')})", "warnings, {{instance}}"),
        ),
    ),
    Panel(
        title="Restarts and versions",
        tells="What runs, and how long each process has been up.",
        unit="s",
        queries=(
            (
                f"{_UPTIME} * on (instance, job, namespace) group_left(version) {select('build_info')}",
                "{{instance}} {{version}}",
            ),
        ),
    ),
    Panel(
        title="Storage errors",
        tells="Calls that the database refused.",
        unit=PER_MINUTE,
        queries=((per_minute("storage_errors_total", "kind"), "{{kind}}"),),
        thresholds=((None, GREEN), (1, RED)),
    ),
    Panel(
        title="Free disk",
        tells="Free space where SQLite's file is; below the limit new events are refused.",
        unit="bytes",
        queries=(
            (f"min by (instance) ({select('free_disk_bytes')})", "{{instance}}"),
            (f"max({select('free_disk_limit_bytes')})", "limit"),
        ),
    ),
    Panel(
        title="Tasks of the scheduler",
        tells="Runs that failed or were skipped because the one before still ran.",
        unit=PER_MINUTE,
        queries=((per_minute("scheduler_jobs_total", "task, result", result="failed|skipped"), "{{task}} {{result}}"),),
    ),
    Panel(
        title="Processor",
        tells="Cores used by each process.",
        unit="percentunit",
        width=6,
        queries=((f"rate({process('process_cpu_seconds_total')}[$__rate_interval])", "{{instance}}"),),
    ),
    Panel(
        title="Memory",
        tells="Resident memory of each process.",
        unit="bytes",
        width=6,
        queries=((process("process_resident_memory_bytes"), "{{instance}}"),),
    ),
    Panel(
        title="File descriptors",
        tells="How many of its file descriptors each process uses.",
        unit="percentunit",
        width=6,
        queries=((f"{process('process_open_fds')} / {process('process_max_fds')}", "{{instance}}"),),
        thresholds=((None, GREEN), (0.8, RED)),
    ),
    Panel(
        title="Time tasks take",
        tells="How long runs of scheduled tasks took.",
        unit="s",
        width=6,
        queries=quantiles("scheduler_job_duration_seconds")[1:],
    ),
)
