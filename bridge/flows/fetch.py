"""Fetch: media that a partner cannot take from their address -> downloaded, converted, stored with the partner.

One file a claim: what is stored is written down before the next one is looked at, so that a crash costs one file at
most. That one is stored again, where the process ended after the partner had it and before that was written down.
"""

import asyncio
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import BinaryIO

from bridge.core import fetching, media, restoring
from bridge.core.errors import Conflict, FailureClass, FailureReason, MediaError, PartnerError, StoreError
from bridge.core.lanes import Bounds, Lanes
from bridge.core.model import Account, Command, Hosted, Post, Receipt
from bridge.core.publishing import ended_attempt, fail, prepare
from bridge.core.rules import MediaRules, PublishRules, WatchRules
from bridge.core.step import Step, current
from bridge.downloads import download
from bridge.flows import TRIES, Kit, log
from bridge.images import Converted, convert
from bridge.net import GuardedClient
from bridge.ports import ClaimedCommand, Find, MediaFile, Partner

LONGEST_S = 270.0
"""How long one file may take altogether, so that it ends before the lease of its command does."""
PER_HOST = 2
"""How many files of one host are under way at a time, so that a slow one does not keep all others waiting."""

Access = Callable[[str, str], Mapping[str, str]]
"""Returns the headers that an address of media is read with, given the source of its post."""

Decide = Callable[[Step, Command, Post, Sequence[Command]], None]


def _openly(_source: str, _url: str) -> Mapping[str, str]:
    return {}


