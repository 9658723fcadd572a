"""The vendor's documented examples, played against the simulator; the files in samples/ say where they come from."""

import json
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.genviral import INSTAGRAM, TIKTOK, TIKTOK_HOSTED, YOUTUBE, X

pytestmark = pytest.mark.anyio
SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read the request and the response body of a published example."""
    text = json.loads((SAMPLES / f"genviral-{name}.json").read_text())
    return text.get("request", {}), text.get("response", {}).get("body", {})


def seed(partner, post: dict[str, Any]) -> None:
    content = {name: post[name] for name in ("media", "music_url", "tiktok", "pinterest") if name in post}
    times = {name: post[name] for name in ("scheduled_at", "created_at")}
    rows = post["accounts"]["states"]
    partner.sim.seed_post(post["status"], id=post["id"], caption=post["caption"], rows=rows, **times, **content)


@pytest.mark.parametrize("contract", ["v1"])
async def test_v1_create_example_is_answered_word_for_word(partner):
    request, expected = sample("01-create-video-v1")
    answer = await partner.client.post("/posts", json=request["body"])
    assert (answer.status_code, answer.json()) == (201, expected)


@pytest.mark.parametrize("contract", ["v1", "v3"])
async def test_slideshow_example_is_taken_by_both_contracts(partner):
    request, _ = sample("02-create-slideshow-v1")
    answer = await partner.client.post("/posts", json=request["body"])
    assert (answer.status_code, answer.json()["data"]["status"]) == (201, "scheduled")


async def test_v3_refuses_the_v1_example_for_its_music_on_instagram(partner):
    request, _ = sample("01-create-video-v1")
    answer = await partner.client.post("/posts", json=request["body"])
    assert (answer.status_code, answer.json()["error_code"]) == (400, "validation_failed")


@pytest.mark.parametrize(("contract", "name"), [("v3", "03-get-post-v2"), ("v1", "04-get-post-v1")])
async def test_get_example_is_answered_word_for_word(partner, name):
    request, expected = sample(name)
    seed(partner, expected["data"])
    answer = await partner.client.get(request["path"].removeprefix("/api/partner/v1"))
    assert answer.json() == expected


async def test_update_example_is_answered_but_for_its_stray_warning(partner):
    request, expected = sample("05-update-v3")
    post_id = expected["data"]["id"]
    partner.sim.seed_post("scheduled", id=post_id, accounts=[X])
    answer = (await partner.client.patch(f"/posts/{post_id}", json=request["body"])).json()
    assert answer | {"data": answer["data"] | {"warnings": expected["data"]["warnings"]}} == expected


@pytest.mark.parametrize("contract", ["v1"])
async def test_retry_example_is_answered_when_its_third_id_is_sent_too(partner):
    request, expected = sample("06-retry-partial")
    for post_id in request["body"]["post_ids"]:
        partner.sim.seed_post("failed", id=post_id, accounts=[TIKTOK_HOSTED])
    partner.sim.seed_post("posted", id="post_xyz999", accounts=[TIKTOK_HOSTED])
    request["body"]["post_ids"].append("post_xyz999")
    assert (await partner.client.post("/posts/retry", json=request["body"])).json() == expected


@pytest.mark.parametrize("contract", ["v1"])
async def test_list_example_shows_the_post_as_published(partner):
    _, expected = sample("07-list-posts-v1")
    for post in expected["data"]["posts"]:
        seed(partner, post)
    answer = (await partner.client.get("/posts")).json()
    assert answer["data"]["posts"] == expected["data"]["posts"]
    assert answer["data"]["summary"].keys() == expected["data"]["summary"].keys()


@pytest.mark.parametrize("contract", ["v1"])
async def test_accounts_example_is_answered_word_for_word(partner):
    _, expected = sample("09-accounts-v1")
    for account_id in (TIKTOK, YOUTUBE, X):
        partner.sim.world.set_account_status(account_id, "paused")
    assert (await partner.client.get("/accounts")).json() == expected
    assert [one["id"] for one in expected["data"]["accounts"]] == [INSTAGRAM, TIKTOK_HOSTED]


async def test_unknown_key_example_is_answered_word_for_word(partner):
    _, expected = sample("11-error-401")
    answer = await partner.client.get("/accounts", headers={"authorization": "Bearer gva_live_none.none"})
    assert (answer.status_code, answer.json()) == (401, expected)


async def test_delete_example_is_answered_word_for_word(partner):
    request, expected = sample("13-delete-shape")
    for post_id, status in zip(request["body"]["postIds"], ("scheduled", "posted"), strict=True):
        partner.sim.seed_post(status, id=post_id, accounts=[TIKTOK])
    assert (await partner.client.post("/posts/delete", json=request["body"])).json() == expected
