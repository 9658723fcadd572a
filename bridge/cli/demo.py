"""`bridge demo`: five small stories with the real service, told as they happen and checked at the end."""

import argparse
import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from rich.console import Console

from bridge.cli import _kept as kept
from bridge.cli._ending import run_to_end
from bridge.cli._show import posts_by_state, show_metrics, show_posts, show_webhooks, types_of
from bridge.cli._stage import ACCOUNTS, HINTS, Stage, set_stage
from bridge.simulator.receiver import Received

_PATIENCE_S = 25.0
_PARTNERS = ("genviral", "posteverywhere")
_VIDEO = "https://cdn.example.com/holidays.mp4"


def run(arguments: argparse.Namespace) -> int:
    """Play the demo; 0 only when every check held."""
    console = Console()
    return run_to_end(_play(console, keep=arguments.keep))


async def _play(console: Console, *, keep: bool) -> int:
    began = time.monotonic()
    async with set_stage(keep=keep) as stage:
        if keep:
            kept.greet(console, stage)
        story = Story(console, stage)
        telling = asyncio.create_task(story.follow())
        try:
            for part in (story.plain, story.passing_failure, story.dead_token, story.three_times, story.both_partners):
                await part()
        except TimeoutError as error:
            story.check(f"the story went on: {error}", held=False)
        await asyncio.sleep(0.5)
        telling.cancel()
        await story.end()
        console.print(f"{'All' if story.well else 'NOT all'} checks held, in {time.monotonic() - began:.0f} s.")
        if keep:
            await kept.keep(console, stage)
    return 0 if story.well else 1


