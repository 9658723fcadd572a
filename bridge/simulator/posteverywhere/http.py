"""The partner API over HTTP: key, plan, limit and scope, then the scripted fault, then the call, in the envelope.

Envelope: `{"data", "error", "meta": {"request_id", "timestamp"}}`; https://developers.posteverywhere.ai, captured by
2026-11.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.simulator.faults import Endpoint, Fault, FaultKind, retry_after_header
from bridge.simulator.posteverywhere import accounts, listing, media, posts, retries, rules, shapes, webhooks
from bridge.simulator.posteverywhere.journal import Entry
from bridge.simulator.posteverywhere.limits import Standing
from bridge.simulator.posteverywhere.model import Json, Key, Refusal
from bridge.simulator.posteverywhere.posts import Answer
from bridge.simulator.posteverywhere.simulator import PostEverywhereSimulator
from bridge.simulator.serving import Exchange, as_json, key_of, serve

BASE = "/api/v1"
ROUTES = [
    ("GET", "/me", "me", "read"),
    ("GET", "/platform-rules", "rules", "read"),
    ("GET", "/accounts", "accounts", "read"),
    ("POST", "/accounts/connect-link", "connect", "write"),
    ("GET", "/accounts/{id}", "account", "read"),
    ("GET", "/accounts/{id}/health", "health", "read"),
    ("POST", "/accounts/{id}/reconnect", "reconnect", "write"),
    ("POST", "/posts", "create", "write"),
    ("GET", "/posts", "list", "read"),
    ("POST", "/posts/bulk", "bulk", "write"),
    ("POST", "/posts/retry-failed", "retry_failed", "write"),
    ("GET", "/posts/{id}", "get", "read"),
    ("PATCH", "/posts/{id}", "update", "write"),
    ("DELETE", "/posts/{id}", "delete", "write"),
    ("GET", "/posts/{id}/results", "results", "read"),
    ("POST", "/posts/{id}/retry", "retry", "write"),
    ("POST", "/posts/{id}/schedule", "schedule", "write"),
    ("POST", "/media/upload", "upload", "write"),
    ("POST", "/media/upload-from-url", "import_url", "write"),
    ("GET", "/media", "media_list", "read"),
    ("POST", "/media/{id}/complete", "complete", "write"),
    ("GET", "/media/{id}", "media", "read"),
    ("DELETE", "/media/{id}", "media_delete", "write"),
    ("GET", "/webhooks", "webhooks", "read"),
    ("POST", "/webhooks", "webhook_create", "write"),
    ("GET", "/webhooks/{id}", "webhook", "read"),
    ("PATCH", "/webhooks/{id}", "webhook_update", "write"),
    ("DELETE", "/webhooks/{id}", "webhook_delete", "write"),
    ("POST", "/webhooks/{id}/test", "webhook_test", "write"),
    ("POST", "/ai/generate-caption", "caption", "ai"),
]
SCOPES = {operation: scope for _, _, operation, scope in ROUTES}
CREATES = ("create", "bulk")
OF_ONE_POST = ("get", "update", "delete", "results", "retry", "schedule")
REFUSALS = {
    FaultKind.UNAUTHORIZED: (401, "unauthorized", "Invalid API key."),
    FaultKind.PLAN_LAPSED: (402, "subscription_required", "An active subscription is required to use the API."),
    FaultKind.FORBIDDEN: (403, "insufficient_scope", "This API key lacks the required scope."),
    FaultKind.TIER_NOT_ALLOWED: (403, "quota_exceeded", "Your plan's quota is used up."),
    FaultKind.HOSTED_SUBSCRIPTION_REQUIRED: (403, "quota_exceeded", "Your plan does not include this."),
    FaultKind.SERVER_ERROR: (500, "internal_error", "An unexpected error occurred."),
    FaultKind.PARTIAL: (500, "internal_error", "An unexpected error occurred."),
    FaultKind.UNAVAILABLE: (503, "service_unavailable", "The service is temporarily unavailable."),
}
RATE_TEXT = "Rate limit exceeded. Please slow down."


def routes(simulator: PostEverywhereSimulator) -> list[Route]:
    """Give the partner's routes, served from one simulator, and the addresses it hands out."""
    table = [
        Route(BASE + path, serve(partial(_Call, simulator, operation)), methods=[method])
        for method, path, operation, _ in ROUTES
    ]
    return [
        *table,
        Route("/_upload/{id}", _upload(simulator), methods=["PUT", "POST"]),
        Route("/_authorize/{token}", _authorize(simulator)),
    ]


