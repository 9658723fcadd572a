"""Lookups: how an answer of a sender's API is read, when it is asked again, and when that is given up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import Lookup, WorkState
from bridge.core.retry import command_backoff
from bridge.core.rules import PublishRules
from bridge.core.step import Step
from bridge.core.times import spread

LEASE = timedelta(seconds=90)
"""How long one try has the lookup for itself: longer than it may take."""

LAGS_FOR = timedelta(minutes=10)
"""How long the API may say that there is no such thing before that is believed: it can lag behind the webhook."""

_NOT_THERE = frozenset(
    {FailureReason.NOT_FOUND, FailureReason.GONE, FailureReason.CLIENT_ERROR, FailureReason.REDIRECT}
)
# Only a person ends these, so nothing is gained by asking often.
_FOR_A_PERSON = frozenset(
    {
        FailureReason.UNAUTHORIZED,
        FailureReason.FORBIDDEN,
        FailureReason.PAYMENT_REQUIRED,
        FailureReason.NOT_ALLOWED_NOW,
        FailureReason.BLOCKED_ADDRESS,
        FailureReason.INSECURE_URL,
    }
)

_REASONS: Mapping[int, FailureReason] = {
    401: FailureReason.UNAUTHORIZED,
    402: FailureReason.PAYMENT_REQUIRED,
    403: FailureReason.FORBIDDEN,
    404: FailureReason.NOT_FOUND,
    408: FailureReason.TIMEOUT,
    410: FailureReason.GONE,
    429: FailureReason.RATE_LIMITED,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a try came to nothing; `wait` is how long the other side asked us to. `detail` names no address or secret."""

    reason: FailureReason
    detail: str = ""
    wait: timedelta | None = None


def read_answer(body: bytes) -> Mapping[str, Any]:
    """Return the JSON object that a sender's API answered.

    Raises:
        Problem: it is none.
    """
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise unreadable("The answer is not JSON.") from None
    if not isinstance(found, dict):
        raise unreadable("The answer is JSON, but not an object.")
    return found


def unreadable(detail: str) -> Problem:
    """Return what is raised for an answer that nothing can be made of."""
    return Problem(502, "unreadable_answer", detail)


def refusal(status: int, wait: timedelta | None) -> Failure:
    """Return the failure that a status other than 2xx is."""
    reason = _REASONS.get(status)
    if reason is None and status >= 500:
        reason = FailureReason.SERVER_ERROR
    elif reason is None:
        reason = FailureReason.CLIENT_ERROR if status >= 400 else FailureReason.REDIRECT
    return Failure(reason, f"The sender's API answered {status}.", wait)


def lease(step: Step, lookup: Lookup, clock: datetime) -> Lookup:
    """Take a lookup for one try, by the store's `clock`, which counts from now on: a crash uses it up."""
    return step.edit(lookup, lease_until=clock + LEASE, attempts=lookup.attempts + 1)


def finish(step: Step, lookup: Lookup) -> Lookup:
    """End a lookup whose item was taken."""
    return step.edit(lookup, state=WorkState.DONE, settled_at=step.now, lease_until=None, reason=None, detail=None)


def fail(step: Step, lookup: Lookup, failure: Failure, rules: PublishRules) -> Lookup:
    """Put a lookup off, or end it when there is no time left.

    It is tried for `give_up_after`; what is not there, for `LAGS_FOR` at most. `Retry-After` is never shortened.
    """
    most = min(rules.give_up_after, LAGS_FOR) if failure.reason in _NOT_THERE else rules.give_up_after
    due_at = step.now + max(_pause(step, lookup, failure, rules), failure.wait or timedelta())
    told: dict[str, Any] = {"reason": failure.reason, "detail": failure.detail or None, "lease_until": None}
    if due_at > lookup.created_at + most:
        return step.edit(lookup, state=WorkState.DEAD, settled_at=step.now, **told)
    return step.edit(lookup, due_at=due_at, **told)


def _pause(step: Step, lookup: Lookup, failure: Failure, rules: PublishRules) -> timedelta:
    chance = step.moment.chance()
    if failure.reason in _FOR_A_PERSON:
        return spread(rules.backoff_max, 0.2, chance)
    return command_backoff(rules, lookup.attempts, chance)


def last_word(lookup: Lookup, failure: Failure) -> str:
    """Return what is told of a lookup that was given up."""
    tries = "once" if lookup.attempts == 1 else f"{lookup.attempts} times"
    return f"What the sender named could not be fetched from its API, tried {tries}. {failure.detail}".strip()
