"""Deliver: due deliveries -> signed POST -> attempt; done, later, or dead with a reason.

First tries and what is tried again have a lane each, so that neither waits for the other, and in a lane each endpoint
has a share (`core.sharing`), so that one that hangs holds up nobody else.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial

from bridge.core.delivering import Attempted, Outcome, is_well, label
from bridge.core.endpoints import REPLY, Sending, was_there
from bridge.core.errors import FailureReason, StoreError
from bridge.core.formats import GATHERS, parts
from bridge.core.model import Endpoint, Lane
from bridge.core.redact import Redactor
from bridge.core.rules import DeliverRules
from bridge.core.sharing import Shares
from bridge.flows import LEASE, Kit, Pump, log
from bridge.flows.deliver._attempt import Batch, Caller, Replies, Reply
from bridge.flows.deliver._elsewhere import LEFT, Elsewhere
from bridge.flows.deliver._endpoints import Rows
from bridge.flows.deliver._exhausted import Exhausted
from bridge.flows.deliver._settle import Settler
from bridge.net import GuardedClient
from bridge.ports import ClaimedDelivery
from bridge.tracing import enter


class Deliverer:
    """Takes outbound events to their endpoints.

    Args:
        kit: what flows work with.
        rules: how it is delivered.
        client: carries the requests.
        sending: finds what an endpoint's requests carry at an instant; raises `SealError`.
        redactor: takes secrets out of what is kept of answers.
        reply: brings messages in chats up to date; None where no chat is configured.
    """

    def __init__(
        self,
        kit: Kit,
        rules: DeliverRules,
        client: GuardedClient,
        sending: Callable[[Endpoint, datetime], Sending],
        redactor: Redactor,
        *,
        reply: Reply | None = None,
    ) -> None:
        self.kit, self.rules, self.client = kit, rules, client
        again = max(rules.concurrency // 4, 1)
        sizes = {Lane.FIRST: rules.concurrency - again, Lane.AGAIN: again}
        self.shares = Shares(sizes)
        self.elsewhere = Elsewhere(sending, shared=kit.store.shared)
        self.endpoints = Rows(kit, self.shares.healed, self.elsewhere.look)
        self.dead_letters = Exhausted(kit, self.endpoints)
        self.caller = Caller(kit.clock, rules, client, sending, redactor)
        self.replies = Replies(kit.clock, reply)
        self.settler = Settler(kit, rules, self.endpoints, self.shares, self.dead_letters)
        self.pumps = (self._pump(Lane.FIRST, sizes), self._pump(Lane.AGAIN, sizes))
        # Two lanes that count room at once would each let a probe through.
        self._claiming = asyncio.Lock()

    def _pump(self, lane: Lane, sizes: dict[Lane, int]) -> Pump[Batch]:
        return Pump(
            partial(self.claim, lane),
            self.act,
            # Twice as many as may be posted at once: the others wait for their commit.
            most=2 * sizes[lane],
            rest_s=self._rest_s,
            renew=self._renew,
            ids=_ids,
            leave=self._leave,
            more=partial(self.shares.more, lane),
        )

    async def _renew(self, batches: Collection[Batch]) -> None:
        await self.kit.store.renew((), [one for batch in batches for one in _ids(batch)], LEASE)

    def _leave(self, batch: Batch) -> None:
        """Give back the room of what was claimed and is not begun."""
        first, now = batch[0].delivery, self.kit.clock()
        self.shares.began(first.lane, first.destination, now)
        self._release(first.lane, first.destination, now)

    def wake(self) -> None:
        """Look for work now."""
        for pump in self.pumps:
            pump.wake()

    async def claim(self, lane: Lane, room: int) -> Sequence[Batch]:
        """Claim due deliveries of a lane for as many requests; the claim has written their attempts as started."""
        async with self._claiming:
            rows = await self.endpoints.read_if_old()
            now = self.kit.clock()
            rooms = self.shares.rooms(lane, room, rows, now, self.elsewhere.names(now))
            if not rooms.total:
                return ()
            claimed = await self.kit.counted(self.kit.store.claim_deliveries(now, lane, rooms, LEASE))
            if any(not self._is_known(one) for one in claimed):
                with suppress(StoreError):  # What was claimed is ours now, so it is attempted all the same.
                    await self.endpoints.read()
            batches = self._batches(claimed)
            found = Counter(one.delivery.destination for one in claimed)
            requests = Counter(batch[0].delivery.destination for batch in batches)
            self.shares.took(lane, rooms, found, requests)
            return batches

    def _is_known(self, claimed: ClaimedDelivery) -> bool:
        """Say whether we know the endpoint of a delivery: not one that had its name before."""
        row = self.endpoints.rows.get(claimed.delivery.destination)
        return row is not None and row.created_at == claimed.endpoint_created_at

    async def act(self, batch: Batch) -> None:
        """Make one attempt and settle it. One that is cancelled stays `started`, and is made again."""
        first = batch[0].delivery
        began, held = self.kit.clock(), True
        enter(batch[0].traceparent)
        self.shares.began(first.lane, first.destination, began)
        try:
            endpoint = self.endpoints.rows.get(first.destination)
            if endpoint is None or not endpoint.enabled:
                endpoint = await self.endpoints.look(first.destination)
            batch = await self._meant(batch, endpoint)
            if endpoint is None or not batch:
                return
            attempted = await self._attempted(batch, endpoint)
            endpoint = self.endpoints.rows.get(first.destination)
            if endpoint is not None and attempted.is_of(endpoint):
                self._pace(first.destination, attempted)
            if attempted.outcome.works and endpoint is not None and is_well(endpoint):
                # Nothing changes for the endpoint, so the next request need not wait for this one's commit.
                held = False
                self._release(first.lane, first.destination, began)
            await self.settler.settle(batch, attempted)
        finally:
            if held:
                self._release(first.lane, first.destination, began)

    async def _attempted(self, batch: Batch, endpoint: Endpoint) -> Attempted:
        now = self.kit.clock()
        if endpoint.name in self.elsewhere.names(now):
            return Attempted(now, now, LEFT)
        callers = self.replies if batch[0].delivery.destination_kind == REPLY else self.caller
        if self.kit.spans is None:
            return await callers.call(batch, endpoint)
        contexts = [one.traceparent for one in batch]
        with self.kit.spans.delivery(batch[0].delivery, endpoint, label(endpoint), contexts) as span:
            attempted = await callers.call(batch, endpoint)
            span.attempted(attempted.outcome.status, attempted.outcome.reason)
        return attempted

    async def _meant(self, batch: Batch, endpoint: Endpoint | None) -> Batch:
        """Return what may go to an endpoint; what it may not get, as an earlier one of its name was told it, dies."""
        meant: list[ClaimedDelivery] = []
        others: list[ClaimedDelivery] = []
        for one in batch:
            (meant if endpoint is not None and was_there(endpoint, one.delivery.created_at) else others).append(one)
        if others:
            now = self.kit.clock()
            await self.settler.settle(others, Attempted(now, now, Outcome(FailureReason.ENDPOINT_DISABLED)))
        return meant

    def _pace(self, name: str, attempted: Attempted) -> None:
        """Go faster or slower by how an attempt ended."""
        outcome, now = attempted.outcome, attempted.ended_at
        if outcome.ours:
            return
        if outcome.works:
            if self.shares.worked(name):
                log.info("endpoint.recovered", endpoint=name)
        else:
            self.shares.failed(name)
            if outcome.slows and self.shares.slowed(name, now):
                log.warning("endpoint.throttled", endpoint=name, status=outcome.status)

    def _release(self, lane: Lane, name: str, began: datetime) -> None:
        self.shares.ended(lane, name, began, self.endpoints.rows.get(name), self.kit.clock())
        if self.shares.more(lane):
            self.pumps[lane is Lane.AGAIN].wake()

    def _rest_s(self) -> float:
        return self.shares.rest_s(self.endpoints.rows, self.kit.clock())

    def _batches(self, claimed: Sequence[ClaimedDelivery]) -> list[Batch]:
        """Put together what goes out in one request; what one does not hold goes out in as many as it takes."""
        batches: list[Batch] = []
        together: dict[tuple[str, str], list[ClaimedDelivery]] = {}
        messages: dict[tuple[str, str | None], list[ClaimedDelivery]] = {}
        for one in claimed:
            delivery, row = one.delivery, self.endpoints.rows.get(one.delivery.destination)
            if delivery.destination_kind == REPLY:
                messages.setdefault((delivery.destination, delivery.ordered_by), []).append(one)
            elif row is not None and row.group_s and delivery.format in GATHERS:
                together.setdefault((delivery.destination, delivery.format), []).append(one)
            else:
                batches.append((one,))
        for (_, name), many in together.items():
            batches += [[many[number] for number in part] for part in parts(name, [one.body for one in many])]
        return [*batches, *messages.values()]


def _ids(batch: Batch) -> Collection[str]:
    return [one.delivery.id for one in batch]
