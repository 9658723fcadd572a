"""What an attempt to deliver means: for the delivery, and for the health of its endpoint."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from bridge.core import public_keys
from bridge.core.endpoints import SUBSCRIPTION, Sending
from bridge.core.errors import FailureReason
from bridge.core.model import Delivery, Endpoint, Lane, WorkState
from bridge.core.retry import next_delivery, parse_retry_after
from bridge.core.rules import DeliverRules
from bridge.core.signing import sign
from bridge.core.step import Step

WARNINGS = (50, 70, 90)
"""At which shares of the way to being disabled, in percent, a failing endpoint is told of."""

EXHAUSTED_EVERY = timedelta(hours=1)
"""How often it is told at most that deliveries to one endpoint died."""

_FORGET_AFTER = EXHAUSTED_EVERY + timedelta(minutes=1)
"""So much later nobody settles any more what ended before it was time to tell again."""

_SLOWING = frozenset({429, 502, 504})
_HOLDING = _SLOWING | {503}
_NOTICEABLE = timedelta(seconds=1)
_OURS = frozenset({FailureReason.INTERNAL, FailureReason.SEALED, FailureReason.ENDPOINT_DISABLED})
_FINAL = frozenset({FailureReason.GONE, FailureReason.ENDPOINT_DISABLED})
_RESERVED = frozenset({"host", "content-length", "transfer-encoding", "connection"})

_REASONS = {
    401: FailureReason.UNAUTHORIZED,
    403: FailureReason.FORBIDDEN,
    404: FailureReason.NOT_FOUND,
    410: FailureReason.GONE,
    429: FailureReason.RATE_LIMITED,
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    `reason` is None for a success, `status` for an attempt without an answer. `asked` is the answer's Retry-After.
    `detail` is what is known beyond the reason. `wait` says that nobody was asked, because it was too early: it is due
    again after so long, and no try is used up; this goes before all else. `final` lets it die now, for its own reason.
    `alone` says that this was about this delivery, and nothing is known of the endpoint's health.
    """

    reason: FailureReason | None = None
    status: int | None = None
    detail: str = ""
    asked: timedelta | None = None
    wait: timedelta | None = None
    final: bool = False
    alone: bool = False

    @property
    def works(self) -> bool:
        """Whether it was delivered."""
        return self.reason is None and self.wait is None

    @property
    def slows(self) -> bool:
        """Whether the endpoint says that it is given too much."""
        return self.status in _SLOWING

    @property
    def hold(self) -> timedelta | None:
        """For how long the endpoint asks to be left alone altogether."""
        return self.asked if self.status in _HOLDING else None

    @property
    def ours(self) -> bool:
        """Whether the endpoint was not asked, or what it said was of one delivery: nothing is known of its health."""
        return self.reason in _OURS or self.alone or self.wait is not None


@dataclass(frozen=True, slots=True)
class Attempted:
    """An attempt, ended.

    `answer` is the beginning of the answer's body, redacted. `sent_to` is the endpoint as it was then; None when
    nothing was sent.
    """

    started_at: datetime
    ended_at: datetime
    outcome: Outcome
    answer: str = ""
    sent_to: Endpoint | None = None

    def is_of(self, endpoint: Endpoint) -> bool:
        """Say whether how it ended says something of an endpoint as it is now."""
        return self.sent_to is not None and is_same(self.sent_to, endpoint)


def answered(status: int, retry_after: str | None, now: datetime, rules: DeliverRules) -> Outcome:
    """Judge an answer by its status and its Retry-After header."""
    reason = reason_of(status)
    asked = parse_retry_after(retry_after, now, rules.retry_after_cap) if reason else None
    return Outcome(reason, status, asked=asked)


def reason_of(status: int) -> FailureReason | None:
    """Return why a status is no success; None for 2xx."""
    if 200 <= status < 300:
        return None
    if status in _REASONS:
        return _REASONS[status]
    if status >= 500:
        return FailureReason.SERVER_ERROR
    if status < 300:
        return FailureReason.PROTOCOL
    return FailureReason.REDIRECT if status < 400 else FailureReason.CLIENT_ERROR


def schedule_of(endpoint: Endpoint | None, rules: DeliverRules) -> Sequence[timedelta]:
    """Return the pauses before each attempt: those of the endpoint, else those of the rules."""
    if endpoint is None or not endpoint.schedule_s:
        return rules.schedule
    return tuple(timedelta(seconds=pause_s) for pause_s in endpoint.schedule_s)


