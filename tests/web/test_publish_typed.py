"""`POST /v1/publish` for Zapier: what its forms send is taken, and what is answered can be used by later steps."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest

from bridge.core.errors import Fault
from bridge.core.request import invalid
from bridge.web.openapi import SCHEMAS
from tests.web.room import Room, problem

pytestmark = pytest.mark.anyio

SAMPLES = Path(__file__).parents[1] / "samples" / "publish"
TYPES = {".form": "application/x-www-form-urlencoded", ".json": "application/json"}
FILES = sorted(path.name for path in SAMPLES.iterdir() if path.suffix in TYPES)
FLAT = (
    "id",
    "event_id",
    "duplicate",
    "status",
    "taken",
    "post_id",
    "accounts_text",
    "scheduled_at",
    "url",
    "reason",
    "error",
)


async def send(room: Room, name: str) -> dict[str, Any]:
    file = SAMPLES / name
    headers = {"Content-Type": TYPES[file.suffix]}
    answer = await room.call("POST", "/v1/publish", content=file.read_bytes(), headers=headers)
    assert answer.status_code in (200, 202), answer.text
    return dict(answer.json())


@pytest.mark.parametrize("name", FILES)
async def test_what_a_zap_sends_becomes_the_post_that_was_meant(room, name):
    told = await send(room, name)

    [post] = (await room.get(f"/v1/events/{told['id']}"))["posts"]
    content = post["content"]
    assert content["caption"] == "New on the blog: Hello world"
    assert content["media"] == {"type": "slideshow", "urls": ["https://example.com/a.jpg", "https://example.com/b.jpg"]}
    assert (content["tags"], post["external_id"]) == (["news", "launch"], "17234567")
    assert told["accounts_text"] == "brand-tiktok, brand-youtube"
    assert told["scheduled_at"] == "2031-01-01T14:00:00Z"


async def test_every_way_to_write_it_is_the_same_request(room):
    told = [await send(room, name) for name in FILES]

    assert [one["duplicate"] for one in told] == [False, True, True]
    assert len({one["id"] for one in told}) == 1


@pytest.mark.parametrize("fields", [{}, {"scheduled_at": "2025-02-01T09:00:00Z"}, {"accounts": "brand-*"}])
async def test_an_answer_has_the_same_flat_fields_whatever_becomes_of_the_post(room, fields):
    accepted = (await room.publish(external_id="a", **fields)).json()
    await room.work()
    taken = (await room.publish(external_id="a", **fields)).json()

    assert [tuple(told)[: len(FLAT)] for told in (accepted, taken)] == [FLAT, FLAT]
    assert set(taken) == set(SCHEMAS["Published"]["required"])
    assert all(isinstance(taken[name], (str, bool, type(None))) for name in FLAT)
    assert (accepted["taken"], taken["taken"]) == (False, True)
    assert taken["post_id"] == taken["posts"][0]["id"]


async def test_what_is_live_shows_its_link(room):
    post = await room.published(external_id="live")
    await room.look()
    live = (await room.publish(external_id="live")).json()

    assert (live["status"], live["post_id"], bool(live["url"])) == ("posted", post["id"], True)


async def test_what_waits_for_a_person_says_why(room):
    await room.lose_account()
    parked = (await room.publish()).json()

    assert (parked["status"], parked["taken"], parked["reason"]) == ("parked", False, "account_inactive")


async def test_a_refusal_by_the_partner_has_the_flat_fields_and_the_reason_in_its_text(room):
    room.refuse("create", "validation_failed", "caption is rude")
    asked = asyncio.create_task(room.publish(wait="20"))
    await room.until_waiting()
    await room.work()

    told = problem(await asked, 422, "refused")
    assert "caption is rude" in told["detail"]
    assert (told["taken"], told["accounts_text"], told["error"]) == (False, "brand-tiktok", "caption is rude")


async def test_the_error_that_zapier_shows_names_fields_and_remedies(room):
    answer = await room.publish(media="nowhere", scheduled_at="soon", acounts="x", accounts=None)

    detail = problem(answer, 422, "invalid_request")["detail"]
    assert "Did you mean 'accounts'?" in detail
    assert "media is not" in detail
    assert "'soon' is not a date and time" in detail


def test_a_detail_of_hundreds_of_faults_tells_how_many_it_leaves_out():
    found = invalid([Fault(f"field{number}", "is wrong", "Mend it.") for number in range(300)])

    assert found.detail.startswith("field0 is wrong. Mend it. field1 is wrong;")
    assert "more)" in found.detail[-12:]
    assert len(found.errors) == 300


async def test_what_the_partner_says_of_fields_is_told_field_by_field(room):
    issues = [{"path": "tiktok.title", "message": "Too long"}, {"path": "media.url", "message": "Not reachable"}]
    told = {"ok": False, "code": 422, "error_code": "invalid_payload", "message": "Bad body", "issues": issues}
    room.sim.fault("answer", "create", status=422, body=orjson.dumps(told))
    asked = asyncio.create_task(room.publish(wait="20"))
    await room.until_waiting()
    await room.work()

    told = problem(await asked, 422, "refused")
    assert told["errors"] == [
        {"field": "tiktok.title", "problem": "Too long", "remedy": ""},
        {"field": "media.url", "problem": "Not reachable", "remedy": ""},
    ]
    assert told["detail"].endswith("Bad body: tiktok.title Too long (and 1 more)")
    assert len(told["detail"]) < 250
    assert (told["status"], told["state"]) == (422, "rejected")


async def test_a_number_of_a_form_reaches_the_partner_as_one(room):
    form = {"caption": "c", "media": "https://example.com/a.mp4", "accounts": "brand-tiktok, "}
    fields = {**form, "tiktok__video_cover_timestamp_ms": "1000", "tiktok__privacy_level": "", "tiktok": ""}
    told = (await room.call("POST", "/v1/publish", data=fields)).json()
    await room.work()

    post = await room.get(f"/v1/posts/{told['post_id']}")
    assert post["content"]["tiktok"] == {"video_cover_timestamp_ms": 1000}
    assert (post["state"], post["error"]) == ("pending", None)


async def test_an_object_that_says_more_than_addresses_is_not_cut_down_to_them(room):
    answer = await room.publish(media={"url": "https://example.com/v.mp4", "cover_url": "https://example.com/c.jpg"})

    assert "media.type is missing" in problem(answer, 422, "invalid_request")["detail"]


async def test_a_name_with_levels_that_is_no_field_is_told_as_it_was_sent(room):
    answer = await room.call("POST", "/v1/publish", json={"caption": "c", "foo__bar": "x"})

    assert [fault["field"] for fault in problem(answer, 422, "invalid_request")["errors"]] == ["foo__bar"]


async def test_what_was_taken_back_is_not_taken(room):
    post = await room.published(external_id="z", scheduled_at="2025-02-01T09:00:00Z")
    await room.call("DELETE", f"/v1/posts/{post['id']}")
    await room.work()
    told = (await room.publish(external_id="z", scheduled_at="2025-02-01T09:00:00Z")).json()

    assert (told["status"], told["taken"], told["duplicate"]) == ("canceled", False, True)
