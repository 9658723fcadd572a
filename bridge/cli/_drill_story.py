"""The story of a drill: publish, break, see who is told, heal, see what resumes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import orjson
from rich.console import Console

from bridge.cli._drill_stage import Stage
from bridge.core.drilling import MARK, Outcome, Told, outcome_of
from bridge.core.errors import Problem
from bridge.core.model import Delivery, OutboundEvent, PostState, WorkState
from bridge.ports import Find

PATIENCE_S = 25.0
_LOOK_S = 0.1
_MOST = 5_000
_OUTAGE_S = 3.0
_LIVE = (PostState.POSTED,)


class Story:
    """Acts, tells each step as a line, and notes whether it went well."""

    def __init__(self, console: Console, stage: Stage, partner: str, *, going: bool) -> None:
        self.stage, self.partner, self.well = stage, partner, True
        self.steps: list[dict[str, str]] = []
        self._console, self._going = console, going
        self._store, self._played = stage.bridge.kit.store, stage.played[partner]
        self._posts: list[str] = []
        self._seen: set[str] = set()
        self._left_out: set[str] = set()

    def line(self, text: str) -> None:
        """Tell something that has no time."""
        self._console.print(text, markup=False, soft_wrap=True)

    def say(self, mark: str, text: str) -> None:
        """Tell one step, with its time."""
        at = datetime.now(UTC)
        self.steps.append({"at": at.isoformat(timespec="milliseconds"), "mark": mark, "text": text})
        self.line(f"{at:%H:%M:%S.%f}"[:12] + f"  {mark:<3} {text}")

    async def play(self, scene: str) -> Outcome:
        """Play a scene to its end, or to the first step that fails."""
        telling = asyncio.create_task(self._follow())
        late: list[str] = []
        try:
            for part in (self._before, lambda: self._break(scene, late), lambda: self._heal(scene)):
                if not await self._went(part):
                    break
            await self._went(self._quiet)
        finally:
            telling.cancel()
        await self._tell()
        return await self._outcome(late)

    async def _went(self, part: Callable[[], Awaitable[None]]) -> bool:
        """Play a part; False when it failed and there is to be no other."""
        try:
            await part()
        except TimeoutError as error:
            self.well = False
            self.say("NO", str(error))
            return self._going
        return True

    async def _before(self) -> None:
        """Publish to each account while all is well."""
        book = self.stage.bridge.kit.book
        await self._until("the accounts are listed", lambda: _all_listed(book.directory))
        names = [name for one in self.stage.played.values() for name in one.accounts]
        made = [post_id for name in names if (post_id := await self._publish("before", name))]
        await self._until_live(made)
        self.say("ok", f"{len(made)} posts are live, one on each account")

    async def _break(self, scene: str, late: list[str]) -> None:
        """Cause the fault, publish into it, and see who is told and what waits."""
        told = len(self._seen)
        names = self._names
        if not names:
            raise TimeoutError(f"no account of {self.partner} takes a plain post, so nothing can be seen there")
        match scene:
            case "dead-token":
                self._played.kill(self._played.accounts[names[0]])
                self.say("..", f"the token of {names[0]} dies")
            case "outage":
                self._played.fail()
                self.say("..", f"{self.partner} answers 5xx to everything")
            case _:
                self._played.lapse()
                self.say("..", f"the plan of {self.partner} lapses")
        made = [post_id for name in names if (post_id := await self._publish("during", name))]
        if scene == "outage":
            await asyncio.sleep(_OUTAGE_S)
        else:
            await self._until("a person was told (attention.opened)", lambda: self._causes(opened=True))
            healthy = made[1:] if scene == "dead-token" else []
            await self._until_live(healthy)
        late += [post_id for post_id in made if not await self._live([post_id])]
        await self._tell()
        self.say("ok", f"{len(late)} of {len(made)} posts wait; {len(self._seen) - told} events were told")
        if scene == "outage" and not await self._causes(opened=True):
            self.say("..", "an outage needs no person: calls are tried again by themselves, and what is stuck is told")

    async def _heal(self, scene: str) -> None:
        """End the fault, and see what resumes."""
        if scene == "dead-token" and self._names:
            self._played.reconnect(self._played.accounts[self._names[0]])
            self.say("..", f"somebody reconnects {self._names[0]}")
        else:
            self._played.heal()
            self.say("..", f"{self.partner} works again")
        await self._until("nobody needs to act any more (attention.closed)", lambda: self._causes(opened=False))
        await self._until_live(self._posts)
        self.say("ok", "everything that waited is live")

    async def _quiet(self) -> None:
        """Wait until every delivery has arrived, or was tried."""
        await self._until("every endpoint was told", self._delivered)

    async def _publish(self, when: str, account: str) -> str:
        """Hand in a post; empty for an account that takes no plain one, which is left out from there on."""
        try:
            [result] = (await self.stage.publish(f"{MARK} {when}: a post for {account}", account)).results
        except Problem as problem:
            self._left_out.add(account)
            self.say("..", f"{account} is left out: {problem.detail}")
            return ""
        [post] = result.posts
        self._posts.append(post.id)
        self.say("->", f"publish to {account}: {post.id}")
        return post.id

    @property
    def _names(self) -> list[str]:
        """The accounts of the partner that take part."""
        return [name for name in self._played.accounts if name not in self._left_out]

    async def _until_live(self, post_ids: list[str]) -> None:
        await self._until("the posts are live", lambda: self._live(post_ids))

    async def _live(self, post_ids: list[str]) -> bool:
        posts = await self._store.posts(post_ids)
        return all(posts[post_id].state in _LIVE for post_id in post_ids)

    async def _causes(self, *, opened: bool) -> bool:
        return any(cause.open for cause in (await self._store.causes()).values()) is opened

    async def _delivered(self) -> bool:
        return all(one.state is not WorkState.DUE or one.attempts > 0 for one in await self._deliveries())

    async def _deliveries(self) -> list[Delivery]:
        return await self._store.find_deliveries(Find(limit=_MOST))

    async def _until(self, what: str, holds: Callable[[], Awaitable[bool] | bool]) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not (await found if isinstance(found := holds(), Awaitable) else found):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {PATIENCE_S:.0f} s: {what}")
            await asyncio.sleep(_LOOK_S)

    async def _follow(self) -> None:
        while True:
            await self._tell()
            await asyncio.sleep(_LOOK_S)

    async def _tell(self) -> None:
        """Tell the events that were not told yet, with the endpoints that want each."""
        events = [one for one in await self._store.told(Find(limit=_MOST)) if one.id not in self._seen]
        if not events:
            return
        to: dict[str, list[str]] = {}
        for one in await self._deliveries():
            to.setdefault(one.outbound_id, []).append(one.destination)
        for event in sorted(events, key=lambda one: one.id):
            self._seen.add(event.id)
            self.say("<-", f"{_in_words(event)}  => {', '.join(sorted(to.get(event.id, ()))) or 'nobody'}")

    async def told(self) -> list[Told]:
        """Return what each endpoint was told."""
        found = {one.name: Told(one.name, tuple(one.events)) for one in (await self._store.endpoints()).values()}
        for one in reversed(await self._deliveries()):
            found[one.destination].add(one.type, arrived=one.state is WorkState.DONE)
        return list(found.values())

    async def _outcome(self, late: list[str]) -> Outcome:
        posts = await self._store.posts(self._posts)
        doubled = sum(one.doubled() for one in self.stage.played.values())
        return outcome_of({post_id: post.state in _LIVE for post_id, post in posts.items()}, late, doubled)


def _all_listed(directory: Any) -> bool:
    return len(directory.listed) >= len(directory.partners)


def _in_words(event: OutboundEvent) -> str:
    """Tell an event in a line."""
    data = orjson.loads(event.body)["data"]
    about = (data.get("account") or {}).get("name") or data["subject"]["id"]
    words = [
        f"{event.type:<20}",
        about,
        *(str(data[name]) for name in ("reason", "what_to_do", "how") if data.get(name)),
    ]
    return " · ".join(word for word in words if word)
