"""The endpoint rows that stand for chats, over HTTP: shown and switched like any other, changed with their source."""

import pytest

from bridge.core.endpoints import WANTED
from bridge.core.model import Endpoint, Message, Write
from bridge.core.step import Step
from tests.web.room import NOW, problem

pytestmark = pytest.mark.anyio

CHAT = Endpoint("reply:team", "https://chat.example.com", (), kind="reply", created_at=NOW)
PATH = f"/v1/endpoints/{CHAT.name}"


@pytest.fixture
async def chat(room):
    """A room with a chat, where a message follows an event."""
    message = Message("rpl_1", "evt_1", "team", "reply", NOW)
    await room.web.store.record([Write(endpoints=(CHAT,), messages=(message,))])
    step = Step(room.web.ingest.kit.moment())
    step.want_reply(message)
    assert await room.web.store.record([step.write()]) == [True]
    return room


async def test_a_chat_is_shown_with_how_it_fares(chat):
    shown = await chat.get(PATH)
    stats = await chat.get(f"{PATH}/stats")

    assert (shown["kind"], shown["events"], shown["configured"], shown["state"]) == ("reply", [], True, "enabled")
    assert stats["deliveries"]["due"] == 1
    assert CHAT.name in {one["name"] for one in (await chat.get("/v1/endpoints"))["items"]}


async def test_what_is_due_for_its_messages_is_listed(chat):
    [listed] = (await chat.get(f"/v1/deliveries?endpoint={CHAT.name}&type={WANTED}"))["items"]
    found = await chat.get(f"/v1/deliveries/{listed['id']}")

    assert (listed["type"], listed["subject"]) == (WANTED, {"kind": "message", "id": "rpl_1"})
    assert found["told"]["type"] == WANTED


@pytest.mark.parametrize(
    ("method", "path"), [("PATCH", ""), ("DELETE", ""), ("POST", "/rotate-secret")], ids=lambda value: value
)
async def test_a_chat_is_changed_with_its_source_only(chat, method, path):
    answer = await chat.call(method, PATH + path, "admin", **({"json": {"rate": 1}} if method == "PATCH" else {}))

    assert "under `sources`" in problem(answer, 409, "endpoint_configured")["detail"]


async def test_no_test_goes_to_a_chat(chat):
    answer = await chat.call("POST", f"{PATH}/test", "admin")

    assert "Publish something" in problem(answer, 409, "no_test")["detail"]


async def test_a_chat_can_be_disabled_and_enabled(chat):
    off = (await chat.call("POST", f"{PATH}/disable", "admin")).json()
    dead = (await chat.get(f"/v1/deliveries?endpoint={CHAT.name}"))["items"]
    on = (await chat.call("POST", f"{PATH}/enable", "admin")).json()

    assert (off["enabled"], dead[0]["state"], dead[0]["reason"]) == (False, "dead", "endpoint_disabled")
    assert on["endpoint"]["enabled"] is True


async def test_a_chat_that_left_the_configuration_can_be_deleted_but_not_enabled(chat):
    await chat.change_endpoint(CHAT.name, enabled=False, reason="unconfigured")

    refused = problem(await chat.call("POST", f"{PATH}/enable", "admin"), 409, "endpoint_configured")
    assert "Put it back under `sources`" in refused["detail"]
    assert (await chat.call("DELETE", PATH, "admin")).status_code == 204


async def test_what_is_wanted_is_no_event_type(chat):
    types = (await chat.get("/v1/event-types"))["items"]

    assert WANTED not in {one["type"] for one in types}
    problem(await chat.call("GET", f"/v1/samples/{WANTED}"), 404, "no_such_event_type")
