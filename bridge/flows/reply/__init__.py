"""Reply: deliveries to a message in Slack -> what is true now -> one call that shows it.

Nothing is sent of what was told: the message shows its event's posts as they are when it is sent, so that any number of
deliveries take one call, and an older state never overwrites a newer one. Whoever sends holds the message's lease: its
row is read before the posts are, and the lease is taken on that very row. What is about to be asked is written before
it is asked, so that after a crash nothing is posted twice without looking.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta

from bridge.core.delivering import Attempted, Outcome
from bridge.core.endpoints import message_key
from bridge.core.errors import StoreError
from bridge.core.model import Endpoint
from bridge.core.slack import Workspace
from bridge.core.slack.pace import Pace
from bridge.flows import Kit, log
from bridge.flows.reply._calls import Calls
from bridge.flows.reply._channels import Channels
from bridge.flows.reply._lease import Lease
from bridge.flows.reply._visit import Shared, Visit
from bridge.net import GuardedClient
from bridge.ports import ClaimedDelivery

_STORE_REST = Outcome(wait=timedelta(seconds=5))


class Replier:
    """Brings messages in Slack up to date.

    Args:
        kit: what flows work with.
        client: carries the calls.
        workspaces: by the name of their source.
        timeout_s: how long a call may take.
        approvers: the ids of those who may approve, by source: a card names them.
        sleep: waits for a turn.
    """

    def __init__(
        self,
        kit: Kit,
        client: GuardedClient,
        workspaces: Mapping[str, Workspace],
        *,
        timeout_s: float = 10.0,
        approvers: Mapping[str, Sequence[str]] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.kit, self.client, self.timeout_s = kit, client, timeout_s
        self.shared = Shared(kit, workspaces, approvers or {}, Pace(), Channels(kit.clock), sleep)

    async def call(self, batch: Sequence[ClaimedDelivery], endpoint: Endpoint) -> Attempted:
        """Bring the message of these deliveries up to date; whatever happens is an outcome.

        One that is cancelled leaves a lease, which ends. Only words of Slack's and ours are kept of what it answers.
        """
        started = self.kit.clock()
        message_id = (batch[0].delivery.ordered_by or "").removeprefix(message_key(""))
        calls = Calls(self.client, self.timeout_s)
        try:
            outcome = await Visit(self.shared, calls, Lease(self.kit, message_id, self.timeout_s)).make()
        except StoreError as error:
            log.warning("reply.not_recorded", message_id=message_id, error=str(error))
            outcome = _STORE_REST
        return Attempted(started, self.kit.clock(), outcome, "; ".join(calls.heard), endpoint)
