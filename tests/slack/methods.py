"""The methods of the stand-in, with the errors that their pages list."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from tests.slack.seen import TRIGGER_LIVES, Json, Said, View

if TYPE_CHECKING:
    from tests.slack.standin import Slack


class Refused(Exception):
    """An answer that is not ok."""

    def __init__(self, error: str, *, status: int = 200, retry_after: int = 0, **more: Any) -> None:
        super().__init__(error)
        self.error, self.status, self.retry_after, self.more = error, status, retry_after, more


SCOPES: Mapping[str, tuple[str, ...]] = {
    "chat:write": ("chat.postMessage", "chat.update", "chat.postEphemeral"),
    "users:read": ("users.info",),
    "im:write": ("conversations.open",),
    "channels:history": ("conversations.history", "conversations.replies"),
    "channels:read": ("conversations.list",),
    "files:read": (),
    "commands": (),
}
"""What a method needs: one scope here, where Slack has one for each kind of conversation."""

READING = frozenset({"users.info", "conversations.list", "conversations.history", "conversations.replies"})
"""Methods that take no arguments from JSON."""

_VIEW_BYTES = 250_000


def _post(slack: "Slack", given: Json) -> Json:
    said = slack.posting.post(given)
    return {"channel": said.channel, "ts": said.ts, "message": _shown(said, metadata=True)}


def _update(slack: "Slack", given: Json) -> Json:
    said = slack.posting.update(given)
    return {"channel": said.channel, "ts": said.ts, "text": said.text, "message": _shown(said, metadata=True)}


def _post_ephemeral(slack: "Slack", given: Json) -> Json:
    return {"message_ts": slack.posting.whisper(given).ts}


def _open_conversation(slack: "Slack", given: Json) -> Json:
    user = str(given.get("users", ""))
    channel = slack.channel(user) if user in slack.users else None
    if channel is None:
        raise Refused("user_not_found")
    return {"channel": {"id": channel.id}}


def _list(slack: "Slack", given: Json) -> Json:
    begin, size = int(given.get("cursor") or 0), min(int(given.get("limit") or 100), 999)
    channels = [one for one in slack.channels.values() if not one.archived]
    page = [{"id": one.id, "name": one.name or one.id.lower()} for one in channels[begin : begin + size]]
    return {
        "channels": page,
        "response_metadata": {"next_cursor": str(begin + size) if channels[begin + size :] else ""},
    }


def _history(slack: "Slack", given: Json) -> Json:
    said = [one for one in _public(slack, given) if one.thread in ("", one.ts)]
    return _page([*reversed(said)], given)


def _replies(slack: "Slack", given: Json) -> Json:
    thread = given.get("ts")
    said = [one for one in _public(slack, given) if thread in (one.ts, one.thread)]
    if not said:
        raise Refused("thread_not_found")
    return _page(said, given)


def _page(said: list[Said], given: Json) -> Json:
    """Give as many as are asked for, at most 999, and where to go on."""
    begin, size = int(given.get("cursor") or 0), min(int(given.get("limit") or 100), 999)
    end = begin + size
    more = {"response_metadata": {"next_cursor": str(end)}} if end < len(said) else {}
    shown = [_shown(one, metadata=_asks(given)) for one in said[begin:end]]
    return {"messages": shown, "has_more": end < len(said), **more}


def _public(slack: "Slack", given: Json) -> list[Said]:
    channel = slack.channels.get(str(given.get("channel", "")))
    if channel is None:
        raise Refused("channel_not_found")
    if not channel.member:
        raise Refused("not_in_channel")
    oldest = float(given.get("oldest") or 0)
    return [one for one in channel.said if not one.to and not one.deleted and float(one.ts) >= oldest]


def _asks(given: Json) -> bool:
    return str(given.get("include_all_metadata", "")).lower() in ("true", "1")


def _shown(said: Said, *, metadata: bool) -> Json:
    shown = {name: value for name, value in said.now.items() if metadata or name != "metadata"}
    thread = {"thread_ts": said.thread} if said.thread else {}
    return {"type": "message", "ts": said.ts, "user": said.by, **thread, **shown}


def _user(slack: "Slack", given: Json) -> Json:
    user = slack.users.get(str(given.get("user", "")))
    if user is None:
        raise Refused("user_not_found")
    return {"user": user}


def _open_view(slack: "Slack", given: Json) -> Json:
    view, trigger_id = given.get("view"), str(given.get("trigger_id", ""))
    if trigger_id.count(".") != 2 or trigger_id not in slack.triggers:
        raise Refused("invalid_trigger_id")
    trigger = slack.triggers[trigger_id]
    if slack.now() - trigger.made_at > TRIGGER_LIVES:
        raise Refused("expired_trigger_id")
    if trigger.spent:
        raise Refused("exchanged_trigger_id")
    _judged(slack, view)
    trigger.spent = True
    made = View(f"V{slack.number()}", trigger.user, [dict(view or {})])
    slack.views[made.id] = made
    return {"view": {"id": made.id, **made.now}}


def _update_view(slack: "Slack", given: Json) -> Json:
    found = slack.views.get(str(given.get("view_id", "")))
    if found is None:
        raise Refused("not_found")
    _judged(slack, given.get("view"))
    found.versions.append(given["view"])
    return {"view": {"id": found.id, **found.now}}


def _judged(slack: "Slack", view: Any) -> None:
    if not isinstance(view, dict) or view.get("type") != "modal":
        raise Refused("invalid_arguments", response_metadata={"messages": ["view is no modal"]})
    if len(orjson.dumps(view)) > _VIEW_BYTES:
        raise Refused("view_too_large")
    if slack.judge is not None and (faults := slack.judge("view", view)):
        raise Refused("invalid_arguments", response_metadata={"messages": faults})


def _complete(slack: "Slack", given: Json) -> Json:
    run = slack.steps.get(str(given.get("function_execution_id", "")))
    if run is None:
        raise Refused("function_execution_not_found")
    if run["token"] != given["token"]:
        raise Refused("access_denied")
    if run.get("ended"):
        raise Refused("execution_not_in_running_state")
    if "error" not in given and not isinstance(given.get("outputs"), dict):
        raise Refused("parameter_validation_failed")
    run |= {"ended": True, "outputs": given.get("outputs"), "error": given.get("error")}
    return {}


def _who(slack: "Slack", given: Json) -> Json:
    return {"url": slack.base, "team": "Town", "user": "bridge", "team_id": "T1", "user_id": "UBOT", "bot_id": "B1"}


METHODS: Mapping[str, Callable[["Slack", Json], Json]] = {
    "auth.test": _who,
    "chat.postMessage": _post,
    "chat.update": _update,
    "chat.postEphemeral": _post_ephemeral,
    "conversations.open": _open_conversation,
    "conversations.history": _history,
    "conversations.list": _list,
    "conversations.replies": _replies,
    "users.info": _user,
    "views.open": _open_view,
    "views.update": _update_view,
    "functions.completeSuccess": _complete,
    "functions.completeError": _complete,
}
