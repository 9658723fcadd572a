"""Which calls read which posts: one sweep of what was updated, and single reads of what it cannot tell.

GET /posts?updated_after=... (inclusive) sorted by `updated_at` shows what has changed since the cursor, ours or not. A
row whose destinations are as we hold them costs no call; a failed destination is completed by GET /results, which alone
knows whether the vendor tries again by itself. A post that is due and was not in the sweep has not changed; every 15
minutes, after each command and when there is news of it, it is read all the same. A server that does not know
`updated_after` shows older rows than were asked for: then posts are looked for among the newest, and the rest is read
by GET.
Source: https://developers.posteverywhere.ai/api/list-posts, read by 2026-11.
"""

from collections import deque
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.core.errors import FailureReason, PartnerError
from bridge.core.model import Json, Post, PostState, Snapshot, Stranger, Target, TargetState
from bridge.core.redact import Redactor
from bridge.partners._replies import FAINT, MOST_FAILURES, ends_reading, read_time
from bridge.partners.posteverywhere import replies
from bridge.partners.posteverywhere.paging import PAGE, SKEW, Cursor, Page, Way
from bridge.ports import Reading

OVERLAP = timedelta(seconds=5)
"""How far a sweep begins before the last row of the one before: rows may become visible out of order."""
FRESH_FOR = timedelta(minutes=15)
"""How long a sweep that does not show a post, or shows it as we hold it, is believed, since it was last read."""
WORTH_A_PAGE = 3
"""Without `updated_after` a page is asked for only if it may save this many single reads."""


@dataclass(frozen=True, slots=True)
class Row:
    """A post whose results must be asked for: `post` is ours, None for a stranger; `at` is when it was updated."""

    data: Json
    post: Post | None
    at: datetime | None
    read_at: datetime

    @property
    def partner_id(self) -> str:
        """The vendor's id of it."""
        return replies.post_id(self.data) or ""


def differs(post: Post, shown: Snapshot) -> bool:
    """Say whether a post is shown otherwise than we hold it: its word, its schedule, or one of its destinations.

    A destination's word is not enough: one that has failed waits again once it is retried.
    """
    if post.raw_status != shown.raw_status or (shown.scheduled_at or post.scheduled_at) != post.scheduled_at:
        return True
    held = {target.account: target for target in post.targets}
    for row in shown.targets:
        target = held.get(row.account)
        if target is None or (row.url or target.url) != target.url:
            return True
        if (target.raw_status or "", target.state) != (row.raw_status, row.state):
            return True
        if (row.attempts or 0) > target.attempts:
            return True
    return False


