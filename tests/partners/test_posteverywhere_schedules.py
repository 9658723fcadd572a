"""When a post goes out, as the partner shows it: none, one that was moved, and one that was not."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bridge.core.model import CommandKind, Post, PostState, Receipt
from bridge.core.redact import Redactor
from bridge.partners.posteverywhere import replies
from bridge.ports import Send
from bridge.simulator.posteverywhere import PostEverywhereSimulator, X, app
from tests.partners.sweeping import LATER, calls, seed
from tests.partners.things import NOW, Clock, command, posteverywhere

pytestmark = pytest.mark.anyio

QUEUED = [{"account_id": X, "status": "queued", "attempts": 0}]


@pytest.mark.parametrize(
    ("shown", "state"),
    [
        ({"scheduled_for": None}, PostState.PENDING),
        ({"scheduled_at": None, "destinations": QUEUED}, PostState.PENDING),
        ({"scheduled_for": LATER.isoformat()}, PostState.SCHEDULED),
        (
            {"scheduled_for": None, "destinations": [{**QUEUED[0], "scheduled_for": LATER.isoformat()}]},
            PostState.SCHEDULED,
        ),
        ({}, PostState.SCHEDULED),
    ],
)
def test_post_that_is_called_scheduled_but_has_no_time_is_on_its_way(shown: dict[str, Any], state: PostState) -> None:
    data = {"post_id": "p", "status": "scheduled", **shown}
    snapshot = replies.snapshot(data, NOW, Redactor())
    assert snapshot is not None
    assert (snapshot.state, replies.post_receipt(201, {"data": data}).state) == (state, state)


def simulator(clock: Clock, **options: Any) -> PostEverywhereSimulator:
    return PostEverywhereSimulator(now=clock, general_per_minute=1000, **options)


async def moved(sim: PostEverywhereSimulator, clock: Clock, made: Post, **changes: Any) -> Receipt:
    """Edit a post at the partner, and give the receipt."""
    partner = posteverywhere(httpx.ASGITransport(app=app(sim)), clock)
    edit = command(CommandKind.UPDATE, payload={"changes": changes})
    made = replace(made, state=PostState.SCHEDULED, scheduled_at=changes.get("scheduled_at", LATER))
    built = partner.build(edit, made, clock())
    assert isinstance(built, Send)
    calls(sim)
    return await partner.send(edit, made, built.body)


async def test_time_that_came_to_the_destinations_is_no_warning(clock: Clock) -> None:
    sim = simulator(clock)
    receipt = await moved(sim, clock, seed(sim, "a"), scheduled_at=LATER + timedelta(hours=1))
    assert (receipt.scheduled_at, receipt.warnings) == (LATER + timedelta(hours=1), ())
    assert calls(sim) == ["update"]


async def test_time_that_did_not_come_to_the_destinations_is_told_and_is_the_old_one(clock: Clock) -> None:
    sim = simulator(clock, patch_propagates=False)
    receipt = await moved(sim, clock, seed(sim, "a"), scheduled_at=LATER + timedelta(hours=1))
    [warning] = receipt.warnings
    assert (receipt.scheduled_at, warning["code"]) == (LATER, "SCHEDULE_NOT_TAKEN")
    assert "2025-01-21T12:00:00Z" in warning["message"]


@pytest.mark.parametrize("fault", [(), ("server_error",)])
async def test_answer_that_shows_no_destinations_is_looked_behind(clock: Clock, fault: tuple[str, ...]) -> None:
    sim = simulator(clock, contract="sdk")
    made = seed(sim, "a")
    for kind in fault:
        sim.fault(kind, "get")
    receipt = await moved(sim, clock, made, scheduled_at=LATER + timedelta(hours=1))
    assert (receipt.scheduled_at, receipt.warnings) == (LATER + timedelta(hours=1), ())
    assert calls(sim) == ["update", "get"]


async def test_edit_of_something_else_looks_at_no_time(clock: Clock) -> None:
    sim = simulator(clock, contract="sdk")
    assert (await moved(sim, clock, seed(sim, "a"), caption="New")).warnings == ()
    assert calls(sim) == ["update"]
