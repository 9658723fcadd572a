"""A post parted by its accounts: what cannot go now waits or ends in posts of its own, the healthy ones go at once."""

from collections.abc import Sequence
from dataclasses import replace

from bridge.core.errors import FailureReason
from bridge.core.holding import inherited
from bridge.core.model import Account, Command, CommandKind, Key, Post, PostState, Target
from bridge.core.resume import park, reject
from bridge.core.states import USABLE
from bridge.core.step import Step, account_cause, current


def inactive(step: Step, post: Post) -> list[Target]:
    """Return the targets whose account is known and cannot be posted to now."""
    found = []
    for target in post.targets:
        account = current(step.world.accounts, post.partner, target.account)
        if account is not None and account.state not in USABLE:
            found.append(target)
    return found


def strangers_among(key: Key | None, step: Step, post: Post) -> list[Target]:
    """Return the targets whose account no listing has shown, beside others that are known.

    Only a key that was listed can tell.
    """
    if key is None or key.listed_at is None:
        return []
    found = [target for target in post.targets if f"{post.partner}:{target.account}" not in step.world.accounts]
    return found if len(found) < len(post.targets) else []


def refuse_strangers(step: Step, command: Command, post: Post, strangers: Sequence[Target]) -> None:
    """Reject accounts that were never seen, each in a post of its own; the known ones go at once."""
    for target in strangers:
        detail = f"the partner has no account {target.account}"
        refuse_apart(step, post, target, FailureReason.UNKNOWN_ACCOUNTS, detail)
    go_without(step, command, post, strangers)


def refuse_apart(step: Step, post: Post, target: Target, reason: FailureReason, detail: str) -> None:
    """Reject one target of a post, in a post of its own."""
    reject(step, _apart(step, post, target), reason, detail)


def go_without(step: Step, command: Command, post: Post, targets: Sequence[Target]) -> None:
    """Let a publish go at once to the other targets of its post."""
    step.edit(post, targets=tuple(target for target in post.targets if target not in targets))
    step.edit(command, due_at=step.now, lease_until=None)


def split(step: Step, command: Command, post: Post, idle: list[Target]) -> None:
    """Let accounts that cannot go now wait, each in a post of its own; the healthy ones go at once."""
    healthy = [target for target in post.targets if target not in idle]
    keep, apart = (healthy, idle) if healthy else (idle[:1], idle[1:])
    for target in apart:
        new = _apart(step, post, target)
        publish = step.new_command(new, CommandKind.PUBLISH, step.now, payload=inherited(command))
        park_for_account(step, publish, new, target)
    post = step.edit(post, targets=tuple(keep))
    if healthy:
        step.edit(command, due_at=step.now, lease_until=None)
    else:
        park_for_account(step, command, post, keep[0])


def _apart(step: Step, post: Post, target: Target) -> Post:
    """Make a post of its own for one target."""
    new_id = step.moment.new_id("post")
    return step.add(
        replace(
            post,
            id=new_id,
            external_id=f"{post.event_id}-{new_id[-16:]}",
            targets=(target,),
            created_at=step.now,
            changed_at=step.now,
            state=PostState.ACCEPTED,
            commands=0,
            sequence=0,
            version=1,
        )
    )


def park_for_account(step: Step, command: Command, post: Post, target: Target, account: Account | None = None) -> None:
    """Let a publish wait until its account can be posted to again."""
    account = account or current(step.world.accounts, post.partner, target.account)
    name = f"{account.platform} account {account.username or account.id}" if account else target.account
    detail = f"{name} is {account.state if account else 'not active'}"
    cause = account_cause(post.partner, account.id if account else target.account)
    do = "Reconnect the account at the partner."
    park(step, command, post, cause=cause, reason=FailureReason.ACCOUNT_INACTIVE, detail=detail, do=do)
