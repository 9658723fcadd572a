"""Words to one person, of which nothing is kept: why a press did nothing, or why a form does not open."""

from collections.abc import Mapping
from typing import Any

from bridge.core.slack import Workspace
from bridge.flows import log
from bridge.flows.converse._chores import Chores
from bridge.flows.converse._followed import Messages
from bridge.flows.converse._web_api import WebApi
from bridge.ports import Gesture

_TIMEOUT_S = 10.0


class Voice:
    """Tells a person something after their request was answered, where only they see it."""

    def __init__(self, web_api: WebApi, chores: Chores, messages: Messages) -> None:
        self._web_api, self._chores, self._messages = web_api, chores, messages

    def tell(self, workspace: Workspace, gesture: Gesture, text: str) -> None:
        """Begin to tell it."""
        self._chores.begin(self._told(workspace, gesture, text), "tell")

    async def _told(self, workspace: Workspace, gesture: Gesture, text: str) -> None:
        """Take the first way there is: in the channel, by the address that came with the press, or directly."""
        user, error = gesture.user, "no_way"
        if workspace.bot_token and gesture.channel:
            said = {"channel": gesture.channel, "user": user, "text": text}
            if not (error := await self._call(workspace, "chat.postEphemeral", said)):
                return
        if gesture.address:
            await self._messages.use_address(gesture)
            answered = {"response_type": "ephemeral", "replace_original": False, "text": text}
            answer = await self._web_api.answer(workspace, gesture.address, answered, timeout_s=_TIMEOUT_S)
            if answer.ok:
                return
            error = answer.error
        if workspace.bot_token and not (
            error := await self._call(workspace, "chat.postMessage", {"channel": user, "text": text})
        ):
            return
        log.warning("gesture.untold", source=workspace.name, verb=gesture.verb, user=user, error=error)

    async def _call(self, workspace: Workspace, method: str, said: Mapping[str, Any]) -> str:
        """Return why a call was refused, empty when it was not."""
        answer = await self._web_api.call(workspace, method, said, timeout_s=_TIMEOUT_S)
        return "" if answer.ok else answer.error or str(answer.status)
