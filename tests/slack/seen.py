"""What people see in the stand-in's workspace: channels with their messages, each with all its versions, and modals."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

Json = dict[str, Any]

ADDRESS_USES, ADDRESS_LIVES = 5, timedelta(minutes=30)
"""How often and how long a `response_url` takes answers.

https://docs.slack.dev/interactivity/handling-user-interaction (read 2026-11)."""

TRIGGER_LIVES = timedelta(seconds=3)
"""How long a `trigger_id` opens a modal, once. https://docs.slack.dev/surfaces/modals (read 2026-11)."""


@dataclass
class Said:
    """A message: `versions` are what it said, the newest last; `to` is who alone sees it, empty for everybody."""

    ts: str
    channel: str
    versions: list[Json]
    by: str = "bot"
    thread: str = ""
    to: str = ""
    deleted: bool = False

    @property
    def now(self) -> Json:
        """What it says now."""
        return self.versions[-1]

    @property
    def text(self) -> str:
        """The text of it, as it says now."""
        return str(self.now.get("text", ""))


@dataclass
class Channel:
    """A conversation; `member` says whether the app is in it."""

    id: str
    member: bool = True
    archived: bool = False
    name: str = ""
    said: list[Said] = field(default_factory=list)


@dataclass
class Address:
    """A `response_url`; `original` is the ts of the message that it came of, empty for a slash command."""

    channel: str
    user: str
    made_at: datetime
    original: str = ""
    uses: int = 0


@dataclass
class Trigger:
    """A `trigger_id`, good for one modal."""

    user: str
    made_at: datetime
    spent: bool = False


@dataclass
class View:
    """A modal that a person has before them."""

    id: str
    user: str
    versions: list[Json]

    @property
    def now(self) -> Json:
        """What it shows now."""
        return self.versions[-1]


class Workspace:
    """Everything in it, and what stands in a channel for one of its people."""

    def __init__(self) -> None:
        self.channels: dict[str, Channel] = {}
        self.users: dict[str, Json] = {}
        self.addresses: dict[str, Address] = {}
        self.triggers: dict[str, Trigger] = {}
        self.views: dict[str, View] = {}
        self.hooks: dict[str, str] = {}
        """Incoming webhooks: channels by their paths."""
        self.files: dict[str, tuple[bytes, str]] = {}
        self.steps: dict[str, Json] = {}
        """Runs of a workflow's step by execution id: `{"token", "ended", "outputs", "error"}`."""
        self._numbers = itertools.count(1)

    def number(self) -> int:
        """Return a number that was not given before."""
        return next(self._numbers)

    def ts(self, at: datetime) -> str:
        """Return the ts of a message that is posted now, which is what tells messages of a channel apart."""
        return f"{int(at.timestamp())}.{self.number():06}"

    def channel(self, channel_id: str) -> Channel | None:
        """Return a conversation by its id or `#name`; one with a person is opened by a post to the person's id."""
        if channel_id in self.users:
            return self.channels.setdefault(f"D{channel_id}", Channel(f"D{channel_id}"))
        named = (one for one in self.channels.values() if one.name and f"#{one.name}" == channel_id)
        return self.channels.get(channel_id) or next(named, None)

    def find(self, channel_id: str, ts: str) -> Said | None:
        """Return a message that everybody sees."""
        found = self.channels.get(channel_id)
        visible = (one for one in found.said if one.ts == ts and not one.to and not one.deleted) if found else iter(())
        return next(visible, None)

    # What a test looks at.

    def seen(self, channel_id: str, user: str = "", thread: str | None = None) -> list[str]:
        """Return the texts that somebody sees in a channel, oldest first: what all see, and what only they do."""
        return [one.text for one in self._shown(channel_id, user, thread)]

    def messages(self, channel_id: str, user: str = "") -> list[Said]:
        """Return the messages that somebody sees in a channel."""
        return list(self._shown(channel_id, user, None))

    def _shown(self, channel_id: str, user: str, thread: str | None) -> Iterator[Said]:
        for one in self.channels[channel_id].said:
            if not one.deleted and one.to in ("", user) and thread in (None, one.thread):
                yield one

    def buttons(self, message: Said) -> dict[str, Json]:
        """Return the buttons of a message by their action ids."""
        rows = (block for block in message.now.get("blocks") or () if block.get("type") == "actions")
        return {one["action_id"]: one for row in rows for one in row["elements"]}


def texts_of(message: Mapping[str, Any]) -> str:
    """Return everything that the blocks of a message say, as one text."""
    found: list[str] = []
    waiting: list[Any] = [message.get("blocks") or []]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, dict):
            if isinstance(one.get("text"), str):
                found.append(one["text"])
            waiting = [*one.values(), *waiting]
        elif isinstance(one, list):
            waiting = [*one, *waiting]
    return "\n".join(found)
