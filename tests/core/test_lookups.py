"""Lookups: what an answer means, when it is asked for again, and when it is given up."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.lookups import LAGS_FOR, LEASE, Failure, fail, finish, last_word, lease, read_answer, refusal
from bridge.core.model import Lookup, WorkState
from bridge.core.rules import PublishRules
from tests.core.builders import DAY, HOUR, MINUTE, NOW, a_step

RULES = PublishRules()
SECOND = timedelta(seconds=1)


def a_lookup(age: timedelta = timedelta(), attempts: int = 1) -> Lookup:
    made = NOW - age
    return Lookup(id="evt_1", source="cms", wanted={}, due_at=made, created_at=made, attempts=attempts, version=3)


def failed(reason: FailureReason, lookup: Lookup | None = None, wait: timedelta | None = None, **given) -> Lookup:
    step = a_step(**given)
    fail(step, lookup or a_lookup(), Failure(reason, "why", wait), RULES)
    [found] = step.write().lookups
    return found


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (301, "redirect"), (400, "client_error"), (401, "unauthorized"), (402, "payment_required"), (403, "forbidden"),
        (404, "not_found"), (408, "timeout"), (410, "gone"), (422, "client_error"), (429, "rate_limited"),
        (500, "server_error"), (599, "server_error"), (100, "redirect"),
    ],
)  # fmt: skip
def test_a_status_has_a_reason(status, reason):
    assert refusal(status, MINUTE) == Failure(FailureReason(reason), f"The sender's API answered {status}.", MINUTE)


def test_taking_a_lookup_uses_up_a_try():
    step = a_step()
    lease(step, a_lookup(attempts=1), NOW)

    [found] = step.write().lookups
    assert (found.attempts, found.lease_until, found.version) == (2, NOW + LEASE, 4)


def test_a_lookup_that_ended_well_shows_no_failure():
    step = a_step()
    finish(step, failed(FailureReason.SERVER_ERROR))

    [found] = step.write().lookups
    assert (found.state, found.settled_at, found.reason, found.detail) == (WorkState.DONE, NOW, None, None)


@pytest.mark.parametrize(("attempts", "pause"), [(1, 2 * SECOND), (2, 4 * SECOND), (30, 5 * MINUTE)])
def test_a_failure_is_tried_again_after_a_pause_that_doubles(attempts, pause):
    found = failed(FailureReason.SERVER_ERROR, a_lookup(attempts=attempts))

    assert (found.state, found.due_at, found.lease_until) == (WorkState.DUE, NOW + pause, None)
    assert failed(FailureReason.SERVER_ERROR, a_lookup(attempts=attempts), chance=1.0).due_at == NOW + pause * 1.2


@pytest.mark.parametrize("reason", ["unauthorized", "forbidden", "payment_required", "not_allowed_now", "insecure_url"])
def test_what_a_person_must_mend_is_asked_for_seldom(reason):
    assert failed(FailureReason(reason)).due_at == NOW + RULES.backoff_max


@pytest.mark.parametrize(("wait", "pause"), [(SECOND, 2 * SECOND), (HOUR, HOUR), (2 * DAY, None)])
def test_the_wait_that_was_asked_for_is_never_shortened(wait, pause):
    found = failed(FailureReason.RATE_LIMITED, wait=wait)

    assert (found.due_at - NOW if found.state is WorkState.DUE else None) == pause


@pytest.mark.parametrize(
    ("reason", "age", "state"),
    [
        ("not_found", LAGS_FOR - MINUTE, WorkState.DUE),
        ("not_found", LAGS_FOR, WorkState.DEAD),
        ("gone", LAGS_FOR, WorkState.DEAD),
        ("client_error", LAGS_FOR, WorkState.DEAD),
        ("redirect", LAGS_FOR, WorkState.DEAD),
        ("unauthorized", LAGS_FOR, WorkState.DUE),
        ("server_error", DAY - MINUTE, WorkState.DUE),
        ("server_error", DAY, WorkState.DEAD),
        ("unauthorized", DAY, WorkState.DEAD),
        ("unreadable", DAY, WorkState.DEAD),
    ],
)
def test_a_lookup_is_given_up_when_there_is_no_time_left(reason, age, state):
    found = failed(FailureReason(reason), a_lookup(age))

    assert (found.state, found.reason, found.detail) == (state, reason, "why")
    assert found.settled_at == (NOW if state is WorkState.DEAD else None)


def test_what_is_told_at_last_says_how_often_it_was_tried():
    failure = Failure(FailureReason.NOT_FOUND, "The sender's API answered 404.")

    assert last_word(a_lookup(attempts=1), failure).endswith("tried once. The sender's API answered 404.")
    assert "tried 7 times." in last_word(a_lookup(attempts=7), failure)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff", b"[" * 5000])
def test_only_a_json_object_is_an_answer(body):
    with pytest.raises(Problem):
        read_answer(body)
    assert read_answer(b'{"a": 1}') == {"a": 1}
