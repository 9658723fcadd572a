"""Rates: no second, wherever it begins, holds more requests to an endpoint than it may get."""

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.endpoints import rate_of
from tests.core.test_sharing import FIRST, NOW, SECOND, Lanes, endpoint


@pytest.mark.parametrize(("rate", "at_once", "after_a_second"), [(5.0, 5, 5), (0.5, 1, 0), (0.1, 1, 0)])
def test_a_rate_lets_one_seconds_worth_go_at_once(rate, at_once, after_a_second):
    lanes = Lanes("ops", rate=rate)
    assert lanes.claim() == {"ops": at_once}
    for _ in range(at_once):
        lanes.end()
    assert lanes.claim() == {"ops": 0}
    lanes.move(1)
    assert lanes.claim() == {"ops": after_a_second}


@pytest.mark.parametrize(("rate", "most"), [(None, 30), (50.0, 50), (5.0, 5)])
def test_a_hook_of_zapier_has_a_rate_by_itself(rate, most):
    lanes = Lanes("zap", first=400, rate=rate)
    lanes.rows["zap"] = replace(lanes.rows["zap"], url="https://hooks.zapier.com/[redacted]")
    lanes.shares.worked("zap")
    for _ in range(100):
        lanes.shares.worked("zap")
    first = lanes.claim()["zap"]
    for _ in range(first):
        lanes.end("zap")
    lanes.move(1)

    assert (first, lanes.claim()["zap"]) == (most, most)


def test_five_minutes_of_one_hook_stay_under_what_zapier_takes_of_a_user():
    lanes = Lanes("zap", first=400)
    lanes.rows["zap"] = replace(lanes.rows["zap"], url="https://hooks.zapier.com/[redacted]")
    sent = 0
    for _ in range(600):
        count = lanes.claim()["zap"]
        for _ in range(count):
            lanes.end("zap")
        sent += count
        lanes.move(0.5)

    assert 8_900 < sent < 10_000


@given(st.sampled_from([0.4, 1.0, 2.5, 30.0]), st.lists(st.integers(1, 700), min_size=20, max_size=40))
def test_no_second_holds_more_than_a_rate(rate, waits):
    lanes, sent = Lanes("ops", first=400, rate=rate), []
    for wait in waits:
        count = lanes.claim()["ops"]
        sent += [lanes.at] * count
        for _ in range(count):
            lanes.end()
        lanes.move(wait / 1000)

    assert all(sum(one <= other < one + SECOND for other in sent) <= math.ceil(rate) for one in sent)
    assert len(sent) <= math.ceil(rate) + rate * (sent[-1] - sent[0]).total_seconds()


def test_what_was_claimed_long_before_it_began_counts_from_its_beginning():
    lanes = Lanes("ops", rate=5.0)
    rooms = lanes.shares.rooms(FIRST, 1000, lanes.rows, lanes.at)
    lanes.shares.took(FIRST, rooms, {"ops": 5}, {"ops": 5})
    lanes.move(2)
    assert lanes.room() == 0
    for _ in range(5):
        lanes.shares.began(FIRST, "ops", lanes.at)
        lanes.shares.ended(FIRST, "ops", lanes.at, lanes.rows["ops"], lanes.at)
    lanes.move(0.9)
    assert lanes.room() == 0
    lanes.move(0.1)
    assert lanes.room() == 5


@pytest.mark.parametrize(
    ("url", "rate"),
    [
        ("https://hooks.zapier.com/[redacted]", 30.0),
        ("https://HOOKS.zapier.com:443", 30.0),
        ("https://hooks.zapier.com./x", 30.0),
        ("https://hooks.zapier.com.example.com/", None),
        ("https://example.com/hooks.zapier.com", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_a_hook_of_zapier_is_known_by_its_host(url, rate):
    assert rate_of(replace(endpoint(), url=url)) == rate


def test_a_rate_wakes_the_pump_when_it_has_filled_up():
    lanes = Lanes("ops", rate=2.0)
    lanes.claim()
    assert lanes.shares.rest_s(lanes.rows, NOW) == 1.0
    lanes.move(-60)
    assert lanes.room() == 0, "a clock that goes back fills nothing up"
    lanes.move(1)
    lanes.end()
    lanes.end()
    assert lanes.room() == 2, "nor does it stop everything"


def test_what_has_no_rate_any_more_is_not_counted_for_ever():
    lanes = Lanes("ops", rate=2.0)
    lanes.claim()
    lanes.rows["ops"] = replace(lanes.rows["ops"], rate=None)
    for _ in range(50):
        lanes.claim(due=1)
        lanes.end()
    lanes.claim(due=1)
    pace = lanes.shares._paces["ops"]
    assert len(pace.recent or ()) <= 1


def test_a_rate_does_not_wake_the_pump_for_a_held_endpoint():
    lanes = Lanes("ops", rate=1.0)
    lanes.claim()
    lanes.rows["ops"] = replace(lanes.rows["ops"], held_until=NOW + 300 * SECOND)
    lanes.move(2)
    assert lanes.shares.rest_s(lanes.rows, lanes.at) > 60
