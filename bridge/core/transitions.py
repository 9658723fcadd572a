"""What a read of a post, or a partner's answer to a command, changes: the post's new state and what is told of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.accounts import mended_since
from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import (
    AccountState,
    CommandKind,
    Judgement,
    Post,
    PostState,
    Receipt,
    Snapshot,
    Target,
    TargetSnapshot,
    TargetState,
    WorkState,
)
from bridge.core.polling import MISSED, finish
from bridge.core.retry import Choice, Decision, decide
from bridge.core.rules import RetryRules, WatchRules
from bridge.core.states import USABLE
from bridge.core.step import Step, account_cause

Judge = Callable[[str, str], Judgement]

_CLOCK_SLACK = timedelta(seconds=5)
_AGAIN = frozenset({Choice.RETRY, Choice.WAIT})

IN_FLIGHT = frozenset({PostState.PENDING, PostState.PUBLISHING, PostState.UNKNOWN})
LIVE = frozenset({TargetState.POSTED, TargetState.DRAFT_DELIVERED})
_UNSCHEDULED = frozenset({PostState.DRAFT, PostState.PENDING})
"""States of a post that has no schedule: it goes now, or when somebody says so."""


@dataclass(frozen=True, slots=True)
class Watching:
    """The rules that a read is judged by; `judge` knows the partner's failure texts, `breaker` is its own limit."""

    watch: WatchRules
    retry: RetryRules
    judge: Judge
    breaker: int | None = None

    def only_watches(self, post: Post) -> bool:
        """Whether nothing is done about a post by itself: one that was made elsewhere, unless that is asked for."""
        return post.adopted and not self.retry.adopted

    def retry_of(self, post: Post) -> RetryRules:
        """Return the rules of a post's retries."""
        return replace(self.retry, delays=()) if self.only_watches(post) else self.retry


def is_stale(post: Post, snapshot: Snapshot, now: datetime) -> bool:
    """Say whether a read began before something that we know: a later read, or the end of the post's last command.

    What is known to have happened after `now` was noted by a clock that has been set back since: it says nothing.
    """
    known = [at for at in (post.read_at, post.settled_at) if at is not None and at <= now + _CLOCK_SLACK]
    return any(snapshot.read_at <= at for at in known)


def observe(step: Step, post: Post, snapshot: Snapshot, rules: Watching, *, first: bool = False) -> bool:
    """Apply what a read showed; False when the read is stale and nothing was changed.

    `first`: the post was never seen before, so its state is told, whatever it is, and nothing of how it came to it.
    """
    if is_stale(post, snapshot, step.now):
        return False
    shown = {row.account: row for row in snapshot.targets}
    before = post
    merged = tuple(
        _merge(target, shown.pop(target.account, None), snapshot, step.now, rules) for target in post.targets
    )
    merged += tuple(_merge(Target(row.account), row, snapshot, step.now, rules) for row in shown.values())
    state = with_word_of_person(_state(post, snapshot), merged)
    post = _move(step, post, state, snapshot.raw_status, targets=merged, read_at=snapshot.read_at)
    if post.reason is FailureReason.CANCELED:
        post = step.edit(post, reason=None)
    post = _times(step, post, snapshot.scheduled_at, snapshot.created_at)
    if snapshot.scheduled_at is None and snapshot.state in _UNSCHEDULED and post.scheduled_at is not None:
        post = step.edit(post, scheduled_at=None, wanted_at=min(post.wanted_at, step.now))
    decisions = _decide_all(step, post, rules, seen_before=before.read_at)
    if first:
        _tell_post(step, None, step.see(post), decisions)
    else:
        _tell_targets(step, before, decisions)
    if not first and post.state is not before.state:
        _tell_post(step, before.state, step.see(post), decisions)
    _conclude(step, step.see(post), decisions, rules, quiet=first)
    return True


def unchanged(step: Step, post: Post, rules: Watching) -> None:
    """Go on with a post of which it is known that it is as it was: time alone may change what is to be done."""
    _conclude(step, post, _decide_all(step, post, rules), rules)


def _conclude(
    step: Step, post: Post, decisions: Mapping[str, Decision], rules: Watching, *, quiet: bool = False
) -> None:
    """Do what follows from a post as it is now; `quiet` about that nothing more is tried."""
    _act(step, post, decisions, only_watched=rules.only_watches(post), quiet=quiet)
    _tell_stuck(step, step.see(post), rules.watch)
    finish(step, step.see(post), rules.watch)


def _state(post: Post, snapshot: Snapshot) -> PostState:
    """A post that is gone after it was canceled, or after we asked for its cancelling, was canceled."""
    canceled = post.state is PostState.CANCELED or post.reason is FailureReason.CANCELED
    return PostState.CANCELED if canceled and snapshot.state is PostState.VANISHED else snapshot.state


