"""Causes over HTTP: the brake of a source is let go by hand, every other cause ends with what is wrong."""

import pytest

from bridge.core.errors import FailureReason
from bridge.core.step import source_cause
from tests.web.room import problem

pytestmark = pytest.mark.anyio

CAUSE = source_cause("blog")


async def brake(room):
    """Open the cause of a source."""
    kit = room.web.ingest.kit
    await kit.step(lambda step, _: step.open_cause(CAUSE, "", FailureReason.BRAKE, "14 entries are new"))


async def test_the_brake_of_a_source_says_what_to_do_and_is_let_go(room):
    await brake(room)
    [shown] = (await room.get("/v1/causes"))["items"]

    answer = await room.call("POST", f"/v1/causes/{CAUSE}/close", "admin")

    assert (shown["id"], shown["kind"], shown["partner"], shown["reason"]) == (CAUSE, "source", "", "brake")
    assert "/close" in shown["what_to_do"]
    assert (answer.status_code, answer.json()["state"], answer.json()["what_to_do"]) == (200, "closed", None)
    assert (await room.get("/v1/causes"))["items"] == []


async def test_only_an_admin_lets_all_go(room):
    await brake(room)

    answer = await room.call("POST", f"/v1/causes/{CAUSE}/close", "zapier")

    assert (answer.status_code, len((await room.get("/v1/causes"))["items"])) == (403, 1)


async def test_who_may_use_some_accounts_lets_nothing_of_others_go(room):
    await brake(room)
    answer = await room.call("POST", f"/v1/causes/{CAUSE}/close", "brand-admin")
    problem(answer, 403, "account_not_allowed")
    assert (await room.get("/v1/causes"))["items"] != []


async def test_what_is_closed_or_unknown_cannot_be_closed(room):
    await brake(room)
    await room.call("POST", f"/v1/causes/{CAUSE}/close", "admin")

    problem(await room.call("POST", f"/v1/causes/{CAUSE}/close", "admin"), 409, "closed")
    problem(await room.call("POST", "/v1/causes/source:other/close", "admin"), 404, "no_such_cause")


async def test_a_dead_account_is_not_mended_by_saying_so(room):
    await room.lose_account()
    [cause] = (await room.get("/v1/causes"))["items"]

    answer = await room.call("POST", f"/v1/causes/{cause['id']}/close", "admin")

    assert "Reconnect" in problem(answer, 409, "not_allowed_now")["detail"]
    assert (await room.get("/v1/causes"))["items"] == [cause]
