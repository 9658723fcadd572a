"""Erasing over HTTP: after it nothing that a post or an event said is anywhere, and the history still adds up."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, AttemptOutcome, Lane, Lookup, WorkState, Write
from bridge.core.queries import Rooms
from bridge.ports import Settled, Settlement
from tests.web.room import problem

pytestmark = pytest.mark.anyio

WORDS = ("Quetzalcoatl", "xylophone")
"""What nobody else says."""


async def told_to_all(room, **fields):
    """Publish what has the words in every field, and let an endpoint answer with them; it has ended then."""
    media = "https://cdn.example.com/xylophone.mp4"
    given = {"caption": "Dear Quetzalcoatl", "title": "xylophone", "media": media, "external_id": "drop-42"}
    post = await room.published(**{**given, **fields})
    await room.look()
    await room.look(minutes=10)
    claimed = await room.web.store.claim_deliveries(room.clock(), Lane.FIRST, Rooms(9, 9), timedelta(minutes=1))
    for number, one in enumerate(item.delivery for item in claimed):
        done = {"state": WorkState.DUE} if number else {"state": WorkState.DONE, "settled_at": room.clock()}
        said = {"detail": "Quetzalcoatl?", "answer": {"body": "no xylophone here"}}
        attempt = Attempt(one.id, one.calls, None, room.clock(), AttemptOutcome.FAILED, room.clock(), 500, **said)
        settled = Settlement(replace(one, attempts=1, version=one.version + 1, **done), attempt)
        assert await room.web.store.settle([settled]) == [Settled.KEPT]
    assert len(claimed) > 1
    return await room.get(f"/v1/posts/{post['id']}")


def files(tmp_path):
    """Everything that the database keeps on disk."""
    return b"".join(path.read_bytes() for path in tmp_path.iterdir())


async def answers(room, post):
    """Everything that the API says of a post."""
    deliveries = (await room.get("/v1/deliveries", "admin"))["items"]
    paths = [f"/v1/posts/{post['id']}", f"/v1/events/{post['event_id']}", "/v1/posts", "/v1/events", "/v1/deliveries"]
    paths += [f"/v1/deliveries/{one['id']}" for one in deliveries]
    return {path: (await room.call("GET", path, "admin")).text for path in paths}


def named(texts):
    return [name for name, text in texts.items() if any(word in text for word in WORDS)]


@pytest.mark.parametrize("which", ["id", "event_id"])
async def test_nothing_that_was_said_is_left_anywhere(room, tmp_path, which):
    post = await told_to_all(room)
    assert len(named(await answers(room, post))) > 4
    assert all(word.encode() in files(tmp_path) for word in WORDS)

    with capture_logs() as logs:
        answer = await room.call("DELETE", f"/v1/subjects/{post[which]}", "admin")

    told = answer.json()
    assert (answer.status_code, told["id"]) == (200, post[which])
    assert (told["erased"]["events"], told["erased"]["posts"]) == (1, 1)
    assert told["erased"]["outbound_events"] == len((await room.get("/v1/deliveries"))["items"])
    assert named(await answers(room, post)) == []
    assert [word for word in WORDS if word.encode() in files(tmp_path)] == []
    [line] = [one for one in logs if one["event"] == "subject.erased"]
    assert (line["subject"], line["rows"]) == (post[which], told["erased"])


async def test_ids_states_and_times_stay(room):
    post = await told_to_all(room)

    await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin")

    left = await room.get(f"/v1/posts/{post['id']}")
    kept = ("id", "event_id", "external_id", "partner_id", "state", "accounts", "created_at", "ended_at", "url")
    assert {name: left[name] for name in kept} == {name: post[name] for name in kept}
    assert [entry["kind"] for entry in left["timeline"]] == [entry["kind"] for entry in post["timeline"]]


async def test_what_was_due_dies_and_cannot_be_sent_again(room):
    post = await told_to_all(room)
    await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin")

    rows = (await room.get("/v1/deliveries"))["items"]

    assert {(row["state"], row["reason"]) for row in rows} == {("done", None), ("dead", "erased")}
    for row in rows:
        problem(await room.call("POST", f"/v1/deliveries/{row['id']}/replay", "admin"), 409, "erased")
        assert (await room.get(f"/v1/deliveries/{row['id']}"))["told"]["body"] is None
    room.clock.advance(minutes=1)
    job = await room.call("POST", "/v1/deliveries/replay", "admin", json={"all": True})
    assert job.json()["total"] == 0


async def test_what_is_on_its_way_when_it_is_erased_is_not_tried_again(room):
    post = await told_to_all(room)
    rooms, lease = Rooms(9, 9), timedelta(minutes=1)
    claimed = [await room.web.store.claim_deliveries(room.clock(), lane, rooms, lease) for lane in Lane]
    one = next(item.delivery for lane in claimed for item in lane)

    await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin")

    attempt = Attempt(one.id, one.calls, None, room.clock(), AttemptOutcome.FAILED, room.clock(), 500)
    late = Settlement(replace(one, version=one.version + 1), attempt)
    assert await room.web.store.settle([late]) == [Settled.NOT_OURS]
    assert (await room.get(f"/v1/deliveries/{one.id}"))["reason"] == "erased"


async def test_erasing_again_finds_nothing_more(room):
    post = await told_to_all(room)

    for _ in range(2):
        answer = await room.call("DELETE", f"/v1/subjects/{post['event_id']}", "admin")

    assert answer.status_code == 200
    assert set(answer.json()["erased"].values()) == {0}


async def test_others_keep_what_they_said(room):
    post, other = await told_to_all(room), await room.published(caption="another story", external_id="drop-43")

    await room.call("DELETE", f"/v1/subjects/{post['event_id']}", "admin")

    assert (await room.get(f"/v1/posts/{other['id']}"))["content"]["caption"] == "another story"


async def test_a_post_that_is_still_worked_on_is_to_be_taken_back_first(room):
    post = await room.published(scheduled_at="2025-01-21T12:00:00Z")

    refused = problem(await room.call("DELETE", f"/v1/subjects/{post['event_id']}", "admin"), 409, "still_open")

    assert (refused["post"], refused["state"]) == (post["id"], "scheduled")
    assert f"DELETE /v1/posts/{post['id']}" in refused["detail"]
    await room.call("DELETE", f"/v1/posts/{post['id']}")
    assert problem(await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin"), 409, "still_open")["commands"]
    await room.work()
    assert (await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin")).status_code == 200


async def test_a_post_that_never_went_out_is_not_sent_once_it_was_erased(room):
    room.refuse("create", "bad_caption", "Quetzalcoatl is not allowed")
    post = await room.published(caption="Dear Quetzalcoatl")
    assert post["state"] == "rejected"

    assert (await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin")).status_code == 200

    assert named(await answers(room, post)) == []
    left = await room.get(f"/v1/posts/{post['id']}")
    assert (left["reason"], left["actions"]) == (post["reason"], [])
    problem(await room.call("POST", f"/v1/posts/{post['id']}/retry"), 409, "erased")


async def test_unknown_subjects_and_callers_who_may_not_are_refused(room):
    post = await told_to_all(room, accounts=["other-x"], media="https://cdn.example.com/xylophone.jpg")

    for asked in ("post_nobody", "evt_nobody", "dlv_1", "drop-42"):
        problem(await room.call("DELETE", f"/v1/subjects/{asked}", "admin"), 404, "no_such_subject")
    problem(await room.call("DELETE", f"/v1/subjects/{post['id']}", "zapier"), 403, "scope")
    problem(await room.call("DELETE", f"/v1/subjects/{post['id']}", "brand-admin"), 404, "no_such_subject")


async def test_what_is_being_fetched_is_left_alone(room):
    post = await told_to_all(room)
    lookup = Lookup(post["event_id"], "blog", {"id": "7"}, due_at=room.clock(), created_at=room.clock())
    assert await room.web.store.record([Write(lookups=(lookup,))]) == [True]

    refused = problem(await room.call("DELETE", f"/v1/subjects/{post['event_id']}", "admin"), 409, "still_open")

    assert "being fetched" in refused["detail"]
    assert named(await answers(room, post))


async def test_the_word_for_what_was_erased_is_one_that_filters_know(room):
    post = await told_to_all(room)
    await room.call("DELETE", f"/v1/subjects/{post['id']}", "admin")

    found = (await room.get(f"/v1/deliveries?reason={FailureReason.ERASED}"))["items"]

    assert {item["state"] for item in found} == {"dead"}
