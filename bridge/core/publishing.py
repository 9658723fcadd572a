"""What is decided before a command is sent, and what its answer changes."""

from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core import fetching, looking, restoring
from bridge.core.accounts import block, count_failure, is_probe, recover
from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.events import asked_by
from bridge.core.holding import let_go_at
from bridge.core.model import (
    Attempt,
    AttemptOutcome,
    Command,
    CommandKind,
    Json,
    Key,
    Post,
    PostState,
    Receipt,
    Target,
    TargetState,
    WorkState,
)
from bridge.core.parting import inactive, refuse_strangers, split, strangers_among
from bridge.core.resume import end, follow, leave_unknown, moves, park, reject, skip_retry, still_failed
from bridge.core.retired import leave_out, retired_ids
from bridge.core.retry import MEDIA_TRIES, command_backoff, most_tries
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import Step, key_cause, plan_cause, remedy
from bridge.core.transitions import LIVE, retried, take

NOT_YET = timedelta(seconds=5)
_FETCH_PAUSE = timedelta(seconds=15)
"""The first pause of a fetch from an address that may end; the second is four times as long."""
_BEFORE_PARTNER = (CommandKind.PUBLISH, CommandKind.FETCH)
"""Kinds that need no post at the partner."""
_UNDER_WAY = frozenset({TargetState.WAITING, TargetState.PUBLISHING})
_BOUNDED = (FailureReason.MEDIA_UNREACHABLE, FailureReason.MEDIA_INVALID, FailureReason.UNKNOWN_ACCOUNTS)


def prepare(step: Step, command: Command, post: Post, rules: PublishRules) -> bool:
    """Say whether a claimed command goes out now; otherwise park, split, put off or end it.

    While an answer may be lost (`body` is kept) nothing about the request may change, so nothing is split then.
    """
    fresh = command.body is None
    key = step.world.keys.get(command.partner)
    if fresh and fetching.is_moot(command, post):
        step.edit(command, state=WorkState.DEAD, reason=post.reason, settled_at=step.now, lease_until=None)
    elif key is not None and key.blocked is not None and not is_probe(key, command):
        _park_for_key(step, command, post, key)
    elif command.kind not in _BEFORE_PARTNER and post.partner_id is None:
        step.edit(command, due_at=step.now + NOT_YET, lease_until=None)
    elif restoring.judge(step, command, post):
        return False
    elif _is_used_up(step, command, rules):
        give_up(step, command, post)
    elif fresh and fetching.is_waiting(command, post):
        _wait_for_media(step, command, post, rules)
    elif command.kind is CommandKind.RETRY and not still_failed(command, post):
        skip_retry(step, command)
    elif command.kind is CommandKind.RETRY and fresh and _is_retried(post):
        step.edit(command, due_at=max(post.poll_at or step.now, step.now + NOT_YET), lease_until=None)
    elif command.kind is CommandKind.RETRY and fresh and (rest := _fewer(command, post)):
        step.edit(command, payload={**command.payload, "account_ids": rest}, due_at=step.now, lease_until=None)
    elif command.kind is CommandKind.PUBLISH and fresh and (moved := moves(step, post)):
        step.edit(post, targets=follow(post.targets, moved))
        step.edit(command, due_at=step.now, lease_until=None, progress=looking.changed(command))
    else:
        return not fresh or _goes_whole(step, command, post, key)
    return False


def _is_used_up(step: Step, command: Command, rules: PublishRules) -> bool:
    """Whether a command was tried, or looked for, for long enough."""
    if restoring.lacks_bytes(command):
        return restoring.is_given_up(command, step.now, rules.expires_after)
    return command.attempts >= most_tries(rules)


def _goes_whole(step: Step, command: Command, post: Post, key: Key | None) -> bool:
    """Say whether every account of a publish or retry may have it now; otherwise it goes on without those."""
    publish = command.kind is CommandKind.PUBLISH
    if retired := retired_ids(step, command, post):
        leave_out(step, command, post, retired)
    elif publish and (strangers := strangers_among(key, step, post)):
        refuse_strangers(step, command, post, strangers)
    elif publish and (idle := inactive(step, post)):
        split(step, command, post, idle)
    else:
        return True
    return False


