"""A simulated Genviral Partner API: accounts, posts, its five-minute worker, its refusals and its bad days, over HTTP.

Base path `/api/partner/v1`; `/_control` scripts it. Source: https://docs.genviral.io/api-reference, captured by
2026-11; what the vendor leaves open is a guess and says so where it is made.
"""

import asyncio
from functools import partial
from typing import Any

from starlette.applications import Starlette

from bridge.simulator.faults import Fault, FaultKind
from bridge.simulator.genviral import control, http
from bridge.simulator.genviral.defaults import (
    DEMO_TOKEN,
    INSTAGRAM,
    TIKTOK,
    TIKTOK_HOSTED,
    WORKSPACE,
    YOUTUBE,
    X,
    default_accounts,
    default_keys,
)
from bridge.simulator.genviral.model import Account, Contract, Key, Outcome
from bridge.simulator.genviral.simulator import GenviralSimulator
from bridge.simulator.genviral.world import Options
from bridge.simulator.ticking import working

__all__ = [
    "DEMO_TOKEN",
    "INSTAGRAM",
    "TIKTOK",
    "TIKTOK_HOSTED",
    "WORKSPACE",
    "YOUTUBE",
    "Account",
    "Contract",
    "Fault",
    "FaultKind",
    "GenviralSimulator",
    "Key",
    "Options",
    "Outcome",
    "X",
    "app",
    "default_accounts",
    "default_keys",
]


def app(simulator: GenviralSimulator | None = None, *, tick_s: float | None = None, **options: Any) -> Starlette:
    """Make the ASGI app of a simulator, or of a new one made with `options`.

    With `tick_s` its lifespan runs the worker that often; without, ticks are by hand or by `POST /_control/tick`.
    """
    played = simulator or GenviralSimulator(**options)
    return Starlette(
        routes=[*http.routes(played), *control.routes(played)],
        lifespan=working(partial(_work, played, tick_s) if tick_s else None),
    )


async def _work(simulator: GenviralSimulator, tick_s: float) -> None:
    while True:
        await asyncio.sleep(tick_s)
        simulator.tick()
