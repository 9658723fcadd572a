"""The tick that lets history go when its time is over."""

import pytest
from structlog.testing import capture_logs

from bridge.app import running
from bridge.core.model import Write
from bridge.ports import Acceptance, Find
from bridge.settings import Database, Settings
from bridge.store import open_store
from tests.store.made import NOW, event

pytestmark = pytest.mark.anyio


async def test_all_that_is_past_its_time_goes_in_one_turn_and_is_told_of_once(tmp_path):
    """It is more than goes at a time."""
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    settings = Settings(database=Database(url=url))
    store = await open_store(url)
    times = [NOW - settings.retention.events * 2] * 450 + [NOW]
    await store.accept([Acceptance(event(received_at=at), Write()) for at in times], NOW)

    async with running(settings, store=store, clock=lambda: NOW) as bridge:
        with capture_logs() as lines:
            await bridge.retention()
            await bridge.retention()
        assert [one.received_at for one in await store.find_events(Find(limit=500))] == [NOW]

    assert [line["rows"] for line in lines if line["event"] == "history.pruned"] == [450]
