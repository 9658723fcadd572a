"""A town whose events go to a real receiver on loopback."""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from bridge.core.endpoints import Sending
from bridge.core.model import Delivery, Endpoint, Lane, Write
from bridge.core.redact import Redactor
from bridge.core.rules import DeliverRules
from bridge.core.signing import secret_key
from bridge.flows.deliver import Deliverer
from bridge.net import GuardedClient
from bridge.ports import Find
from bridge.simulator import running
from bridge.simulator.receiver import Receiver
from tests.flows.town import LOOPBACK, Town

SECRET, OLD_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_b2xkLXNlY3JldC1vZi10aGUtaG9vaw=="
RULES = DeliverRules(timeout=timedelta(seconds=2))
SIGNED = Sending((secret_key(SECRET),))


@dataclass
class Office:
    """A town, a receiver, and what carries the one's events to the other. `sendings` are by endpoint."""

    town: Town
    receiver: Receiver
    deliverer: Deliverer
    base: str
    sendings: dict[str, Callable[[datetime], Sending]]
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def endpoint(self, name: str, *events: str, path: str | None = None, **given: Any) -> None:
        row = Endpoint(name, f"{self.base}/hook/{path or name}", events or ("*",), **given)
        await self.town.store.record([Write(endpoints=(row,))])

    async def change(self, name: str, **fields: Any) -> None:
        """Change an endpoint as another replica would; this one sees it a second later."""
        row = await self.row_of(name)
        await self.town.store.record([Write(endpoints=(replace(row, version=row.version + 1, **fields),))])

    async def row_of(self, name: str) -> Endpoint:
        found: Endpoint = (await self.town.store.endpoints())[name]
        return found

    async def run(self, *lanes: Lane) -> int:
        """Deliver everything that is due now, once; return in how many requests."""
        batches = []
        for lane in lanes or Lane:
            while claimed := await self.deliverer.claim(lane, 1000):
                batches += claimed
                for batch in claimed:
                    await self.deliverer.act(batch)
        return len(batches)

    async def tell(self, count: int = 1, **fields: Any) -> None:
        """Let events happen to posts, each with a caption of its own."""
        for _ in range(count):
            await self.town.sent(caption=f"post {next(self.numbers)}", **fields)

    async def row(self, **find: Any) -> Delivery:
        [found] = await self.town.store.find_deliveries(Find(**find))
        assert isinstance(found, Delivery)
        return found

    async def rows(self, name: str) -> list[Delivery]:
        """An endpoint's deliveries, oldest first."""
        return list(reversed(await self.town.store.find_deliveries(Find(destination=name, limit=1000))))

    def types(self, name: str = "ops") -> list[str]:
        return [one.json["type"] for one in self.receiver.of(name)]


@asynccontextmanager
async def an_office(
    town: Town, rules: DeliverRules = RULES, allow: Any = LOOPBACK, reply: Any = None
) -> AsyncIterator[Office]:
    """Open an office whose endpoints `hook` and `two` are signed for; the town's own one wants nothing."""
    async with AsyncExitStack() as stack:
        quiet = replace((await town.store.endpoints())["ops"], version=2, events=())
        await town.store.record([Write(endpoints=(quiet,))])
        receiver = Receiver({"hook": SECRET, "two": SECRET}, check_time=False, now=town.clock)
        base = await stack.enter_async_context(running(receiver.app()))
        client = await stack.enter_async_context(GuardedClient(allow=allow, allow_http=True))
        sendings = dict.fromkeys(("hook", "two"), lambda _now: SIGNED)

        def sending(endpoint: Endpoint, now: datetime) -> Sending:
            return sendings.get(endpoint.name, lambda _now: Sending())(now)

        deliverer = Deliverer(town.kit, rules, client, sending, Redactor(("s3cret-word",)), reply=reply)
        yield Office(town, receiver, deliverer, base, sendings)
