"""Deliver: due deliveries -> signed POST -> attempt; done, later, or dead with a reason."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from bridge.core.errors import FailureReason, StoreError
from bridge.core.events import exhausted
from bridge.core.model import Attempt, AttemptOutcome, Delivery, Endpoint, WorkState
from bridge.core.redact import Redactor
from bridge.core.retry import next_delivery
from bridge.core.rules import DeliverRules
from bridge.core.signing import signed_headers
from bridge.core.step import Step
from bridge.flows import Kit, Pump, log
from bridge.metrics import DeliveryOutcome
from bridge.net import GuardedClient, NetError, Reply
from bridge.ports import ClaimedDelivery, Settlement

BODY_KEPT = 2_000
"""Characters of an endpoint's answer that are kept with the attempt."""


class Deliverer:
    """Takes outbound events to their endpoints. `keys` are the signing keys by endpoint name, the newest first."""

    def __init__(
        self,
        kit: Kit,
        rules: DeliverRules,
        client: GuardedClient,
        keys: Mapping[str, Sequence[bytes]],
        redactor: Redactor,
    ) -> None:
        self.kit, self.rules, self.client, self.keys, self.redactor = kit, rules, client, keys, redactor
        self.endpoints: Mapping[str, Endpoint] = {}
        # Twice as many are claimed as are posted at once: the others have just been claimed, or wait for their commit.
        self.pump = Pump(self.claim, self.act, most=2 * rules.concurrency)
        self._posting = asyncio.Semaphore(rules.concurrency)
        self._timeout_s = rules.timeout.total_seconds()
        self._log = log.bind()
        self._lease = rules.timeout + timedelta(seconds=45)

    async def claim(self, room: int) -> Sequence[ClaimedDelivery]:
        """Claim due deliveries; the claim has written their attempts as started."""
        claimed = await self.kit.counted(self.kit.store.claim_deliveries(self.kit.clock(), room, self._lease))
        if any(item.delivery.destination not in self.endpoints for item in claimed):
            self.endpoints = await self.kit.store.endpoints()
        return claimed

    async def act(self, claimed: ClaimedDelivery) -> None:
        """Make one attempt and settle it. One that is cancelled stays `started`, and is made again."""
        started = self.kit.clock()
        endpoint = self.endpoints.get(claimed.delivery.destination)
        if endpoint is None or not endpoint.enabled:
            # It may have been enabled since it was last looked at; disabled ones are rare, so looking is cheap.
            endpoint = await self._look(claimed.delivery.destination)
        if endpoint is None or not endpoint.enabled:
            await self._settle(claimed, started, None, FailureReason.ENDPOINT_DISABLED, "")
            return
        try:
            async with self._posting:
                started = self.kit.clock()
                reply = await self._post(claimed, endpoint, started)
        except NetError as error:
            await self._settle(claimed, started, None, error.reason, error.detail)
            return
        except Exception as error:  # noqa: BLE001  # The outermost step: a fault of ours is one more failed attempt.
            log.exception("delivery.failed", delivery_id=claimed.delivery.id)
            await self._settle(claimed, started, None, FailureReason.INTERNAL, type(error).__name__)
            return
        reason = _reason(reply.status)
        if reason is FailureReason.GONE:
            await self._disable(endpoint)
        await self._settle(claimed, started, reply, reason, "")

    async def _look(self, name: str) -> Endpoint | None:
        self.endpoints = await self.kit.store.endpoints()
        return self.endpoints.get(name)

    async def _post(self, claimed: ClaimedDelivery, endpoint: Endpoint, now: datetime) -> Reply:
        headers = signed_headers(self.keys.get(endpoint.name, ()), claimed.delivery.outbound_id, now, claimed.body)
        headers["Content-Type"] = "application/json"
        return await self.client.post(endpoint.url, headers, claimed.body, self._timeout_s)

    async def _settle(
        self,
        claimed: ClaimedDelivery,
        started: datetime,
        reply: Reply | None,
        reason: FailureReason | None,
        detail: str,
    ) -> None:
        """Record how an attempt ended: one durable write, one log line, one count."""
        now = self.kit.clock()
        delivery = self._next(claimed.delivery, now, reply, reason)
        attempt = Attempt(
            subject_id=delivery.id,
            number=delivery.calls,
            post_id=None,
            started_at=started,
            outcome=AttemptOutcome.OK if reason is None else AttemptOutcome.FAILED,
            finished_at=now,
            status=reply.status if reply else None,
            reason=reason,
            detail=self.redactor.text(detail, 500) or None if detail else None,
            answer=self._answer(reply) if reply and reply.body else None,
        )
        told = exhausted(self.kit.new_id("msg"), delivery, attempt, now)
        try:
            [kept] = await self.kit.counted(self.kit.store.settle([Settlement(delivery, attempt, told)]))
        except StoreError as error:
            log.warning("delivery.not_settled", delivery_id=delivery.id, error=str(error))
            return
        took = (now - started).total_seconds()
        self._report(delivery, attempt, took, kept=kept)
        for event in told if kept else ():
            self.kit.metrics.transition(event.type)

    def _next(self, delivery: Delivery, now: datetime, reply: Reply | None, reason: FailureReason | None) -> Delivery:
        """Return a delivery as it stands after an attempt."""
        attempts = delivery.attempts + 1
        counted: dict[str, Any] = {"attempts": attempts, "version": delivery.version + 1, "lease_until": None}
        if reason is None:
            return replace(delivery, state=WorkState.DONE, reason=None, settled_at=now, **counted)
        if reason in (FailureReason.GONE, FailureReason.ENDPOINT_DISABLED):
            return replace(delivery, state=WorkState.DEAD, reason=reason, settled_at=now, **counted)
        asked = retry_after(reply, now) if reply else None
        pause = next_delivery(self.rules, attempts, asked, self.kit.chance())
        if pause is None:
            return replace(delivery, state=WorkState.DEAD, reason=FailureReason.EXHAUSTED, settled_at=now, **counted)
        return replace(delivery, reason=reason, due_at=now + pause, **counted)

    def _answer(self, reply: Reply) -> dict[str, object]:
        return {"body": self.redactor.text(reply.body.decode("utf-8", "replace"), BODY_KEPT)}

    def _report(self, delivery: Delivery, attempt: Attempt, took_s: float, *, kept: bool) -> None:
        outcome: DeliveryOutcome = _OUTCOMES[delivery.state] if kept else "stale"
        self.kit.metrics.delivery(delivery.destination, outcome, took_s, attempt.reason)
        level = self._log.info if attempt.reason is None else self._log.warning
        level(
            "delivery.attempted",
            delivery_id=delivery.id,
            webhook_id=delivery.outbound_id,
            type=delivery.type,
            endpoint=delivery.destination,
            attempt=delivery.attempts,
            of=len(self.rules.schedule),
            status=attempt.status,
            outcome=outcome,
            reason=attempt.reason,
            next_at=delivery.due_at if delivery.state is WorkState.DUE else None,
            took_s=round(took_s, 4),
        )

    async def _disable(self, endpoint: Endpoint) -> None:
        """410: the endpoint wants nothing more, at once; what was due for it dies where it can be replayed."""
        fresh = await self._look(endpoint.name)
        if fresh is None or not fresh.enabled:
            return
        step = Step(self.kit.moment())
        endpoint = step.edit(fresh, enabled=False, reason=FailureReason.GONE)
        step.kill_deliveries(endpoint.name)
        step.tell_endpoint(endpoint, "endpoint.disabled", "enabled", "disabled", reason=FailureReason.GONE)
        if await self.kit.record(step):
            log.error("endpoint.disabled", endpoint=endpoint.name, reason=FailureReason.GONE)
        self.endpoints = await self.kit.store.endpoints()


_OUTCOMES: Mapping[WorkState, DeliveryOutcome] = {
    WorkState.DONE: "done",
    WorkState.DUE: "later",
    WorkState.DEAD: "dead",
    WorkState.PARKED: "later",
}


def _reason(status: int) -> FailureReason | None:
    """Return why a status is no success; None for 2xx."""
    if 200 <= status < 300:
        return None
    known = {410: FailureReason.GONE, 429: FailureReason.RATE_LIMITED, 401: FailureReason.UNAUTHORIZED}
    known |= {403: FailureReason.FORBIDDEN, 404: FailureReason.NOT_FOUND}
    if status in known:
        return known[status]
    if status >= 500:
        return FailureReason.SERVER_ERROR
    return FailureReason.REDIRECT if 300 <= status < 400 else FailureReason.CLIENT_ERROR


def retry_after(reply: Reply, now: datetime) -> timedelta | None:
    """Return how long an endpoint asked us to wait, in seconds or until a date; None when it did not say legibly."""
    value = reply.headers.get("Retry-After", "").strip()
    if not value:
        return None
    if value.isdecimal():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(moment - now, timedelta()) if moment.tzinfo else None
