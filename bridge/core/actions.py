"""What a person may do to a post: edit, cancel, retry, send (approve), drop, or say that it is live.

A post that no partner has is changed here, at once. One that a partner has gets a command, unless its last snapshot
says that the partner would refuse. While a publish is under way neither is safe: the caller is asked to come back.
`by` says who does it: it is told with what follows, at once or when the partner has answered.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from bridge.core import fetching, looking, restoring
from bridge.core.errors import FailureClass, FailureReason, Problem
from bridge.core.holding import asked_of, channel_of, hold_back, hold_change, hold_for, is_held, let_go
from bridge.core.model import Command, CommandKind, Post, PostState, Target, TargetState, WorkState
from bridge.core.polling import MISSED
from bridge.core.resume import end, reject, release, still_failed
from bridge.core.retry import Choice
from bridge.core.states import CHANGEABLE as CHANGEABLE
from bridge.core.states import UNSETTLED
from bridge.core.step import Step
from bridge.core.transitions import with_word_of_person

PERSON = "a person"
"""Who does it, as far as it is known."""

_SOON = timedelta(seconds=2)


def goes(post: Post) -> bool:
    """Say whether something of a post is live, or is on its way there."""
    return post.state not in (PostState.REJECTED, PostState.CANCELED, PostState.VANISHED)


def is_unsent(post: Post) -> bool:
    """Say whether no partner has this post, as far as anybody knows."""
    return post.partner_id is None and post.state in (PostState.ACCEPTED, PostState.PARKED)


def is_untouched(post: Post, commands: Sequence[Command], now: datetime) -> bool:
    """Say whether nothing of a post was sent, and nobody is about to: who has a lease, by the store's clock, may be."""
    leased = any(command.lease_until is not None and command.lease_until > now for command in commands)
    publish = _unsettled_publish(commands)
    return is_unsent(post) and publish is not None and publish.body is None and not leased


def edit(
    step: Step,
    post: Post,
    commands: Sequence[Command],
    changes: Mapping[str, Any],
    targets: tuple[Target, ...] | None,
    *,
    hosts: Sequence[str] = (),
    later: bool = False,
    approve: str = "",
    by: str = "",
) -> Command | None:
    """Change a post; returns the command when its partner must be asked, None when it is done.

    `changes` holds content fields (None clears one) and `scheduled_at` (an aware datetime, or None for "now"). Changes
    that have not begun to go to the partner go with these; the store lets none overtake another. `hosts` are the
    addresses of changed media that must be stored with the partner first. `later` says that a change of what is being
    sent right now waits for that, instead of being refused: for a caller that nobody can ask to come back. `approve` is
    the channel where a person has to approve the change first.
    """
    waits = later and _is_being_sent(post, commands)
    if is_unsent(post) and not waits:
        publish = _publish_of(post, commands)
        if approve and not is_held(publish):
            publish = hold_back(step, publish, post, approve)
            _supersede(step, commands, FailureReason.DROPPED, CommandKind.FETCH)
            post = step.see(post)
        if "media" in changes:
            post = _host_anew(step, post, commands, hosts, held=is_held(publish))
        _edit_here(step, post, publish, changes, targets, **_said(by))
        if "media" not in changes and publish.state is not step.see(publish).state:
            # It was let go. What was held has no fetch yet; of new media there is one.
            fetching.plan(step, post, commands)
        return None
    if not waits:
        _refuse_unless(post, CHANGEABLE, "changed")
    wire = {name: value.isoformat() if isinstance(value, datetime) else value for name, value in changes.items()}
    if targets is not None:
        wire["accounts"] = [{"id": target.account} for target in targets]
    waiting = [command for command in _updates(commands) if not command.lease_until and command.body is None]
    # What waits for approval takes with it what is changed beside it: they are one change at the partner.
    approve = approve or channel_of(waiting)
    if "media" in changes:
        _supersede(step, commands, FailureReason.DROPPED, CommandKind.FETCH)
        if not approve and any(url not in (post.hosted or {}) for url in hosts):
            step.new_command(post, CommandKind.FETCH, step.now, payload={"media": changes["media"]})
    else:
        hosts = hosts_of(waiting)
    payload = {"changes": _fold(waiting, wire), **({"hosts": list(hosts)} if hosts else {}), **_said(by)}
    if approve:
        command = hold_change(step, post, payload, approve, **_said(by))
    else:
        command = step.new_command(post, CommandKind.UPDATE, step.now, payload=payload)
    for older in waiting:
        done = {"state": WorkState.DONE, "settled_at": step.now, "reason": None}
        step.edit(older, detail=f"its changes went on in {command.id}", **done)
    return command


