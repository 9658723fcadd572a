"""What a person may do to a post, and what is refused with a 409 that says why."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.actions import CHANGEABLE, cancel, drop, edit, is_live, is_unsent, retry, send, under_way
from bridge.core.errors import FailureReason, Problem
from bridge.core.model import CommandKind, PostState, TargetState, WorkState
from bridge.core.polling import MISSED
from bridge.core.retry import Choice
from bridge.core.transitions import observe
from tests.core.builders import (
    DAY,
    HOUR,
    NOW,
    WATCHING,
    a_command,
    a_failed,
    a_post,
    a_retry,
    a_row,
    a_snapshot,
    a_step,
    a_target,
    an_unsent,
    data,
    problem_of,
    told,
    types,
)

P, T, W, K = PostState, TargetState, WorkState, CommandKind
PARKED = {"state": W.PARKED, "parked_at": NOW, "cause": "account:gv:a"}
UNSURE = {"state": W.PARKED, "parked_at": NOW, "reason": FailureReason.UNKNOWN_OUTCOME}


def refused(act, post, *commands):
    with pytest.raises(Problem) as caught:
        act(a_step(), post, commands)
    assert caught.value.status == 409
    assert len(caught.value.detail) < 250
    return caught.value.slug


def change(step, post, commands):
    return edit(step, post, commands, {"caption": "new"}, None)


ACTS = {"edit": change, "cancel": cancel, "retry": retry, "send": send, "drop": drop, "live": is_live}


# Editing.


@pytest.mark.parametrize(
    ("changes", "content", "scheduled", "wanted"),
    [
        ({"caption": "new"}, {"caption": "new"}, NOW + DAY, NOW + DAY),
        ({"media": {"type": "video"}, "caption": None}, {"media": {"type": "video"}}, NOW + DAY, NOW + DAY),
        ({"scheduled_at": NOW + HOUR}, {"caption": "hello"}, NOW + HOUR, NOW + HOUR),
        ({"scheduled_at": None}, {"caption": "hello"}, None, NOW),
    ],
)
def test_a_post_that_was_not_sent_is_changed_here(changes, content, scheduled, wanted):
    step, post = a_step(), an_unsent(scheduled_at=NOW + DAY, wanted_at=NOW + DAY)

    assert edit(step, post, [a_command(due_at=NOW + DAY)], changes, None) is None

    after = step.see(post)
    assert (after.content, after.scheduled_at, after.wanted_at) == (content, scheduled, wanted)
    assert (step.write().commands[0].due_at, told(step, "post.updated")["changed"]) == (NOW, sorted(changes))


@pytest.mark.parametrize(
    ("changes", "targets", "reason", "state"),
    [
        ({"caption": "x"}, None, FailureReason.ACCOUNT_INACTIVE, W.PARKED),
        ({}, (a_target("b"),), FailureReason.ACCOUNT_INACTIVE, W.DUE),
        ({"caption": "x"}, None, FailureReason.TOO_LATE, W.PARKED),
        ({"scheduled_at": NOW + HOUR}, None, FailureReason.TOO_LATE, W.DUE),
        ({"scheduled_at": NOW + HOUR}, None, FailureReason.ACCOUNT_INACTIVE, W.PARKED),
    ],
)
def test_a_change_of_what_it_waits_for_lets_parked_work_go(changes, targets, reason, state):
    step, post = a_step(), an_unsent(state=P.PARKED)

    edit(step, post, [a_command(reason=reason, **PARKED)], changes, targets)

    assert step.write().commands[0].state is state
    assert (step.see(post).state is P.ACCEPTED) is (state is W.DUE)
    assert step.see(post).targets == (targets or post.targets)


def test_a_post_at_its_partner_gets_a_command():
    step, post = a_step(), a_post(state=P.SCHEDULED)

    command = edit(step, post, [], {"caption": None, "scheduled_at": NOW + HOUR}, (a_target("b"),))

    wire = {"caption": None, "scheduled_at": "2026-03-01T13:00:00+00:00", "accounts": [{"id": "b"}]}
    assert (command.kind, command.payload, types(step)) == (K.UPDATE, {"changes": wire}, [])
    assert step.see(post).content == post.content


def an_update(number, changes, **fields):
    return a_command(K.UPDATE, id=f"u{number}", number=number, payload={"changes": changes}, **fields)


def test_an_edit_takes_along_those_that_have_not_begun_to_go():
    older = [
        an_update(3, {"caption": "c", "settings": {"x": {"community": "1"}}}, **PARKED),
        an_update(2, {"caption": "b", "tiktok": None, "settings": {"x": {}, "facebook": {"url": "u"}}}),
    ]
    step, settings = a_step(), {"linkedin": {"carousel_name": "n"}}

    command = edit(step, a_post(state=P.SCHEDULED), older, {"settings": settings}, None)

    merged = {"x": {"community": "1"}, "facebook": {"url": "u"}} | settings
    assert command.payload["changes"] == {"caption": "c", "tiktok": None, "settings": merged}
    assert {(step.see(row).state, step.see(row).reason, step.see(row).detail) for row in older} == {
        (W.DONE, None, f"its changes went on in {command.id}")
    }


@pytest.mark.parametrize(
    "older", [an_update(1, {"caption": "b"}, lease_until=NOW), an_update(1, {"caption": "b"}, body=b"{}", **PARKED)]
)
def test_an_edit_leaves_those_alone_that_may_have_reached_the_partner(older):
    step = a_step()

    command = edit(step, a_post(state=P.SCHEDULED, commands=1), [older], {"media": None}, None)

    assert (command.number, command.payload) == (2, {"changes": {"media": None}})
    assert step.write().commands == (command,)
    assert under_way([older, a_retry("a"), an_update(0, {"media": 1}, state=W.DONE)]) == {"caption": "b"}


@pytest.mark.parametrize("act", [change, cancel])
@pytest.mark.parametrize("fields", [{"body": b"{}"}, {"lease_until": NOW}, {"state": W.DONE}, {"kind": K.RETRY}])
def test_a_post_that_is_being_sent_asks_to_come_back(act, fields):
    with pytest.raises(Problem) as caught:
        act(a_step(), an_unsent(), [a_command(**{"kind": K.PUBLISH} | fields)])

    assert (caught.value.slug, caught.value.retry_after) == ("being_sent", timedelta(seconds=2))


# Cancelling.


def test_a_post_that_was_not_sent_is_canceled_here():
    step, post = a_step(), an_unsent(state=P.PARKED)

    assert cancel(step, post, [a_command(**PARKED)]) is None

    assert (step.see(post).state, step.write().commands[0].state) == (P.CANCELED, W.DEAD)
    assert told(step, "post.canceled")["reason"] == "canceled"


def test_cancelling_at_the_partner_ends_the_retries_that_wait():
    step, post = a_step(), a_post(a_failed(), state=P.FAILED, commands=4)
    waiting = [
        a_retry("a", id="r1"),
        a_retry("a", id="r2", **UNSURE),
        a_retry("a", id="r3", lease_until=NOW),
        a_command(id="p"),
    ]

    command = cancel(step, post, waiting)

    assert (command.kind, command.number) == (K.CANCEL, 5)
    assert {row.id: row.reason for row in step.write().commands if row.state is W.DEAD} == dict.fromkeys(
        ["r1", "r2"], "canceled"
    )


# Retrying.


def test_a_manual_retry_takes_every_failed_target_and_restarts_the_budget():
    step = a_step()
    post = a_post(
        a_failed(retries=3, choice="give_up"),
        a_target("b", T.POSTED),
        a_failed("c", "token"),
        state=P.PARTIAL,
        gave_up=True,
    )

    command = retry(step, post, [a_retry("c", **PARKED)])

    assert command.payload == {"account_ids": ["a", "c"], "manual": True}
    assert [(row.retries, row.choice) for row in step.see(post).targets] == [(0, "retry"), (0, ""), (0, "retry")]
    assert (step.see(post).gave_up, step.see(a_retry("c")).state) == (False, W.DEAD)


def test_a_retry_of_parked_work_sends_it():
    step, command = a_step(), a_command(**PARKED)

    assert retry(step, an_unsent(state=P.PARKED), [command]).state is W.DUE


@pytest.mark.parametrize(
    ("state", "commands", "body"),
    [
        (P.REJECTED, [a_command(state=W.DEAD)], None),
        (
            P.UNKNOWN,
            [a_command(state=W.DEAD, body=b"1"), a_command(id="c2", number=2, state=W.DEAD, body=b"2", sent_at=NOW)],
            b"2",
        ),
        (P.REJECTED, [], None),
    ],
)
def test_a_post_that_no_partner_took_goes_again_with_its_frozen_bytes(state, commands, body):
    step, post = a_step(), an_unsent(state=state, reason=FailureReason.GAVE_UP, ended_at=NOW, commands=2)

    command = retry(step, post, commands)

    assert (command.kind, command.number, command.body) == (K.PUBLISH, 3, body)
    assert (step.see(post).state, step.see(post).reason, step.see(post).ended_at) == (P.ACCEPTED, None, None)


def test_there_must_be_something_to_retry():
    assert refused(retry, a_post(a_target("a", T.VANISHED), state=P.FAILED)) == "nothing_to_retry"


# Parked work.


def test_parked_work_is_sent_now_whatever_it_waits_for():
    step, post = a_step(), a_post(a_failed(choice="park"), a_failed("b", choice="park"), state=P.FAILED)

    sent = send(
        step, post, [a_retry("a", **PARKED), a_retry("b", id="c2", **UNSURE), a_retry("b", id="c3", state=W.DONE)]
    )

    assert [(row.id, row.state, row.cause) for row in sent] == [("cmd_1", W.DUE, ""), ("c2", W.DUE, "")]


def test_dropping_parked_work_ends_it_with_a_reason():
    step, post = a_step(), an_unsent(state=P.PARKED)

    drop(step, post, [a_command(**PARKED)])

    assert (step.see(post).state, step.see(post).reason, types(step)) == (
        P.REJECTED,
        FailureReason.DROPPED,
        ["post.rejected"],
    )


@pytest.mark.parametrize("act", [send, drop, is_live])
def test_without_parked_work_there_is_nothing_to_do(act):
    assert refused(act, a_post(state=P.POSTED), a_command(state=W.DONE)) == "not_parked"


# It is live.


def unsure(*others, **fields):
    return a_post(
        a_failed(error="timeout", choice="park", last_attempted_at=NOW), *others, **{"state": P.FAILED} | fields
    )


@pytest.mark.parametrize(
    ("others", "state", "told_types"),
    [
        ([], P.POSTED, ["target.posted", "post.posted"]),
        ([a_target("b", T.POSTED)], P.POSTED, ["target.posted", "post.posted"]),
        ([a_failed("b", "policy", choice="give_up")], P.PARTIAL, ["target.posted", "post.partial"]),
        ([a_failed("b", "policy"), a_target("c", T.POSTED)], None, ["target.posted"]),
    ],
)
def test_a_persons_word_makes_a_target_live_and_the_post_what_follows(others, state, told_types):
    step, post = a_step(), unsure(*others, state=P.FAILED if state else P.PARTIAL)

    is_live(step, post, [a_retry("a", **UNSURE)])

    after = step.see(post)
    assert (after.state, after.targets[0].state) == (state or P.PARTIAL, T.POSTED)
    assert after.targets[0].choice == Choice.LIVE
    assert (types(step), data(step.write().events[0])["by"]) == (told_types, "a person")
    assert step.write().commands[0].state is W.DONE


def test_it_survives_the_next_poll():
    step = a_step()
    is_live(step, unsure(), [a_retry("a", **UNSURE)])
    next_poll, post = a_step(NOW + HOUR), step.write().posts[0]
    row = a_row("a", T.FAILED, error="timeout", last_attempted_at=NOW)

    observe(next_poll, post, a_snapshot(P.FAILED, row, at=NOW + HOUR), WATCHING)

    assert (types(next_poll), next_poll.see(post).state) == ([], P.POSTED)


def test_it_is_about_unknown_outcomes_only():
    step, post = a_step(), unsure(a_failed("b", "token", choice="park"))
    is_live(step, post, [a_retry("a", **UNSURE), a_retry("b", id="c2", **PARKED)])

    assert [row.id for row in step.write().commands] == ["cmd_1"]
    assert step.see(post).targets[1].state is T.FAILED
    assert refused(is_live, a_post(a_failed("b", "token")), a_retry("b", **PARKED)) == "not_unclear"
    assert refused(is_live, an_unsent(state=P.PARKED), a_command(**PARKED)) == "not_sent"


# What is refused.


@given(st.sampled_from([*P]), st.sampled_from([None, "p1"]), st.sampled_from(sorted(ACTS)))
def test_every_act_on_every_state_does_something_or_says_what_is_allowed(state, partner_id, name):
    post = a_post(a_failed(error="timeout"), state=state, partner_id=partner_id)
    step, commands = a_step(), [a_command(state=W.DUE if state is P.ACCEPTED else W.DONE)]

    problem = problem_of(lambda: ACTS[name](step, post, commands))

    if problem is not None:
        assert (problem.status, bool(problem.detail), bool(step)) == (409, True, False)
    else:
        assert is_unsent(post) or partner_id or state in (P.REJECTED, P.UNKNOWN)
        assert step.write().commands


@pytest.mark.parametrize(("act", "states"), [(change, CHANGEABLE), (cancel, CHANGEABLE), (retry, MISSED)])
@pytest.mark.parametrize("state", [state for state in P if state is not P.PARKED])
def test_the_last_snapshot_says_what_the_partner_would_refuse(act, states, state):
    post = a_post(a_failed(), state=state)
    if state in states:
        assert act(a_step(), post, []) is not None
    else:
        assert refused(act, post) == "not_allowed_now"
