"""Whether an edit of a post's time has come to its destinations, by whose times it goes out.

The vendor's page on posts: when `destinations[].scheduled_for` differs from the post's after an edit, the edit was not
taken over, and the scheduler fires by the destinations.
Source: https://developers.posteverywhere.ai/api/get-post, read by 2026-11.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import orjson

from bridge.core.model import Json, Receipt
from bridge.partners._replies import read_time
from bridge.partners.posteverywhere.replies import rows_of, schedule_of
from bridge.partners.posteverywhere.requests import wire_time

_SAME = timedelta(seconds=1)


def asked_for(body: bytes) -> datetime | None:
    """Return the time that a request asks for; None when it has none."""
    sent = orjson.loads(body or b"{}")
    return read_time(sent.get("scheduled_for")) if isinstance(sent, dict) else None


def shows_destinations(data: Json) -> bool:
    """Say whether an answer shows when destinations go out."""
    return any(schedule_of(row) for row in rows_of(data) or ())


def checked(receipt: Receipt, asked: datetime, data: Json) -> Receipt:
    """Lay over a receipt when the post's destinations go out, with a warning if that is not what was asked for."""
    others = sorted(
        at for row in rows_of(data) or () if (at := schedule_of(row)) is not None and abs(at - asked) > _SAME
    )
    if not others:
        return receipt
    message = f"the partner noted the new time, but still means to publish at {wire_time(others[0])}; check it there"
    warning = {"field": "scheduled_at", "code": "SCHEDULE_NOT_TAKEN", "message": message}
    return replace(receipt, scheduled_at=others[0], warnings=(*receipt.warnings, warning))
