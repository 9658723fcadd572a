"""A simulated PostEverywhere API v1: accounts, posts, its worker and own retries, media, webhooks, refusals, bad days.

Base path `/api/v1`; `/_control` scripts it. Sources: https://developers.posteverywhere.ai, the code and types of
@posteverywhere/sdk 1.4.2, captured by 2026-11; what the vendor leaves open is a guess and says so where it is made.
"""

import asyncio
from functools import partial
from typing import Any

from starlette.applications import Starlette

from bridge.simulator.faults import Fault, FaultKind
from bridge.simulator.posteverywhere import control, http
from bridge.simulator.posteverywhere.defaults import (
    BLUESKY,
    DEMO_KEY,
    FACEBOOK,
    INSTAGRAM,
    LINKEDIN,
    ORGANIZATION,
    THREADS,
    TIKTOK,
    YOUTUBE,
    X,
    default_accounts,
    default_keys,
    default_organizations,
)
from bridge.simulator.posteverywhere.model import Account, Key, Organization, Outcome
from bridge.simulator.posteverywhere.options import CONTRACTS, Options
from bridge.simulator.posteverywhere.simulator import PostEverywhereSimulator
from bridge.simulator.ticking import working

__all__ = [
    "BLUESKY",
    "CONTRACTS",
    "DEMO_KEY",
    "FACEBOOK",
    "INSTAGRAM",
    "LINKEDIN",
    "ORGANIZATION",
    "THREADS",
    "TIKTOK",
    "YOUTUBE",
    "Account",
    "Fault",
    "FaultKind",
    "Key",
    "Options",
    "Organization",
    "Outcome",
    "PostEverywhereSimulator",
    "X",
    "app",
    "default_accounts",
    "default_keys",
    "default_organizations",
]


def app(simulator: PostEverywhereSimulator | None = None, *, tick_s: float | None = None, **options: Any) -> Starlette:
    """Make the ASGI app of a simulator, or of a new one made with `options`.

    With `tick_s` its lifespan runs the worker that often and sends the webhooks that wait; without, both are by hand
    or by `POST /_control/tick` and `POST /_control/webhooks/deliver`.
    """
    played = simulator or PostEverywhereSimulator(**options)
    return Starlette(
        routes=[*http.routes(played), *control.routes(played)],
        lifespan=working(partial(_work, played, tick_s) if tick_s else None),
    )


async def _work(simulator: PostEverywhereSimulator, tick_s: float) -> None:
    async with simulator.client() as client:
        while True:
            await asyncio.sleep(tick_s)
            simulator.tick()
            await simulator.deliver(client)
