"""Row `disk`: bytes that an event leaves behind once its post is posted and told, by the size of its body.

The reference is the size of the body itself. What is measured is the file after its log is copied into it, or the
database after VACUUM, each without what it has when it is empty.
"""

import contextlib
import random
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import orjson

from bench._engines import Engine
from bench._history import Story, ended, fill
from bench._run import Row
from bridge.store._rows import EVENTS

SIZES = {"1k": 1_000, "8k": 8_000, "64k": 64_000, "256k": 256_000, "1m": 1_000_000}
_WORDS = 20_000
_chance = random.Random(11)


def measure(engine: Engine, repetitions: int) -> list[Row]:
    """Measure each size once: it comes out the same every time."""
    del repetitions
    empty = engine.database()
    fill(empty, iter(()))
    text = article(4 * max(SIZES.values()))
    rows: list[Row] = []
    for name, size in SIZES.items():
        database = engine.database()
        count = 1_000 if size < 100_000 else 200
        fill(database, with_bodies(size, count, text))
        each = (size_of(engine, database) - size_of(engine, empty)) / count
        reference = f"a body of {size:,} bytes"
        rows.append(Row(f"disk_{name}", engine.name, "bytes/event", reference, [each], [float(size)]))
        drop(engine, database)
    return rows


def with_bodies(size: int, count: int, text: bytes) -> Iterator[Story]:
    """Give so many events that have ended bodies of a size: parts of a text, each from another place on."""
    for story in ended(count):
        start = _chance.randrange(len(text) - size)
        body = text[start : start + size]
        yield ((codec, replace(noun, body=body) if codec is EVENTS else noun) for codec, noun in story)


def article(size: int) -> bytes:
    """Write what a CMS sends: blocks of words, some of which are used much more than others, with ids between."""
    words = ["".join(_chance.choices("etaoinshrdlucmfwyp", k=_chance.randint(2, 11))) for _ in range(_WORDS)]
    blocks: list[dict[str, str]] = []
    written = 0
    while written < size:
        paragraph = " ".join(words[int(_WORDS * _chance.random() ** 3)] for _ in range(60))
        blocks.append({"id": _chance.randbytes(12).hex(), "type": "paragraph", "text": paragraph})
        written += len(paragraph)
    return orjson.dumps(blocks)


def size_of(engine: Engine, database: str) -> int:
    """Return how many bytes a database takes on the disk, without its log."""
    if engine.cluster is not None:
        [(size,)] = engine.cluster.run("SELECT pg_database_size(current_database())", _name(database))
        return int(str(size))
    path = Path(database.removeprefix("sqlite:///"))
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size


def drop(engine: Engine, database: str) -> None:
    """Give back what a database takes."""
    if engine.cluster is not None:
        engine.cluster.run(f"DROP DATABASE {_name(database)} WITH (FORCE)")
    else:
        Path(database.removeprefix("sqlite:///")).unlink()


def _name(database: str) -> str:
    return database.partition("?")[0].rpartition("/")[2]
