"""Who may call: keys, plans, scopes; and how accounts come and go."""

import pytest
from starlette.datastructures import Secret

from bridge.simulator.genviral import DEMO_TOKEN, INSTAGRAM, TIKTOK, TIKTOK_HOSTED, Account, Key, X

pytestmark = pytest.mark.anyio
PERSONAL = "gva_live_personal.secret"


def demo_key(partner):
    return partner.sim.world.keys[DEMO_TOKEN]


async def listed(partner, **more):
    return [one["id"] for one in (await partner.client.get("/accounts", **more)).json()["data"]["accounts"]]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer gva_live_demo.wrong", f"Basic {DEMO_TOKEN}"])
async def test_a_missing_or_malformed_key_is_401_everywhere(partner, header):
    for method, path in (("GET", "/accounts"), ("POST", "/posts"), ("GET", "/posts/p"), ("PATCH", "/posts/p")):
        answer = await partner.client.request(method, path, headers={"authorization": header})
        assert (answer.status_code, answer.json()["error_code"]) == (401, "invalid_token")


async def test_a_revoked_key_is_401(partner):
    demo_key(partner).active = False
    assert (await partner.client.get("/accounts")).status_code == 401


@pytest.mark.parametrize(
    ("contract", "plan", "status", "code"),
    [
        ("v3", "lapsed", 402, "subscription_required"),
        ("v3", "scheduler", 403, "tier_not_allowed"),
        ("v1", "lapsed", 403, "subscription_required"),
    ],
)
async def test_a_plan_that_does_not_allow_it_closes_every_call_but_the_subscription(partner, plan, status, code):
    demo_key(partner).plan = plan
    answer = await partner.client.get("/posts")
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert (await partner.client.get("/subscription")).status_code == 200


async def test_hosted_tiktok_needs_its_own_subscription(partner):
    demo_key(partner).tiktok_subscription = False
    answer = await partner.create(TIKTOK_HOSTED)
    assert (answer.status_code, answer.json()["error_code"]) == (403, "subscription_required")
    assert (await partner.create(TIKTOK)).status_code == 201


async def test_a_personal_key_sees_only_its_own(partner):
    world = partner.sim.world
    key = Key(Secret(PERSONAL), "personal", owner_user_id="u1")
    world.add_key(key)
    world.accounts["mine"] = Account("mine", "x", scope_id=key.scope_id)
    post_id = await partner.created()
    headers = {"authorization": f"Bearer {PERSONAL}"}
    data = (await partner.client.get("/accounts", headers=headers)).json()["data"]
    assert (data["scope"], data["workspace_id"], [one["id"] for one in data["accounts"]]) == (
        "personal",
        None,
        ["mine"],
    )
    assert (await partner.client.get(f"/posts/{post_id}", headers=headers)).status_code == 404
    assert "mine" not in await listed(partner)


async def test_a_paused_account_is_not_listed_and_cannot_be_posted_to_until_it_is_back(partner):
    partner.sim.world.set_account_status(INSTAGRAM, "revoked")
    assert INSTAGRAM not in await listed(partner)
    assert (await partner.create(INSTAGRAM)).json()["error_code"] == "unknown_accounts"
    partner.sim.world.reconnect(INSTAGRAM)
    assert (await partner.create(INSTAGRAM)).status_code == 201


async def test_an_account_may_come_back_under_another_id(partner):
    fresh = "22222222-2222-4222-8222-222222222222"
    partner.sim.world.reconnect(INSTAGRAM, new_id=fresh)
    ids = await listed(partner)
    assert (INSTAGRAM in ids, fresh in ids) == (False, True)
    assert partner.sim.world.accounts[fresh].username == "brandhq"


async def test_capabilities_are_shown_if_the_account_advertises_any(partner):
    partner.sim.world.accounts[TIKTOK].kinds = None
    shown = {one["id"]: one for one in (await partner.client.get("/accounts")).json()["data"]["accounts"]}
    assert shown[X]["capabilities"]["supported_content_kinds"] == ["text_only", "video", "slideshow"]
    assert "capabilities" not in shown[TIKTOK]
