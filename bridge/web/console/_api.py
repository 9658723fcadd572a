"""Asks the API's own handlers in this process: what a page shows or does is what the API would say and allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.types import Message

from bridge.core.errors import Problem
from bridge.core.tokens import Token
from bridge.web._call import Call, Handler, Web
from bridge.web._table import Operation


@dataclass(frozen=True, slots=True)
class Said:
    """What the API answered: a status, and its JSON."""

    status: int
    body: dict[str, Any] = field(default_factory=dict)


class Api:
    """The operations of the API, by name."""

    def __init__(self, web: Web, handlers: Mapping[str, Handler], operations: Mapping[str, Operation]) -> None:
        self._web, self._handlers, self._operations = web, handlers, operations

    def may(self, token: Token, name: str) -> bool:
        """Say whether a token has the scope of an operation."""
        scope = self._operations[name].scope
        return scope is None or token.may(scope)

    async def ask(
        self,
        token: Token,
        name: str,
        params: Mapping[str, str] | None = None,
        query: Mapping[str, str | None] | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> Said:
        """Ask one operation; parameters that are None or empty are left out.

        Raises:
            Problem: what the API would answer, 403 `scope` among it.
            StoreError, Conflict: likewise.
        """
        operation = self._operations[name]
        if not self.may(token, name):
            detail = f"Token {token.name!r} lacks the scope {operation.scope!r}: this needs somebody who has it."
            raise Problem(403, "scope", detail)
        sent = orjson.dumps(body) if body is not None else b""
        given = {key: value for key, value in (query or {}).items() if value}
        scope = {
            "type": "http",
            "method": operation.method,
            "path": operation.path,
            "query_string": urlencode(given).encode(),
            "headers": [(b"content-type", b"application/json")],
            "path_params": dict(params or {}),
        }

        async def receive() -> Message:
            return {"type": "http.request", "body": sent, "more_body": False}

        call = Call(scope, receive, token, self._web.max_body, session=True)
        answer = await self._handlers[name](self._web, call)
        return Said(answer.status, orjson.loads(answer.body) if answer.body else {})
