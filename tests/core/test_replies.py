"""Messages in chats: how one begins, and how it is asked to be brought up to date."""

from datetime import timedelta

import orjson

from bridge.core.endpoints import WANTED, destination_of, message_key, wanted_message
from bridge.core.inbound import STEP
from bridge.core.model import ReplyTo
from bridge.core.replies import ADDRESS_LIVES, begin
from tests.core.builders import NOW, a_step


def test_a_message_begins_with_all_that_is_known_and_asks_for_its_first_word():
    step = a_step()
    reply_to = ReplyTo(channel="C1", thread="1.2", user="U1", address="https://x.example/s3cret")
    message = begin(step, "evt_1", "team", reply_to)
    write = step.write()
    assert write.messages == (message,)
    assert (message.event_id, message.source, message.kind, message.version) == ("evt_1", "team", "reply", 1)
    assert (message.channel, message.thread, message.user) == ("C1", "1.2", "U1")
    assert (message.address, message.address_until) == ("https://x.example/s3cret", NOW + ADDRESS_LIVES)
    assert [event.type for event in write.events] == [WANTED]
    assert "s3cret" not in repr(write)


def test_the_token_of_a_step_lives_as_long_as_the_step():
    message = begin(a_step(), "evt_1", "team", ReplyTo(kind=STEP, address="token", execution="Fx1"))
    assert (message.address, message.address_until, message.execution) == ("token", None, "Fx1")
    assert timedelta(minutes=30) > ADDRESS_LIVES


def test_what_is_wanted_names_the_message_its_chat_and_its_event_and_counts_up():
    step = a_step()
    message = begin(step, "evt_1", "team", ReplyTo())
    step.want_reply(message)
    _, again = step.write().events
    assert (again.subject, again.sequence, again.event_id, again.post_id) == (message_key(message.id), 2, "evt_1", None)
    assert (again.endpoint, wanted_message(again)) == (destination_of("team"), message.id)
    data = orjson.loads(again.body)["data"]
    assert data["subject"] == {"kind": "message", "id": message.id}
    assert (data["sequence"], data["previous"], data["current"], data["source"]) == (2, None, None, "team")
    assert step.see(message).sequence == 2
