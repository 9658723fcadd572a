"""Claiming commands: due ones, once, in order, under a lease."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Attempt, AttemptOutcome, Command, CommandKind, Key, Post, PostState, WorkState, Write
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import LEASE, NOW, acceptance, command, next_of, post

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)


async def given_commands(store: SqlStore, *made: tuple[Post, Command]) -> None:
    posts = {of.id: of for of, _ in made}
    await store.record([Write(posts=tuple(posts.values()), commands=tuple(one for _, one in made))])


async def claim(store: SqlStore, limit: int = 10, partners: tuple[str, ...] = ("genviral",)) -> list[Command]:
    return [claimed.command for claimed in await store.claim_commands(NOW, limit, LEASE, partners)]


async def test_a_claim_gives_the_command_as_it_is_stored_with_its_post(store: SqlStore) -> None:
    item = acceptance()
    await store.accept([item], NOW)
    [claimed] = await store.claim_commands(NOW, 10, LEASE, ["genviral"])
    [stored] = await store.commands(item.write.posts[0].id)
    assert claimed.command == stored == next_of(item.write.commands[0], lease_until=NOW + LEASE)
    assert claimed.post == item.write.posts[0]


async def test_the_oldest_due_come_first_up_to_the_limit(store: SqlStore) -> None:
    made = []
    for minutes in (3, 1, -1, 2, 0):
        parent = post()
        made.append((parent, command(parent, due_at=NOW - minutes * MINUTE)))
    await given_commands(store, *made)
    assert [one.id for one in await claim(store, limit=3)] == [made[place][1].id for place in (0, 3, 1)]
    assert [one.id for one in await claim(store)] == [made[4][1].id]


async def test_only_the_given_keys_and_those_not_held_are_claimed(store: SqlStore) -> None:
    made = []
    for partner in ("open", "held", "blocked", "not-asked"):
        parent = post(partner=partner)
        made.append((parent, command(parent)))
    await given_commands(store, *made)
    held = Key("held", "genviral", held_until=NOW + MINUTE)
    blocked = Key("blocked", "genviral", blocked=FailureReason.UNAUTHORIZED, held_until=NOW + MINUTE)
    await store.record([Write(keys=(held, blocked))])
    asked = ("open", "held", "blocked")
    assert {one.partner for one in await claim(store, partners=asked)} == {"open", "blocked"}
    await store.record([Write(keys=(next_of(held, held_until=NOW),))])
    assert [one.partner for one in await claim(store, partners=asked)] == ["held"]


async def test_due_commands_of_a_post_run_one_at_a_time_in_order(store: SqlStore) -> None:
    parent = post()
    first, second = command(parent, due_at=NOW), command(parent, 2, due_at=NOW - MINUTE)
    await given_commands(store, (parent, first), (parent, second))
    [claimed] = await claim(store)
    assert claimed.id == first.id
    assert await claim(store) == []
    await store.record([Write(commands=(next_of(claimed, state=WorkState.DONE, lease_until=None),))])
    assert [one.id for one in await claim(store)] == [second.id]


@pytest.mark.parametrize("changes", [{"state": WorkState.PARKED}, {"due_at": NOW + MINUTE}])
async def test_parked_and_later_commands_do_not_stand_in_the_way(store: SqlStore, changes: dict[str, Any]) -> None:
    parent = post()
    second = command(parent, 2)
    await given_commands(store, (parent, command(parent, **changes)), (parent, second))
    assert [one.id for one in await claim(store)] == [second.id]


@pytest.mark.parametrize("changes", [{"state": WorkState.PARKED}, {"due_at": NOW + MINUTE}])
async def test_an_update_never_overtakes_an_earlier_one(store: SqlStore, changes: dict[str, Any]) -> None:
    parent, update = post(), CommandKind.UPDATE
    first, second = command(parent, kind=update, **changes), command(parent, 2, kind=update)
    await given_commands(store, (parent, first), (parent, second))
    assert await claim(store) == []
    await store.record([Write(commands=(next_of(first, state=WorkState.DONE),))])
    assert [one.id for one in await claim(store)] == [second.id]


async def test_a_leased_command_keeps_back_those_of_its_post_that_became_due_before_it(
    store: SqlStore, clock: FixedClock
) -> None:
    parent = post()
    first, second = command(parent, due_at=NOW + MINUTE), command(parent, 2)
    await given_commands(store, (parent, first), (parent, second))
    assert len(await claim(store)) == 1
    assert await store.claim_commands(NOW + MINUTE, 10, LEASE, ["genviral"]) == []
    clock.move(seconds=30)
    [claimed] = await store.claim_commands(NOW + MINUTE, 10, LEASE, ["genviral"])
    assert claimed.command.id == first.id


async def test_an_attempt_that_never_ended_is_marked_lost(store: SqlStore, clock: FixedClock) -> None:
    item = acceptance()
    await store.accept([item], NOW)
    [claimed] = await claim(store)
    begun = [Attempt(claimed.id, number, claimed.post_id, NOW) for number in (1, 2)]
    await store.record([Write(attempts=(replace(begun[0], outcome=AttemptOutcome.FAILED), begun[1]))])
    clock.move(seconds=30)
    await claim(store)
    timeline = await store.timeline(claimed.post_id)
    assert timeline is not None
    assert [one.outcome for one in timeline.attempts] == [AttemptOutcome.FAILED, AttemptOutcome.LOST]


async def test_a_lease_that_ran_out_is_claimed_anew_and_fences_the_old_claimant(
    store: SqlStore, clock: FixedClock
) -> None:
    parent = post()
    await given_commands(store, (parent, command(parent)))
    [old] = await claim(store)
    clock.move(seconds=29)
    assert await claim(store) == []
    clock.move(seconds=1)
    [new] = await claim(store)
    assert (new.id, new.version) == (old.id, old.version + 1)
    ends = [Write(commands=(next_of(one, state=WorkState.DONE, lease_until=None),)) for one in (old, new)]
    assert await store.record(ends) == [False, True]


async def test_next_due_is_when_something_can_be_claimed(store: SqlStore) -> None:
    assert await store.next_due() is None
    parent, other = post(), post(partner="held")
    waiting = command(parent, due_at=NOW + MINUTE)
    await given_commands(store, (parent, waiting), (other, command(other)))
    await store.record([Write(keys=(Key("held", "genviral", held_until=NOW + 2 * MINUTE),))])
    assert await store.next_due() == NOW + MINUTE
    await store.record([Write(commands=(next_of(waiting, state=WorkState.PARKED),))])
    assert await store.next_due() == NOW + 2 * MINUTE
    await store.record([Write(keys=(Key("held", "genviral", blocked=FailureReason.FORBIDDEN, version=2),))])
    assert await store.next_due() == NOW


async def test_next_due_leaves_out_what_is_leased(store: SqlStore, clock: FixedClock) -> None:
    await store.accept([acceptance()], NOW)
    await claim(store)
    assert await store.next_due() is None
    clock.move(seconds=30)
    assert await store.next_due() == NOW


async def test_parked_commands_are_paged_by_id(store: SqlStore) -> None:
    made = []
    for _ in range(5):
        parent = post(state=PostState.PARKED)
        made.append((parent, command(parent, state=WorkState.PARKED, cause="key:genviral")))
    await given_commands(store, *made)
    first = await store.parked(3)
    assert [(one.post, one.command) for one in first] == made[:3]
    assert [one.command for one in await store.parked(3, first[-1].command.id)] == [one for _, one in made[3:]]


@pytest.mark.parametrize("seed", range(3))
async def test_no_command_is_ever_with_two_claimants(store: SqlStore, clock: FixedClock, seed: int) -> None:
    """Many claimants at once, some of whom die; every command is done once, in its post's order."""
    chance = random.Random(seed)
    made = [(parent, command(parent, number)) for parent in [post() for _ in range(15)] for number in (1, 2, 3)]
    await given_commands(store, *made)
    done: list[tuple[str, int]] = []

    async def work() -> None:
        while claimed := await claim(store, limit=chance.randint(1, 6)):
            for one in claimed:
                await asyncio.sleep(0)
                if chance.random() < 0.2:
                    continue
                [ours] = await store.record([Write(commands=(replace(next_of(one), state=WorkState.DONE),))])
                if ours:
                    done.append((one.post_id, one.number))

    while len(done) < len(made):
        await asyncio.gather(*(work() for _ in range(6)))
        clock.move(seconds=30)
    assert len(set(done)) == len(made)
    assert all([number for of, number in done if of == parent.id] == [1, 2, 3] for parent, _ in made)
