"""Calls of Slack's Web API, of `response_url`s and of incoming webhooks: how they are written, what answers mean.

A method answers 200 `{"ok": true, ...}` or 200 `{"ok": false, "error": "channel_not_found"}`; 429 comes with
`Retry-After` in seconds. An address of either kind answers `ok`, or an error as plain text with a status of its own.

Sources, read 2026-11: https://docs.slack.dev/apis/web-api, /apis/web-api/rate-limits, the pages of the methods under
/reference/methods, and /messaging/sending-messages-using-incoming-webhooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode, urljoin

import orjson

from bridge.core.answers import Json
from bridge.core.errors import FailureReason
from bridge.core.slack import Workspace

RESPONSE_URL, WEBHOOK = "response_url", "webhook"
"""What stands for the two kinds of addresses where a method's name stands for a method."""

MOST_READ = 1024 * 1024
"""How many bytes of an answer are read: the messages of a channel come in one."""

SUCCEED, FAIL = "functions.completeSuccess", "functions.completeError"
"""The methods that end a step of a workflow, with a token of its own."""

LIST = "conversations.list"

_READING = frozenset(
    {"auth.test", "conversations.history", LIST, "conversations.open", "conversations.replies", "users.info"}
)
"""Methods that are asked with a form: those that only read take no JSON."""

_JSON, _FORM = "application/json; charset=utf-8", "application/x-www-form-urlencoded"
_LONGEST_WORD = 80
_LONGEST_WAIT_S = 3600


