"""What is remembered of senders: objects by id, lookups taken once, and feeds."""

from datetime import timedelta
from typing import Any

import pytest

from bridge.core.errors import FailureReason, StoreError
from bridge.core.model import FeedState, Lookup, SourceObject, WorkState, Write
from bridge.ports import Acceptance, Due
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import LEASE, NOW, event, lookup, next_of, source_object

pytestmark = pytest.mark.anyio

MINUTE = timedelta(minutes=1)
FEED = FeedState("blog", "https://a.example/feed", etag='"e"', swept_at=NOW, sent=("2026-01-02T03:04:05Z",))


async def given_lookup(store: SqlStore, **given: Any) -> Lookup:
    received = event(source="notion")
    wanted = lookup(received, **given)
    await store.accept([Acceptance(received, Write(lookups=(wanted,)))], NOW)
    return wanted


async def given_objects(store: SqlStore, *made: SourceObject) -> None:
    assert await store.record([Write(objects=made)]) == [True]


async def test_objects_come_back_as_they_were_by_id(store: SqlStore) -> None:
    plain = source_object("1")
    whole = source_object("2", revision="7", event_id="evt_1", listed=True)
    await given_objects(store, plain, whole, source_object("3"))
    assert await store.objects("blog", ["2", "1", "none", "1"]) == [plain, whole]


async def test_nothing_asked_is_nothing_found(store: SqlStore) -> None:
    await given_objects(store, source_object())
    assert await store.objects("blog", []) == []


async def test_objects_of_another_source_are_others(store: SqlStore) -> None:
    mine, theirs = (source_object("1", source=source) for source in ("blog", "shop"))
    await given_objects(store, mine, theirs)
    assert await store.objects("shop", ["1"]) == [theirs]


async def test_ids_of_objects_may_be_any_text(store: SqlStore) -> None:
    odd = [source_object(name) for name in ("", "a:b", "https://a.example/?p=1", "é\u2028\"'%")]
    await given_objects(store, *odd)
    assert {one.id for one in await store.objects("blog", [one.id for one in odd])} == {one.id for one in odd}


async def test_many_objects_are_read_at_once(store: SqlStore) -> None:
    made = [source_object(f"{number:04}") for number in range(1200)]
    await given_objects(store, *made)
    assert await store.objects("blog", [one.id for one in made]) == made


async def test_feeds_come_back_by_source_as_they_were(store: SqlStore) -> None:
    bare = FeedState("shop", "https://b.example/rss", failures=3, detail="timed out")
    assert await store.feeds() == {}
    await store.record([Write(feeds=(FEED, bare))])
    assert await store.feeds() == {"blog": FEED, "shop": bare}


@pytest.mark.parametrize(
    ("field", "row", "changes"),
    [
        ("objects", source_object(), {"revision": "2", "listed": True}),
        ("feeds", FEED, {"etag": "", "sent": (), "swept_at": None}),
        (
            "lookups",
            lookup(event(id="evt_thin")),
            {"attempts": 1, "wanted": {"id": 8}, "reason": FailureReason.TIMEOUT},
        ),
    ],
    ids=["objects", "feeds", "lookups"],
)
async def test_only_the_next_version_replaces_a_row(store: SqlStore, field: str, row: Any, changes: Any) -> None:
    await store.accept([Acceptance(event(id="evt_thin"), Write())], NOW)
    newer = next_of(row, **changes)
    for version, fits in [(row, True), (row, False), (next_of(newer), False), (newer, True), (newer, False)]:
        assert await store.record([Write(**{field: (version,)})]) == [fits]
    found = {
        "objects": await store.objects("blog", ["1"]),
        "feeds": list((await store.feeds()).values()),
        "lookups": await store.due_lookups(NOW, 10),
    }
    assert found[field] == [newer]


async def test_a_write_that_does_not_fit_leaves_no_object_feed_or_lookup(store: SqlStore) -> None:
    await store.accept([Acceptance(event(id="evt_thin"), Write())], NOW)
    stale = source_object("2", version=5)
    rows = Write(objects=(source_object(), stale), feeds=(FEED,), lookups=(lookup(event(id="evt_thin")),))
    assert await store.record([rows]) == [False]
    assert (await store.objects("blog", ["1"]), await store.feeds()) == ([], {})
    assert await store.due_lookups(NOW, 10) == []


async def test_a_lookup_without_its_event_is_refused(store: SqlStore) -> None:
    with pytest.raises(StoreError):
        await store.record([Write(lookups=(lookup(event()),))])
    assert await store.due_lookups(NOW, 10) == []


async def test_due_lookups_come_oldest_first_up_to_the_limit(store: SqlStore) -> None:
    made = [await given_lookup(store, due_at=NOW - minutes * MINUTE) for minutes in (1, 3, -1, 0, 2)]
    assert await store.due_lookups(NOW, 10) == [made[place] for place in (1, 4, 0, 3)]
    assert await store.due_lookups(NOW, 2) == [made[1], made[4]]


async def test_due_lookups_leave_out_the_sources_that_are_busy(store: SqlStore) -> None:
    wanted = await given_lookup(store)

    assert await store.due_lookups(NOW, 10, ["another", "of-three", "here"]) == [wanted]
    assert await store.due_lookups(NOW, 10, ["another", wanted.source]) == []


@pytest.mark.parametrize("state", [WorkState.DONE, WorkState.DEAD])
async def test_a_settled_lookup_is_not_due(store: SqlStore, state: WorkState) -> None:
    wanted = await given_lookup(store)
    await store.record([Write(lookups=(next_of(wanted, state=state, settled_at=NOW),))])
    assert await store.due_lookups(NOW, 10) == []


async def test_a_lookup_that_somebody_holds_is_due_again_when_the_lease_has_run_out(
    store: SqlStore, clock: FixedClock
) -> None:
    wanted = await given_lookup(store)
    held = next_of(wanted, lease_until=NOW + LEASE)
    rival = next_of(wanted, lease_until=NOW + 2 * LEASE)
    assert await store.record([Write(lookups=(held,)), Write(lookups=(rival,))]) == [True, False]
    clock.move(seconds=29)
    assert await store.due_lookups(NOW + MINUTE, 10) == []
    clock.move(seconds=1)
    assert await store.due_lookups(NOW, 10) == [held]


async def test_on_commit_is_called_when_a_lookup_became_due(store: SqlStore) -> None:
    woken: list[Due] = []
    store.on_commit(woken.append)
    wanted = await given_lookup(store)
    held = next_of(wanted, lease_until=NOW + LEASE)
    await store.record([Write(lookups=(held,))])
    put_off = next_of(held, lease_until=None, due_at=NOW + MINUTE)
    await store.record([Write(lookups=(put_off,))])
    await store.record([Write(lookups=(next_of(put_off, state=WorkState.DONE, settled_at=NOW),))])
    await store.record([Write(objects=(source_object(),), feeds=(FEED,))])
    assert woken == [Due.LOOKUPS, Due.LOOKUPS]


async def test_next_due_is_not_about_lookups(store: SqlStore) -> None:
    await given_lookup(store)
    assert await store.next_due() is None
