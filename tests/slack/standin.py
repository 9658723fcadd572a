"""A stand-in of Slack's Web API on 127.0.0.1, which keeps the limits that its pages document.

    slack = Slack(now=clock)
    async with slack.serving() as base:        # `base` + "/api/" is `api_url`
        ...
    assert slack.seen("C1") == ["Posted"]

Sources, read 2026-11: https://docs.slack.dev/apis/web-api (tokens, errors, Retry-After), /apis/web-api/rate-limits,
/reference/methods/{chat.postMessage, chat.update, chat.postEphemeral, views.open, views.update, users.info,
conversations.open, conversations.history, conversations.replies, functions.completeSuccess, functions.completeError,
auth.test}, /messaging/sending-messages-using-incoming-webhooks, /interactivity/handling-user-interaction
(response_url), /surfaces/modals (trigger_id).
"""

import asyncio
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson
from aiohttp import web

from tests.block_kit import content_faults, view_faults
from tests.slack.methods import METHODS, READING, SCOPES, Refused
from tests.slack.posting import Posting
from tests.slack.seen import Address, Channel, Json, Trigger, View, Workspace

BOT_TOKEN, APP_TOKEN = "xoxb-1111-2222-standinsecret", "xapp-1-A1-2222-standinsecret"
BOT, APP, TEAM = "UBOT", "A1", "T1"


@dataclass
class Called:
    """A call that came; `error` is what it was told, empty for ok. `what` is a method, `response_url` or `webhook`."""

    what: str
    arguments: Json
    at: datetime
    error: str = ""
    status: int = 200


@dataclass
class Trouble:
    """What goes wrong with the next calls: one of 500, 429, `cut` (the work is done, the answer never comes), `slow`.

    `what` is the method, or `*` for any. `gate` holds a slow one until it is set.
    """

    kind: int | str
    what: str = "*"
    times: int = 1
    retry_after: int = 1
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    came: asyncio.Event = field(default_factory=asyncio.Event)


def judged(kind: str, given: Any) -> list[str]:
    """Hold a view or a message against the limits of Block Kit."""
    return view_faults(given) if kind == "view" else content_faults(str(given.get("text", "")), given["blocks"])


def _wall() -> datetime:
    return datetime.now(UTC)


