"""Reply: what is told again because nobody knows what stands there, what is told once, and what is let be."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.core.endpoint_fields import Known
from bridge.core.endpoints import REPLY
from bridge.core.errors import FailureReason
from bridge.core.inbound import CARD, STEP
from bridge.core.model import Lane, PostState, TargetState, WorkState
from bridge.core.sealing import Sealer, Sendings
from bridge.core.step import Step
from bridge.core.tokens import Token
from bridge.flows.configured import sync_endpoints
from bridge.flows.endpoints import Endpoints
from bridge.flows.erase import erase
from bridge.flows.replay import Replayer
from tests.flows.chatting import CHANNEL, OTHER, PERSON, Chat, a_chat
from tests.flows.sending import RULES
from tests.flows.town import NOON, Town
from tests.slack.methods import Refused
from tests.slack.seen import Said, texts_of

pytestmark = pytest.mark.anyio

HOUR = {"scheduled_at": (NOON + timedelta(hours=1)).isoformat()}
SEALING_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="
ADMIN = Token("admin", frozenset({"admin"}))
URL = "https://tiktok.example/v/1"


@pytest.fixture
async def chat(town: Town) -> AsyncIterator[Chat]:
    async with a_chat(town) as made:
        yield made


async def commanded(chat: Chat, **fields: Any) -> tuple[str, str]:
    """Publish by a slash command, which can be answered at its `response_url`."""
    event_id, post_id = await chat.publish(**fields)
    address = chat.slack.response_url(CHANNEL, PERSON)
    return await chat.follow(event_id, channel=CHANNEL, user=PERSON, address=address), post_id


async def told(chat: Chat, post_id: str, what: str, **changes: Any) -> None:
    """Change a post and tell it, as a watch does; bring up to date."""
    step = Step(chat.town.kit.moment())
    post = await chat.town.post(post_id)
    step.tell_post(step.edit(post, **changes), what, post.state)
    assert await chat.town.kit.record(step)
    await chat.run()


async def posted(chat: Chat, post_id: str, url: str | None = None) -> None:
    [row] = (await chat.town.post(post_id)).targets
    rows = (replace(row, state=TargetState.POSTED, url=url),)
    await told(chat, post_id, "post.posted", state=PostState.POSTED, targets=rows, ended_at=chat.clock())


def refuses(chat: Chat, method: str, error: str) -> None:
    def refuse(slack: Any, given: Any) -> Any:
        raise Refused(error)

    chat.slack.methods[method] = refuse


# What nobody knows.


async def test_what_was_asked_without_an_answer_is_not_taken_for_what_was_there_before(chat: Chat) -> None:
    """It is as it was when the answer was lost, but the message may say something else."""
    _, post_id = await chat.asked(**HOUR)
    await chat.town.work()
    await chat.run()
    chat.slack.trouble("cut", "chat.update")
    await told(chat, post_id, "post.publishing", state=PostState.PUBLISHING)
    assert chat.seen == ["📤 Being published"]
    await told(chat, post_id, "post.scheduled", state=PostState.SCHEDULED)
    assert chat.seen == ["🗓️ Scheduled"]


async def test_what_was_refused_left_what_was_there_before(chat: Chat) -> None:
    message_id, post_id = await chat.asked(**HOUR)
    await chat.town.work()
    await chat.run()
    shown = (await chat.message(message_id)).shown
    chat.slack.trouble(429, "chat.update")
    await told(chat, post_id, "post.publishing", state=PostState.PUBLISHING)
    assert (await chat.message(message_id)).shown == shown


@pytest.mark.parametrize("what", ["chat.postMessage", "response_url"])
async def test_what_a_kept_connection_lost_is_not_sent_by_itself_again(chat: Chat, what: str) -> None:
    await chat.asked()
    await chat.run()
    event_id, _ = await chat.publish(caption="two")
    address = chat.slack.response_url(OTHER, PERSON) if what == "response_url" else ""
    message_id = await chat.follow(event_id, channel=OTHER, user=PERSON, address=address)
    chat.slack.trouble("cut", what)
    await chat.run()
    assert len(chat.slack.seen(OTHER, PERSON)) == 1
    assert [one.reason for one in await chat.attempts(message_id)] == ["closed"]


async def test_who_was_overtaken_has_it_shown_again(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    await chat.run()
    await chat.change(message_id, shown="")
    await chat.want(message_id)
    slow = chat.slack.trouble("slow", "chat.update")
    [batch] = await chat.office.deliverer.claim(Lane.FIRST, 10)
    first = asyncio.create_task(chat.office.deliverer.act(batch))
    await slow.came.wait()
    await chat.town.work()
    chat.clock.move(seconds=100)
    [newer] = await chat.office.deliverer.claim(Lane.FIRST, 10)
    await chat.office.deliverer.act(newer)
    slow.gate.set()
    await first
    assert chat.seen == ["⏳ Accepted: it goes out shortly"]
    chat.clock.move(seconds=1)
    await chat.run()
    assert chat.seen == ["📤 Being published"]


async def test_a_search_through_many_pages_stays_ours(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    chat.slack.channels[CHANNEL].said += [
        Said(chat.slack.ts(chat.clock()), CHANNEL, [{"text": "x"}]) for _ in range(250)
    ]
    versions = (await chat.message(message_id)).version
    await chat.run()
    # Taken, renewed, found, taken for the change, settled.
    assert (await chat.message(message_id)).version == versions + 5


async def test_a_message_that_was_taken_over_during_a_search_is_left(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    chat.slack.channels[CHANNEL].said += [
        Said(chat.slack.ts(chat.clock()), CHANNEL, [{"text": "x"}]) for _ in range(250)
    ]
    slow = chat.slack.trouble("slow", "conversations.history")
    running = asyncio.create_task(chat.run())
    await slow.came.wait()
    await chat.change(message_id, replaces=True)
    slow.gate.set()
    await running
    assert chat.slack.counted()["conversations.history"] == 1
    chat.clock.move(seconds=1)
    await chat.run()
    assert len([one for one in chat.slack.messages(CHANNEL) if one.by == "bot" and one.now.get("metadata")]) == 1


# Channels by name.


async def named(chat: Chat) -> str:
    chat.slack.add_channel("C9", name="social")
    event_id, _ = await chat.publish()
    return await chat.follow(event_id, kind=CARD, channel="#social", user="")


async def test_a_card_in_a_channel_by_its_name_is_found_again(chat: Chat) -> None:
    await named(chat)
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.slack.seen("C9")) == 1
    assert chat.slack.counted()["chat.postMessage"] == 1


async def test_channels_are_listed_once_in_a_while(chat: Chat) -> None:
    await named(chat)
    await named(chat)
    await chat.run()
    assert chat.slack.counted() == {"conversations.list": 1, "chat.postMessage": 2}


async def test_without_the_scope_a_card_is_posted_by_the_name(chat: Chat) -> None:
    chat.slack.scopes.discard("channels:read")
    await named(chat)
    await named(chat)
    await chat.run()
    assert chat.slack.counted() == {"conversations.list": 1, "chat.postMessage": 2}
    assert len(chat.slack.seen("C9")) == 2


@pytest.mark.parametrize(("kind", "tries"), [(429, 0), (500, 1), ("cut", 1)])
async def test_a_list_of_channels_that_does_not_come_is_asked_for_again(
    chat: Chat, kind: int | str, tries: int
) -> None:
    message_id = await named(chat)
    chat.slack.trouble(kind, "conversations.list")
    await chat.run()
    assert chat.slack.counted() == {"conversations.list": 1}
    assert {one.attempts for one in await chat.deliveries(message_id)} == {tries}
    chat.clock.move(seconds=30)
    await chat.run()
    assert len(chat.slack.seen("C9")) == 1


async def test_a_channel_is_found_on_a_later_page(chat: Chat) -> None:
    for number in range(600):
        chat.slack.add_channel(f"CX{number}")
    await named(chat)
    await chat.run()
    assert chat.slack.counted() == {"conversations.list": 2, "chat.postMessage": 1}


# What is told where each telling is a message of its own.


async def test_a_link_that_is_known_later_is_told_once(chat: Chat) -> None:
    chat.use(bot_token="")
    _, post_id = await commanded(chat)
    await chat.run()
    await chat.town.work()
    await posted(chat, post_id)
    await posted(chat, post_id, URL)
    await posted(chat, post_id, URL + "?x=1")
    said = chat.slack.messages(CHANNEL, PERSON)
    assert [one.text.partition(" — ")[0] for one in said[1:]] == ["✅ Posted", "✅ Posted"]
    assert [URL in texts_of(one.now) for one in said] == [False, False, True]


async def test_a_link_takes_the_last_answer(chat: Chat) -> None:
    chat.use(bot_token="")
    message_id, post_id = await commanded(chat)
    await chat.run()
    await chat.town.work()
    await chat.change(message_id, uses=3)
    await posted(chat, post_id)
    await posted(chat, post_id, URL)
    assert URL in texts_of(chat.slack.messages(CHANNEL, PERSON)[-1].now)


async def test_what_no_answer_was_left_for_counts_as_untold(chat: Chat) -> None:
    chat.use(bot_token="")
    message_id, post_id = await commanded(chat)
    await chat.run()
    await chat.town.work()
    await chat.run()
    await chat.change(message_id, uses=4)
    [row] = (await chat.town.post(post_id)).targets
    rows = (replace(row, state=TargetState.FAILED, choice="give_up", reason=FailureReason.TIMEOUT),)
    await told(chat, post_id, "post.failed", state=PostState.FAILED, targets=rows)
    assert len(chat.slack.seen(CHANNEL, PERSON)) == 1
    await told(chat, post_id, "post.gave_up", gave_up=True, ended_at=chat.clock())
    assert chat.slack.seen(CHANNEL, PERSON)[-1].startswith("🔴 Failed")


async def test_an_outage_of_six_minutes_uses_no_answer_up(chat: Chat) -> None:
    chat.use(bot_token="")
    _, post_id = await commanded(chat)
    await chat.run()
    await chat.town.work()
    trouble = chat.slack.trouble(500, "response_url", times=99)
    await posted(chat, post_id, URL)
    for minute in range(20):
        trouble.times = 99 if minute < 6 else 0
        chat.clock.move(minutes=1)
        await chat.run()
    assert chat.slack.seen(CHANNEL, PERSON)[-1].startswith("✅ Posted")


# What says something of Slack, and what does not.


async def test_nothing_to_do_says_nothing_of_slack(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    await chat.run()
    chat.slack.tokens.clear()
    await chat.town.work()
    await chat.run()
    failing = (await chat.office.row_of("reply:slack")).failing_since
    event_id, _ = await chat.publish(caption="two")
    await chat.follow(event_id, kind=STEP, execution="Fx", address="token", channel="", user="")
    await chat.run()
    assert failing is not None
    assert (await chat.office.row_of("reply:slack")).failing_since == failing
    assert message_id


async def test_a_word_nobody_has_heard_is_about_one_message(chat: Chat) -> None:
    for number in range(6):
        await chat.asked(caption=f"n{number}")
    await chat.run()
    refuses(chat, "chat.update", "moon_is_full")
    await chat.town.work()
    await chat.run()
    row = await chat.office.row_of("reply:slack")
    assert (row.failing_since, row.held_until) == (None, None)


async def test_posts_that_are_pruned_leave_the_message_as_it_is(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    await chat.town.work()
    await chat.settle(minutes=40)
    chat.clock.move(days=400)
    old, never = chat.clock() - timedelta(days=100), chat.clock() - timedelta(days=1000)
    limits = {"events_before": never, "attempts_before": old, "posts_before": old}
    assert [gone async for gone in chat.town.store.prune(**limits, limit=1000)]
    assert (await chat.town.store.event((await chat.message(message_id)).event_id))[1] == []
    await chat.want(message_id)
    await chat.run()
    assert chat.seen == ["✅ Posted"]


# A chat that was disabled.


@pytest.mark.parametrize("by", ["api", "configuration"])
async def test_a_chat_that_is_enabled_again_shows_what_it_missed(chat: Chat, by: str) -> None:
    name, kit = "reply:slack", chat.town.kit
    await chat.asked()
    await chat.run()
    quiet = {"enabled": False, "reason": "unconfigured" if by == "configuration" else "by_hand"}
    await chat.office.change(name, **quiet)
    await chat.town.work()
    await chat.settle(minutes=20)
    late, _ = await chat.publish(caption="late")
    await chat.follow(late, channel=OTHER)
    await chat.run()
    assert chat.slack.counted() == {"chat.postMessage": 1}
    if by == "api":
        sealer = Sealer([SEALING_KEY])
        flow = Endpoints(
            kit,
            known=Known(),
            sealer=sealer,
            sending=Sendings({}, sealer),
            entropy=bytes,
            disable_after=timedelta(days=5),
            owners=("admin",),
        )
        await flow.enable(name, ADMIN)
    else:
        await sync_endpoints(kit, {"ops": {}, name: {"kind": REPLY}})
    chat.clock.move(seconds=1)
    assert await Replayer(kit, RULES).tick() > 0
    await chat.run()
    assert chat.seen == ["✅ Posted"]
    assert len(chat.slack.seen(OTHER)) == 1


# Steps of a workflow.


async def stepped(chat: Chat) -> tuple[str, str]:
    event_id, post_id = await chat.publish()
    message_id = await chat.follow(event_id, kind=STEP, execution="Fx1", address=chat.slack.step("Fx1"))
    await chat.town.work()
    await chat.run()
    return message_id, post_id


async def test_a_step_ends_with_a_draft(chat: Chat) -> None:
    _, post_id = await stepped(chat)
    await told(chat, post_id, "post.draft", state=PostState.DRAFT)
    assert chat.slack.steps["Fx1"]["outputs"]["status"] == "draft"


async def test_a_step_whose_posts_were_erased_ends_and_says_so(chat: Chat) -> None:
    message_id, post_id = await stepped(chat)
    await chat.town.advance(30)
    await erase(chat.town.kit, (await chat.town.post(post_id)).event_id, ADMIN)
    await chat.run()
    assert "What it said was erased." in chat.slack.steps["Fx1"]["outputs"]["text"]
    assert (await chat.message(message_id)).address == ""


async def test_a_step_whose_end_got_no_answer_has_ended(chat: Chat) -> None:
    message_id, _ = await stepped(chat)
    chat.slack.trouble("cut", "functions.completeSuccess")
    await chat.settle(minutes=30)
    chat.clock.move(minutes=1)
    await chat.run()
    assert {one.state for one in await chat.deliveries(message_id)} == {WorkState.DONE}
    assert (await chat.message(message_id)).address == ""


async def test_a_step_whose_success_slack_does_not_take_fails(chat: Chat) -> None:
    message_id, _ = await stepped(chat)
    refuses(chat, "functions.completeSuccess", "parameter_validation_failed")
    await chat.settle(minutes=30)
    assert "✅ Posted" in chat.slack.steps["Fx1"]["error"]
    assert (await chat.message(message_id)).address == ""


async def test_a_step_that_slack_takes_no_end_of_is_let_go(chat: Chat) -> None:
    message_id, _ = await stepped(chat)
    for method in ("functions.completeSuccess", "functions.completeError"):
        refuses(chat, method, "parameter_validation_failed")
    await chat.settle(minutes=30)
    chat.clock.move(hours=1)
    await chat.run()
    assert chat.slack.counted() == {"functions.completeSuccess": 1, "functions.completeError": 1}
    assert (await chat.message(message_id)).address == ""
