"""What the Events API tells: mentions of the app, direct messages to it, steps of workflows, and what became of it.

Body: `{"type": "event_callback", "event_id", "event": {"type", "user", "text", "channel", "ts", "files", ...},
"authorizations": [{"user_id"}]}`. An event comes up to four times, with the same `event_id`; the headers of a retry say
nothing about whether the first got through, so they are not looked at.
Source: https://docs.slack.dev/apis/events-api, https://docs.slack.dev/reference/events/app_mention, .../message.im,
.../function_executed, .../app_rate_limited, read 2026-11.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any

import orjson

from bridge.core.errors import Problem
from bridge.core.inbound import STEP
from bridge.core.model import Intent, Item, Json, ReplyTo
from bridge.core.paths import dig
from bridge.core.slack.command import is_help, read_command, usage
from bridge.core.slack.files import media_of
from bridge.core.slack.text import commanded, unescaped, unmarked, without_labels
from bridge.core.times import spoken
from bridge.ports import Parsed, Reply
from bridge.sources.slack._interactions import PUBLISH
from bridge.sources.slack._person import (
    EMPTY,
    Asked,
    kept,
    make_item,
    refuse_private,
    says_something,
    told,
    who_may_not,
    without_secrets,
)
from bridge.sources.slack._strangers import refuse_stranger

_LEADING = re.compile(r"\s*<@([A-Z0-9]+)(?:\|[^>]*)?>[\s:,]*")
_BETWEEN = re.compile(r",\s*(?=https?://)|\s+")
_HOW = usage("@bridge")
_ASKING = re.compile(r"\s*(?:/?publish(?:\s*[:.!]|(?=\s|$))|post\s*(?:[:.!]|$))\s*", re.IGNORECASE)
"""What people begin with who ask a machine."""
_MEANT = re.compile(r"\s*caption\s*:|.*?(?:(?<!\\)\||https?://|www\.)", re.IGNORECASE | re.DOTALL)
"""What is in a text that asks for a post, and hardly in small talk."""
_STAMP = re.compile(r"\d{9,10}(?:\.\d{1,6})?", re.ASCII)
_LATEST = timedelta(days=1)
"""How long after it happened an event may come."""
_OURS = frozenset({"", "file_share"})
"""Subtypes of messages that somebody wrote."""

_STEP_NAMES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "caption": ("caption", "text", "message"),
        "title": ("title",),
        "url": ("url", "link"),
        "accounts": ("accounts", "account"),
        "media": ("media", "image", "images", "video"),
        "scheduled_at": ("scheduled_at", "time", "when"),
        "timezone": ("timezone",),
    }
)
"""Field of a publish request -> what the input of a step may be called."""


def challenge(asked: Asked) -> Parsed:
    """Answer the handshake of a new request URL."""
    return Parsed((), reply=Reply(200, orjson.dumps({"challenge": asked.text("challenge")})))


def limited(asked: Asked) -> Parsed:
    """Tell that Slack leaves events out."""
    return _noted(asked, "Slack left events of this app out: more than 30,000 came in an hour.", "app_rate_limited")


def event(asked: Asked) -> Parsed:
    """Read what happened."""
    reader = _READERS.get(asked.text("event.type"))
    return (
        reader(asked)
        if reader
        else _noted(asked, "bridge has no use for this event: the app need not subscribe to it.")
    )


def _mention(asked: Asked) -> Parsed:
    """Read a message that begins with a mention of the app; one in passing is no request."""
    if _is_by_a_bot(asked):
        return Parsed((), reply=EMPTY)
    found = _LEADING.match(asked.text("event.text"))
    bots = _bots(asked)
    if found is None or (bots and found[1] not in bots):
        note = f"A post is asked for by a message that begins with the mention. {_HOW}"
        return told(asked, note, _thread(asked), event="app_mention", key=_key(asked))
    return _message(asked, asked.text("event.text")[found.end() :])


def _direct(asked: Asked) -> Parsed:
    """Read a direct message to the app."""
    subtype = asked.text("event.subtype")
    if _is_by_a_bot(asked) or subtype not in _OURS or asked.text("event.channel_type") not in ("", "im"):
        return Parsed((), reply=EMPTY)
    if not asked.text("event.channel_type") and not asked.text("event.channel").startswith("D"):
        return Parsed((), reply=EMPTY)
    text = asked.text("event.text")
    found = _LEADING.match(text)
    return _message(asked, text[found.end() :] if found and found[1] in _bots(asked) else text)


def _message(asked: Asked, written: str) -> Parsed:
    """Read what is asked of the app in a message; whatever is wrong is answered below it."""
    word, key, thread, files = asked.text("event.type"), _key(asked), _thread(asked), dig(asked.data, "event.files")
    said = _ASKING.sub("", written, count=1) if _ASKING.match(written) else written
    text = commanded(said, asked.person.names)
    if (is_help(text) or (said == written and _is_small_talk(asked, text))) and not files:
        return told(asked, _HOW, thread, event=word, key=key)
    if refused := _may_not(asked, thread):
        return told(asked, refused, thread, event=word, key=key)
    # A message that is edited comes again, with another event_id.
    edited = asked.text("event.edited.ts")
    try:
        fields = refuse_private(asked, read_command(text, now=_said_at(asked), timezone=asked.zone))
        fields = _with_files(fields, files)
    except Problem as problem:
        why = "The edit was not taken" if edited else "Nothing was posted"
        return told(asked, f"{why}: {problem.detail}", thread, event=word, key=key)
    if not says_something(fields):
        return told(asked, f"There is nothing to post in that. {_HOW}", thread, event=word, key=key)
    place, revision = f"{thread.channel}:{asked.text('event.ts')}", edited or asked.text("event.ts")
    item = make_item(asked, fields, thread, event=word, key=key, object_id=place, revision=revision or None)
    return Parsed((replace(item, intent=Intent.UPDATE) if edited else item,), reply=EMPTY, kept=kept(asked.data))


def _may_not(asked: Asked, thread: ReplyTo) -> str:
    """Return why whoever wrote a message may not publish by it; empty when they may."""
    stranger = refuse_stranger(asked, thread.user, asked.config.users)
    return stranger or who_may_not(asked, thread.user, thread.channel)


def _is_small_talk(asked: Asked, text: str) -> bool:
    """Say whether a text is more likely a word of thanks than a post: below other messages, or to the app alone."""
    thread = asked.text("event.thread_ts")
    aside = bool(thread) and thread != asked.text("event.ts")
    return (aside or asked.text("event.type") == "message") and not _MEANT.match(text)


def _said_at(asked: Asked) -> datetime:
    """Return when it was said that is told of: what comes late, or again, means the same time by "in 2h"."""
    received = asked.payload.raw.received_at
    for path in ("event_time", "event.edited.ts", "event.ts"):
        stamp = asked.text(path)
        if _STAMP.fullmatch(stamp):
            at = datetime.fromtimestamp(float(stamp), UTC)
            if received - _LATEST <= at <= received:
                return at
    return received


def _with_files(fields: Json, files: Any) -> Json:
    """Add the files of a message.

    Raises:
        Problem: 422, they cannot be posted, or there are media besides.
    """
    media = media_of(files)
    if media and "media" in fields:
        raise Problem(422, "invalid_request", "media are named in the text and shared as files. Use one of the two.")
    return {**fields, "media": media} if media else fields


def _step(asked: Asked) -> Parsed:
    """Read the inputs of a workflow's step; it ends when its posts do."""
    if asked.text("event.function.callback_id") != PUBLISH:
        return _noted(asked, "It is another step of the app: its callback_id is not bridge_publish.")
    inputs, run = dig(asked.data, "event.inputs"), asked.text("event.function_execution_id")
    # One run of a step is one thing, whatever event tells of it, and however its times are read meanwhile.
    key = f"step:{run}" if run else _key(asked)
    reply_to = ReplyTo(
        kind=STEP,
        address=asked.text("event.bot_access_token"),
        execution=run,
    )
    config = asked.config
    if not (config.steps if config.steps is not None else not (config.users or config.channels)):
        why = f"Steps of workflows may not publish here. Ask whoever runs bridge to set sources.{asked.source}.steps."
        return told(asked, why, reply_to, event="function_executed", key=key)
    try:
        fields = refuse_private(asked, _inputs(asked, inputs if isinstance(inputs, Mapping) else {}))
    except Problem as problem:
        return told(asked, f"Nothing was posted: {problem.detail}", reply_to, event="function_executed", key=key)
    if not says_something(fields):
        note = "The step has no caption, url or media: give it one of them."
        return told(asked, note, reply_to, event="function_executed", key=key)
    item = make_item(asked, fields, reply_to, event="function_executed", key=key, object_id=key)
    return Parsed((item,), kept=kept(asked.data))


