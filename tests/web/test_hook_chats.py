"""How a chat is answered over HTTP: nothing where a message follows, words where somebody is refused."""

import pytest

from bridge.core.errors import Problem
from bridge.ports import Parsed, Reply, Verb
from tests.flows.talking import CHAT, EVERY, Chat, pressed, wanted, words

pytestmark = pytest.mark.anyio


@pytest.fixture
async def chat(room):
    """The chat of a room."""
    chat, ingest = Chat(), room.web.ingest
    ingest.sources, ingest._own = {**ingest.sources, CHAT: chat}, {**ingest._own, CHAT: EVERY}
    return chat


async def sent(room):
    return await room.call("POST", f"/hooks/{CHAT}", json={})


async def test_what_is_accepted_is_answered_with_nothing(room, chat):
    chat.parsed = Parsed((wanted(),), refusal=words)
    answer = await sent(room)

    assert (answer.status_code, answer.content) == (200, b"")


async def test_a_refusal_is_a_200_with_words(room, chat):
    chat.parsed = Parsed((wanted(accounts=["nobody"]),), refusal=words)
    answer = await sent(room)

    assert (answer.status_code, answer.json()["status"]) == (200, 422)


async def test_overload_reaches_a_person_as_words(room, chat):
    chat.parsed = Parsed((wanted(),), refusal=words)
    room.web.ingest.load.draining = True
    answer = await sent(room)

    assert (answer.status_code, answer.json()["status"]) == (200, 503)


async def test_a_gesture_is_answered_with_nothing_unless_it_has_words(room, chat):
    async def act(source, gesture):
        return Reply(200, b"words", "text/plain") if gesture.verb is Verb.LIVE else None

    room.web.ingest._act, chat.reply = act, Reply(200)
    answers = []
    for verb in (Verb.DROP, Verb.LIVE):
        chat.parsed = Parsed((), gesture=pressed(verb))
        answers.append(await sent(room))

    assert [(answer.status_code, answer.content) for answer in answers] == [(200, b""), (200, b"words")]


async def test_what_is_wrong_in_a_form_is_answered_in_place(room, chat):
    async def act(source, gesture):
        raise Problem(422, "invalid", "is wrong")

    room.web.ingest._act = act
    chat.parsed = Parsed((), gesture=pressed(Verb.SAVE), refusal=words)
    answer = await sent(room)

    assert (answer.status_code, answer.json()["detail"]) == (200, "is wrong")
