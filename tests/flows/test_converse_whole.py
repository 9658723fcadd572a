"""A conversation from end to end: what a person does reaches ingest as Slack sends it, and what they see follows."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from slack_sdk.signature import SignatureVerifier
from structlog.testing import capture_logs

from bridge import sources
from bridge.core.inbound import Card
from bridge.core.model import PostState, RawRequest
from bridge.core.rules import Limits, PublishRules
from bridge.core.slack.views import Choice
from bridge.flows.converse import Converser
from bridge.flows.ingest import Ingest
from bridge.ports import Find
from bridge.sources.slack import SlackConfig
from tests.block_kit import error_faults, view_faults
from tests.flows.chatting import Chat, a_chat
from tests.flows.town import INSTAGRAM, TIKTOK, VIDEO, Town, failing
from tests.slack.person import Person
from tests.slack.standin import BOT_TOKEN

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

SECRET = "8f742231b10e8888abcd99yyyzzz85a5"
CONFIG = SlackConfig(secret=(SECRET,), accounts=("brand-tiktok",), bot_token=BOT_TOKEN)
ASKED = f"Hello | {VIDEO}"
SECRETS = (BOT_TOKEN, "rspsecret", "trgsecret", "verification-token")


def offered(source: str) -> list[Choice]:
    return [Choice("brand-tiktok", "TikTok @brandhq")]


class Ann(Person):
    """Somebody whose clock is that of the town."""

    now: Callable[[], Any]

    async def say(self, body: bytes, content_type: str, **headers: str) -> httpx.Response | None:
        stamp = str(int(self.now().timestamp()))
        signature = SignatureVerifier(SECRET).generate_signature(timestamp=stamp, body=body)
        signed = {"X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": str(signature)}
        return await self.http.post(self.hook(), content=body, headers={"Content-Type": content_type, **signed})


@dataclass
class Door(httpx.AsyncBaseTransport):
    """Hands requests to ingest, as the HTTP room does, and waits for what goes on behind the answer."""

    town: Town
    ingest: Ingest
    converser: Converser

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        headers = tuple((name.lower(), value) for name, value in request.headers.items())
        raw = RawRequest("POST", "/hooks/slack", "", "", headers, request.content, self.town.clock())
        reply = (await self.ingest.receive("slack", raw)).reply
        await self.converser.settled()
        return httpx.Response(reply.status, content=reply.body or b"")


@dataclass
class Scene:
    """A chat, and Ann in it."""

    chat: Chat
    ann: Person

    @property
    def seen(self) -> list[str]:
        """What Ann sees in the channel, by its first words."""
        return [text.partition(" — ")[0] for text in self.chat.slack.seen("C1", "U1")]

    @property
    def last(self) -> Any:
        return self.chat.slack.messages("C1", "U1")[-1]

    async def go_on(self, minutes: float = 0) -> None:
        """Let the partner work for a while, and bring the messages up to date."""
        await (self.chat.town.advance(minutes) if minutes else self.chat.town.work())
        await self.chat.run()

    async def posts(self) -> list[Any]:
        return list(await self.chat.town.store.find_posts(Find()))


@pytest.fixture
async def a_scene(town: Town) -> AsyncIterator[Callable[..., Any]]:
    """Makes scenes: with these changes of the configuration, and with a card or none."""
    async with AsyncExitStack() as stack:
        chat = await stack.enter_async_context(a_chat(town))
        chat.slack.judge = lambda kind, what: view_faults(what) if kind == "view" else []

        async def make(card: str = "", **changes: Any) -> Scene:
            config = replace(CONFIG, **changes)
            converser = Converser(town.kit, chat.client, {"slack": chat.workspace}, town.actions, offered)
            ingest = Ingest(
                town.kit,
                PublishRules(),
                Limits(),
                {**town.ingest.sources, "slack": sources.build("slack", "slack", config)},
                own={"slack": config},
                know=converser.know,
                act=converser.act,
                cards={"slack": Card("slack", card)} if card else {},
            )
            stack.push_async_callback(converser.stop)
            http = await stack.enter_async_context(httpx.AsyncClient(transport=Door(town, ingest, converser)))
            ann = Ann(chat.slack, http, lambda: "http://bridge/hooks/slack", SECRET)
            ann.now = town.clock
            return Scene(chat, ann)

        yield make


async def test_a_command_is_answered_by_a_message_that_follows_its_post(a_scene):
    scene = await a_scene()
    answer = await scene.ann.slash(ASKED)
    assert (answer.status_code, answer.content) == (200, b"")
    await scene.go_on()
    await scene.go_on(minutes=15)

    assert [post.state for post in await scene.posts()] == [PostState.POSTED]
    assert scene.seen[-1] == "✅ Posted"


async def test_a_command_that_is_wrong_is_refused_where_it_was_typed(a_scene):
    scene = await a_scene()
    answer = await scene.ann.slash(f"{ASKED} | nobody")

    assert (answer.status_code, answer.json()["response_type"]) == (200, "ephemeral")
    assert "nobody" in answer.json()["text"]
    assert (await scene.posts(), scene.seen) == ([], [])


async def test_a_form_is_corrected_sent_in_and_followed(a_scene):
    scene = await a_scene()
    await scene.ann.shortcut()
    view = scene.chat.slack.view_of("U1")
    wrong = await scene.ann.submit(view, caption="x" * 2999, media=VIDEO, accounts=["brand-tiktok"])
    assert wrong.json()["response_action"] == "errors"
    assert error_faults(wrong.json(), view.now) == []

    answer = await scene.ann.submit(view, caption="Hello", media=VIDEO, accounts=["brand-tiktok"])
    await scene.go_on()
    assert (answer.content, len(await scene.posts())) == (b"", 1)
    assert len(scene.chat.slack.seen("DU1")) == 1


async def test_nothing_goes_out_before_it_was_edited_and_approved(a_scene):
    scene = await a_scene(approve="#social")
    await scene.ann.slash(ASKED)
    await scene.go_on()
    assert scene.chat.town.calls("create") == []

    await scene.ann.press(scene.last, "edit")
    await scene.ann.submit(scene.chat.slack.view_of("U1"), caption="Better")
    await scene.go_on()
    await scene.ann.press(scene.last, "approve")
    await scene.go_on(minutes=15)

    [post] = await scene.posts()
    assert (post.content["caption"], post.state) == ("Better", PostState.POSTED)
    assert scene.seen[-1] == "✅ Posted"


async def test_what_failed_is_tried_again_by_a_press_and_posted(a_scene):
    scene = await a_scene()
    scene.chat.town.sim.script(TIKTOK, failing("Caption violates policy"))
    await scene.ann.slash(ASKED)
    await scene.go_on()
    await scene.go_on(minutes=15)
    assert scene.seen[-1] == "🔴 Failed"

    await scene.ann.press(scene.last, "retry")
    await scene.go_on(minutes=15)
    assert ([post.state for post in await scene.posts()], scene.seen[-1]) == ([PostState.POSTED], "✅ Posted")


async def test_a_card_is_dropped_by_whoever_looks_at_it(a_scene):
    scene = await a_scene(card="C2", approve="C2")
    await scene.ann.mention(ASKED, "Ev1")
    await scene.go_on()
    [card] = scene.chat.slack.messages("C2")
    await scene.ann.press(card, "drop")
    await scene.go_on()

    assert [post.state for post in await scene.posts()] == [PostState.REJECTED]
    assert scene.chat.slack.messages("C2")[-1].text.startswith("🔴 Not posted")
    assert len(scene.chat.slack.messages("C2")) == 1


async def test_a_mention_that_is_sent_again_is_answered_once(a_scene):
    scene = await a_scene()
    for _ in range(2):
        await scene.ann.mention(ASKED, "Ev1", ts="5.000001")
    await scene.go_on()

    assert (len(await scene.posts()), len(scene.seen)) == (1, 1)


async def test_an_edited_mention_changes_what_is_held_and_its_one_message(a_scene):
    scene = await a_scene(hold=timedelta(minutes=10))
    await scene.ann.mention(f"Helo | {VIDEO}", "Ev1", ts="1000.000001")
    await scene.go_on()
    await scene.ann.mention(f"Hello | {VIDEO}", "Ev2", ts="1000.000001", edited={"user": "U1", "ts": "1001.000000"})
    await scene.go_on()
    await scene.ann.mention(f"Helo | {VIDEO}", "Ev1b", ts="1000.000001")
    await scene.go_on()

    assert [post.content["caption"] for post in await scene.posts()] == ["Hello"]
    assert scene.chat.slack.seen("C1", "U1")[0].endswith("— Hello")


async def test_an_edit_that_comes_too_late_is_said_not_to_be_taken(a_scene):
    scene = await a_scene()
    await scene.ann.mention(ASKED, "Ev1", ts="1000.000001")
    await scene.go_on()
    await scene.go_on(minutes=15)
    await scene.ann.mention(f"Other | {VIDEO}", "Ev2", ts="1000.000001", edited={"user": "U1", "ts": "1001.000000"})
    await scene.go_on()

    assert [(post.content["caption"], post.state) for post in await scene.posts()] == [("Hello", PostState.POSTED)]
    assert scene.seen == ["✅ Posted", "The edit was not taken"]


async def test_a_step_that_is_told_of_twice_makes_one_post_and_ends_once(a_scene):
    scene = await a_scene()
    inputs = {"caption": "Hi", "media": VIDEO, "time": "in 2h"}
    step = {"type": "function_executed", "function": {"callback_id": "bridge_publish"}, "inputs": inputs}
    for event_id in ("Ev7", "Ev7", "Ev8"):
        await scene.ann.event({**step, "function_execution_id": "Fx1", "bot_access_token": "xwfp-1"}, event_id)
        scene.chat.town.clock.move(seconds=61)

    [event] = await scene.chat.town.store.find_events(Find())
    assert [one.execution for one in await scene.chat.town.store.messages_of(event.id)] == ["Fx1"]
    assert len(await scene.posts()) == 1


async def test_a_zone_that_is_not_known_is_said_in_the_message(a_scene):
    scene = await a_scene(timezone="Europe/Berlin")
    scene.chat.slack.trouble("internal_error", "users.info", times=3)
    await scene.ann.slash(f"Hello | {VIDEO} | tomorrow 9am")
    await scene.go_on()

    assert "one of Europe/Berlin" in str(scene.last.now)


async def test_a_change_that_some_accounts_take_says_which(a_scene):
    scene = await a_scene(approve="#social", accounts=("brand-tiktok", "brand-instagram"))
    scene.chat.town.sim.world.set_account_status(INSTAGRAM, "paused")
    await scene.chat.town.advance(10)
    await scene.ann.slash("Hello | https://cdn.example.com/a.jpg")
    await scene.go_on()
    await scene.ann.press(scene.last, "edit")
    answer = await scene.ann.submit(scene.chat.slack.view_of("U1"), caption="z" * 2700)

    assert b"Was changed for brand-tiktok, and not for brand-instagram." in answer.content
    assert sorted(len(post.content["caption"]) for post in await scene.posts()) == [5, 2700]


async def test_who_may_not_publish_is_told_whom_to_ask_and_nothing_is_made(a_scene):
    scene = await a_scene(users=("U2AB",))
    await scene.ann.mention(ASKED, "Ev1")
    await scene.go_on()

    assert (await scene.posts(), len(scene.seen)) == ([], 1)


async def test_no_secret_is_kept_or_logged(a_scene):
    scene = await a_scene(approve="#social")
    with capture_logs() as logs:
        await scene.ann.slash(ASKED)
        await scene.go_on()
        await scene.ann.press(scene.last, "approve")
        await scene.ann.press(scene.last, "approve")
        await scene.go_on()

    bodies = [event.body.decode() for event in await scene.chat.town.store.find_events(Find())]
    assert len(bodies) == 1
    assert not [secret for secret in SECRETS if secret in f"{logs}{bodies}"]


@pytest.mark.parametrize("wrong", [f"Hello | {VIDEO} | nobody-here", "Hello | brand-tiktok"])
async def test_a_mention_that_was_refused_is_mended_by_editing_it(a_scene, wrong):
    scene = await a_scene()
    await scene.ann.mention(wrong, "Ev1", ts="1000.000001")
    await scene.go_on()

    edited = {"user": "U1", "ts": "1001.000000"}
    await scene.ann.mention(f"Mended | {VIDEO}", "Ev2", ts="1000.000001", edited=edited)
    await scene.go_on()
    await scene.ann.mention(wrong, "Ev1", ts="1000.000001")
    await scene.go_on()

    sent = [post for post in await scene.posts() if post.state is not PostState.REJECTED]
    assert [post.content["caption"] for post in sent] == ["Mended"]
