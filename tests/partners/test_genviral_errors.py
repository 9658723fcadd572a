"""What each refusal asks of us: the error table of the vendor's contract, a row a case."""

from collections.abc import Awaitable
from typing import Any

import pytest

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import CommandKind
from bridge.simulator.genviral import DEMO_TOKEN
from tests.partners.things import NOW, Clock, answering, command, genviral, post

pytestmark = pytest.mark.anyio

TERMINAL, RETRYABLE, HUMAN = FailureClass.TERMINAL, FailureClass.RETRYABLE, FailureClass.NEEDS_HUMAN
R = FailureReason
Expected = tuple[FailureReason, FailureClass, bool]
HTML = b"<html><body>nginx</body></html>"


def envelope(status: int, code: str | None) -> dict[str, Any]:
    return {"ok": False, "code": status, "message": "No", "error_code": code}


async def refused(kind: CommandKind | str, status: int, body: Any) -> PartnerError:
    partner = genviral(answering(status, body), Clock())
    if kind == "accounts":
        call: Awaitable[Any] = partner.accounts()
    elif kind == "find":
        call = partner.find(command(body=b"{}", sent_at=NOW), post())
    else:
        call = partner.send(command(CommandKind(kind)), post(partner_id="p1"), b"{}")
    with pytest.raises(PartnerError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (400, "invalid_json", (R.INVALID, TERMINAL, False)),
        (422, "invalid_payload", (R.INVALID, TERMINAL, False)),
        (400, "validation_failed", (R.INVALID, TERMINAL, False)),
        (400, "unknown_accounts", (R.UNKNOWN_ACCOUNTS, RETRYABLE, False)),
        (400, "missing_accounts", (R.INVALID, TERMINAL, False)),
        (400, "invalid_music_url", (R.INVALID, TERMINAL, False)),
        (400, "media_unreachable", (R.MEDIA_UNREACHABLE, RETRYABLE, False)),
        (400, None, (R.INVALID, TERMINAL, False)),
        (401, "invalid_token", (R.UNAUTHORIZED, HUMAN, True)),
        (401, "unauthorized", (R.UNAUTHORIZED, HUMAN, True)),
        (402, "subscription_required", (R.PAYMENT_REQUIRED, HUMAN, True)),
        (403, "tier_not_allowed", (R.FORBIDDEN, HUMAN, True)),
        (403, "subscription_required", (R.FORBIDDEN, HUMAN, False)),
        (404, "not_found", (R.NOT_FOUND, TERMINAL, False)),
        (408, None, (R.TIMEOUT, RETRYABLE, False)),
        (409, "create_failed", (R.CONFLICT, TERMINAL, False)),
        (409, "external_id_immutable", (R.CONFLICT, TERMINAL, False)),
        (413, None, (R.CLIENT_ERROR, TERMINAL, False)),
        (429, "rate_limited", (R.RATE_LIMITED, RETRYABLE, False)),
        (500, "create_failed", (R.SERVER_ERROR, RETRYABLE, False)),
        (500, "update_failed", (R.SERVER_ERROR, RETRYABLE, False)),
        (503, None, (R.SERVER_ERROR, RETRYABLE, False)),
    ],
)
@pytest.mark.parametrize("kind", [CommandKind.PUBLISH, CommandKind.UPDATE])
async def test_refused_write(kind: CommandKind, status: int, code: str | None, expected: Expected) -> None:
    error = await refused(kind, status, envelope(status, code))
    assert (error.reason, error.failure, error.key_wide) == expected
    assert (error.status, error.code, error.detail) == (status, code, "No")
    assert error.maybe_stored is (status >= 500 or status == 408)


@pytest.mark.parametrize(
    "message",
    [
        "Unsupported slideshow format .webp",
        "Unsupported image type",
        "Unsupported content type image/heic",
        "Image 2 exceeds 5 MB",
        "Each image must be under 5MB",
        "File size exceeds the maximum of 5000000 bytes",
        "The photo is too large",
    ],
)
async def test_broken_rule_of_a_file_is_told_apart(message: str) -> None:
    body = envelope(400, "validation_failed") | {"message": message}
    error = await refused(CommandKind.PUBLISH, 400, body)
    assert (error.reason, error.failure) == (R.MEDIA_INVALID, TERMINAL)


@pytest.mark.parametrize(
    "message",
    [
        "Caption exceeds 500 characters for tiktok",
        "Caption exceeds 5000 bytes for youtube",
        "Video duration must be between 15 and 60 seconds",
        "Account a1 (tiktok) does not support slideshow posts",
        "tiktok.title exceeds 90 characters for slideshow posts",
        "MEDIA_UPLOAD is only supported for slideshow posts",
        "scheduled_at must be at least 2 minutes in the future",
    ],
)
async def test_broken_rule_of_anything_else_is_final(message: str) -> None:
    body = envelope(400, "validation_failed") | {"message": message}
    assert (await refused(CommandKind.PUBLISH, 400, body)).reason is R.INVALID