class Fetcher:
    """Brings the files of posts to their partners. `access` reads those that are private to a source."""

    def __init__(
        self,
        kit: Kit,
        client: GuardedClient,
        rules: MediaRules,
        publish: PublishRules,
        watch: WatchRules,
        *,
        access: Access = _openly,
    ) -> None:
        self.access = access
        self.kit, self.client, self.rules, self.publish, self.watch = kit, client, rules, publish, watch
        self._lanes: Lanes[Command] = Lanes()
        # One image at a time: a large one decoded takes some hundred megabytes.
        self._converting = asyncio.Lock()

    async def act(self, claimed: ClaimedCommand) -> Command | None:
        """Take a fetch as far as it goes now: one file; None when there is nothing to report."""
        command, post = claimed.command, claimed.post
        step = Step(self.kit.moment(), await self.kit.world())
        if restoring.is_of_copy(command) and restoring.judge_fetch(
            step, command, post, await self.kit.store.commands(post.id)
        ):
            return step.see(command) if await self.kit.record(step) else None
        if not prepare(step, command, post, self.publish):
            fetching.follow(step, command, post, await self.kit.store.commands(post.id))
            return step.see(command) if await self.kit.record(step) else None
        missing = fetching.missing(command, self._needs(step, command, post))
        if fetching.has_ended(post) or not missing:
            return await self._settle(command, self._look)
        if (handle := fetching.waiting_for(command, missing[0])) is not None:
            return await self._after(command, missing[0], await self._asked(command, missing[0], handle), None)
        if (stored := await self._shared(post, missing[0])) is not None:
            return await self._after(command, missing[0], stored, None)
        try:
            fetching.refuse_if_lost(command, missing[0])
        except MediaError as error:
            return await self._after(command, missing[0], fetching.as_refusal(error), None)
        return await self._next(step, command, post, missing[0])

    async def _next(self, step: Step, command: Command, post: Post, url: str) -> Command | None:
        """Have a file stored, or stand in line while it, or enough others, are under way."""
        asks = self._asks(command, url)
        bounds = self._bounds(command, url, asks=asks)
        if not self._lanes.enter(command.id, bounds):
            await self._wait(step, command, bounds)
            return None
        try:
            fetching.begin(step, command, url)
            [begun] = step.write().commands
            if not await self.kit.record(step):
                return None
            partner, video = self.kit.partners[command.partner], media.is_video(fetching.source(command, post))
            work = self._ask(partner, url) if asks else self._bring(partner, post.source, url, video=video)
            return await self._after(begun, url, await self._tried(url, work), step.now)
        finally:
            self._lanes.leave(bounds)
            await self._call()

    def _asks(self, command: Command, url: str) -> bool:
        """Say whether the partner may fetch a file itself and was not asked yet."""
        fetches = self.kit.partners[command.partner].fetches
        return fetches and not media.is_private(url) and not fetching.is_to_bring(command, url)

    def _bounds(self, command: Command, url: str, *, asks: bool) -> Bounds:
        """Say what a file needs a place in: what partners fetch takes none of the downloads'.

        What may have ended the process goes alone among its like, or one such file would take others along.
        """
        way = "asked" if asks else "brought"
        bounds = {("file", command.partner, url): 1, (way,): self.rules.concurrency, (way, media.place(url)): PER_HOST}
        return {**bounds, ("lost",): 1} if fetching.was_lost(command, url) else bounds

    async def _wait(self, step: Step, command: Command, bounds: Bounds) -> None:
        """Put a fetch off until it is called."""
        fetching.stand_in_line(step, command, len(self._lanes))
        [later] = step.write().commands
        if await self.kit.record(step):
            # Not before it is written: who is called could else be refused as out of date, and be out of the line.
            self._lanes.wait(command.id, bounds, later)
            # A place may have become free while that was written.
            await self._call()

    async def _call(self) -> None:
        """Let those go that there is room for now; what cannot be told looks by itself."""
        try:
            while called := self._lanes.called():
                steps = [Step(self.kit.moment()) for _ in called]
                for step, command in zip(steps, called, strict=True):
                    step.edit(command, due_at=step.now)
                if all(await self.kit.record_all(steps)):
                    return
        except StoreError as error:
            log.warning("fetch.not_called", error=str(error))

    async def _shared(self, post: Post, url: str) -> Hosted | None:
        """Look whether another post of the same event had the file stored: what a key stores all its posts may name."""
        others = await self.kit.store.find_posts(Find(event_id=post.event_id, partner=post.partner))
        handles = (one.hosted[url] for one in others if one.hosted and url in one.hosted)
        return next((Hosted(handle) for handle in handles), None)

    def _needs(self, step: Step, command: Command, post: Post) -> Sequence[str]:
        """Return the addresses that must be stored for a fetch to be over."""
        found = (current(step.world.accounts, post.partner, target.account) for target in post.targets)
        accounts: list[Account] = [account for account in found if account is not None]
        refused = bool(command.payload.get("refused"))
        return self.kit.partners[post.partner].to_host(fetching.source(command, post), accounts, refused=refused)

    async def _asked(self, command: Command, url: str, handle: str) -> Hosted | PartnerError:
        """Look at a file that the partner has and was not done with."""
        try:
            hosted = await self.kit.partners[command.partner].hosted(handle)
            if not hosted.ready:
                fetching.refuse_if_stuck(command, url, self.kit.clock())
        except MediaError as error:
            return fetching.as_refusal(error)
        except PartnerError as error:
            return error
        return hosted

    async def _tried(self, url: str, work: Awaitable[Hosted | None]) -> Hosted | PartnerError | None:
        """Await the work on one file, and say why it failed if it did."""
        try:
            async with asyncio.timeout(LONGEST_S):
                return await work
        except MediaError as error:
            return fetching.as_refusal(error)
        except PartnerError as error:
            return error
        except TimeoutError:
            detail = f"the file from {media.place(url)} took longer than {LONGEST_S:g} s"
            return PartnerError(FailureReason.MEDIA_UNREACHABLE, FailureClass.RETRYABLE, detail=detail)
        except OSError as error:
            detail = f"no place for the file here: {error.strerror}"
            return PartnerError(FailureReason.INTERNAL, FailureClass.RETRYABLE, detail=detail)

    async def _ask(self, partner: Partner, url: str) -> Hosted | None:
        """Let the partner fetch a file itself; None when it cannot.

        Raises:
            PartnerError: it refused, and not because of the file.
        """
        try:
            return await partner.host_url(url)
        except PartnerError as error:
            if error.reason is not FailureReason.MEDIA_UNREACHABLE:
                raise
            return None

    async def _bring(self, partner: Partner, source: str, url: str, *, video: bool) -> Hosted:
        """Download a file of a source's post and store it with the partner.

        Raises:
            MediaError: it cannot be had, or is nothing that the partner takes.
            PartnerError: the partner refused it.
        """
        with ExitStack() as files:
            file: BinaryIO = files.enter_context(tempfile.TemporaryFile())
            return await partner.host(
                await self._file(partner, url, file, files, video=video, headers=self.access(source, url))
            )

    async def _file(
        self,
        partner: Partner,
        url: str,
        file: BinaryIO,
        files: ExitStack,
        *,
        video: bool,
        headers: Mapping[str, str],
    ) -> MediaFile:
        """Download a file, and make of it what the partner takes."""
        most, rules = partner.limits.most, self.rules
        largest = max((size for kind, size in most.items() if kind.startswith("video/")), default=0)
        limit = min(rules.max_video, largest) if video else rules.max_image
        seconds = rules.timeout.total_seconds()
        size = await download(self.client, url, file, max_bytes=limit, timeout_s=seconds, headers=headers)
        kind = media.sniff(file.read(media.HEAD))
        file.seek(0)
        if kind is None or kind.startswith("video/") is not video:
            wanted = "a video" if video else "an image"
            raise MediaError(FailureReason.MEDIA_INVALID, f"the file from {media.place(url)} is not {wanted}")
        if size <= most.get(kind, 0):
            return MediaFile(file, size, kind, media.filename(url, kind))
        if video and kind in most:
            raise MediaError(FailureReason.MEDIA_TOO_LARGE, f"the partner takes {kind} up to {most[kind]} bytes")
        if video:
            raise MediaError(FailureReason.MEDIA_INVALID, f"the partner does not take {kind}")
        made = await self._converted(file, most)
        files.callback(made.stream.close)
        return MediaFile(made.stream, made.size, made.content_type, media.filename(url, made.content_type))

    async def _converted(self, file: BinaryIO, most: Mapping[str, int]) -> Converted:
        """Convert an image when its turn comes. The turn lasts until the thread ends, which nothing can cut short."""
        await self._converting.acquire()
        work = asyncio.ensure_future(asyncio.to_thread(convert, file, most, max_pixels=self.rules.max_pixels))
        work.add_done_callback(lambda _: self._converting.release())
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            work.add_done_callback(_thrown_away)
            raise

    async def _after(
        self, command: Command, url: str, result: Hosted | PartnerError | None, began: datetime | None
    ) -> Command:
        """Settle what became of one file, over the post as it is now; `began` is when an attempt was begun.

        Without a result the partner was to fetch it and did not, so it is brought next.
        """

        def decide(step: Step, command: Command, post: Post, commands: Sequence[Command]) -> None:
            if began is not None:
                step.attempt(ended_attempt(command, step.now, _said(result), began))
                command = fetching.ended(step, command)
            else:
                command = step.edit(command, attempts=command.attempts + 1)
            if result is None:
                fetching.bring_next(step, command, url)
            elif isinstance(result, Hosted):
                self._look(step, fetching.stored(step, command, url, result), post, commands)
            elif fetching.has_ended(post) or url not in self._needs(step, command, post):
                fetching.again(step, command)
            else:
                fail(step, command, post, result, self.publish, watch=self.watch)
                fetching.follow(step, command, post, commands)

        settled = await self._settle(command, decide)
        if isinstance(result, PartnerError) and result.retry_after is not None:
            self.kit.partners[command.partner].hold(self.kit.clock() + result.retry_after)
        return settled

    def _look(self, step: Step, command: Command, post: Post, commands: Sequence[Command]) -> None:
        """End the fetch when its post has what it needs now, or needs nothing any more."""
        needs = self._needs(step, command, post)
        if not needs and command.payload.get("refused") and not fetching.has_ended(post):
            detail = "the partner cannot use the media's addresses, nor be brought the files"
            error = PartnerError(FailureReason.MEDIA_UNREACHABLE, FailureClass.TERMINAL, detail=detail)
            fail(step, command, post, error, self.publish, watch=self.watch)
            fetching.follow(step, command, post, commands)
        elif fetching.has_ended(post) or not fetching.missing(command, needs):
            fetching.complete(step, command, post, commands)

    async def _settle(self, command: Command, decide: Decide) -> Command:
        """Record a decision over the rows as they are now.

        Raises:
            Conflict: they changed each time, or the claim is no longer ours.
        """
        for _ in range(TRIES):
            commands = await self.kit.store.commands(command.post_id)
            step = Step(self.kit.moment(), await self.kit.world())
            post = (await self.kit.store.posts([command.post_id]))[command.post_id]
            decide(step, command, post, commands)
            if await self.kit.record(step):
                return step.see(command)
        raise Conflict(f"gave up after {TRIES} tries")


def _said(result: Hosted | PartnerError | None) -> Receipt | PartnerError:
    """Return what the attempt shows; a handle may be an address with a signature, so it is not shown."""
    if isinstance(result, PartnerError):
        return result
    return Receipt(None, raw_status="not fetched" if result is None else "stored" if result.ready else "processing")


def _thrown_away(work: asyncio.Future[Converted]) -> None:
    """Close what a conversion made that nobody waits for any more."""
    if not work.cancelled() and work.exception() is None:
        work.result().stream.close()
