"""`/openapi.json`: OpenAPI 3.1, made of the table of operations. Schemas name what a caller needs, and allow more."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bridge import __version__
from bridge.core.events import EVENT_TYPES
from bridge.core.model import AccountState, CommandKind, Intent, PostState, WorkState
from bridge.core.request import EDITABLE, FIELDS
from bridge.web._query import MOST_ROWS
from bridge.web._table import Operation
from bridge.web._timeline import KINDS

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_MAYBE: Schema = {"type": ["string", "null"]}
_WHEN: Schema = {"type": "string", "format": "date-time"}
_MAYBE_WHEN: Schema = {"type": ["string", "null"], "format": "date-time"}
_FLAG: Schema = {"type": "boolean"}
_COUNT: Schema = {"type": "integer", "minimum": 0}
_ANY: Schema = {"type": "object"}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}


def _many(of: Schema) -> Schema:
    return {"type": "array", "items": of}


def _word(words: Iterable[str]) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _object(*required: str, **properties: Schema) -> Schema:
    return {"type": "object", "properties": properties} | ({"required": list(required)} if required else {})


def _list(of: Schema) -> Schema:
    return _object("items", "next", items=_many(of), next=_MAYBE)


_REQUEST: Mapping[str, Schema] = {
    "caption": _MAYBE,
    "captions": {
        "type": ["object", "null"],
        "additionalProperties": _TEXT,
        "description": "Captions by platform, such as x or linkedin; each goes before `caption`.",
    },
    "text": _MAYBE,
    "media": {
        "anyOf": [_ANY, _TEXT, _many(_TEXT)],
        "description": 'An object such as {"type": "video", "url": "https://..."}, one URL, or a list of URLs.',
    },
    "accounts": {
        "anyOf": [_TEXT, _many({"anyOf": [_TEXT, _object("id", id=_TEXT)]})],
        "description": "Our names, patterns over them, or ids of the partner.",
    },
    "scheduled_at": {"type": ["string", "null"], "description": "ISO 8601; without an offset `timezone` is needed."},
    "timezone": {"type": ["string", "null"], "description": "An IANA name, such as Europe/Berlin."},
    "external_id": {
        "type": ["string", "null"],
        "maxLength": 128,
        "description": "Yours; the same one is published once.",
    },
    "music_url": _MAYBE,
    "tiktok": _ANY,
    "pinterest": _ANY,
    "settings": _ANY,
    "title": _MAYBE,
    "url": _MAYBE,
    "excerpt": _MAYBE,
    "tags": {"anyOf": [_TEXT, _many(_TEXT)]},
    "correlation": _MAYBE,
    "dedupe": _FLAG,
}

_BRIEF: Mapping[str, Schema] = {
    "id": _TEXT,
    "partner": _TEXT,
    "partner_id": _MAYBE,
    "state": _word(PostState),
    "accounts": _many(_TEXT),
    "scheduled_at": _MAYBE_WHEN,
    "reason": _MAYBE,
    "error": _MAYBE,
    "url": _MAYBE,
}
_POST: Mapping[str, Schema] = {
    **_BRIEF,
    "event_id": _TEXT,
    "source": _TEXT,
    "external_id": _MAYBE,
    "correlation": _MAYBE,
    "content": _ANY,
    "targets": _many(_ANY),
    "created_at": _WHEN,
    "changed_at": _WHEN,
    "ended_at": _MAYBE_WHEN,
}
_TIMELINE: Mapping[str, Schema] = {
    "timeline": _many(_ref("Entry")),
    "commands": _many(_ref("Command")),
    "actions": _many(_word(("edit", "cancel", "retry", "send", "drop", "live"))),
}
_EVENT: Mapping[str, Schema] = {
    "id": _TEXT,
    "source": _TEXT,
    "intent": _word(Intent),
    "received_at": _WHEN,
    "external_id": _MAYBE,
    "request": _ANY,
    "warnings": _many(_ANY),
    "reason": _MAYBE,
}
_DELIVERY: Mapping[str, Schema] = {
    "id": _TEXT,
    "event": _TEXT,
    "type": _word(EVENT_TYPES),
    "endpoint": _TEXT,
    "state": _word(WorkState),
    "reason": _MAYBE,
    "attempts": _COUNT,
    "calls": _COUNT,
    "due_at": _WHEN,
    "created_at": _WHEN,
    "settled_at": _MAYBE_WHEN,
}

SCHEMAS: Mapping[str, Schema] = {
    "Object": _ANY,
    "Publish": _object(**{name: _REQUEST[name] for name in FIELDS}),
    "Changes": _object(**{name: _REQUEST[name] for name in EDITABLE}),
    "Published": _object(
        "event_id", "duplicate", "status", "posts", "warnings",
        event_id=_TEXT, duplicate=_FLAG, status=_TEXT, posts=_many(_ref("Brief")), warnings=_many(_ANY),
    ),
    "Hook": {"type": "object", "description": "Whatever the kind of the source says; of most kinds the vendor's own."},
    "Hooked": {
        "anyOf": [_ref("Taken"), _object("events", events=_many(_ref("Taken")))],
        "description": "Of most kinds; some senders want another answer. Several only where a request brought several.",
    },
    "Taken": _object(
        "event_id", "duplicate", "intent", event_id=_TEXT, duplicate=_FLAG, intent=_word(Intent), status=_TEXT,
        posts=_many(_ref("Brief")), warnings=_many(_ANY), reason=_TEXT, note=_TEXT,
    ),
    "Preview": _object(
        "source", source=_TEXT, body=_ANY, body_base64=_TEXT, headers={"type": "object"}, method=_TEXT, query=_TEXT,
    ),
    "Previewed": _object(
        "verified", "problem", "items", problem=_ANY, items=_many(_ANY),
        verified=_object("genuine", "found", "how", genuine=_FLAG, found=_TEXT, how=_TEXT),
    ),
    "Brief": _object(*_BRIEF, **_BRIEF),
    "Post": _object(*_POST, **_POST),
    "Posts": _list(_ref("Post")),
    "PostWithTimeline": _object(*_POST, *_TIMELINE, **_POST, **_TIMELINE),
    "Entry": _object(
        "at", "kind",
        at=_WHEN, kind=_word(KINDS),
    ),
    "Command": _object(
        "id", "kind", "state", id=_TEXT, number=_COUNT, kind=_word(CommandKind), state=_word(WorkState),
        due_at=_WHEN, reason=_MAYBE, detail=_MAYBE, attempts=_COUNT,
    ),
    "Acted": _object("post", "command", post=_ref("Post"), command={"anyOf": [_ref("Command"), {"type": "null"}]}),
    "Event": _object(*_EVENT, **_EVENT),
    "Events": _list(_ref("Event")),
    "EventWithPosts": _object(
        *_EVENT, "status", "posts",
        **_EVENT, status=_TEXT, posts=_many(_ref("PostWithTimeline")), body=_object(text=_TEXT, base64=_TEXT),
    ),
    "Account": _object(
        "id", "partner", "name", "platform", "state", "causes",
        id=_TEXT, partner=_TEXT, name=_TEXT, platform=_TEXT, username=_TEXT, state=_word(AccountState),
        causes=_many(_ref("Cause")),
    ),
    "Accounts": _list(_ref("Account")),
    "ReconnectLink": _object(
        "url", "expires_at", "account", url=_TEXT, expires_at=_WHEN, account=_object("id", "partner", id=_TEXT)
    ),
    "Cause": _object(
        "id", "kind", "partner", "state", "reason", "detail", "opened_at", "waiting",
        id=_TEXT, kind=_word(("account", "key", "plan", "source")), partner=_TEXT, state=_word(("open", "closed")),
        reason=_TEXT, detail=_TEXT, opened_at=_WHEN, closed_at=_MAYBE_WHEN,
        waiting=_object("count", "posts", count=_COUNT, posts=_many(_TEXT)),
    ),
    "Causes": _list(_ref("Cause")),
    "Endpoint": _object(
        "name", "url", "events", "enabled", name=_TEXT, url=_TEXT, events=_many(_TEXT), enabled=_FLAG, reason=_MAYBE
    ),
    "Endpoints": _list(_ref("Endpoint")),
    "Enable": _object(replay={"type": "boolean", "description": "Also send what died while it was disabled."}),
    "Enabled": _object("endpoint", "replayed", "waiting", endpoint=_ref("Endpoint"), replayed=_COUNT, waiting=_COUNT),
    "Delivery": _object(*_DELIVERY, **_DELIVERY),
    "Deliveries": _list(_ref("Delivery")),
    "DeliveryWithTries": _object(*_DELIVERY, "tries", "told", **_DELIVERY, tries=_many(_ANY), told=_ANY),
    "Replay": _object(
        endpoint=_TEXT, state=_word((WorkState.DEAD, WorkState.DONE)), type=_word(EVENT_TYPES), since=_WHEN, until=_WHEN
    ),
    "Replayed": _object("replayed", replayed=_COUNT),
    "EventTypes": _list(_object("type", "description", type=_word(EVENT_TYPES), description=_TEXT)),
    "Probe": _object("status", status=_TEXT, failing=_ANY, writes_off=_many(_TEXT)),
    "Problem": _object(
        "type", "title", "status", "detail", "errors",
        type=_TEXT, title=_TEXT, status={"type": "integer"}, detail={"type": "string", "maxLength": 249},
        errors=_many(_ref("Fault")),
    ),
    "Fault": _object(
        "field", "problem", "remedy", field=_TEXT, problem=_TEXT, remedy=_TEXT, limit=_COUNT, found=_COUNT, unit=_TEXT,
        target=_TEXT,
    ),
}  # fmt: skip

PARAMETERS: Mapping[str, Schema] = {
    "wait": {
        "type": "string",
        "examples": ["20", "20s"],
        "description": "Stay until the partner has answered; at most 120.",
    },
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 50},
    "before": {"type": "string", "description": "The `next` of the page before."},
    "since": {**_WHEN, "description": "Made at or after."},
    "until": {**_WHEN, "description": "Made before."},
    "state": {"type": "string", "description": "One of the states of what is listed."},
    "account": {"type": "string", "description": "Our name or the partner's id."},
    "q": {"type": "string", "description": "Text in caption, title or url."},
    "intent": _word(Intent),
    "type": _word(EVENT_TYPES),
}
"""Parameters of queries; one that is not here is plain text."""


_OFF = "Bridge-Writes-Off"
_OFF_MEANS = "Partners that are told nothing, with commas between; only there while `writes` of one is off."


def document(operations: Iterable[Operation]) -> dict[str, Any]:
    """Return the description of these operations."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _operation(operation)
    return {
        "openapi": "3.1.0",
        "info": {"title": "bridge", "version": __version__, "summary": "Publish in, every state change out."},
        "paths": paths,
        "components": {
            "schemas": SCHEMAS,
            "headers": {_OFF: {"schema": _TEXT, "description": _OFF_MEANS}},
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
                {"name": "Idempotency-Key", "in": "header", "schema": {**_TEXT, "maxLength": 255}}
            )
        shown["requestBody"] = {"content": {kind: {"schema": _ref(operation.body)} for kind in kinds}}
    return shown


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    names = re.findall(r"{(\w+)}", operation.path)
    return [{"name": name, "in": "path", "required": True, "schema": _TEXT} for name in names]


def _query_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [{"name": name, "in": "query", "schema": PARAMETERS.get(name, _TEXT)} for name in operation.query]


def _responses(operation: Operation) -> dict[str, Any]:
    headers = {"headers": {_OFF: {"$ref": f"#/components/headers/{_OFF}"}}}
    problem = headers | {
        "description": "A problem.",
        "content": {"application/problem+json": {"schema": _ref("Problem")}},
    }
    answers: dict[str, Any] = {
        str(status): headers
        | {"description": operation.summary, "content": {"application/json": {"schema": _ref(name)}}}
        for status, name in operation.answers.items()
    }
    if not answers:
        answers["200"] = headers | {"description": operation.summary, "content": {"text/plain": {"schema": _TEXT}}}
    return answers | {"default": problem}
