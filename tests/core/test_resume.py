"""Parked work: when it goes, when it waits for a person, when it ends."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import AccountState, CommandKind, PostState, TargetState, WorkState
from bridge.core.resume import end, park, release, resume, still_failed
from bridge.core.retry import Choice
from bridge.core.rules import PublishRules, WatchRules
from tests.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    a_cause,
    a_command,
    a_failed,
    a_post,
    a_retry,
    a_step,
    a_target,
    an_account,
    an_unsent,
    made,
    told,
    types,
)

A, P, W, RULES, WATCH = AccountState, PostState, WorkState, PublishRules(), WatchRules()
CLOSED = a_cause(closed_at=NOW)


def parked(kind=CommandKind.PUBLISH, **fields):
    return a_command(kind, **{"state": W.PARKED, "cause": "account:gv:a", "parked_at": NOW} | fields)


def parked_retry(*accounts, **fields):
    return a_retry(*accounts, **{"state": W.PARKED, "cause": "account:gv:a", "parked_at": NOW} | fields)


def waiting(*targets, **fields):
    return an_unsent(*targets, **{"state": P.PARKED} | fields)


def resumed(pairs, *world, after=timedelta()):
    step = a_step(NOW + after, *world)
    resume(step, pairs, RULES, WATCH)
    return step


def test_work_goes_out_when_its_cause_is_gone():
    command, post = parked(attempts=3, reason=FailureReason.ACCOUNT_INACTIVE), waiting()

    step = resumed([(command, post)], CLOSED, an_account(), after=HOUR)

    row = step.see(command)
    assert (row.state, row.cause, row.due_at, row.attempts, row.parked_at) == (W.DUE, "", NOW + HOUR, 0, None)
    assert (step.see(post).state, types(step), step.write().accounts[0].resumed_at) == (P.ACCEPTED, [], NOW + HOUR)


@pytest.mark.parametrize("world", [[a_cause(), an_account()], [a_cause("plan:gv")]])
def test_it_waits_while_its_cause_is_open(world):
    assert not resumed([(parked(cause=world[0].id), waiting())], *world)


def test_it_goes_one_for_each_account_and_gap_oldest_first():
    pairs = [(parked(id=f"cmd_{n}"), waiting(id=f"post_{n}")) for n in range(3)]
    other = (parked(id="cmd_b"), waiting(a_target("b"), id="post_b"))

    first = resumed([*pairs, other], CLOSED, an_account(), an_account("b"))
    account = next(row for row in first.write().accounts if row.id == "a")
    early = resumed(pairs[1:], CLOSED, account, after=9 * MINUTE)
    second = resumed(pairs[1:], CLOSED, account, after=10 * MINUTE)

    assert [row.id for row in first.write().commands] == ["cmd_0", "cmd_b"]
    assert (bool(early), [row.id for row in second.write().commands]) == (False, ["cmd_1"])


@pytest.mark.parametrize("cause", [CLOSED, a_cause("key:gv", closed_at=NOW)])
def test_a_closed_cause_does_not_help_while_an_account_cannot_be_used_and_that_is_told_once(cause):
    account, pairs = (
        an_account(state=A.DISCONNECTED),
        [(parked(cause=cause.id), waiting()), (parked(id="c2"), waiting(id="p2"))],
    )

    step = resumed(pairs, cause, account)

    assert (types(step), step.write().commands) == (["attention.opened"], ())
    assert told(step, "attention.opened")["subject"]["id"] == "account:gv:a"


def test_a_plan_is_probed_now_and_then_without_being_told_again():
    command, post = parked(cause="plan:gv"), waiting()
    early = resumed([(command, post)], a_cause("plan:gv"), after=4 * MINUTE)
    probe = resumed([(command, post)], a_cause("plan:gv"), after=5 * MINUTE)
    released = probe.write().commands[0]
    again = a_step()
    park(again, released, post, cause="plan:gv", reason=FailureReason.FORBIDDEN, detail="no", do="Pay.")

    assert (bool(early), released.state, types(again)) == (False, W.DUE, [])
    assert again.see(released).state is W.PARKED


@pytest.mark.parametrize(("late", "goes"), [(6 * HOUR, True), (6 * HOUR + MINUTE, False)])
def test_what_is_too_late_waits_for_a_person_and_is_told_once(late, goes):
    pair = (parked(), waiting())
    step = resumed([pair], CLOSED, an_account(), after=late)
    again = resumed([(step.see(pair[0]), step.see(pair[1]))], CLOSED, an_account(), after=late + HOUR)

    assert (step.see(pair[0]).state is W.DUE) is goes
    if not goes:
        assert (step.see(pair[0]).cause, step.see(pair[1]).reason) == ("", FailureReason.TOO_LATE)
        assert (types(step), bool(again)) == (["post.parked"], False)


def test_it_ends_as_expired_a_week_after_it_could_have_gone():
    early, late = waiting(), waiting(wanted_at=NOW + 10 * DAY, id="p2")
    pairs = [(parked(), early), (parked(id="c2"), late)]

    step = resumed(pairs, a_cause(), after=7 * DAY + MINUTE)
    last = resumed(pairs[1:], a_cause(), after=17 * DAY + MINUTE)

    assert (step.see(early).state, step.see(early).reason) == (P.REJECTED, FailureReason.EXPIRED)
    assert (step.see(pairs[0][0]).state, types(step), step.see(late).state) == (W.DEAD, ["post.rejected"], P.PARKED)
    assert types(last) == ["post.rejected"]


@pytest.mark.parametrize("kind", [CommandKind.CANCEL, CommandKind.UPDATE])
def test_what_changes_a_post_goes_at_once_and_a_cancel_before_all_else(kind):
    command, post = parked(kind, cause="key:gv"), a_post(state=P.SCHEDULED)
    world = a_cause("key:gv", closed_at=NOW), an_account(state=A.DISCONNECTED, resumed_at=NOW + 7 * HOUR)

    step = resumed([(command, post)], *world, after=7 * HOUR)

    due_at = NOW if kind is CommandKind.CANCEL else NOW + 7 * HOUR
    assert (step.see(command).state, step.see(command).due_at, types(step)) == (W.DUE, due_at, [])


def test_without_a_known_account_it_goes_at_once():
    assert resumed([(parked(cause="key:gv", parked_at=None), waiting())]).write().commands[0].state is W.DUE


# Retries that wait.


def failed_post(*targets, **fields):
    return a_post(*targets or (a_failed(error="token", choice="park"),), **{"state": P.FAILED} | fields)


def test_a_retry_goes_out_when_its_account_is_well_again():
    command, post = parked_retry("a"), failed_post()

    step = resumed([(command, post)], CLOSED, an_account())

    assert (step.see(command).state, step.see(post).state) == (W.DUE, P.FAILED)


@pytest.mark.parametrize(("late", "state"), [(6 * HOUR, W.DUE), (6 * HOUR + MINUTE, W.PARKED)])
@pytest.mark.parametrize("planned", [{"created_at": NOW + DAY}, {}])
def test_a_retry_is_late_from_the_time_that_it_was_planned_for(planned, late, state):
    retry_at = None if planned else NOW + DAY
    command, post = parked_retry("a", **planned), failed_post(a_failed(choice="wait", retry_at=retry_at))

    step = resumed([(command, post)], CLOSED, an_account(), after=DAY + late)

    assert step.see(command).state is state


@pytest.mark.parametrize("target", [a_target(), a_target("a", TargetState.POSTED), a_failed("b")])
def test_a_retry_whose_target_has_not_failed_any_more_is_done(target):
    command = parked_retry("a")

    step = resumed([(command, failed_post(target))], CLOSED, an_account())

    assert (step.see(command).state, types(step)) == (W.DONE, [])
    assert still_failed(command, failed_post(target)) == []


def test_a_token_that_stays_dead_while_its_account_stays_listed_is_given_up_once():
    pair, heard = (parked_retry("a"), failed_post()), []
    for seen in (1, 2, 2):
        account = an_account(state=A.DEGRADED, seen_active=seen)
        step = resumed([pair], a_cause(), account)
        pair = (step.see(pair[0]), step.see(pair[1]))
        heard.append(types(step))

    assert (heard, pair[0].state) == ([[], ["post.gave_up"], []], W.PARKED)
    assert (
        told(resumed([(parked_retry("a"), failed_post())], a_cause(), account), "post.gave_up")["reason"]
        == "needs_human"
    )


@pytest.mark.parametrize(
    ("other", "state", "heard"),
    [
        (a_failed("b", "timeout"), P.FAILED, []),
        (a_failed("b", choice="retry"), P.FAILED, []),
        (a_failed("b", "spam", choice="wait"), P.FAILED, []),
        (a_target("b"), P.PENDING, []),
        (a_failed("b", "timeout", choice="park"), P.FAILED, ["post.gave_up"]),
        (a_target("b", TargetState.POSTED), P.PARTIAL, ["post.gave_up"]),
    ],
)
def test_a_dead_token_gives_the_post_up_only_when_nothing_else_of_it_goes_on(other, state, heard):
    post = failed_post(a_failed(error="token", choice="park"), other, state=state)

    step = resumed([(parked_retry("a"), post)], a_cause(), an_account(state=A.DEGRADED, seen_active=2))

    assert types(step) == heard


def moved():
    return an_account("a", replaced_by="z", state=A.REMOVED), an_account("z")


def test_a_publish_follows_its_account_to_a_new_id_and_to_each_account_once():
    command, post = parked(), waiting(a_target("a"), a_target("z"))

    step = resumed([(command, post)], CLOSED, *moved())

    assert [target.account for target in step.see(post).targets] == ["z"]
    assert {row.id: row.resumed_at for row in step.write().accounts} == {"z": NOW}


def test_frozen_bytes_keep_their_accounts():
    post = waiting(a_target("a"))

    step = resumed([(parked(body=b"{}"), post)], CLOSED, *moved())

    assert [target.account for target in step.see(post).targets] == ["a"]


def test_a_retry_under_a_new_id_becomes_a_post_of_its_own():
    command, post = (
        parked_retry("a"),
        failed_post(a_failed(choice="park"), a_target("b", TargetState.POSTED), state=P.PARTIAL),
    )

    step = resumed([(command, post)], CLOSED, *moved())

    new = next(row for row in step.write().posts if row.id != post.id)
    [publish] = made(step, CommandKind.PUBLISH)
    assert ([target.account for target in new.targets], new.external_id) == (["z"], f"evt_1-{command.id[-16:]}")
    assert (publish.post_id, step.see(command).state) == (new.id, W.DONE)
    assert (step.see(post).gave_up, step.see(post).ended_at, types(step)) == (True, NOW, [])


def test_two_retries_of_one_post_are_released_in_one_step():
    post = failed_post(a_failed(choice="park"), a_failed("b", choice="park"), a_failed("c", choice="wait"))
    both = [parked_retry("a"), parked_retry("b", id="cmd_2")]
    step = a_step(NOW, *moved(), an_account("b", replaced_by="y"), an_account("y"))

    for command in both:
        release(step, command, post, NOW)

    assert [target.choice for target in step.see(post).targets] == [Choice.GIVE_UP, Choice.GIVE_UP, "wait"]
    assert (step.see(post).gave_up, step.see(post).ended_at) == (False, None)


# The end.


def test_ending_the_last_retry_gives_the_post_up():
    post = failed_post(a_failed(choice="park"), a_failed("b", choice="give_up"), a_target("c", TargetState.POSTED))
    step = a_step()

    end(step, parked_retry("a"), post, FailureReason.DROPPED)

    assert (types(step), told(step, "post.gave_up")["reason"]) == (["post.gave_up"], "dropped")
    assert (step.see(post).ended_at, step.see(post).targets[0].choice) == (NOW, Choice.GIVE_UP)


@pytest.mark.parametrize(
    ("command", "post"),
    [
        (parked_retry("a"), failed_post(a_failed(), a_failed("b", choice="wait"))),
        (parked_retry("a"), failed_post(gave_up=True)),
        (parked_retry("a"), a_post(a_target("a", TargetState.POSTED), state=P.POSTED)),
        (parked(kind=CommandKind.CANCEL), a_post(state=P.SCHEDULED)),
        (parked(kind=CommandKind.UPDATE), failed_post(a_failed(choice="give_up"))),
    ],
)
def test_ending_work_of_a_post_that_goes_on_tells_nothing(command, post):
    step = a_step()

    end(step, command, post, FailureReason.DROPPED)

    assert (types(step), step.see(command).state, step.see(post).ended_at) == ([], W.DEAD, post.ended_at)