def hosts_of(updates: Sequence[Command]) -> Sequence[str]:
    """Return the addresses that the newest of these updates with media needs stored first."""
    found = [command.payload.get("hosts", ()) for command in updates if "media" in command.payload["changes"]]
    return found[-1] if found else ()


def _said(by: str) -> dict[str, str]:
    """Return who asked, as a fact to tell; nothing when no person did."""
    return {"by": by} if by else {}


def _host_anew(step: Step, post: Post, commands: Sequence[Command], hosts: Sequence[str], *, held: bool) -> Post:
    """Have the new media of a post that was not sent stored with its partner; what is there already stays there.

    Nothing is stored while the post is held.
    """
    known = post.hosted or {}
    kept = {url: known[url] for url in hosts if url in known}
    if len(kept) == len(hosts):
        _supersede(step, commands, FailureReason.DROPPED, CommandKind.FETCH)
        return step.edit(post, hosted=kept or None)
    post = step.edit(post, hosted={})
    if not held:
        fetching.plan(step, post, commands, kept)
    return step.see(post)


def under_way(commands: Sequence[Command]) -> dict[str, Any]:
    """Return the changes that a partner has been or will be asked for and has not answered."""
    return _fold(_updates(commands), {})


def _updates(commands: Sequence[Command]) -> list[Command]:
    """Return the updates that are not settled, oldest first."""
    found = (command for command in commands if command.kind is CommandKind.UPDATE and command.state in UNSETTLED)
    return sorted(found, key=lambda command: command.number)


def _fold(updates: Sequence[Command], newest: Mapping[str, Any]) -> dict[str, Any]:
    """Lay changes over each other: the newest value of a field wins; settings are merged by provider, as there."""
    folded: dict[str, Any] = {}
    for changes in (*(command.payload["changes"] for command in updates), newest):
        settings = {**(folded.get("settings") or {}), **(changes.get("settings") or {})}
        folded |= {**changes, "settings": settings} if changes.get("settings") else changes
    return folded


def _edit_here(
    step: Step,
    post: Post,
    command: Command,
    changes: Mapping[str, Any],
    targets: tuple[Target, ...] | None,
    **facts: str,
) -> None:
    """Change a post that no partner has. One that is held stays held, and as long as it was to be."""
    content = {name: value for name, value in {**post.content, **changes}.items() if value is not None}
    at, held = content.pop("scheduled_at", None), is_held(command)
    if "scheduled_at" in changes:
        wanted_at = max(at or step.now, command.due_at) if held else at or step.now
        post = step.edit(post, scheduled_at=at, wanted_at=wanted_at)
    post = step.edit(post, content=content, targets=targets or post.targets, changed_at=step.now)
    command = step.edit(command, progress=looking.changed(command))
    if not held:
        step.edit(command, due_at=min(command.due_at, step.now))
    in_time = "scheduled_at" in changes and command.reason is FailureReason.TOO_LATE
    if command.state is WorkState.PARKED and not held and (targets is not None or in_time):
        release(step, command, post, step.now)
    changed = sorted(changes) + (["accounts"] if targets else [])
    step.tell_post(post, "post.updated", step.see(post).state, changed=changed, **facts)


