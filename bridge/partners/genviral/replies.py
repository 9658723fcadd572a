"""Genviral's answers read: words mapped to ours, receipts, snapshots, listings, and what a refusal asks of us.

Shape: `{"ok", "code", "message", "data"?, "error_code"?, "issues"?}`. Nothing is required that is not needed, and
unknown fields and words are tolerated. Source: https://docs.genviral.io/api-reference, read 2026-05.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from bridge.core.answers import LONGEST_ID
from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import (
    AccountState,
    Json,
    Listed,
    Listing,
    Post,
    PostState,
    Receipt,
    Snapshot,
    Stranger,
    TargetSnapshot,
    TargetState,
)
from bridge.core.redact import Redactor
from bridge.partners._replies import Meaning, meaning, read_time, unreadable

POST_STATES: Mapping[str, PostState] = MappingProxyType(
    {
        "draft": PostState.DRAFT,
        "pending": PostState.PENDING,
        "scheduled": PostState.SCHEDULED,
        "retry": PostState.PENDING,
        "retrying": PostState.PENDING,
        "posted": PostState.POSTED,
        "complete": PostState.POSTED,
        "partial": PostState.PARTIAL,
        "failed": PostState.FAILED,
        "canceled": PostState.CANCELED,
        "deleted": PostState.VANISHED,
        "void": PostState.VANISHED,
    }
)
"""Genviral's word -> ours. `complete` and `retrying` are a guess: words of the provider behind hosted accounts."""

TARGET_STATES: Mapping[str, TargetState] = MappingProxyType(
    {
        "draft": TargetState.WAITING,
        "pending": TargetState.WAITING,
        "scheduled": TargetState.WAITING,
        "retry": TargetState.WAITING,
        "retrying": TargetState.WAITING,
        "posted": TargetState.POSTED,
        "complete": TargetState.POSTED,
        "failed": TargetState.FAILED,
        "canceled": TargetState.CANCELED,
        "deleted": TargetState.VANISHED,
        "void": TargetState.VANISHED,
    }
)
ACCOUNT_STATES: Mapping[str, AccountState] = MappingProxyType(
    {
        "active": AccountState.ACTIVE,
        "paused": AccountState.DISCONNECTED,
        "revoked": AccountState.DISCONNECTED,
    }
)
"""An unknown word counts as active: Genviral says that it lists no others."""

ERROR_TEXT = 500
_SOME_ISSUES = 20

# Which 400 is more than "this request is wrong".
_REFUSALS: Mapping[str, Meaning] = MappingProxyType(
    {
        "media_unreachable": (FailureReason.MEDIA_UNREACHABLE, FailureClass.RETRYABLE),
        "unknown_accounts": (FailureReason.UNKNOWN_ACCOUNTS, FailureClass.RETRYABLE),
    }
)
_STATUSES: Mapping[int, Meaning] = MappingProxyType(
    {
        400: (FailureReason.INVALID, FailureClass.TERMINAL),
        401: (FailureReason.UNAUTHORIZED, FailureClass.NEEDS_HUMAN),
        402: (FailureReason.PAYMENT_REQUIRED, FailureClass.NEEDS_HUMAN),
        403: (FailureReason.FORBIDDEN, FailureClass.NEEDS_HUMAN),
        404: (FailureReason.NOT_FOUND, FailureClass.TERMINAL),
        408: (FailureReason.TIMEOUT, FailureClass.RETRYABLE),
        409: (FailureReason.CONFLICT, FailureClass.TERMINAL),
        422: (FailureReason.INVALID, FailureClass.TERMINAL),
        425: (FailureReason.RATE_LIMITED, FailureClass.RETRYABLE),
        429: (FailureReason.RATE_LIMITED, FailureClass.RETRYABLE),
    }
)


_RULES = ("validation_failed", "invalid_payload")
_OF_A_FILE = re.compile(
    r"unsupported (?:media|file|image|photo|video|slide\w*|content)\b.{0,20}\b(?:format|type)|mime.?type"
    r"|\b(?:file|image|photo|video|slide|media)s?\b.{0,30}\b(?:size|too (?:large|big)|larger than"
    r"|(?:exceed\w*|under|over|at most|maximum)\b.{0,20}\d\s*(?:[kmg]i?b|bytes|megabytes)\b)",
    re.IGNORECASE,
)
"""Texts that refuse a file for its format or bytes, not for its length; how the vendor words them is a guess."""


def status_of(status: int, body: Json | None) -> int:
    """Return the status that counts: the envelope's `code` when a success says `ok: false`."""
    if body is not None and body.get("ok") is False and 200 <= status < 300:
        code = body.get("code")
        return code if isinstance(code, int) and code >= 400 else 500
    return status


def data_of(body: Json | None) -> Json:
    """Return `data`, or an empty object: it may stand beside an error, too."""
    data = (body or {}).get("data")
    return data if isinstance(data, dict) else {}