@dataclass(frozen=True, slots=True)
class WebCall:
    """A POST that is ready to go. `what` is the method, `response_url` or `webhook`; the rest of it holds secrets."""

    what: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call was told. `error` is Slack's own word for why it is not `ok`, empty where there is none.

    `data` is the whole answer of a method. `retry_after` is how long to leave it alone.
    """

    ok: bool
    error: str = ""
    data: Json = field(default_factory=dict, repr=False)
    retry_after: timedelta | None = None
    status: int = 200


class Meaning(StrEnum):
    """What an answer asks for.

    `over`: this message will never be taken; `elsewhere`: not this way, maybe another; `lost`: our message cannot be
    changed (any more); `later`: the same again; `operator`: nothing of ours is taken until somebody repairs it.
    """

    DONE = "done"
    OVER = "over"
    ELSEWHERE = "elsewhere"
    LOST = "lost"
    LATER = "later"
    OPERATOR = "operator"


_Meant = tuple[Meaning, FailureReason]
_NO_TOKEN: _Meant = (Meaning.OPERATOR, FailureReason.UNAUTHORIZED)
_NO_RIGHT: _Meant = (Meaning.OPERATOR, FailureReason.FORBIDDEN)
_BAD: _Meant = (Meaning.OVER, FailureReason.INVALID)
_CLOSED: _Meant = (Meaning.ELSEWHERE, FailureReason.FORBIDDEN)
_UNKNOWN: _Meant = (Meaning.ELSEWHERE, FailureReason.NOT_FOUND)
_DOWN: _Meant = (Meaning.LATER, FailureReason.SERVER_ERROR)
_BUSY: _Meant = (Meaning.LATER, FailureReason.RATE_LIMITED)
_ENDED: _Meant = (Meaning.OVER, FailureReason.EXPIRED)
_ODD: _Meant = (Meaning.LATER, FailureReason.CLIENT_ERROR)
"""What may be over in a while, and says nothing of anything but this message."""

ERRORS: Mapping[str, _Meant] = {
    **dict.fromkeys(("not_authed", "invalid_auth", "account_inactive", "token_revoked", "token_expired"), _NO_TOKEN),
    **dict.fromkeys(("invalid_token", "no_service", "no_service_id", "no_active_hooks", "no_team"), _NO_TOKEN),
    **dict.fromkeys(("missing_scope", "not_allowed_token_type", "no_permission", "ekm_access_denied"), _NO_RIGHT),
    **dict.fromkeys(("org_login_required", "team_access_not_granted", "enterprise_is_restricted"), _NO_RIGHT),
    **dict.fromkeys(("access_denied", "accesslimited", "team_disabled", "two_factor_setup_required"), _NO_RIGHT),
    **dict.fromkeys(("method_deprecated", "deprecated_endpoint"), _NO_RIGHT),
    **dict.fromkeys(("action_prohibited", "posting_to_general_channel_denied"), _CLOSED),
    **dict.fromkeys(("not_in_channel", "restricted_action", "restricted_action_read_only_channel"), _CLOSED),
    **dict.fromkeys(("restricted_action_thread_only_channel", "restricted_action_non_threadable_channel"), _CLOSED),
    **dict.fromkeys(("cannot_reply_to_message", "messages_tab_disabled", "cannot_dm_bot"), _CLOSED),
    **dict.fromkeys(("channel_type_not_supported", "method_not_supported_for_channel_type"), _CLOSED),
    **dict.fromkeys(("external_team_blocked", "user_is_restricted", "user_is_bot"), _CLOSED),
    **dict.fromkeys(("channel_not_found", "is_archived", "channel_is_archived", "user_not_found"), _UNKNOWN),
    **dict.fromkeys(("is_inactive", "cannot_find_channel"), _UNKNOWN),
    **dict.fromkeys(("thread_not_found", "invalid_thread_ts", "user_disabled", "user_not_visible"), _UNKNOWN),
    **dict.fromkeys(("used_url", "expired_url", "no_such_url"), (Meaning.ELSEWHERE, FailureReason.EXPIRED)),
    "message_not_found": (Meaning.LOST, FailureReason.NOT_FOUND),
    "cant_update_message": (Meaning.LOST, FailureReason.FORBIDDEN),
    "edit_window_closed": (Meaning.LOST, FailureReason.FORBIDDEN),
    **dict.fromkeys(("msg_too_long", "msg_blocks_too_long", "no_text", "invalid_blocks", "invalid_payload"), _BAD),
    **dict.fromkeys(("invalid_blocks_format", "too_many_attachments", "invalid_arguments", "invalid_json"), _BAD),
    **dict.fromkeys(("metadata_too_large", "invalid_metadata_format", "parameter_validation_failed"), _BAD),
    **dict.fromkeys(("invalid_metadata_schema", "metadata_must_be_sent_from_app", "block_mismatch"), _BAD),
    **dict.fromkeys(("invalid_attachments", "attachment_payload_limit_exceeded", "as_user_not_supported"), _BAD),
    **dict.fromkeys(("slack_connect_file_link_sharing_blocked", "no_dual_broadcast_content_update"), _BAD),
    **dict.fromkeys(("invalid_arg_name", "invalid_array_arg", "invalid_charset", "invalid_form_data"), _BAD),
    **dict.fromkeys(("invalid_post_type", "missing_post_type", "cant_broadcast_message"), _BAD),
    **dict.fromkeys(("function_execution_not_found", "execution_not_in_running_state"), _ENDED),
    **dict.fromkeys(("ratelimited", "rate_limited", "message_limit_exceeded"), _BUSY),
    **dict.fromkeys(("fatal_error", "internal_error", "service_unavailable", "request_timeout", "rollup_error"), _DOWN),
    "team_added_to_org": _DOWN,
    **dict.fromkeys(("external_channel_migrating", "update_failed", "streaming_state_conflict"), _ODD),
}
"""What Slack's words mean. One that is not here is kept as it is, and tried again: it is about this one message."""


def request(workspace: Workspace, method: str, arguments: Mapping[str, Any], *, token: str = "") -> WebCall:
    """Write the call of a method, with the workspace's bot token unless another is given."""
    given = {name: value for name, value in arguments.items() if value is not None}
    form = method in _READING
    headers = {
        "Authorization": f"Bearer {token or workspace.bot_token}",
        "Content-Type": _FORM if form else _JSON,
        "Accept": "application/json",
    }
    body = urlencode({name: _plain(value) for name, value in given.items()}).encode() if form else orjson.dumps(given)
    return WebCall(method, urljoin(workspace.api_url.rstrip("/") + "/", method), headers, body)


