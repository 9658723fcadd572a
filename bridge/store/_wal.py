"""SQLite's write-ahead log: when it is copied into the database file, and what follows when that fails.

SQLite copies it by itself after a commit, and then keeps quiet about errors. A write that has been answered is safe all
the same, for it is synced in the log; but a disk that fails must not go unseen, and a sync that failed must never be
believed when it is asked for again: by then the kernel may have marked as clean what it could not write.

    a commit's sync fails       The commit fails. Whatever is written next goes to the same place of the log, in new
                                pages, and is synced with them.
    the sync of a copy fails    SQLite counts nothing of it as copied, so the next one writes all of it again.
    ... and before it a reader  SQLite counts as copied what it wrote then, and syncs it only with the rest. That would
    had kept a copy from its    not be written again, and the log, which has it, would be given up: so this process
    end                         ends at once. A new one copies the log from its beginning.
    a process dies after a      What was refused stands in the log, perhaps not on the disk, and whatever came after it
    sync that failed            would be lost with it: so the log is copied and cut before anything else is written.

Sources: wal.c of SQLite 3.53 (walCheckpoint, walIndexRecover, sqlite3WalDefaultHook), sqlite.org/howtocorrupt.html
section 3.1, and wiki.postgresql.org/wiki/Fsync_Errors on what kernels do, all read 2026-11.
"""

import os
import sqlite3
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog

from bridge.store._gate import Gate

log = structlog.get_logger("bridge")

LONG = 16_777_216
"""From this size on the log is copied. It is also cut to it, so that a log that is over it has not been copied."""

TOO_LONG = 4 * LONG
"""Beyond this size new reads are held back: with one always under way SQLite would never begin the log anew."""

_TRY_MS, _AGAIN_S = 20, 0.05
"""How long one try to cut waits, and the pause after it: SQLite keeps the write lock while it waits for a reader."""


class WriteAheadLog:
    """The log of one database that no other process writes to; SQLite's own copying is to be off.

    Args:
        database: the file, with no symbolic link in its path: SQLite keeps the log beside the file itself.
    """

    def __init__(self, database: Path) -> None:
        self.gate = Gate()
        """What reads of this process are to pass."""
        self._file = Path(f"{database}-wal")
        self._is_first = self._has_rest = True
        self._half_copied = False
        self._copying = threading.Lock()

    def keep_short(self, writer: sqlite3.Connection) -> None:
        """Copy and cut what an earlier process left, and later copy whenever the log is long; outside any transaction.

        Only the first time somebody in the way is waited for. Later he is met again before the next transaction.

        Raises:
            sqlite3.OperationalError: the disk is full, or refuses; nothing is lost, and it is tried again next time.
        """
        if self._is_first:
            self._has_rest = not self.cut(writer)
            self._is_first = False
        elif self._has_rest or self._size() > TOO_LONG:
            with _waiting(writer, 0):
                self._has_rest = not self._try_to_cut(writer) and self._has_rest
        elif self._size() > LONG:
            self._copy(writer, "PASSIVE")

    def cut(self, connection: sqlite3.Connection) -> bool:
        """Copy the whole log and empty it; False when somebody was in the way for as long as the connection waits.

        That is done in short tries, so that writes go on beside it.

        Raises:
            sqlite3.OperationalError: as `keep_short`.
        """
        with _waiting(connection, _TRY_MS) as most_ms:
            deadline = time.monotonic() + most_ms / 1000
            # The most of it is copied without the write lock, so that little is left to do with it.
            while not (self._copy(connection, "PASSIVE") and self._try_to_cut(connection)):
                if time.monotonic() >= deadline:
                    return False
                time.sleep(_AGAIN_S)
        return True

    def _try_to_cut(self, connection: sqlite3.Connection) -> bool:
        began = time.monotonic()
        is_cut = self._copy(connection, "TRUNCATE")
        if is_cut:
            self.gate.open()
        else:
            self.gate.shut(since=began)
        return is_cut

    def _size(self) -> int:
        try:
            return self._file.stat().st_size
        except FileNotFoundError:
            return 0

    def _copy(self, connection: sqlite3.Connection, mode: str) -> bool:
        """Copy; False when somebody was in the way, who may be copying himself."""
        if not self._copying.acquire(blocking=False):
            return False
        try:
            busy, frames, copied = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
            if frames >= 0:
                self._half_copied = copied < frames
            return not busy
        except sqlite3.OperationalError as error:
            if self._half_copied and error.sqlite_errorcode == sqlite3.SQLITE_IOERR_FSYNC:
                _end(error)
            raise
        finally:
            self._copying.release()


@contextmanager
def _waiting(connection: sqlite3.Connection, most_ms: int) -> Iterator[int]:
    """Let a connection wait only so long for a lock, and give how long it does otherwise."""
    [(before_ms,)] = connection.execute("PRAGMA busy_timeout").fetchall()
    connection.execute(f"PRAGMA busy_timeout = {most_ms}")
    try:
        yield before_ms
    finally:
        connection.execute(f"PRAGMA busy_timeout = {before_ms}")


def _end(error: sqlite3.OperationalError) -> None:
    """End this process as if it were killed: to close the database would copy the log once more, and believe it."""
    log.error("store.sync_failed", error=str(error), remedy="Look at the disk. Start again: the log has all.")
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(os.EX_IOERR)