def _wait_for_media(step: Step, command: Command, post: Post, rules: PublishRules) -> None:
    """Look again later whether its media are stored: a fetch that ends lets it go before. It does not wait for ever."""
    if step.now - max(let_go_at(command), command.parked_at or command.created_at) > rules.expires_after:
        give_up(step, command, post)
    else:
        step.edit(command, due_at=step.now + fetching.WAIT, lease_until=None)


def _is_retried(post: Post) -> bool:
    """Whether another retry of the post is under way: a partner may refuse one while it is; a stuck one goes on."""
    under_way = any(target.state in _UNDER_WAY for target in post.targets)
    return post.state in (PostState.PENDING, PostState.PUBLISHING) and under_way and not post.stuck


def _fewer(command: Command, post: Post) -> list[str]:
    """The accounts of a retry that have still failed, when some have not: what is live meanwhile is not asked for."""
    rest = still_failed(command, post)
    return rest if len(rest) < len(command.payload["account_ids"]) else []


def _park_for_key(step: Step, command: Command, post: Post, key: Key) -> None:
    reason = key.blocked or FailureReason.KEY_BLOCKED
    do = remedy("key", reason)
    park(step, command, post, cause=key_cause(key.name), reason=reason, detail=key.detail or "", do=do)


def start(step: Step, command: Command, body: bytes, *, absent: bool = False) -> Command:
    """Note, before the call, that these bytes go out now: a crash leaves the attempt `started` and the bytes frozen.

    `absent`: what was sent before was looked for and is not there, so a later look need not go back beyond now.
    """
    command = step.edit(
        command,
        body=body,
        calls=command.calls + 1,
        attempts=command.attempts + 1,
        sent_at=step.now if absent else command.sent_at or step.now,
        first_attempt_at=command.first_attempt_at or step.now,
        progress=looking.begin(command, absent=absent),
    )
    step.attempt(Attempt(command.id, command.calls, command.post_id, step.now))
    return command


def succeed(step: Step, command: Command, post: Post, receipt: Receipt, watch: WatchRules) -> None:
    """Apply a receipt."""
    key = step.world.keys.get(command.partner)
    if key is not None:
        recover(step, key)
    done = {"state": WorkState.DONE, "settled_at": step.now, "body": None, "reason": None, "detail": receipt.refusal}
    step.edit(command, lease_until=None, **done)
    match command.kind:
        case CommandKind.PUBLISH:
            post = take(step, post, receipt, watch)
            if command.cause == plan_cause(post.partner):
                # Only a probe tells: other posts may not need what the plan lacks.
                step.close_cause(command.cause, "a post that waited for it was taken")
        case CommandKind.UPDATE:
            _updated(step, command, post, receipt, watch)
        case CommandKind.RETRY if receipt.accepted:
            retried(step, post, tuple(command.payload.get("account_ids", ())), watch, **asked_by(command))
        case CommandKind.CANCEL if receipt.accepted:
            _canceled(step, post, **asked_by(command))
        case _:
            _not_taken(step, command, post)


def _updated(step: Step, command: Command, post: Post, receipt: Receipt, watch: WatchRules) -> None:
    """Apply an update: the content is what it is now at the partner, and nulls cleared their field."""
    changes = dict(command.payload.get("changes", {}))
    accounts = changes.pop("accounts", None)
    at_once = "scheduled_at" in changes and changes.pop("scheduled_at") is None
    content = {name: value for name, value in {**post.content, **changes}.items() if value is not None}
    targets = post.targets
    if accounts is not None:
        known = {target.account: target for target in post.targets}
        targets = tuple(known.get(row["id"]) or _target(step, post, row["id"]) for row in accounts)
    when = None if at_once else receipt.scheduled_at or post.scheduled_at
    wanted_at = step.now if at_once else when or post.wanted_at
    before = post.state
    post = step.edit(post, content=content, targets=targets, scheduled_at=when, wanted_at=wanted_at)
    changed = sorted(command.payload.get("changes", {}))
    step.tell_post(post, "post.updated", before, changed=changed, warnings=receipt.warnings, **asked_by(command))
    take(step, step.see(post), receipt, watch)


