"""Ingest: request -> verified -> parsed -> posts and commands, stored with the event in one transaction."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from bridge.core.errors import Fault, Problem, StoreError, StoreFull
from bridge.core.mapping import Wanted, fill_caption, partner_external_id, resolve, targets
from bridge.core.model import (
    Account,
    Event,
    Intent,
    Json,
    Post,
    PostState,
    RawRequest,
    Verified,
    Write,
)
from bridge.core.publishing import park_for_account
from bridge.core.request import FIELDS, PublishRequest, invalid, parse_request
from bridge.core.rules import Limits, PublishRules
from bridge.core.step import Step
from bridge.flows import Kit, log
from bridge.metrics import EventOutcome
from bridge.ports import Acceptance, Accepted, Parsed, Source

_COME_BACK = timedelta(seconds=5)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a sender is told: the stored event, its posts as they are now, and what was noticed."""

    accepted: Accepted
    posts: tuple[Post, ...]
    warnings: tuple[Json, ...] = ()


@dataclass(slots=True)
class Load:
    """How full we are, kept current by the gauges' tick: `queue` waiting items, `free` bytes on the store's disk."""

    queue: int = 0
    free: int | None = None
    draining: bool = False


class Ingest:
    """Accepts events. A 2xx means that the event and all it causes is committed."""

    def __init__(self, kit: Kit, rules: PublishRules, limits: Limits, sources: Mapping[str, Source]) -> None:
        self.kit, self.rules, self.limits, self.sources = kit, rules, limits, sources
        self.load = Load()
        self._log = log.bind()

    async def receive(self, name: str, raw: RawRequest) -> Answer:
        """Take one request to a source.

        Raises:
            Problem: what the sender is told instead; every kind is counted and logged.
        """
        try:
            answer = await self._receive(name, raw)
        except Problem as problem:
            self._refused(name, problem)
            raise
        outcome: EventOutcome = "duplicate" if answer.accepted.duplicate else "accepted"
        self.kit.metrics.event(name, outcome)
        posts = [post.id for post in answer.posts]
        self._log.info(
            "event.accepted", source=name, event_id=answer.accepted.event_id, post_ids=posts, outcome=outcome
        )
        return answer

    async def _receive(self, name: str, raw: RawRequest) -> Answer:
        source = self.sources[name]
        verified = source.verify(raw)
        self._refuse_when_full()
        parsed = source.read(verified)
        request = parse_request(parsed.requests[0])
        acceptance = self._plan(verified, parsed, request)
        try:
            accepted = await self._accept(acceptance)
        except StoreError as error:
            self.kit.metrics.storage_error(error)
            slug = "storage_full" if isinstance(error, StoreFull) else "storage_unavailable"
            detail = "Nothing was stored. Send the same request again later."
            raise Problem(503, slug, detail, retry_after=_COME_BACK) from error
        if accepted.conflict:
            used = f"This key was used for another request (event {accepted.event_id})."
            detail = f"{used} Use a new key, or the same request."
            raise Problem(409, "key_conflict", detail, extra={"event_id": accepted.event_id})
        return Answer(accepted, await self._current(accepted, acceptance.write.posts), acceptance.event.warnings)

    async def _accept(self, acceptance: Acceptance) -> Accepted:
        """Store an event. A key whose posts never reached a partner, and never will, is free again."""
        now = acceptance.event.received_at
        [accepted] = await self.kit.store.accept([acceptance], now)
        if accepted.duplicate or accepted.conflict:
            stored = (await self.kit.store.posts(accepted.post_ids)).values()
            dead = (PostState.REJECTED, PostState.CANCELED)
            if stored and all(post.state in dead and post.partner_id is None for post in stored):
                await self.kit.store.record([Write(free_keys=(accepted.event_id,))])
                [accepted] = await self.kit.store.accept([acceptance], now)
        return accepted

    async def _current(self, accepted: Accepted, made: Sequence[Post]) -> tuple[Post, ...]:
        if not accepted.duplicate:
            return tuple(made)
        stored = await self.kit.store.posts(accepted.post_ids)
        return tuple(stored[post_id] for post_id in accepted.post_ids if post_id in stored)

    def _refuse_when_full(self) -> None:
        """Overload is refused, not swallowed."""
        if self.load.draining:
            raise Problem(503, "draining", "This process is stopping. Send the request again.", retry_after=_COME_BACK)
        if self.load.queue >= self.limits.queue:
            detail = f"{self.load.queue} commands and deliveries wait; the limit is {self.limits.queue}. Try later."
            raise Problem(429, "queue_full", detail, retry_after=timedelta(seconds=30))
        if self.load.free is not None and self.load.free < self.limits.free_disk:
            detail = "The disk of the database is nearly full. Free some space, or lower limits.free_disk."
            raise Problem(503, "disk_full", detail, retry_after=timedelta(seconds=60))

    def _plan(self, verified: Verified, parsed: Parsed, request: PublishRequest) -> Acceptance:
        """Make everything that an event causes.

        Raises:
            Problem: 403 for accounts that this sender may not use, 422 with every fault, 503 when accounts were never
                read.
        """
        event = self._event(verified, parsed, request)
        wanted, faults = self._wanted(verified, request)
        content, more = fill_caption(request.content, self.rules.caption)
        faults += more
        step = Step(self.kit.moment())
        warnings = [*request.warnings, *_passed(request.scheduled_at, event.received_at)]
        index = 0
        for name in dict.fromkeys(item.partner for item in wanted):
            mine = [item for item in wanted if item.partner == name]
            checked = self.kit.partners[name].check(content, [_account(item) for item in mine], request.scheduled_at)
            faults += checked.faults
            warnings += checked.warnings
            if not faults:
                index = self._posts(step, event, request, content, mine, index=index)
        if faults:
            raise invalid(list(dict.fromkeys(faults)))
        return Acceptance(replace(event, warnings=tuple(warnings)) if warnings else event, step.write())

    def _wanted(self, verified: Verified, request: PublishRequest) -> tuple[list[Wanted], list[Fault]]:
        words = request.accounts if request.accounts is not None else self.rules.accounts
        if not words:
            remedy = "Send `accounts`, or set publish.accounts. GET /v1/accounts lists them."
            return [], [Fault("accounts", "is missing", remedy)]
        directory = self.kit.book.directory
        wanted, faults, refused = resolve(words, directory, verified.accounts)
        if refused:
            detail = f"This token may not publish to {', '.join(refused[:5])}. Ask for it in `tokens[].accounts`."
            raise Problem(
                403,
                "account_not_allowed",
                detail,
                errors=[Fault("accounts", f"{word} is not allowed") for word in refused],
            )
        waiting = len(directory.listed) < len(directory.partners)
        if waiting and any(directory.unread(word, found=bool(directory.find(word))) for word in words):
            detail = "The partner's accounts have not been read yet. Send the request again in a moment."
            raise Problem(503, "accounts_not_read", detail, retry_after=_COME_BACK, errors=faults)
        return wanted, faults

    def _posts(
        self, step: Step, event: Event, request: PublishRequest, content: Json, wanted: Sequence[Wanted], *, index: int
    ) -> int:
        """Add one partner's posts: what can go now, grouped as it needs, and one parked for each idle account."""
        partner = self.kit.partners[wanted[0].partner]
        by_id = {item.id: item for item in wanted}
        active = [_account(item) for item in wanted if item.active]
        groups = (
            [[by_id[account.id] for account in group] for group in partner.split(content, active)] if active else []
        )
        for group in [*groups, *([item] for item in wanted if not item.active)]:
            post = self._post(step, event, request, content, group, index=index)
            if partner.to_host(content, [_account(item) for item in group]):
                post = replace(post, hosted={})
            command = step.add_post(post, step.now)
            if not group[0].active:
                park_for_account(step, command, post, post.targets[0], group[0].account)
            index += 1
        return index

    def _post(
        self, step: Step, event: Event, request: PublishRequest, content: Json, group: Sequence[Wanted], *, index: int
    ) -> Post:
        return Post(
            id=step.moment.new_id("post"),
            event_id=event.id,
            partner=group[0].partner,
            external_id=partner_external_id(request.external_id, event.id, index),
            source=event.source,
            content=content,
            targets=targets(group),
            created_at=step.now,
            changed_at=step.now,
            wanted_at=request.scheduled_at or step.now,
            caller_id=request.external_id,
            correlation=request.correlation,
            scheduled_at=request.scheduled_at,
        )

    def _event(self, verified: Verified, parsed: Parsed, request: PublishRequest) -> Event:
        now = verified.raw.received_at
        key, until = _dedupe_key(parsed, request), None
        if key is None and request.dedupe:
            key, until = f"hash:{request.fingerprint}", now + self.rules.dedupe_window
        return Event(
            id=self.kit.new_id("evt"),
            source=verified.source,
            scope=verified.scope,
            key=key,
            key_until=until,
            fingerprint=request.fingerprint,
            intent=Intent.SCHEDULE if request.scheduled_at else Intent.PUBLISH,
            received_at=now,
            content_type=verified.raw.header("content-type") or "",
            body=verified.raw.body,
            request=request.given,
            external_id=request.external_id,
            object_id=parsed.object_id,
            revision=parsed.revision,
            correlation=request.correlation,
            reply_to=parsed.reply_to,
            traceparent=verified.raw.header("traceparent"),
        )

    def _refused(self, name: str, problem: Problem) -> None:
        outcome = _OUTCOMES.get(problem.status, "invalid")
        self.kit.metrics.event(name, outcome)
        # A name that we do not know may be anything, up to the content itself: it is counted, not logged.
        named = [fault.field.partition(".")[0].partition("[")[0] for fault in problem.errors]
        known = [field for field in named if field in FIELDS]
        log.warning(
            "event.refused",
            source=name,
            outcome=outcome,
            status=problem.status,
            reason=problem.slug,
            fields=known,
            unknown_fields=len(named) - len(known),
        )


_OUTCOMES: dict[int, EventOutcome] = {
    401: "unauthorized", 403: "forbidden", 409: "conflict", 429: "overloaded", 503: "overloaded",
}  # fmt: skip


def _dedupe_key(parsed: Parsed, request: PublishRequest) -> str | None:
    """An explicit key beats the caller's `external_id`."""
    if parsed.key:
        return f"key:{parsed.key}"
    return f"id:{request.external_id}" if request.external_id else None


def _passed(scheduled_at: datetime | None, now: datetime) -> list[Json]:
    """Warn of a schedule that lies in the past."""
    if scheduled_at is None or scheduled_at >= now:
        return []
    text = f"{scheduled_at.isoformat()} has passed; the post goes out at once."
    return [{"field": "scheduled_at", "code": "SCHEDULE_PASSED", "message": text}]


def _account(wanted: Wanted) -> Account:
    """The account as far as it is known; one whose key was never listed has no platform, so few rules apply to it."""
    if wanted.account is not None:
        return wanted.account
    return Account(wanted.partner, wanted.id, "", "", _NEVER, _NEVER)


_NEVER = datetime.fromtimestamp(0, UTC)
