"""What is done for a chat while its request is answered already."""

import asyncio
from collections.abc import Coroutine

from bridge.flows import Tasks, log

_MOST = 200
"""How many are done at once; one beyond that is not begun."""


class Chores(Tasks):
    """Tasks that nobody awaits; none of them fails in silence."""

    def __init__(self) -> None:
        super().__init__(_MOST)

    def begin(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None] | None:
        """Begin at once; None when too much is under way."""
        task = self.start(self._done(work, name))
        if task is None:
            log.warning("chat.chore_refused", chore=name)
            work.close()
            return None
        # One that was ended before it began has not been awaited by anybody.
        task.add_done_callback(lambda _: work.close())
        return task

    async def _done(self, work: Coroutine[None, None, None], name: str) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  # The outermost step of a task that nobody awaits.
            # Its text may hold an address that takes answers.
            log.error("chat.chore_failed", chore=name, error=type(error).__name__)
