"""Who speaks in a chat: asked of the chat, kept for a while, and never waited for longer than a second."""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.model import Person, Verified
from bridge.core.slack import Workspace
from bridge.core.slack.speaker import speaker
from bridge.core.times import zone
from bridge.flows import Kit
from bridge.flows.converse._chores import Chores
from bridge.flows.converse._web_api import WebApi

_WAIT_S = 1.0
_ASK_S = 5.0
_LIVES, _FAILED_LIVES = timedelta(hours=1), timedelta(minutes=1)
_MOST = 5_000
_MENTIONED = 5
"""How many of those whom a text mentions are asked for; the others are left out of it, as are those nobody knows."""


@dataclass(frozen=True, slots=True)
class _Known:
    until: datetime
    name: str = ""
    timezone: str = ""


class People:
    """Remembers people by (workspace, id). What comes too late for one request serves the next."""

    def __init__(self, kit: Kit, web_api: WebApi, chores: Chores) -> None:
        self._kit, self._web_api, self._chores = kit, web_api, chores
        self._known: dict[tuple[str, str], _Known] = {}
        self._asking: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def know(self, workspace: Workspace, verified: Verified) -> Verified:
        """Add to a request what is known of who speaks in it."""
        who = speaker(verified.raw)
        if not who.user:
            return verified
        people = dict.fromkeys((who.user, *who.mentioned[:_MENTIONED]))
        asked = [self._ask(workspace, user) for user in people if self._remembered(workspace, user) is None]
        tasks = [task for task in asked if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=_WAIT_S)
        found = {user: self._remembered(workspace, user) for user in people}
        names = {user: known.name for user, known in found.items() if known is not None and known.name}
        known = found[who.user]
        return replace(verified, person=Person(known.timezone if known is not None else "", names))

    def _remembered(self, workspace: Workspace, user: str) -> _Known | None:
        known = self._known.get((workspace.name, user))
        return known if known is not None and known.until > self._kit.clock() else None

    def _ask(self, workspace: Workspace, user: str) -> asyncio.Task[None] | None:
        """Begin to ask for a person, unless that is under way; None when too much is."""
        place = workspace.name, user
        if place not in self._asking:
            task = self._chores.begin(self._asked(workspace, user), "users.info")
            if task is None:
                return None
            self._asking[place] = task
            task.add_done_callback(lambda _: self._asking.pop(place, None))
        return self._asking[place]

    async def _asked(self, workspace: Workspace, user: str) -> None:
        answer = await self._web_api.call(workspace, "users.info", {"user": user}, timeout_s=_ASK_S)
        now, place = self._kit.clock(), (workspace.name, user)
        while len(self._known) >= _MOST:
            del self._known[next(iter(self._known))]
        self._known.pop(place, None)
        told = answer.data.get("user") if answer.ok else None
        self._known[place] = _read(told, now) if isinstance(told, dict) else _Known(now + _FAILED_LIVES)


def _read(user: dict[str, object], now: datetime) -> _Known:
    """Read what `users.info` says of a person (https://docs.slack.dev/reference/objects/user-object, read 2026-11)."""
    profile = user.get("profile")
    names = {**user, **(profile if isinstance(profile, dict) else {})}
    name = next(
        (text for key in ("display_name", "real_name", "name") if isinstance(text := names.get(key), str) and text), ""
    )
    timezone = user.get("tz")
    return _Known(now + _LIVES, name, timezone if isinstance(timezone, str) and zone(timezone) is not None else "")
