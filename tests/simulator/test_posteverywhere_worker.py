"""How destinations move: ticks, scripted outcomes, the vendor's own retries, dead tokens, the breaker."""

import pytest

from bridge.simulator.posteverywhere import INSTAGRAM, LINKEDIN, TIKTOK, X

pytestmark = pytest.mark.anyio
TRANSIENT = "Temporary platform error (503), please try again"


async def test_a_destination_moves_one_step_a_tick(pe):
    post_id = await pe.created(X)
    words = []
    for _ in range(3):
        words.append(((await pe.rows(post_id))[X]["status"], (await pe.read(f"/posts/{post_id}"))["status"]))
        pe.sim.tick()
    assert words == [("queued", "publishing"), ("publishing", "publishing"), ("published", "published")]
    row = (await pe.rows(post_id))[X]
    assert row["platform_post_url"] == f"https://x.com/mybrand/status/{row['platform_post_id']}"
    assert (row["attempts"], row["error"], row["next_retry_at"]) == (1, None, None)


@pytest.mark.parametrize("account", [INSTAGRAM, LINKEDIN, TIKTOK])
async def test_each_network_has_its_own_addresses(pe, account):
    post_id = await pe.created(account)
    pe.sim.tick(2)
    platform = pe.sim.world.accounts[account].platform
    assert (await pe.rows(post_id))[account]["platform_post_url"].startswith(f"https://www.{platform}.com/")


async def test_a_scheduled_post_waits_for_the_time_of_its_destination(pe):
    post_id = await pe.created(scheduled_for=pe.soon(minutes=5))
    assert pe.sim.tick() == 0
    pe.clock.advance(minutes=5)
    pe.sim.tick()
    assert (await pe.read(f"/posts/{post_id}"))["status"] == "publishing"
    pe.sim.tick()
    assert (await pe.read(f"/posts/{post_id}"))["status"] == "published"


@pytest.mark.parametrize(
    ("second", "quirk", "word"),
    [("ok", False, "published"), ("fail", False, "partially_failed"), ("fail", True, "published")],
)
async def test_the_posts_word_follows_its_destinations_or_the_docs_quirk(pe, second, quirk, word):
    pe.sim.script(LINKEDIN, {"kind": second, "text": "Image too large"})
    post_id = await pe.created(X, LINKEDIN)
    pe.sim.world.options.published_quirk = quirk
    pe.sim.tick(2)
    assert (await pe.read(f"/posts/{post_id}/results"))["post_status"] == word
    assert (await pe.rows(post_id))[LINKEDIN]["status"] == {"ok": "published", "fail": "failed"}[second]


async def test_a_transient_failure_is_tried_again_by_the_vendor_twice(pe):
    pe.sim.script(X, "fail", "fail", "fail")
    post_id = await pe.created(X)
    seen = []
    for _ in range(3):
        pe.sim.tick(2)
        row = (await pe.rows(post_id))[X]
        seen.append((row["status"], row["attempts"], row["error"], row["next_retry_at"] is not None))
        pe.clock.advance(seconds=300)
        pe.sim.tick()
    assert seen == [("failed", 1, TRANSIENT, True), ("failed", 2, TRANSIENT, True), ("failed", 3, TRANSIENT, False)]


@pytest.mark.parametrize(
    ("outcome", "waits"),
    [
        ({"kind": "fail", "text": "Image too large"}, False),
        ({"kind": "fail", "text": "Rate limited by X"}, True),
        ({"kind": "fail", "text": "Image too large", "retries": 1}, True),
        ({"kind": "fail", "retries": 0}, False),
    ],
)
async def test_which_failures_the_vendor_repeats_is_in_text_or_script(pe, outcome, waits):
    pe.sim.script(X, outcome)
    post_id = await pe.created(X)
    pe.sim.tick(2)
    assert ((await pe.rows(post_id))[X]["next_retry_at"] is not None) == waits


@pytest.mark.parametrize(("switch", "word"), [(False, "failed"), (True, "publishing")])
async def test_a_post_may_count_as_publishing_while_the_vendor_waits(pe, switch, word):
    pe.sim.world.options.retrying_is_publishing = switch
    pe.sim.script(X, "fail")
    post_id = await pe.created(X)
    pe.sim.tick(2)
    assert (await pe.read(f"/posts/{post_id}"))["status"] == word


