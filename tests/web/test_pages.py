"""Pages of lists of which a caller may see only some rows."""

from dataclasses import dataclass

import pytest

from bridge.ports import Find
from bridge.web._pages import MOST_READS, page

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Row:
    id: str


ROWS = [Row(f"{number:04d}") for number in range(1000, 0, -1)]


async def fetch(find):
    rows = [row for row in ROWS if find.before is None or row.id < find.before]
    return rows[: find.limit]


def only(share):
    async def visible(rows):
        return [row for row in rows if int(row.id) % share == 0]

    return visible


async def everything(limit, share):
    found, after = [], None
    while True:
        rows, after = await page(fetch, Find(limit=limit, before=after), only(share))
        assert len(rows) <= limit
        found += rows
        if after is None:
            return [int(row.id) for row in found]


@pytest.mark.parametrize("share", [1, 2, 3, 7, 100, 999, 2000])
@pytest.mark.parametrize("limit", [1, 5, 50, 200])
async def test_following_the_pages_shows_each_row_once(limit, share):
    assert await everything(limit, share) == [number for number in range(1000, 0, -1) if number % share == 0]


async def test_a_page_of_few_visible_rows_reads_no_more_than_it_may():
    reads = []

    async def counted(find):
        reads.append(find)
        return await fetch(find)

    rows, after = await page(counted, Find(limit=5), only(2000))

    assert (rows, len(reads)) == ([], MOST_READS)
    assert after == ROWS[5 * MOST_READS - 1].id


async def test_an_empty_list_has_one_page():
    async def nothing(find):
        return []

    assert await page(nothing, Find()) == ([], None)
