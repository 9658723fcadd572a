"""PostEverywhere's answers read: words mapped to ours, receipts of commands, and posts as list, get and results show.

Shape: `{"data", "error", "meta"}`, or the bare data. Names differ between generations of the pages and the vendor's own
clients: a post is `post_id` or `id`, an account `account_id`, `social_account_id` or `id` (a number or its digits), a
schedule `scheduled_for` or `scheduled_at`, an error `error` or `last_error`. Unknown fields and words are tolerated.
Sources: https://developers.posteverywhere.ai, https://posteverywhere.ai/developers, types of @posteverywhere/sdk 1.4.2,
read by 2026-11.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import Any

import orjson

from bridge.core.answers import LONGEST_ID
from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Hosted, Json, Link, PostState, Receipt, Snapshot, Stranger, TargetSnapshot, TargetState
from bridge.core.platforms import family
from bridge.core.redact import Redactor
from bridge.partners._replies import read_time, unreadable

POST_STATES: Mapping[str, PostState] = MappingProxyType(
    {
        "draft": PostState.DRAFT,
        "scheduled": PostState.SCHEDULED,
        "queued": PostState.SCHEDULED,
        "publishing": PostState.PUBLISHING,
        "published": PostState.POSTED,
        "done": PostState.POSTED,
        "partially_failed": PostState.PARTIAL,
        "failed": PostState.FAILED,
    }
)
"""The word of a post -> our state; `queued` and `done` are the SDK's."""

TARGET_STATES: Mapping[str, TargetState] = MappingProxyType(
    {
        "draft": TargetState.WAITING,
        "scheduled": TargetState.WAITING,
        "queued": TargetState.WAITING,
        "preparing": TargetState.WAITING,
        "retry_scheduled": TargetState.WAITING,
        "publishing": TargetState.PUBLISHING,
        "uploading": TargetState.PUBLISHING,
        "verifying": TargetState.PUBLISHING,
        "published": TargetState.POSTED,
        "done": TargetState.POSTED,
        "failed": TargetState.FAILED,
    }
)
"""The word of a destination -> our state; some of them are known from the vendor's dashboard only."""

ERROR_TEXT = 500
OWN_RETRY_SLACK = timedelta(seconds=60)
"""How long after its announced time the vendor's own retry is still waited for."""
LINK_LIFE = timedelta(minutes=10)
_NOT_GONE = (PostState.DRAFT, PostState.SCHEDULED)


def data_of(body: Json | None) -> Json:
    """Return `data`, or the body itself where it stands without an envelope, or an empty object."""
    data = (body or {}).get("data", body)
    return data if isinstance(data, Mapping) else {}


def post_id(data: Json) -> str | None:
    """Return the id of a post."""
    return _id(data.get("post_id")) or _id(data.get("id"))


def account_id(data: Json) -> str | None:
    """Return an account's id as the digits of its number; None when there is none."""
    for name in ("account_id", "social_account_id", "id"):
        value = data.get(name)
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
        if isinstance(value, str) and value.isascii() and value.isdigit():
            return str(int(value[:18]))
    return None


def _id(value: Any) -> str | None:
    found = str(value) if type(value) is int else value
    return found if isinstance(found, str) and 0 < len(found) <= LONGEST_ID else None


def schedule_of(data: Json) -> datetime | None:
    """Return when a post or destination goes out; None when it does not say."""
    return read_time(data.get("scheduled_for")) or read_time(data.get("scheduled_at"))


def answered_at(body: Json | None, headers: Mapping[str, str]) -> datetime | None:
    """Return when the server says that it answered, by its own clock (`meta.timestamp`, else the header `Date`)."""
    meta = (body or {}).get("meta")
    said = read_time(meta.get("timestamp")) if isinstance(meta, Mapping) else None
    try:
        return said or parsedate_to_datetime(headers["date"]).astimezone(UTC)
    except (KeyError, ValueError, OverflowError):
        return None


