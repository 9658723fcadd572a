"""A chat as a source: what is refused in words, what is kept of a request, and the messages that follow an event."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.endpoints import WANTED
from bridge.core.errors import Problem, StoreBusy, StoreFull
from bridge.core.hook_rules import HookRules
from bridge.core.inbound import CARD, Card
from bridge.core.model import Intent, Item, Person, PostState, ReplyTo, Verified
from bridge.core.rules import Limits
from bridge.ports import Find, Reply, Verb
from tests.flows.talking import ADDRESS, CHAT, EVERY, a_talk, pressed, said, wanted, words

pytestmark = pytest.mark.anyio

HELD = replace(EVERY, hold=timedelta(minutes=10))
LOOKED_AT = replace(EVERY, approve="#social")
THREAD = ReplyTo(channel="C1", thread="1.1", user="U1")


@pytest.fixture
async def talk(town):
    return await a_talk(town)


async def kept(talk):
    return await talk.town.store.find_events(Find())


# Refused in words.


async def test_a_person_is_told_every_fault_and_nothing_is_kept(talk):
    answer = await talk.ask(wanted(caption="x" * 3000, scheduled_at="never", captoin="x"))

    told = said(answer)
    assert (answer.results, answer.reply.status, told["status"]) == ((), 200, 422)
    assert {"scheduled_at", "captoin"} <= set(told["faults"])
    assert await kept(talk) == []


async def test_what_is_certain_to_fail_is_refused_as_a_whole(talk):
    told = said(await talk.ask(wanted(caption="x" * 3000, accounts=["brand-*"])))

    assert (told["status"], "caption" in told["faults"]) == (422, True)
    assert await kept(talk) == []


async def test_an_unknown_account_is_refused(talk):
    told = said(await talk.ask(wanted(accounts=["nobody"])))

    assert (told["status"], told["faults"]) == (422, ["accounts[0]"])


async def test_without_an_account_the_setting_of_the_source_is_named(town):
    talk = await a_talk(town, rules=HookRules())
    problems = []
    await talk.ask(wanted(), refusal=lambda problem: problems.append(problem) or words(problem))

    assert "sources.chat.accounts" in problems[0].errors[0].remedy


async def test_a_key_that_was_used_for_another_request_is_refused(talk):
    await talk.ask(wanted("V1"))
    told = said(await talk.ask(wanted("V1", caption="another")))

    assert told["status"] == 409
    assert len(await kept(talk)) == 1


async def test_nobody_who_reads_gets_what_goes_and_what_does_not(talk):
    talk.mouth(wanted("Ev1", accounts=["brand-tiktok", "nobody"]))
    [result] = (await talk.say()).results

    assert [post.state for post in result.posts] == [PostState.ACCEPTED]
    assert [one["field"] for one in result.warnings] == ["accounts[1]"]


@pytest.mark.parametrize(("error", "status"), [(StoreBusy("locked"), 503), (StoreFull("full"), 503)])
async def test_a_store_that_refuses_is_told_in_words(talk, error, status):
    talk.town.store.lose["accept"] = [error]
    told = said(await talk.ask(wanted()))

    assert told["status"] == status
    assert await kept(talk) == []


async def test_overload_is_told_in_words(town):
    talk = await a_talk(town, limits=Limits(queue=5))
    talk.ingest.load.queue = 5

    assert said(await talk.ask(wanted()))["status"] == 429
    assert await kept(talk) == []
    talk.mouth(wanted("Ev1"))
    with pytest.raises(Problem) as caught:
        await talk.say()
    assert caught.value.status == 429


async def test_a_press_is_taken_while_work_is_refused(town):
    acted = []

    async def act(source, gesture):
        acted.append(gesture.verb)

    talk = await a_talk(town, limits=Limits(queue=5), act=act)
    talk.ingest.load.queue = 5
    talk.mouth(gesture=pressed(Verb.DROP))

    await talk.say()
    assert acted == [Verb.DROP]


async def test_a_refusal_is_counted_and_logged_without_its_text(metrics, build_town):
    talk = await a_talk(await build_town())
    with capture_logs() as logs:
        await talk.ask(wanted(captoin="a secret"))

    assert [(one["event"], one["status"]) for one in logs] == [("event.refused", 422)]
    assert "a secret" not in str(logs)


# The same again.


async def test_what_was_taken_back_may_be_asked_for_again(talk):
    [first] = (await talk.ask(wanted())).results
    await talk.town.actions.cancel(first.posts[0].id, ())
    [again] = (await talk.ask(wanted())).results

    assert (again.accepted.duplicate, first.accepted.event_id == again.accepted.event_id) == (False, False)


async def test_a_person_who_asks_twice_has_a_message_for_each(talk):
    [first] = (await talk.ask(wanted())).results
    other = ReplyTo(channel="C1", user="U1", address=f"{ADDRESS}2")
    [again] = (await talk.ask(wanted(reply_to=other))).results

    assert again.accepted.duplicate
    assert [one.address for one in await talk.messages(first.accepted.event_id)] == [ADDRESS, f"{ADDRESS}2"]


async def test_asking_twice_in_the_same_place_is_answered_twice(talk):
    to_ann = ReplyTo(channel="U1", user="U1")
    [first] = (await talk.ask(wanted(reply_to=to_ann))).results
    await talk.ask(wanted(reply_to=to_ann))

    assert len(await talk.messages(first.accepted.event_id)) == 2


async def test_a_request_that_is_sent_again_has_one_message(talk):
    talk.mouth(wanted("Ev1", reply_to=THREAD))
    [first] = (await talk.say()).results
    [again] = (await talk.say()).results

    assert again.accepted.duplicate
    [message] = await talk.messages(first.accepted.event_id)
    assert (message.channel, message.thread, message.user, message.source) == ("C1", "1.1", "U1", CHAT)


async def test_a_schedule_that_has_passed_since_is_answered_as_known(talk):
    at = (talk.town.clock() + timedelta(hours=1)).isoformat()
    [first] = (await talk.ask(wanted(scheduled_at=at))).results
    talk.town.clock.move(hours=2)
    [again] = (await talk.ask(wanted(scheduled_at=at))).results

    assert again.accepted.duplicate
    assert len(await talk.messages(first.accepted.event_id)) == 2


# The message that follows.


async def test_an_accepted_event_has_its_message_and_asks_for_its_first_word(talk):
    [result] = (await talk.ask(wanted())).results

    [message] = await talk.messages(result.accepted.event_id)
    assert (message.kind, message.address, message.event_id) == ("reply", ADDRESS, result.accepted.event_id)
    told = await talk.town.store.find_deliveries(Find(limit=10))
    assert (WANTED, f"reply:{CHAT}", f"message:{message.id}") in [
        (one.type, one.destination, one.ordered_by) for one in told
    ]


@pytest.mark.parametrize(
    "item",
    [
        Item(intent=Intent.IGNORE, key="Ev1", note="Ask for U1 to be added to `users`.", reply_to=THREAD),
        wanted("Ev1", captoin="x", reply_to=THREAD),
        wanted("Ev1", accounts=["nobody"], reply_to=THREAD),
    ],
)
async def test_an_event_that_makes_no_post_has_its_message_too(talk, item):
    talk.mouth(item)
    [result] = (await talk.say()).results

    assert result.posts == ()
    assert len(await talk.messages(result.accepted.event_id)) == 1


async def test_a_key_of_another_request_has_a_message_of_its_own(talk):
    talk.mouth(wanted("Ev1", reply_to=THREAD))
    [first] = (await talk.say()).results
    talk.mouth(wanted("Ev1", caption="another", reply_to=THREAD))
    [other] = (await talk.say()).results

    assert other.outcome == "conflict"
    assert [len(await talk.messages(one.accepted.event_id)) for one in (first, other)] == [1, 1]


async def test_who_waits_for_word_is_no_transition(metrics, build_town):
    talk = await a_talk(await build_town())
    await talk.ask(wanted())

    assert talk.town.metric("bridge_transitions_total", type="other") in (None, 0)


async def test_a_preview_begins_no_message(talk):
    talk.mouth(wanted(), refusal=words)
    shown = await talk.ingest.preview(CHAT, talk.town.hook(b"{}"))

    assert shown["items"][0]["outcome"] == "accepted"
    assert await talk.town.store.find_deliveries(Find()) == []


async def test_a_preview_shows_what_a_person_would_be_refused(talk):
    talk.mouth(wanted(accounts=["brand-tiktok", "nobody"]), refusal=words)
    shown = await talk.ingest.preview(CHAT, talk.town.hook(b"{}"))

    assert (shown["items"][0]["outcome"], shown["items"][0]["reason"][:3]) == ("refused", "422")


@pytest.mark.parametrize(
    ("intent", "outcome", "messages"), [(Intent.UPDATE, "changed", 1), (Intent.PUBLISH, "skipped", 2)]
)
async def test_who_edits_a_message_is_shown_the_posts_that_there_are(talk, intent, outcome, messages):
    """A change shows in the message that there is."""
    talk.mouth(replace(wanted("Ev1", reply_to=THREAD), object_id="C1:1.1", revision="1.1"))
    [first] = (await talk.say()).results
    edit = replace(wanted("Ev2", caption="better", reply_to=THREAD), object_id="C1:1.1", revision="2.2", intent=intent)
    talk.mouth(edit)
    [edited] = (await talk.say()).results
    assert (await talk.say()).results[0].accepted.duplicate

    assert edited.outcome == outcome
    assert len(await talk.messages(first.accepted.event_id)) == messages
    assert await talk.messages(edited.accepted.event_id) == []


# Cards.


@pytest.mark.parametrize("rules", [HELD, LOOKED_AT])
async def test_what_is_held_has_a_card(town, rules):
    talk = await a_talk(town, rules=rules, cards={CHAT: Card(CHAT, "#social")})
    [result] = (await talk.ask(wanted(reply_to=None))).results

    [card] = await talk.messages(result.accepted.event_id)
    assert (card.kind, card.source, card.channel, card.user) == (CARD, CHAT, "#social", "")
    assert [post.state for post in result.posts] == [PostState.PARKED]


async def test_what_goes_at_once_has_no_card(town):
    talk = await a_talk(town, cards={CHAT: Card(CHAT, "#social")})
    [result] = (await talk.ask(wanted(reply_to=None))).results

    assert await talk.messages(result.accepted.event_id) == []


async def test_whoever_asked_has_a_message_beside_the_card(town):
    talk = await a_talk(town, rules=LOOKED_AT, cards={CHAT: Card(CHAT, "#social")})
    [result] = (await talk.ask(wanted())).results

    assert sorted(one.kind for one in await talk.messages(result.accepted.event_id)) == ["card", "reply"]


async def test_the_same_again_has_no_second_card(town):
    talk = await a_talk(town, rules=LOOKED_AT, cards={CHAT: Card(CHAT, "#social")})
    [first] = (await talk.ask(wanted(reply_to=None))).results
    await talk.ask(wanted(reply_to=None))

    assert len(await talk.messages(first.accepted.event_id)) == 1


# What is read and what is kept.


async def test_what_may_be_stored_is_kept_in_the_place_of_the_request(talk):
    talk.mouth(wanted(), refusal=words, kept=b'{"text":"hello"}')
    [result] = (await talk.say(b"token=verysecret&response_url=https://x")).results

    event, _ = await talk.town.store.event(result.accepted.event_id)
    assert (event.content_type, event.body) == ("application/json", b'{"text":"hello"}')


async def test_who_speaks_is_known_before_the_request_is_read(town):
    async def know(source, verified):
        return replace(verified, person=Person("Europe/Berlin"))

    talk = await a_talk(town, know=know)
    await talk.ask(wanted())

    assert [one.person for one in talk.chat.seen] == [Person("Europe/Berlin")]


async def test_a_line_that_proves_who_sends_brings_its_own_proof(talk):
    raw = talk.town.hook(b"{}")
    proven = Verified(raw, CHAT, f"source:{CHAT}", how="Socket Mode")
    talk.mouth(wanted(), refusal=words)
    await talk.say(verified=proven)

    assert talk.chat.seen == [proven]


# Gestures.


async def test_a_gesture_is_acted_on_before_the_answer_and_may_word_it(town):
    acted = []

    async def act(source, gesture):
        acted.append((source, gesture.verb))
        return Reply(200, b"from the act")

    talk = await a_talk(town, act=act)
    talk.mouth(gesture=pressed(Verb.RETRY, "rpl_1"), reply=Reply(200, b"from the source"))
    answer = await talk.say()

    assert (acted, answer.reply.body, answer.results) == ([(CHAT, Verb.RETRY)], b"from the act", ())
    assert await kept(talk) == []


async def test_a_gesture_that_says_nothing_is_answered_as_the_source_says(town):
    async def act(source, gesture):
        return None

    talk = await a_talk(town, act=act)
    talk.mouth(gesture=pressed(Verb.FORM), reply=Reply(200, b""))

    assert (await talk.say()).reply == Reply(200, b"")


async def test_a_gesture_is_counted_and_logged_without_its_text(metrics, build_town):
    async def act(source, gesture):
        return None

    talk = await a_talk(await build_town(), act=act)
    talk.mouth(gesture=pressed(Verb.SAVE, "rpl_1", draft={"caption": "a secret"}, address=ADDRESS))
    with capture_logs() as logs:
        await talk.say()

    told = [{name: one[name] for name in ("event", "source", "verb", "user")} for one in logs]
    assert told == [{"event": "gesture.acted", "source": CHAT, "verb": "save", "user": "U1"}]
    assert "secret" not in str(logs)


async def test_what_is_wrong_in_a_form_is_told_in_words(town):
    async def act(source, gesture):
        raise Problem(422, "invalid", "caption is too long")

    talk = await a_talk(town, act=act)
    talk.mouth(gesture=pressed(Verb.SAVE), refusal=words)

    assert said(await talk.say())["status"] == 422


async def test_a_press_that_cannot_be_stored_is_an_error_that_is_seen(town):
    async def act(source, gesture):
        raise StoreBusy("locked")

    talk = await a_talk(town, act=act)
    talk.mouth(gesture=pressed(Verb.DROP))
    with pytest.raises(Problem) as caught:
        await talk.say()

    assert caught.value.status == 503


async def test_a_gesture_that_nobody_acts_on_is_answered_all_the_same(talk):
    talk.mouth(gesture=pressed(Verb.DROP))

    assert (await talk.say()).reply == talk.chat.reply
