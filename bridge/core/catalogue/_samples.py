"""One event of each type, told by the code that tells it, of rows that are made up; the same each time."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count

from bridge.core.delivering import Outcome, judge
from bridge.core.errors import FailureReason, Fault
from bridge.core.events import EVENT_TYPES, exhausted
from bridge.core.model import (
    Account,
    AccountState,
    Attempt,
    Cause,
    Delivery,
    Endpoint,
    Event,
    Intent,
    Key,
    OutboundEvent,
    Post,
    PostState,
    Target,
    TargetState,
    WorkState,
)
from bridge.core.retry import Choice, Decision
from bridge.core.rules import DeliverRules
from bridge.core.step import Moment, Step, World, account_cause, account_facts, key_cause
from bridge.core.times import sortable

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_LIVE_AT = NOON - timedelta(seconds=41)
_URL = "https://www.tiktok.com/@brandhq/video/7301"
_TEST = "This is a test of bridge: nothing has happened, and nothing is to be done."
_LATE = "It is too late for it to go by itself. Send it now or drop it."

_WAITING = (
    Target("0f4f54d4-8cce-4fb7-8c7b-befbcb8af812", "brand-tiktok", "tiktok"),
    Target("7b0a1d52-4d0e-4b8e-9f0e-0a3a6a5f2c11", "brand-instagram", "instagram"),
)
_LIVE = replace(_WAITING[0], state=TargetState.POSTED, published_at=_LIVE_AT, url=_URL)
_FAILED = replace(
    _WAITING[1], state=TargetState.FAILED, reason=FailureReason.PLATFORM_RATE, error="Temporary error 503"
)
_REFUSED = replace(_FAILED, reason=FailureReason.CONTENT, error="The video is shorter than 3 seconds")

_POST = Post(
    id=sortable("post", NOON, (2).to_bytes(8)),
    event_id=sortable("evt", NOON, (1).to_bytes(8)),
    partner="genviral",
    external_id="drop-42",
    caller_id="drop-42",
    source="api",
    content={"caption": "Holiday drops start Monday!"},
    targets=_WAITING,
    created_at=NOON,
    changed_at=NOON,
    wanted_at=NOON,
    partner_id="3f6c1f0a-5a43-4a1b-9d13-52a1f0f0c5d7",
    state=PostState.PENDING,
    sequence=3,
)
_EVENT = Event(
    id=_POST.event_id,
    source="api",
    scope="token:zapier",
    key=None,
    key_until=None,
    fingerprint="",
    intent=Intent.PUBLISH,
    received_at=NOON,
    content_type="application/json",
    body=b"{}",
    request={},
    external_id="drop-42",
)
_ACCOUNT = Account("genviral", _WAITING[0].account, "tiktok", "brandhq", NOON, NOON)
_KEY = Key("genviral", "genviral")
_ENDPOINT = Endpoint("ops", "https://ops.example.com/hook")

_AGAIN = Decision(Choice.RETRY, FailureReason.PLATFORM_RATE, NOON + timedelta(minutes=5), 1, 3)
_NEVER = Decision(Choice.GIVE_UP, FailureReason.CONTENT, attempt=0, most=3)

Tell = Callable[[Step], None]


def _told(event_type: str, state: PostState, previous: PostState | None = None, **facts: object) -> Tell:
    """Tell of the post in a state; what failed for good is only named by a state that says so."""
    rows = {
        PostState.POSTED: tuple(replace(row, state=TargetState.POSTED, published_at=_LIVE_AT) for row in _WAITING),
        PostState.PARTIAL: (_LIVE, _REFUSED if event_type == "post.gave_up" else _FAILED),
        PostState.FAILED: tuple(
            replace(_REFUSED, account=row.account, name=row.name, platform=row.platform) for row in _WAITING
        ),
    }
    unsent = {"partner_id": None} if state in (PostState.PARKED, PostState.REJECTED) else {}
    post = replace(_POST, state=state, targets=rows.get(state, _WAITING), **unsent)  # type: ignore[arg-type]  # One type a field.
    return lambda step: step.tell_post(post, event_type, previous or state, **facts)


def _target(event_type: str, row: Target, previous: TargetState, **facts: object) -> Tell:
    post = replace(_POST, state=PostState.PARTIAL, targets=(_LIVE, _FAILED))
    return lambda step: step.tell_target(post, row, event_type, previous, **facts)


def _account(event_type: str, state: AccountState, previous: AccountState | None, **facts: object) -> Tell:
    return lambda step: step.tell_account(replace(_ACCOUNT, state=state), event_type, previous, **facts)


def _failure(row: Target, decision: Decision) -> dict[str, object]:
    return {"reason": row.reason, "error": row.error, "retry": decision.wire()}


def _open(step: Step) -> None:
    cause = account_cause("genviral", _ACCOUNT.id)
    detail = "tiktok account brandhq: no longer listed as active"
    step.open_cause(cause, "genviral", FailureReason.ACCOUNT_INACTIVE, detail, waits=[_POST.id])
    step.explain(cause, waiting=1, account=account_facts(_ACCOUNT, "brand-tiktok"))


def _close(step: Step) -> None:
    step.close_cause(key_cause("genviral"), "the key is accepted again")


def _failing(step: Step) -> None:
    endpoint = replace(_ENDPOINT, failing_since=NOON - timedelta(hours=60))
    judge(step, endpoint, Outcome(FailureReason.SERVER_ERROR, 503), None, DeliverRules())


def _disabled(step: Step) -> None:
    judge(step, _ENDPOINT, Outcome(FailureReason.GONE, 410), None, DeliverRules())


_WARNING = {"code": "TITLE_TRUNCATED", "message": "The title was cut to 100 characters."}
_WHERE_BLOCKED = {"reason": FailureReason.UNAUTHORIZED, "error": "Invalid API key"}
_REFUSAL = {"reason": FailureReason.INVALID, "error": "media.url must be a public address"}

_TELLS: Mapping[str, Tell] = {
    "post.rejected": _told(
        "post.rejected", PostState.REJECTED, PostState.ACCEPTED, **_REFUSAL, code="invalid_media", issues=[]
    ),
    "post.parked": _told(
        "post.parked", PostState.PARKED, PostState.ACCEPTED, reason=FailureReason.TOO_LATE, what_to_do=_LATE
    ),
    "post.draft": _told("post.draft", PostState.DRAFT, PostState.ACCEPTED, warnings=[]),
    "post.scheduled": _told("post.scheduled", PostState.SCHEDULED, PostState.ACCEPTED, warnings=[_WARNING]),
    "post.pending": _told("post.pending", PostState.PENDING, PostState.ACCEPTED, warnings=[]),
    "post.publishing": _told("post.publishing", PostState.PUBLISHING, PostState.PENDING),
    "post.posted": _told("post.posted", PostState.POSTED, PostState.PENDING),
    "post.partial": _told("post.partial", PostState.PARTIAL, PostState.PENDING, **_failure(_FAILED, _AGAIN)),
    "post.failed": _told("post.failed", PostState.FAILED, PostState.PENDING, **_failure(_REFUSED, _NEVER)),
    "post.retrying": _told("post.retrying", PostState.PENDING, PostState.PARTIAL, account_ids=[_FAILED.account]),
    "post.gave_up": _told(
        "post.gave_up", PostState.PARTIAL, reason=_REFUSED.reason, error=_REFUSED.error,
        why={_REFUSED.account: _REFUSED.reason},
    ),
    "post.updated": _told("post.updated", PostState.SCHEDULED, changed=["caption", "scheduled_at"], warnings=[]),
    "post.canceled": _told(
        "post.canceled", PostState.CANCELED, PostState.SCHEDULED, reason=FailureReason.CANCELED
    ),
    "post.vanished": _told("post.vanished", PostState.VANISHED, PostState.SCHEDULED),
    "post.stuck": _told("post.stuck", PostState.PENDING, since=NOON - timedelta(minutes=30)),
    "post.unknown": _told("post.unknown", PostState.UNKNOWN, PostState.PENDING, raw_status="in_review"),
    "target.posted": _target("target.posted", replace(_LIVE, url=None), TargetState.WAITING),
    "target.linked": _target("target.linked", _LIVE, TargetState.POSTED),
    "target.failed": _target("target.failed", _REFUSED, TargetState.WAITING, retry=_NEVER.wire()),
    "target.retrying": _target("target.retrying", _FAILED, TargetState.FAILED, retry=_AGAIN.wire()),
    "account.connected": _account("account.connected", AccountState.ACTIVE, None),
    "account.degraded": _account(
        "account.degraded", AccountState.DEGRADED, AccountState.ACTIVE, detail="its token ends within 7 days"
    ),
    "account.disconnected": _account(
        "account.disconnected", AccountState.DISCONNECTED, AccountState.ACTIVE, detail="no longer listed as active"
    ),
    "account.reconnected": _account("account.reconnected", AccountState.ACTIVE, AccountState.DISCONNECTED),
    "account.removed": _account(
        "account.removed", AccountState.REMOVED, AccountState.ACTIVE, detail="the partner no longer has it"
    ),
    "partner.blocked": lambda step: step.tell_key(_KEY, "partner.blocked", "ok", "blocked", **_WHERE_BLOCKED),
    "partner.recovered": lambda step: step.tell_key(_KEY, "partner.recovered", "blocked", "ok"),
    "attention.opened": _open,
    "attention.closed": _close,
    "endpoint.failing": _failing,
    "endpoint.disabled": _disabled,
    "webhook.test": lambda step: step.tell_endpoint(_ENDPOINT, "webhook.test", "enabled", "enabled", message=_TEST),
}  # fmt: skip


def given_up() -> OutboundEvent:
    """Return a `post.partial` of which nothing is tried again by itself."""
    step = _step(3)
    _told("post.partial", PostState.PARTIAL, PostState.PENDING, **_failure(_REFUSED, _NEVER))(step)
    return step.write().events[0]


def disabled_by_hand() -> OutboundEvent:
    """Return an `endpoint.disabled` of an endpoint that a person switched off."""
    step = _step(2)
    step.tell_endpoint(_ENDPOINT, "endpoint.disabled", "enabled", "disabled", reason=FailureReason.BY_HAND)
    return step.write().events[0]


def refused() -> OutboundEvent:
    """Return a `post.rejected` of an event that no post could be made of."""
    fault = Fault("accounts[0]", "'brand-x' is no account", "GET /v1/accounts lists them.")
    step = _step(1)
    step.tell_event(
        _EVENT, "post.rejected", FailureReason.UNKNOWN_ACCOUNTS, error=None, errors=[fault.wire()], accounts=["brand-x"]
    )
    return step.write().events[0]


@cache
def samples() -> Mapping[str, OutboundEvent]:
    """Return one event of each type."""
    made = {}
    for number, event_type in enumerate(EVENT_TYPES):
        if event_type in _TELLS:
            step = _step(number)
            _TELLS[event_type](step)
            [made[event_type]] = step.write().events
        else:
            made[event_type] = _exhausted(number)
    return made


def _exhausted(number: int) -> OutboundEvent:
    at = NOON + timedelta(days=3, hours=4)
    delivery = Delivery(
        id=sortable("dlv", NOON, (2).to_bytes(8)),
        outbound_id=sortable("msg", NOON, (1).to_bytes(8)),
        type="post.posted",
        destination_kind="endpoint",
        destination="ops",
        subject=f"post:{_POST.id}",
        sequence=6,
        due_at=at,
        created_at=NOON,
        state=WorkState.DEAD,
        attempts=10,
        calls=10,
        reason=FailureReason.EXHAUSTED,
    )
    last = Attempt(delivery.id, 10, None, at, reason=FailureReason.TIMEOUT)
    [event] = exhausted(_step(number).moment.new_id("msg"), delivery, last, at)
    return event


def _step(number: int) -> Step:
    """Return the step that tells the example of this number: no two have an id in common."""
    ids = count(number * 16 + 1)
    cause = Cause(
        key_cause("genviral"), "key", "genviral", FailureReason.UNAUTHORIZED, "Invalid API key", NOON, sequence=1
    )
    world = World({_ACCOUNT.key: _ACCOUNT}, {_KEY.name: _KEY}, {cause.id: cause}, lambda _key, _id: "brand-tiktok")
    moment = Moment(NOON, lambda prefix: sortable(prefix, NOON, next(ids).to_bytes(8)), lambda: 0.0)
    return Step(moment, world)
