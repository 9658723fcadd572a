"""Resume: parked work goes out when its cause is gone or its hold over, waits for a person when it is late, or ends."""

import time
from collections.abc import Mapping
from datetime import datetime, timedelta

from bridge.core.accounts import idle_keys, recover
from bridge.core.errors import Conflict
from bridge.core.holding import look_through, unbrake, waits_for
from bridge.core.model import Cause, Post, WorkState
from bridge.core.resume import idle_causes, let_go, resume, set_free
from bridge.core.retired import close_retired, end_retired
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import Step, key_cause
from bridge.flows import Kit, log
from bridge.ports import ClaimedCommand

IDLE = timedelta(minutes=10)
"""Longer than a command may be leased: a probe that is under way does not count as waiting."""

_NOTHING_WAITS = "nothing waits for it any more"

_LONG_S, _RESTS = 0.5, 10

PAGE = 200
"""Parked commands that one step looks at."""


async def let_all_go(kit: Kit, cause_id: str) -> Cause:
    """Close the cause of a source on a person's word, and let go all that waits for it now.

    Raises:
        Problem: see `bridge.core.resume.let_go`.
        StoreError: the store refused; what was not let go by then goes only while the cause stays closed.
    """
    cause, after = await kit.step(lambda step, _: let_go(step, cause_id)), ""
    while page := await kit.store.parked(PAGE, after):
        step = Step(kit.moment())
        commands = [item.command for item in page]
        set_free(step, commands, cause)
        unbrake(step, commands, cause)
        if await kit.record(step):
            # Else somebody moved one of them: the page is read again.
            after = page[-1].command.id
    return cause


class Resumer:
    """Looks through all parked work, a page at a time."""

    def __init__(self, kit: Kit, rules: PublishRules, watch: WatchRules, *, page: int = PAGE) -> None:
        self.kit, self.rules, self.watch, self.page = kit, rules, watch, page
        self._rests_until = 0.0
        self._idle_since: dict[str, datetime] = {}

    async def tick(self) -> int:
        """One pass over everything that is parked; answers how many commands became due.

        A long one is followed by a rest: however much is parked, a tenth of the time is enough for it.
        """
        began = time.monotonic()
        if began < self._rests_until:
            return 0
        released, after = 0, ""
        waiting: set[str] = set()
        while page := await self.kit.store.parked(self.page, after):
            released += await self._page(page)
            waiting |= {cause for item in page for cause in waits_for(item.command)}
            after = page[-1].command.id
        await self.kit.step(lambda step, _: self._close_idle(step, waiting))
        took_s = time.monotonic() - began
        self._rests_until = began + took_s * _RESTS if took_s > _LONG_S else 0.0
        return released

    def _close_idle(self, step: Step, waiting: set[str]) -> None:
        """Close what nothing else closes: of accounts that are retired, and what nothing waits for any more.

        Longer than a probe can be under way must nothing have waited for it.
        """
        close_retired(step)
        keys = {key_cause(key.name): key for key in idle_keys(step, waiting)}
        idle = [*idle_causes(step, waiting), *keys]
        self._idle_since = {cause: self._idle_since.get(cause, step.now) for cause in idle}
        for cause, since in self._idle_since.items():
            if step.now - since <= IDLE:
                continue
            if cause in keys:
                recover(step, keys[cause], _NOTHING_WAITS)
            else:
                step.close_cause(cause, _NOTHING_WAITS)

    async def _page(self, page: list[ClaimedCommand]) -> int:
        def decide(step: Step, posts: Mapping[str, Post]) -> list[str]:
            pairs = [(item.command, posts[item.command.post_id]) for item in page]
            rest = look_through(step, end_retired(step, pairs), self.rules)
            resume(step, rest, self.rules, self.watch)
            return [command.id for command, _ in pairs if step.see(command).state is WorkState.DUE]

        try:
            freed = await self.kit.step(decide, {item.command.post_id for item in page})
        except Conflict:
            # Somebody else moved one of them; the next pass sees what is left.
            return 0
        for command_id in freed:
            log.info("command.resumed", command_id=command_id)
        return len(freed)
