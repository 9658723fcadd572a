"""What an answer of PostEverywhere that is no success asks of us, and what its headers say of the rate.

The vendor's own `error.retryable` is obeyed where it is given; the table is for pages and servers that do not have it.
Success is `error` null whatever the status: a bulk answer tells of each post for itself on 207 and 422.
Source: https://developers.posteverywhere.ai (errors, rate limits), https://posteverywhere.ai/developers/rate-limits
(`error.retryAfter`, `rate_limited`), read by 2026-11.
"""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Json
from bridge.core.redact import Redactor
from bridge.core.retry import LONGEST_RETRY_AFTER
from bridge.partners._budget import Pace
from bridge.partners._http import Answer
from bridge.partners._replies import Meaning, meaning

ERROR_TEXT = 500
_SOME_ISSUES = 20

_STATUSES: Mapping[int, Meaning] = MappingProxyType(
    {
        400: (FailureReason.INVALID, FailureClass.TERMINAL),
        401: (FailureReason.UNAUTHORIZED, FailureClass.NEEDS_HUMAN),
        402: (FailureReason.PAYMENT_REQUIRED, FailureClass.NEEDS_HUMAN),
        403: (FailureReason.FORBIDDEN, FailureClass.NEEDS_HUMAN),
        404: (FailureReason.NOT_FOUND, FailureClass.TERMINAL),
        408: (FailureReason.TIMEOUT, FailureClass.RETRYABLE),
        409: (FailureReason.CONFLICT, FailureClass.TERMINAL),
        413: (FailureReason.INVALID, FailureClass.TERMINAL),
        415: (FailureReason.INVALID, FailureClass.TERMINAL),
        422: (FailureReason.INVALID, FailureClass.TERMINAL),
        425: (FailureReason.RATE_LIMITED, FailureClass.RETRYABLE),
        429: (FailureReason.RATE_LIMITED, FailureClass.RETRYABLE),
    }
)
_CODES: Mapping[str, FailureReason] = MappingProxyType(
    {
        "invalid_accounts": FailureReason.UNKNOWN_ACCOUNTS,
        "permanent_failure_circuit_breaker": FailureReason.CONTENT,
        "content_too_long": FailureReason.CONTENT,
    }
)
"""Codes that say more than their status."""
BREAKER = "permanent_failure_circuit_breaker"
_QUOTA = re.compile(r"quota|limit|upgrade|\bplan\b", re.IGNORECASE)


def refusal(answer: Answer, *, write: bool, create: bool, now: datetime, redactor: Redactor) -> PartnerError | None:
    """Say what an answer that is no success asks of us; None for a readable success.

    Args:
        answer: what came back.
        write: the call changes something there.
        create: it makes a post, so that a refusal that may pass is looked into before it is repeated.
        now: the clock that `X-RateLimit-Reset` is compared with.
        redactor: takes secrets out of the vendor's texts.
    """
    status, said = answer.status, _said(answer.body)
    if 200 <= status < 300 and answer.body is not None and said is None:
        return None
    error = said if isinstance(said, Mapping) else {}
    code = error.get("code")
    code = redactor.text(code, 80) if isinstance(code, str) else None
    retryable = error.get("retryable")
    reason, failure = _meaning(status, code, spoken=answer.body is not None)
    message = error.get("message") if error else said
    detail = redactor.text(message if isinstance(message, str) and message else answer.text, ERROR_TEXT)
    if reason is FailureReason.FORBIDDEN and _QUOTA.search(detail):
        reason = FailureReason.PAYMENT_REQUIRED
    if isinstance(retryable, bool):
        failure = _obeyed(failure, code, retryable=retryable)
    doubt = status >= 500 or status == 408 or 200 <= status < 300
    doubt = doubt or (create and retryable is True and failure is FailureClass.RETRYABLE and status != 429)
    return PartnerError(
        reason,
        failure,
        maybe_stored=write and doubt,
        status=status,
        code=code,
        detail=detail,
        retry_after=wait_of(answer, now),
        key_wide=failure is FailureClass.NEEDS_HUMAN,
        issues=[redactor.json(issue) for issue in _issues(error.get("details"))],
    )


def _said(body: Json | None) -> Any:
    """Return what stands under `error`, null for none; older examples of a success leave it out."""
    return (body or {}).get("error")


def _meaning(status: int, code: str | None, *, spoken: bool) -> Meaning:
    reason, failure = meaning(status, _STATUSES, spoken=spoken)
    if status in _STATUSES and failure is FailureClass.TERMINAL:
        reason = _CODES.get(code or "", reason)
    return reason, failure


def _obeyed(failure: FailureClass, code: str | None, *, retryable: bool) -> FailureClass:
    """The vendor's verdict over the table's; a person stays needed, and an open breaker stays final."""
    if failure is FailureClass.NEEDS_HUMAN or code == BREAKER:
        return failure
    return FailureClass.RETRYABLE if retryable else FailureClass.TERMINAL


def _issues(details: Any) -> list[Any]:
    if isinstance(details, Mapping) and isinstance(details.get("validation_errors"), list):
        details = details["validation_errors"]
    if isinstance(details, list):
        return details[:_SOME_ISSUES]
    return [] if details is None else [details]


def wait_of(answer: Answer, now: datetime) -> timedelta | None:
    """Return how long an answer asks to wait: `Retry-After`, on a 429 also the reset, or `error.retryAfter`."""
    if answer.retry_after is not None or answer.status != 429:
        return answer.retry_after
    reset = _reset(answer.headers)
    if reset is not None and reset > now:
        return min(reset - now, LONGEST_RETRY_AFTER)
    said = _said(answer.body)
    seconds = said.get("retryAfter") if isinstance(said, Mapping) else None
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and math.isfinite(seconds):
        return min(timedelta(seconds=min(max(float(seconds), 0.0), 1e6)), LONGEST_RETRY_AFTER)
    return None


def pace(answer: Answer) -> Pace | None:
    """Read `X-RateLimit-Limit`, `-Remaining` and `-Reset` (unix seconds); None where one is missing or senseless."""
    limit, left = (_whole(answer.headers.get(f"x-ratelimit-{name}")) for name in ("limit", "remaining"))
    reset = _reset(answer.headers)
    return None if limit is None or left is None or reset is None else Pace(limit, left, reset)


def _whole(value: str | None) -> int | None:
    return int(value) if value is not None and value.isascii() and value.isdigit() and len(value) < 16 else None


def _reset(headers: Mapping[str, str]) -> datetime | None:
    seconds = _whole(headers.get("x-ratelimit-reset"))
    # 13 digits would be milliseconds, which nobody has shown; they are no time that a key could wait for.
    return datetime.fromtimestamp(seconds, UTC) if seconds is not None and seconds < 10**11 else None
