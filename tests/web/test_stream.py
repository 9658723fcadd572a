"""The stream: outbound events as they are told, to those who may hear of them, until somebody leaves or all is over."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from bridge.flows.stream import Streams
from bridge.ports import Find
from bridge.web import public_app
from tests.web.room import problem

pytestmark = pytest.mark.anyio


class Ear:
    """One who listens, straight at the app: a client would wait for an end that does not come."""

    def __init__(self, room, query, token, after):
        self.status, self.parts, self.over = None, [], False
        self._new, self._gone = asyncio.Event(), asyncio.Event()
        headers = [(b"authorization", f"Bearer secret-of-{token}".encode())]
        headers += [(b"last-event-id", after.encode())] if after else []
        scope = {"type": "http", "method": "GET", "path": "/v1/stream", "query_string": query.encode()}
        scope |= {"headers": headers, "scheme": "http"}
        self.task = asyncio.create_task(public_app(room.web)(scope, self._receive, self._send))

    async def _receive(self):
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message):
        self.status = message.get("status", self.status)
        self.parts += [message["body"]] if message.get("body") else []
        self.over |= message["type"] == "http.response.body" and not message.get("more_body", False)
        self._new.set()

    def leave(self):
        self._gone.set()

    @property
    def events(self):
        blocks = b"".join(self.parts).decode().split("\n\n")
        found = [dict(line.split(": ", 1) for line in block.splitlines()) for block in blocks if "id: " in block]
        return [(one["id"], one["event"], json.loads(one["data"])) for one in found]

    async def until(self, count=0):
        """Wait until it listens and has heard of so many events."""
        async with asyncio.timeout(10):
            while not self.parts or len(self.events) < count:
                self._new.clear()
                await self._new.wait()
        return self.events


@asynccontextmanager
async def listening(room, query="", token="zapier", after=None):
    ear = Ear(room, query, token, after)
    await ear.until()
    yield ear
    ear.leave()
    await asyncio.wait_for(ear.task, 5)


@pytest.fixture(autouse=True)
def quickly(room):
    may_listen(room, 10)


def may_listen(room, most):
    object.__setattr__(room.web, "streams", Streams(most=most, look_s=0.01))


async def test_what_is_told_from_now_on_is_heard_with_the_body_of_the_webhooks(room):
    await room.published()
    before = {event.id for event in await room.web.store.told(Find())}
    async with listening(room) as ear:
        await room.look()
        heard = await ear.until(1)

    events = {event.id: event for event in await room.web.store.told(Find())}
    assert heard[0][0] not in before
    assert heard[0][1] == events[heard[0][0]].type
    assert heard[0][2] == json.loads(events[heard[0][0]].body)
    assert len({one[0] for one in heard}) == len(heard)


async def test_only_what_is_wanted_is_heard(room):
    first, second = await room.published(), await room.published(caption="Another one")
    async with (
        listening(room, "types=post.posted,account.*") as typed,
        listening(room, f"post={second['id']}") as posted,
        listening(room, "account=other-x") as other,
        listening(room) as everything,
    ):
        await room.look()
        assert {one[1] for one in await typed.until(2)} == {"post.posted"}
        await posted.until(1)
        heard = await everything.until(2)
        assert other.events == []

    assert {one[2]["data"]["subject"]["id"].split(":")[0] for one in posted.events} == {second["id"]}
    assert any(first["id"] in one[2]["data"]["subject"]["id"] for one in heard)


async def test_what_was_missed_is_told_first_and_nothing_twice(room):
    await room.published()
    await room.look()
    told = sorted(event.id for event in await room.web.store.told(Find(limit=200)))
    async with listening(room, after=told[0]) as ear:
        await room.published(caption="Another one")
        await room.look()
        await ear.until(len(told))

    ids = [one[0] for one in ear.events]
    assert ids[: len(told) - 1] == told[1:]
    assert len(set(ids)) == len(ids)


async def test_a_caller_of_some_accounts_hears_of_those(room):
    async with listening(room, token="brand") as bound, listening(room) as everything:
        await room.published(accounts=["other-x"])
        await room.published()
        await room.look()
        heard = await bound.until(1)
        assert len(await everything.until(len(heard) + 1)) > len(heard)

    assert all("other-x" not in json.dumps(one[2]) for one in heard)


async def test_it_ends_for_everybody_at_once(room):
    async with listening(room) as ear:
        room.web.streams.end()
        await asyncio.wait_for(ear.task, 1)

    assert ear.over
    problem(await room.call("GET", "/v1/stream"), 503, "too_many_listeners")


async def test_whoever_leaves_makes_room(room):
    may_listen(room, 1)
    async with listening(room):
        problem(await room.call("GET", "/v1/stream"), 503, "too_many_listeners")
    async with listening(room) as ear:
        assert ear.status == 200


@pytest.mark.parametrize(("query", "after"), [("?kind=x", None), ("", "not an id\t")])
async def test_what_makes_no_sense_is_refused(room, query, after):
    headers = {"Last-Event-ID": after} if after else {}
    problem(await room.call("GET", f"/v1/stream{query}", headers=headers), 422, "invalid_request")
    problem(await room.call("GET", "/v1/stream", "writer"), 403, "scope")
