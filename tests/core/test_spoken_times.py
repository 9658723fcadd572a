"""Times as people say them: in the zone of whoever says them, and left alone where they are not plain."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.times import parse_when, spoken

WEDNESDAY = datetime(2026, 11, 25, 16, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "berlin", "kiritimati"),
    [
        ("now", "2026-11-25T16:30:00+00:00", "2026-11-25T16:30:00+00:00"),
        ("in 2h", "2026-11-25T18:30:00+00:00", "2026-11-25T18:30:00+00:00"),
        ("In 30 min", "2026-11-25T17:00:00+00:00", "2026-11-25T17:00:00+00:00"),
        ("in 1h30", "2026-11-25T18:00:00+00:00", "2026-11-25T18:00:00+00:00"),
        ("in 1 hour and 15 minutes", "2026-11-25T17:45:00+00:00", "2026-11-25T17:45:00+00:00"),
        ("in an hour", "2026-11-25T17:30:00+00:00", "2026-11-25T17:30:00+00:00"),
        ("in 3 days", "2026-11-28T17:30:00", "2026-11-29T06:30:00"),
        ("today 18:00", "2026-11-25T18:00:00", "2026-11-26T18:00:00"),
        ("18:00", "2026-11-25T18:00:00", "2026-11-26T18:00:00"),
        ("17:30", "2026-11-26T17:30:00", "2026-11-26T17:30:00"),
        ("6am", "2026-11-26T06:00:00", "2026-11-27T06:00:00"),
        ("tomorrow 9am", "2026-11-26T09:00:00", "2026-11-27T09:00:00"),
        ("tomorrow at 9:30", "2026-11-26T09:30:00", "2026-11-27T09:30:00"),
        ("9:30 p.m. tomorrow", "2026-11-26T21:30:00", "2026-11-27T21:30:00"),
        ("tomorrow noon", "2026-11-26T12:00:00", "2026-11-27T12:00:00"),
        ("tonight 8pm", "2026-11-25T20:00:00", "2026-11-26T20:00:00"),
        ("monday 10:00", "2026-11-30T10:00:00", "2026-11-30T10:00:00"),
        ("wed 17:00", "2026-12-02T17:00:00", "2026-12-02T17:00:00"),
        ("Wednesday, 18:00", "2026-11-25T18:00:00", "2026-12-02T18:00:00"),
        ("9am on friday", "2026-11-27T09:00:00", "2026-11-27T09:00:00"),
        ("next friday 5pm", "2026-12-04T17:00:00", "2026-12-04T17:00:00"),
        ("12am tomorrow", "2026-11-26T00:00:00", "2026-11-27T00:00:00"),
        ("2031-01-05 09:00", "2031-01-05T09:00:00", "2031-01-05T09:00:00"),
        ("January 5, 2031 9:00 AM", "2031-01-05T09:00:00", "2031-01-05T09:00:00"),
        ("2031-01-05T09:00Z", "2031-01-05T09:00:00+00:00", "2031-01-05T09:00:00+00:00"),
    ],
)
def test_a_time_is_that_of_whoever_says_it(said, berlin, kiritimati):
    assert spoken(said, WEDNESDAY, "Europe/Berlin") == berlin
    assert spoken(said, WEDNESDAY, "Pacific/Kiritimati") == kiritimati


@pytest.mark.parametrize(
    "said",
    [
        *(
            "",
            "soon",
            "friday",
            "tomorrow",
            "monday 10",
            "monkey 10:00",
            "next week",
            "13pm",
            "0am",
            "24:00",
            "9",
            "9:60",
        ),
        *("03/04/2031 09:00", "in 2 moons", "in 9999h", "in 30 min 2 h", "in 5 min 30", "tonight 5am", "x" * 100),
    ],
)
def test_what_is_not_plain_is_left_alone(said):
    assert spoken(said, WEDNESDAY, "Europe/Berlin") is None


@pytest.mark.parametrize(
    ("now", "said", "zone", "instant", "code"),
    [
        ("2026-03-28T12:00Z", "tomorrow 2:30", "Europe/Berlin", "2026-03-29T01:30Z", "DST_GAP"),
        ("2026-10-24T12:00Z", "tomorrow 2:30am", "Europe/Berlin", "2026-10-25T00:30Z", "DST_OVERLAP"),
        ("2026-10-24T12:00Z", "in 1 day", "Europe/Berlin", "2026-10-25T13:00Z", None),
        ("2026-10-24T12:00Z", "in 24h", "Europe/Berlin", "2026-10-25T12:00Z", None),
        ("2026-11-25T03:00Z", "today 23:00", "America/Los_Angeles", "2026-11-25T07:00Z", None),
        ("2026-11-25T23:30Z", "today 18:00", "Asia/Kathmandu", "2026-11-26T12:15Z", None),
    ],
)
def test_a_day_is_the_one_there_and_clocks_may_change_in_it(now, said, zone, instant, code):
    written = spoken(said, datetime.fromisoformat(now), zone)
    found, warnings, faults = parse_when(written, zone)

    assert (found, faults) == (datetime.fromisoformat(instant), [])
    assert [warning["code"] for warning in warnings] == ([code] if code else [])


def test_without_a_zone_a_time_of_day_is_not_guessed():
    _, _, faults = parse_when(spoken("tomorrow 9am", WEDNESDAY, None), None)

    assert faults[0].problem == "has no offset"


PARTS = st.sampled_from(
    ["in ", "2", "h", "18:00", " ", "tomorrow", "monday", "next ", "at ", "9", "am", "today", ":", "and"]
)


@given(
    st.lists(PARTS, max_size=6).map("".join) | st.text(max_size=70),
    st.sampled_from(["UTC", "Asia/Kathmandu", None, "x"]),
)
def test_no_text_crashes_it_and_what_it_reads_is_a_time(said, zone):
    written = spoken(said, WEDNESDAY, zone)

    assert written is None or parse_when(written, "UTC")[0] is not None or parse_when(written, "UTC")[2]
