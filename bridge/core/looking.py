"""A create whose answer was lost: when it is looked for, and what follows when it is not there.

A publish keeps in its progress what is known of it: `lost_at` is when the last answer to its frozen bytes was lost; it
is missing while they are on their way and were not lost before. `looks` counts how often they were looked for since and
not found. `answered` says that the partner was done with them, so one look is enough. `refused` is what it said when it
answered that they must not be sent again, and did not say whether it has them. `late`: it was let go long after its
time, only to be looked for. `absent`: a person has said that it is not there. Of one that has not gone: `cleared`, it
was looked for as it is, and is not there; `changed`, that was before it was changed.
"""

import unicodedata
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.core.accounts import note_failure
from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Command, CommandKind, Json, Post, WorkState
from bridge.core.retry import command_backoff
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import Step

DOUBT_LASTS = timedelta(minutes=15)
"""How long after the loss it is looked for by itself while what is found leaves a doubt; then a person is asked."""


CLEARED, CHANGED = "cleared", "changed"


def may_be_stored(command: Command) -> bool:
    """Say whether the partner may have a command's bytes from an earlier call, whose answer was lost."""
    return command.kind is CommandKind.PUBLISH and "lost_at" in (command.progress or {})


def is_on_its_way(command: Command) -> bool:
    """Say whether a call with these bytes may be open right now. It ends when that is noted, however it went."""
    leased = command.state is WorkState.DUE and command.lease_until is not None
    return leased and command.body is not None and not may_be_stored(command)


def is_alike(post: Post, other: Post) -> bool:
    """Say whether two posts may look the same at a partner: the same caption, and an account in common."""
    accounts = {target.account for target in post.targets}
    return plain(post.content.get("caption")) == plain(other.content.get("caption")) and not accounts.isdisjoint(
        target.account for target in other.targets
    )


def plain(text: object) -> str:
    """Return a text as two spellings of it compare: composed (NFC), blanks as single spaces."""
    return " ".join(unicodedata.normalize("NFC", str(text or "")).split())


def begin(command: Command, *, absent: bool) -> Json | None:
    """Return the progress of a command whose bytes go out now; `absent` says that those sent before are not there."""
    if command.kind is not CommandKind.PUBLISH:
        return command.progress
    return None if command.body is None or absent else _known(command)


def changed(command: Command) -> Json | None:
    """Return the progress of a publish that will say something else, or elsewhere, than what was looked for or sent."""
    looked_for = CLEARED in (command.progress or {}) or command.calls > 0
    return {CHANGED: True} if looked_for and command.body is None else command.progress


def lose(step: Step, command: Command, error: PartnerError) -> None:
    """Note that an answer was lost; one that forbids to send again is kept until it is known whether it was stored."""
    if command.kind is CommandKind.PUBLISH:
        progress: dict[str, Any] = {"lost_at": step.now.isoformat()}
        progress |= {name: value for name, value in (command.progress or {}).items() if name in ("refused", "late")}
        if error.status is not None and 400 <= error.status < 500 and error.reason is not FailureReason.TIMEOUT:
            progress["answered"] = True
        if error.failure is FailureClass.TERMINAL:
            progress["refused"] = _said(error)
        step.edit(command, progress=progress)


def keep(step: Step, command: Command) -> None:
    """Note that it is still not known what became of the bytes."""
    if command.kind is CommandKind.PUBLISH:
        step.edit(command, progress=_known(command))


def forget(step: Step, command: Command) -> None:
    """Note that the partner has nothing of the bytes: the request is made anew."""
    progress = None if command.kind is CommandKind.PUBLISH else command.progress
    step.edit(command, body=None, sent_at=None, progress=progress)


def next_look(command: Command, looks: Sequence[timedelta]) -> datetime:
    """Return when the next look is worth it; `looks` are its partner's pauses, counted from the loss."""
    return _lost_at(command) + looks[min(_count(command), _last(command, looks))]


def wait(step: Step, command: Command, until: datetime) -> None:
    """Put a look off, without using up a try."""
    keep(step, command)
    step.edit(command, due_at=until, lease_until=None)


def is_absent(command: Command, looks: Sequence[timedelta]) -> bool:
    """Say whether a look that has found nothing just now was the last that is needed."""
    return _count(command) >= _last(command, looks)


def look_again(step: Step, command: Command, looks: Sequence[timedelta]) -> None:
    """Note a look that has found nothing, and plan the next one."""
    count = _count(command) + 1
    command = step.edit(command, progress={**_known(command), "looks": count})
    due_at = max(next_look(command, looks), step.now + looks[0])
    step.edit(command, due_at=due_at, lease_until=None)


def is_doubtful(command: Command, error: PartnerError, now: datetime) -> bool:
    """Say whether a person has to be asked: what was found has left a doubt for long enough."""
    return error.failure is FailureClass.AMBIGUOUS and now - _lost_at(command) >= DOUBT_LASTS


def is_late(command: Command) -> bool:
    """Say whether it was let go only to be looked for."""
    return bool((command.progress or {}).get("late"))


def is_told_absent(command: Command) -> bool:
    """Say whether a person wants it sent, whatever a look may find."""
    return bool((command.progress or {}).get("absent"))


def put_off(step: Step, command: Command, error: PartnerError, rules: PublishRules, watch: WatchRules) -> None:
    """Look again later: a look failed. It is a try as a call is, or it could go on for ever."""
    key = step.world.keys.get(command.partner)
    if key is not None:
        note_failure(step, key, error, rules, watch)
    free = error.key_wide or error.reason is FailureReason.RATE_LIMITED
    attempts = command.attempts if free else command.attempts + 1
    later = max(command_backoff(rules, attempts, step.moment.chance()), error.retry_after or timedelta())
    keep(step, command)
    noted = {"reason": error.reason, "detail": error.detail or None, "attempts": attempts}
    step.edit(command, lease_until=None, due_at=step.now + later, **noted)


def refusal(command: Command) -> PartnerError | None:
    """Return the partner's refusal that ends the publish if it is not there; None when it may be sent again."""
    said = (command.progress or {}).get("refused") if command.kind is CommandKind.PUBLISH else None
    if said is None:
        return None
    rest = {name: said[name] for name in ("status", "code", "detail", "issues")}
    return PartnerError(FailureReason(said["reason"]), FailureClass.TERMINAL, **rest)


def _said(error: PartnerError) -> Json:
    return {
        "reason": error.reason,
        "status": error.status,
        "code": error.code,
        "detail": error.detail,
        "issues": list(error.issues),
    }


def _known(command: Command) -> dict[str, Any]:
    return {"lost_at": _lost_at(command).isoformat(), **(command.progress or {})}


def _lost_at(command: Command) -> datetime:
    """Return when the answer was lost; of a call that nobody settled only its beginning is known."""
    said = (command.progress or {}).get("lost_at")
    return datetime.fromisoformat(said) if said else command.sent_at or command.created_at


def _last(command: Command, looks: Sequence[timedelta]) -> int:
    """Return the place of the look that settles it."""
    return 0 if (command.progress or {}).get("answered") else len(looks) - 1


def _count(command: Command) -> int:
    return int((command.progress or {}).get("looks", 0))
