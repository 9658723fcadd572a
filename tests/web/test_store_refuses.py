"""Whatever would be written is answered 503 while the database takes no writes, with when to come again."""

from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from bridge.store._group import Operation
from bridge.store._sql import Unit
from tests.web.room import Room, problem

pytestmark = pytest.mark.anyio

ENDPOINT = {"name": "new", "url": "https://new.example.com/hook", "events": ["post.posted"]}


async def take_no_writes(room: Room) -> None:
    def refuse(unit: Unit, items: Sequence[int]) -> list[int]:
        unit.connection.exec_driver_sql("PRAGMA query_only = ON")
        return list(items)

    await room.web.store._group.submit(Operation(refuse), [0])  # type: ignore[attr-defined]  # It is the SQL store.


async def known(room: Room) -> dict[str, str]:
    """Make what the paths below speak of, and return their ids."""
    waits, gone = [(await room.publish(caption=caption)).json() for caption in ("waits", "gone")]
    await room.call("DELETE", f"/v1/posts/{gone['posts'][0]['id']}")
    await room.call("POST", "/v1/endpoints", "admin", json=ENDPOINT | {"name": "mine"})
    subscribed = {"target_url": "https://hooks.zapier.com/hooks/standard/1/x/", "event": "post.posted"}
    subscription = (await room.call("POST", "/v1/subscriptions", json=subscribed)).json()
    await room.lose_account()
    parked = (await room.publish(caption="parked")).json()
    await room.fail_deliveries()
    room.clock.advance(minutes=1)
    delivery = (await room.get("/v1/deliveries"))["items"][0]
    job = await room.call("POST", "/v1/deliveries/replay", "admin", json={"endpoint": "ops", "state": "dead"})
    return {
        "waits": waits["posts"][0]["id"],
        "gone": gone["event_id"],
        "parked": parked["posts"][0]["id"],
        "subscription": subscription["id"],
        "delivery": delivery["id"],
        "job": job.json()["id"],
    }


WRITES = [
    ("PATCH", "/v1/posts/{waits}", {"caption": "other"}),
    ("DELETE", "/v1/posts/{waits}", None),
    ("POST", "/v1/posts/{parked}/send", None),
    ("POST", "/v1/posts/{parked}/drop", None),
    ("POST", "/v1/endpoints", ENDPOINT),
    ("PATCH", "/v1/endpoints/mine", {"description": "other"}),
    ("DELETE", "/v1/endpoints/mine", None),
    ("POST", "/v1/endpoints/mine/disable", None),
    ("POST", "/v1/endpoints/mine/rotate-secret", None),
    ("POST", "/v1/endpoints/mine/test", None),
    ("POST", "/v1/subscriptions", {"target_url": "https://hooks.zapier.com/2/", "event": "post.failed"}),
    ("DELETE", "/v1/subscriptions/{subscription}", None),
    ("POST", "/v1/deliveries/{delivery}/replay", None),
    ("POST", "/v1/deliveries/replay", {"endpoint": "ops", "state": "dead"}),
    ("DELETE", "/v1/replays/{job}", None),
    ("DELETE", "/v1/subjects/{gone}", None),
]


async def test_every_route_that_writes_says_when_to_come_again(room: Room) -> None:
    ids = await known(room)
    await take_no_writes(room)
    for method, path, body in WRITES:
        token = "zapier" if "posts" in path or "subscriptions" in path else "admin"
        answer = await room.call(method, path.format_map(ids), token, **({"json": body} if body else {}))
        assert (path, answer.status_code) == (path, 503), answer.text
        assert "again later" in problem(answer, 503, "storage_unavailable")["detail"]
        assert answer.headers["retry-after"] == "5"
    counted = f'bridge_storage_errors_total{{kind="error"}} {len(WRITES)}.0'
    assert counted in room.web.metrics.render().decode()


async def test_an_event_that_is_not_stored_is_told_logged_and_counted(room: Room) -> None:
    await take_no_writes(room)
    with capture_logs() as lines:
        answer = await room.publish()
    problem(answer, 503, "storage_unavailable")
    assert answer.headers["retry-after"] == "5"
    [line] = [line for line in lines if line["event"] == "event.not_stored"]
    assert line["error"] == "the database refused: attempt to write a readonly database"
    assert 'bridge_storage_errors_total{kind="error"} 1.0' in room.web.metrics.render().decode()
