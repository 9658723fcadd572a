"""Accepts events as fast as it can, and prints the ids of each one as soon as it was answered; run by `test_sqlite`."""

import asyncio
import sys

sys.path.insert(0, str(__import__("pathlib").Path(__file__).parents[2]))

from bridge.store import open_store
from bridge.store._store import SqlStore
from tests.store.made import NOW, acceptance


async def accept(store: SqlStore) -> None:
    while True:
        [answer] = await store.accept([acceptance()], NOW)
        sys.stdout.write(f"{answer.event_id} {answer.post_ids[0]}\n")
        sys.stdout.flush()


async def main() -> None:
    store = await open_store(f"sqlite:///{sys.argv[1]}")
    await asyncio.gather(*(accept(store) for _ in range(8)))


asyncio.run(main())
