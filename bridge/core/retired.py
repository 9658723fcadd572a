"""What becomes of work for accounts that the configuration says are no longer used (`accounts.NAME.retired`).

What was not sent is rejected, and what failed is not tried again: nobody will make such an account work. What its
partner has already goes on, and is watched.
"""

from collections.abc import Collection, Sequence

from bridge.core.errors import FailureReason
from bridge.core.model import Command, CommandKind, Post
from bridge.core.parting import go_without, refuse_apart
from bridge.core.resume import end, give_up_targets, still_failed
from bridge.core.step import Step

_REASON = FailureReason.ACCOUNT_RETIRED
_DETAIL = "the configuration says that the account is no longer used"
_HOW = "the account is retired"


def retired_ids(step: Step, command: Command, post: Post) -> list[str]:
    """Return the retired ones of the accounts that a publish or retry goes to.

    None of a publish that may have been stored already: it goes on as it was sent.
    """
    if not step.world.retired or command.body is not None:
        return []
    return [one for one in _ids(command, post) if f"{post.partner}:{one}" in step.world.retired]


def _ids(command: Command, post: Post) -> list[str]:
    if command.kind is CommandKind.RETRY:
        return still_failed(command, post)
    return [row.account for row in post.targets] if command.kind is CommandKind.PUBLISH else []


def leave_out(step: Step, command: Command, post: Post, retired: Collection[str]) -> None:
    """Go on without these accounts: each is rejected in a post of its own, or given up; with no other all ends."""
    rest = [one for one in _ids(command, post) if one not in retired]
    if not rest:
        end(step, step.edit(command, lease_until=None), post, _REASON, _DETAIL)
    elif command.kind is CommandKind.RETRY:
        step.edit(command, payload={**command.payload, "account_ids": rest}, due_at=step.now, lease_until=None)
        give_up_targets(step, post, retired, _REASON)
    else:
        rows = [row for row in post.targets if row.account in retired]
        for row in rows:
            refuse_apart(step, post, row, _REASON, _DETAIL)
        go_without(step, command, post, rows)


def end_retired(step: Step, parked: Sequence[tuple[Command, Post]]) -> list[tuple[Command, Post]]:
    """End what is parked, whatever for, and goes to nothing but retired accounts; return the rest."""
    others = []
    for command, post in parked:
        retired = retired_ids(step, command, post)
        if retired and len(retired) == len(_ids(command, post)):
            leave_out(step, command, post, retired)
        else:
            others.append((command, post))
    return others


def close_retired(step: Step) -> None:
    """Close the causes of retired accounts: nobody need act on them any more."""
    for key in step.world.retired:
        step.close_cause(f"account:{key}", _HOW)
