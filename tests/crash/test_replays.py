"""kill -9 while a replay runs: it goes on where it was, and makes nothing due a second time."""

from datetime import UTC, datetime
from pathlib import Path

import httpx
import orjson
import pytest

from bridge.core.catalogue import catalogue
from bridge.core.errors import FailureReason
from bridge.core.events import outbound
from bridge.core.model import OutboundEvent, WorkState, Write
from bridge.store import open_store
from tests.crash.audit import query
from tests.crash.test_deliveries import ENDPOINT
from tests.crash.town import SECRETS, Starter, Town, open_town, until

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

EVENTS, RATE = 100, 12
ADMIN = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}"}
TOKEN = {"name": "town", "token": {"env": "TOWN_TOKEN"}, "scopes": ["publish", "read", "admin"]}
JOB = "select state, sent, total from replays"
DEATHS = ("store.replay_some:after:2", "store.replay_some:before:1", "store.lease:after:2", "store.settle:after:3")


def event(place: int) -> OutboundEvent:
    """Say of a post of its own that it was posted."""
    about = {"subject": {"kind": "post", "id": f"post_{place}"}, "sequence": 1}
    data = catalogue()["post.posted"].example["data"] | about
    return outbound(f"msg_{place:04}", "post.posted", data, filters={"partner": "genviral"}, at=datetime.now(UTC))


async def make_dead_letters(town: Town) -> None:
    """Let the service make its database and its endpoint; then let that miss some events."""
    assert await town.start()
    await until("the endpoint", lambda: query(town.database, ENDPOINT))
    assert await town.stop() == 0
    store = await open_store(f"sqlite:///{town.database}")
    assert all(await store.record([Write(events=(event(place),)) for place in range(EVENTS)]))
    assert all(await store.record([Write(kill_deliveries_of=("town",))]))
    await store.close()


async def ask(town: Town) -> str:
    """Ask for a replay of all dead letters, and return the job's id."""
    body = {"endpoint": "town", "reason": FailureReason.ENDPOINT_DISABLED}
    async with httpx.AsyncClient(base_url=town.url, headers=ADMIN) as http:
        answer = await http.post("/v1/deliveries/replay", json=body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def test_a_replay_that_is_killed_again_and_again_comes_to_its_end(tmp_path: Path, starter: Starter):
    async with open_town(tmp_path, starter, tokens=[TOKEN], deliver={"replay_rate": RATE}) as town:
        await make_dead_letters(town)
        assert await town.start()
        job = await ask(town)
        await town.kill()
        for death in DEATHS:
            await town.start(death)
            assert await town.ended() == -9
        assert query(town.database, JOB)[0][1] < EVENTS, "it had ended before the last kill"
        assert await town.start()
        await until("the end of the replay", lambda: query(town.database, JOB) == [(WorkState.DONE, EVENTS, EVENTS)])
        await until("the deliveries", lambda: len(town.receiver.unique("town")) == EVENTS)
        async with httpx.AsyncClient(base_url=town.url, headers=ADMIN) as http:
            told = orjson.loads((await http.get(f"/v1/replays/{job}")).content)
        assert await town.stop() == 0

    assert (told["state"], told["sent"], told["total"]) == ("done", EVENTS, EVENTS)
    assert datetime.fromisoformat(told["ended_at"]) <= datetime.now(UTC)
