"""What becomes of parked work as time goes by.

It goes out when its cause is gone, waits for a person when it is too late, and ends when nobody came.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from bridge.core import looking
from bridge.core.accounts import ask_person, may_probe, note_probe
from bridge.core.errors import FailureReason, Problem
from bridge.core.model import (
    Account,
    AccountState,
    Cause,
    Command,
    CommandKind,
    Post,
    PostState,
    Target,
    TargetState,
    WorkState,
)
from bridge.core.polling import MISSED
from bridge.core.retry import Choice
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.states import USABLE
from bridge.core.step import Step, current, freed_cause, remedy

SEEN_ACTIVE_ENOUGH = 2
_PUTS_ON_NETWORK = frozenset({CommandKind.PUBLISH, CommandKind.RETRY})
_DECIDED = frozenset({Choice.PARK, Choice.GIVE_UP})


def still_failed(command: Command, post: Post) -> list[str]:
    """Return the accounts of a retry that are worth it: those whose row has failed, as far as we know.

    One that has failed anew since, and was given up for it, is not, unless a person asked.
    """
    failed = {target.account: target for target in post.targets if target.state is TargetState.FAILED}
    asked = bool(command.payload.get("manual"))
    ids = [account for account in command.payload.get("account_ids", ()) if account in failed]
    return [account for account in ids if asked or failed[account].choice != Choice.GIVE_UP]


def skip_retry(step: Step, command: Command) -> None:
    """Settle a retry that has nothing to do any more: no row of it stands as failed."""
    done = {"state": WorkState.DONE, "settled_at": step.now, "lease_until": None}
    step.edit(command, reason=FailureReason.NOT_ALLOWED_NOW, detail="no account of it is to be tried again", **done)


def resume(step: Step, parked: Sequence[tuple[Command, Post]], rules: PublishRules, watch: WatchRules) -> None:
    """Look through parked work, oldest first, and move what can move.

    What is already at the partner and is to be changed or taken back goes at once: it puts nothing on a network.
    """
    probes = _probes(step, parked, watch)
    for command, post in parked:
        cause = step.world.causes.get(command.cause)
        since = max(command.parked_at or command.created_at, post.wanted_at)
        if command.kind is CommandKind.RETRY and not still_failed(command, post):
            skip_retry(step, command)
        elif step.now - since > rules.expires_after:
            end(step, command, post, FailureReason.EXPIRED)
        elif command.cause and (cause is None or not cause.open or command.id in probes or may_probe(step, cause)):
            if command.kind in _PUTS_ON_NETWORK:
                _release_or_wait(step, command, post, rules)
            else:
                # A cancel keeps its place in time, before all that becomes due now.
                release(step, command, post, command.due_at if command.kind is CommandKind.CANCEL else step.now)
            if cause is not None and step.see(command).state is WorkState.DUE:
                note_probe(step, cause, watch)
        elif command.kind is CommandKind.RETRY:
            _stays_dead(step, command, post)


def _probes(step: Step, parked: Sequence[tuple[Command, Post]], watch: WatchRules) -> set[str]:
    """A missing plan cannot be seen from outside: its oldest work is tried when none was for `probe_every`."""
    waiting: dict[str, list[Command]] = {}
    for command, _ in parked:
        if command.cause.startswith("plan:"):
            waiting.setdefault(command.cause, []).append(command)
    latest = {cause: max(one.parked_at or step.now for one in commands) for cause, commands in waiting.items()}
    return {waiting[cause][0].id for cause, at in latest.items() if step.now - at >= watch.probe_every}


def idle_causes(step: Step, waiting: Collection[str]) -> list[str]:
    """Return the open causes that nothing waits for and nothing else will close.

    No probe ends that of a plan any more; what waited for that of a source was sent or dropped one by one.
    """
    found = (cause for cause in step.world.causes.values() if cause.kind in ("plan", "source") and cause.open)
    return [cause.id for cause in found if cause.id not in waiting]


def let_go(step: Step, cause_id: str) -> Cause:
    """Close the cause of a source on a person's word; `set_free` sees to it that what waits goes whatever comes later.

    Raises:
        Problem: 404; 409 for one that only ends with what is wrong, and for one that is closed.
    """
    cause = step.world.causes.get(cause_id)
    if cause is None:
        raise Problem(404, "no_such_cause", f"There is no cause {cause_id[:60]!r}. GET /v1/causes lists them.")
    if cause.kind != "source":
        detail = f"This cause closes by itself when it is gone. {remedy(cause.kind, cause.reason)}"
        raise Problem(409, "not_allowed_now", detail)
    if not cause.open:
        raise Problem(409, "closed", "This cause is closed already; what waited for it goes, or has gone.")
    step.close_cause(cause_id, "a person let go what waits")
    return step.see(cause)


def set_free(step: Step, commands: Sequence[Command], cause: Cause) -> None:
    """Take what waited for a cause when a person closed it out of its reach: it may open again before all have gone.

    They still go one an account every `resume_gap`; what came since waits for a word of its own.
    """
    for command in commands:
        waited = cause.closed_at is not None and (command.parked_at or step.now) <= cause.closed_at
        if command.cause == cause.id and waited:
            step.edit(command, cause=freed_cause(cause.id))


def _release_or_wait(step: Step, command: Command, post: Post, rules: PublishRules) -> None:
    """Let a command go when its accounts are usable and had their gap; park it for a person when it is too late."""
    # Whoever closes the cause of a source has looked at what waits, and wants it, however long that took.
    late = not command.cause.startswith("source:") and step.now - _due(command, post) > rules.max_late
    if late and looking.may_be_stored(command):
        # It may be live: whether it is too late is asked once it is known to be absent.
        command = step.edit(command, progress={**(command.progress or {}), "late": True})
    elif late:
        step.edit(command, cause="", reason=FailureReason.TOO_LATE)
        step.edit(post, reason=FailureReason.TOO_LATE)
        do = "Send it now or drop it."
        step.tell_post(post, "post.parked", step.see(post).state, reason=FailureReason.TOO_LATE, what_to_do=do)
        return
    accounts = _accounts(step, command, post)
    idle = [account for account in accounts if account.state not in USABLE]
    for account in idle:
        step.edit(account)  # Only while it is still as it was seen: else it may be back already.
        ask_person(step, account, account.detail or account.state, [post.id])
    if idle:
        return
    if any(account.resumed_at and step.now < account.resumed_at + rules.resume_gap for account in accounts):
        return
    for account in accounts:
        step.edit(account, resumed_at=step.now)
    release(step, command, post, step.now)


def _due(command: Command, post: Post) -> datetime:
    """When work should have gone: a post at its time, a retry when it was planned for, if that is later."""
    if command.kind is not CommandKind.RETRY:
        return post.wanted_at
    ids = still_failed(command, post)
    planned = (target.retry_at for target in post.targets if target.account in ids)
    return max(post.wanted_at, command.created_at, *(at for at in planned if at is not None))


def _accounts(step: Step, command: Command, post: Post) -> list[Account]:
    """The accounts that a command needs, as they are now (under their new id when they came back as another).

    Those that are retired are left out of it when it goes.
    """
    ids = command.payload.get("account_ids") or [target.account for target in post.targets]
    found = (current(step.world.accounts, post.partner, account_id) for account_id in ids)
    return [step.see(one) for one in found if one is not None and one.key not in step.world.retired]


def release(step: Step, command: Command, post: Post, due_at: datetime) -> None:
    """Make parked work due.

    A publish follows its account to a new id, unless its bytes are frozen; a retry under a new id becomes a post of its
    own. What waits for the plan, or for a key that is still blocked, keeps that cause: its success closes it, and
    parking it again is no news.
    """
    post = step.see(post)
    known = step.world.causes.get(command.cause)
    kept = command.cause.startswith("plan:") or (known is not None and known.kind == "key" and known.open)
    cause = command.cause if kept else ""
    freed = {"state": WorkState.DUE, "cause": cause, "reason": None, "due_at": due_at, "parked_at": None, "attempts": 0}
    moved = moves(step, post)
    if command.kind is CommandKind.RETRY and moved.keys() & still_failed(command, post):
        _publish_anew(step, command, post, moved, due_at)
        return
    if command.kind is CommandKind.PUBLISH:
        rows = post.targets if command.body is not None else follow(post.targets, moved)
        step.edit(post, state=PostState.ACCEPTED, reason=None, error=None, targets=rows, changed_at=step.now)
        if moved:
            step.edit(command, progress=looking.changed(command))
    step.edit(command, first_attempt_at=None, **freed)


def moves(step: Step, post: Post) -> dict[str, str]:
    """Return the new ids of a post's accounts that came back under another one, by their old ids."""
    found = ((t.account, current(step.world.accounts, post.partner, t.account)) for t in post.targets)
    return {old: account.id for old, account in found if account is not None and account.id != old}


