"""How a hook is answered: which methods, which status, and that nobody waits for a partner or for a sender's API."""

import asyncio
from dataclasses import replace
from ipaddress import ip_network

import httpx
import pytest

from bridge.core.rules import PublishRules
from bridge.flows.lookups import Lookups
from bridge.net import GuardedClient
from bridge.partners.genviral import Genviral, GenviralConfig
from bridge.simulator.genviral import DEMO_TOKEN
from bridge.sources import KINDS
from tests.web.hooks import EVERY, SECRET, SIGNS, Sent, add_source, events, post
from tests.web.room import NOW, problem

pytestmark = pytest.mark.anyio

every_kind = pytest.mark.parametrize("kind", sorted(KINDS))


def one(kind: str) -> Sent:
    """A request that a kind reads, small."""
    if kind == "cloudevents":
        body = (
            b'{"id": "1", "source": "/a", "type": "post.published", "specversion": "1.0", "data": {"title": "Hello"}}'
        )
        headers = {"content-type": "application/cloudevents+json"}
    elif kind == "feed":
        body = b'{"version": "https://jsonfeed.org/version/1.1", "items": [{"id": "1", "content_text": "Hello"}]}'
        headers = {"content-type": "application/feed+json"}
    else:
        body, headers = b'{"title": "Hello", "secret": "%b"}' % SECRET.encode(), {"content-type": "application/json"}
    return Sent(body=body, headers=headers, path="/hooks/cms", at=NOW)


async def deliver(room, kind: str, **change: object) -> httpx.Response:
    sent = replace(one(kind), **change)
    return await post(room.public, sent, SIGNS[kind](sent, SECRET))


@every_kind
async def test_each_kind_is_sent_to_by_post_and_put_and_never_redirected(room, kind):
    add_source(room, "cms", kind, secret=SECRET)
    for method in KINDS[kind].methods:
        answer = await deliver(room, kind, method=method)
        assert answer.status_code == (202 if kind == "cloudevents" else 200), answer.text
        # Slack would show a person whatever it is answered.
        assert answer.content if kind != "slack" else not answer.content
        assert answer.headers["content-type"] == ("text/plain" if kind == "slack" else "application/json")

    for path in ("/hooks/cms/", "/hooks//cms", "/hooks/cms/x"):
        problem(await deliver(room, kind, path=path), 404, "no_such_path")


@every_kind
async def test_other_methods_are_told_which_are_right(room, kind):
    add_source(room, "cms", kind, secret=SECRET)
    for method in ("GET", "HEAD", "DELETE", "PATCH", "OPTIONS"):
        answer = await room.public.request(method, "/hooks/cms")
        assert answer.status_code == 405
        assert answer.headers["allow"] == ", ".join(KINDS[kind].methods)
        if method != "HEAD":
            assert problem(answer, 405, "method_not_allowed")["allow"] == list(KINDS[kind].methods)
    assert await events(room, "cms") == []


@every_kind
async def test_only_cloudevents_answers_options(room, kind):
    add_source(room, "cms", kind, secret=SECRET)
    asked = {"WebHook-Request-Origin": "events.example.com", "WebHook-Request-Rate": "120"}
    answer = await room.public.options("/hooks/cms", headers=asked)

    if kind != "cloudevents":
        problem(answer, 405, "method_not_allowed")
        return
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["webhook-allowed-origin"] == "events.example.com"
    assert answer.headers["webhook-allowed-rate"] == "120"
    assert answer.headers["allow"] == "POST, PUT"


@pytest.mark.parametrize("forwarded", ["http", "https"])
async def test_plain_http_is_answered_like_any_other(room, forwarded):
    add_source(room, "cms", "generic", secret=SECRET)
    sent = one("generic")
    headers = {**sent.headers, "host": "bridge.svc.cluster.local", "x-forwarded-proto": forwarded}

    assert (await post(room.public, replace(sent, headers=headers), SIGNS["generic"](sent, SECRET))).status_code == 200


@pytest.mark.parametrize("file", ["prismic/api_update.json", "prismic/test_trigger.json"])
async def test_prismic_gets_exactly_200_with_json(room, file):
    sample = next(sample for sample in EVERY if sample.file == file)
    add_source(room, "cms", "prismic", **sample.config)
    for _ in range(2):
        answer = await post(room.public, sample.sent, sample.proof)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
        assert isinstance(answer.json(), dict)


async def test_nothing_that_is_over_is_answered_410(room):
    """A sender takes 410 for "never again": not even what is deleted twice, or was never there, is one."""
    sample = next(sample for sample in EVERY if sample.file == "ghost/post_deleted.json")
    room.clock.at = sample.at
    add_source(room, "cms", "ghost", **sample.config)
    for _ in range(2):
        assert (await post(room.public, sample.sent, sample.proof)).status_code == 200

    assert (await post(room.public, replace(sample.sent, path="/hooks/gone"), sample.proof)).status_code == 404


class Silent(httpx.AsyncBaseTransport):
    """A partner that takes a request and never answers."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        await asyncio.Event().wait()
        raise AssertionError("unreachable")


async def test_the_answer_does_not_wait_for_the_partner(room):
    """With the real pump at work, and the partner asked already for the post before."""
    silent, kit = Silent(), room.web.ingest.kit
    config = GenviralConfig(token=DEMO_TOKEN, base_url="http://silent/api/partner/v1", rate=100.0)
    partner = Genviral("genviral", config, kit.metrics.partner_call, now=room.clock, transport=silent)
    kit.partners["genviral"] = partner
    add_source(room, "cms", "generic", secret=SECRET)
    running = asyncio.create_task(room.publisher.pump.run())
    try:
        async with asyncio.timeout(30):
            for number in range(3):
                answer = await deliver(room, "generic", body=b'{"title": "Hello %d"}' % number)
                assert (answer.status_code, answer.json()["status"]) == (200, "accepted")
                room.publisher.pump.wake()
                await silent.asked.wait()
    finally:
        running.cancel()
        await room.publisher.pump.stop(0)
        await asyncio.gather(running, return_exceptions=True)
        await partner.close()
    assert len(await events(room, "cms")) == 3


async def test_the_answer_does_not_wait_for_the_senders_api(room):
    """A lookup is under way at an address where nobody says anything, and the next thin event is answered."""
    asked = asyncio.Event()

    async def say_nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    sample = next(sample for sample in EVERY if sample.file == "notion/page_created.json")
    api = {"token": "ntn_token", "api": f"http://127.0.0.1:{port}"}
    add_source(room, "cms", "notion", **sample.config, **api)
    ingest = room.web.ingest
    client = GuardedClient(allow=[ip_network("127.0.0.0/8")], allow_http=True)
    lookups = Lookups(ingest.kit, client, ingest.sources, ingest.take, PublishRules(), call_s=60)
    async with client, asyncio.timeout(30):
        running = asyncio.create_task(lookups.pump.run())
        try:
            for number in range(3):
                body = sample.sent.body.replace(b'"id": "6b6f', b'"id": "%d' % number)
                sent = replace(sample.sent, body=body)
                answer = await post(room.public, sent, SIGNS["notion"](sent, SECRET))
                assert (answer.status_code, answer.json()["intent"]) == (200, "needs_fetch")
                lookups.pump.wake()
                await asked.wait()
        finally:
            running.cancel()
            await lookups.pump.stop(0)
            await asyncio.gather(running, return_exceptions=True)
    server.close()
    assert len(await events(room, "cms")) == 3
