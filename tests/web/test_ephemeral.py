"""That the database goes with its pod is told by the readiness probe, and keeps no work away."""

from dataclasses import replace

import pytest

from bridge.web import admin_app
from tests.web.test_writes_off import answers

pytestmark = pytest.mark.anyio


async def test_a_database_that_may_be_lost_is_named_by_the_probe(room):
    [lasting] = await answers(admin_app(room.web), ("GET", "/readyz"))
    [fleeting] = await answers(admin_app(replace(room.web, ephemeral=True)), ("GET", "/readyz"))

    assert "ephemeral" not in lasting.json()
    assert (fleeting.status_code, fleeting.json()["status"]) == (200, "ready")
    assert fleeting.json()["ephemeral"] == "database.ephemeral: what was acknowledged may be lost with the pod"
