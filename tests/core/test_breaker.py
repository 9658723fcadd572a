"""A partner that counts its own tries, and refuses content for good after so many: we never spend the last of them."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, PostState, TargetState
from bridge.core.resume import still_failed
from bridge.core.retry import Choice, decide
from bridge.core.rules import RetryRules
from bridge.core.transitions import observe, retried
from tests.core.builders import (
    DAY,
    MINUTE,
    NOW,
    WATCHING,
    a_failed,
    a_post,
    a_retry,
    a_row,
    a_snapshot,
    a_step,
    accounts_of,
    made,
    post_of,
    told,
    types,
)

P, T, BREAKER = PostState, TargetState, 5
RULES = RetryRules()
COUNTED = replace(WATCHING, breaker=BREAKER)


def failed(attempts, error="rate"):
    return a_snapshot(P.FAILED, a_row("a", T.FAILED, error=error, attempts=attempts))


def read(post, snapshot, at=NOW):
    step = a_step(at)
    assert observe(step, post, replace(snapshot, read_at=at), COUNTED)
    return step, post_of(step.write(), post)


@pytest.mark.parametrize(("attempts", "heard"), [(2, ["target.failed"]), (1, []), (0, []), (None, [])])
def test_a_new_failure_is_one_whose_attempts_grew(attempts, heard):
    """The same text with as many tries, or fewer, or none shown, is the failure that we know."""
    known = a_post(a_failed(attempts=1, choice="give_up"), state=P.FAILED, gave_up=True)

    step, post = read(known, failed(attempts))

    assert [one for one in types(step) if one == "target.failed"] == heard
    assert post.targets[0].attempts == (2 if heard else 1)


def test_a_count_that_falls_is_not_believed():
    _, post = read(a_post(a_failed(attempts=3, choice="retry"), state=P.FAILED), failed(1))

    assert post.targets[0].attempts == 3


def test_a_row_whose_count_has_not_grown_still_waits_for_its_retry():
    _, post = read(a_post(), failed(1))
    step = a_step(NOW + MINUTE)
    retried(step, post, ("a",), COUNTED.watch)
    waiting = post_of(step.write(), post)

    step, still = read(waiting, replace(failed(1), state=P.PENDING), NOW + 2 * MINUTE)
    again, _ = read(still, replace(failed(2), state=P.PENDING), NOW + 3 * MINUTE)

    assert (types(step), still.targets[0].state) == ([], T.WAITING)
    assert types(again) == ["target.failed"]


@pytest.mark.parametrize(
    ("attempts", "before", "choice"),
    [
        (0, 0, Choice.RETRY),
        (1, 0, Choice.RETRY),
        (2, 0, Choice.RETRY),
        (3, 0, Choice.GIVE_UP),
        (3, 2, Choice.RETRY),
        (3, 1, Choice.GIVE_UP),
        (4, 3, Choice.GIVE_UP),
        (9, 0, Choice.GIVE_UP),
    ],
)
@pytest.mark.parametrize("error", ["rate", "spam"])
def test_a_retry_that_may_open_the_breaker_is_not_made(attempts, before, choice, error):
    """After it the partner tries as often as it did since the last one."""
    target = a_failed(error=error, attempts=attempts, attempts_before=before)
    decision = decide(RetryRules(), target, DAY, now=NOW, chance=0.0, breaker=BREAKER)

    wanted = Choice.WAIT if error == "spam" and choice is Choice.RETRY else choice
    assert decision.choice is wanted
    assert (decision.reason is FailureReason.EXHAUSTED) is (choice is Choice.GIVE_UP)


def test_what_is_given_up_for_the_breaker_is_told_as_exhausted():
    step, post = read(a_post(), failed(4))

    assert types(step) == ["target.failed", "post.failed", "post.gave_up"]
    assert told(step, "post.gave_up")["reason"] == FailureReason.EXHAUSTED
    assert post.gave_up


@pytest.mark.parametrize(("breaker", "retries"), [(BREAKER, 1), (7, 2), (None, 3)])
def test_a_partner_that_shows_no_tries_is_taken_to_make_as_many_as_we_do(breaker, retries):
    choices = [decide(RULES, a_failed(retries=n), None, now=NOW, chance=0.0, breaker=breaker).choice for n in range(5)]

    assert choices == [Choice.RETRY] * retries + [Choice.GIVE_UP] * (5 - retries)


def test_a_retry_remembers_the_tries_before_it():
    step = a_step()
    retried(step, a_post(a_failed(attempts=2), a_failed("b", attempts=1), state=P.PARTIAL), ("a",), COUNTED.watch)
    post = post_of(step.write(), a_post())

    assert [target.attempts_before for target in post.targets] == [2, 0]


def test_a_retry_that_was_planned_is_not_made_once_its_account_was_given_up():
    """The partner's own try failed meanwhile, and one more is too many; a person may ask for it all the same."""
    post = a_post(a_failed(attempts=3, choice=Choice.GIVE_UP), state=P.FAILED)

    assert still_failed(a_retry("a"), post) == []
    assert still_failed(replace(a_retry(), payload={"account_ids": ["a"], "manual": True}), post) == ["a"]


@given(st.integers(1, 5), st.lists(st.sampled_from(["rate", "spam"]), min_size=1, max_size=8), st.integers(0, 12))
def test_our_retries_never_bring_the_partners_count_to_the_breaker(tries, errors, most):
    """Each round the partner tries so often by itself, then gives up."""
    rules = replace(COUNTED, retry=RetryRules(delays=(MINUTE,) * most))
    post, now, attempts, asked = a_post(), NOW, 0, 0
    for error in errors:
        attempts, now = attempts + tries, now + 2 * DAY
        assert not asked or attempts < BREAKER
        step = a_step(now)
        assert observe(step, post, replace(failed(attempts, error), read_at=now), rules)
        post = post_of(step.write(), post)
        retries = accounts_of(made(step, CommandKind.RETRY))
        if not retries:
            return
        asked, now = asked + 1, now + DAY
        step = a_step(now)
        retried(step, post, tuple(retries[0]), rules.watch)
        post = post_of(step.write(), post)
