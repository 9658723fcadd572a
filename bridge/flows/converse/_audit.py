"""Writes down what people ask for in a chat before it is done, and what came of it after."""

from bridge.core.auditing import Note
from bridge.core.slack.buttons import read_value
from bridge.flows import Kit
from bridge.flows.converse._presses import by
from bridge.ports import Gesture, Verb

_ACTIONS = {Verb.SAVE: "edit_post", Verb.LIVE: "confirm_post"}
"""Where an operation of the API is not called as what is pressed."""


class Audit:
    """Notes of the audit log, of people in a chat: by the event whose posts they change."""

    def __init__(self, kit: Kit) -> None:
        self._kit = kit

    async def begin(self, gesture: Gesture) -> Note:
        """Write down who asks for what.

        Raises:
            StoreError: it cannot be, so nothing may be done.
        """
        message_id, _ = read_value(gesture.message)
        message = (await self._kit.store.messages([message_id])).get(message_id)
        subject = message.event_id if message is not None else message_id
        action = _ACTIONS.get(gesture.verb, f"{gesture.verb}_post")
        note = Note(self._kit.new_id("aud"), self._kit.clock(), by(gesture), "slack", action, subject)
        await self._kit.store.desk.note(note)
        return note

    async def end(self, note: Note, status: int) -> None:
        """Write down what came of it."""
        await self._kit.end_note(note, status)
