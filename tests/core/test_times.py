"""Wall-clock times: what a person writes becomes the instant that they mean, on the days that clocks change too."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.times import loosely, parse_when, sortable, spread, zone

ZONES = (
    *("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia"),
    *("Africa/Casablanca", "America/St_Johns", "Antarctica/Troll", "UTC"),
)
WALL = {"min_value": datetime.fromisoformat("1975-01-01"), "max_value": datetime.fromisoformat("2037-01-01")}


@pytest.mark.parametrize(
    ("text", "timezone", "instant", "code"),
    [
        ("2026-03-01T17:00:00Z", None, "2026-03-01T17:00", None),
        (" 2026-03-01 17:00+02:00 ", None, "2026-03-01T15:00", None),
        ("2026-03-01T17:00-05:00", "Europe/Berlin", "2026-03-01T22:00", None),
        ("2026-03-01T17:00", "Europe/Berlin", "2026-03-01T16:00", None),
        ("20260301T1700", "Asia/Kathmandu", "2026-03-01T11:15", None),
        ("2026-03-29T02:30", "Europe/Berlin", "2026-03-29T01:30", "DST_GAP"),
        ("2026-10-25T02:30", "Europe/Berlin", "2026-10-25T00:30", "DST_OVERLAP"),
        ("2026-10-25T03:00", "Europe/Berlin", "2026-10-25T02:00", None),
        ("2026-03-08T02:00", "America/New_York", "2026-03-08T07:00", "DST_GAP"),
        ("2026-10-04T02:15", "Australia/Lord_Howe", "2026-10-03T15:45", "DST_GAP"),
        ("2011-12-30T12:00", "Pacific/Apia", "2011-12-30T22:00", "DST_GAP"),
        # As posteverywhere/n8n-nodes-posteverywhere tests it: the API reads a time without offset as UTC.
        ("2026-10-01T09:30:00", "America/New_York", "2026-10-01T13:30", None),
        ("2026-12-01T09:30:00", "America/New_York", "2026-12-01T14:30", None),
        ("2026-10-01T09:30:00", "Europe/London", "2026-10-01T08:30", None),
        ("2026-10-01T09:30:00", "Asia/Jakarta", "2026-10-01T02:30", None),
    ],
)
def test_a_time_means_one_instant(text, timezone, instant, code):
    found, warnings, faults = parse_when(text, timezone)

    assert (found, faults) == (datetime.fromisoformat(instant).replace(tzinfo=UTC), [])
    assert [warning["code"] for warning in warnings] == ([code] if code else [])


@pytest.mark.parametrize(
    ("text", "timezone", "field", "problem"),
    [
        ("tomorrow", None, "scheduled_at", "'tomorrow' is not a date and time"),
        ("2026-13-01T00:00Z", None, "scheduled_at", "'2026-13-01T00:00Z' is not a date and time"),
        ("03/04/2031 09:00", "UTC", "scheduled_at", "'03/04/2031 09:00' may mean two dates"),
        ("2026-03-01", "Europe/Berlin", "scheduled_at", "'2026-03-01' has no time of day"),
        ("2026-03-01T17:00", None, "scheduled_at", "has no offset"),
        ("2026-03-01T17:00", "Europe/Entenhausen", "timezone", "'Europe/Entenhausen' is not an IANA zone"),
        ("9999-12-31T23:59-10:00", None, "scheduled_at", "'9999-12-31T23:59-10:00' is out of range"),
        ("9999-12-31T23:59", "America/New_York", "scheduled_at", "is out of range"),
        ("0001-01-01T00:00", "Asia/Kathmandu", "scheduled_at", "is out of range"),
    ],
)
def test_a_time_that_says_too_little_is_a_fault(text, timezone, field, problem):
    found, warnings, [fault] = parse_when(text, timezone)

    assert (found, warnings, fault.field, fault.problem) == (None, [], field, problem)
    assert fault.remedy


@pytest.mark.parametrize(
    ("written", "iso"),
    [
        ("2031-01-05T09:00:00-05:00", "2031-01-05T09:00:00-05:00"),
        ("2031-01-05T09:00:00.000+0000", "2031-01-05T09:00:00+00:00"),
        (" 2031-01-05  09:00 ", "2031-01-05T09:00:00"),
        ("20310105T0900Z", "2031-01-05T09:00:00+00:00"),
        ("2023-03-06 04:44:05 UTC", "2023-03-06T04:44:05+00:00"),
        ("2023-03-06 04:44:05 +0100", "2023-03-06T04:44:05+0100"),
        ("Sun, 05 Jan 2031 09:00:00 GMT", "2031-01-05T09:00:00+00:00"),
        ("Sun, 05 Jan 2031 09:00:00 EST", "2031-01-05T09:00:00-05:00"),
        ("5 Jan 2031 09:00 +0130", "2031-01-05T09:00:00+01:30"),
        ("1924938000", "2030-12-31T09:00:00+00:00"),
        ("1924938000.5", "2030-12-31T09:00:00.500000+00:00"),
        ("1924938000000", "2030-12-31T09:00:00+00:00"),
        ("January 5, 2031 9:00 AM", "2031-01-05T09:00:00"),
        ("Sunday, Jan 5th, 2031 at 9:30 p.m.", "2031-01-05T21:30:00"),
        ("5 January 2031 9:00 PM", "2031-01-05T21:00:00"),
        ("5 January 2031 9pm GMT", "2031-01-05T21:00:00+00:00"),
        ("5.1.2031 09:00", "2031-01-05T09:00:00"),
        ("2031/1/5 9:00", "2031-01-05T09:00:00"),
        ("13/04/2031 09:00", "2031-04-13T09:00:00"),
        ("04/13/2031 9:00:30 pm", "2031-04-13T21:00:30"),
        ("04-04-2031 09:00", "2031-04-04T09:00:00"),
        ("03/04/2031 09:00", None),
        ("3/04/2031 9 am", None),
        ("45/45/2031 09:00", None),
        ("31 Feb 2031 09:00 GMT", None),
        ("5 Jan 2031 09:00 +9999", None),
        ("2031-01-05", None),
        ("20310105", None),
        ("tomorrow", None),
        ("", None),
        ("2031-01-05 09:00" + " " * 9 + "x" * 60, None),
    ],
)
def test_a_time_that_people_or_tools_write_is_read_when_it_is_plain(written, iso):
    assert loosely(written) == iso


@given(
    st.text(max_size=70) | st.integers(0, 10**15).map(str) | st.dates().map(lambda day: day.strftime("%d/%m/%Y 9:00"))
)
def test_what_is_read_loosely_is_read_strictly(written):
    iso = loosely(written)

    assert iso is None or not parse_when(iso, "UTC")[2] or "out of range" in parse_when(iso, "UTC")[2][0].problem


@given(st.datetimes(**WALL), st.sampled_from(["%Y-%m-%d %H:%M", "%B %d, %Y %I:%M %p"]))
def test_a_time_survives_being_written_as_people_do(moment, form):
    moment = moment.replace(second=0, microsecond=0)

    assert loosely(moment.strftime(form)) == moment.isoformat()


@pytest.mark.parametrize("name", ["", "Europe", "a\0b", "../etc/passwd", "/etc/localtime", "x" * 500, "tzdata.zi", "É"])
def test_no_name_of_a_zone_does_harm(name):
    assert zone(name) is None


@given(st.text(max_size=40), st.none() | st.text(max_size=20) | st.sampled_from(ZONES))
def test_no_text_crashes(text, timezone):
    found, _, faults = parse_when(text, timezone)

    assert (found is None) == bool(faults)


@given(st.datetimes(**WALL), st.sampled_from(ZONES))
def test_a_local_time_keeps_its_meaning(local, name):
    """Either it reads the same in its zone, or it was in a gap: then it moves later, by what the clocks skip."""
    place = ZoneInfo(name)
    found, warnings, _ = parse_when(local.isoformat(), name)
    back = found.astimezone(place).replace(tzinfo=None)
    earlier = [found - timedelta(minutes=step) for step in (30, 60, 120, 180)]

    gap = [warning["code"] for warning in warnings] == ["DST_GAP"]
    assert back > local if gap else back == local
    assert all(at.astimezone(place).replace(tzinfo=None) != local for at in earlier)


@given(st.integers(1975, 2036), st.sampled_from(ZONES), st.integers(0, 24 * 60))
def test_around_every_change_of_the_clocks_a_warning_tells_of_what_is_strange(year, name, minute):
    place, hour = ZoneInfo(name), timedelta(hours=1)
    start = datetime(year, 1, 1, tzinfo=UTC)
    hours = [start + hour * n for n in range(0, 366 * 24, 6)]
    shifts = [a for a, b in pairwise(hours) if _offset(a, place) != _offset(b, place)]
    for shift in shifts[:2]:
        local = (shift + timedelta(minutes=minute)).astimezone(place).replace(tzinfo=None, fold=0)
        ways = {local.replace(tzinfo=place, fold=fold).astimezone(UTC) for fold in (0, 1)}
        real = [at for at in ways if at.astimezone(place).replace(tzinfo=None) == local]
        _, warnings, _ = parse_when(local.isoformat(), name)
        assert [warning["code"] for warning in warnings] == {0: ["DST_GAP"], 1: [], 2: ["DST_OVERLAP"]}[len(real)]


def _offset(at: datetime, place: ZoneInfo) -> timedelta | None:
    return at.astimezone(place).utcoffset()


@given(
    st.lists(st.datetimes(**WALL), min_size=2, max_size=2),
    st.binary(min_size=8, max_size=8),
)
def test_ids_sort_by_time(moments, entropy):
    early, late = sorted(moment.replace(tzinfo=UTC) for moment in moments)
    first, second = sortable("evt", early, entropy), sortable("evt", late, entropy)

    assert first <= second
    assert len(first) == len("evt_") + 12 + 16


@given(st.floats(0, 1), st.floats(0, 1, exclude_max=True))
def test_chance_only_lengthens(share, chance):
    delay = timedelta(minutes=5)

    assert delay <= spread(delay, share, chance) <= delay * (1 + share)
