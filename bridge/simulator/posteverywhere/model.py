"""The nouns of the simulated PostEverywhere: keys, organisations, accounts, posts, destinations, media, outcomes.

Pages: https://developers.posteverywhere.ai, captured by 2026-11. How each is written is in `shapes`, because the
vendor writes them in three ways.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from starlette.datastructures import Secret

from bridge.simulator import instants
from bridge.simulator.instants import stamp

Json = dict[str, Any]

IN_FLIGHT = ("queued", "publishing")
SCOPES = ("read", "write", "ai")


class OutcomeKind(StrEnum):
    """What one attempt on one destination can come to."""

    OK = "ok"
    FAIL = "fail"
    LATE_URL = "late_url"
    HANG = "hang"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scripted end of one attempt, taken when a destination of the account is due.

    Args:
        kind: `ok` publishes with a URL; `fail` sets `text`; `late_url` publishes and shows id and URL after `ticks`
            more ticks; `hang` stays `publishing` and `unknown` shows `word`, both for `ticks` ticks (0: for ever);
            then the next outcome is taken.
        text: the destination's `error` for `fail`.
        retries: for `fail`: how often the vendor tries again by itself; None leaves it to the text (`is_transient`).
        ticks: see `kind`.
        word: the destination's status for `unknown`.
        live: for `fail`: the network did publish, although the destination says it failed (the ambiguous case).
        match: only destinations of posts whose content contains this text.
        attempt: only this attempt of a destination, from 1.
    """

    kind: OutcomeKind = OutcomeKind.OK
    text: str = "Temporary platform error (503), please try again"
    retries: int | None = None
    ticks: int = 0
    word: str = "verifying"
    live: bool = False
    match: str | None = None
    attempt: int | None = None

    @classmethod
    def of(cls, value: "Outcome | str | Json") -> "Outcome":
        """Read an outcome from itself, its kind's word, or a JSON object with the fields above."""
        if isinstance(value, Outcome):
            return value
        if isinstance(value, str):
            return cls(OutcomeKind(value))
        return cls(**{**value, "kind": OutcomeKind(value.get("kind", "ok"))})

    def fits(self, content: str, attempt: int) -> bool:
        """Whether the outcome is meant for this attempt."""
        return (self.match is None or self.match in content) and self.attempt in (None, attempt)


@dataclass(slots=True)
class Organization:
    """Who pays. Not `entitled` means 402 everywhere but on GET /me."""

    id: str
    name: str = "My Brand"
    plan: str = "growth"
    status: str = "active"
    entitled: bool = True


@dataclass(slots=True)
class Key:
    """One API key: `pe_live_` and 32 hex digits; the token never leaves the process."""

    token: Secret
    organization_id: str
    scopes: tuple[str, ...] = SCOPES
    active: bool = True
    name: str = "bridge"

    @property
    def prefix(self) -> str:
        """The first characters, as GET /me shows them: what a journal may show."""
        return str(self.token)[:16]

    def render(self) -> Json:
        """Write the key for the control API, without its secret."""
        return {
            "key_prefix": self.prefix,
            "organization_id": self.organization_id,
            "scopes": list(self.scopes),
            "active": self.active,
        }


@dataclass(slots=True)
class Account:
    """One connected social account. `failures` are its failed attempts as (time, permanent)."""

    id: int
    platform: str
    name: str
    organization_id: str = ""
    username: str = "mybrand"
    platform_account_id: str = "17841400000000000"
    avatar_url: str | None = None
    is_active: bool = True
    created_at: datetime = datetime(2026, 1, 15, 10, tzinfo=UTC)
    token_expires_at: datetime | None = None
    last_refresh: datetime | None = None
    needs_reconnection_since: datetime | None = None
    last_published_at: datetime | None = None
    failures: list[tuple[datetime, bool]] = field(default_factory=list)
    health_word: str | None = None


