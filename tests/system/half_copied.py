"""A process that copies a log into its database while a reader may be in the way: `half_copied.py DATABASE readers`."""

import sqlite3
import sys
from pathlib import Path

from bridge.store._wal import LONG, WriteAheadLog

PAGE = b"x" * 4000


def connected(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA wal_autocheckpoint = 0")
    return connection


def main(path: Path, readers: int) -> None:
    log, writer = WriteAheadLog(path), connected(path)
    log.keep_short(writer)
    long = [(PAGE,)] * (LONG // len(PAGE) // 2 + 100)
    writer.execute("BEGIN IMMEDIATE")
    writer.executemany("INSERT INTO notes VALUES (?)", long)
    writer.execute("COMMIT")
    others = [connected(path) for _ in range(readers)]
    for other in others:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM notes").fetchone()
    writer.execute("BEGIN IMMEDIATE")
    writer.executemany("INSERT INTO notes VALUES (?)", long)
    writer.execute("COMMIT")
    if readers:
        log.keep_short(writer)
        print("half copied", flush=True)
    for other in others:
        other.close()
    for _ in range(2):
        try:
            log.keep_short(writer)
        except sqlite3.OperationalError as error:
            print("refused", error.sqlite_errorcode == sqlite3.SQLITE_IOERR_FSYNC, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