def word_of(data: Json) -> str:
    """Return the status word of a post or destination, as it is written; empty when there is none."""
    return next((v for n in ("status", "post_status", "new_status") if isinstance(v := data.get(n), str)), "")


def post_state(word: str) -> PostState:
    """Map the word of a post."""
    return POST_STATES.get(_plain(word), PostState.UNKNOWN)


def target_state(word: str) -> TargetState:
    """Map the word of a destination."""
    return TARGET_STATES.get(_plain(word), TargetState.UNKNOWN)


def _plain(word: str) -> str:
    return word.strip().lower().replace(" ", "_").replace("-", "_")


def rows_of(data: Json, name: str = "destinations") -> list[Json] | None:
    """Return the destinations that name an account; None when there is no list of them (or only their number)."""
    rows = data.get(name)
    if not isinstance(rows, list):
        return None
    return [row for row in rows if isinstance(row, Mapping) and account_of(row)]


def account_of(row: Json) -> str | None:
    """Return the account of a destination, whose `id` is its own."""
    return account_id({name: row.get(name) for name in ("account_id", "social_account_id")})


def post_receipt(status: int, body: Json | None) -> Receipt:
    """Read the answer to a create, an edit or the scheduling of a draft.

    Raises:
        PartnerError: unreadable: there is no id.
    """
    data = data_of(body)
    partner_id = post_id(data)
    if partner_id is None:
        raise unreadable(status, "the answer has no post id", write=True)
    word, targets = word_of(data), [_target(row, None, Redactor()) for row in rows_of(data) or ()]
    return Receipt(
        partner_id,
        state=outcome(post_state(word), targets, timeless=_is_timeless(data)),
        raw_status=word,
        scheduled_at=_schedule(data),
        created_at=read_time(data.get("created_at")),
        status=status,
    )


def retry_receipt(status: int, body: Json | None, partner_id: str, redactor: Redactor) -> Receipt:
    """Read the 200 of a retry: it was taken unless it says that nothing was put back."""
    data = data_of(body)
    count = data.get("retried_count", data.get("retried"))
    if count == 0 and not isinstance(count, bool):
        text = redactor.text(str(data.get("message") or "nothing was put back"), ERROR_TEXT)
        return Receipt(partner_id, accepted=False, refusal=text, status=status)
    return Receipt(partner_id, status=status)


def delete_receipt(status: int, body: Json | None, partner_id: str, redactor: Redactor) -> Receipt:
    """Read the 200 of a delete: it was done unless it says `deleted: false`."""
    data = data_of(body)
    if data.get("deleted") is False:
        text = redactor.text(str(data.get("message") or "the post was not deleted"), ERROR_TEXT)
        return Receipt(partner_id, accepted=False, refusal=text, status=status)
    return Receipt(partner_id, status=status)


def bulk_retried(status: int, body: Json | None, post_ids: Sequence[str]) -> list[Receipt]:
    """Read what retry-failed put back, one receipt for each of these posts, in their order."""
    data = data_of(body)
    rows = data.get("destinations")
    back = {post_id(row) for row in rows if isinstance(row, Mapping)} if isinstance(rows, list) else None
    none = data.get("retried_count", data.get("retried")) == 0
    taken = {one for one in post_ids if not none and (back is None or one in back)}
    refusal = "nothing of it was put back"
    return [
        Receipt(one, accepted=one in taken, refusal=None if one in taken else refusal, status=status)
        for one in post_ids
    ]


def bulk_created(status: int, body: Json | None, redactor: Redactor) -> dict[int, Receipt | PartnerError]:
    """Read what became of each post of a bulk create by its place, on whatever status: 207 and 422 have no `error`."""
    items = data_of(body).get("results")
    found: dict[int, Receipt | PartnerError] = {}
    for place, item in enumerate(items if isinstance(items, list) else ()):
        if not isinstance(item, Mapping):
            continue
        index = item.get("index")
        found[index if type(index) is int else place] = _bulk_item(status, item, redactor)
    return found