def refusal(
    status: int,
    body: Json | None,
    *,
    write: bool,
    text: str,
    retry_after: timedelta | None,
    redactor: Redactor,
) -> PartnerError | None:
    """Say what an answer that is no success asks of us; None for a readable success.

    The status decides, not `error_code` alone: `create_failed` is a conflict with 409 and a passing fault with 500,
    `subscription_required` is the plan with 402 and, for a write, only hosted TikTok targets with 403.
    """
    status = status_of(status, body)
    if 200 <= status < 300 and body is not None:
        return None
    code = (body or {}).get("error_code")
    code = redactor.text(code, 80) if isinstance(code, str) else None
    reason, failure = _meaning(status, code, spoken=body is not None)
    issues = (body or {}).get("issues")
    issues = issues[:_SOME_ISSUES] if isinstance(issues, list) else []
    if reason is FailureReason.INVALID and code in _RULES and _is_of_media(_message(body), issues):
        reason = FailureReason.MEDIA_INVALID
    return PartnerError(
        reason,
        failure,
        maybe_stored=write and (status >= 500 or status == 408 or 200 <= status < 300),
        status=status,
        code=code,
        detail=redactor.text(_message(body) or text, ERROR_TEXT),
        retry_after=retry_after,
        key_wide=failure is FailureClass.NEEDS_HUMAN
        and not (write and status == 403 and code == "subscription_required"),
        issues=[redactor.json(issue) for issue in issues],
    )


def _is_of_media(message: str, issues: Sequence[Any]) -> bool:
    """Whether a broken rule is one of the media alone, so that other files may keep it."""
    if issues:
        return all(_field(issue).startswith("media") for issue in issues)
    return _OF_A_FILE.search(message) is not None


def _field(issue: Any) -> str:
    """Return which field an issue is about; the vendor does not say how it tells that."""
    found = issue.get("path", issue.get("field")) if isinstance(issue, dict) else None
    return ".".join(map(str, found)) if isinstance(found, list) else str(found or "")


def _meaning(status: int, code: str | None, *, spoken: bool) -> Meaning:
    if status == 400 and code is not None and code in _REFUSALS:
        return _REFUSALS[code]
    return meaning(status, _STATUSES, spoken=spoken)


def _message(body: Json | None) -> str:
    """Find the error text where the vendor's own shell client looks for it."""
    body = body or {}
    found = (body.get("message"), body.get("error"), data_of(body).get("message"))
    return next((one for one in found if isinstance(one, str) and one), "")


def post_receipt(status: int, body: Json | None, *, replayed: bool = False) -> Receipt:
    """Read the answer to a create or update; `replayed` says that the status means the partner has had it before.

    Raises:
        PartnerError: unreadable: there is no id.
    """
    data = data_of(body)
    partner_id = _post_id(data)
    if not partner_id:
        raise unreadable(status, "the answer has no post id", write=True)
    word = _text(data.get("status")) or ""
    warnings = data.get("warnings")
    return Receipt(
        partner_id,
        state=POST_STATES.get(word, PostState.UNKNOWN),
        raw_status=word,
        scheduled_at=read_time(data.get("scheduled_at")),
        created_at=read_time(data.get("created_at")),
        warnings=tuple(one for one in warnings if isinstance(one, dict)) if isinstance(warnings, list) else (),
        duplicate=replayed or data.get("duplicate") is True,
        status=status,
    )


def retry_receipt(status: int, body: Json | None, partner_id: str, redactor: Redactor) -> Receipt | None:
    """Read what a retry answer says of one post, on whatever status; None when it says nothing of it."""
    data = data_of(body)
    if partner_id in _ids(data.get("ids")):
        return Receipt(partner_id, status=status)
    errors = data.get("errors")
    errors = errors if isinstance(errors, dict) else {}
    if partner_id in _ids(data.get("failed")) or partner_id in errors:
        refusal_text = redactor.text(str(errors.get(partner_id) or "refused without a reason"), ERROR_TEXT)
        return Receipt(partner_id, accepted=False, refusal=refusal_text, status=status)
    return None


def delete_receipt(status: int, body: Json | None, partner_id: str, redactor: Redactor) -> Receipt | None:
    """Read what a delete answer says of one post, on whatever status; None when it says nothing of it."""
    data = data_of(body)
    if partner_id in _ids(data.get("deletedIds")):
        return Receipt(partner_id, status=status)
    blocked = data.get("blockedStatuses")
    for one in blocked if isinstance(blocked, list) else []:
        if isinstance(one, dict) and one.get("id") == partner_id:
            word = _text(one.get("status")) or ""
            state = POST_STATES.get(word, PostState.UNKNOWN)
            text = f"a post that is {word or 'in this state'} cannot be deleted"
            return Receipt(
                partner_id, state=state, raw_status=word, accepted=False, refusal=redactor.text(text), status=status
            )
    errors = data.get("errors")
    errors = errors if isinstance(errors, dict) else {}
    if partner_id in errors or partner_id in _ids(data.get("skipped")):
        text = redactor.text(str(errors.get(partner_id) or "skipped without a reason"), ERROR_TEXT)
        return Receipt(partner_id, accepted=False, refusal=text, status=status)
    return None


