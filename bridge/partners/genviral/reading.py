"""Which calls read which posts: windows over the list of posts, and the course of one reading.

GET /posts has neither cursor nor offset: `since` and `until` bound `created_at`, inclusive, newest first (a guess), at
most 100 posts. A list never proves absence: a post that is missing from its window is read by GET.
Source: https://docs.genviral.io/api-reference/list-posts, read 2026-05.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import Json, Post, PostState, Snapshot
from bridge.partners._replies import FAINT, MOST_FAILURES, ends_reading, read_time
from bridge.partners.genviral.requests import SHORTEST_LEAD, wire_time

PAGE = 100
SKEW = timedelta(minutes=1)
"""How far the partner's clock may be behind ours when a lost post is looked for."""
WORTH_A_PAGE = 3
"""A page is asked for, and the next one after it, only if it may save this many single reads."""
_TICK = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Window:
    """A span of creation times, both ends included; `until` None means up to now."""

    since: datetime
    until: datetime | None = None

    def params(self) -> dict[str, str]:
        """Write the query, to the millisecond the vendor shows."""
        bounds = {"since": _to_ms(self.since)} | ({"until": _to_ms(self.until)} if self.until else {})
        return bounds | {"limit": str(PAGE)}

    def before(self, page: Sequence[Json]) -> "Window | None":
        """Return what a full page has left out, which may be this very window; None when the page has all."""
        times = [at for at in (read_time(data.get("created_at")) for data in page) if at]
        if len(page) < PAGE:
            return None
        # Shown times are cut to the millisecond: the oldest post itself may be a little younger than its time.
        oldest = min(times) + _TICK if times else self.until
        return self if oldest is None or (self.until and oldest >= self.until) else Window(self.since, oldest)


