"""Reply: which ways a message takes when the best one is not there, and what becomes of it when none is left."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bridge.core.errors import FailureReason, StoreBusy
from bridge.core.model import Delivery, Lane, WorkState, Write
from tests.flows.chatting import CHANNEL, PERSON, Chat, a_chat
from tests.flows.town import NOON, TIKTOK, Town
from tests.slack.methods import Refused

pytestmark = pytest.mark.anyio

HOUR = {"scheduled_at": (NOON + timedelta(hours=1)).isoformat()}
TEN = {"scheduled_at": (NOON + timedelta(minutes=10)).isoformat()}


@pytest.fixture
async def chat(town: Town) -> AsyncIterator[Chat]:
    async with a_chat(town) as made:
        yield made


async def commanded(chat: Chat, **fields: Any) -> tuple[str, str]:
    """Publish by a slash command, which can be answered at its `response_url` only."""
    chat.use(bot_token="")
    event_id, post_id = await chat.publish(**fields)
    address = chat.slack.response_url(CHANNEL, PERSON)
    return await chat.follow(event_id, channel=CHANNEL, user=PERSON, address=address), post_id


async def died(chat: Chat, message_id: str) -> Delivery:
    """Return the last delivery, which is dead."""
    last = (await chat.deliveries(message_id))[-1]
    assert last.state is WorkState.DEAD
    return last


def whispered(chat: Chat) -> list[str]:
    return [one.partition(" — ")[0] for one in chat.slack.seen(CHANNEL, PERSON)]


# Answers to a command.


async def test_a_command_is_answered_where_only_whoever_asked_sees_it(chat: Chat) -> None:
    await commanded(chat, **TEN)
    await chat.run()
    await chat.town.work()
    await chat.run()
    await chat.settle(minutes=25)
    assert chat.seen == []
    assert whispered(chat) == ["⏳ Accepted: it goes out shortly", "🗓️ Scheduled", "✅ Posted"]


async def test_what_passes_by_itself_is_no_message_of_its_own(chat: Chat) -> None:
    message_id, _ = await commanded(chat)
    await chat.run()
    await chat.town.work()
    await chat.run()
    assert len(whispered(chat)) == 1
    assert {one.state for one in await chat.deliveries(message_id)} == {WorkState.DONE}
    assert (await chat.message(message_id)).said == "publishing"


async def test_the_last_of_five_answers_is_kept_for_the_end(chat: Chat) -> None:
    message_id, _ = await commanded(chat, **TEN)
    await chat.run()
    await chat.change(message_id, uses=4)
    await chat.town.work()
    await chat.run()
    assert len(whispered(chat)) == 1
    await chat.settle(minutes=25)
    assert whispered(chat)[-1] == "✅ Posted"
    row = await chat.message(message_id)
    assert (row.uses, row.address) == (5, "")


async def test_an_answer_that_may_be_replaced_is(chat: Chat) -> None:
    chat.use(bot_token="")
    event_id, _ = await chat.publish()
    original = chat.slack.posting.post({"channel": CHANNEL, "text": "Approve?"}).ts
    address = chat.slack.response_url(CHANNEL, PERSON, original)
    message_id = await chat.follow(event_id, channel=CHANNEL, address=address)
    await chat.change(message_id, replaces=True)
    await chat.run()
    assert chat.seen == ["⏳ Accepted: it goes out shortly"]


async def test_after_thirty_minutes_the_bot_posts(chat: Chat) -> None:
    event_id, _ = await chat.publish(**HOUR)
    address = chat.slack.response_url(CHANNEL, PERSON)
    message_id = await chat.follow(event_id, channel=CHANNEL, user=PERSON, address=address)
    await chat.run()
    await chat.settle(minutes=80)
    assert chat.seen == ["✅ Posted"]
    assert (await chat.message(message_id)).address == ""


async def test_without_a_bot_the_webhook_posts_after_thirty_minutes(chat: Chat) -> None:
    await commanded(chat, **HOUR)
    chat.use(webhook=chat.slack.webhook(CHANNEL))
    await chat.run()
    await chat.settle(minutes=80)
    assert chat.seen == ["✅ Posted"]


async def test_without_either_it_dies_and_says_what_would_help(chat: Chat) -> None:
    message_id, _ = await commanded(chat, **HOUR)
    await chat.run()
    await chat.settle(minutes=80)
    assert (await died(chat, message_id)).reason is FailureReason.EXPIRED
    detail = (await chat.attempts(message_id))[-1].detail
    assert detail is not None
    assert "set `bot_token` or `webhook`" in detail
    assert (await chat.office.row_of("reply:slack")).failing_since is None


async def test_an_address_that_slack_calls_used_up_is_forgotten(chat: Chat) -> None:
    """Somebody else has used it, or the clocks differ."""
    event_id, _ = await chat.publish()
    address = chat.slack.response_url(CHANNEL, PERSON)
    next(iter(chat.slack.addresses.values())).uses = 5
    message_id = await chat.follow(event_id, channel=CHANNEL, user=PERSON, address=address)
    await chat.run()
    assert (await chat.message(message_id)).address == ""
    assert len(chat.seen) == 1


async def test_an_answer_that_never_reached_slack_uses_nothing_up(chat: Chat) -> None:
    message_id, _ = await commanded(chat)
    await chat.change(message_id, address="http://127.0.0.1:1/gone")
    await chat.run()
    assert (await chat.message(message_id)).uses == 0


# Channels.


@pytest.mark.parametrize("how", [{"member": False}, {"archived": True}])
async def test_who_cannot_be_told_in_the_channel_is_told_directly(chat: Chat, how: dict[str, Any]) -> None:
    chat.slack.add_channel("C9", **how)
    event_id, _ = await chat.publish()
    message_id = await chat.follow(event_id, channel="C9", user=PERSON, thread="1.1")
    await chat.run()
    await chat.town.work()
    await chat.run()
    assert len(chat.slack.seen(f"D{PERSON}")) == 1
    assert chat.slack.counted() == {"chat.postMessage": 2, "chat.update": 1}
    assert (await chat.message(message_id)).channel == f"D{PERSON}"


async def test_a_channel_that_was_archived_under_a_message(chat: Chat) -> None:
    await chat.asked(**HOUR)
    await chat.run()
    chat.slack.channels[CHANNEL].archived = True
    await chat.town.work()
    await chat.run()
    assert len(chat.slack.seen(f"D{PERSON}")) == 1


async def test_a_card_in_a_channel_that_is_not_there_goes_to_the_webhook(chat: Chat) -> None:
    chat.use(webhook=chat.slack.webhook(CHANNEL))
    event_id, _ = await chat.publish()
    await chat.follow(event_id, channel="#gone", user="", kind="card")
    await chat.run()
    assert len(chat.seen) == 1


async def test_a_card_in_a_channel_that_is_not_there_dies_without_a_webhook(chat: Chat) -> None:
    event_id, _ = await chat.publish()
    message_id = await chat.follow(event_id, channel="#gone", user="", kind="card")
    await chat.run()
    [attempt] = await chat.attempts(message_id)
    assert attempt.detail == "Slack says channel_not_found, and there is no other way: invite the app to the channel"
    assert (await died(chat, message_id)).reason is FailureReason.FORBIDDEN


async def test_a_card_is_posted_to_a_channel_by_its_name_and_changed_by_its_id(chat: Chat) -> None:
    chat.slack.add_channel("C7", name="social")
    event_id, _ = await chat.publish()
    message_id = await chat.follow(event_id, channel="#social", user="", kind="card")
    await chat.run()
    await chat.town.work()
    await chat.run()
    assert (await chat.message(message_id)).channel == "C7"
    assert [len(one.versions) for one in chat.slack.messages("C7")] == [2]


# What the operator must hear of.


async def test_a_token_that_is_refused_is_a_failure_of_the_chat(chat: Chat) -> None:
    chat.use(bot_token="xoxb-revoked")
    message_id, _ = await chat.asked()
    await chat.run()
    row = await chat.office.row_of("reply:slack")
    assert row.failing_since == chat.clock()
    [attempt] = await chat.attempts(message_id)
    assert attempt.reason is FailureReason.UNAUTHORIZED
    assert attempt.detail == "chat.postMessage: Slack says invalid_auth"


async def test_a_missing_scope_is_named(chat: Chat) -> None:
    chat.slack.scopes.discard("chat:write")
    message_id, _ = await chat.asked()
    await chat.run()
    [attempt] = await chat.attempts(message_id)
    assert attempt.detail == "chat.postMessage: Slack says missing_scope, it needs the scope chat:write"


async def test_a_message_of_a_source_that_is_gone_dies(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    chat.office.deliverer.replies.reply = type(chat.replier())(chat.town.kit, chat.client, {}).call
    await chat.run()
    assert (await died(chat, message_id)).reason is FailureReason.ENDPOINT_DISABLED


async def test_an_image_that_slack_cannot_fetch_is_left_out(chat: Chat) -> None:
    def judge(kind: str, message: Any) -> list[str]:
        return ["cannot fetch"] if any(block["type"] == "image" for block in message["blocks"]) else []

    chat.slack.judge = judge
    event_id, _ = await chat.publish(media="https://cdn.example.com/a.png")
    await chat.follow(event_id, kind="card")
    await chat.run()
    await chat.town.work()
    await chat.run()
    assert len(chat.seen) == 1
    assert chat.slack.counted() == {"chat.postMessage": 2, "chat.update": 2}
    chat.slack.faults.clear()


async def test_neither_token_nor_address_is_in_what_is_kept(chat: Chat) -> None:
    message_id, _ = await commanded(chat)
    chat.use(bot_token="xoxb-revoked-secret")
    secrets = ["xoxb", (await chat.message(message_id)).address, "rspsecret"]
    chat.slack.trouble(500, "response_url")
    await chat.run()
    chat.clock.move(minutes=40)
    await chat.run()
    kept = repr([await chat.attempts(message_id), await chat.deliveries(message_id), await chat.message(message_id)])
    assert [secret for secret in secrets if secret in kept] == []


async def test_a_webhook_that_is_gone_is_a_failure_of_the_chat(chat: Chat) -> None:
    chat.use(bot_token="", webhook=f"{chat.slack.base}/services/T1/B1/gone")
    message_id, _ = await chat.asked()
    await chat.run()
    assert (await chat.office.row_of("reply:slack")).failing_since == chat.clock()
    [attempt] = await chat.attempts(message_id)
    assert (attempt.detail, attempt.answer) == ("webhook: Slack says no_service", {"body": "webhook: no_service"})


async def test_a_word_that_slack_has_never_said_before_is_kept_and_tried_again(chat: Chat) -> None:
    def refuse(slack: Any, given: Any) -> Any:
        raise Refused("moon_is_full")

    message_id, _ = await chat.asked()
    works, chat.slack.methods["chat.postMessage"] = chat.slack.methods["chat.postMessage"], refuse
    await chat.run()
    [attempt] = await chat.attempts(message_id)
    assert attempt.detail == "chat.postMessage: Slack says moon_is_full"
    chat.slack.methods["chat.postMessage"] = works
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.seen) == 1


async def test_a_message_whose_row_is_gone_dies(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    [batch] = await chat.office.deliverer.claim(Lane.FIRST, 10)
    lost = [replace(one, delivery=replace(one.delivery, ordered_by="message:none")) for one in batch]
    attempted = await chat.replier().call(lost, await chat.office.row_of("reply:slack"))
    assert (attempted.outcome.reason, attempted.outcome.final) == (FailureReason.ERASED, True)
    assert message_id


async def test_a_message_whose_event_is_gone_dies(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    row = replace(await chat.message(message_id), id="rpl_2", event_id="evt_none", version=1)
    await chat.town.store.record([Write(messages=(row,))])
    await chat.want("rpl_2")
    await chat.run()
    assert (await died(chat, "rpl_2")).reason is FailureReason.ERASED


async def test_a_store_that_refuses_uses_up_no_try(chat: Chat) -> None:
    await chat.asked()
    [batch] = await chat.office.deliverer.claim(Lane.FIRST, 10)
    chat.town.store.lose["record"] = [StoreBusy("locked")]
    attempted = await chat.replier().call(batch, await chat.office.row_of("reply:slack"))
    assert attempted.outcome.wait == timedelta(seconds=5)
    assert chat.slack.calls == []


# Steps of a workflow.


async def stepped(chat: Chat, **fields: Any) -> str:
    event_id, _ = await chat.publish(**fields)
    return await chat.follow(event_id, kind="step", execution="Fx1", address=chat.slack.step("Fx1"))


async def test_a_step_ends_once_when_its_posts_have(chat: Chat) -> None:
    message_id = await stepped(chat)
    await chat.run()
    assert "ended" not in chat.slack.steps["Fx1"]
    await chat.town.work()
    await chat.settle(minutes=20)
    run = chat.slack.steps["Fx1"]
    assert (run["error"], run["outputs"]["status"]) == (None, "posted")
    assert "https://" in run["outputs"]["text"]
    assert (await chat.message(message_id)).address == ""
    await chat.want(message_id)
    await chat.run()
    assert chat.slack.counted() == {"functions.completeSuccess": 1}


async def test_a_step_fails_when_a_person_is_needed(chat: Chat) -> None:
    chat.town.sim.world.set_account_status(TIKTOK, "paused")
    await chat.town.advance(10)
    await stepped(chat)
    await chat.town.work()
    await chat.run()
    assert chat.slack.steps["Fx1"]["error"].startswith("✋ Waits for somebody to act")


async def test_a_step_that_slack_does_not_know_any_more_is_let_go(chat: Chat) -> None:
    message_id = await stepped(chat)
    chat.slack.steps.clear()
    await chat.town.work()
    await chat.settle(minutes=20)
    assert (await died(chat, message_id)).reason is FailureReason.EXPIRED
    assert (await chat.message(message_id)).address == ""
    assert (await chat.office.row_of("reply:slack")).failing_since is None
