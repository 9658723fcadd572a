"""Events over HTTP: what came in, and the posts it made."""

from base64 import b64encode
from collections.abc import Sequence

from bridge.core.catalogue import catalogue
from bridge.core.errors import Problem
from bridge.core.model import Event, Intent, Post, PostState
from bridge.web._call import Answer, Call, Web
from bridge.web._pages import page
from bridge.web._query import PAGE, Query
from bridge.web._shapes import Shape, event_shape, listed, may_see, message_shape, overall
from bridge.web._sight import sight
from bridge.web._timeline import timeline_shape

FILTERS = ("intent", "source", "external_id", "partner", "account", "state")


async def list_events(web: Web, call: Call) -> Answer:
    """Answer a page of events, newest first."""
    query = Query(call.query, (*FILTERS, *PAGE))
    find = query.find(
        type=query.word("intent", tuple(Intent)),
        source=query.text("source"),
        external_id=query.text("external_id"),
        partner=query.word("partner", tuple(web.ingest.kit.partners)),
        account=query.text("account"),
        state=query.word("state", tuple(PostState)),
    )

    async def visible(events: Sequence[Event]) -> list[Event]:
        found = [await web.store.event(event.id) for event in events]
        return [pair[0] for pair in found if pair is not None and may_see_event(call, *pair)]

    events, after = await page(web.store.find_events, find, visible if call.allowed else None)
    return Answer.json(listed([event_shape(event) for event in events], after))


async def get_event(web: Web, call: Call) -> Answer:
    """Answer an event, its posts with their timelines, and the messages that follow it; its body only to an admin."""
    asked = call.param("id")
    found = await web.store.event(asked)
    if found is None or not may_see_event(call, *found):
        raise Problem(404, "no_such_event", f"There is no event {asked[:60]!r}. GET /v1/events lists them.")
    event, posts = found
    lines = [await web.store.timeline(post.id) for post in posts]
    now, seen = web.clock(), await sight(web, call)
    shown = event_shape(event) | {
        "status": overall(posts),
        "posts": [timeline_shape(line, now, seen) for line in lines if line is not None],
        "messages": [message_shape(message) for message in await web.store.messages_of(event.id)],
    }
    if call.token is not None and call.token.may("admin"):
        shown |= {"body": _body(event.body), "headers": event.headers}
    return Answer.json(shown)


async def list_event_types(web: Web, call: Call) -> Answer:
    """Answer the types of outbound events, each with its schema and an example."""
    return Answer.json(listed([entry.wire() for entry in catalogue().values()]))


def may_see_event(call: Call, event: Event, posts: Sequence[Post]) -> bool:
    """A caller of some accounts sees what went only to those; and, of what made no post, what it sent itself."""
    if not posts and call.allowed:
        return call.token is not None and event.scope == f"token:{call.token.name}"
    return all(may_see(post, call.allowed) for post in posts)


def _body(body: bytes) -> Shape:
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"base64": b64encode(body).decode()}
