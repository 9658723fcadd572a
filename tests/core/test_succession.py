"""A post that takes the place of others whose cancel is under way."""

from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, PostState, WorkState, Write
from bridge.core.objects import Known
from bridge.core.succession import behind, elders, gives_way
from tests.core.builders import NOW, a_command, a_post, a_step, a_target

LONGEST = timedelta(days=1)
NEW = a_post(id="post_2", state=PostState.ACCEPTED, partner_id=None)
PUBLISH = a_command(id="cmd_2", post_id="post_2", lease_until=NOW, payload={"after": ["post_1"]})


def known(state: PostState, cancel: WorkState = WorkState.DONE, **fields) -> Known:
    cancels = [a_command(CommandKind.CANCEL, state=cancel)]
    return Known(posts=(a_post(state=state, **fields),), commands={"post_1": cancels})


def decided(found: Known, now=NOW):
    """Whether it gives way, the command, and the post, as they are then."""
    step = a_step(now)
    gave_way = gives_way(step, PUBLISH, NEW, found, longest=LONGEST)
    return gave_way, step.see(PUBLISH), step.see(NEW)


def test_a_publish_names_what_it_waits_for():
    assert elders(PUBLISH) == ["post_1"]
    assert elders(a_command()) == elders(a_command(CommandKind.CANCEL, payload={"after": ["x"]})) == ()


def test_only_who_shares_an_account_waits():
    leaving = [a_post(), a_post(id="post_b", partner="other"), a_post(a_target("b"), id="post_c")]
    commands = tuple(a_command(kind, post_id="post_2") for kind in (CommandKind.FETCH, CommandKind.PUBLISH))
    write = Write(posts=(NEW,), commands=commands)

    assert [one.payload for one in behind(write, leaving).commands] == [{}, {"after": ["post_1"]}]
    assert behind(write, []) is write
    assert behind(write, leaving[1:]) == write


def test_it_goes_once_the_earlier_one_is_gone():
    assert decided(known(PostState.CANCELED)) == (False, PUBLISH, NEW)


@pytest.mark.parametrize(
    "found",
    [known(PostState.SCHEDULED, WorkState.DUE), known(PostState.PENDING, reason=FailureReason.CANCELED)],
    ids=["cancel under way", "refused and not read since"],
)
def test_it_is_put_off_while_the_earlier_one_is_leaving(found):
    gave_way, command, post = decided(found)
    assert (gave_way, command.state, command.due_at > NOW, command.lease_until) == (True, WorkState.DUE, True, None)
    assert post == NEW


@pytest.mark.parametrize("state", [PostState.POSTED, PostState.SCHEDULED, PostState.FAILED, PostState.UNKNOWN])
def test_it_ends_when_the_earlier_one_stays(state):
    gave_way, command, post = decided(known(state))
    assert (gave_way, command.state, command.reason) == (True, WorkState.DEAD, FailureReason.CONFLICT)
    assert (post.state, "post_1" in post.error) == (PostState.REJECTED, True)


def test_it_ends_when_the_earlier_one_is_leaving_for_too_long():
    found = known(PostState.SCHEDULED, WorkState.PARKED)
    assert decided(found, NOW + LONGEST)[2].state is PostState.ACCEPTED
    assert decided(found, NOW + LONGEST * 2)[2].state is PostState.REJECTED
