"""The nouns, in the order data meets them; frozen, without behaviour beyond what follows from their own fields.

`RawRequest` -> `Verified` -> `Item` -> `Event` -> `Post` and `Command` -> `Receipt`;
`Snapshot` -> `OutboundEvent` (a told transition) -> `Delivery` -> `Attempt`.
`Account`, `Key`, `Cause` and `Endpoint` are the things that have a state of their own.
Every row that changes carries `version`: a write names the version it makes, so a stale writer is refused.
All instants are aware UTC datetimes.
"""

from dataclasses import field
from datetime import datetime

from bridge.core.answers import Hosted as Hosted
from bridge.core.answers import Json as Json
from bridge.core.answers import Judgement as Judgement
from bridge.core.answers import Link as Link
from bridge.core.answers import Listed as Listed
from bridge.core.answers import Listing as Listing
from bridge.core.answers import Receipt as Receipt
from bridge.core.answers import Snapshot as Snapshot
from bridge.core.answers import Stranger as Stranger
from bridge.core.answers import TargetSnapshot as TargetSnapshot
from bridge.core.errors import FailureClass, FailureReason
from bridge.core.inbound import FeedState as FeedState
from bridge.core.inbound import Item as Item
from bridge.core.inbound import Lookup as Lookup
from bridge.core.inbound import Person as Person
from bridge.core.inbound import RawRequest as RawRequest
from bridge.core.inbound import ReplyTo as ReplyTo
from bridge.core.inbound import SourceObject as SourceObject
from bridge.core.inbound import Verified as Verified
from bridge.core.nouns import noun
from bridge.core.outbound import Delivery as Delivery
from bridge.core.outbound import Endpoint as Endpoint
from bridge.core.outbound import Message as Message
from bridge.core.outbound import OutboundEvent as OutboundEvent
from bridge.core.outbound import Replay as Replay
from bridge.core.states import AccountState as AccountState
from bridge.core.states import AttemptOutcome as AttemptOutcome
from bridge.core.states import CommandKind as CommandKind
from bridge.core.states import Intent as Intent
from bridge.core.states import Lane as Lane
from bridge.core.states import PostState as PostState
from bridge.core.states import TargetState as TargetState
from bridge.core.states import WorkState as WorkState

ADOPTED = "adopted"
"""The source of posts that were not sent through us."""


@noun(frozen=True, slots=True)
class Event:
    """One accepted intent.

    `key` is the dedupe key (unique within `scope` until `key_until`, None means not deduplicated); `fingerprint` is the
    hash of the parsed request before defaults. `request` is the parsed request; `body` the raw bytes. `traceparent` is
    the trace that what becomes of it belongs to (`core.traces`).
    `reason` says why an event made no post. `headers` are those of the request that tell a person something.
    """

    id: str
    source: str
    scope: str
    key: str | None
    key_until: datetime | None
    fingerprint: str
    intent: Intent
    received_at: datetime
    content_type: str
    body: bytes
    request: Json
    external_id: str | None = None
    object_id: str | None = None
    revision: str | None = None
    correlation: str | None = None
    traceparent: str | None = None
    warnings: tuple[Json, ...] = ()
    reason: str | None = None
    headers: Json | None = None


@noun(frozen=True, slots=True)
class Target:
    """One account's row inside a post.

    `account` is the partner's account id, `name` ours (may be empty). `retries` counts our own automatic retries since
    the last manual one. `failed_at` is when we first saw the present failure; `choice` is what was decided about it (a
    word of `core.retry.Choice`, empty while undecided), so one failure is judged once. `retry_at` is when our own retry
    is due. `attempts` is the partner's own count of tries, `attempts_before` what it was at our last retry.
    """

    account: str
    name: str = ""
    platform: str = ""
    state: TargetState = TargetState.WAITING
    raw_status: str | None = None
    published_at: datetime | None = None
    url: str | None = None
    error: str | None = None
    reason: FailureReason | None = None
    failure: FailureClass | None = None
    last_attempted_at: datetime | None = None
    failed_at: datetime | None = None
    retries: int = 0
    choice: str = ""
    retry_at: datetime | None = None
    attempts: int = 0
    attempts_before: int = 0


