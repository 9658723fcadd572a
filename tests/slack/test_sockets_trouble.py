"""Socket Mode on a bad day: odd answers, envelopes that cannot be read, a process that stops, a line that is cut."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from aiohttp import web
from structlog.testing import capture_logs

from bridge.sockets import Sockets
from tests.slack.connected import COMMAND, EVENT, NOW, TEAM, Taken, a_metrics, acknowledged, line, until
from tests.slack.sockets import SocketMode

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@asynccontextmanager
async def elsewhere(answer: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[Sockets]:
    """Sockets that ask a server which is nothing like Slack."""
    site = web.Application()
    site.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(site, access_log=None, shutdown_timeout=0.01)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    known = replace(TEAM, api_url=f"http://127.0.0.1:{runner.addresses[0][1]}/api/")
    sockets = Sockets([known], Taken().receive, a_metrics(), lambda: NOW, first_pause=timedelta(milliseconds=1))
    sockets.start()
    try:
        yield sockets
    finally:
        await sockets.stop(timedelta(seconds=5))
        await runner.cleanup()


async def unlocked(taken: Taken, mode: SocketMode) -> None:
    """Let what is under way finish."""
    taken.gate.set()
    await until(lambda: not mode.open)


@pytest.mark.parametrize(
    "body",
    [b"[1]", b'"x"', b"null", b"hello", b"", b"\xff\xfe", b'{"ok":true}', b'{"ok":true,"url":7}'],
    ids=["list", "text", "null", "plain", "empty", "binary", "no address", "number"],
)
async def test_whatever_slack_answers_it_is_asked_again(body):
    asked = []

    async def answer(_request: web.Request) -> web.Response:
        asked.append(1)
        return web.Response(body=body, content_type="text/plain")

    with capture_logs() as lines:
        async with elsewhere(answer) as sockets:
            await until(lambda: len(asked) >= 3)
            assert sockets.alive
    assert {one["reason"] for one in lines if one["event"] == "socket.refused"} == {"unreadable"}


async def test_a_refused_handshake_is_told_and_tried_with_another_ticket():
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.raw_path)
        if request.path.startswith("/api/"):
            return web.json_response({"ok": True, "url": f"ws://{request.host}/link?ticket={len(asked)}"})
        return web.Response(status=403)

    with capture_logs() as lines:
        async with elsewhere(answer):
            await until(lambda: len(asked) >= 4)
    assert asked[1::2][:2] == ["/link?ticket=1", "/link?ticket=3"]
    assert next(one for one in lines if one["event"] == "socket.refused")["reason"] == "handshake_403"


@pytest.mark.parametrize("what", ["/api/", "/link"])
async def test_no_redirect_is_followed(what):
    asked = []

    async def answer(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.path.startswith(what):
            raise web.HTTPTemporaryRedirect(f"http://{request.host}/elsewhere")
        return web.json_response({"ok": True, "url": f"ws://{request.host}/link?ticket=1"})

    with capture_logs() as lines:
        async with elsewhere(answer):
            await until(lambda: len(asked) >= 4)
    assert "/elsewhere" not in asked
    assert {one["reason"] for one in lines if one["event"] == "socket.refused"} == {"redirect"}


@pytest.mark.parametrize("word", ["service_unavailable", "fatal_error", "team_added_to_org", "a_new_word"])
async def test_what_is_no_fault_of_the_token_is_tried_again_soon(word):
    with capture_logs() as lines:
        async with line(Taken()) as (mode, _):
            mode.refusal = word
            await until(lambda: len([one for one in lines if one["event"] == "socket.refused"]) >= 2)
            mode.refusal = ""
            await mode.connected()
    told = next(one for one in lines if one["event"] == "socket.refused")
    assert (told["log_level"], told["reason"], told["next_try_s"]) == ("warning", word, 0.01)


@pytest.mark.parametrize(
    "payload",
    ['{"text": "half \\ud83d"}', "null", "[]", "7", '{"a":' * 300 + "1" + "}" * 300],
    ids=["surrogate", "null", "list", "number", "deep"],
)
async def test_what_cannot_be_read_is_acknowledged_and_its_sender_told(payload):
    taken = Taken()
    with capture_logs() as lines:
        async with line(taken) as (mode, _):
            await mode.connected()
            command = await mode.send_text("slash_commands", payload)
            event = await mode.send_text("events_api", payload)
            await acknowledged(command)
            await acknowledged(event)

    assert (taken.got, event.answer) == ([], None)
    assert "cannot read that" in command.answer["text"]
    assert [one["reason"] for one in lines if one["event"] == "socket.declined"] == ["invalid_json"] * 2


async def test_what_is_no_envelope_is_told_in_the_log():
    with capture_logs() as lines:
        async with line(Taken()) as (mode, sockets):
            await mode.connected()
            for text in ('{"type":"events_api","envelope_id":', "[]", '{"type":"events_api"}'):
                await mode.open[-1].send_str(text)
            await until(lambda: len([one for one in lines if one["event"] == "socket.unreadable"]) == 3)
            assert sockets.alive


FORM = {"type": "view_submission", "view": {"blocks": [{"type": "input", "block_id": "caption"}]}}


async def test_whoever_speaks_to_a_process_that_stops_is_told_to_try_again():
    taken = Taken()
    taken.gate.clear()
    async with line(taken) as (mode, sockets):
        await mode.connected()
        await mode.send("slash_commands", COMMAND)
        await asyncio.wait_for(taken.came.wait(), 10)
        sockets.refuse()
        command = await mode.send("slash_commands", COMMAND, takes_answer=True)
        form = await mode.send("interactive", FORM, takes_answer=True)
        event = await mode.send("events_api", EVENT)
        await acknowledged(command)
        await acknowledged(form)
        await unlocked(taken, mode)

    assert "send it again" in command.answer["text"]
    assert form.answer["response_action"] == "errors"
    assert "send it again" in form.answer["errors"]["caption"]
    assert (event.acknowledged.is_set(), len(taken.got)) == (False, 1)


async def test_an_idle_connection_is_hung_up_at_once_when_the_process_drains():
    async with line(Taken()) as (mode, sockets):
        await mode.connected()
        sockets.refuse()
        await until(lambda: not mode.open)

        assert (sockets.alive, mode.connections) == (True, 1)


async def test_what_is_too_much_at_once_is_declined():
    taken = Taken()
    taken.gate.clear()
    async with line(taken) as (mode, _):
        await mode.connected()
        for _ in range(64):
            await mode.send("slash_commands", COMMAND)
        declined = await mode.send("slash_commands", COMMAND, takes_answer=True)
        await acknowledged(declined)
        taken.gate.set()

    assert "too much to do" in declined.answer["text"]
    assert len(taken.got) == 64


async def test_stopping_takes_no_longer_than_it_may():
    taken = Taken()
    taken.gate.clear()
    async with line(taken) as (mode, sockets):
        await mode.connected()
        await mode.send("slash_commands", COMMAND)
        await asyncio.wait_for(taken.came.wait(), 10)
        async with asyncio.timeout(1):
            await sockets.stop(timedelta(milliseconds=10))


async def test_an_acknowledgement_whose_connection_was_cut_goes_by_the_next():
    taken = Taken()
    taken.gate.clear()
    async with line(taken) as (mode, _):
        await mode.connected()
        envelope = await mode.send("slash_commands", COMMAND, takes_answer=True)
        await asyncio.wait_for(taken.came.wait(), 10)
        mode.slack.trouble(500, "apps.connections.open")
        await mode.cut()
        await until(lambda: not mode.open)
        taken.gate.set()

        await acknowledged(envelope)
    assert (mode.connections, len(taken.got)) == (2, 1)
