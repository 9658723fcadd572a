"""A conversation in Slack with a service that dies in the middle of it, and what must hold at its end."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import orjson

from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from tests.crash.audit import gaps, query, untold
from tests.crash.town import SECRETS, Starter, Town, open_town, until
from tests.slack.person import Person
from tests.slack.seen import Said, View, texts_of
from tests.slack.standin import Slack

CAPTION = "Holiday drops start Monday!"
VIDEO = "https://cdn.example.com/v.mp4"
STEPS = ("shortcut", "wrong", "submit", "failing", "retry", "posted")
"""What happens, one after the other; a death may come with any of them."""

DEATHS = tuple(
    f"{method}:{when}:{number}"
    for method in ("store.accept", "store.record", "store.settle", "client.request", "partner.send")
    for when in ("before", "after")
    for number in (1, 2)
)
"""At which call of what is outside of the service it dies; see `tests.crash.service`."""


@dataclass
class Conversation:
    """Somebody who wants a post on two accounts, one of which fails at first; `deaths` are the steps of its deaths."""

    town: Town
    slack: Slack
    person: Person
    deaths: list[str] = field(default_factory=list)
    _step: str = ""

    async def hold(self, kills: dict[str, str]) -> None:
        """Go through it; the service that takes a step dies in it as planned, and the person does not give up."""
        for name in STEPS:
            self._step = name
            if name in kills:
                assert await self.town.stop() == 0
                await self.town.start(kills[name])
            await getattr(self, f"_{name}")()

    async def _again(self, what: str, act: Callable[[], Awaitable[httpx.Response | None]]) -> httpx.Response:
        """Do something until it is answered: who sees an error tries again."""
        for _ in range(5):
            answer = await act() if self.town.alive else None
            if answer is not None and answer.status_code == 200:
                return answer
            if answer is None or not self.town.alive:
                await self._reborn()
        raise AssertionError(f"{what} was never answered:\n{self.town.log.read_text()[-3000:]}")

    async def _reborn(self) -> None:
        """Start anew a service that died; one that does not answer has, though its end may not be known yet."""
        await self.town.killed()
        self.deaths.append(self._step)
        await self.town.start()

    async def _revive(self) -> None:
        if not self.town.alive:
            await self._reborn()

    async def _until(self, what: str, holds: Callable[[], object]) -> None:
        """Wait for something; a service that died meanwhile is started anew."""

        async def revived() -> None:
            while not holds():
                await until(what, lambda: holds() or not self.town.alive)
                await self._revive()

        await revived()

    async def _shortcut(self) -> None:
        known = len(self.slack.views)
        for _ in range(3):
            await self._again("the shortcut", self.person.shortcut)
            try:
                await until("a form", lambda: len(self.slack.views) > known, 4)
            except TimeoutError:  # A form is opened within three seconds or not at all: one chooses the shortcut again.
                await self._revive()
            else:
                return
        raise AssertionError("no form was ever opened")

    def _view(self) -> View:
        return self.slack.view_of(self.person.user)

    async def _wrong(self) -> None:
        wrong = {"caption": CAPTION, "accounts": ["tt", "ig"], "media": "not an address"}
        answer = await self._again("the form", lambda: self.person.submit(self._view(), **wrong))
        assert answer.json()["response_action"] == "errors"
        assert list(answer.json()["errors"]) == ["media"]
        assert not query(self.town.database, "select 1 from events where source = 'team'")

    async def _submit(self) -> None:
        self.town.simulator.script(TIKTOK, {"kind": "fail", "text": "Video duration is too short"}, "ok")
        right = {"caption": CAPTION, "accounts": ["tt", "ig"], "media": VIDEO}
        answer = await self._again("the form", lambda: self.person.submit(self._view(), **right))
        assert answer.content in (b"", b"{}"), answer.text

    def message(self) -> Said | None:
        """Return what everybody sees: one message, whatever happened.

        Who presses a button again, because the answer never came, may be told beside it that nothing is left to do.
        """
        told = [said for one in self.slack.channels.values() for said in one.said if not (said.deleted or said.to)]
        assert len(told) <= 1, [said.text for said in told]
        return told[0] if told else None

    def _shows(self, *words: str) -> bool:
        said = self.message()
        return said is not None and all(word in texts_of(said.now) for word in words)

    def _offers(self, verb: str) -> bool:
        said = self.message()
        return said is not None and f"bridge:{verb}" in self.slack.buttons(said)

    async def _failing(self) -> None:
        await self._until("a failed account", lambda: self._offers("retry"))
        assert self._shows(CAPTION, "tt", "ig")

    async def _retry(self) -> None:
        async def press() -> httpx.Response | None:
            said = self.message()
            assert said is not None
            return await self.person.press(said, "retry") if self._offers("retry") else httpx.Response(200)

        await self._again("the button", press)

    async def _posted(self) -> None:
        await self._until("the post", lambda: query(self.town.database, "select 1 from posts where state = 'posted'"))
        await self._until("the last word", lambda: not self._offers("retry") and self._linked() == 2)

    def _linked(self) -> int:
        said = self.message()
        links = query(self.town.database, "select targets from posts")
        urls = {row["url"] for (targets,) in links for row in _rows(targets) if row.get("url")}
        return sum(url in texts_of(said.now) for url in urls) if said is not None else 0


def _rows(targets: str) -> list[dict[str, str]]:
    found = orjson.loads(targets)
    return [row for row in found if isinstance(row, dict)]


@asynccontextmanager
async def a_conversation(folder: Path, starter: Starter) -> AsyncIterator[Conversation]:
    slack = Slack(burst=100)
    slack.add_channel("C1", name="social")
    slack.add_user("U1")
    async with slack.serving() as base:
        team = {
            "kind": "slack",
            "secret": {"env": "TOWN_HOOK"},
            "bot_token": {"env": "TOWN_BOT"},
            "api_url": f"{base}/api/",
            "preflight": "reject",
        }
        names = {"tt": {"partner": "genviral", "id": TIKTOK}, "ig": {"partner": "genviral", "id": INSTAGRAM}}
        async with open_town(folder, starter, sources={"team": team}, accounts=names) as town:
            person = Person(slack, town.http, lambda: f"{town.url}/hooks/team", SECRETS["TOWN_HOOK"])
            yield Conversation(town, slack, person)


async def told_once(told: Conversation) -> None:
    """What must hold in the end: one post here and there, one message that says so, and no request was at fault."""
    town = told.town
    await told._until("rest", lambda: not query(town.database, "select 1 from deliveries where state = 'due'"))
    assert await town.stop() == 0
    assert [post.caption for post in town.simulator.world.posts.values()] == [CAPTION]
    assert query(town.database, "select count(*) from posts") == [(1,)]
    assert not town.simulator.world.posted_twice()
    assert told.message() is not None
    assert told.slack.faults == []
    assert [*untold(town), *gaps(town)] == []
