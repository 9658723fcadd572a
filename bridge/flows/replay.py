"""Replay: what was told is told again, a few a second, by jobs that survive a restart."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from bridge.core import replaying
from bridge.core.errors import Conflict, Problem
from bridge.core.model import Replay, WorkState
from bridge.core.rules import DeliverRules
from bridge.core.step import Step
from bridge.flows import TRIES, Kit, log
from bridge.ports import Find

MOST_JOBS = 100
"""How many jobs share a tick; more wait until one of these has ended."""

_LEASE, _LEASE_S = "replays", 5.0
_BATCH = 500
"""How many deliveries one transaction makes due."""

_BATCHES = 20
"""How many transactions a tick gives one job: what looks through much and finds little must not hold up the others."""


class Replayer:
    """Starts, stops and runs replay jobs; `tick` is to be called once a second, by any number of processes."""

    def __init__(self, kit: Kit, rules: DeliverRules) -> None:
        self.kit, self.rules = kit, rules
        self._holder = kit.new_id("holder")
        self._turn = 0

    async def one(self, delivery_id: str) -> None:
        """Send one settled delivery again, at once.

        Raises:
            Problem: 404 when there is none of this id or its endpoint is gone; 403 when that may not be told of it any
                more; 409 when its endpoint takes nothing, when it is still under way, or when its payload was erased.
        """
        found = await self.kit.store.delivery(delivery_id)
        if found is None:
            raise _unknown_delivery(delivery_id)
        delivery, event, _ = found
        endpoint = replaying.refuse_disabled(await self.kit.store.endpoints(), delivery.destination)
        replaying.refuse_foreign(endpoint, delivery, event)
        if await self.kit.store.replay([delivery.id], self.kit.clock()):
            self.kit.metrics.replayed(1)
            log.info("delivery.replayed", delivery_id=delivery.id, endpoint=delivery.destination)
            return
        if not event.body:
            raise Problem(409, "erased", "What this delivery told was erased: there is nothing to send again.")
        detail = "This delivery is still under way: there is nothing to send again yet."
        raise Problem(409, "not_settled", detail, extra={"state": delivery.state})

    async def start(self, fields: Mapping[str, Any], owner: str) -> Replay:
        """Begin to send again what the fields of a request ask for; one that finds nothing is done at once.

        Raises:
            Problem: 422 with every fault; 404 or 409 when the endpoint it names takes nothing.
        """
        now = self.kit.clock()
        wanted = replaying.wanted(fields, now)
        if name := wanted.find.get("destination"):
            replaying.refuse_disabled(await self.kit.store.endpoints(), name)
        job = Replay(
            id=self.kit.new_id("rpl"),
            find=wanted.find,
            created_at=now,
            until=wanted.until,
            missed=wanted.missed,
            owner=owner,
        )
        job = replace(job, total=await self.kit.store.count_replay(job))
        if not job.total:
            job = replace(job, state=WorkState.DONE, settled_at=now)
        step = Step(self.kit.moment())
        step.add(job)
        if not await self.kit.record(step):
            raise Conflict("a replay of this id is there already")
        log.info("replay.started", replay_id=job.id, missed=job.missed, total=job.total, owner=owner, find=job.find)
        return job

    async def find(self, replay_id: str) -> Replay:
        """Return a job.

        Raises:
            Problem: 404 when there is none of this id.
        """
        found = await self.kit.store.replays(Find(key=replay_id, limit=1))
        if not found:
            raise no_such_replay(replay_id)
        return found[0]

    async def stop(self, replay_id: str, owner: str) -> Replay:
        """End a job; what it made due stays due. One that has ended stays as it is.

        Raises:
            Problem: 404 when there is none of this id.
        """
        for _ in range(TRIES):
            job = await self.find(replay_id)
            if job.state is not WorkState.DUE:
                return job
            if (stopped := await self._stop(job, f"stopped by {owner}")) is not None:
                return stopped
        raise Conflict("the replay changed each time")

    async def tick(self) -> int:
        """Make the next deliveries of every running job due; answers how many.

        The rate is that of all jobs and processes together, in equal shares; what one leaves goes to the others.
        """
        jobs = await self.kit.store.replays(Find(state=WorkState.DUE, limit=MOST_JOBS))
        if not jobs or not await self.kit.store.lease(_LEASE, self._holder, _LEASE_S):
            return 0
        endpoints, due = await self.kit.store.endpoints(), dict(await self.kit.store.due_again(self.kit.clock()))
        able = []
        for job in jobs:
            if obstacle := replaying.obstacle(job, endpoints):
                await self._stop(job, obstacle)
            else:
                able.append(job)
        self._turn = (self._turn + 1) % len(jobs)
        return await self._share([*able[self._turn :], *able[: self._turn]], due)

    async def _share(self, jobs: Sequence[Replay], due: dict[str, int]) -> int:
        """Make deliveries due, one share a job, until the rate is used up or no job can use more."""
        left = self.rules.replay_rate
        while jobs and left:
            further = []
            for place, job in enumerate(jobs):
                share = -(-left // (len(jobs) - place))
                after = await self._advance(job, min(share, replaying.room(job, due)))
                sent, name = after.sent - job.sent, job.find.get("destination", "")
                due[name] = due.get(name, 0) + sent
                left -= sent
                if 0 < share == sent and after.state is WorkState.DUE:
                    further.append(after)
            jobs = further
        return self.rules.replay_rate - left

    async def _advance(self, job: Replay, most: int) -> Replay:
        """Make at most so many deliveries of a job due, and return the job as it is then."""
        before = job.sent
        for _ in range(_BATCHES):
            room = before + most - job.sent
            if room <= 0 or job.state is not WorkState.DUE:
                break
            after = await self.kit.store.replay_some(job, self.kit.clock(), min(room, _BATCH))
            if after is None:
                # Somebody stopped it, or its endpoint is gone: the next tick sees which.
                break
            job = after
        if job.state is WorkState.DONE:
            numbers = {"sent": job.sent, "skipped": job.skipped, "total": job.total}
            log.info("replay.finished", replay_id=job.id, **numbers, owner=job.owner)
        self.kit.metrics.replayed(job.sent - before)
        return job

    async def _stop(self, job: Replay, detail: str) -> Replay | None:
        """End a job early; None when it went on meanwhile."""
        step = Step(self.kit.moment())
        job = step.edit(job, state=WorkState.DEAD, detail=detail, settled_at=step.now)
        if not await self.kit.record(step):
            return None
        log.warning("replay.stopped", replay_id=job.id, sent=job.sent, total=job.total, detail=detail)
        return job


def no_such_replay(asked: str) -> Problem:
    """Return the refusal of a job that is not there, or not for whoever asked."""
    return Problem(404, "no_such_replay", f"There is no replay {asked[:60]!r}. GET /v1/replays lists them.")


def _unknown_delivery(asked: str) -> Problem:
    return Problem(404, "no_such_delivery", f"There is no delivery {asked[:60]!r}. GET /v1/deliveries lists them.")
