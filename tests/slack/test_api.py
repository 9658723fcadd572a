"""Calls of Slack's Web API: how they are written, and what answers mean."""

from datetime import timedelta
from urllib.parse import parse_qs

import orjson
import pytest

from bridge.core.errors import FailureReason
from bridge.core.slack import Workspace
from bridge.core.slack.api import ERRORS, RESPONSE_URL, WEBHOOK, Answer, Meaning, meaning, read, request, to_address

TOWN = Workspace(name="slack", bot_token="xoxb-1-secret", webhook="https://hooks.slack.com/services/secret")


def test_a_method_is_called_with_json_and_the_bot_token() -> None:
    call = request(TOWN, "chat.postMessage", {"channel": "C1", "text": "ü", "thread_ts": None})
    assert (call.url, call.what) == ("https://slack.com/api/chat.postMessage", "chat.postMessage")
    assert call.headers["Authorization"] == "Bearer xoxb-1-secret"
    assert call.headers["Content-Type"] == "application/json; charset=utf-8"
    assert orjson.loads(call.body) == {"channel": "C1", "text": "ü"}


def test_a_method_that_reads_is_called_with_a_form() -> None:
    call = request(TOWN, "conversations.history", {"channel": "C1", "include_all_metadata": True, "limit": 5})
    assert call.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert parse_qs(call.body.decode()) == {"channel": ["C1"], "include_all_metadata": ["true"], "limit": ["5"]}


@pytest.mark.parametrize("api_url", ["http://127.0.0.1:1/api", "http://127.0.0.1:1/api/"])
def test_the_api_may_be_elsewhere(api_url: str) -> None:
    call = request(Workspace(name="x", api_url=api_url), "auth.test", {}, token="xwfp-1")
    assert call.url == "http://127.0.0.1:1/api/auth.test"
    assert call.headers["Authorization"] == "Bearer xwfp-1"


def test_nothing_secret_is_shown_of_a_call() -> None:
    calls = (request(TOWN, "auth.test", {}), to_address(RESPONSE_URL, "https://hooks.slack.com/secret", {"text": "x"}))
    assert "secret" not in repr(calls)


@pytest.mark.parametrize(
    ("status", "body", "ok", "error"),
    [
        (200, b'{"ok": true, "ts": "1.2"}', True, ""),
        (200, b'{"ok": false, "error": "channel_not_found"}', False, "channel_not_found"),
        (200, b'{"ok": false}', False, ""),
        (200, b"ok", True, ""),
        (200, b"", True, ""),
        (404, b"used_url", False, "used_url"),
        (404, b"No service", False, "no_service"),
        (404, b'{"ok":false,"error":"expired_url"}', False, "expired_url"),
        (500, b"<html>Server Error</html>", False, "unreadable"),
        (200, b"<html>Log in</html>", False, "unreadable"),
        (200, b"[1]", False, "unreadable"),
        (200, b'{"ok": "yes"}', False, ""),
        (500, b'{"ok": true}', False, ""),
        (200, b'{"ok": false, "error": 7}', False, ""),
        (200, b'{"ok": false, "error": "https://hooks.slack.com/secret"}', False, "unreadable"),
        (400, b"\xff\xfe", False, "unreadable"),
    ],
)
def test_an_answer_is_read(status: int, body: bytes, ok: bool, error: str) -> None:
    answer = read(status, {}, body)
    assert (answer.ok, answer.error, answer.status) == (ok, error, status)


@pytest.mark.parametrize(
    ("status", "header", "waits"),
    [
        (429, "30", timedelta(seconds=30)),
        (503, " 5 ", timedelta(seconds=5)),
        (429, "999999999999", timedelta(hours=1)),
        (429, "soon", None),
        (429, "-1", None),
        (429, None, None),
        (200, "30", None),
    ],
)
def test_how_long_to_wait_is_read(status: int, header: str | None, waits: timedelta | None) -> None:
    headers = {"Retry-After": header} if header is not None else {}
    assert read(status, headers, b'{"ok": false, "error": "ratelimited"}').retry_after == waits


