"""A create without idempotency whose answer was lost: never doubled, never another's, never forgotten."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest

from bridge.core.errors import FailureReason, StoreError
from bridge.core.model import PostState, WorkState
from bridge.simulator.posteverywhere import INSTAGRAM, X
from tests.flows.town import Town
from tests.flows.vendor import LOOKED_TWICE, Vendor, a_vendor, is_create, is_list

pytestmark = pytest.mark.anyio

ON_X = {"accounts": [str(X)], "caption": "same words"}


@pytest.fixture
async def vendor(town: Town) -> AsyncIterator[Vendor]:
    async with a_vendor(town) as vendor:
        yield vendor


async def lost(vendor: Vendor, fault: str = "stored_then_dropped", **fields: Any) -> str:
    """Hand in a post, and lose the answer to its create."""
    vendor.sim.fault(fault, "create")
    post_id = await vendor.wish(**(ON_X | fields))
    await vendor.town.work()
    return post_id


def answer(status: int, **error: Any) -> dict[str, Any]:
    """An answer to a create that did its work all the same."""
    body = orjson.dumps({"data": None, "error": {"message": "It broke", "code": "c"} | error}).decode()
    return {"status": status, "body": body}


@pytest.mark.parametrize("fault", ["stored_then_dropped", "dropped", "html_502", "empty"])
async def test_a_lost_create_is_one_post(vendor: Vendor, fault: str) -> None:
    post_id = await lost(vendor, fault)
    await vendor.work(LOOKED_TWICE)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]


async def test_it_is_looked_for_twice_and_sent_again_when_even_a_slow_one_would_be_there(vendor: Vendor) -> None:
    await lost(vendor, "dropped")
    await vendor.work(115)
    assert (len(vendor.sim.journal.of("list")), vendor.creates()) == (2, 1)
    await vendor.work(10)
    assert (len(vendor.sim.journal.of("list")), vendor.creates(), len(vendor.stored())) == (4, 2, 1)


async def test_a_create_that_ends_behind_a_proxy_that_gave_up_is_found(vendor: Vendor) -> None:
    held: list[httpx.Request] = []

    async def before(request: httpx.Request) -> httpx.Response | None:
        if held or not is_create(request):
            return None
        held.append(request)
        return httpx.Response(504, content=b"<html>gave up")

    vendor.line.before = before
    post_id = await vendor.wish(**ON_X)
    await vendor.town.work()
    await vendor.work(15)
    await httpx.ASGITransport.handle_async_request(vendor.line, held[0])
    await vendor.work(LOOKED_TWICE)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]


async def test_another_process_waits_as_long_for_the_list(vendor: Vendor) -> None:
    """The list shows a post eight seconds after it was made; the answer was lost in the process before."""

    async def after(request: httpx.Request, response: httpx.Response) -> httpx.Response | None:
        if not is_list(request):
            return None
        body, now = orjson.loads(response.content), vendor.town.clock()
        age = timedelta(seconds=8)
        rows = body["data"]["posts"]
        body["data"]["posts"] = [row for row in rows if datetime.fromisoformat(row["created_at"]) + age <= now]
        return httpx.Response(200, json=body)

    vendor.line.after = after
    await lost(vendor)
    vendor.town.clock.move(seconds=1)
    other = vendor.client()
    await vendor.work(LOOKED_TWICE, step=3)
    await other.close()
    assert vendor.creates() == 1


async def test_a_wish_like_it_that_is_on_its_way_keeps_its_post(vendor: Vendor) -> None:
    """The answer to the second is late, and the first is looked for meanwhile: the list shows a post that fits both."""
    town = vendor.town
    first = await lost(vendor, "dropped", key="1")
    town.clock.move(seconds=5)
    second = await vendor.wish(**ON_X, key="2")

    async def after(request: httpx.Request, response: httpx.Response) -> None:
        if is_create(request):
            vendor.line.after = None
            town.clock.move(seconds=8)
            await town.work()

    vendor.line.after = after
    await town.work()
    await vendor.work(LOOKED_TWICE)
    posts = [await town.post(one) for one in (second, first)]
    assert [post.partner_id for post in posts] == vendor.stored()
    assert [await town.events(post.id) for post in posts] == [["post.publishing"]] * 2


async def test_two_like_it_that_both_died_with_their_process_share_what_is_there(vendor: Vendor) -> None:
    """One arrived: it goes to one of them, and the other is sent again."""
    town = vendor.town
    ids = []
    for key, fault in (("1", "dropped"), ("2", "slow")):
        vendor.sim.fault(fault, "create")
        ids.append(await vendor.wish(**ON_X, key=key))
        town.store.lose["record"] = [None, StoreError()]
        await town.work()
    assert {(await town.post(one)).partner_id for one in ids} == {None}
    town.clock.move(minutes=6)
    await town.work()
    await vendor.work(2 * LOOKED_TWICE)
    assert {(await town.post(one)).partner_id for one in ids} == set(vendor.stored())
    assert len(vendor.stored()) == 2


async def test_a_post_with_other_media_is_not_it(vendor: Vendor) -> None:
    first = await lost(vendor, "dropped", media="https://cdn.example.com/a.jpg", accounts=[str(INSTAGRAM)], key="1")
    vendor.town.clock.move(seconds=1)
    second = await lost(vendor, media="https://cdn.example.com/b.jpg", accounts=[str(INSTAGRAM)], key="2")
    await vendor.work(LOOKED_TWICE)
    shown = {post.id: post.media_ids for post in vendor.sim.world.posts.values()}
    for post in [await vendor.town.post(one) for one in (first, second)]:
        assert shown.pop(str(post.partner_id)) == list((post.hosted or {}).values())
    assert not shown


async def test_one_that_somebody_made_with_other_media_is_not_it(vendor: Vendor) -> None:
    by_hand = vendor.sim.seed_post("publishing", content="same words", account_ids=[X], media_ids=["other"])
    vendor.town.clock.move(seconds=50)
    post_id = await lost(vendor, "dropped", media="https://cdn.example.com/a.jpg")
    await vendor.work(LOOKED_TWICE)
    assert vendor.stored() == [by_hand.id, (await vendor.town.post(post_id)).partner_id]


async def test_what_fits_only_nearly_is_never_sent_again_by_itself(vendor: Vendor) -> None:
    post_id = await lost(vendor, caption="Caf\u00e9 time \U0001f389")
    [stored] = vendor.sim.world.posts.values()
    stored.content = "Caf\u00e9 time"
    await vendor.work(LOOKED_TWICE)
    [command] = await vendor.town.commands(post_id)
    assert (vendor.creates(), command.state, command.reason) == (1, WorkState.DUE, FailureReason.UNKNOWN_OUTCOME)
    assert "not all of what was sent" in (command.detail or "")


@pytest.mark.parametrize("retryable", [True, False, None])
@pytest.mark.parametrize("stored", [True, False])
async def test_a_server_error_is_looked_into_even_if_it_may_not_be_repeated(
    vendor: Vendor, retryable: bool | None, stored: bool
) -> None:
    said = {} if retryable is None else {"retryable": retryable}
    vendor.sim.fault("answer", "create", after=stored, **answer(503, **said))
    post_id = await vendor.wish(**ON_X)
    await vendor.town.work()
    await vendor.work(LOOKED_TWICE)
    post, again = await vendor.town.post(post_id), not stored and retryable is not False
    assert vendor.creates() == (2 if again else 1)
    if stored or again:
        assert vendor.stored() == [post.partner_id]
    else:
        assert (post.state, post.error, post.partner_id) == (PostState.REJECTED, "It broke", None)
        assert (await vendor.town.data(post_id, "post.rejected"))["code"] == "c"


async def test_a_refusal_that_may_pass_is_looked_into_once(vendor: Vendor) -> None:
    vendor.sim.fault("answer", "create", **answer(400, retryable=True))
    await vendor.wish(**ON_X)
    await vendor.town.work()
    await vendor.work(15)
    assert (len(vendor.sim.journal.of("list")), vendor.creates(), len(vendor.stored())) == (2, 2, 1)


@pytest.mark.parametrize("held", [None, 60])
async def test_a_schedule_that_passed_on_its_way_goes_at_once(vendor: Vendor, held: int | None) -> None:
    """The vendor's clock is ahead; a 429 before it changes nothing, for nothing of that was stored."""
    vendor.sim.world.offset = timedelta(seconds=20)
    vendor.wait_by_the_clock()
    if held is not None:
        vendor.sim.fault("rate_limited", "create", retry_after=held)
    at = vendor.town.clock() + timedelta(seconds=15 + (held or 0))
    post_id = await vendor.wish(**ON_X, scheduled_at=at.isoformat())
    await vendor.town.work()
    await vendor.work((held or 0) + 30, step=2)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]


async def test_a_schedule_that_passed_while_it_was_lost_goes_at_once(vendor: Vendor) -> None:
    at = vendor.town.clock() + timedelta(seconds=60)
    post_id = await lost(vendor, "dropped", scheduled_at=at.isoformat())
    await vendor.work(LOOKED_TWICE)
    assert vendor.stored() == [(await vendor.town.post(post_id)).partner_id]


async def test_many_like_it_are_as_many_posts(vendor: Vendor) -> None:
    vendor.sim.fault("stored_then_dropped", "create", times=15, chance=0.5)
    vendor.sim.fault("dropped", "create", times=15, chance=0.5)
    ids = []
    for number in range(12):
        ids.append(await vendor.wish(**ON_X, key=str(number)))
        await vendor.work(1, step=1)
    await vendor.work(10 * LOOKED_TWICE)
    shown = [(await vendor.town.post(one)).partner_id for one in ids]
    assert sorted(map(str, shown)) == sorted(vendor.stored())
