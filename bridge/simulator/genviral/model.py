"""The nouns of the simulated Genviral - accounts, keys, posts, rows, scripted outcomes - and how each is written.

Shapes follow https://docs.genviral.io/api-reference (get-accounts, get-post, data-structures), captured by 2026-11;
what those pages leave open is marked as a guess where it is decided.
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from starlette.datastructures import Secret

from bridge.simulator.instants import stamp

Json = dict[str, Any]

IN_FLIGHT = ("scheduled", "retry", "pending")
CONTENT = ("caption", "media", "music_url", "tiktok", "pinterest", "settings")
EDITABLE = ("draft", *IN_FLIGHT, "failed")


class Contract(StrEnum):
    """Which generation of the vendor's pages is played: `v1` (2025) or `v3` (May 2026 on)."""

    V1 = "v1"
    V3 = "v3"


class OutcomeKind(StrEnum):
    """What the worker can make of one row."""

    OK = "ok"
    FAIL = "fail"
    LATE_URL = "late_url"
    DRAFT = "draft"
    DELETED = "deleted"
    VOID = "void"
    HANG = "hang"
    UNKNOWN = "unknown"


class Plan(StrEnum):
    """The plan behind a key: `live` may call, `lapsed` answers 402, `scheduler` answers 403 `tier_not_allowed`."""

    LIVE = "live"
    LAPSED = "lapsed"
    SCHEDULER = "scheduler"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scripted end of one row, taken by the worker when the row is due.

    Args:
        kind: `ok` posts with a URL; `fail` sets `text`; `late_url` posts and shows the URL after `ticks` more ticks;
            `draft` posts without a URL ever; `deleted` and `void` set that word; `hang` stays `pending` and `unknown`
            shows `word`, both for `ticks` ticks (0: for ever), after which the next outcome is taken.
        text: the row's `error_message` for `fail`.
        ticks: see `kind`.
        word: the row's status for `unknown`.
        live: for `fail`: the network did publish, although the row says it failed (the ambiguous case).
    """

    kind: OutcomeKind = OutcomeKind.OK
    text: str = "Publishing failed: temporary platform error (503)"
    ticks: int = 0
    word: str = "reconciling"
    live: bool = False

    @classmethod
    def of(cls, value: "Outcome | str | Json") -> "Outcome":
        """Read an outcome from itself, its kind's word, or a JSON object with the fields above."""
        if isinstance(value, Outcome):
            return value
        if isinstance(value, str):
            return cls(OutcomeKind(value))
        return cls(**{**value, "kind": OutcomeKind(value.get("kind", "ok"))})


@dataclass(slots=True)
class Account:
    """One connected social account; `scope_id` is the workspace id or `user:<owner id>` it belongs to."""

    id: str
    platform: str
    type: str = "byo"
    username: str = "brandhq"
    display_name: str = "Brand HQ"
    scope_id: str = ""
    status: str = "active"
    kinds: tuple[str, ...] | None = ("video", "slideshow")
    premium: bool = False

    @property
    def hosted(self) -> bool:
        """Whether Genviral itself manages the account."""
        return self.type == "hosted"

    def render(self, contract: Contract) -> Json:
        """Write the account as GET /accounts shows it; `capabilities` only under v3 and if it advertises kinds."""
        workspace_id = None if self.scope_id.startswith("user:") else self.scope_id
        shown: Json = {
            "id": self.id,
            "platform": self.platform,
            "type": self.type,
            "username": self.username,
            "display_name": self.display_name,
            "status": self.status,
            "workspace_id": workspace_id,
        }
        if contract == Contract.V3 and self.kinds is not None:
            shown["capabilities"] = {"supported_content_kinds": list(self.kinds)}
        return shown


