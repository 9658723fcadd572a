"""The webhook receiver: what it believes, what it answers, what it shows."""

import asyncio
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from bridge.simulator.receiver import HookAnswer, Receiver

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("unjudged_receivers")]
SECRET, OTHER = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
BODY = b'{"type":"post.posted","timestamp":"2026-05-01T00:00:00Z","data":{"sequence":1}}'


def signed(message_id="msg_1", body=BODY, secret=SECRET, at=None):
    at = at or datetime.now(UTC)
    signature = Webhook(secret).sign(message_id, at, body.decode())
    stamp = str(int(at.timestamp()))
    return {"webhook-id": message_id, "webhook-timestamp": stamp, "webhook-signature": signature}


@pytest.fixture
def receiver():
    return Receiver({"ops": [OTHER, SECRET]})


@pytest.fixture
async def client(receiver):
    transport = httpx.ASGITransport(app=receiver.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
        yield client


async def test_a_good_signature_of_any_known_secret_is_verified(receiver, client):
    for secret in (SECRET, OTHER):
        answer = await client.post("/hook/ops", content=BODY, headers=signed(secret=secret))
        assert (answer.status_code, receiver.received[-1].verified) == (200, True)
    assert receiver.received[-1].json["data"] == {"sequence": 1}


def unsigned():
    return {}


def signed_by_another():
    return signed(secret="whsec_AAAA")


def signed_long_ago():
    return signed(at=datetime.now(UTC) - timedelta(minutes=6))


def signed_in_the_future():
    return signed(at=datetime.now(UTC) + timedelta(minutes=6))


def nonsense():
    return signed() | {"webhook-signature": "nonsense"}


@pytest.mark.parametrize(
    ("make_headers", "body", "why_not"),
    [
        (unsigned, BODY, "Missing required headers"),
        (signed, BODY + b" ", "No matching signature found"),
        (signed_by_another, BODY, "No matching signature found"),
        (signed_long_ago, BODY, "Message timestamp too old"),
        (signed_in_the_future, BODY, "Message timestamp too new"),
        (nonsense, BODY, "not enough values"),
        (signed, b"\xff", "can't decode"),
    ],
)
async def test_what_does_not_verify_is_kept_with_the_reason(receiver, client, make_headers, body, why_not):
    assert (await client.post("/hook/ops", content=body, headers=make_headers())).status_code == 200
    [one] = receiver.received
    assert not one.verified
    assert why_not in one.why_not


async def test_a_hook_without_a_secret_verifies_nothing(receiver, client):
    await client.post("/hook/strangers", content=BODY, headers=signed())
    assert receiver.received[0].why_not == "no secret known for this hook"


@pytest.mark.parametrize(("secret", "verified"), [(SECRET, True), ("whsec_AAAA", False)])
async def test_with_the_time_unchecked_only_the_signature_counts(secret, verified):
    receiver = Receiver({"ops": SECRET}, check_time=False)
    headers = signed(secret=secret, at=datetime(2025, 1, 1, tzinfo=UTC))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app=receiver.app()), base_url="http://receiver"
    ) as client:
        await client.post("/hook/ops", content=BODY, headers=headers)
    assert receiver.received[0].verified is verified


async def test_attempts_are_counted_by_webhook_id(receiver, client):
    for message_id in ("a", "a", "b"):
        await client.post("/hook/ops", content=BODY, headers=signed(message_id))
    assert [one.attempt for one in receiver.received] == [1, 2, 1]
    assert receiver.unique("ops") == (await client.get("/_control/unique")).json() == {"a": 2, "b": 1}


async def test_answers_follow_the_script_then_200(receiver, client):
    receiver.script(
        "ops", HookAnswer(503, retry_after="7", times=2), 410, HookAnswer(302, location="http://127.0.0.1/")
    )
    answers = [await client.post("/hook/ops", content=BODY) for _ in range(5)]
    assert [one.status_code for one in answers] == [503, 503, 410, 302, 200]
    assert (answers[0].headers["retry-after"], answers[3].headers["location"]) == ("7", "http://127.0.0.1/")
    assert [one.status for one in receiver.of("ops")] == [503, 503, 410, 302, 200]


async def test_a_dropped_request_is_received_all_the_same(receiver, client):
    receiver.script("ops", HookAnswer(drop=True))
    with pytest.raises(httpx.RemoteProtocolError):
        await client.post("/hook/ops", content=BODY)
    assert [one.status for one in receiver.received] == [None]


async def test_an_answer_for_ever_stays_until_reset(receiver, client):
    receiver.script("ops", HookAnswer(500, delay_s=0.001, times=-1))
    assert [(await client.post("/hook/ops", content=BODY)).status_code for _ in range(3)] == [500] * 3
    await client.post("/_control/reset")
    assert (await client.post("/hook/ops", content=BODY)).status_code == 200
    assert receiver.total == 1


async def test_waiting_ends_with_what_was_waited_for(receiver, client):
    waiting = asyncio.create_task(receiver.wait_for(lambda got: len(got) == 2))
    for _ in range(2):
        await client.post("/hook/ops", content=BODY)
    assert len(await waiting) == 2


async def test_waiting_in_vain_times_out(receiver):
    with pytest.raises(TimeoutError):
        await receiver.wait_for(bool, timeout=0.01)


async def test_the_control_api_scripts_and_shows(receiver, client):
    await client.post("/_control/secrets", json={"name": "new", "secrets": [SECRET]})
    await client.post("/_control/answers", json={"name": "new", "answers": [{"status": 202, "body": "later"}]})
    headers = signed() | {"authorization": "Bearer hush"}
    assert (await client.post("/hook/new", content=BODY, headers=headers)).text == "later"
    await client.post("/hook/other", content=b"\xff")
    [shown] = (await client.get("/_control/received", params={"name": "new"})).json()["received"]
    assert (shown["verified"], shown["body"], shown["headers"]["authorization"]) == (True, BODY.decode(), "***")
    assert (await client.get("/_control/received")).json()["received"][1]["body_encoding"] == "base64"
