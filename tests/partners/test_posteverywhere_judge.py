"""What failure texts of PostEverywhere's destinations mean, tricky ones first."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureClass, FailureReason
from bridge.partners.posteverywhere.judge import judge

HUMAN, PASSES, WAIT = FailureReason.TOKEN, FailureReason.PLATFORM_RATE, FailureReason.PLATFORM_LIMIT
CONTENT, OTHER, UNKNOWN = FailureReason.CONTENT, FailureReason.PLATFORM_OTHER, FailureReason.UNKNOWN_OUTCOME


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        # Published by the vendor (get-post-results).
        ("Token expired. Please reconnect your LinkedIn account.", HUMAN),
        # People.
        ("Access revoked", HUMAN),
        ("Missing permission: instagram_content_publish", HUMAN),
        ("Unauthorized", HUMAN),
        ("UNAUTHORISED", HUMAN),
        ("reconnect required", HUMAN),
        ("Your session timed out, please log in again", HUMAN),
        # It passes.
        ("Rate limit exceeded", PASSES),
        ("Request timeout", PASSES),
        ("504 Gateway Time-out", PASSES),
        ("The platform took too long to respond: timed out", PASSES),
        ("Temporary platform error", PASSES),
        ("HTTP 503", PASSES),
        ("Something went wrong, please try again", PASSES),
        ("Platform is temporarily unavailable. Try again later.", PASSES),
        # It does not: the same content is refused for good.
        ("permanent_failure_circuit_breaker", CONTENT),
        ("Circuit breaker open: token expired 5 times", CONTENT),
        ("content_too_long", CONTENT),
        ("Tweet is too long", CONTENT),
        ("Aspect ratio must be 9:16", CONTENT),
        ("Image dimensions exceed the maximum", CONTENT),
        ("Video resolution below 720 x 1280", CONTENT),
        ("Unsupported media", CONTENT),
        ("Duplicate tweet", CONTENT),
        ("Instagram requires media", CONTENT),
        ("missing a board", CONTENT),
        ("Too many hashtags", CONTENT),
        ("Video violates community guidelines", CONTENT),
        # It may be live.
        ("Timed out; it may have been published", UNKNOWN),
        ("The outcome of the upload is unknown", UNKNOWN),
        # A day.
        ("spam_risk_too_many_posts", WAIT),
        # Nobody knows.
        ("DNS resolution failed", OTHER),
        ("It took too long", OTHER),
        ("", OTHER),
    ],
)
def test_text_is_judged(text: str, reason: FailureReason) -> None:
    assert judge(text, "linkedin").reason is reason


@pytest.mark.parametrize(
    ("text", "failure"),
    [
        ("token expired", FailureClass.NEEDS_HUMAN),
        ("timeout", FailureClass.RETRYABLE),
        ("try again", FailureClass.RETRYABLE),
        ("circuit breaker", FailureClass.TERMINAL),
        ("too long", FailureClass.TERMINAL),
        ("outcome unknown", FailureClass.AMBIGUOUS),
        ("spam_risk_too_many_posts", FailureClass.WAIT_UNTIL),
        ("whatever", FailureClass.RETRYABLE),
    ],
)
def test_reason_has_its_class(text: str, failure: FailureClass) -> None:
    assert judge(text, "x").failure is failure


@given(st.text(max_size=300), st.text(max_size=20))
def test_any_text_gets_a_judgement(text: str, platform: str) -> None:
    assert judge(text, platform).reason in FailureReason
