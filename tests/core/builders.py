"""Small makers of nouns for the tests of the decision room: every field that a test does not care about has a value."""

import itertools
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from bridge.core.errors import FailureClass, FailureReason, PartnerError, Problem
from bridge.core.model import (
    Account,
    Cause,
    Command,
    CommandKind,
    Judgement,
    Key,
    Listed,
    Listing,
    OutboundEvent,
    Post,
    PostState,
    Snapshot,
    Target,
    TargetSnapshot,
    TargetState,
    Write,
)
from bridge.core.rules import RetryRules, WatchRules
from bridge.core.step import Moment, Step, World
from bridge.core.transitions import Watching

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)

JUDGEMENTS = {
    "token": Judgement(FailureReason.TOKEN, FailureClass.NEEDS_HUMAN),
    "spam": Judgement(FailureReason.PLATFORM_LIMIT, FailureClass.WAIT_UNTIL, DAY),
    "timeout": Judgement(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS),
    "policy": Judgement(FailureReason.CONTENT, FailureClass.TERMINAL),
}
RATE = Judgement(FailureReason.PLATFORM_RATE, FailureClass.RETRYABLE)


def judge(error: str, platform: str) -> Judgement:
    return JUDGEMENTS.get(error, RATE)


WATCHING = Watching(WatchRules(), RetryRules(), judge)
_numbers = itertools.count(1)


def a_step(now: datetime = NOW, *rows: Account | Key | Cause, chance: float = 0.0) -> Step:
    """A step in a world that has these accounts, keys and causes."""
    world = World(
        {row.key: row for row in rows if isinstance(row, Account)},
        {row.name: row for row in rows if isinstance(row, Key)},
        {row.id: row for row in rows if isinstance(row, Cause)},
    )
    return Step(Moment(now, lambda prefix: f"{prefix}_{next(_numbers):016x}", lambda: chance), world)


def a_target(account: str = "a", state: TargetState = TargetState.WAITING, **fields: Any) -> Target:
    return Target(account, state=state, **{"platform": "tiktok"} | fields)


def a_failed(account: str = "a", error: str = "rate", **fields: Any) -> Target:
    found = judge(error, "tiktok")
    facts = {"error": error, "reason": found.reason, "failure": found.failure, "failed_at": NOW}
    return a_target(account, TargetState.FAILED, **facts | fields)


def a_post(*targets: Target, **fields: Any) -> Post:
    given = {
        "id": "post_1",
        "event_id": "evt_1",
        "partner": "gv",
        "external_id": "evt_1",
        "source": "api",
        "content": {"caption": "hello"},
        "targets": targets or (a_target(),),
        "created_at": NOW,
        "changed_at": NOW,
        "wanted_at": NOW,
        "partner_id": "p1",
        "state": PostState.PENDING,
    }
    return Post(**given | fields)


def an_unsent(*targets: Target, **fields: Any) -> Post:
    return a_post(*targets, **{"partner_id": None, "state": PostState.ACCEPTED} | fields)


def a_command(kind: CommandKind = CommandKind.PUBLISH, **fields: Any) -> Command:
    given = {"id": "cmd_1", "post_id": "post_1", "number": 1, "partner": "gv", "due_at": NOW, "created_at": NOW}
    return Command(kind=kind, **given | fields)


def a_retry(*accounts: str, **fields: Any) -> Command:
    return a_command(CommandKind.RETRY, payload={"account_ids": list(accounts)}, **fields)


def an_account(account: str = "a", **fields: Any) -> Account:
    given = {"platform": "tiktok", "username": f"user-{account}", "first_seen_at": NOW, "last_seen_at": NOW}
    return Account("gv", account, **given | fields)


def a_key(**fields: Any) -> Key:
    return Key(**{"name": "gv", "kind": "genviral", "scope": "workspace:1", "listed_at": NOW} | fields)


def a_cause(cause_id: str = "account:gv:a", **fields: Any) -> Cause:
    given = {"partner": "gv", "reason": FailureReason.ACCOUNT_INACTIVE, "detail": "gone", "opened_at": NOW}
    return Cause(id=cause_id, kind=cause_id.split(":", 1)[0], **given | fields)


def a_row(account: str = "a", state: TargetState = TargetState.POSTED, **fields: Any) -> TargetSnapshot:
    return TargetSnapshot(account, state, **{"raw_status": state.value} | fields)


def a_snapshot(state: PostState, *rows: TargetSnapshot, at: datetime = NOW, **fields: Any) -> Snapshot:
    return Snapshot("p1", at, state, state.value, rows, **fields)


def a_listed(account: str = "a", **fields: Any) -> Listed:
    return Listed(account, **{"platform": "tiktok", "username": f"user-{account}", "raw_status": "active"} | fields)


def a_listing(*accounts: Listed, scope: str = "workspace:1") -> Listing:
    return Listing(scope, accounts, NOW)


def an_error(
    reason: FailureReason = FailureReason.SERVER_ERROR,
    failure: FailureClass = FailureClass.RETRYABLE,
    **fields: Any,
) -> PartnerError:
    return PartnerError(reason, failure, **{"detail": "said no"} | fields)


def problem_of(act: Callable[[], object]) -> Problem | None:
    """What an act is refused with; None when it is not. Whatever else it raises is a crash."""
    try:
        act()
    except Problem as problem:
        return problem
    return None


def types(step: Step) -> list[str]:
    return [event.type for event in step.write().events]


def data(event: OutboundEvent) -> dict[str, Any]:
    return orjson.loads(event.body)["data"]  # type: ignore[no-any-return]


def told(step: Step, event_type: str) -> dict[str, Any]:
    """The data of the only event of a type."""
    [event] = [event for event in step.write().events if event.type == event_type]
    return data(event)


def made(step: Step, kind: CommandKind) -> list[Command]:
    return [command for command in step.write().commands if command.kind is kind]


def post_of(write: Write, post: Post) -> Post:
    """A post as a write leaves it."""
    return next((row for row in write.posts if row.id == post.id), post)


def accounts_of(commands: Iterable[Command]) -> list[list[str]]:
    return [list(command.payload["account_ids"]) for command in commands]