@dataclass(slots=True)
class Destination:
    """One account of one post.

    `name` and `platform` outlive a removed account. `auto_left` counts the vendor's own further tries, `hold` the ticks
    a hanging one still waits (-1: for ever), `url_ticks` those until `late` (id, URL) is shown.
    """

    id: str
    account_id: int
    name: str
    platform: str
    status: str = "queued"
    scheduled_for: datetime | None = None
    platform_post_id: str | None = None
    platform_post_url: str | None = None
    published_at: datetime | None = None
    error: str | None = None
    attempts: int = 0
    next_retry_at: datetime | None = None
    failed_at: datetime | None = None
    auto_left: int | None = None
    hold: int = 0
    late: tuple[str, str] | None = None
    url_ticks: int = 0

    @property
    def moving(self) -> bool:
        """Whether a later tick can still change the destination."""
        waits = self.next_retry_at is not None or self.hold != 0 or self.late is not None
        return waits or self.status in IN_FLIGHT

    def requeue(self) -> None:
        """Put a failed destination back in the queue; its attempts go on counting."""
        self.status, self.error, self.next_retry_at = "queued", None, None


@dataclass(slots=True)
class Post:
    """One stored post; a draft has account ids but no destinations yet."""

    id: str
    group_id: str
    organization_id: str
    content: str
    status: str
    created_at: datetime
    updated_at: datetime
    account_ids: list[int] = field(default_factory=list)
    scheduled_for: datetime | None = None
    timezone: str = "UTC"
    media_ids: list[str] = field(default_factory=list)
    platform_content: Json = field(default_factory=dict)
    campaign_id: int | None = None
    destinations: list[Destination] = field(default_factory=list)

    def content_for(self, platform: str) -> str:
        """The text one platform gets: its own from `platform_content`, else the common one."""
        return text_for(self.content, self.platform_content, platform)


@dataclass(slots=True)
class Media:
    """One file of the library; `uploading` until the client completes it and, for a video, the worker is through.

    `landed` counts the bytes that came to the upload URL, None for none; `ticks_left` the ticks a video is processed.
    """

    id: str
    organization_id: str
    filename: str
    content_type: str
    size: int
    created_at: datetime
    status: str = "uploading"
    url: str | None = None
    error: str | None = None
    landed: int | None = None
    ticks_left: int = 0
    width: int | None = None
    height: int | None = None
    duration: float | None = None

    @property
    def type(self) -> str:
        """`image`, `video` or `document`."""
        kind = self.content_type.partition("/")[0]
        return kind if kind in ("image", "video") else "document"


@dataclass(frozen=True, slots=True)
class Publication:
    """One thing that really appeared on a network: two with the same content and account are a doubled post."""

    post_id: str
    account_id: int
    platform: str
    content: str
    at: datetime
    url: str | None

    def render(self) -> Json:
        """Write the publication for the control API."""
        return {
            "post_id": self.post_id,
            "account_id": self.account_id,
            "platform": self.platform,
            "content": self.content,
            "at": stamp(self.at),
            "url": self.url,
        }


class Refusal(Exception):
    """A call that ends in an error; `details` are the vendor's, if it gives any."""

    def __init__(self, status: int, code: str, message: str, *, details: Any = None) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.details = status, code, message, details


def invalid(message: str, *, code: str = "validation_error", details: Any = None) -> Refusal:
    """Make the 400 of a malformed request."""
    return Refusal(400, code, message, details=details)


def text_for(content: str, platform_content: Json, platform: str) -> str:
    """Give the text of one platform; X may be named `x` or `twitter` (both are in the vendor's own pages)."""
    names = ("x", "twitter") if platform == "x" else (platform,)
    own: Json = next((platform_content[name] for name in names if name in platform_content), {})
    return str(own.get("content") or content)


def read_time(text: object) -> datetime | None:
    """Read an ISO 8601 time, one without offset as UTC; None if it is anything else."""
    return instants.read_time(text, UTC)
