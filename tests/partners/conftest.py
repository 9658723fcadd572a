"""Partners against their simulators, in process, on one clock."""

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from bridge.partners import PARTNERS
from bridge.simulator.genviral import GenviralSimulator, app
from tests.partners.things import Bench, Clock, Observed, genviral


def _genviral(clock: Clock, contract: str) -> Bench:
    sim, observed = GenviralSimulator(now=clock, contract=contract), Observed()
    return Bench(genviral(httpx.ASGITransport(app=app(sim)), clock, observed, contract=contract), sim, clock, observed)


_BENCHES: dict[str, Callable[[Clock, str], Bench]] = {"genviral": _genviral}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=sorted(PARTNERS))
def kind(request: pytest.FixtureRequest) -> str:
    """Every partner there is: one without a bench fails here."""
    return str(request.param)


@pytest.fixture
def contract() -> str:
    """The contract generation; a test asks for another with `parametrize`."""
    return "v3"


@pytest.fixture
async def bench(kind: str, contract: str, clock: Clock) -> AsyncIterator[Bench]:
    made = _BENCHES[kind](clock, contract)
    yield made
    await made.partner.close()
