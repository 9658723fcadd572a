"""What goes out: endpoints, the events that are told, their deliveries, and jobs that send again."""

from dataclasses import field
from datetime import datetime

from bridge.core.answers import Json
from bridge.core.errors import FailureReason
from bridge.core.nouns import noun
from bridge.core.states import Lane, WorkState


@noun(frozen=True, slots=True)
class Endpoint:
    """Where outbound events go. Configured ones are synced at start; their secrets stay in the configuration.

    `url` is what may be shown of its address. `events` are type patterns (`attention.*`), `where` are conditions, each
    met by any of its patterns: `{"account": ["brand-*"], "reason": ["token"]}`. `kind` is `endpoint` or `subscription`;
    `owner` is the token that made it, `allowed` the patterns of the accounts that its maker may see (none: all).
    `group_s` gathers what happens within so many seconds into one message. `rate` is in deliveries a second.
    `timeout_s` and `schedule_s` are those of `deliver` when empty. `sealed` are the address, secrets and headers of one
    that was made over the API, encrypted (`core.sealing`). `reason` says why it is disabled. Its health:
    `failing_since` is the first failure after the last success, `warned` the last percentage of the way to being
    disabled that was told, `held_until` ends a hold (an open breaker, or a wait that it asked for), `exhausted_at` is
    when one of its dead letters was last told of.
    """

    name: str
    url: str
    events: tuple[str, ...] = ("*",)
    configured: bool = True
    enabled: bool = True
    reason: str | None = None
    created_at: datetime | None = None
    kind: str = "endpoint"
    owner: str = ""
    allowed: tuple[str, ...] = ()
    description: str = ""
    where: Json = field(default_factory=dict)
    format: str = "standard"
    group_s: float = 0.0
    rate: float | None = None
    ordering: str = "none"
    timeout_s: float | None = None
    schedule_s: tuple[float, ...] = ()
    allow_http: bool = False
    sealed: bytes | None = None
    failing_since: datetime | None = None
    warned: int = 0
    held_until: datetime | None = None
    exhausted_at: datetime | None = None
    sequence: int = 0
    version: int = 1


@noun(frozen=True, slots=True)
class OutboundEvent:
    """A transition that is told. `body` is the exact bytes that are signed and sent, made once.

    `subject` is `KIND:ID`; (`subject`, `sequence`) is unique. The columns after `body` are what endpoint filters look
    at. `platforms` and `accounts` are those of all that it is about; an account stands by our name for it, else by the
    partner's id. `endpoint` is the endpoint that it tells of, which does not get it. `traceparent` is what its
    deliveries go on from (`core.traces`).
    """

    id: str
    type: str
    subject: str
    sequence: int
    created_at: datetime
    body: bytes
    partner: str = ""
    platforms: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    source: str = ""
    reason: str = ""
    endpoint: str = ""
    post_id: str | None = None
    event_id: str | None = None
    traceparent: str | None = None


@noun(frozen=True, slots=True)
class Delivery:
    """One outbound event on its way to one destination.

    `destination_kind` is that of the endpoint, `destination` its name; `reply` brings a message in a chat up to date,
    which `ordered_by` names (`message:ID`), with whatever is true when it is sent. `reason` says why it is
    dead or was last put off. `attempts` are those since it was last sent anew, `calls` are all. `format` names its
    body. `ordered_by` is set for an endpoint with `ordering: subject`: what it must keep in order with (`post:ID` for
    a post and its targets, else the subject).
    """

    id: str
    outbound_id: str
    type: str
    destination_kind: str
    destination: str
    subject: str
    sequence: int
    due_at: datetime
    created_at: datetime
    state: WorkState = WorkState.DUE
    attempts: int = 0
    calls: int = 0
    reason: FailureReason | None = None
    settled_at: datetime | None = None
    lease_until: datetime | None = None
    format: str = "standard"
    lane: Lane = Lane.FIRST
    ordered_by: str | None = None
    version: int = 1


@noun(frozen=True, slots=True)
class Message:
    """A message in a chat that follows what becomes of an event, brought up to date by deliveries; one row a message.

    `source` is the chat's source, `kind` one of `inbound.REPLY`, `CARD`, `STEP`; `channel`, `thread`, `user`,
    `address`, `execution` and `asked` as in `inbound.ReplyTo`. `address` is a secret, emptied once it is of no use;
    `address_until` is when that is at the latest, `uses` counts how often it was used, `replaces` says that what is
    sent there takes the place of our message rather than standing below it. `ts` is the chat's id of our message, empty
    until we know it. `shown` is a hash of what it shows, `said` the word of the state that was last told where each
    telling is a message of its own. `begun_at` is when a new message was begun to be posted whose id never came back:
    it may be there. Whoever brings it up to date raises `version` and sets `lease_until` first, so that an older state
    never overwrites a newer one.
    """

    id: str
    event_id: str
    source: str
    kind: str
    created_at: datetime
    channel: str = ""
    thread: str = ""
    user: str = ""
    address: str = field(default="", repr=False)
    execution: str = ""
    asked: str = ""
    address_until: datetime | None = None
    uses: int = 0
    replaces: bool = False
    ts: str = ""
    shown: str = ""
    said: str = ""
    begun_at: datetime | None = None
    lease_until: datetime | None = None
    sequence: int = 0
    version: int = 1


@noun(frozen=True, slots=True)
class Replay:
    """A job that sends events again, a few at a time, so that it survives a restart and disturbs nothing.

    `find` filters settled deliveries: `{"destination", "state", "type", "partner", "source", "reason", "since",
    "until"}`, as far as given, instants as ISO 8601. With `missed` it is every event since `find["since"]` that
    `find["destination"]` wants and never got, whether or not a delivery was ever made of it. `state` is `due` while it
    runs, then `done`, or `dead` when a person stopped it. `cursor` is the id that was looked at last (deliveries, or
    with `missed` outbound events, oldest first), `until` bounds what it looks at, `total` is how many there were to
    send when it began, `sent` how many were made due so far, `skipped` how many it left out because their endpoint may
    not be told of them any more. `owner` is the token that asked. `detail` says who or what stopped it.
    """

    id: str
    find: Json
    created_at: datetime
    until: datetime
    missed: bool = False
    owner: str = ""
    state: WorkState = WorkState.DUE
    cursor: str = ""
    total: int = 0
    sent: int = 0
    skipped: int = 0
    detail: str = ""
    settled_at: datetime | None = None
    version: int = 1
