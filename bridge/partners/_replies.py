"""What the answers of all partners have in common: what a bare status or a failed read means, how a time is read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.core.errors import FailureClass, FailureReason, PartnerError

Meaning = tuple[FailureReason, FailureClass]

MOST_FAILURES = 3
"""A reading ends after so many reads that failed for a reason in `FAINT`, without a success between them."""
FAINT = (FailureReason.TIMEOUT, FailureReason.CLOSED, FailureReason.SERVER_ERROR, FailureReason.UNREADABLE)
_NO_WAY = (FailureReason.DNS, FailureReason.CONNECT, FailureReason.TLS, FailureReason.RATE_LIMITED)


def meaning(status: int, statuses: Mapping[int, Meaning], *, spoken: bool) -> Meaning:
    """Return what an error's status means.

    Args:
        status: of the answer.
        statuses: what the partner's pages say of single ones.
        spoken: the body is the partner's own envelope.
    """
    if status in (404, 405) and not spoken:
        # Not the vendor's envelope: nothing is missing there, `base_url` leads elsewhere.
        return FailureReason.NOT_FOUND, FailureClass.NEEDS_HUMAN
    if status in statuses:
        return statuses[status]
    if 200 <= status < 300:
        return FailureReason.UNREADABLE, FailureClass.RETRYABLE
    if 300 <= status < 400:
        # Wherever the address points now, the credential is not carried there: a person must look at `base_url`.
        return FailureReason.REDIRECT, FailureClass.NEEDS_HUMAN
    if status >= 500:
        return FailureReason.SERVER_ERROR, FailureClass.RETRYABLE
    return FailureReason.CLIENT_ERROR, FailureClass.TERMINAL


def unreadable(status: int, what: str, *, write: bool) -> PartnerError:
    """Make the error for a success that lacks what it must say."""
    return PartnerError(
        FailureReason.UNREADABLE, FailureClass.RETRYABLE, maybe_stored=write, status=status, detail=what
    )


def ends_reading(error: PartnerError) -> bool:
    """Say whether a failed read shows that the key or the way there is at fault, which the next one would meet, too."""
    return error.key_wide or error.reason in _NO_WAY


def read_time(value: Any) -> datetime | None:
    """Read an instant; None for anything else. Without an offset it is UTC, as both vendors mean it."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
