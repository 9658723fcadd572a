"""Rows over time: the longest span that the rows tell all of."""

from datetime import UTC, datetime, timedelta

from bridge.web.console._over_time import over_time

NOW = datetime(2025, 1, 20, 12, 30, tzinfo=UTC)


def rows(*minutes):
    return [(NOW - timedelta(minutes=ago)).isoformat().replace("+00:00", "Z") for ago in minutes]


def test_all_of_a_day_is_counted_by_the_hour():
    drawn = over_time(rows(1, 31, 59, 60 * 23, 60 * 24), NOW, whole=True)

    assert (drawn.span, drawn.sum, len(drawn.counts)) == ("24 hours", 4, 24)
    assert (drawn.counts[0], drawn.counts[-2:]) == (1, [2, 1])


def test_a_list_that_goes_on_is_counted_as_far_back_as_it_goes():
    assert over_time(rows(1, 130), NOW, whole=False).span == "2 hours"
    assert over_time(rows(1, 30), NOW, whole=False).span == "24 minutes"
    assert over_time(rows(1, 20), NOW, whole=False) is None


def test_nothing_is_a_flat_line():
    assert over_time([], NOW, whole=True).counts == [0] * 24
