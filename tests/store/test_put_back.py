"""A copy is put back without losing what was there, and what is put back is known as a copy."""

import asyncio
import errno
import os
import shutil
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text

from bridge.core.errors import StoreError
from bridge.core.model import CommandKind, PostState, WorkState, Write
from bridge.core.restoring import Restore, floor_of, is_in_doubt
from bridge.ports import Find
from bridge.store import migrate, open_store
from bridge.store._restoring import mark, reconcile
from bridge.store._store import SqlStore
from bridge.store.backup import back_up
from bridge.store.copying import copy_database
from bridge.store.restore import put_back, say_restored
from tests.store.filled import connected
from tests.store.made import LEASE, NOW, acceptance, claim_any, command, endpoint, event, post, told
from tests.store.test_backup import copied, made, quiet
from tests.store.test_desk import SESSION

pytestmark = pytest.mark.anyio

__all__ = ["made"]


async def test_nothing_is_put_back_under_a_running_bridge(sqlite_store: SqlStore, path: Path, tmp_path: Path) -> None:
    copy = copied(path, tmp_path / "copy.db")
    with pytest.raises(StoreError, match="is in use by process"):
        put_back(f"sqlite:///{path}", copy, quiet)
    with pytest.raises(StoreError, match="is in use by process"):
        say_restored(f"sqlite:///{path}")


async def test_what_was_there_is_kept_whole_with_its_log(path: Path, tmp_path: Path) -> None:
    url = f"sqlite:///{path}"
    store = await open_store(url)
    copy = copied(path, tmp_path / "copy.db")
    await store.accept([acceptance()], NOW)
    # Its log, as a process that was killed leaves it.
    shutil.copy(f"{path}-wal", tmp_path / "log")
    await store.close()
    shutil.copy(tmp_path / "log", f"{path}-wal")
    kept = [put_back(url, copy, quiet).kept for _ in range(2)]
    assert kept == [tmp_path / "bridge.db.old", tmp_path / "bridge.db.old.2"]
    with connected(f"sqlite:///{kept[0]}") as connection:
        assert connection.scalar(text("SELECT count(*) FROM events")) == 1
    store = await open_store(url)
    assert await store.find_events(Find()) == []
    await store.close()


async def leave_log(path: Path, tmp_path: Path) -> Path:
    """Make a copy with one event of a database that has two, and whose log is left as by a process that was killed."""
    store = await open_store(f"sqlite:///{path}")
    await store.accept([acceptance()], NOW)
    copy = copied(path, tmp_path / "copy.db")
    await store.accept([acceptance()], NOW)
    shutil.copy(f"{path}-wal", tmp_path / "log")
    await store.close()
    shutil.copy(tmp_path / "log", f"{path}-wal")
    return copy


async def test_the_log_of_a_database_that_is_gone_is_not_played_into_the_copy(path: Path, tmp_path: Path) -> None:
    copy = await leave_log(path, tmp_path)
    path.unlink()  # noqa: ASYNC240
    assert put_back(f"sqlite:///{path}", copy, quiet).kept is None
    assert (tmp_path / "bridge.db.old-wal").exists()
    store = await open_store(f"sqlite:///{path}")
    assert len(await store.find_events(Find())) == 1
    assert store.restored is not None
    await store.close()


async def test_what_is_kept_gets_no_name_beside_which_a_log_is(path: Path, tmp_path: Path) -> None:
    copy = await leave_log(path, tmp_path)
    shutil.copy(tmp_path / "log", tmp_path / "bridge.db.old-wal")
    assert put_back(f"sqlite:///{path}", copy, quiet).kept == tmp_path / "bridge.db.old.2"


async def test_a_log_that_a_killed_restore_left_is_not_played_into_the_next(path: Path, tmp_path: Path) -> None:
    copy = await leave_log(path, tmp_path)
    for end in ("-wal", "-journal"):
        shutil.copy(tmp_path / "log", tmp_path / f".bridge.db.part{end}")
    put_back(f"sqlite:///{path}", copy, quiet)
    with connected(f"sqlite:///{path}") as connection:
        assert connection.scalar(text("SELECT count(*) FROM events")) == 1
    assert not list(tmp_path.glob(".bridge.db.part*"))  # noqa: ASYNC240


