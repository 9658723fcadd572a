"""Posts over HTTP: filters, pages, the timeline, and what may be asked of a post."""

import asyncio

import pytest

from bridge.simulator.genviral import TIKTOK
from tests.web.room import problem

pytestmark = pytest.mark.anyio


async def test_posts_are_listed_newest_first_in_pages(room):
    ids = [(await room.publish(caption=f"number {n}")).json()["posts"][0]["id"] for n in range(5)]

    first = await room.get("/v1/posts?limit=2")
    second = await room.get(f"/v1/posts?limit=2&before={first['next']}")
    last = await room.get(f"/v1/posts?limit=2&before={second['next']}")

    pages = [[post["id"] for post in page["items"]] for page in (first, second, last)]
    assert pages == [ids[:2:-1], ids[2:0:-1], ids[:1]]
    assert last["next"] is None


FOUND = {
    "q=drops": ["Holiday drops"],
    "account=other-x": ["Only text"],
    f"account={TIKTOK}": ["Holiday drops"],
    "external_id=mine": ["Only text"],
    "state=accepted": ["Only text", "Holiday drops"],
    "state=posted": [],
    "source=api&partner=genviral": ["Only text", "Holiday drops"],
    "since=2025-01-20T12:00:30Z": ["Only text"],
    "until=2025-01-20T13:00:30+01:00": ["Holiday drops"],
    "event_id=evt_nobody": [],
}


async def test_posts_are_filtered(room):
    await room.publish()
    room.clock.advance(minutes=1)
    await room.publish(caption="Only text", media=None, accounts=["other-x"], external_id="mine")

    for query, found in FOUND.items():
        listed = await room.get(f"/v1/posts?{query}")
        assert [post["content"]["caption"] for post in listed["items"]] == found, query


async def test_a_bad_query_is_refused_with_every_fault(room):
    long = "x" * 201
    query = f"limit=500&state=gone&since=monday&colour=red&partner=x&q=a&q=b&external_id={long}"

    answer = await room.call("GET", f"/v1/posts?{query}")

    faults = problem(answer, 422, "invalid_request")["errors"]
    fields = ["colour", "external_id", "limit", "partner", "q", "since", "state"]
    assert sorted(fault["field"] for fault in faults) == fields


async def test_a_post_is_found_by_the_id_of_its_partner(room):
    made = await room.published()

    found = await room.get(f"/v1/posts/genviral:{made['partner_id']}")

    assert found["id"] == made["id"]


async def test_an_unknown_post_is_not_found(room):
    for path in ("/v1/posts/post_nobody", "/v1/posts/genviral:nobody"):
        problem(await room.call("GET", path), 404, "no_such_post")
        problem(await room.call("DELETE", path), 404, "no_such_post")


async def test_the_timeline_tells_everything_in_order(room):
    made = await room.published()
    await room.look()
    await room.fail_deliveries()

    shown = await room.get(f"/v1/posts/{made['id']}")

    line = shown["timeline"]
    assert shown["state"] == "posted"
    assert [entry["at"] for entry in line] == sorted(entry["at"] for entry in line)
    received, started, ended = line[:3]
    assert (received["kind"], received["source"]) == ("received", "api")
    assert received["verified"] == {"by": "token", "name": "zapier"}
    assert (started["kind"], started["what"], started["number"]) == ("attempt_started", "publish", 1)
    assert (ended["kind"], ended["outcome"], ended["status"]) == ("attempt_ended", "ok", 201)
    assert ended["answer"]["id"] == shown["partner_id"]
    told = [entry for entry in line if entry["kind"] == "transition"]
    assert told[0]["type"] == "post.pending"
    assert "post.posted" in [entry["type"] for entry in told]
    assert [entry["sequence"] for entry in told] == list(range(1, len(told) + 1))
    assert (told[0]["previous"], told[0]["current"]) == ("accepted", "pending")
    sent = [entry for entry in line if entry["kind"] == "delivery"]
    assert {entry["endpoint"] for entry in sent} == {"ops"}
    assert [entry["type"] for entry in sent] == [entry["type"] for entry in told]
    assert sent[0]["attempts"][0]["status"] == 500
    assert [command["kind"] for command in shown["commands"]] == ["publish"]


async def test_a_failure_shows_its_reason_and_what_was_decided(room):
    room.sim.script(TIKTOK, {"kind": "fail", "text": "Something went wrong. Please try again later."})
    made = await room.published()
    await room.look()

    shown = await room.get(f"/v1/posts/{made['id']}")

    assert shown["state"] == "failed"
    assert shown["error"]
    assert shown["targets"][0]["error"]
    failed = next(entry for entry in shown["timeline"] if entry.get("type") == "target.failed")
    assert failed["reason"]
    assert failed["error"]
    assert failed["retry"]["of"] == 3
    assert "retry" in shown["actions"]


