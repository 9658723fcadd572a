"""A conversation in Slack, through which the service dies: whatever the moment, its message ends right, and alone.

`make fuzz` lets it die at every moment in every step; here are those that each break something else.
"""

from pathlib import Path

import pytest

from tests.crash.conversation import a_conversation, told_once
from tests.crash.town import Starter

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

MOMENTS = (
    ("shortcut", "client.request:before:1"),  # Asking who it is that wants a form.
    ("submit", "store.accept:before:1"),  # Nothing is kept, and the person sends the form again.
    ("submit", "store.accept:after:1"),  # It is kept, the answer is not given, and the form comes again.
    ("submit", "partner.send:after:1"),  # The partner has it, and nobody here knows.
    ("submit", "client.request:before:2"),  # The message is begun, and was never posted.
    ("submit", "client.request:after:2"),  # The message is posted, and its id is lost.
    ("failing", "client.request:after:1"),  # The message is changed, and that is not noted.
    ("retry", "store.record:after:1"),  # What is written around a press that is not answered.
    ("retry", "partner.send:after:1"),  # The partner tries again, and nobody here knows.
    ("posted", "store.settle:before:1"),  # The last word is told, its delivery is still to be settled.
)
"""In which step the service is to die, and when; see `tests.crash.service`."""


async def test_a_conversation_from_the_shortcut_to_the_links(tmp_path: Path, starter: Starter):
    async with a_conversation(tmp_path, starter) as told:
        await told.town.start()

        await told.hold({})

        await told_once(told)


@pytest.mark.parametrize(("step", "death"), MOMENTS)
async def test_a_death_in_the_middle_of_a_step(tmp_path: Path, starter: Starter, step: str, death: str):
    async with a_conversation(tmp_path, starter) as told:
        await told.town.start()

        await told.hold({step: death})

        await told_once(told)
        assert told.deaths, "it was to die"
