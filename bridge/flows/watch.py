"""Watch: partner state -> snapshots and listings -> transitions, told in the transaction that records them."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bridge.core.accounts import may_read, note_failure, observe_listing
from bridge.core.errors import Conflict, FailureReason, PartnerError, StoreError
from bridge.core.model import Key, Post, PostState, Snapshot, Stranger
from bridge.core.retry import Choice
from bridge.core.rules import PublishRules, RetryRules, WatchRules
from bridge.core.step import Step
from bridge.core.transitions import Watching, observe, unchanged
from bridge.flows import Kit, log
from bridge.ports import Hint, Partner, Reading

READS = 20
"""Calls that one tick of one key may spend."""

MOST = 500
"""Posts that one tick of one key looks at."""

Adopt = Callable[[Partner, Sequence[Stranger]], Awaitable[bool]]
"""Takes posts that are not ours; False when some must be shown again."""

_NOT_FOUND = FailureReason.NOT_FOUND


class Watcher:
    """Reads posts and accounts of every key and records what changed; `adopt` takes posts that are not ours."""

    def __init__(
        self, kit: Kit, rules: PublishRules, watch: WatchRules, retry: RetryRules, *, adopt: Adopt | None = None
    ) -> None:
        self.kit, self.rules, self.watch, self.retry, self.adopt = kit, rules, watch, retry, adopt
        self._twins: set[frozenset[str]] = set()
        self._hints: dict[str, Hint] = {}
        self._looking: set[str] = set()
        self._urgent: dict[str, set[str]] = {}

    async def add_keys(self) -> None:
        """Give every configured key its row."""

        def decide(step: Step, _: Mapping[str, Post]) -> None:
            for name, partner in self.kit.partners.items():
                if name not in step.world.keys:
                    step.add(Key(name=name, kind=partner.kind))

        await self.kit.step(decide)
        for name, key in (await self.kit.store.keys()).items():
            if name in self.kit.partners:
                self.kit.metrics.key_blocked(name, key.blocked is not None)
                self.kit.metrics.key_held(name, key.held_until)
                self.kit.partners[name].hold(key.held_until)

    async def posts(self) -> None:
        """One tick: read the posts that are due, key by key, all keys at once."""
        await asyncio.gather(*(self._posts(partner) for partner in self.kit.partners.values()))

    async def _posts(self, partner: Partner, *, asked: bool = False) -> None:
        """Read one key's posts, when some are due; `asked`: there is news that only a sweep finds."""
        now = self.kit.clock()
        key = (await self.kit.store.keys()).get(partner.name)
        if key is None or not may_read(key, now):
            return
        due = await self.kit.store.tracked(partner.name, now, MOST)
        if due or asked or self.adopt is not None or await self._near(partner):
            urgent = frozenset(self._urgent.get(partner.name, ()))
            reads = partner.read(
                due,
                key.cursor,
                READS,
                known=partial(self._known, partner.name),
                adopt=self.adopt is not None,
                urgent=urgent,
            )
            try:
                reading = await self._believed(partner, await reads)
            except PartnerError as error:
                await self._failed(partner, error, "posts")
                return
            await self._record(partner, due, reading, before=key.cursor)
            read = {one.partner_id for one in reading.snapshots} | set(reading.unchanged)
            self._ask_for(partner.name, reading.failed, answered=urgent & read)
        self.kit.metrics.polled(partner.name, "posts", self.kit.clock())

    def _ask_for(self, name: str, partner_ids: Collection[str], *, answered: Collection[str] = ()) -> None:
        """Note of which posts there is news, until a read of them: a sweep that does not show them is not believed."""
        self._urgent[name] = (self._urgent.get(name, set()) - set(answered)) | set(partner_ids)

    async def _near(self, partner: Partner) -> bool:
        """Whether a sweep is worth its one call already: some post is due soon."""
        soon = self.kit.clock() + self.watch.first_poll
        return partner.sweeps and bool(await self.kit.store.tracked(partner.name, soon, 1))

    async def _known(self, name: str, partner_ids: Collection[str]) -> Mapping[str, Post]:
        """Return our posts of a key by the partner's ids."""
        ids = await self.kit.store.post_ids(name, partner_ids)
        posts = await self.kit.store.posts(ids.values())
        return {partner_id: posts[post_id] for partner_id, post_id in ids.items() if post_id in posts}

    async def _believed(self, partner: Partner, reading: Reading) -> Reading:
        """A post is gone only if its key still sees the workspace that it always saw; else its read has failed."""
        gone = [one.partner_id for one in reading.snapshots if one.state is PostState.VANISHED]
        if not gone or await self.listing(partner.name, frozenset()):
            return reading
        shown = tuple(one for one in reading.snapshots if one.partner_id not in gone)
        return replace(reading, snapshots=shown, failed={**reading.failed, **dict.fromkeys(gone, _NOT_FOUND)})

    async def _record(
        self, partner: Partner, due: Sequence[Post], reading: Reading, *, before: str | None = None
    ) -> None:
        """Record what was read, and last of all the cursor: what it stands for must not be lost in between."""
        ids = {post.partner_id: post.id for post in due if post.partner_id is not None}
        swept = ({one.partner_id for one in reading.snapshots} | reading.failed.keys()) - ids.keys()
        shown = ids | (await self.kit.store.post_ids(partner.name, swept) if swept else {})
        whole = await self._snapshots(partner, reading.snapshots, shown)
        whole = await self._strangers(partner, reading.strangers) and whole
        cursor = reading.cursor if whole and reading.cursor != before else None
        await self._rest(partner, replace(reading, cursor=cursor), shown)

    async def _snapshots(self, partner: Partner, shown: Sequence[Snapshot], ids: Mapping[str, str]) -> bool:
        """Record every snapshot in a step of its own; those whose rows changed meanwhile are decided anew.

        False when one could not be recorded or was stale: it must be shown again.
        """
        posts = await self.kit.store.posts(ids.values()) if shown else {}
        seen = [one for one in shown if ids.get(one.partner_id) in posts]
        if not seen:
            return True
        world, moment, steps, decided = await self.kit.world(), self.kit.moment(), [], []
        for snapshot in seen:
            step = Step(moment, world)
            decided.append(self._observe(step, partner, posts[ids[snapshot.partner_id]], snapshot))
            steps.append(step)
        whole = True
        for snapshot, choices, kept in zip(seen, decided, await self.kit.record_all(steps), strict=True):
            made = choices if kept else await self._again(partner, ids[snapshot.partner_id], snapshot)
            for choice in made or ():
                self.kit.metrics.retry_decided(choice)
            whole = whole and made is not None
        return whole

    def _observe(self, step: Step, partner: Partner, post: Post, snapshot: Snapshot) -> list[Choice] | None:
        """Return what was decided about failed targets; None when the read is stale."""
        before = {target.account: target.choice for target in post.targets}
        if not observe(step, post, snapshot, self._watching(partner)):
            step.edit(post, poll_at=step.now + self.watch.first_poll)
            return None
        rows = step.see(post).targets
        return [Choice(row.choice) for row in rows if row.choice and row.choice != before.get(row.account)]

    def _watching(self, partner: Partner) -> Watching:
        return Watching(self.watch, self.retry, partner.judge, partner.breaker)

    async def _again(self, partner: Partner, post_id: str, snapshot: Snapshot) -> list[Choice] | None:
        try:
            return await self.kit.step(
                lambda step, posts: self._observe(step, partner, posts[post_id], snapshot), [post_id]
            )
        except Conflict:
            log.warning("watch.put_off", post_id=post_id, partner=partner.name)
            return None

    async def _strangers(self, partner: Partner, strangers: Sequence[Stranger]) -> bool:
        """Hand posts that are not ours over, unless the key has come to see another workspace: False then."""
        if self.adopt is None or not strangers:
            return True
        known = self.kit.book.directory.accounts
        shown = [[f"{partner.name}:{row.account}" in known for row in one.snapshot.targets] for one in strangers]
        if not all(map(any, shown)) and not await self.listing(partner.name, frozenset()):
            return False
        return await self.adopt(partner, strangers)

    async def _rest(self, partner: Partner, reading: Reading, ids: Mapping[str, str]) -> None:
        """Keep the cursor, and put off what was not read: failures must not crowd out others."""
        failed = {ids[one] for one in reading.failed if one in ids}
        as_before = {ids[one] for one in reading.unchanged if one in ids}
        for partner_id, reason in reading.failed.items():
            log.warning("watch.read_failed", partner=partner.name, partner_id=partner_id, reason=reason)

        def decide(step: Step, posts: Mapping[str, Post]) -> None:
            for post in posts.values():
                if post.id in failed:
                    step.edit(post, poll_at=step.now + self.watch.first_poll)
                elif post.poll_at is not None and post.poll_at <= step.now:
                    unchanged(step, post, self._watching(partner))
            if reading.cursor is not None:
                step.edit(step.world.keys[partner.name], cursor=reading.cursor)

        if not failed and not as_before and reading.cursor is None:
            return
        try:
            await self.kit.step(decide, failed | as_before)
        except Conflict:
            log.warning("watch.cursor_put_off", partner=partner.name)

    async def look(self, hint: Hint) -> None:
        """Look at what a partner says it has news of, now; raises nothing, for the next tick would see it too.

        While one look at a key is under way, further hints wait together for the next.
        """
        name = hint.partner
        if name not in self.kit.partners:
            return
        before = self._hints.get(name, Hint(name))
        self._hints[name] = Hint(name, before.posts + hint.posts, before.accounts + hint.accounts)
        if name in self._looking:
            return
        self._looking.add(name)
        try:
            while (waiting := self._hints.pop(name, None)) is not None:
                await self._look(self.kit.partners[name], waiting)
        finally:
            self._looking.discard(name)

    async def _look(self, partner: Partner, hint: Hint) -> None:
        try:
            if hint.accounts:
                # Its sender is believed no more than that there is news: a miss counts only in the regular listing.
                await self.listing(partner.name, frozenset())
            ours = await self.kit.store.post_ids(partner.name, set(hint.posts))
            if ours:
                self._ask_for(partner.name, ours)
                await self.kit.step(_read_now, ours.values())
            if ours or (hint.posts and self.adopt is not None):
                await self._posts(partner, asked=True)
        except (Conflict, StoreError) as error:
            log.warning("watch.look_put_off", partner=partner.name, error=str(error))
        except Exception:  # noqa: BLE001  # The outermost step: the sender of a hint has been answered already.
            log.exception("watch.look_failed", partner=partner.name)

    async def accounts(self) -> None:
        """One tick: list the accounts of every key; this is also how a blocked key is probed."""
        await asyncio.gather(*(self.listing(name) for name in self.kit.partners))

    async def listing(self, name: str, refused: frozenset[str] | None = None) -> bool:
        """List one key's accounts now; True when that was answered and shows the workspace that it always showed.

        `refused` are ids that the partner has just refused to post to; None is the regular listing.
        """
        partner = self.kit.partners[name]
        key = (await self.kit.store.keys()).get(name)
        if key is None or (key.held_until is not None and key.held_until > self.kit.clock()):
            return False
        if key.blocked is not None:
            partner.hold(None)
        try:
            listing = await partner.accounts()
        except PartnerError as error:
            await self._failed(partner, error, "accounts")
            return False

        def decide(step: Step, _: Mapping[str, Post]) -> bool:
            key = step.world.keys[name]
            observe_listing(step, key, listing, self.watch, refused)
            return step.see(key).blocked is not FailureReason.OTHER_WORKSPACE

        try:
            expected = await self.kit.step(decide)
        except Conflict:
            log.warning("watch.listing_put_off", partner=name)
            return False
        self.kit.metrics.polled(name, "accounts", self.kit.clock())
        await self._warn_of_twins(name)
        return expected

    async def _warn_of_twins(self, name: str) -> None:
        """Say once that two keys see the same workspace: an account id then means either, and both poll it."""
        keys = await self.kit.store.keys()
        mine = keys[name]
        for other in self.kit.partners.keys() - {name}:
            twins = frozenset({name, other})
            if other not in keys or (keys[other].kind, keys[other].scope) != (mine.kind, mine.scope):
                continue
            if twins not in self._twins:
                self._twins.add(twins)
                self.kit.metrics.config_warned()
                first, second = sorted(twins)
                warning = f"partners.{first} and partners.{second} see the same workspace; keep one of the keys"
                log.warning("config.warned", warning=warning)

    async def _failed(self, partner: Partner, error: PartnerError, what: str) -> None:
        """Note a failed read; it says something of the key, and nothing of posts or accounts."""
        level = log.error if error.key_wide else log.warning
        level(
            "watch.failed",
            partner=partner.name,
            what=what,
            reason=error.reason,
            status=error.status,
            detail=error.detail,
        )

        def decide(step: Step, _: Mapping[str, Post]) -> None:
            note_failure(step, step.world.keys[partner.name], error, self.rules, self.watch)

        await self.kit.step(decide)
        if error.retry_after is not None:
            partner.hold(self.kit.clock() + error.retry_after)


def _read_now(step: Step, posts: Mapping[str, Post]) -> None:
    """Let posts be due, if they are not."""
    for post in posts.values():
        if post.poll_at is None or post.poll_at > step.now:
            step.edit(post, poll_at=step.now)
