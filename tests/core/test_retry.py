"""When to try again: bounds, budgets and classes."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.retry import (
    BREAKER,
    Choice,
    breaker_hold,
    command_backoff,
    decide,
    most_tries,
    next_delivery,
    parse_retry_after,
)
from bridge.core.rules import DeliverRules, PublishRules, RetryRules
from tests.core.builders import DAY, HOUR, MINUTE, NOW, a_failed

RULES, RETRY, DELIVER = PublishRules(), RetryRules(), DeliverRules()
chances = st.floats(0, 1, exclude_max=True)


@given(st.integers(-1, 10**6), chances)
def test_back_off_stays_between_its_ends(attempts, chance):
    delay = command_backoff(RULES, attempts, chance)

    assert RULES.backoff_first <= delay <= RULES.backoff_max * 1.2
    assert command_backoff(RULES, attempts + 1, 0.0) >= command_backoff(RULES, attempts, 0.0)


spans = st.timedeltas(timedelta(milliseconds=10), timedelta(hours=3))


@given(spans, spans, spans)
def test_the_tries_fill_the_time_and_no_more(first, longest, all_of_it):
    rules = PublishRules(backoff_first=first, backoff_max=longest, give_up_after=all_of_it)
    tries = most_tries(rules)
    shown = min(tries, 3000)
    spent = sum((command_backoff(rules, number, 0.0) for number in range(1, shown)), timedelta())

    assert tries > 1
    assert spent - command_backoff(rules, shown - 1, 0.0) < all_of_it
    assert shown < tries or spent >= all_of_it


def test_a_day_of_tries_is_counted_at_once_however_short_the_pause():
    short = PublishRules(backoff_first=timedelta(microseconds=1), backoff_max=timedelta(microseconds=1))

    assert most_tries(RULES) == 296
    assert most_tries(short) == 24 * 3600 * 10**6 + 1


def test_the_breaker_opens_at_the_fifth_failure_in_a_row():
    holds = [breaker_hold(RULES, failures, 0.0) for failures in (1, BREAKER - 1, BREAKER, 50)]

    assert holds == [None, None, timedelta(seconds=32), 5 * MINUTE]


@given(st.integers(0, 30), st.none() | st.timedeltas(timedelta(), timedelta(hours=24)), chances)
def test_a_delivery_waits_by_its_schedule_and_never_less_than_asked(attempts, asked, chance):
    schedule = DELIVER.schedule
    delay = next_delivery(schedule, attempts, asked, jitter=DELIVER.jitter, chance=chance)

    assert (delay is None) == (attempts >= len(schedule))
    if delay is not None:
        asked = asked or timedelta()
        assert max(schedule[attempts], asked) <= delay <= max(schedule[attempts] * (1 + DELIVER.jitter), asked)


@pytest.mark.parametrize(
    ("value", "wait"),
    [("1200", 20 * MINUTE), ("-5", timedelta()), ("9" * 12, DAY), ("9" * 400, DAY), ("soon", None), ("inf", None)],
)
def test_a_retry_after_is_read_up_to_a_cap(value, wait):
    assert parse_retry_after(value, NOW, DAY) == wait


@pytest.mark.parametrize(
    ("error", "fields", "after", "choice", "at"),
    [
        ("rate", {}, timedelta(), Choice.RETRY, NOW + 5 * MINUTE),
        ("rate", {"retries": 1}, HOUR, Choice.RETRY, NOW + HOUR + 15 * MINUTE),
        ("rate", {"retries": 3}, timedelta(), Choice.GIVE_UP, None),
        ("policy", {}, timedelta(), Choice.GIVE_UP, None),
        ("rate", {"failure": FailureClass.BENIGN}, timedelta(), Choice.GIVE_UP, None),
        ("token", {"retries": 3}, timedelta(), Choice.PARK, None),
        ("spam", {}, HOUR, Choice.WAIT, NOW + DAY),
        ("spam", {}, 2 * DAY, Choice.WAIT, NOW + 2 * DAY),
        ("spam", {"retries": 3}, timedelta(), Choice.GIVE_UP, None),
        ("timeout", {}, 14 * MINUTE, Choice.LOOK_AGAIN, NOW + 15 * MINUTE),
        ("timeout", {}, 15 * MINUTE, Choice.PARK, None),
        ("timeout", {"failed_at": None}, HOUR, Choice.LOOK_AGAIN, NOW + HOUR + 15 * MINUTE),
    ],
)
def test_a_failure_is_judged_by_its_class(error, fields, after, choice, at):
    decision = decide(RETRY, a_failed(error=error, **fields), DAY, now=NOW + after, chance=0.0)

    assert (decision.choice, decision.at) == (choice, at)


def test_an_unknown_outcome_is_retried_after_looking_where_the_rules_say_so():
    rules = RetryRules(ambiguous="retry")

    assert decide(rules, a_failed(error="timeout"), None, now=NOW, chance=0.0).choice is Choice.LOOK_AGAIN
    assert decide(rules, a_failed(error="timeout"), None, now=NOW + HOUR, chance=0.0).choice is Choice.RETRY


def test_without_delays_nothing_is_retried_and_the_reason_says_so():
    decision = decide(RetryRules(delays=()), a_failed(reason=None), None, now=NOW, chance=0.0)

    assert (decision.choice, decision.reason) == (Choice.GIVE_UP, FailureReason.EXHAUSTED)


def test_a_wait_that_the_partner_does_not_name_is_the_longest_delay():
    assert decide(RETRY, a_failed(error="spam"), None, now=NOW, chance=0.0).at == NOW + 45 * MINUTE


@given(
    st.integers(0, 5), chances, st.sampled_from([*FailureClass, None]), st.timedeltas(timedelta(), timedelta(days=3))
)
def test_no_decision_is_in_the_past_or_beyond_the_budget(retries, chance, failure, after):
    now = NOW + after
    decision = decide(RETRY, a_failed(retries=retries, failure=failure), DAY, now=now, chance=chance)
    wire = decision.wire()

    assert decision.at is None or decision.at >= now
    assert wire["will"] is (decision.choice in (Choice.RETRY, Choice.WAIT))
    assert not wire["will"] or retries < wire["attempt"] <= wire["of"] == len(RETRY.delays)