async def test_outcomes_may_be_meant_for_one_content_or_one_attempt(pe):
    pe.sim.script(X, {"kind": "fail", "match": "bad day", "retries": 0}, {"kind": "fail", "attempt": 2, "retries": 0})
    good, bad = await pe.created(X, content="A good day"), await pe.created(X, content="A bad day")
    pe.sim.tick(2)
    assert [(await pe.rows(one))[X]["status"] for one in (good, bad)] == ["published", "failed"]
    await pe.client.post(f"/posts/{bad}/retry")
    pe.sim.tick(2)
    assert ((await pe.rows(bad))[X]["status"], (await pe.rows(bad))[X]["attempts"]) == ("failed", 2)


async def test_a_url_may_come_late(pe):
    pe.sim.script(X, {"kind": "late_url", "ticks": 2})
    post_id = await pe.created(X)
    urls = []
    for _ in range(4):
        pe.sim.tick()
        row = (await pe.rows(post_id))[X]
        urls.append((row["status"], row["platform_post_url"] is not None))
    assert urls == [("publishing", False), ("published", False), ("published", False), ("published", True)]


@pytest.mark.parametrize(("kind", "word"), [("hang", "publishing"), ("unknown", "verifying")])
async def test_a_destination_may_hang_under_a_known_or_unknown_word(pe, kind, word):
    pe.sim.script(X, {"kind": kind, "ticks": 2}, "ok")
    post_id = await pe.created(X)
    pe.sim.tick(2)
    assert (await pe.rows(post_id))[X]["status"] == word
    assert (await pe.read(f"/posts/{post_id}"))["status"] == "publishing"
    pe.sim.tick(2)
    assert (await pe.rows(post_id))[X]["status"] == "published"


@pytest.mark.parametrize(
    ("fate", "text"),
    [
        ("expire", "Token expired. Please reconnect your LinkedIn account."),
        ("deactivate", "Token expired. Please reconnect your LinkedIn account."),
        ("remove", "Account is no longer connected."),
    ],
)
async def test_a_dead_account_fails_at_once_and_for_good(pe, fate, text):
    post_id = await pe.created(LINKEDIN)
    getattr(pe.sim, fate)(LINKEDIN)
    pe.sim.tick()
    row = (await pe.rows(post_id))[LINKEDIN]
    assert (row["status"], row["error"], row["attempts"], row["next_retry_at"]) == ("failed", text, 1, None)


async def test_posting_to_a_broken_account_is_still_accepted_and_works_after_reconnecting(pe):
    pe.sim.expire(LINKEDIN)
    post_id = await pe.created(LINKEDIN)
    pe.sim.tick()
    pe.sim.reconnect(LINKEDIN)
    await pe.client.post(f"/posts/{post_id}/retry", json={})
    pe.sim.tick(2)
    assert (await pe.rows(post_id))[LINKEDIN]["status"] == "published"


async def test_a_failure_may_be_live_and_a_second_publication_is_told(pe):
    pe.sim.script(X, {"kind": "fail", "live": True, "retries": 0})
    post_id = await pe.created(X)
    pe.sim.tick(2)
    await pe.client.post(f"/posts/{post_id}/retry")
    pe.sim.tick(2)
    assert len(pe.sim.published("Holiday drops")) == 2
    assert pe.sim.world.published_twice() == {("Holiday drops", X): 2}


async def fail_times(pe, post_id, times):
    for _ in range(times):
        pe.sim.script(X, {"kind": "fail", "retries": 0})
        pe.sim.tick(2)
        answer = await pe.client.post(f"/posts/{post_id}/retry")
    return answer


async def test_the_breaker_opens_after_five_failures_of_one_content(pe):
    post_id = await pe.created(X)
    answer = await fail_times(pe, post_id, 5)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "permanent_failure_circuit_breaker")
    assert (await pe.rows(post_id))[X]["attempts"] == 5
    assert (await pe.create(X)).status_code == 422
    assert (await pe.create(INSTAGRAM)).status_code == 201
    assert (await pe.create(X, content="Other words")).status_code == 201


@pytest.mark.parametrize("options", [{"breaker_scope": "content", "breaker_limit": 2}])
async def test_the_breaker_may_count_by_content_alone(pe):
    await fail_times(pe, await pe.created(X), 2)
    assert (await pe.create(INSTAGRAM)).status_code == 422


async def test_the_vendors_own_tries_count_for_the_breaker_and_success_closes_it(pe):
    pe.sim.script(X, *["fail"] * 3)
    post_id = await pe.created(X)
    for _ in range(3):
        pe.sim.tick(2)
        pe.clock.advance(seconds=300)
        pe.sim.tick()
    assert sum(pe.sim.world.failures.values()) == 3
    await pe.client.post(f"/posts/{post_id}/retry")
    pe.sim.tick(2)
    assert ((await pe.rows(post_id))[X]["attempts"], sum(pe.sim.world.failures.values())) == (4, 0)
