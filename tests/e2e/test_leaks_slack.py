"""Whatever can fail in Slack is made to fail with secrets in its mouth, while people do all they can do; none is found.

These are the tokens of bot and app, the signing secret and its signatures, the addresses that take answers, the
incoming webhook, what opens a form, and what ends the step of a workflow.
"""

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from bridge.simulator import GenviralSimulator, genviral
from bridge.simulator.genviral import INSTAGRAM, TIKTOK, default_keys
from tests.crash.town import until
from tests.e2e.leaks import ADMIN, VIDEO, Scene, leaks, look_everywhere, scene
from tests.e2e.telling import ANSWERS, APP, APP_HALF, BOT, BOT_HALF, LOST, LOST_HALF, WORDS, Telling
from tests.slack.person import Person
from tests.slack.seen import Said, texts_of
from tests.slack.sockets import SocketMode

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET = "signingHalfThimbleHarbour8240"
BLOG = "bloghalfCobaltUmbrella3391"
KEY = "gva_live_leaktest.partnerhalfMarzipanLantern93"
HALVES = (BOT_HALF, BOT_HALF.lower(), LOST_HALF, APP_HALF, SECRET, BLOG)
OF_A_PERSON = ("response_url", "views.open", "chat.postEphemeral")
CALLS = (*OF_A_PERSON, "chat.postMessage", "chat.update", "conversations.replies")
ENDS = ("functions.completeSuccess", "functions.completeError")
EVERY = {*CALLS, *ENDS, "users.info", "webhook", "file", "apps.connections.open"}
"""What is to go wrong at least once."""

KEPT = ("messages", "address")
"""The one place for an address that takes answers, for as long as it does."""


@dataclass
class Workspace:
    """What the people of a workspace do; all answers to them are kept in the scene."""

    scene: Scene
    slack: Telling
    mode: SocketMode
    http: httpx.AsyncClient

    def person(self, user: str, channel: str, source: str = "team", secret: str = SECRET) -> Person:
        self.slack.add_channel(channel)
        self.slack.add_user(user)
        hook = f"{self.scene.client.base_url}/hooks/{source}"
        return Person(self.slack, self.http, lambda: hook, secret, user=user, channel=channel)

    async def offered(self, person: Person, verb: str) -> Said:
        """Wait for a message with a button."""

        def offers() -> Said | None:
            channels = (person.channel, f"D{person.user}")
            said = [one for name in channels if name in self.slack.channels for one in self.slack.channels[name].said]
            return next((one for one in reversed(said) if f"bridge:{verb}" in self.slack.buttons(one)), None)

        return await until(f"the button {verb} for {person.user}", offers)  # type: ignore[no-any-return]


@pytest.fixture
async def workspace(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Workspace]:
    simulator, slack = GenviralSimulator(keys=default_keys(KEY)), Telling()
    slack.add_channel("CHOOK")
    slack.add_channel("CCARD", name="social")
    mode = SocketMode(slack)
    slack.needs["apps.connections.open"] = APP
    partner = {"kind": "genviral", "token": {"env": "LEAK_PARTNER"}, "rate": 100, "base_url": "/api/partner/v1"}
    async with slack.serving() as base:
        secrets = {"LEAK_PARTNER": KEY, "SLACK_SECRET": SECRET, "SLACK_BOT": BOT, "SLACK_LOST": LOST, "SLACK_APP": APP}
        secrets |= {"SLACK_HOOK": slack.webhook("CHOOK"), "BLOG": BLOG}
        shown = scene(
            tmp_path,
            simulator,
            genviral.app(simulator, tick_s=0.1),
            secrets,
            partners={"genviral": partner},
            accounts={name: {"partner": "genviral", "id": one} for name, one in (("tt", TIKTOK), ("ig", INSTAGRAM))},
            sources=sources(f"{base}/api/"),
        )
        async with shown as made, listening(made) as http:
            slack.go_wrong("a page", "apps.connections.open")
            yield Workspace(made, slack, mode, http)
            await mode.close()


