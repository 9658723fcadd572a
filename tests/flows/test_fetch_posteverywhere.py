"""Fetch for a partner that publishes only what it keeps: it fetches public addresses itself, the others are brought."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import PostState, WorkState
from bridge.core.rules import MediaRules
from bridge.flows.fetch import PER_HOST
from bridge.simulator.posteverywhere import TIKTOK, PostEverywhereSimulator, app
from tests.flows.test_fetch import MP4, Files, fetches, picture, serving
from tests.flows.test_fetch_bounds import Pumping, silence
from tests.flows.town import PUBLIC, Town
from tests.partners.things import Observed, posteverywhere

pytestmark = pytest.mark.anyio

ACCOUNT = str(TIKTOK)


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serving() as made:
        yield made


@pytest.fixture
async def pe(town: Town) -> AsyncIterator[PostEverywhereSimulator]:
    """A simulator under the key `two` of the town."""
    sim = PostEverywhereSimulator(now=town.clock, general_per_minute=10_000, creates_per_minute=10_000)
    client = posteverywhere(httpx.ASGITransport(app=app(sim)), town.clock, Observed())
    client.name = "two"
    town.kit.partners["two"] = client  # type: ignore[index]  # A plain dictionary, before anything runs.
    await town.watcher.add_keys()
    await town.watcher.accounts()
    yield sim
    await client.close()


async def test_a_public_image_is_fetched_by_the_partner_itself(town: Town, pe: PostEverywhereSimulator) -> None:
    post_id = await town.sent(media="https://cdn.example.com/a.jpg", accounts=[ACCOUNT])
    post = await town.post(post_id)
    assert (post.partner_id is not None, list(post.hosted or {})) == (True, ["https://cdn.example.com/a.jpg"])
    assert len(pe.journal.of("import_url")) == 1


async def test_a_private_image_is_brought(town: Town, pe: PostEverywhereSimulator, files: Files) -> None:
    post_id = await town.sent(media=files.put("/a.webp", picture()), accounts=[ACCOUNT])
    assert (await town.post(post_id)).partner_id is not None
    assert files.asked == ["/a.webp"]


@pytest.mark.parametrize("form", ["AVIF", "TIFF", "BMP"])
async def test_a_public_image_of_a_kind_that_the_partner_does_not_keep_is_converted(
    town: Town, pe: PostEverywhereSimulator, files: Files, form: str
) -> None:
    url = files.put(f"/a.{form.lower()}", picture(form)).replace("127.0.0.1", PUBLIC)
    post_id = await town.sent(media=url, accounts=[ACCOUNT])
    assert (await town.post(post_id)).partner_id is not None
    assert (len(pe.journal.of("import_url")), len(files.asked)) == (1, 1)
    assert [one.content_type for one in pe.world.media.values()] == ["image/jpeg"]


async def test_what_the_partner_fetches_itself_takes_no_place_of_the_downloads(
    town: Town, pe: PostEverywhereSimulator
) -> None:
    """Every download that may run waits for a host that never answers."""
    town.publisher.fetch.__self__.rules = MediaRules(concurrency=PER_HOST)  # type: ignore[attr-defined]  # It is bound.
    async with silence() as silent:
        for n in range(PER_HOST):
            await town.publish(media=f"{silent.base}/{n}.webp", caption=f"silent {n}")
        pumping = Pumping(town)
        await pumping.until(lambda: silent.calls == PER_HOST)
        post_id = await town.sent(media="https://cdn.example.com/a.jpg", accounts=[ACCOUNT])
        assert (await town.post(post_id)).partner_id is not None
        silent.over.set()
        await pumping.end()


async def test_a_video_that_is_worked_on_is_waited_for(town: Town, pe: PostEverywhereSimulator, files: Files) -> None:
    post_id = await town.sent(media=files.put("/a.mp4", MP4), accounts=[ACCOUNT])
    assert ((await town.post(post_id)).partner_id, await fetches(town, post_id)) == (None, [WorkState.DUE])

    for _ in range(5):
        pe.tick()
        town.clock.move(seconds=61)
        await town.work()

    assert ((await town.post(post_id)).partner_id is not None, files.asked) == (True, ["/a.mp4"])


async def test_a_video_that_is_never_done_with_is_given_up(
    town: Town, pe: PostEverywhereSimulator, files: Files
) -> None:
    post_id = await town.sent(media=files.put("/a.mp4", MP4), accounts=[ACCOUNT])
    town.clock.move(minutes=61)
    await town.work()
    post = await town.post(post_id)
    assert (post.state, post.reason) == (PostState.REJECTED, FailureReason.MEDIA_INVALID)


async def test_new_media_of_a_scheduled_post_are_kept_before_the_update(
    town: Town, pe: PostEverywhereSimulator, files: Files
) -> None:
    first, second = (f"https://cdn.example.com/{name}.jpg" for name in "ab")
    post_id = await town.sent(media=first, accounts=[ACCOUNT], scheduled_at="2026-01-02T12:00:00Z")
    await town.actions.edit(post_id, {"media": second}, ())
    await town.work()
    post = await town.post(post_id)
    assert (sorted(post.hosted or {}), post.content["media"]["urls"]) == ([first, second], [second])
    assert [one.state for one in await town.commands(post_id)] == [WorkState.DONE] * 4
