"""Posts of ours on their way to the simulator of PostEverywhere, and what it was asked."""

from typing import Any

from bridge.core.model import Command, Post
from bridge.partners.posteverywhere import PostEverywhere
from bridge.ports import Send
from bridge.simulator.posteverywhere import PostEverywhereSimulator, X
from tests.partners.things import NOW, command, post

TEXT = "Holiday drops start Monday, and here is what is in them: everything, 50 % off"


def ours(*accounts: int, **changes: Any) -> Post:
    content = {"caption": TEXT, "media": None} | changes.pop("content", {})
    return post(*(str(one) for one in accounts or (X,)), content=content, **changes)


async def send(partner: PostEverywhere, cmd: Command, made: Post) -> Any:
    built = partner.build(cmd, made, NOW)
    assert isinstance(built, Send)
    return await partner.send(cmd, made, built.body)


async def published_id(partner: PostEverywhere, made: Post) -> str:
    return str((await send(partner, command(id="other"), made)).partner_id)


def operations(sim: PostEverywhereSimulator) -> list[str]:
    return [entry.operation for entry in sim.journal]