def _bulk_item(status: int, item: Json, redactor: Redactor) -> Receipt | PartnerError:
    post, error = item.get("post"), item.get("error")
    if item.get("ok") is not False and isinstance(post, Mapping) and post_id(post):
        return post_receipt(status, {"data": post})
    if not isinstance(error, Mapping):
        return unreadable(status, "the item has neither post nor error", write=True)
    code, message = error.get("code"), error.get("message")
    return PartnerError(
        FailureReason.INVALID,
        FailureClass.TERMINAL,
        status=status,
        code=redactor.text(code, 80) if isinstance(code, str) else None,
        detail=redactor.text(str(message or ""), ERROR_TEXT),
    )


def posts_of(body: Json | None) -> list[Json] | None:
    """Return the posts of a list answer that have an id; None when it has no list."""
    posts = data_of(body).get("posts")
    return [one for one in posts if isinstance(one, Mapping) and post_id(one)] if isinstance(posts, list) else None


def has_more(body: Json | None, limit: int) -> bool:
    """Say whether a list goes on: as it says itself or by its total, else when the page is as long as the server's."""
    data = data_of(body)
    posts, pages = data.get("posts"), data.get("pagination")
    pages = pages if isinstance(pages, Mapping) else data
    said, total, offset, longest = (pages.get(name) for name in ("has_more", "total", "offset", "limit"))
    shown = len(posts) if isinstance(posts, list) else 0
    if isinstance(said, bool):
        return said
    if type(total) is int and type(offset) is int:
        return shown > 0 and offset + shown < total
    return shown > 0 and shown >= (min(longest, limit) if type(longest) is int else limit)


def snapshot(data: Json, read_at: datetime, redactor: Redactor, *, results: Json | None = None) -> Snapshot | None:
    """Read a post as get and list show it; its destinations out of `results`, which alone know of the vendor's retries.

    None when it has neither status nor destinations, or no id.
    """
    partner_id, word = post_id(data), word_of(data) or word_of(results or {})
    rows = rows_of(results or {}, "results") or rows_of(data)
    if partner_id is None or not (word or rows):
        return None
    targets = tuple(_target(row, read_at, redactor) for row in rows or ())
    return Snapshot(
        partner_id,
        read_at,
        outcome(post_state(word), targets, timeless=_is_timeless(data)),
        word,
        targets,
        scheduled_at=_schedule(data),
        created_at=read_time(data.get("created_at")),
    )


def _schedule(data: Json) -> datetime | None:
    """Return a post's schedule: the destinations' where they agree, since it is by theirs that it goes out."""
    times = {at for row in rows_of(data) or () if (at := schedule_of(row))}
    return times.pop() if len(times) == 1 else schedule_of(data)


def _is_timeless(data: Json) -> bool:
    """Say whether a post is shown to have no schedule, rather than not shown with one."""
    return _schedule(data) is None and ("scheduled_for" in data or "scheduled_at" in data)


def _target(row: Json, read_at: datetime | None, redactor: Redactor) -> TargetSnapshot:
    word, attempts = word_of(row), row.get("attempts")
    state = target_state(word)
    again = read_time(row.get("next_retry_at"))
    if state is TargetState.FAILED and again is not None and (read_at is None or again + OWN_RETRY_SLACK > read_at):
        # The vendor tries again by itself: until then it has not failed.
        state = TargetState.WAITING
    url, platform = row.get("platform_post_url"), row.get("platform")
    return TargetSnapshot(
        account_of(row) or "",
        state,
        word,
        published_at=read_time(row.get("published_at")),
        url=url if isinstance(url, str) and url else None,
        error=_error(row, redactor),
        attempts=attempts if type(attempts) is int else None,
        platform=family(platform) if isinstance(platform, str) else "",
    )


