"""What a real receiver gets when an endpoint is tested, and while its secret is replaced."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from ipaddress import ip_network

import orjson
import pytest
from jsonschema import Draft202012Validator
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

from bridge.core import endpoint_rules
from bridge.core.catalogue import catalogue
from bridge.core.model import Lane
from bridge.core.redact import Redactor
from bridge.core.rules import DeliverRules
from bridge.flows import endpoints
from bridge.flows.deliver import Deliverer
from bridge.net import GuardedClient
from bridge.simulator import running as serving
from tests.web.room import OPS_SECRET, problem

pytestmark = pytest.mark.anyio

SECRET = "whsec_" + "QUJD" * 11


class Receiver:
    """Keeps what it gets, and answers with a status."""

    def __init__(self):
        self.got = []
        self.status = 204
        self.app = Starlette(routes=[Route("/{name}", self.take, methods=["POST"])])

    async def take(self, request):
        self.got.append((request.path_params["name"], request.headers, await request.body()))
        return Response("thank you" if self.status != 204 else None, self.status)

    def signed_with(self, *secrets):
        """Say which of these secrets signed what came last."""
        _, headers, body = self.got[-1]
        at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        signatures = headers["webhook-signature"].split()
        return [Webhook(one).sign(headers["webhook-id"], at, body.decode()) in signatures for one in secrets]


@pytest.fixture
async def receiver(room):
    """A receiver that the room delivers to."""
    taker = Receiver()
    network = GuardedClient(allow=(ip_network("127.0.0.0/8"),), allow_http=True, ports=())
    async with serving(taker.app) as taker.url, network:
        kit = room.web.ingest.kit
        taker.flow = Deliverer(kit, DeliverRules(), network, room.web.endpoints.sending, Redactor())
        yield taker


async def deliver(receiver):
    for lane in Lane:
        for batch in await receiver.flow.claim(lane, 100):
            await receiver.flow.act(batch)


async def made(room, receiver, name="team", **fields):
    body = {"name": name, "url": f"{receiver.url}/{name}", "allow_http": True, "events": "post.failed", **fields}
    answer = await room.call("POST", "/v1/endpoints", "admin", json=body)
    assert answer.status_code == 201, answer.text


@asynccontextmanager
async def delivering(receiver):
    """Deliver again and again meanwhile."""

    async def go_on():
        while True:
            await deliver(receiver)
            await asyncio.sleep(0)

    task = asyncio.create_task(go_on())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def ask_for_test(room, name="team", *, wait="", token="admin"):
    return await room.call("POST", f"/v1/endpoints/{name}/test{wait}", token)


async def test_a_test_goes_to_its_endpoint_alone_whatever_that_wants(room, receiver):
    await made(room, receiver)
    await made(room, receiver, "other", events="*")

    answer = await ask_for_test(room)
    await deliver(receiver)

    told = answer.json()
    assert (answer.status_code, told["delivery"]["type"], told["attempt"]) == (202, "webhook.test", None)
    assert told["delivery"]["id"] in told["why"]
    assert [name for name, _, _ in receiver.got] == ["team"]
    body = orjson.loads(receiver.got[0][2])
    Draft202012Validator(catalogue()["webhook.test"].schema).validate(body)


@pytest.mark.parametrize(("status", "outcome"), [(204, "ok"), (500, "failed")])
async def test_who_waits_for_a_test_hears_how_it_went(room, receiver, monkeypatch, status, outcome):
    monkeypatch.setattr(endpoints, "_LOOK_AGAIN_S", 0.001)
    receiver.status = status
    await made(room, receiver)

    async with delivering(receiver):
        answer = await ask_for_test(room, wait="?wait=10")

    attempt = answer.json()["attempt"]
    assert (answer.status_code, answer.json()["why"]) == (200, None)
    assert (attempt["status"], attempt["outcome"]) == (status, outcome)
    assert attempt["response"] == (None if status == 204 else "thank you")
    assert attempt["duration_s"] >= 0


async def test_a_test_of_an_endpoint_that_is_held_says_so(room, receiver):
    await made(room, receiver)
    await room.change_endpoint(
        "team", held_until=room.clock.advance(seconds=0).replace(hour=23), failing_since=room.clock()
    )

    answer = await ask_for_test(room)

    assert answer.status_code == 202
    assert "held until 2025-01-20T23:00:00Z" in answer.json()["why"]


async def test_who_waits_is_answered_when_the_process_stops(room, receiver):
    await made(room, receiver)
    room.web.ingest.load.draining = True

    assert (await ask_for_test(room, wait="?wait=60")).status_code == 202


async def test_a_disabled_endpoint_is_not_tested(room, receiver):
    await room.call("POST", "/v1/endpoints/ops/disable", "admin")

    problem(await ask_for_test(room, "ops"), 409, "endpoint_disabled")
    problem(await ask_for_test(room, "nobody"), 404, "no_such_endpoint")
    problem(await ask_for_test(room, "ops", wait="?wait=soon"), 422, "invalid_request")


async def test_a_replaced_secret_signs_for_a_day_more(room, receiver):
    await made(room, receiver, secret=SECRET)

    answer = await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin")

    told = answer.json()
    assert (answer.status_code, told["old_until"]) == (200, "2025-01-21T12:00:00Z")
    assert told["secret"] not in (await room.call("GET", "/v1/endpoints/team")).text
    seen = []
    for hours in (0, 23.9, 0.2):
        room.clock.advance(hours=hours)
        await ask_for_test(room)
        await deliver(receiver)
        seen.append(receiver.signed_with(SECRET, told["secret"]))
    assert seen == [[True, True], [True, True], [False, True]]


async def test_a_secret_may_be_given_and_only_so_many_sign_at_once(room, receiver, monkeypatch):
    monkeypatch.setattr(endpoint_rules, "MOST_SECRETS", 2)
    await made(room, receiver)
    path, body = "/v1/endpoints/team/rotate-secret", {"secret": SECRET}

    assert (await room.call("POST", path, "admin", json=body)).json()["secret"] == SECRET
    problem(await room.call("POST", path, "admin"), 409, "too_many_secrets")
    room.clock.advance(hours=25)
    assert (await room.call("POST", path, "admin")).status_code == 200
    wrong = await room.call("POST", path, "admin", json={"secret": "short", "old": 1})
    assert len(problem(wrong, 422, "invalid_request")["errors"]) == 2


async def test_one_without_a_secret_gets_its_first(room, receiver):
    await made(room, receiver, format="slack", events="*")

    told = (await room.call("POST", "/v1/endpoints/team/rotate-secret", "admin")).json()

    assert (told["signed"], told["old_until"]) == (True, None)


async def test_headers_of_its_own_reach_the_receiver(room, receiver):
    await made(room, receiver, headers={"X-Team": "umbrella"})
    await ask_for_test(room)
    await deliver(receiver)

    assert receiver.got[0][1]["x-team"] == "umbrella"


async def test_a_configured_endpoint_signs_as_the_configuration_says(room, receiver):
    await room.change_endpoint("ops", url=f"{receiver.url}/ops", allow_http=True)
    await ask_for_test(room, "ops")
    await deliver(receiver)

    assert receiver.signed_with(OPS_SECRET) == [True]