def with_word_of_person(state: PostState, targets: tuple[Target, ...]) -> PostState:
    """Return a failed post's state as it is once a person said that some of its targets are live."""
    if state not in MISSED or all(target.choice != Choice.LIVE for target in targets):
        return state
    return PostState.POSTED if all(target.state in LIVE for target in targets) else PostState.PARTIAL


def _times(step: Step, post: Post, scheduled_at: datetime | None, created_at: datetime | None) -> Post:
    """Keep the partner's times; one that it does not show says nothing. Another schedule is another time to go."""
    if scheduled_at is not None and scheduled_at != post.scheduled_at:
        post = step.edit(post, scheduled_at=scheduled_at, wanted_at=scheduled_at)
    return step.edit(post, partner_created_at=created_at or post.partner_created_at)


def _merge(target: Target, row: TargetSnapshot | None, snapshot: Snapshot, now: datetime, rules: Watching) -> Target:
    """Return a target as a read shows it. A row that is not shown stays, unless the whole post is gone."""
    if row is None:
        gone = snapshot.state is PostState.VANISHED and target.state not in LIVE
        return replace(target, state=TargetState.VANISHED) if gone else target
    newer = _is_newer(row.last_attempted_at, target.last_attempted_at) or (row.attempts or 0) > target.attempts
    if not newer and (_is_vouched_for(target, row) or _waits_again(target, row, snapshot)):
        return target
    changed = replace(
        target,
        state=row.state,
        raw_status=row.raw_status,
        published_at=row.published_at or target.published_at,
        url=row.url or target.url,
        last_attempted_at=row.last_attempted_at if newer else target.last_attempted_at,
        attempts=max(row.attempts or 0, target.attempts),
        platform=target.platform or row.platform,
    )
    if row.state is not TargetState.FAILED:
        return replace(changed, error=None, reason=None, failure=None, failed_at=None, choice="", retry_at=None)
    # A second failure with the same text is told by a newer attempt only.
    if target.state is TargetState.FAILED and not newer and row.error == target.error:
        return changed
    judgement = rules.judge(row.error or "", target.platform)
    changed = replace(changed, reason=judgement.reason, failure=judgement.failure)
    return replace(changed, error=row.error, failed_at=now, choice="", retry_at=None)


def _is_vouched_for(target: Target, row: TargetSnapshot) -> bool:
    """Whether a person has said that a target is live, and the partner has not come to see it."""
    return target.choice == Choice.LIVE and row.state not in LIVE


def _waits_again(target: Target, row: TargetSnapshot, snapshot: Snapshot) -> bool:
    """Whether a row shows the failure that it is being retried for."""
    tried = target.state is TargetState.WAITING and (target.last_attempted_at is not None or target.attempts > 0)
    return tried and row.state is TargetState.FAILED and snapshot.state in IN_FLIGHT


def _is_newer(shown: datetime | None, known: datetime | None) -> bool:
    return shown is not None and (known is None or shown > known)


def _move(step: Step, post: Post, state: PostState, raw_status: str | None, **changes: object) -> Post:
    """Change a post's state with what follows from it; from one state in flight to another the clock goes on."""
    flies_on = state in IN_FLIGHT and post.in_flight_since is not None
    since = post.in_flight_since if flies_on else step.now if state in IN_FLIGHT else None
    follow = {"changed_at": step.now, "gave_up": False, "ended_at": None} if state is not post.state else {}
    stuck = post.stuck and (flies_on or state is post.state)
    return step.edit(post, state=state, raw_status=raw_status, in_flight_since=since, stuck=stuck, **follow, **changes)


def _decide_all(step: Step, post: Post, rules: Watching, *, seen_before: datetime | None = None) -> dict[str, Decision]:
    """Decide about each undecided failed target, once the post as a whole has come to an end.

    `seen_before` is when the post was read before: what failed has failed since.
    """
    if post.state not in MISSED:
        return {}
    decisions = {}
    for target in post.targets:
        if target.state is TargetState.FAILED and not target.choice:
            wait = rules.judge(target.error or "", target.platform).wait
            decision = decide(
                rules.retry_of(post), target, wait, now=step.now, chance=step.moment.chance(), breaker=rules.breaker
            )
            if decision.choice is Choice.PARK and mended_since(step, post, target, seen_before):
                decision = replace(decision, choice=Choice.RETRY, at=step.now)
            if rules.only_watches(post) and decision.choice is not Choice.LOOK_AGAIN:
                decision = Decision(Choice.GIVE_UP, target.reason or decision.reason)
            elif _is_retired(step, post, target) and decision.choice is not Choice.LOOK_AGAIN:
                decision = Decision(Choice.GIVE_UP, FailureReason.ACCOUNT_RETIRED)
            decisions[target.account] = decision
    # One command retries them together, so it goes when the last of them may.
    latest = max((d.at for d in decisions.values() if d.choice is Choice.RETRY and d.at), default=None)
    return {a: replace(d, at=latest) if d.choice is Choice.RETRY else d for a, d in decisions.items()}