def snapshot(data: Json, post: Post, read_at: datetime, redactor: Redactor) -> Snapshot | None:
    """Read a post as GET and list show it; None when it has no status."""
    if post.partner_id is None:
        return None
    platforms = {target.account: target.platform for target in post.targets}
    return _snapshot(data, post.partner_id, read_at, redactor, platforms=platforms, content=post.content)


def stranger(data: Json, read_at: datetime, redactor: Redactor) -> Stranger | None:
    """Read a post that is not ours out of a list; None when it has no status."""
    shown = _snapshot(data, str(data["id"]), read_at, redactor, platforms={}, content=data)
    content = {name: data[name] for name in _SHOWN if data.get(name) is not None}
    return Stranger(shown, content) if shown is not None else None


_SHOWN = ("caption", "media", "music_url", "tiktok", "pinterest")
"""What a post shows of its content; the words are those of our own publish request."""


def _snapshot(
    data: Json, partner_id: str, read_at: datetime, redactor: Redactor, *, platforms: Mapping[str, str], content: Json
) -> Snapshot | None:
    word = _text(data.get("status"))
    if not word:
        return None
    accounts = data.get("accounts")
    rows = accounts.get("states") if isinstance(accounts, dict) else None
    upload = _uploads(content) or _uploads(data)
    targets = [
        _target(row, upload and platforms.get(row["account_id"], "tiktok") == "tiktok", redactor)
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, dict) and isinstance(row.get("account_id"), str)
    ]
    return Snapshot(
        partner_id,
        read_at,
        POST_STATES.get(word, PostState.UNKNOWN),
        word,
        tuple(targets),
        scheduled_at=read_time(data.get("scheduled_at")),
        created_at=read_time(data.get("created_at")),
    )


def _uploads(content: Json) -> bool:
    tiktok = content.get("tiktok")
    return isinstance(tiktok, Mapping) and tiktok.get("post_mode") == "MEDIA_UPLOAD"


def _target(row: Json, upload: bool, redactor: Redactor) -> TargetSnapshot:
    word, url, error = _text(row.get("status")) or "", _text(row.get("published_url")), row.get("error_message")
    state = TARGET_STATES.get(word, TargetState.UNKNOWN)
    if state is TargetState.POSTED and upload and url is None:
        # MEDIA_UPLOAD is "posted" once the draft is in TikTok's inbox; an address means that its owner published it.
        state = TargetState.DRAFT_DELIVERED
    return TargetSnapshot(
        row["account_id"],
        state,
        word,
        published_at=read_time(row.get("published_at")),
        url=url,
        error=redactor.text(str(error), ERROR_TEXT) if error is not None else None,
        last_attempted_at=read_time(row.get("last_attempted_at")),
    )


def listing(status: int, body: Json | None, read_at: datetime) -> Listing:
    """Read GET /accounts. `scope` is `workspace:ID` or `personal:OWNER`, the same under both contracts.

    Raises:
        PartnerError: unreadable: a list that is not whole must not look like absence.
    """
    data = data_of(body)
    rows = data.get("accounts")
    if not isinstance(rows, list) or not all(isinstance(row, dict) and isinstance(row.get("id"), str) for row in rows):
        raise unreadable(status, "the answer has no whole list of accounts", write=False)
    workspace = _text(data.get("workspace_id"))
    scope = (
        f"workspace:{workspace}"
        if workspace
        else f"{data.get('scope') or 'personal'}:{data.get('owner_user_id') or ''}"
    )
    return Listing(scope, tuple(_listed(row) for row in rows), read_at)


def _listed(row: Json) -> Listed:
    word, capabilities = _text(row.get("status")) or "active", row.get("capabilities")
    return Listed(
        row["id"],
        platform=_text(row.get("platform")) or "",
        username=_text(row.get("username")) or "",
        display_name=_text(row.get("display_name")) or "",
        type=_text(row.get("type")) or "",
        state=ACCOUNT_STATES.get(word, AccountState.ACTIVE),
        raw_status=word,
        capabilities=capabilities if isinstance(capabilities, dict) else None,
    )


def posts_of(body: Json | None) -> list[Json] | None:
    """Return the posts of a list answer that have an id; None when it has no list."""
    posts = data_of(body).get("posts")
    return [post for post in posts if isinstance(post, dict) and _post_id(post)] if isinstance(posts, list) else None


def _post_id(data: Json) -> str | None:
    found = _text(data.get("id")) or ""
    return found if 0 < len(found) <= LONGEST_ID else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _ids(value: Any) -> list[str]:
    """Return the ids of a list of ids, or of objects that have one."""
    items = value if isinstance(value, list) else []
    return [str(item.get("id") if isinstance(item, dict) else item) for item in items]