def _target(step: Step, post: Post, account_id: str) -> Target:
    account = step.world.accounts.get(f"{post.partner}:{account_id}")
    return Target(account_id, platform=account.platform if account else "")


def _canceled(step: Step, post: Post, **facts: str) -> None:
    before = post.state
    rows = tuple(replace(t, state=TargetState.CANCELED) if t.state not in LIVE else t for t in post.targets)
    ended = {"settled_at": step.now, "ended_at": step.now, "changed_at": step.now, "poll_at": None}
    post = step.edit(post, state=PostState.CANCELED, in_flight_since=None, targets=rows, **ended)
    step.tell_post(post, "post.canceled", before, reason=FailureReason.CANCELED, **facts)


def _not_taken(step: Step, command: Command, post: Post) -> None:
    """The partner says that there is nothing to do (any more): look at the post again, and judge its rows anew.

    A post that we wanted to cancel and that turns out to be gone was canceled: its reason says so until the next read.
    """
    ids = still_failed(command, post)
    rows = tuple(replace(t, choice="", retry_at=None) if t.account in ids else t for t in post.targets)
    step.edit(command, reason=FailureReason.NOT_ALLOWED_NOW)
    step.edit(post, targets=rows, poll_at=step.now, settled_at=step.now)
    if command.kind is CommandKind.CANCEL:
        step.edit(post, reason=FailureReason.CANCELED)


def fail(
    step: Step,
    command: Command,
    post: Post,
    error: PartnerError,
    rules: PublishRules,
    *,
    watch: WatchRules,
    lost: bool = False,
    absent: bool = False,
) -> None:
    """Decide what follows from a failed call.

    `lost` says that an earlier answer to these bytes may have been lost: a refusal (429, 401) of the same bytes does
    not tell what became of that one, so they stay frozen. `absent` says that it was looked for and is not there: then a
    refusal is final only for the bytes, not for the post (its schedule may have drifted meanwhile).
    """
    key = step.world.keys.get(command.partner)
    step.edit(command, lease_until=None, reason=error.reason, detail=error.detail or None)
    if key is not None and not error.key_wide:
        count_failure(step, key, error, rules)
    if error.maybe_stored:
        looking.lose(step, command, error)
    elif absent or not lost:
        looking.forget(step, command)
    else:
        looking.keep(step, command)
    command = step.see(command)
    if error.key_wide and key is not None:
        step.edit(command, attempts=command.attempts - 1)
        block(step, key, error, watch.probe_every, write=True, waits=[post.id])
        _park_for_key(step, step.see(command), post, step.see(key))
    elif error.reason is FailureReason.RATE_LIMITED:
        hold = error.retry_after or command_backoff(rules, command.calls, step.moment.chance())
        step.edit(command, attempts=command.attempts - 1, due_at=step.now + hold)
    elif error.failure is FailureClass.NEEDS_HUMAN:
        _park_for_plan(step, command, post, error)
    elif error.reason in fetching.MENDED and fetching.may_bring(command, post):
        fetching.bring(step, command, post)
    elif (absent and command.attempts < MEDIA_TRIES) or looking.refusal(command) is not None:
        step.edit(command, due_at=step.now)
    elif error.failure in (FailureClass.RETRYABLE, FailureClass.AMBIGUOUS) and not _used_up(step, command, post, error):
        _try_again(step, command, post, error, rules)
    else:
        _end(step, command, post, error)


def _used_up(step: Step, command: Command, post: Post, error: PartnerError) -> bool:
    if error.reason is FailureReason.UNKNOWN_ACCOUNTS and inactive(step, post):
        # Now it is known which account is gone: the next try goes without it.
        return False
    return error.reason in _BOUNDED and command.attempts >= MEDIA_TRIES


def _park_for_plan(step: Step, command: Command, post: Post, error: PartnerError) -> None:
    """This one request needs something that a person must add; others of the key go on."""
    cause = plan_cause(post.partner)
    do = _WRITES_ON if error.status is None else _ADD_PLAN
    park(step, command, post, cause=cause, reason=error.reason, detail=error.detail, do=do)
    step.open_cause(cause, post.partner, error.reason, error.detail, waits=[post.id], what_to_do=do)


_ADD_PLAN = "Add the missing subscription at the partner; this is tried again by itself."
_WRITES_ON = "Set `writes: on` for this partner in the configuration; this is tried again by itself."