@pytest.mark.parametrize(
    ("what", "answer", "meant", "reason"),
    [
        ("chat.update", Answer(False, "message_not_found"), Meaning.LOST, FailureReason.NOT_FOUND),
        ("chat.update", Answer(False, "edit_window_closed"), Meaning.LOST, FailureReason.FORBIDDEN),
        ("chat.postMessage", Answer(False, "message_not_found"), Meaning.ELSEWHERE, FailureReason.NOT_FOUND),
        ("chat.postMessage", Answer(False, "not_in_channel"), Meaning.ELSEWHERE, FailureReason.FORBIDDEN),
        ("chat.postMessage", Answer(False, "is_archived"), Meaning.ELSEWHERE, FailureReason.NOT_FOUND),
        ("chat.postMessage", Answer(False, "msg_too_long"), Meaning.OVER, FailureReason.INVALID),
        ("chat.postMessage", Answer(False, "invalid_auth"), Meaning.OPERATOR, FailureReason.UNAUTHORIZED),
        ("chat.postMessage", Answer(False, "missing_scope"), Meaning.OPERATOR, FailureReason.FORBIDDEN),
        ("chat.postMessage", Answer(False, "ratelimited"), Meaning.LATER, FailureReason.RATE_LIMITED),
        ("chat.postMessage", Answer(False, "", status=429), Meaning.LATER, FailureReason.RATE_LIMITED),
        ("chat.postMessage", Answer(False, "fatal_error"), Meaning.LATER, FailureReason.SERVER_ERROR),
        ("chat.postMessage", Answer(False, "unreadable", status=502), Meaning.LATER, FailureReason.SERVER_ERROR),
        ("chat.postMessage", Answer(False, "brand_new_word"), Meaning.LATER, FailureReason.UNREADABLE),
        ("chat.postMessage", Answer(False, "x", status=400), Meaning.LATER, FailureReason.CLIENT_ERROR),
        ("chat.postMessage", Answer(False, status=302), Meaning.OPERATOR, FailureReason.REDIRECT),
        (RESPONSE_URL, Answer(False, "used_url", status=404), Meaning.ELSEWHERE, FailureReason.EXPIRED),
        (RESPONSE_URL, Answer(False, "no_team", status=404), Meaning.ELSEWHERE, FailureReason.EXPIRED),
        (RESPONSE_URL, Answer(False, "", status=404), Meaning.ELSEWHERE, FailureReason.NOT_FOUND),
        (RESPONSE_URL, Answer(False, "message_not_found", status=404), Meaning.ELSEWHERE, FailureReason.NOT_FOUND),
        (RESPONSE_URL, Answer(False, "", status=500), Meaning.LATER, FailureReason.SERVER_ERROR),
        (WEBHOOK, Answer(False, "no_service", status=404), Meaning.OPERATOR, FailureReason.UNAUTHORIZED),
        (WEBHOOK, Answer(False, "channel_is_archived", status=410), Meaning.OPERATOR, FailureReason.NOT_FOUND),
        (WEBHOOK, Answer(False, "action_prohibited", status=403), Meaning.OPERATOR, FailureReason.FORBIDDEN),
        (WEBHOOK, Answer(False, "invalid_payload", status=400), Meaning.OVER, FailureReason.INVALID),
        (WEBHOOK, Answer(False, "rollup_error", status=500), Meaning.LATER, FailureReason.SERVER_ERROR),
        (
            "functions.completeSuccess",
            Answer(False, "execution_not_in_running_state"),
            Meaning.DONE,
            FailureReason.INTERNAL,
        ),
        (
            "functions.completeSuccess",
            Answer(False, "function_execution_not_found"),
            Meaning.OVER,
            FailureReason.EXPIRED,
        ),
        ("chat.update", Answer(False, "is_inactive"), Meaning.ELSEWHERE, FailureReason.NOT_FOUND),
        ("chat.update", Answer(False, "moon_is_full", {"ok": False}), Meaning.LATER, FailureReason.CLIENT_ERROR),
        ("functions.completeError", Answer(False, "invalid_auth"), Meaning.OVER, FailureReason.UNAUTHORIZED),
    ],
)
def test_what_an_answer_means(what: str, answer: Answer, meant: Meaning, reason: FailureReason) -> None:
    assert meaning(answer, what) == (meant, reason)


def test_what_works_means_done() -> None:
    assert meaning(Answer(True), "chat.update")[0] is Meaning.DONE


def test_no_word_of_slack_s_lets_a_chat_be_disabled_at_once() -> None:
    """An endpoint that says that it is gone is disabled; a workspace is never gone for one address."""
    disabling = {FailureReason.GONE, FailureReason.ENDPOINT_DISABLED}
    assert not disabling & {reason for _, reason in ERRORS.values()}