class Sweep:
    """The course of one reading: `next` says what to call, the others take what came of it.

    Args:
        tracked: what is to be read, most due first.
        cursor: what the last reading left; None for the first.
        budget: how many calls there may be; at most half of them are pages.
        now: when it begins.
        adopt: whether posts that are not ours are told.
        urgent: ids of posts of which only a read of their own tells.
        filtered: whether the server is believed to know `updated_after`; found wrong, it becomes False here.
        redactor: takes secrets out of texts.
    """

    def __init__(
        self,
        tracked: Sequence[Post],
        cursor: Cursor | None,
        *,
        budget: int,
        now: datetime,
        adopt: bool,
        urgent: Collection[str] = (),
        filtered: bool,
        redactor: Redactor,
    ) -> None:
        self.filtered = filtered
        self._tracked = {post.partner_id: post for post in tracked if post.partner_id}
        self._left = list(self._tracked)
        self._cursor, self._now, self._adopt, self._redactor = cursor, now, adopt, redactor
        self._urgent = frozenset(urgent)
        self._budget, self._pages_left = budget, max(budget // 2, 1)
        self._pages: deque[Page] = deque()
        self._rows: deque[Row] = deque()
        self._snapshots: list[Snapshot] = []
        self._strangers: dict[str, Stranger] = {}
        self._unchanged: list[str] = []
        self._failed: dict[str, FailureReason] = {}
        self._failures = 0
        self._seen: dict[str, str] = {}
        self._again: list[datetime] = []
        self._reached: datetime | None = None
        self._walk: Page | None = None
        self._complete = self._ended = False
        self._open_told = self._open_done = False
        self.page_error: PartnerError | None = None
        self._plan()

    @property
    def learnt(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._snapshots or self._strangers or self._unchanged)

    def next(self) -> Page | Row | Post | None:
        """Return the page, the results or the post to ask for now; None at the end of the posts or of the budget."""
        if self._budget <= 0:
            return None
        if self._pages and self._pages_left > 0:
            self._pages_left -= 1
            self._budget -= 1
            return self._pages[0]
        if self._rows:
            self._budget -= 1
            return self._rows[0]
        while self._left:
            post = self._tracked[self._left.pop(0)]
            if self._complete and self._is_fresh(post):
                self._unchanged.append(post.partner_id or "")
                continue
            self._budget -= 1
            return post
        return None

    def unknown(self, rows: Sequence[Json]) -> list[str]:
        """Return the ids of a page's rows of which it must be asked whose they are."""
        ids = {replies.post_id(data) or "": str(data.get("updated_at")) for data in rows}
        return [name for name, at in ids.items() if name not in self._tracked and not self._is_seen(name, at)]

    def swept(self, rows: Sequence[Json], known: Mapping[str, Post], *, more: bool, read_at: datetime) -> None:
        """Take the page that was asked for; `known` has ours among its rows."""
        page = self._pages.popleft()
        if page.way is Way.UPDATED and not page.is_answered_by(rows):
            self.filtered = False
            self._look_among_newest()
            return
        if page is self._walk and page.begins_too_late(rows):
            self._pages.appendleft(replace(page, offset=0))
            return
        for data in rows:
            self._take(page, data, known, read_at)
        self._open_done |= page.way is Way.OPEN and (not more or self._pages_left <= 0)
        goes_on = more and bool(rows) and self._worth_going_on(page, rows)
        if goes_on:
            self._pages.appendleft(page.after(rows))
        if page.way is not Way.OPEN:
            self._walk, self._ended = page.after(rows), not goes_on
        self._complete |= page.way is Way.UPDATED and not goes_on

    def complete(self, row: Row, results: Json | None) -> bool:
        """Take a post with the results that were asked for; False when it has nothing that can be read."""
        if self._rows and self._rows[0] is row:
            self._rows.popleft()
        shown = replies.snapshot(row.data, row.read_at, self._redactor, results=results)
        if shown is None:
            return False
        self._failures = 0
        if row.post is None:
            self._tell(row, shown)
        else:
            self._snapshots.append(shown)
        return True

    def read(self, post: Post, data: Json, read_at: datetime) -> bool:
        """Take what GET has shown of a post; its results may be asked for next. False when it cannot be read."""
        shown = replies.snapshot(data, read_at, self._redactor)
        if shown is None or shown.partner_id != post.partner_id:
            return False
        updated_at = read_time(data.get("updated_at"))
        if self._complete and post.read_at and updated_at and updated_at + SKEW < post.read_at and differs(post, shown):
            # It has changed, but it was not updated: what the sweep does not show may have changed, too.
            self.filtered = False
        row = Row(data, post, None, read_at)
        if _needs_results(shown):
            self._rows.append(row)
            return True
        return self.complete(row, None)

    def vanish(self, snapshot: Snapshot) -> None:
        """Take that a post is gone."""
        self._snapshots.append(snapshot)
        self._failures = 0

    def fail(self, partner_id: str, error: PartnerError) -> bool:
        """Take a failed GET; False when the key or the way there is at fault, which ends the reading."""
        if ends_reading(error):
            return False
        if self._rows and self._rows[0].partner_id == partner_id:
            row = self._rows.popleft()
            if row.post is None and (shown := replies.snapshot(row.data, row.read_at, self._redactor)):
                # Without its results it may be told as failed too early, which is better than not at all.
                self._tell(row, shown)
        self._failed[partner_id] = error.reason
        self._failures += error.reason in FAINT
        if self._failures >= MOST_FAILURES:
            self._budget = 0
        return True

    def fail_page(self, error: PartnerError) -> bool:
        """Take a failed list call: due posts are read one by one; False as in `fail`."""
        self._pages.clear()
        self.page_error = error
        return not ends_reading(error)

    def reading(self) -> Reading:
        """Return what was learnt."""
        return Reading(
            tuple(self._snapshots),
            self._next_cursor().write(),
            self._failed,
            tuple(self._unchanged),
            tuple(self._strangers.values()),
        )

    def _plan(self) -> None:
        """Choose the pages to begin with."""
        if self._adopt and (self._cursor is None or self._cursor.open):
            self._pages.append(Page(Way.OPEN, self._now))
        if self._cursor is not None and self.filtered:
            self._walk = Page(Way.UPDATED, self._cursor.at, self._cursor.done if self._cursor.until is None else 0)
            self._pages.append(self._walk)
        else:
            self._look_among_newest()

    def _look_among_newest(self) -> None:
        """Look for tracked posts, or (adopting) for those made since the cursor, among the newest."""
        times = [post.partner_created_at or post.created_at for post in self._tracked.values()]
        wanted = times if len(times) >= WORTH_A_PAGE else []
        wanted += [self._cursor.at] if self._adopt and self._cursor is not None else []
        if wanted:
            done = self._cursor.done if self._adopt and self._cursor and self._cursor.until else 0
            self._pages.append(Page(Way.NEWEST, min(wanted) - SKEW, done))

    def _worth_going_on(self, page: Page, rows: Sequence[Json]) -> bool:
        if page.way is not Way.NEWEST:
            return True
        oldest = next((at for row in reversed(rows) if (at := page.time_of(row))), None)
        if oldest is None or oldest < page.since:
            return False
        adopting = self._adopt and self._cursor is not None and oldest >= self._cursor.at
        return adopting or len(self._left) >= WORTH_A_PAGE

    def _take(self, page: Page, data: Json, known: Mapping[str, Post], read_at: datetime) -> None:
        name, at = replies.post_id(data) or "", page.time_of(data)
        if at is not None and page.way is not Way.OPEN:
            self._reached = max(at, self._reached or at)
        post = self._tracked.get(name) or known.get(name)
        due = name in self._left
        if not due and self._is_seen(name, str(data.get("updated_at"))):
            return
        if post is not None:
            self._seen[name] = str(data.get("updated_at"))
        elif not self._adopt or (page.way is Way.NEWEST and not self._is_new(at)):
            return
        if due:
            self._left.remove(name)
        self._open_told |= post is None and page.way is Way.OPEN
        self._weigh(Row(data, post, at, read_at), due=due)

    def _weigh(self, row: Row, *, due: bool) -> None:
        """See whether a row says enough: nothing new, something new, or that its results must be asked for."""
        shown = replies.snapshot(row.data, row.read_at, self._redactor)
        if shown is None:
            self._rows.append(row)
        elif row.post is not None and not differs(row.post, shown) and (not due or self._is_fresh(row.post)):
            self._unchanged += [row.partner_id] if due else []
        elif row.post is None and shown.state is PostState.DRAFT:
            # Nobody has asked for it to go out yet; scheduling it updates it.
            return
        elif _needs_results(shown):
            self._rows.append(row)
        elif row.post is None:
            self._tell(row, shown)
        else:
            self._snapshots.append(shown)

    def _is_fresh(self, post: Post) -> bool:
        """Whether a post was read lately, after its last command, and nothing but an update of it would be news."""
        if post.read_at is None or post.partner_id in self._urgent or any(map(_is_to_be_retried, post.targets)):
            return False
        settled = post.settled_at is not None and post.settled_at >= post.read_at
        return not settled and self._now - post.read_at < FRESH_FOR

    def _is_new(self, at: datetime | None) -> bool:
        return self._cursor is not None and at is not None and at >= self._cursor.at

    def _is_seen(self, name: str, at: str) -> bool:
        return self._seen.get(name) == at or (self._cursor is not None and self._cursor.seen.get(name) == at)

    def _tell(self, row: Row, shown: Snapshot) -> None:
        """A stranger is told until it is known, so the cursor does not pass it."""
        self._strangers[shown.partner_id] = replies.stranger(shown, row.data, self._redactor)
        self._again += [row.at] if row.at else []

    def _next_cursor(self) -> Cursor:
        before = self._cursor
        if before is None:
            return Cursor(self._now - SKEW, open=self._adopt and self._is_open())
        again = self._again + [row.at for row in self._rows if row.at]
        at, done, until = self._place(before, again)
        for row in self._rows:
            self._seen.pop(row.partner_id, None)
        seen = {name: said for name, said in (dict(before.seen) | self._seen).items() if _is_from(at, said)}
        return Cursor(at, seen, open=self._adopt and before.open and self._is_open(), done=done, until=until)

    def _place(self, before: Cursor, again: list[datetime]) -> tuple[datetime, int, datetime | None]:
        """Say where the next sweep begins: `Cursor.at`, `done` and `until`.

        It begins a little before the end of this one, and never after what must be shown `again`. A walk that ran out
        of pages goes on where it stopped, less a page: rows that move away meanwhile shift those after them.
        """
        walk, reached = self._walk, self._reached
        if walk is None or reached is None:
            return before.at, before.done, before.until
        newest = walk.way is Way.NEWEST
        kept = before.done if (before.until is not None) is newest else 0
        done = kept if again else max(walk.offset - PAGE, 0)
        if newest and self._adopt and not self._ended:
            return before.at, done, (before.until or reached) if done else None
        reached = before.until or reached if newest else reached
        # Rows that are not so new are all visible, so there the next sweep need not begin before the end of this one.
        runs_on = not self._ended and walk.since <= self._now - SKEW
        at = max(min([walk.since if runs_on else reached - OVERLAP, *again]), before.at)
        return at, done if not newest and at == (before.at if again else walk.since) else 0, None

    def _is_open(self) -> bool:
        """Whether what had not ended at the beginning has yet to be told to the end."""
        return self._open_told or not self._open_done


def _is_from(at: datetime, said: str) -> bool:
    moment = read_time(said)
    return moment is not None and moment >= at


def _is_to_be_retried(target: Target) -> bool:
    """Whether the vendor has announced a retry of its own: when its time has passed without one, nothing is updated."""
    word = replies.target_state(target.raw_status or "")
    return target.state is TargetState.WAITING and word is TargetState.FAILED


def _needs_results(shown: Snapshot) -> bool:
    """Whether only the results tell: of a failure, whether the vendor tries again; or what destinations there are."""
    if not shown.targets:
        return shown.state is not PostState.DRAFT
    return any(target.state is TargetState.FAILED for target in shown.targets)
