"""A town whose posts are followed by messages in the stand-in of Slack."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from bridge.core.endpoints import REPLY, Sending, destination_of
from bridge.core.model import Attempt, Delivery, Endpoint, Message, ReplyTo, Write
from bridge.core.redact import Redactor
from bridge.core.replies import begin
from bridge.core.slack import Workspace
from bridge.core.slack.pace import SCHEDULE_S
from bridge.core.step import Step
from bridge.flows.deliver import Deliverer
from bridge.flows.reply import Replier
from bridge.net import GuardedClient
from bridge.ports import Find
from bridge.simulator.receiver import Receiver
from tests.flows.sending import RULES, Office
from tests.flows.town import LOOPBACK, Clock, Town
from tests.slack.standin import BOT_TOKEN, Slack

CHANNEL, OTHER, PERSON = "C1", "C2", "U1"


@dataclass
class Chat:
    """An office whose deliveries also go to Slack. `slept` is what turns were waited for, in seconds."""

    office: Office
    slack: Slack
    client: GuardedClient
    workspace: Workspace
    slept: list[float] = field(default_factory=list)
    moves: bool = True

    @property
    def town(self) -> Town:
        return self.office.town

    @property
    def clock(self) -> Clock:
        return self.office.town.clock

    async def sleep(self, seconds: float) -> None:
        """Let the time of a turn come at once."""
        self.slept.append(seconds)
        if self.moves:
            self.clock.move(seconds=seconds)

    def replier(self, **given: Any) -> Replier:
        """Make what another replica would have."""
        workspaces = {"slack": self.workspace}
        return Replier(self.town.kit, self.client, workspaces, timeout_s=1.0, sleep=self.sleep, **given)

    def use(self, **given: Any) -> None:
        """Configure the workspace anew."""
        self.workspace = replace(self.workspace, **given)
        self.office.deliverer.replies.reply = self.replier().call

    async def publish(self, **fields: Any) -> tuple[str, str]:
        """Publish; return the ids of the event and of its post."""
        result = await self.town.publish(**fields)
        return result.accepted.event_id, result.posts[0].id

    async def follow(self, event_id: str, **reply_to: Any) -> str:
        """Let a message follow an event, in the channel unless told otherwise; return its id."""
        step = Step(self.town.kit.moment())
        place = {"channel": CHANNEL, "user": PERSON} if "address" not in reply_to else {}
        message = begin(step, event_id, "slack", ReplyTo(**(place | reply_to)))
        assert await self.town.kit.record(step)
        return message.id

    async def asked(self, **fields: Any) -> tuple[str, str]:
        """Publish something that a message in the channel follows; return the ids of the message and the post."""
        event_id, post_id = await self.publish(**fields)
        return await self.follow(event_id), post_id

    async def want(self, message_id: str) -> None:
        """Ask for word, as somebody who waits for it does."""
        step = Step(self.town.kit.moment())
        step.want_reply(await self.message(message_id))
        assert await self.town.kit.record(step)

    async def change(self, message_id: str, **fields: Any) -> None:
        """Change a message's row."""
        row = await self.message(message_id)
        assert (await self.town.store.record([Write(messages=(replace(row, version=row.version + 1, **fields),))]))[0]

    async def run(self) -> int:
        """Bring up to date what is due now; return in how many visits."""
        return await self.office.run()

    async def settle(self, minutes: float = 10) -> None:
        """Let the partner work, then bring up to date."""
        await self.town.advance(minutes)
        await self.run()

    async def message(self, message_id: str) -> Message:
        found: Message = (await self.town.store.messages([message_id]))[message_id]
        return found

    async def deliveries(self, message_id: str) -> list[Delivery]:
        """Those of a message, oldest first."""
        found = await self.town.store.find_deliveries(Find(destination=destination_of("slack"), limit=1000))
        return [one for one in reversed(found) if one.ordered_by == f"message:{message_id}"]

    async def attempts(self, message_id: str) -> list[Attempt]:
        """All attempts at a message."""
        found = [await self.town.store.delivery(one.id) for one in await self.deliveries(message_id)]
        return [attempt for _, _, attempts in found for attempt in attempts]

    @property
    def seen(self) -> list[str]:
        """What is seen in the channel, by its first words."""
        return [one.partition(" — ")[0] for one in self.slack.seen(CHANNEL)]


@asynccontextmanager
async def a_chat(town: Town) -> AsyncIterator[Chat]:
    """Open a chat with two channels, a person and a bot token; nothing else wants events."""
    async with AsyncExitStack() as stack:
        slack = Slack(now=town.clock)
        slack.add_channel(CHANNEL)
        slack.add_channel(OTHER)
        slack.add_user(PERSON)
        base = await stack.enter_async_context(slack.serving())
        client = await stack.enter_async_context(GuardedClient(allow=LOOPBACK, allow_http=True))
        workspace = Workspace(name="slack", bot_token=BOT_TOKEN, api_url=f"{base}/api/")
        row = Endpoint(
            destination_of("slack"),
            "",
            events=(),
            kind=REPLY,
            schedule_s=SCHEDULE_S,
            created_at=town.clock() - timedelta(days=1),
        )
        quiet = replace((await town.store.endpoints())["ops"], version=2, events=())
        await town.store.record([Write(endpoints=(row, quiet))])
        deliverer = Deliverer(town.kit, RULES, client, lambda _row, _now: Sending(), Redactor())
        chat = Chat(Office(town, Receiver(), deliverer, base, {}), slack, client, workspace)
        chat.use()
        yield chat
        assert slack.faults == []