def sources(api: str) -> dict[str, Any]:
    """Return four workspaces, one for each way in and out, and a blog whose posts wait for a person."""
    usual = {"kind": "slack", "api_url": api, "accounts": ["tt"]}
    http = usual | {"secret": {"env": "SLACK_SECRET"}}
    return {
        "team": http | {"bot_token": {"env": "SLACK_BOT"}},
        "lost": http | {"bot_token": {"env": "SLACK_LOST"}, "webhook": {"env": "SLACK_HOOK"}},
        "hooked": http | {"webhook": {"env": "SLACK_HOOK"}},
        "line": usual | {"mode": "socket", "app_token": {"env": "SLACK_APP"}},
        "blog": {"kind": "generic", "secret": {"env": "BLOG"}, "accounts": ["tt"], "approve": "team:#social"},
    }


@contextlib.asynccontextmanager
async def listening(scene: Scene) -> AsyncIterator[httpx.AsyncClient]:
    """Keep every answer to Slack, and the signatures of what it sent."""

    async def keep(response: httpx.Response) -> None:
        await response.aread()
        scene.answers.append(response)
        signature = response.request.headers.get("X-Slack-Signature", "")
        scene.signatures.update({signature.removeprefix("v0=")} - {""})

    hooks = {"response": [keep]}
    async with httpx.AsyncClient(trust_env=False, timeout=20, event_hooks=hooks) as http:
        yield http


# What people and Slack do.


async def ask(played: Workspace, number: int, name: str) -> tuple[Person, Said]:
    """Ask for a post that fails, and wait until one may try it again."""
    person = played.person(f"U{number:02}X", f"C{number:02}X")
    played.slack.go_wrong(name, "users.info", about=person.user)
    played.scene.simulator.script(INSTAGRAM, *[{"kind": "fail", "text": "Video duration is too short"}] * 2)
    assert_taken(await person.mention(f"Ask {name} | {played.scene.link(number)} | ig", f"EvAsk{number}"))
    return person, await played.offered(person, "retry")


async def converse(played: Workspace, person: Person, message: Said, name: str) -> None:
    """Publish, call for a form and press buttons, while each call goes wrong once in one way."""
    for call in CALLS:
        played.slack.go_wrong(name, call, about=person.user if call in OF_A_PERSON else person.channel)
    for verb in ("retry", "retry"):
        assert_taken(await person.press(message, verb))
    link = played.scene.link(f"again{person.user}")
    assert_taken(await person.mention(f"Talk {name} | {link} | tt", f"EvTalk{person.user}"))
    assert_taken(await person.slash(f"Talk again, {name} | {link} | tt"))
    assert_taken(await person.shortcut())


def assert_taken(answer: httpx.Response | None) -> None:
    assert answer is not None
    assert answer.status_code == 200, answer.text


async def fill_in(played: Workspace) -> None:
    """Call for forms, send them in with faults and without, and change a post that is held."""
    person = played.person("UFORM", "CFORM")
    file = played.slack.file(VIDEO, "video/mp4", "a.mp4")
    shared = [{"id": "F1", "name": "a.mp4", "mimetype": "video/mp4", "url_private_download": file}]
    played.slack.go_wrong("a page", "file")
    for files in ([], shared):
        assert_taken(await person.message_shortcut({"ts": "1.1", "text": "Form", "files": files}))
        view = await until("a form", lambda: [one for one in played.slack.views.values() if one.user == "UFORM"])
        assert_taken(await person.submit(view[-1], accounts=["tt"], media="no address"))
        assert_taken(await person.submit(view[-1], accounts=["tt"], caption="Form", media=file if files else ""))
        played.slack.views.clear()
    for name in ("an unknown", "a page", "a gateway", "elsewhere"):
        played.slack.go_wrong(name if name in ANSWERS else "a text", "file")
        files = [{**shared[0], "url_private_download": played.slack.file(VIDEO, "video/mp4", f"{len(name)}.mp4")}]
        assert_taken(await person.mention("Private | | tt", f"EvF{name}", files=files))
    assert_taken(await person.mention("help", "EvHelp"))
    assert_taken(await person.mention("Hello | not an address | nobody", "EvWrong"))
    assert_taken(await person.slash("help"))
    assert_taken(await person.slash("Hello | https://example.com/a | nobody | yesterday"))


