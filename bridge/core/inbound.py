"""What comes in, before it is an event: requests, what a sender says in them, and what is remembered of its things.

`RawRequest` -> `Verified` -> `Item`s. `SourceObject`, `Lookup` and `FeedState` are rows.
"""

from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from bridge.core.answers import Json
from bridge.core.errors import FailureReason
from bridge.core.nouns import noun
from bridge.core.states import Intent, WorkState


@noun(frozen=True, slots=True)
class RawRequest:
    """An HTTP request exactly as it arrived, not yet trusted."""

    method: str
    path: str
    query: str
    public_url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    received_at: datetime

    def header(self, name: str) -> str | None:
        """Return the first header of that (lower-case) name, or None."""
        for key, value in self.headers:
            if key == name:
                return value
        return None


@noun(frozen=True, slots=True)
class Person:
    """What a chat knows of whoever speaks: an IANA zone, and by their ids the names of those whom the text mentions."""

    timezone: str = ""
    names: Mapping[str, str] = field(default_factory=dict)


@noun(frozen=True, slots=True)
class Verified:
    """A request whose sender was checked. Only a source's `verify` makes one, and whoever holds the line it came by.

    `scope` names who sent it (`token:zapier`, `source:blog`): dedupe keys are unique within it.
    `accounts` are the patterns of account names this sender may publish to; empty means all. `how` says for people what
    was checked, without any of it. `person` is what was found out about who speaks, in a chat.
    """

    raw: RawRequest
    source: str
    scope: str
    accounts: tuple[str, ...] = ()
    how: str = ""
    person: Person | None = None


REPLY, CARD, STEP = "reply", "card", "step"
"""Kinds of messages: the answer to whoever asked, a card that asks for approval, and the end of a workflow's step."""


@noun(frozen=True, slots=True, kw_only=True)
class ReplyTo:
    """Where in a chat whoever asked is told what becomes of it.

    `channel` is one of the chat's, or a person's id for a direct message; `thread` the message to answer under, `user`
    who asked. `address` is a secret: an address that takes answers for a while (`response_url`), or for a `step` the
    token that ends it. `execution` is the run of the step. `asked` tells one asking from another where the same
    may come twice without a key: the form that was filled in.
    """

    kind: str = REPLY
    channel: str = ""
    thread: str = ""
    user: str = ""
    address: str = field(default="", repr=False)
    execution: str = ""
    asked: str = ""


@noun(frozen=True, slots=True)
class Card:
    """Where a card shows what posts of a source wait for: the name of a chat's source, and a channel there."""

    source: str
    channel: str


@noun(frozen=True, slots=True, kw_only=True)
class Item:
    """One thing that a sender says of one of its objects, in our words and before any mapping.

    `intent` follows from the transition, not from the word the sender has for it, which is `event`. `key` is what
    the sender itself tells repetitions by. (`object_id`, `revision`) name a version of an object; revisions of one
    object compare by `core.objects.is_newer`. Texts are as they were sent: `title` and `excerpt` may hold entities,
    `body` text, HTML or Markdown. Addresses may be relative. Times are text as sent, with an offset where the
    sender's page says which (`parse_when` reads them). `status` and `previous` are the sender's words for where the
    object stands and stood. `own` are fields of a publish request that the sender gave itself (see `core.request`).
    `raw` is what templates and conditions see under that name. `wanted` says what has to be fetched before there is
    something to publish, in the words of the source's own `lookup`. `note` tells a person why nothing is published,
    or what to do about it. `withheld` says that it is out and that the configuration leaves it out all the same:
    what another way in shows of it is left out, too. `listed` says that it was read in a feed of what there is.
    `reply_to` is where whoever asked is told what becomes of it, with `warnings` of what its source noticed.
    """

    intent: Intent
    event: str = ""
    key: str | None = None
    object_id: str | None = None
    revision: str | None = None
    title: str = ""
    body: str = ""
    excerpt: str = ""
    url: str = ""
    images: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    scheduled_at: str = ""
    published_at: str = ""
    status: str = ""
    previous: str = ""
    own: Json = field(default_factory=dict)
    raw: Json = field(default_factory=dict)
    wanted: Json | None = None
    note: str = ""
    withheld: bool = False
    listed: bool = False
    reply_to: ReplyTo | None = None
    warnings: tuple[Json, ...] = ()


@noun(frozen=True, slots=True)
class SourceObject:
    """What became of one object of a source, under one of its names: see `core.objects.names_of`.

    Its id in the store is `SOURCE:ID`. `revision` is the newest seen, `event_id` the last event that made posts of it,
    None while nothing was made. `listed` says that this event came of a feed and no hook has told of the object since;
    without an event, that a feed is not to make anything of it. A row is kept for good: an old page that is edited
    years later must not be posted anew.
    """

    source: str
    id: str
    seen_at: datetime
    revision: str | None = None
    event_id: str | None = None
    listed: bool = False
    version: int = 1

    @property
    def key(self) -> str:
        """The id in the store."""
        return f"{self.source}:{self.id}"


@noun(frozen=True, slots=True)
class Lookup:
    """What has to be fetched from a sender before an event of it says anything; its id is that of the event.

    `wanted` as in `Item`. Tried at `due_at` until `state` is done or dead; whoever tries raises `version` and sets
    `lease_until` first. `traceparent` is that of its event.
    """

    id: str
    source: str
    wanted: Json
    due_at: datetime
    created_at: datetime
    traceparent: str | None = None
    state: WorkState = WorkState.DUE
    attempts: int = 0
    reason: FailureReason | None = None
    detail: str | None = None
    settled_at: datetime | None = None
    lease_until: datetime | None = None
    version: int = 1


@noun(frozen=True, slots=True)
class FeedState:
    """Where the sweep of a source's feed stands; one row a source.

    `etag` and `modified` are the validators of the last answer. `swept_at` is when a sweep last ended well: None until
    the first, which posts nothing. `failures` counts sweeps in a row that failed, `detail` says how the last one did.
    `sent` are the instants of what sweeps published lately, for the brake.
    """

    source: str
    url: str
    etag: str = ""
    modified: str = ""
    swept_at: datetime | None = None
    failures: int = 0
    detail: str = ""
    sent: tuple[str, ...] = ()
    version: int = 1
