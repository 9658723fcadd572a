"""Channels: which id a channel has that the configuration calls by its name.

What was posted is found, and changed, by the channel's id alone, so it is looked up before anything is posted there.
Source, read 2026-11: https://docs.slack.dev/reference/methods/conversations.list.
"""

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core.delivering import Outcome
from bridge.core.slack import Workspace
from bridge.core.slack.api import LIST, Answer, request
from bridge.flows.reply._calls import Calls, cut, unsure
from bridge.net import NetError
from bridge.ports import Clock

_FRESH, _MISSED = timedelta(hours=1), timedelta(minutes=10)
"""How long is relied on that a name has an id, and that it has none."""

_BUSY = timedelta(seconds=30)
_PAGES, _PAGE = 20, 500
_KINDS = {"types": "public_channel,private_channel", "exclude_archived": True}


class Channels:
    """Knows the channels of each workspace that the app may see, by name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[str, tuple[datetime, dict[str, str]]] = {}
        # Several cards at once are one look.
        self._looking = asyncio.Lock()

    async def id_of(self, calls: Calls, workspace: Workspace, name: str) -> str | Outcome:
        """Return the id of a channel, empty when the app may not know it, or why that cannot be said now."""
        async with self._looking:
            at, ids = self._known.get(workspace.name, (None, {}))
            if at is None or not timedelta() <= self._clock() - at < (_FRESH if name in ids else _MISSED):
                try:
                    listed = await _listed(calls, workspace)
                except NetError as error:
                    return cut(error)
                if isinstance(listed, Outcome):
                    return listed
                ids = listed
                self._known[workspace.name] = self._clock(), ids
            return ids.get(name, "")


async def _listed(calls: Calls, workspace: Workspace) -> dict[str, str] | Outcome:
    ids: dict[str, str] = {}
    cursor = ""
    for _ in range(_PAGES):
        page = {"limit": _PAGE, "cursor": cursor or None}
        answer = await calls.ask(workspace, request(workspace, LIST, _KINDS | page))
        if not answer.ok:
            later = unsure(answer, LIST)
            if later is not None and later.slows:
                # Its limit is one of its own: nothing else has to wait for it.
                return replace(later, wait=later.asked or _BUSY)
            return later or ids
        ids |= _named(answer)
        if not (cursor := next_cursor(answer)):
            break
    return ids


def next_cursor(answer: Answer) -> str:
    """Return where the next page begins, empty after the last."""
    more = answer.data.get("response_metadata")
    return str(more.get("next_cursor") or "") if isinstance(more, dict) else ""


def _named(answer: Answer) -> dict[str, str]:
    listed = answer.data.get("channels")
    channels = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return {f"#{one['name']}": str(one["id"]) for one in channels if one.get("name") and one.get("id")}
