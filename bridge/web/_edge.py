"""The outermost layer of every listener: each error becomes a problem document, each answer is counted.

A problem document (RFC 9457): `{"type": "urn:bridge:problem:invalid_request", "title": "Invalid request",
"status": 422, "detail": "...", "errors": [{"field", "problem", "remedy"}]}`, with more members where they help.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import timedelta
from math import ceil
from time import perf_counter
from typing import TYPE_CHECKING, Any

from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.core.errors import Conflict, Problem, StoreError, storage_problem
from bridge.core.signing import Unverified
from bridge.flows import log
from bridge.metrics import OTHER, Metrics
from bridge.tracing import enter
from bridge.web._body import Disconnected
from bridge.web._call import Answer, Headers, dump

if TYPE_CHECKING:
    from bridge.tracing import Spans

PROBLEM = b"application/problem+json"
_SECURITY: Headers = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_AT_ONCE = timedelta(seconds=1)
_REFUSALS = {
    "no_token": "no_token",
    "unknown_token": "unknown_token",
    "scope": "scope",
    "account_not_allowed": "account",
}
"""Problem -> the reason under which `auth_failures_total` counts it."""


class Edge:
    """Answers what the app raises, adds the headers that every answer has, counts and logs.

    `writes_off` names the partners that are told nothing; every answer names them in `Bridge-Writes-Off`. `spans`
    traces requests, but none to a path in `untraced`; None where nothing is traced.
    """

    def __init__(
        self,
        app: Router,
        metrics: Metrics,
        writes_off: Sequence[str] = (),
        *,
        spans: "Spans | None" = None,
        untraced: Collection[str] = (),
    ) -> None:
        self._spans, self._untraced = spans, frozenset(untraced)
        self._app, self._metrics, self._log = app, metrics, log.bind()
        self._plain = {(route.path, method): route for route in _plain(app.routes) for method in route.methods or ()}
        off = ", ".join(writes_off).encode()
        self._headers: Headers = (*_SECURITY, (b"bridge-writes-off", off)) if off else _SECURITY

    @property
    def routes(self) -> list[BaseRoute]:
        """What is served."""
        return self._app.routes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # The task of a request that came with another one begins as that one's.
        enter(None)
        if self._spans is None or scope["path"] in self._untraced:
            await self._serve(scope, receive, send)
        else:
            with self._spans.request(scope["method"], scope["scheme"], scope["headers"]) as span:
                status = await self._serve(scope, receive, send)
                span.served(_route(scope), scope["method"], status)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Answer a request, and return with what status; 0 when whoever asked is gone."""
        # Starlette's routes then raise what they cannot answer, instead of answering in plain text.
        scope["app"] = self._app
        watched = _Watched(send, self._headers)
        started = perf_counter()
        try:
            await self._route(scope)(scope, receive, watched)
        except Disconnected:
            return 0
        except Exception as error:  # The outermost step: whatever happened, the caller gets an answer.
            if watched.status:
                raise
            await problem_answer(self._problem(scope, error)).send(watched)
        finally:
            if watched.status:
                self._count(scope, watched.status, perf_counter() - started)
        return watched.status

    def _route(self, scope: Scope) -> ASGIApp:
        """Return what answers: of a path without placeholders it is known without trying one route after another."""
        route = self._plain.get((scope["path"], scope["method"]))
        if route is None:
            return self._app
        scope["route"], scope["path_params"] = route, {}
        return route.app

    def _problem(self, scope: Scope, error: Exception) -> Problem:
        """Say what an error means for the caller."""
        match error:
            case Unverified():
                self._metrics.auth_failure(scope["path_params"]["source"], error.check)
                return error
            case Problem():
                if (reason := _REFUSALS.get(error.slug)) is not None:
                    self._metrics.auth_failure("api", reason)
                return error
            case StoreError():
                return self._storage_problem(scope, error)
            case Conflict():
                detail = "This was changed by others at the same time. Look again, then repeat the request."
                return Problem(409, "changed_meanwhile", detail, retry_after=_AT_ONCE)
            case HTTPException():
                return _routing_problem(scope, error)
            case _:
                log.error("http.failed", route=_route(scope), method=scope["method"], exc_info=error)
                return Problem(
                    500, "internal", "Something went wrong here; the log says what. The request may be repeated."
                )

    def _storage_problem(self, scope: Scope, error: StoreError) -> Problem:
        self._metrics.storage_error(error)
        log.warning("http.storage_failed", route=_route(scope), method=scope["method"], error=str(error))
        return storage_problem(error)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = _route(scope), scope["method"]
        self._metrics.http_request(route, method, status, seconds)
        self._log.debug("http.answered", route=route, method=method, status=status, seconds=round(seconds, 6))


class _Watched:
    """Sends with more headers, and remembers the status."""

    __slots__ = ("_headers", "_send", "status")

    def __init__(self, send: Send, headers: Headers) -> None:
        self._send, self._headers = send, headers
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            given = message.get("headers", ())
            names = {name for name, _ in given}
            message["headers"] = [*given, *(one for one in self._headers if one[0] not in names)]
        await self._send(message)


def _plain(routes: Iterable[BaseRoute]) -> Iterator[Route]:
    return (route for route in routes if isinstance(route, Route) and "{" not in route.path)


def _route(scope: Scope) -> str:
    """Return the path with placeholders, never the path itself."""
    route = scope.get("route")
    return route.path if route is not None else OTHER


def _routing_problem(scope: Scope, error: HTTPException) -> Problem:
    if error.status_code != 405:
        return Problem(404, "no_such_path", "There is nothing at this path. /openapi.json lists what there is.")
    allowed = sorted(
        {method for route in scope["app"].routes if route.path == _route(scope) for method in route.methods}
    )
    words = " or ".join(method for method in allowed if method != "HEAD")
    return Problem(405, "method_not_allowed", f"Use {words} here. /openapi.json says how.", extra={"allow": allowed})


def problem_answer(problem: Problem) -> Answer:
    """Return the answer that a problem is told as."""
    document: dict[str, Any] = {
        "type": f"urn:bridge:problem:{problem.slug}",
        "title": problem.slug.replace("_", " ").capitalize(),
        "status": problem.status,
        "detail": problem.detail,
        "errors": [fault.wire() for fault in problem.errors],
    }
    headers: list[tuple[bytes, bytes]] = []
    if problem.retry_after is not None:
        seconds = max(1, ceil(problem.retry_after.total_seconds()))
        headers.append((b"retry-after", str(seconds).encode()))
    if problem.status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    if problem.status == 405:
        headers.append((b"allow", ", ".join(problem.extra["allow"]).encode()))  # type: ignore[arg-type]  # A list of words.
    if problem.status == 413:
        # What is still on its way is not read, so the connection cannot serve another request.
        headers.append((b"connection", b"close"))
    return Answer(problem.status, dump(problem.extra | document), PROBLEM, tuple(headers))
