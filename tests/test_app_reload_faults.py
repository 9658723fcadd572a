"""Files that are emptied, gone, broken or on a dead disk while the service runs by them: it goes on as before."""

import asyncio
import threading
from pathlib import Path

import httpx
import pytest
from structlog.testing import capture_logs

from bridge.app import Reloader
from bridge.settings import Settings
from tests.test_app_reload import OPS, Place, place, until

__all__ = ["place"]

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def looked(place: Place, times: int = 3) -> None:
    """Look at the files as often as it takes to see a change, and more."""
    for _ in range(times):
        if await place.reloader.due():
            await place.reloader.reload()


@pytest.mark.parametrize(("text", "problem"), [("", "is empty"), ("# nothing", "is empty"), (None, "is gone")])
async def test_an_emptied_or_missing_file_takes_nothing_away(place, text, problem):
    place.write(endpoints={"ops": OPS})
    sound = place.config.read_text()
    async with place.serving():
        place.config.unlink() if text is None else place.config.write_text(text)
        assert await place.reloader.reload() == "refused"
        told, runs = place.service.note["refused"], place.service.settings.endpoints
        place.config.write_text(sound)
        assert await place.reloader.reload() == "unchanged"
        assert place.service.note == {}

    assert [(fault["field"], fault["problem"]) for fault in told] == [("bridge.yaml", problem)]
    assert list(runs) == ["ops"]


async def test_the_file_that_was_found_at_the_start_must_stay(place, monkeypatch):
    monkeypatch.chdir(place.folder)
    read = place.read
    place.read = lambda again=None: read(again) if again or place.config.is_file() else Settings()
    async with place.serving():
        place.config.unlink()
        assert await place.reloader.reload() == "refused"


async def test_a_mended_permission_is_seen(place):
    async with place.serving():
        await looked(place)
        place.config.chmod(0o640)
        assert [await place.reloader.due() for _ in range(2)] == [False, True]


@pytest.mark.parametrize("text", ["\x00", "[" * 3000, "a: &a [*a]", "tokens: [{name: a, token: 2026-13-45}]"])
async def test_what_cannot_be_read_is_told_once_for_each_state_of_the_file(place, text):
    async with place.serving():
        place.config.write_text(text)
        with capture_logs() as lines:
            await looked(place, 6)

    assert [line["event"] for line in lines if line["log_level"] == "error"] == ["config.reload_refused"]
    assert place.value("config_reloads_total", result="refused") == 1


async def test_what_nobody_thought_of_is_told_once_for_each_state_of_the_file(place):
    read = place.read

    def fails(again: Path | None = None) -> Settings:
        if again:
            raise LookupError("nobody thought of it")
        return read()

    place.read = fails
    async with place.serving():
        place.write(watch={"tick": "4s"})
        with capture_logs() as lines:
            await looked(place, 6)

    assert [line["event"] for line in lines].count("config.reload_failed") == 1


async def test_a_disk_that_does_not_answer_is_told_and_waited_for(place):
    answers, reads, read = threading.Event(), [], place.read

    def slowly(again: Path | None = None) -> Settings:
        reads.append(again)
        assert again is None or answers.wait(10)
        return read(again)

    async with place.serving():
        place.reloader = Reloader(place.service, place.read(), slowly, place.asked, look_s=0.01, patience_s=0.05)
        place.write(watch={"tick": "4s"})
        with capture_logs() as lines:
            assert [await place.reloader.reload() for _ in range(3)] == ["refused"] * 3
            assert not await place.reloader.due()
        status, shown = await place.ready()
        answers.set()
        async with asyncio.timeout(10):
            while await place.reloader.reload() != "applied":  # noqa: ASYNC110  # The thread of the first is no task.
                await asyncio.sleep(0.01)

    assert [line["error"] for line in lines if line["event"] == "config.reload_refused"] == [
        "configuration: was not read in time: a disk does not answer"
    ]
    assert (status, shown["config"]["faults"], len(reads)) == (200, 1, 2)


async def test_a_service_ends_while_a_disk_does_not_answer(place):
    answers = threading.Event()

    def never(again: Path | None = None) -> Settings:
        answers.wait()
        raise LookupError

    async with place.serving():
        place.reloader = Reloader(place.service, place.read(), never, place.asked)
        following = asyncio.create_task(place.reloader.run())
        place.asked.set()
        await until(lambda: any(thread.name == "configuration" for thread in threading.enumerate()))
        following.cancel()
        async with asyncio.timeout(1):
            await asyncio.gather(following, return_exceptions=True)
        [thread] = [thread for thread in threading.enumerate() if thread.name == "configuration"]
        answers.set()
        await asyncio.to_thread(thread.join)

    assert thread.daemon


async def test_faults_in_words_are_told_only_apart_from_the_public(place):
    async def asked() -> dict[str, object]:
        transport = httpx.ASGITransport(place.service.admin)
        async with httpx.AsyncClient(transport=transport, base_url="http://bridge") as client:
            return dict((await client.get("/readyz")).json()["config"])

    async with place.serving():
        place.write(watch={"tick": "hush"})
        await place.reloader.reload()
        shared = await asked()
    place.write(server={"port": 0, "admin": {"port": 1}}, watch={"tick": "5s"})
    async with place.serving():
        place.write(watch={"tick": "hush"})
        await place.reloader.reload()
        apart = await asked()

    assert (shared.keys(), shared["faults"]) == ({"faults", "since"}, 1)
    assert (apart["faults"], apart["refused"][0]["field"]) == (1, "watch.tick")


async def test_since_is_when_the_present_fault_began(place):
    async with place.serving():
        since = []
        for tick in ("soon", "soon", "later"):
            place.write(watch={"tick": tick})
            await place.reloader.reload()
            since.append(place.service.note["since"])

    assert since[0] == since[1] < since[2]
