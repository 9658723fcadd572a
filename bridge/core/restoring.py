"""A database that was put back from a copy: what it believes unfinished may have been done since the copy was made.

So nothing of it is simply done again. A publish counts as one whose answer was lost: it is looked for at its partner,
and only when it is not there it stands again as it did in the copy. What is to be changed at a partner waits for a read
of its post that is younger than the restore. And since nobody knows what came in after the copy, whatever comes new for
a while is looked for, too, among what its partner got in between: a sender may repeat itself.

In the progress of a publish, beside what `looking` notes there, `restored` says how it stood: `{"state", "due_at",
"cause", "reason", "detail", "parked_at", "attempts"}`, empty where its bytes are known, and of what came later; of
other commands it is the instant of the restore. Where `restored` has `between`, it came after an earlier restore, and
once it stands again it is looked for as what is new. The body of a publish of whose bytes nothing is known is empty.
`cleared`: it was looked for, and is not there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from bridge.core import holding, looking
from bridge.core.errors import FailureReason
from bridge.core.model import Command, CommandKind, Post, PostState, WorkState
from bridge.core.nouns import noun
from bridge.core.states import CHANGEABLE, UNSETTLED
from bridge.core.step import Step

JUMP = 1_000_000
"""By how much sequences are raised where the clock is behind them: more than any subject can have told since."""

_COUNTED_FROM = datetime(2026, 1, 1, tzinfo=UTC)

UNKNOWN = b""
"""Stands for bytes that may have been sent, and of which nothing is known."""

_RESTORED, _BETWEEN = "restored", "between"
_AT_PARTNER = frozenset({CommandKind.UPDATE, CommandKind.RETRY, CommandKind.CANCEL})
_GONE = frozenset({PostState.CANCELED, PostState.VANISHED})
_AGAIN = timedelta(seconds=5)
_AS_IT_STOOD = ("state", "cause", "reason", "detail", "attempts")


@noun(frozen=True, slots=True)
class Restore:
    """One time that the database was put back: when its copy was made, and when bridge began to work on it again.

    Sequences go on after `floor`. `earlier` are the times before that it knows of, the latest first.
    """

    taken_at: datetime
    reconciled_at: datetime | None = None
    floor: int = 0
    earlier: tuple["Restore", ...] = ()


def floor_of(now: datetime, highest: int) -> int:
    """Return what the sequence of every subject goes on after; `highest` is the greatest that the copy knows.

    It is the number of seconds since 2026 began. So it grows from one restore to the next, even where each goes back to
    a copy that knows nothing of the others, as long as no subject tells more than one event a second; and it fits 32
    bits until 2094. A clock that is behind what was told has no say.
    """
    seconds = int((now - _COUNTED_FROM).total_seconds())
    return seconds if seconds > highest else highest + JUMP


def doubt(command: Command, restore: Restore, now: datetime) -> Command:
    """Return an unsettled command of a copy as it stands when bridge begins to work on that."""
    free = replace(command, lease_until=None, version=command.version + 1)
    if command.kind is CommandKind.PUBLISH:
        return _doubt_publish(free, restore, now)
    return replace(free, progress={**(command.progress or {}), _RESTORED: now.isoformat()})


def _doubt_publish(command: Command, restore: Restore, now: datetime) -> Command:
    """Let a publish be looked for: at once, wherever nothing of it had been sent, whatever it waited for."""
    known = command.progress or {}
    kept = {name: known[name] for name in ("refused", "late") if name in known}
    progress = {"lost_at": now.isoformat(), **kept, _RESTORED: known.get(_RESTORED, {})}
    if command.body:
        return replace(command, progress=progress)
    if command.body is None:
        progress[_RESTORED] = _standing(command) | _came_between(command, restore)
    elif holding.is_held(command) and not progress[_RESTORED]:
        progress[_RESTORED] = _standing(command)
    sent_at = min(command.sent_at or restore.taken_at, restore.taken_at)
    looked_for = {"cause": "", "reason": None, "detail": None, "parked_at": None, "attempts": 0}
    begun = replace(command, body=UNKNOWN, sent_at=sent_at, progress=progress, state=WorkState.DUE, due_at=now)
    return replace(begun, **looked_for)  # type: ignore[arg-type]  # One value a field.


def _standing(command: Command) -> dict[str, Any]:
    stood: dict[str, Any] = {name: getattr(command, name) for name in _AS_IT_STOOD}
    return stood | {"due_at": command.due_at.isoformat(), "parked_at": _written(command.parked_at)}


def _came_between(command: Command, restore: Restore) -> dict[str, Any]:
    """Note of what came after an earlier restore, and was not looked for yet, that it may repeat what that lost."""
    came = any(one.reconciled_at and one.reconciled_at <= command.created_at for one in restore.earlier)
    return {_BETWEEN: True} if came and looking.CLEARED not in (command.progress or {}) else {}


def _written(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None


def is_suspect(command: Command, restore: Restore | None, now: datetime, window: timedelta) -> bool:
    """Say whether a publish that is about to go for the first time may be a repetition of what the copy did not know.

    For a `window` after the restore it is looked for before it goes.
    """
    if restore is None or restore.reconciled_at is None or now - restore.reconciled_at >= window:
        return False
    known = command.progress or {}
    unseen = looking.CHANGED in known or (looking.CLEARED not in known and not command.calls)
    return command.kind is CommandKind.PUBLISH and command.body is None and unseen


def suspect(command: Command, restore: Restore, now: datetime, settled: timedelta, window: timedelta) -> Command:
    """Return a publish that came after the restore as one to be looked for among what came before it.

    After `settled` nothing can be on its way any more that the former process had begun: then one look is enough. What
    an earlier restore lost is looked for, too, for a `window` after that.
    """
    at = restore.reconciled_at or now
    progress: dict[str, Any] = {"lost_at": at.isoformat(), _RESTORED: {}}
    if now - at >= settled:
        progress["answered"] = True
    still = (one for one in restore.earlier if one.reconciled_at and now - one.reconciled_at < window)
    since = min([restore.taken_at, *(one.taken_at for one in still)])
    return replace(command, body=UNKNOWN, sent_at=since, progress=progress)


def is_in_doubt(command: Command) -> bool:
    """Say whether a publish must be looked for because the database was put back."""
    publish = command.kind is CommandKind.PUBLISH and command.body is not None
    return publish and (lacks_bytes(command) or is_of_copy(command))


def came_later(command: Command) -> bool:
    """Say whether a publish in doubt is none that the copy had: whether what is found is it, only a person can say."""
    return is_in_doubt(command) and not command.body and not (command.progress or {}).get(_RESTORED)


def lacks_bytes(command: Command) -> bool:
    """Say whether nothing is known of the bytes of a publish in doubt, so that they cannot be sent again."""
    return command.body == UNKNOWN


def is_given_up(command: Command, now: datetime, longest: timedelta) -> bool:
    """Say whether a publish of whose bytes nothing is known was in doubt for too long. The looks are no tries of it."""
    said = (command.progress or {}).get("lost_at")
    since = max(command.created_at, datetime.fromisoformat(said)) if said else command.created_at
    return now - since > longest


def made_until(command: Command, longest: timedelta) -> datetime | None:
    """Return until when a publish in doubt can have been made: a call that the former process began takes `longest`.

    What was made later was made by this one, which knows it. None for what is in no such doubt.
    """
    said = (command.progress or {}).get("lost_at")
    return datetime.fromisoformat(said) + longest if said and is_in_doubt(command) else None


def still_in_doubt(command: Command, now: datetime) -> dict[str, Any]:
    """Return what another publish of the post begins with, so that what was in doubt of this one stays so."""
    known = command.progress or {}
    progress = {"lost_at": known.get("lost_at", now.isoformat()), _RESTORED: {}}
    return {"body": UNKNOWN, "sent_at": command.sent_at, "progress": progress}


def waits_again(command: Command) -> bool:
    """Say whether a publish waited in the copy, and nobody has let it go since: if it is not there it waits again."""
    stood = (command.progress or {}).get(_RESTORED) or {}
    let_go = looking.is_told_absent(command) or holding.was_let_go(command)
    return stood.get("state") == WorkState.PARKED and not let_go


def stand_again(step: Step, command: Command, post: Post) -> None:
    """It is not there: let a publish stand as it did in the copy, or go when a person has let it go meanwhile."""
    stood: Mapping[str, Any] = (command.progress or {}).get(_RESTORED) or {}
    progress = None if stood.get(_BETWEEN) else {looking.CLEARED: True}
    tries = stood.get("attempts", 0)
    step.edit(command, body=None, sent_at=None, lease_until=None, progress=progress, due_at=step.now, attempts=tries)
    if not stood or looking.is_told_absent(command):
        return
    due_at = datetime.fromisoformat(stood["due_at"])
    if stood["state"] != WorkState.PARKED:
        step.edit(command, due_at=max(due_at, step.now))
    elif waits_again(command):
        reason = FailureReason(stood["reason"]) if stood["reason"] else None
        waits = {"cause": stood["cause"], "reason": reason, "detail": stood["detail"], "due_at": due_at}
        parked_at = datetime.fromisoformat(stood["parked_at"]) if stood["parked_at"] else step.now
        step.edit(command, state=WorkState.PARKED, parked_at=parked_at, **waits)
        if post.state is PostState.ACCEPTED:
            step.edit(post, state=PostState.PARKED, reason=reason)


def is_of_copy(command: Command) -> bool:
    """Say whether a command stood in a copy that was put back, and has not been judged since."""
    return _RESTORED in (command.progress or {})


def judge_fetch(step: Step, fetch: Command, post: Post, commands: Sequence[Command]) -> bool:
    """Say whether a fetch of the copy does not go now: the publish that it is for may be done, or is.

    Were it to fail before that is known, it would reject the post.
    """
    if "media" in fetch.payload:
        return False
    if post.partner_id is not None:
        step.edit(fetch, state=WorkState.DONE, settled_at=step.now, lease_until=None, detail="its post was published")
        return True
    waits = any(is_in_doubt(one) for one in commands if one.state in UNSETTLED)
    if waits:
        step.edit(fetch, due_at=step.now + _AGAIN, lease_until=None)
    return waits


def judge(step: Step, command: Command, post: Post) -> bool:
    """Say whether a change of the copy does not go now: it waits for a fresh read of its post, or has no use now."""
    since = (command.progress or {}).get(_RESTORED)
    if command.kind not in _AT_PARTNER or since is None:
        return False
    if post.read_at is None or post.read_at <= datetime.fromisoformat(since):
        step.edit(command, due_at=step.now + _AGAIN, lease_until=None, detail="waits for a read of its post")
        return True
    if command.kind is CommandKind.RETRY or post.state in CHANGEABLE:
        return False
    done = command.kind is CommandKind.CANCEL and post.state in _GONE
    ended = {"state": WorkState.DONE if done else WorkState.DEAD, "settled_at": step.now, "lease_until": None}
    reason = None if done else FailureReason.NOT_ALLOWED_NOW
    step.edit(command, reason=reason, detail=f"the post is {post.state} by now", **ended)
    return True
