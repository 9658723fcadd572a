"""PostEverywhere: posts to X, Instagram, LinkedIn and others through https://app.posteverywhere.ai/api/v1.

Its creates are not idempotent, it retries failed destinations by itself, and one list call shows what has changed. Pure
parts: `limits` (what a post must keep), `requests` (bodies), `replies`, `accounts`, `refusals` (answers), `judge` (what
a failure text means), `reading` and `paging` (which calls read which posts), `lookup` (how a lost create is found).
Source: https://developers.posteverywhere.ai, read by 2026-11.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, assert_never

import httpx

from bridge.core.errors import FailureClass, FailureReason, PartnerError
from bridge.core.looking import may_be_stored
from bridge.core.model import (
    Account,
    Command,
    CommandKind,
    Hosted,
    Json,
    Judgement,
    Link,
    Listed,
    Listing,
    Post,
    PostState,
    Receipt,
    Snapshot,
)
from bridge.core.platforms import family
from bridge.core.restoring import made_until
from bridge.partners._budget import Budget, Spend
from bridge.partners._http import Http, Observe
from bridge.partners._replies import unreadable
from bridge.partners.posteverywhere import (
    accounts,
    judge,
    likeness,
    limits,
    lookup,
    media,
    paging,
    plans,
    reading,
    refusals,
    replies,
    requests,
    schedules,
)
from bridge.partners.posteverywhere.calls import Calls, a_minute, path_of
from bridge.partners.posteverywhere.checkups import Checkups
from bridge.partners.posteverywhere.config import PostEverywhereConfig
from bridge.ports import Begin, Checked, Clock, Known, Later, MediaFile, Reading, Send, at_once

if TYPE_CHECKING:
    from bridge.tracing import Spans

__all__ = ["PostEverywhere", "PostEverywhereConfig"]

FILTER_AGAIN = timedelta(hours=1)
"""How long a server that did not seem to know `updated_after` is not asked by it."""
FACTS_FOR, FACTS_AGAIN = timedelta(hours=1), timedelta(minutes=10)
"""How long the key's organisation and the platforms' rules are taken to be as they were; the second if they failed."""
_NO_LINK = (400, 404, 405, 409, 422)
BY_CREDENTIALS = frozenset({"bluesky", "telegram", "discord"})
"""Networks that are connected with a password or a bot's token (`/accounts/connect-credential`), so by no link."""


