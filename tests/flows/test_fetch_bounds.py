"""The bounds of fetching: what hangs, is lost or is large keeps nothing else from going out."""

import asyncio
import io
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from bridge.core import fetching
from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, PostState
from bridge.core.rules import MediaRules, PublishRules, WatchRules
from bridge.flows.fetch import PER_HOST, Fetcher
from bridge.net import GuardedClient
from tests.flows.test_fetch import Files, media_of, picture, serving, slides
from tests.flows.town import PUBLIC, Town

pytestmark = pytest.mark.anyio


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serving() as made:
        yield made


class Silent(Files):
    """A web server that takes calls and answers none until the end of the test."""

    def __init__(self) -> None:
        super().__init__()
        self.calls, self.over, self.ended = 0, asyncio.Event(), asyncio.Semaphore(0)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.calls += 1
        await self.over.wait()
        writer.close()
        await writer.wait_closed()
        self.ended.release()

    async def end(self) -> None:
        self.over.set()
        for _ in range(self.calls):
            await self.ended.acquire()


@asynccontextmanager
async def silence() -> AsyncIterator[Silent]:
    made = Silent()
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    # Under a name of its own, so that it is another host than that of `files`.
    made.base = f"http://{PUBLIC}:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.end()


@pytest.fixture
async def silent() -> AsyncIterator[Silent]:
    async with silence() as made:
        yield made


class Pumping:
    """Acts on all that is due as the pump does: whatever hangs, more is claimed."""

    def __init__(self, town: Town) -> None:
        self.town, self.tasks, self.claims = town, list[asyncio.Task[None]](), 0

    async def until(self, seen: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not seen():
                claimed = await self.town.publisher.claim(32)
                self.claims += len(claimed)
                self.tasks += [asyncio.create_task(self.town.publisher.act(one)) for one in claimed]
                await asyncio.sleep(0.01)

    async def end(self) -> None:
        await asyncio.gather(*self.tasks)


async def test_hosts_that_do_not_answer_keep_no_others_waiting(town, files, silent):
    for n in range(20):
        await town.publish(media=f"{silent.base}/{n}.webp", caption=f"silent {n}")
    for n in range(6):
        await town.publish(media=files.put(f"/{n}.webp", picture()), caption=f"good {n}")
    pumping = Pumping(town)

    await pumping.until(lambda: len(town.sim.world.posts) == 6)

    assert silent.calls == PER_HOST
    # Each that waits was claimed once, not again and again.
    assert pumping.claims < 2 * 20 + 6 * 6
    silent.over.set()
    await pumping.end()


async def test_those_that_stand_in_line_go_as_places_become_free(town, files):
    for n in range(9):
        await town.publish(media=files.put(f"/{n}.webp", picture()), caption=f"{n}")
    pumping = Pumping(town)
    await pumping.until(lambda: len(town.sim.world.posts) == 9)
    await pumping.end()
    assert len(files.asked) == 9


async def test_all_downloads_are_bounded_together(build_town, files, silent):
    town = await build_town(media=MediaRules(concurrency=1))
    await town.publish(media=f"{silent.base}/a.webp", caption="silent")
    pumping = Pumping(town)
    await pumping.until(lambda: silent.calls == 1)
    await town.publish(media=files.put("/b.webp", picture()), caption="b")
    await town.work()
    assert files.asked == []
    silent.over.set()
    await pumping.until(lambda: len(town.sim.world.posts) == 1)
    await pumping.end()


async def test_what_stood_in_line_when_the_process_ended_goes_by_itself(town, files):
    for n in range(PER_HOST + 1):
        await town.publish(media=files.put(f"/{n}.webp", picture()), caption=f"{n}")
    claimed = [one for one in await town.publisher.claim(32) if one.command.kind is CommandKind.FETCH]
    tasks = [asyncio.create_task(town.publisher.act(one)) for one in claimed]
    town.publisher.fetch = Fetcher(
        town.kit, town.publisher.fetch.__self__.client, MediaRules(), PublishRules(), WatchRules()
    ).act
    await asyncio.gather(*tasks)
    town.clock.at += fetching.LONGEST_BUSY
    await town.work()
    assert len(town.sim.world.posts) == PER_HOST + 1


# What a process does not survive.


class Killed(BaseException):
    """The process ends here."""


class Deadly(GuardedClient):
    """A client that ends the process."""

    def opened(self, url, *, headers=None):
        raise Killed


async def test_a_file_at_which_the_process_ends_three_times_is_given_up(town, files):
    post_id = (await town.publish(media=files.put("/a.webp", picture()))).posts[0].id
    deadly = Fetcher(town.kit, Deadly(), MediaRules(), PublishRules(), WatchRules())
    for _ in range(fetching.MOST_BEGUN):
        claimed = [one for one in await town.publisher.claim(32) if one.command.kind is CommandKind.FETCH]
        with pytest.raises(Killed):
            await deadly.act(claimed[0])
        town.clock.at += timedelta(minutes=6)

    await town.work()

    post = await town.post(post_id)
    assert (post.state, post.reason, files.asked) == (PostState.REJECTED, FailureReason.MEDIA_INVALID, [])
    assert "3 times" in (post.error or "")


async def test_a_file_at_which_the_process_ended_twice_is_still_posted(town, files):
    await town.publish(media=files.put("/a.webp", picture()))
    deadly = Fetcher(town.kit, Deadly(), MediaRules(), PublishRules(), WatchRules())
    for _ in range(2):
        [claimed] = [one for one in await town.publisher.claim(32) if one.command.kind is CommandKind.FETCH]
        with pytest.raises(Killed):
            await deadly.act(claimed)
        town.clock.at += timedelta(minutes=6)
    await town.work()
    assert len(media_of(town)) == 1


class Slow(io.BytesIO):
    """A file that is read once it may be."""

    def __init__(self, content: bytes) -> None:
        super().__init__(content)
        self.asked, self.may = threading.Event(), threading.Event()

    def read(self, size: int | None = -1) -> bytes:
        self.asked.set()
        self.may.wait(10)
        return super().read(size)


async def test_a_conversion_that_nobody_waits_for_any_more_keeps_its_turn_until_it_ends(town):
    fetcher, slow = Fetcher(town.kit, GuardedClient(), MediaRules(), PublishRules(), WatchRules()), Slow(picture())
    first = asyncio.create_task(fetcher._converted(slow, {"image/jpeg": 10_000}))
    await asyncio.to_thread(slow.asked.wait, 10)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    second = asyncio.create_task(fetcher._converted(io.BytesIO(picture()), {"image/jpeg": 10_000}))
    await asyncio.sleep(0)

    assert (first.cancelled(), fetcher._converting.locked()) == (True, True)
    slow.may.set()
    made = await second
    made.stream.close()
    assert not fetcher._converting.locked()


async def test_a_crash_after_a_file_was_stored_does_not_store_it_again(town, files):
    """The second of two slides is cut short by the end of the process: the first stays stored."""
    urls = [files.put(f"/{n}.webp", picture()) for n in range(2)]
    post_id = (await town.publish(media=slides(*urls))).posts[0].id
    [first] = await town.publisher.claim(32)
    await town.publisher.act(first)
    [_second] = await town.publisher.claim(32)

    town.clock.at += timedelta(minutes=10)
    await town.work()

    assert (files.asked, len(media_of(town))) == (["/0.webp", "/1.webp"], 2)
    assert (await town.post(post_id)).partner_id is not None
