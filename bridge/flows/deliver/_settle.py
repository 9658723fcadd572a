"""Settling: what became of an attempt, and what it says of its endpoint, in one durable write."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

from bridge.core.delivering import (
    Attempted,
    Outcome,
    after,
    counted,
    is_dropped,
    is_well,
    judge,
    label,
    may_tell,
    schedule_of,
)
from bridge.core.errors import StoreError
from bridge.core.events import exhausted, is_exhausted
from bridge.core.model import Attempt, AttemptOutcome, Delivery, Endpoint, WorkState, Write
from bridge.core.rules import DeliverRules
from bridge.core.sharing import Shares
from bridge.core.step import Moment, Step
from bridge.flows import TRIES, Kit, log
from bridge.flows.deliver._endpoints import Rows
from bridge.flows.deliver._exhausted import Exhausted
from bridge.metrics import DeliveryOutcome
from bridge.ports import ClaimedDelivery, Settled, Settlement

_OUTCOMES: Mapping[WorkState, DeliveryOutcome] = {
    WorkState.DONE: "done",
    WorkState.DUE: "later",
    WorkState.DEAD: "dead",
    WorkState.PARKED: "later",
}


class Settler:
    """Settles attempts. An endpoint's row is written only when its state changes."""

    def __init__(self, kit: Kit, rules: DeliverRules, endpoints: Rows, shares: Shares, dead_letters: Exhausted) -> None:
        self.kit, self.rules, self.endpoints, self.shares = kit, rules, endpoints, shares
        self._dead_letters = dead_letters
        self._log = log.bind()

    async def settle(self, batch: Sequence[ClaimedDelivery], attempted: Attempted) -> None:
        """Record how an attempt ended, for each delivery that was in it; log and count it."""
        name = batch[0].delivery.destination
        endpoint = self.endpoints.rows.get(name)
        schedule, chance = schedule_of(endpoint, self.rules), self.kit.chance()
        made = [self._made(one.delivery, attempted, schedule, chance) for one in batch]
        try:
            settled = await self.kit.counted(self.kit.insist(lambda: self._stored(name, made, attempted, chance)))
        except StoreError as error:
            log.warning("delivery.not_settled", delivery_id=batch[0].delivery.id, error=str(error))
            return
        took_s = (attempted.ended_at - attempted.started_at).total_seconds()
        for one, answer in zip(made, settled, strict=True):
            self._report(one, endpoint, len(schedule), took_s, kept=answer is Settled.KEPT)

    async def _stored(self, name: str, made: list[Settlement], attempted: Attempted, chance: float) -> list[Settled]:
        if self._write(name, made, attempted, chance) is None:
            return await self.kit.store.settle(self._counted(made, self.endpoints.rows.get(name)))
        return await self._with_change(name, made, attempted, chance)

    def _made(
        self, delivery: Delivery, attempted: Attempted, schedule: Sequence[timedelta], chance: float
    ) -> Settlement:
        outcome, now = attempted.outcome, attempted.ended_at
        delivery = after(delivery, outcome, schedule, now=now, jitter=self.rules.jitter, chance=chance)
        attempt = Attempt(
            subject_id=delivery.id,
            number=delivery.calls,
            post_id=None,
            started_at=attempted.started_at,
            outcome=_ended(outcome),
            finished_at=now,
            status=outcome.status,
            reason=outcome.reason,
            detail=outcome.detail or None,
            answer={"body": attempted.answer} if attempted.answer else None,
        )
        return Settlement(delivery, attempt)

    async def _with_change(
        self, name: str, made: list[Settlement], attempted: Attempted, chance: float
    ) -> list[Settled]:
        """Store settlements, the first with what it changes about the endpoint; decide anew when a replica was faster.

        In this process one change of a row goes at a time, so that those who fail together do not overtake each other.

        Raises:
            StoreError: a replica was faster each time.
        """
        others: list[Settled] = []
        async with self.endpoints.turn(name):
            for _ in range(TRIES):
                died = await self._dead_letters.count(name) if self._tells(name, made, attempted) else 0
                write = self._write(name, made[:1] if others else made, attempted, chance, died)
                first, *rest = self._counted(made, self.endpoints.rows.get(name))
                if write is not None:
                    first = replace(first, write=write)
                # All in one transaction: what the write does to what is due, it does to the rest of the group, too.
                answer, *settled = await self.kit.store.settle([first] if others else [first, *rest])
                others = others or settled
                if answer is not Settled.OVERTAKEN:
                    if write is not None and (answer is Settled.KEPT or await self._kept_alone(write)):
                        await self._note(name, write, attempted)
                    return [answer, *others]
                await self.endpoints.read()
        raise StoreError(f"gave up after {TRIES} tries")

    async def _kept_alone(self, write: Write) -> bool:
        """Note what an attempt says of its endpoint although the delivery is not ours any more: it was erased, say.

        What tells of deliveries is left out. A row that was changed meanwhile is judged by the next attempt.
        """
        events = tuple(event for event in write.events if event.type != "delivery.exhausted")
        return (await self.kit.store.record([replace(write, events=events)]))[0]

    def _counted(self, made: Sequence[Settlement], endpoint: Endpoint | None) -> list[Settlement]:
        return [replace(one, delivery=counted(one.delivery, endpoint)) for one in made]

    def _tells(self, name: str, made: Sequence[Settlement], attempted: Attempted) -> bool:
        """Say whether it is time to tell that deliveries of these died."""
        endpoint = self.endpoints.rows.get(name)
        due = endpoint is not None and may_tell(endpoint, attempted.ended_at)
        return due and any(is_exhausted(one.delivery) for one in made)

    def _write(
        self, name: str, made: Sequence[Settlement], attempted: Attempted, chance: float, died: int = 0
    ) -> Write | None:
        """Return what an attempt changes about its endpoint and tells; None when it is nothing.

        `died` is how many died since this was told last, without those of this attempt.
        """
        endpoint = self.endpoints.rows.get(name)
        if endpoint is None or (attempted.outcome.works and is_well(endpoint)):
            return None
        now = attempted.ended_at
        step = Step(Moment(now, self.kit.new_id, self.kit.chance))
        if attempted.is_of(endpoint):
            judge(step, endpoint, attempted.outcome, self.shares.breaker(endpoint, now, chance), self.rules)
        if not self._tells(name, made, attempted):
            return step.write() if step else None
        dead = [one for one in made if is_exhausted(one.delivery)]
        told = exhausted(self.kit.new_id("msg"), dead[0].delivery, dead[0].attempt, now, died + len(dead))
        step.edit(endpoint, exhausted_at=now)
        write = step.write()
        return replace(write, events=(*write.events, *told))

    async def _note(self, name: str, write: Write, attempted: Attempted) -> None:
        """Keep an endpoint's row as it was written, and log what became of it."""
        before = self.endpoints.rows[name]
        await self.kit.note([write])
        for now in write.endpoints:
            self.endpoints.put(now)
            if now.held_until is not None and now.held_until != before.held_until:
                self.shares.opened(name)
            self._log_change(before, now, attempted)

    def _log_change(self, before: Endpoint, now: Endpoint, attempted: Attempted) -> None:
        name, outcome = now.name, attempted.outcome
        if is_dropped(now):
            log.info("subscription.deleted", endpoint=name, reason=now.reason)
            return
        if before.enabled and not now.enabled:
            log.error("endpoint.disabled", endpoint=name, reason=now.reason, failing_since=now.failing_since)
            return
        if now.warned > before.warned:
            disable_at = (now.failing_since or attempted.ended_at) + self.rules.disable_after
            log.warning("endpoint.failing", endpoint=name, percent=now.warned, disable_at=disable_at)
        if now.held_until is not None and before.held_until is None:
            facts = {"until": now.held_until, "reason": outcome.reason, "status": outcome.status}
            log.warning("endpoint.held", endpoint=name, asked=outcome.hold is not None, **facts)
        if (before.warned and not now.warned) or (before.held_until is not None and now.held_until is None):
            log.info("endpoint.recovered", endpoint=name, failing_since=before.failing_since)

    def _report(
        self, settlement: Settlement, endpoint: Endpoint | None, most: int, took_s: float, *, kept: bool
    ) -> None:
        delivery, attempt = settlement.delivery, settlement.attempt
        outcome: DeliveryOutcome = _OUTCOMES[delivery.state] if kept else "stale"
        failed = attempt.outcome is AttemptOutcome.FAILED
        self.kit.metrics.delivery(label(endpoint), outcome, took_s, attempt.reason if failed else None)
        level = self._log.warning if failed else self._log.info
        level(
            "delivery.attempted",
            delivery_id=delivery.id,
            webhook_id=delivery.outbound_id,
            type=delivery.type,
            endpoint=delivery.destination,
            attempt=delivery.attempts,
            of=most,
            status=attempt.status,
            outcome=outcome,
            reason=attempt.reason,
            next_at=delivery.due_at if delivery.state is WorkState.DUE else None,
            took_s=round(took_s, 4),
        )


def _ended(outcome: Outcome) -> AttemptOutcome:
    if outcome.wait is not None:
        return AttemptOutcome.WAITED
    return AttemptOutcome.OK if outcome.reason is None else AttemptOutcome.FAILED
