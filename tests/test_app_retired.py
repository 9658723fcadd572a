"""An account that is retired, and used again, while the service runs."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from bridge.simulator.genviral import TIKTOK
from tests.test_app_reload import OLD, PARTNER, WISH, Place

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A service that lists accounts all the time."""
    (tmp_path / "token").write_text(OLD)
    place = Place(tmp_path, {})
    place.write(
        server={"port": 0},
        database={"url": f"sqlite:///{tmp_path / 'bridge.db'}"},
        tokens=[{"name": "cms", "token": {"file": "token"}, "scopes": ["publish", "read"]}],
        partners={"gv": PARTNER},
        watch={"tick": "50ms", "accounts_every": "50ms"},
    )
    say(place, retired=False)
    return place


def say(place: Place, *, retired: bool) -> None:
    place.write(accounts={"brand": {"partner": "gv", "id": TIKTOK, "retired": retired}})


async def items(place: Place, path: str) -> list[dict[str, Any]]:
    return list((await place.call("GET", path)).json()["items"])


async def until(place: Place, path: str, *, some: bool = True) -> list[dict[str, Any]]:
    """Ask until there are some, or none."""
    async with asyncio.timeout(10):
        while bool(found := await items(place, path)) is not some:  # noqa: ASYNC110  # The service says nothing of it.
            await asyncio.sleep(0.01)
        return found


def shown(place: Place) -> dict[str, float | None]:
    states = ("active", "disconnected", "retired")
    found = {state: place.value("accounts", partner="gv", platform="tiktok", state=state) for state in states}
    return {state: number for state, number in found.items() if number and state != "active"}


async def test_it_is_nobodys_matter_until_it_is_used_again(place):
    async with place.serving():
        await until(place, "/v1/accounts?state=active")
        place.sim.world.set_account_status(TIKTOK, "paused")
        await until(place, "/v1/causes")
        parked = (await place.call("POST", "/v1/publish", json=WISH)).json()["posts"][0]

        say(place, retired=True)
        assert await place.reloader.reload() == "applied"
        retired = shown(place)
        await until(place, "/v1/causes", some=False)
        [rejected] = await until(place, "/v1/posts?state=rejected")
        refused = await place.call("POST", "/v1/publish", json=WISH | {"caption": "Hello again"})

        say(place, retired=False)
        assert await place.reloader.reload() == "applied"
        used_again = shown(place)

    assert (retired, used_again) == ({"retired": 1}, {"disconnected": 1})
    assert (rejected["id"], rejected["reason"]) == (parked["id"], "account_retired")
    assert (refused.status_code, refused.json()["errors"][0]["problem"]) == (422, "'brand' is retired")
