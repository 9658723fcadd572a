"""Genviral: posts to TikTok, Instagram, YouTube and others through https://www.genviral.io/api/partner/v1.

It has no webhooks, no rate-limit headers and no request ids: state is learnt by reading. Pure parts: `limits` (what a
post must keep), `requests` (bodies), `replies` (answers), `judge` (what a failure text means), `reading` (which calls
read which posts), `files` (what must be stored there first).
Source: https://docs.genviral.io/api-reference, read 2026-05.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, assert_never
from urllib.parse import quote

import httpx

from bridge.core.errors import FailureClass, FailureReason, PartnerError, TooManyPosts
from bridge.core.looking import may_be_stored
from bridge.core.model import (
    Account,
    Command,
    CommandKind,
    Hosted,
    Json,
    Judgement,
    Link,
    Listing,
    Post,
    Receipt,
    Snapshot,
    Stranger,
)
from bridge.core.restoring import is_in_doubt, made_until
from bridge.partners._budget import Budget, Priority, Spend
from bridge.partners._http import WRITE_S, Answer, Http, Observe
from bridge.partners._replies import unreadable
from bridge.partners.genviral import files, judge, plans, reading, replies, requests
from bridge.partners.genviral import limits as rules
from bridge.partners.genviral.config import Contract, GenviralConfig
from bridge.ports import Begin, Checked, Clock, Known, Later, MediaFile, Reading, Send, at_once

if TYPE_CHECKING:
    from bridge.tracing import Spans

__all__ = ["Contract", "Genviral", "GenviralConfig"]

REPLAY_TRUSTED_FOR = timedelta(hours=24)
"""How long a repeated create is taken to be recognised; the vendor does not say how long it remembers."""
_FIND_PAGES = 50


class Genviral:
    """One Genviral key; fulfils `ports.Partner`.

    Args:
        name: the key's name in the configuration.
        config: its entry.
        observe: told of every call.
        now: the clock, for schedules, holds and `Retry-After`.
        transport: what carries the calls instead of the network.
        spend: counts what other processes call with the key.
        spans: traces the calls of commands.
    """

    kind = "genviral"
    sweeps = False
    breaker: int | None = None
    # The last one when nobody can be on the way with it any more, whoever that was.
    looks: tuple[timedelta, ...] = (timedelta(), timedelta(seconds=WRITE_S))
    limits = files.LIMITS
    fetches = False
    config_type = GenviralConfig
    line = staticmethod(requests.line)
    operations = ("create", "update", "retry", "cancel", "get", "list", "accounts", "host", "key")

    def __init__(
        self,
        name: str,
        config: GenviralConfig,
        observe: Observe,
        *,
        now: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        spend: Spend | None = None,
        spans: "Spans | None" = None,
    ) -> None:
        self.name, self.writes = name, config.writes
        self.lacks = rules.LACKS[config.contract]
        self._last_look = reading.Pace(reading.LOOK_EVERY)
        self._config, self._now = config, now
        self._budget = Budget(config.rate, name=name, spend=spend, now=now)
        self._http = Http(
            name,
            config.base_url,
            config.token,
            budget=self._budget,
            now=now,
            observe=observe,
            transport=transport,
            spans=spans,
        )

    def check(self, content: Json, accounts: Sequence[Account], scheduled_at: datetime | None) -> Checked:
        """Judge a post by the published limits; any schedule can be served, so none is a fault."""
        return rules.check(content, accounts, contract=self._config.contract)

    def split(self, content: Json, accounts: Sequence[Account]) -> list[list[Account]]:
        """Group accounts into one list a request."""
        return rules.split(content, accounts)

    def build(self, command: Command, post: Post, now: datetime) -> Send | Later:
        """Make the request bytes of a command as of `now`."""
        return requests.build(command, post, now)

    async def send(self, command: Command, post: Post, body: bytes, begin: Begin = at_once) -> Receipt:
        """Call the partner with exactly these bytes; see `ports.Partner`."""
        self._refuse_writes()
        with self._http.beginning(begin):
            return await self._sent(command, post, body)

    async def _sent(self, command: Command, post: Post, body: bytes) -> Receipt:
        match command.kind:
            case CommandKind.PUBLISH:
                return await self._create(command, body)
            case CommandKind.UPDATE:
                answer = await self._write("update", "PATCH", _path(post), body)
                return replies.post_receipt(answer.status, answer.body)
            case CommandKind.RETRY | CommandKind.CANCEL:
                return await self._each(command.kind, post.partner_id or "", body)
            case CommandKind.FETCH:
                raise PartnerError(
                    FailureReason.INTERNAL, FailureClass.TERMINAL, detail="a fetch is not a partner's command"
                )
            case _:
                assert_never(command.kind)

    def _refuse_writes(self) -> None:
        if not self._config.writes:
            detail = f"not sent: partners.{self.name}.writes is off"
            raise PartnerError(FailureReason.NOT_ALLOWED_NOW, FailureClass.NEEDS_HUMAN, detail=detail)

    def must_find(self, command: Command, now: datetime) -> bool:
        """Whether a lost create must be looked for: under v1, or once the partner may have forgotten it.

        Every other command may be repeated as it is.
        """
        if command.kind is not CommandKind.PUBLISH or command.sent_at is None:
            return False
        return self._config.contract is Contract.V1 or now - command.sent_at > REPLAY_TRUSTED_FOR

    async def find(self, command: Command, post: Post) -> list[Receipt]:
        """Look for a lost create: same caption, accounts and schedule, created after it was sent; oldest first.

        Raises:
            PartnerError: as for every call; `TooManyPosts`.
        """
        if command.kind is not CommandKind.PUBLISH or command.sent_at is None:
            return []
        wanted = reading.Wanted.of(command.body, post)
        window = reading.Window(command.sent_at - reading.SKEW, self._last_possible(command, command.sent_at))
        found: dict[str, tuple[Json, bool]] = {}
        for _ in range(_FIND_PAGES):
            page, _read_at = await self._list(window, Priority.READ)
            found |= {str(one["id"]): (one, wanted.is_sure(one)) for one in page if wanted.matches(one)}
            narrower = window.before(page)
            if narrower is None:
                oldest_first = reversed(found.values())
                return [replace(replies.post_receipt(200, {"data": one}), sure=sure) for one, sure in oldest_first]
            window = narrower
        raise TooManyPosts

    def _last_possible(self, command: Command, sent_at: datetime) -> datetime | None:
        """Return when a lost create can have been stored at the latest; None for now.

        Under v1 nothing is sent again unless it was found absent, and `sent_at` is then the later sending's. Of a
        publish that stood in a copy of the database only the earliest instant of its sending is known.
        """
        longest = timedelta(seconds=WRITE_S) + reading.SKEW
        last = made_until(command, longest) if is_in_doubt(command) else sent_at + longest
        known = is_in_doubt(command) or self._config.contract is Contract.V1
        return last if known and last is not None and last < self._now() else None

    async def read(
        self,
        tracked: Sequence[Post],
        cursor: str | None,
        budget: int,
        *,
        known: Known,
        adopt: bool = False,
        urgent: Collection[str] = (),
    ) -> Reading:
        """Read posts, most due first: scheduled ones a page at a time where that saves calls, all others by GET.

        A fault of the whole key ends the reading: it is raised when nothing was read, else what was read is answered
        and the next reading meets it again. Strangers are looked for once a minute; `cursor` is how far they are known.
        """
        state = reading.Progress(tracked, budget, self._now())
        strangers: tuple[Stranger, ...] = ()
        try:
            while (step := state.next()) is not None:
                if isinstance(step, Post):
                    await self._read_one(state, step)
                else:
                    await self._read_page(state, step)
            if adopt and self._last_look.is_due(self._now()):
                strangers, cursor = await self._strangers(cursor, known)
        except PartnerError as error:
            if not state.snapshots and (error.key_wide or not state.failed):
                raise
        return Reading(tuple(state.snapshots), cursor, state.failed, strangers=strangers)

    async def _strangers(self, cursor: str | None, known: Known) -> tuple[tuple[Stranger, ...], str]:
        """Return the posts that are not ours and were made since `cursor`; without one those that have yet to go."""
        began, found = self._now(), list[tuple[Json, datetime]]()
        for window, filters in reading.to_look_through(cursor):
            left: reading.Window | None = window
            for _ in range(_FIND_PAGES):
                if left is None:
                    break
                page, read_at = await self._list(left, Priority.READ, **filters)
                found += [(data, read_at) for data in page]
                left = left.before(page)
        ours = await known([str(data["id"]) for data, _ in found])
        strangers = {
            str(data["id"]): replies.stranger(data, read_at, self._http.redactor)
            for data, read_at in found
            if data["id"] not in ours
        }
        shown = tuple(one for one in strangers.values() if one is not None)
        return shown, reading.cursor_after(cursor, began, [data for data, _ in found])

    async def accounts(self) -> Listing:
        """List the active accounts in the key's scope."""
        answer = await self._read("accounts", "/accounts")
        return replies.listing(answer.status, answer.body, answer.sent_at)

    async def plan(self) -> str:
        """Say which plan the key is on; Genviral tells it also where the plan has lapsed."""
        answer = await self._read("key", "/subscription")
        return plans.told(answer.body)

    def to_host(self, content: Json, accounts: Sequence[Account], *, refused: bool = False) -> tuple[str, ...]:
        """Return the addresses that Genviral cannot use as they are."""
        return files.to_host(content, refused=refused)

    async def host_url(self, url: str) -> Hosted | None:
        """Genviral fetches nothing for later."""
        return None

    async def host(self, media: MediaFile) -> Hosted:
        """Store a file with Genviral: its handle is the address there."""
        self._refuse_writes()
        answer = await self._write("host", "POST", "/files", files.request(media))
        place = files.read_place(answer.status, answer.body)
        await self._http.upload("host", "PUT", place.upload_url, media, refuse=files.refusal)
        return Hosted(place.url)

    async def hosted(self, handle: str) -> Hosted:
        """What Genviral has stored is ready."""
        return Hosted(handle)

    def links(self, platform: str) -> bool:
        """Say that no platform has them."""
        return False

    async def reconnect_link(self, account_id: str) -> Link | None:
        """Genviral has no such thing: accounts are reconnected in its dashboard."""
        return None

    def judge(self, error: str, platform: str) -> Judgement:
        """Say what a target's failure text means; Genviral's texts do not differ by platform in a way that is known."""
        return judge.judge(error)

    def hold(self, until: datetime | None) -> None:
        """Let no call out before `until`. A call that would have to wait long is refused as `RATE_LIMITED`, unsent."""
        self._budget.hold(until)

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    async def _create(self, command: Command, body: bytes) -> Receipt:
        try:
            answer = await self._write("create", "POST", "/posts", body)
        except PartnerError as error:
            first = not may_be_stored(command)
            if first and error.code == "validation_failed" and reading.Wanted.of(body, None).too_near(self._now()):
                # The schedule came into the vendor's gap on its way: rebuilt, it goes at once or waits. Bytes that were
                # sent before may be stored already: those must be looked for, and a final refusal has that done.
                error.reason, error.failure = FailureReason.NOT_ALLOWED_NOW, FailureClass.RETRYABLE
            raise
        return replies.post_receipt(answer.status, answer.body, replayed=answer.status == 200)

    async def _each(self, kind: CommandKind, partner_id: str, body: bytes) -> Receipt:
        """Retry or delete: the answer speaks of each id for itself, on a 500 too."""
        retries = kind is CommandKind.RETRY
        operation, path = ("retry", "/posts/retry") if retries else ("cancel", "/posts/delete")
        read_receipt = replies.retry_receipt if retries else replies.delete_receipt

        def receipt(answer: Answer) -> Receipt | None:
            return read_receipt(answer.status, answer.body, partner_id, self._http.redactor)

        def refuse(answer: Answer) -> PartnerError | None:
            error = self._refuse(answer, write=True)
            return error if error is None or error.status != 500 or receipt(answer) is None else None

        answer = await self._http.call(
            operation, "POST", path, refuse=refuse, write=True, priority=Priority.COMMAND, body=body
        )
        not_mentioned = "the post is not mentioned in the answer"
        return receipt(answer) or Receipt(partner_id, accepted=False, refusal=not_mentioned, status=answer.status)

    async def _read_one(self, state: reading.Progress, post: Post) -> None:
        partner_id = post.partner_id or ""
        read_at = self._now()
        try:
            answer = await self._read("get", _path(post))
            shown = replies.snapshot(replies.data_of(answer.body), post, answer.sent_at, self._http.redactor)
            if shown is None:
                raise unreadable(answer.status, "the answer has no status", write=False)
            state.add(shown)
        except PartnerError as error:
            if error.status == 404 and not error.key_wide:
                state.add(Snapshot(partner_id, read_at, replies.POST_STATES["deleted"], error.code or "not_found"))
            elif not state.fail(partner_id, error):
                raise

    async def _read_page(self, state: reading.Progress, window: reading.Window) -> None:
        try:
            page, read_at = await self._list(window, Priority.READ, status="scheduled")
        except PartnerError as error:
            if not state.fail_page(error):
                raise
            return
        for data, post in state.swept(window, page):
            shown = replies.snapshot(data, post, read_at, self._http.redactor)
            if shown is not None:
                state.add(shown)

    async def _list(self, window: reading.Window, priority: Priority, **filters: str) -> tuple[list[Json], datetime]:
        answer = await self._read("list", "/posts", priority=priority, params=window.params() | filters)
        page = replies.posts_of(answer.body)
        if page is None:
            raise unreadable(answer.status, "the answer has no list of posts", write=False)
        return page, answer.sent_at

    async def _read(self, operation: str, path: str, **options: Any) -> Answer:
        return await self._http.call(
            operation, "GET", path, refuse=lambda answer: self._refuse(answer, write=False), **options
        )

    async def _write(self, operation: str, method: str, path: str, body: bytes) -> Answer:
        return await self._http.call(
            operation,
            method,
            path,
            refuse=lambda answer: self._refuse(answer, write=True),
            write=True,
            priority=Priority.COMMAND,
            body=body,
        )

    def _refuse(self, answer: Answer, *, write: bool) -> PartnerError | None:
        return replies.refusal(
            answer.status,
            answer.body,
            write=write,
            text=answer.text,
            retry_after=answer.retry_after,
            redactor=self._http.redactor,
        )


def _path(post: Post) -> str:
    return f"/posts/{quote(post.partner_id or '', safe='')}"
