"""Going back to a copy: a file of SQLite is put in the place of the database, or a database is said to be a copy.

What was there keeps its name until the copy is whole, checked and synced beside it; then it is linked under another
name, and one rename puts the copy in its place. Killed anywhere, it is the one or the other, and can be run again. On
a file system without links, nothing has the name between two renames, and if it is killed there, until it is run again.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bridge.core.database_urls import is_postgresql
from bridge.core.errors import StoreError
from bridge.store import parse
from bridge.store._restoring import count_unfinished, mark
from bridge.store._schema import is_usable
from bridge.store._sides import held_file, held_server
from bridge.store.backup import BESIDE, Tell, copy_checked, part_of, refusing, sync
from bridge.store.sqlite import FileLock, located, own


@dataclass(frozen=True, slots=True)
class PutBack:
    """What is in place now: when that copy was made, and how many commands of it are unfinished.

    `kept` is where the former database is.
    """

    taken_at: datetime
    unfinished: int
    kept: Path | None = None


def put_back(url: str, copy: Path, tell: Tell) -> PutBack:
    """Put a copy in the place of the configured file, which nobody may work on; the former one is kept.

    The copy may be of an older release: it is brought up to date.

    Raises:
        StoreError: with a sentence that says what to do; then everything is as it was.
    """
    if is_postgresql(url):
        raise StoreError(
            "PostgreSQL is restored with its own tools (pg_restore, or your provider's snapshots); "
            "then run `bridge restore` without a file, before bridge is started"
        )
    _, path = located(parse(url))
    if path.exists() and copy.exists() and copy.samefile(path):
        raise StoreError(f"{copy} is the configured database itself; without a file, it is said to be a copy")
    with refusing(path), _alone(path), part_of(path) as part:
        found = copy_checked(copy, part, tell, check="integrity_check", taken_at=None)
        own(part, path)
        kept = _keep(path)
        part.replace(path)
        sync(path.parent)
    return PutBack(found.taken_at, found.unfinished, kept)


def say_restored(url: str) -> PutBack:
    """Say of the configured database that it was put back by other tools; nobody may work on it.

    Raises:
        StoreError: with a sentence that says what to do.
    """
    held = held_server(url, alone=True) if is_postgresql(url) else held_file(parse(url), new=False)
    with held as side, side.writing() as connection:
        if not is_usable(connection):
            raise StoreError(f"{side} has the schema of another release; run `bridge migrate` on it first")
        return PutBack(mark(connection).taken_at, count_unfinished(connection))


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    lock = FileLock(path)
    lock.take(wait_s=0)
    try:
        yield
    finally:
        lock.release()


def _cut_log(path: Path) -> None:
    """Write the log of a database into it, as far as it is not damaged: then it is one file."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _keep(path: Path) -> Path | None:
    """Keep the former database under another name, with its log where that could not be copied into it.

    A log may be there without the database, which was lost or moved away: it must not be taken for that of the copy.
    """
    kept = next(one for one in _names(path) if not any(Path(f"{one}{end}").exists() for end in ("", *BESIDE)))
    is_there = path.exists()
    if is_there:
        _cut_log(path)
        _link(path, kept)
    for end in BESIDE:
        with suppress(FileNotFoundError):
            Path(f"{path}{end}").rename(f"{kept}{end}")
    return kept if is_there else None


def _link(path: Path, kept: Path) -> None:
    try:
        kept.hardlink_to(path)
    except OSError:  # Not every file system has links.
        path.rename(kept)


def _names(path: Path) -> Iterator[Path]:
    yield path.with_name(f"{path.name}.old")
    number = 2
    while True:
        yield path.with_name(f"{path.name}.old.{number}")
        number += 1