def _inputs(asked: Asked, inputs: Json) -> Json:
    """Return the fields of a publish request that the inputs of a step are; empty ones are absent."""
    fields: dict[str, Any] = {}
    for name, others in _STEP_NAMES.items():
        value = next((inputs[one] for one in others if inputs.get(one) not in (None, "", [], {})), None)
        if value is not None:
            fields[name] = _input(asked, name, value) if isinstance(value, str) else value
    when, media = fields.get("scheduled_at"), fields.get("media")
    if when is not None and not isinstance(when, (list, Mapping)):
        zone = str(fields.get("timezone") or asked.zone or "") or None
        fields["scheduled_at"] = found = spoken(str(when), _said_at(asked), zone) or str(when)
        if zone and "timezone" not in fields and _is_local(found):
            fields["timezone"] = zone
    if isinstance(media, str) and len(several := _BETWEEN.split(media)) > 1:
        fields["media"] = several
    return {name: value for name, value in fields.items() if value not in ("", [])}


def _input(asked: Asked, name: str, value: str) -> str:
    """Return an input as it reads outside of Slack; of a link with a label only a caption has both."""
    names = asked.person.names
    if name in ("caption", "title"):
        return unescaped(value, names)
    return unmarked(without_labels(commanded(value, names))).strip()