async def test_what_may_be_done_follows_the_state(room):
    unsent = (await room.publish()).json()["posts"][0]["id"]
    assert (await room.get(f"/v1/posts/{unsent}"))["actions"] == ["edit", "cancel"]

    await room.work()
    assert (await room.get(f"/v1/posts/{unsent}"))["actions"] == ["edit", "cancel"]

    await room.look()
    assert (await room.get(f"/v1/posts/{unsent}"))["actions"] == []

    await room.lose_account()
    parked = (await room.publish(caption="later")).json()["posts"][0]["id"]
    assert (await room.get(f"/v1/posts/{parked}"))["actions"] == ["edit", "cancel", "retry", "send", "drop"]


async def test_an_unsent_post_is_changed_here_at_once(room):
    post_id = (await room.publish()).json()["posts"][0]["id"]

    answer = await room.call("PATCH", f"/v1/posts/{post_id}", json={"caption": "Better"})

    assert answer.status_code == 200
    assert answer.json()["command"] is None
    assert answer.json()["post"]["content"]["caption"] == "Better"


async def test_a_sent_post_is_changed_at_its_partner(room):
    made = await room.published(scheduled_at="2025-02-01T10:00:00Z")

    queued = await room.call("PATCH", f"/v1/posts/{made['id']}", json={"caption": "Better"})
    await room.work()

    assert queued.status_code == 202
    assert queued.json()["command"]["kind"] == "update"
    assert queued.json()["command"]["state"] == "due"
    assert (await room.get(f"/v1/posts/{made['id']}"))["content"]["caption"] == "Better"


async def test_a_bad_change_is_refused_with_every_fault(room):
    post_id = (await room.publish()).json()["posts"][0]["id"]

    answer = await room.call("PATCH", f"/v1/posts/{post_id}", json={"external_id": "x", "scheduled_at": "soon"})

    faults = problem(answer, 422, "invalid_request")["errors"]
    assert {fault["field"] for fault in faults} == {"external_id", "scheduled_at"}