@pytest.mark.parametrize(
    ("paths", "reason"),
    [
        (["media.urls.0"], R.MEDIA_INVALID),
        ([["media", "urls", 0], "media"], R.MEDIA_INVALID),
        (["media", "caption"], R.INVALID),
        ([None], R.INVALID),
    ],
)
async def test_issues_say_whether_only_the_media_are_at_fault(paths: list[Any], reason: FailureReason) -> None:
    body = envelope(422, "invalid_payload") | {"issues": [{"path": path, "message": "No"} for path in paths]}
    assert (await refused(CommandKind.PUBLISH, 422, body)).reason is reason


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (401, "invalid_token", (R.UNAUTHORIZED, HUMAN, True)),
        (402, "subscription_required", (R.PAYMENT_REQUIRED, HUMAN, True)),
        (403, "tier_not_allowed", (R.FORBIDDEN, HUMAN, True)),
        (403, "subscription_required", (R.FORBIDDEN, HUMAN, True)),
        (429, "rate_limited", (R.RATE_LIMITED, RETRYABLE, False)),
        (500, "accounts_failed", (R.SERVER_ERROR, RETRYABLE, False)),
    ],
)
@pytest.mark.parametrize("call", ["accounts", "find"])
async def test_refused_read(call: str, status: int, code: str, expected: Expected) -> None:
    error = await refused(call, status, envelope(status, code))
    assert (error.reason, error.failure, error.key_wide, error.maybe_stored) == (*expected, False)


@pytest.mark.parametrize(
    ("status", "body", "expected", "maybe_stored"),
    [
        (200, b"", (R.UNREADABLE, RETRYABLE, False), True),
        (201, HTML, (R.UNREADABLE, RETRYABLE, False), True),
        (502, HTML, (R.SERVER_ERROR, RETRYABLE, False), True),
        (504, b"", (R.SERVER_ERROR, RETRYABLE, False), True),
        (302, b"", (R.REDIRECT, HUMAN, True), False),
        (404, HTML, (R.NOT_FOUND, HUMAN, True), False),
        (405, b"", (R.NOT_FOUND, HUMAN, True), False),
        (403, HTML, (R.FORBIDDEN, HUMAN, True), False),
        (200, envelope(422, "invalid_payload"), (R.INVALID, TERMINAL, False), False),
        (200, {"ok": False}, (R.SERVER_ERROR, RETRYABLE, False), True),
    ],
)
async def test_answer_not_of_the_vendor(status: int, body: Any, expected: Expected, maybe_stored: bool) -> None:
    error = await refused(CommandKind.PUBLISH, status, body)
    assert (error.reason, error.failure, error.key_wide, error.maybe_stored) == (*expected, maybe_stored)


@pytest.mark.parametrize(
    ("body", "detail"),
    [
        ({"message": "first", "error": "second"}, "first"),
        ({"error": "second", "data": {"message": "third"}}, "second"),
        ({"error": {"code": 1}, "data": {"message": "third"}}, "third"),
        ({"ok": False}, '{"ok": false}'),
        (b"plain text", "plain text"),
        ({"message": "m" * 900}, "m" * 499 + "…"),
        ({"message": "see https://a.example/b?token=s3cr3t"}, "see https://a.example/b?[redacted]"),
    ],
)
async def test_text_of_a_refusal(body: Any, detail: str) -> None:
    assert (await refused(CommandKind.PUBLISH, 400, body)).detail == detail


async def test_issues_are_kept_redacted() -> None:
    body = envelope(422, "invalid_payload") | {"issues": [{"path": "media", "message": f"no {DEMO_TOKEN}"}] * 30}
    error = await refused(CommandKind.PUBLISH, 422, body)
    assert len(error.issues) == 20
    assert error.issues[0] == {"path": "media", "message": "no [redacted]"}


async def test_writes_that_are_off_send_nothing() -> None:
    partner = genviral(answering(201, {}), Clock(), writes=False)
    with pytest.raises(PartnerError) as caught:
        await partner.send(command(), post(), b"{}")
    assert (caught.value.reason, caught.value.failure) == (R.NOT_ALLOWED_NOW, HUMAN)
    assert not caught.value.maybe_stored


async def test_fetch_is_refused() -> None:
    assert (await refused(CommandKind.FETCH, 200, {})).reason is R.INTERNAL
