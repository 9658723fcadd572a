"""SIGTERM for verbs that have processes or folders to clear away."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

TERMINATED = 128 + signal.SIGTERM


def run_to_end(work: Coroutine[Any, Any, int]) -> int:
    """Run work; SIGTERM cancels it, which lets everything be cleared away, as Ctrl-C does."""

    async def within() -> int:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None
        loop.add_signal_handler(signal.SIGTERM, task.cancel)
        try:
            return await work
        finally:
            loop.remove_signal_handler(signal.SIGTERM)

    try:
        return asyncio.run(within())
    except asyncio.CancelledError:
        return TERMINATED
