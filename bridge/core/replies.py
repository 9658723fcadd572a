"""Messages in a chat that follow what becomes of an event: how one begins, and asks to be brought up to date.

A message is level-triggered: whatever asks for it, it shows what is true when it is sent. Each transition of its
event's posts makes a delivery of the kind `reply`; so does `endpoints.WANTED`, which only says that
somebody waits for word.
"""

from datetime import datetime, timedelta

from bridge.core.model import Message, ReplyTo
from bridge.core.step import Step

ADDRESS_LIVES = timedelta(minutes=29)
"""How long a `response_url` is used: it takes answers for 30 minutes."""


def begin(step: Step, event_id: str, source: str, reply_to: ReplyTo) -> Message:
    """Let a message follow an event, and ask for its first word."""
    message = Message(
        id=step.moment.new_id("rpl"),
        event_id=event_id,
        source=source,
        kind=reply_to.kind,
        created_at=step.now,
        channel=reply_to.channel,
        thread=reply_to.thread,
        user=reply_to.user,
        address=reply_to.address,
        execution=reply_to.execution,
        asked=reply_to.asked,
        address_until=_until(reply_to, step.now),
    )
    step.add(message)
    step.want_reply(message)
    return step.see(message)


def _until(reply_to: ReplyTo, now: datetime) -> datetime | None:
    return now + ADDRESS_LIVES if reply_to.address and not reply_to.execution else None
