"""What is configured of a Slack workspace, and what is wrong with it that its type cannot see."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bridge.core.hook_rules import HookRules, Words
from bridge.core.targets import split

_ID = re.compile(r"[A-Z][A-Z0-9]{1,40}")
_COMMAND = r"^/[a-z0-9_-]{1,31}$"
_TOKEN = re.compile(r"[!-~]+")


def _ids(words: tuple[str, ...]) -> tuple[str, ...]:
    odd = next((word for word in words if not _ID.fullmatch(word)), None)
    if odd is not None:
        raise ValueError(f"must hold ids such as U012AB3CD or C012AB3CD, not {odd[:40]!r}")
    return words


def _command(word: object) -> object:
    if isinstance(word, str) and not re.fullmatch(_COMMAND, word):
        raise ValueError("must begin with '/' and go on with small letters, digits, - and _, 32 in all")
    return word


def _api(url: str) -> str:
    """Return the address that methods are below; only the host may be given."""
    parts = split(url)
    if parts is None:
        raise ValueError("must be an http(s) address such as https://slack.com/api/")
    if parts.username is not None or parts.password is not None:
        raise ValueError("must have no user and no password in it")
    path = parts.path.rstrip("/") or "/api"
    if not path.endswith("/api"):
        raise ValueError("must end in /api/, as https://slack.com/api/ does")
    return f"{parts.scheme}://{parts.netloc}{path}/"


def _stripped(secret: object) -> object:
    return secret.strip() if isinstance(secret, str) else secret


_Secret = Annotated[str, BeforeValidator(_stripped)]
"""A secret without the white space that copying it brought along."""

_MISTAKEN = (
    ("bot_token", "xoxb-", ("xoxp-", "xoxa-", "xoxs-", "xoxe-", "xoxe.xoxp-", "xapp-")),
    ("app_token", "xapp-", ("xox",)),
)
"""What is copied in place of each token, by what it begins with."""

Ids = Annotated[Words, AfterValidator(_ids)]
"""Ids of people or channels, as Slack shows them in a profile or in a channel's details."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackConfig(HookRules):
    """One app in one workspace: `sources: {NAME: {kind: slack, secret: {env: ...}, bot_token: {env: ...}}}`."""

    mode: Annotated[
        Literal["http", "socket"],
        Field(description="How requests come: to /hooks/NAME (http), or over a connection that bridge opens (socket)."),
    ] = "http"
    bot_token: Annotated[
        _Secret | None,
        Field(description="Bot token (xoxb-...), as a secret: forms, messages that change, people's zones, files."),
    ] = field(default=None, repr=False)
    app_token: Annotated[
        _Secret | None, Field(description="App-level token (xapp-...) with connections:write, as a secret, for socket.")
    ] = field(default=None, repr=False)
    webhook: Annotated[
        _Secret | None,
        Field(
            pattern=r"^https?://",
            description="Address of an incoming webhook, as a secret: the last way to say what became of a post.",
        ),
    ] = field(default=None, repr=False)
    users: Annotated[Ids, Field(description="Ids of people who may publish; none named: everybody.")] = ()
    channels: Annotated[
        Ids,
        Field(
            description="Ids of channels to publish from; none named: all. With some, direct messages and the global "
            "shortcut are for people in users."
        ),
    ] = ()
    approvers: Annotated[
        Ids, Field(description="Ids of people who may approve, edit, send and drop; none named: as users.")
    ] = ()
    steps: Annotated[
        bool | None,
        Field(
            description="Whether steps of workflows may publish: a step does not prove who started it. Left out: only "
            "where users and channels name nobody."
        ),
    ] = None
    command: Annotated[
        str, Field(pattern=_COMMAND, description="The slash command, for the manifest."), BeforeValidator(_command)
    ] = "/publish"
    api_url: Annotated[
        str,
        Field(pattern=r"^https?://[^?#]+$", description="Address of the Web API if it is not Slack's."),
        AfterValidator(_api),
    ] = "https://slack.com/api/"


def faults(config: SlackConfig) -> Iterator[tuple[str, str, str]]:
    """Give what is half a configuration: (key, problem, remedy)."""
    if config.mode == "http" and not config.secret and config.auth != "none":
        yield "secret", "is missing", "Give {env: NAME} with the app's Signing Secret, or say mode: socket."
    if config.mode == "socket" and not config.app_token:
        yield "app_token", "is missing", "mode: socket needs an app-level token (xapp-...) with connections:write."
    if config.mode == "http" and config.app_token:
        yield "app_token", "is not used with mode: http", "Say mode: socket, or leave it out."
    for key, prefix, others in _MISTAKEN:
        token = getattr(config, key) or ""
        if token and not _TOKEN.fullmatch(token):
            yield key, "has characters that no token has", "Copy it again, without quotation marks or spaces."
        elif token.startswith(others):
            yield key, "is a token of another kind", f"Copy the one that begins with {prefix}."
