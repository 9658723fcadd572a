"""Adopt: posts that were not sent through us -> posts that are watched, each durably and once."""

import asyncio
from collections.abc import Sequence

from bridge.core.adopting import adopt, is_worth_watching, may_be_ours
from bridge.core.errors import StoreBusy
from bridge.core.model import ADOPTED, Post, Stranger
from bridge.core.rules import RetryRules, WatchRules
from bridge.core.step import Step, World
from bridge.core.transitions import Watching
from bridge.flows import TRIES, Kit, log
from bridge.ports import Acceptance, Partner


class Adopter:
    """Makes posts of strangers."""

    def __init__(self, kit: Kit, watch: WatchRules, retry: RetryRules) -> None:
        self.kit, self.watch, self.retry = kit, watch, retry

    async def adopt(self, partner: Partner, strangers: Sequence[Stranger]) -> bool:
        """Adopt those that are none of ours; False when some must be looked at again before the cursor passes them.

        What is in doubt is read before what is known: a create that is settled in between is then seen as ours.
        """
        unsure = [item.post for item in await self.kit.store.unsure(partner.name)]
        known = await self.kit.store.post_ids(partner.name, [one.snapshot.partner_id for one in strangers])
        new = [one for one in strangers if one.snapshot.partner_id not in known and is_worth_watching(one)]
        if not new:
            return True
        world = await self.kit.world()
        answers = await asyncio.gather(*(self._adopt(partner, stranger, unsure, world) for stranger in new))
        return all(answers)

    async def _adopt(self, partner: Partner, stranger: Stranger, unsure: Sequence[Post], world: World) -> bool:
        """Adopt one; what came in between (an account of it changed, another replica adopts it) is looked at anew."""
        rules = Watching(self.watch, self.retry, partner.judge, partner.breaker)
        for _ in range(TRIES):
            step = Step(self.kit.moment(), world)
            if may_be_ours(step, stranger, unsure):
                log.info("watch.adoption_put_off", partner=partner.name, partner_id=stranger.snapshot.partner_id)
                return False
            event = adopt(step, partner.name, stranger, self.kit.book.directory.name_of, rules)
            await self.kit.explain([step])
            acceptance = Acceptance(event, step.write())
            try:
                [accepted] = await self.kit.store.accept([acceptance], step.now)
            except StoreBusy:
                if await self.kit.store.post_id(partner.name, stranger.snapshot.partner_id):
                    return True
                world = await self.kit.world()
                continue
            if not accepted.duplicate:
                await self._report(acceptance)
            return True
        return False

    async def _report(self, acceptance: Acceptance) -> None:
        [post] = acceptance.write.posts
        self.kit.metrics.event(ADOPTED, "accepted")
        await self.kit.note([acceptance.write])
        log.info("post.adopted", post_id=post.id, partner=post.partner, partner_id=post.partner_id, state=post.state)