def _upload(simulator: PostEverywhereSimulator) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        size = len(await request.body())
        return Response(status_code=media.land(simulator.world, request.path_params["id"], request.query_params, size))

    return endpoint


def _authorize(simulator: PostEverywhereSimulator) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        name = accounts.authorize(simulator.world, request.path_params["token"])
        return Response(f"Connected {name}.") if name else Response("This link is no longer valid.", 410)

    return endpoint


class _Call(Exchange):
    """One call, in PostEverywhere's words; its limit is counted after the key."""

    def __init__(self, simulator: PostEverywhereSimulator, operation: str, request: Request, raw: bytes) -> None:
        self.simulator, self.faults = simulator, simulator.faults
        self.world, self.options = simulator.world, simulator.world.options
        self.operation, self.request = operation, request
        self.body: Json | Refusal = _parsed(raw) if raw.strip() else {}
        self.key = key_of(request, self.world.keys)
        self.entry: Entry = simulator.journal.open(self.world.now(), operation)
        limit = self.options.general_per_minute
        self.standing = Standing(limit, limit, self.world.now() + timedelta(minutes=1))
        self._note()

    def _note(self) -> None:
        body, entry = self.body if isinstance(self.body, dict) else {}, self.entry
        entry.key, entry.query = self.key.prefix if self.key else None, self.request.url.query
        entry.content = body["content"] if isinstance(body.get("content"), str) else None
        ids = body.get("account_ids")
        entry.account_ids = [one for one in ids if isinstance(one, int)] if isinstance(ids, list) else []
        given = body.get("post_ids") or []
        if self.operation in OF_ONE_POST:
            given = [self.request.path_params["id"]]
        entry.post_ids = [one for one in given if isinstance(one, str)] if isinstance(given, list) else []

    def end(self, response: Response) -> Response:
        """Tell how the key's limit stands, whatever the answer."""
        for name, value in self.standing.headers().items():
            response.headers.setdefault(name, value)
        return super().end(response)

    def matchable(self) -> str:
        """Give the texts and ids of the call."""
        known = [self.world.posts[one].content for one in self.entry.post_ids if one in self.world.posts]
        return "\n".join([*known, *self.entry.post_ids, self.entry.content or ""])

    async def work(self, fault: Fault | None) -> Response:
        """Do what was asked, whatever the fault makes of the answer."""
        try:
            key = self._allowed()
            if isinstance(self.body, Refusal):
                raise self.body
            answer = await self._run(key, self.body)
        except Refusal as refusal:
            self.entry.error_code = refusal.code
            return self._refused(refusal)
        self.entry.worked = True
        self.entry.post_ids = _made(self.operation, answer) or self.entry.post_ids
        if answer.bare:
            return as_json(answer.status, answer.data)
        error = {"error": None} if self.options.error_key else {}
        return as_json(answer.status, {"data": answer.data} | error | self._meta())

    def _allowed(self) -> Key:
        key = self.key
        if key is None:
            raise Refusal(*REFUSALS[FaultKind.UNAUTHORIZED])
        self._count(key)
        if self.operation != "me" and not self.world.organizations[key.organization_id].entitled:
            raise Refusal(*REFUSALS[FaultKind.PLAN_LAPSED])
        scope = SCOPES[self.operation]
        if scope not in key.scopes:
            # The code of a missing scope is not published; 401 is the older status.
            status, code, _ = REFUSALS[FaultKind.FORBIDDEN]
            old = self.options.scope_status == 401
            message = f"This API key lacks the '{scope}' scope."
            raise Refusal(401 if old else status, "unauthorized" if old else code, message)
        return key

    def _count(self, key: Key) -> None:
        body = self.body if isinstance(self.body, dict) else {}
        later = "scheduled_for" in body or "scheduled_at" in body
        spared = self.options.scheduled_bypass and later
        creates = self.options.creates_per_minute if self.operation in CREATES and not spared else None
        general, now = self.options.general_per_minute, self.world.now()
        self.standing = self.simulator.limits.count(key.prefix, now, general=general, creates=creates)
        if self.standing.retry_after is not None:
            raise Refusal(429, "rate_limit_exceeded", RATE_TEXT)

    async def _run(self, key: Key, body: Json) -> Answer:
        if self.operation == "webhook_test":
            async with self.simulator.client() as client:
                return await webhooks.test(self.world, key, self.request.path_params["id"], client)
        return _WORK[self.operation](self, key, body)

    def refuse(self, fault: Fault, response: Response | None) -> Response:
        """Word a fault in the vendor's envelope."""
        if fault.kind in REFUSALS:
            return self._refused(Refusal(*REFUSALS[fault.kind]))
        refused = self._refused(Refusal(429, "rate_limit_exceeded", RATE_TEXT), wait=fault.retry_after)
        refused.headers.update({"x-ratelimit-remaining": "0"} | retry_after_header(fault, self.world.now()))
        return refused

    def _refused(self, refusal: Refusal, *, wait: int | None = None) -> Response:
        error: Json = {"message": refusal.message, "code": refusal.code}
        if self.options.error_retryable:
            error["retryable"] = refusal.status == 429 or refusal.status >= 500
        if refusal.details is not None:
            error["details"] = refusal.details
        if refusal.status == 429 and self.options.rate_body == "old":
            seconds = self.standing.retry_after if self.standing.retry_after is not None else wait
            error |= {"code": "rate_limited", "retryAfter": seconds}
        return as_json(refusal.status, {"data": None, "error": error} | self._meta())

    def _meta(self) -> Json:
        number = f"{self.entry.sequence:08x}"
        name = f"req_{number}" if self.options.shapes == "old" else number
        at = shapes.moment(self.world.now(), self.options)
        return {"meta": {self.options.request_id_key: name, "timestamp": at}}

    @property
    def base_url(self) -> str:
        """Where the caller reached this server, without a final slash."""
        return str(self.request.base_url).rstrip("/")

    @property
    def id(self) -> str:
        """The id in the path."""
        return str(self.request.path_params["id"])


