"""A copy that is made under load is gone back to after the disk was lost: nothing that it knew goes out twice."""

import asyncio
import contextlib
import statistics
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from bridge.core.restoring import JUMP
from bridge.simulator import DEMO_KEY, PostEverywhereSimulator, posteverywhere, running
from bridge.simulator.posteverywhere import LINKEDIN, X
from tests.crash.audit import query
from tests.crash.town import ROOT, SECRETS, WORKER_S, Starter, Town, open_town, until

pytestmark = pytest.mark.anyio

SLOW, FAST = 8, 100
"""Calls a second that the partner grants: so few that work piles up, and enough that it goes away."""
LOAD = 3
"""Senders at once."""
REPEATED = 5
"""How many of the requests that the copy does not know come again."""


@dataclass
class City:
    """A town with a second partner, and what was sent to whom."""

    town: Town
    second: PostEverywhereSimulator
    wishes: dict[str, dict[str, Any]] = field(default_factory=dict)
    took: list[tuple[float, float]] = field(default_factory=list)

    def rate(self, calls: int) -> None:
        tree = yaml.safe_load(self.town.config.read_text())
        tree["partners"]["genviral"]["rate"] = calls
        self.town.config.write_text(yaml.safe_dump(tree))

    async def send(self, caption: str) -> str:
        """Ask for a post, always under the same key; the id of its event."""
        headers = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}", "Idempotency-Key": caption}
        began = time.monotonic()
        answer = await self.town.http.post(f"{self.town.url}/v1/publish", json=self.wishes[caption], headers=headers)
        assert answer.is_success, answer.text
        self.took.append((began, time.monotonic() - began))
        return str(answer.json()["event_id"])

    def wish(self) -> str:
        number = len(self.wishes)
        caption = f"Wish {number:05}"
        account = str([X, LINKEDIN][number % 2]) if number % 3 == 0 else self.town_account
        media = {} if number % 3 == 0 else {"media": "https://cdn.example.com/v.mp4"}
        self.wishes[caption] = {"caption": caption, "accounts": [account], **media}
        return caption

    @property
    def town_account(self) -> str:
        return next(iter(self.town.simulator.world.accounts))

    def there(self) -> Counter[str]:
        """How many posts the two partners have, by caption."""
        first = (post.caption for post in self.town.simulator.world.posts.values())
        return Counter(first) + Counter(post.content for post in self.second.world.posts.values())


@pytest.fixture
async def city(tmp_path: Path, anyio_backend: str) -> AsyncIterator[City]:
    second = PostEverywhereSimulator(general_per_minute=60_000, creates_per_minute=6_000)
    starter = Starter()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(starter.close)
        second_url = await stack.enter_async_context(running(posteverywhere.app(second, tick_s=WORKER_S)))
        town = await stack.enter_async_context(open_town(tmp_path, starter))
        tree = yaml.safe_load(town.config.read_text())
        key = tmp_path / "key"
        key.write_text(DEMO_KEY)
        entry = {"kind": "posteverywhere", "token": {"file": str(key)}, "calls": 1000, "creates": 1000}
        tree["partners"]["second"] = entry | {"base_url": f"{second_url}/api/v1"}
        tree["accounts"] = {f"two-{one}": {"partner": "second", "id": str(one)} for one in (X, LINKEDIN)}
        town.config.write_text(yaml.safe_dump(tree))
        yield City(town, second)


@contextlib.asynccontextmanager
async def load(city: City) -> AsyncIterator[None]:
    """Have senders send one post after the other, until it is left."""

    async def sender() -> None:
        while True:
            await city.send(city.wish())
            await asyncio.sleep(0.1)

    senders = [asyncio.create_task(sender()) for _ in range(LOAD)]
    try:
        yield
        assert not any(one.done() for one in senders), [one.exception() for one in senders if one.done()]
    finally:
        for one in senders:
            one.cancel()
        await asyncio.gather(*senders, return_exceptions=True)


