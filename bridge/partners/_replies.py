"""What the answers of all partners have in common: what a bare status means, and how a time is read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from bridge.core.errors import FailureClass, FailureReason

Meaning = tuple[FailureReason, FailureClass]


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


def read_time(value: Any) -> datetime | None:
    """Read an instant; None for anything else. Without an offset it is UTC, as both vendors mean it."""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
        return moment and (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
