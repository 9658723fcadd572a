"""The service dies before or after a call of each method of its ports that acts; nothing is lost or doubled."""

from pathlib import Path

import pytest

from tests.crash.audit import broken
from tests.crash.town import Starter, Town, open_town

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CALLS = (1, 2, 4, 7)
"""At which call it dies: in its first life at the first, and so on."""

METHODS = (
    "store.accept",
    "store.record",
    "store.claim_commands",
    "store.claim_deliveries",
    "store.settle",
    "partner.send",
    "partner.read",
    "partner.accounts",
    "client.post",
)


async def die(town: Town, kill: str) -> None:
    """Live, under load, until the planned death."""
    await town.start(kill)
    await town.publish_while_alive()
    await town.killed()


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", METHODS)
async def test_a_death_at_a_port_loses_and_doubles_nothing(town: Town, method: str, when: str):
    for number in CALLS:
        await die(town, f"{method}:{when}:{number}")

    await town.finish()

    assert broken(town) == []


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("method", ["partner.send", "partner.find"])
async def test_a_partner_that_recognises_nothing_gets_nothing_twice(
    tmp_path: Path, starter: Starter, method: str, when: str
):
    async with open_town(tmp_path, starter, contract="v1") as town:
        town.simulator.fault("stored_then_dropped", "create", times=-1, chance=0.5)
        for number in CALLS:
            await die(town, f"{method}:{when}:{number}")

        await town.finish()

        assert broken(town) == []
