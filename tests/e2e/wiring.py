"""A real service between a Slack and a partner: what tests of a whole workspace share."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import orjson

from bridge.simulator.genviral import INSTAGRAM, TIKTOK
from tests.crash.audit import query
from tests.crash.town import SECRETS, Starter, Town, open_town, until
from tests.slack.person import FORM, Person
from tests.slack.seen import Said, View
from tests.slack.sockets import SocketMode
from tests.slack.standin import APP_TOKEN, Slack

VIDEO = "https://cdn.example.com/v.mp4"
NAMES = {"tt": {"partner": "genviral", "id": TIKTOK}, "ig": {"partner": "genviral", "id": INSTAGRAM}}
TOKEN = {"Authorization": f"Bearer {SECRETS['TOWN_TOKEN']}"}


class Wired(Person):
    """Somebody whose requests come over Socket Mode: an acknowledgement is the answer."""

    mode: SocketMode

    async def say(self, body: bytes, content_type: str, **headers: str) -> httpx.Response | None:
        fields = dict(parse_qsl(body.decode(), keep_blank_values=True)) if content_type == FORM else {}
        if "payload" in fields:
            envelope = await self.mode.send("interactive", orjson.loads(fields["payload"]), takes_answer=True)
        elif fields:
            envelope = await self.mode.send("slash_commands", fields, takes_answer=True)
        else:
            envelope = await self.mode.send("events_api", orjson.loads(body))
        await asyncio.wait_for(envelope.acknowledged.wait(), 10)
        return httpx.Response(200, content=orjson.dumps(envelope.answer) if envelope.answer is not None else b"")


@dataclass
class Line:
    """A town whose service is told of its workspace by `mode`."""

    town: Town
    slack: Slack
    person: Person
    mode: SocketMode | None = None

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the database."""
        return query(self.town.database, sql)

    @property
    def posts(self) -> list[str]:
        """The captions of the posts there are at the partner."""
        return sorted(post.caption for post in self.town.simulator.world.posts.values())

    async def form(self, user: str = "U1") -> View:
        """Wait for the form that a person has called for."""
        await until("a form", lambda: [view for view in self.slack.views.values() if view.user == user])
        return self.slack.view_of(user)

    async def message(self, verb: str, word: str = "") -> Said:
        """Wait for a message with a button that says a word."""

        def offered() -> Said | None:
            said = [one for channel in self.slack.channels.values() for one in channel.said]
            known = (one for one in said if f"bridge:{verb}" in self.slack.buttons(one))
            return next((one for one in known if word in str(one.now)), None)

        return await until(f"the button {verb}", offered)  # type: ignore[no-any-return]

    async def shown(self, post_id: str) -> dict[str, Any]:
        """Return a post as the API shows it."""
        answer = await self.town.http.get(f"{self.town.url}/v1/posts/{post_id}", headers=TOKEN)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@asynccontextmanager
async def wired(folder: Path, starter: Starter, *, wait_s: float = 30.0, **changes: Any) -> AsyncIterator[Line]:
    """Open a town over Socket Mode; its service has not been started."""
    slack = _slack()
    mode = SocketMode(slack, wait_s=wait_s)
    (folder / "app-token").write_text(APP_TOKEN)
    source = {"mode": "socket", "app_token": {"file": str(folder / "app-token")}}
    async with _line(folder, starter, slack, source, **changes) as line:
        line.mode = mode
        line.person = Wired(slack, line.town.http, line.person.hook, "unused")
        line.person.mode = mode
        yield line
        await line.town.close()
        await mode.close()


@asynccontextmanager
async def public(folder: Path, starter: Starter, **changes: Any) -> AsyncIterator[Line]:
    """Open a town over HTTP; its service has not been started."""
    async with _line(folder, starter, _slack(), {"secret": {"env": "TOWN_HOOK"}}, **changes) as line:
        yield line


def _slack() -> Slack:
    slack = Slack(burst=100)
    slack.add_channel("C1", name="social")
    slack.add_user("U1")
    return slack


@asynccontextmanager
async def _line(
    folder: Path, starter: Starter, slack: Slack, source: dict[str, Any], **changes: Any
) -> AsyncIterator[Line]:
    async with slack.serving() as base:
        team = {"kind": "slack", "bot_token": {"env": "TOWN_BOT"}, "api_url": f"{base}/api/", "preflight": "reject"}
        sources = {"team": team | source} | changes.pop("sources", {})
        async with open_town(folder, starter, sources=sources, accounts=NAMES, **changes) as town:
            person = Person(slack, town.http, lambda: f"{town.url}/hooks/team", SECRETS["TOWN_HOOK"])
            yield Line(town, slack, person)
