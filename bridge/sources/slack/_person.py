"""Who asks for something in Slack, whether they may, and what they are told when they may not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

import orjson

from bridge.core.errors import Fault, Problem
from bridge.core.model import Intent, Item, Json, Person, ReplyTo
from bridge.core.request import invalid
from bridge.core.slack.command import with_link
from bridge.core.slack.files import addresses, is_private
from bridge.core.slack.text import commanded
from bridge.ports import Parsed, Reply, Verb
from bridge.sources._kind import Payload, text_at
from bridge.sources.slack._config import SlackConfig

EMPTY = Reply(200, b"", "text/plain")
_SECRETS = frozenset(
    {
        "token", "response_url", "response_urls", "trigger_id", "bot_access_token", "app_token", "access_token",
        "interactivity", "interactivity_pointer", "interactor",
    }
)  # fmt: skip
"""Fields that open something for whoever has them, or prove who sends."""
_JUDGES = frozenset({Verb.APPROVE, Verb.EDIT, Verb.SAVE, Verb.SEND, Verb.DROP})
"""What approvers do."""
_DEEPEST = 64
_SAYS = frozenset({"caption", "title", "url", "media"})
_LONGEST_LINE = 240


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a person: `data` as it was sent, `config`, who the `person` is, and the name of the `source`."""

    data: Json
    config: SlackConfig
    person: Person
    payload: Payload

    @property
    def source(self) -> str:
        return self.payload.source

    @property
    def zone(self) -> str | None:
        """The zone that times without one are in."""
        return self.person.timezone or self.config.timezone

    def text(self, *paths: str) -> str:
        """Return the first text that stands at one of these paths, or an empty string."""
        return text_at(self.data, *paths)

    def commanded(self, text: str) -> str:
        """Return a text of Slack as `read_command` reads it."""
        return commanded(text, self.person.names)


def open_request(payload: Payload, config: SlackConfig) -> Asked:
    """Gather what is known of a request."""
    return Asked(payload.object(), config, payload.person or Person(), payload)


def who_may_not(asked: Asked, user: str, channel: str) -> str:
    """Return why somebody may not publish from a channel ("" for none), in words for them; empty when they may."""
    config, source = asked.config, asked.source
    if config.users and user not in config.users:
        return f"You may not publish here. Ask whoever runs bridge to add your id {user} to sources.{source}.users."
    if not config.channels or channel in config.channels:
        return ""
    if not channel.startswith(("C", "G")):
        if user in config.users:
            return ""
        # Whoever is named first in `users` would shut all others out.
        add = f", or ask whoever runs bridge to add your id {user} to sources.{source}.users" if config.users else ""
        return f"You may publish from some channels only, not from here. Go to one of them{add}."
    add = f"ask whoever runs bridge to add its id {channel} to sources.{source}.channels."
    return f"Nothing is published from this channel. Go to one that may, or {add}"


def may_not_do(asked: Asked, user: str, verb: Verb) -> str:
    """Return why somebody may not press a button or send in its form; empty when they may."""
    config = asked.config
    judges = config.approvers or config.users
    allowed = judges if verb in _JUDGES else (*config.users, *config.approvers) if config.users else ()
    if not allowed or user in allowed:
        return ""
    key = "approvers" if config.approvers and verb in _JUDGES else "users"
    return f"You may not do that. Ask whoever runs bridge to add your id {user} to sources.{asked.source}.{key}."


def says_something(fields: Json) -> bool:
    """Say whether there is anything to post in the fields of a publish request."""
    return bool(fields.keys() & _SAYS)


def make_item(asked: Asked, fields: Json, reply_to: ReplyTo, *, event: str, **more: Any) -> Item:
    """Return the item of what a person asks to be posted."""
    return Item(
        intent=Intent.SCHEDULE if fields.get("scheduled_at") else Intent.PUBLISH,
        event=event,
        own=with_link(fields),
        raw=without_secrets(asked.data),
        reply_to=reply_to,
        warnings=_zone_guessed(asked, fields),
        **more,
    )


def _zone_guessed(asked: Asked, fields: Json) -> tuple[Json, ...]:
    """Warn of a time of day in the source's zone where the person's could have been known."""
    config, known = asked.config, asked.person.timezone or asked.text("event.inputs.timezone")
    if known or not config.bot_token or not config.timezone or fields.get("timezone") != config.timezone:
        return ()
    text = f"Slack did not say in which time zone this was written: the time was read as one of {config.timezone}."
    return ({"field": "scheduled_at", "code": "ZONE_GUESSED", "message": text},)


def refuse_private(asked: Asked, fields: Json, shared: Collection[str] = ()) -> Json:
    """Return fields without an address of Slack's own files, but those that were `shared` there.

    Our token reads every file of the channels that the app is in: who names an address need not be able to.

    Raises:
        Problem: 422, there is one.
    """
    found = [one for one in addresses(fields) if is_private(asked.config.api_url, one) and one not in shared]
    if found:
        remedy = "Share the file itself: in a message to the app, or in the form."
        raise invalid([Fault("media", "names a private file of Slack by its address", remedy)])
    return fields


def told(asked: Asked, note: str, reply_to: ReplyTo | None, *, event: str, key: str | None = None) -> Parsed:
    """Keep that nothing is posted, and why; whoever asked is told so in a message."""
    item = Item(
        intent=Intent.IGNORE,
        event=event,
        key=key,
        note=note[:_LONGEST_LINE],
        raw=without_secrets(asked.data),
        reply_to=reply_to,
    )
    return Parsed((item,), kept=kept(asked.data))


def answer(body: Json) -> Reply:
    """Answer with JSON."""
    return Reply(200, orjson.dumps(body))


def only_you(text: str) -> Reply:
    """Answer a command in words that only the person sees who gave it."""
    return answer({"response_type": "ephemeral", "text": escape(text, quote=False)})


def refuse_command(problem: Problem) -> Reply:
    """Say everything that is wrong with a command, a line each."""
    if not problem.errors:
        return only_you(problem.detail)
    lines = [f"{one.field} {one.problem}. {one.remedy}".strip()[:_LONGEST_LINE] for one in problem.errors]
    return only_you("\n".join(["Nothing was posted:", *(f"• {line}" for line in dict.fromkeys(lines))]))


def kept(data: Json) -> bytes:
    """Return what is stored of a request."""
    return orjson.dumps(without_secrets(data))


def without_secrets(data: Any, depth: int = _DEEPEST) -> Any:
    """Return a copy without the fields that are secret, however deep they are."""
    if isinstance(data, Mapping):
        return {
            name: without_secrets(value, depth - 1) for name, value in data.items() if name not in _SECRETS and depth
        }
    if isinstance(data, list):
        return [without_secrets(one, depth - 1) for one in data]
    return data
