"""What a database that was put back believes unfinished is in doubt, and stands again once that is cleared."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.core.publishing import prepare
from bridge.core.restoring import (
    JUMP,
    UNKNOWN,
    Restore,
    came_later,
    doubt,
    floor_of,
    is_in_doubt,
    is_suspect,
    judge_fetch,
    lacks_bytes,
    stand_again,
    suspect,
)
from bridge.core.rules import PublishRules
from tests.core.builders import DAY, HOUR, MINUTE, NOW, a_command, a_failed, a_post, a_step, an_unsent

F, K = FailureReason, CommandKind
TAKEN = NOW - 3 * HOUR
RESTORE = Restore(TAKEN, NOW)
RULES = PublishRules()
HELD = {"state": WorkState.PARKED, "reason": F.NEEDS_APPROVAL, "detail": "waits", "parked_at": TAKEN}


def doubted(kind=K.PUBLISH, **fields):
    return doubt(a_command(kind, **fields), RESTORE, NOW)


def stood_again(command, post=None, at=NOW + MINUTE):
    step, post = a_step(at), post or an_unsent()
    stand_again(step, command, post)
    return step.see(command), step.see(post)


@pytest.mark.parametrize("stood", [{}, HELD, {"due_at": NOW + HOUR}, {"lease_until": TAKEN + HOUR}])
def test_a_publish_of_which_nothing_was_sent_is_looked_for_at_once(stood):
    command = doubted(**stood)

    assert (command.state, command.due_at, command.lease_until) == (WorkState.DUE, NOW, None)
    assert (command.body, command.sent_at, command.version) == (UNKNOWN, TAKEN, 2)
    assert is_in_doubt(command)
    assert lacks_bytes(command)
    assert not came_later(command)


@pytest.mark.parametrize("stood", [{"due_at": NOW + HOUR, "attempts": 2, "reason": F.TIMEOUT, "detail": "slow"}, HELD])
def test_what_is_not_there_stands_as_it_did_in_the_copy(stood):
    before = a_command(**stood)
    after, _ = stood_again(doubt(before, RESTORE, NOW))

    for name in ("state", "due_at", "cause", "parked_at", "body", "sent_at"):
        assert getattr(after, name) == getattr(before, name), name
    assert not is_in_doubt(after)
    assert not is_suspect(after, RESTORE, NOW, DAY)


def test_what_has_waited_long_enough_goes_at_once():
    assert stood_again(doubted(due_at=TAKEN))[0].due_at == NOW + MINUTE


def test_a_post_that_was_let_go_for_a_look_is_parked_again_with_its_command():
    waiting = an_unsent(state=PostState.PARKED, reason=F.NEEDS_APPROVAL)

    assert stood_again(doubted(**HELD))[1].state is PostState.PARKED
    assert stood_again(doubted(**HELD))[1].reason is F.NEEDS_APPROVAL
    assert stood_again(doubted(**HELD), waiting)[1] == waiting


@pytest.mark.parametrize("said", ["let go", "absent"])
def test_what_a_person_let_go_meanwhile_goes(said):
    command = doubted(**HELD)
    step = a_step()
    if said == "let go":
        command = step.edit(command, payload={"let_go": NOW.isoformat()})
    else:
        command = step.edit(command, progress={**command.progress, "absent": True})

    assert stood_again(command)[0].state is WorkState.DUE


def test_bytes_whose_answer_was_lost_stay_and_are_looked_for_anew():
    refused = {"reason": "invalid", "status": 500, "code": None, "detail": "", "issues": []}
    before = {"lost_at": TAKEN.isoformat(), "looks": 1, "answered": True, "absent": True, "refused": refused}
    command = doubted(body=b"{}", sent_at=TAKEN - HOUR, progress=before)

    assert (command.body, command.sent_at) == (b"{}", TAKEN - HOUR)
    assert command.progress == {"lost_at": NOW.isoformat(), "refused": refused, "restored": {}}
    assert is_in_doubt(command)
    assert not lacks_bytes(command)
    assert not came_later(command)


def test_a_copy_of_a_copy_knows_how_it_stood_in_the_first():
    first = doubted(**HELD)
    again = doubt(first, Restore(NOW + HOUR, NOW + DAY), NOW + DAY)

    assert again.sent_at == TAKEN
    assert stood_again(again)[0].reason is F.NEEDS_APPROVAL


@pytest.mark.parametrize(
    ("restore", "at", "fields", "expected"),
    [
        (RESTORE, NOW + HOUR, {}, True),
        (None, NOW, {}, False),
        (Restore(TAKEN), NOW, {}, False),
        (RESTORE, NOW + DAY, {}, False),
        (RESTORE, NOW, {"calls": 1}, False),
        (RESTORE, NOW, {"body": b"{}"}, False),
        (RESTORE, NOW, {"kind": K.RETRY}, False),
    ],
)
def test_what_comes_new_for_a_while_is_looked_for_before_it_goes(restore, at, fields, expected):
    assert is_suspect(a_command(**fields), restore, at, DAY) is expected


@pytest.mark.parametrize(("after", "answered"), [(MINUTE, None), (HOUR, True)])
def test_one_look_is_enough_for_it_once_nothing_can_be_on_its_way(after, answered):
    command = suspect(a_command(), RESTORE, NOW + after, timedelta(minutes=2), DAY)

    assert (command.body, command.sent_at, command.progress.get("answered")) == (UNKNOWN, TAKEN, answered)
    assert came_later(command)
    assert stood_again(command)[0].due_at == NOW + MINUTE


@pytest.mark.parametrize(("window", "since"), [(DAY, TAKEN - DAY), (3 * HOUR, TAKEN)])
def test_what_comes_new_is_looked_for_since_the_first_copy_of_the_window(window, since):
    earlier = Restore(TAKEN - DAY, NOW - 2 * HOUR), Restore(TAKEN - 9 * DAY, NOW - 8 * DAY)
    restore = replace(RESTORE, earlier=earlier)

    assert suspect(a_command(), restore, NOW + HOUR, MINUTE, window).sent_at == since


@pytest.mark.parametrize(("born", "again"), [(NOW - HOUR, True), (TAKEN - 9 * HOUR, False)])
def test_what_came_between_two_restores_is_looked_for_once_more_when_it_stands_again(born, again):
    restore = replace(RESTORE, earlier=(Restore(TAKEN - DAY, TAKEN - HOUR),))
    after, _ = stood_again(doubt(a_command(created_at=born), restore, NOW))

    assert is_suspect(after, restore, NOW, DAY) is again
    cleared = a_command(created_at=born, progress={"cleared": True})
    assert not is_suspect(stood_again(doubt(cleared, restore, NOW))[0], restore, NOW, DAY)


def test_sequences_go_on_after_a_number_that_grows_with_the_clock():
    first, second = floor_of(NOW, 3), floor_of(NOW + MINUTE, 3)

    assert second - first == 60
    assert 3 < first < second < 2**31
    assert floor_of(NOW, second) == second + JUMP
    assert floor_of(datetime(2090, 1, 1, tzinfo=UTC), 3) < 2**31


@pytest.mark.parametrize("kind", [K.UPDATE, K.RETRY, K.CANCEL])
@pytest.mark.parametrize("read_at", [None, TAKEN, NOW])
def test_changes_wait_for_a_fresh_read(kind, read_at):
    step, command = a_step(NOW + MINUTE), doubted(kind, payload={"account_ids": ["a"], "manual": True})
    post = a_post(a_failed("a"), read_at=read_at, state=PostState.FAILED)

    assert not prepare(step, command, post, RULES)
    assert step.see(command).due_at > NOW + MINUTE
    assert step.see(command).state is WorkState.DUE


@pytest.mark.parametrize(
    ("kind", "state", "expected"),
    [
        (K.UPDATE, PostState.SCHEDULED, (WorkState.DUE, None)),
        (K.UPDATE, PostState.POSTED, (WorkState.DEAD, F.NOT_ALLOWED_NOW)),
        (K.CANCEL, PostState.POSTED, (WorkState.DEAD, F.NOT_ALLOWED_NOW)),
        (K.CANCEL, PostState.CANCELED, (WorkState.DONE, None)),
        (K.CANCEL, PostState.VANISHED, (WorkState.DONE, None)),
        (K.UPDATE, PostState.VANISHED, (WorkState.DEAD, F.NOT_ALLOWED_NOW)),
    ],
)
def test_a_change_is_judged_by_the_read(kind, state, expected):
    step, command = a_step(NOW + MINUTE), doubted(kind)
    goes = prepare(step, command, a_post(read_at=NOW + timedelta(seconds=1), state=state), RULES)

    assert (step.see(command).state, step.see(command).reason) == expected
    assert goes is (expected[0] is WorkState.DUE)


def test_a_fetch_waits_until_it_is_known_whether_its_post_is_there():
    step, fetch = a_step(NOW + MINUTE), doubted(K.FETCH)

    assert judge_fetch(step, fetch, an_unsent(), [fetch, doubted(id="cmd_2")])
    assert step.see(fetch).due_at > NOW + MINUTE
    assert not judge_fetch(a_step(), fetch, an_unsent(), [fetch, a_command(id="cmd_2")])
    assert not judge_fetch(a_step(), doubted(K.FETCH, payload={"media": {}}), a_post(), [])


def test_a_fetch_ends_with_its_post():
    step, fetch = a_step(), doubted(K.FETCH)

    assert judge_fetch(step, fetch, a_post(), [])
    assert step.see(fetch).state is WorkState.DONE
