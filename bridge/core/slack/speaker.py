"""Who speaks in a request from Slack, and whom they mention: what has to be asked for before the request is read.

Sources, read 2026-11: https://docs.slack.dev/interactivity/implementing-slash-commands,
https://docs.slack.dev/reference/interaction-payloads, https://docs.slack.dev/apis/events-api.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import orjson

from bridge.core.model import RawRequest
from bridge.core.slack.text import mentions

_ID = re.compile(r"[UW][A-Z0-9]{1,40}")
_SPEAKING = frozenset({"message_action", "view_submission", "event_callback"})
"""Types of requests in which somebody says something, beside commands: presses say nothing."""


@dataclass(frozen=True, slots=True)
class Speaker:
    """A person's id, empty when nobody speaks, and the ids of those whom the text mentions, each once."""

    user: str = ""
    mentioned: tuple[str, ...] = ()


def speaker(raw: RawRequest) -> Speaker:
    """Return who speaks; nobody when the request cannot be read, for whoever reads it says so."""
    said = _read(raw)
    if "command" not in said and str(said.get("type")) not in _SPEAKING:
        return Speaker()
    event, message = _part(said, "event"), _part(said, "message")
    if "bot_id" in event:
        return Speaker()
    inputs = _part(event, "inputs")
    given = (
        said.get("user_id"),
        event.get("user"),
        _part(said, "user").get("id"),
        inputs.get("user"),
        inputs.get("user_id"),
    )
    user = next(filter(None, given), None)
    text = " ".join(str(part.get("text") or "") for part in (said, event, message))
    return Speaker(_id(user), tuple(dict.fromkeys(one for one in mentions(text) if _id(one))))


def _read(raw: RawRequest) -> Mapping[str, Any]:
    """Return the payload of a form or of JSON, whichever it is."""
    try:
        if not raw.body.lstrip().startswith(b"{"):
            fields = dict(parse_qsl(raw.body.decode()))
            if "payload" not in fields:
                return fields
            found = orjson.loads(fields["payload"])
        else:
            found = orjson.loads(raw.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _part(said: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = said.get(name)
    return part if isinstance(part, dict) else {}


def _id(word: object) -> str:
    return word if isinstance(word, str) and _ID.fullmatch(word) else ""
