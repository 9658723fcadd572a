"""The service dies while hooks, a feed and lookups come in: what was acknowledged is posted, and once."""

import asyncio
import hmac
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bridge.simulator.genviral import TIKTOK
from tests.crash.audit import gaps, query, untold
from tests.crash.town import SECRETS, Starter, Town, open_town, until
from tests.flows.feeding import a_site, an_entry
from tests.flows.sender_api import a_sender_api

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

CALLS = (1, 3)
"""At which call it dies: in its first life at the first, in the next at the third."""
LIFE_S = 3.0
"""How long a life may take in which that call never comes: then it dies by our hand."""
BRAKE = 2

BEARER = {"Authorization": f"Bearer {SECRETS['TOWN_HOOK']}"}
LET_GO = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}"}
VIDEO = {"media": {"type": "video", "url": "https://cdn.example.com/v.mp4"}}

at_every_death = pytest.mark.parametrize("when", ["before", "after"])


def now() -> datetime:
    return datetime.now(UTC)


def a_source(kind: str, **fields: Any) -> dict[str, Any]:
    """Sources with one, whose posts say their title."""
    given = {"kind": kind, "accounts": [TIKTOK], "caption": "{{ title }}", "content": VIDEO}
    return {"cms": given | fields}


@asynccontextmanager
async def town_with(folder: Path, starter: Starter, kind: str, **fields: Any) -> AsyncIterator[Town]:
    """A town with a source that is asked for its secret, unless it is a feed."""
    secret = {} if kind == "feed" else {"secret": {"env": "TOWN_HOOK"}}
    token = {"name": "town", "token": {"env": "TOWN_TOKEN"}, "scopes": ["publish", "read", "admin"]}
    sources = a_source(kind, **secret, **fields)
    async with open_town(folder, starter, sources=sources, tokens=[token]) as town:
        yield town


class Sender:
    """A careful one: it sends the same bytes again until it is told that they were taken."""

    def __init__(self, town: Town, make: Callable[[int], tuple[bytes, dict[str, str]]]) -> None:
        self.town, self.sent, self._make = town, 0, make
        self._waiting: list[tuple[bytes, dict[str, str]]] = []

    async def send(self, count: int = 1) -> None:
        """Send so many new ones, after what was not taken yet."""
        self._waiting += [self._make(self.sent + number) for number in range(count)]
        self.sent += count
        while self._waiting and self.town.alive:
            body, headers = self._waiting[0]
            try:
                headers = {"Content-Type": "application/json", **headers}
                answer = await self.town.http.post(f"{self.town.url}/hooks/cms", content=body, headers=headers)
            except httpx.TransportError:
                return
            if answer.is_success:
                self._waiting.pop(0)
            else:
                assert answer.status_code == 503, answer.text

    async def live(self, kill: str) -> None:
        """Send until the planned death."""
        if await self.town.start(kill):
            for _ in range(4):
                await self.send()
        await dead(self.town)

    async def live_again(self) -> None:
        """Begin the last life, and send what is left."""
        await self.town.start()
        await self.send(0)
        assert not self._waiting


async def dead(town: Town) -> None:
    """Wait for the planned death, or bring it about."""
    for _ in range(int(LIFE_S / 0.05)):
        if not town.alive:
            break
        await asyncio.sleep(0.05)
    await town.kill()


def posts(town: Town, states: str = "'posted'") -> list[str]:
    """Our posts in these states, by what they say."""
    return [
        row[0] for row in query(town.database, f"select content ->> 'caption' from posts where state in ({states})")
    ]


async def rest(town: Town, state: str = "posted") -> None:
    """Wait until nothing moves any more, then stop."""
    moving = f"select 1 from posts where state != '{state}'"
    due = " union ".join(f"select 1 from {table} where state != 'done'" for table in ("commands", "deliveries"))
    wanted = "select 1 from lookups where state != 'done'"
    await until(f"rest in {town.folder}", lambda: not query(town.database, f"{moving} union {due} union {wanted}"))
    assert await town.stop() == 0


def once(town: Town, captions: list[str]) -> list[str]:
    """Return what does not hold: each is one post here and one there, created once, and all of it was told."""
    stored = Counter(
        entry.caption for entry in town.simulator.journal.of("create") if entry.worked and not entry.duplicate
    )
    held = Counter(post.caption for post in town.simulator.world.posts.values())
    ours, wanted = Counter(row[0] for row in query(town.database, "select content ->> 'caption' from posts")), captions
    counts = {"creates": stored, "posts there": held, "posts here": ours}
    faults = [f"{name}: {count}" for name, count in counts.items() if count != Counter(wanted)]
    return [*faults, *untold(town), *gaps(town)]


def ghost(number: int, **changes: Any) -> tuple[bytes, dict[str, str]]:
    """The hook of a Ghost post that was published."""
    at = now().isoformat(timespec="milliseconds")
    post = {"id": f"g{number}", "title": f"Post {number}", "status": "published", "updated_at": at, "published_at": at}
    previous = {"status": "draft"}
    body = orjson.dumps({"post": {"current": post | changes, "previous": previous}})
    stamp = str(int(now().timestamp() * 1000))
    digest = hmac.new(SECRETS["TOWN_HOOK"].encode(), body + stamp.encode(), "sha256").hexdigest()
    return body, {"X-Ghost-Signature": f"sha256={digest}, t={stamp}"}


