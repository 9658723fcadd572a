"""What goes on in numbers, and how each source fares."""

from datetime import timedelta

import pytest

from bridge.core.tallies import Tally
from tests.web.room import NOW

pytestmark = pytest.mark.anyio


async def flush(room):
    await room.web.store.desk.tally(room.web.metrics.counted.take(room.clock()))


async def test_the_last_hour_is_told_by_the_minute(room):
    await room.publish()
    await room.publish(accounts=["nobody"])
    await flush(room)
    room.clock.advance(minutes=1)
    ago = NOW - timedelta(minutes=58)
    old = Tally(NOW - timedelta(minutes=59), "posts", "posted", 7)
    await room.web.store.desk.tally([Tally(ago, "posts", "posted", 5), Tally(ago, "deliveries", "later", 2), old])

    numbers = await room.get("/v1/numbers")

    minutes = {row.pop("at"): row for row in numbers["minutes"]}
    assert len(minutes) == 60
    assert list(minutes)[-1] == "2025-01-20T12:01:00Z"
    at_first, last_but_one = minutes["2025-01-20T11:02:00Z"], minutes["2025-01-20T12:00:00Z"]
    assert (at_first["published"], at_first["undelivered"], at_first["events"]) == (5, 2, 0)
    assert (last_but_one["events"], last_but_one["refused"]) == (1, 1)


async def test_what_waits_is_told_with_since_when(room):
    await room.publish()

    numbers = await room.get("/v1/numbers")

    assert numbers["backlog"]["commands"] == {"count": 1, "oldest_at": "2025-01-20T12:00:00Z"}
    assert numbers["backlog"]["dead_letters"] == {"count": 0, "oldest_at": None}
    assert (numbers["causes"], numbers["posts"]) == (0, {"accepted": 1})
    assert numbers["endpoints"] == {"enabled": 1, "failing": 0, "held": 0, "disabled": 0}


async def test_a_source_says_where_it_takes_events_and_what_came_last(room):
    made = (await room.publish()).json()
    await room.call("POST", "/v1/publish", None, json={})
    await flush(room)

    [source] = (await room.get("/v1/sources"))["items"]

    assert (source["name"], source["path"]) == ("api", "/v1/publish")
    assert source["url"] == "https://bridge.example.com/v1/publish"
    assert "bearer token" in source["verified_by"]
    assert (source["last_event"]["id"], source["last_event"]["status"]) == (made["event_id"], "accepted")
    assert (source["events"], source["refused"]) == ({"accepted": 1, "unauthorized": 1}, {"no_token": 1})


async def test_what_others_sent_last_is_not_for_everybody(room):
    await room.publish(accounts=["other-x"])
    await flush(room)

    [source] = (await room.get("/v1/sources", "brand"))["items"]

    assert (source["last_event"], source["last_at"]) == (None, "2025-01-20T12:00:00Z")
