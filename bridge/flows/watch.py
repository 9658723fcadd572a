"""Watch: partner state -> snapshots and listings -> transitions, told in the transaction that records them."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from bridge.core.accounts import may_read, note_failure, observe_listing
from bridge.core.errors import Conflict, FailureReason, PartnerError
from bridge.core.model import Key, Post, PostState, Snapshot
from bridge.core.retry import Choice
from bridge.core.rules import PublishRules, RetryRules, WatchRules
from bridge.core.step import Step
from bridge.core.transitions import Watching, observe
from bridge.flows import Kit, log
from bridge.ports import Partner, Reading

READS = 20
"""Calls that one tick of one key may spend."""

MOST = 500
"""Posts that one tick of one key looks at."""


_NOT_FOUND = FailureReason.NOT_FOUND


class Watcher:
    """Reads posts and accounts of every key and records what changed."""

    def __init__(self, kit: Kit, rules: PublishRules, watch: WatchRules, retry: RetryRules) -> None:
        self.kit, self.rules, self.watch, self.retry = kit, rules, watch, retry
        self._twins: set[frozenset[str]] = set()

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
                self.kit.partners[name].hold(key.held_until)

    async def posts(self) -> None:
        """One tick: read the posts that are due, key by key, all keys at once."""
        await asyncio.gather(*(self._posts(partner) for partner in self.kit.partners.values()))

    async def _posts(self, partner: Partner) -> None:
        now = self.kit.clock()
        key = (await self.kit.store.keys()).get(partner.name)
        if key is None or not may_read(key, now):
            return
        due = await self.kit.store.tracked(partner.name, now, MOST)
        if due:
            try:
                reading = await partner.read(due, key.cursor, READS, known=partial(self._known, partner.name))
                reading = await self._believed(partner, reading)
            except PartnerError as error:
                await self._failed(partner, error, "posts")
                return
            await self._record(partner, due, reading)
        self.kit.metrics.polled(partner.name, "posts", self.kit.clock())

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

    async def _record(self, partner: Partner, due: Sequence[Post], reading: Reading) -> None:
        """Record every snapshot in a step of its own; those whose rows changed meanwhile are decided anew."""
        ids = {post.partner_id: post.id for post in due}
        seen = [snapshot for snapshot in reading.snapshots if snapshot.partner_id in ids]
        world, moment = await self.kit.world(), self.kit.moment()
        posts = await self.kit.store.posts(ids.values())
        steps = []
        for snapshot in seen:
            step = Step(moment, world)
            self._observe(step, partner, posts[ids[snapshot.partner_id]], snapshot)
            steps.append(step)
        for snapshot, kept in zip(seen, await self.kit.record_all(steps), strict=True):
            if not kept:
                await self._again(partner, ids[snapshot.partner_id], snapshot)
        if reading.failed or reading.cursor is not None:
            await self._put_off(partner, reading, {pid: ids[pid] for pid in reading.failed if pid in ids})

    def _observe(self, step: Step, partner: Partner, post: Post, snapshot: Snapshot) -> None:
        before = {target.account: target.choice for target in post.targets}
        if not observe(step, post, snapshot, Watching(self.watch, self.retry, partner.judge, partner.breaker)):
            step.edit(post, poll_at=step.now + self.watch.first_poll)
            return
        for target in step.see(post).targets:
            if target.choice and target.choice != before.get(target.account):
                self.kit.metrics.retry_decided(Choice(target.choice))

    async def _again(self, partner: Partner, post_id: str, snapshot: Snapshot) -> None:
        try:
            await self.kit.step(lambda step, posts: self._observe(step, partner, posts[post_id], snapshot), [post_id])
        except Conflict:
            log.warning("watch.put_off", post_id=post_id, partner=partner.name)

    async def _put_off(self, partner: Partner, reading: Reading, failed: Mapping[str, str]) -> None:
        """Keep the cursor, and do not let posts whose read failed crowd out the others."""

        def decide(step: Step, posts: Mapping[str, Post]) -> None:
            for post in posts.values():
                step.edit(post, poll_at=step.now + self.watch.first_poll)
            key = step.world.keys[partner.name]
            if reading.cursor is not None and reading.cursor != key.cursor:
                step.edit(key, cursor=reading.cursor)

        for partner_id, reason in reading.failed.items():
            log.warning("watch.read_failed", partner=partner.name, partner_id=partner_id, reason=reason)
        await self.kit.step(decide, list(failed.values()))

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