def _to_ms(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


LOOK_EVERY = timedelta(minutes=1)
"""How often posts are looked for that are not ours."""
_EVER = datetime(2020, 1, 1, tzinfo=UTC)
"""Before the vendor's first post."""


@dataclass(slots=True)
class Pace:
    """Lets something happen no more often than every so long."""

    every: timedelta
    last: datetime | None = None

    def is_due(self, now: datetime) -> bool:
        """Say whether it may happen now, and take it that it does."""
        if self.last is not None and now - self.last < self.every:
            return False
        self.last = now
        return True


def to_look_through(cursor: str | None) -> list[tuple[Window, dict[str, str]]]:
    """Return what to list for posts that are not ours: what is new, or at first what has yet to go out.

    A post may be shown a little after a younger one, so the window begins before the cursor.
    """
    since = read_time(cursor)
    if since is None:
        return [(Window(_EVER), {"status": status}) for status in ("scheduled", "pending")]
    return [(Window(since - SKEW), {})]


def cursor_after(cursor: str | None, began: datetime, shown: Sequence[Json]) -> str:
    """Return the cursor after a look: the latest creation time that was shown; without any, when the first look began.

    It is the vendor's clock that counts, so ours is used only where nothing else is known.
    """
    times = [at for at in (read_time(data.get("created_at")) for data in shown) if at is not None]
    known = read_time(cursor)
    if known is None:
        return _to_ms(began - SKEW)
    return _to_ms(max([known, *times]))


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a lost create is known by: the list shows no `external_id`.

    `planned`: nothing is known of what was sent, but what was to be: it may have gone at once after its time, and to
    some of its accounts.
    """

    caption: str
    accounts: frozenset[str]
    scheduled_at: datetime | None
    planned: bool = False

    @classmethod
    def of(cls, body: bytes | None, post: Post | None) -> "Wanted":
        """Read it out of the bytes that were sent, else out of the post."""
        sent = orjson.loads(body) if body else _as_sent(post)
        ids = frozenset(str(one.get("id")) for one in sent.get("accounts") or [])
        return cls(sent.get("caption") or "", ids, read_time(sent.get("scheduled_at")), planned=body == b"")

    def matches(self, data: Json) -> bool:
        """Say whether a listed post is it. One without schedule may have been given the moment of its creation."""
        ids = _accounts(data)
        goes_there = ids == self.accounts or (self.planned and not ids.isdisjoint(self.accounts))
        if str(data.get("caption") or "").strip() != self.caption.strip() or not goes_there:
            return False
        at, created_at = read_time(data.get("scheduled_at")), read_time(data.get("created_at"))
        at_once = at is None or (created_at is not None and at <= created_at + SHORTEST_LEAD)
        if self.scheduled_at is None:
            return at_once
        late = self.planned and at_once and created_at is not None and created_at >= self.scheduled_at - SHORTEST_LEAD
        return late or at == self.scheduled_at

    def is_sure(self, data: Json) -> bool:
        """Say whether a post that matches goes to all accounts, and to no other."""
        return _accounts(data) == self.accounts

    def too_near(self, now: datetime) -> bool:
        """Whether its schedule is inside the vendor's gap, or was when it arrived there."""
        return self.scheduled_at is not None and self.scheduled_at - now < SHORTEST_LEAD


def _accounts(data: Json) -> set[str]:
    accounts = data.get("accounts")
    rows = accounts.get("states") if isinstance(accounts, dict) else None
    return {str(row.get("account_id")) for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()


def _as_sent(post: Post | None) -> dict[str, Any]:
    if post is None:
        return {}
    at = {"scheduled_at": wire_time(post.scheduled_at)} if post.scheduled_at else {}
    return {
        "caption": post.content.get("caption"),
        "accounts": [{"id": target.account} for target in post.targets],
    } | at


class Progress:
    """The course of one reading: `next` says what to call, the others take what came of it.

    Args:
        tracked: what is to be read, most due first.
        budget: how many calls there may be.
        now: posts that are scheduled later than this are looked for in pages; the others are about to change.
    """

    def __init__(self, tracked: Sequence[Post], budget: int, now: datetime) -> None:
        self.snapshots: list[Snapshot] = []
        self.failed: dict[str, FailureReason] = {}
        self._posts = {post.partner_id: post for post in tracked if post.partner_id}
        self._left = list(self._posts)
        self._budget = budget
        self._failures = 0
        self._in_pages: dict[str, datetime] = {
            partner_id: post.partner_created_at for partner_id, post in self._posts.items()
            if post.partner_created_at and post.state is PostState.SCHEDULED
            and post.scheduled_at and post.scheduled_at > now
        }  # fmt: skip
        self._keep_worthwhile()

    def next(self) -> Post | Window | None:
        """Return the post to GET or the window to list now; None at the end of the posts or of the budget."""
        if not self._left or self._budget <= 0:
            return None
        self._budget -= 1
        first = self._left[0]
        if first in self._in_pages:
            return Window(min(self._in_pages.values()), max(self._in_pages.values()) + _TICK)
        return self._posts[self._left.pop(0)]

    def swept(self, window: Window, page: Sequence[Json]) -> list[tuple[Json, Post]]:
        """Take a page; return the rows that are ours. Ours that it should have shown and did not are read by GET."""
        shown = {str(data["id"]): data for data in page}
        ours = [(data, self._posts[name]) for name, data in shown.items() if name in self._in_pages]
        older = window.before(page)
        floor = older.until if older is not None and older != window else None
        self._in_pages = {
            name: at for name, at in self._in_pages.items()
            if name not in shown and floor is not None and at <= floor and len(ours) >= WORTH_A_PAGE
        }  # fmt: skip
        self._keep_worthwhile()
        return ours

    def add(self, snapshot: Snapshot) -> None:
        """Take what a call has shown of one post."""
        self.snapshots.append(snapshot)
        self._failures = 0
        if snapshot.partner_id in self._left:
            self._left.remove(snapshot.partner_id)

    def fail(self, partner_id: str, error: PartnerError) -> bool:
        """Take a failed GET; False when the key or the way there is at fault, which ends the reading."""
        if ends_reading(error):
            return False
        self.failed[partner_id] = error.reason
        self._failures += error.reason in FAINT
        if self._failures >= MOST_FAILURES:
            self._budget = 0
        return True

    def fail_page(self, error: PartnerError) -> bool:
        """Take a failed list call: its posts are read one by one; False as in `fail`."""
        self._in_pages = {}
        return not ends_reading(error)

    def _keep_worthwhile(self) -> None:
        if len(self._in_pages) < WORTH_A_PAGE:
            self._in_pages = {}