def _is_retired(step: Step, post: Post, target: Target) -> bool:
    return f"{post.partner}:{target.account}" in step.world.retired


def _tell_targets(step: Step, before: Post, decisions: Mapping[str, Decision]) -> None:
    """Tell what became of each row since `before`."""
    known = {target.account: target for target in before.targets}
    for target in step.see(before).targets:
        old = known.get(target.account, Target(target.account))
        if target.state in LIVE and old.state not in LIVE:
            step.tell_target(before, target, "target.posted", old.state)
            _heal(step, before, target)
        if target.state is TargetState.FAILED and _failure(target) != _failure(old):
            decision = decisions.get(target.account)
            step.tell_target(before, target, "target.failed", old.state, retry=decision and decision.wire())
        if target.state in LIVE and target.url and target.url != old.url:
            step.tell_target(before, target, "target.linked", old.state)


def _failure(target: Target) -> tuple[object, ...]:
    """What tells one failure of a target from another."""
    return target.state, target.failed_at, target.error, target.last_attempted_at, target.attempts


def _heal(step: Step, post: Post, target: Target) -> None:
    """A post that went out on an account after its cause opened shows that the account works again."""
    cause = step.world.causes.get(account_cause(post.partner, target.account))
    moment = target.published_at or target.last_attempted_at or step.now
    if cause is None or not cause.open or moment <= cause.opened_at:
        return
    account = step.world.accounts.get(f"{post.partner}:{target.account}")
    state = step.see(account).state if account is not None else AccountState.ACTIVE
    if account is not None and state is AccountState.DEGRADED:
        account = step.edit(account, state=AccountState.ACTIVE, seen_active=0)
        step.tell_account(account, "account.reconnected", AccountState.DEGRADED)
    if state in USABLE:
        step.close_cause(cause.id, "a post went out on the account")


def _tell_post(step: Step, previous: PostState | None, post: Post, decisions: Mapping[str, Decision]) -> None:
    facts: dict[str, object] = {}
    failed = next((target for target in post.targets if target.state is TargetState.FAILED), None)
    if post.state in MISSED and failed is not None:
        step.edit(post, reason=failed.reason, error=failed.error)
        first = sorted(decisions.values(), key=lambda d: d.choice not in _AGAIN)[:1]
        facts = {"reason": failed.reason, "error": failed.error, "retry": first[0].wire() if first else None}
    else:
        step.edit(post, reason=None, error=None)
    if post.state is PostState.UNKNOWN:
        facts["raw_status"] = post.raw_status
    step.tell_post(post, f"post.{post.state}", previous, **facts)


def _act(step: Step, post: Post, decisions: Mapping[str, Decision], *, only_watched: bool, quiet: bool) -> None:
    """Turn decisions into retry commands, parked work and, when nothing is left to do, `post.gave_up`.

    Of a post that is only watched nothing is parked, but a dead account needs its person all the same.
    """
    made = {account: d for account, d in decisions.items() if d.choice is not Choice.LOOK_AGAIN}
    if made:
        rows = tuple(_decided(target, made.get(target.account)) for target in post.targets)
        post = step.edit(post, targets=rows)
    over = all(_is_final(target) for target in post.targets)
    if made and (over or any(d.choice in _AGAIN for d in made.values())):
        # A new round: what goes on, or has failed for good once more, may be told again.
        post = step.edit(post, gave_up=False, ended_at=None)
    for at in sorted({d.at for d in made.values() if d.at is not None}):
        _retry_at(step, post, at, [account for account, d in made.items() if d.at == at], made)
    for account in (a for a, d in made.items() if d.choice is Choice.PARK):
        _park_retry(step, post, account)
    if only_watched:
        for target in (row for row in post.targets if row.account in made and _needs_human(row)):
            _degrade(step, post, target)
    if post.state in MISSED and not post.gave_up and over:
        why = {target.account: made[target.account].reason for target in post.targets if target.account in made}
        post = step.edit(post, gave_up=True)
        facts = {"reason": next(iter(why.values()), post.reason), "error": post.error, "why": why}
        if not quiet:
            step.tell_post(post, "post.gave_up", post.state, **facts)


def _decided(target: Target, decision: Decision | None) -> Target:
    if decision is None:
        return target
    return replace(target, choice=decision.choice, retry_at=decision.at, retries=decision.attempt)


def _is_final(target: Target) -> bool:
    """Whether nothing more happens to a target by itself."""
    return target.state is not TargetState.FAILED or target.choice == Choice.GIVE_UP


