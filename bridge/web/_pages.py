"""Pages of lists, also for callers who may see only some of the rows."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from bridge.ports import Find

MOST_READS = 20
"""Reads for one page, when many rows are not for the caller; the page is then short, and `next` goes on from there."""


class _Row(Protocol):
    @property
    def id(self) -> str: ...


Row = TypeVar("Row", bound=_Row)


async def page(
    fetch: Callable[[Find], Awaitable[Sequence[Row]]],
    find: Find,
    visible: Callable[[Sequence[Row]], Awaitable[list[Row]]] | None = None,
) -> tuple[list[Row], str | None]:
    """Return a page of rows and the id that the next page starts after, None at the end.

    Args:
        fetch: reads rows, newest first.
        find: the filter and the page that was asked for.
        visible: leaves out what is not for the caller; None lets everything through.
    """
    found: list[Row] = []
    before, more = find.before, True
    for _ in range(MOST_READS):
        rows = await fetch(replace(find, before=before, limit=find.limit + 1))
        more, rows = len(rows) > find.limit, rows[: find.limit]
        found += rows if visible is None else await visible(rows)
        if not more or len(found) >= find.limit:
            before = rows[-1].id if rows else before
            break
        before = rows[-1].id
    if len(found) > find.limit:
        return found[: find.limit], found[find.limit - 1].id
    return found, before if more else None
