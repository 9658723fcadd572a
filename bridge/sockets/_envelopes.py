"""What comes by Socket Mode, an envelope at a time: how it is read, and what is said where it is not taken.

Source, read 2026-11: https://docs.slack.dev/apis/events-api/using-socket-mode/.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from html import escape
from typing import Any

import orjson

from bridge.core.errors import Problem
from bridge.core.model import Json
from bridge.core.slack.views import form_errors

_PARSERS: tuple[Callable[[str], Any], ...] = (orjson.loads, partial(json.loads, parse_int=float))
"""The second one reads what the first refuses, such as half an emoji: the envelope can be acknowledged all the same."""
_WORD = re.compile(r"[a-z_]{1,60}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """What Slack sent: `payload`, and the same as the `body` of a request, empty when it cannot be read.

    `answered` says that the acknowledgement may carry an answer.
    """

    id: str = field(repr=False)
    type: str
    payload: Json = field(repr=False)
    body: bytes = field(repr=False)
    answered: bool


def parse(text: str) -> Json:
    """Return the object that came, empty when it is none."""
    for parser in _PARSERS:
        try:
            found = parser(text)
        except (ValueError, RecursionError):
            continue
        return found if isinstance(found, dict) else {}
    return {}


def envelope(message: Json) -> Envelope | None:
    """Return the envelope that an object is; None when there is nothing to acknowledge it by."""
    number, payload = message.get("envelope_id"), message.get("payload")
    if not (isinstance(number, str) and number):
        return None
    content = payload if isinstance(payload, dict) else {}
    try:
        body = orjson.dumps(content) if content is payload else b""
    except TypeError:  # A text or a number that JSON can write down, but nothing means; or it nests without end.
        body = b""
    return Envelope(number, word(message.get("type")), content, body, message.get("accepts_response_payload") is True)


def told(came: Envelope, problem: Problem) -> dict[str, Any] | None:
    """Return what whoever sent a command or a form reads when it was not taken; None where nobody reads anything."""
    if not came.answered:
        return None
    if came.type == "slash_commands":
        return {"response_type": "ephemeral", "text": escape(problem.detail, quote=False)}
    view = came.payload.get("view")
    if came.type == "interactive" and came.payload.get("type") == "view_submission" and isinstance(view, dict):
        return dict(form_errors(problem, view))
    return None


def word(value: object) -> str:
    """Return a word of Slack's; what is none is not repeated."""
    return value if isinstance(value, str) and _WORD.fullmatch(value) else "unknown"