def _needs_human(target: Target) -> bool:
    return target.failure is FailureClass.NEEDS_HUMAN


def _retry_at(step: Step, post: Post, at: datetime, accounts: list[str], decisions: Mapping[str, Decision]) -> None:
    """Plan one retry command for these accounts."""
    step.new_command(post, CommandKind.RETRY, at, payload={"account_ids": accounts})
    for target in post.targets:
        if target.account in accounts:
            retry = decisions[target.account].wire()
            step.tell_target(post, target, "target.retrying", target.state, retry=retry)


def _park_retry(step: Step, post: Post, account_id: str) -> None:
    """Park a target's retry: for its account's cause, or (an unknown outcome) for a person to decide."""
    target = next(row for row in post.targets if row.account == account_id)
    human = _needs_human(target)
    cause = account_cause(post.partner, account_id) if human else ""
    parked = {"state": WorkState.PARKED, "cause": cause, "reason": target.reason, "parked_at": step.now}
    step.new_command(post, CommandKind.RETRY, step.now, payload={"account_ids": [account_id]}, **parked)
    do = (
        "Reconnect the account."
        if human
        else "Look on the network: choose Retry if it is not there, It is live if it is."
    )
    facts = {"reason": target.reason, "error": target.error, "account_ids": [account_id], "what_to_do": do}
    step.tell_post(post, "post.parked", post.state, **facts)
    if human:
        _degrade(step, post, target)


def _degrade(step: Step, post: Post, target: Target) -> None:
    """A token failure on an account that is listed as usable: its cause opens at once.

    From now on a listing does not mend it, whatever early notice its partner had listed it with.
    """
    account = step.world.accounts.get(f"{post.partner}:{target.account}")
    before = step.see(account) if account is not None else None
    if before is not None and before.state in USABLE and (before.detail or before.state is AccountState.ACTIVE):
        account = step.edit(before, state=AccountState.DEGRADED, detail="", seen_active=0)
        if before.state is AccountState.ACTIVE:
            step.tell_account(account, "account.degraded", before.state, reason=target.reason, error=target.error)
    cause = account_cause(post.partner, target.account)
    assert target.reason is not None  # Judged targets have one.
    step.open_cause(cause, post.partner, target.reason, target.error or "", waits=[post.id])


def _tell_stuck(step: Step, post: Post, rules: WatchRules) -> None:
    """Tell once that a post has been in flight (or overdue) for too long."""
    overdue = post.scheduled_at if post.state is PostState.SCHEDULED else None
    since = post.in_flight_since or overdue
    if since is not None and not post.stuck and step.now - since >= rules.stuck_after:
        post = step.edit(post, stuck=True)
        step.tell_post(post, "post.stuck", post.state, since=since)


def take(step: Step, post: Post, receipt: Receipt, rules: WatchRules) -> Post:
    """Apply a partner's answer to a publish or update that it took.

    What failed before an update waits again. An answer that names an end (a repeated publish) does not say how each
    target ended: the post is read at once.
    """
    before = post.state
    state = receipt.state or PostState.PENDING
    rows = post.targets if state in MISSED else _waiting(post.targets, [target.account for target in post.targets])
    post = _move(step, post, state, receipt.raw_status, settled_at=step.now, error=None, reason=None, targets=rows)
    post = step.edit(post, partner_id=receipt.partner_id or post.partner_id)
    post = _times(step, post, receipt.scheduled_at, receipt.created_at)
    if post.state is not before:
        step.tell_post(post, f"post.{post.state}", before, warnings=receipt.warnings)
    finish(step, post, rules)
    if post.state in MISSED or post.state is PostState.POSTED:
        step.edit(post, poll_at=step.now)
    return step.see(post)


def retried(step: Step, post: Post, accounts: tuple[str, ...], rules: WatchRules, **facts: str) -> None:
    """Apply a retry that the partner took: these targets wait again, and the post is in the partner's queue."""
    before = post.state
    rows = _waiting(post.targets, accounts)
    post = _move(step, post, PostState.PENDING, post.raw_status, settled_at=step.now, targets=rows)
    step.tell_post(post, "post.retrying", before, account_ids=list(accounts), **facts)
    finish(step, post, rules)


def _waiting(targets: tuple[Target, ...], accounts: Sequence[str]) -> tuple[Target, ...]:
    """Return targets of which those that have failed on these accounts wait again."""
    return tuple(_reset(t) if t.state is TargetState.FAILED and t.account in accounts else t for t in targets)


def _reset(target: Target) -> Target:
    waiting = replace(target, state=TargetState.WAITING, attempts_before=target.attempts)
    return replace(waiting, error=None, reason=None, failure=None, choice="", retry_at=None)