async def test_a_change_must_be_json_of_a_bearable_size(room):
    post_id = (await room.publish()).json()["posts"][0]["id"]
    form = {"content": b"a=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}}

    cut, listed, typed, large = [
        await room.call("PATCH", f"/v1/posts/{post_id}", **sent)
        for sent in ({"content": b'{"caption": '}, {"content": b"[1]"}, form, {"content": b" " * 10_001})
    ]

    assert problem(cut, 400, "invalid_json")["offset"] == 12
    problem(listed, 400, "invalid_json")
    problem(typed, 415, "unsupported_media_type")
    problem(large, 413, "too_large")


async def test_a_post_is_taken_back(room):
    unsent = (await room.publish()).json()["posts"][0]["id"]
    here = await room.call("DELETE", f"/v1/posts/{unsent}")
    made = await room.published(caption="another", scheduled_at="2025-02-01T10:00:00Z")
    there = await room.call("DELETE", f"/v1/posts/{made['id']}")
    await room.work()

    assert (here.status_code, here.json()["post"]["state"]) == (200, "canceled")
    assert (there.status_code, there.json()["command"]["kind"]) == (202, "cancel")
    assert (await room.get(f"/v1/posts/{made['id']}"))["state"] == "canceled"


async def test_what_is_live_is_not_taken_back(room):
    made = await room.published()
    await room.look()

    answer = await room.call("DELETE", f"/v1/posts/{made['id']}")

    assert problem(answer, 409, "not_allowed_now")["state"] == "posted"


async def test_waiting_for_a_change_ends_when_the_partner_took_it(room):
    made = await room.published(scheduled_at="2025-02-01T10:00:00Z")
    calling = asyncio.create_task(room.call("PATCH", f"/v1/posts/{made['id']}?wait=20", json={"caption": "Better"}))
    await room.until_waiting()
    await room.work()

    answer = await calling

    assert answer.status_code == 200
    assert answer.json()["command"]["state"] == "done"
    assert answer.json()["post"]["content"]["caption"] == "Better"


async def test_waiting_for_a_change_ends_with_what_the_partner_refused(room):
    made = await room.published(scheduled_at="2025-02-01T10:00:00Z")
    room.refuse("update", "validation_failed", "caption is rude")
    calling = asyncio.create_task(room.call("PATCH", f"/v1/posts/{made['id']}?wait=20", json={"caption": "Rude"}))
    await room.until_waiting()
    await room.work()

    told = problem(await calling, 422, "refused")

    assert "caption is rude" in told["detail"]
    assert told["command"]["state"] == "dead"
    assert told["post"]["id"] == made["id"]


async def test_waiting_for_what_the_partner_no_longer_lets_happen_is_a_conflict(room):
    made = await room.published(scheduled_at="2025-02-01T10:00:00Z")
    room.sim.world.posts[made["partner_id"]].status = "posted"
    calling = asyncio.create_task(room.call("DELETE", f"/v1/posts/{made['id']}?wait=20"))
    await room.until_waiting()
    await room.work()

    told = problem(await calling, 409, "refused")

    assert told["command"]["reason"] == "not_allowed_now"


async def test_waiting_for_a_change_ends_at_its_limit(room):
    made = await room.published(scheduled_at="2025-02-01T10:00:00Z")

    answer = await room.call("DELETE", f"/v1/posts/{made['id']}?wait=300ms")

    assert answer.status_code == 202
    assert answer.json()["command"]["state"] == "due"


async def test_a_failed_post_is_retried_by_hand(room):
    room.sim.script(TIKTOK, {"kind": "fail", "text": "Something went wrong. Please try again later."})
    made = await room.published()
    await room.look()

    answer = await room.call("POST", f"/v1/posts/{made['id']}/retry")
    await room.work()
    await room.look()
    await room.look()

    assert answer.status_code == 202
    assert answer.json()["command"]["accounts"] == [TIKTOK]
    assert (await room.get(f"/v1/posts/{made['id']}"))["state"] == "posted"


async def test_parked_work_is_sent_or_dropped_by_hand(room):
    await room.lose_account()
    one, two = [(await room.publish(caption=text)).json()["posts"][0]["id"] for text in ("one", "two")]

    sent = await room.call("POST", f"/v1/posts/{one}/send")
    dropped = await room.call("POST", f"/v1/posts/{two}/drop")

    assert (sent.status_code, sent.json()["command"]["state"], sent.json()["post"]["state"]) == (202, "due", "accepted")
    assert (dropped.status_code, dropped.json()["post"]["state"]) == (200, "rejected")
    problem(await room.call("POST", f"/v1/posts/{two}/drop"), 409, "not_parked")


async def test_a_person_says_that_a_doubtful_post_is_live(room):
    room.sim.script(TIKTOK, {"kind": "fail", "text": "Request timed out while publishing"})
    made = await room.published()
    await room.look()
    await room.look(minutes=20)
    assert "live" in (await room.get(f"/v1/posts/{made['id']}"))["actions"]

    answer = await room.call("POST", f"/v1/posts/{made['id']}/live")

    assert answer.status_code == 200
    assert answer.json()["post"]["state"] == "posted"


async def test_a_post_on_other_accounts_is_hidden_from_a_restricted_token(room):
    for accounts in (["other-x"], ["brand-tiktok"], ["other-x", "brand-youtube"]):
        await room.publish(accounts=accounts, caption=str(accounts))
    hidden = (await room.get("/v1/posts?account=other-x"))["items"][0]["id"]

    listed = await room.get("/v1/posts?limit=1", "brand")

    assert [post["accounts"] for post in listed["items"]] == [["brand-tiktok"]]
    problem(await room.call("GET", f"/v1/posts/{hidden}", "brand"), 404, "no_such_post")
    problem(await room.call("DELETE", f"/v1/posts/{hidden}", "brand"), 403, "account_not_allowed")


ACTIONS = (("PATCH", ""), ("DELETE", ""), *(("POST", f"/{word}") for word in ("retry", "send", "drop", "live")))


@pytest.mark.parametrize(("method", "act"), ACTIONS)
async def test_a_post_of_a_key_that_left_the_configuration_says_so(room, method, act):
    post = await room.published()
    room.web.actions.kit.partners.clear()

    answer = await room.call(method, f"/v1/posts/{post['id']}{act}", json={"caption": "New"})

    assert "Put it back" in problem(answer, 409, "partner_not_configured")["detail"]


async def test_a_post_that_was_never_sent_can_be_dropped_when_its_key_left_the_configuration(room):
    post = (await room.publish()).json()["posts"][0]
    room.web.actions.kit.partners.clear()

    answer = await room.call("POST", f"/v1/posts/{post['id']}/drop")

    assert answer.status_code == 200
    dropped = await room.get(f"/v1/posts/{post['id']}")
    assert (dropped["state"], dropped["reason"]) == ("rejected", "dropped")
