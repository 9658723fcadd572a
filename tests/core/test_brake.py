"""The brake: what waits for the cause of a source goes on a person's word, however late that comes."""

import pytest

from bridge.core.errors import FailureReason, Problem
from bridge.core.model import PostState, WorkState
from bridge.core.resume import idle_causes, let_go, resume
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import source_cause
from tests.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    a_cause,
    a_command,
    a_step,
    a_target,
    an_account,
    an_unsent,
    told,
    types,
)

CAUSE = source_cause("blog")
OPEN = a_cause(CAUSE, partner="", reason=FailureReason.BRAKE)


def waiting(name="1"):
    post = an_unsent(a_target(), id=f"post_{name}", state=PostState.PARKED)
    command = a_command(id=f"cmd_{name}", post_id=post.id, state=WorkState.PARKED, cause=CAUSE, parked_at=NOW)
    return command, post


def resumed(pairs, *rows, after):
    step = a_step(NOW + after, *rows)
    resume(step, pairs, PublishRules(), WatchRules())
    return [step.see(command).state for command, _ in pairs]


def test_a_brake_tells_once_what_to_do():
    step = a_step(NOW)

    step.open_cause(CAUSE, "", FailureReason.BRAKE, "14 entries are new")
    step.open_cause(CAUSE, "", FailureReason.BRAKE, "14 entries are new")

    told_once = told(step, "attention.opened")
    assert (told_once["subject"], told_once["reason"]) == ({"kind": "cause", "id": CAUSE}, "brake")
    assert f"POST /v1/causes/{CAUSE}/close" in told_once["what_to_do"]


def test_nothing_goes_while_the_brake_holds():
    assert resumed([waiting()], OPEN, an_account(), after=HOUR) == [WorkState.PARKED]


def test_what_a_person_let_go_goes_one_an_account_and_is_never_too_late():
    step = a_step(NOW + DAY, OPEN)

    closed = let_go(step, CAUSE)

    assert (closed.open, types(step)) == (False, ["attention.closed"])
    states = resumed([waiting("1"), waiting("2")], closed, an_account(), after=DAY)
    assert states == [WorkState.DUE, WorkState.PARKED]
    later = an_account(resumed_at=NOW + DAY)
    assert resumed([waiting("2")], closed, later, after=DAY + 11 * MINUTE) == [WorkState.DUE]


@pytest.mark.parametrize(
    ("cause_id", "status", "slug"),
    [
        ("source:other", 404, "no_such_cause"),
        ("account:gv:a", 409, "not_allowed_now"),
        ("source:calm", 409, "closed"),
    ],
)
def test_only_an_open_cause_of_a_source_is_closed_by_hand(cause_id, status, slug):
    step = a_step(NOW, OPEN, a_cause(), a_cause("source:calm", reason=FailureReason.BRAKE, closed_at=NOW))

    with pytest.raises(Problem) as caught:
        let_go(step, cause_id)

    assert (caught.value.status, caught.value.slug) == (status, slug)
    assert len(caught.value.detail) < 250
    assert not step


def test_a_brake_that_nothing_waits_for_is_idle():
    step = a_step(NOW, OPEN, a_cause())

    assert idle_causes(step, set()) == [CAUSE]
    assert idle_causes(step, {CAUSE}) == []
