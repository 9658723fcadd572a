"""Which plan a key is on, as each partner tells; also when it has lapsed."""

import pytest

from bridge.core.errors import PartnerError
from bridge.partners.genviral import plans as genviral_plans
from bridge.partners.posteverywhere import plans as posteverywhere_plans
from tests.partners.things import Bench

pytestmark = pytest.mark.anyio

PLANS = {"genviral": "professional, active", "posteverywhere": "growth, active"}


async def test_the_plan_is_named_in_a_few_words(bench: Bench, kind: str) -> None:
    assert await bench.partner.plan() == PLANS[kind]
    assert bench.observed.calls == [("brand", "key", "ok")]


async def test_a_key_that_is_refused_is_a_failure(bench: Bench) -> None:
    bench.sim.world.keys.clear()

    with pytest.raises(PartnerError):
        await bench.partner.plan()


@pytest.mark.parametrize("body", [None, {}, {"data": None}, {"data": {"subscription": 1, "organization": 1}}])
def test_an_answer_without_a_plan_says_nothing(body) -> None:
    assert genviral_plans.told(body) == posteverywhere_plans.told(body) == ""


def test_what_keeps_the_api_away_is_said() -> None:
    paused = {"data": {"subscription": {"tier": "creator", "status": "active", "is_paused": True}}}
    lapsed = {"data": {"organization": {"subscription_plan": "pro", "entitled": False}}}

    assert genviral_plans.told(paused) == "creator, active, paused"
    assert posteverywhere_plans.told(lapsed) == "pro, the API is not in it"
