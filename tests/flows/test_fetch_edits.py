"""What a person does to a post whose media are still to be fetched, and what comes of that."""

from collections.abc import AsyncIterator

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import CommandKind, PostState, WorkState
from tests.flows.test_fetch import MP4, Files, fetches, media_of, picture, serving, slides
from tests.flows.town import PUBLIC, VIDEO

pytestmark = pytest.mark.anyio


@pytest.fixture
async def files() -> AsyncIterator[Files]:
    async with serving() as made:
        yield made


async def test_retrying_a_rejected_post_fetches_anew_and_keeps_what_is_stored(town, files):
    urls = [files.put("/0.webp", picture()), files.put("/1.webp", b"nothing")]
    post_id = await town.sent(media=slides(*urls))
    assert (await town.post(post_id)).state is PostState.REJECTED

    files.put("/1.webp", picture())
    await town.actions.retry(post_id, ())
    await town.work()

    assert (await town.post(post_id)).partner_id is not None
    assert files.asked.count("/0.webp") == 1


async def test_new_media_of_an_unsent_post_are_fetched_instead(town, files):
    url = f"{files.base}/gone.webp"
    post_id = (await town.publish(media=url)).posts[0].id
    better = files.put("/b.webp", picture())

    await town.actions.edit(post_id, {"media": better}, ())
    await town.work()

    assert (await town.post(post_id)).partner_id is not None
    assert files.asked == ["/b.webp"]


async def test_new_media_that_need_no_bringing_go_at_once(town, files):
    post_id = (await town.publish(media=f"{files.base}/gone.webp")).posts[0].id
    await town.actions.edit(post_id, {"media": VIDEO}, ())
    await town.work()
    assert (media_of(town), files.asked) == ([VIDEO], [])


async def test_a_canceled_post_has_nothing_fetched(town, files):
    post_id = (await town.publish(media=files.put("/a.webp", picture()))).posts[0].id
    await town.actions.cancel(post_id, ())
    await town.work()
    assert (await fetches(town, post_id), files.asked) == ([WorkState.DEAD], [])


async def test_new_media_of_a_post_at_the_partner_are_brought_before_the_update(town, files):
    post_id = await town.sent(scheduled_at="2026-01-02T12:00:00Z")
    url = files.put("/a.webp", picture())

    await town.actions.edit(post_id, {"media": url}, ())
    await town.work()

    [stored] = town.sim.world.files.values()
    assert media_of(town) == [stored.url]
    assert (await town.events(post_id))[-1] == "post.updated"


async def test_an_update_whose_media_cannot_be_had_ends_and_the_post_stays_as_it_is(town, files):
    post_id = await town.sent(scheduled_at="2026-01-02T12:00:00Z")
    await town.actions.edit(post_id, {"media": files.put("/a.webp", b"nothing")}, ())
    await town.work()
    states = {one.kind: (one.state, one.reason) for one in await town.commands(post_id)}
    assert states[CommandKind.UPDATE] == (WorkState.DEAD, FailureReason.MEDIA_INVALID)
    assert ((await town.post(post_id)).state, media_of(town)) == (PostState.SCHEDULED, [VIDEO])


@pytest.mark.parametrize("status", [200, 404])
async def test_media_that_change_while_they_are_fetched_are_not_what_is_posted(town, files, status):
    url, better = files.put("/a.webp", picture()), files.put("/b.webp", picture())
    files.statuses["/a.webp"] = status
    post_id = (await town.publish(media=url)).posts[0].id
    [claimed] = await town.publisher.claim(32)
    await town.actions.edit(post_id, {"media": better}, ())

    await town.publisher.act(claimed)
    await town.work()

    post = await town.post(post_id)
    assert (post.partner_id is not None, media_of(town)) == (True, [post.hosted[better]])
    assert files.asked == ["/a.webp", "/b.webp"]


async def test_a_post_that_is_canceled_while_its_media_are_fetched_stays_so(town, files):
    post_id = (await town.publish(media=files.put("/a.webp", picture()))).posts[0].id
    [claimed] = await town.publisher.claim(32)
    await town.actions.cancel(post_id, ())

    await town.publisher.act(claimed)
    await town.work()

    assert (await town.post(post_id)).state is PostState.CANCELED
    assert (await town.events(post_id), town.calls("create")) == (["post.canceled"], [])


async def test_a_parked_post_that_is_dropped_fetches_nothing_any_more(town, files):
    town.sim.fault("unauthorized", times=-1)
    post_id = await town.sent(media=files.put("/a.webp", picture()))
    await town.actions.drop(post_id, ())
    assert (await town.post(post_id)).state is PostState.REJECTED
    assert {one.state for one in await town.commands(post_id)} == {WorkState.DEAD}


async def test_a_second_post_meets_the_blocked_key_and_is_parked_too(town, files):
    town.sim.fault("unauthorized", times=-1)
    await town.sent(media=files.put("/a.webp", picture()))
    post_id = await town.sent(media=files.put("/b.webp", picture()), caption="another")
    assert ((await town.post(post_id)).state, files.asked) == (PostState.PARKED, ["/a.webp"])


async def test_an_update_whose_address_the_partner_cannot_reach_has_the_file_brought(town, files):
    post_id = await town.sent(scheduled_at="2026-01-02T12:00:00Z")
    url = files.put("/a.mp4", MP4).replace("127.0.0.1", PUBLIC)
    town.sim.world.unreachable.add(url)

    await town.actions.edit(post_id, {"media": url}, ())
    await town.work()

    [stored] = town.sim.world.files.values()
    assert media_of(town) == [stored.url]
    assert (await town.events(post_id))[-1] == "post.updated"
