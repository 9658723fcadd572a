"""Reading a database beside whoever works on it: by pages, oldest first, and nothing else."""

from datetime import timedelta
from pathlib import Path

import pytest

from bridge.core.errors import StoreError
from bridge.core.model import ADOPTED
from bridge.store._store import SqlStore
from bridge.store.reading import reading
from tests.store.made import NOW, acceptance

pytestmark = pytest.mark.anyio


async def test_events_come_by_pages_oldest_first_while_the_store_is_open(store: SqlStore, url: str):
    kept = [acceptance(posts=place % 2) for place in range(5)]
    await store.accept(kept, NOW)
    ids = sorted(one.event.id for one in kept)

    with reading(url) as history:
        pages = [[event.id for event in page] for page in history.events(NOW - timedelta(hours=1), page=2)]
        made = {one.event.id: history.made(one.event.id) for one in kept}
        assert history.count(NOW - timedelta(hours=1)) == 5
        assert history.count(NOW + timedelta(hours=1)) == 0
    assert pages == [ids[:2], ids[2:4], ids[4:]]
    assert [len(made[one.event.id]) for one in kept] == [0, 1, 0, 1, 0]
    assert all(len(commands) == 1 for found in made.values() for _, commands in found)


async def test_a_source_is_read_alone_and_what_nobody_sent_not_at_all(store: SqlStore, url: str):
    kept = [acceptance(posts=0, source=source) for source in ("blog", "shop", ADOPTED)]
    await store.accept(kept, NOW)

    with reading(url) as history:
        since = NOW - timedelta(hours=1)
        assert [event.source for page in history.events(since) for event in page] == ["blog", "shop"]
        assert [event.source for page in history.events(since, "shop") for event in page] == ["shop"]


def test_a_file_that_is_not_there_is_told_and_not_made(tmp_path: Path):
    with pytest.raises(StoreError, match="there is no database"), reading(f"sqlite:///{tmp_path / 'none.db'}"):
        pass

    assert list(tmp_path.iterdir()) == []


def test_a_file_of_somebody_else_is_refused(tmp_path: Path):
    other = tmp_path / "other.db"
    other.write_bytes(b"not a database at all, but long enough to be looked at" * 20)

    with pytest.raises(StoreError, match=r"cannot be read: file is not a database"), reading(f"sqlite:///{other}"):
        pass
