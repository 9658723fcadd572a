"""The manifest of the Slack app that a configuration asks for: what it shows, what it hears, what it may.

It is pasted where Slack makes apps "from a manifest". Sources, read 2026-11:
https://docs.slack.dev/reference/app-manifest, https://docs.slack.dev/reference/scopes,
https://docs.slack.dev/tools/bolt-js/tutorials/custom-steps.
"""

from dataclasses import dataclass
from typing import Any

STEP = "bridge_publish"
"""The callback id of the step of a workflow, and of the global shortcut."""

SCOPES = {
    "commands": "the slash command and the shortcuts",
    "chat:write": "messages that follow a post, and cards",
    "chat:write.public": "cards and answers in public channels that the app was not invited to",
    "app_mentions:read": "posts asked for by mentioning the app",
    "im:history": "posts asked for in a direct message to the app, and finding a message whose answer was lost",
    "im:write": "a direct message to whoever asked, where the channel cannot be posted to",
    "users:read": "the time zone of whoever asks, and the names of those whom a caption mentions",
    "files:read": "pictures and videos that are shared in Slack",
    "channels:history": "finding a message whose answer was lost, so that it is not posted twice",
    "groups:history": "the same in private channels",
    "channels:read": "the id of a channel that the configuration calls by its name, to find what was posted there",
    "groups:read": "the same of private channels",
    "incoming-webhook": "messages by an incoming webhook, where there is no bot token",
}
"""What the app asks for, and what each is for."""

EVENTS = ("app_mention", "message.im", "function_executed", "app_uninstalled", "tokens_revoked")

_TALKING = tuple(scope for scope in SCOPES if scope != "incoming-webhook")
_HINT = "caption | link | accounts | time"


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """What of a configuration decides how its app is.

    `url` is where Slack sends to; None with Socket Mode. `talks` says that there is a bot token, `webhook` an incoming
    webhook. `step` adds the step for workflows, which only paid plans have.
    """

    name: str
    command: str
    url: str | None = None
    talks: bool = True
    webhook: bool = False
    step: bool = True


def manifest(app: App) -> dict[str, Any]:
    """Return the manifest: without a bot token there is the command, and nothing that needs an answer later."""
    step = app.step and app.talks
    made: dict[str, Any] = {
        "display_information": {
            "name": app.name,
            "description": "Publishes to social networks, and says what became of it.",
        },
        "features": _features(app),
        "oauth_config": {"scopes": {"bot": _scopes(app)}},
        "settings": {
            **_hears(app, step),
            "interactivity": {"is_enabled": True} | _at("request_url", app.url),
            "org_deploy_enabled": step,
            "socket_mode_enabled": app.url is None,
            "token_rotation_enabled": False,
        },
    }
    if app.webhook:
        made["settings"]["incoming_webhooks"] = {"incoming_webhooks_enabled": True}
    if step:
        made["settings"]["function_runtime"] = "remote"
        made["functions"] = {STEP: _step()}
    return made


def _at(key: str, url: str | None) -> dict[str, Any]:
    return {} if url is None else {key: url}


def _features(app: App) -> dict[str, Any]:
    command = {
        "command": app.command,
        "description": "Publish to social networks",
        "usage_hint": _HINT,
        # Escaped or not is understood; unescaped is what people see that they wrote.
        "should_escape": False,
        **_at("url", app.url),
    }
    features: dict[str, Any] = {
        "bot_user": {"display_name": "bridge", "always_online": True},
        "slash_commands": [command],
    }
    if app.talks:
        features["app_home"] = {
            "home_tab_enabled": False,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        }
        features["shortcuts"] = [
            _shortcut("global", "Publish a post", STEP, "Write a post for social networks"),
            _shortcut("message", "Publish this message", f"{STEP}_message", "Make a post of this message"),
        ]
    return features


def _shortcut(kind: str, name: str, callback_id: str, description: str) -> dict[str, Any]:
    return {"type": kind, "name": name, "callback_id": callback_id, "description": description}


def _scopes(app: App) -> list[str]:
    scopes = list(_TALKING) if app.talks else ["commands"]
    return [*scopes, "incoming-webhook"] if app.webhook else scopes


def _hears(app: App, step: bool) -> dict[str, Any]:
    if not app.talks:
        return {}
    events = [event for event in EVENTS if step or event != "function_executed"]
    return {"event_subscriptions": {"bot_events": events, **_at("request_url", app.url)}}


def _step() -> dict[str, Any]:
    return {
        "title": "Publish a post",
        "description": "Publishes to social networks, and goes on when the post is out",
        "input_parameters": {
            "caption": _parameter("Caption", "What the post says", required=True),
            "accounts": _parameter("Accounts", "Names of accounts, with commas between them; empty: the usual ones"),
            "url": _parameter("Link", "The page that it is about"),
            "media": _parameter("Media", "Addresses of pictures or a video, with commas between them"),
            "scheduled_at": _parameter("Time", "When it goes out; empty: now"),
        },
        "output_parameters": {
            "event_id": _parameter("Event", "What bridge calls it", required=True),
            "status": _parameter("Status", "What became of it, in a word", required=True),
            "text": _parameter("Text", "What became of it, with the links", required=True),
        },
    }


def _parameter(title: str, description: str, *, required: bool = False) -> dict[str, Any]:
    return {"type": "string", "title": title, "description": description, "is_required": required}
