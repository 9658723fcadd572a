"""When to try again: one place that counts, for partner commands, failed targets and webhook deliveries."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from enum import StrEnum
from functools import lru_cache

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import Target
from bridge.core.rules import PublishRules, RetryRules
from bridge.core.times import spread

MEDIA_TRIES = 3
"""How often `media_unreachable` and `unknown_accounts` are tried: fresh uploads and lists need a moment, no more."""

LONGEST_RETRY_AFTER = timedelta(days=7)


def parse_retry_after(value: str | None, now: datetime, cap: timedelta = LONGEST_RETRY_AFTER) -> timedelta | None:
    """Read a Retry-After header, seconds or an HTTP date, as 0 to `cap`; None when absent or senseless."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        seconds = (moment - now).total_seconds()
    if not math.isfinite(seconds):
        # So many digits that they are no number of a machine are still a very long time.
        return cap if value.strip().isdecimal() else None
    return timedelta(seconds=min(max(seconds, 0.0), cap.total_seconds()))


def command_backoff(rules: PublishRules, attempts: int, chance: float) -> timedelta:
    """Return the pause after a try: backoff_first * 2^(attempts-1), at most backoff_max; chance adds up to 20 %."""
    return spread(_pause(rules.backoff_first, rules.backoff_max, attempts), 0.2, chance)


def _pause(first: timedelta, most: timedelta, attempts: int) -> timedelta:
    doubled: int = 2 ** min(max(attempts, 1) - 1, 20)
    return min(first * doubled, most)


def most_tries(rules: PublishRules) -> int:
    """Return how many tries fit into `give_up_after` by the back-off alone: time held, parked or down uses up none."""
    return _most_tries(rules.give_up_after, rules.backoff_first, rules.backoff_max)


@lru_cache
def _most_tries(left: timedelta, first: timedelta, most: timedelta) -> int:
    tries = 1
    while left > timedelta() and (delay := _pause(first, most, tries)) < most:
        tries, left = tries + 1, left - delay
    return tries + max(-(-left // most), 0)


BREAKER = 5
"""How many 5xx or time-outs in a row open a key's breaker."""


def breaker_hold(rules: PublishRules, failures: int, chance: float) -> timedelta | None:
    """Return how long a key is held after `failures` 5xx or time-outs in a row; None below `BREAKER` of them."""
    return command_backoff(rules, failures, chance) if failures >= BREAKER else None


def next_delivery(
    schedule: Sequence[timedelta], attempts: int, asked: timedelta | None, *, jitter: float, chance: float
) -> timedelta | None:
    """Return the pause after failed try number `attempts`; None after the last.

    What the endpoint asked for (Retry-After, capped when it was read) is never shortened. Jitter only lengthens.
    """
    if attempts >= len(schedule):
        return None
    return max(spread(schedule[attempts], jitter, chance), asked or timedelta())


class Choice(StrEnum):
    """What is done about a failed target. `LIVE` is a person's word: it went out, whatever the partner says."""

    RETRY = "retry"
    WAIT = "wait"
    PARK = "park"
    LOOK_AGAIN = "look_again"
    GIVE_UP = "give_up"
    LIVE = "live"


@dataclass(frozen=True, slots=True)
class Decision:
    """What is done about a failed target, when, and the word for why. `attempt` of `most` counts our own retries."""

    choice: Choice
    reason: FailureReason
    at: datetime | None = None
    attempt: int = 0
    most: int = 0

    def wire(self) -> dict[str, object]:
        """Return the decision as `retry` stands in outbound events: will it, when, attempt n of m, why."""
        will = self.choice in (Choice.RETRY, Choice.WAIT)
        return {"will": will, "at": self.at, "attempt": self.attempt, "of": self.most, "why": self.reason}


def decide(
    rules: RetryRules,
    target: Target,
    wait: timedelta | None,
    *,
    now: datetime,
    chance: float,
    breaker: int | None = None,
) -> Decision:
    """Judge a failed target whose `reason`, `failure` and `failed_at` are set.

    Only `retryable` is retried, `wait_until` after its wait; `needs_human` waits for its cause; `ambiguous` is read
    again for `ambiguous_reread`, then parks, unless `rules.ambiguous` says retry. `wait` counts from the failure.
    `breaker` is the number of failures after which the partner refuses the content: a retry must stay below it, and
    the tries that the partner makes by itself after it.
    """
    reason = target.reason or FailureReason.PLATFORM_OTHER
    failed_at = target.failed_at or now
    most = len(rules.delays)
    match target.failure:
        case FailureClass.NEEDS_HUMAN:
            return Decision(Choice.PARK, reason, None, target.retries, most)
        case FailureClass.AMBIGUOUS if now < (look_until := failed_at + rules.ambiguous_reread):
            return Decision(Choice.LOOK_AGAIN, reason, look_until, target.retries, most)
        case FailureClass.AMBIGUOUS if rules.ambiguous == "park":
            return Decision(Choice.PARK, reason, None, target.retries, most)
        case FailureClass.TERMINAL | FailureClass.BENIGN:
            return Decision(Choice.GIVE_UP, reason, None, target.retries, most)
        case _ if target.retries >= most or (breaker is not None and _tries_after_retry(target) >= breaker):
            return Decision(Choice.GIVE_UP, FailureReason.EXHAUSTED, None, target.retries, most)
        case FailureClass.WAIT_UNTIL:
            at = max(failed_at + (wait or rules.delays[-1]), now)
            return Decision(Choice.WAIT, reason, at, target.retries + 1, most)
        case _:
            at = now + spread(rules.delays[target.retries], rules.jitter, chance)
            return Decision(Choice.RETRY, reason, at, target.retries + 1, most)


_HIDDEN_TRIES = 2
"""How many tries each of ours stands for, the publish included, where a partner does not show its own."""


def _tries_after_retry(target: Target) -> int:
    """Return the tries if one more retry fails: the partner then tries as often as it did since our last one.

    A partner that does not show its tries is taken to make one more, unseen, for each of ours.
    """
    if not target.attempts:
        return _HIDDEN_TRIES * (target.retries + 2)
    return target.attempts + max(target.attempts - target.attempts_before, 1)
