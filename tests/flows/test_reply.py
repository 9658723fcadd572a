"""Reply: a message in Slack follows what becomes of its event, in one place as long as there is one."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from itertools import pairwise

import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Lane, WorkState
from bridge.core.tokens import Token
from bridge.flows.erase import erase
from bridge.ports import Find
from tests.flows.chatting import CHANNEL, OTHER, PERSON, Chat, a_chat
from tests.flows.town import NOON, Town
from tests.slack.seen import Said, texts_of
from tests.slack.standin import BOT_TOKEN

pytestmark = pytest.mark.anyio

HOUR = {"scheduled_at": (NOON + timedelta(hours=1)).isoformat()}


@pytest.fixture
async def chat(town: Town) -> AsyncIterator[Chat]:
    async with a_chat(town) as made:
        yield made


async def test_one_message_follows_a_post_from_accepted_to_posted(chat: Chat) -> None:
    message_id, _ = await chat.asked(**HOUR)
    await chat.run()
    await chat.town.work()
    await chat.run()
    await chat.settle(minutes=75)
    [said] = chat.slack.messages(CHANNEL)
    told = [one["text"].partition(" — ")[0] for one in said.versions]
    assert told[0] == "⏳ Accepted: it goes out shortly"
    assert "🗓️ Scheduled" in told
    assert told[-1] == "✅ Posted"
    assert (await chat.message(message_id)).ts == said.ts
    assert all(one.state is WorkState.DONE for one in await chat.deliveries(message_id))


async def test_the_end_has_a_link_to_what_was_posted(chat: Chat) -> None:
    _, post_id = await chat.asked()
    await chat.town.work()
    await chat.settle(minutes=20)
    url = (await chat.town.post(post_id)).targets[0].url
    assert url is not None
    assert url in texts_of(chat.slack.messages(CHANNEL)[0].now)


async def test_a_message_is_answered_in_its_thread(chat: Chat) -> None:
    event_id, _ = await chat.publish()
    await chat.follow(event_id, channel=CHANNEL, user=PERSON, thread="1767268800.000001")
    await chat.run()
    assert len(chat.slack.seen(CHANNEL, thread="1767268800.000001")) == 1


async def test_what_is_told_of_one_message_at_once_takes_one_call(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    await chat.town.work()
    assert len(await chat.deliveries(message_id)) > 1
    assert await chat.run() == 1
    assert chat.slack.counted() == {"chat.postMessage": 1}


async def test_what_looks_the_same_is_not_sent_again(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    await chat.run()
    await chat.want(message_id)
    await chat.run()
    assert chat.slack.counted() == {"chat.postMessage": 1}
    assert {one.state for one in await chat.deliveries(message_id)} == {WorkState.DONE}


# Two replicas.


async def test_an_older_state_never_overwrites_a_newer_one(chat: Chat) -> None:
    """One replica is slow with the old state; the other waits for it, and shows the new one after."""
    message_id, _ = await chat.asked()
    await chat.run()
    await chat.change(message_id, shown="")
    await chat.want(message_id)
    slow = chat.slack.trouble("slow", "chat.update")
    [batch] = await chat.office.deliverer.claim(Lane.FIRST, 10)
    first = asyncio.create_task(chat.office.deliverer.act(batch))
    await slow.came.wait()
    await chat.town.work()
    [claimed] = await chat.office.deliverer.claim(Lane.FIRST, 10)
    row = (await chat.town.store.endpoints())["reply:slack"]
    attempted = await chat.replier().call(claimed, row)
    assert attempted.outcome.wait == timedelta(seconds=1)
    slow.gate.set()
    await first
    assert (await chat.replier().call(claimed, row)).outcome.works
    assert chat.seen == ["📤 Being published"]


async def test_replicas_that_come_at_once_post_one_message(chat: Chat) -> None:
    await chat.asked()
    [batch] = await chat.office.deliverer.claim(Lane.FIRST, 10)
    row = await chat.office.row_of("reply:slack")
    ended = await asyncio.gather(*(chat.replier().call(batch, row) for _ in range(4)))
    assert sorted(one.outcome.works for one in ended) == [False, False, False, True]
    assert {one.outcome.wait for one in ended if not one.outcome.works} == {timedelta(seconds=1)}
    assert len(chat.seen) == 1


async def test_a_message_whose_holder_died_is_taken_over_when_its_lease_ends(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    await chat.change(message_id, lease_until=chat.clock() + timedelta(seconds=30))
    await chat.run()
    assert chat.seen == []
    chat.clock.move(seconds=31)
    await chat.run()
    assert len(chat.seen) == 1


async def test_a_row_that_was_changed_during_a_call_keeps_the_change(chat: Chat) -> None:
    """A button was pressed meanwhile: its address stays, and so does what the call brought."""
    message_id, _ = await chat.asked()
    slow = chat.slack.trouble("slow", "chat.postMessage")
    running = asyncio.create_task(chat.run())
    await slow.came.wait()
    await chat.change(message_id, address="https://hooks.slack.com/new", replaces=True)
    slow.gate.set()
    await running
    row = await chat.message(message_id)
    assert (row.address, row.replaces, bool(row.ts)) == ("https://hooks.slack.com/new", True, True)


async def test_a_call_that_outlived_its_lease_is_made_again(chat: Chat) -> None:
    """Nobody knows whether it came before or after what the next holder showed."""
    message_id, _ = await chat.asked()
    await chat.run()
    await chat.change(message_id, shown="")
    await chat.want(message_id)
    slow = chat.slack.trouble("slow", "chat.update")
    running = asyncio.create_task(chat.run())
    await slow.came.wait()
    await chat.change(message_id, lease_until=None, shown="newer")
    slow.gate.set()
    await running
    assert len(chat.slack.messages(CHANNEL)[0].versions) == 3


# What is lost.


async def test_a_post_whose_answer_was_lost_is_found_again(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    row = await chat.message(message_id)
    assert (row.ts, row.begun_at) == ("", chat.clock())
    chat.clock.move(minutes=1)
    await chat.town.work()
    await chat.run()
    assert chat.seen == ["📤 Being published"]
    assert chat.slack.counted()["chat.postMessage"] == 1


async def test_a_post_in_a_thread_is_looked_for_there(chat: Chat) -> None:
    event_id, _ = await chat.publish()
    root = chat.slack.posting.post({"channel": CHANNEL, "text": "publish this"}).ts
    await chat.follow(event_id, channel=CHANNEL, user=PERSON, thread=root)
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.slack.seen(CHANNEL, thread=root)) == 1
    assert chat.slack.called("conversations.replies")


async def test_a_direct_message_is_looked_for_where_it_went(chat: Chat) -> None:
    event_id, _ = await chat.publish()
    await chat.follow(event_id, channel=PERSON, user=PERSON)
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.slack.seen(f"D{PERSON}")) == 1


async def test_where_nothing_may_be_looked_for_it_is_posted_anew(chat: Chat) -> None:
    chat.slack.scopes.discard("channels:history")
    await chat.asked()
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.seen) == 2


@pytest.mark.parametrize(("kind", "reason"), [(429, "rate_limited"), (500, "server_error"), ("cut", "closed")])
async def test_a_search_that_fails_is_made_again(chat: Chat, kind: int | str, reason: str) -> None:
    message_id, _ = await chat.asked()
    chat.slack.trouble("cut", "chat.postMessage")
    chat.slack.trouble(kind, "conversations.history")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert [one.reason for one in await chat.attempts(message_id)] == ["closed", reason]
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.seen) == 1


async def test_a_direct_message_that_cannot_be_looked_for_is_posted_anew(chat: Chat) -> None:
    chat.slack.scopes.discard("im:write")
    event_id, _ = await chat.publish()
    await chat.follow(event_id, channel=PERSON, user=PERSON)
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.slack.seen(f"D{PERSON}")) == 2


async def test_a_post_is_found_below_many_others(chat: Chat) -> None:
    await chat.asked()
    chat.slack.trouble("cut", "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    others = [Said(chat.slack.ts(chat.clock()), CHANNEL, [{"text": "hello"}]) for _ in range(250)]
    chat.slack.channels[CHANNEL].said += others
    await chat.run()
    assert chat.slack.counted() == {"chat.postMessage": 1, "conversations.history": 2, "chat.update": 1}


async def test_messages_of_others_are_not_taken_for_ours(chat: Chat) -> None:
    for metadata in ({"event_type": "other"}, {"event_type": "bridge_message", "event_payload": {"id": "rpl_9"}}, {}):
        chat.clock.move(seconds=1)
        chat.slack.posting.post({"channel": CHANNEL, "text": "hello", "metadata": metadata})
    await chat.asked()
    chat.slack.trouble(500, "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.seen) == 4


async def test_a_post_that_never_arrived_is_made(chat: Chat) -> None:
    await chat.asked()
    chat.slack.trouble(500, "chat.postMessage")
    await chat.run()
    chat.clock.move(minutes=1)
    await chat.run()
    assert len(chat.seen) == 1


async def test_a_message_that_somebody_deleted_comes_anew_with_the_next_news(chat: Chat) -> None:
    await chat.asked(**HOUR)
    await chat.run()
    chat.slack.messages(CHANNEL)[0].deleted = True
    await chat.town.work()
    await chat.run()
    assert chat.seen == ["🗓️ Scheduled"]


async def test_a_message_that_cannot_be_edited_any_more_is_followed_by_another(chat: Chat) -> None:
    await chat.asked(**HOUR)
    await chat.run()
    chat.slack.posting.closed_after = timedelta(seconds=5)
    chat.clock.move(seconds=10)
    await chat.town.work()
    await chat.run()
    assert chat.seen == ["⏳ Accepted: it goes out shortly", "🗓️ Scheduled"]


async def test_a_cancelled_visit_leaves_a_lease_that_ends(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    slow = chat.slack.trouble("slow", "chat.postMessage")
    running = asyncio.create_task(chat.run())
    await slow.came.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    row = await chat.message(message_id)
    assert row.lease_until is not None
    assert chat.clock() < row.lease_until < chat.clock() + timedelta(minutes=1)
    assert row.begun_at == chat.clock()


# Pace.


async def test_a_wait_that_slack_asks_for_holds_the_chat(chat: Chat) -> None:
    message_id, _ = await chat.asked()
    await chat.run()
    await chat.town.work()
    chat.slack.trouble(429, "chat.update", retry_after=30)
    await chat.run()
    row = await chat.office.row_of("reply:slack")
    assert row.held_until == chat.clock() + timedelta(seconds=30)
    [attempt] = [one for one in await chat.attempts(message_id) if one.reason]
    assert (attempt.reason, attempt.status) == (FailureReason.RATE_LIMITED, 429)
    chat.clock.move(seconds=31)
    await chat.run()
    assert chat.seen == ["📤 Being published"]


@pytest.mark.parametrize("what", ["chat.postMessage", "response_url", "webhook"])
async def test_a_wait_that_one_channel_asks_for_holds_no_other(chat: Chat, what: str) -> None:
    chat.use(bot_token="" if what == "webhook" else BOT_TOKEN, webhook=chat.slack.webhook(CHANNEL))
    event_id, _ = await chat.publish()
    address = chat.slack.response_url(CHANNEL, PERSON) if what == "response_url" else ""
    message_id = await chat.follow(event_id, channel=CHANNEL, user=PERSON, address=address)
    chat.slack.trouble(429, what, retry_after=30)
    await chat.run()
    await chat.follow(event_id, channel=OTHER, user=PERSON, address=chat.slack.response_url(OTHER, PERSON))
    await chat.run()
    assert len(chat.slack.seen(OTHER, PERSON)) == 1
    assert {one.attempts for one in await chat.deliveries(message_id)} == {0}
    assert (await chat.office.row_of("reply:slack")).failing_since is None
    chat.clock.move(seconds=24)
    await chat.run()
    assert chat.slack.seen(CHANNEL, PERSON) == []
    chat.clock.move(seconds=6)
    await chat.run()
    assert len(chat.slack.seen(CHANNEL, PERSON)) == 1


async def test_messages_of_one_channel_go_one_a_second(chat: Chat) -> None:
    event_id, _ = await chat.publish()
    for number in range(5):
        await chat.follow(event_id, channel=CHANNEL, thread=f"1.{number}")
    await chat.run()
    times = [one.at for one in chat.slack.called("chat.postMessage")]
    assert [later - earlier for earlier, later in pairwise(times)] == [timedelta(seconds=1)] * 4


@pytest.mark.slow
async def test_forty_messages_in_one_channel_do_not_hold_up_another(chat: Chat) -> None:
    chat.moves, chat.slack.posting.burst = False, 40
    event_id, _ = await chat.publish()
    for number in range(40):
        await chat.follow(event_id, channel=CHANNEL, thread=f"1.{number}")
    await chat.follow(event_id, channel=OTHER)
    await chat.run()
    assert (len(chat.seen), len(chat.slack.seen(OTHER))) == (5, 1)
    assert chat.slept == [1.0, 2.0, 3.0, 4.0]
    counts = []
    for _ in range(39):
        chat.clock.move(seconds=1)
        await chat.run()
        counts.append(len(chat.seen))
    assert counts[3:] == [5, *range(6, 41)]
    tries = [one.attempts for one in await chat.town.store.find_deliveries(Find(destination="reply:slack", limit=100))]
    assert tries == [1] * 41


async def test_what_is_erased_goes_from_the_message_too(chat: Chat) -> None:
    message_id, post_id = await chat.asked()
    await chat.town.work()
    await chat.settle(minutes=20)
    caption = (await chat.town.post(post_id)).content["caption"]
    [said] = chat.slack.messages(CHANNEL)
    assert caption in texts_of(said.now)

    await erase(chat.town.kit, (await chat.message(message_id)).event_id, Token("admin", frozenset({"admin"})))
    await chat.settle(minutes=1)

    assert caption not in texts_of(said.now)
    assert caption not in said.text
