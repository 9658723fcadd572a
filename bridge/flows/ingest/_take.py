"""Decides what one item comes to, whatever it came by, and has it kept."""

from collections.abc import Awaitable, Mapping
from dataclasses import replace

from bridge.core.errors import Problem, StoreOvertaken
from bridge.core.hook_rules import HookRules
from bridge.core.mapping import map_item
from bridge.core.model import Event, Intent, Lookup, Write
from bridge.core.request import PublishRequest, parse_request
from bridge.core.rules import PublishRules
from bridge.flows import TRIES, Kit
from bridge.flows.ingest._events import Plan, Result, Said, make_event, note_event
from bridge.flows.ingest._keep import Keeper
from bridge.flows.ingest._objects import look_up, plan_left_out, plan_object
from bridge.flows.ingest._plan import plan
from bridge.metrics import EventOutcome

_ASKS = frozenset({Intent.PUBLISH, Intent.SCHEDULE, Intent.UPDATE})
_TAKES_BACK = frozenset({Intent.UNPUBLISH, Intent.DELETE})
_NOTED: Mapping[Intent, EventOutcome] = {
    Intent.TEST: "tested",
    Intent.HANDSHAKE: "tested",
    Intent.UNPUBLISH: "ignored",
    Intent.DELETE: "ignored",
    Intent.NEEDS_FETCH: "needs_fetch",
    Intent.NEEDS_MAPPING: "needs_mapping",
}
"""Intent of what is only kept -> how it is counted; what is not here counts as accepted."""


class Taker:
    """Makes events of items. `rules` say how long one is known again; `keeper` stores them, or only shows them."""

    def __init__(self, kit: Kit, rules: PublishRules, keeper: Keeper) -> None:
        self.kit, self.rules, self.keeper = kit, rules, keeper

    def take(self, said: Said) -> Awaitable[Result]:
        """Keep what an item comes to.

        Raises:
            Problem: what the sender is told instead.
            StoreError: nothing was kept.
        """
        intent = said.item.intent
        if intent in _ASKS:
            return self._asked(said)
        if intent in _TAKES_BACK and said.item.object_id:
            return self._of_object(said, None)
        return self._note(said)

    async def _note(self, said: Said) -> Result:
        """Keep an event that asks for nothing, or for what we have to fetch first."""
        item = said.item
        if item.intent is Intent.IGNORE:
            return await self._left_out(said, item.note, withheld=item.withheld)
        event = self._noted(said, item.note)
        if item.intent is Intent.NEEDS_FETCH and item.wanted is not None and said.fetches:
            wanted = Lookup(event.id, said.source, item.wanted, said.now, said.now, event.traceparent)
            return await self.keeper.keep(said, Plan(event, Write(lookups=(wanted,)), note=item.note))
        return await self.keeper.keep(said, Plan(event, outcome=_NOTED.get(item.intent, "accepted"), note=item.note))

    async def _left_out(self, said: Said, reason: str, *, withheld: bool) -> Result:
        """Keep an event that is not to be posted; one that is out is noted, so that a feed does not post it either."""
        if withheld and said.item.object_id and said.hook_rules.feed:
            return await self._of_object(said, None, left_out=reason)
        note = said.item.note
        return await self.keeper.keep(said, Plan(self._noted(said, reason), outcome="ignored", note=note))

    def _noted(self, said: Said, reason: str = "") -> Event:
        return note_event(self.kit, said, dedupe_window=self.rules.dedupe_window, reason=reason or None)

    async def _asked(self, said: Said) -> Result:
        """Take what is to be posted, or to change a post."""
        try:
            request = self._request(said)
        except Problem as problem:
            if said.strict:
                raise
            return await self.keeper.keep_unread(said, problem)
        if isinstance(request, str):
            # What is only planned or changed says nothing of its publish: should that be missed, a feed finds it.
            return await self._left_out(said, request, withheld=said.item.intent is Intent.PUBLISH)
        if said.item.object_id:
            return await self._of_object(said, request)
        if said.item.intent is Intent.UPDATE:
            return await self.keeper.keep(said, Plan(self._noted(said, "nothing_posted"), outcome="ignored"))
        event = make_event(self.kit, said, request, dedupe_window=self.rules.dedupe_window)
        try:
            planned = plan(self.kit, said, event, request)
        except Problem as problem:
            if problem.status != 422 or (repeated := await self.keeper.repeated(said, event)) is None:
                raise
            return repeated
        return await self.keeper.keep(said, planned)

    def _request(self, said: Said) -> PublishRequest | str:
        """Return what an item asks for, or which condition of the configuration does not hold.

        Raises:
            Problem: 422 with every fault.
        """
        rules = said.rules
        if not isinstance(rules, HookRules):
            return parse_request(said.item.own, timezone=rules.timezone)
        mapped = map_item(said.item, rules, said.now)
        if mapped.skipped:
            return mapped.skipped
        request = parse_request(mapped.fields, timezone=rules.timezone)
        warnings = (*request.warnings, *mapped.warnings, *said.item.warnings)
        return replace(request, context=mapped.context, derived=mapped.derived, warnings=warnings)

    async def _of_object(self, said: Said, request: PublishRequest | None, *, left_out: str = "") -> Result:
        """Decide over fresh rows what an item of an object comes to; again when they changed under it.

        Raises:
            StoreOvertaken: they changed each time.
        """
        window = self.rules.dedupe_window
        for tries_left in reversed(range(TRIES)):
            seen = await look_up(self.kit, said, request)
            event = self._noted(said) if request is None else make_event(self.kit, said, request, dedupe_window=window)
            if left_out:
                planned = plan_left_out(said, event, seen, left_out)
            else:
                planned = await plan_object(self.kit, said, event, request, seen)
            try:
                return await self.keeper.keep(said, planned)
            except StoreOvertaken:
                if not tries_left:
                    raise
        raise AssertionError("unreachable")
