"""What failure texts mean, tricky ones first."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureClass, FailureReason
from bridge.partners.genviral.judge import judge

HUMAN, RATE = FailureReason.TOKEN, FailureReason.PLATFORM_RATE
CONTENT, OTHER, UNKNOWN = FailureReason.CONTENT, FailureReason.PLATFORM_OTHER, FailureReason.UNKNOWN_OUTCOME
LIMIT = FailureReason.PLATFORM_LIMIT


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # Words inside other words, and words that mean something else.
        ("token bucket rate limit", RATE),
        ("content server timed out", UNKNOWN),
        ("Platform information unknown", OTHER),
        ("Unexpected token < in JSON at position 0", OTHER),
        ("Media container expired", OTHER),
        ("The upload URL has expired", OTHER),
        ("Unsupported frame rate", CONTENT),
        ("video_bitrate too high", CONTENT),
        ("Caption exceeds 500 characters", CONTENT),
        ("Duration must be below 540 s", CONTENT),
        ("Rate limit of the content publishing policy reached", RATE),
        ("Content publishing is temporarily unavailable", RATE),
        ("Account temporarily restricted: policy violation", CONTENT),
        ("Insufficient permissions to publish content", HUMAN),
        ("connection reset, reconnecting", OTHER),
        ("Post was separated", OTHER),
        ("Tokenization service down", OTHER),
        ("", OTHER),
        # People.
        ("Access token is invalid or expired. Please reconnect the account.", HUMAN),
        ("Error validating access token: Session has expired", HUMAN),
        ("access_token_invalid", HUMAN),
        ("scope_not_authorized", HUMAN),
        ("OAuthException: permission denied", HUMAN),
        ("Authorization revoked by user", HUMAN),
        ("Account must be re-connected", HUMAN),
        ("Session expired", HUMAN),
        ("Missing token", HUMAN),
        ("Your session timed out, please log in again", HUMAN),
        # A day.
        ("spam_risk_too_many_pending_share", LIMIT),
        ("TikTok error: spam_risk_too_many_posts (daily cap)", LIMIT),
        ("reached_active_user_cap", LIMIT),
        # It may be live.
        ("Request timeout", UNKNOWN),
        ("504 Gateway Time-out", UNKNOWN),
        ("read timed out after 30 s", UNKNOWN),
        ("token refresh timed out", UNKNOWN),
        ("The outcome of the upload is unknown", UNKNOWN),
        ("context deadline exceeded", UNKNOWN),
        ("It may have been published", UNKNOWN),
        # It passes.
        ("Publishing failed: temporary platform error (503)", RATE),
        ("HTTP/1.1 503 Service Unavailable", RATE),
        ("status code: 500", RATE),
        ("Internal Server Error", RATE),
        ("Too many requests", RATE),
        ("rate_limit_exceeded", RATE),
        ("quotaExceeded", RATE),
        ("Rate exceeded", RATE),
        # It does not.
        ("Video violates community guidelines", CONTENT),
        ("Unsupported media format", CONTENT),
        ("Invalid caption", CONTENT),
        ("Copyrighted music", CONTENT),
        # Nobody knows.
        ("Something went wrong", OTHER),
        ("\ud800", OTHER),
    ],
)
def test_text_is_judged(text: str, reason: FailureReason) -> None:
    assert judge(text).reason is reason


@pytest.mark.parametrize(
    ("text", "failure", "wait"),
    [
        ("token expired", FailureClass.NEEDS_HUMAN, None),
        ("reached_active_user_cap", FailureClass.WAIT_UNTIL, timedelta(hours=24)),
        ("timeout", FailureClass.AMBIGUOUS, None),
        ("try again: 503 error", FailureClass.RETRYABLE, None),
        ("bad format", FailureClass.TERMINAL, None),
        ("whatever", FailureClass.RETRYABLE, None),
    ],
)
def test_reason_has_its_class(text: str, failure: FailureClass, wait: timedelta | None) -> None:
    judgement = judge(text)
    assert (judgement.failure, judgement.wait) == (failure, wait)


@given(st.text(max_size=300))
def test_any_text_gets_a_judgement_whatever_its_case(text: str) -> None:
    assert judge(text).reason in FailureReason


@given(
    st.sampled_from(["token expired", "rate limit", "timed out", "policy", "reached_active_user_cap"]),
    st.text("xyz .,:", max_size=20),
)
def test_words_around_change_nothing(text: str, around: str) -> None:
    assert judge(f"{around} {text} {around}") == judge(text) == judge(text.upper())
