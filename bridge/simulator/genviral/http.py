"""The partner API over HTTP: key and plan first, then the scripted fault, then the call, in the vendor's envelope.

Envelope: `{"ok", "code", "message", "data"?, "error_code"?, "issues"?}`;
https://docs.genviral.io/api-reference/response, captured by 2026-11.
"""

import asyncio
from typing import Any

import orjson
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.simulator.faults import HTML_502, Endpoint, Fault, FaultKind, drop, inject, retry_after_header, reword
from bridge.simulator.genviral import calls, storage
from bridge.simulator.genviral.calls import Answer
from bridge.simulator.genviral.model import Contract, Json, Key, Plan, Refusal
from bridge.simulator.genviral.simulator import GenviralSimulator

BASE = "/api/partner/v1"
SERVER_ERRORS = {
    "accounts": "accounts_failed",
    "create": "create_failed",
    "list": "list_failed",
    "get": "get_failed",
    "update": "update_failed",
    "retry": "retry_failed",
    "delete": "bulk_delete_failed",
    "subscription": "subscription_lookup_failed",
    "host": "file_create_failed",
}
REFUSALS = {
    FaultKind.UNAUTHORIZED: (401, "invalid_token", "API key not found"),
    FaultKind.PLAN_LAPSED: (
        402,
        "subscription_required",
        "An active Creator, Professional or Business plan is required",
    ),
    FaultKind.TIER_NOT_ALLOWED: (403, "tier_not_allowed", "The Scheduler tier cannot use the Partner API"),
    FaultKind.HOSTED_SUBSCRIPTION_REQUIRED: (
        403,
        "subscription_required",
        "Hosted TikTok posting requires an active TikTok subscription",
    ),
    FaultKind.RATE_LIMITED: (429, "rate_limited", "Too many requests"),
}


def routes(simulator: GenviralSimulator) -> list[Route]:
    """Give the partner's routes, served from one simulator."""
    table = [
        ("GET", "/accounts", "accounts"),
        ("POST", "/posts", "create"),
        ("GET", "/posts", "list"),
        ("POST", "/posts/retry", "retry"),
        ("POST", "/posts/delete", "delete"),
        ("GET", "/posts/{id}", "get"),
        ("PATCH", "/posts/{id}", "update"),
        ("GET", "/subscription", "subscription"),
        ("POST", "/files", "host"),
    ]
    api = [Route(BASE + path, _endpoint(simulator, operation), methods=[method]) for method, path, operation in table]
    return [*api, *storage.routes(simulator)]


def _endpoint(simulator: GenviralSimulator, operation: str) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        try:
            raw = await request.body()
        except ClientDisconnect:
            return Response(status_code=400)
        call = _Call(simulator, operation, request, raw=raw)
        return await call.answer()

    return endpoint