class Slack(Workspace):
    """The workspace and the server of its API.

    Args:
        now: the clock that limits go by.
        scopes: what the bot token may; a method that needs another says `missing_scope`.
        burst: how many messages at once a channel takes before it is one a second.
        judge: says what is wrong with a `view`, or with a `message` that has blocks; None takes anything.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime] = _wall,
        scopes: Iterable[str] = tuple(SCOPES),
        burst: int = 2,
        judge: Callable[[str, Any], list[str]] | None = judged,
    ) -> None:
        super().__init__()
        self.now, self.scopes, self.judge = now, set(scopes), judge
        self.tokens = {BOT_TOKEN: self.scopes}
        self.calls: list[Called] = []
        self.troubles: list[Trouble] = []
        self.faults: list[str] = []
        """What was wrong with requests that a real Slack would merely warn of."""
        self.base = ""
        self.routes: list[web.RouteDef] = []
        """Further routes, such as those of Socket Mode: append before `serving`."""
        self.methods: dict[str, Callable[[Slack, Json], Json]] = dict(METHODS)
        self.needs: dict[str, str] = {}
        """Further methods and the tokens that they take, such as `apps.connections.open` and its app token."""
        self.posting = Posting(self, burst)

    # What there is, as a test sets it up.

    def add_channel(self, channel_id: str, *, member: bool = True, archived: bool = False, name: str = "") -> Channel:
        """Add a channel."""
        self.channels[channel_id] = made = Channel(channel_id, member, archived, name)
        return made

    def add_user(self, user_id: str, name: str = "Ann", timezone: str = "Europe/Berlin") -> None:
        """Add a person."""
        profile = {"real_name": name, "display_name": name.lower()}
        self.users[user_id] = {"id": user_id, "real_name": name, "tz": timezone, "profile": profile}

    def response_url(self, channel: str, user: str, original: str = "") -> str:
        """Make the address that comes with a command, or with a press of a button of the message `original`."""
        path = f"commands/{TEAM}/{self.number()}/rspsecret{self.number()}"
        self.addresses[path] = Address(channel, user, self.now(), original)
        return f"{self.base}/{path}"

    def webhook(self, channel: str) -> str:
        """Make an incoming webhook of a channel."""
        path = f"services/{TEAM}/B{self.number()}/whsecret{self.number()}"
        self.hooks[path] = channel
        return f"{self.base}/{path}"

    def trigger(self, user: str) -> str:
        """Make what opens a modal."""
        trigger_id = f"{self.number()}.{self.number()}.trgsecret"
        self.triggers[trigger_id] = Trigger(user, self.now())
        return trigger_id

    def step(self, execution: str) -> str:
        """Begin a run of a workflow's step; return the token that ends it."""
        token = f"xwfp-{self.number()}-stepsecret"
        self.steps[execution] = {"token": token}
        self.tokens[token] = set(SCOPES)
        return token

    def file(self, content: bytes, content_type: str, name: str = "a.png") -> str:
        """Keep a private file; return its `url_private`."""
        path = f"files-pri/{TEAM}-F{self.number()}/{name}"
        self.files[path] = (content, content_type)
        return f"{self.base}/{path}"

    def trouble(self, kind: int | str, what: str = "*", times: int = 1, **given: Any) -> Trouble:
        """Let the next calls of a method go wrong."""
        self.troubles.append(made := Trouble(kind, what, times, **given))
        return made

    # What a test asks.

    def called(self, what: str = "") -> list[Called]:
        """Return the calls of a method that came, in order."""
        return [one for one in self.calls if what in ("", one.what)]

    def counted(self) -> dict[str, int]:
        """Return how often each method was called."""
        return dict(Counter(one.what for one in self.calls))

    def view_of(self, user: str) -> View:
        """Return the modal that a person opened last."""
        return [view for view in self.views.values() if view.user == user][-1]

    # Serving it.

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator[str]:
        """Serve it on this event loop while the block runs; the base address has no slash at its end."""
        app = web.Application(client_max_size=4 * 1024 * 1024)
        app.add_routes([*self.routes, web.route("*", "/{path:.*}", self._handle)])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.01)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", port)
            await site.start()
            self.base = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield self.base
        finally:
            for trouble in self.troubles:
                trouble.gate.set()
            await runner.cleanup()

    @contextmanager
    def serving_aside(self, port: int = 0) -> Iterator[str]:
        """Serve it on a thread of its own, for tests of whole processes."""
        up, over, loop = threading.Event(), asyncio.Event(), asyncio.new_event_loop()

        async def serve() -> None:
            async with self.serving(port):
                up.set()
                await over.wait()

        thread = threading.Thread(target=loop.run_until_complete, args=(serve(),), daemon=True)
        thread.start()
        if not up.wait(10):
            raise RuntimeError("the stand-in did not start")
        try:
            yield self.base
        finally:
            loop.call_soon_threadsafe(over.set)
            thread.join(10)
            loop.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path, body = request.match_info["path"], await request.read()
        if path in self.files:
            return self._file(request, path)
        what = path.removeprefix("api/") if path.startswith("api/") else path.split("/")[0]
        what = {"commands": "response_url", "services": "webhook"}.get(what, what)
        trouble = self._next(what)
        if trouble is not None and trouble.kind != "cut":
            trouble.came.set()
            if trouble.kind != "slow":
                self.calls.append(Called(what, {}, self.now(), str(trouble.kind), int(trouble.kind)))
                return _in_trouble(trouble)
            await trouble.gate.wait()
        answer = self._answer(what, path, request, body)
        if trouble is not None and trouble.kind == "cut" and request.transport is not None:
            trouble.came.set()
            request.transport.abort()
        return answer

    def _next(self, what: str) -> Trouble | None:
        for one in self.troubles:
            if one.times and one.what in ("*", what):
                one.times -= 1
                return one
        return None

    def _file(self, request: web.Request, path: str) -> web.Response:
        """Answer a file, or to whoever may not have it the page to log in: with 200, as Slack does."""
        if "files:read" not in self._scopes(request):
            page = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in</body></html>"
            return web.Response(text=page, content_type="text/html")
        content, content_type = self.files[path]
        return web.Response(body=content, content_type=content_type)

    def _scopes(self, request: web.Request) -> set[str]:
        return self.tokens.get(_token(request), set())

    def _answer(self, what: str, path: str, request: web.Request, body: bytes) -> web.Response:
        if what in ("response_url", "webhook"):
            return self._by_address(what, path, body)
        arguments = _arguments(request, body, what)
        call = Called(what, arguments, self.now())
        self.calls.append(call)
        try:
            self._admit(what, request)
            answer = {"ok": True} | self.methods[what](self, arguments | {"token": _token(request)})
        except Refused as refused:
            call.error, call.status = refused.error, refused.status
            headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else {}
            refusal = {"ok": False, "error": refused.error} | refused.more
            return web.json_response(refusal, status=refused.status, headers=headers)
        if request.content_type == "application/json" and request.charset is None:
            self.faults.append(f"{what}: missing_charset")
        return web.json_response(answer)

    def _admit(self, what: str, request: web.Request) -> None:
        if what not in self.methods:
            raise Refused("unknown_method")
        token = _token(request)
        if not token:
            raise Refused("not_authed")
        if what in self.needs:
            if token != self.needs[what]:
                raise Refused("not_allowed_token_type" if token in self.tokens else "invalid_auth")
            return
        if token not in self.tokens:
            raise Refused("invalid_auth")
        needed = next((scope for scope, methods in SCOPES.items() if what in methods), None)
        if needed is not None and needed not in self.tokens[token]:
            raise Refused("missing_scope", needed=needed, provided=",".join(sorted(self.tokens[token])))

    def _by_address(self, what: str, path: str, body: bytes) -> web.Response:
        try:
            message = orjson.loads(body)
        except ValueError:
            message = None
        call = Called(what, message if isinstance(message, dict) else {}, self.now())
        self.calls.append(call)
        try:
            if not isinstance(message, dict):
                raise Refused("invalid_payload", status=400)
            (self.posting.respond if what == "response_url" else self.posting.hook)(path, message)
        except Refused as refused:
            call.error, call.status = refused.error, refused.status
            headers = {"Retry-After": str(refused.retry_after)} if refused.retry_after else {}
            return web.Response(text=refused.error, status=refused.status, headers=headers)
        return web.Response(text="ok")


def _in_trouble(trouble: Trouble) -> web.Response:
    if trouble.kind == 429:
        headers = {"Retry-After": str(trouble.retry_after)}
        return web.json_response({"ok": False, "error": "ratelimited"}, status=429, headers=headers)
    return web.Response(text="<html>Server Error</html>", status=int(trouble.kind), content_type="text/html")


def _token(request: web.Request) -> str:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token if scheme == "Bearer" else ""


def _arguments(request: web.Request, body: bytes, what: str) -> Json:
    """Read arguments as Slack does: methods that only read take none from a JSON body."""
    pairs = [*request.query.items()]
    if request.content_type != "application/json":
        pairs += parse_qsl(body.decode(), keep_blank_values=True)
    given = {name: _unpacked(name, text) for name, text in pairs}
    read = orjson.loads(body) if request.content_type == "application/json" and what not in READING else {}
    return {**given, **read} if isinstance(read, dict) else given


def _unpacked(name: str, text: str) -> Any:
    return orjson.loads(text) if name in ("blocks", "metadata", "view", "outputs") else text