@noun(frozen=True, slots=True)
class Post:
    """One post at one partner, born at accept with our id.

    `content` is what is to be published, in the partner-neutral words of the publish request (caption, media,
    music_url, tiktok, pinterest, settings, title, url, excerpt, tags). `partner` names the key. `external_id` is what
    the partner is given; `caller_id` is the caller's own. `sequence` counts the outbound events of this post and its
    targets. `wanted_at` is when it should have gone (the schedule, else the accept; not before its hold is over).
    `read_at` is the start of the last read that counted; `settled_at` the end of the last command: an older read is
    dropped. `poll_at` is when it is read next, None when it is no longer watched. `in_flight_since` starts the clock
    for `post.stuck`. `hosted` maps the addresses of media to what the partner keeps them as: None when the partner
    takes the addresses themselves, empty while they have yet to be stored with it.
    """

    id: str
    event_id: str
    partner: str
    external_id: str
    source: str
    content: Json
    targets: tuple[Target, ...]
    created_at: datetime
    changed_at: datetime
    wanted_at: datetime
    caller_id: str | None = None
    correlation: str | None = None
    traceparent: str | None = None
    partner_id: str | None = None
    state: PostState = PostState.ACCEPTED
    raw_status: str | None = None
    reason: FailureReason | None = None
    error: str | None = None
    scheduled_at: datetime | None = None
    read_at: datetime | None = None
    settled_at: datetime | None = None
    poll_at: datetime | None = None
    in_flight_since: datetime | None = None
    ended_at: datetime | None = None
    partner_created_at: datetime | None = None
    stuck: bool = False
    gave_up: bool = False
    hosted: Json | None = None
    commands: int = 0
    sequence: int = 0
    version: int = 1

    @property
    def adopted(self) -> bool:
        """Whether it was made elsewhere and is only watched."""
        return self.source == ADOPTED


@noun(frozen=True, slots=True)
class Command:
    """Something to be done at a partner. Commands of one post run one at a time, in order of `number`.

    `payload`: update `{changes, hosts}`; retry `{account_ids, manual}`; fetch, `progress`: `core.fetching`, `looking`;
    of any, `by`: the person who asked. What is held: `core.holding`.
    `body` holds the frozen request bytes while an answer may be lost (re-sent as they are), first sent at `sent_at`.
    `cause` names the cause a parked command waits for (`account:KEY:ID`, `key:KEY`), empty when a person must decide.
    `attempts` counts tries that used up budget. A claim sets `lease_until` and raises `version`: it fences older ones.
    """

    id: str
    post_id: str
    number: int
    kind: CommandKind
    partner: str
    due_at: datetime
    created_at: datetime
    state: WorkState = WorkState.DUE
    payload: Json = field(default_factory=dict)
    attempts: int = 0
    calls: int = 0
    body: bytes | None = None
    sent_at: datetime | None = None
    first_attempt_at: datetime | None = None
    cause: str = ""
    reason: FailureReason | None = None
    detail: str | None = None
    parked_at: datetime | None = None
    progress: Json | None = None
    settled_at: datetime | None = None
    lease_until: datetime | None = None
    version: int = 1


@noun(frozen=True, slots=True)
class Attempt:
    """One call of a command or delivery, written as `started` before it is made.

    `subject_id` is the command's or delivery's id; (`subject_id`, `number`) is unique. `answer` is what the other side
    said, redacted: for a command `{"id", "status", "warnings"}` or `{"code", "issues"}`, for a delivery `{"body"}`.
    """

    subject_id: str
    number: int
    post_id: str | None
    started_at: datetime
    outcome: AttemptOutcome = AttemptOutcome.STARTED
    finished_at: datetime | None = None
    status: int | None = None
    reason: FailureReason | None = None
    detail: str | None = None
    answer: Json | None = None


