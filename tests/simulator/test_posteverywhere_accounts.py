"""Accounts of PostEverywhere: how they are told, and what becomes of them."""

import pytest

from bridge.simulator.posteverywhere import BLUESKY, INSTAGRAM, LINKEDIN, X

pytestmark = pytest.mark.anyio


async def health(pe, account_id):
    return await pe.read(f"/accounts/{account_id}/health")


async def brief(pe, account_id):
    told = (await pe.read("/accounts"))["accounts"]
    return next(one["health"] for one in told if one.get("account_id", one.get("id")) == account_id)


@pytest.mark.parametrize(
    ("fate", "listed", "endpoint", "reasons"),
    [
        ("expire", {"status": "expired", "can_post": False}, "broken", ["needs_reconnection", "token_expired"]),
        ("expire_soon", {"status": "healthy", "can_post": True}, "warning", ["token_expiring_soon"]),
        ("deactivate", {"status": "unhealthy", "can_post": False}, "broken", ["account_inactive"]),
        ("reconnect", {"status": "healthy", "can_post": True}, "healthy", []),
    ],
)
async def test_an_account_has_a_word_in_the_list_and_another_at_its_endpoint(pe, fate, listed, endpoint, reasons):
    getattr(pe.sim, fate)(X)
    assert await brief(pe, X) == listed
    told = await health(pe, X)
    assert (told["status"], told["can_post"], told["reasons"]) == (endpoint, listed["can_post"], reasons)


@pytest.mark.parametrize("options", [{"contract": "sdk"}])
@pytest.mark.parametrize(
    ("fate", "word"),
    [
        ("expire", "expired"),
        ("expire_soon", "expiring_critical"),
        ("deactivate", "api_error"),
        ("reconnect", "healthy"),
    ],
)
async def test_the_sdk_has_its_own_words(pe, fate, word):
    getattr(pe.sim, fate)(X)
    told = await brief(pe, X)
    assert (told.keys(), told["status"]) == ({"status", "message"}, word)
    assert (await pe.read("/accounts"))["total"] == 8


@pytest.mark.parametrize(
    ("word", "ids"),
    [("account_id", {"account_id": X}), ("id", {"id": X, "account_id": X}), ("string", {"id": str(X)})],
)
async def test_the_id_has_had_three_shapes(pe, word, ids):
    pe.sim.world.options.account_ids = word
    told = await pe.read(f"/accounts/{X}")
    assert {name: told[name] for name in ("id", "account_id") if name in told} == ids


async def test_a_token_near_its_end_dies_with_time(pe):
    pe.sim.expire_soon(X, days=2)
    pe.clock.advance(days=2)
    assert (await health(pe, X))["reasons"] == ["token_expired"]


async def test_a_removed_account_is_absent_and_404(pe):
    pe.sim.remove(X)
    assert X not in (await pe.read("/accounts"))["account_ids"]
    for path in (f"/accounts/{X}", f"/accounts/{X}/health", "/accounts/none"):
        answer = await pe.client.get(path)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")


async def test_the_health_endpoint_tells_what_happened_lately(pe):
    pe.sim.script(X, *[{"kind": "fail", "text": "No", "retries": 0}] * 3)
    for number in range(3):
        await pe.created(X, content=f"Bad {number}")
    pe.sim.tick(2)
    await pe.created(X)
    told = await health(pe, X)
    assert (told["status"], told["can_post"]) == ("warning", True)
    assert told["reasons"] == ["recent_permanent_failures"]
    counts = {"failures_last_7d": 3, "permanent_failures_last_7d": 3, "queued_count": 1}
    assert counts.items() <= told["activity"].items()
    pe.clock.advance(days=8)
    assert (await health(pe, X))["activity"]["failures_last_7d"] == 0


async def test_a_reconnect_link_repairs_in_place_for_ten_minutes_and_once(pe):
    pe.sim.expire(LINKEDIN)
    links = [(await pe.client.post(f"/accounts/{LINKEDIN}/reconnect")).json()["data"] for _ in range(2)]
    assert (links[0]["account_id"], links[0]["expires_in"]) == (LINKEDIN, 600)
    assert (await pe.client.get(links[0]["authorization_url"])).text == "Connected My Brand Inc.."
    assert (await health(pe, LINKEDIN))["can_post"]
    assert (await pe.client.get(links[0]["authorization_url"])).status_code == 410
    pe.clock.advance(minutes=10)
    assert (await pe.client.get(links[1]["authorization_url"])).status_code == 410


async def test_links_are_for_platforms_with_a_sign_in(pe):
    assert (await pe.client.post(f"/accounts/{BLUESKY}/reconnect")).status_code == 409
    good = await pe.client.post("/accounts/connect-link", json={"platform": "tiktok"})
    assert good.json()["data"]["url"].startswith("http://simulator/_authorize/")
    assert (await pe.client.post("/accounts/connect-link", json={"platform": "discord"})).status_code == 400


async def test_a_word_nobody_knows_can_be_shown(pe):
    await pe.control(f"/accounts/{INSTAGRAM}/word", {"word": "wobbly"})
    assert (await brief(pe, INSTAGRAM))["status"] == "wobbly"
