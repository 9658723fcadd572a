"""What a press does to the posts of a message's event, and what a form that was sent in changes of them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from bridge.core import actions
from bridge.core.errors import Conflict, Fault, Problem
from bridge.core.holding import is_held, was_held
from bridge.core.model import Command, CommandKind, Json, Post
from bridge.core.request import invalid
from bridge.core.slack import Workspace
from bridge.core.slack.buttons import Commands, mark, read_value
from bridge.flows import Kit
from bridge.flows.converse._followed import Messages
from bridge.flows.converse._voice import Voice
from bridge.ports import Gesture, Verb

_Done = tuple[Post, Command | None]
_Act = Callable[[str, Sequence[str], str], Awaitable[_Done]]

_CHANGED = "What this shows was changed meanwhile, so nothing was approved. Look at it again, then approve it."


class Acts(Protocol):
    """What a person may ask of a post; raises `Problem` where it is not allowed, `Conflict` where it kept changing."""

    async def edit(self, post_id: str, fields: Mapping[str, Any], allowed: Sequence[str], by: str) -> _Done:
        """Change it."""
        ...

    async def cancel(self, post_id: str, allowed: Sequence[str], by: str) -> _Done:
        """Take it back."""
        ...

    async def retry(self, post_id: str, allowed: Sequence[str], by: str) -> _Done:
        """Try it again."""
        ...

    async def send(self, post_id: str, allowed: Sequence[str], by: str, version: int | None = None) -> _Done:
        """Let it go; with a `version` only while the post is still that one."""
        ...

    async def drop(self, post_id: str, allowed: Sequence[str], by: str) -> _Done:
        """End it."""
        ...

    async def live(self, post_id: str, allowed: Sequence[str], by: str) -> _Done:
        """Take a person's word that it is live."""
        ...


