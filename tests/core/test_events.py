"""Outbound events: their types, who wants which, and what their bodies look like."""

from datetime import UTC, datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureReason
from bridge.core.events import EVENT_TYPES, exhausted, matches, outbound, wire
from bridge.core.model import Attempt, Delivery, PostState
from tests.core.builders import NOW

POST = {
    *("rejected", "parked", "draft", "scheduled", "pending", "publishing", "posted", "partial", "failed", "retrying"),
    *("gave_up", "updated", "canceled", "vanished", "stuck"),
}
SPECIFIED = {
    *(f"post.{name}" for name in POST),
    *(f"target.{name}" for name in ("posted", "linked", "failed", "retrying")),
    *(f"account.{name}" for name in ("connected", "degraded", "disconnected", "reconnected", "removed")),
    *("partner.blocked", "partner.recovered", "attention.opened", "attention.closed", "endpoint.failing"),
    *("endpoint.disabled", "delivery.exhausted", "webhook.test"),
}


def test_the_types_are_those_of_the_specification_and_the_unknown_state():
    assert set(EVENT_TYPES) == SPECIFIED | {"post.unknown"}
    assert {f"post.{state}" for state in PostState} - set(EVENT_TYPES) == {"post.accepted"}


@pytest.mark.parametrize(
    ("patterns", "wanted"),
    [
        (["*"], {"post.failed", "account.removed"}),
        (["post.*"], {"post.failed"}),
        (["account.removed", "x"], {"account.removed"}),
        (["*.failed"], {"post.failed"}),
        (["POST.*", "post"], set()),
        ([], set()),
    ],
)
def test_patterns_choose_types(patterns, wanted):
    assert {one for one in ("post.failed", "account.removed") if matches(patterns, one)} == wanted


def test_a_body_is_type_timestamp_and_data():
    facts = {"subject": {"kind": "post", "id": "p"}, "sequence": 7, "current": PostState.POSTED, "rows": ({"at": NOW},)}

    event = outbound("msg_1", "post.posted", facts, filters={"partner": "gv"}, at=NOW)

    assert (event.subject, event.sequence, event.partner, event.created_at) == ("post:p", 7, "gv", NOW)
    assert orjson.loads(event.body) == {
        "type": "post.posted",
        "timestamp": "2026-03-01T12:00:00Z",
        "data": {**facts, "current": "posted", "rows": [{"at": "2026-03-01T12:00:00Z"}]},
    }


leaves = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text() | st.datetimes(timezones=st.just(UTC))


@given(st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_whatever_is_told_can_be_written_and_read_again(value):
    read = orjson.loads(orjson.dumps(wire(value)))

    assert wire(read) == read == _plain(value)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value.isoformat()[:-6] + "Z" if isinstance(value, datetime) else value


@pytest.mark.parametrize(
    ("event_type", "reason", "told"),
    [
        ("post.posted", FailureReason.EXHAUSTED, ["delivery.exhausted"]),
        ("post.posted", FailureReason.GONE, []),
        ("delivery.exhausted", FailureReason.EXHAUSTED, []),
        ("endpoint.disabled", FailureReason.EXHAUSTED, []),
    ],
)
def test_the_last_try_is_told_but_never_about_itself(event_type, reason, told):
    at = datetime(2026, 1, 1, tzinfo=UTC)
    last = Attempt("dlv_1", 10, None, at, reason=FailureReason.TIMEOUT)
    delivery = Delivery("dlv_1", "msg_1", event_type, "endpoint", "ops", "post:p", 1, at, at, reason=reason)
    assert [event.type for event in exhausted("msg_2", delivery, last, at)] == told


def test_a_last_try_that_is_not_kept_any_more_is_told_by_what_is_known():
    at = datetime(2026, 1, 1, tzinfo=UTC)
    reason = FailureReason.EXHAUSTED
    delivery = Delivery("dlv_1", "msg_1", "post.posted", "endpoint", "ops", "post:p", 1, at, at, reason=reason)
    [event] = exhausted("msg_2", delivery, None, at, 3)
    data = orjson.loads(event.body)["data"]
    assert (data["reason"], data["status"], data["count"]) == ("exhausted", None, 3)
