"""What PostEverywhere's errors and rate headers ask of us: its own verdict first, then the table of its contract."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import PartnerError
from bridge.core.redact import Redactor
from bridge.partners._budget import Pace
from bridge.partners._http import Answer
from bridge.partners.posteverywhere.refusals import pace, refusal, wait_of
from tests.partners.things import NOW

LATER = int(NOW.timestamp()) + 45


def answer(status: int, body: Any = None, *, text: str = "", wait: float | None = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, text, named, None if wait is None else timedelta(seconds=wait), NOW)


def refused(found: Answer, *, write: bool = True, create: bool = True) -> PartnerError | None:
    return refusal(found, write=write, create=create, now=NOW, redactor=Redactor())


def said(status: int, code: str | None = None, **more: Any) -> PartnerError:
    error = refused(answer(status, {"data": None, "error": {"message": "Said", "code": code} | more}))
    assert error is not None
    return error


@pytest.mark.parametrize(
    ("status", "code", "reason", "failure", "stored"),
    [
        (400, "validation_error", "invalid", "terminal", False), (400, "invalid_json", "invalid", "terminal", False),
        (400, "content_too_long", "content", "terminal", False),
        (400, "past_schedule_time", "invalid", "terminal", False),
        (400, "invalid_field_name", "invalid", "terminal", False), (400, "bad_request", "invalid", "terminal", False),
        (400, "bulk_limit_exceeded", "invalid", "terminal", False),
        (400, "invalid_accounts", "unknown_accounts", "terminal", False),
        (400, "post_creation_failed", "invalid", "terminal", False),
        (401, "unauthorized", "unauthorized", "needs_human", False),
        (401, "authentication_failed", "unauthorized", "needs_human", False),
        (402, "insufficient_credits", "payment_required", "needs_human", False),
        (403, None, "forbidden", "needs_human", False), (404, "not_found", "not_found", "terminal", False),
        (409, "post_not_editable", "conflict", "terminal", False),
        (415, "unsupported_media_type", "invalid", "terminal", False),
        (422, "permanent_failure_circuit_breaker", "content", "terminal", False),
        (429, "rate_limit_exceeded", "rate_limited", "retryable", False),
        (429, "rate_limited", "rate_limited", "retryable", False),
        (500, "internal_error", "server_error", "retryable", True),
        (503, "service_unavailable", "server_error", "retryable", True),
        (418, "teapot", "client_error", "terminal", False), (302, None, "redirect", "needs_human", False),
        (408, None, "timeout", "retryable", True),
    ],
)  # fmt: skip
def test_table(status: int, code: str | None, reason: str, failure: str, stored: bool) -> None:
    error = said(status, code)
    assert (error.reason, error.failure, error.maybe_stored) == (reason, failure, stored)
    assert error.key_wide is (failure == "needs_human")
    assert (error.status, error.code, error.detail) == (status, code, "Said")


@pytest.mark.parametrize(
    ("status", "code", "retryable", "failure", "stored"),
    [
        (400, "validation_error", True, "retryable", True), (409, "busy", True, "retryable", True),
        (400, "validation_error", False, "terminal", False), (500, "internal_error", False, "terminal", True),
        (503, "service_unavailable", True, "retryable", True), (429, "rate_limit_exceeded", True, "retryable", False),
        (429, "rate_limit_exceeded", False, "terminal", False),
        (401, "unauthorized", True, "needs_human", False), (402, "insufficient_credits", True, "needs_human", False),
        (403, "scope", True, "needs_human", False), (401, "unauthorized", False, "needs_human", False),
        (422, "permanent_failure_circuit_breaker", True, "terminal", False),
        (400, "validation_error", "yes", "terminal", False),
    ],
)  # fmt: skip
def test_verdict_of_the_vendor_is_obeyed(status: int, code: str, retryable: Any, failure: str, stored: bool) -> None:
    error = said(status, code, retryable=retryable)
    assert (error.failure, error.maybe_stored) == (failure, stored)


def test_refusal_that_may_pass_is_no_doubt_where_nothing_is_made() -> None:
    found = answer(409, {"error": {"message": "Busy", "code": "busy", "retryable": True}})
    error = refused(found, create=False)
    assert error is not None
    assert not error.maybe_stored


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("This API key lacks the write scope.", "forbidden"), ("Your plan's quota is used up.", "payment_required"),
        ("Daily X limit reached, upgrade for more.", "payment_required"),
    ],
)  # fmt: skip
def test_403_is_scope_or_quota_by_its_message(message: str, reason: str) -> None:
    assert said(403, "forbidden", message=message).reason == reason


@pytest.mark.parametrize("body", [{"data": {"a": 1}, "error": None}, {"data": {"a": 1}}, {"account_id": 1}, {}])
@pytest.mark.parametrize("status", [200, 201, 207])
def test_success_is_an_error_that_is_null_or_absent(status: int, body: dict[str, Any]) -> None:
    assert refused(answer(status, body)) is None


@pytest.mark.parametrize(
    ("found", "reason", "failure", "stored", "key_wide"),
    [
        (answer(502, text="<html>Bad Gateway"), "server_error", "retryable", True, False),
        (answer(200, text="<html>"), "unreadable", "retryable", True, False),
        (answer(200), "unreadable", "retryable", True, False),
        (answer(200, {"data": None, "error": {"message": "No", "code": "x"}}), "unreadable", "retryable", True, False),
        (answer(404, text="<html>"), "not_found", "needs_human", False, True),
        (answer(400, {"error": "just text"}), "invalid", "terminal", False, False),
        (answer(500, {"message": "no envelope"}), "server_error", "retryable", True, False),
    ],
)  # fmt: skip
def test_answers_that_are_not_the_vendors(
    found: Answer, reason: str, failure: str, stored: bool, key_wide: bool
) -> None:
    error = refused(found)
    assert error is not None
    assert (error.reason, error.failure, error.maybe_stored, error.key_wide) == (reason, failure, stored, key_wide)
    read = refused(found, write=False, create=False)
    assert read is not None
    assert not read.maybe_stored


@pytest.mark.parametrize(
    ("details", "issues"),
    [
        (None, ()), ({"field": "content"}, ({"field": "content"},)), ([1, 2], (1, 2)), ("text", ("text",)),
        ({"validation_errors": ["X: too long", "TikTok: no video"]}, ("X: too long", "TikTok: no video")),
        (["https://a.example/?sig=s3cr3t"], ("https://a.example/?[redacted]",)),
    ],
)  # fmt: skip
def test_details_become_issues(details: Any, issues: tuple[Any, ...]) -> None:
    assert said(400, "post_creation_failed", details=details).issues == issues


@pytest.mark.parametrize(
    ("found", "seconds"),
    [
        (answer(429, wait=30, x_ratelimit_reset=str(LATER)), 30),
        (answer(429, x_ratelimit_reset=str(LATER)), 45),
        (answer(429, {"error": {"code": "rate_limited", "retryAfter": 12}}), 12),
        (answer(429, {"error": {"retryAfter": 12}}, x_ratelimit_reset="1"), 12),
        (answer(429, {"error": {"retryAfter": "soon"}}), None), (answer(429, {"error": {"retryAfter": -5}}), 0),
        (answer(429, {"error": "slow down"}), None), (answer(429), None),
        (answer(429, x_ratelimit_reset="99999999999"), 604_800), (answer(429, x_ratelimit_reset="9" * 13), None),
        (answer(503, wait=5), 5), (answer(503, x_ratelimit_reset=str(LATER)), None),
    ],
)  # fmt: skip
def test_wait_is_the_header_then_the_reset_then_the_body(found: Answer, seconds: float | None) -> None:
    assert wait_of(found, NOW) == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("headers", "read"),
    [
        (("60", "5", str(LATER)), Pace(60, 5, datetime.fromtimestamp(LATER, UTC))), (("60", "", str(LATER)), None),
        (("many", "5", str(LATER)), None), (("60", "-1", str(LATER)), None), (("60", "5", "soon"), None),
    ],
)  # fmt: skip
def test_rate_headers(headers: tuple[str, str, str], read: Pace | None) -> None:
    names = ("x_ratelimit_limit", "x_ratelimit_remaining", "x_ratelimit_reset")
    assert pace(answer(200, **dict(zip(names, headers, strict=True)))) == read


def test_answer_without_rate_headers_says_nothing_of_the_rate() -> None:
    assert pace(answer(200)) is None


@given(st.text(max_size=12), st.integers(100, 599), st.none() | st.text(max_size=5) | st.integers() | st.floats())
def test_any_header_and_verdict_is_read_without_an_error(value: str, status: int, odd: Any) -> None:
    headers = {f"x_ratelimit_{name}": value for name in ("limit", "remaining", "reset")}
    body = {"error": {"message": odd, "code": odd, "retryable": odd, "retryAfter": odd, "details": odd}}
    found = answer(status, body, **headers)
    pace(found)
    refused(found)
