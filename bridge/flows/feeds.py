"""Feeds: a source's feed -> what its hook missed -> events and posts, as if they had been sent.

An entry is taken one by one, each in a transaction that also notes its object, so a sweep that is cut short neither
repeats nor loses any: what proves to the server that we have the feed is stored only once all of it was dealt with.
"""

import asyncio
import time
import zlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol, get_args
from urllib.parse import urljoin

import orjson

from bridge.core.errors import Conflict, FailureReason, Problem, StoreError
from bridge.core.hook_rules import HookRules
from bridge.core.media import place
from bridge.core.model import FeedState, Item, Post, PostState, SourceObject, Write
from bridge.core.retry import parse_retry_after
from bridge.core.step import Step, source_cause
from bridge.core.sweeping import (
    Document,
    FeedError,
    Sweep,
    begin,
    decide,
    is_due,
    lately,
    longest_pause,
    names,
    noted,
    pause,
    refusal,
)
from bridge.flows import TRIES, Kit, log
from bridge.metrics import FeedEntry, FeedSwept
from bridge.net import GuardedClient, NetError, Reply

MOST_BYTES = 5_000_000
MOST_REDIRECTS = 3
AT_ONCE = 4
"""How many feeds are swept at the same time."""

_LEASE_S = 90.0
"""For how long a feed is left alone when whoever swept it died; a version on its row keeps two from ending both."""
_MOVED = frozenset({301, 302, 303, 307, 308})
_WANTED = "application/feed+json, application/atom+xml, application/rss+xml, application/xml;q=0.9, */*;q=0.1"
_WORDS: tuple[FeedEntry, ...] = get_args(FeedEntry)

Parse = Callable[[bytes, str, str], Document]
"""Reads a feed, given its bytes, their content type and its address; raises `Problem`. It runs in a thread."""


class Taken(Protocol):
    """What became of one item."""

    @property
    def posts(self) -> Sequence[Post]:
        """The posts that it made or had made."""
        ...


class Take(Protocol):
    """Takes items of a source as if they had been sent to it, see `bridge.flows.ingest`."""

    async def __call__(
        self, source_name: str, items: Sequence[Item], *, body: bytes, content_type: str, park_for: str = ""
    ) -> Sequence[Taken]:
        """Take items; what they make waits for the cause `park_for`, if there is one."""
        ...


@dataclass(frozen=True, slots=True)
class Followed:
    """A source with a feed; `hooked`: it also pushes, and its feed is for what is missed."""

    name: str
    rules: HookRules
    hooked: bool

    @property
    def url(self) -> str:
        """The address of the feed."""
        return self.rules.feed or ""


@dataclass(frozen=True, slots=True)
class _Answer:
    """The answer to a request for a feed; `document` is None where it says that nothing has changed."""

    document: Document | None
    etag: str = ""
    modified: str = ""


