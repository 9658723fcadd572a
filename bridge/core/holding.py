"""What is held here before anything of it goes to its partner: for a while, or until a person approves it.

A held post has one command: its publish, parked with one of two reasons. `held` goes by itself at the `due_at` of the
command, `needs_approval` never does. The fetch of what its partner must have stored first is planned when it is let
go, so that until then the partner was asked for nothing, and there is nothing to take back. Where posts are approved,
so are the changes that their source makes later: such an update is held in the same way, and its post stays as it was.

The payload of a held command says what is asked of it, `held`: `{"approve": channel}` or `{"hold": seconds}`, also
after its end, so that nobody gets it out by a retry. Once it was let go, `let_go` says when.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from bridge.core import fetching
from bridge.core.errors import FailureReason
from bridge.core.model import Cause, Command, CommandKind, Json, Post, PostState, WorkState
from bridge.core.resume import end, park, release
from bridge.core.rules import PublishRules, SourceRules
from bridge.core.states import CHANGEABLE
from bridge.core.step import Step

HOLD = "hold"
"""Stands for the cause of what goes by itself in a while. There is no row of it, so nothing opens or closes it."""

_REASONS = frozenset({FailureReason.HELD, FailureReason.NEEDS_APPROVAL})
_BRAKED, _ASKS, _LET_GO = "braked", "held", "let_go"
_NOT_SENT = frozenset({PostState.ACCEPTED, PostState.PARKED})


def holds(rules: SourceRules) -> bool:
    """Say whether the posts of a source are held."""
    return rules.hold is not None or rules.approve is not None


def is_held(command: Command) -> bool:
    """Say whether a command is held: the publish of a post, or a change of one."""
    return command.state is WorkState.PARKED and command.reason in _REASONS


def is_held_change(command: Command, post: Post) -> bool:
    """Say whether a command is a change that waits for approval, of a post that can still be changed."""
    return command.kind is CommandKind.UPDATE and is_held(command) and post.state in CHANGEABLE | _NOT_SENT


def was_held(commands: Sequence[Command]) -> bool:
    """Say whether a post is or was held."""
    return any(name in one.payload for one in commands if one.kind is CommandKind.PUBLISH for name in (_ASKS, _LET_GO))


def asked_of(command: Command | None) -> Json | None:
    """Return what a publish was held for that nobody has let go, and of which its partner has heard nothing.

    Empty bytes were never sent from here: it may have been let go since a copy of the database was made, or not.
    """
    return None if command is None or command.body else command.payload.get(_ASKS)


def inherited(command: Command) -> Json:
    """Return what a publish that a part of its post goes on with has to know of it."""
    return {name: command.payload[name] for name in (_ASKS, _LET_GO) if name in command.payload}


def was_let_go(command: Command) -> bool:
    """Say whether a command was held, and is not any more."""
    return _LET_GO in command.payload


def let_go_at(command: Command) -> datetime:
    """Return since when nothing here keeps a command from going."""
    said = command.payload.get(_LET_GO)
    return datetime.fromisoformat(said) if said else command.created_at


def hold(step: Step, post: Post, rules: SourceRules, *, braked: str = "") -> Command:
    """Add a post that is new, and hold it: whatever its account's state is, and whatever else it would wait for.

    What is no news to anybody until it may go is decided when it goes. Only the brake of a feed (`braked`, its cause)
    is remembered: a while that passes is not the word of a person that it asks for. An approval is.
    """
    remembered = {_BRAKED: braked} if braked and rules.approve is None else {}
    return hold_for(step, step.add(post), _asks(rules), remembered)


def hold_for(step: Step, post: Post, asks: Json, remembered: Mapping[str, Any] | None = None, **doubt: Any) -> Command:
    """Give a post a publish that is held: for a while, or for an approval, as `asks` says.

    With a `doubt` (fields of the command) it is looked for when it is let go.
    """
    waits, due_at = _waits(step.now, asks), step.now + timedelta(seconds=asks.get("hold", 0))
    payload = {_ASKS: asks, **(remembered or {})}
    command = step.new_command(post, CommandKind.PUBLISH, due_at, payload=payload, **waits, **doubt)
    _set_aside(step, command, post, asks)
    return command


def hold_back(step: Step, command: Command, post: Post, channel: str) -> Command:
    """Hold a publish again that has not gone, as it will say what nobody has approved."""
    asks = {"approve": channel}
    payload = {**_without(command.payload, _BRAKED, _LET_GO), _ASKS: asks}
    freed = {"lease_until": None, "attempts": 0, "first_attempt_at": None, "due_at": step.now}
    command = step.edit(command, payload=payload, **freed, **_waits(step.now, asks))
    _set_aside(step, command, post, asks)
    return command


def hold_change(step: Step, post: Post, payload: Json, channel: str, **facts: str) -> Command:
    """Give a post a change that waits for approval; the post itself stays as it is, and goes out so."""
    asks = {"approve": channel}
    waits = _waits(step.now, asks)
    command = step.new_command(post, CommandKind.UPDATE, step.now, payload={**payload, _ASKS: asks}, **waits)
    state, do = step.see(post).state, f"Approve the change in {_place(asks)}, or send or drop it here."
    step.tell_post(post, "post.parked", state, reason=FailureReason.NEEDS_APPROVAL, what_to_do=do, **facts)
    return command


def channel_of(commands: Sequence[Command]) -> str:
    """Return where one of these waits for approval; empty when none does."""
    return next((str(one.payload[_ASKS].get("approve", "")) for one in commands if is_held(one)), "")


def note_refused(step: Step, post: Post, rules: SourceRules) -> None:
    """Note of a post that was refused before it could be held what is asked of it: it is tried again no other way."""
    ended = {"state": WorkState.DEAD, "reason": FailureReason.INVALID, "settled_at": step.now}
    step.new_command(post, CommandKind.PUBLISH, step.now, payload={_ASKS: _asks(rules)}, **ended)


def _asks(rules: SourceRules) -> Json:
    if rules.approve is not None:
        return {"approve": rules.approve}
    assert rules.hold is not None
    return {"hold": rules.hold.total_seconds()}


def _place(asks: Json) -> str:
    """Return the channel in words: with several workspaces it stands behind the name of one."""
    return str(asks["approve"]).rpartition(":")[2]


def _without(payload: Json, *names: str) -> dict[str, Any]:
    return {name: value for name, value in payload.items() if name not in names}


def _waits(now: datetime, asks: Json) -> dict[str, Any]:
    """Return how a command that is held stands."""
    waits = {"state": WorkState.PARKED, "parked_at": now}
    if "approve" in asks:
        detail = f"waits for approval in {_place(asks)}"
        return waits | {"cause": "", "reason": FailureReason.NEEDS_APPROVAL, "detail": detail}
    return waits | {"cause": HOLD, "reason": FailureReason.HELD, "detail": "is held for second thoughts"}


def _set_aside(step: Step, command: Command, post: Post, asks: Json) -> None:
    """Let a post wait as its publish does, and tell it."""
    before, told = step.see(post).state, dict[str, object]()
    if "approve" in asks:
        do = f"Approve it in {_place(asks)}, or send or drop it here."
    else:
        do, told = "Until it goes by itself, edit it, send it at once, or drop it.", {"goes_at": command.due_at}
    # What is held is not late by that: its time is the end of the hold at the earliest.
    waits = {"reason": command.reason, "error": None, "wanted_at": max(post.wanted_at, command.due_at)}
    held = step.edit(post, state=PostState.PARKED, changed_at=step.now, **waits)
    step.tell_post(held, "post.parked", before, reason=command.reason, what_to_do=do, **told)


def let_go(step: Step, command: Command, post: Post) -> None:
    """Make parked work due; of what is or was held it is noted that it may go from now on."""
    payload = step.see(command).payload
    if _ASKS in payload:
        rest = _without(payload, _ASKS, _BRAKED)
        command = step.edit(command, payload={**rest, _LET_GO: step.now.isoformat()})
    release(step, command, post, step.now)
    hosts = payload.get("hosts", ()) if command.kind is CommandKind.UPDATE and _ASKS in payload else ()
    if any(url not in (step.see(post).hosted or {}) for url in hosts):
        step.new_command(post, CommandKind.FETCH, step.now, payload={"media": payload["changes"]["media"]})


def look_through(step: Step, parked: Sequence[tuple[Command, Post]], rules: PublishRules) -> list[tuple[Command, Post]]:
    """Move what is held as time goes by: it goes when its hold is over, and ends when nobody came.

    Returns what is parked for another reason.
    """
    others = []
    for command, post in parked:
        if not is_held(command):
            others.append((command, post))
        elif command.kind is CommandKind.UPDATE and not is_held_change(command, post):
            ended = {"state": WorkState.DEAD, "settled_at": step.now, "reason": FailureReason.NOT_ALLOWED_NOW}
            step.edit(command, **ended)
        elif step.now - max(command.parked_at or command.created_at, post.wanted_at) > rules.expires_after:
            end(step, command, post, FailureReason.EXPIRED)
        elif command.reason is FailureReason.HELD and command.due_at <= step.now:
            _end_hold(step, command, post, rules)
    return others


def _end_hold(step: Step, command: Command, post: Post, rules: PublishRules) -> None:
    """Let a post go that nobody objected to, unless its time is long over: then nobody was here to let it go."""
    cause = step.world.causes.get(command.payload.get(_BRAKED, ""))
    if step.now - post.wanted_at > rules.max_late:
        detail, do = "its time is long over", "Send it now or drop it."
        park(step, command, post, cause="", reason=FailureReason.TOO_LATE, detail=detail, do=do)
        return
    if cause is not None and cause.open:
        brake(step, command, post, cause.id)
    else:
        let_go(step, command, post)
    fetching.plan(step, post, ())


def brake(step: Step, command: Command, post: Post, cause: str) -> None:
    """Let a publish wait for a person, since more came of a feed at once than may go out by itself."""
    detail, do = "more came at once than may go out by itself", "Look at what came; then send or drop it."
    park(step, command, post, cause=cause, reason=FailureReason.BRAKE, detail=detail, do=do)


def waits_for(command: Command) -> tuple[str, ...]:
    """Return the causes that a parked command waits for now, and once its hold is over."""
    return tuple(cause for cause in (command.cause, command.payload.get(_BRAKED, "")) if cause)


def unbrake(step: Step, commands: Sequence[Command], cause: Cause) -> None:
    """Take what was held then out of the reach of a brake that a person lifted: it goes when its hold is over.

    What came since waits for a word of its own.
    """
    for command in commands:
        waited = cause.closed_at is not None and (command.parked_at or step.now) <= cause.closed_at
        if waited and command.payload.get(_BRAKED) == cause.id and is_held(command):
            step.edit(command, payload=_without(command.payload, _BRAKED))