def cancel(step: Step, post: Post, commands: Sequence[Command], *, later: bool = False, by: str = "") -> Command | None:
    """Take a post back; returns the command when its partner must be asked, None when it is done.

    `later` as in `edit`.
    """
    waits = later and _is_being_sent(post, commands)
    if is_unsent(post) and not waits:
        step.edit(_publish_of(post, commands), state=WorkState.DEAD, reason=FailureReason.CANCELED, settled_at=step.now)
        _supersede(step, commands, FailureReason.CANCELED, CommandKind.FETCH)
        before = post.state
        ended = {"changed_at": step.now, "ended_at": step.now, "settled_at": step.now, "poll_at": None}
        post = step.edit(post, state=PostState.CANCELED, reason=FailureReason.CANCELED, error=None, **ended)
        step.tell_post(post, "post.canceled", before, reason=FailureReason.CANCELED, **_said(by))
        return None
    if not waits:
        _refuse_unless(post, CHANGEABLE, "canceled")
    _supersede(step, commands, FailureReason.CANCELED, CommandKind.RETRY, CommandKind.UPDATE, CommandKind.FETCH)
    return step.new_command(post, CommandKind.CANCEL, step.now, payload=_said(by))


def keep(step: Step, commands: Sequence[Command]) -> None:
    """Let a post stay after all: no cancel of it that has not begun goes to the partner any more."""
    _supersede(step, commands, FailureReason.DROPPED, CommandKind.CANCEL)


def retry(step: Step, post: Post, commands: Sequence[Command], *, by: str = "") -> Command:
    """Try a post again, with a fresh budget: its failed targets, or the whole post when no partner took it.

    One that is parked is sent, as `send` does, unless it is held: to try again is not to approve.
    """
    if post.state is PostState.PARKED:
        if any(is_held(one) or _is_unapproved(one) for one in commands):
            detail = f"It is held, and a retry lets nothing go. POST /v1/posts/{post.id}/send does, and approves it."
            raise Problem(409, "needs_approval", detail, extra={"post_id": post.id, "reason": post.reason})
        return send(step, post, commands, by=by)[0]
    if post.partner_id is None and post.state in (PostState.REJECTED, PostState.UNKNOWN):
        return _publish_again(step, post, commands, by=by)
    _refuse_unless(post, MISSED, "retried")
    failed = [target.account for target in post.targets if target.state is TargetState.FAILED]
    if not failed:
        raise Problem(409, "nothing_to_retry", "No account of this post has failed. GET the post for its state.")
    _supersede(step, commands, FailureReason.DROPPED, CommandKind.RETRY)
    rows = tuple(
        replace(t, retries=0, choice=Choice.RETRY, retry_at=step.now) if t.account in failed else t
        for t in post.targets
    )
    post = step.edit(post, targets=rows, gave_up=False, ended_at=None)
    payload = {"account_ids": failed, "manual": True, **_said(by)}
    return step.new_command(post, CommandKind.RETRY, step.now, payload=payload)


def _publish_again(step: Step, post: Post, commands: Sequence[Command], *, by: str) -> Command:
    """The same `external_id` goes again; bytes whose answer was lost stay frozen.

    What was held and never let go is held again.
    """
    if not post.content:
        raise Problem(409, "erased", "What this post said was erased: there is nothing to send. Publish it anew.")
    last = max((c for c in commands if c.kind is CommandKind.PUBLISH), key=lambda c: c.number, default=None)
    reset = {"reason": None, "error": None, "ended_at": None, "in_flight_since": None, "changed_at": step.now}
    before, asks = post.state, asked_of(last)
    post = step.edit(post, state=PostState.ACCEPTED, **reset)
    step.tell_post(post, "post.updated", before, changed=["retried"], **_said(by))
    doubt = restoring.still_in_doubt(last, step.now) if last is not None and restoring.lacks_bytes(last) else {}
    if asks is not None:
        return hold_for(step, step.see(post), asks, **doubt)
    if not doubt:
        fetching.plan(step, post, commands)
    frozen = doubt or ({"body": last.body, "sent_at": last.sent_at} if last is not None else {})
    return step.new_command(post, CommandKind.PUBLISH, step.now, payload=_said(by), **frozen)