def test_where_there_are_no_links_files_are_renamed(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_given: Any, **_named: Any) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    copy = copied(made, tmp_path / "copy.db")
    kept = put_back(f"sqlite:///{made}", copy, quiet).kept
    assert kept == tmp_path / "bridge.db.old"
    assert kept.exists()
    assert made.exists()


def test_what_root_puts_back_belongs_to_whom_the_folder_belongs_to(made: Path, tmp_path: Path) -> None:
    """Whoever else runs this can give nothing away, and it all is theirs."""
    copy = copied(made, tmp_path / "copy.db")
    volume = tmp_path / "volume"
    volume.mkdir()
    with suppress(PermissionError):
        os.chown(volume, 10001, 10001)
    put_back(f"sqlite:///{volume / 'bridge.db'}", copy, quiet)
    assert sorted(one.name for one in volume.iterdir()) == ["bridge.db", "bridge.db.lock"]
    assert {one.stat().st_uid for one in volume.iterdir()} == {volume.stat().st_uid}


def test_a_copy_stands_when_an_older_one_cannot_be_removed(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    (folder / "bridge-20260101T000000Z.db").mkdir(parents=True)
    done = back_up(make_url(f"sqlite:///{made}"), folder, quiet, keep=1, now=NOW)
    assert done.path.exists()
    assert done.removed == ()
    assert "bridge-20260101T000000Z.db: " in done.fault


async def test_a_copy_that_is_put_in_place_by_hand_is_known(path: Path, tmp_path: Path) -> None:
    store = await open_store(f"sqlite:///{path}")
    await store.accept([acceptance()], NOW)
    assert store.restored is None
    copy = copied(path, tmp_path / "copy.db")
    await store.close()
    opened = await open_store(f"sqlite:///{copy}")
    assert opened.restored is not None
    assert opened.restored.taken_at == NOW
    [item] = await opened.claim_commands(NOW + timedelta(days=9999), 10, LEASE, ["genviral"])
    assert is_in_doubt(item.command)
    await opened.close()


async def unfinished(store: SqlStore) -> None:
    """Work of each kind, some of it leased, told and delivered."""
    received = event()
    waiting, there = post(received.id), post(received.id, partner_id="p1", state=PostState.SCHEDULED, sequence=3)
    commands = (
        command(waiting),
        command(there, 1, kind=CommandKind.CANCEL),
        command(there, 2, kind=CommandKind.PUBLISH, state=WorkState.DONE),
    )
    events = (told(subject=f"post:{there.id}", sequence=3),)
    await store.record([Write(endpoints=(endpoint(),))])
    await store.record([Write(posts=(waiting, there), commands=commands, events=events)])
    await store.claim_commands(NOW, 10, LEASE, ["genviral"])
    await claim_any(store)
    await store.lease("tick:posts", "before", 60)


async def test_a_database_that_was_put_back_is_reconciled_once(url: str, store: SqlStore) -> None:
    await unfinished(store)
    await store.close()
    with connected(url) as connection:
        assert mark(connection, NOW) == mark(connection) == Restore(NOW)
        found = reconcile(connection, NOW + LEASE)
        assert found is not None
        restore = Restore(NOW, NOW + LEASE, floor_of(NOW + LEASE, 3))
        assert (found.restore, found.publishes, found.changes) == (restore, 1, 1)
        assert reconcile(connection) is None
    store = await open_store(url, clock=lambda: NOW)
    assert store.restored == restore
    posts = {one.state: one for one in await store.find_posts(Find())}
    left = {one.kind: one for one in await store.commands(posts[PostState.SCHEDULED].id)}
    waiting = (await store.commands(posts[PostState.ACCEPTED].id))[0]
    await store.close()
    assert {one.sequence for one in posts.values()} == {restore.floor}
    there = posts[PostState.SCHEDULED]
    assert (there.poll_at, there.settled_at, there.reason) == (NOW, NOW + LEASE, "canceled")
    assert is_in_doubt(waiting)
    assert left[CommandKind.CANCEL].progress == {"restored": (NOW + LEASE).isoformat()}
    assert left[CommandKind.PUBLISH].progress is None


async def test_nobody_is_signed_in_to_a_copy(url: str, store: SqlStore) -> None:
    await store.desk.begin_session(SESSION)
    await store.close()
    with connected(url) as connection:
        mark(connection, NOW)
        reconcile(connection, NOW + LEASE)
    store = await open_store(url, clock=lambda: NOW)
    assert await store.desk.session(SESSION.id, NOW) is None
    await store.close()


async def test_a_copy_that_is_gone_back_to_twice_goes_on_after_what_was_told_in_between(
    url: str, store: SqlStore
) -> None:
    await unfinished(store)
    await store.close()
    told_of = []
    for number in range(1, 3):
        with connected(url) as connection:
            connection.execute(text("DELETE FROM restores"))
            connection.execute(text("UPDATE posts SET sequence = 3"))
            mark(connection, NOW)
            found = reconcile(connection, NOW + number * timedelta(minutes=1))
            assert found is not None
            told_of.append(found.restore.floor)
    assert told_of[1] >= told_of[0] + 60
    with connected(url) as connection:
        mark(connection, NOW + LEASE)
        found = reconcile(connection, NOW)
    assert found is not None
    assert found.restore.floor > told_of[1]
    assert [one.floor for one in found.restore.earlier] == told_of[1:]


async def test_without_a_time_the_copy_was_made_when_the_last_thing_was_written(url: str, store: SqlStore) -> None:
    await store.accept([acceptance(received_at=NOW - timedelta(hours=1)), acceptance()], NOW)
    await store.close()
    if url.startswith("postgresql"):
        with connected(url) as connection:
            assert mark(connection).taken_at == NOW
    else:
        found = say_restored(url)
        assert (found.taken_at, found.unfinished) == (NOW, 2)
    again = await open_store(url, clock=lambda: NOW)
    assert again.restored is not None
    await again.close()
    with connected(url) as connection:
        assert mark(connection).taken_at == NOW + timedelta(microseconds=1)


async def test_a_copy_goes_over_to_another_engine_as_a_copy(path: Path, tmp_path: Path, empty: str) -> None:
    store = await open_store(f"sqlite:///{path}")
    await store.accept([acceptance()], NOW)
    await store.close()
    copy = copied(path, tmp_path / "copy.db")
    copy_database(f"sqlite:///{copy}", empty, lambda _step: None)
    opened = await open_store(empty)
    assert opened.restored is not None
    await opened.close()


def test_postgresql_is_left_to_its_own_tools(postgresql_url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"pg_restore.*then run `bridge restore` without a file"):
        put_back(postgresql_url, tmp_path / "copy.db", quiet)


def test_a_server_says_that_it_was_put_back(empty: str) -> None:
    with pytest.raises(StoreError, match="run `bridge migrate`"):
        say_restored(empty)
    migrate(empty)
    assert say_restored(empty) == replace(say_restored(empty), kept=None)


@pytest.mark.slow
async def test_a_server_on_which_a_bridge_works_is_no_copy_yet_whatever_its_url_calls_that(empty: str) -> None:
    store = await open_store(f"{empty}{'&' if '?' in empty else '?'}application_name=brand")
    await store.find_events(Find())
    with pytest.raises(StoreError, match="is in use by a running bridge"):
        say_restored(empty)
    await store.close()
    assert say_restored(empty).unfinished == 0


@pytest.mark.slow
async def test_of_many_that_start_on_a_copy_one_reconciles_it_whatever_the_default_isolation(empty: str) -> None:
    store = await open_store(empty)
    await unfinished(store)
    await store.close()
    with connected(empty) as connection:
        mark(connection, NOW)
        name = connection.scalar(text("SELECT current_database()"))
        connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'"))
    stores = await asyncio.gather(*(open_store(empty) for _ in range(4)))
    restored = {one.restored for one in stores}
    for one in stores:
        await one.close()
    assert len(restored) == 1
    assert None not in restored
