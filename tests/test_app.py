"""The start of a process over a database that an earlier configuration filled."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.app import running
from bridge.core.model import Event, Intent, PostState, Write
from bridge.core.rules import Limits
from bridge.ports import Acceptance
from bridge.settings import Database, Settings
from bridge.store import open_store
from tests.core.builders import NOW, a_command, a_post, a_target, an_unsent

pytestmark = pytest.mark.anyio


async def test_a_key_that_left_the_configuration_with_work_is_warned_of_at_start(tmp_path):
    url = f"sqlite:///{tmp_path / 'bridge.db'}"
    event = Event("evt_1", "api", "token:t", None, None, "f", Intent.PUBLISH, NOW, "", b"{}", {})
    watched = a_post(a_target(), id="post_2", event_id="evt_1", poll_at=NOW + timedelta(minutes=1))
    ended = a_post(a_target(), id="post_3", event_id="evt_1", state=PostState.POSTED, partner_id="p3", poll_at=None)
    unsent = an_unsent(a_target(), id="post_1", event_id="evt_1")
    store = await open_store(url)
    rows = Write(posts=(unsent, watched, ended), commands=(a_command(post_id="post_1"),))
    await store.accept([Acceptance(event, rows)], NOW)

    with capture_logs() as lines:
        async with running(Settings(database=Database(url=url)), store=store, clock=lambda: NOW) as bridge:
            metrics = bridge.kit.metrics.render().decode()

    [line] = [line for line in lines if line["event"] == "config.warned"]
    assert (line["partner"], line["unsent"], line["watched"]) == ("gv", 1, 1)
    assert "bridge_config_warnings 1.0" in metrics


async def test_the_limits_of_the_configuration_stand_beside_what_they_limit(tmp_path):
    settings = Settings(
        database=Database(url=f"sqlite:///{tmp_path / 'bridge.db'}"), limits=Limits(queue=7, free_disk=5)
    )
    async with running(settings) as bridge:
        metrics = bridge.kit.metrics.render().decode()
    assert "bridge_queue_limit 7.0" in metrics
    assert "bridge_free_disk_limit_bytes 5.0" in metrics
    assert "bridge_free_disk_bytes 0.0" not in metrics
