"""The partner API over HTTP: key and plan first, then the scripted fault, then the call, in the vendor's envelope.

Envelope: `{"ok", "code", "message", "data"?, "error_code"?, "issues"?}`;
https://docs.genviral.io/api-reference/response, captured by 2026-11.
"""

from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.simulator.faults import Fault, FaultKind, retry_after_header
from bridge.simulator.genviral import calls, storage
from bridge.simulator.genviral.calls import Answer
from bridge.simulator.genviral.journal import Entry
from bridge.simulator.genviral.model import Contract, Json, Key, Plan, Refusal
from bridge.simulator.genviral.simulator import GenviralSimulator
from bridge.simulator.serving import Exchange, as_json, key_of, serve

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
    api = [
        Route(BASE + path, serve(partial(_Call, simulator, operation)), methods=[method])
        for method, path, operation in table
    ]
    return [*api, *storage.routes(simulator)]


class _Call(Exchange):
    """One call, in Genviral's words."""

    def __init__(self, simulator: GenviralSimulator, operation: str, request: Request, raw: bytes) -> None:
        self.faults, self.world = simulator.faults, simulator.world
        self.operation, self.request = operation, request
        self.body: Json | Refusal = _parsed(raw) if request.method in ("POST", "PATCH") else {}
        self.key = key_of(request, self.world.keys)
        self.entry: Entry = simulator.journal.open(self.world.now(), operation)
        self._note()

    def _note(self) -> None:
        body = self.body if isinstance(self.body, dict) else {}
        ids = body.get("post_ids") or body.get("postIds") or []
        if "id" in self.request.path_params:
            ids = [self.request.path_params["id"]]
        self.entry.key = self.key.public_id if self.key else None
        self.entry.post_ids = [one for one in ids if isinstance(one, str)] if isinstance(ids, list) else []
        self.entry.external_id, self.entry.caption = _text(body.get("external_id")), _text(body.get("caption"))

    def matchable(self) -> str:
        """Give the captions, ids and external id of the call."""
        posts = [self.world.posts[one].caption for one in self.entry.post_ids if one in self.world.posts]
        return "\n".join([*posts, *self.entry.post_ids, self.entry.caption or "", self.entry.external_id or ""])

    async def work(self, fault: Fault | None) -> Response:
        """Do what was asked; `partial` does a part of it and answers 500."""
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
            return as_json(
                500,
                {
                    "ok": False,
                    "code": 500,
                    "message": "Unexpected database error",
                    "error_code": code,
                    "data": answer.data,
                },
            )
        return as_json(answer.status, _envelope(answer))

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

    def refuse(self, fault: Fault, response: Response | None) -> Response:
        """Word a fault in the vendor's envelope; the answer of a part of the work is worded already."""
        if fault.kind is FaultKind.PARTIAL:
            assert response is not None
            return response
        words = REFUSALS.get(fault.kind, (500, SERVER_ERRORS[self.operation], "Unexpected error"))
        refused = _refused(Refusal(*words))
        if fault.kind is FaultKind.RATE_LIMITED:
            refused.headers.update(retry_after_header(fault, self.world.now()))
        return refused


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
    return as_json(refusal.status, shown | ({"issues": refusal.issues} if refusal.issues else {}))


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
