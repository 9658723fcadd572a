"""`/openapi.json`: OpenAPI 3.1, made of the table of operations and the schemas."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bridge import __version__
from bridge.core.endpoints import DELIVERED
from bridge.core.formats import FORMATS
from bridge.core.model import Intent
from bridge.web._query import MOST_ROWS
from bridge.web._schemas import SCHEMAS, TEXT, WHEN, Schema, ref, word
from bridge.web._table import Operation
from bridge.web._webhooks import webhooks

PARAMETERS: Mapping[str, Schema] = {
    "wait": {
        "type": "string",
        "examples": ["20", "20s"],
        "description": "Stay until the partner has answered; at most 120.",
    },
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 50},
    "before": {"type": "string", "description": "The `next` of the page before."},
    "since": {**WHEN, "description": "Made at or after."},
    "until": {**WHEN, "description": "Made before."},
    "state": {"type": "string", "description": "One of the states of what is listed."},
    "account": {"type": "string", "description": "Our name or the partner's id."},
    "q": {"type": "string", "description": "Text in caption, title or url."},
    "intent": word(Intent),
    "types": {"type": "string", "description": "Patterns of types, such as post.*, with commas between."},
    "format": word(FORMATS),
    "type": word(DELIVERED),
}
"""Parameters of queries; one that is not here is plain text."""


_OFF = "Bridge-Writes-Off"
_OFF_MEANS = "Partners that are told nothing, with commas between; only there while `writes` of one is off."
_LATER = "Retry-After"
_LATER_MEANS = "Seconds until the same request may be repeated."

_PROBLEMS: Mapping[int, str] = {
    400: "The body or a key cannot be read.",
    401: "Nobody known sent it: no token or signature, or a wrong one.",
    403: "The token may not do this, or not with these accounts.",
    404: "There is nothing of that name.",
    405: "This source is sent with another method.",
    409: "It does not go with what is there; `detail` says why.",
    413: "The body is larger than `server.max_body`.",
    415: "The body is of a type or encoding that is not understood.",
    422: "It can be read and is wrong: `errors` names each field. Or the partner refused it.",
    429: "Too much waits; nothing was stored.",
    431: "The headers are too large.",
    502: "The partner answered with something that is of no use.",
    503: "It cannot be done right now; nothing was stored.",
}
"""What a problem of each status means."""


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the description of these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bridge", "version": __version__, "summary": "Publish in, every state change out."},
        "paths": paths,
        # Of the listener for probes and metrics alone there is nothing to expect.
        "webhooks": webhooks() if "/v1/event-types" in paths else {},
        "components": {
            "schemas": SCHEMAS,
            "headers": {
                _OFF: {"schema": TEXT, "description": _OFF_MEANS},
                _LATER: {"schema": {"type": "integer", "minimum": 1}, "description": _LATER_MEANS},
            },
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(operation: Operation) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "parameters": [*_path_parameters(operation), *_query_parameters(operation)],
        "responses": _responses(operation),
        "security": [{"token": [operation.scope]}] if operation.scope else [],
    }
    if operation.body is not None:
        kinds = ["application/json"]
        if operation.name in ("publish", "receive_hook", "put_hook"):
            kinds += ["application/x-www-form-urlencoded", "multipart/form-data"]
            shown["parameters"].append(
                {"name": "Idempotency-Key", "in": "header", "schema": {**TEXT, "maxLength": 255}}
            )
        shown["requestBody"] = {"content": {kind: {"schema": ref(operation.body)} for kind in kinds}}
    return shown


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": TEXT} for name in names]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": PARAMETERS.get(name, TEXT)} for name in operation.query]


def _responses(operation: Operation) -> dict[str, Any]:
    always = {_OFF: {"$ref": f"#/components/headers/{_OFF}"}}
    later = {_LATER: {"$ref": f"#/components/headers/{_LATER}"}}
    problem = {"content": {"application/problem+json": {"schema": ref("Problem")}}}
    answers: dict[str, Any] = {
        str(status): {"headers": always | later if status in (429, 503) else always}
        | {"description": _PROBLEMS[status]}
        | problem
        for status in operation.problems
    }
    for status, name in operation.answers.items():
        # What has no schema has no body, as a 204.
        content = {"content": {"application/json": {"schema": ref(name)}}} if name else {}
        answers[str(status)] = {"headers": always, "description": operation.summary} | content
    if not operation.answers:
        text = {"text/event-stream" if operation.name == "stream" else "text/plain": {"schema": TEXT}}
        answers["200"] = {"headers": always, "description": operation.summary, "content": text}
    return dict(sorted(answers.items()))
