"""Slash commands: `/publish caption | url | accounts | time`.

Form: `command`, `text`, `user_id`, `user_name`, `channel_id`, `team_id`, `response_url`, `trigger_id`. What is
wrong is answered where it was typed, for nobody else to see; any status but 200 would show as a failure of the app.
Source: https://docs.slack.dev/interactivity/implementing-slash-commands, read 2026-11.
"""

from bridge.core.errors import Problem
from bridge.core.model import ReplyTo
from bridge.core.slack.command import is_help, read_command, usage
from bridge.ports import Parsed
from bridge.sources.slack._person import (
    EMPTY,
    Asked,
    kept,
    make_item,
    only_you,
    refuse_command,
    refuse_private,
    says_something,
    who_may_not,
)

EVENT = "slash_command"
_LONGEST_COMMAND = 32


def read(asked: Asked) -> Parsed:
    """Read a command into the post it asks for, or answer it."""
    user, channel, text = asked.text("user_id"), asked.text("channel_id"), asked.commanded(asked.text("text"))
    how = usage(asked.text("command")[:_LONGEST_COMMAND] or asked.config.command)
    if is_help(text):
        return Parsed((), reply=only_you(how))
    if refused := who_may_not(asked, user, channel):
        return Parsed((), reply=only_you(refused))
    try:
        fields = refuse_private(asked, read_command(text, now=asked.payload.raw.received_at, timezone=asked.zone))
    except Problem as problem:
        return Parsed((), reply=refuse_command(problem))
    if not says_something(fields):
        return Parsed((), reply=only_you(f"There is nothing to post in that. {how}"))
    reply_to = ReplyTo(channel=channel, user=user, address=asked.text("response_url"))
    item = make_item(asked, fields, reply_to, event=EVENT)
    return Parsed((item,), reply=EMPTY, refusal=refuse_command, kept=kept(asked.data))
