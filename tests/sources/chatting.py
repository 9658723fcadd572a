"""What Slack would send, read by the source `slack`, and what came of it."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from pydantic import TypeAdapter

from bridge.core.model import Intent, Person, Verified
from bridge.ports import Parsed
from bridge.sources import CONFIGS, build
from tests.sources.reading import a_request, entries

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
SIGNED_AT = datetime.fromtimestamp(1531420618, UTC)
PERSON = Person("Europe/Berlin", {"W222": "Ann"})
SAMPLES = {entry["file"]: entry for entry in entries("slack")}
FORM = {"content-type": "application/x-www-form-urlencoded"}
SECRETS = ("xwfp-valid", "hooks.slack.com", "111.222.valid", "111.222.xxx", "111.111.xxx", "verification_token")


def a_source(**config: Any):
    return build("chat", "slack", TypeAdapter(CONFIGS["slack"]).validate_python({"secret": SECRET, **config}))


def read(
    body: object, headers: Mapping[str, str] | None = None, person: Person | None = PERSON, **config: Any
) -> Parsed:
    raw = a_request(body, headers)
    return a_source(**config).read(Verified(raw, "chat", "source:chat", person=person))


def sample(name: str, **config: Any) -> Parsed:
    return read(SAMPLES[name]["bytes"], SAMPLES[name]["sent"], **config)


def command(text: str, **config: Any) -> Parsed:
    fields = {
        "command": "/publish",
        "text": text,
        "user_id": "U1",
        "channel_id": "C1",
        "response_url": "https://r.example/1",
    }
    return read(urlencode(fields).encode(), FORM, **config)


def payload(data: Mapping[str, Any], **config: Any) -> Parsed:
    return read(b"payload=" + quote(json.dumps(data)).encode(), FORM, **config)


def mention(text: str, more: Mapping[str, Any] | None = None, **config: Any) -> Parsed:
    event = {"type": "app_mention", "user": "U1", "text": text, "ts": "1.2", "channel": "C1", **(more or {})}
    data = {"type": "event_callback", "event_id": "Ev1", "event": event, "authorizations": [{"user_id": "UBOT"}]}
    return read(data, **config)


def direct(more: Mapping[str, Any], **config: Any) -> Parsed:
    event = {"type": "message", "channel_type": "im", "user": "U1", "text": "Hi", "ts": "1.2", "channel": "D1", **more}
    return read({"type": "event_callback", "event_id": "Ev1", "event": event}, **config)


def said(parsed: Parsed) -> str:
    """The words that a command is answered with, which only one person sees."""
    assert parsed.items == ()
    body = orjson.loads(parsed.reply.body)
    assert body["response_type"] == "ephemeral"
    return body["text"]


def noted(parsed: Parsed) -> str:
    [item] = parsed.items
    assert (item.intent, parsed.gesture) == (Intent.IGNORE, None)
    assert len(item.note) < 250
    return item.note


def told(value: Any, names: Mapping[str, Any]) -> dict[str, Any]:
    found = asdict(value)
    return {
        name: told(getattr(value, name), given) if name == "reply_to" else found[name] for name, given in names.items()
    }