@dataclass(slots=True)
class Key:
    """One partner key; `token` is the whole bearer value `<public_id>.<secret>` and never leaves the process."""

    token: Secret
    scope: str
    owner_user_id: str
    workspace_id: str | None = None
    active: bool = True
    plan: Plan = Plan.LIVE
    tiktok_subscription: bool = True

    @property
    def public_id(self) -> str:
        """The part before the dot: what a journal may show."""
        return str(self.token).partition(".")[0]

    @property
    def scope_id(self) -> str:
        """What the key sees: its workspace, or the rows of its owner that have none."""
        return self.workspace_id or f"user:{self.owner_user_id}"

    def render(self) -> Json:
        """Write the key for the control API, without its secret."""
        return {
            "public_id": self.public_id,
            "scope": self.scope,
            "workspace_id": self.workspace_id,
            "owner_user_id": self.owner_user_id,
            "active": self.active,
            "plan": self.plan,
            "tiktok_subscription": self.tiktok_subscription,
        }


@dataclass(slots=True)
class Row:
    """One target of a post.

    `hold` counts the ticks a hanging row still waits (-1: for ever); `late_url` is shown when `url_ticks` is down to 0.
    """

    account_id: str
    status: str
    published_at: datetime | None = None
    error_message: str | None = None
    last_attempted_at: datetime | None = None
    published_url: str | None = None
    hold: int = 0
    late_url: str | None = None
    url_ticks: int = 0

    @property
    def moving(self) -> bool:
        """Whether a later tick can still change the row."""
        return self.status in IN_FLIGHT or self.hold != 0 or self.late_url is not None

    def render(self) -> Json:
        """Write the row as `accounts.states[]` shows it."""
        return {
            "account_id": self.account_id,
            "status": self.status,
            "published_at": stamp(self.published_at),
            "error_message": self.error_message,
            "last_attempted_at": stamp(self.last_attempted_at),
            "published_url": self.published_url,
        }


@dataclass(slots=True)
class Post:
    """One stored post. `content` holds the checked body: caption, media, music_url, tiktok, pinterest, settings."""

    id: str
    scope_id: str
    content: Json
    status: str
    created_at: datetime
    scheduled_at: datetime | None = None
    external_id: str | None = None
    rows: list[Row] = field(default_factory=list)
    warnings: list[Json] = field(default_factory=list)
    replay_name: tuple[str, str] | None = None

    @property
    def caption(self) -> str:
        """The caption, the same for every row."""
        return str(self.content["caption"])

    def render(self, contract: Contract) -> Json:
        """Write the post as GET /posts/{id} shows it: no `external_id`; `tiktok` and `pinterest` only under v3."""
        shown: Json = {
            "id": self.id,
            "caption": self.caption,
            "status": self.status,
            "scheduled_at": iso(self.scheduled_at),
            "created_at": stamp(self.created_at),
            "media": self.content.get("media"),
            "music_url": self.content.get("music_url"),
        }
        if contract == Contract.V3:
            shown |= {"tiktok": self.content.get("tiktok"), "pinterest": self.content.get("pinterest")}
        return shown | {"accounts": {"total": len(self.rows), "states": [row.render() for row in self.rows]}}

    def receipt(self, *, duplicate: bool = False) -> Json:
        """Write what create and update answer: id, status, time, and warnings if there are any."""
        shown: Json = {"id": self.id, "status": self.status, "scheduled_at": iso(self.scheduled_at)}
        if self.warnings:
            shown["warnings"] = self.warnings
        return shown | ({"duplicate": True} if duplicate else {})


@dataclass(frozen=True, slots=True)
class Publication:
    """One thing that really appeared on a network or in its drafts: two of one post and account are a doubled post."""

    post_id: str
    account_id: str
    platform: str
    external_id: str | None
    caption: str
    at: datetime
    url: str | None

    def render(self) -> Json:
        """Write the publication for the control API."""
        return {
            "post_id": self.post_id,
            "account_id": self.account_id,
            "platform": self.platform,
            "external_id": self.external_id,
            "caption": self.caption,
            "at": stamp(self.at),
            "url": self.url,
        }


class Refusal(Exception):
    """A call that ends in an error envelope; `code` is the vendor's `error_code`, `issues` come with schema faults."""

    def __init__(self, status: int, code: str, message: str, *, issues: list[Json] | None = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.issues = status, code, message, issues


def iso(moment: datetime | None) -> str | None:
    """Write a time as `2025-02-01T15:00:00Z`, with milliseconds only if it has any."""
    if moment is None:
        return None
    return moment.isoformat(timespec="milliseconds" if moment.microsecond else "seconds").replace("+00:00", "Z")