def _is_local(when: str) -> bool:
    try:
        return datetime.fromisoformat(when).tzinfo is None
    except ValueError:
        return False


def _gone(asked: Asked) -> Parsed:
    """Tell that the app cannot act in the workspace any more."""
    note = "The app was taken out of the workspace, or its token is no good any more. Install it again."
    return _noted(asked, note)


def _noted(asked: Asked, note: str, word: str = "") -> Parsed:
    """Keep what asks for nothing."""
    item = Item(
        intent=Intent.IGNORE,
        event=word or asked.text("event.type", "type"),
        key=_key(asked),
        note=note,
        raw=without_secrets(asked.data),
    )
    return Parsed((item,), reply=EMPTY, kept=kept(asked.data))


def _key(asked: Asked) -> str | None:
    return asked.text("event_id") or None


def _thread(asked: Asked) -> ReplyTo:
    """Return where a message is answered: in its thread, or below it."""
    thread = asked.text("event.thread_ts", "event.ts")
    return ReplyTo(channel=asked.text("event.channel"), thread=thread, user=asked.text("event.user"))


def _bots(asked: Asked) -> frozenset[str]:
    """Return the ids of the app's own user, as far as the event says them."""
    given = dig(asked.data, "authorizations")
    found = [one.get("user_id") for one in given if isinstance(one, Mapping)] if isinstance(given, list) else []
    return frozenset(str(one) for one in found if one)


def _is_by_a_bot(asked: Asked) -> bool:
    """Say whether an app wrote a message, perhaps we ourselves: answering those would never end."""
    return bool(asked.text("event.bot_id", "event.bot_profile.id")) or not asked.text("event.user")


_READERS: Mapping[str, Callable[[Asked], Parsed]] = MappingProxyType(
    {
        "app_mention": _mention,
        "message": _direct,
        "function_executed": _step,
        "tokens_revoked": _gone,
        "app_uninstalled": _gone,
    }
)
"""Type of an event -> what reads it."""
