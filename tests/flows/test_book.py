"""The book of accounts: what is read last is what counts, however reads overlap."""

import asyncio

import pytest

from bridge.core.model import Account
from bridge.flows import Book
from tests.flows.town import NOON

pytestmark = pytest.mark.anyio


class Shelf:
    """A store whose earlier reads of accounts answer later than its later ones."""

    def __init__(self) -> None:
        self.known: list[Account] = []
        self.slow = 3

    async def accounts(self) -> list[Account]:
        seen, turns = list(self.known), self.slow
        self.slow = 0
        for _ in range(turns):
            await asyncio.sleep(0)
        return seen

    async def keys(self) -> dict[str, object]:
        return {}


async def test_a_slow_read_does_not_undo_a_later_one() -> None:
    book, shelf = Book((), ("gv",)), Shelf()
    first = asyncio.create_task(book.refresh(shelf))  # type: ignore[arg-type]  # The two reads are all it needs.
    await asyncio.sleep(0)
    shelf.known.append(Account("gv", "a1", "tiktok", "brand", NOON, NOON))
    await asyncio.gather(first, book.refresh(shelf))  # type: ignore[arg-type]
    assert list(book.directory.accounts) == ["gv:a1"]
