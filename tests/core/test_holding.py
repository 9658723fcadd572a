"""Held posts: nothing of them goes before their time or a person's word, whatever else happens."""

import orjson
import pytest

from bridge.core import actions
from bridge.core.errors import FailureReason as R
from bridge.core.errors import Problem
from bridge.core.holding import HOLD, hold, holds, is_held, look_through, unbrake, waits_for
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.core.resume import idle_causes
from bridge.core.rules import PublishRules, SourceRules
from tests.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    a_cause,
    a_command,
    a_step,
    a_target,
    an_unsent,
    types,
)

A_WHILE = SourceRules(hold=10 * MINUTE)
ASKED = SourceRules(approve="team:#social")
RULES = PublishRules()
BRAKE = "source:blog"


def held(rules=A_WHILE, *, braked="", **fields):
    """A post that is held, with its command, as they are stored."""
    step = a_step()
    hold(step, an_unsent(commands=0, **fields), rules, braked=braked)
    write = step.write()
    return write.posts[0], write.commands[0]


def told(step):
    return [orjson.loads(event.body)["data"] for event in step.write().events]


def look(post, command, now, *rows):
    step = a_step(now, *rows)
    rest = look_through(step, [(command, post)], RULES)
    assert rest == []
    return step


@pytest.mark.parametrize(
    ("rules", "expected"), [(SourceRules(), False), (A_WHILE, True), (ASKED, True), (PublishRules(hold=HOUR), True)]
)
def test_a_source_holds_its_posts_when_it_says_so(rules, expected):
    assert holds(rules) is expected


def test_a_hold_is_told_with_the_time_at_which_it_ends():
    step = a_step()
    hold(step, an_unsent(commands=0), A_WHILE)

    [command], [post], [data] = step.write().commands, step.write().posts, told(step)
    assert (command.kind, command.state, command.cause) == (CommandKind.PUBLISH, WorkState.PARKED, HOLD)
    assert (command.due_at, post.wanted_at, post.commands) == (NOW + 10 * MINUTE, NOW + 10 * MINUTE, 1)
    assert (post.state, post.reason, post.error) == (PostState.PARKED, R.HELD, None)
    assert (data["previous"], data["current"], data["reason"]) == ("accepted", "parked", "held")
    assert data["goes_at"] == "2026-03-01T12:10:00Z"
    assert data["what_to_do"].endswith(".")


def test_what_needs_approval_says_where_and_no_time():
    step = a_step()
    hold(step, an_unsent(commands=0), ASKED)

    [command], [data] = step.write().commands, told(step)
    assert (command.cause, command.reason, command.detail) == ("", R.NEEDS_APPROVAL, "waits for approval in #social")
    assert (data["reason"], "goes_at" in data) == ("needs_approval", False)
    assert "#social" in data["what_to_do"]


def test_what_must_be_stored_first_is_not_fetched_before_it_goes():
    post, command = held(hosted={})
    step = look(post, command, NOW + 10 * MINUTE)

    kinds = {one.kind: one.state for one in step.write().commands}
    assert kinds == {CommandKind.PUBLISH: WorkState.DUE, CommandKind.FETCH: WorkState.DUE}
    assert (step.see(post).state, step.see(post).reason, types(step)) == (PostState.ACCEPTED, None, [])


@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
def test_before_its_time_nothing_moves(rules):
    assert not look(*held(rules), NOW + 9 * MINUTE)


def test_what_needs_approval_never_goes_by_itself():
    assert not look(*held(ASKED), NOW + 6 * DAY)


@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
def test_what_nobody_came_for_ends_as_expired(rules):
    post, command = held(rules)
    step = look(post, command, NOW + 8 * DAY)
    assert (step.see(post).state, step.see(post).reason) == (PostState.REJECTED, R.EXPIRED)
    assert step.see(command).state is WorkState.DEAD


def test_a_hold_may_be_longer_than_parked_work_waits_for_a_person():
    post, command = held(SourceRules(hold=9 * DAY))
    assert not look(post, command, NOW + 8 * DAY)
    assert look(post, command, NOW + 9 * DAY).see(command).state is WorkState.DUE


def test_a_schedule_still_to_come_keeps_what_needs_approval_from_expiring():
    post, command = held(ASKED, scheduled_at=NOW + 20 * DAY, wanted_at=NOW + 20 * DAY)
    assert not look(post, command, NOW + 19 * DAY)


def test_a_schedule_that_passed_while_it_was_held_does_not_make_it_late():
    post, command = held(SourceRules(hold=DAY), scheduled_at=NOW + HOUR, wanted_at=NOW + HOUR)
    assert look(post, command, NOW + DAY).see(command).state is WorkState.DUE


def test_a_hold_that_ended_while_nothing_ran_for_too_long_waits_for_a_person():
    post, command = held(hosted={})
    step = look(post, command, NOW + 7 * HOUR)
    assert (step.see(command).state, step.see(command).cause) == (WorkState.PARKED, "")
    assert (step.see(post).reason, types(step)) == (R.TOO_LATE, ["post.parked"])

    actions.send(late := a_step(NOW + 8 * HOUR), step.see(post), step.write().commands)
    assert {one.kind for one in late.write().commands} == {CommandKind.PUBLISH, CommandKind.FETCH}
    assert told(late)[0]["changed"] == ["sent"]


