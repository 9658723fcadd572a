"""Nothing is erased that is still worked on, here or at the partner."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.erasing import may_see, refuse_open
from bridge.core.errors import Problem
from bridge.core.model import Command, CommandKind, Event, Intent, Post, PostState, Target, WorkState
from bridge.core.tokens import Token
from tests.core.builders import NOW


def a_post(state, *, ended):
    return Post(
        id="post_1",
        event_id="evt_1",
        partner="gv",
        external_id="x",
        source="api",
        content={"caption": "private"},
        targets=(),
        created_at=NOW,
        changed_at=NOW,
        wanted_at=NOW,
        state=state,
        ended_at=NOW if ended else None,
    )


def a_command(state, kind=CommandKind.PUBLISH):
    return Command("cmd_1", "post_1", 1, kind, "gv", NOW + timedelta(hours=1), NOW, state)


def refused(post, *commands):
    with pytest.raises(Problem) as caught:
        refuse_open([post], {post.id: commands})
    assert (caught.value.status, caught.value.slug) == (409, "still_open")
    assert "private" not in caught.value.detail
    return caught.value


@pytest.mark.parametrize("state", [PostState.POSTED, PostState.FAILED, PostState.CANCELED, PostState.REJECTED])
def test_what_has_ended_may_go(state):
    refuse_open([a_post(state, ended=True)], {"post_1": [a_command(WorkState.DONE), a_command(WorkState.DEAD)]})
    refuse_open([], {})


@pytest.mark.parametrize("state", [PostState.SCHEDULED, PostState.PENDING, PostState.UNKNOWN])
def test_what_the_partner_still_has_to_do_is_to_be_taken_back_first(state):
    problem = refused(a_post(state, ended=False))

    assert (
        problem.detail
        == f"post_1 is {state}: gv still works on it. DELETE /v1/posts/post_1 takes it back; erase it then."
    )
    assert problem.extra == {"post": "post_1", "state": state, "commands": []}


@pytest.mark.parametrize("work", [WorkState.DUE, WorkState.PARKED])
def test_an_open_command_is_named(work):
    problem = refused(a_post(PostState.PARKED, ended=False), a_command(work))

    assert "its publish is open" in problem.detail
    assert problem.extra["commands"] == ["publish"]


def test_an_edit_under_way_of_what_has_ended_counts_too():
    assert refused(a_post(PostState.FAILED, ended=True), a_command(WorkState.DUE, CommandKind.UPDATE))


def test_what_is_going_out_right_now_has_to_come_to_its_end():
    assert "Wait for its end; erase it then." in refused(a_post(PostState.PUBLISHING, ended=False)).detail


def test_who_may_use_some_accounts_sees_what_went_only_to_those_and_what_it_sent_itself():
    everybody, bound = Token("a", frozenset({"admin"})), Token("b", frozenset({"admin"}), ("brand-*",))
    request = Event("evt_1", "api", "token:b", None, None, "", Intent.PUBLISH, NOW, "", b"", {})
    post = replace(a_post(PostState.POSTED, ended=True), targets=(Target("1", "brand-a"),))
    shared = replace(post, targets=(Target("1", "brand-a"), Target("2", "other-a")))

    assert may_see(bound, request, [post])
    assert may_see(bound, request, [])
    assert may_see(bound, None, [])
    assert not may_see(bound, request, [post, shared])
    assert not may_see(bound, replace(request, scope="token:c"), [])
    assert not may_see(bound, replace(request, scope="source:b"), [])
    assert may_see(everybody, replace(request, scope="source:b"), [])
    assert may_see(everybody, request, [shared])