def after(
    delivery: Delivery,
    outcome: Outcome,
    schedule: Sequence[timedelta],
    *,
    now: datetime,
    jitter: float,
    chance: float,
) -> Delivery:
    """Return a delivery as it stands after an attempt: done, due again, or dead.

    One that only has to wait keeps its lane: it was not tried.
    """
    if outcome.wait is not None:
        again: dict[str, Any] = {"due_at": now + outcome.wait, "reason": outcome.reason, "lease_until": None}
        return replace(delivery, version=delivery.version + 1, **again)
    attempts = delivery.attempts + 1
    counted: dict[str, Any] = {"attempts": attempts, "version": delivery.version + 1, "lease_until": None}
    if outcome.reason is None:
        return replace(delivery, state=WorkState.DONE, reason=None, settled_at=now, **counted)
    if outcome.final or outcome.reason in _FINAL:
        return replace(delivery, state=WorkState.DEAD, reason=outcome.reason, settled_at=now, **counted)
    pause = next_delivery(schedule, attempts, outcome.asked, jitter=jitter, chance=chance)
    if pause is None:
        return replace(delivery, state=WorkState.DEAD, reason=FailureReason.EXHAUSTED, settled_at=now, **counted)
    return replace(delivery, lane=Lane.AGAIN, reason=outcome.reason, due_at=now + pause, **counted)


def headers_of(sending: Sending, webhook_id: str, content_type: str, body: bytes, now: datetime) -> dict[str, str]:
    """Return the headers of a request: the endpoint's own, but none in the place of ours or of HTTP's framing."""
    headers = {"content-type": content_type}
    for name, value in sending.headers.items():
        lower = name.lower()
        if lower not in _RESERVED and not lower.startswith("webhook-"):
            headers[lower] = value
    timestamp = int(now.timestamp())
    headers |= {"webhook-id": webhook_id, "webhook-timestamp": str(timestamp)}
    signatures = [sign(sending.keys, webhook_id, timestamp, body)] if sending.keys else []
    if sending.private_keys:
        signatures.append(public_keys.sign(sending.private_keys, webhook_id, timestamp, body))
    if signatures:
        headers["webhook-signature"] = " ".join(signatures)
    return headers


def judge(step: Step, endpoint: Endpoint, outcome: Outcome, breaker: timedelta | None, rules: DeliverRules) -> None:
    """Note what an attempt says of an endpoint's health, and tell what that comes to; mostly there is nothing to note.

    Args:
        step: gets the endpoint's row when it changes.
        endpoint: as it is stored.
        outcome: how the attempt ended.
        breaker: how long the breaker is open from now on, when this failure opens it.
        rules: say when an endpoint is disabled.
    """
    if outcome.ours or not endpoint.enabled:
        return
    if outcome.reason is None:
        _succeeded(step, endpoint)
    elif outcome.reason is FailureReason.GONE and endpoint.kind == SUBSCRIPTION:
        _drop(step, endpoint)
    elif outcome.reason is FailureReason.GONE:
        _disable(step, endpoint, outcome, FailureReason.GONE)
    else:
        _failed(step, endpoint, outcome, max(breaker or timedelta(), outcome.hold or timedelta()))
        _walk(step, endpoint, outcome, rules)


def is_held(endpoint: Endpoint, now: datetime) -> bool:
    """Say whether an endpoint is to be left alone now."""
    return endpoint.held_until is not None and endpoint.held_until > now


def is_probed(endpoint: Endpoint, now: datetime) -> bool:
    """Say whether one delivery has to succeed before an endpoint gets the others: its hold has ended, no more."""
    return endpoint.held_until is not None and endpoint.held_until <= now


def is_well(endpoint: Endpoint) -> bool:
    """Say whether a success changes nothing about an endpoint."""
    return endpoint.failing_since is None and not endpoint.warned and endpoint.held_until is None


def _succeeded(step: Step, endpoint: Endpoint) -> None:
    changes: dict[str, Any] = {}
    if endpoint.failing_since is not None or endpoint.warned:
        changes = {"failing_since": None, "warned": 0}
    if is_probed(endpoint, step.now):
        # A hold that has not ended is waited out: this request was on its way before it began.
        changes["held_until"] = None
    if changes:
        step.edit(endpoint, **changes)


def _failed(step: Step, endpoint: Endpoint, outcome: Outcome, hold: timedelta) -> None:
    if endpoint.failing_since is None:
        step.edit(endpoint, failing_since=step.now)
    # Of many requests that fail together each asks for a hold that ends a moment later: one write is enough.
    if hold and (endpoint.held_until is None or step.now + hold > endpoint.held_until + _NOTICEABLE):
        step.edit(endpoint, held_until=step.now + hold)