class Presses:
    """Does what is asked to every post of the event that allows it; pressed twice, the second does nothing."""

    def __init__(self, kit: Kit, acts: Acts, messages: Messages, voice: Voice) -> None:
        self._kit, self._acts, self._messages, self._voice = kit, acts, messages, voice
        self._of: Mapping[Verb, _Act] = {
            Verb.SEND: acts.send,
            Verb.DROP: acts.drop,
            Verb.LIVE: acts.live,
            Verb.RETRY: acts.retry,
            Verb.CANCEL: acts.cancel,
        }

    async def press(self, workspace: Workspace, gesture: Gesture) -> int:
        """Do it, and have the message show what came of it; who pressed is told when nothing did.

        Returns what that would be as a status of HTTP.
        """
        message_id, seen = read_value(gesture.message)
        gesture = replace(gesture, message=message_id)
        try:
            followed = await self._messages.followed(workspace.name, gesture.message)
        except Problem as problem:
            self._voice.tell(workspace, gesture, problem.detail)
            return problem.status
        await self._messages.learn(workspace, gesture)
        commands = {post.id: await self._kit.store.commands(post.id) for post in followed.posts}
        waits = any(is_held(command) for one in commands.values() for command in one)
        if seen and waits and seen != mark(followed.posts, commands):
            refused: Problem | None = Problem(409, "changed_meanwhile", _CHANGED)
        else:
            refused = await _each(followed.posts, lambda post: self._one(gesture, post, commands))
        if refused is not None:
            self._voice.tell(workspace, gesture, refused.detail)
        await self._messages.want(gesture.message)
        return refused.status if refused is not None else 200

    async def _one(self, gesture: Gesture, post: Post, known: Commands) -> None:
        commands = known[post.id]
        held = [command for command in commands if is_held(command)]
        if gesture.verb is Verb.APPROVE:
            if not held:
                raise Problem(409, "not_held", f"This waits for nobody's approval; it is {post.state}.")
            await self._acts.send(post.id, (), by(gesture), post.version)
            return
        unsent = any(command.kind is CommandKind.PUBLISH for command in held)
        if held and (gesture.verb is Verb.SEND or (unsent and gesture.verb in (Verb.RETRY, Verb.LIVE))):
            raise Problem(409, "needs_approval", "This waits to be looked at: approve it, or drop it.")
        if gesture.verb is Verb.RETRY and not gesture.judges and was_held(commands):
            raise Problem(403, "not_allowed", "This was held: ask somebody who may approve it to try it again.")
        await self._of[gesture.verb](post.id, (), by(gesture))

    async def draft(self, workspace: Workspace, gesture: Gesture) -> Json:
        """Return what a form begins with that changes the posts of a message's event: the first that can be changed.

        The message learns of the press, so that it can show what will be changed: only what is shown can be approved.

        Raises:
            Problem: 404 or 409, there is nothing that can be changed.
        """
        post = (await self._editable(workspace.name, gesture.message))[0]
        await self._messages.learn(workspace, gesture)
        at = post.scheduled_at.isoformat() if post.scheduled_at is not None else None
        under_way = actions.under_way(await self._kit.store.commands(post.id))
        told = {"scheduled_at": at, **post.content, **under_way}
        return {name: value for name in _FORM if (value := told.get(name))}

    async def save(self, workspace: Workspace, gesture: Gesture) -> None:
        """Change every post that can be, in what was changed in a form; the rest stays as each of them has it.

        Raises:
            Problem: 404 or 409, nothing can be changed; 422 with every fault of what was filled in, and for which
                accounts it was changed all the same.
        """
        posts = await self._editable(workspace.name, gesture.message)
        if not gesture.draft:
            return
        refused: dict[str, Problem] = {}
        try:
            for post in posts:
                if (problem := await self._edit(gesture, post)) is not None:
                    refused[post.id] = problem
        finally:
            await self._messages.want(gesture.message)
        if refused:
            raise _in_part(posts, refused)

    async def _edit(self, gesture: Gesture, post: Post) -> Problem | None:
        """Change one post; return why it was not."""
        try:
            await self._acts.edit(post.id, gesture.draft, (), by(gesture))
        except Conflict:
            return _busy()
        except Problem as problem:
            return problem
        return None

    async def _editable(self, source: str, message_id: str) -> list[Post]:
        posts = (await self._messages.followed(source, message_id)).posts
        found = [post for post in posts if actions.is_unsent(post) or post.state in actions.CHANGEABLE]
        if not found:
            states = ", ".join(dict.fromkeys(post.state for post in posts)) or "not posted"
            raise Problem(409, "not_allowed_now", f"Nothing of this can be changed any more; it is {states}.")
        return found


_FORM = ("caption", "scheduled_at", "media")
"""What a form changes."""


def by(gesture: Gesture) -> str:
    """Return who did it, in words for people."""
    return f"{gesture.user_name} ({gesture.user})" if gesture.user_name else gesture.user


def _in_part(posts: Sequence[Post], refused: Mapping[str, Problem]) -> Problem:
    """Say why posts were not changed, and which accounts were changed all the same."""
    done = _names(post for post in posts if post.id not in refused)
    problems = list(refused.values())
    if not done and not any(problem.errors for problem in problems):
        return problems[0]
    faults = dict.fromkeys(fault for one in problems for fault in one.errors or (Fault("", one.detail),))
    left = _names(post for post in posts if post.id in refused)
    told = [Fault("", f"was changed for {done}, and not for {left}")] if done else []
    return invalid([*told, *faults])


def _names(posts: Iterable[Post]) -> str:
    return ", ".join(dict.fromkeys(row.name or row.account for post in posts for row in post.targets))


def _busy() -> Problem:
    return Problem(409, "busy", "This is being changed right now. Try again in a moment.")


async def _each(posts: Sequence[Post], act: Callable[[Post], Awaitable[object]]) -> Problem | None:
    """Do something to each post; return why not, when none of them allows it.

    Raises:
        Problem: 422, what is asked for is wrong for one of them.
    """
    problems: list[Problem] = []
    for post in posts:
        try:
            await act(post)
        except Conflict:
            problems.append(_busy())
        except Problem as problem:
            if problem.status == 422:
                raise
            problems.append(problem)
    if len(problems) < len(posts):
        return None
    return problems[0] if problems else Problem(409, "no_posts", "No post was made of this.")
