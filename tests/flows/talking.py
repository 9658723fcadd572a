"""A chat as a source of a town: it says what a test puts into its mouth; and what there is of it afterwards."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from bridge.core.endpoints import destination_of
from bridge.core.errors import Problem
from bridge.core.hook_rules import HookRules
from bridge.core.inbound import Card
from bridge.core.model import Endpoint, Intent, Item, Message, RawRequest, ReplyTo, Verified, Write
from bridge.core.rules import Limits, PublishRules
from bridge.flows.ingest import Act, Answer, Ingest, Know
from bridge.ports import Call, Gesture, Parsed, Reply
from tests.flows.town import NOON, VIDEO, Town

CHAT = "chat"
ADDRESS = "https://hooks.slack.com/commands/T1/1/rspsecret"
ASKED = ReplyTo(channel="C1", user="U1", address=ADDRESS)
EVERY = HookRules(accounts=("brand-tiktok",), preflight="reject")
OWN = {"caption": "hello", "media": VIDEO}


def words(problem: Problem) -> Reply:
    """How the chat words a refusal: a 200, for a person reads it."""
    told = {"detail": problem.detail, "faults": [fault.field for fault in problem.errors]}
    return Reply(200, orjson.dumps({"status": problem.status, **told}))


@dataclass
class Chat:
    """Says what `parsed` holds, whatever the request is; keeps what it was given to read."""

    parsed: Parsed = field(default_factory=lambda: Parsed(()))
    seen: list[Verified] = field(default_factory=list)
    kind: str = "slack"
    reply: Reply = field(default_factory=lambda: Reply(200, b""))
    methods: tuple[str, ...] = ("POST",)
    fetches: bool = False
    slow: bool = False

    def verify(self, raw: RawRequest) -> Verified:
        return Verified(raw, CHAT, f"source:{CHAT}", how="a signature")

    def read(self, verified: Verified) -> Parsed:
        self.seen.append(verified)
        return self.parsed

    def probe(self, raw: RawRequest) -> Reply | None:
        return None

    def lookup(self, wanted: Any, answers: Any) -> Call | Item:
        raise AssertionError("a chat looks nothing up")


@dataclass
class Talk:
    """A town with a chat in it."""

    town: Town
    chat: Chat
    ingest: Ingest

    def mouth(self, item: Item | None = None, **given: Any) -> None:
        """Let the next requests say this."""
        self.chat.parsed = Parsed((item,) if item is not None else (), **given)

    async def say(self, body: bytes = b"{}", verified: Verified | None = None) -> Answer:
        """Send a request of the chat."""
        raw = self.town.hook(body)
        return await self.ingest.receive(CHAT, raw, verified)

    async def ask(self, item: Item, **given: Any) -> Answer:
        """Ask for something, as somebody who reads the answer."""
        self.mouth(item, **{"refusal": words, **given})
        return await self.say()

    async def messages(self, event_id: str) -> list[Message]:
        """The messages that follow an event."""
        found: list[Message] = await self.town.store.messages_of(event_id)
        return found


def wanted(key: str | None = None, *, reply_to: ReplyTo | None = ASKED, **own: Any) -> Item:
    """What somebody asks for."""
    return Item(intent=Intent.PUBLISH, key=key, own={**OWN, **own}, reply_to=reply_to)


def said(answer: Answer) -> dict[str, Any]:
    """What the person reads."""
    return dict(orjson.loads(answer.reply.body or b"{}"))


async def a_talk(
    town: Town,
    *,
    rules: HookRules = EVERY,
    limits: Limits | None = None,
    cards: Mapping[str, Card] | None = None,
    know: Know | None = None,
    act: Act | None = None,
) -> Talk:
    """Let a chat into a town, with the endpoint that stands for it."""
    chat = Chat()
    sources = {**town.ingest.sources, CHAT: chat}
    ingest = Ingest(
        town.kit,
        PublishRules(),
        limits or Limits(),
        sources,
        own={CHAT: rules},
        know=know,
        act=act,
        cards=cards,
    )
    stands = Endpoint(destination_of(CHAT), "slack", (), kind="reply", created_at=NOON)
    await town.store.record([Write(endpoints=(stands,))])
    return Talk(replace(town, ingest=ingest), chat, ingest)


def pressed(verb: Any, message: str = "", **given: Any) -> Gesture:
    """A gesture of Ann."""
    return Gesture(verb=verb, user="U1", user_name="ann", message=message, **given)
