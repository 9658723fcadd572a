"""Accepting events: once a key, whole, in order."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import StoreBusy, StoreOvertaken
from bridge.core.model import PostState, SourceObject, WorkState, Write
from bridge.ports import Acceptance, Accepted, Find
from bridge.store._store import SqlStore
from tests.store.made import (
    LEASE,
    NOW,
    acceptance,
    claim_any,
    command,
    endpoint,
    event,
    lookup,
    next_of,
    post,
    source_object,
    told,
)

pytestmark = pytest.mark.anyio

LATER = NOW + timedelta(hours=72)


async def test_accept_stores_the_event_with_all_it_causes(store: SqlStore) -> None:
    item = acceptance(posts=2, external_id="x", warnings=({"code": "w"},))
    assert await store.accept([item], NOW) == [Accepted(item.event.id, tuple(one.id for one in item.write.posts))]
    assert await store.event(item.event.id) == (item.event, list(item.write.posts))
    assert await store.commands(item.write.posts[1].id) == [item.write.commands[1]]


async def test_posts_are_answered_in_the_order_they_were_made_in(store: SqlStore) -> None:
    received = event(key="k", key_until=LATER)
    made = tuple(post(received.id, id=f"post_{letter}") for letter in "zmaq")
    await store.accept([Acceptance(received, Write(posts=made))], NOW)
    [again] = await store.accept([acceptance(key="k", key_until=LATER)], NOW)
    assert again.post_ids == ("post_z", "post_m", "post_a", "post_q")
    stored = await store.event(received.id)
    assert stored is not None
    assert [one.id for one in stored[1]] == ["post_z", "post_m", "post_a", "post_q"]


async def test_a_known_key_answers_what_is_stored_and_stores_nothing(store: SqlStore) -> None:
    first, second = (acceptance(key="k", key_until=LATER) for _ in range(2))
    [stored] = await store.accept([first], NOW)
    assert await store.accept([second], NOW) == [replace(stored, duplicate=True)]
    assert await store.event(second.event.id) is None
    assert await store.posts([one.id for one in second.write.posts]) == {}


async def test_a_key_used_for_another_request_is_a_conflict(store: SqlStore) -> None:
    [stored] = await store.accept([acceptance(key="k", key_until=LATER)], NOW)
    other = acceptance(key="k", key_until=LATER, fingerprint="other")
    assert await store.accept([other], NOW) == [replace(stored, conflict=True)]


async def test_keys_are_unique_within_their_scope_only(store: SqlStore) -> None:
    items = [acceptance(key="k", key_until=LATER, scope=scope) for scope in ("token:a", "token:b")]
    assert [answer.duplicate for answer in await store.accept(items, NOW)] == [False, False]


async def test_events_without_a_key_are_never_duplicates(store: SqlStore) -> None:
    answers = await store.accept([acceptance() for _ in range(3)], NOW)
    assert len({answer.event_id for answer in answers}) == 3


async def test_one_key_several_times_in_one_call_makes_one_event(store: SqlStore) -> None:
    items = [acceptance(key="k", key_until=LATER, fingerprint=print_) for print_ in ("same", "same", "other")]
    first, second, third = await store.accept(items, NOW)
    assert (first.duplicate, second.duplicate, third.conflict) == (False, True, True)
    assert first.event_id == second.event_id == third.event_id
    assert first.post_ids == second.post_ids


async def test_one_key_in_many_calls_at_once_makes_one_event(store: SqlStore) -> None:
    items = [acceptance(key="k", key_until=LATER) for _ in range(40)]
    answers = await asyncio.gather(*(store.accept([item], NOW) for item in items))
    assert sum(not answer.duplicate for [answer] in answers) == 1
    assert len({answer.post_ids for [answer] in answers}) == 1


async def test_an_expired_key_is_free_again(store: SqlStore) -> None:
    await store.accept([acceptance(key="k", key_until=NOW + timedelta(hours=1))], NOW)
    renewed = acceptance(key="k", key_until=LATER)
    [answer] = await store.accept([renewed], NOW + timedelta(hours=1))
    assert (answer.event_id, answer.duplicate) == (renewed.event.id, False)


async def test_a_key_without_an_end_does_not_expire(store: SqlStore) -> None:
    await store.accept([acceptance(key="k")], NOW)
    [answer] = await store.accept([acceptance(key="k")], NOW + timedelta(days=900))
    assert answer.duplicate


async def test_a_freed_key_can_be_used_again(store: SqlStore) -> None:
    first = acceptance(key="k", key_until=LATER)
    await store.accept([first], NOW)
    assert await store.record([Write(free_keys=(first.event.id,))]) == [True]
    [answer] = await store.accept([acceptance(key="k", key_until=LATER)], NOW)
    assert not answer.duplicate


async def test_events_of_an_accept_are_delivered(store: SqlStore) -> None:
    await store.record([Write(endpoints=(endpoint(),))])
    item = acceptance()
    parked = replace(item.write.commands[0], state=WorkState.PARKED, parked_at=NOW)
    await store.accept([Acceptance(item.event, replace(item.write, commands=(parked,), events=(told(),)))], NOW)
    assert len(await claim_any(store)) == 1
    assert await store.claim_commands(NOW, 10, LEASE, ["genviral"]) == []


async def test_an_accept_whose_write_does_not_fit_is_busy_and_leaves_nothing(store: SqlStore) -> None:
    first = acceptance()
    await store.accept([first], NOW)
    stale = next_of(next_of(first.write.posts[0]))
    received = event(key="k", key_until=LATER)
    with pytest.raises(StoreBusy):
        await store.accept([acceptance(), Acceptance(received, Write(posts=(stale,)))], NOW)
    assert len(await store.find_events(Find(limit=100))) == 1


async def test_a_bad_accept_does_not_harm_its_neighbours(store: SqlStore) -> None:
    taken = acceptance()
    await store.accept([taken], NOW)
    again = Acceptance(event(), Write(posts=taken.write.posts))
    unwritable = acceptance(request={"caption": object()})
    orphan = Acceptance(event(), Write(commands=(command(post()),)))
    items = [acceptance(), again, acceptance(), unwritable, orphan, acceptance()]
    answers = await asyncio.gather(*(store.accept([item], NOW) for item in items), return_exceptions=True)
    assert [isinstance(answer, list) for answer in answers] == [True, False, True, False, False, True]
    assert len(await store.find_events(Find(limit=100))) == 4


def about(known: SourceObject, **given: object) -> Acceptance:
    """An event with a post that also writes a row about the sender's object."""
    item = acceptance(**given)
    return replace(item, write=replace(item.write, objects=(known,)))


