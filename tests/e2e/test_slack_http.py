"""Slack over HTTP, through the real service: answers in time, private files, and posts that wait for people."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bridge.simulator import DEMO_TOKEN, GenviralSimulator, PostEverywhereSimulator, genviral, posteverywhere
from bridge.simulator import running as serving
from bridge.simulator.posteverywhere import X, default_keys
from tests.crash.town import SECRETS, Starter, until
from tests.e2e.wiring import VIDEO, Line, public
from tests.flows.test_fetch import picture
from tests.slack.person import Person
from tests.slack.seen import Said, texts_of
from tests.slack.standin import BOT_TOKEN

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

AT_MOST_S = 3.0
"""How long Slack waits for an answer."""

BYTES = picture("JPEG")
POSTED = "select 1 from posts where state = 'posted'"
BLOG = {"authorization": f"Bearer {SECRETS['TOWN_HOOK']}"}


# Every answer in time.


async def test_whatever_slack_sends_is_answered_in_time_while_slack_itself_hangs(tmp_path: Path, starter: Starter):
    async with public(tmp_path, starter) as line:
        assert await line.town.start()
        await line.person.shortcut()
        await line.person.slash(f"First | {VIDEO} | tt | in 2 days")
        view, said = await line.form(), await line.message("cancel")
        hanging = line.slack.trouble("slow", "*", times=-1)

        answers = await asyncio.gather(*(timed(one) for one in everything(line, view, said)))

        slow = {place: took for place, (took, _) in enumerate(answers) if took > AT_MOST_S}
        assert slow == {}
        assert [answer.status_code for _, answer in answers] == [200] * len(answers)
        assert len(line.rows("select 1 from posts")) == 5
        assert line.rows("select 1 from posts where state = 'canceled'"), "a press was answered before it was kept"
        hanging.gate.set()
        assert await line.town.stop() == 0


def everything(line: Line, view: Any, said: Said) -> list[Awaitable[httpx.Response | None]]:
    """Let as many people, whom nobody knows yet, do one thing each."""
    people = []
    for number in range(9):
        line.slack.add_user(f"U9{number}")
        people.append(Person(line.slack, line.town.http, line.person.hook, SECRETS["TOWN_HOOK"], user=f"U9{number}"))
    inputs = {"caption": "Step", "accounts": "tt", "media": VIDEO}
    function = {"callback_id": "bridge_publish"}
    step = {"type": "function_executed", "function": function, "inputs": inputs, "function_execution_id": "Fx1"}
    return [
        people[0].slash(f"Second | {VIDEO} | tt"),
        people[1].slash("help"),
        people[2].shortcut(),
        people[3].message_shortcut({"ts": "1.1", "text": "Hello <@U90> and <@U91>"}),
        people[4].submit(view, caption="Third", accounts=["tt"], media=VIDEO),
        people[5].submit(view, caption="Fourth", accounts=["tt"], media="no address"),
        people[6].mention(f"Fifth | {VIDEO} | tt", "Ev1"),
        people[7].press(said, "cancel"),
        people[8].event(step | {"bot_access_token": line.slack.step("Fx1")}, "Ev2"),
        line.person.say(b'{"type":"url_verification","challenge":"c"}', "application/json"),
    ]


async def timed(work: Awaitable[httpx.Response | None]) -> tuple[float, httpx.Response]:
    began = time.monotonic()
    answer = await work
    assert answer is not None
    return time.monotonic() - began, answer


# Private files.


class Seen:
    """Keeps all that is asked of an app."""

    def __init__(self, app: ASGIApp) -> None:
        self.app, self.bytes = app, b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            heads = b"".join(name + value for name, value in scope["headers"])
            self.bytes += scope["path"].encode() + scope["query_string"] + heads

        async def kept() -> Message:
            message = await receive()
            self.bytes += message.get("body", b"")
            return message

        await self.app(scope, kept, send)


@asynccontextmanager
async def both_partners(line: Line) -> AsyncIterator[tuple[GenviralSimulator, PostEverywhereSimulator, list[Seen]]]:
    """Replace the partner of a town by two, of which all that they are asked is kept."""
    gv, pe = GenviralSimulator(), PostEverywhereSimulator(keys=default_keys(DEMO_TOKEN), creates_per_minute=1000)
    seen = [Seen(genviral.app(gv, tick_s=0.1)), Seen(posteverywhere.app(pe, tick_s=0.1))]
    async with serving(seen[0]) as one, serving(seen[1]) as other:
        tree = yaml.safe_load(line.town.config.read_text())
        tree["partners"]["genviral"]["base_url"] = f"{one}/api/partner/v1"
        key = {"kind": "posteverywhere", "token": {"env": "TOWN_PARTNER"}, "calls": 1000, "creates": 1000}
        key["base_url"] = f"{other}/api/v1"
        tree["partners"]["pe"] = key
        tree["accounts"]["x"] = {"partner": "pe", "id": str(X)}
        line.town.config.write_text(yaml.safe_dump(tree))
        yield gv, pe, seen


async def test_a_private_file_is_brought_to_both_partners_and_its_address_to_none(tmp_path: Path, starter: Starter):
    async with public(tmp_path, starter) as line, both_partners(line) as (gv, pe, seen):
        assert await line.town.start()
        address = line.slack.file(BYTES, "image/jpeg", "a.jpg")
        file = {"id": "F1", "name": "a.jpg", "mimetype": "image/jpeg", "url_private_download": address}

        await line.person.mention("Private | | tt, x", "Ev1", files=[file])
        await until("both posts", lambda: len(line.rows(POSTED)) == 2)
        assert await line.town.stop() == 0

        assert [stored.content for stored in gv.world.files.values()] == [BYTES]
        assert [media.filename for media in pe.world.media.values()] == ["a.jpg"]
        assert BYTES in seen[1].bytes
        asked = seen[0].bytes + seen[1].bytes
        for word in (b"files-pri", line.slack.base.encode(), BOT_TOKEN.encode(), b"files.slack.com"):
            assert word not in asked


# Posts that wait for people.


async def blog(line: Line, source: str, **fields: Any) -> str:
    """Let the blog ask for a post, and return its id; empty where it asks for none."""
    answer = await line.town.http.post(f"{line.town.url}/hooks/{source}", json=fields, headers=BLOG)
    assert answer.is_success, answer.text
    caption = str(fields.get("caption"))
    found = line.rows("select id, content from posts")
    return next((str(post_id) for post_id, content in found if caption in str(content)), "")


def changes(shown: dict[str, Any]) -> list[tuple[str, Any, Any]]:
    line = [entry for entry in shown["timeline"] if entry["kind"] == "transition" and entry.get("by")]
    return [(entry["type"], entry.get("changed"), entry["by"]) for entry in line]


async def test_a_blogs_posts_go_out_as_people_in_a_channel_decide(tmp_path: Path, starter: Starter):
    held = {"kind": "generic", "secret": {"env": "TOWN_HOOK"}, "accounts": ["tt"], "approve": "#social"}
    async with public(tmp_path, starter, sources={"blog": held}) as line:
        assert await line.town.start()
        posts = {
            verb: await blog(line, "blog", object_id=verb, caption=f"To {verb}", media=VIDEO)
            for verb in ("approve", "edit", "drop")
        }
        cards = {verb: await line.message("approve", f"To {verb}") for verb in posts}
        assert not line.town.simulator.journal.of("create")

        for verb, card in cards.items():
            await line.person.press(card, verb)
        saved = await line.person.submit(await line.form(), caption="Edited by Ann")
        assert saved is not None
        assert saved.content == b""
        assert len(line.town.simulator.journal.of("create")) <= 1
        # What was edited is approved once it is seen.
        await until("the edited card", lambda: "Edited by Ann" in texts_of(cards["edit"].now))
        await line.person.press(cards["edit"], "approve")
        await until("two posts", lambda: len(line.rows(POSTED)) == 2)
        await until("the cards", lambda: all("tiktok" in texts_of(cards[one].now) for one in ("approve", "edit")))

        told = {verb: changes(await line.shown(post)) for verb, post in posts.items()}
        assert await line.town.stop() == 0
        assert line.posts == ["Edited by Ann", "To approve"]
        assert told == {
            "approve": [("post.updated", ["approval"], ANN)],
            "edit": [("post.updated", ["caption"], ANN), ("post.updated", ["approval"], ANN)],
            "drop": [("post.rejected", None, ANN)],
        }
        assert len(line.slack.messages("C1")) == len(cards)


ANN = "ann (U1)"


async def test_what_is_taken_back_while_it_is_held_never_reaches_the_partner(tmp_path: Path, starter: Starter):
    held = {"kind": "generic", "secret": {"env": "TOWN_HOOK"}, "accounts": ["tt"], "hold": "2s", "card": "#social"}
    async with public(tmp_path, starter, sources={"blog": held}) as line:
        assert await line.town.start()
        back = await blog(line, "blog", object_id="a", caption="Taken back", media=VIDEO)
        kept = await blog(line, "blog", object_id="b", caption="Kept", media=VIDEO)
        await line.message("drop", "Taken back")

        await blog(line, "blog", object_id="a", event="post.unpublished")
        assert not line.town.simulator.journal.of("create")
        await until("the other", lambda: line.rows(POSTED))

        assert ((await line.shown(back))["state"], (await line.shown(kept))["state"]) == ("canceled", "posted")
        assert await line.town.stop() == 0
        assert line.posts == ["Kept"]
        assert [entry.caption for entry in line.town.simulator.journal.of("create")] == ["Kept"]