@noun(frozen=True, slots=True)
class Account:
    """A partner's account as we know it. Its id in the store is `KEY:ID`.

    `detail` says why its partner lists it as less than active; one that is degraded without it has failed a post for
    its token. `misses` counts listings in a row without it, `seen_active` those that showed it usable since its token
    failed. `replaced_by` is the id it came back under, `resumed_at` when waiting work was last released for it.
    """

    partner: str
    id: str
    platform: str
    username: str
    first_seen_at: datetime
    last_seen_at: datetime
    display_name: str = ""
    type: str = ""
    state: AccountState = AccountState.ACTIVE
    raw_status: str = ""
    detail: str = ""
    capabilities: Json | None = None
    misses: int = 0
    seen_active: int = 0
    replaced_by: str | None = None
    resumed_at: datetime | None = None
    sequence: int = 0
    version: int = 1

    @property
    def key(self) -> str:
        """The id in the store."""
        return f"{self.partner}:{self.id}"


@noun(frozen=True, slots=True)
class Key:
    """A partner credential: its scope, its breaker, and until when it is held.

    `blocked` is set on 401/402/403 (a person must act; probed slowly). `failures` counts 5xx and time-outs in a row.
    `held_until` stops every call of the key (Retry-After, open breaker, next probe). `probe_at` is set while a write is
    what was refused: only a write can end that, and one may be tried then. `cursor` belongs to the partner's read.
    """

    name: str
    kind: str
    scope: str | None = None
    blocked: FailureReason | None = None
    detail: str | None = None
    failures: int = 0
    held_until: datetime | None = None
    probe_at: datetime | None = None
    listed_at: datetime | None = None
    cursor: str | None = None
    sequence: int = 0
    version: int = 1


@noun(frozen=True, slots=True)
class Cause:
    """Something a person must act on: told once when it opens and once when it closes.

    `id` is what waiting commands name: `account:KEY:ID` or `key:KEY`. One row a cause, reopened when it happens again.
    """

    id: str
    kind: str
    partner: str
    reason: FailureReason
    detail: str
    opened_at: datetime
    closed_at: datetime | None = None
    sequence: int = 0
    version: int = 1

    @property
    def open(self) -> bool:
        """Whether a person is still needed."""
        return self.closed_at is None


@noun(frozen=True, slots=True)
class Write:
    """One atomic step. A row with `version` 1 is inserted; any other replaces the stored row of `version - 1`.

    When one row's version does not fit, or an inserted id exists already, nothing of this `Write` is kept and it is
    answered False; its neighbours are not touched. `attempts` are upserted by (`subject_id`, `number`). Each of
    `events` becomes a row and one delivery for each endpoint that wants it (`core.endpoints.wants`; enabled: due at
    `created_at`, or at the end of its group's window; disabled: dead with reason `endpoint_disabled`), and one for each
    message that follows its `event_id`; `core.endpoints.WANTED` goes to the message that it names, and nowhere else.
    `free_keys` are event ids whose dedupe key becomes free. `kill_deliveries_of` names endpoints whose due deliveries
    die with reason `endpoint_disabled`. `drop_endpoints` names those whose row goes; their due deliveries die, too.
    """

    posts: tuple[Post, ...] = ()
    commands: tuple[Command, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    accounts: tuple[Account, ...] = ()
    keys: tuple[Key, ...] = ()
    causes: tuple[Cause, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    objects: tuple[SourceObject, ...] = ()
    lookups: tuple[Lookup, ...] = ()
    feeds: tuple[FeedState, ...] = ()
    replays: tuple[Replay, ...] = ()
    messages: tuple[Message, ...] = ()
    events: tuple[OutboundEvent, ...] = ()
    free_keys: tuple[str, ...] = ()
    kill_deliveries_of: tuple[str, ...] = ()
    drop_endpoints: tuple[str, ...] = ()
