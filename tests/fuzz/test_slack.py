"""Every moment of death in every step of a conversation in Slack; `tests/crash/test_slack.py` has a choice of them."""

from pathlib import Path

import pytest

from tests.crash.conversation import DEATHS, STEPS, a_conversation, told_once
from tests.crash.town import Starter

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("death", DEATHS)
async def test_a_death_in_the_middle_of_a_step(tmp_path: Path, starter: Starter, step: str, death: str):
    async with a_conversation(tmp_path, starter) as told:
        await told.town.start()

        await told.hold({step: death})

        await told_once(told)