class _Call:
    """One request on its way through key, fault, work and envelope."""

    def __init__(self, simulator: GenviralSimulator, operation: str, request: Request, *, raw: bytes) -> None:
        self.simulator, self.world = simulator, simulator.world
        self.operation, self.request = operation, request
        self.body: Json | Refusal = _parsed(raw) if request.method in ("POST", "PATCH") else {}
        self.key = self._key()
        self.entry = simulator.journal.open(self.world.now(), operation)
        self._note()

    def _key(self) -> Key | None:
        scheme, _, token = self.request.headers.get("authorization", "").partition(" ")
        key = self.world.keys.get(token.strip()) if scheme.lower() == "bearer" else None
        return key if key is not None and key.active else None

    def _note(self) -> None:
        body = self.body if isinstance(self.body, dict) else {}
        ids = body.get("post_ids") or body.get("postIds") or []
        if "id" in self.request.path_params:
            ids = [self.request.path_params["id"]]
        self.entry.key = self.key.public_id if self.key else None
        self.entry.post_ids = [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
        self.entry.external_id, self.entry.caption = _text(body.get("external_id")), _text(body.get("caption"))

    async def answer(self) -> Response:
        """Work the call off and write its end into the journal."""
        fault = self.simulator.faults.take(self.operation, text=self._matchable(), key=self.entry.key)
        self.entry.fault = fault.kind.value if fault else None
        response = self._work(fault) if fault is None or fault.works_first else None
        if fault is None:
            assert response is not None
            return self._end(response)
        if fault.delay_s:
            await asyncio.sleep(fault.delay_s)
        if fault.drops:
            return await drop(self.request)
        ready = response if fault.kind is FaultKind.SLOW else self._faulty(fault, response)
        assert ready is not None
        return self._end(ready)

    def _end(self, response: Response) -> Response:
        self.entry.status = response.status_code
        return response

    def _matchable(self) -> str:
        posts = [self.world.posts[one].caption for one in self.entry.post_ids if one in self.world.posts]
        return "\n".join([*posts, *self.entry.post_ids, self.entry.caption or "", self.entry.external_id or ""])

    def _work(self, fault: Fault | None) -> Response:
        try:
            key = self._allowed()
            if isinstance(self.body, Refusal):
                raise self.body
            answer = self._run(key, self.body, first=self._part(fault))
        except Refusal as refusal:
            self.entry.error_code = refusal.code
            return _refused(refusal)
        self.entry.worked = True
        if self.operation == "create":
            self.entry.post_ids, self.entry.duplicate = [answer.data["id"]], bool(answer.data.get("duplicate"))
        if fault and fault.kind is FaultKind.PARTIAL:
            code = SERVER_ERRORS[self.operation]
            return _json(
                500,
                {
                    "ok": False,
                    "code": 500,
                    "message": "Unexpected database error",
                    "error_code": code,
                    "data": answer.data,
                },
            )
        return _json(answer.status, _envelope(answer))

    def _allowed(self) -> Key:
        if self.key is None:
            raise Refusal(*REFUSALS[FaultKind.UNAUTHORIZED])
        if self.operation == "subscription" or self.key.plan == Plan.LIVE:
            return self.key
        if self.key.plan == Plan.SCHEDULER:
            raise Refusal(*REFUSALS[FaultKind.TIER_NOT_ALLOWED])
        status, code, message = REFUSALS[FaultKind.PLAN_LAPSED]
        raise Refusal(403 if self.world.options.contract == Contract.V1 else status, code, message)

    def _part(self, fault: Fault | None) -> int | None:
        if fault is None or fault.kind is not FaultKind.PARTIAL:
            return None
        return fault.done if fault.done is not None else max(1, len(self.entry.post_ids) // 2)

    def _run(self, key: Key, body: Json, *, first: int | None) -> Answer:
        world, path_id = self.world, self.request.path_params.get("id", "")
        match self.operation:
            case "accounts":
                return calls.list_accounts(world, key)
            case "create":
                return calls.create(world, key, body)
            case "list":
                return calls.list_posts(world, key, self.request.query_params)
            case "get":
                return calls.get(world, key, path_id)
            case "update":
                return calls.update(world, key, path_id, body)
            case "retry":
                return calls.retry(world, key, body, first=first)
            case "delete":
                return calls.delete(world, key, body, first=first)
            case _:
                return self._run_rest(key, body)

    def _run_rest(self, key: Key, body: Json) -> Answer:
        if self.operation == "host":
            return calls.host(self.world, body, str(self.request.base_url).rstrip("/"))
        return calls.subscription(key)

    def _faulty(self, fault: Fault, response: Response | None) -> Response:
        if fault.kind in REFUSALS:
            refused = _refused(Refusal(*REFUSALS[fault.kind]))
            if fault.kind is FaultKind.RATE_LIMITED:
                refused.headers.update(retry_after_header(fault, self.world.now()))
            return refused
        match fault.kind:
            case FaultKind.HTML_502:
                return Response(HTML_502, 502, media_type="text/html")
            case FaultKind.EMPTY:
                return Response(b"", 200, media_type="application/json")
            case FaultKind.ANSWER:
                return Response(fault.body, fault.status, headers=fault.headers, media_type="application/json")
            case FaultKind.EXTRA_FIELDS | FaultKind.UNKNOWN_STATUS | FaultKind.PARTIAL:
                assert response is not None
                return _garnished(fault, response)
            case _:
                return _refused(Refusal(500, SERVER_ERRORS[self.operation], "Unexpected error"))


def _garnished(fault: Fault, response: Response) -> Response:
    if fault.kind is FaultKind.PARTIAL:
        return response
    shown = orjson.loads(response.body)
    if fault.kind is FaultKind.EXTRA_FIELDS:
        return _json(response.status_code, inject(shown, fault.fields))
    return _json(response.status_code, reword(shown, fault.word))


def _parsed(raw: bytes) -> Json | Refusal:
    """Read a body; what it is refused for is kept until the key was judged."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Refusal(400, "invalid_json", "Request body is not valid JSON")
    if isinstance(value, dict):
        return value
    return Refusal(422, "invalid_payload", "Expected object", issues=[{"path": "", "message": "Expected object"}])


def _envelope(answer: Answer) -> Json:
    return {"ok": True, "code": answer.status, "message": answer.message, "data": answer.data}


def _refused(refusal: Refusal) -> Response:
    shown: Json = {"ok": False, "code": refusal.status, "message": refusal.message, "error_code": refusal.code}
    return _json(refusal.status, shown | ({"issues": refusal.issues} if refusal.issues else {}))


def _json(status: int, value: Json) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
