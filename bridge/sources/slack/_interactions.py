"""What people do with shortcuts, forms and buttons.

Payloads: `shortcut` (no channel, no response_url), `message_action` (`message`, `channel`, `response_url`),
`view_submission` (`view.state.values`, `view.private_metadata`) and `block_actions` (`actions[0]`, `container`). What
they ask for is acted on at once, because a `trigger_id` lives for 3 seconds.
Source: https://docs.slack.dev/reference/interaction-payloads, read 2026-11.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from bridge.core.errors import Problem
from bridge.core.model import Intent, Item, Json, ReplyTo
from bridge.core.paths import dig
from bridge.core.slack.files import media_of, shared
from bridge.core.slack.text import as_typed, unescaped
from bridge.core.slack.views import form_errors, read_form
from bridge.ports import Gesture, Parsed, Reply, Verb
from bridge.sources.slack._person import (
    EMPTY,
    Asked,
    answer,
    kept,
    make_item,
    may_not_do,
    refuse_private,
    says_something,
    told,
    who_may_not,
    without_secrets,
)
from bridge.sources.slack._strangers import refuse_stranger

PUBLISH, PUBLISH_MESSAGE, EDIT = "bridge_publish", "bridge_publish_message", "bridge_edit"
"""Callback ids of our shortcuts and forms."""

_ACTION = "bridge:"
_PRESSED = frozenset({Verb.EDIT, Verb.APPROVE, Verb.SEND, Verb.DROP, Verb.LIVE, Verb.RETRY, Verb.CANCEL})
_LONGEST_ID = 255


def _shortcut(asked: Asked) -> Parsed:
    """Open an empty form, from anywhere; whoever sends it in is told in a direct message."""
    if asked.text("callback_id") != PUBLISH:
        return _unknown(asked, "a shortcut of that callback_id")
    user = _user(asked)
    reply_to = ReplyTo(channel=user, user=user)
    if refused := _may_not_publish(asked, user, ""):
        return told(asked, refused, reply_to, event="shortcut")
    return _gesture(asked, Verb.FORM, reply_to=reply_to)


def _message_shortcut(asked: Asked) -> Parsed:
    """Open a form with the text and the files of a message."""
    if asked.text("callback_id") != PUBLISH_MESSAGE:
        return _unknown(asked, "a message shortcut of that callback_id")
    user, channel = _user(asked), asked.text("channel.id")
    if refused := _may_not_publish(asked, user, channel):
        direct = ReplyTo(channel=user, user=user, address=asked.text("response_url"))
        return told(asked, refused, direct, event="message_action")
    caption = unescaped(asked.text("message.text"), asked.person.names)
    media = media_of(dig(asked.data, "message.files"), strict=False)
    thread = asked.text("message.thread_ts", "message.ts", "message_ts")
    draft = {name: value for name, value in (("caption", caption), ("media", media)) if value}
    return _gesture(
        asked, Verb.FORM, draft=draft, channel=channel, reply_to=ReplyTo(channel=channel, thread=thread, user=user)
    )


def _form(asked: Asked) -> Parsed:
    """Take what somebody filled in: a post, or a change of one that is held."""
    view = dig(asked.data, "view")
    word = asked.text("view.callback_id")
    if not isinstance(view, Mapping) or word not in (PUBLISH, EDIT):
        return _unknown(asked, "a form of that callback_id")
    refusal = _in_the_form(view)
    try:
        fields, metadata = read_form(view)
        refuse_private(asked, fields, shared(view))
        return (_saved if word == EDIT else _sent_in)(asked, fields, metadata, refusal)
    except Problem as problem:
        return Parsed((), reply=refusal(problem))


def _sent_in(asked: Asked, fields: Json, metadata: Json, refusal: Callable[[Problem], Reply]) -> Parsed:
    user, place = _user(asked), {name: _word(metadata.get(name)) for name in ("channel", "thread")}
    channel = place["channel"] if place["channel"] != user else ""
    if refused := _may_not_publish(asked, user, channel):
        raise Problem(403, "not_allowed", refused)
    if not says_something(fields):
        raise Problem(422, "invalid_request", "There is nothing to post: write a caption, or give a link or media.")
    form = asked.text("view.id")[:_LONGEST_ID]
    reply_to = ReplyTo(channel=place["channel"] or user, thread=place["thread"], user=user, asked=form)
    item = make_item(asked, _typed(fields), reply_to, event="view_submission")
    return Parsed((item,), reply=EMPTY, refusal=refusal, kept=kept(asked.data))


def _saved(asked: Asked, fields: Json, metadata: Json, refusal: Callable[[Problem], Reply]) -> Parsed:
    user = _user(asked)
    if refused := _may_not_do(asked, user, Verb.SAVE):
        raise Problem(403, "not_allowed", refused)
    message, channel = _word(metadata.get("message")), _word(metadata.get("channel"))
    gesture = Gesture(
        verb=Verb.SAVE, user=user, user_name=_name(asked), message=message, channel=channel, draft=_typed(fields)
    )
    return Parsed((), gesture=gesture, reply=EMPTY, refusal=refusal)


def _in_the_form(view: Json) -> Callable[[Problem], Reply]:
    """Return what shows everything that is wrong beside the fields of a form."""
    return lambda problem: answer(form_errors(problem, view))


def _typed(fields: Json) -> Json:
    """Return what was filled in with real emoji: a form sends what the picker inserts as a shortcode."""
    caption = fields.get("caption")
    return {**fields, "caption": as_typed(caption)} if isinstance(caption, str) else fields


def _press(asked: Asked) -> Parsed:
    """Take the press of a button below one of our messages."""
    word, value = asked.text("actions.0.action_id"), asked.text("actions.0.value")[:_LONGEST_ID]
    verb = next((one for one in _PRESSED if word == f"{_ACTION}{one}"), None)
    if verb is None and word.startswith(_ACTION):
        # A button that only leads somewhere is told of, too.
        return Parsed((), reply=EMPTY)
    if verb is None:
        return _unknown(asked, "a button of ours")
    user = _user(asked)
    if refused := _may_not_do(asked, user, verb):
        direct = ReplyTo(channel=user, user=user, address=asked.text("response_url"))
        return told(asked, refused, direct, event="block_actions")
    return _gesture(
        asked,
        verb,
        message=value,
        channel=asked.text("container.channel_id", "channel.id"),
        ts=asked.text("container.message_ts", "message.ts"),
        ephemeral=dig(asked.data, "container.is_ephemeral") is True,
        judges=not _may_not_do(asked, user, Verb.APPROVE),
    )


def _gesture(asked: Asked, verb: Verb, **more: Any) -> Parsed:
    gesture = Gesture(
        verb=verb,
        user=_user(asked),
        user_name=_name(asked),
        trigger=asked.text("trigger_id"),
        address=asked.text("response_url"),
        **more,
    )
    return Parsed((), gesture=gesture, reply=EMPTY)


def _unknown(asked: Asked, what: str) -> Parsed:
    """Keep what is none of ours, so that whoever set it up finds out."""
    word = asked.text("type")
    note = f"It is not {what}: compare the app with what bridge slack manifest prints."
    item = Item(intent=Intent.IGNORE, event=word, raw=without_secrets(asked.data), note=note)
    return Parsed((item,), reply=EMPTY, kept=kept(asked.data))


def _may_not_publish(asked: Asked, user: str, channel: str) -> str:
    return refuse_stranger(asked, user, asked.config.users) or who_may_not(asked, user, channel)


def _may_not_do(asked: Asked, user: str, verb: Verb) -> str:
    listed = (*asked.config.users, *asked.config.approvers)
    return refuse_stranger(asked, user, listed) or may_not_do(asked, user, verb)


def _user(asked: Asked) -> str:
    return asked.text("user.id")


def _name(asked: Asked) -> str:
    return asked.text("user.username", "user.name")


def _word(value: object) -> str:
    return value if isinstance(value, str) else ""


READERS: Mapping[str, Callable[[Asked], Parsed]] = MappingProxyType(
    {
        "shortcut": _shortcut,
        "message_action": _message_shortcut,
        "view_submission": _form,
        "block_actions": _press,
    }
)
"""Type of a payload -> what reads it."""
