"""What was asked of a post while its partner might have it, once it is known that it has not.

Then that is done here, as of a post that was never on its way: it is not sent first, and changed or taken back after.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.core import actions, looking, restoring
from bridge.core.errors import FailureReason
from bridge.core.holding import is_held
from bridge.core.model import Command, CommandKind, Json, Post, Target, WorkState
from bridge.core.states import UNSETTLED
from bridge.core.step import Step

_HERE = "it was done before the post was sent"


def is_asked(commands: Sequence[Command]) -> bool:
    """Say whether there is anything to do before a post is sent again."""
    return bool(_waiting(commands, CommandKind.CANCEL) or _waiting(commands, CommandKind.UPDATE))


def stand_again(step: Step, publish: Command, post: Post, commands: Sequence[Command]) -> None:
    """Let a publish that is not there stand again, in a post as it was asked for since; or end with it.

    `commands` are those of the post, read after it: whoever adds one changes it, so that this step comes too late then.
    """
    step.edit(post)
    if restoring.lacks_bytes(publish):
        restoring.stand_again(step, publish, post)
    else:
        looking.forget(step, step.edit(publish, due_at=step.now, lease_until=None))
    cancels, updates = _waiting(commands, CommandKind.CANCEL), _waiting(commands, CommandKind.UPDATE)
    for command in cancels or updates:
        _end(step, command)
    if cancels:
        actions.cancel(step, step.see(post), _seen(step, commands), by=_asker(cancels))
        for update in updates:
            step.edit(update, state=WorkState.DEAD, reason=FailureReason.CANCELED, settled_at=step.now)
    elif updates:
        _update(step, post, commands, updates)


def _waiting(commands: Sequence[Command], kind: CommandKind) -> list[Command]:
    """Return what waits for the post to be at its partner; what waits for an approval is left to that."""
    found = (one for one in commands if one.kind is kind and one.state in UNSETTLED and one.body is None)
    return sorted((one for one in found if not is_held(one)), key=lambda one: one.number)


def _end(step: Step, command: Command) -> None:
    done = {"state": WorkState.DONE, "settled_at": step.now, "lease_until": None, "reason": None}
    step.edit(command, detail=_HERE, **done)


def _update(step: Step, post: Post, commands: Sequence[Command], updates: Sequence[Command]) -> None:
    """Change the post; files that were to be stored for an update are stored for the post."""
    for fetch in commands:
        if fetch.kind is CommandKind.FETCH and fetch.state in UNSETTLED and "media" in fetch.payload:
            _end(step, fetch)
    changes = actions.under_way(updates)
    rows = changes.pop("accounts", None)
    if changes.get("scheduled_at"):
        changes["scheduled_at"] = datetime.fromisoformat(changes["scheduled_at"])
    targets = _targets(step, post, rows) if rows is not None else None
    hosts, by = actions.hosts_of(updates), _asker(updates)
    actions.edit(step, step.see(post), _seen(step, commands), changes, targets, hosts=hosts, by=by)


def _targets(step: Step, post: Post, rows: Sequence[Mapping[str, Any]]) -> tuple[Target, ...]:
    known = {target.account: target for target in post.targets}
    return tuple(known.get(row["id"]) or _target(step, post, row["id"]) for row in rows)


def _target(step: Step, post: Post, account_id: str) -> Target:
    account = step.world.accounts.get(f"{post.partner}:{account_id}")
    return Target(account_id, step.world.name_of(post.partner, account_id), account.platform if account else "")


def _seen(step: Step, commands: Sequence[Command]) -> list[Command]:
    return [step.see(one) for one in commands]


def _asker(commands: Sequence[Command]) -> str:
    payload: Json = commands[-1].payload
    return str(payload.get("by", ""))
