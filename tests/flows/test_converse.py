"""What people do in a chat: forms that open, presses that reach the posts, and what a message learns of a press."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.endpoints import WANTED
from bridge.core.errors import Problem
from bridge.core.model import Message, PostState, ReplyTo, WorkState, Write
from bridge.core.slack import Workspace
from bridge.core.slack.views import Choice
from bridge.flows.converse import Converser
from bridge.net import GuardedClient
from bridge.ports import Find, Verb
from tests.flows.talking import CHAT, EVERY, Talk, a_talk, pressed, wanted
from tests.flows.town import LOOPBACK
from tests.slack.standin import BOT_TOKEN, Slack

pytestmark = pytest.mark.anyio

LOOKED_AT = replace(EVERY, approve="#social")
IN_CHANNEL = ReplyTo(channel="C1", thread="1.1", user="U1")


@dataclass
class Room:
    """A talk, the workspace it is in, and who converses there."""

    talk: Talk
    slack: Slack
    converser: Converser
    workspace: Workspace

    async def do(self, verb: Verb, message: Message | None = None, **given):
        """Let Ann do something, and wait for what goes on behind the answer."""
        message_id = message.id if message is not None else ""
        gesture = pressed(verb, message_id, **{"channel": "C1", **given})
        reply = await self.converser.act(CHAT, gesture)
        await self.converser.settled()
        return reply

    async def asked(self, **own):
        """Ask for a post; return its message and its posts."""
        self.talk.mouth(wanted(None, reply_to=IN_CHANNEL, dedupe=False, **own))
        [result] = (await self.talk.say()).results
        [message] = await self.talk.messages(result.accepted.event_id)
        return message, result.posts

    async def row(self, message: Message) -> Message:
        return (await self.talk.town.store.messages([message.id]))[message.id]

    async def wants(self, message: Message) -> int:
        """How often somebody asked for word on a message."""
        told = await self.talk.town.store.find_deliveries(Find(type=WANTED))
        return len([one for one in told if one.ordered_by == f"message:{message.id}"])


def choices(source: str) -> list[Choice]:
    return [Choice("brand-tiktok", "TikTok @brandhq")]


async def a_room(town, slack: Slack, client: GuardedClient, *, bot_token: str = BOT_TOKEN, rules=EVERY) -> Room:
    workspace = Workspace(name=CHAT, bot_token=bot_token, api_url=f"{slack.base}/api/")
    converser = Converser(
        town.kit, client, {CHAT: workspace, "elsewhere": replace(workspace, name="elsewhere")}, town.actions, choices
    )
    return Room(await a_talk(town, rules=rules), slack, converser, workspace)


@pytest.fixture
async def slack(clock) -> AsyncIterator[Slack]:
    made = Slack(now=clock, burst=20)
    made.add_channel("C1")
    made.add_user("U1", "Ann", "Europe/Berlin")
    async with made.serving():
        yield made


@pytest.fixture
async def client() -> AsyncIterator[GuardedClient]:
    async with GuardedClient(allow=LOOPBACK) as made:
        yield made


@pytest.fixture
async def room(town, slack, client) -> Room:
    return await a_room(town, slack, client)


@pytest.fixture
async def careful(town, slack, client) -> Room:
    """A room where nothing goes out that nobody approved."""
    return await a_room(town, slack, client, rules=LOOKED_AT)


@pytest.fixture
async def poor(town, slack, client) -> Room:
    """A room whose app has no bot token."""
    return await a_room(town, slack, client, bot_token="", rules=LOOKED_AT)


# Forms.


async def test_a_form_opens_with_what_is_known_and_with_the_accounts(room):
    draft, to = {"caption": "hello"}, ReplyTo(channel="C1", thread="1.1", user="U1", address="https://x/secret")
    await room.do(Verb.FORM, trigger=room.slack.trigger("U1"), draft=draft, reply_to=to)

    view = room.slack.view_of("U1").now
    elements = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert elements["caption"]["initial_value"] == "hello"
    assert [one["value"] for one in elements["accounts"]["options"]] == ["brand-tiktok"]
    assert ("C1" in view["private_metadata"], "secret" in view["private_metadata"]) == (True, False)


async def test_the_answer_does_not_wait_for_the_form(room):
    slow = room.slack.trouble("slow", "views.open")
    await room.converser.act(CHAT, pressed(Verb.FORM, trigger=room.slack.trigger("U1")))

    assert room.slack.views == {}
    slow.gate.set()
    await room.converser.settled()
    assert len(room.slack.views) == 1


async def test_a_form_that_does_not_open_is_told_to_whoever_wanted_it(room):
    trigger = room.slack.trigger("U1")
    room.talk.town.clock.move(seconds=4)
    await room.do(Verb.FORM, trigger=trigger)

    [told] = room.slack.seen("C1", "U1")
    assert ("expired_trigger_id" in told, room.slack.seen("C1", "U2")) == (True, [])


async def test_a_form_that_does_not_open_is_told_directly_where_there_is_no_channel(room):
    await room.do(Verb.FORM, channel="", trigger="1.2.unknown")

    assert "invalid_trigger_id" in room.slack.seen("DU1")[0]


async def test_a_form_that_does_not_open_is_told_by_the_address_where_the_app_is_not(room):
    room.slack.add_channel("C2", member=False)
    address = room.slack.response_url("C2", "U1")
    await room.do(Verb.FORM, channel="C2", trigger="1.2.unknown", address=address)

    assert "invalid_trigger_id" in room.slack.seen("C2", "U1")[0]


async def test_without_a_bot_token_the_missing_setting_is_named(poor):
    await poor.do(Verb.FORM, trigger="1.2.x", address=poor.slack.response_url("C1", "U1"))

    assert "sources.chat.bot_token" in poor.slack.seen("C1", "U1")[0]
    assert poor.slack.called("views.open") == []


async def test_what_cannot_be_told_is_logged_without_a_secret(poor):
    address = f"{poor.slack.base}/commands/T1/9/rspsecret"
    with capture_logs() as logs:
        await poor.do(Verb.FORM, trigger="1.2.x", address=address)

    assert [one["event"] for one in logs] == ["gesture.untold"]
    assert "secret" not in str(logs)


async def test_editing_begins_with_what_the_post_says(careful):
    message, _ = await careful.asked(scheduled_at="2026-01-02T09:00:00Z")
    await careful.do(Verb.EDIT, message, trigger=careful.slack.trigger("U1"))

    view = careful.slack.view_of("U1").now
    elements = {block["block_id"]: block["element"] for block in view["blocks"] if block["type"] == "input"}
    assert elements["caption"]["initial_value"] == "hello"
    assert elements["scheduled_at"]["initial_date_time"] == 1767344400
    assert message.id in view["private_metadata"]


async def test_what_cannot_be_changed_any_more_opens_no_form(careful):
    message, [post] = await careful.asked()
    await careful.talk.town.actions.drop(post.id, ())
    await careful.do(Verb.EDIT, message, trigger=careful.slack.trigger("U1"))

    assert ("rejected" in careful.slack.seen("C1", "U1")[0], careful.slack.views) == (True, {})


async def test_what_was_changed_is_saved_and_shown(careful):
    message, [post] = await careful.asked()
    before = await careful.wants(message)
    await careful.do(Verb.SAVE, message, draft={"caption": "better"})

    stored = await careful.talk.town.post(post.id)
    assert (stored.content["caption"], stored.state) == ("better", PostState.PARKED)
    assert await careful.wants(message) == before + 1
    assert (await careful.talk.town.data(post.id, "post.updated"))["by"] == "ann (U1)"


async def test_who_changes_what_is_noted(careful):
    message, [post] = await careful.asked()
    await careful.do(Verb.SAVE, message, draft={"caption": "better"})
    await careful.do(Verb.DROP, message)
    await careful.do(Verb.LIVE, message)

    notes = await careful.talk.town.store.desk.notes(Find(subject=post.event_id))
    assert {(note.token, note.via) for note in notes} == {("ann (U1)", "slack")}
    told = [(note.action, note.outcome) for note in reversed(notes)]
    assert told == [("edit_post", 200), ("drop_post", 200), ("confirm_post", 409)]


async def test_a_form_without_a_change_changes_nothing(careful):
    message, [post] = await careful.asked()
    await careful.do(Verb.SAVE, message, draft={})

    assert await careful.talk.town.events(post.id) == ["post.parked"]


@pytest.mark.parametrize("draft", [{"caption": "x" * 3000}, {"scheduled_at": "never"}, {"media": "nowhere"}])
async def test_what_is_wrong_in_a_form_is_raised_with_its_field(careful, draft):
    message, _ = await careful.asked()
    with pytest.raises(Problem) as caught:
        await careful.do(Verb.SAVE, message, draft=draft)

    assert caught.value.status == 422
    assert [fault.field.partition(".")[0] for fault in caught.value.errors] == list(draft)


async def test_saving_what_has_gone_out_says_so(careful):
    message, [post] = await careful.asked()
    await careful.talk.town.actions.drop(post.id, ())
    with pytest.raises(Problem) as caught:
        await careful.do(Verb.SAVE, message, draft={"caption": "better"})

    assert caught.value.status == 409


# Presses.


async def test_an_approval_lets_every_held_post_go_and_says_by_whom(careful):
    message, [post] = await careful.asked()
    assert await careful.do(Verb.APPROVE, message, address=careful.slack.response_url("C1", "U1")) is None

    assert (await careful.talk.town.post(post.id)).state is PostState.ACCEPTED
    assert (await careful.talk.town.data(post.id, "post.updated"))["by"] == "ann (U1)"
    assert careful.slack.seen("C1", "U1") == []


async def test_a_second_press_changes_nothing_and_is_told(careful):
    message, [post] = await careful.asked()
    await careful.do(Verb.APPROVE, message)
    commands = await careful.talk.town.commands(post.id)
    await careful.do(Verb.APPROVE, message)

    assert await careful.talk.town.commands(post.id) == commands
    assert "accepted" in careful.slack.seen("C1", "U1")[0]


@pytest.mark.parametrize("verb", [Verb.SEND, Verb.RETRY, Verb.LIVE])
async def test_nothing_but_an_approval_lets_go_what_waits_for_one(careful, verb):
    message, [post] = await careful.asked()
    await careful.do(verb, message)

    assert (await careful.talk.town.post(post.id)).state is PostState.PARKED
    assert "approve" in careful.slack.seen("C1", "U1")[0]


@pytest.mark.parametrize(("verb", "state"), [(Verb.DROP, PostState.REJECTED), (Verb.CANCEL, PostState.CANCELED)])
async def test_what_is_held_can_be_taken_back(careful, verb, state):
    message, [post] = await careful.asked()
    await careful.do(verb, message)

    assert (await careful.talk.town.post(post.id)).state is state
    assert careful.talk.town.calls("create") == []


async def test_a_press_reaches_every_post_that_allows_it(careful):
    message, posts = await careful.asked(accounts=["brand-tiktok", "brand-instagram"], captions={"instagram": "other"})
    await careful.talk.town.actions.drop(posts[0].id, ())
    await careful.do(Verb.DROP, message)

    assert {(await careful.talk.town.post(post.id)).state for post in posts} == {PostState.REJECTED}
    assert (len(posts), careful.slack.seen("C1", "U1")) == (2, [])


async def test_what_failed_is_tried_again(room):
    message, [post] = await room.asked()
    await room.talk.town.actions.cancel(post.id, ())
    await room.do(Verb.RETRY, message)
    assert "canceled" in room.slack.seen("C1", "U1")[0]

    other, [refused] = await room.asked(caption="again")
    stored = await room.talk.town.post(refused.id)
    [command] = await room.talk.town.commands(refused.id)
    ended = replace(command, state=WorkState.DEAD, version=command.version + 1)
    rejected = replace(stored, state=PostState.REJECTED, version=stored.version + 1)
    await room.talk.town.store.record([Write(posts=(rejected,), commands=(ended,))])
    await room.do(Verb.RETRY, other)
    assert (await room.talk.town.post(refused.id)).state is PostState.ACCEPTED


async def test_a_message_of_another_workspace_is_nobody_s(careful):
    message, [post] = await careful.asked()
    await careful.converser.act("elsewhere", pressed(Verb.DROP, message.id, channel="C1"))
    await careful.converser.settled()

    assert (await careful.talk.town.post(post.id)).state is PostState.PARKED
    assert "not kept any more" in careful.slack.seen("C1", "U1")[0]


async def test_a_press_on_an_event_without_a_post_is_told(room):
    message, posts = await room.asked(captoin="x")
    await room.do(Verb.RETRY, message)

    assert (posts, "No post" in room.slack.seen("C1", "U1")[0]) == ((), True)


# What a message learns.


async def test_a_message_learns_the_address_of_a_press_and_is_brought_up_to_date(careful):
    message, _ = await careful.asked()
    before, address = await careful.wants(message), careful.slack.response_url("C1", "U1", "5.5")
    stored = await careful.row(message)
    shown = replace(stored, shown="what the newest shows", version=stored.version + 1)
    await careful.talk.town.store.record([Write(messages=(shown,))])
    await careful.do(Verb.APPROVE, message, address=address, ts="5.5", ephemeral=True)

    row, now = await careful.row(message), careful.talk.town.clock()
    assert (row.address, row.uses, row.replaces, row.ts) == (address, 0, True, "")
    assert row.shown == ""
    assert row.address_until == now + timedelta(minutes=29)
    assert await careful.wants(message) == before + 1


async def test_a_word_by_the_address_counts_as_a_use_of_it(poor):
    message, [post] = await poor.asked()
    await poor.talk.town.actions.drop(post.id, ())
    address = poor.slack.response_url("C1", "U1", "5.5")
    await poor.do(Verb.APPROVE, message, address=address)

    assert ((await poor.row(message)).uses, len(poor.slack.seen("C1", "U1"))) == (1, 1)


@pytest.mark.parametrize(("ephemeral", "ts"), [(False, "5.5"), (True, "")])
async def test_a_message_whose_id_never_came_back_learns_it_of_a_press(careful, ephemeral, ts):
    message, _ = await careful.asked()
    stored = await careful.row(message)
    begun = replace(stored, begun_at=careful.talk.town.clock(), channel="U1", version=stored.version + 1)
    await careful.talk.town.store.record([Write(messages=(begun,))])
    await careful.do(Verb.APPROVE, message, channel="DU1", ts="5.5", ephemeral=ephemeral)

    row = await careful.row(message)
    assert (row.ts, row.channel, row.begun_at is None) == (ts, "DU1" if ts else "U1", bool(ts))


async def test_the_token_of_a_step_is_never_replaced(careful):
    step = ReplyTo(kind="step", address="xwfp-token", execution="Fx1")
    careful.talk.mouth(wanted("Ev1", reply_to=step))
    [result] = (await careful.talk.say()).results
    [message] = await careful.talk.messages(result.accepted.event_id)
    await careful.do(Verb.APPROVE, message, address="https://hooks.slack.com/actions/T1/1/x")

    assert (await careful.row(message)).address == "xwfp-token"


async def test_nothing_goes_on_after_the_stop(room):
    room.slack.trouble("slow", "views.open")
    await room.converser.act(CHAT, pressed(Verb.FORM, trigger=room.slack.trigger("U1")))
    await room.converser.stop()

    assert room.slack.views == {}
