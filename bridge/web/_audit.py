"""Writes down who asks for a change before it is done, and what came of it after: an API call or a console's button."""

import re
from dataclasses import replace
from typing import Any

import orjson
from starlette.types import Message

from bridge.core.auditing import Note
from bridge.core.errors import Conflict, Problem, StoreError, storage_problem
from bridge.web._body import Disconnected, read_body
from bridge.web._call import Answer, Call, Handler, Web
from bridge.web._schemas import SCHEMAS
from bridge.web._table import Operation

_NOTHING_CHANGES = frozenset({"publish", "receive_hook", "put_hook", "preview"})
"""Not read only by their method: what they bring is an event, which says itself who sent it; a preview does nothing."""

_OWN_ID = re.compile(r"[a-z]{2,5}_[0-9a-f]{8,40}")
_LONGEST_SUBJECT = 200


def is_audited(operation: Operation) -> bool:
    """Say whether an operation changes something that people answer for."""
    return operation.method != "GET" and operation.name not in _NOTHING_CHANGES


def audited(operation: Operation, handler: Handler) -> Handler:
    """Return a handler that notes who asks, does nothing where that cannot be written, and then what was answered.

    Raises:
        StoreError: the note could not be written, so nothing was done (503).
    """
    if not is_audited(operation):
        return handler

    async def noted(web: Web, call: Call) -> Answer:
        call, given = await _read(call) if operation.body is not None else (call, {})
        note = await _note(web, call, operation, given)
        await web.store.desk.note(note)
        try:
            answer = await handler(web, call)
        except Exception as error:
            if not isinstance(error, Disconnected):
                await web.ingest.kit.end_note(note, _status(error))
            raise
        named = _subject(call, given) if answer.status < 300 and not note.subject else ""
        await web.ingest.kit.end_note(note, answer.status, named)
        return answer

    return noted


async def _note(web: Web, call: Call, operation: Operation, given: dict[str, Any]) -> Note:
    subject = _named(call)
    if operation.path.startswith("/v1/posts/"):
        subject = await web.actions.find(subject)
    # Anything else may be anything, up to a secret: it is told once it turned out to be the name of something.
    known = bool(_OWN_ID.fullmatch(subject))
    via = "console" if call.session else "api"
    detail = {"fields": _fields(operation, given)} if given else None
    note_id, subject = web.ingest.kit.new_id("aud"), subject if known else ""
    return Note(note_id, web.clock(), call.caller.name, via, operation.name, subject, detail=detail)


def _named(call: Call) -> str:
    """Return the id or name in the path."""
    return str(next(iter(call.scope["path_params"].values()), ""))


def _subject(call: Call, given: dict[str, Any]) -> str:
    """Return what it was about, now that it was done; of what was made, its name."""
    named = _named(call) or given.get("name")
    return named[:_LONGEST_SUBJECT] if isinstance(named, str) else ""


def _fields(operation: Operation, given: dict[str, Any]) -> list[str]:
    """Return the names of the fields that were given; one that there is not may be anything, and is not told."""
    known = SCHEMAS[operation.body or ""]["properties"]
    return sorted({name if name in known else "?" for name in given})


async def _read(call: Call) -> tuple[Call, dict[str, Any]]:
    """Read the body and return a call that can read it again, and its fields as far as it has any."""
    headers = dict(call.scope["headers"])
    body = await read_body(call.receive, headers.get(b"content-length"), call.max_body)
    whole: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return whole.pop() if whole else await call.receive()

    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        fields = None
    return replace(call, receive=again), fields if isinstance(fields, dict) else {}


def _status(error: Exception) -> int:
    match error:
        case Problem():
            return error.status
        case StoreError():
            return storage_problem(error).status
        case Conflict():
            return 409
    return 500
