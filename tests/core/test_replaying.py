"""What a request to send again means, how much of it may stand in line, and what ends it."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.endpoints import was_there
from bridge.core.errors import Problem
from bridge.core.model import Endpoint, OutboundEvent, Replay
from bridge.core.replaying import (
    FIELDS,
    MOST_DUE,
    MOST_DUE_IN_ALL,
    may_go_again,
    obstacle,
    refuse_disabled,
    room,
    wanted,
)
from tests.core.builders import DAY, HOUR, NOW

OPS = Endpoint("ops", "https://ops.example.com/hook")


def a_job(**find):
    return Replay(id="rpl_1", find=find, created_at=NOW, until=NOW)


def faults(fields):
    with pytest.raises(Problem) as caught:
        wanted(fields, NOW)
    assert (caught.value.status, caught.value.slug) == (422, "invalid_request")
    assert len(caught.value.detail) < 250
    return {fault.field: fault.problem for fault in caught.value.errors}


def test_dead_letters_are_what_is_sent_again_unless_the_state_says_otherwise():
    assert wanted({"endpoint": "ops"}, NOW).find == {"destination": "ops", "state": "dead"}
    assert wanted({"state": "done", "endpoint": "ops"}, NOW).find == {"destination": "ops", "state": "done"}


def test_every_filter_is_kept_and_the_window_ends_where_it_says():
    words = {"type": "post.failed", "partner": "gv", "source": "blog", "reason": "exhausted"}
    since, until = NOW - DAY, NOW - HOUR

    found = wanted({**words, "since": since.isoformat(), "until": until.isoformat()}, NOW)

    assert found.find == {**words, "state": "dead", "since": since.isoformat(), "until": until.isoformat()}
    assert (found.until, found.missed) == (until, False)


def test_what_is_told_to_a_chat_may_be_asked_for_though_nobody_subscribes_to_it():
    assert wanted({"endpoint": "reply:team", "type": "reply.wanted"}, NOW).find["type"] == "reply.wanted"


def test_it_looks_at_nothing_that_comes_after_it_was_asked_for():
    assert wanted({"all": True}, NOW).until == NOW
    assert wanted({"endpoint": "ops", "until": (NOW + DAY).isoformat()}, NOW).until == NOW


def test_what_an_endpoint_missed_is_everything_since_then():
    found = wanted({"endpoint": "ops", "missed_since": (NOW - DAY).isoformat()}, NOW)

    assert found.find == {"destination": "ops", "since": (NOW - DAY).isoformat()}
    assert (found.until, found.missed) == (NOW, True)


def test_all_has_to_be_said_where_nothing_else_is():
    assert wanted({"all": True}, NOW).find == {"state": "dead"}
    assert faults({}) == faults({"all": False}) == faults({"endpoint": None}) == {"": "names nothing"}


def test_every_fault_is_named_at_once():
    fields = {"endpoint": 7, "state": "due", "type": "post.lost", "reason": "tired", "since": "monday", "colour": "red"}

    assert set(faults({**fields, "all": "yes", "source": ""})) == {*fields, "all", "source"}


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"since": NOW.isoformat()}, "since"),
        ({"since": (NOW - HOUR).isoformat(), "until": (NOW - DAY).isoformat()}, "since"),
        ({"endpoint": "ops", "missed_since": (NOW + HOUR).isoformat()}, "missed_since"),
        ({"missed_since": (NOW - HOUR).isoformat()}, "endpoint"),
        ({"endpoint": "ops", "missed_since": (NOW - HOUR).isoformat(), "state": "dead"}, "state"),
    ],
)
def test_a_window_that_holds_nothing_and_filters_that_exclude_each_other_are_refused(fields, wrong):
    assert set(faults(fields)) == {wrong}


def test_an_unknown_field_is_told_the_known_ones():
    with pytest.raises(Problem) as caught:
        wanted({"endpoints": "ops"}, NOW)
    [fault] = caught.value.errors
    assert all(name in fault.remedy for name in FIELDS)


def test_a_job_leaves_room_in_the_line_of_its_endpoint():
    job = a_job(destination="ops")

    assert room(job, {}) == MOST_DUE
    assert room(job, {"ops": MOST_DUE - 7, "other": 10**6}) == 7
    assert room(job, {"ops": MOST_DUE + 7}) == 0


def test_a_job_for_all_endpoints_leaves_room_in_all_lines_together():
    assert room(a_job(), {"ops": 400, "other": 600}) == MOST_DUE_IN_ALL - 1_000
    assert room(a_job(), {"ops": MOST_DUE_IN_ALL}) == 0


def test_a_job_ends_with_its_endpoint_and_says_why():
    job, off = a_job(destination="ops"), replace(OPS, enabled=False, reason="gone")

    assert obstacle(job, {"ops": OPS}) == ""
    assert obstacle(job, {}) == "the endpoint ops is there no more"
    assert obstacle(job, {"ops": off}) == "the endpoint ops is disabled (gone)"
    assert obstacle(job, {"ops": replace(off, reason=None)}) == "the endpoint ops is disabled (by_hand)"
    assert obstacle(a_job(), {"ops": off}) == ""


def test_nothing_is_begun_for_an_endpoint_that_takes_nothing():
    refuse_disabled({"ops": OPS}, "ops")
    with pytest.raises(Problem, match="no_such_endpoint"):
        refuse_disabled({}, "ops")
    with pytest.raises(Problem, match="endpoint_disabled") as caught:
        refuse_disabled({"ops": replace(OPS, enabled=False, reason="gone")}, "ops")
    assert caught.value.extra == {"reason": "gone"}


def test_an_instant_may_be_given_with_any_offset():
    local = (NOW - timedelta(hours=2)).isoformat().replace("+00:00", "-01:00")

    assert wanted({"since": local}, NOW).find["since"] == (NOW - HOUR).isoformat()


def test_what_the_former_endpoint_of_a_name_had_is_not_for_the_new_one():
    made = Endpoint("ops", "https://ops.example.com/hook", created_at=NOW)
    early = obstacle(replace(a_job(destination="ops"), created_at=NOW - timedelta(seconds=1)), {"ops": made})

    assert early == "the endpoint ops is there no more"
    assert obstacle(replace(a_job(destination="ops"), created_at=NOW), {"ops": made}) == ""
    assert was_there(replace(made, created_at=None), NOW - timedelta(days=1))


def test_an_endpoint_for_some_accounts_is_told_again_of_these_and_of_its_tests():
    bound = Endpoint("ops", "https://ops.example.com/hook", allowed=("brand-*",))

    def told(event_type, *accounts):
        return OutboundEvent("msg_1", event_type, "post:post_1", 1, NOW, b"{}", accounts=accounts)

    assert may_go_again(bound, told("post.posted", "brand-a"))
    assert may_go_again(bound, told("webhook.test"))
    assert not may_go_again(bound, told("post.posted", "brand-a", "other-a"))
    assert may_go_again(replace(bound, allowed=()), told("post.posted", "other-a"))
