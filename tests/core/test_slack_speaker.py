"""Who speaks in a request from Slack, whatever it comes as."""

from datetime import UTC, datetime
from urllib.parse import urlencode

import orjson
import pytest

from bridge.core.model import RawRequest
from bridge.core.slack.speaker import Speaker, speaker

NOBODY = Speaker()


def who(body: bytes) -> Speaker:
    return speaker(RawRequest("POST", "/hooks/slack", "", "", (), body, datetime(2026, 1, 1, tzinfo=UTC)))


def event(**given: object) -> bytes:
    return orjson.dumps({"type": "event_callback", "event": given})


def payload(**given: object) -> bytes:
    return urlencode({"payload": orjson.dumps(given).decode()}).encode()


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"command=/publish&user_id=U1&text=with+%3C@U2%3E+and+%3C@U2%7Cben%3E", Speaker("U1", ("U2",))),
        (b'{"command": "/publish", "user_id": "W1", "text": "x"}', Speaker("W1")),
        (event(user="U1", text="<@U2> hello"), Speaker("U1", ("U2",))),
        (event(type="function_executed", inputs={"user_id": "U1"}), Speaker("U1")),
        (event(type="function_executed", inputs={"user": "U1"}), Speaker("U1")),
        (payload(type="message_action", user={"id": "U1"}, message={"text": "<@U2>"}), Speaker("U1", ("U2",))),
        (payload(type="view_submission", user={"id": "U1"}), Speaker("U1")),
        (payload(type="block_actions", user={"id": "U1"}), NOBODY),
        (event(user="U1", bot_id="B1"), NOBODY),
        (event(user={"id": "U1"}), NOBODY),
        (event(user="u1 OR 1"), NOBODY),
        (b'{"type": "event_callback", "event": "odd"}', NOBODY),
        (b'{"type": ["event_callback"]}', NOBODY),
        (b"payload=[]", NOBODY),
        (b"payload=%7B", NOBODY),
        (b"{", NOBODY),
        (b"ssl_check=1", NOBODY),
        (b"\xff", NOBODY),
        (b"", NOBODY),
    ],
)
def test_who_speaks_is_read_of_every_kind_of_request(body: bytes, found: Speaker) -> None:
    assert who(body) == found
