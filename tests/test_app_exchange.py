"""What one configuration hands on to the next while the service runs, and what happens when neither starts."""

import asyncio
from datetime import timedelta

import orjson
import pytest
from structlog.testing import capture_logs

from bridge.core.errors import StoreBusy
from bridge.simulator.genviral import TIKTOK
from tests.test_app_reload import OPS, PARTNER, WISH, Place, place, until

__all__ = ["place"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def apply(place: Place, **sections) -> None:
    place.write(**sections)
    assert await place.reloader.reload() == "applied"


def failing(place: Place, error: Exception) -> list[Exception]:
    """Have what a start asks of the store fail while nothing is at work, until the list that is returned is empty."""
    fetch, fails = place.service.store.endpoints, [error]

    async def endpoints():
        if fails and not place.service.bridge.schedule.alive:
            raise fails[0]
        return await fetch()

    place.service.store.endpoints = endpoints
    return fails


@pytest.mark.parametrize(("error", "level"), [(StoreBusy("busy"), "warning"), (ValueError("a fault"), "error")])
async def test_while_neither_configuration_starts_that_is_told_and_another_one_mends_it(place, error, level):
    async with place.serving():
        fails = failing(place, error)
        place.write(watch={"tick": "4s"})
        with capture_logs() as lines:
            assert await place.reloader.reload() == "refused"
            await until(lambda: any(line["event"] == "config.not_resumed" for line in lines))
        (status, shown), note = await place.ready(), place.service.note
        told = place.value("config_last_reload_successful"), place.service.live()
        fails.clear()
        await apply(place, watch={"tick": "3s"})
        mended = await place.ready()

        assert (status, list(shown["failing"]), bool(note["refused"])) == (503, ["configuration"], True)
        assert told == (0, True)
        [line] = [line for line in lines if line["event"] == "config.not_resumed"][:1]
        assert (line["log_level"], "exc_info" in line) == (level, level == "error")
        assert mended == (200, {"status": "ready"})
        assert place.service.settings.watch.tick == timedelta(seconds=3)


async def test_it_can_be_stopped_while_neither_configuration_starts(place):
    async with asyncio.timeout(10):
        async with place.serving():
            failing(place, StoreBusy("busy"))
            place.write(watch={"tick": "4s"})
            assert await place.reloader.reload() == "refused"


async def test_two_changes_in_a_row_disconnect_no_account(place):
    async with place.serving():
        await place.service.bridge.schedule.run_now("accounts")
        seen = place.service.bridge.schedule.due
        place.sim.world.accounts.pop(TIKTOK)
        for queue in (90_000, 90_001):
            await apply(place, limits={"queue": queue})
        await apply(place, partners={"gv": PARTNER | {"rate": 50}})
        await until(lambda: len(place.sim.journal.of("accounts")) > 1)
        accounts = (await place.call("GET", "/v1/accounts")).json()["items"]

        [brand] = [one for one in accounts if one["id"] == TIKTOK]
        assert brand["state"] == "active"
        due = place.service.bridge.schedule.due
        assert {name: due[name] for name in ("retention", "accounts")} == {
            name: seen[name] for name in ("retention", "accounts")
        }


async def test_a_partner_that_is_new_is_asked_for_its_accounts_at_once(place):
    place.write(partners={}, accounts={})
    async with place.serving():
        await apply(place, partners={"gv": PARTNER})
        await until(lambda: place.sim.journal.of("accounts"))


async def test_a_partner_is_closed_when_no_generation_answers_with_it_any_more(place):
    gate = asyncio.Event()

    async def slowly():
        raw = orjson.dumps(WISH)
        yield raw[:10]
        await gate.wait()
        yield raw[10:]

    async with place.serving():
        await place.service.bridge.schedule.run_now("accounts")
        partner, closed = place.service.bridge.kit.partners["gv"], asyncio.Event()
        close = partner.close

        async def noted():
            closed.set()
            await close()

        partner.close = noted
        headers = {"content-type": "application/json"}
        caller = asyncio.create_task(place.call("POST", "/v1/publish", content=slowly(), headers=headers))
        await until(lambda: not place.service._current._unused.is_set())
        await apply(place, watch={"tick": "4s"})
        await apply(place, partners={"gv": PARTNER | {"rate": 50}})
        await until(lambda: len(place.service._leaving) == 1)
        early = closed.is_set()
        gate.set()
        answer = await caller
        await asyncio.wait_for(closed.wait(), 10)

    assert (early, answer.status_code) == (False, 202)


async def test_what_waits_for_an_endpoint_that_left_by_mistake_is_there_when_it_is_back(place):
    place.write(endpoints={"ops": OPS})
    async with place.serving():
        store = place.service.store
        await place.service.bridge.schedule.run_now("accounts")
        await place.call("POST", "/v1/publish", json=WISH)
        await until(lambda: place.sim.journal.of("create"))
        await apply(place, endpoints={})
        left = (await store.endpoints())["ops"]
        shown = (await place.call("GET", "/v1/deliveries?state=dead")).json()["items"]
        await place.service.bridge.schedule.run_now("leases")
        await apply(place, endpoints={"ops": OPS})
        waiting = (await place.call("GET", "/v1/deliveries?state=due")).json()["items"]

    assert (left.enabled, left.reason, shown) == (True, None, [])
    assert waiting
