"""What an attempt means: for the delivery, for its endpoint's health, and what is told of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import orjson
import pytest

from bridge.core.delivering import (
    Outcome,
    after,
    answered,
    counted,
    headers_of,
    health,
    is_dropped,
    is_well,
    judge,
    label,
    may_forget,
    may_tell,
    schedule_of,
    was_healed,
)
from bridge.core.endpoints import Sending, wants, was_there
from bridge.core.errors import FailureReason
from bridge.core.model import Delivery, Endpoint, Lane, OutboundEvent, WorkState
from bridge.core.rules import DeliverRules
from bridge.core.step import Moment, Step

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY, HOUR, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(seconds=1)
RULES = DeliverRules()
OPS = Endpoint("ops", "https://ops.example.com/hook", ("*",), version=3)
DELIVERY = Delivery("dlv_1", "msg_1", "post.posted", "endpoint", "ops", "post:p", 1, NOW, NOW, calls=1, version=2)
WELL, DOWN = Outcome(None, 200), Outcome(FailureReason.SERVER_ERROR, 500)


def judged(endpoint, outcome=DOWN, *, breaker=None, at=NOW):
    """The endpoint after an attempt, and the bodies of what is told."""
    numbers = count(1)
    step = Step(Moment(at, lambda prefix: f"{prefix}_{next(numbers)}", lambda: 0.0))
    judge(step, endpoint, outcome, breaker, RULES)
    write = step.write()
    return (write.endpoints or (endpoint,))[0], [orjson.loads(event.body) for event in write.events], write


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (200, None), (204, None), (299, None), (199, "protocol"), (301, "redirect"), (304, "redirect"),
        (400, "client_error"), (401, "unauthorized"), (403, "forbidden"), (404, "not_found"), (410, "gone"),
        (429, "rate_limited"), (500, "server_error"), (503, "server_error"), (999, "server_error"),
    ],
)  # fmt: skip
def test_only_2xx_is_a_success(status, reason):
    assert answered(status, None, NOW, RULES).reason == reason


@pytest.mark.parametrize(
    ("status", "slows", "hold"),
    [
        (429, True, HOUR),
        (502, True, HOUR),
        (504, True, HOUR),
        (503, False, HOUR),
        (500, False, None),
        (200, False, None),
    ],
)
def test_some_statuses_slow_the_endpoint_down_and_some_hold_it_while_they_ask_for_it(status, slows, hold):
    outcome = answered(status, "3600", NOW, RULES)
    assert (outcome.slows, outcome.hold) == (slows, hold)


def made(outcome, delivery=DELIVERY, schedule=RULES.schedule):
    return after(delivery, outcome, schedule, now=NOW, jitter=0.1, chance=0.0)


def test_a_success_ends_a_delivery():
    assert made(WELL) == replace(DELIVERY, state=WorkState.DONE, attempts=1, version=3, settled_at=NOW)


def test_a_failure_puts_it_off_by_the_schedule_or_by_what_was_asked_for():
    assert (made(DOWN).due_at, made(DOWN).lane) == (NOW + 5 * SECOND, Lane.AGAIN)
    assert made(replace(DOWN, asked=HOUR)).due_at == NOW + HOUR
    assert made(replace(DOWN, asked=SECOND)).due_at == NOW + 5 * SECOND


@pytest.mark.parametrize("reason", [FailureReason.GONE, FailureReason.ENDPOINT_DISABLED])
def test_who_wants_nothing_more_is_not_tried_again(reason):
    dead = made(Outcome(reason))
    assert (dead.state, dead.reason) == (WorkState.DEAD, reason)


def test_what_was_too_early_is_due_again_soon_in_its_lane_and_uses_up_no_try():
    waits = made(Outcome(wait=SECOND))
    assert waits == replace(DELIVERY, due_at=NOW + SECOND, version=3)
    assert not Outcome(wait=SECOND).works
    assert WELL.works


def test_what_can_never_be_delivered_dies_at_once_for_its_own_reason():
    dead = made(Outcome(FailureReason.FORBIDDEN, final=True))
    assert (dead.state, dead.reason, dead.attempts) == (WorkState.DEAD, FailureReason.FORBIDDEN, 1)


@pytest.mark.parametrize("outcome", [replace(DOWN, alone=True), Outcome(wait=SECOND), Outcome("gone", 410, alone=True)])
def test_what_is_of_one_delivery_says_nothing_of_the_endpoint(outcome):
    assert outcome.ours
    assert judged(OPS, outcome)[0] == OPS


def test_the_last_failure_of_the_endpoints_own_schedule_ends_it():
    schedule = schedule_of(replace(OPS, schedule_s=(0.0, 60.0)), RULES)
    first = made(DOWN, schedule=schedule)
    last = made(DOWN, first, schedule)
    assert (first.due_at, last.state, last.reason) == (NOW + 60 * SECOND, WorkState.DEAD, FailureReason.EXHAUSTED)
    assert schedule_of(OPS, RULES) == schedule_of(None, RULES) == RULES.schedule


def test_a_success_of_a_healthy_endpoint_writes_nothing():
    assert not judged(OPS, WELL)[2].endpoints


@pytest.mark.parametrize("sign", [{"failing_since": NOW}, {"warned": 50}, {"held_until": NOW}])
def test_an_endpoint_is_well_while_nothing_stands_against_it(sign):
    assert (is_well(OPS), is_well(replace(OPS, **sign))) == (True, False)


def test_the_first_failure_is_kept_and_later_ones_change_nothing():
    first, _, _ = judged(OPS)
    assert (first.failing_since, first.version) == (NOW, 4)
    assert not judged(first, at=NOW + HOUR)[2].endpoints


def test_a_success_forgets_failures_and_ends_a_hold_that_is_over():
    ill = replace(OPS, failing_since=NOW - DAY, warned=50, held_until=NOW - SECOND)
    assert judged(ill, WELL)[0] == replace(OPS, version=4)


def test_a_hold_is_waited_out_though_an_older_request_succeeds():
    held = replace(OPS, failing_since=NOW, held_until=NOW + HOUR)
    assert judged(held, WELL)[0].held_until == NOW + HOUR
    assert not judged(replace(OPS, held_until=NOW + HOUR), WELL)[2].endpoints


def test_the_longer_of_breaker_and_what_was_asked_for_holds_the_endpoint():
    asking = Outcome(FailureReason.RATE_LIMITED, 429, asked=HOUR)
    assert judged(OPS, asking, breaker=5 * SECOND)[0].held_until == NOW + HOUR
    assert judged(OPS, DOWN, breaker=5 * SECOND)[0].held_until == NOW + 5 * SECOND
    assert judged(OPS, replace(DOWN, asked=HOUR))[0].held_until is None


def test_a_hold_that_ends_no_later_than_the_known_one_is_not_written():
    held = replace(OPS, failing_since=NOW, held_until=NOW + HOUR)
    asking = Outcome(FailureReason.RATE_LIMITED, 429, asked=HOUR)
    assert not judged(held, asking, at=NOW + SECOND)[2].endpoints
    assert judged(held, asking, at=NOW + 2 * SECOND)[0].held_until == NOW + HOUR + 2 * SECOND


@pytest.mark.parametrize("reason", [FailureReason.INTERNAL, FailureReason.SEALED, FailureReason.ENDPOINT_DISABLED])
def test_a_fault_of_ours_says_nothing_of_the_endpoint(reason):
    assert not judged(OPS, Outcome(reason), at=NOW + 9 * DAY)[2].endpoints


def test_410_disables_at_once_and_lets_what_is_due_die():
    gone, [told], write = judged(OPS, Outcome(FailureReason.GONE, 410))
    assert (gone.enabled, gone.reason, write.kill_deliveries_of) == (False, "gone", ("ops",))
    assert (told["type"], told["data"]["reason"], told["data"]["status"]) == ("endpoint.disabled", "gone", 410)
    assert "POST /v1/endpoints/ops/enable" in told["data"]["what_to_do"]
    assert not judged(gone, Outcome(FailureReason.GONE, 410))[2].endpoints


def test_410_is_the_end_of_a_subscription_and_nobody_is_told():
    gone, told, write = judged(replace(OPS, kind="subscription"), Outcome(FailureReason.GONE, 410))
    assert is_dropped(gone)
    assert (told, write.drop_endpoints, write.kill_deliveries_of) == ([], (OPS.name,), ())


def test_a_failing_endpoint_is_told_of_at_each_mark_once_and_disabled_at_the_end():
    endpoint, seen = OPS, []
    for hours in range(0, 130, 3):
        endpoint, told, _ = judged(endpoint, at=NOW + hours * HOUR)
        seen += [(hours, one["type"], one["data"].get("percent")) for one in told]
    warnings = [(hours, "endpoint.failing", percent) for hours, percent in ((60, 50), (84, 70), (108, 90))]
    assert seen == [*warnings, (120, "endpoint.disabled", None)]
    assert (endpoint.enabled, endpoint.reason) == (False, "failing")


def test_a_warning_says_since_when_until_when_why_and_what_to_do():
    failing = replace(OPS, failing_since=NOW - 3 * DAY)
    endpoint, [told], write = judged(failing)
    data = told["data"]
    assert (endpoint.warned, data["percent"], data["reason"], data["status"]) == (50, 50, "server_error", 500)
    assert (data["failing_since"], data["disable_at"]) == ("2025-12-29T12:00:00Z", "2026-01-03T12:00:00Z")
    assert "GET /v1/endpoints/ops" in data["what_to_do"]
    assert [event.endpoint for event in write.events] == ["ops"]


def test_who_was_not_warned_in_time_gets_the_last_tenth_of_the_way_from_the_warning_on():
    late, [told], _ = judged(replace(OPS, failing_since=NOW - 30 * DAY))
    assert (late.enabled, told["type"], told["data"]["disable_at"]) == (
        True,
        "endpoint.failing",
        "2026-01-02T00:00:00Z",
    )
    assert judged(late, at=NOW + 11 * HOUR)[0].enabled
    assert not judged(late, at=NOW + 13 * HOUR)[0].enabled


def test_an_endpoints_own_headers_never_take_the_place_of_ours():
    own = {
        "Authorization": "Bearer x", "Webhook-Id": "forged", "HOST": "evil", "content-length": "0",
        "Transfer-Encoding": "chunked", "Content-Type": "text/x",
    }  # fmt: skip
    headers = headers_of(Sending((b"key",), own), "msg_1", "application/json", b"{}", NOW)
    assert sorted(headers) == [
        "authorization", "content-type", "webhook-id", "webhook-signature", "webhook-timestamp",
    ]  # fmt: skip
    assert (headers["webhook-id"], headers["content-type"]) == ("msg_1", "text/x")


def test_without_a_key_nothing_is_signed_and_the_id_goes_out():
    headers = headers_of(Sending(), "msg_1", "application/json", b"{}", NOW)
    assert headers == {"content-type": "application/json", "webhook-id": "msg_1", "webhook-timestamp": "1767268800"}


def test_dead_letters_of_one_endpoint_are_told_at_most_hourly():
    told = replace(OPS, exhausted_at=NOW)
    assert (may_tell(OPS, NOW), may_tell(told, NOW + 59 * SECOND), may_tell(told, NOW + HOUR)) == (True, False, True)


@pytest.mark.parametrize(
    ("endpoint", "name", "state"),
    [
        (OPS, "ops", "enabled"),
        (replace(OPS, configured=False, failing_since=NOW), "api", "failing"),
        (replace(OPS, configured=False, kind="subscription", held_until=NOW + SECOND), "subscription", "held"),
        (replace(OPS, held_until=NOW), "ops", "enabled"),
        (replace(OPS, enabled=False, held_until=NOW + SECOND), "ops", "disabled"),
    ],
)
def test_an_endpoint_is_counted_by_how_it_was_made_and_by_its_state(endpoint, name, state):
    assert (label(endpoint), label(None), health(endpoint, NOW)) == (name, "unknown", state)


def test_it_is_forgotten_that_dead_letters_were_told_of_a_minute_after_the_hour():
    told = replace(OPS, exhausted_at=NOW)
    assert [may_forget(one, NOW + HOUR + 60 * SECOND) for one in (OPS, told)] == [False, True]
    assert not may_forget(told, NOW + HOUR + 59 * SECOND)


def test_who_ended_before_another_was_told_of_and_died_after_that_counts_as_the_next():
    told = replace(OPS, exhausted_at=NOW)
    dead = replace(DELIVERY, reason=FailureReason.EXHAUSTED, settled_at=NOW - SECOND)
    assert NOW < counted(dead, told).settled_at < NOW + SECOND
    later = replace(dead, settled_at=NOW + SECOND)
    assert (counted(later, told), counted(dead, OPS), counted(dead, None)) == (later, dead, dead)
    assert counted(replace(dead, reason=FailureReason.GONE), told).settled_at == NOW - SECOND


def test_a_chat_wants_nothing_by_itself_and_nobody_is_told_of_what_is_wanted_there():
    told = outbound_of("post.posted")
    assert wants(OPS, told)
    assert not wants(replace(OPS, kind="reply"), told)
    assert not wants(replace(OPS, kind="reply", name="x"), replace(told, type="webhook.test", endpoint="x"))
    assert not wants(OPS, outbound_of("reply.wanted"))


def outbound_of(event_type):
    return OutboundEvent("msg_1", event_type, "post:p", 1, NOW, b"{}")


def test_a_delivery_is_for_who_was_there_when_it_was_made():
    made_at = DELIVERY.created_at
    earlier, later = (replace(OPS, created_at=made_at + by * SECOND) for by in (0, 1))
    assert [was_there(one, DELIVERY.created_at) for one in (OPS, earlier, later)] == [True, True, False]


@pytest.mark.parametrize(
    ("before", "now", "healed"),
    [
        ({"failing_since": NOW}, {}, True),
        ({"held_until": NOW}, {"failing_since": NOW}, False),
        ({"enabled": False}, {"failing_since": NOW}, True),
        ({}, {"url": "https://new.example/hook"}, True),
        ({}, {"sealed": b"other"}, True),
        ({}, {"created_at": NOW}, True),
        ({}, {"description": "other"}, False),
        ({}, {"failing_since": NOW}, False),
    ],
)
def test_who_was_enabled_repaired_or_had_a_success_elsewhere_is_forgiven(before, now, healed):
    assert was_healed(replace(OPS, **before), replace(OPS, **now)) is healed
