"""What is known of accounts and keys: what is read last is what counts, however reads overlap and whoever wrote it."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import Account, Write
from bridge.flows import Book
from bridge.metrics import Metrics
from tests.flows.town import NOON, Town

pytestmark = pytest.mark.anyio

HELD_UNTIL = "bridge_partner_key_held_until_timestamp_seconds"


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


async def test_a_hold_and_a_block_that_another_process_noted_count_here_until_it_lifts_them(
    town: Town, metrics: Metrics
) -> None:
    kit = replace(town.kit, metrics=metrics)
    client, key = kit.partners["gv"], (await kit.store.keys())["gv"]
    hour = NOON + timedelta(hours=1)
    held = replace(key, held_until=hour, blocked=FailureReason.UNAUTHORIZED, version=key.version + 1)
    await kit.store.record([Write(keys=(held,))])
    assert (await client.accounts()).accounts
    await kit.refresh()
    with pytest.raises(PartnerError, match="held"):
        await client.accounts()
    assert 'bridge_partner_key_blocked{partner="gv"} 1.0' in metrics.render().decode()
    assert metrics._registry.get_sample_value(HELD_UNTIL, {"partner": "gv"}) == hour.timestamp()
    await kit.store.record([Write(keys=(replace(key, version=key.version + 2),))])
    await kit.refresh()
    assert (await client.accounts()).accounts
    assert 'bridge_partner_key_blocked{partner="gv"} 0.0' in metrics.render().decode()
    assert metrics._registry.get_sample_value(HELD_UNTIL, {"partner": "gv"}) == 0


async def test_a_hold_that_is_only_known_here_stays(town: Town) -> None:
    client, key = town.kit.partners["gv"], (await town.kit.store.keys())["gv"]
    client.hold(NOON + timedelta(hours=1))
    await town.kit.store.record([Write(keys=(replace(key, cursor="next", version=key.version + 1),))])
    await town.kit.refresh()
    with pytest.raises(PartnerError, match="held"):
        await client.accounts()
