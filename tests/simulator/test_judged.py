"""Every receiver of the tests holds what it gets against the published schemas."""

from datetime import UTC, datetime

import httpx
import orjson
import pytest
from standardwebhooks.webhooks import Webhook

from bridge.core import formats
from bridge.core.catalogue import catalogue, samples
from bridge.simulator.receiver import Receiver

pytestmark = pytest.mark.anyio
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
JSON = "application/json"
CLOUDEVENTS = "application/cloudevents+json"
GOOD = catalogue()["post.posted"].example


async def send(body, content_type=JSON, secret=SECRET):
    at = datetime.now(UTC)
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(at.timestamp())), "content-type": content_type}
    if secret:
        headers["webhook-signature"] = Webhook(secret).sign("msg_1", at, body.decode())
    transport = httpx.ASGITransport(app=Receiver({"ops": SECRET}).app())
    async with httpx.AsyncClient(transport=transport, base_url="http://receiver") as client:
        await client.post("/hook/ops", content=body, headers=headers)


def without(event_type, *way):
    body = orjson.loads(orjson.dumps(catalogue()[event_type].example))
    part = body
    for name in way[:-1]:
        part = part[name]
    del part[way[-1]]
    return orjson.dumps(body)


def as_sent(name, event_type="post.failed", **changes):
    body = orjson.loads(formats.body(name, samples()[event_type]))
    return orjson.dumps({key: value for key, value in (body | changes).items() if value is not ...})


@pytest.mark.parametrize("name", formats.FORMATS)
async def test_a_body_that_fits_is_no_fault(wrong_bodies, name):
    await send(as_sent(name), formats.content_type(name))
    assert wrong_bodies == []


@pytest.mark.parametrize(
    ("body", "content_type", "fault"),
    [
        (without("post.posted", "data", "post", "state"), JSON, "post.posted $.data.post: 'state' is a required "),
        (without("target.failed", "data", "retry"), JSON, "target.failed $.data: 'retry' is a required property"),
        (without("post.posted", "timestamp"), JSON, "post.posted $: 'timestamp' is a required property"),
        (orjson.dumps(GOOD | {"id": "msg_1"}), JSON, "post.posted $.id: is not described"),
        (b'{"type": "post.loved", "timestamp": "", "data": {}}', JSON, "there is no type post.loved"),
        (b"[1]", JSON, "no object: [1]"),
        (b"{", JSON, "no JSON: "),
        (orjson.dumps(GOOD), "text/plain", "no content type of ours: text/plain"),
        (as_sent("cloudevents", data=GOOD["data"] | {"sequence": 0}), CLOUDEVENTS, "post.failed $.data.sequence: "),
        (as_sent("cloudevents", time="2026-01-01T00:00:00+00:00"), CLOUDEVENTS, "post.failed $.timestamp: "),
        (as_sent("cloudevents", source=...), CLOUDEVENTS, "cloudevents: "),
        (as_sent("cloudevents", specversion="9"), CLOUDEVENTS, "cloudevents: "),
        (b"{", CLOUDEVENTS, "cloudevents: JSONDecodeError "),
        (as_sent("flat", targets_state=...), JSON, "post.failed flat: targets_state"),
        (as_sent("flat", later=1), JSON, "post.failed flat: later"),
        (as_sent("flat", error=["x"]), JSON, "post.failed flat: error"),
        (as_sent("flat", type="post.loved"), JSON, "there is no type post.loved"),
        (as_sent("slack", text=""), JSON, "slack: a text of 0 characters"),
        (as_sent("slack", text="<!channel>"), JSON, "slack: a mark that is not ours in '<!channel>'"),
        (as_sent("slack", blocks=[]), JSON, "slack: 0 blocks of 2 characters"),
        (as_sent("slack", blocks=[{"type": "section"}]), JSON, "slack: KeyError 'text'"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("secret", [SECRET, OTHER, None], ids=["signed", "wrongly signed", "unsigned"])
async def test_a_body_that_does_not_fit_would_fail_its_test(wrong_bodies, body, content_type, fault, secret):
    await send(body, content_type, secret)
    [wrong] = wrong_bodies
    assert wrong.startswith(fault)
    wrong_bodies.clear()


async def test_a_receiver_of_what_is_not_ours_may_go_unjudged(unjudged_receivers, wrong_bodies):
    await send(b"anything")
    assert wrong_bodies == []
