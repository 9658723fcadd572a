"""The vendor's own example bodies, unchanged, through our HTTP routes and on to the partner."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.core.model import Post, PostState, Target, Write
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, TIKTOK_HOSTED, X
from tests.web.room import NOW, Room

pytestmark = pytest.mark.anyio
SAMPLES = Path(__file__).parent.parent / "partners" / "samples"
UPDATED = "11111111-1111-1111-1111-111111111111"


def example(name: str) -> Any:
    """A request body as the vendor published it; its origin stands in the file."""
    return orjson.loads((SAMPLES / f"{name}.json").read_bytes())["request"]["body"]


async def test_the_video_example_goes_to_both_accounts_with_music_for_tiktok_only(room: Room) -> None:
    body = example("create-video")
    answer = await room.call("POST", "/v1/publish", json=body)
    assert (answer.status_code, len(answer.json()["posts"])) == (202, 2)
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["TIKTOK_ONLY"]
    await room.work()
    made = {post.rows[0].account_id: post for post in room.sim.world.posts.values()}
    assert {account: post.content.get("music_url") for account, post in made.items()} == {
        TIKTOK_HOSTED: body["music_url"],
        INSTAGRAM: None,
    }
    assert {post.status for post in made.values()} == {"scheduled"}
    assert {post.caption for post in made.values()} == {body["caption"]}


async def test_the_slideshow_example_is_scheduled_with_its_images_in_order(room: Room) -> None:
    body = example("create-slideshow")
    post = await room.published(**body)
    assert (post["state"], post["scheduled_at"]) == ("scheduled", body["scheduled_at"])
    [made] = room.sim.world.posts.values()
    assert (made.caption, made.content["media"], made.external_id) == (
        body["caption"],
        body["media"],
        body["external_id"],
    )
    assert [row.account_id for row in made.rows] == [TIKTOK]


async def test_the_update_example_changes_a_scheduled_post(room: Room) -> None:
    room.sim.seed_post("scheduled", id=UPDATED, accounts=[X])
    target = Target(X, "other-x", "x")
    ours = Post("post_1", "evt_1", "genviral", "ours-1", "api", {"caption": "Old"}, (target,), NOW, NOW, NOW)
    ours = replace(ours, partner_id=UPDATED, state=PostState.SCHEDULED)
    assert await room.web.store.record([Write(posts=(ours,))]) == [True]
    answer = await room.call("PATCH", f"/v1/posts/genviral:{UPDATED}", json=example("update-post"))
    assert answer.status_code == 202, answer.text
    await room.work()
    changed = room.sim.world.posts[UPDATED]
    assert changed.caption == "Updated caption"
    assert (changed.content.get("media"), changed.content.get("music_url")) == (None, None)
    post = await room.get("/v1/posts/post_1")
    assert (post["state"], post["scheduled_at"]) == ("scheduled", "2025-03-01T17:00:00Z")