class Feeds:
    """Sweeps the feeds that are due.

    Args:
        kit: what flows work with.
        client: the guarded client, open.
        feeds: the sources that have one.
        take: hands entries to ingest.
        parse: reads what a server answers.
        timeout_s: how long a server may take, with every redirect, up to the last byte.
    """

    def __init__(
        self,
        kit: Kit,
        client: GuardedClient,
        feeds: Sequence[Followed],
        take: Take,
        parse: Parse,
        *,
        timeout_s: float = 60.0,
    ) -> None:
        self.kit, self.client, self.take, self.parse, self._timeout_s = kit, client, take, parse, timeout_s
        self.feeds: Mapping[str, Followed] = {feed.name: feed for feed in feeds}
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def tick(self) -> None:
        """Sweep every feed that is due."""
        states = await self.kit.store.feeds() if self.feeds else {}
        now = self.kit.clock()
        due = [
            feed
            for feed in self.feeds.values()
            if is_due(begin(states.get(feed.name), feed.name, feed.url), feed.rules, now)
        ]
        await asyncio.gather(*(self._alone(feed) for feed in due))

    async def _alone(self, feed: Followed) -> None:
        """Sweep a feed while no other process does; one that failed keeps everybody out until its pause is over."""
        lease, holder = f"feed:{feed.name}", self.kit.new_id("sweep")
        async with self._turns:
            try:
                longest = longest_pause(feed.rules).total_seconds()
                if await self.kit.store.lease(lease, holder, _LEASE_S, longest=longest):
                    rest = await self._sweep(feed)
                    await self.kit.store.lease(lease, holder, rest.total_seconds(), longest=longest)
            except StoreError as error:
                log.warning("feed.not_swept", source=feed.name, error=str(error))

    async def _sweep(self, feed: Followed) -> timedelta:
        """Read a feed and settle what came of it; answers how long it is to be left alone beyond its turn."""
        started, counts = time.perf_counter(), Counter[str]()
        state = begin((await self.kit.store.feeds()).get(feed.name), feed.name, feed.url)
        if not is_due(state, feed.rules, self.kit.clock()):
            return timedelta()
        failed: FeedError | None = None
        outcome: FeedSwept = "ok"
        try:
            answer = await self._read(feed, state)
            outcome = "ok" if answer.document is not None else "unchanged"
            await self._settle(feed, state, answer, counts)
        except FeedError as error:
            failed = error
        except (StoreError, Conflict) as error:
            failed = FeedError(FailureReason.INTERNAL, str(error), ours=True)
        except Exception as error:  # noqa: BLE001  # The outermost step: one feed must not keep the others from theirs.
            log.exception("feed.failed", source=feed.name)
            failed = FeedError(FailureReason.INTERNAL, type(error).__name__)
        for word in _WORDS:
            if counts[word]:
                self.kit.metrics.feed_entry(feed.name, word, counts[word])
        facts = {"source": feed.name, **counts, "seconds": round(time.perf_counter() - started, 3)}
        if failed is not None:
            return await self._failed(feed, failed, facts)
        self.kit.metrics.feed_swept(feed.name, outcome)
        log.info("feed.swept", outcome=outcome, **facts)
        return timedelta()

    async def _failed(self, feed: Followed, error: FeedError, facts: Mapping[str, object]) -> timedelta:
        """Note that a sweep failed, over the row as it stands now; answers how long the feed is left alone."""
        self.kit.metrics.feed_swept(feed.name, "failed")
        state = begin((await self.kit.store.feeds()).get(feed.name), feed.name, feed.url)
        failures = state.failures + (0 if error.ours else 1)
        rest = pause(error, failures, feed.rules)
        told = {"reason": error.reason, "detail": error.detail, "failures": failures}
        log.warning("feed.swept", outcome="failed", **told, next_in_s=round(rest.total_seconds()), **facts)
        await self.kit.store.record([_write(state, failures=failures, detail=str(error)[:500])])
        return rest

    async def _read(self, feed: Followed, state: FeedState) -> _Answer:
        """Ask for a feed.

        Raises:
            FeedError: there was no answer, or none that is a feed.
        """
        headers = {"Accept": _WANTED}
        if state.etag:
            headers["If-None-Match"] = state.etag
        if state.modified:
            headers["If-Modified-Since"] = state.modified
        try:
            async with asyncio.timeout(self._timeout_s):
                url, reply = await self._follow(feed.url, headers)
        except TimeoutError:
            detail = f"{place(feed.url)} took longer than {self._timeout_s:g} s"
            raise FeedError(FailureReason.TIMEOUT, detail) from None
        if reply.status == 304:
            return _Answer(None, state.etag, state.modified)
        if reply.status != 200:
            asked = parse_retry_after(reply.headers.get("Retry-After"), self.kit.clock())
            raise refusal(reply.status, place(url), asked)
        try:
            document = await asyncio.to_thread(self._parsed, url, reply)
        except Problem as problem:
            raise FeedError(FailureReason.UNREADABLE, f"{place(url)}: {problem.detail}") from problem
        return _Answer(document, reply.headers.get("ETag", ""), reply.headers.get("Last-Modified", ""))

    async def _follow(self, url: str, headers: Mapping[str, str]) -> tuple[str, Reply]:
        """GET an address, and those it redirects to; the client refuses each that it may not reach."""
        for _ in range(MOST_REDIRECTS + 1):
            try:
                reply = await self.client.request(
                    "GET", url, headers=headers, timeout_s=self._timeout_s, most=MOST_BYTES + 1
                )
                if reply.status not in _MOVED:
                    return url, reply
                url = urljoin(url, reply.headers["Location"])
            except NetError as error:
                told = f"{place(url)}: {error.detail}" if error.detail else place(url)
                raise FeedError(error.reason, told) from error
            except (KeyError, ValueError) as error:
                raise FeedError(FailureReason.REDIRECT, f"{place(url)} redirects to what is no address") from error
        raise FeedError(FailureReason.REDIRECT, f"more than {MOST_REDIRECTS} redirects, last to {place(url)}")

    def _parsed(self, url: str, reply: Reply) -> Document:
        body = reply.body
        if reply.headers.get("Content-Encoding", "identity") in ("gzip", "x-gzip", "deflate"):
            # Nothing packed was asked for, but some servers have nothing else.
            body = _unpacked(body)
        if len(body) > MOST_BYTES:
            raise Problem(413, "too_large", f"The feed has more than {MOST_BYTES} bytes. Let it show fewer entries.")
        return self.parse(body, reply.headers.get("Content-Type", ""), url)

    async def _settle(self, feed: Followed, state: FeedState, answer: _Answer, counts: "Counter[str]") -> None:
        """Deal with all entries, then store that the feed was swept; `counts` says what became of them."""
        if answer.document is None:
            await self._end(feed, state, answer, ())
            return
        items, now = answer.document.items, self.kit.clock()
        known = await self.kit.store.objects(feed.name, _names(items, feed.rules))
        sweep = decide(state, items, known, feed.rules, now=now, hooked=feed.hooked)
        counts.update({**sweep.outcomes, "entries": len(items), "unnamed": answer.document.skipped})
        state, handled = await self._post(feed, state, sweep, counts)
        if counts["waits"] or counts["failed"]:
            # They are looked at again, so the server must not say that nothing has changed.
            answer = replace(answer, etag="", modified="")
        seen = {row.id for row in known}
        told = [item for item in items if not seen.isdisjoint(names(item, feed.rules))]
        await self._end(feed, state, answer, (*sweep.noted, *handled, *told))

    async def _post(
        self, feed: Followed, state: FeedState, sweep: Sweep, counts: "Counter[str]"
    ) -> tuple[FeedState, list[Item]]:
        """Hand entries to ingest, one by one; those beyond the brake make posts that wait for a person.

        Where each post is approved a brake would only ask twice.

        Raises:
            FeedError: nothing can be stored just now.
        """
        room, handled = sweep.room if feed.rules.approve is None else len(sweep.posts), []
        for item in sweep.posts:
            if room == 0:
                await self._brake(feed, len(sweep.posts))
            made = await self._taken(feed, item, source_cause(feed.name) if room == 0 else "")
            if made is None:
                counts["failed"] += 1
                continue
            handled.append(item)
            counts["left_out" if not made else "posted" if room else "braked"] += 1
            if made and room:
                # Stored at once: a process that dies again and again does not begin to count anew.
                now, room = self.kit.clock(), room - 1
                state = await self._save(state, sent=(*lately(state, now), now.isoformat()))
        return state, handled

    async def _taken(self, feed: Followed, item: Item, cause: str) -> bool | None:
        """Take one entry, and say whether anything is posted for it; None: it was refused."""
        try:
            answers = await self.take(
                feed.name, [item], body=orjson.dumps(item.raw), content_type="application/json", park_for=cause
            )
        except Problem as problem:
            if problem.status in (429, 503):
                detail = f"{problem.slug}: {problem.detail}"
                wait = problem.retry_after
                raise FeedError(FailureReason.INTERNAL, detail, retry_after=wait, ours=True) from problem
            log.warning("feed.entry_failed", source=feed.name, object_id=item.object_id, reason=problem.slug)
            return None
        return any(post.state is not PostState.REJECTED for answer in answers for post in answer.posts)

    async def _brake(self, feed: Followed, new: int) -> None:
        """Open the cause before anything waits for it: work whose cause is not open would go."""
        cause = source_cause(feed.name)
        detail = f"{new} entries of the feed of {feed.name} are new; sources.{feed.name}.brake lets {feed.rules.brake}"

        def opened(step: Step, _: Mapping[str, Post]) -> None:
            step.open_cause(cause, "", FailureReason.BRAKE, f"{detail} an hour go by themselves")

        await self.kit.step(opened)

    async def _end(self, feed: Followed, state: FeedState, answer: _Answer, items: Sequence[Item]) -> None:
        """Note every entry that was dealt with, by all its names, and that the feed was swept, in one go.

        What is known by its address alone would be new again once its address changes.
        """
        for _ in range(TRIES):
            stored = await self.kit.store.objects(feed.name, _names(items, feed.rules)) if items else []
            known, now, objects = {row.id: row for row in stored}, self.kit.clock(), list[SourceObject]()
            for item in items:
                added = noted(feed.name, item, names(item, feed.rules), known, now)
                known |= {row.id: row for row in added}
                objects += added
            ended = {"swept_at": now, "failures": 0, "detail": ""}
            write = _write(state, etag=answer.etag, modified=answer.modified, **ended)
            [kept] = await self.kit.counted(self.kit.store.record([replace(write, objects=tuple(objects))]))
            if kept:
                return
        raise Conflict(f"the feed of {feed.name} or its objects changed {TRIES} times")

    async def _save(self, state: FeedState, **changes: object) -> FeedState:
        write = _write(state, **changes)
        [kept] = await self.kit.counted(self.kit.store.record([write]))
        if not kept:
            raise Conflict(f"another process sweeps the feed of {state.source}")
        return write.feeds[0]


def _write(state: FeedState, **changes: object) -> Write:
    return Write(feeds=(replace(state, version=state.version + 1, **changes),))  # type: ignore[arg-type]  # Its fields.


def _names(items: Sequence[Item], rules: HookRules) -> list[str]:
    return sorted({name for item in items for name in names(item, rules)})


def _unpacked(body: bytes) -> bytes:
    """Unpack gzip or deflate, no further than one byte more than is taken.

    Raises:
        Problem: it is neither.
    """
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 32).decompress(body, MOST_BYTES + 1)
    except zlib.error as error:
        raise Problem(400, "invalid_feed", "The feed says that it is packed, and is not.") from error
