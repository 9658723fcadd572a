"""When a create whose answer was lost is looked for, how often, and what follows when it is not there."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core import looking
from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.core.publishing import fail, refuse, start
from bridge.core.rules import PublishRules, WatchRules
from tests.core.builders import (
    HOUR,
    MINUTE,
    NOW,
    a_command,
    a_key,
    a_post,
    a_step,
    a_target,
    an_error,
    an_unsent,
    post_of,
    told,
    types,
)

F, C = FailureReason, FailureClass
RULES, WATCH = PublishRules(), WatchRules()
LOOKS = (timedelta(seconds=10), timedelta(seconds=120))
GONE = an_error(F.TIMEOUT, maybe_stored=True)
NEVER = an_error(F.SERVER_ERROR, C.TERMINAL, maybe_stored=True, status=500, detail="no", code="c", issues=["x"])


def sent(**fields):
    """A publish whose bytes are on their way."""
    return a_command(**({"body": b"{}", "sent_at": NOW, "lease_until": NOW + HOUR, "attempts": 1, "calls": 1} | fields))


def lost(error=GONE, at=NOW, **fields):
    """A publish whose answer was lost."""
    step, command = a_step(at), sent(**fields)
    fail(step, command, an_unsent(), error, RULES, watch=WATCH)
    return step.see(command)


def looked(command, at):
    step = a_step(at)
    looking.look_again(step, command, LOOKS)
    return step.see(command)


def test_two_looks_are_needed_and_the_second_is_late_enough_for_a_slow_create():
    command = lost()
    first, was_enough = looking.next_look(command, LOOKS), looking.is_absent(command, LOOKS)
    again = looked(command, NOW + LOOKS[0])

    assert (first, was_enough) == (NOW + LOOKS[0], False)
    assert (again.due_at, again.lease_until, again.attempts) == (NOW + LOOKS[1], None, 1)
    assert (looking.next_look(again, LOOKS), looking.is_absent(again, LOOKS)) == (NOW + LOOKS[1], True)


def test_a_second_look_that_is_late_already_keeps_its_distance():
    assert looked(lost(), NOW + HOUR).due_at == NOW + HOUR + LOOKS[0]


@pytest.mark.parametrize(("status", "needed"), [(400, 1), (408, 2), (500, 2), (200, 2), (None, 2)])
def test_a_partner_that_was_done_with_it_is_looked_at_once(status, needed):
    reason = F.TIMEOUT if status == 408 else F.SERVER_ERROR
    command = lost(an_error(reason, maybe_stored=True, status=status))

    assert looking.is_absent(command, LOOKS) is (needed == 1)


def test_of_a_call_that_nobody_settled_only_its_beginning_is_known():
    command, step = sent(sent_at=NOW - MINUTE), a_step()
    looking.wait(step, command, NOW + MINUTE)
    waiting = step.see(command)

    assert looking.next_look(command, LOOKS) == looking.next_look(waiting, LOOKS) == NOW - MINUTE + LOOKS[0]
    assert (waiting.due_at, waiting.attempts, waiting.lease_until) == (NOW + MINUTE, 1, None)


def test_what_was_lost_survives_other_refusals_and_ends_with_a_new_beginning():
    limited = an_error(F.RATE_LIMITED, status=429)
    step, command = a_step(NOW + MINUTE), replace(lost(), lease_until=NOW + HOUR)
    fail(step, command, an_unsent(), limited, RULES, watch=WATCH, lost=True)
    kept = step.see(command)
    again = start(a_step(), kept, b"{}")
    anew = start(a_step(), kept, b"{}", absent=True)

    assert [looking.may_be_stored(one) for one in (kept, again, anew)] == [True, True, False]
    assert looking.next_look(kept, LOOKS) == NOW + LOOKS[0]


def test_progress_of_other_commands_is_their_own():
    fetch, step = a_command(CommandKind.FETCH, progress={"done": {"u": "h"}}), a_step()
    for note in (looking.keep, looking.forget):
        note(step, fetch)
    looking.lose(step, fetch, GONE)

    assert step.see(fetch).progress == fetch.progress == looking.begin(fetch, absent=False)
    assert not looking.may_be_stored(fetch)


@pytest.mark.parametrize(
    ("command", "open_"),
    [
        (sent(), True),
        (a_command(lease_until=NOW), False),
        (lost(), False),
        (sent(lease_until=None), False),
        (sent(state=WorkState.PARKED), False),
    ],
)
def test_a_call_may_be_open_until_it_is_noted_how_it_went(command, open_):
    assert looking.is_on_its_way(command) is open_


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        (a_post(content={"caption": "Caf\u00e9  time"}), True),
        (a_post(content={"caption": "Cafe\u0301 time"}), True),
        (a_post(content={"caption": "Tea time"}), False),
        (a_post(a_target("b"), content={"caption": "Caf\u00e9 time"}), False),
    ],
)
def test_posts_are_alike_by_caption_and_account(other, alike):
    assert looking.is_alike(a_post(a_target("a"), content={"caption": "Caf\u00e9 time"}), other) is alike


def test_what_may_not_be_sent_again_ends_with_the_partners_words_once_it_is_known_to_be_absent():
    command, step = lost(NEVER), a_step()
    error = looking.refusal(command)
    refuse(step, command, an_unsent(), error)
    ended, post = step.see(command), post_of(step.write(), an_unsent())

    assert (command.state, looking.is_absent(command, LOOKS), looking.refusal(lost())) == (WorkState.DUE, False, None)
    assert (ended.state, ended.body, ended.progress) == (WorkState.DEAD, None, None)
    assert (post.state, post.reason, types(step)) == (PostState.REJECTED, F.SERVER_ERROR, ["post.rejected"])
    assert (told(step, "post.rejected")["code"], told(step, "post.rejected")["error"]) == ("c", "no")


@pytest.mark.parametrize(
    ("error", "attempts", "later"),
    [
        (an_error(), 3, timedelta(seconds=8)),
        (an_error(F.RATE_LIMITED, status=429, retry_after=HOUR), 2, HOUR),
        (an_error(F.PAYMENT_REQUIRED, C.NEEDS_HUMAN, key_wide=True), 2, timedelta(seconds=4)),
        (an_error(F.UNKNOWN_OUTCOME, C.AMBIGUOUS), 3, timedelta(seconds=8)),
    ],
)
def test_a_look_that_fails_is_a_try_too(error, attempts, later):
    step, command = a_step(NOW, a_key()), sent(attempts=2)

    looking.put_off(step, command, error, RULES, WATCH)
    looking.put_off(a_step(), command, error, RULES, WATCH)

    row = step.see(command)
    assert (row.attempts, row.due_at, row.body, row.lease_until) == (attempts, NOW + later, b"{}", None)
    assert looking.may_be_stored(row)
