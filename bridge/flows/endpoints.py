"""Endpoints: those that are made over the API, and what a person does to any of them.

An endpoint of the configuration is changed there; here it can be disabled, enabled and tested.
"""

import asyncio
from base64 import b64encode
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bridge.core import endpoint_rules as rules
from bridge.core.endpoint_fields import Known
from bridge.core.endpoint_request import Asked, parse_changes, parse_endpoint, parse_rotation, parse_subscription
from bridge.core.endpoints import ENDPOINT, REPLY, SUBSCRIPTION, TEST, Sending
from bridge.core.errors import Conflict, FailureReason, Fault, Problem
from bridge.core.formats import SLACK
from bridge.core.model import Attempt, Delivery, Endpoint
from bridge.core.replaying import of_chat
from bridge.core.request import invalid
from bridge.core.sealing import Sealer, SealError, Secret, Secrets
from bridge.core.states import WorkState
from bridge.core.step import Step
from bridge.core.tokens import Token
from bridge.flows import TRIES, Kit, log
from bridge.ports import Find

Result = TypeVar("Result")

OVERLAP = timedelta(hours=24)
"""How long a secret that was replaced still signs."""

_SECRET_BYTES = 32
_LOOK_AGAIN_S = 0.2
_ROTATE_FIRST = "POST to its /rotate-secret first, which makes one and tells it; then change the format."
_GREETING = "This is a test of bridge: nothing has happened, and nothing is to be done."
_HEALTHY: Mapping[str, Any] = {"reason": None, "failing_since": None, "warned": 0, "held_until": None}


@dataclass(frozen=True, slots=True)
class Made:
    """An endpoint as it is now. `secret` is its new one, told this once; `new` is False for one that was there.

    `old_until` is when the secrets that it had before sign for the last time.
    """

    endpoint: Endpoint
    secret: str | None = field(default=None, repr=False)
    new: bool = True
    old_until: datetime | None = None