def test_what_was_held_and_is_too_late_goes_with_its_media_when_it_gets_a_new_time():
    post, command = held(hosted={})
    step = look(post, command, NOW + 7 * HOUR)

    anew = a_step(NOW + 8 * HOUR)
    actions.edit(anew, step.see(post), step.write().commands, {"scheduled_at": NOW + 9 * HOUR}, None)
    assert {one.kind for one in anew.write().commands} == {CommandKind.PUBLISH, CommandKind.FETCH}


def test_a_brake_is_kept_in_mind_until_the_hold_is_over():
    post, command = held(braked=BRAKE, hosted={})
    assert waits_for(command) == (HOLD, BRAKE)
    assert idle_causes(a_step(NOW, a_cause(BRAKE)), waits_for(command)) == []

    step = look(post, command, NOW + 10 * MINUTE, a_cause(BRAKE))
    assert (step.see(command).cause, step.see(post).reason) == (BRAKE, R.BRAKE)
    assert types(step) == ["post.parked"]


@pytest.mark.parametrize("rows", [(), (a_cause(BRAKE, closed_at=NOW),)])
def test_a_brake_that_was_lifted_holds_nothing(rows):
    post, command = held(braked=BRAKE)
    assert look(post, command, NOW + 10 * MINUTE, *rows).see(command).state is WorkState.DUE


def test_who_lifts_the_brake_lets_what_is_held_go_even_if_it_comes_down_again():
    post, command = held(braked=BRAKE)
    step = a_step()
    unbrake(step, [command, a_command(id="cmd_2")], a_cause(BRAKE, closed_at=NOW))
    unbrake(step, [held(braked="source:news")[1]], a_cause(BRAKE))

    [free] = step.write().commands
    assert look(post, free, NOW + 10 * MINUTE, a_cause(BRAKE)).see(free).state is WorkState.DUE


def test_an_approval_is_the_word_that_a_brake_asks_for():
    assert waits_for(held(ASKED, braked=BRAKE)[1]) == ()


def test_other_parked_work_is_left_to_others():
    other = (a_command(state=WorkState.PARKED, reason=R.TOO_LATE), an_unsent(state=PostState.PARKED))
    step = a_step(NOW + 30 * DAY)
    assert look_through(step, [other], RULES) == [other]
    assert not step


# What a person may do.


@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
def test_who_sends_it_has_approved_it(rules):
    post, command = held(rules, hosted={})
    step = a_step(NOW + 2 * DAY)
    actions.send(step, post, [command], by="Ada")

    [data] = told(step)
    assert (data["changed"], data["by"], data["previous"], data["current"]) == (
        ["approval"],
        "Ada",
        "parked",
        "accepted",
    )
    assert step.see(command).payload["by"] == "Ada"
    assert step.see(post).wanted_at == NOW + 2 * DAY
    assert CommandKind.FETCH in {one.kind for one in step.write().commands}


def test_what_is_sent_before_its_schedule_is_wanted_then():
    post, command = held(ASKED, scheduled_at=NOW + DAY, wanted_at=NOW + DAY)
    step = a_step()
    actions.send(step, post, [command], by="Ada")
    assert step.see(post).wanted_at == NOW + DAY


@pytest.mark.parametrize("rules", [A_WHILE, ASKED])
@pytest.mark.parametrize(
    ("changes", "targets"),
    [
        ({"caption": "x"}, None),
        ({"scheduled_at": NOW + DAY}, None),
        ({"scheduled_at": None}, None),
        ({}, (a_target("b"),)),
    ],
)
def test_an_edit_leaves_it_held_for_as_long_as_it_was(rules, changes, targets):
    post, command = held(rules)
    step = a_step(NOW + MINUTE)
    actions.edit(step, post, [command], changes, targets, by="Ada")

    edited = step.see(command)
    assert is_held(edited)
    assert edited.due_at == command.due_at
    assert step.see(post).wanted_at >= command.due_at
    assert (told(step)[0]["by"], step.see(post).state) == ("Ada", PostState.PARKED)


@pytest.mark.parametrize(("hosts", "hosted"), [((), None), (("https://a.example/a.webp",), {})])
def test_new_media_are_not_fetched_while_it_is_held(hosts, hosted):
    post, command = held()
    step = a_step()
    actions.edit(step, post, [command], {"media": {"urls": list(hosts)}}, None, hosts=hosts)
    assert [one.kind for one in step.write().commands if one.kind is CommandKind.FETCH] == []
    assert step.see(post).hosted == hosted


def test_it_cannot_be_live():
    post, command = held(ASKED)
    with pytest.raises(Problem, match="not_sent"):
        actions.is_live(a_step(), post, [command])


@pytest.mark.parametrize(("act", "event_type"), [(actions.drop, "post.rejected"), (actions.cancel, "post.canceled")])
def test_who_ends_it_is_told(act, event_type):
    post, command = held()
    step = a_step()
    act(step, post, [command], by="Ada")
    assert (types(step), told(step)[0]["by"]) == ([event_type], "Ada")
    assert step.see(command).state is WorkState.DEAD
