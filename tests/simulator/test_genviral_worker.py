"""What the worker makes of rows that are due, and how a post's status follows from its rows."""

import pytest

from bridge.simulator.genviral import INSTAGRAM, TIKTOK, TIKTOK_HOSTED, YOUTUBE, X
from bridge.simulator.genviral.model import Row
from bridge.simulator.genviral.worker import TOKEN_TEXT
from bridge.simulator.genviral.world import roll_up

pytestmark = pytest.mark.anyio
SLIDES = {"type": "slideshow", "urls": ["https://cdn.example.com/1.jpg"]}
FAILED = {"kind": "fail", "text": "Video too long"}


async def rows(partner, post_id):
    return (await partner.read(post_id))["accounts"]["states"]


async def test_a_pending_post_is_posted_with_a_url_at_the_next_tick(partner):
    post_id = await partner.created(TIKTOK, INSTAGRAM, YOUTUBE)
    assert (await partner.read(post_id))["status"] == "pending"
    partner.sim.tick()
    assert (await partner.read(post_id))["status"] == "posted"
    assert all(row["published_url"] and row["published_at"] for row in await rows(partner, post_id))


async def test_a_scheduled_post_waits_until_it_is_due(partner):
    post_id = await partner.created(scheduled_at=partner.soon(minutes=10))
    assert partner.sim.tick(now=partner.clock.advance(minutes=9)) == 0
    assert partner.sim.tick(now=partner.clock.advance(minutes=1)) == 1
    assert (await partner.read(post_id))["status"] == "posted"


@pytest.mark.parametrize(
    ("outcomes", "status"),
    [
        ({}, "posted"),
        ({TIKTOK: FAILED}, "partial"),
        ({TIKTOK: FAILED, INSTAGRAM: FAILED}, "failed"),
        ({TIKTOK: "hang"}, "pending"),
        ({TIKTOK: "deleted", INSTAGRAM: "deleted"}, "deleted"),
        ({TIKTOK: "void", INSTAGRAM: "void"}, "void"),
        ({TIKTOK: {"kind": "unknown", "word": "in_review"}}, "in_review"),
    ],
    ids=str,
)
async def test_the_post_follows_its_rows(partner, outcomes, status):
    post_id = await partner.created(TIKTOK, INSTAGRAM)
    for account_id, outcome in outcomes.items():
        partner.sim.script(account_id, outcome)
    partner.sim.tick()
    assert (await partner.read(post_id))["status"] == status


async def test_a_failed_row_carries_its_text_and_the_time_of_the_attempt(partner):
    post_id = await partner.created()
    partner.sim.script(TIKTOK, FAILED)
    partner.sim.tick()
    [row] = await rows(partner, post_id)
    assert (row["error_message"], row["last_attempted_at"]) == ("Video too long", "2025-01-20T12:05:11.205Z")
    assert row["published_at"] is None


@pytest.mark.parametrize(("retry_word", "ticks"), [("retry", 2), ("pending", 1)])
async def test_a_retried_row_goes_through_the_chosen_word(partner, retry_word, ticks):
    partner.sim.world.options.retry_word = retry_word
    post = partner.sim.seed_post("failed", accounts=[TIKTOK])
    await partner.client.post("/posts/retry", json={"post_ids": [post.id]})
    seen = [(await partner.read(post.id))["status"]]
    for _ in range(ticks):
        partner.sim.tick()
        seen.append((await partner.read(post.id))["status"])
    assert seen == ["retry", "pending", "posted"][-ticks - 1 :]


async def test_a_retried_partial_post_does_not_post_its_good_rows_again(partner):
    post_id = await partner.created(TIKTOK, INSTAGRAM)
    partner.sim.script(TIKTOK, FAILED)
    partner.sim.tick()
    await partner.client.post("/posts/retry", json={"post_ids": [post_id]})
    partner.sim.tick(2)
    assert (await partner.read(post_id))["status"] == "posted"
    assert len(partner.sim.world.publications) == 2
    assert partner.sim.world.posted_twice() == {}


async def test_a_failure_that_is_live_makes_the_retry_a_double(partner):
    post_id = await partner.created()
    partner.sim.script(TIKTOK, {"kind": "fail", "text": "timed out", "live": True})
    partner.sim.tick()
    await partner.client.post("/posts/retry", json={"post_ids": [post_id]})
    partner.sim.tick(2)
    assert partner.sim.world.posted_twice() == {(post_id, TIKTOK): 2}


async def test_a_late_url_appears_after_its_ticks(partner):
    post_id = await partner.created()
    partner.sim.script(TIKTOK, {"kind": "late_url", "ticks": 2})
    seen = []
    for _ in range(3):
        partner.sim.tick()
        seen.append((await rows(partner, post_id))[0]["published_url"] is not None)
    assert seen == [False, False, True]


async def test_a_draft_upload_is_posted_and_never_gets_a_url(partner):
    post_id = await partner.created(media=SLIDES, tiktok={"post_mode": "MEDIA_UPLOAD"})
    partner.sim.tick(3)
    [row] = await rows(partner, post_id)
    assert (row["status"], row["published_url"]) == ("posted", None)


async def test_a_hanging_row_goes_on_after_its_ticks(partner):
    post_id = await partner.created()
    partner.sim.script(TIKTOK, {"kind": "hang", "ticks": 2}, FAILED)
    seen = []
    for _ in range(3):
        partner.sim.tick()
        seen.append((await partner.read(post_id))["status"])
    assert seen == ["pending", "pending", "failed"]


async def test_a_paused_accounts_queued_row_fails_for_its_token(partner):
    post_id = await partner.created(TIKTOK, X)
    partner.sim.world.set_account_status(TIKTOK, "paused")
    partner.sim.tick()
    assert [row["error_message"] for row in await rows(partner, post_id)] == [TOKEN_TEXT, None]


async def test_a_publication_is_written_down_for_each_network(partner):
    post_id = await partner.created(TIKTOK, X, external_id="order-1")
    partner.sim.tick(2)
    told = [(one.post_id, one.account_id, one.external_id) for one in partner.sim.world.publications]
    assert told == [(post_id, TIKTOK, "order-1"), (post_id, X, "order-1")]


async def test_the_worker_forgets_what_can_no_longer_move(partner):
    await partner.created()
    partner.sim.seed_post("posted", accounts=[TIKTOK])
    partner.sim.tick()
    assert partner.sim.world.moving == {}


async def test_a_post_canceled_on_the_dashboard_is_left_alone(partner):
    post_id = await partner.created()
    partner.sim.world.set_post_status(post_id, "canceled")
    assert partner.sim.tick() == 0
    assert (await partner.read(post_id))["status"] == "canceled"


@pytest.mark.parametrize(
    ("words", "status"),
    [
        (["posted", "scheduled"], "scheduled"),
        (["posted", "retry", "pending"], "retry"),
        (["posted", "deleted"], "partial"),
        (["failed", "deleted"], "failed"),
        (["canceled"], "canceled"),
        (["posted", "reconciling"], "reconciling"),
    ],
    ids=str,
)
def test_mixed_rows_roll_up(words, status):
    assert roll_up([Row(TIKTOK_HOSTED, word) for word in words]) == status
