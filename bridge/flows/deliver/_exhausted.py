"""What is told of dead letters: of one endpoint's at most hourly, and then of all that died since."""

from dataclasses import replace

from bridge.core.delivering import EXHAUSTED_EVERY, may_forget, may_tell
from bridge.core.events import exhausted
from bridge.core.model import Endpoint, OutboundEvent
from bridge.core.queries import Untold
from bridge.core.step import Step
from bridge.flows import Kit
from bridge.flows.deliver._endpoints import Rows


class Exhausted:
    """Tells the remainder when an hour is over in which more died, for perhaps nothing dies any more by then."""

    def __init__(self, kit: Kit, endpoints: Rows) -> None:
        self.kit, self.endpoints = kit, endpoints

    async def tick(self) -> None:
        """Tell of the dead letters of which it is time to tell; of two replicas the row's version lets one."""
        await self.endpoints.read()
        now = self.kit.clock()
        told = [row for row in self.endpoints.rows.values() if row.exhausted_at is not None and may_tell(row, now)]
        if not told:
            return
        untold = await self.kit.store.untold(now - EXHAUSTED_EVERY)
        for endpoint in told:
            if found := untold.get(endpoint.name):
                if events := await self._events(found):
                    await self._record(endpoint, events)
            elif may_forget(endpoint, now):
                await self._record(endpoint)

    async def count(self, name: str) -> int:
        """Return how many of an endpoint's died since it was last told, when it is time to tell again."""
        found = (await self.kit.store.untold(self.kit.clock() - EXHAUSTED_EVERY)).get(name)
        return found.count if found is not None else 0

    async def _events(self, untold: Untold) -> tuple[OutboundEvent, ...]:
        """Tell of the newest, with the number of all; nothing when it is no longer dead."""
        found = await self.kit.store.delivery(untold.newest)
        if found is None:
            return ()
        delivery, _, attempts = found
        last = attempts[-1] if attempts else None
        return exhausted(self.kit.new_id("msg"), delivery, last, self.kit.clock(), untold.count)

    async def _record(self, endpoint: Endpoint, events: tuple[OutboundEvent, ...] = ()) -> None:
        step = Step(self.kit.moment())
        row = step.edit(endpoint, exhausted_at=step.now if events else None)
        write = replace(step.write(), events=events)
        if (await self.kit.store.record([write]))[0]:
            self.endpoints.put(row)
            await self.kit.note([write])
