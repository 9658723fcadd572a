"""What partners show and answer, in our words: receipts of commands, snapshots of posts, listings of accounts."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.nouns import noun
from bridge.core.states import AccountState, PostState, TargetState

Json = Mapping[str, Any]

LONGEST_ID = 255
"""An id of a post that is longer is none: it could not be kept so that the post is found by it."""


@noun(frozen=True, slots=True)
class Receipt:
    """What a partner answered to a command that succeeded.

    For publish and update: `partner_id`, `state`, `raw_status`, `scheduled_at`. For retry and cancel: `accepted` tells
    whether the partner took it; `refusal` its text when it did not (a benign race). One that was looked for by list is
    not `sure` when it fits what was sent as far as it is shown, and nobody can tell whether it is it.
    """

    partner_id: str | None
    state: PostState | None = None
    raw_status: str | None = None
    scheduled_at: datetime | None = None
    created_at: datetime | None = None
    warnings: tuple[Json, ...] = ()
    duplicate: bool = False
    accepted: bool = True
    refusal: str | None = None
    status: int = 200
    sure: bool = True


@noun(frozen=True, slots=True)
class TargetSnapshot:
    """One account's row as the partner showed it. `error` is redacted.

    `attempts` is the partner's own count of tries, which never falls; None where it has none.
    """

    account: str
    state: TargetState
    raw_status: str
    published_at: datetime | None = None
    url: str | None = None
    error: str | None = None
    last_attempted_at: datetime | None = None
    attempts: int | None = None
    platform: str = ""


@noun(frozen=True, slots=True)
class Snapshot:
    """A post as the partner showed it, read not before `read_at` (taken before the call).

    `state` VANISHED comes only from a GET's 404. `targets` may be fewer than ours (out-of-scope rows are filtered).
    """

    partner_id: str
    read_at: datetime
    state: PostState
    raw_status: str
    targets: tuple[TargetSnapshot, ...] = ()
    scheduled_at: datetime | None = None
    created_at: datetime | None = None


@noun(frozen=True, slots=True)
class Stranger:
    """A post at a partner that was not sent through us; `content` is what it shows, in our words (caption, media)."""

    snapshot: Snapshot
    content: Json


@noun(frozen=True, slots=True)
class Hosted:
    """A file as the partner keeps it: `handle` is the URL or id that a post names. Not `ready`: ask again later."""

    handle: str
    ready: bool = True


@noun(frozen=True, slots=True)
class Link:
    """An address where a person reconnects an account, until it expires."""

    url: str
    expires_at: datetime


@noun(frozen=True, slots=True)
class Judgement:
    """What a target's failure text means. `wait` is how long a `WAIT_UNTIL` waits, counted from the failure."""

    reason: FailureReason
    failure: FailureClass
    wait: timedelta | None = None


@noun(frozen=True, slots=True)
class Listed:
    """One account as a partner listed it. `detail` says in words why it is not plainly active.

    Not `thorough`: an early notice would not show here, so `active` does not take one back.
    """

    id: str
    platform: str
    username: str
    display_name: str = ""
    type: str = ""
    state: AccountState = AccountState.ACTIVE
    raw_status: str = ""
    capabilities: Json | None = None
    detail: str = ""
    thorough: bool = True


@noun(frozen=True, slots=True)
class Listing:
    """All accounts a key sees.

    `scope` identifies what the key sees (workspace or person); a change of it says nothing about accounts.
    """

    scope: str
    accounts: tuple[Listed, ...]
    read_at: datetime
