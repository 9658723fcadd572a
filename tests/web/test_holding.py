"""Held posts over HTTP: what may be done with them, and who did it."""

from datetime import timedelta

import pytest

from bridge.core.rules import PublishRules
from tests.web.room import problem

pytestmark = pytest.mark.anyio

HELD = PublishRules(hold=timedelta(minutes=10))
ASKED = PublishRules(approve="#social")


async def held(room, rules=ASKED):
    """Publish a post that is held, and answer its id."""
    room.web.ingest._own = {"api": rules}
    answer = await room.publish(wait="1")
    assert answer.status_code == 202
    return answer.json()["posts"][0]["id"]


async def transitions(room, post_id):
    line = (await room.get(f"/v1/posts/{post_id}"))["timeline"]
    return [entry for entry in line if entry["kind"] == "transition"]


@pytest.mark.parametrize(("rules", "reason"), [(HELD, "held"), (ASKED, "needs_approval")])
async def test_a_held_post_shows_why_and_what_may_be_done(room, rules, reason):
    shown = await room.get(f"/v1/posts/{await held(room, rules)}")
    assert (shown["state"], shown["reason"], shown["error"]) == ("parked", reason, None)
    assert shown["actions"] == ["edit", "cancel", "send", "drop"]


async def test_the_timeline_says_when_a_hold_ends(room):
    [parked] = await transitions(room, await held(room, HELD))
    assert (parked["type"], parked["goes_at"]) == ("post.parked", "2025-01-20T12:10:00Z")


async def test_who_edits_and_approves_is_in_the_timeline(room):
    post_id = await held(room)
    assert (await room.call("PATCH", f"/v1/posts/{post_id}", json={"caption": "Better"})).json()["command"] is None

    sent = await room.call("POST", f"/v1/posts/{post_id}/send")

    assert sent.json()["command"]["by"] == "token zapier"
    told = [(entry["type"], entry.get("changed"), entry.get("by")) for entry in await transitions(room, post_id)]
    assert told == [
        ("post.parked", None, None),
        ("post.updated", ["caption"], "token zapier"),
        ("post.updated", ["approval"], "token zapier"),
    ]


@pytest.mark.parametrize(
    ("method", "verb", "told"), [("POST", "/drop", "post.rejected"), ("DELETE", "", "post.canceled")]
)
async def test_who_ends_it_is_in_the_timeline(room, method, verb, told):
    post_id = await held(room)
    assert (await room.call(method, f"/v1/posts/{post_id}{verb}")).status_code == 200
    last = (await transitions(room, post_id))[-1]
    assert (last["type"], last["by"]) == (told, "token zapier")


async def test_nobody_can_say_that_it_is_live(room):
    problem(await room.call("POST", f"/v1/posts/{await held(room)}/live"), 409, "not_sent")
