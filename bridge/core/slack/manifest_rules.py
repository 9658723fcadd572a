"""What Slack would not take of an app's manifest, as far as it publishes its rules: to be told before it is pasted.

Sources, read 2026-11: https://docs.slack.dev/reference/app-manifest,
https://docs.slack.dev/interactivity/implementing-shortcuts, and the type `Manifest` of the npm package @slack/web-api.
"""

from collections.abc import Iterator
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bridge.core.mistakes import problem
from bridge.core.model import Json
from bridge.core.slack.manifest import EVENTS, SCOPES


def _secure(url: str) -> str:
    if not url.startswith("https://"):
        raise ValueError("must begin with https://")
    return url


_Url = Annotated[str, AfterValidator(_secure)]
_Text = Annotated[str, Field(min_length=1)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class _Display(_Part):
    name: Annotated[str, Field(min_length=1, max_length=35)]
    description: Annotated[str, Field(max_length=140)] = ""
    # Shorter ones are refused by the page where a manifest is pasted.
    long_description: Annotated[str | None, Field(min_length=174, max_length=4000)] = None
    background_color: Annotated[str | None, Field(pattern=r"^#(?:[0-9a-fA-F]{3}){1,2}$")] = None


class _Bot(_Part):
    display_name: Annotated[str, Field(max_length=80, pattern=r"^[a-z0-9._-]+$")]
    always_online: bool = False


class _Home(_Part):
    home_tab_enabled: bool = False
    messages_tab_enabled: bool = False
    messages_tab_read_only_enabled: bool = False


class _Shortcut(_Part):
    type: Literal["global", "message"]
    name: Annotated[str, Field(min_length=1, max_length=24)]
    callback_id: Annotated[str, Field(min_length=1, max_length=255)]
    description: Annotated[str, Field(min_length=1, max_length=150)]


class _Command(_Part):
    command: Annotated[str, Field(max_length=32, pattern=r"^/[a-z0-9_-]+$")]
    description: Annotated[str, Field(min_length=1, max_length=2000)]
    usage_hint: Annotated[str, Field(max_length=1000)] = ""
    should_escape: bool = False
    url: _Url | None = None


class _Features(_Part):
    app_home: _Home | None = None
    bot_user: _Bot | None = None
    shortcuts: Annotated[tuple[_Shortcut, ...], Field(max_length=10, strict=False)] = ()
    slash_commands: Annotated[tuple[_Command, ...], Field(max_length=50, strict=False)] = ()


class _Scopes(_Part):
    bot: Annotated[tuple[str, ...], Field(max_length=255, strict=False)] = ()


class _OAuth(_Part):
    scopes: _Scopes = _Scopes()


class _Events(_Part):
    bot_events: Annotated[tuple[str, ...], Field(max_length=100, strict=False)] = ()
    request_url: _Url | None = None


class _Interactivity(_Part):
    is_enabled: bool
    request_url: _Url | None = None


class _Webhooks(_Part):
    incoming_webhooks_enabled: bool = False


class _Settings(_Part):
    event_subscriptions: _Events | None = None
    incoming_webhooks: _Webhooks | None = None
    interactivity: _Interactivity | None = None
    org_deploy_enabled: bool = False
    socket_mode_enabled: bool = False
    token_rotation_enabled: bool = False
    function_runtime: Literal["remote", "slack"] | None = None


class _Parameter(_Part):
    type: Annotated[str, Field(pattern=r"^(string|number|integer|boolean|slack#/types/[a-z_]+)$")]
    title: _Text
    description: _Text
    is_required: bool = False


_Parameters = Annotated[dict[str, _Parameter], Field(max_length=50)]


class _Function(_Part):
    title: _Text
    description: _Text
    input_parameters: _Parameters
    output_parameters: _Parameters


class _Manifest(_Part):
    display_information: _Display
    features: _Features = _Features()
    oauth_config: _OAuth = _OAuth()
    settings: _Settings = _Settings()
    functions: Annotated[dict[str, _Function], Field(max_length=50)] = Field(default_factory=dict)


def faults(made: Json) -> list[str]:
    """Return each fault of a manifest: where it is, and what is wrong."""
    try:
        read = _Manifest.model_validate(made)
    except ValidationError as error:
        return [f"{'.'.join(map(str, one['loc']))}: {problem(one)}" for one in error.errors()]
    return [*_missing_addresses(read), *_missing_scopes(read), *_strange(read)]


def _missing_addresses(read: _Manifest) -> Iterator[str]:
    """Yield where an address is missing: only Socket Mode does without."""
    events, pressed = read.settings.event_subscriptions, read.settings.interactivity
    places = [(f"features.slash_commands.{at}.url", one.url) for at, one in enumerate(read.features.slash_commands)]
    if events and events.bot_events:
        places.append(("settings.event_subscriptions.request_url", events.request_url))
    if pressed and pressed.is_enabled:
        places.append(("settings.interactivity.request_url", pressed.request_url))
    for place, url in places:
        if not read.settings.socket_mode_enabled and not urlsplit(url or "").hostname:
            yield f"{place}: must be an https address without Socket Mode"


def _missing_scopes(read: _Manifest) -> Iterator[str]:
    needed: list[tuple[Any, str]] = [
        (read.features.slash_commands or read.features.shortcuts, "commands"),
        ("app_mention" in _events(read), "app_mentions:read"),
        ("message.im" in _events(read), "im:history"),
        (read.settings.incoming_webhooks, "incoming-webhook"),
    ]
    for there, scope in needed:
        if there and scope not in read.oauth_config.scopes.bot:
            yield f"oauth_config.scopes.bot: lacks {scope}"


def _strange(read: _Manifest) -> Iterator[str]:
    for event in _events(read):
        if event not in EVENTS:
            yield f"settings.event_subscriptions.bot_events: {event[:60]} is none that is read here"
    for scope in read.oauth_config.scopes.bot:
        if scope not in SCOPES:
            yield f"oauth_config.scopes.bot: {scope[:60]} is none that is needed here"
    ids = [one.callback_id for one in read.features.shortcuts]
    if len(set(ids)) < len(ids):
        yield "features.shortcuts: two have the same callback_id"
    if read.functions and not read.settings.org_deploy_enabled:
        yield "settings.org_deploy_enabled: must be true for functions"
    if "function_executed" in _events(read) and not read.functions:
        yield "functions: is missing, and function_executed is asked for"


def _events(read: _Manifest) -> tuple[str, ...]:
    events = read.settings.event_subscriptions
    return events.bot_events if events else ()
