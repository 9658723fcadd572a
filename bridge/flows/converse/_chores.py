"""What is done for a chat while its request is answered already."""

import asyncio
from collections.abc import Coroutine

from bridge.flows import log

_MOST = 200
"""How many are done at once; one beyond that is not begun."""


class Chores:
    """Tasks that nobody awaits; none of them fails in silence."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[None, None, None], name: str) -> asyncio.Task[None] | None:
        """Begin at once; None when too much is under way."""
        if len(self._tasks) >= _MOST:
            work.close()
            log.warning("chat.chore_refused", chore=name)
            return None
        task = asyncio.create_task(self._done(work, name))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that was ended before it began has not been awaited by anybody.
        task.add_done_callback(lambda _: work.close())
        return task

    async def _done(self, work: Coroutine[None, None, None], name: str) -> None:
        try:
            await work
        except Exception as error:  # noqa: BLE001  # The outermost step of a task that nobody awaits.
            # Its text may hold an address that takes answers.
            log.error("chat.chore_failed", chore=name, error=type(error).__name__)

    async def settled(self) -> None:
        """Wait for what is under way."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop(self) -> None:
        """End what is under way."""
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
