"""What the body of a post must look like before anything is looked up; each fault is a 400 with the vendor's code.

Field table and codes: https://developers.posteverywhere.ai/api/create-post and /errors, captured by 2026-11.
"""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bridge.simulator.posteverywhere.model import Json, invalid, read_time

MISNAMED = {
    "media": "media_ids",
    "media_id": "media_ids",
    "mediaId": "media_ids",
    "attachments": "media_ids",
    "url": "media_ids",
}
_KINDS: dict[str, tuple[type, str]] = {
    "content": (str, "a string"),
    "timezone": (str, "a string"),
    "media_ids": (list, "an array"),
    "platform_content": (dict, "an object"),
    "draft": (bool, "a boolean"),
}


def check_post(body: Json, *, create: bool) -> None:
    """Refuse a body with wrong names or types, or without what it needs.

    Args:
        body: of a create, or of an edit.
        create: a create needs accounts (unless it is a draft) and something to say.
    """
    for name in MISNAMED.keys() & body.keys():
        message = f'Unknown field "{name}". Use "{MISNAMED[name]}" instead.'
        raise invalid(message, code="invalid_field_name", details={"field": name, "expected": MISNAMED[name]})
    for name, (kind, wanted) in _KINDS.items():
        if body.get(name) is not None and not isinstance(body[name], kind):
            raise _field(name, f"{name} must be {wanted}")
    if any(not isinstance(one, dict) for one in (body.get("platform_content") or {}).values()):
        raise _field("platform_content", "platform_content must hold one object by platform")
    if any(not isinstance(one, str) for one in body.get("media_ids") or []):
        raise _field("media_ids", "media_ids must be an array of strings")
    ids = account_ids(body)
    _check_zone(body.get("timezone"))
    if create:
        _check_whole(body, ids)


def _check_whole(body: Json, ids: list[int] | None) -> None:
    if not ids and not body.get("draft"):
        raise _field("account_ids", "account_ids is required and must contain at least one account")
    own = (body.get("platform_content") or {}).values()
    said = (body.get("content") or "").strip() or any(one.get("content") for one in own)
    if not said and not body.get("media_ids"):
        raise _field("content", "content is required")


def account_ids(body: Json) -> list[int] | None:
    """Read `account_ids`, without repeats; None if the body has none.

    Raises:
        Refusal: they are not integers; text is refused too.
    """
    ids = body.get("account_ids")
    if ids is None:
        return None
    # True is an int to Python, not to the vendor.
    if not isinstance(ids, list) or any(type(one) is not int for one in ids):
        raise _field("account_ids", "account_ids must be an array of integers")
    return list(dict.fromkeys(ids))


def time_of(body: Json, now: datetime, *, lead: timedelta = timedelta(0)) -> datetime | None:
    """Read when to publish from `scheduled_for` or its older name `scheduled_at`; None: at once.

    Raises:
        Refusal: 400 if it is no time, 400 `past_schedule_time` if it is not later than `now` by more than `lead`.
    """
    given: Any = body.get("scheduled_for", body.get("scheduled_at"))
    if given is None:
        return None
    moment = read_time(given)
    if moment is None:
        raise _field("scheduled_for", "scheduled_for must be an ISO 8601 datetime")
    if moment < now + lead or moment <= now:
        raise invalid("scheduled_for must be in the future", code="past_schedule_time")
    return moment


def _check_zone(name: str | None) -> None:
    if name is None:
        return
    try:
        ZoneInfo(name)
    except (KeyError, OSError, ValueError):  # A zone not found is a KeyError, a folder of zones an OSError.
        raise invalid(f"Unknown timezone: {name}", code="invalid_timezone") from None


def _field(name: str, message: str) -> Exception:
    return invalid(message, details={"field": name})
