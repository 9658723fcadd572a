"""Copies of a SQLite file: made beside the running service, and put back in the place of the file.

A copy is made in one step of SQLite's own backup: it reads one snapshot, so writers go on, and no write makes it begin
anew, as each would where another process copies in many steps. For as long the log cannot be cut. It is written beside
its place, checked, synced and renamed, so what has the name is whole; and it says of itself that it is a copy.
Sources: https://sqlite.org/backup.html and https://sqlite.org/wal.html, read 2026-11.
"""

import errno
import fcntl
import itertools
import os
import re
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import URL, create_engine
from sqlalchemy.exc import DBAPIError

from bridge.core.errors import StoreError
from bridge.store._restoring import count_unfinished, mark
from bridge.store._schema import HEAD, make_current, serves
from bridge.store.sqlite import located

Tell = Callable[[int, int], object]
"""Is told how many bytes of how many were written."""

_NAME = re.compile(r"bridge-\d{8}T\d{6}Z\.db")
_PART = re.compile(r"\.bridge-\d{8}T\d{6}Z\.db\.part")
BESIDE = ("-wal", "-shm", "-journal")
"""SQLite plays what it finds under these names into the file beside it, whichever that is."""
_LOOK_S = 0.1
_WAIT_S = 10.0
_SPARE = 1_000_000


@dataclass(frozen=True, slots=True)
class Copied:
    """A copy that was made; `removed` are older ones that went for it, and `fault` is why not all did."""

    path: Path
    size: int
    seconds: float
    removed: tuple[Path, ...] = ()
    fault: str = ""


def back_up(
    url: URL, target: Path, tell: Tell, *, force: bool = False, keep: int | None = None, now: datetime | None = None
) -> Copied:
    """Copy a database to a file, or under a name of its own into a folder, of which the newest `keep` copies stay.

    Raises:
        StoreError: with a sentence that says what to do.
    """
    began, now = time.monotonic(), now or datetime.now(UTC)
    path = _free_name(target, now) if target.is_dir() else target
    _, source = located(url)
    if keep is not None and path == target:
        raise StoreError(f"{target} is not a folder: older copies are only removed from one")
    if path.exists() and (not force or path.resolve() == source):
        raise StoreError(f"{path} is there already; take another name" + ("" if force else ", or --force"))
    with refusing(path), part_of(path) as part:
        copy_checked(source, part, tell, check="quick_check", taken_at=now)
        _publish(part, path, force=force)
        made = Copied(path, path.stat().st_size, time.monotonic() - began)
    return _prune(made, target, keep) if keep is not None else made


def _free_name(folder: Path, now: datetime) -> Path:
    """Name a copy by the second it is made in, or by the next of which there is none."""
    seconds = (now + timedelta(seconds=count) for count in itertools.count())
    names = (folder / f"bridge-{second:%Y%m%dT%H%M%SZ}.db" for second in seconds)
    return next(name for name in names if not name.exists())


@dataclass(frozen=True, slots=True)
class Found:
    """What a copy says: when it was made, and how many commands of it are unfinished."""

    taken_at: datetime
    unfinished: int


def copy_checked(source: Path, part: Path, tell: Tell, *, check: str, taken_at: datetime | None) -> Found:
    """Copy into a file that is there, mark it as a copy, check all of it, and sync it."""
    with closing(_open(source)) as connection:
        _refuse_other(connection, source)
        size = _size(connection)
        if (free := shutil.disk_usage(part.parent).free) < size + _SPARE:
            raise StoreError(f"{part.parent} has {free:,} bytes free, and the copy takes {size:,}")
        _copy(connection, part, lambda done: tell(min(done, size), size))
    found = _settle(part, check, taken_at)
    sync(part)
    return found


def _open(path: Path) -> sqlite3.Connection:
    """Open a file of SQLite for reading, beside whoever works on it."""
    if not path.is_file():
        raise StoreError(f"there is no database {path}")
    uri = f"{path.resolve().as_uri()}?mode=ro"
    return sqlite3.connect(uri, uri=True, timeout=_WAIT_S, check_same_thread=False, isolation_level=None)


