"""The control API: what a script outside the process can see and move."""

import pytest

from bridge.simulator.genviral import INSTAGRAM, TIKTOK

pytestmark = pytest.mark.anyio
CONTROL = "http://simulator/_control"


async def post(partner, path, body=None):
    return await partner.client.post(CONTROL + path, json=body or {})


async def test_state_shows_everything_but_secrets(partner):
    await partner.created(external_id="order-1")
    partner.sim.script(TIKTOK, "ok")
    partner.sim.fault("slow")
    answer = await partner.client.get(f"{CONTROL}/state")
    state = answer.json()
    assert [one["external_id"] for one in state["posts"]] == ["order-1"]
    assert (len(state["accounts"]), len(state["journal"]), len(state["faults"])) == (5, 1, 1)
    assert state["outcomes"][TIKTOK][0]["kind"] == "ok"
    assert "simulator-secret" not in answer.text


async def test_outcomes_and_ticks_move_a_post(partner):
    post_id = await partner.created()
    await post(partner, "/outcomes", {"account_id": TIKTOK, "outcomes": [{"kind": "fail", "text": "No"}, "ok"]})
    assert (await post(partner, "/tick", {"times": 2})).json() == {"changed": 1, "ticks": 2}
    assert (await partner.read(post_id))["status"] == "failed"


async def test_faults_are_added_and_cleared(partner):
    body = [{"kind": "rate_limited", "operation": "list", "retry_after": 5}, {"kind": "html_502", "times": -1}]
    assert len((await post(partner, "/faults", body)).json()["faults"]) == 2
    assert (await partner.client.get("/posts")).headers["retry-after"] == "5"
    assert (await partner.client.get("/posts")).status_code == 502
    await partner.client.delete(f"{CONTROL}/faults")
    assert (await partner.client.get("/posts")).status_code == 200


@pytest.mark.parametrize(("verb", "status"), [("pause", "paused"), ("revoke", "revoked"), ("reconnect", "active")])
async def test_accounts_are_moved(partner, verb, status):
    answer = await post(partner, f"/accounts/{INSTAGRAM}/{verb}")
    assert answer.json()["status"] == partner.sim.world.accounts[INSTAGRAM].status == status


async def test_an_account_is_reconnected_under_a_new_id_and_another_added(partner):
    fresh, added = "22222222-2222-4222-8222-222222222222", "33333333-3333-4333-8333-333333333333"
    assert (await post(partner, f"/accounts/{INSTAGRAM}/reconnect", {"new_id": fresh})).json()["id"] == fresh
    await post(partner, "/accounts", {"id": added, "platform": "pinterest", "kinds": ["slideshow"]})
    listed = (await partner.client.get("/accounts")).json()["data"]["accounts"]
    assert [one["id"] for one in listed][-2:] == [fresh, added]


async def test_posts_are_seeded_with_their_id_status_and_time(partner):
    given = {"id": "p1", "status": "partial", "accounts": [TIKTOK], "created_at": "2025-01-01T00:00:00Z"}
    await post(partner, "/posts", given)
    shown = await partner.read("p1")
    assert (shown["status"], shown["created_at"]) == ("partial", "2025-01-01T00:00:00.000Z")
    await post(partner, "/posts/p1/status", {"status": "posted", "rows": {TIKTOK: "posted"}})
    assert (await partner.read("p1"))["accounts"]["states"][0]["status"] == "posted"


async def test_keys_are_added_and_changed_by_public_id(partner):
    added = {"token": "gva_live_two.s", "scope": "personal", "owner_user_id": "u2"}
    assert (await post(partner, "/keys", added)).json()["public_id"] == "gva_live_two"
    await post(partner, "/keys", {"public_id": "gva_live_demo", "plan": "lapsed"})
    assert (await partner.client.get("/posts")).status_code == 402


async def test_options_change_while_it_runs_and_reset_goes_back(partner):
    assert (await post(partner, "/options", {"contract": "v1"})).json()["contract"] == "v1"
    assert await partner.created() == "post_789"
    await post(partner, "/media", {"unreachable": ["https://cdn.example.com/video.mp4"]})
    files = {"https://cdn.example.com/a.jpg": {"type": "image/webp", "bytes": 9}}
    declared = await post(partner, "/media", {"files": files})
    assert declared.json() == {"unreachable": ["https://cdn.example.com/video.mp4"], "files": files}
    await post(partner, "/reset")
    assert partner.sim.world.declared == {}
    assert (partner.sim.world.posts, partner.sim.world.unreachable, len(partner.sim.journal)) == ({}, set(), 0)
    assert partner.sim.world.options.contract == "v3"


async def test_the_journal_is_read_by_operation_and_from_a_place(partner):
    for _ in range(3):
        await partner.client.get("/posts")
    await partner.client.get("/accounts")
    answer = await partner.client.get(f"{CONTROL}/journal", params={"operation": "list", "after": 1})
    assert [one["sequence"] for one in answer.json()["entries"]] == [2, 3]
    assert answer.json()["total"] == 4


async def test_publications_name_what_was_posted_twice(partner):
    post_id = await partner.created()
    partner.sim.script(TIKTOK, {"kind": "fail", "live": True})
    partner.sim.tick()
    await partner.client.post("/posts/retry", json={"post_ids": [post_id]})
    partner.sim.tick(2)
    answer = (await partner.client.get(f"{CONTROL}/publications")).json()
    assert answer["posted_twice"] == [{"post_id": post_id, "account_id": TIKTOK, "times": 2}]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/faults", {"kind": "hiccup"}),
        ("/outcomes", {"account_id": TIKTOK, "outcomes": ["maybe"]}),
        ("/accounts/nobody/pause", {}),
        (f"/accounts/{TIKTOK}/explode", {}),
        ("/keys", {"public_id": "nobody"}),
        ("/posts", {}),
        ("/options", {"contract": "v9"}),
    ],
)
async def test_a_bad_request_is_400_with_the_reason(partner, path, body):
    answer = await post(partner, path, body)
    assert answer.status_code == 400
    assert answer.json()["error"]
