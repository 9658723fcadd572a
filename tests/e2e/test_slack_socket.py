"""Slack without a public address: a real service that opens its own connection, loses it, dies and stops."""

import asyncio
import signal
from pathlib import Path

import pytest

from bridge.simulator.genviral import TIKTOK
from tests.crash.town import Starter, until
from tests.e2e.wiring import VIDEO, wired

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

ASKED = f"Hello | {VIDEO} | tt"
EVENTS = "select 1 from events"
STOPPING = "This process is stopping. Send the request again."


async def test_a_conversation_over_a_connection_of_our_own(tmp_path: Path, starter: Starter):
    async with wired(tmp_path, starter) as line:
        assert await line.town.start()
        assert line.mode is not None
        await line.mode.connected()
        refused = await line.town.http.post(f"{line.town.url}/hooks/team", json={"command": "/publish", "text": ASKED})
        assert refused.status_code == 401

        told = await line.person.slash("help")
        assert told is not None
        assert told.json()["response_type"] == "ephemeral"
        assert not line.rows(EVENTS)
        line.town.simulator.script(TIKTOK, {"kind": "fail", "text": "Video duration is too short"}, "ok")
        await line.person.slash(ASKED)
        assert line.rows(EVENTS), "it was acknowledged before it was kept"

        retry = await line.message("retry")
        await line.person.press(retry, "retry")
        await until("the post", lambda: line.rows("select 1 from posts where state = 'posted'"))

        await line.person.shortcut()
        wrong = await line.person.submit(await line.form(), caption="Form", accounts=["ig"], media="no address")
        assert wrong is not None
        assert list(wrong.json()["errors"]) == ["media"]
        right = await line.person.submit(await line.form(), caption="Form", accounts=["ig"], media=VIDEO)
        assert right is not None
        assert right.content == b""
        await until("both posts", lambda: len(line.rows("select 1 from posts where state = 'posted'")) == 2)

        assert await line.town.stop() == 0
        assert (line.posts, line.mode.strange, line.mode.open) == (["Form", "Hello"], [], [])
        assert not line.town.simulator.world.posted_twice()


async def test_a_connection_that_ends_is_replaced(tmp_path: Path, starter: Starter):
    async with wired(tmp_path, starter, wait_s=0.5) as line:
        assert await line.town.start()
        assert line.mode is not None
        for number, ending in enumerate((line.mode.disconnect, line.mode.cut), 1):
            await line.mode.connected(number)
            await ending()
            await line.mode.connected(number + 1)
            await line.person.slash(f"Hello {number} | {VIDEO} | tt")
        # What is sent on a connection that is about to break comes again on the next.
        envelope = await line.mode.send("events_api", mention("Hello 3", "Ev3"))
        await line.mode.cut()
        await asyncio.wait_for(envelope.acknowledged.wait(), 10)
        await until("the posts", lambda: len(line.rows("select 1 from posts where state = 'posted'")) == 3)

        assert await line.town.stop() == 0
        assert line.posts == ["Hello 1", "Hello 2", "Hello 3"]


def mention(caption: str, event_id: str) -> dict[str, object]:
    """Return what Slack sends when somebody mentions the app."""
    text = f"<@UBOT> {caption} | {VIDEO} | tt"
    event = {"type": "app_mention", "user": "U1", "text": text, "channel": "C1", "ts": "1732278130.000100"}
    return {"type": "event_callback", "team_id": "T1", "event_id": event_id, "event": event}


@pytest.mark.parametrize("death", ["store.accept:before:1", "store.accept:after:1"])
async def test_what_a_death_left_comes_again_and_makes_one_post(tmp_path: Path, starter: Starter, death: str):
    async with wired(tmp_path, starter, wait_s=0.3) as line:
        assert line.mode is not None
        assert await line.town.start(death)
        await line.mode.connected()

        envelope = await line.mode.send("events_api", mention("Hello", "Ev1"))
        await line.town.killed()
        assert not envelope.acknowledged.is_set()
        assert await line.town.start()
        await asyncio.wait_for(envelope.acknowledged.wait(), 20)
        await until("the post", lambda: line.rows("select 1 from posts where state = 'posted'"))
        await until("its message", lambda: not line.rows("select 1 from deliveries where state = 'due'"))

        assert await line.town.stop() == 0
        assert envelope.sent > 1
        assert (line.posts, len(line.slack.messages("C1"))) == (["Hello"], 1)


async def test_a_service_that_stops_answers_and_leaves_the_rest_to_the_next(tmp_path: Path, starter: Starter):
    async with wired(tmp_path, starter, wait_s=2) as line:
        assert line.mode is not None
        assert await line.town.start()
        await line.mode.connected()
        slow = line.slack.trouble("slow", "users.info", times=-1)
        command = asyncio.ensure_future(line.person.slash(ASKED))
        event = await line.mode.send("events_api", mention("Hello", "Ev1"))
        await asyncio.wait_for(slow.came.wait(), 10)

        line.town.signal(signal.SIGTERM)
        told = await command
        assert await line.town.ended() == 0
        assert told is not None
        assert told.json() == {"response_type": "ephemeral", "text": STOPPING}
        assert not event.acknowledged.is_set()
        assert not line.rows(EVENTS)

        slow.gate.set()
        assert await line.town.start()
        await asyncio.wait_for(event.acknowledged.wait(), 20)
        await until("the post", lambda: line.rows("select 1 from posts where state = 'posted'"))
        assert await line.town.stop() == 0
        assert line.posts == ["Hello"]
