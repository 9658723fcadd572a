"""Posts that were made elsewhere, over HTTP: found by their source, and shown like any other."""

import pytest

from bridge.core.model import PostState, Snapshot, Stranger, TargetSnapshot, TargetState
from bridge.core.rules import RetryRules, WatchRules
from bridge.flows.adopt import Adopter
from bridge.simulator.genviral import TIKTOK, X
from tests.web.room import problem

pytestmark = pytest.mark.anyio


async def adopt(room, name, account=TIKTOK):
    kit = room.web.ingest.kit
    row = TargetSnapshot(account, TargetState.WAITING, "scheduled")
    shown = Snapshot(name, room.clock(), PostState.SCHEDULED, "scheduled", (row,))
    adopter = Adopter(kit, WatchRules(), RetryRules())
    assert await adopter.adopt(kit.partners["genviral"], [Stranger(shown, {"caption": f"by hand: {name}"})])


async def test_they_are_found_by_their_source_and_by_the_partners_id(room):
    await room.publish()
    await adopt(room, "p1")

    [listed] = (await room.get("/v1/posts?source=adopted"))["items"]
    shown = await room.get("/v1/posts/genviral:p1")
    assert (listed["id"], shown["content"]["caption"]) == (shown["id"], "by hand: p1")
    assert (shown["accounts"], shown["commands"]) == (["brand-tiktok"], [])
    assert "post.scheduled" in [entry.get("type") for entry in shown["timeline"]]


async def test_the_event_that_stands_for_their_coming_is_shown(room):
    await adopt(room, "p1")

    [event] = (await room.get("/v1/events?source=adopted&intent=adopt"))["items"]
    whole = await room.get(f"/v1/events/{event['id']}", "admin")
    assert (event["verified"]["by"], whole["status"], whole["request"]) == ("adopted", "scheduled", {})


async def test_a_restricted_token_sees_only_those_on_its_accounts(room):
    await adopt(room, "p1")
    await adopt(room, "p2", X)

    assert [one["partner_id"] for one in (await room.get("/v1/posts?source=adopted", "brand"))["items"]] == ["p1"]
    problem(await room.call("GET", "/v1/posts/genviral:p2", "brand"), 404, "no_such_post")


async def test_a_person_may_cancel_one(room):
    await adopt(room, "p1")

    answer = await room.call("DELETE", "/v1/posts/genviral:p1")
    assert (answer.status_code, answer.json()["command"]["kind"]) == (202, "cancel")
