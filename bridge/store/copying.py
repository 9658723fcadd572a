"""Moving to another database: `copy_database`, all of `bridge migrate --from --to` but its words."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from bridge.core.errors import StoreError
from bridge.store import is_postgresql, parse
from bridge.store._copy import MOST_ROWS, copy
from bridge.store._copy import Step as Step
from bridge.store._sides import Side, held_file, held_server


def copy_database(
    source: str, target: str, tell: Callable[[Step], None], *, most_rows: int = MOST_ROWS
) -> dict[str, int]:
    """Copy all of a database into an empty one, or go on where a copy ended, and compare every row.

    One transaction writes `most_rows` at most.

    Returns:
        How many rows each table has; leases are not carried over.

    Raises:
        StoreError: with a sentence that says what to do.
    """
    if source == target:
        raise StoreError("both are the same database")
    with _held(source) as first, _held(target, new=True) as second:
        return copy(first, second, tell, most_rows=most_rows)


def _held(url: str, *, new: bool = False) -> AbstractContextManager[Side]:
    return held_server(url) if is_postgresql(url) else held_file(parse(url), new=new)