async def step(played: Workspace) -> None:
    """Let workflows run: one whose end is refused in every way, one that fails, one that asks for nothing."""
    person = played.person("USTEP", "CSTEP")
    function = {"callback_id": "bridge_publish"}
    for number, name in enumerate([*ANSWERS, "well"]):
        execution = f"Fx{number}"
        token = played.slack.step(execution)
        if name in ANSWERS:
            played.slack.go_wrong(name, *ENDS, about=f'"{execution}"')
        inputs = {
            "caption": f"Step {name}",
            "accounts": "tt" if number else "nobody",
            "media": played.scene.link(50 + number),
        }
        event = {"type": "function_executed", "function": function, "inputs": inputs, "bot_access_token": token}
        assert_taken(await person.event(event | {"function_execution_id": execution}, f"EvStep{number}"))
    assert_taken(await person.event({"type": "tokens_revoked", "tokens": {"bot": ["UBOT"]}}, "EvGone"))


async def approve(played: Workspace) -> None:
    """Let a blog publish, and people in a channel say what becomes of it."""
    person = played.person("UJUDGE", "CCARD2")
    person.channel = "CCARD"
    for verb in ("approve", "edit", "drop"):
        body = {"caption": f"Blog {verb}", "media": played.scene.link(verb)}
        answer = await played.scene.ask("POST", "/hooks/blog", json=body, headers={"authorization": f"Bearer {BLOG}"})
        assert answer.status_code in (200, 202), answer.text
        message = await played.offered(person, "approve")
        assert_taken(await person.press(message, verb))
        if verb == "edit":
            await until("a form", lambda: [one for one in played.slack.views.values() if one.user == "UJUDGE"])
            assert_taken(await person.submit(played.slack.view_of("UJUDGE"), caption="Blog edited"))
            await until("the edited card", lambda said=message: "Blog edited" in texts_of(said.now))
            assert_taken(await person.press(message, "approve"))
        await until("a decision", lambda said=message: "bridge:approve" not in played.slack.buttons(said))


async def go_other_ways(played: Workspace) -> None:
    """Publish where the bot's token is no good, where there is none, and over a connection of our own."""
    lost, hooked = played.person("ULOST", "CLOST", "lost"), played.person("UHOOKED", "CHOOKED", "hooked")
    for name in ("half a text", "a text", "a word", "messages"):
        played.slack.go_wrong(name, "webhook")
        played.slack.go_wrong(name, "response_url", about=hooked.user)
    for number, person in enumerate((lost, hooked, hooked)):
        assert_taken(await person.mention(f"Other | {played.scene.link(f'other{number}')} | tt", f"EvOther{number}"))
        assert_taken(await person.slash(f"Another | {played.scene.link(f'another{number}')} | tt"))
        next(reversed(played.slack.addresses.values())).uses = 5
        assert_taken(await person.shortcut())
    await until("a word by the webhook", lambda: played.slack.seen("CHOOK"))
    await played.mode.connected()
    person = played.person("ULINE", "CLINE")
    fields = {"command": "/publish", "user_id": "ULINE", "user_name": "ann", "channel_id": "CLINE", "team_id": "T1"}
    for text in ("help", "Line | | tt", f"Line | {played.scene.link('line')} | tt"):
        secret = {
            "trigger_id": played.slack.trigger("ULINE"),
            "response_url": played.slack.response_url("CLINE", "ULINE"),
        }
        told = {"token": "verification-token", "text": text} | fields | secret
        envelope = await played.mode.send("slash_commands", told, takes_answer=True)
        await asyncio.wait_for(envelope.acknowledged.wait(), 10)
    await played.mode.disconnect()
    await played.mode.connected(2)


async def intrude(played: Workspace) -> None:
    """Send what is signed badly, or not at all, or cannot be read."""
    forger = played.person("UFORGE", "CFORGE", secret=f"{SECRET}x")
    for answer in (await forger.slash("Hello"), await forger.shortcut(), await forger.mention("Hello", "EvForged")):
        assert answer is not None
        assert answer.status_code == 401
    person = played.person("UODD", "CODD")
    secrets = {"token": "verification-token", "trigger_id": played.slack.trigger("UODD")}
    secrets["response_url"] = played.slack.response_url("CODD", "UODD")
    for body in (b"{", orjson.dumps([secrets]), orjson.dumps(secrets | {"type": "odd"}), orjson.dumps({"a": secrets})):
        await person.say(body, "application/json")
        await person.say(b"payload=" + body, "application/x-www-form-urlencoded")
        await person.say(body, "text/odd")
        await played.http.post(person.hook(), content=body, headers={"X-Slack-Signature": f"v0={SECRET}"})
    await played.http.post(f"{played.scene.client.base_url}/hooks/line", json=secrets)