def _error(row: Json, redactor: Redactor) -> str | None:
    """Return a destination's failure text; the older field may hold anything."""
    value = row.get("error") if row.get("error") is not None else row.get("last_error")
    if isinstance(value, Mapping):
        value = value.get("message") or value.get("error") or value
    if value is None:
        return None
    text = (
        value if isinstance(value, str) else orjson.dumps(value, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    )
    return redactor.text(text, ERROR_TEXT)


def outcome(word: PostState, targets: Sequence[TargetSnapshot], *, timeless: bool = False) -> PostState:
    """Say how a post stands by its targets; its own word may be behind them, and counts only where they say nothing.

    `timeless`: it has no time, so that it is on its way even if it is called scheduled, as older pages do.
    """
    if timeless and word is PostState.SCHEDULED:
        word = PostState.PENDING
    states = {target.state for target in targets}
    if not states:
        return word
    if states <= {TargetState.POSTED, TargetState.FAILED}:
        if len(states) == 2:
            return PostState.PARTIAL
        return PostState.POSTED if TargetState.POSTED in states else PostState.FAILED
    untried = states <= {TargetState.WAITING, TargetState.UNKNOWN} and not any(target.attempts for target in targets)
    if word is PostState.UNKNOWN or (word in _NOT_GONE and untried):
        return word
    under_way = word is PostState.PUBLISHING or states & {TargetState.PUBLISHING, TargetState.POSTED}
    return PostState.PUBLISHING if under_way else PostState.PENDING


def stranger(shown: Snapshot, data: Json, redactor: Redactor) -> Stranger:
    """Make a post that is not ours: `content` has `caption` and, where it shows any, `media`."""
    content: dict[str, Any] = {}
    if isinstance(caption := data.get("content"), str) and caption:
        content["caption"] = caption
    files = data.get("media")
    files = [one for one in files if isinstance(one, Mapping)] if isinstance(files, list) else []
    urls = [redactor.url(one["url"]) for one in files if isinstance(one.get("url"), str)]
    video = any(one.get("type") == "video" for one in files)
    if urls:
        content["media"] = {"type": "video", "url": urls[0]} if video else {"type": "slideshow", "urls": urls}
    elif files or data.get("media_ids"):
        ids = data.get("media_ids") or [one.get("media_id") or one.get("id") for one in files]
        content["media"] = {"type": "video" if video else "slideshow", "media_ids": [str(one) for one in ids]}
    return Stranger(shown, content)


def hosted(status: int, body: Json | None, handle: str | None, redactor: Redactor) -> Hosted:
    """Read how a file stands; `handle` is its id where the answer need not repeat it.

    Raises:
        PartnerError: the vendor could not use the file, or does not say which it is.
    """
    data = data_of(body)
    media_id = handle or _id(data.get("media_id")) or _id(data.get("id"))
    if media_id is None:
        raise unreadable(status, "the answer has no media id", write=False)
    words = (data.get(name) for name in ("media_status", "upload_status", "status"))
    word = _plain(next((one for one in words if isinstance(one, str)), ""))
    if word == "failed":
        text = redactor.text(str(data.get("error_message") or "the partner could not use the file"), ERROR_TEXT)
        raise PartnerError(
            FailureReason.INVALID, FailureClass.TERMINAL, status=status, code="media_failed", detail=text
        )
    return Hosted(media_id, ready=word == "ready")


def link(status: int, body: Json | None, now: datetime) -> Link:
    """Read an authorisation address; it expires when it says so, else after 10 minutes.

    Raises:
        PartnerError: unreadable: there is no address.
    """
    data = data_of(body)
    names = ("authorization_url", "url", "connect_url")
    url = next((v for n in names if isinstance(v := data.get(n), str) and v.startswith(("https://", "http://"))), None)
    if url is None:
        raise unreadable(status, "the answer has no address", write=False)
    seconds = data.get("expires_in")
    life = timedelta(seconds=min(seconds, 86_400)) if type(seconds) is int and seconds > 0 else LINK_LIFE
    return Link(url, read_time(data.get("expires_at")) or now + life)
