"""Copies of a database: whole and private, made beside whoever writes."""

import os
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from bridge.core.errors import StoreError
from bridge.store import migrate
from bridge.store._store import SqlStore
from bridge.store.backup import back_up
from bridge.store.restore import put_back
from tests.store.made import NOW, acceptance

pytestmark = pytest.mark.anyio


def quiet(_done: int, _total: int) -> None:
    return


def copied(path: Path, target: Path, **given: Any) -> Path:
    return back_up(make_url(f"sqlite:///{path}"), target, quiet, now=NOW, **given).path


@pytest.fixture
def made(path: Path) -> Path:
    migrate(f"sqlite:///{path}")
    return path


async def test_a_copy_is_made_beside_an_open_store(sqlite_store: SqlStore, path: Path, tmp_path: Path) -> None:
    await sqlite_store.accept([acceptance()], NOW)
    copy = copied(path, tmp_path / "copy.db")
    await sqlite_store.accept([acceptance()], NOW)
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert {one for one in os.listdir(tmp_path) if "copy" in one} == {"copy.db"}  # noqa: PTH208


@pytest.mark.slow
def test_a_copy_ends_while_another_writes_all_the_time(made: Path, tmp_path: Path) -> None:
    ended, wrote = threading.Event(), 0

    def write() -> None:
        nonlocal wrote
        with closing(sqlite3.connect(made, isolation_level=None)) as connection:
            while not ended.is_set():
                connection.execute("INSERT INTO meters VALUES (?, 0, 0)", (str(wrote),))
                wrote += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        sizes = [copied(made, tmp_path / f"{number}.db").stat().st_size for number in range(5)]
    finally:
        ended.set()
        writer.join()
    assert wrote > 0
    assert min(sizes) > 0


def test_a_folder_gets_a_name_with_the_time_and_keeps_the_newest(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    (folder / "bridge-mine.db").write_text("not ours")
    (folder / ".bridge-20260101T000000Z.db.part").write_text("left by one that was killed")
    url = make_url(f"sqlite:///{made}")
    days = [NOW + timedelta(days=number) for number in range(4)]
    results = [back_up(url, folder, quiet, keep=2, now=day) for day in days]
    names = sorted(one.name for one in folder.iterdir())
    assert names == ["bridge-20260104T030405Z.db", "bridge-20260105T030405Z.db", "bridge-mine.db"]
    assert [len(one.removed) for one in results] == [0, 0, 1, 1]


def test_two_copies_of_one_second_get_two_names_in_the_order_they_were_made(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copies"
    folder.mkdir()
    copies = [copied(made, folder, keep=2) for _ in range(3)]
    assert [one.name for one in copies] == [f"bridge-20260102T03040{second}Z.db" for second in (5, 6, 7)]
    assert sorted(folder.iterdir()) == copies[1:]


def test_a_file_that_is_there_is_replaced_only_when_that_is_asked_for(made: Path, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(StoreError, match="is there already; take another name, or --force"):
        copied(made, target)
    assert target.read_text() == "mine"
    copied(made, target, force=True)
    assert target.read_bytes().startswith(b"SQLite")
    with pytest.raises(StoreError, match="is there already"):
        copied(made, made, force=True)


def make_other(path: Path, kind: str) -> None:
    if kind == "text":
        path.write_text("not a database at all, however long it is " * 100)
    elif kind == "other":
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("CREATE TABLE t (a)")
    elif kind != "missing":
        migrate(f"sqlite:///{path}")
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("UPDATE alembic_version SET version_num = ?", (kind,))


OTHERS = [
    ("missing", "there is no database"),
    ("text", "not a database of SQLite"),
    ("other", "is not a database of bridge"),
    ("9999", "was made by a newer bridge"),
    ("copying 0001", "is an unfinished copy"),
]


@pytest.mark.parametrize(("kind", "said"), OTHERS)
def test_what_cannot_be_copied_is_said_and_leaves_nothing(path: Path, tmp_path: Path, kind: str, said: str) -> None:
    make_other(path, kind)
    with pytest.raises(StoreError, match=said):
        copied(path, tmp_path / "copy.db")
    assert not [one for one in tmp_path.iterdir() if "copy" in one.name]


@pytest.mark.parametrize(("kind", "said"), OTHERS)
def test_what_cannot_be_put_back_leaves_what_is_there(made: Path, tmp_path: Path, kind: str, said: str) -> None:
    before = made.read_bytes()
    make_other(tmp_path / "copy.db", kind)
    with pytest.raises(StoreError, match=said):
        put_back(f"sqlite:///{made}", tmp_path / "copy.db", quiet)
    assert made.read_bytes() == before
    assert not list(tmp_path.glob("*.old*"))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_memory_has_nothing_to_copy(url: str, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="must be a file"):
        back_up(make_url(url), tmp_path / "copy.db", quiet)


def test_a_damaged_copy_is_refused(made: Path, tmp_path: Path) -> None:
    copy = copied(made, tmp_path / "copy.db")
    with copy.open("r+b") as file:
        file.seek(8192)
        file.write(os.urandom(40_000))
    with pytest.raises(StoreError, match="damaged"):
        put_back(f"sqlite:///{made}", copy, quiet)


def test_a_folder_that_is_missing_or_asked_to_keep_nothing(made: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="No such file"):
        copied(made, tmp_path / "no" / "copy.db")
    with pytest.raises(StoreError, match="is not a folder"):
        copied(made, tmp_path / "copy.db", keep=3)
