"""A post that takes the place of others whose cancel is under way: it waits until it is known what became of them.

Its publish names them in its payload: `{"after": [post id, ...]}`. Were it sent before, and the cancel came too late,
both would be live.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from bridge.core.errors import FailureReason
from bridge.core.holding import let_go_at
from bridge.core.model import Command, CommandKind, Post, WorkState, Write
from bridge.core.objects import Known, Standing
from bridge.core.resume import reject
from bridge.core.step import Step

_LOOK_AGAIN = timedelta(seconds=10)


def elders(command: Command) -> Sequence[str]:
    """Return the ids of the posts that a publish waits for."""
    return command.payload.get("after", ()) if command.kind is CommandKind.PUBLISH else ()


def behind(write: Write, leaving: Sequence[Post]) -> Write:
    """Let each post that a write makes wait for those that leave the same accounts."""
    if not leaving:
        return write
    made = {post.id: post for post in write.posts}
    waiting = (_behind(command, made[command.post_id], leaving) for command in write.commands)
    return replace(write, commands=tuple(waiting))


def _behind(command: Command, post: Post, leaving: Sequence[Post]) -> Command:
    after = [one.id for one in leaving if _shares_account(one, post)]
    wait = command.kind is CommandKind.PUBLISH and after
    return replace(command, payload={**command.payload, "after": after}) if wait else command


def _shares_account(one: Post, other: Post) -> bool:
    return one.partner == other.partner and not {row.account for row in one.targets}.isdisjoint(
        row.account for row in other.targets
    )


def gives_way(step: Step, command: Command, post: Post, known: Known, *, longest: timedelta) -> bool:
    """Say whether a claimed publish does not go now: it is put off while one of the posts in `known` is leaving.

    It ends when one of them stays, or is still leaving after `longest`, counted from when it may go.
    """
    leaving = known.all(Standing.LEAVING)
    stays = known.all(Standing.OUT) + known.all(Standing.WAITING)
    if leaving and not stays and step.now - let_go_at(command) <= longest:
        detail = f"waits for the cancel of {leaving[0].id}"
        step.edit(command, due_at=step.now + _LOOK_AGAIN, lease_until=None, detail=detail)
        return True
    if found := stays or leaving:
        ended = {"state": WorkState.DEAD, "settled_at": step.now, "lease_until": None}
        step.edit(command, reason=FailureReason.CONFLICT, **ended)
        detail = f"an earlier post of the same thing, {found[0].id}, could not be taken back"
        reject(step, post, FailureReason.CONFLICT, detail, same_as=found[0].id)
    return bool(found)
