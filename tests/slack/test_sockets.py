"""Socket Mode: what comes over the line reaches its source, is acknowledged once committed, and the line is kept."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.errors import Problem, StoreBusy
from bridge.flows.ingest import Answer
from bridge.metrics import Metrics
from bridge.ports import Reply
from bridge.sockets import Sockets
from tests.slack.connected import COMMAND, EVENT, NOW, TEAM, Raising, Taken, a_metrics, acknowledged, line, until
from tests.slack.sockets import TICKET
from tests.slack.standin import APP_TOKEN

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


def shown(metrics: Metrics) -> str:
    return next(row for row in metrics.render().decode().splitlines() if row.startswith("bridge_socket_connected"))


async def test_an_event_reaches_its_source_as_json_with_the_line_as_its_proof():
    taken = Taken()
    async with line(taken) as (mode, _):
        await mode.connected()
        await acknowledged(await mode.send("events_api", EVENT))

    [(name, raw, verified)] = taken.got
    assert (name, raw.method, raw.path, raw.received_at) == ("team", "POST", "/hooks/team", NOW)
    assert raw.header("content-type") == "application/json"
    assert taken.bodies == [EVENT]
    assert (verified.raw, verified.scope, verified.how) == (raw, "source:team", "Socket Mode")


async def test_an_envelope_is_acknowledged_after_it_was_taken():
    taken = Taken()
    taken.gate.clear()
    async with line(taken) as (mode, _):
        await mode.connected()
        envelope = await mode.send("slash_commands", COMMAND, takes_answer=True)
        await asyncio.wait_for(taken.came.wait(), 10)

        assert not envelope.acknowledged.is_set()
        taken.gate.set()
        await acknowledged(envelope)


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(200, b'{"response_type":"ephemeral","text":"Taken"}'), {"response_type": "ephemeral", "text": "Taken"}),
        (Reply(200, b"Taken", "text/plain"), {"text": "Taken"}),
        (Reply(200, b""), None),
        (Reply(200, None), None),
    ],
    ids=["json", "text", "empty", "ours"],
)
async def test_whoever_asked_reads_the_answer(reply, told):
    async with line(Taken(lambda: Answer((), reply))) as (mode, _):
        await mode.connected()
        envelope = await mode.send("slash_commands", COMMAND, takes_answer=True)
        await acknowledged(envelope)

    assert (envelope.answer, mode.strange) == (told, [])


async def test_what_takes_no_answer_gets_none():
    async with line(Taken(lambda: Answer((), Reply(200, b'{"text":"Taken"}')))) as (mode, _):
        await mode.connected()
        envelope = await mode.send("events_api", EVENT)
        await acknowledged(envelope)

    assert (envelope.answer, mode.strange) == (None, [])


@pytest.mark.parametrize(
    "error",
    [
        Problem(503, "storage_unavailable", "Later."),
        Problem(429, "queue_full", "Later."),
        StoreBusy("x"),
        KeyError("x"),
    ],
    ids=["store", "queue", "busy", "fault"],
)
async def test_an_event_that_was_not_stored_comes_again(error):
    taken = Raising(error)
    async with line(taken, wait_s=0.05) as (mode, _):
        await mode.connected()
        envelope = await mode.send("events_api", EVENT)
        await acknowledged(envelope)

    assert len(taken.got) == envelope.sent == 2


async def test_an_event_that_cannot_be_read_does_not_come_again():
    async with line(Raising(Problem(400, "not_json", "It cannot be read."))) as (mode, _):
        await mode.connected()
        envelope = await mode.send("events_api", EVENT)
        await acknowledged(envelope)

    assert (envelope.sent, envelope.answer) == (1, None)


async def test_whoever_gave_a_command_is_told_that_it_was_not_taken():
    async with line(Raising(Problem(503, "draining", "This process is stopping."))) as (mode, _):
        await mode.connected()
        envelope = await mode.send("slash_commands", COMMAND, takes_answer=True)
        await acknowledged(envelope)

    assert envelope.answer == {"response_type": "ephemeral", "text": "This process is stopping."}


async def test_another_connection_is_opened_when_slack_asks_for_one():
    taken, metrics = Taken(), a_metrics()
    async with line(taken, metrics=metrics) as (mode, _):
        await mode.connected()
        await mode.disconnect()
        await mode.connected(2)
        await acknowledged(await mode.send("events_api", EVENT))
        await until(lambda: len(mode.open) == 1)

        assert shown(metrics) == 'bridge_socket_connected{socket="team"} 1.0'
    assert shown(metrics) == 'bridge_socket_connected{socket="team"} 0.0'


async def test_what_came_on_the_old_connection_is_acknowledged_all_the_same():
    taken = Taken()
    taken.gate.clear()
    async with line(taken) as (mode, _):
        await mode.connected()
        envelope = await mode.send("slash_commands", COMMAND)
        await asyncio.wait_for(taken.came.wait(), 10)
        await mode.disconnect("warning")
        await mode.connected(2)
        taken.gate.set()

        await acknowledged(envelope)


async def test_a_connection_that_breaks_is_replaced_and_what_was_under_way_comes_again():
    taken = Taken()
    taken.gate.clear()
    async with line(taken, wait_s=0.2) as (mode, _):
        await mode.connected()
        envelope = await mode.send("events_api", EVENT)
        await asyncio.wait_for(taken.came.wait(), 10)
        await mode.cut()
        taken.gate.set()

        await acknowledged(envelope)


async def test_it_goes_on_trying_while_there_is_no_way_to_slack():
    taken = Taken()
    with capture_logs() as lines:
        async with line(taken) as (mode, sockets):
            trouble = mode.slack.trouble(500, "apps.connections.open", 2)
            await mode.connected()

            assert (trouble.times, sockets.alive) == (0, True)
    assert [one["reason"] for one in lines if one["event"] == "socket.refused"] == ["unreadable", "unreadable"]


async def test_a_refused_token_is_an_error_that_says_what_to_do_and_is_not_tried_at_once_again():
    with capture_logs() as lines:
        async with line(Taken(), workspace=replace(TEAM, app_token="xapp-wrong")) as (mode, sockets):
            await until(lambda: any(one["event"] == "socket.refused" for one in lines))

            assert sockets.alive
            assert mode.connections == 0
    [told] = [one for one in lines if one["event"] == "socket.refused"]
    assert (told["log_level"], told["reason"], told["next_try_s"]) == ("error", "invalid_auth", 30)
    assert "sources.team.app_token" in told["remedy"]


async def test_slack_says_when_to_come_back():
    with capture_logs() as lines:
        async with line(Taken()) as (mode, _):
            mode.slack.trouble(429, "apps.connections.open", retry_after=40)
            await until(lambda: any(one["event"] == "socket.refused" for one in lines))
    [told] = [one for one in lines if one["event"] == "socket.refused"]
    assert (told["reason"], told["next_try_s"]) == ("ratelimited", 40)


async def test_stopping_lets_what_is_under_way_finish_and_takes_nothing_new():
    taken = Taken()
    taken.gate.clear()
    async with line(taken) as (mode, sockets):
        await mode.connected()
        first = await mode.send("slash_commands", COMMAND)
        await asyncio.wait_for(taken.came.wait(), 10)
        stopping = asyncio.create_task(sockets.stop(timedelta(seconds=5)))
        await asyncio.sleep(0)
        with capture_logs() as lines:
            await mode.send("slash_commands", COMMAND)
            await until(lambda: bool(lines))
        taken.gate.set()
        await stopping

        assert first.acknowledged.is_set()
    assert len(taken.got) == 1
    assert [one["reason"] for one in lines if one["event"] == "socket.not_acknowledged"] == ["draining"]


async def test_starting_waits_for_nobody():
    nowhere = replace(TEAM, api_url="http://127.0.0.1:9/api/")
    sockets = Sockets([nowhere], Taken().receive, a_metrics(), lambda: NOW)
    sockets.start()
    assert sockets.alive
    await sockets.stop(timedelta(seconds=1))


async def test_no_token_ticket_or_text_is_logged(caplog):
    caplog.set_level(0)
    with capture_logs() as lines:
        async with line(Raising(ValueError("no")), wait_s=0.05) as (mode, _):
            await mode.connected()
            await acknowledged(await mode.send("events_api", EVENT))
            await mode.disconnect()
            await mode.connected(2)
            mode.slack.trouble(500, "apps.connections.open")
            await mode.cut()
            await mode.connected(3)

    told = repr([{**one, "exc_info": ""} for one in lines]) + caplog.text
    assert "socket.connected" in told
    assert [word for word in (APP_TOKEN, TICKET, "secret words", "ws://") if word in told] == []
