"""Erase: what a post or an event said goes everywhere; that it was there stays."""

from collections.abc import Iterable, Mapping

from bridge.core.erasing import may_see, refuse_open
from bridge.core.errors import Problem, StoreOvertaken
from bridge.core.model import Post
from bridge.core.step import Step
from bridge.core.tokens import Token
from bridge.flows import TRIES, Kit, log

_TRIES = 3


async def erase(kit: Kit, subject_id: str, caller: Token) -> Mapping[str, int]:
    """Erase the payloads of a post (`post_...`), or of an event and all its posts (`evt_...`).

    What its sender said of the same object in other events goes with it; with an event, their posts as well.

    Returns:
        How many rows of each table lost what they said; all 0 when it was erased before.

    Raises:
        Problem: 404 when there is no such subject, or none that the caller may see; 403 when something goes with it
            that the caller may not see; 409 `still_open` while it is worked on.
    """
    for _ in range(_TRIES):
        posts = await _posts(kit, subject_id, caller)
        refuse_open(posts, {post.id: await kit.store.commands(post.id) for post in posts})
        try:
            erased = await kit.store.erase(subject_id, kit.clock())
        except StoreOvertaken:
            # A command was begun meanwhile, which the next look sees, or a lookup is open.
            continue
        if erased is None:
            raise _unknown(subject_id)
        log.warning("subject.erased", subject=subject_id, rows=dict(erased), by=caller.name)
        await _show(kit, {subject_id, *(post.event_id for post in posts)})
        return erased
    detail = f"What {subject_id} says is being fetched or changed. Wait for the end of that; erase it then."
    raise Problem(409, "still_open", detail)


async def _show(kit: Kit, event_ids: Iterable[str]) -> None:
    """Have the messages in chats that follow these events say no more than what is left."""
    for _ in range(TRIES):
        step = Step(kit.moment())
        for event_id in event_ids:
            for message in await kit.store.messages_of(event_id):
                step.want_reply(message)
        if await kit.record(step):
            return
    raise StoreOvertaken("the messages of what was erased kept changing; erase it again, so that they show it")


async def _posts(kit: Kit, subject_id: str, caller: Token) -> list[Post]:
    """Return the posts that are erased with a subject.

    Raises:
        Problem: as `erase`.
    """
    concerned, found = await kit.store.concerned(subject_id), await kit.store.event(subject_id)
    post = (await kit.store.posts([subject_id])).get(subject_id)
    event, own = found if found is not None else (None, [post] if post is not None else [])
    if concerned is None or not may_see(caller, event, own):
        raise _unknown(subject_id)
    if not may_see(caller, None, concerned):
        detail = "Other posts of the same request or page go to accounts that this token may not use."
        raise Problem(403, "account_not_allowed", f"{detail} Use one with scope admin and no `accounts`.")
    return own if post is not None else concerned


def _unknown(asked: str) -> Problem:
    detail = f"There is no post or event {asked[:60]!r}. Give the id of one: post_... or evt_..."
    return Problem(404, "no_such_subject", detail)
