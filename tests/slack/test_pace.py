"""Turns: one message a second and channel."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.core.slack.pace import PATIENCE, SCHEDULE_S, Pace

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def waits(pace: Pace, channel: str, count: int, now: datetime = NOON) -> list[float]:
    return [pace.take(channel, now).total_seconds() for _ in range(count)]


def test_who_asks_together_goes_one_a_second() -> None:
    assert waits(Pace(), "C1", 5) == [0, 1, 2, 3, 4]


def test_who_would_wait_long_is_told_to_come_back_one_after_the_other() -> None:
    assert waits(Pace(), "C1", 9)[5:] == [5, 6, 7, 8]


def test_channels_do_not_wait_for_each_other() -> None:
    pace = Pace()
    waits(pace, "C1", 40)
    assert waits(pace, "C2", 1) == [0]


def test_whoever_comes_back_when_told_to_has_a_turn() -> None:
    pace = Pace()
    told = waits(pace, "C1", 20)[5:]
    again = [pace.take("C1", NOON + timedelta(seconds=wait)) for wait in told]
    assert max(again) < PATIENCE
    assert again == [timedelta()] * 15


def test_a_channel_that_asks_for_it_is_left_alone_for_so_long() -> None:
    pace = Pace()
    assert pace.pause("C1", timedelta(seconds=30), NOON) == timedelta(seconds=30)
    assert waits(pace, "C1", 3) == [30, 31, 32]
    assert waits(pace, "C2", 1) == [0]
    assert waits(pace, "C1", 2, NOON + timedelta(seconds=30)) == [0, 1]


@pytest.mark.parametrize(("asked", "wait"), [(None, 30), (0, 1), (86_400, 600)])
def test_how_long_a_channel_is_left_alone_is_sensible(asked: int | None, wait: int) -> None:
    told = timedelta(seconds=asked) if asked is not None else None
    assert Pace().pause("C1", told, NOON) == timedelta(seconds=wait)


def test_what_is_told_again_is_told_for_about_a_day() -> None:
    assert timedelta(hours=20) < timedelta(seconds=sum(SCHEDULE_S)) < timedelta(hours=26)
    # While a `response_url` still takes answers there are six tries.
    assert sum(SCHEDULE_S[:6]) < 29 * 60


def test_a_clock_that_is_put_back_stops_nobody() -> None:
    pace = Pace()
    waits(pace, "C1", 9)
    assert waits(pace, "C1", 1, NOON - timedelta(hours=1)) == [0]


def test_channels_of_long_ago_are_forgotten() -> None:
    pace = Pace()
    for number in range(1_001):
        pace.take(f"C{number}", NOON)
    pace.take("C1", NOON + timedelta(hours=1))
    assert len(pace._free) == 1
