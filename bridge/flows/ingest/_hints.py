"""Follows hints: looks at what a partner says has changed, after its webhook was answered.

A hint that is lost costs nothing but time: the polls see the same.
"""

from collections.abc import Awaitable, Callable
from contextvars import Context

from bridge.flows import Tasks, log
from bridge.ports import Hint

Look = Callable[[Hint], Awaitable[None]]
"""Reads now what a hint names."""

_MOST = 100
"""How many hints are followed at once; what one beyond that names is seen when it is due to be read."""


class Hints:
    """The hints that are being followed, each in a task of its own."""

    def __init__(self, look: Look | None) -> None:
        self._look, self._tasks = look, Tasks(_MOST)

    def follow(self, hint: Hint) -> None:
        """Begin to look, unless the hint names nothing or too much is being looked at."""
        if self._look is not None and (hint.posts or hint.accounts):
            # What is looked at is of no request's trace, no more than what a poll looks at.
            Context().run(self._tasks.start, self._looked(self._look, hint))

    async def _looked(self, look: Look, hint: Hint) -> None:
        try:
            await look(hint)
        except Exception as error:  # noqa: BLE001  # The outermost step of a task that nobody awaits.
            log.error("hint.failed", partner=hint.partner, exc_info=error)

    async def stop(self) -> None:
        """End what is under way."""
        await self._tasks.stop()