def batch(number: int) -> tuple[bytes, dict[str, str]]:
    """Three things in one request."""
    things = [{"object_id": f"{number}.{place}", "title": f"Post {number}.{place}"} for place in range(3)]
    return orjson.dumps(things), BEARER


@at_every_death
@pytest.mark.parametrize("method", ["store.objects", "store.accept", "store.record", "partner.send"])
async def test_a_death_while_hooks_of_a_cms_come_in(tmp_path: Path, starter: Starter, method: str, when: str):
    async with town_with(tmp_path, starter, "ghost") as town:
        sender = Sender(town, ghost)
        for number in CALLS:
            await sender.live(f"{method}:{when}:{number}")

        await sender.live_again()
        await rest(town)

        assert once(town, [f"Post {number}" for number in range(sender.sent)]) == []


@at_every_death
@pytest.mark.parametrize("method", ["store.objects", "store.accept", "partner.send"])
async def test_a_death_in_the_middle_of_a_batch(tmp_path: Path, starter: Starter, method: str, when: str):
    async with town_with(tmp_path, starter, "generic", auth="bearer") as town:
        sender = Sender(town, batch)
        # The second of three, and the third of the next: what came before it is stored.
        for number in (2, 6):
            await sender.live(f"{method}:{when}:{number}")

        await sender.live_again()
        await rest(town)

        said = itertools.product(range(sender.sent), range(3))
        assert once(town, [f"Post {number}.{place}" for number, place in said]) == []


@at_every_death
@pytest.mark.parametrize("method", ["store.objects", "store.accept", "store.record", "partner.send"])
async def test_a_death_while_a_post_is_changed(tmp_path: Path, starter: Starter, method: str, when: str):
    later = (now() + timedelta(hours=1)).isoformat(timespec="milliseconds")
    planned = {"status": "scheduled", "published_at": later}

    def saved(number: int) -> tuple[bytes, dict[str, str]]:
        return ghost(0, **planned, title=f"Version {number}")

    async with town_with(tmp_path, starter, "ghost") as town:
        sender = Sender(town, saved)
        await town.start()
        await sender.send()
        await until("the post", lambda: posts(town, "'scheduled'"))
        await town.kill()
        for number in CALLS:
            await sender.live(f"{method}:{when}:{number}")

        await sender.live_again()
        await rest(town, "scheduled")

        last = [f"Version {sender.sent - 1}"]
        assert [post.caption for post in town.simulator.world.posts.values()] == posts(town, "'scheduled'") == last
        assert [*untold(town), *gaps(town)] == []


@at_every_death
@pytest.mark.parametrize("method", ["network.request", "store.objects", "store.accept", "store.record", "store.lease"])
async def test_a_death_while_a_feed_is_swept(tmp_path: Path, starter: Starter, method: str, when: str):
    names = [f"entry-{number}" for number in range(BRAKE + len(CALLS) + 2)]
    async with a_site() as site, town_with(tmp_path, starter, "feed", **feed_of(site.url)) as town:
        await town.start()
        await until("the first sweep", lambda: query(town.database, "select 1 from feeds where swept_at is not null"))
        await town.kill()
        site.show(*(an_entry(name, now, age=5) for name in names))
        for number in CALLS:
            await town.start(f"{method}:{when}:{number}")
            await dead(town)

        await town.start()
        await until("all entries", lambda: sorted(posts(town, "'posted', 'parked'")) == names)
        held = posts(town, "'parked'")
        answer = await town.http.post(f"{town.url}/v1/causes/source:cms/close", headers=LET_GO)
        await rest(town)

        # A death between an entry and the note of it lets one more through.
        assert len(names) - BRAKE - len(CALLS) <= len(held) <= len(names) - BRAKE
        assert (answer.status_code, once(town, names)) == (200, [])


def feed_of(url: str) -> dict[str, Any]:
    return {"feed": url, "feed_every": "100ms", "brake": BRAKE}


@at_every_death
@pytest.mark.parametrize("method", ["store.due_lookups", "network.request", "store.accept", "store.record"])
async def test_a_death_while_something_is_looked_up(tmp_path: Path, starter: Starter, method: str, when: str):
    def published(_: int) -> tuple[bytes, dict[str, str]]:
        return orjson.dumps({"action": "published", "story_id": 123, "space_id": 1}), BEARER

    async with a_sender_api() as api:
        fields = {"auth": "bearer", "token": {"env": "TOWN_HOOK"}, "api": f"{api.base}/cdn", "caption": "A story"}
        async with town_with(tmp_path, starter, "storyblok", **fields) as town:
            sender = Sender(town, published)
            for number in CALLS:
                await sender.live(f"{method}:{when}:{number}")

            await sender.live_again()
            await rest(town)

            assert once(town, ["A story"]) == []
