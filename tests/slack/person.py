"""Somebody in a Slack workspace: what they do reaches the service as Slack sends it, signed by Slack's own SDK.

Shapes of the requests: the samples of `tests/samples/inbound/slack`.
"""

import itertools
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import orjson
from slack_sdk.signature import SignatureVerifier

from tests.slack.seen import Said, View
from tests.slack.standin import APP, TEAM, Slack

FORM = "application/x-www-form-urlencoded"


class Person:
    """One person, at one channel.

    Args:
        slack: the workspace.
        http: carries the requests.
        hook: gives the address of the source at that moment.
        secret: the app's signing secret.
        user: the person's id, channel: that of where they are.
    """

    def __init__(
        self,
        slack: Slack,
        http: httpx.AsyncClient,
        hook: Callable[[], str],
        secret: str,
        *,
        user: str = "U1",
        channel: str = "C1",
    ) -> None:
        self.slack, self.http, self.hook, self.user, self.channel = slack, http, hook, user, channel
        self._verifier = SignatureVerifier(secret)
        self._numbers = itertools.count(1)

    async def say(self, body: bytes, content_type: str, **headers: str) -> httpx.Response | None:
        """Send a signed request; None when the service did not answer."""
        stamp = str(int(time.time()))
        signature = self._verifier.generate_signature(timestamp=stamp, body=body)
        assert signature is not None
        signed = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature, "Content-Type": content_type}
        try:
            return await self.http.post(self.hook(), content=body, headers={**signed, **headers})
        except httpx.TransportError:
            return None

    async def slash(self, text: str, command: str = "/publish") -> httpx.Response | None:
        """Type a slash command."""
        fields = {
            "token": "verification-token",
            "team_id": TEAM,
            "channel_id": self.channel,
            "channel_name": "social",
            "user_id": self.user,
            "user_name": "ann",
            "command": command,
            "text": text,
            "api_app_id": APP,
            "is_enterprise_install": "false",
            "response_url": self.slack.response_url(self.channel, self.user),
            "trigger_id": self.slack.trigger(self.user),
        }
        return await self.say(urlencode(fields).encode(), FORM)

    async def shortcut(self) -> httpx.Response | None:
        """Choose the global shortcut."""
        return await self._interact({"type": "shortcut", "callback_id": "bridge_publish", "action_ts": "1.1"})

    async def message_shortcut(self, message: Mapping[str, Any]) -> httpx.Response | None:
        """Choose the shortcut of a message."""
        given = {
            "type": "message_action",
            "callback_id": "bridge_publish_message",
            "action_ts": "1.1",
            "channel": {"id": self.channel, "name": "social"},
            "message_ts": message["ts"],
            "message": dict(message),
            "response_url": self.slack.response_url(self.channel, self.user),
        }
        return await self._interact(given)

    async def submit(self, view: View, **values: Any) -> httpx.Response | None:
        """Fill a form in and send it: the values by the ids of its blocks; the rest stays as it was."""
        shown = view.now
        state: dict[str, Any] = {}
        for block in shown["blocks"]:
            if block["type"] == "input":
                element = block["element"]
                filled = _filled(element, values[block["block_id"]]) if block["block_id"] in values else _as_is(element)
                state[block["block_id"]] = {element["action_id"]: {"type": element["type"], **filled}}
        kept = {name: shown[name] for name in ("callback_id", "private_metadata", "blocks", "type") if name in shown}
        sent = {"id": view.id, "team_id": TEAM, "hash": "1.abc", "state": {"values": state}, **kept}
        return await self._interact({"type": "view_submission", "view": sent, "response_urls": []})

    async def press(self, message: Said, verb: str) -> httpx.Response | None:
        """Press a button of a message."""
        button = self.slack.buttons(message)[f"bridge:{verb}"]
        hidden = bool(message.to)
        action = {key: button[key] for key in ("action_id", "value", "type") if key in button}
        given = {
            "type": "block_actions",
            "container": {
                "type": "message",
                "message_ts": message.ts,
                "channel_id": message.channel,
                "is_ephemeral": hidden,
            },
            "channel": {"id": message.channel, "name": "social"},
            "actions": [{**action, "block_id": "b", "action_ts": "1.1"}],
            "response_url": self.slack.response_url(message.channel, self.user, message.ts),
        }
        if not hidden:
            given["message"] = {"ts": message.ts, "type": "message", "text": message.text}
        return await self._interact(given)

    async def mention(self, text: str, event_id: str, **more: Any) -> httpx.Response | None:
        """Mention the app; the same `event_id` is Slack sending it again."""
        event = {"type": "app_mention", "user": self.user, "text": f"<@UBOT> {text}", "channel": self.channel, **more}
        event = {"ts": f"{int(time.time())}.{next(self._numbers):06}", **event}
        return await self.event(event, event_id)

    async def event(self, event: Mapping[str, Any], event_id: str, **headers: str) -> httpx.Response | None:
        """Let Slack tell of an event."""
        body = {
            "token": "verification-token",
            "team_id": TEAM,
            "api_app_id": APP,
            "type": "event_callback",
            "event": dict(event),
            "event_id": event_id,
            "event_time": int(time.time()),
        }
        return await self.say(orjson.dumps(body), "application/json", **headers)

    async def _interact(self, given: Mapping[str, Any]) -> httpx.Response | None:
        payload = {
            "token": "verification-token",
            "team": {"id": TEAM, "domain": "test"},
            "user": {"id": self.user, "username": "ann", "name": "ann", "team_id": TEAM},
            "api_app_id": APP,
            "trigger_id": self.slack.trigger(self.user),
            **given,
        }
        return await self.say(urlencode({"payload": orjson.dumps(payload).decode()}).encode(), FORM)


def _filled(element: Mapping[str, Any], value: Any) -> dict[str, Any]:
    if element["type"] == "multi_static_select":
        found = [one for one in element["options"] if one["value"] in value]
        assert len(found) == len(value), f"{value} are not all among the options"
        return {"selected_options": found}
    if element["type"] == "datetimepicker":
        return {"selected_date_time": value}
    if element["type"] == "file_input":
        return {"files": value}
    return {"value": value}


def _as_is(element: Mapping[str, Any]) -> dict[str, Any]:
    if element["type"] == "multi_static_select":
        return {"selected_options": element.get("initial_options", [])}
    if element["type"] == "datetimepicker":
        return {"selected_date_time": element.get("initial_date_time")}
    if element["type"] == "file_input":
        return {"files": []}
    return {"value": element.get("initial_value")}
