"""A partner whose writes are off: every answer names it, so that nobody takes a rehearsal for the real thing."""

from dataclasses import replace

import httpx
import pytest

from bridge.web import admin_app, public_app

pytestmark = pytest.mark.anyio

HEADER = "bridge-writes-off"


async def answers(app, *calls):
    headers = {"Authorization": "Bearer secret-of-zapier"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bridge") as client:
        return [await client.request(method, path, headers=headers) for method, path in calls]


async def test_every_answer_names_the_partners_that_are_told_nothing(room):
    web = replace(room.web, writes_off=("genviral", "second-brand"))
    calls = [("GET", "/v1/posts"), ("POST", "/v1/publish"), ("POST", "/hooks/x"), ("GET", "/x"), ("PUT", "/v1/posts/x")]

    for answer in await answers(public_app(web), *calls, ("GET", "/openapi.json")):
        assert answer.headers[HEADER] == "genviral, second-brand"
    for answer in await answers(admin_app(web), ("GET", "/livez"), ("GET", "/metrics"), ("GET", "/nowhere")):
        assert answer.headers[HEADER] == "genviral, second-brand"


async def test_the_probe_names_them_and_is_ready_all_the_same(room):
    [ready] = await answers(admin_app(replace(room.web, writes_off=("genviral",))), ("GET", "/readyz"))
    room.checks.failing = {"store": "a write did not succeed"}
    [not_ready] = await answers(admin_app(replace(room.web, writes_off=("genviral",))), ("GET", "/readyz"))

    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "writes_off": ["genviral"]})
    assert (not_ready.status_code, not_ready.json()["writes_off"]) == (503, ["genviral"])


async def test_nothing_is_said_when_all_writes_are_on(room):
    for answer in (await room.call("GET", "/v1/posts"), await room.admin.get("/readyz")):
        assert HEADER not in answer.headers
        assert "writes_off" not in answer.json()
