"""The wiring of lookups in a whole process: what a webhook names is fetched at once, by the rules of the network."""

import asyncio
from datetime import UTC, datetime

import pytest

from bridge.app import KINDS, running
from bridge.core.model import Intent, RawRequest
from bridge.ports import Find
from bridge.settings import load
from tests.flows.sender_api import a_sender_api
from tests.sources.thin import mac, sent

pytestmark = pytest.mark.anyio

BODY = sent("storyblok/published.json")
SECRET, TOKEN = "the-secret-of-the-space", "the-token-of-the-space"
FILE = """
database: {{url: "sqlite:///{folder}/bridge.db"}}
network: {{allow: [127.0.0.0/8], allow_http: true, ports: []}}
sources: {{blog: {{kind: storyblok, secret: {{env: SECRET}}, token: {{env: TOKEN}}, api: "{base}/cdn"}}}}
"""


async def test_a_webhook_is_followed_as_soon_as_it_is_stored(tmp_path):
    headers = (("content-type", "application/json"), ("webhook-signature", mac(SECRET, BODY, "sha1")))
    raw = RawRequest("POST", "/hooks/blog", "", "", headers, BODY, datetime.now(UTC))
    file = tmp_path / "bridge.yaml"
    async with a_sender_api() as api:
        file.write_text(FILE.format(folder=tmp_path, base=api.base))
        async with running(load(file, environ={"SECRET": SECRET, "TOKEN": TOKEN}, kinds=KINDS)) as bridge:
            await bridge.ingest.receive("blog", raw)
            # Only the commit can have woken the flow so soon: by itself it looks every two seconds.
            async with asyncio.timeout(1.5):
                while len(found := await bridge.kit.store.find_events(Find(source="blog"))) < 2:  # noqa: ASYNC110
                    await asyncio.sleep(0)

    assert [event.intent for event in found] == [Intent.PUBLISH, Intent.NEEDS_FETCH]
    assert {request.query["token"] for request in api.asked} == {TOKEN}