class PostEverywhere:
    """One PostEverywhere key; fulfils `ports.Partner`.

    Args:
        name: the key's name in the configuration.
        config: its entry.
        observe: told of every call.
        now: the clock, for schedules, holds and what answers say of the rate.
        transport: what carries the calls instead of the network.
        spend: counts what other processes call with the key.
        spans: traces the calls of commands.
    """

    kind = "posteverywhere"
    sweeps = True
    breaker: int | None = 5
    looks: tuple[timedelta, ...] = lookup.LOOKS
    lacks = limits.LACKS
    limits = limits.LIMITS
    fetches = True
    config_type = PostEverywhereConfig
    line = staticmethod(requests.line)
    operations = (
        "create", "update", "schedule", "retry", "cancel", "get", "results", "list", "accounts", "health", "reconnect",
        "key", "host",
    )  # fmt: skip

    def __init__(
        self,
        name: str,
        config: PostEverywhereConfig,
        observe: Observe,
        *,
        now: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        spend: Spend | None = None,
        spans: "Spans | None" = None,
    ) -> None:
        self.name, self.writes = name, config.writes
        self._now = now
        calls, creates = a_minute(config.calls), a_minute(config.creates)
        self._budget = Budget(1 / calls.interval_s, calls.burst, name=name, creates=creates, spend=spend, now=now)
        self._http = Http(
            name,
            config.base_url,
            config.token,
            budget=self._budget,
            now=now,
            observe=observe,
            pace=refusals.pace,
            transport=transport,
            spans=spans,
        )
        self._calls = Calls(self._http, now)
        self._library = media.Library(self._calls)
        self._checkups = Checkups(self.account_health, now)
        self._rules, self._scope = limits.BUILT_IN, "organization"
        self._facts_until: datetime | None = None
        self._filter_again_at = now()

    def check(self, content: Json, accounts: Sequence[Account], scheduled_at: datetime | None) -> Checked:
        """Judge a post by the published limits, and what the server has said of them since."""
        return limits.check(content, accounts, rules=self._rules)

    def split(self, content: Json, accounts: Sequence[Account]) -> list[list[Account]]:
        """Group accounts into one list a request."""
        return limits.split(content, accounts)

    def build(self, command: Command, post: Post, now: datetime) -> Send | Later:
        """Make the request bytes of a command as of `now`."""
        return requests.build(command, post, now)

    async def send(self, command: Command, post: Post, body: bytes, begin: Begin = at_once) -> Receipt:
        """Call the partner with exactly these bytes; see `ports.Partner`."""
        self._want_writes()
        with self._calls.http.beginning(begin):
            return await self._sent(command, post, body)

    async def _sent(self, command: Command, post: Post, body: bytes) -> Receipt:
        match command.kind:
            case CommandKind.PUBLISH:
                return await self._create(command, body)
            case CommandKind.UPDATE:
                return await self._update(command, post, body)
            case CommandKind.RETRY:
                return await self._calls.settle("retry", post, body, read=replies.retry_receipt)
            case CommandKind.CANCEL:
                return await self._calls.settle("cancel", post, body, read=replies.delete_receipt)
            case CommandKind.FETCH:
                detail = "a fetch is not a partner's command"
                raise PartnerError(FailureReason.INTERNAL, FailureClass.TERMINAL, detail=detail)
            case _:
                assert_never(command.kind)

    async def retry_failed(self, post_ids: Sequence[str], *, max_attempts: int = 4) -> list[Receipt]:
        """Have the failed destinations of many posts tried again by one call: one receipt a post, in their order.

        Raises:
            PartnerError: as for every call.
            ValueError: there are no ids, or more than one call takes.
        """
        self._want_writes()
        body = requests.retry_failed(post_ids, max_attempts=max_attempts)
        answer = await self._calls.write("retry", "/posts/retry-failed", body)
        return replies.bulk_retried(answer.status, answer.body, post_ids)

    def must_find(self, command: Command, now: datetime) -> bool:
        """Whether a lost create must be looked for: always. Every other command may be repeated as it is."""
        return command.kind is CommandKind.PUBLISH and command.sent_at is not None

    async def find(self, command: Command, post: Post) -> list[Receipt]:
        """Look for a lost create by two different questions; oldest first.

        Raises:
            PartnerError: as for every call; `TooManyPosts`.
        """
        if command.kind is not CommandKind.PUBLISH or command.sent_at is None or command.body is None:
            return []
        # Of a publish that stood in a copy of the database it is only known what was to be sent.
        planned = not command.body
        wanted = likeness.Wanted.of(command.body or requests.planned(post), planned=planned)
        made = lookup.Span(command.sent_at, made_until(command, self.looks[-1]))
        return await lookup.look(self._calls, wanted, made)

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
        """Read posts: what was updated since the cursor by list, what that cannot tell by single reads.

        A fault of the whole key ends the reading: it is raised when nothing was learnt, else what was learnt is
        answered and the next reading meets it again.
        """
        sweep = reading.Sweep(
            tracked,
            paging.Cursor.read(cursor),
            budget=budget,
            now=self._now(),
            adopt=adopt,
            urgent=urgent,
            filtered=self._filtered,
            redactor=self._http.redactor,
        )
        try:
            while (step := sweep.next()) is not None:
                await self._step(sweep, step, known)
            if sweep.page_error is not None:
                raise sweep.page_error
        except PartnerError:
            if not sweep.learnt:
                raise
        if self._filtered and not sweep.filtered:
            self._filter_again_at = self._now() + FILTER_AGAIN
        return sweep.reading()

    def to_host(self, content: Json, accounts: Sequence[Account], *, refused: bool = False) -> tuple[str, ...]:
        """Return the addresses of all media: PostEverywhere publishes only what it keeps."""
        return limits.needs_hosting(content)

    async def host_url(self, url: str) -> Hosted | None:
        """Let the partner fetch a file itself; None when it cannot."""
        self._want_writes()
        return await self._library.fetch(url)

    async def host(self, media: MediaFile) -> Hosted:
        """Store a file with the partner."""
        self._want_writes()
        return await self._library.bring(media)

    async def hosted(self, handle: str) -> Hosted:
        """Look at a stored file that was not ready.

        Raises:
            PartnerError: as for every call; `TERMINAL` when the partner could not use the file.
        """
        return await self._library.look(handle)

    def links(self, platform: str) -> bool:
        """Say whether a platform is connected by a sign-in, which a link can repeat."""
        return family(platform) not in BY_CREDENTIALS

    async def reconnect_link(self, account_id: str) -> Link | None:
        """Make an address where a person reconnects an account; None for networks that are connected otherwise."""
        self._want_writes()
        try:
            answer = await self._calls.write("reconnect", path_of("accounts", account_id, "/reconnect"))
        except PartnerError as error:
            if error.status in _NO_LINK and not error.key_wide:
                return None
            raise
        return replies.link(answer.status, answer.body, self._now())

    async def accounts(self) -> Listing:
        """List the accounts of the key's organisation.

        Once an hour it also asks what the key and the platforms' rules are, and each account how it is.
        """
        answer = await self._calls.read("accounts", "/accounts")
        await self._refresh_facts()
        listing = accounts.listing(answer.status, answer.body, self._scope, answer.sent_at, self._http.redactor)
        return await self._checkups.over(listing)

    async def plan(self) -> str:
        """Say which plan the key's organisation is on; PostEverywhere tells it also where the plan has lapsed."""
        return plans.told((await self._calls.read("key", "/me")).body)

    async def account_health(self, account_id: str) -> Listed:
        """Look at one account more closely than the listing does: `detail` has the vendor's reasons in words."""
        answer = await self._calls.read("health", path_of("accounts", account_id, "/health"))
        return accounts.health(answer.status, answer.body, self._http.redactor)

    def judge(self, error: str, platform: str) -> Judgement:
        """Say what a target's failure text means."""
        return judge.judge(error, platform)

    def hold(self, until: datetime | None) -> None:
        """Let no call out before `until`. A call that would have to wait long is refused as `RATE_LIMITED`, unsent."""
        self._budget.hold(until)

    async def close(self) -> None:
        """Close connections."""
        await self._http.close()

    @property
    def _filtered(self) -> bool:
        """Whether the server is believed to know `updated_after`."""
        return self._now() >= self._filter_again_at

    def _want_writes(self) -> None:
        if not self.writes:
            detail = f"not sent: partners.{self.name}.writes is off"
            raise PartnerError(FailureReason.NOT_ALLOWED_NOW, FailureClass.NEEDS_HUMAN, detail=detail)

    async def _update(self, command: Command, post: Post, body: bytes) -> Receipt:
        path = path_of("posts", post.partner_id or "")
        if requests.is_schedule(command, post):
            answer = await self._calls.write("schedule", f"{path}/schedule", body)
            return replies.post_receipt(answer.status, answer.body)
        answer = await self._calls.write("update", path, body, method="PATCH")
        receipt = replies.post_receipt(answer.status, answer.body)
        asked = schedules.asked_for(body)
        return receipt if asked is None else await self._checked(path, receipt, asked, replies.data_of(answer.body))

    async def _checked(self, path: str, receipt: Receipt, asked: datetime, shown: Json) -> Receipt:
        """Look whether a new time has come to the post's destinations, where the answer did not show them."""
        try:
            if not schedules.shows_destinations(shown):
                shown = replies.data_of((await self._calls.read("get", path)).body)
        except PartnerError:
            # The edit itself was answered; a later reading shows the time.
            return receipt
        return schedules.checked(receipt, asked, shown)

    async def _create(self, command: Command, body: bytes) -> Receipt:
        try:
            answer = await self._calls.write("create", "/posts", body)
            return replies.post_receipt(answer.status, answer.body)
        except PartnerError as error:
            if error.code == "past_schedule_time" and error.status == 400 and not may_be_stored(command):
                # Its time came on its way: rebuilt, it goes at once. Bytes that were sent before are looked for first.
                error.reason, error.failure = FailureReason.NOT_ALLOWED_NOW, FailureClass.RETRYABLE
                error.maybe_stored = False
            raise

    async def _step(self, sweep: reading.Sweep, step: paging.Page | reading.Row | Post, known: Known) -> None:
        """Make one call of a reading; a fault of the key is raised, any other noted."""
        match step:
            case paging.Page():
                await self._read_page(sweep, step, known)
            case reading.Row():
                await self._read_results(sweep, step)
            case Post():
                await self._read_one(sweep, step)
            case _:
                assert_never(step)

    async def _read_page(self, sweep: reading.Sweep, page: paging.Page, known: Known) -> None:
        try:
            listed = await self._calls.list(page.params())
        except PartnerError as error:
            if not sweep.fail_page(error):
                raise
            return
        strange = sweep.unknown(listed.rows)
        ours = await known(strange) if strange else {}
        sweep.swept(listed.rows, ours, more=listed.more, read_at=listed.read_at)

    async def _read_results(self, sweep: reading.Sweep, row: reading.Row) -> None:
        try:
            answer = await self._calls.read("results", path_of("posts", row.partner_id, "/results"))
            if not sweep.complete(row, replies.data_of(answer.body)):
                raise unreadable(answer.status, "the answer has no status", write=False)
        except PartnerError as error:
            if not sweep.fail(row.partner_id, error):
                raise

    async def _read_one(self, sweep: reading.Sweep, post: Post) -> None:
        partner_id, read_at = post.partner_id or "", self._now()
        try:
            answer = await self._calls.read("get", path_of("posts", partner_id))
            if not sweep.read(post, replies.data_of(answer.body), answer.sent_at):
                raise unreadable(answer.status, "the answer has no status", write=False)
        except PartnerError as error:
            if error.status == 404 and not error.key_wide:
                sweep.vanish(Snapshot(partner_id, read_at, PostState.VANISHED, error.code or "not_found"))
            elif not sweep.fail(partner_id, error):
                raise

    async def _refresh_facts(self) -> None:
        """Ask now and then whose the key is and what the platforms take; what fails leaves it as it was known."""
        if self._facts_until is not None and self._now() < self._facts_until:
            return
        key, rules = await self._fact("/me"), await self._fact("/platform-rules")
        self._scope = accounts.organization(key) or self._scope
        self._rules = limits.refreshed(self._rules, rules)
        self._facts_until = self._now() + (FACTS_AGAIN if key is None or rules is None else FACTS_FOR)

    async def _fact(self, path: str) -> Json | None:
        try:
            return (await self._calls.read("key", path)).body
        except PartnerError:
            return None
