"""Runs checks all at once, each for a while at most."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass

from bridge.core.examining import Finding, problem

PATIENCE_S = 30.0
"""How long one thing is looked at, at most."""

Told = Callable[[str], object]
"""Is told the name of a check that is done."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at, and how."""

    about: str
    look: Callable[[], Awaitable[Iterable[Finding]]]


async def examined(
    checks: Sequence[Check], progress: AbstractContextManager[Told], *, patience_s: float = PATIENCE_S
) -> list[Finding]:
    """Run all checks, and return what they found in their order."""
    with progress as tell:
        found = await asyncio.gather(*(_one(check, tell, patience_s) for check in checks))
    return [finding for each in found for finding in each]


async def aside(look: Callable[[], list[Finding]]) -> list[Finding]:
    """Run what blocks in a thread of its own: one that hangs does not keep the process from its end."""
    done = Future[list[Finding]]()
    done.set_running_or_notify_cancel()

    def run() -> None:
        try:
            done.set_result(look())
        except Exception as error:  # noqa: BLE001  # It is raised where it is waited for.
            done.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return await asyncio.wrap_future(done)


async def _one(check: Check, tell: Told, patience_s: float) -> list[Finding]:
    try:
        async with asyncio.timeout(patience_s):
            return list(await check.look())
    except TimeoutError:
        return [problem(check.about, f"took longer than {patience_s:g} s", "Look at the network, and try again.")]
    except Exception as error:  # noqa: BLE001  # The outermost step: a fault of ours is a finding, and the others count.
        told = f"could not be looked at: {type(error).__name__}"
        return [problem(check.about, told, "This is a fault of bridge itself: please report it.")]
    finally:
        tell(check.about)
