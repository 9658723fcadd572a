"""The source `slack`: an app of a Slack workspace, over HTTP or Socket Mode.

A slash command is a form; shortcuts, forms and buttons are JSON in the field `payload` of one; events are JSON. Over
Socket Mode all of them are JSON. `X-Slack-Signature: v0=HEX` is the HMAC-SHA256 of `v0:TIMESTAMP:BODY` with the app's
Signing Secret. Everything is answered within 3 seconds; what is stored of a request has no token, response_url or
trigger_id.
Source: https://docs.slack.dev/authentication/verifying-requests-from-slack, read 2026-11.
"""

import re
from typing import Any
from urllib.parse import parse_qsl

from bridge.core.model import Intent, Item, RawRequest
from bridge.core.verifying import Signature, Stamp
from bridge.ports import Parsed, Reply
from bridge.sources._body import read_body
from bridge.sources._kind import Kind, Payload
from bridge.sources.slack import _commands, _events, _interactions
from bridge.sources.slack._config import SlackConfig, faults
from bridge.sources.slack._person import EMPTY, Asked, kept, open_request, without_secrets

_CHECK = re.compile(rb"ssl_check=1(&token=[\w.-]{0,255})?|token=[\w.-]{0,255}&ssl_check=1", re.ASCII)
"""The whole check of our certificate: no other field, none twice, and no name in another spelling."""
_LONGEST_CHECK = 512


def _verify(raw: RawRequest, _config: SlackConfig) -> bool | None:
    """Let the check of our certificate in, which may be unsigned: nothing is done about it."""
    return True if _CHECK.fullmatch(raw.body) else None


def _body(raw: RawRequest) -> Any:
    """Parse a body; of what came in unsigned nothing is read."""
    return {"ssl_check": "1"} if _CHECK.fullmatch(raw.body) else read_body(raw)


def _probe(raw: RawRequest, _config: SlackConfig) -> Reply | None:
    """Answer the check of our certificate where it comes as a GET."""
    return EMPTY if dict(parse_qsl(raw.query[:_LONGEST_CHECK])).get("ssl_check") == "1" else None


def _read(payload: Payload, config: SlackConfig) -> Parsed:
    asked = open_request(payload, config)
    if asked.text("ssl_check") == "1":
        return Parsed((), reply=EMPTY)
    if asked.text("command"):
        return _commands.read(asked)
    word = asked.text("type")
    match word:
        case "url_verification":
            return _events.challenge(asked)
        case "event_callback":
            return _events.event(asked)
        case "app_rate_limited":
            return _events.limited(asked)
    reader = _interactions.READERS.get(word)
    return reader(asked) if reader else _unknown(asked)


def _unknown(asked: Asked) -> Parsed:
    note = "bridge does not know what this asks for: compare the app with what bridge slack manifest prints."
    item = Item(intent=Intent.IGNORE, event=asked.text("type"), raw=without_secrets(asked.data), note=note)
    return Parsed((item,), reply=EMPTY, kept=kept(asked.data))


KIND = Kind(
    name="slack",
    title="Slack",
    read=_read,
    body=_body,
    config_type=SlackConfig,
    signatures=(
        Signature(
            header="x-slack-signature",
            prefix="v0=",
            template="v0:{timestamp}:{body}",
            stamp=Stamp(header="x-slack-request-timestamp"),
        ),
    ),
    reply=EMPTY,
    methods=("POST",),
    verify=_verify,
    probe=_probe,
    secretless=True,
    judge=faults,
)
