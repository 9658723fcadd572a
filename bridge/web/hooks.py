"""`POST /hooks/{source}`: what a configured source sends. Always 200 once it is stored: most senders take any other
answer for a failure, send again, and switch their webhook off in the end.
"""

from starlette.types import Receive, Scope, Send

from bridge.core.errors import Problem
from bridge.flows.ingest import API
from bridge.flows.ingest import Answer as Ingested
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
        if name == API or name not in self._web.ingest.sources:
            raise Problem(404, "no_such_source", "There is no such source. Compare the address with `sources`.")
        head = head_of(scope)
        body = await body_of(self._web, head, receive)
        answer = await self._web.ingest.receive(name, raw_request(self._web, scope, head, body))
        await Answer.json(_shape(answer)).send(send)


def _shape(answer: Ingested) -> Shape:
    """The event; what it made, when it made something; and why not, when it should have."""
    shape: Shape = {"event_id": answer.accepted.event_id, "duplicate": answer.accepted.duplicate}
    if answer.posts:
        shape |= {"status": overall(answer.posts), "posts": [brief(post) for post in answer.posts]}
    if answer.warnings:
        shape["warnings"] = answer.warnings
    return shape | ({"reason": answer.reason} if answer.reason else {})
