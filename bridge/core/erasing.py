"""Erasing: who may let the payloads of a post or an event go, and when."""

from collections.abc import Mapping, Sequence

from bridge.core.actions import CHANGEABLE
from bridge.core.directory import Wanted, may_use
from bridge.core.errors import Problem
from bridge.core.model import Command, Event, Post, PostState
from bridge.core.states import UNSETTLED
from bridge.core.tokens import Token

_TAKEN_BACK = CHANGEABLE | {PostState.ACCEPTED, PostState.PARKED}


def may_see(caller: Token, event: Event | None, posts: Sequence[Post]) -> bool:
    """Say whether a caller may see an event of these posts, or, without an event, just these.

    A caller of some accounts sees what went only to those; and, of what made no post, what it sent itself.
    """
    if event is not None and not posts and caller.accounts:
        return event.scope == f"token:{caller.name}"
    wanted = (Wanted(row.name, post.partner, row.account, None) for post in posts for row in post.targets)
    return all(may_use(one, caller.accounts) for one in wanted)


def refuse_open(posts: Sequence[Post], commands: Mapping[str, Sequence[Command]]) -> None:
    """Refuse to erase what is still worked on, here or at its partner: without its payload that could not go on.

    Raises:
        Problem: 409 `still_open` with the post, its state and, when one is open, the kind of its command.
    """
    for post in posts:
        kinds = [str(command.kind) for command in commands.get(post.id, ()) if command.state in UNSETTLED]
        if kinds or post.ended_at is None:
            raise _open(post, kinds)


def _open(post: Post, kinds: Sequence[str]) -> Problem:
    what = f"its {kinds[0]} is open" if kinds else f"{post.partner} still works on it"
    remedy = f"DELETE /v1/posts/{post.id} takes it back" if post.state in _TAKEN_BACK else "Wait for its end"
    detail = f"{post.id} is {post.state}: {what}. {remedy}; erase it then."
    return Problem(409, "still_open", detail, extra={"post": post.id, "state": post.state, "commands": list(kinds)})