Work = Callable[[_Call, Key, Json], Answer]
_WORK: dict[str, Work] = {
    "me": lambda call, key, _: accounts.me(call.world, key),
    "rules": lambda call, _key, _: Answer(200, rules.render(call.options.rules_shape)),
    "accounts": lambda call, key, _: accounts.list_accounts(call.world, key),
    "account": lambda call, key, _: accounts.get(call.world, key, call.id),
    "health": lambda call, key, _: accounts.read_health(call.world, key, call.id),
    "connect": lambda call, _key, body: accounts.connect_link(call.world, call.base_url, body),
    "reconnect": lambda call, key, _: accounts.reconnect_link(call.world, key, call.base_url, call.id),
    "create": lambda call, key, body: posts.create(call.world, key, body),
    "bulk": lambda call, key, body: posts.create_bulk(call.world, key, body),
    "list": lambda call, key, _: Answer(200, listing.page(call.world, key.organization_id, call.request.query_params)),
    "get": lambda call, key, _: posts.get(call.world, key, call.id),
    "results": lambda call, key, _: posts.results(call.world, key, call.id),
    "update": lambda call, key, body: posts.update(call.world, key, call.id, body),
    "delete": lambda call, key, _: posts.delete(
        call.world, key, call.id, on_platforms=call.request.query_params.get("delete_on_platforms")
    ),
    "schedule": lambda call, key, body: posts.schedule(call.world, key, call.id, body),
    "retry": lambda call, key, body: retries.retry(call.world, key, call.id, body),
    "retry_failed": lambda call, key, body: retries.retry_failed(call.world, key, body),
    "upload": lambda call, key, body: media.start_upload(call.world, key, call.base_url, body),
    "complete": lambda call, key, _: media.complete(call.world, key, call.id),
    "import_url": lambda call, key, body: media.import_url(call.world, key, body),
    "media": lambda call, key, _: media.get(call.world, key, call.id),
    "media_list": lambda call, key, _: media.list_media(call.world, key, call.request.query_params),
    "media_delete": lambda call, key, _: media.delete(
        call.world, key, call.id, force=call.request.query_params.get("force") == "true"
    ),
    "webhooks": lambda call, key, _: webhooks.list_webhooks(call.world, key),
    "webhook_create": lambda call, key, body: webhooks.create(call.world, key, body),
    "webhook": lambda call, key, _: webhooks.get(call.world, key, call.id),
    "webhook_update": lambda call, key, body: webhooks.update(call.world, key, call.id, body),
    "webhook_delete": lambda call, key, _: webhooks.delete(call.world, key, call.id),
    "caption": lambda _call, _key, body: Answer(200, {"captions": [f"About {body.get('topic')}"], "credits_used": 1}),
}


def _made(operation: str, answer: Answer) -> list[str]:
    """Give the ids of the posts a call made."""
    if operation == "create":
        return [answer.data["post_id"]]
    if operation == "bulk":
        return [one["post"]["post_id"] for one in answer.data["results"] if one["ok"]]
    return []


def _parsed(raw: bytes) -> Json | Refusal:
    """Read a body; what it is refused for is kept until the key was judged."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return Refusal(400, "invalid_json", "Request body is not valid JSON.")
    return value if isinstance(value, dict) else Refusal(400, "validation_error", "Expected a JSON object.")
