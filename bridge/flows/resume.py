"""Resume: parked work goes out when its cause is gone, waits for a person when it is late, ends when nobody came."""

from collections.abc import Mapping

from bridge.core.errors import Conflict
from bridge.core.model import Post, WorkState
from bridge.core.resume import resume
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import Step
from bridge.flows import Kit, log
from bridge.ports import ClaimedCommand

PAGE = 200
"""Parked commands that one step looks at."""


class Resumer:
    """Looks through all parked work, a page at a time."""

    def __init__(self, kit: Kit, rules: PublishRules, watch: WatchRules, *, page: int = PAGE) -> None:
        self.kit, self.rules, self.watch, self.page = kit, rules, watch, page

    async def tick(self) -> int:
        """One pass over everything that is parked; answers how many commands became due."""
        released, after = 0, ""
        while page := await self.kit.store.parked(self.page, after):
            released += await self._page(page)
            after = page[-1].command.id
        return released

    async def _page(self, page: list[ClaimedCommand]) -> int:
        def decide(step: Step, posts: Mapping[str, Post]) -> list[str]:
            pairs = [(item.command, posts[item.command.post_id]) for item in page]
            resume(step, pairs, self.rules, self.watch)
            return [command.id for command, _ in pairs if step.see(command).state is WorkState.DUE]

        try:
            freed = await self.kit.step(decide, {item.command.post_id for item in page})
        except Conflict:
            # Somebody else moved one of them; the next pass sees what is left.
            return 0
        for command_id in freed:
            log.info("command.resumed", command_id=command_id)
        return len(freed)
