"""The `webhooks` part of the OpenAPI document: what is sent to endpoints, and what their answers mean."""

from typing import Any

from bridge.core.catalogue import EventType, catalogue

_TEXT = {"type": "string"}
_SIGNED = "webhook-signature"
_SIGNATURE = (
    "Only where the endpoint has a secret, or this bridge signs with a key of its own. "
    "Signatures after Standard Webhooks 1.0.0, with spaces between, one for each secret that is valid now: `v1,` and "
    "base64 of HMAC-SHA256 over `ID.TIMESTAMP.BODY`. Pass over words that begin otherwise."
)
_HEADERS = {
    "webhook-id": "The id of the event, the same in every attempt and every replay: take each once.",
    "webhook-timestamp": "When this attempt was made, in seconds since 1970.",
    _SIGNED: _SIGNATURE,
}
_RETRY_AFTER = {"schema": _TEXT, "description": "Seconds or an HTTP date; obeyed up to `deliver.retry_after_cap`."}
_ANSWERS = {
    "2XX": {"description": "The event was taken. Answer within the time-out; work on it later."},
    "410": {"description": "Send nothing more: the endpoint is disabled at once, a subscription dropped."},
    "429": {
        "description": "Later, and fewer at once; the same goes for 502 and 504.",
        "headers": {"Retry-After": _RETRY_AFTER},
    },
    "503": {
        "description": "Later; with Retry-After the endpoint gets nothing at all until then, as with 429, 502 and 504.",
        "headers": {"Retry-After": _RETRY_AFTER},
    },
    "default": {
        "description": "A failure, redirects included: it is tried again by the schedule.",
        "headers": {"Retry-After": _RETRY_AFTER},
    },
}


def webhooks() -> dict[str, Any]:
    """Return what is sent, by type of event, in the format `standard`."""
    return {entry.type: {"post": _operation(entry)} for entry in catalogue().values()}


def _operation(entry: EventType) -> dict[str, Any]:
    schema = {name: part for name, part in entry.schema.items() if name != "$schema"}
    return {
        "operationId": "receive_" + entry.type.replace(".", "_"),
        "summary": entry.description,
        "tags": [entry.family],
        "parameters": [
            {"name": name, "in": "header", "required": name != _SIGNED, "description": text, "schema": _TEXT}
            for name, text in _HEADERS.items()
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": schema, "examples": {"example": {"value": entry.example}}}},
        },
        "responses": _ANSWERS,
        "security": [],
    }