class Story:
    """Acts, tells each step as a line, and notes what held."""

    def __init__(self, console: Console, stage: Stage) -> None:
        self.console, self.stage = console, stage
        self.well = True
        self.posts: list[str] = []
        self._told: set[str] = set()

    def say(self, mark: str, text: str) -> None:
        """Tell one step."""
        line = f"{datetime.now(UTC):%H:%M:%S.%f}"[:12] + f"  {mark:<3} {text}"
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def check(self, claim: str, *, held: bool) -> None:
        """Note whether a claim held."""
        self.tell()
        self.well &= held
        self.say("ok" if held else "NO", claim)

    async def follow(self) -> None:
        """Tell each webhook when it arrives."""
        while True:
            self.tell()
            await asyncio.sleep(0.05)

    def tell(self) -> None:
        """Tell the webhooks that were not told yet."""
        for item in self.received:
            if item.webhook_id and item.webhook_id not in self._told:
                self._told.add(item.webhook_id)
                self.say("<-", _in_words(item))

    async def publish(self, caption: str, *accounts: str) -> Mapping[str, Any]:
        """Send one publish request."""
        body = {"caption": caption, "media": _VIDEO, "accounts": list(accounts)}
        answer = await self.stage.api.post("/v1/publish", json=body)
        said: dict[str, Any] = answer.json()
        ids = [post["id"] for post in said.get("posts", ())]
        self.posts += [post_id for post_id in ids if post_id not in self.posts]
        again = " (the same as before)" if said.get("duplicate") else ""
        self.say(
            "->",
            f"publish {caption!r} to {', '.join(accounts)}: {answer.status_code} {said.get('event_id')} {ids}{again}",
        )
        return said

    async def until(self, what: str, holds: Callable[[list[Received]], bool]) -> None:
        """Wait until the webhooks received show something."""
        deadline = time.monotonic() + _PATIENCE_S
        while not holds(list(self.stage.receiver.received)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what} within {_PATIENCE_S:.0f} s")
            await asyncio.sleep(0.05)

    async def until_posted(self, post_id: str) -> None:
        """Wait for a post's `post.posted`."""
        await self.until(f"{post_id} is posted", lambda got: any(_is(item, "post.posted", post_id) for item in got))

    async def plain(self) -> None:
        """(a) A post is published and becomes posted on two accounts."""
        self.title("a", "A post goes out on two accounts.")
        said = await self.publish("Holiday drops start Monday!", "brand-tiktok", "brand-instagram")
        await self.until_posted(said["posts"][0]["id"])
        self.check("posted on two accounts", held=True)

    async def passing_failure(self) -> None:
        """(b) A second fails on one account for a passing reason and is retried by itself, for that account only."""
        self.title("b", "One account fails for a passing reason.")
        self.stage.simulator.script(ACCOUNTS["brand-tiktok"], {"kind": "fail", "text": "Temporary error 503"}, "ok")
        said = await self.publish("Three looks for the long weekend", "brand-tiktok", "brand-instagram")
        await self.until_posted(said["posts"][0]["id"])
        retries = self.stage.simulator.journal.of("retry")
        self.check("one retry, and posted", held=len(list(retries)) == 1)
        twice = self.stage.simulator.world.posted_twice()
        self.check("the account that had it did not get it again", held=not twice)

    async def dead_token(self) -> None:
        """(c) A third meets a dead token on one of two accounts."""
        self.title("c", "One account's token is dead.")
        self.stage.simulator.world.set_account_status(ACCOUNTS["brand-youtube"], "revoked")
        self.say("..", "the partner drops brand-youtube: its token is dead")
        said = await self.publish("Behind the scenes", "brand-instagram", "brand-youtube")
        await self.until_posted(said["posts"][0]["id"])
        await self.until("attention.opened", lambda got: types_of(got)["attention.opened"] == 1)
        self.check(
            "the healthy account has it; a person was told once", held=types_of(self.received)["attention.opened"] == 1
        )
        event = (await self.stage.api.get(f"/v1/events/{said['event_id']}")).json()
        parked = [post["id"] for post in event["posts"] if post["id"] not in self.posts]
        self.posts += parked
        self.check(f"the other one waits as {', '.join(parked)}", held=len(parked) == 1)
        self.stage.simulator.world.reconnect(ACCOUNTS["brand-youtube"])
        self.say("..", "somebody reconnects brand-youtube")
        await self.until("attention.closed", lambda got: types_of(got)["attention.closed"] == 1)
        await self.until_posted(parked[0])
        self.check("it went out by itself", held=True)

    async def three_times(self) -> None:
        """(d) The same publish is sent three times and there is one post."""
        self.title("d", "The same request arrives three times.")
        said = [await self.publish("Last chance!", "brand-instagram") for _ in range(3)]
        self.check("one event, one post", held=len({item["event_id"] for item in said}) == 1)
        await self.until_posted(said[0]["posts"][0]["id"])

    async def both_partners(self) -> None:
        """(e) One request goes out through both partners, one of which tells bridge itself that there is news."""
        self.title("e", "One request goes to accounts of both partners.")
        said = await self.publish("Doors open at noon", "brand-instagram", "brand-x", "brand-linkedin")
        self.say("..", "PostEverywhere publishes only files that it keeps, so it is asked to fetch the video first")
        ids = [post["id"] for post in said["posts"]]
        self.check("one event, one post at each partner", held=len(ids) == 2)
        for post_id in ids:
            await self.until_posted(post_id)
        shown = [(await self.stage.api.get(f"/v1/posts/{post_id}")).json() for post_id in ids]
        self.check("they are at two partners", held={post["partner"] for post in shown} == set(_PARTNERS))
        links = [target["url"] for post in shown for target in post["targets"]]
        self.check("all three accounts have it live, with its address", held=len(links) == 3 and all(links))
        sent, hints = await self.hints()
        claim = f"PostEverywhere's webhooks, {len(sent)} of them and each sent twice, are hints that count once"
        self.check(claim, held=set(sent.values()) == {2} and len(hints) == len(sent))

    async def hints(self) -> tuple[Counter[str], list[Mapping[str, Any]]]:
        """Return how often each webhook of the second partner was taken, and the events that it made, once all are."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            sent = Counter(one.delivery.event_id for one in self.stage.second.outbox.sent if one.ok)
            hints = (await self.stage.api.get(f"/v1/events?intent=hint&source={HINTS}&limit=200")).json()["items"]
            if (set(sent.values()) == {2} and len(hints) == len(sent)) or time.monotonic() > deadline:
                return sent, hints
            await asyncio.sleep(0.1)

    @property
    def received(self) -> list[Received]:
        """All webhooks so far."""
        return list(self.stage.receiver.received)

    def title(self, letter: str, text: str) -> None:
        """Head a part."""
        self.console.print(f"\n[bold]({letter}) {text}[/bold]")

    async def end(self) -> None:
        """Check what only the end can show, then show everything."""
        self.console.print()
        world, second, types = self.stage.simulator.world, self.stage.second.world, types_of(self.received)
        once = not world.posted_twice() and not second.published_twice()
        there = [post.status for post in world.posts.values()] + [post.status for post in second.posts.values()]
        self.check("every partner post exists exactly once", held=len(there) == len(self.posts) and once)
        self.check("every post is posted", held=set(there) == {"posted", "published"})
        attention = (types["attention.opened"], types["attention.closed"])
        self.check(
            "the retry and the two attention events arrived", held=types["post.retrying"] == 1 and attention == (1, 1)
        )
        self.check("every webhook is signed well", held=all(item.verified for item in self.received))
        shown = [(await self.stage.api.get(f"/v1/posts/{post_id}")).json() for post_id in self.posts]
        self.check("bridge says the same", held=all(post.get("state") == "posted" for post in shown))
        exposition = await self.metrics()
        counted = posts_by_state(exposition)
        self.check("so do its metrics", held=counted == {"posted": len(self.posts)})
        show_posts(self.console, shown)
        show_webhooks(self.console, self.received)
        show_metrics(self.console, exposition)

    async def metrics(self) -> str:
        """Return the metrics once they show no post under way: what is counted there is counted every ten seconds."""
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            exposition = (await self.stage.api.get("/metrics")).text
            if set(posts_by_state(exposition)) == {"posted"} or time.monotonic() > deadline:
                return exposition
            await asyncio.sleep(0.2)


def _is(item: Received, event_type: str, post_id: str) -> bool:
    return bool(item.json["type"] == event_type and item.json["data"]["subject"]["id"] == post_id)


def _in_words(item: Received) -> str:
    """One webhook as a line."""
    data = item.json["data"]
    account = data.get("account") or {}
    subject = data["subject"]["id"].split(":", 1)[0] if data["subject"]["kind"] == "target" else data["subject"]["id"]
    words = [f"{item.json['type']:<20}", account.get("name") or account.get("username") or "", subject]
    words += [str(data[name]) for name in ("reason", "error", "url", "what_to_do", "how") if data.get(name)]
    if retry := data.get("retry"):
        when = f"retry {retry['attempt']} of {retry['of']} at {str(retry['at'])[11:19]}"
        words.append(when if retry["will"] else "no retry")
    return " · ".join(word for word in words if word)
