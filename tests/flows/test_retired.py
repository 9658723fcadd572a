"""An account that is no longer used: nobody is bothered with it, the others go on, and it may come back."""

from dataclasses import replace

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import PostState
from bridge.core.rules import PublishRules
from bridge.flows import Book
from tests.flows.test_attention import lose
from tests.flows.town import INSTAGRAM, NAMES, TIKTOK

pytestmark = pytest.mark.anyio

USED_UP = tuple(replace(name, retired=name.name == "brand-tiktok") for name in NAMES)


async def configure(town, names):
    """Take names for accounts as a reload does: everything goes on with the same store and a new book."""
    book = Book(names, tuple(town.kit.partners))
    await book.refresh(town.store)
    town.kit.book.directory = book.directory


async def open_causes(town):
    return [cause.id for cause in (await town.store.causes()).values() if cause.open]


async def test_retiring_a_dead_account_closes_its_cause_and_rejects_what_waits(town):
    await lose(town)
    waiting, other = await town.sent(), await town.sent(accounts=["brand-instagram"], caption="two")
    assert (await open_causes(town), (await town.post(waiting)).state) == ([f"account:gv:{TIKTOK}"], PostState.PARKED)

    await configure(town, USED_UP)
    await town.resumer.tick()

    assert await open_causes(town) == []
    assert await town.told("attention.*") == ["attention.opened", "attention.closed"]
    rejected = await town.post(waiting)
    assert (rejected.state, rejected.reason) == (PostState.REJECTED, FailureReason.ACCOUNT_RETIRED)
    assert (await town.post(other)).partner_id is not None


async def test_losing_a_retired_account_is_a_fact_that_asks_nobody(town):
    await configure(town, USED_UP)

    await lose(town)

    assert (await town.told("account.*"), await open_causes(town)) == (["account.disconnected"], [])


async def test_new_posts_to_it_are_refused_and_a_glob_leaves_it_out(town):
    await configure(town, USED_UP)

    problem = await town.refusal(accounts=["brand-tiktok", "brand-instagram"])
    assert (problem.status, [fault.wire()["problem"] for fault in problem.errors]) == (
        422,
        ["'brand-tiktok' is retired"],
    )
    [post] = (await town.publish(accounts=["brand-*"])).posts
    assert [row.account for row in post.targets] == [INSTAGRAM]


async def test_configured_accounts_go_on_without_it(build_town):
    town = await build_town(names=USED_UP, publish=PublishRules(accounts=("brand-tiktok", "brand-instagram")))

    [post] = (await town.publish(accounts=...)).posts

    assert [row.account for row in post.targets] == [INSTAGRAM]


async def test_a_post_that_was_accepted_before_goes_to_the_others(town):
    accepted = (await town.publish(accounts=["brand-tiktok", "brand-instagram"])).posts[0]
    await configure(town, USED_UP)

    await town.work()

    apart, kept = sorted(await town.posts(accepted.event_id), key=lambda post: post.state != PostState.REJECTED)
    assert ([row.account for row in apart.targets], apart.reason) == ([TIKTOK], FailureReason.ACCOUNT_RETIRED)
    assert ([row.account for row in kept.targets], kept.partner_id is not None) == ([INSTAGRAM], True)


async def test_one_that_is_used_again_is_posted_to_and_a_cause_opens_once_work_waits(town):
    await configure(town, USED_UP)
    await lose(town)
    await configure(town, NAMES)
    assert await open_causes(town) == []

    parked = await town.sent()
    await town.resumer.tick()
    assert (await town.post(parked)).state is PostState.PARKED

    assert await open_causes(town) == [f"account:gv:{TIKTOK}"]