def follow(targets: tuple[Target, ...], moved: Mapping[str, str]) -> tuple[Target, ...]:
    """Return targets under the new ids of their accounts, each once."""
    rows = (replace(target, account=moved.get(target.account, target.account)) for target in targets)
    return tuple({row.account: row for row in rows}.values())


def _publish_anew(step: Step, command: Command, post: Post, moved: Mapping[str, str], due_at: datetime) -> None:
    """The account's row at the partner has an id that is gone, and nothing of it went out: post to the new id."""
    ids = still_failed(command, post)
    old = [target for target in post.targets if target.account in ids]
    rows = tuple(Target(moved.get(t.account, t.account), t.name, t.platform) for t in old)
    new = step.add(
        Post(
            id=step.moment.new_id("post"),
            event_id=post.event_id,
            partner=post.partner,
            external_id=f"{post.event_id}-{command.id[-16:]}",
            source=post.source,
            content=post.content,
            targets=rows,
            created_at=step.now,
            changed_at=step.now,
            wanted_at=post.wanted_at,
            correlation=post.correlation,
            traceparent=post.traceparent,
            hosted=post.hosted,
        )
    )
    step.new_command(new, CommandKind.PUBLISH, due_at)
    step.edit(command, state=WorkState.DONE, settled_at=step.now, detail=f"went on as {new.id}")
    rows = tuple(replace(t, choice=Choice.GIVE_UP, retry_at=None) if t.account in ids else t for t in post.targets)
    over = all(target.choice == Choice.GIVE_UP for target in rows if target.state is TargetState.FAILED)
    step.edit(post, targets=rows, gave_up=over, ended_at=step.now if over else None)


