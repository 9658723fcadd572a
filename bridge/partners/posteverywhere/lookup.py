"""How a create whose answer was lost is looked for, since nothing names it; `likeness` says whether a post is it.

Each look asks two different questions: the text search first, then everything created in that time. When that was goes
by the vendor's clock. Source: the vendor has no idempotency key that could be found (2026-11).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.errors import FailureClass, PartnerError, TooManyPosts
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


@dataclass(frozen=True, slots=True)
class Span:
    """When a create can have been made; without an end up to now."""

    since: datetime
    until: datetime | None = None

    def asked(self, most: timedelta) -> "Span":
        """Return it as it is asked for while it is not known how far the vendor's clock is from ours."""
        return Span(self.since - most, self.until and self.until + most)

    def params(self) -> dict[str, str]:
        """Write the query."""
        before = {"created_before": to_ms(self.until)} if self.until is not None else {}
        return {"created_after": to_ms(self.since)} | before

    def holds(self, other: "Span") -> bool:
        """Say whether nothing of the other is outside."""
        return self.since <= other.since and (
            self.until is None or (other.until is not None and other.until <= self.until)
        )


async def look(calls: Calls, wanted: Wanted, made: Span) -> list[Receipt]:
    """Return every post that may be the lost one, oldest first; one that fits only in part is not `sure`.

    A question that the server refuses is left to the other one; so is one with too many answers, if that finds any.

    Raises:
        PartnerError: as for every call; `TooManyPosts`.
    """
    found: dict[str, tuple[Json, Fit]] = {}
    too_many: TooManyPosts | None = None
    asked = questions(wanted)
    refused: list[PartnerError] = []
    for question in asked:
        try:
            rows = await _look_through(calls, question, made)
        except TooManyPosts as error:
            too_many = error
            continue
        except PartnerError as error:
            if error.failure is not FailureClass.TERMINAL:
                raise
            refused.append(error)
            continue
        found |= {replies.post_id(row) or "": (row, fit) for row in rows if (fit := wanted.fit(row)) is not Fit.NO}
    if len(refused) == len(asked):
        raise refused[-1]
    if too_many is not None and not found:
        raise too_many
    ordered = sorted(found.values(), key=lambda one: str(one[0].get("created_at")))
    return [replace(replies.post_receipt(200, {"data": row}), sure=fit is Fit.YES) for row, fit in ordered]


async def _look_through(calls: Calls, question: Mapping[str, str], made: Span) -> list[Json]:
    """Return the posts of a span. Asked for are those of a wider one; the clock of the answer counts.

    A clock that turns out to be still further away is asked again.
    """
    asked, seen, passed = made.asked(BEHIND), list[Json](), 0
    for _ in range(MOST_PAGES):
        page = await calls.list({**question, **asked.params(), **({"offset": str(passed)} if passed else {})})
        theirs = _by_their_clock(page, made, asked)
        if not asked.holds(theirs):
            asked, seen, passed = theirs, [], 0
            continue
        seen += [row for row in page.rows if _is_since(row, theirs.since)]
        passed += len(page.rows)
        if not page.more or not _goes_on(page.rows, theirs.since):
            return seen
    raise TooManyPosts


def _by_their_clock(page: Listed, made: Span, asked: Span) -> Span:
    """Return when a create can have been made by the vendor's clock; as asked while that is not known."""
    if page.behind is None:
        return asked
    behind = min(max(page.behind, timedelta()), FARTHEST) + SKEW
    ahead = min(max(-page.behind, timedelta()), FARTHEST) + SKEW
    return Span(made.since - behind, made.until and made.until + ahead)


def _is_since(row: Json, begins_at: datetime) -> bool:
    at = read_time(row.get("created_at"))
    return at is None or at >= begins_at


def _goes_on(rows: Sequence[Json], begins_at: datetime) -> bool:
    """Whether older pages may hold the lost post: a server may not know `created_after`."""
    return bool(rows) and _is_since(rows[-1], begins_at)
