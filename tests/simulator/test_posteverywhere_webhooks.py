"""The webhooks of PostEverywhere: subscriptions, and deliveries signed, doubled, shuffled, replayed and given up."""

import hmac
import json
from hashlib import sha256

import httpx
import pytest

from bridge.simulator.posteverywhere import INSTAGRAM, LINKEDIN, X

pytestmark = pytest.mark.anyio
URL = "https://hooks.example.com/pe"
ALL_OF_POSTS = ["post.scheduled", "post.publishing", "post.published", "post.failed", "post.partially_failed"]


class Inbox:
    """A receiver that keeps what comes and answers as told."""

    def __init__(self) -> None:
        self.requests: list[httpx.Request] = []
        self.status = 200
        self.client = httpx.AsyncClient(transport=httpx.MockTransport(self.take))

    def take(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if not self.status:
            raise httpx.ConnectError("refused")
        return httpx.Response(self.status)

    @property
    def events(self) -> list[str]:
        return [json.loads(one.content)["event"] for one in self.requests]

    @property
    def ids(self) -> list[str]:
        return [json.loads(one.content)["event_id"] for one in self.requests]


@pytest.fixture
async def inbox():
    box = Inbox()
    yield box
    await box.client.aclose()


async def subscribe(pe, *events, url=URL):
    answer = await pe.client.post("/webhooks", json={"url": url, "events": list(events) or ["post.published"]})
    assert answer.status_code == 201, answer.text
    return answer.json()["data"]


async def publish(pe, *accounts):
    post_id = await pe.created(*accounts or (X,))
    pe.sim.tick(2)
    return post_id


async def test_the_secret_is_shown_once(pe):
    made = await subscribe(pe)
    assert made["secret"].startswith("whsec_")
    shown = await pe.read(f"/webhooks/{made['id']}")
    assert shown == {name: value for name, value in made.items() if not name.startswith("secret")}
    assert await pe.read("/webhooks") == {"webhooks": [shown]}


@pytest.mark.parametrize(
    "body",
    [
        {"url": URL},
        {"url": URL, "events": []},
        {"url": URL, "events": ["post.lost"]},
        {"url": "http://hooks.example.com", "events": ["post.failed"]},
        {"url": "https://127.0.0.1/x", "events": ["post.failed"]},
        {"url": 7, "events": ["post.failed"]},
        {"url": URL, "events": ["post.failed"], "name": "a" * 101},
    ],
)
async def test_a_subscription_needs_a_public_https_address_and_known_events(pe, body):
    assert (await pe.client.post("/webhooks", json=body)).status_code == 400


async def test_published_is_told_once_by_destination_and_signed_over_the_raw_body(pe, inbox):
    secret = (await subscribe(pe))["secret"]
    post_id = await publish(pe, X, INSTAGRAM)
    await pe.sim.deliver(inbox.client)
    bodies = [json.loads(one.content) for one in inbox.requests]
    assert {(one["event"], one["data"]["account_id"]) for one in bodies} == {
        ("post.published", X),
        ("post.published", INSTAGRAM),
    }
    assert {one["data"]["post_id"] for one in bodies} == {post_id}
    assert bodies[0].keys() == {"event", "event_id", "created_at", "organization_id", "data"}
    for one in inbox.requests:
        digest = hmac.new(secret.encode(), one.content, sha256).hexdigest()
        assert one.headers["x-posteverywhere-signature"] == f"sha256={digest}"
        assert one.headers["x-posteverywhere-timestamp"] == str(int(pe.clock.at.timestamp()))


async def test_the_course_of_a_post_is_told(pe, inbox):
    await subscribe(pe, *ALL_OF_POSTS)
    pe.sim.script(LINKEDIN, {"kind": "fail", "text": "No", "retries": 0})
    await pe.created(X, LINKEDIN, scheduled_for=pe.soon(minutes=1))
    pe.clock.advance(minutes=1)
    pe.sim.tick(2)
    await pe.sim.deliver(inbox.client)
    assert sorted(inbox.events) == sorted(ALL_OF_POSTS)


@pytest.mark.parametrize(
    ("fate", "event"),
    [
        ("expire", "account.reconnect_needed"),
        ("deactivate", "account.disconnected"),
        ("remove", "account.disconnected"),
        ("reconnect", "account.connected"),
    ],
)
async def test_the_fate_of_an_account_is_told(pe, inbox, fate, event):
    await subscribe(pe, event)
    getattr(pe.sim, fate)(X)
    await pe.sim.deliver(inbox.client)
    assert [json.loads(one.content)["data"]["account_id"] for one in inbox.requests] == [X]


@pytest.mark.parametrize("options", [{"webhook_duplicates": 1}])
async def test_an_event_may_come_twice_under_one_id(pe, inbox):
    await subscribe(pe)
    await publish(pe)
    await pe.sim.deliver(inbox.client)
    assert len(inbox.ids) == 2
    assert len(set(inbox.ids)) == 1


@pytest.mark.parametrize("options", [{"webhook_reorder": True}])
async def test_events_may_come_out_of_order_by_the_seed(pe, inbox):
    await subscribe(pe)
    posts = [await publish(pe) for _ in range(8)]
    await pe.sim.deliver(inbox.client)
    came = [json.loads(one.content)["data"]["post_id"] for one in inbox.requests]
    assert (sorted(came), came != posts) == (sorted(posts), True)


async def test_a_replay_is_the_same_bytes_and_headers_later(pe, inbox):
    await subscribe(pe)
    await publish(pe)
    await pe.sim.deliver(inbox.client)
    pe.clock.advance(hours=1)
    assert pe.sim.replay() == 1
    await pe.sim.deliver(inbox.client)
    first, second = inbox.requests
    assert (first.content, dict(first.headers)) == (second.content, dict(second.headers))


@pytest.mark.parametrize("status", [500, 0])
async def test_a_failed_delivery_is_tried_thrice(pe, inbox, status):
    made = await subscribe(pe)
    await publish(pe)
    inbox.status = status
    sent = [one for _ in range(4) for one in await pe.sim.deliver(inbox.client)]
    assert (len(sent), len(set(inbox.ids))) == (3, 1)
    assert (await pe.read(f"/webhooks/{made['id']}"))["consecutive_failures"] == 3


@pytest.mark.parametrize("options", [{"webhook_disable_after": 2}])
async def test_failures_switch_a_subscription_off_and_a_person_on_again(pe, inbox):
    made = await subscribe(pe)
    await publish(pe)
    inbox.status = 500
    for _ in range(3):
        await pe.sim.deliver(inbox.client)
    shown = await pe.read(f"/webhooks/{made['id']}")
    assert (shown["is_active"], shown["auto_disabled_at"] is not None, len(inbox.ids)) == (False, True, 2)
    answer = await pe.client.patch(f"/webhooks/{made['id']}", json={"is_active": True})
    assert (answer.json()["data"]["consecutive_failures"], answer.json()["data"]["auto_disabled_at"]) == (0, None)


async def test_an_edit_changes_what_is_told(pe):
    made = await subscribe(pe)
    body = {"name": "ops", "events": ["post.failed"]}
    data = (await pe.client.patch(f"/webhooks/{made['id']}", json=body)).json()["data"]
    assert (data["name"], data["events"], data["url"]) == ("ops", ["post.failed"], URL)
    await publish(pe)
    assert not pe.sim.outbox.waiting


async def test_a_deleted_subscription_gets_nothing_and_is_404(pe, inbox):
    made = await subscribe(pe)
    assert (await pe.client.delete(f"/webhooks/{made['id']}")).json()["data"] == {"id": made["id"], "deleted": True}
    await publish(pe)
    assert await pe.sim.deliver(inbox.client) == []
    assert (await pe.client.get(f"/webhooks/{made['id']}")).status_code == 404


async def test_deliveries_may_be_sent_elsewhere(pe, inbox):
    await subscribe(pe)
    await publish(pe)
    await pe.sim.deliver(inbox.client, to="http://127.0.0.1:1/inbound")
    assert str(inbox.requests[0].url) == "http://127.0.0.1:1/inbound"


@pytest.mark.parametrize(("status", "ok"), [(200, True), (500, False)])
async def test_a_test_event_is_sent_at_once(pe, inbox, status, ok):
    made = await subscribe(pe)
    inbox.status = status
    pe.sim.client = lambda: inbox.client
    data = (await pe.client.post(f"/webhooks/{made['id']}/test")).json()["data"]
    assert (data["ok"], data["status"], inbox.events) == (ok, status, ["webhook.test"])
