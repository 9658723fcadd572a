"""Tallies: counted by outcome, taken once, and counted again when they could not be stored."""

from datetime import UTC, datetime

from bridge.core.tallies import Tally, Tallying, added_up

AT = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)
MINUTE = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)


def test_what_is_taken_is_of_the_minute_and_is_taken_once() -> None:
    counted = Tallying()
    counted.add("events", "accepted")
    counted.add("events", "accepted", 2)

    taken = counted.take(AT)

    assert taken == [Tally(MINUTE, "events", "accepted", 3)]
    assert counted.take(AT) == []
    counted.put_back(taken)
    assert counted.take(AT) == taken


def test_tallies_of_one_minute_are_one() -> None:
    one, other = Tally(MINUTE, "posts", "failed", 1), Tally(MINUTE, "events", "accepted", 1)

    assert added_up([one, other, one]) == [other, Tally(MINUTE, "posts", "failed", 2)]
