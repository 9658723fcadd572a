"""Posts over HTTP: lists, one post with its timeline, and what a person may ask of it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import Command, Post, PostState, WorkState
from bridge.web._call import Answer, Call, Web
from bridge.web._pages import page
from bridge.web._query import PAGE, Query, wait_of
from bridge.web._shapes import Shape, command_shape, listed, may_see, post_shape
from bridge.web._sight import sight
from bridge.web._timeline import timeline_shape

FILTERS = ("state", "partner", "account", "source", "external_id", "event_id", "q")

_Act = Callable[[str, Sequence[str], str], Awaitable[tuple[Post, Command | None]]]
_NOT_NOW = (FailureReason.CONFLICT, FailureReason.NOT_ALLOWED_NOW, FailureReason.CANCELED, FailureReason.DROPPED)


async def list_posts(web: Web, call: Call) -> Answer:
    """Answer a page of posts, newest first."""
    query = Query(call.query, (*FILTERS, *PAGE))
    find = query.find(
        state=query.word("state", tuple(PostState)),
        partner=query.word("partner", tuple(web.ingest.kit.partners)),
        account=query.text("account"),
        source=query.text("source"),
        external_id=query.text("external_id"),
        event_id=query.text("event_id"),
        text=query.text("q"),
    )

    async def visible(posts: Sequence[Post]) -> list[Post]:
        return [post for post in posts if may_see(post, call.allowed)]

    posts, after = await page(web.store.find_posts, find, visible if call.allowed else None)
    return Answer.json(listed([post_shape(post) for post in posts], after))


async def get_post(web: Web, call: Call) -> Answer:
    """Answer a post, by our id or `PARTNER:ID`, with its timeline."""
    asked = call.param("id")
    line = await web.store.timeline(await web.actions.find(asked))
    if line is None or not may_see(line.post, call.allowed):
        raise Problem(404, "no_such_post", f"There is no post {asked[:60]!r}. GET /v1/posts lists them.")
    return Answer.json(timeline_shape(line, web.clock(), await sight(web, call)))


async def edit_post(web: Web, call: Call) -> Answer:
    """Change a post."""
    wait_s = wait_of(call.query)
    fields = await call.fields()
    post_id = await web.actions.find(call.param("id"))
    return await _told(web, await web.actions.edit(post_id, fields, call.allowed, _by(call)), wait_s)


async def cancel_post(web: Web, call: Call) -> Answer:
    """Take a post back."""
    return await _ask(web, call, web.actions.cancel)


async def retry_post(web: Web, call: Call) -> Answer:
    """Try a post again."""
    return await _ask(web, call, web.actions.retry)


async def send_post(web: Web, call: Call) -> Answer:
    """Let parked work go now; of what is held this is the approval."""
    return await _ask(web, call, web.actions.send)


async def drop_post(web: Web, call: Call) -> Answer:
    """End parked work."""
    return await _ask(web, call, web.actions.drop)


async def confirm_post(web: Web, call: Call) -> Answer:
    """Take a person's word that a post is live."""
    return await _ask(web, call, web.actions.live)


async def _ask(web: Web, call: Call, act: _Act) -> Answer:
    wait_s = wait_of(call.query)
    post_id = await web.actions.find(call.param("id"))
    return await _told(web, await act(post_id, call.allowed, _by(call)), wait_s)


def _by(call: Call) -> str:
    """Say who asks."""
    return f"token {call.caller.name}"


async def _told(web: Web, done: tuple[Post, Command | None], wait_s: float) -> Answer:
    """Answer 200 when it is done, 202 when the partner is still to be asked.

    Raises:
        Problem: 409 or 422 `refused` when the partner would not.
    """
    post, command = done
    if command is not None and wait_s:
        post, command = await _settled(web, post, command, wait_s)
    if command is not None and (reason := _refused(command)) is not None:
        detail = f"{post.partner} refused to {command.kind} the post: {command.detail or reason}"
        raise Problem(409 if reason in _NOT_NOW else 422, "refused", detail, extra=_shape(post, command))
    queued = command is not None and command.state is not WorkState.DONE
    return Answer.json(_shape(post, command), 202 if queued else 200)


async def _settled(web: Web, post: Post, command: Command, wait_s: float) -> tuple[Post, Command]:
    """Wait until a command is settled or parked; its post changes in the same transaction, and that is what is seen."""
    until = asyncio.get_running_loop().time() + wait_s
    while True:
        post = (await web.store.posts([post.id])).get(post.id, post)
        command = next((row for row in await web.store.commands(post.id) if row.id == command.id), command)
        left = until - asyncio.get_running_loop().time()
        if command.state is not WorkState.DUE or left <= 0:
            return post, command
        known = post.version
        newer = await web.waiters.wait([post.id], left, lambda row, known=known: row.version > known)  # type: ignore[misc]
        if all(row.version == known for row in newer.values()):
            return post, command


def _refused(command: Command) -> FailureReason | None:
    if command.state is WorkState.DEAD:
        return command.reason or FailureReason.INTERNAL
    return command.reason if command.state is WorkState.DONE else None


def _shape(post: Post, command: Command | None) -> Shape:
    return {"post": post_shape(post), "command": command_shape(command) if command is not None else None}
