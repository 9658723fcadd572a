"""Values that one engine would take and the other would not: what is stored and answered is the same on both."""

import asyncio
from dataclasses import replace

import pytest

from bridge.core.errors import StoreError
from bridge.core.model import Attempt, Target, Write
from bridge.ports import Find
from bridge.store._store import SqlStore
from tests.store.made import LEASE, NOW, acceptance, claim_any, endpoint, post

pytestmark = pytest.mark.anyio

NUL = "a\0b"


async def test_a_text_with_a_nul_is_stored_by_both(store: SqlStore) -> None:
    """JSON keeps it; a text of its own may lose it, but what is asked by the same text is found."""
    item = acceptance(key=NUL, external_id=NUL, request={"caption": NUL})
    [answer] = await store.accept([item], NOW)
    assert not answer.duplicate
    found = await store.find_events(Find(external_id=NUL))
    assert [(one.id, one.request) for one in found] == [(item.event.id, {"caption": NUL})]
    targets = (replace(post().targets[0], error=NUL),)
    mine = post(content={"caption": NUL}, error=NUL, targets=targets, caller_id=NUL)
    tried = Attempt("cmd_1", 1, mine.id, NOW, detail=NUL)
    assert await store.record([Write(posts=(mine,), attempts=(tried,))]) == [True]
    read = (await store.posts([mine.id]))[mine.id]
    assert (read.content, read.targets) == (mine.content, targets)
    assert read.error in (NUL, "a\ufffdb")


async def test_who_asks_by_a_nul_finds_nothing(store: SqlStore) -> None:
    assert await store.event(NUL) is None
    assert await store.timeline(NUL) is None
    assert await store.posts([NUL]) == {}
    assert await store.find_posts(Find(external_id=NUL, text=NUL)) == []
    assert await store.post_id(NUL, NUL) is None


async def test_what_is_no_text_is_told_to_its_sender_alone(store: SqlStore) -> None:
    items = [acceptance(external_id=one) for one in ("before", "lone \ud800", "after")]
    answers = await asyncio.gather(*(store.accept([item], NOW) for item in items), return_exceptions=True)
    assert [type(answer) for answer in answers] == [list, StoreError, list]
    assert {one.external_id for one in await store.find_events(Find())} == {"before", "after"}


async def test_whole_numbers_stand_where_others_may(store: SqlStore) -> None:
    made = endpoint(rate=3, group_s=1, timeout_s=2)
    assert await store.record([Write(endpoints=(made,))]) == [True]
    assert await store.endpoints() == {"ops": made}


async def test_lists_may_be_empty_or_long(store: SqlStore) -> None:
    ids = [f"none_{number}" for number in range(5_000)]
    assert (await store.posts([]), await store.posts(ids)) == ({}, {})
    assert (await store.replay([], NOW), await store.replay(ids, NOW)) == (0, 0)
    assert await store.post_ids("genviral", []) == await store.post_ids("genviral", ids) == {}
    assert await store.objects("blog", []) == []
    await store.renew([], [], LEASE)
    await store.renew(ids, ids, LEASE)
    assert await store.accept([], NOW) == []
    assert await store.record([]) == await store.settle([]) == []
    assert await store.claim_commands(NOW, 10, LEASE, []) == await claim_any(store, NOW, 0) == []
    assert await store.record([Write()]) == [True]
    assert await store.record([Write(posts=(post(targets=()), post(targets=(Target("a", "b", "c"),) * 500)))]) == [True]
