"""Shortcuts, forms and buttons in Slack, and who may use them."""

import json
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from bridge.core.errors import Fault
from bridge.core.request import invalid
from bridge.ports import Parsed, Verb
from tests.sources.chatting import noted, payload, sample

PUBLISH = {
    "type": "shortcut",
    "callback_id": "bridge_publish",
    "trigger_id": "t",
    "user": {"id": "U1", "username": "ann"},
}


def pressed(verb: str, **config: Any) -> Parsed:
    action = {"action_id": f"bridge:{verb}", "value": "rpl_1"}
    data = {"type": "block_actions", "user": {"id": "U1"}, "actions": [action], "response_url": "https://r.example/2"}
    return payload({**data, "container": {"channel_id": "C1", "message_ts": "1.2"}, "trigger_id": "t"}, **config)


def filled_in(
    metadata: Mapping[str, Any] | None = None, caption: object = "Hi", word: str = "bridge_publish", **config: Any
):
    values = {"caption": {"value": {"type": "plain_text_input", "value": caption}}}
    view = {"callback_id": word, "private_metadata": json.dumps(metadata or {}), "state": {"values": values}}
    blocks = [{"type": "input", "block_id": "caption"}]
    return payload({"type": "view_submission", "user": {"id": "U1"}, "view": {**view, "blocks": blocks}}, **config)


def test_a_form_is_opened_from_anywhere_for_those_who_may():
    assert payload(PUBLISH).gesture.reply_to.channel == "U1"
    refused = payload(PUBLISH, channels=["C1"])

    assert noted(refused).endswith("Go to one of them.")
    assert (refused.items[0].reply_to.channel, refused.gesture) == ("U1", None)
    assert payload(PUBLISH, channels=["C1"], users=["U1"]).gesture.verb is Verb.FORM


def test_a_message_is_published_by_those_who_may():
    refused = sample("publish_message.form", users=["U2"])

    assert "add your id W111 to sources.chat.users" in noted(refused)
    assert (refused.items[0].reply_to.channel, refused.items[0].reply_to.thread) == ("W111", "")


def test_files_that_cannot_be_posted_are_left_out_of_a_form():
    files = [
        {"name": "a.pdf", "mimetype": "application/pdf"},
        {"mimetype": "image/png", "url_private": "https://f.x/a"},
    ]
    shortcut = {"type": "message_action", "callback_id": "bridge_publish_message", "user": {"id": "U1"}}

    draft = payload({**shortcut, "channel": {"id": "C1"}, "message": {"text": "", "files": files}}).gesture.draft
    assert draft == {"media": {"type": "slideshow", "urls": ["https://f.x/a"]}}


def test_a_form_is_answered_where_it_was_called_for():
    [item] = filled_in({"channel": "C1", "thread": "1.2"}).items
    [direct] = filled_in({"channel": "U1"}).items

    assert (item.reply_to.channel, item.reply_to.thread, item.reply_to.user) == ("C1", "1.2", "U1")
    assert direct.reply_to.channel == "U1"


@pytest.mark.parametrize(
    ("parsed", "why"),
    [
        (filled_in(caption=None), "There is nothing to post"),
        (filled_in({"channel": "C1"}, channels=["C2"]), "add its id C1"),
        (filled_in(users=["U2"]), "add your id U1"),
        (filled_in({"message": "rpl_1"}, word="bridge_edit", approvers=["U2"]), "sources.chat.approvers"),
    ],
)
def test_what_is_wrong_with_a_form_is_said_in_it(parsed, why):
    answered = orjson.loads(parsed.reply.body)

    assert (parsed.items, parsed.gesture, answered["response_action"]) == ((), None, "errors")
    assert why in answered["errors"]["caption"] or len(answered["errors"]["caption"]) == 150


def test_faults_found_later_are_shown_in_the_form():
    refusal = filled_in().refusal(invalid([Fault("caption", "is too long", "Shorten it.")]))

    assert orjson.loads(refusal.body)["errors"] == {"caption": "Is too long. Shorten it."}


def test_a_change_is_saved_with_what_was_filled_in():
    parsed = filled_in({"message": "rpl_1"}, "Hi :tada:", "bridge_edit")

    assert (parsed.gesture.verb, parsed.gesture.message, parsed.gesture.draft["caption"]) == (
        Verb.SAVE,
        "rpl_1",
        "Hi 🎉",
    )
    assert parsed.refusal is not None


@pytest.mark.parametrize("verb", ["edit", "approve", "send", "drop", "live", "retry", "cancel"])
def test_a_button_is_for_those_who_may(verb):
    judged = verb in ("edit", "approve", "send", "drop")

    assert pressed(verb).gesture.verb == verb
    assert pressed(verb, approvers=["U1"], users=["U2"]).gesture is not None
    assert "sources.chat.users" in noted(pressed(verb, users=["U2"]))
    assert (pressed(verb, users=["U1"], approvers=["U2"]).gesture is None) is judged
    assert (pressed(verb, approvers=["U2"]).gesture is None) is judged


def test_a_button_that_only_leads_somewhere_is_nothing_to_keep():
    assert pressed("open").items == ()
    assert "bridge slack manifest" in noted(payload({"type": "block_actions", "actions": [{"action_id": "else"}]}))
