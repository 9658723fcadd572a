"""HTTP in and out: the API, the probes and the metrics. Nothing is decided here.

`public_app` is what senders and people call, `admin_app` what the platform calls; both are built from one table.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

from starlette.routing import Route, Router
from starlette.types import ASGIApp

from bridge.web import (
    accounts,
    audit,
    deliveries,
    endpoints,
    events,
    numbers,
    ops,
    posts,
    preview,
    replays,
    sources,
    stream,
    subjects,
    subscriptions,
)
from bridge.web._audit import audited
from bridge.web._call import Answer, Call, Endpoint, Handler, Health, Web, dump
from bridge.web._edge import Edge
from bridge.web._table import ADMIN, HOOKS, PUBLIC, Operation
from bridge.web.console import CONSOLE, console_routes
from bridge.web.hooks import Hooks
from bridge.web.openapi import document
from bridge.web.publish import Publish

__all__ = ["ROUTES", "Health", "Web", "admin_app", "public_app"]

ROUTES: tuple[tuple[str, str], ...] = (
    *((operation.path, operation.method) for operation in (*PUBLIC, *ADMIN)),
    *CONSOLE,
)
"""Path and method of everything that is served: the label values of the metrics of HTTP."""

_HANDLERS: Mapping[str, Handler] = {
    "preview": preview.preview,
    "list_events": events.list_events,
    "get_event": events.get_event,
    "list_event_types": events.list_event_types,
    "list_posts": posts.list_posts,
    "get_post": posts.get_post,
    "edit_post": posts.edit_post,
    "cancel_post": posts.cancel_post,
    "retry_post": posts.retry_post,
    "send_post": posts.send_post,
    "drop_post": posts.drop_post,
    "confirm_post": posts.confirm_post,
    "list_accounts": accounts.list_accounts,
    "reconnect_account": accounts.reconnect_account,
    "list_causes": accounts.list_causes,
    "close_cause": accounts.close_cause,
    "list_endpoints": endpoints.list_endpoints,
    "create_endpoint": endpoints.create_endpoint,
    "get_endpoint": endpoints.get_endpoint,
    "patch_endpoint": endpoints.patch_endpoint,
    "delete_endpoint": endpoints.delete_endpoint,
    "enable_endpoint": endpoints.enable_endpoint,
    "disable_endpoint": endpoints.disable_endpoint,
    "rotate_secret": endpoints.rotate_secret,
    "test_endpoint": endpoints.test_endpoint,
    "endpoint_stats": endpoints.endpoint_stats,
    "subscribe": subscriptions.subscribe,
    "unsubscribe": subscriptions.unsubscribe,
    "list_samples": subscriptions.list_samples,
    "list_deliveries": deliveries.list_deliveries,
    "get_delivery": deliveries.get_delivery,
    "replay_delivery": replays.replay_delivery,
    "replay_deliveries": replays.replay_deliveries,
    "list_replays": replays.list_replays,
    "get_replay": replays.get_replay,
    "stop_replay": replays.stop_replay,
    "erase_subject": subjects.erase_subject,
    "list_sources": sources.list_sources,
    "list_numbers": numbers.list_numbers,
    "stream": stream.stream,
    "list_audit": audit.list_audit,
    "live": ops.live,
    "ready": ops.ready,
    "metrics": ops.metrics,
    "key_set": ops.key_set,
}


def public_app(web: Web) -> Edge:
    """Return the app of the public listener; with `web.with_admin`, of the only one."""
    return _app(web, (*PUBLIC, *ADMIN) if web.with_admin else PUBLIC, session=web.session)


def admin_app(web: Web) -> Edge:
    """Return the app of the admin listener: probes and metrics."""
    return _app(web, ADMIN)


def _app(web: Web, operations: Iterable[Operation], session: timedelta | None = None) -> Edge:
    described = dump(document(operations))

    async def openapi(_web: Web, _call: Call) -> Answer:
        return Answer(200, described)

    known = {one.name: one for one in (*PUBLIC, *ADMIN)}
    handlers = {name: audited(known[name], handler) for name, handler in (*_HANDLERS.items(), ("openapi", openapi))}
    routes = [Route(one.path, _endpoint(web, one, handlers), methods=_methods(one)) for one in operations]
    if session is not None:
        routes += console_routes(web, handlers, session)
    # The edge answers every error itself, so Starlette's own two layers for that would only cost time.
    router, probes = Router(routes=routes, redirect_slashes=False), [one.path for one in ADMIN]
    return Edge(router, web.metrics, web.writes_off, spans=web.spans, untraced=probes)


def _endpoint(web: Web, operation: Operation, handlers: Mapping[str, Handler]) -> ASGIApp:
    if operation.name == "publish":
        return Publish(web)
    if operation.path == HOOKS:
        return Hooks(web)
    return Endpoint(web, handlers[operation.name], operation.scope, operation.query)


def _methods(operation: Operation) -> list[str] | None:
    """Return what a route takes: of hooks every method, for it is the source that says which are meant."""
    return None if operation.path == HOOKS else [operation.method]
