"""The rules that flows decide by: their defaults are the design's, and they cannot be changed in use."""

from dataclasses import FrozenInstanceError, fields
from datetime import timedelta

import pytest

from bridge.core.rules import DeliverRules, Limits, PublishRules, Retention, RetryRules, WatchRules

ALL = (PublishRules, WatchRules, RetryRules, DeliverRules, Limits, Retention)


@pytest.mark.parametrize("rules", ALL)
def test_rules_stand_without_a_word_and_do_not_change(rules):
    with pytest.raises(FrozenInstanceError):
        setattr(rules(), fields(rules)[0].name, None)


def test_the_defaults_of_publishing():
    rules = PublishRules()
    assert (rules.accounts, rules.caption) == ((), None)
    assert (rules.dedupe_window, rules.max_late) == (timedelta(hours=72), timedelta(hours=6))
    assert (rules.resume_gap, rules.give_up_after) == (timedelta(minutes=10), timedelta(hours=24))
    assert rules.expires_after == timedelta(days=7)
    assert (rules.backoff_first, rules.backoff_max) == (timedelta(seconds=2), timedelta(minutes=5))


def test_the_defaults_of_watching():
    rules = WatchRules()
    assert (rules.tick, rules.accounts_every) == (timedelta(seconds=5), timedelta(seconds=60))
    assert (rules.first_poll, rules.max_poll) == (timedelta(seconds=60), timedelta(seconds=300))
    assert (rules.misses_before_disconnected, rules.adopt) == (2, "none")
    assert (rules.stuck_after, rules.last_read_after) == (timedelta(minutes=30), timedelta(minutes=10))


def test_the_defaults_of_retrying():
    rules = RetryRules()
    assert rules.delays == (timedelta(minutes=5), timedelta(minutes=15), timedelta(minutes=45))
    assert (rules.jitter, rules.ambiguous, rules.ambiguous_reread) == (0.1, "park", timedelta(minutes=15))


def test_the_defaults_of_delivering():
    rules = DeliverRules()
    seconds = [pause.total_seconds() for pause in rules.schedule]
    assert seconds == [0, 5, 300, 1800, *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24))]
    assert (rules.timeout, rules.retry_after_cap, rules.concurrency) == (
        timedelta(seconds=15),
        timedelta(hours=24),
        256,
    )


def test_the_defaults_of_limits_and_retention():
    assert (Limits().queue, Limits().free_disk) == (100_000, 200_000_000)
    assert (Retention().events, Retention().attempts, Retention().posts) == tuple(map(timedelta, (30, 30, 180)))