def _is_unapproved(command: Command) -> bool:
    """Whether a publish that was held in a copy of the database waits for something else while it is in doubt."""
    doubted = command.state is WorkState.PARKED and command.body is not None
    return doubted and asked_of(command) is not None


def send(step: Step, post: Post, commands: Sequence[Command], *, by: str = "") -> list[Command]:
    """Let parked work go now, whatever it waits for; of what is held this is the approval, which is told."""
    parked = _decided(post, commands)
    for command in parked:
        if _is_doubted(command):
            step.edit(command, progress={**(command.progress or {}), "absent": True})
        _sign(step, command, by)
        let_go(step, command, post)
    if not any(map(restoring.lacks_bytes, parked)):
        fetching.plan(step, post, commands)
    held = [command for command in parked if is_held(command)]
    if any(command.kind is CommandKind.PUBLISH for command in held):
        # It is a person's word that it goes now: the time before does not make it late.
        step.edit(post, wanted_at=max(post.scheduled_at or step.now, step.now))
    changed = ["approval" if held else "sent"]
    step.tell_post(step.see(post), "post.updated", post.state, changed=changed, **_said(by))
    return [step.see(command) for command in parked]


def _sign(step: Step, command: Command, by: str) -> None:
    """Note on a command who decided about it."""
    if by:
        step.edit(command, payload={**command.payload, "by": by})


def drop(step: Step, post: Post, commands: Sequence[Command], *, by: str = "") -> None:
    """End parked work for good; a change that waits for approval leaves the post as it is."""
    for command in _decided(post, commands):
        _sign(step, command, by)
        end(step, command, post, FailureReason.DROPPED, **_said(by))
        if is_held(command) and command.kind is CommandKind.UPDATE:
            step.tell_post(post, "post.updated", post.state, changed=["dropped"], **_said(by))


def abandon(step: Step, post: Post, commands: Sequence[Command], *, by: str = "") -> None:
    """End a post that nothing was sent of, whatever its work waits for."""
    for command in commands:
        if command.state in UNSETTLED:
            _sign(step, command, by)
            over = {"reason": FailureReason.DROPPED, "settled_at": step.now, "lease_until": None}
            step.edit(command, state=WorkState.DEAD, **over)
    reject(step, post, FailureReason.DROPPED, **_said(by))


def is_live(step: Step, post: Post, commands: Sequence[Command], *, by: str = PERSON) -> None:
    """Take a person's word that what failed with an unknown outcome went out."""
    parked = _parked(post, commands)
    doubted = [command for command in parked if _is_doubted(command)]
    if doubted:
        _take_as_live(step, post, doubted, {target.account for target in post.targets}, by=by)
        return
    if post.partner_id is None:
        raise Problem(409, "not_sent", "No partner has this post, so it cannot be live. Send it or drop it.")
    unclear = {t.account for t in post.targets if t.failure is FailureClass.AMBIGUOUS}
    unsure = [command for command in parked if unclear & set(still_failed(command, post))]
    if not unsure:
        detail = "Nothing that is parked failed with an unknown outcome. Send it or drop it."
        raise Problem(409, "not_unclear", detail, extra={"post_id": post.id, "state": post.state})
    ids = {account for command in unsure for account in still_failed(command, post)}
    _take_as_live(step, post, unsure, ids, by=by)


def _is_doubted(command: Command) -> bool:
    """Whether a publish waits for a person's word on whether the partner has it."""
    lost = command.kind is CommandKind.PUBLISH and command.body is not None
    return lost and command.reason is FailureReason.UNKNOWN_OUTCOME


