"""Answers that are good for a second or two, made once for everybody who asks meanwhile."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class Fresh:
    """Keeps one answer a name, for a while."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, asyncio.Future[Any]]] = {}

    async def get(self, name: str, make: Callable[[], Awaitable[Any]], for_s: float) -> Any:
        """Return what was made no longer ago than `for_s`, or make it; one that failed is made anew."""
        loop = asyncio.get_running_loop()
        made_at, making = self._kept.get(name, (0.0, None))
        if making is None or loop.time() - made_at > for_s or _failed(making):
            making = asyncio.ensure_future(make())
            self._kept[name] = loop.time(), making
        return await asyncio.shield(making)


def _failed(making: "asyncio.Future[Any]") -> bool:
    return making.done() and (making.cancelled() or making.exception() is not None)
