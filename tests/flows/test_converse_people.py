"""Who speaks in a chat: asked of the chat within a second, kept for an hour, and never in the way of a request."""

from collections.abc import AsyncIterator
from urllib.parse import urlencode

import orjson
import pytest

from bridge.core.model import Person, Verified
from bridge.core.slack import Workspace
from bridge.flows.converse import Converser
from bridge.net import GuardedClient
from tests.flows.talking import CHAT
from tests.flows.town import LOOPBACK
from tests.slack.standin import BOT_TOKEN, Slack

pytestmark = pytest.mark.anyio


@pytest.fixture
async def slack(clock) -> AsyncIterator[Slack]:
    made = Slack(now=clock)
    made.add_user("U1", "Ann", "Europe/Berlin")
    made.add_user("U2", "Ben", "America/New_York")
    async with made.serving():
        yield made


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient(allow=LOOPBACK) as made:
        yield made


@pytest.fixture
async def know(town, slack, client):
    """Finds out who speaks in a request of these bytes."""
    places = {
        CHAT: Workspace(name=CHAT, bot_token=BOT_TOKEN, api_url=f"{slack.base}/api/"),
        "poor": Workspace(name="poor", api_url=f"{slack.base}/api/"),
    }
    converser = Converser(town.kit, client, places, town.actions, lambda _: [])

    async def known(body: bytes, source: str = CHAT) -> Person | None:
        return (await converser.know(source, Verified(town.hook(body), source, f"source:{source}"))).person

    yield known
    await converser.stop()


def command(text: str = "hello", user: str = "U1") -> bytes:
    return urlencode({"command": "/publish", "text": text, "user_id": user}).encode()


def event(text: str, user: str = "U1") -> bytes:
    return orjson.dumps({"type": "event_callback", "event": {"type": "app_mention", "text": text, "user": user}})


def payload(**given: object) -> bytes:
    return urlencode({"payload": orjson.dumps(given).decode()}).encode()


@pytest.mark.parametrize(
    "body",
    [
        command(),
        event("<@U9> hello"),
        payload(type="view_submission", user={"id": "U1"}),
        orjson.dumps({"command": "/publish", "text": "hello", "user_id": "U1"}),
        orjson.dumps({"type": "event_callback", "event": {"type": "function_executed", "inputs": {"user": "U1"}}}),
    ],
)
async def test_whoever_speaks_is_known_with_a_zone(know, body):
    person = await know(body)

    assert (person.timezone, person.names["U1"]) == ("Europe/Berlin", "ann")


async def test_those_whom_the_text_mentions_are_known_by_name(know, slack):
    person = await know(payload(type="message_action", user={"id": "U1"}, message={"text": "with <@U2> and <@U7|x>"}))

    assert person.names == {"U1": "ann", "U2": "ben"}


async def test_no_more_than_five_are_asked_for(know, slack):
    await know(command(" ".join(f"<@U{number}>" for number in range(20, 40))))

    assert slack.counted() == {"users.info": 6}


async def test_a_person_is_asked_for_once_an_hour(know, slack, town):
    await know(command())
    town.clock.move(minutes=59)
    await know(command())
    assert slack.counted() == {"users.info": 1}
    town.clock.move(minutes=2)
    await know(command())
    assert slack.counted() == {"users.info": 2}


@pytest.mark.parametrize("kind", [500, 429])
async def test_a_failure_is_remembered_for_a_minute_and_harms_nothing(know, slack, town, kind):
    slack.trouble(kind, "users.info")
    assert (await know(command())) == Person()
    await know(command())
    assert slack.counted() == {"users.info": 1}
    town.clock.move(minutes=2)
    assert (await know(command())).timezone == "Europe/Berlin"


@pytest.mark.slow
async def test_nobody_waits_longer_than_a_second_and_what_comes_late_serves_the_next(know, slack):
    slow = slack.trouble("slow", "users.info")
    assert (await know(command())) == Person()
    slow.gate.set()

    assert (await know(command())).timezone == "Europe/Berlin"
    assert slack.counted() == {"users.info": 1}


@pytest.mark.parametrize(
    ("body", "source"),
    [
        (command(), "blog"),
        (command(), "poor"),
        (command(user="not an id"), CHAT),
        (payload(type="block_actions", user={"id": "U1"}), CHAT),
        (b"ssl_check=1", CHAT),
        (orjson.dumps({"type": "event_callback", "event": {"user": "U1", "bot_id": "B1", "text": "hello"}}), CHAT),
        (b"payload=nothing", CHAT),
        (b"{", CHAT),
        (b"\xff\xfe", CHAT),
        (b"", CHAT),
        (b'{"type": "event_callback", "event": 7}', CHAT),
    ],
)
async def test_where_nobody_speaks_nobody_is_asked_for(know, slack, body, source):
    assert (await know(body, source), slack.calls) == (None, [])


async def test_a_zone_that_there_is_not_is_left_out(know, slack):
    slack.add_user("U1", "", "Mars/Olympus")
    assert (await know(command())) == Person()
