"""What goes to chats: all that is due for one message in one call, and no call of it is a request to an endpoint."""

from dataclasses import replace
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from bridge.core.delivering import Attempted, Outcome
from bridge.core.endpoints import WANTED, message_key
from bridge.core.errors import FailureReason
from bridge.core.model import AttemptOutcome, Endpoint, Lane, Message, OutboundEvent, WorkState, Write
from bridge.ports import Find
from tests.flows.town import NOON

pytestmark = pytest.mark.anyio

CHAT = Endpoint("reply:team", "https://chat.example.com", (), kind="reply")
ONE, TWO = (Message(f"rpl_{number}", f"evt_{number}", "team", "reply", NOON) for number in (1, 2))
SECOND = timedelta(seconds=1)


class Chat:
    """Answers as it is told to, then with success; remembers which deliveries each call was for."""

    def __init__(self, *outcomes):
        self.outcomes, self.calls, self.clock = list(outcomes), [], None

    async def __call__(self, batch, endpoint):
        self.calls.append([(one.delivery.ordered_by, one.delivery.sequence) for one in batch])
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome()
        if isinstance(outcome, Exception):
            raise outcome
        return Attempted(self.clock(), self.clock(), outcome, "said", endpoint)


@pytest.fixture
def connect(build_office):
    """Open an office whose messages go to a chat; two messages follow one event each."""

    async def connected(chat, **changes):
        office = await build_office(reply=chat)
        if chat is not None:
            chat.clock = office.town.clock
        await office.town.store.record([Write(endpoints=(replace(CHAT, **changes),), messages=(ONE, TWO))])
        return office

    return connected


async def tell(office, number=1, sequence=1):
    """Let something happen to the post of an event."""
    event = OutboundEvent(
        f"msg_{number}_{sequence}", "post.posted", f"post:{number}", sequence, NOON, b"{}", event_id=f"evt_{number}"
    )
    await office.town.store.record([Write(events=(event,))])


async def attempts(office, row):
    found = await office.town.store.delivery(row.id)
    return found[2]


def transitions(metrics):
    return [line for line in metrics.render().decode().splitlines() if "transitions_total{" in line]


async def test_all_that_is_due_for_a_message_goes_in_one_call(connect):
    chat = Chat()
    office = await connect(chat)
    for sequence in (1, 2, 3):
        await tell(office, 1, sequence)
    await tell(office, 2, 1)
    assert await office.run() == len(chat.calls) == 2
    first, second = sorted(chat.calls, key=len, reverse=True)
    assert sorted(first) == [(message_key("rpl_1"), sequence) for sequence in (1, 2, 3)]
    assert second == [(message_key("rpl_2"), 1)]
    rows = await office.rows(CHAT.name)
    assert {(row.state, row.attempts) for row in rows} == {(WorkState.DONE, 1)}
    [tried] = await attempts(office, rows[0])
    assert (tried.outcome, tried.answer) == (AttemptOutcome.OK, {"body": "said"})
    assert not office.receiver.received


async def test_what_was_too_early_is_sent_a_moment_later_and_uses_up_no_try(connect):
    chat = Chat(*[Outcome(wait=SECOND, detail="another one brings it up to date")] * 30)
    office = await connect(chat, failing_since=NOON)
    await tell(office)
    for _ in range(31):
        await office.run()
        office.town.clock.move(seconds=1)
    row = await office.row(destination=CHAT.name)
    assert (row.state, row.attempts, row.calls, row.lane) == (WorkState.DONE, 1, 31, Lane.FIRST)
    tries = await attempts(office, row)
    assert {one.outcome for one in tries} == {AttemptOutcome.WAITED, AttemptOutcome.OK}
    assert (tries[0].detail, tries[0].reason) == ("another one brings it up to date", None)
    assert (await office.row_of(CHAT.name)).failing_since is None
    stats = await office.town.store.endpoint_stats(CHAT.name, NOON - SECOND)
    assert (stats.last_failure_at, stats.attempts["waited"]) == (None, 30)