def _try_again(step: Step, command: Command, post: Post, error: PartnerError, rules: PublishRules) -> None:
    delay = command_backoff(rules, command.attempts, step.moment.chance())
    if error.reason is FailureReason.UNKNOWN_ACCOUNTS:
        delay = timedelta() if command.attempts == 1 else delay
    if error.reason is FailureReason.MEDIA_UNREACHABLE:
        delay = _FETCH_PAUSE * command.attempts**2 if _may_end(command) else rules.backoff_max
    if command.attempts >= most_tries(rules):
        give_up(step, command, post)
        return
    step.edit(command, due_at=step.now + max(delay, error.retry_after or timedelta()))


def _may_end(command: Command) -> bool:
    """Whether a command is to fetch from an address that may end soon, so that its tries must not be far apart."""
    return command.kind is CommandKind.FETCH and "refused" not in command.payload


def give_up(step: Step, command: Command, post: Post) -> None:
    """Stop trying: the post ends as rejected, or as unknown when the partner may have it."""
    if command.kind is CommandKind.PUBLISH and command.body is not None:
        leave_unknown(step, command, post, FailureReason.GAVE_UP, "the partner may have it, but never answered")
    else:
        end(step, step.edit(command, lease_until=None), post, FailureReason.GAVE_UP)


def _end(step: Step, command: Command, post: Post, error: PartnerError) -> None:
    """A definite refusal: a publish rejects its post; anything else leaves the post as it is and looks at it again."""
    if command.kind is CommandKind.PUBLISH and command.body is not None:
        leave_unknown(step, command, post, error.reason, error.detail)
        return
    step.edit(command, state=WorkState.DEAD, settled_at=step.now, body=None)
    if command.kind is CommandKind.PUBLISH:
        reject(step, post, error.reason, error.detail, code=error.code, issues=error.issues)
    elif command.kind in (CommandKind.RETRY, CommandKind.FETCH):
        end(step, step.see(command), post, error.reason, error.detail)
    else:
        step.edit(post, poll_at=step.now, settled_at=step.now)


_LOOK = "Look at the partner: choose Send if it is not there, It is live if it is, Drop if it is to stay as it is."


def park_doubt(step: Step, command: Command, post: Post, error: PartnerError) -> None:
    """What was found may be it, and nobody but a person can tell."""
    park(step, command, post, cause="", reason=FailureReason.UNKNOWN_OUTCOME, detail=error.detail, do=_LOOK)


def park_late(step: Step, command: Command, post: Post) -> None:
    """It is known now that the partner has nothing of it, and its time is long over."""
    looking.forget(step, command)
    do, detail = "Send it now or drop it.", "its time is long over"
    park(step, step.see(command), post, cause="", reason=FailureReason.TOO_LATE, detail=detail, do=do)


def refuse(step: Step, command: Command, post: Post, error: PartnerError) -> None:
    """End a publish that its partner has refused for good, now that it is known that nothing of it was stored."""
    looking.forget(step, step.edit(command, lease_until=None, reason=error.reason, detail=error.detail or None))
    _end(step, step.see(command), post, error)


def ended_attempt(command: Command, at: datetime, result: Receipt | PartnerError, started_at: datetime) -> Attempt:
    """Return a command's attempt with its end: what was answered, redacted, or why there was no answer."""
    attempt = Attempt(command.id, command.calls, command.post_id, started_at, finished_at=at)
    if isinstance(result, PartnerError):
        said: Json | None = (
            {"code": result.code, "issues": list(result.issues)} if result.code or result.issues else None
        )
        failed = {"outcome": AttemptOutcome.FAILED, "reason": result.reason, "detail": result.detail or None}
        return replace(attempt, status=result.status, answer=said, **failed)  # type: ignore[arg-type]  # One value a field.
    answer: dict[str, object] = {"id": result.partner_id, "status": result.raw_status}
    answer |= {"duplicate": True} if result.duplicate else {}
    answer |= {"warnings": list(result.warnings)} if result.warnings else {}
    answer |= {"refusal": result.refusal} if result.refusal else {}
    return replace(attempt, outcome=AttemptOutcome.OK, status=result.status, answer=answer)
