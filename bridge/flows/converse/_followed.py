"""The messages that presses and forms come of: what they follow, and what a press teaches us about them."""

from collections.abc import Callable
from dataclasses import dataclass

from bridge.core.errors import Problem
from bridge.core.inbound import STEP
from bridge.core.model import Message, Post
from bridge.core.replies import ADDRESS_LIVES
from bridge.core.slack import Workspace
from bridge.core.step import Step
from bridge.flows import TRIES, Kit, log
from bridge.ports import Gesture


@dataclass(frozen=True, slots=True)
class Followed:
    """A message with the posts of its event."""

    message: Message
    posts: tuple[Post, ...]


class Messages:
    """Reads and changes the rows of messages; who brings one up to date meanwhile looks again."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def followed(self, source: str, message_id: str) -> Followed:
        """Return what a message follows.

        Raises:
            Problem: 404, the message is of another workspace, or what it follows is not kept any more.
        """
        message = (await self._kit.store.messages([message_id])).get(message_id)
        found = await self._kit.store.event(message.event_id) if message is not None else None
        if message is None or message.source != source or found is None:
            raise Problem(404, "no_such_message", "What this message is about is not kept any more.")
        return Followed(message, tuple(found[1]))

    async def learn(self, workspace: Workspace, gesture: Gesture) -> None:
        """Take over what a press brings: an address that takes the message's place, and where the message is."""
        await self._change(gesture.message, lambda step, message: _learn(step, message, workspace, gesture))

    async def want(self, message_id: str) -> None:
        """Have a message brought up to date, though nothing may have been told of its posts."""
        await self._change(message_id, lambda step, message: step.want_reply(message))

    async def use_address(self, gesture: Gesture) -> None:
        """Count a use of the address that came with a press: it takes few."""

        def count(step: Step, message: Message) -> None:
            if message.address == gesture.address:
                step.edit(message, uses=message.uses + 1)

        await self._change(gesture.message, count)

    async def _change(self, message_id: str, change: Callable[[Step, Message], None]) -> None:
        for _ in range(TRIES):
            found = (await self._kit.store.messages([message_id])).get(message_id)
            if found is None:
                return
            step = Step(self._kit.moment())
            change(step, found)
            if not step or (await self._kit.store.record([step.write()]))[0]:
                return
        log.warning("message.kept_changing", message_id=message_id)


def _learn(step: Step, message: Message, workspace: Workspace, gesture: Gesture) -> None:
    if message.kind == STEP:  # Its address ends the step; nobody can press anything there.
        return
    if gesture.address:
        until = step.now + ADDRESS_LIVES
        step.edit(message, address=gesture.address, address_until=until, uses=0, replaces=True)
        if not message.ts:
            # It may be an older one that was pressed: what the newest shows is not what this one does.
            step.edit(message, shown="")
    lost = not message.ts and message.begun_at is not None
    if lost and gesture.ts and not gesture.ephemeral and workspace.bot_token:
        step.edit(message, ts=gesture.ts, channel=gesture.channel, begun_at=None)
