"""What a real receiver gets from the real service: the same event in several formats, as it came."""

import asyncio
from collections.abc import Collection, Mapping
from contextlib import closing
from pathlib import Path

import yaml

from bridge.simulator.receiver import Received
from tests.crash.audit import query
from tests.crash.town import SECRETS, Starter, Town, open_town, until

SECRET = SECRETS["TOWN_SECRET"]
TYPE = "post.posted"


def receive(folder: Path, *formats: str) -> Mapping[str, Received]:
    """Let the service publish a post, and return what says that it is out, by the format it came in."""
    with closing(Starter()) as starter:
        return asyncio.run(_receive(folder, starter, formats))


async def _receive(folder: Path, starter: Starter, formats: Collection[str]) -> Mapping[str, Received]:
    async with open_town(folder, starter) as town:
        _send_as(town, formats)
        assert await town.start()
        await until("the accounts", lambda: query(town.database, "select 1 from accounts"))
        await town.publish(town.wish())
        await until("webhooks", lambda: {one.name for one in town.receiver.received} == set(formats))
        assert await town.stop() == 0
        return {one.name: one for one in town.receiver.received}


def _send_as(town: Town, formats: Collection[str]) -> None:
    """Give the configuration one endpoint for each format, of its name."""
    tree = yaml.safe_load(town.config.read_text())
    usual = tree["endpoints"].pop("town")
    for name in formats:
        more = {} if name == "standard" else {"format": name}
        tree["endpoints"][name] = usual | {"url": usual["url"].removesuffix("town") + name, "events": [TYPE]} | more
        town.receiver.trust(name, SECRET)
    town.config.write_text(yaml.safe_dump(tree))
