"""How a create whose answer was lost is looked for: by its content, accounts and schedule, since nothing names it.

It is looked for twice by different questions, not before the vendor's list has had time to show it: the text search
first, then everything created since. Source: the vendor has no idempotency key that could be found (2026-11).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import orjson

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.model import Json, Receipt
from bridge.partners.posteverywhere import replies
from bridge.partners.posteverywhere.calls import Calls
from bridge.partners.posteverywhere.paging import PAGE, SKEW, to_ms

SETTLES_IN = timedelta(seconds=10)
"""How long after it may have arrived a post may be missing from lists."""
MOST_PAGES = 20
_SEARCHED_WORDS = 6
_SEARCHED_CHARACTERS = 60
_AT_ONCE = timedelta(minutes=2)
_SAME_TIME = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a lost create is known by. `content` is its text, or where it has none the texts by platform, in order."""

    content: tuple[str, ...]
    accounts: frozenset[str]
    scheduled_at: datetime | None

    @classmethod
    def of(cls, body: bytes) -> "Wanted":
        """Read it out of the bytes that were sent."""
        sent = orjson.loads(body)
        ids = frozenset(str(one) for one in sent.get("account_ids") or [])
        return cls(_texts(sent), ids, replies.schedule_of(sent))

    def search(self) -> str | None:
        """Return the words to search for; None where there is no text."""
        words = " ".join(self.content).split()[:_SEARCHED_WORDS]
        return " ".join(words)[:_SEARCHED_CHARACTERS] or None

    def matches(self, data: Json) -> bool:
        """Say whether a listed post is it. One without schedule may have been given the moment of its creation.

        Raises:
            PartnerError: it may be, but the list does not show for which accounts it is.
        """
        if _texts(data) != self.content or not self._is_at(data):
            return False
        ids = _accounts(data)
        if ids is None:
            detail = "the list does not show for which accounts a post is that may be the lost one"
            raise PartnerError(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS, detail=detail)
        return ids == self.accounts

    def _is_at(self, data: Json) -> bool:
        at, created_at = replies.schedule_of(data), replies.read_time(data.get("created_at"))
        if self.scheduled_at is None:
            return at is None or (created_at is not None and at <= created_at + _AT_ONCE)
        return at is not None and abs(at - self.scheduled_at) < _SAME_TIME


def _texts(data: Json) -> tuple[str, ...]:
    """Return a post's text, else its texts by platform; blanks do not count."""
    own = data.get("content")
    if isinstance(own, str) and own.strip():
        return (" ".join(own.split()),)
    blocks = data.get("platform_content")
    blocks = blocks if isinstance(blocks, dict) else {}
    texts = (block.get("content") for _, block in sorted(blocks.items()) if isinstance(block, dict))
    return tuple(" ".join(text.split()) for text in texts if isinstance(text, str) and text.strip())


def _accounts(data: Json) -> frozenset[str] | None:
    ids = data.get("account_ids")
    if isinstance(ids, list) and ids:
        return frozenset(str(one) for one in ids)
    rows = replies.rows_of(data)
    return frozenset(replies.account_of(row) or "" for row in rows) if rows else None


def questions(wanted: Wanted, sent_at: datetime) -> list[dict[str, str]]:
    """Return the queries of the list calls that begin each look, newest posts first."""
    since = {"created_after": to_ms(sent_at - SKEW), "sort": "created_at", "order": "desc", "limit": str(PAGE)}
    search = wanted.search()
    return [since] if search is None else [since | {"search": search}, since]


async def look(calls: Calls, wanted: Wanted, sent_at: datetime) -> list[Receipt]:
    """Return every post that may be the lost one, oldest first.

    Raises:
        PartnerError: as for every call; `AMBIGUOUS` when there are more posts since then than can be looked through, or
            it cannot be told whether one is it.
    """
    found: dict[str, Json] = {}
    for question in questions(wanted, sent_at):
        for data in await _look_through(calls, question, sent_at):
            if wanted.matches(data):
                found[replies.post_id(data) or ""] = data
    rows = sorted(found.values(), key=lambda data: str(data.get("created_at")))
    return [replies.post_receipt(200, {"data": data}) for data in rows]


async def _look_through(calls: Calls, question: dict[str, str], sent_at: datetime) -> list[Json]:
    seen: list[Json] = []
    for _ in range(MOST_PAGES):
        page = await calls.list(question | ({"offset": str(len(seen))} if seen else {}))
        seen += page.rows
        if not page.more or not _goes_on(page.rows, sent_at):
            return seen
    detail = "too many posts to look through"
    raise PartnerError(FailureReason.UNKNOWN_OUTCOME, FailureClass.AMBIGUOUS, detail=detail)


def _goes_on(rows: Sequence[Json], sent_at: datetime) -> bool:
    """Whether older pages may hold the lost post: a server may not know `created_after`."""
    at = replies.read_time(rows[-1].get("created_at")) if rows else None
    return bool(rows) and (at is None or at >= sent_at - SKEW)