class Endpoints:
    """Every method that is given a name raises `Problem` 404 for one that is not there or not for the caller.

    Args:
        kit: what flows work with.
        known: what the fields of endpoints may name.
        sealer: seals secrets; None without `server.secret_key`.
        sending: what an endpoint's requests carry at an instant.
        entropy: gives so many bytes that nobody can guess.
        disable_after: how long nothing but failures disables an endpoint.
        owners: the names of the configured tokens; of any other owner no endpoint may be enabled.
        changed: called after each change, so that nothing more goes where it went before.
    """

    def __init__(
        self,
        kit: Kit,
        *,
        known: Known,
        sealer: Sealer | None,
        sending: Callable[[Endpoint, datetime], Sending],
        entropy: Callable[[int], bytes],
        disable_after: timedelta,
        owners: Collection[str],
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.kit, self.sending, self.disable_after = kit, sending, disable_after
        self._known, self._sealer, self._entropy, self._owners = known, sealer, entropy, owners
        self._changed = changed
        # How many there may be is counted before one is added: in this process nobody else adds meanwhile.
        self._adding = asyncio.Lock()

    async def all(self, caller: Token) -> list[Endpoint]:
        """Return those that the caller may see, by name."""
        found = await self.kit.store.endpoints()
        return [found[name] for name in sorted(found) if rules.is_for(found[name], caller)]

    async def get(self, name: str, caller: Token) -> Endpoint:
        """Return one."""
        return rules.find(await self.kit.store.endpoints(), name, caller)

    async def create(self, fields: Mapping[str, Any], caller: Token) -> Made:
        """Make an endpoint.

        Raises:
            Problem: 422 with every fault; 409 `endpoint_exists`, `too_many_endpoints` or `no_secret_key`.
        """
        asked = parse_endpoint(fields, self._known)
        secret = asked.secret or (self._new_secret() if asked.signed else None)
        sealed = self._seal(Secrets((Secret(secret),) if secret else (), asked.headers or {}, asked.url or ""))
        name = asked.name or self.kit.new_id("ep")

        def decide(step: Step, known: Mapping[str, Endpoint]) -> Endpoint:
            rules.refuse_taken(known, name)
            rules.refuse_more(known, ENDPOINT)
            return step.add(rules.new(name, ENDPOINT, asked, caller, sealed=sealed, now=step.now))

        async with self._adding:
            endpoint = await self._act(decide)
        log.info("endpoint.created", endpoint=name, by=caller.name)
        return Made(endpoint, secret)

    async def patch(self, name: str, fields: Mapping[str, Any], caller: Token) -> Endpoint:
        """Change the fields that are given; null makes one what it is by itself.

        Raises:
            Problem: 422 with every fault; 409 `endpoint_configured` or `no_secret_key`.
        """

        def decide(step: Step, known: Mapping[str, Endpoint]) -> Endpoint:
            endpoint = rules.changeable(known, name, caller)
            asked = parse_changes(fields, self._known, endpoint)
            changes = {**asked.changes, **self._resealed(endpoint, asked)}
            if changes.get("enabled", endpoint.enabled) != endpoint.enabled:
                if changes["enabled"]:
                    rules.switchable(known, name, caller, self._owners)
                changes |= self._switched(step, endpoint, on=changes["enabled"])
            return step.edit(endpoint, **changes)

        endpoint = await self._act(decide)
        log.info("endpoint.changed", endpoint=name, by=caller.name, fields=sorted(map(str, fields)))
        return endpoint

    async def delete(self, name: str, caller: Token) -> None:
        """Let an endpoint go; what is due for it dies, and its history stays."""

        def decide(step: Step, known: Mapping[str, Endpoint]) -> None:
            step.drop_endpoint(rules.deletable(known, name, caller).name)

        await self._act(decide)
        log.info("endpoint.deleted", endpoint=name, by=caller.name)

    async def enable(self, name: str, caller: Token) -> Endpoint:
        """Let an endpoint have deliveries again, as if it had never failed.

        The messages of a chat show what they missed, without anybody asking for that: people look at them.
        """

        def decide(step: Step, known: Mapping[str, Endpoint]) -> Endpoint:
            endpoint = rules.switchable(known, name, caller, self._owners)
            if endpoint.kind == REPLY and not endpoint.enabled:
                step.add(of_chat(name, step.moment.new_id("rpl"), step.now, caller.name))
            return step.edit(endpoint, **self._switched(step, endpoint, on=True))

        endpoint = await self._act(decide)
        log.info("endpoint.enabled", endpoint=name, by=caller.name)
        return endpoint

    async def disable(self, name: str, caller: Token) -> Endpoint:
        """Let an endpoint have nothing more; what is due for it dies where it can be sent again."""

        def decide(step: Step, known: Mapping[str, Endpoint]) -> Endpoint:
            endpoint = rules.find(known, name, caller)
            changes = self._switched(step, endpoint, on=False)
            return step.edit(endpoint, **changes) if changes else endpoint

        endpoint = await self._act(decide)
        log.info("endpoint.disabled", endpoint=name, reason=endpoint.reason, by=caller.name)
        return endpoint

    async def rotate(self, name: str, fields: Mapping[str, Any], caller: Token) -> Made:
        """Give an endpoint a new secret; the present ones sign for a day more, or no more (`revoke`).

        Raises:
            Problem: 422 with every fault; 409 `endpoint_configured`, `too_many_secrets` or `no_secret_key`.
        """
        given, revoke = parse_rotation(fields)
        secret = given or self._new_secret()

        def decide(step: Step, known: Mapping[str, Endpoint]) -> Made:
            endpoint = rules.changeable(known, name, caller)
            live = self._open(endpoint).live(step.now)
            rules.refuse_secret(live, secret, name, revoke=revoke)
            until = step.now + OVERLAP if live.secrets and not revoke else None
            return Made(step.edit(endpoint, sealed=self._seal(live.rotated(secret, until))), secret, old_until=until)

        made = await self._act(decide)
        log.info("endpoint.secret_rotated", endpoint=name, by=caller.name)
        return made

    async def test(self, name: str, caller: Token) -> Delivery:
        """Send `webhook.test` to an endpoint, and to it alone, the way that everything goes.

        Raises:
            Problem: 409 `endpoint_disabled`, or `no_test` when its format has no words for a test.
        """
        event_id = ""

        def decide(step: Step, known: Mapping[str, Endpoint]) -> None:
            nonlocal event_id
            endpoint = rules.testable(known, name, caller)
            step.tell_endpoint(endpoint, TEST, "enabled", "enabled", message=_GREETING)
            [event] = step.write().events
            event_id = event.id

        await self._act(decide)
        log.info("endpoint.tested", endpoint=name, webhook_id=event_id, by=caller.name)
        for delivery in await self.kit.store.find_deliveries(Find(destination=name, type=TEST)):
            if delivery.outbound_id == event_id:
                return delivery
        raise Problem(409, "no_test", f"The format of {name!r} has no words for a test. Publish something instead.")

    async def first_attempt(
        self, delivery: Delivery, limit_s: float, stopping: Callable[[], bool]
    ) -> tuple[Delivery, Sequence[Attempt]]:
        """Return a delivery once an attempt of it has ended, or as it is at the limit or when this process stops."""
        attempts: Sequence[Attempt] = ()
        until = asyncio.get_running_loop().time() + limit_s
        while True:
            found = await self.kit.store.delivery(delivery.id)
            if found is not None:
                delivery, _, attempts = found
            ended = any(attempt.finished_at for attempt in attempts) or delivery.state is not WorkState.DUE
            if ended or stopping() or asyncio.get_running_loop().time() >= until:
                return delivery, attempts
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def subscribe(self, fields: Mapping[str, Any], caller: Token) -> Made:
        """Make a subscription, or find the one that the caller has for the very same thing, and see that it works.

        One that a person disabled stays disabled. Those that an older version only disabled when their target said 410
        go at this occasion.

        Raises:
            Problem: 422 with every fault; 409 `too_many_subscriptions` or `no_secret_key`.
        """
        asked = parse_subscription(fields, self._known)
        secret = self._new_secret() if asked.signed else None
        sealed = self._seal(Secrets((Secret(secret),) if secret else (), url=asked.url or ""))

        def decide(step: Step, known: Mapping[str, Endpoint]) -> Made:
            there = None if secret else self._same(known, asked, caller)
            if there is not None:
                return Made(self._healed(step, there, caller), new=False)
            subscriptions = {name: one for name, one in known.items() if one.kind == SUBSCRIPTION}
            gone = [name for name, one in subscriptions.items() if one.reason == FailureReason.GONE]
            for old in gone:
                step.drop_endpoint(old)
                del subscriptions[old]
            rules.refuse_more(subscriptions, SUBSCRIPTION, caller.name)
            name = rules.subscription_name(asked, caller)
            if secret or name in known:  # It was made for this once, and then changed to something else.
                name = self.kit.new_id("sub")
            return Made(step.add(rules.new(name, SUBSCRIPTION, asked, caller, sealed=sealed, now=step.now)), secret)

        async with self._adding:
            made = await self._act(decide)
        if made.new:
            log.info("subscription.created", endpoint=made.endpoint.name, by=caller.name)
        return made

    def _same(self, known: Mapping[str, Endpoint], asked: Asked, caller: Token) -> Endpoint | None:
        """Return the unsigned subscription of a caller for the very same thing."""
        for one in known.values():
            if rules.may_be_same(one, asked, caller):
                with suppress(Problem):
                    held = self._open(one)
                    if held.url == asked.url and not held.secrets:
                        return one
        return None

    def _healed(self, step: Step, endpoint: Endpoint, caller: Token) -> Endpoint:
        """Return a subscription that is asked for again: told of what its owner may see now, and enabled."""
        changes: dict[str, Any] = {"allowed": caller.accounts}
        if not endpoint.enabled and endpoint.reason != FailureReason.BY_HAND:
            changes |= {"enabled": True, **_HEALTHY}
        same = all(getattr(endpoint, name) == value for name, value in changes.items())
        return endpoint if same else step.edit(endpoint, **changes)

    async def unsubscribe(self, name: str, caller: Token) -> None:
        """Let a subscription go; nothing is to be done about one that is not there any more.

        Raises:
            Problem: 404 for one of somebody else's.
        """

        def decide(step: Step, known: Mapping[str, Endpoint]) -> bool:
            there = rules.own_subscription(known, name, caller) is not None
            if there:
                step.drop_endpoint(name)
            return there

        if await self._act(decide):
            log.info("subscription.deleted", endpoint=name, by=caller.name)

    async def _act(self, decide: Callable[[Step, Mapping[str, Endpoint]], Result]) -> Result:
        """Decide over the endpoints as they are and record it; decide anew when they changed meanwhile."""
        for _ in range(TRIES):
            known = await self.kit.store.endpoints()
            step = Step(self.kit.moment())
            result = decide(step, known)
            if await self.kit.record(step):
                self._changed()
                return result
        raise Conflict(f"gave up after {TRIES} tries")

    def _switched(self, step: Step, endpoint: Endpoint, *, on: bool) -> dict[str, Any]:
        """Return what changes when an endpoint is switched on or off, and tell that it is off."""
        if on:
            return {"enabled": True, **_HEALTHY}
        if not endpoint.enabled:
            # A person's word stays when the owner is back.
            return {"reason": FailureReason.BY_HAND} if endpoint.reason == rules.OWNER_GONE else {}
        step.kill_deliveries(endpoint.name)
        step.tell_endpoint(endpoint, "endpoint.disabled", "enabled", "disabled", reason=FailureReason.BY_HAND)
        return {"enabled": False, **_HEALTHY, "reason": FailureReason.BY_HAND}

    def _resealed(self, endpoint: Endpoint, asked: Asked) -> dict[str, Any]:
        """Return what else changes with what is sealed: another address begins with a clean slate.

        Raises:
            Problem: 422 when the format is to be one that is signed, and there is no secret for that.
        """
        unsigned = endpoint.kind == ENDPOINT and endpoint.format == SLACK != asked.changes["format"]
        if asked.url is None and asked.headers is None and not unsigned:
            return {}
        held = self._open(endpoint)
        if unsigned and not held.secrets:
            raise invalid([Fault("format", "is one that is signed, and there is no secret", _ROTATE_FIRST)])
        headers = held.headers if asked.headers is None else asked.headers
        now = replace(held, url=asked.url or held.url, headers=headers)
        if now == held:
            return {}
        healthy = {name: value for name, value in _HEALTHY.items() if name != "reason"} if now.url != held.url else {}
        return {"sealed": self._seal(now), **healthy}

    def _new_secret(self) -> str:
        return "whsec_" + b64encode(self._entropy(_SECRET_BYTES)).decode()

    def _seal(self, secrets: Secrets) -> bytes:
        if self._sealer is None:
            detail = "Addresses and secrets are kept encrypted, and there is no key for that. "
            detail += "Set BRIDGE_SECRET_KEY and restart."
            raise Problem(409, "no_secret_key", detail)
        return self._sealer.seal(secrets)

    def _open(self, endpoint: Endpoint) -> Secrets:
        if endpoint.sealed is None:
            return Secrets(url=endpoint.url)
        try:
            if self._sealer is not None:
                return self._sealer.open(endpoint.sealed)
        except SealError:
            pass
        detail = (
            f"No key of server.secret_key opens the secrets of {endpoint.name!r}. Put the key back that sealed them."
        )
        raise Problem(409, "no_secret_key", detail)
