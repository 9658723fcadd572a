"""`POST /v1/publish`: the request as it came goes to ingest, the answer says what became of it.

Every event passes here, so there is nothing between the socket and the flow that need not be.
"""

from collections.abc import Sequence

from starlette.types import Receive, Scope, Send

from bridge.core.errors import Fault, Problem, StoreError, summary
from bridge.core.model import Post, PostState, RawRequest
from bridge.core.refusing import complaints
from bridge.flows.ingest import API, Result
from bridge.web._call import Answer, Web
from bridge.web._query import wait_of
from bridge.web._raw import body_of, head_of, raw_request
from bridge.web._shapes import Shape, at_a_glance, brief, overall

_GONE = (PostState.CANCELED, PostState.VANISHED)
"""What the partner had once, and has no more."""

_SENTENCE = 80
"""How much of the partner's sentence an error tells that names a field, too."""


class Publish:
    """Answers 202 (safe here), 200 (known already; with `?wait=`: taken by the partner), or 422 `refused`."""

    __slots__ = ("_web",)

    def __init__(self, web: Web) -> None:
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        query: bytes = scope["query_string"]
        wait_s = wait_of(query) if query else 0.0
        [answer] = (await self._web.ingest.receive(API, await self._read(scope, receive))).results
        if wait_s:
            status, posts = await self._outcome(answer, wait_s)
        else:
            status, posts = 200 if answer.accepted.duplicate else 202, answer.posts
        location = (b"location", b"/v1/events/" + answer.accepted.event_id.encode())
        await Answer.json(_shape(answer, posts), status, (location,)).send(send)

    async def _read(self, scope: Scope, receive: Receive) -> RawRequest:
        """Take the request exactly as it is.

        Of a caller without a token that may publish, the body is not read: the source will refuse it, and count that.

        Raises:
            Problem: 413, 415 for a compressed body.
        """
        head = head_of(scope)
        body = await body_of(self._web, head, receive) if self._may_publish(head.authorization) else b""
        return raw_request(self._web, scope, head, body)

    def _may_publish(self, authorization: str | None) -> bool:
        try:
            self._web.tokens.check(authorization, "publish")
        except Problem:
            return False
        return True

    async def _outcome(self, answer: Result, wait_s: float) -> tuple[int, Sequence[Post]]:
        """Wait until the partner has answered for every post.

        Raises:
            Problem: 422 `refused` when one will never be sent.
        """
        event_id = answer.accepted.event_id
        try:
            if any(post.state is PostState.ACCEPTED for post in answer.posts):
                await self._web.waiters.wait(answer.accepted.post_ids, wait_s, _has_left)
            # Read by event: a post may have been split meanwhile, and the part that waits is a post of its own.
            found = await self._web.store.event(event_id)
        except StoreError as error:
            # The event is safe; only what has become of it cannot be told.
            self._web.metrics.storage_error(error)
            return 202, answer.posts
        posts = tuple(found[1]) if found is not None else answer.posts
        refused = [post for post in posts if _is_refused(post)]
        if refused:
            raise _refusal(answer, posts, refused[0], await self._complaints(refused))
        return (200 if all(_is_taken(post) for post in posts) else 202), posts

    async def _complaints(self, refused: Sequence[Post]) -> list[Fault]:
        """Return what the partner found wrong field by field, redacted as it was stored."""
        try:
            lines = [await self._web.store.timeline(post.id) for post in refused]
        except StoreError as error:
            self._web.metrics.storage_error(error)
            return []
        return [fault for line in lines if line is not None for fault in complaints(line.attempts)]


def _has_left(post: Post) -> bool:
    return post.state is not PostState.ACCEPTED


def _is_taken(post: Post) -> bool:
    """Whether the partner has it; a post whose every answer was lost is not known to be there."""
    return post.partner_id is not None and post.state not in (PostState.ACCEPTED, PostState.PARKED)


def _is_refused(post: Post) -> bool:
    never_sent = post.state is PostState.CANCELED and post.partner_id is None
    return post.state is PostState.REJECTED or never_sent


def _refusal(answer: Result, posts: Sequence[Post], first: Post, faults: Sequence[Fault]) -> Problem:
    """Return the problem; its `status` is 422, so what the posts are is its `state`."""
    said = str(first.error or first.reason or first.state)
    # What is wrong with a field says more than the partner's sentence over it, so there must be room for it.
    why = f"{first.partner} will not publish {first.id}: {said[:_SENTENCE] if faults else said}"
    more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    detail = f"{why}: {summary(faults[:1])}{more}" if faults else why
    extra = _shape(answer, posts) | {"state": overall(posts)}
    return Problem(422, "refused", detail, errors=faults, extra=extra)


def _shape(answer: Result, posts: Sequence[Post]) -> Shape:
    return {
        "id": answer.accepted.event_id,
        "event_id": answer.accepted.event_id,
        "duplicate": answer.accepted.duplicate,
        "status": overall(posts),
        "taken": bool(posts) and all(_is_taken(post) and post.state not in _GONE for post in posts),
        **at_a_glance(posts),
        "posts": [brief(post) for post in posts],
        "warnings": answer.warnings,
    }
