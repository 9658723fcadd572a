"""How a create whose answer was lost is looked for, since nothing names it; `likeness` says whether a post is it.

Each look asks two different questions: the text search first, then everything created since. What counts as "since"
goes by the vendor's clock. Source: the vendor has no idempotency key that could be found (2026-11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Json, Receipt
from bridge.partners._http import WRITE_S
from bridge.partners._replies import read_time
from bridge.partners.posteverywhere import replies
from bridge.partners.posteverywhere.calls import Calls, Listed
from bridge.partners.posteverywhere.likeness import Fit, Wanted
from bridge.partners.posteverywhere.paging import PAGE, SKEW, to_ms

LOOKS = (timedelta(seconds=10), timedelta(seconds=WRITE_S))
"""How long after a loss it is looked for. Lists are late by seconds; and a proxy may have given up on a create that
goes on behind it, so what is not there at once may be there when even a slow one has ended."""
MOST_PAGES = 20
BEHIND = timedelta(minutes=10)
"""How far the vendor's clock may be behind ours as long as no answer says where it stands."""
FARTHEST = timedelta(days=1)
"""A clock that is said to be further behind is not believed: older posts that look the same would be taken for it."""


def questions(wanted: Wanted) -> list[dict[str, str]]:
    """Return the queries of the list calls that begin each look, newest posts first."""
    newest = {"sort": "created_at", "order": "desc", "limit": str(PAGE)}
    search = wanted.search()
    return [newest] if search is None else [newest | {"search": search}, newest]


async def look(calls: Calls, wanted: Wanted, sent_at: datetime) -> list[Receipt]:
    """Return every post that may be the lost one, oldest first; one that fits only in part is not `sure`.

    A question that the server refuses is left to the other one.

    Raises:
        PartnerError: as for every call; `AMBIGUOUS` when there are more posts since then than can be looked through.
    """
    found: dict[str, tuple[Json, Fit]] = {}
    asked = questions(wanted)
    refused: list[PartnerError] = []
    for question in asked:
        try:
            rows = await _look_through(calls, question, sent_at)
        except PartnerError as error:
            if error.failure is not FailureClass.TERMINAL:
                raise
            refused.append(error)
            continue
        found |= {replies.post_id(row) or "": (row, fit) for row in rows if (fit := wanted.fit(row)) is not Fit.NO}
    if len(refused) == len(asked):
        raise refused[-1]
    ordered = sorted(found.values(), key=lambda one: str(one[0].get("created_at")))
    return [replace(replies.post_receipt(200, {"data": row}), sure=fit is Fit.YES) for row, fit in ordered]


async def _look_through(calls: Calls, question: Mapping[str, str], sent_at: datetime) -> list[Json]:
    """Return the posts since a create was sent. Asked for are those since some time before; the answer's clock counts.

    A clock that turns out to be still further behind is asked again.
    """
    since, seen, passed = sent_at - BEHIND, list[Json](), 0
    for _ in range(MOST_PAGES):
        page = await calls.list(
            {**question, "created_after": to_ms(since), **({"offset": str(passed)} if passed else {})}
        )
        begins_at = _begins_at(page, sent_at, since)
        if begins_at < since:
            since, seen, passed = begins_at, [], 0
            continue
        seen += [row for row in page.rows if _is_since(row, begins_at)]
        passed += len(page.rows)
        if not page.more or not _goes_on(page.rows, begins_at):
            return seen
    detail = "too many posts to look through"
    raise PartnerError(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS, detail=detail)


def _begins_at(page: Listed, sent_at: datetime, asked: datetime) -> datetime:
    """Return when a create was sent by the vendor's clock, at the earliest; as asked while that is not known."""
    return asked if page.behind is None else sent_at - min(max(page.behind, timedelta()), FARTHEST) - SKEW


def _is_since(row: Json, begins_at: datetime) -> bool:
    at = read_time(row.get("created_at"))
    return at is None or at >= begins_at


def _goes_on(rows: Sequence[Json], begins_at: datetime) -> bool:
    """Whether older pages may hold the lost post: a server may not know `created_after`."""
    return bool(rows) and _is_since(rows[-1], begins_at)
