"""A vendor that tries again by itself, and refuses content after five failures: our retries leave that door closed."""

import pytest

from bridge.simulator.posteverywhere import X
from tests.flows.vendor import a_vendor

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

FAILS = {"kind": "fail", "text": "Service unavailable (503)"}


@pytest.mark.parametrize("own", [0, 1, 2, 3])
@pytest.mark.parametrize("contract", ["new", "sdk"])
async def test_the_vendors_tries_and_our_retries_stay_below_its_breaker(town, contract, own):
    """One generation of the vendor shows its tries, the other shows only that it failed."""
    async with a_vendor(town, contract=contract, auto_retries=own) as vendor:
        vendor.sim.script(X, *[FAILS] * 12)
        post_id = await vendor.wish(caption="one", accounts=[str(X)])
        await town.work()
        await vendor.live(150)

        [failures] = vendor.sim.world.failures.values()
        assert (await town.post(post_id)).gave_up
        assert failures in range(own + 1, vendor.sim.world.options.breaker_limit)
        shown = {0: 3, 1: 1} if contract == "new" else {0: 1}
        assert len(vendor.sim.journal.of("retry")) == shown.get(own, 0)
