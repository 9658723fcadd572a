"""The messages in a chat that follow an event from its accept on: a word to whoever asked, a card of what waits."""

from collections.abc import Iterable
from dataclasses import replace

from bridge.core.holding import is_held
from bridge.core.inbound import CARD
from bridge.core.model import Intent, Message, ReplyTo
from bridge.core.replies import begin
from bridge.core.step import Step
from bridge.flows import Kit
from bridge.flows.ingest._events import Plan, Said, joined


def followed(kit: Kit, said: Said, planned: Plan, known: Iterable[Message] = ()) -> Plan:
    """Let messages follow a plan's event: they are stored with it, or not at all.

    `known` are those of the event that is shown: whoever changes what they asked for has their message already.
    """
    reply_to, held = said.item.reply_to, said.card is not None and _holds(planned)
    if reply_to is not None and planned.outcome == "changed" and is_followed(said, reply_to, known):
        reply_to = None
    if reply_to is None and not held:
        return planned
    step = Step(kit.moment())
    if reply_to is not None:
        # What a refused change is about stays as it was, and is shown elsewhere: what is to be said is why.
        refused = said.item.intent is Intent.UPDATE and planned.outcome != "changed"
        shown = "" if refused else planned.shown
        begin(step, shown or planned.event.id, said.source, reply_to)
    if said.card is not None and held:
        begin(step, planned.event.id, said.card.source, ReplyTo(kind=CARD, channel=said.card.channel))
    return replace(planned, write=joined(planned.write, step.write()))


def _holds(planned: Plan) -> bool:
    """Say whether posts that the event makes wait for a person; those of an earlier event have their card."""
    held = {command.post_id for command in planned.write.commands if is_held(command)}
    return any(post.id in held and post.event_id == planned.event.id for post in planned.write.posts)


def is_followed(said: Said, reply_to: ReplyTo, messages: Iterable[Message]) -> bool:
    """Say whether an asking that came twice has its message: somebody who asks again is told again.

    It is known again by its sender's key and place, or by the form that was sent in. An address is left out, for it is
    emptied after its use.
    """
    if reply_to.asked:
        return any(message.asked == reply_to.asked for message in messages)
    return said.item.key is not None and any(_place(message) == _place(reply_to) for message in messages)


def _place(of: ReplyTo | Message) -> tuple[str, ...]:
    return of.kind, of.channel, of.thread, of.user, of.execution