async def bridge(*arguments: str) -> str:
    """Run a verb to its end, and return what it said."""
    command = [sys.executable, "-m", "bridge", *arguments]
    pipes = {"stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.STDOUT}
    made = await asyncio.create_subprocess_exec(*command, cwd=ROOT, env={"PATH": "", **SECRETS}, **pipes)
    said = (await made.communicate())[0].decode()
    assert made.returncode == 0, said
    return said


def told(city: City) -> dict[str, int]:
    """The highest sequence that a receiver has seen of each subject."""
    highest: dict[str, int] = {}
    for subject, sequence in heard(city):
        highest[subject] = max(highest.get(subject, 0), sequence)
    return highest


def heard(city: City) -> Iterator[tuple[str, int]]:
    """Subjects and sequences, in the order in which they came."""
    for item in city.town.receiver.received:
        data = orjson.loads(item.body)["data"]
        yield f"{data['subject']['kind']}:{data['subject']['id']}", data["sequence"]


def captions(database: Path) -> set[str]:
    """The captions of all posts."""
    return {row[0] for row in query(database, "select content ->> 'caption' from posts")}


def unfinished(database: Path) -> set[str]:
    """The captions whose publish is not settled."""
    asked = "select content ->> 'caption' from posts join commands on post_id = posts.id"
    return {
        row[0] for row in query(database, f"{asked} where kind = 'publish' and commands.state in ('due', 'parked')")
    }


async def test_what_a_copy_knew_goes_out_once(city: City, tmp_path: Path) -> None:
    town, copies = city.town, tmp_path / "copies"
    copies.mkdir()
    city.rate(SLOW)
    await town.start()
    await until("the accounts", lambda: len(query(town.database, "select 1 from accounts")) > 5)
    async with load(city):
        await asyncio.sleep(2)
        alone, began = [took for _, took in city.took], time.monotonic()
        for _ in range(3):
            await bridge("backup", str(copies), "--keep", "2", "--config", str(town.config))
        beside = [took for at, took in city.took if at >= began]
        await until("a queue", lambda: len(unfinished(town.database)) > 20)
        before = city.there()
        await bridge("backup", str(copies), "--keep", "2", "--config", str(town.config))
        copy = max(copies.iterdir())
        known, open_then = captions(copy), unfinished(copy)
        await until("work goes on", lambda: len(open_then & city.there().keys() - before.keys()) > 5)
        await until("what came later goes out", lambda: len(city.there().keys() - known) >= REPEATED)
    await town.kill()
    ratio = statistics.median(beside) / statistics.median(alone)
    print(f"an accept takes {ratio:.2f} times as long while copies are made ({len(alone)} and {len(beside)} of them)")
    assert ratio < 5

    assert len(list(copies.iterdir())) == 2
    for one in copies.iterdir():
        assert query(one, "pragma integrity_check") == [("ok",)]
    there = city.there().keys()
    done_since, lost = open_then & there - before.keys(), sorted(there - known)
    highest = told(city)
    town.receiver.received.clear()

    said = await bridge("restore", str(copy), "--config", str(town.config))
    assert f"kept as {town.database}.old" in said
    city.rate(FAST)
    await town.start()
    repeated = lost[:REPEATED]
    for caption in repeated:
        await city.send(caption)
    asked = "select 1 from posts where state != 'posted' and content ->> 'caption' in ({})"
    names = ", ".join(f"'{caption}'" for caption in known)
    due = "select 1 from deliveries where state != 'done'"
    parked = "select id from commands where state = 'parked'"
    await until("the doubts", lambda: len(query(town.database, parked)) == REPEATED, 90)
    await until("rest", lambda: not query(town.database, f"{asked.format(names)} union {due}"), 90)
    assert await town.stop() == 0

    twice = {caption: number for caption, number in city.there().items() if number > 1}
    assert not twice, twice
    assert known <= city.there().keys()
    assert town.simulator.world.posted_twice() == city.second.world.published_twice() == {}
    assert not unfinished(town.database) & known
    doubted = query(town.database, "select id from commands where reason = 'unknown_outcome' and state = 'parked'")
    assert len(doubted) == len(repeated), "what the copy did not know is left to a person, not sent again"
    after = list(heard(city))
    late = [(subject, sequence) for subject, sequence in after if sequence > JUMP]
    assert late
    old = [one for one in after if one[1] <= JUMP]
    assert all(sequence > highest.get(subject, 0) for subject, sequence in late)
    assert len(old) <= len(query(copy, "select 1 from deliveries where state != 'done'"))
    print(
        f"{len(known)} posts were known to the copy, {len(open_then)} open, {len(done_since)} of them done since; "
        f"{len(lost)} came later; {len(late)} events told with higher sequences, {len(old)} again"
    )
