"""The desk: sessions end, notes are ended, tallies of all processes add up, and the old of each goes."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.auditing import Note
from bridge.core.sessions import Session
from bridge.core.tallies import Tally
from bridge.ports import Find
from bridge.store import open_store
from bridge.store._store import SqlStore
from tests.store.conftest import FixedClock
from tests.store.made import NOW, acceptance

pytestmark = pytest.mark.anyio

SESSION = Session("f" * 64, "admin", "proof", NOW, NOW + timedelta(hours=12))
NOTE = Note("aud_1", NOW, "admin", "console", "retry_post", "post_1", None, {"fields": ["caption"]})
MINUTE = NOW.replace(second=0, microsecond=0)


async def test_a_session_is_there_until_it_is_over(store: SqlStore) -> None:
    await store.desk.begin_session(SESSION)

    assert await store.desk.session(SESSION.id, NOW) == SESSION
    assert await store.desk.session("of nobody", NOW) is None
    assert await store.desk.session(SESSION.id, SESSION.until) is None


async def test_a_session_that_was_ended_is_gone(store: SqlStore) -> None:
    await store.desk.begin_session(SESSION)
    await store.desk.end_session(SESSION.id)
    await store.desk.end_session(SESSION.id)

    assert await store.desk.session(SESSION.id, NOW) is None


async def test_a_note_is_written_before_and_ended_after(store: SqlStore) -> None:
    await store.desk.note(NOTE)
    assert await store.desk.notes(Find()) == [NOTE]

    await store.desk.end_note(NOTE.id, 202)
    assert await store.desk.notes(Find()) == [replace(NOTE, outcome=202)]


async def test_notes_are_found_newest_first(store: SqlStore) -> None:
    later = Note("aud_2", NOW + timedelta(minutes=1), "ops", "api", "drop_post", "post_2", 200)
    for note in (NOTE, later):
        await store.desk.note(note)

    assert await store.desk.notes(Find()) == [later, NOTE]
    assert await store.desk.notes(Find(before=later.id)) == [NOTE]
    assert await store.desk.notes(Find(until=later.at)) == [NOTE]
    for find in (Find(token="ops"), Find(action="drop_post"), Find(subject="post_2"), Find(since=later.at)):
        assert await store.desk.notes(find) == [later]


async def test_tallies_of_all_processes_add_up(store: SqlStore, clock: FixedClock, url: str) -> None:
    taken, failed = Tally(MINUTE, "events", "accepted", 2), Tally(MINUTE, "posts", "failed", 1)
    await store.desk.tally([taken, failed, taken])
    await store.desk.tally([taken])
    if store.shared:
        other = await open_store(url, clock=clock)
        await other.desk.tally([failed])
        await other.close()
        failed = replace(failed, count=2)

    assert await store.desk.tallied(MINUTE) == [replace(taken, count=6), failed]
    assert await store.desk.tallied(MINUTE + timedelta(minutes=1)) == []


async def test_the_newest_event_of_each_source_is_known(store: SqlStore) -> None:
    accepted = await store.accept([acceptance(), acceptance()], NOW)

    assert await store.desk.newest() == {"api": max(one.event_id for one in accepted)}


async def test_what_is_old_goes(store: SqlStore, clock: FixedClock) -> None:
    young = replace(NOTE, id="aud_3", at=NOW + timedelta(days=2))
    for note in (NOTE, young):
        await store.desk.note(note)
    await store.desk.begin_session(SESSION)
    kept = Tally(MINUTE + timedelta(days=1), "events", "accepted", 1)
    await store.desk.tally([Tally(MINUTE, "events", "accepted", 1), kept])
    clock.move(days=2, minutes=5)
    limits = dict.fromkeys(("events_before", "attempts_before", "posts_before"), NOW)

    assert [rows async for rows in store.prune(**limits, limit=10)] == [1, 1]
    assert await store.desk.tallied(NOW - timedelta(days=1)) == [kept]
    assert await store.desk.session(SESSION.id, NOW) is None
    assert await store.desk.notes(Find()) == [young, NOTE]

    assert [rows async for rows in store.prune(**limits, audit_before=young.at, limit=10)] == [1]
    assert await store.desk.notes(Find()) == [young]
