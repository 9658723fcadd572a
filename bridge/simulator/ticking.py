"""The lifespan of a simulated partner: something works beside it for as long as it is served."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any

from starlette.applications import Starlette

Lifespan = Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]


def working(work: Callable[[], Coroutine[Any, Any, None]] | None) -> Lifespan:
    """Return a lifespan that runs `work` until the app ends; None runs nothing."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        task = asyncio.create_task(work()) if work else None
        yield
        if task:
            task.cancel()
            await asyncio.wait([task])

    return lifespan
