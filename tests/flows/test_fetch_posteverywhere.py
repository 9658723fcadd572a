"""Fetch for a partner that publishes only what it keeps: it fetches public addresses itself, the others are brought."""

from collections.abc import AsyncIterator

import httpx
import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import PostState, WorkState
from bridge.simulator.posteverywhere import TIKTOK, PostEverywhereSimulator, app
from tests.flows.test_fetch import MP4, Files, fetches, picture, serving
from tests.flows.town import Town
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
