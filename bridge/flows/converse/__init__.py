"""Converse: what a person does in a chat beside asking for a post: calls for a form, sends one in, presses a button.

A chat wants its answer within three seconds, so nothing here waits for the chat longer than one: what the rows say is
committed before `act` returns, and what has to be asked of the chat itself goes on meanwhile.
"""

from collections.abc import Callable, Mapping, Sequence

from bridge.core.errors import Problem
from bridge.core.model import Json, ReplyTo, Verified
from bridge.core.slack import Workspace
from bridge.core.slack.views import Choice, edit_form, publish_form
from bridge.flows import Kit, log
from bridge.flows.converse._audit import Audit
from bridge.flows.converse._chores import Chores
from bridge.flows.converse._followed import Messages
from bridge.flows.converse._people import People
from bridge.flows.converse._presses import Acts, Presses
from bridge.flows.converse._voice import Voice
from bridge.flows.converse._web_api import WebApi
from bridge.net import GuardedClient
from bridge.ports import Gesture, Reply, Verb

__all__ = ["Acts", "Converser"]

_OPEN_S = 3.0
"""How long a trigger opens a form (https://docs.slack.dev/interactivity/handling-user-interaction, read 2026-11)."""


class Converser:
    """Acts on what people do in the workspaces of Slack.

    Args:
        kit: what flows work with.
        client: calls the Web API.
        workspaces: by the names of their sources.
        actions: what a person may ask of a post.
        choices: gives the accounts that a form offers, by the name of the source.
    """

    def __init__(
        self,
        kit: Kit,
        client: GuardedClient,
        workspaces: Mapping[str, Workspace],
        actions: Acts,
        choices: Callable[[str], Sequence[Choice]],
    ) -> None:
        self._workspaces, self._choices = workspaces, choices
        self._web_api, messages = WebApi(client), Messages(kit)
        # Apart: a chat that is slow to say who speaks must not keep forms from opening.
        self._chores, self._questions = Chores(), Chores()
        self._people = People(kit, self._web_api, self._questions)
        self._voice = Voice(self._web_api, self._chores, messages)
        self._audit = Audit(kit)
        self._presses = Presses(kit, actions, messages, self._voice)

    async def know(self, source: str, verified: Verified) -> Verified:
        """Add to a request what is known of who speaks in it; within a second, whatever happens."""
        workspace = self._workspaces.get(source)
        if workspace is None or not workspace.bot_token:
            return verified
        return await self._people.know(workspace, verified)

    async def act(self, source: str, gesture: Gesture) -> Reply | None:
        """Act on a gesture; what it does to posts is committed when this returns.

        Raises:
            Problem: what was filled in is wrong, or nothing can be changed any more.
            StoreError: nothing, or not all of it, was done.
        """
        workspace = self._workspaces[source]
        match gesture.verb:
            case Verb.FORM:
                choices = self._choices(source)
                self._open(workspace, gesture, publish_form(gesture.draft, choices, _metadata(gesture)))
            case Verb.EDIT:
                await self._edit(workspace, gesture)
            case _:
                await self._noted(workspace, gesture)
        return None

    async def _noted(self, workspace: Workspace, gesture: Gesture) -> None:
        """Do what changes posts, once it is written down who asks for it.

        Raises:
            Problem: what was filled in is wrong, or nothing can be changed any more.
            StoreError: it could not be written down, or not all of it could be done.
        """
        note = await self._audit.begin(gesture)
        try:
            status = await self._done(workspace, gesture)
        except Problem as problem:
            await self._audit.end(note, problem.status)
            raise
        await self._audit.end(note, status)

    async def _done(self, workspace: Workspace, gesture: Gesture) -> int:
        if gesture.verb is not Verb.SAVE:
            return await self._presses.press(workspace, gesture)
        await self._presses.save(workspace, gesture)
        return 200

    async def _edit(self, workspace: Workspace, gesture: Gesture) -> None:
        try:
            draft = await self._presses.draft(workspace, gesture)
        except Problem as problem:
            self._voice.tell(workspace, gesture, problem.detail)
            return
        self._open(workspace, gesture, edit_form(draft, _metadata(gesture)))

    def _open(self, workspace: Workspace, gesture: Gesture, view: Json) -> None:
        """Begin to open a form: what triggers it is good for seconds."""
        self._chores.begin(self._opened(workspace, gesture, view), "views.open")

    async def _opened(self, workspace: Workspace, gesture: Gesture, view: Json) -> None:
        if not workspace.bot_token:
            missing = f"A form needs sources.{workspace.name}.bot_token, which is not set. Ask whoever runs bridge."
            self._voice.tell(workspace, gesture, missing)
            return
        given = {"trigger_id": gesture.trigger, "view": view}
        answer = await self._web_api.call(workspace, "views.open", given, timeout_s=_OPEN_S)
        if answer.ok:
            return
        error = answer.error or str(answer.status)
        log.warning("form.not_opened", source=workspace.name, verb=gesture.verb, user=gesture.user, error=error)
        failed = f"The form did not open ({error}). Try again; if it stays so, ask whoever runs bridge."
        self._voice.tell(workspace, gesture, failed)

    async def settled(self) -> None:
        """Wait for what goes on behind answers."""
        await self._chores.settled()

    async def stop(self) -> None:
        """End what goes on behind answers."""
        await self._chores.stop()
        await self._questions.stop()


def _metadata(gesture: Gesture) -> dict[str, str]:
    """Return what a form remembers until it is sent in; nothing of it is secret."""
    to = gesture.reply_to or ReplyTo(channel=gesture.channel, user=gesture.user)
    where = {"channel": to.channel, "thread": to.thread, "user": to.user}
    return {name: value for name, value in {"message": gesture.message, **where}.items() if value}