def to_address(what: str, url: str, message: Mapping[str, Any]) -> WebCall:
    """Write what is sent to a `response_url` or to an incoming webhook; either is a secret in itself."""
    return WebCall(what, url, {"Content-Type": _JSON}, orjson.dumps(message))


def read(status: int, headers: Mapping[str, str], body: bytes) -> Answer:
    """Read an answer, of a method or of an address; what is neither JSON nor a word is judged by its status."""
    waits = _seconds(headers.get("Retry-After")) if status in (429, 503) else None
    data = _object(body)
    if data is None:
        word = _word(body[: _LONGEST_WORD + 1].decode("utf-8", "replace"))
        ok = 200 <= status < 300 and word in ("ok", "")
        return Answer(ok, "" if ok else word, retry_after=waits, status=status)
    # An address may answer an object, too: without `ok` its status says it.
    ok = data.get("ok", 200 <= status < 300) is True and 200 <= status < 300
    error = data.get("error")
    return Answer(ok, _word(error) if isinstance(error, str) and not ok else "", data, waits, status)


def meaning(answer: Answer, what: str) -> tuple[Meaning, FailureReason]:
    """Say what an answer to a method or an address means, and its reason where it is a failure.

    A `response_url` that refuses is of no more use, whatever it says; a webhook that does is the operator's to repair.
    The token that ends a step is its own: that it is refused says nothing of the workspace's. A step that does not run
    any more was ended, by us maybe: then the answer to that was lost.
    """
    if answer.ok or (what in (SUCCEED, FAIL) and answer.error == "execution_not_in_running_state"):
        return Meaning.DONE, FailureReason.INTERNAL
    found = _BUSY if answer.status == 429 else ERRORS.get(answer.error) or _unknown(answer)
    if found[0] in (Meaning.LATER, Meaning.OVER):
        return found
    if what == RESPONSE_URL:
        return Meaning.ELSEWHERE, FailureReason.EXPIRED if found[0] is Meaning.OPERATOR else found[1]
    if what == WEBHOOK:
        return Meaning.OPERATOR, found[1]
    if what in (SUCCEED, FAIL):
        return Meaning.OVER, found[1]
    if found[0] is Meaning.LOST and what != "chat.update":
        return Meaning.ELSEWHERE, found[1]
    return found


def _unknown(answer: Answer) -> _Meant:
    """Judge a word that nobody has heard: a method's says something of this call, a page only has its status."""
    return _ODD if answer.error and answer.data and answer.status < 300 else _by_status(answer.status)


def is_of_one(meant: Meaning, reason: FailureReason) -> bool:
    """Say whether a refusal is about one message, and says nothing of whether the others are taken."""
    of_all = (FailureReason.SERVER_ERROR, FailureReason.RATE_LIMITED, FailureReason.UNREADABLE)
    return meant is not Meaning.OPERATOR and reason not in of_all


def _by_status(status: int) -> _Meant:
    if status >= 500:
        return _DOWN
    if 300 <= status < 400:
        return Meaning.OPERATOR, FailureReason.REDIRECT
    if status in (401, 403, 404, 410):
        # No GONE: what is gone is this one address, not the workspace.
        return Meaning.ELSEWHERE, FailureReason.NOT_FOUND
    return Meaning.LATER, FailureReason.UNREADABLE if status < 300 else FailureReason.CLIENT_ERROR


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _object(body: bytes) -> Json | None:
    try:
        read = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return read if isinstance(read, dict) else None


def _word(text: str) -> str:
    """Return Slack's word for an error; what is none, a page, an address or part of a token, is not repeated."""
    said = text.strip()
    word = (said[:1].lower() + said[1:]).replace(" ", "_")
    plain = word.isascii() and word.islower() and word.replace("_", "").isalnum() and len(word) <= _LONGEST_WORD
    return word if plain or not word else "unreadable"


def _seconds(value: str | None) -> timedelta | None:
    if value is None or not value.strip().isdecimal():
        return None
    return timedelta(seconds=min(int(value[:9]), _LONGEST_WAIT_S))