def _refuse_other(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse what is no database of bridge, is not whole, or was made by a release after this one."""
    is_there = "SELECT 1 FROM sqlite_master WHERE name = 'alembic_version'"
    stamp = "SELECT version_num FROM alembic_version"
    [version] = (connection.execute(is_there).fetchone() and connection.execute(stamp).fetchone()) or ("",)
    if not version:
        raise StoreError(f"{path} is not a database of bridge")
    if version.startswith("copying"):
        raise StoreError(f"{path} is an unfinished copy; run the same `bridge migrate --from ...` again to its end")
    if not serves(version, HEAD) and version > HEAD:
        raise StoreError(f"{path} was made by a newer bridge; use that one")


def _size(connection: sqlite3.Connection) -> int:
    [pages], [size] = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("page_count", "page_size"))
    return int(pages) * int(size)


def _copy(source: sqlite3.Connection, part: Path, told: Callable[[int], object]) -> None:
    """Copy in one step, and say meanwhile how much is written."""
    failed: list[sqlite3.Error] = []

    def copy() -> None:
        try:
            with closing(sqlite3.connect(part, isolation_level=None, check_same_thread=False)) as target:
                # It is synced once, at its end, and nobody wants it back as it was before.
                target.execute("PRAGMA synchronous = OFF")
                target.execute("PRAGMA journal_mode = OFF")
                source.backup(target, pages=-1)
        except sqlite3.Error as error:
            failed.append(error)

    copying = threading.Thread(target=copy, name="bridge-backup")
    copying.start()
    while copying.is_alive():
        copying.join(_LOOK_S)
        told(part.stat().st_size)
    if failed:
        raise failed[0]


def _settle(part: Path, check: str, taken_at: datetime | None) -> Found:
    """Leave a copy as one file of this release, which says that it is a copy, and check it."""
    engine = create_engine(f"sqlite:///{part}")
    try:
        with engine.connect() as connection:
            # What has a log of its own is not one file.
            connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
            said = [row[0] for row in connection.exec_driver_sql(f"PRAGMA {check}")]
            if said != ["ok"]:
                raise StoreError(f"the copy is damaged, and so is what was copied: {str(said[0])[:120]}")
            connection.rollback()
            with connection.begin():
                make_current(connection)
                return Found(mark(connection, taken_at).taken_at, count_unfinished(connection))
    finally:
        engine.dispose()


@contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """Give an empty file beside a path, for its owner alone, that is gone in the end, whatever its name is by then."""
    part = path.with_name(f".{path.name}.part")
    with suppress(FileNotFoundError):
        _remove_dead(part)
    _remove_beside(part)
    file = os.open(part, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # It shows to others that somebody is at work on it: one whose process was killed is free.
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield part
    finally:
        part.unlink(missing_ok=True)
        _remove_beside(part)
        os.close(file)


def _remove_beside(part: Path) -> None:
    """Remove what SQLite would play into the next file of that name."""
    for end in BESIDE:
        Path(f"{part}{end}").unlink(missing_ok=True)


def _remove_dead(part: Path) -> None:
    """Remove what a process left that was killed."""
    file = os.open(part, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        part.unlink()
    except BlockingIOError:
        raise StoreError(f"another process makes {part} right now") from None
    finally:
        os.close(file)


def _publish(part: Path, path: Path, *, force: bool) -> None:
    """Give a file its name, over one that is there only with `force`, and sync the folder."""
    if force:
        part.replace(path)
    else:
        try:
            path.hardlink_to(part)
        except FileExistsError:
            raise StoreError(f"{path} is there already; take another name, or --force") from None
        except OSError:  # Not every file system has links; without, a file that comes right now is not seen.
            if path.exists():
                raise StoreError(f"{path} is there already; take another name, or --force") from None
            part.rename(path)
    sync(path.parent)


def _prune(made: Copied, folder: Path, keep: int) -> Copied:
    """Remove the oldest copies of a folder, and what killed processes left there; never the one that was made now."""
    removed: list[Path] = []
    try:
        for part in folder.iterdir():
            if _PART.fullmatch(part.name):
                with suppress(StoreError, FileNotFoundError):
                    _remove_dead(part)
        copies = sorted(one for one in folder.iterdir() if _NAME.fullmatch(one.name) and one != made.path)
        for one in copies[: max(len(copies) + 1 - keep, 0)]:
            one.unlink(missing_ok=True)
            removed.append(one)
    except OSError as error:
        return replace(made, removed=tuple(removed), fault=f"{error.filename or folder}: {error.strerror}")
    return replace(made, removed=tuple(removed))


def sync(path: Path) -> None:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(file)
    finally:
        os.close(file)


_FULL = (errno.ENOSPC, errno.EDQUOT)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Turn what the system and SQLite say into sentences."""
    try:
        yield
    except (sqlite3.Error, DBAPIError) as error:
        raise _meaning(error, path) from error
    except OSError as error:
        if error.errno in _FULL:
            raise StoreError(f"{path.parent} is full") from error
        raise StoreError(f"{error.filename or path}: {error.strerror}") from error


def _meaning(error: sqlite3.Error | DBAPIError, path: Path) -> StoreError:
    cause = error.orig if isinstance(error, DBAPIError) else error
    match getattr(cause, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_FULL:
            return StoreError(f"{path.parent} is full")
        case sqlite3.SQLITE_NOTADB:
            return StoreError("it is not a database of SQLite")
        case sqlite3.SQLITE_CORRUPT:
            return StoreError(f"the database is damaged: {cause}")
    return StoreError(f"SQLite refused: {cause}")