async def test_an_accept_stores_what_became_of_an_object_with_it(store: SqlStore) -> None:
    first = about(source_object(revision="1"))
    await store.accept([first], NOW)
    newer = about(next_of(first.write.objects[0], revision="2"))
    assert not (await store.accept([newer], NOW))[0].duplicate
    assert await store.objects("blog", ["1"]) == list(newer.write.objects)


async def test_an_accept_changes_stored_posts_and_commands_and_answers_only_its_own(store: SqlStore) -> None:
    first, update = acceptance(), event(key="k", key_until=LATER)
    await store.accept([first], NOW)
    [mine], [publish] = first.write.posts, first.write.commands
    changed, later = next_of(mine, state=PostState.SCHEDULED), next_of(publish, due_at=LATER)
    added = post(update.id)
    item = Acceptance(update, Write(posts=(changed, added), commands=(later, command(mine, 2))))
    assert await store.accept([item], NOW) == [Accepted(update.id, (added.id,))]
    assert await store.accept([item], NOW) == [Accepted(update.id, (added.id,), duplicate=True)]
    assert await store.posts([mine.id]) == {mine.id: changed}
    assert await store.commands(mine.id) == [later, item.write.commands[1]]


@pytest.mark.parametrize("version", [1, 2, 4], ids=["not new", "stale", "too new"])
async def test_an_accept_about_another_version_of_an_object_is_busy_alone(store: SqlStore, version: int) -> None:
    known = source_object()
    await store.record([Write(objects=(known,)), Write(objects=(next_of(known, revision="2"),))])
    misfit = about(replace(known, version=version, revision="mine"), key="k", key_until=LATER)
    calls = (store.accept([item], NOW) for item in (acceptance(), misfit, about(source_object("2"))))
    before, refused, after = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(refused, StoreBusy)
    assert [isinstance(answer, list) for answer in (before, after)] == [True, True]
    assert await store.event(misfit.event.id) is None
    assert [known.revision for known in await store.objects("blog", ["1"])] == ["2"]
    [again] = await store.accept([about(source_object(version=3), key="k", key_until=LATER)], NOW)
    assert not again.duplicate


async def test_two_new_rows_of_one_object_in_one_call_keep_nothing_of_it(store: SqlStore) -> None:
    with pytest.raises(StoreBusy):
        await store.accept([about(source_object()), about(source_object())], NOW)
    assert (await store.find_events(Find()), await store.objects("blog", ["1"])) == ([], [])


async def test_of_many_calls_with_one_new_object_one_is_stored(store: SqlStore) -> None:
    items = [about(source_object(revision=str(number))) for number in range(10)]
    answers = await asyncio.gather(*(store.accept([item], NOW) for item in items), return_exceptions=True)
    won = [item for item, answer in zip(items, answers, strict=True) if isinstance(answer, list)]
    assert [type(answer) for answer in answers].count(StoreOvertaken) == 9
    assert [one.id for one in await store.find_events(Find())] == [won[0].event.id]
    assert await store.objects("blog", ["1"]) == list(won[0].write.objects)


@pytest.mark.parametrize("fingerprint", ["same", "other"], ids=["duplicate", "conflict"])
async def test_a_known_key_applies_nothing_of_its_write(store: SqlStore, fingerprint: str) -> None:
    first = about(source_object(), key="k", key_until=LATER)
    await store.accept([first], NOW)
    [known], [mine] = first.write.objects, first.write.posts
    again = event(key="k", key_until=LATER, fingerprint=fingerprint)
    changes = Write(
        objects=(next_of(known, revision="2"), source_object("2")),
        posts=(next_of(mine, stuck=True),),
        lookups=(lookup(again),),
    )
    [answer] = await store.accept([Acceptance(again, changes)], NOW)
    assert (answer.event_id, answer.post_ids) == (first.event.id, (mine.id,))
    assert await store.objects("blog", ["1", "2"]) == [known]
    assert await store.posts([mine.id]) == {mine.id: mine}
    assert await store.due_lookups(NOW, 10) == []