def _walk(step: Step, endpoint: Endpoint, outcome: Outcome, rules: DeliverRules) -> None:
    """Tell how far an endpoint is on its way to being disabled; disable it at the end of the way.

    One that failed rarely, for want of events, may be past the end before the last warning was told: it gets the rest
    of the way from that warning on.
    """
    since = step.see(endpoint).failing_since or step.now
    gone = (step.now - since) / rules.disable_after
    if gone >= 1 and endpoint.warned >= WARNINGS[-1]:
        _disable(step, endpoint, outcome, FailureReason.FAILING)
        return
    percent = max((share for share in WARNINGS if share <= gone * 100), default=0)
    if percent <= endpoint.warned:
        return
    if gone >= 1:
        since = step.now - rules.disable_after * (percent / 100)
    endpoint = step.edit(endpoint, warned=percent, failing_since=since)
    facts = {
        "reason": outcome.reason,
        "status": outcome.status,
        "failing_since": since,
        "percent": percent,
        "disable_at": since + rules.disable_after,
        "what_to_do": f"Look at what it answers (GET /v1/endpoints/{endpoint.name}/stats and its deliveries) and "
        "repair it; what is due then goes out by itself.",
    }
    step.tell_endpoint(endpoint, "endpoint.failing", "enabled", "enabled", **facts)


def _drop(step: Step, endpoint: Endpoint) -> None:
    """Let a subscription go whose target says that it is over: its maker ends it that way, and nobody has to act.

    The row is changed before it goes, so that one who asks for the same again at this moment is not overlooked.
    """
    step.edit(endpoint, enabled=False, reason=FailureReason.GONE, held_until=None)
    step.drop_endpoint(endpoint.name)


def is_dropped(endpoint: Endpoint) -> bool:
    """Say whether a row is that of a subscription that has just gone."""
    return endpoint.kind == SUBSCRIPTION and endpoint.reason == FailureReason.GONE


def _disable(step: Step, endpoint: Endpoint, outcome: Outcome, reason: FailureReason) -> None:
    """Give an endpoint nothing more; what was due for it dies where it can be sent again."""
    since = step.see(endpoint).failing_since
    endpoint = step.edit(endpoint, enabled=False, reason=reason, held_until=None)
    step.kill_deliveries(endpoint.name)
    facts: dict[str, Any] = {
        "reason": reason,
        "status": outcome.status,
        "what_to_do": f"Repair it, then POST /v1/endpoints/{endpoint.name}/enable, and POST /v1/deliveries/replay "
        "for what it missed.",
    }
    facts |= {"failing_since": since} if since is not None else {}
    step.tell_endpoint(endpoint, "endpoint.disabled", "enabled", "disabled", **facts)


def may_tell(endpoint: Endpoint, now: datetime) -> bool:
    """Say whether it is time to tell of an endpoint's dead deliveries again."""
    return endpoint.exhausted_at is None or now - endpoint.exhausted_at >= EXHAUSTED_EVERY


def may_forget(endpoint: Endpoint, now: datetime) -> bool:
    """Say whether it is over that was told of an endpoint's dead deliveries, when no more died since."""
    return endpoint.exhausted_at is not None and now - endpoint.exhausted_at >= _FORGET_AFTER


def counted(delivery: Delivery, endpoint: Endpoint | None) -> Delivery:
    """Return a dead delivery that counts as one that died after what was told of its endpoint.

    What was told had not heard of it, though it may have ended a moment earlier.
    """
    told_at = endpoint.exhausted_at if endpoint is not None else None
    if delivery.reason is not FailureReason.EXHAUSTED or told_at is None or delivery.settled_at is None:
        return delivery
    return replace(delivery, settled_at=max(delivery.settled_at, told_at + timedelta(microseconds=1)))


def is_same(sent_to: Endpoint, endpoint: Endpoint) -> bool:
    """Say whether what an address answered still says something of an endpoint.

    It does not when the endpoint was made anew or repaired meanwhile: its address, secrets or headers are others.
    """
    return _address(sent_to) == _address(endpoint)


def was_healed(before: Endpoint, now: Endpoint) -> bool:
    """Say whether somebody else forgave an endpoint its failures: enabled or repaired it, or had a success with it."""
    if not is_same(before, now) or (now.enabled and not before.enabled):
        return True
    return is_well(now) and not is_well(before)


def _address(endpoint: Endpoint) -> tuple[object, ...]:
    return endpoint.url, endpoint.created_at, endpoint.sealed


BY_API = "api"
"""Stands for endpoints that were made over the API."""

MADE_HERE = (BY_API, SUBSCRIPTION)
"""What stands in metrics for endpoints that are not configured."""


def label(endpoint: Endpoint | None) -> str:
    """Return what stands for an endpoint in metrics: the name of a configured one, else how it was made."""
    if endpoint is None:
        return "unknown"
    if endpoint.configured:
        return endpoint.name
    return SUBSCRIPTION if endpoint.kind == SUBSCRIPTION else BY_API


def health(endpoint: Endpoint, now: datetime) -> str:
    """Return an endpoint's state in one word: `disabled`, `held`, `failing`, else `enabled`."""
    if not endpoint.enabled:
        return "disabled"
    if is_held(endpoint, now):
        return "held"
    return "failing" if endpoint.failing_since is not None else "enabled"
