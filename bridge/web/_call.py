"""What a handler is given and gives: `Web` (the parts it works with), `Call` (a checked request), `Answer`."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import orjson
from starlette.types import Receive, Scope, Send

from bridge.core.errors import Problem
from bridge.core.events import wire
from bridge.core.nul import without_nul
from bridge.core.tokens import Token, Tokens
from bridge.flows.act import Actions
from bridge.flows.endpoints import Endpoints
from bridge.flows.ingest import Ingest
from bridge.flows.replay import Replayer
from bridge.flows.stream import Streams
from bridge.flows.wait import Waiters
from bridge.metrics import Metrics
from bridge.ports import Clock, Store
from bridge.web._body import read_body
from bridge.web._fresh import Fresh
from bridge.web._query import Query

if TYPE_CHECKING:
    from bridge.tracing import Spans

JSON = b"application/json"
Headers = tuple[tuple[bytes, bytes], ...]


class Health(Protocol):
    """What the probes ask."""

    async def ready(self) -> Mapping[str, str]:
        """Name each failed check and say why; empty when work may come."""
        ...

    def config(self) -> Mapping[str, object]:
        """Say what keeps a changed configuration from being that which runs; empty when nothing does."""
        ...

    def live(self) -> bool:
        """Whether the process is of any use; when not, it is to be started anew."""
        ...


@dataclass(frozen=True, slots=True)
class Web:
    """What the HTTP room works with.

    `public_url` is the address that senders use, without a path (None: what they asked for); `max_body` bounds a
    request, in bytes. `with_admin` puts the probes and metrics on the public listener too. `writes_off` names the
    partners that are told nothing: every answer says so. `key_set` are the public keys that verify v1a signatures.
    `ephemeral` says that the database may be lost with the pod. `spans` is None where nothing is traced. `session` is
    for how long one stays signed in at the console; None where there is none.
    """

    ingest: Ingest
    actions: Actions
    endpoints: Endpoints
    replayer: Replayer
    waiters: Waiters
    store: Store
    metrics: Metrics
    tokens: Tokens
    clock: Clock
    public_url: str | None
    max_body: int
    health: Health
    with_admin: bool
    writes_off: tuple[str, ...] = ()
    ephemeral: bool = False
    key_set: Mapping[str, Any] = field(default_factory=lambda: {"keys": []})
    spans: "Spans | None" = None
    session: timedelta | None = None
    streams: Streams = field(default_factory=Streams)
    fresh: Fresh = field(default_factory=Fresh)


def dump(value: Any) -> bytes:
    """Write JSON: instants as ISO 8601 in UTC with `Z`."""
    return orjson.dumps(value, default=wire, option=orjson.OPT_UTC_Z)


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole response."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: Headers = ()

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Headers = ()) -> "Answer":
        """Answer a value as JSON."""
        return cls(status, dump(value), JSON, headers)

    async def send(self, send: Send) -> None:
        """Send it."""
        length = str(len(self.body)).encode()
        # A 204 has neither content nor its headers (RFC 9110, 8.6).
        content = [] if self.status == 204 else [(b"content-type", self.content_type), (b"content-length", length)]
        headers = [*content, *self.headers]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose token was checked, of the API or a page of the console (`session`).

    `token` is None where none is asked for.
    """

    scope: Scope
    receive: Receive
    token: Token | None
    max_body: int
    session: bool = False

    @property
    def query(self) -> bytes:
        """The query string, as it came."""
        return self.scope["query_string"]  # type: ignore[no-any-return]  # Bytes, by the ASGI specification.

    @property
    def allowed(self) -> Sequence[str]:
        """The patterns of the accounts that the caller may use; empty means all."""
        return self.token.accounts if self.token is not None else ()

    @property
    def caller(self) -> Token:
        """Whose token it is, of an operation that asks for one."""
        if self.token is None:
            raise LookupError("this operation asks for no token")
        return self.token

    def param(self, name: str) -> str:
        """A placeholder of the path."""
        return str(self.scope["path_params"][name])

    async def fields(self) -> dict[str, Any]:
        """Read the body as a JSON object; an empty body is an empty object.

        Raises:
            Problem: 400 `invalid_json` with the offset, 413, 415.
        """
        headers = dict(self.scope["headers"])
        kind = headers.get(b"content-type", JSON).partition(b";")[0].strip().lower()
        body = await read_body(self.receive, headers.get(b"content-length"), self.max_body)
        if not body:
            return {}
        if kind != JSON and not kind.endswith(b"+json"):
            raise Problem(415, "unsupported_media_type", "Send the body as application/json.")
        try:
            fields = orjson.loads(without_nul(body))
        except orjson.JSONDecodeError as error:
            detail = f"The body is not JSON: {error.msg} at offset {error.pos}."
            raise Problem(400, "invalid_json", detail, extra={"offset": error.pos}) from None
        if not isinstance(fields, dict):
            raise Problem(400, "invalid_json", "The body is JSON, but not an object.")
        return fields


Handler = Callable[[Web, Call], Awaitable[Answer]]


class Endpoint:
    """Checks the token and lets a handler answer: one operation of the API.

    A handler whose operation has parameters refuses those that it does not know; for one without any it is done here.
    Who needs no token may send what he likes: probes do.
    """

    __slots__ = ("_handler", "_plain", "_scope", "_web")

    def __init__(self, web: Web, handler: Handler, scope: str | None, query: Sequence[str] = ()) -> None:
        self._web, self._handler, self._scope = web, handler, scope
        self._plain = scope is not None and not query

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        token = None
        if self._scope is not None:
            token = self._web.tokens.check(_authorization(scope), self._scope)
        if self._plain:
            Query(scope["query_string"], ()).check()
        answer = await self._handler(self._web, Call(scope, receive, token, self._web.max_body))
        await answer.send(send)


def _authorization(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return str(value, "latin-1")
    return None