async def test_waiting_is_no_success_of_a_chat_that_fails(connect):
    office = await connect(Chat(Outcome(wait=SECOND)), failing_since=NOON)
    await tell(office)
    await office.run()
    assert (await office.row_of(CHAT.name)).failing_since == NOON


async def test_what_can_never_be_said_dies_with_its_reason_and_the_chat_stays_well(connect):
    office = await connect(Chat(Outcome(FailureReason.FORBIDDEN, 200, "not in the channel", final=True, alone=True)))
    await tell(office)
    with capture_logs() as logs:
        await office.run()
    row = await office.row(destination=CHAT.name)
    assert (row.state, row.reason) == (WorkState.DEAD, FailureReason.FORBIDDEN)
    [tried] = await attempts(office, row)
    assert (tried.outcome, tried.reason, tried.detail) == ("failed", FailureReason.FORBIDDEN, "not in the channel")
    assert await office.row_of(CHAT.name) == CHAT
    assert [(one["outcome"], one["log_level"]) for one in logs if one["event"] == "delivery.attempted"] == [
        ("dead", "warning")
    ]


async def test_a_failure_of_one_message_alone_is_tried_again_and_slows_nobody(connect):
    office = await connect(Chat(Outcome(FailureReason.INVALID, 200, alone=True)))
    await tell(office)
    await office.run()
    assert await office.row_of(CHAT.name) == CHAT
    row = await office.row(destination=CHAT.name)
    assert (row.state, row.lane, row.attempts, row.reason) == (WorkState.DUE, Lane.AGAIN, 1, FailureReason.INVALID)
    office.town.clock.move(seconds=10)
    await office.run()
    assert (await office.row(destination=CHAT.name)).state is WorkState.DONE


async def test_a_chat_that_asks_to_be_left_alone_is(connect):
    chat = Chat(Outcome(FailureReason.RATE_LIMITED, 429, asked=timedelta(seconds=30)))
    office = await connect(chat)
    await tell(office, 1)
    await office.run()
    await tell(office, 2)
    office.town.clock.move(seconds=29)
    assert await office.run() == 0
    office.town.clock.move(seconds=2)
    assert await office.run() == 2
    assert (await office.row_of(CHAT.name)).held_until is None


async def test_a_fault_of_ours_is_one_more_failed_attempt(connect):
    office = await connect(Chat(ZeroDivisionError()))
    await tell(office)
    await office.run()
    row = await office.row(destination=CHAT.name)
    [tried] = await attempts(office, row)
    assert (row.state, tried.reason, tried.detail) == (WorkState.DUE, FailureReason.INTERNAL, "ZeroDivisionError")


async def test_without_any_chat_what_was_left_for_one_dies(connect):
    office = await connect(None)
    await tell(office)
    await office.run()
    row = await office.row(destination=CHAT.name)
    assert (row.state, row.reason) == (WorkState.DEAD, FailureReason.ENDPOINT_DISABLED)


async def test_what_was_under_way_when_a_process_ended_is_made_again(connect):
    """A claim that nobody settles stays ours until its lease ends; the attempt is then known as lost."""
    chat = Chat()
    office = await connect(chat)
    await tell(office)
    [_] = await office.deliverer.claim(Lane.FIRST, 9)
    assert await office.deliverer.claim(Lane.FIRST, 9) == []
    office.town.clock.move(minutes=2)
    await office.run()
    row = await office.row(destination=CHAT.name)
    lost, made = await attempts(office, row)
    assert (row.state, lost.outcome, made.outcome) == (WorkState.DONE, AttemptOutcome.LOST, AttemptOutcome.OK)


async def test_what_is_wanted_counts_as_no_transition(connect, metrics):
    chat = Chat()
    office = await connect(chat)
    before = transitions(metrics)
    await office.town.kit.step(lambda step, _posts: step.want_reply(ONE))
    assert transitions(metrics) == before
    await office.run()
    assert chat.calls == [[(message_key("rpl_1"), 1)]]
    assert (await office.row(type=WANTED)).state is WorkState.DONE
    assert await office.town.store.told(Find()) == []