async def settled(played: Workspace) -> None:
    """Wait until the posts are, and every kind of call went wrong; what is to be told again never ends."""
    due = "select 1 from commands where state = 'due'"
    await until("an end of all posts", lambda: not played.scene.rows(due), 60)
    await until("all that goes wrong", lambda: set(played.slack.told) >= EVERY)


# Where to look.


def addresses(scene: Scene) -> Iterator[str]:
    """Say where an address, a ticket or a token stands that the stand-in made."""
    yield from spots("log", scene.process.log.read_text())
    for answer in scene.answers:
        yield from spots(answer.request.url.path, answer.text + str(dict(answer.headers)))
    with contextlib.closing(sqlite3.connect(f"file:{scene.database}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("select name from sqlite_master where type = 'table'").fetchall():
            rows = connection.execute(f'select * from "{table}"')
            names = [column[0] for column in rows.description]
            for column, values in zip(names, zip(*rows, strict=True), strict=False):
                if (table, column) != KEPT:
                    yield from spots(f"{table}.{column}", str(values))


def spots(where: str, text: str) -> Iterator[str]:
    """Say which words stand in a text, with what surrounds them."""
    for word in WORDS:
        if (at := text.find(word)) >= 0:
            yield f"{where}: {word} in {text[max(at - 150, 0) : at + 60]!r}"


async def look(scene: Scene) -> None:
    """Ask for everything, as a caller and as an admin, who sees what came, too."""
    await look_everywhere(scene)
    admin = {"authorization": f"Bearer {ADMIN}"}
    for (event,) in scene.rows("select id from events"):
        answer = await scene.ask("GET", f"/v1/events/{event}", headers=admin)
        assert "body" in answer.json()
    for (delivery,) in scene.rows(
        "select id from deliveries where destination_kind = 'reply' order by attempts desc limit 50"
    ):
        await scene.ask("GET", f"/v1/deliveries/{delivery}", headers=admin)
    for path in ("/v1/endpoints", "/v1/endpoints/reply:team", "/v1/endpoints/reply:team/stats"):
        assert (await scene.ask("GET", path, headers=admin)).status_code == 200, path


COLUMNS = (
    ("attempts", "detail"),
    ("commands", "detail"),
    ("deliveries", "reason"),
    ("events", "body"),
    ("messages", "shown"),
    ("outbound_events", "body"),
    ("posts", "content"),
)
PLANTED = {"log", "bridge.db", "/v1/planted", *(f"{table}.{column}" for table, column in COLUMNS)}


def plant(scene: Scene) -> None:
    """Put an address and half a token where neither may be."""
    said = f"it was rspsecret0, {BOT_HALF}"
    with scene.process.log.open("a") as log:
        log.write(said)
    scene.answers.append(httpx.Response(200, text=said, request=httpx.Request("GET", "http://bridge/v1/planted")))
    with contextlib.closing(sqlite3.connect(scene.database)) as connection:
        for table, column in COLUMNS:
            assert connection.execute(f"update {table} set {column} = ?", (said,)).rowcount
        connection.commit()


async def test_no_secret_is_found_anywhere(workspace: Workspace):
    scene = workspace.scene
    await approve(workspace)
    asked = await asyncio.gather(*(ask(workspace, number, name) for number, name in enumerate(ANSWERS)))
    talks = (converse(workspace, *one, name) for one, name in zip(asked, ANSWERS, strict=True))
    await asyncio.gather(*talks, *(play(workspace) for play in (fill_in, step, go_other_ways, intrude)))
    await settled(workspace)
    await look(scene)
    assert await asyncio.to_thread(scene.process.end) == 0

    told = [*leaks(scene, HALVES), *addresses(scene)]

    assert not told, "\n".join(dict.fromkeys(told))
    # And none of these places was looked at in vain.
    plant(scene)
    assert {one.partition(": ")[0] for one in [*leaks(scene, HALVES), *addresses(scene)]} == PLANTED
