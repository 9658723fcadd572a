"""`POST /v1/publish`: what is accepted, what is known already, and how waiting ends."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from structlog.testing import capture_logs

from bridge.core.errors import StoreBusy
from bridge.web import public_app
from tests.web.room import NOW, VIDEO, problem

pytestmark = pytest.mark.anyio
FORM = "application/x-www-form-urlencoded"


async def test_an_event_is_accepted_and_named(room):
    answer = await room.publish(external_id="drop-1")

    told = answer.json()
    assert answer.status_code == 202
    assert answer.headers["location"] == f"/v1/events/{told['event_id']}"
    assert (told["duplicate"], told["status"], told["warnings"]) == (False, "accepted", [])
    [post] = told["posts"]
    assert post["accounts"] == ["brand-tiktok"]
    assert (post["partner"], post["partner_id"], post["state"], post["scheduled_at"]) == (
        "genviral",
        None,
        "accepted",
        None,
    )


async def test_a_repetition_answers_the_same_ids_with_the_present_state(room):
    first = (await room.publish(external_id="drop-1")).json()
    await room.work()

    again = await room.publish(external_id="drop-1")

    told = again.json()
    assert again.status_code == 200
    assert (told["duplicate"], told["status"], told["event_id"]) == (True, "pending", first["event_id"])
    assert told["posts"][0]["id"] == first["posts"][0]["id"]
    assert told["posts"][0]["partner_id"]


async def test_a_key_for_another_request_is_a_conflict(room):
    first = (await room.publish(external_id="drop-1")).json()

    answer = await room.publish(external_id="drop-1", caption="Something else")

    assert problem(answer, 409, "key_conflict")["event_id"] == first["event_id"]


async def test_an_idempotency_key_beats_the_external_id(room):
    body = {"caption": "one", "media": VIDEO, "accounts": ["brand-tiktok"], "external_id": "a"}
    first = await room.call("POST", "/v1/publish", json=body, headers={"Idempotency-Key": "k"})

    again = await room.call("POST", "/v1/publish", json=body, headers={"Idempotency-Key": "k"})

    assert (first.status_code, again.status_code) == (202, 200)
    assert first.json()["event_id"] == again.json()["event_id"]


@pytest.mark.parametrize(
    "sent",
    [
        {"data": {"caption": "one", "media": VIDEO, "accounts": "brand-tiktok, brand-youtube"}},
        {"data": {"caption": "one", "media": VIDEO, "accounts[]": ["brand-tiktok", "brand-youtube"]}},
        {"files": {"caption": (None, "one"), "media": (None, VIDEO), "accounts": (None, "brand-*")}},
        {
            "content": b'{"caption": "one", "media": "%s", "accounts": ["brand-*"]}' % VIDEO.encode(),
            "headers": {"Content-Type": "application/cloudevents+json; charset=utf-8"},
        },
    ],
    ids=["form", "form-list", "multipart", "plus-json"],
)
async def test_forms_and_every_kind_of_json_are_read(room, sent):
    answer = await room.call("POST", "/v1/publish", **sent)

    assert answer.status_code == 202, answer.text
    assert sorted(answer.json()["posts"][0]["accounts"]) == ["brand-tiktok", "brand-youtube"]


async def test_a_time_without_an_offset_takes_the_zone_and_warns_of_a_gap(room):
    answer = await room.publish(scheduled_at="2025-03-30T02:30", timezone="Europe/Berlin")

    assert answer.status_code == 202
    assert answer.json()["posts"][0]["scheduled_at"] == "2025-03-30T01:30:00Z"
    assert [warning["code"] for warning in answer.json()["warnings"]] == ["DST_GAP"]


async def test_what_is_not_json_is_refused_with_the_offset(room):
    answer = await room.call("POST", "/v1/publish", content=b'{"caption": "one",}')

    told = problem(answer, 400, "invalid_json")
    assert told["offset"] == 17
    assert f"offset {told['offset']}" in told["detail"]


async def test_every_bad_field_is_named_at_once(room):
    answer = await room.publish(media="nowhere", scheduled_at="soon", captoin="x", tiktok="[]")

    told = problem(answer, 422, "invalid_request")
    assert {fault["field"] for fault in told["errors"]} == {"media", "scheduled_at", "captoin", "tiktok"}
    assert all(fault["remedy"] for fault in told["errors"])


async def test_a_time_that_has_passed_goes_at_once_with_a_warning(room):
    told = (await room.publish(scheduled_at="2025-01-20T11:59:59Z")).json()

    assert [warning["code"] for warning in told["warnings"]] == ["SCHEDULE_PASSED"]
    assert (await room.get(f"/v1/events/{told['event_id']}"))["warnings"] == told["warnings"]


async def test_a_field_that_we_do_not_know_may_hold_anything_and_is_not_logged(room):
    body = b'{"caption": "private"}&media=x&tiktok.private=1&accounts[private]=1'
    with capture_logs() as lines:
        answer = await room.call("POST", "/v1/publish", content=body, headers={"Content-Type": FORM})

    assert "private" in str(problem(answer, 422, "invalid_request")["errors"])
    [line] = [line for line in lines if line["event"] == "event.refused"]
    assert (line["fields"], line["unknown_fields"]) == (["tiktok", "accounts", "media"], 1)
    assert "private" not in str(line)


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("nobody", 401), ("reader", 403)])
async def test_the_body_of_one_who_may_not_publish_is_not_read(room, token, status):
    read = []

    async def body():
        read.append(1)
        yield b"x" * 20_000

    with capture_logs() as lines:
        answer = await room.call("POST", "/v1/publish", token, content=body(), headers={"Content-Encoding": "gzip"})

    assert (answer.status_code, read) == (status, [])
    assert [line["status"] for line in lines if line["event"] == "event.refused"] == [status]


async def test_unknown_accounts_are_refused_with_their_place(room):
    answer = await room.publish(accounts=["brand-tiktok", "nobody"])

    assert [fault["field"] for fault in problem(answer, 422, "invalid_request")["errors"]] == ["accounts[1]"]


async def test_another_content_type_is_refused(room):
    answer = await room.call("POST", "/v1/publish", content=b"<a/>", headers={"Content-Type": "text/xml"})

    problem(answer, 415, "unsupported_media_type")


async def test_a_compressed_body_is_refused(room):
    answer = await room.call("POST", "/v1/publish", content=b"x", headers={"Content-Encoding": "gzip"})

    problem(answer, 415, "unsupported_encoding")


async def test_a_body_that_says_that_it_is_too_long_is_not_read(room):
    async def never():
        raise AssertionError("the body was read")
        yield b""

    answer = await room.call("POST", "/v1/publish", content=never(), headers={"Content-Length": "10001"})

    told = problem(answer, 413, "too_large")
    assert told["limit"] == 10_000
    assert "10kB" in told["detail"]
    assert answer.headers["connection"] == "close"


async def test_a_body_that_turns_out_too_long_is_refused(room):
    async def endless():
        while True:
            yield b" " * 4_000

    answer = await room.call("POST", "/v1/publish", content=endless())

    problem(answer, 413, "too_large")


async def test_a_body_may_come_in_parts(room):
    async def parts():
        for part in (b'{"caption": "one", "accounts": ["brand-tiktok"],', b'"media": "', VIDEO.encode(), b'"}'):
            yield part

    assert (await room.call("POST", "/v1/publish", content=parts())).status_code == 202


async def test_a_client_that_goes_away_while_sending_leaves_nothing(room):
    messages = [{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}]
    sent = []

    async def receive():
        return messages.pop(0)

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http", "method": "POST", "path": "/v1/publish", "raw_path": b"/v1/publish", "query_string": b"",
        "scheme": "http", "root_path": "", "headers": [(b"authorization", b"Bearer secret-of-zapier")],
    }  # fmt: skip
    await room.public._transport.app(scope, receive, send)

    assert sent == []
    assert (await room.get("/v1/events"))["items"] == []


async def test_the_request_is_kept_as_it_came(room):
    body = b'{"accounts": ["brand-tiktok"],  "caption": "one", "media": "%s"}' % VIDEO.encode()
    told = (await room.call("POST", "/v1/publish", content=body)).json()

    shown = await room.get(f"/v1/events/{told['event_id']}", "admin")

    assert shown["body"] == {"text": body.decode()}


async def test_a_full_queue_is_refused_with_a_time(room):
    room.web.ingest.load.queue = 100_000

    answer = await room.publish()

    problem(answer, 429, "queue_full")
    assert answer.headers["retry-after"] == "30"


async def test_a_stopping_process_takes_nothing(room):
    room.web.ingest.load.draining = True

    answer = await room.publish()

    problem(answer, 503, "draining")
    assert answer.headers["retry-after"] == "5"


async def test_a_store_that_is_gone_is_told_with_a_time_and_counted(room):
    await room.web.store.close()

    answer = await room.publish()

    problem(answer, 503, "storage_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert 'bridge_storage_errors_total{kind="error"} 1.0' in room.web.metrics.render().decode()


async def test_waiting_ends_when_the_partner_has_taken_it(room):
    calling = asyncio.create_task(room.publish(wait="20"))
    await room.until_waiting()
    await room.work()

    answer = await calling

    assert answer.status_code == 200
    assert answer.json()["status"] == "pending"
    assert answer.json()["posts"][0]["partner_id"]


async def test_waiting_ends_with_what_the_partner_refused(room):
    room.refuse("create", "validation_failed", "caption is rude")
    calling = asyncio.create_task(room.publish(wait="20s"))
    await room.until_waiting()
    await room.work()

    told = problem(await calling, 422, "refused")

    assert told["event_id"]
    assert told["posts"][0]["state"] == "rejected"
    assert told["posts"][0]["reason"] == "invalid"
    assert "caption is rude" in told["detail"]


async def test_waiting_ends_at_its_limit(room):
    answer = await room.publish(wait="300ms")

    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"


async def test_what_is_parked_is_not_waited_for(room):
    await room.lose_account()

    answer = await asyncio.wait_for(room.publish(wait="60"), 5)

    assert answer.status_code == 202
    assert answer.json()["status"] == "parked"
    assert answer.json()["posts"][0]["reason"] == "account_inactive"


async def test_a_stopping_process_lets_nobody_wait(room):
    calling = asyncio.create_task(room.publish(wait="60"))
    await room.until_waiting()
    await room.web.waiters.drain()

    answer = await asyncio.wait_for(calling, 5)

    assert answer.status_code == 202


async def test_what_is_stored_is_answered_though_its_state_cannot_be_read(room):
    class Gone:
        async def wait(self, *_):
            raise StoreBusy("locked")

    app = public_app(replace(room.web, waiters=Gone()))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bridge") as room.public:
        answer = await room.publish(wait="20")

    assert answer.status_code == 202
    assert answer.json()["status"] == "accepted"
    assert 'bridge_storage_errors_total{kind="busy"} 1.0' in room.web.metrics.render().decode()


async def test_a_bad_wait_is_refused_before_anything_is_stored(room):
    for wait in ("soon", "121", "-1", "3m", "1e3"):
        answer = await room.publish(wait=wait)
        assert [fault["field"] for fault in problem(answer, 422, "invalid_request")["errors"]] == ["wait"]

    assert (await room.get("/v1/events"))["items"] == []


async def test_an_account_outside_the_allow_list_is_forbidden(room):
    answer = await room.publish(token="brand", accounts=["brand-tiktok", "other-x"])

    assert "other-x" in problem(answer, 403, "account_not_allowed")["detail"]
    assert 'bridge_auth_failures_total{reason="account",source="api"} 1.0' in room.web.metrics.render().decode()


async def test_getting_publish_says_what_to_do(room):
    answer = await room.call("GET", "/v1/publish")

    assert "POST" in problem(answer, 405, "method_not_allowed")["detail"]
    assert answer.headers["allow"] == "POST"


async def test_the_event_is_received_when_the_clock_says(room):
    told = (await room.publish()).json()

    assert (await room.get(f"/v1/events/{told['event_id']}"))["received_at"] == NOW.isoformat().replace("+00:00", "Z")
