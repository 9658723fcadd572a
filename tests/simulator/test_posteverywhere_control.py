"""The control API of the simulated PostEverywhere: what a script outside the process can see and move."""

import pytest

from bridge.simulator.posteverywhere import DEMO_KEY, INSTAGRAM, X

pytestmark = pytest.mark.anyio
CONTROL = "http://simulator/_control"


async def see(pe, path):
    return (await pe.client.get(CONTROL + path)).json()


async def test_state_shows_everything_but_secrets(pe):
    await pe.created()
    body = {"url": "https://hooks.example.com", "events": ["post.published"]}
    secret = (await pe.client.post("/webhooks", json=body)).json()["data"]["secret"]
    answer = await pe.client.get(f"{CONTROL}/state")
    state = answer.json()
    assert (len(state["accounts"]), len(state["posts"]), len(state["webhooks"])) == (8, 1, 1)
    assert DEMO_KEY not in answer.text
    assert secret not in answer.text


async def test_outcomes_ticks_and_publications(pe):
    post_id = await pe.created(X)
    await pe.control("/outcomes", {"account_id": X, "outcomes": [{"kind": "fail", "text": "No"}, "ok"]})
    assert await pe.control("/tick", {"times": 2}) == {"changed": 2, "ticks": 2}
    assert (await pe.rows(post_id))[X]["status"] == "failed"
    await pe.client.post(f"/posts/{post_id}/retry")
    await pe.control("/tick", {"times": 2})
    assert [one["account_id"] for one in (await see(pe, "/publications"))["publications"]] == [X]


async def test_the_clock_moves_ahead(pe):
    post_id = await pe.created(X, scheduled_for=pe.soon(hours=1))
    await pe.control("/clock", {"advance_s": 3600})
    await pe.control("/tick", {"times": 2})
    assert (await pe.read(f"/posts/{post_id}"))["status"] == "published"


async def test_faults_are_added_and_cleared(pe):
    await pe.control("/faults", [{"kind": "server_error", "operation": "list", "times": -1}])
    assert (await pe.client.get("/posts")).status_code == 500
    await pe.client.delete(f"{CONTROL}/faults")
    assert (await pe.client.get("/posts")).status_code == 200


async def test_the_journal_is_read_by_operation_and_from_a_number_on(pe):
    await pe.created()
    await pe.client.get("/posts")
    await pe.created(content="Second")
    entries = (await see(pe, "/journal?operation=create&after=1"))["entries"]
    assert [(one["sequence"], one["content"], one["account_ids"]) for one in entries] == [(3, "Second", [INSTAGRAM])]


@pytest.mark.parametrize(
    ("verb", "can_post"),
    [("expire", False), ("expiring", True), ("deactivate", False), ("remove", True), ("reconnect", True)],
)
async def test_accounts_have_fates(pe, verb, can_post):
    assert (await pe.control(f"/accounts/{X}/{verb}"))["can_post"] == can_post
    assert (X in pe.sim.world.accounts) == (verb != "remove")


async def test_an_account_is_added(pe):
    await pe.control("/accounts", {"id": 9, "platform": "pinterest"})
    assert (await pe.read("/accounts/9"))["platform"] == "pinterest"


async def test_posts_are_seeded_and_moved(pe):
    await pe.control(
        "/posts", {"id": "p1", "status": "scheduled", "account_ids": [X], "scheduled_for": pe.soon(days=1)}
    )
    assert pe.sim.tick() == 0
    rows = {str(X): {"status": "failed", "error": "No", "attempts": 2}}
    await pe.control("/posts/p1/status", {"destinations": rows})
    assert (await pe.read("/posts/p1"))["status"] == "failed"
    assert (await pe.rows("p1"))[X]["attempts"] == 2


async def test_keys_and_options_change_and_reset_goes_back(pe):
    await pe.control("/keys", {"token": "pe_live_ffff0000", "scopes": ["read"]})
    await pe.control("/keys", {"key_prefix": "pe_live_01234567", "active": False})
    assert (await pe.client.get("/posts")).status_code == 401
    other = {"authorization": "Bearer pe_live_ffff0000"}
    assert (await pe.client.get("/posts", headers=other)).status_code == 200
    assert (await pe.control("/options", {"shapes": "sdk"}))["shapes"] == "sdk"
    await pe.control("/reset")
    assert (pe.sim.world.options.shapes, (await pe.client.get("/posts")).status_code) == ("docs", 200)


async def test_the_breaker_is_closed_by_hand(pe):
    pe.sim.world.failures[pe.sim.world.breaker_name("Holiday drops", X)] = 5
    assert (await pe.create(X)).status_code == 422
    await pe.control("/breaker")
    assert (await pe.create(X)).status_code == 201


async def test_webhooks_are_delivered_and_replayed(pe):
    await pe.client.post("/webhooks", json={"url": "https://hooks.example.com", "events": ["post.deleted"]})
    post_id = await pe.created(draft=True)
    await pe.client.delete(f"/posts/{post_id}")
    waiting = (await see(pe, "/outbox"))["waiting"]
    assert [(one["event"], one["body"]["data"]["post_id"]) for one in waiting] == [("post.deleted", post_id)]
    sent = await pe.control("/webhooks/deliver", {"to": "http://127.0.0.1:1/"})
    assert [(one["ok"], one["error"]) for one in sent["sent"]] == [(False, "ConnectError")]
    assert await pe.control("/webhooks/replay") == {"queued": 0}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/outcomes", {"account_id": X, "outcomes": ["explode"]}),
        ("/faults", {"kind": "hiccup"}),
        ("/options", {"colour": "red"}),
        ("/keys", {"key_prefix": "none"}),
        (f"/accounts/{X}/sell", {}),
        ("/accounts/1/expire", {}),
    ],
)
async def test_a_request_that_makes_no_sense_is_400(pe, path, body):
    assert "error" in await pe.control(path, body)
