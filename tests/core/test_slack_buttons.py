"""Which buttons stand below a message: those that at least one of its posts would not refuse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core import actions
from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import CommandKind, PostState, TargetState, WorkState
from bridge.core.retry import Choice
from bridge.core.slack.buttons import buttons, read_value, verbs
from bridge.ports.source import Verb
from tests.core.builders import (
    MINUTE,
    NOW,
    a_command,
    a_failed,
    a_post,
    a_retry,
    a_step,
    a_target,
    an_unsent,
    problem_of,
)

ASKED = {
    "approve": actions.send,
    "send": actions.send,
    "live": actions.is_live,
    "retry": actions.retry,
    "edit": lambda step, post, commands: actions.edit(step, post, commands, {"caption": "new"}, None),
    "drop": actions.drop,
    "cancel": actions.cancel,
}


def parked(reason, **fields):
    return a_command(state=WorkState.PARKED, reason=reason, **fields)


def shown(post, *commands):
    return verbs([post], {post.id: commands}, NOW)


def a_parked(reason):
    return an_unsent(state=PostState.PARKED, reason=reason)


def in_doubt(**fields):
    return a_failed(error="timeout", **{"choice": Choice.PARK} | fields)


WAITS = {"state": WorkState.PARKED, "reason": FailureReason.UNKNOWN_OUTCOME}
LOST = {"body": b"{}", "sent_at": NOW}


@pytest.mark.parametrize(
    ("post", "commands", "expected"),
    [
        (an_unsent(), [a_command()], ["cancel"]),
        (an_unsent(), [a_command(lease_until=NOW + MINUTE)], []),
        (a_post(state=PostState.SCHEDULED), [], ["cancel"]),
        (a_post(state=PostState.PENDING), [], ["cancel"]),
        (a_post(state=PostState.DRAFT), [], ["cancel"]),
        (a_post(state=PostState.PUBLISHING), [], []),
        (a_post(state=PostState.POSTED), [], []),
        (a_post(state=PostState.VANISHED), [], []),
        (a_post(state=PostState.UNKNOWN), [], []),
        (an_unsent(state=PostState.UNKNOWN), [], ["retry"]),
        (an_unsent(state=PostState.REJECTED), [], ["retry"]),
        (an_unsent(state=PostState.REJECTED, content={}), [], []),
        (an_unsent(state=PostState.CANCELED), [], []),
        (a_post(a_failed(choice=Choice.RETRY), state=PostState.FAILED), [], ["retry", "cancel"]),
        (a_post(a_failed(choice=Choice.GIVE_UP), state=PostState.PARTIAL, gave_up=True), [], ["retry"]),
        (a_post(in_doubt(), state=PostState.FAILED), [a_retry("a", **WAITS)], ["send", "live", "drop"]),
        (a_parked(FailureReason.HELD), [parked(FailureReason.HELD)], ["approve", "edit", "drop"]),
        (a_parked(FailureReason.NEEDS_APPROVAL), [parked(FailureReason.NEEDS_APPROVAL)], ["approve", "edit", "drop"]),
        (a_parked(FailureReason.TOO_LATE), [parked(FailureReason.TOO_LATE)], ["send", "drop"]),
        (a_parked(FailureReason.ACCOUNT_INACTIVE), [parked(FailureReason.ACCOUNT_INACTIVE)], ["send", "drop"]),
        (
            a_parked(FailureReason.UNKNOWN_OUTCOME),
            [parked(FailureReason.UNKNOWN_OUTCOME, **LOST)],
            ["send", "live", "drop"],
        ),
        (a_parked(FailureReason.HELD), [], []),
    ],
)
def test_each_state_has_its_buttons(post, commands, expected):
    assert shown(post, *commands) == expected


def test_every_button_has_a_verb_that_a_source_reads():
    held = a_parked(FailureReason.HELD)
    made = list(buttons("rpl_1", [held], {held.id: [parked(FailureReason.HELD)]}, NOW))
    assert [Verb(one["action_id"].removeprefix("bridge:")) for one in made] == [Verb.APPROVE, Verb.EDIT, Verb.DROP]
    assert {read_value(one["value"])[0] for one in made} == {"rpl_1"}
    assert [bool(read_value(one["value"])[1]) for one in made] == [True, False, False]
    assert set(ASKED) <= set(Verb)


def test_what_cannot_be_undone_is_asked_twice():
    late, lost = a_parked(FailureReason.TOO_LATE), an_unsent(state=PostState.UNKNOWN, id="post_2")
    made = buttons("rpl_1", [late, lost], {late.id: [parked(FailureReason.TOO_LATE)]}, NOW)
    assert [(one["action_id"], "confirm" in one) for one in made] == [
        ("bridge:send", False), ("bridge:retry", True), ("bridge:drop", True),
    ]  # fmt: skip


TARGETS = st.builds(
    a_target,
    st.sampled_from("abc"),
    st.sampled_from(TargetState),
    choice=st.sampled_from(["", *Choice]),
    failure=st.none() | st.sampled_from(FailureClass),
)
COMMANDS = st.builds(
    a_command,
    st.sampled_from([CommandKind.PUBLISH, CommandKind.RETRY]),
    state=st.sampled_from(WorkState),
    reason=st.none() | st.sampled_from(FailureReason),
    body=st.none() | st.just(b"{}"),
    lease_until=st.none() | st.just(NOW + MINUTE),
    payload=st.just({"account_ids": ["a", "b"]}),
)


POSTS = st.builds(
    lambda targets, **fields: an_unsent(*targets, **fields),
    st.lists(TARGETS, min_size=1, max_size=3, unique_by=lambda one: one.account),
    state=st.sampled_from(PostState),
    partner_id=st.none() | st.just("p1"),
    reason=st.none() | st.sampled_from(FailureReason),
    gave_up=st.booleans(),
)


@given(post=POSTS, commands=st.lists(COMMANDS, max_size=2, unique_by=lambda one: one.kind))
def test_no_button_is_shown_that_every_post_refuses(post, commands):
    for verb in shown(post, *commands):
        assert problem_of(lambda act=ASKED[verb]: act(a_step(), post, commands)) is None


@given(command=COMMANDS)
def test_what_is_parked_always_has_a_way_on(command):
    post = an_unsent(state=PostState.PARKED, reason=command.reason)
    waits = command.state is WorkState.PARKED
    assert bool({"send", "approve"} & {*shown(post, command)}) == waits
    assert ("drop" in shown(post, command)) == waits
