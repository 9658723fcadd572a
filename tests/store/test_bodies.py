"""Raw bodies come back as they were sent, whatever their size; large ones take less space than they have bytes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from bridge.core.model import Event
from bridge.store._store import SqlStore
from bridge.store._types import pack, unpack
from tests.store.filled import connected
from tests.store.made import NOW, acceptance

pytestmark = pytest.mark.anyio

MARK = pack(b"a" * 70_000)[:6]
"""What a packed body begins with."""

LIMIT = 65_536
NOISE = random.Random(7).randbytes(LIMIT + 1)

BODIES = {
    "empty": b"",
    "small": b'{"caption": "hello"}',
    "at the limit": b"x" * LIMIT,
    "large": b"x" * (LIMIT + 1),
    "large noise": NOISE,
    "the mark alone": MARK,
    "small with the mark": MARK + b"hello",
    "large noise with the mark": MARK + NOISE,
    "packed already": pack(b"x" * 100_000),
}


@given(st.binary(max_size=300), st.sampled_from((b"", MARK)), st.sampled_from((0, 1, LIMIT, LIMIT + 1, 200_000)))
def test_any_bytes_come_back(body: bytes, before: bytes, padding: int) -> None:
    sent = before + body + b" " * padding
    assert unpack(pack(sent)) == sent


def test_only_large_bodies_that_get_smaller_are_packed() -> None:
    assert pack(BODIES["at the limit"]) == BODIES["at the limit"]
    assert len(pack(BODIES["large"])) < 1_000
    assert pack(NOISE) is NOISE


async def test_an_event_has_the_body_that_was_sent(store: SqlStore) -> None:
    sent = [acceptance(body=body) for body in BODIES.values()]
    await store.accept(sent, NOW)
    assert [await _body(store, item.event) for item in sent] == list(BODIES.values())


async def test_a_large_body_is_kept_packed_and_erased_like_any_other(store: SqlStore, url: str) -> None:
    item = acceptance(posts=0, body=BODIES["large"])
    await store.accept([item], NOW)
    length = text("SELECT length(body) FROM events")
    with connected(url) as connection:
        assert connection.execute(length).scalar_one() < 1_000
    await store.erase(item.event.id, NOW)
    assert await _body(store, item.event) == b""
    with connected(url) as connection:
        assert connection.execute(length).scalar_one() == 0


async def _body(store: SqlStore, event: Event) -> bytes:
    found = await store.event(event.id)
    assert found is not None
    return found[0].body
