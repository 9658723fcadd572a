"""`/hooks/{source}`: what a configured source sends.

Answered as its kind says, 200 for most, once it is stored: senders take any other answer for a failure, send again, and
switch their webhook off in the end. A person in a chat is told in such an answer, too, why nothing was stored.
"""

from starlette.types import Receive, Scope, Send

from bridge.core.errors import Problem
from bridge.flows.ingest import API, Result
from bridge.ports import Reply, Source
from bridge.web._call import Answer, Web
from bridge.web._raw import body_of, head_of, raw_request
from bridge.web._shapes import Shape, brief, overall


class Hooks:
    """Hands the raw request to its source and answers what became of it."""

    __slots__ = ("_web",)

    def __init__(self, web: Web) -> None:
        self._web = web

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = scope["path_params"]["source"]
        source = None if name == API else self._web.ingest.sources.get(name)
        if source is None:
            raise Problem(404, "no_such_source", "There is no such source. Compare the address with `sources`.")
        if scope["method"] in source.methods:
            answer = await self._take(name, scope, receive)
        else:
            answer = self._probe(source, scope)
        await answer.send(send)

    async def _take(self, name: str, scope: Scope, receive: Receive) -> Answer:
        head = head_of(scope)
        body = await body_of(self._web, head, receive)
        done = await self._web.ingest.receive(name, raw_request(self._web, scope, head, body))
        shapes = [_shape(result) for result in done.results]
        return _answer(done.reply, shapes[0] if len(shapes) == 1 else {"events": shapes})

    def _probe(self, source: Source, scope: Scope) -> Answer:
        """Answer what is no event.

        Raises:
            Problem: 405.
        """
        reply = source.probe(raw_request(self._web, scope, head_of(scope), b""))
        if reply is not None:
            return _answer(reply, {})
        words = " or ".join(source.methods)
        detail = f"This source takes {words}. /openapi.json says how."
        raise Problem(405, "method_not_allowed", detail, extra={"allow": list(source.methods)})


def _answer(reply: Reply, shape: Shape) -> Answer:
    headers = tuple((name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in reply.headers)
    if reply.body is None:
        return Answer.json(shape, reply.status, headers)
    return Answer(reply.status, reply.body, reply.content_type.encode("latin-1"), headers)


def _shape(result: Result) -> Shape:
    """The event; what it made or changed, when it did; why not, when it should have; and what a person can do."""
    accepted = result.accepted
    shape: Shape = {"event_id": accepted.event_id, "duplicate": accepted.duplicate, "intent": result.intent}
    if result.posts:
        shape |= {"status": overall(result.posts), "posts": [brief(post) for post in result.posts]}
    if result.warnings:
        shape["warnings"] = result.warnings
    if result.reason:
        shape["reason"] = result.reason
    return shape | ({"note": result.note} if result.note else {})
