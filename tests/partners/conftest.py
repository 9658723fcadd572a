"""Partners against their simulators, in process, on one clock."""

from collections.abc import AsyncIterator, Callable
from datetime import timedelta

import httpx
import pytest

from bridge.core.model import PostState
from bridge.partners import PARTNERS
from bridge.partners.posteverywhere import PostEverywhere
from bridge.simulator import genviral as simulated_genviral
from bridge.simulator import posteverywhere as simulated_posteverywhere
from bridge.simulator.posteverywhere import PostEverywhereSimulator
from tests.partners.things import Bench, Clock, Observed, genviral, posteverywhere

WIDE = {"general_per_minute": 1000, "creates_per_minute": 1000}


def _genviral(clock: Clock, contract: str) -> Bench:
    sim, observed = simulated_genviral.GenviralSimulator(now=clock, contract=contract), Observed()
    transport = httpx.ASGITransport(app=simulated_genviral.app(sim))
    return Bench(
        partner=genviral(transport, clock, observed, contract=contract),
        sim=sim,
        clock=clock,
        observed=observed,
        token=simulated_genviral.DEMO_TOKEN,
        ids=(simulated_genviral.TIKTOK, simulated_genviral.INSTAGRAM),
        scope="workspace:4cb5d3fd-8c8f-4ed7-a17c-4ffb52c7e6ac",
        at_once=PostState.PENDING,
        nothing_to_retry="Only failed or partial posts can be retried",
        lead=timedelta(seconds=136),
        late=timedelta(seconds=30),
    )


def _posteverywhere(clock: Clock, contract: str) -> Bench:
    sim = PostEverywhereSimulator(now=clock, contract=contract, **WIDE)
    observed = Observed()
    transport = httpx.ASGITransport(app=simulated_posteverywhere.app(sim))
    return Bench(
        partner=posteverywhere(transport, clock, observed),
        sim=sim,
        clock=clock,
        observed=observed,
        token=simulated_posteverywhere.DEMO_KEY,
        ids=(str(simulated_posteverywhere.X), str(simulated_posteverywhere.LINKEDIN)),
        scope=f"organization:{simulated_posteverywhere.ORGANIZATION}",
        at_once=PostState.PUBLISHING,
        nothing_to_retry="Nothing to retry — all destinations are currently queued, publishing, or published.",
        ticks=2,
        lead=timedelta(seconds=15),
        late=timedelta(seconds=20),
        content={"media": None},
    )


_BENCHES: dict[str, Callable[[Clock, str], Bench]] = {"genviral": _genviral, "posteverywhere": _posteverywhere}
_NEWEST = {"genviral": "v3", "posteverywhere": "new"}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sim(clock: Clock) -> PostEverywhereSimulator:
    """PostEverywhere, with limits that are in nobody's way; a module about Genviral has its own."""
    return PostEverywhereSimulator(now=clock, **WIDE)


@pytest.fixture
def partner(sim: PostEverywhereSimulator, clock: Clock) -> PostEverywhere:
    return posteverywhere(httpx.ASGITransport(app=simulated_posteverywhere.app(sim)), clock)


@pytest.fixture(params=sorted(PARTNERS))
def kind(request: pytest.FixtureRequest) -> str:
    """Every partner there is: one without a bench fails here."""
    return str(request.param)


@pytest.fixture
def contract(kind: str) -> str:
    """The contract generation; a test asks for others with `parametrize`."""
    return _NEWEST[kind]


@pytest.fixture
async def bench(kind: str, contract: str, clock: Clock) -> AsyncIterator[Bench]:
    made = _BENCHES[kind](clock, contract)
    yield made
    await made.partner.close()
