"""The web console at `/console`: pages that people see, over the same operations as the HTTP API.

A page is a coroutine `(Visit) -> Shown`; it asks the API's own handlers, with the rights of the token that signed in.
Every page works without JavaScript; with it, what changed comes by server-sent events.
"""

from collections.abc import Mapping
from datetime import timedelta

from starlette.routing import Route

from bridge.web._call import Handler, Web
from bridge.web._table import PUBLIC, Operation
from bridge.web.console import (
    accounts,
    audit,
    deliveries,
    endpoints,
    events,
    now,
    posts,
    preview,
    replays,
    sources,
)
from bridge.web.console._api import Api
from bridge.web.console._live import Live
from bridge.web.console._serve import Anywhere, Deed, Page, Static
from bridge.web.console._sessions import Doorman, SignIn, SignOut
from bridge.web.console._visit import Act, Look

__all__ = ["CONSOLE", "console_routes"]

_LOOKS: tuple[tuple[str, Look], ...] = (
    ("/console", now.now),
    ("/console/posts", posts.listing),
    ("/console/posts/{id}", posts.one),
    ("/console/events", events.listing),
    ("/console/events/{id}", events.one),
    ("/console/accounts", accounts.listing),
    ("/console/endpoints", endpoints.listing),
    (endpoints.FORM, endpoints.form),
    ("/console/endpoints/{name}", endpoints.one),
    ("/console/deliveries", deliveries.listing),
    ("/console/deliveries/{id}", deliveries.one),
    ("/console/dead-letters", deliveries.dead),
    ("/console/replays", replays.listing),
    ("/console/replays/{id}", replays.one),
    ("/console/preview", preview.form),
    ("/console/sources", sources.listing),
    ("/console/audit", audit.listing),
)
"""What is shown, by path."""

_ACTS: tuple[tuple[str, Act], ...] = (
    ("/console/posts/{id}/{deed}", posts.act),
    ("/console/accounts/{id}/reconnect", accounts.reconnect),
    ("/console/causes/{id}/close", accounts.close),
    ("/console/endpoints", endpoints.create),
    ("/console/endpoints/{name}/{deed}", endpoints.act),
    ("/console/deliveries/{id}/replay", deliveries.replay),
    ("/console/dead-letters", deliveries.replay_many),
    ("/console/replays/{id}/stop", replays.stop),
    ("/console/preview", preview.show),
)
"""What is done when a form is sent, by path."""

_DOORS = ("/console/sign-in", "/console/sign-out", "/console/live", "/console/static/{name}", "/console/{path:path}")

CONSOLE: tuple[tuple[str, str], ...] = (
    *((path, "GET") for path, _ in _LOOKS),
    *((path, "POST") for path, _ in _ACTS),
    ("/console/sign-in", "GET"),
    ("/console/sign-in", "POST"),
    ("/console/sign-out", "POST"),
    ("/console/live", "GET"),
    ("/console/static/{name}", "GET"),
    ("/console/{path:path}", "GET"),
)
"""Path and method of everything here."""


def console_routes(web: Web, handlers: Mapping[str, Handler], lasts: timedelta) -> list[Route]:
    """Return the routes of the console; `handlers` are the API's, by the operation's name, and a session `lasts`."""
    operations: dict[str, Operation] = {operation.name: operation for operation in PUBLIC}
    doorman, api = Doorman(web, lasts), Api(web, handlers, operations)
    looks = dict(_LOOKS)
    sign_in, sign_out = SignIn(doorman), SignOut(doorman)
    return [
        Route("/console/sign-in", sign_in, methods=["GET", "POST"]),
        Route("/console/sign-out", sign_out, methods=["POST"]),
        Route("/console/live", Live(web, doorman, api, looks), methods=["GET"]),
        Route("/console/static/{name}", Static(), methods=["GET"]),
        *(Route(path, Deed(web, doorman, api, act), methods=["POST"]) for path, act in _ACTS),
        *(Route(path, Page(web, doorman, api, look), methods=["GET"]) for path, look in _LOOKS),
        Route("/console/{path:path}", Anywhere(web, doorman, api), methods=["GET"]),
    ]