def _take_as_live(step: Step, post: Post, commands: Sequence[Command], ids: Collection[str], *, by: str) -> None:
    """Let these accounts of a post count as live; one that no partner's id is known of is not watched."""
    for command in commands:
        step.edit(command, state=WorkState.DONE, settled_at=step.now, detail=f"{by} says that it is live")
    said = {"state": TargetState.POSTED, "choice": Choice.LIVE, "error": None, "reason": None, "failure": None}
    rows = tuple(replace(t, **said) if t.account in ids else t for t in post.targets)  # type: ignore[arg-type]  # One value a field.
    before, before_rows = post.state, post.targets
    state = PostState.POSTED if post.partner_id is None else with_word_of_person(before, rows)
    post = step.edit(post, targets=rows, state=state, changed_at=step.now)
    for target in (row for row in rows if row.account in ids):
        was = next(old.state for old in before_rows if old.account == target.account)
        step.tell_target(post, target, "target.posted", was, by=by)
    if state is PostState.POSTED:
        post = step.edit(post, reason=None, error=None, ended_at=step.now, gave_up=False)
    if state is not before:
        step.tell_post(post, f"post.{state}", before, by=by)


def _publish_of(post: Post, commands: Sequence[Command]) -> Command:
    """Return the publish that has not been sent; refuse while it is under way.

    Raises:
        Problem: 409 `being_sent`.
    """
    found = _unsettled_publish(commands)
    if found is not None and found.state is WorkState.PARKED and found.body is not None:
        detail = "The partner may have the post already, so it cannot be changed or canceled here. Send or drop it."
        raise Problem(409, "not_allowed_now", detail, extra={"post_id": post.id, "state": post.state})
    if found is None or found.body is not None or found.lease_until is not None:
        detail = "The post is being sent right now. Ask again in a few seconds."
        raise Problem(409, "being_sent", detail, retry_after=_SOON, extra={"post_id": post.id})
    return found


def _unsettled_publish(commands: Sequence[Command]) -> Command | None:
    return next((c for c in commands if c.kind is CommandKind.PUBLISH and c.state in UNSETTLED), None)


def _is_being_sent(post: Post, commands: Sequence[Command]) -> bool:
    """Say whether a publish is under way that ends by itself; one that waits for a person's word does not."""
    found = _unsettled_publish(commands)
    if found is None or not is_unsent(post):
        return False
    return found.state is WorkState.DUE and (found.body is not None or found.lease_until is not None)


def _parked(post: Post, commands: Sequence[Command]) -> list[Command]:
    parked = [command for command in commands if command.state is WorkState.PARKED]
    if not parked:
        detail = f"Nothing of this post is parked; it is {post.state}."
        raise Problem(409, "not_parked", detail, extra={"post_id": post.id, "state": post.state})
    return parked


def _decided(post: Post, commands: Sequence[Command]) -> list[Command]:
    """Return what a person decides on now: what is held alone, since its card says nothing of whatever else is parked.

    Raises:
        Problem: 409, nothing is parked.
    """
    parked = _parked(post, commands)
    return [command for command in parked if is_held(command)] or parked


def _supersede(step: Step, commands: Sequence[Command], reason: FailureReason, *kinds: CommandKind) -> None:
    """End work that was planned or parked: a person has decided otherwise."""
    for command in commands:
        if command.kind in kinds and command.state in UNSETTLED and not command.lease_until:
            step.edit(command, state=WorkState.DEAD, reason=reason, settled_at=step.now)


def _refuse_unless(post: Post, states: frozenset[PostState], verb: str) -> None:
    if post.state not in states or post.partner_id is None:
        where = " at a partner" if post.partner_id is None else ""
        detail = f"A post that is {post.state} cannot be {verb}. It can while it is {', '.join(sorted(states))}{where}."
        raise Problem(409, "not_allowed_now", detail, extra={"post_id": post.id, "state": post.state})