def end(
    step: Step, command: Command, post: Post, reason: FailureReason, detail: str | None = None, **facts: object
) -> None:
    """End work that will not be done: a publish rejects its post, a retry gives its targets up; `facts` are told of it.

    So does a fetch whose post cannot be published without its media. A publish that the partner may have stored leaves
    its post unknown: its key stays taken, or the next request would make a second post.
    """
    step.edit(command, state=WorkState.DEAD, reason=reason, settled_at=step.now)
    if command.kind is CommandKind.PUBLISH and command.body is not None:
        leave_unknown(step, command, post, reason, "the partner may have it, and was not asked again", **facts)
    elif command.kind is CommandKind.PUBLISH or _needs_fetch(command, step.see(post)):
        reject(step, post, reason, detail, **facts)
    elif command.kind is CommandKind.RETRY:
        give_up_targets(step, post, still_failed(command, step.see(post)), reason, **facts)


def leave_unknown(
    step: Step, command: Command, post: Post, reason: FailureReason, detail: str, **facts: object
) -> None:
    """End a publish that may have been stored; its bytes stay frozen, should a person send it again."""
    step.edit(command, state=WorkState.DEAD, reason=reason, settled_at=step.now, lease_until=None)
    before = post.state
    ended = {"changed_at": step.now, "ended_at": step.now, "settled_at": step.now}
    post = step.edit(post, state=PostState.UNKNOWN, reason=reason, error=detail, **ended)
    step.tell_post(post, "post.unknown", before, reason=reason, error=detail, **facts)


def _needs_fetch(command: Command, post: Post) -> bool:
    unsent = post.partner_id is None and post.state in (PostState.ACCEPTED, PostState.PARKED)
    return command.kind is CommandKind.FETCH and unsent and "media" not in command.payload


def give_up_targets(step: Step, post: Post, ids: Collection[str], reason: FailureReason, **facts: object) -> None:
    """Try these failed targets no more, and tell it when nothing else of their post goes on."""
    rows = tuple(
        replace(t, choice=Choice.GIVE_UP, retry_at=None) if t.account in ids else t for t in step.see(post).targets
    )
    post = step.edit(post, targets=rows)
    failed = [target for target in rows if target.state is TargetState.FAILED]
    if post.state in MISSED and not post.gave_up and all(target.choice == Choice.GIVE_UP for target in failed):
        step.edit(post, gave_up=True, ended_at=step.now)
        step.tell_post(post, "post.gave_up", post.state, reason=reason, **facts)


def reject(step: Step, post: Post, reason: FailureReason, error: str | None = None, **facts: object) -> None:
    """End a post that will never be sent as it is."""
    before = step.see(post).state
    step.edit(
        post,
        state=PostState.REJECTED,
        reason=reason,
        error=error,
        changed_at=step.now,
        settled_at=step.now,
        ended_at=step.now,
        poll_at=None,
        in_flight_since=None,
    )
    step.tell_post(post, "post.rejected", before, reason=reason, error=error, **facts)


def park(step: Step, command: Command, post: Post, *, cause: str, reason: FailureReason, detail: str, do: str) -> None:
    """Let a command wait for a cause, and tell it unless it has waited for that one until now."""
    known = command.cause == cause
    step.edit(
        command,
        state=WorkState.PARKED,
        cause=cause,
        reason=reason,
        detail=detail,
        parked_at=step.now,
        lease_until=None,
    )
    before = step.see(post).state
    if command.kind is CommandKind.PUBLISH:
        step.edit(post, state=PostState.PARKED, reason=reason, error=detail, changed_at=step.now)
    if not known and command.kind is not CommandKind.FETCH:
        # What waits for the files of a fetch is parked with it, and tells it.
        step.tell_post(post, "post.parked", before, reason=reason, error=detail, what_to_do=do)


def _stays_dead(step: Step, command: Command, post: Post) -> None:
    """A target failed for its token, yet its account stays listed as active: its mending cannot be seen from here.

    The post is not given up while anything else of it goes on by itself.
    """
    ids = command.payload.get("account_ids", ())
    others = [t for t in step.see(post).targets if t.state is TargetState.FAILED and t.account not in ids]
    if post.state not in MISSED or any(target.choice not in _DECIDED for target in others):
        return
    accounts = [step.world.accounts.get(f"{post.partner}:{account_id}") for account_id in ids]
    fooled = [
        a
        for a in accounts
        if a is not None and a.state is AccountState.DEGRADED and a.seen_active >= SEEN_ACTIVE_ENOUGH
    ]
    if fooled and not step.see(post).gave_up:
        step.edit(post, gave_up=True)
        do = "Reconnect the account at the partner, then send the post again here."
        step.tell_post(
            post, "post.gave_up", post.state, reason=FailureReason.NEEDS_HUMAN, error=post.error, what_to_do=do
        )
