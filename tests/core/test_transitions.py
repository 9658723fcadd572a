"""What a read changes: tables for each transition, and random lives of a post for what must always hold."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import AccountState, CommandKind, PostState, Receipt, TargetState, WorkState
from bridge.core.polling import MISSED, next_poll
from bridge.core.retry import Choice
from bridge.core.rules import RetryRules, WatchRules
from bridge.core.transitions import is_stale, observe, retried, take
from tests.core.builders import (
    DAY,
    HOUR,
    JUDGEMENTS,
    MINUTE,
    NOW,
    WATCHING,
    a_cause,
    a_failed,
    a_post,
    a_row,
    a_snapshot,
    a_step,
    a_target,
    accounts_of,
    an_account,
    made,
    post_of,
    told,
    types,
)

P, T, RULES = PostState, TargetState, WatchRules()
TWO = (a_target("a"), a_target("b"))


def seen(post, snapshot, now=NOW, *rows, rules=WATCHING):
    """Observe, and give the step and the post as it is then."""
    step = a_step(now, *rows)
    assert observe(step, post, snapshot, rules)
    return step, post_of(step.write(), post)


def failed_row(account="a", error="rate", at=NOW, **fields):
    return a_row(account, T.FAILED, error=error, last_attempted_at=at, **fields)


@pytest.mark.parametrize(
    ("state", "rows", "told_types"),
    [
        (P.PENDING, [a_row("a", T.WAITING)], []),
        (P.PUBLISHING, [a_row("a", T.PUBLISHING)], ["post.publishing"]),
        (P.DRAFT, [], ["post.draft"]),
        (P.UNKNOWN, [a_row("a", T.UNKNOWN)], ["post.unknown"]),
        (P.POSTED, [a_row("a")], ["target.posted", "post.posted"]),
        (P.POSTED, [a_row("a", url="https://x.example")], ["target.posted", "target.linked", "post.posted"]),
        (P.POSTED, [a_row("a", T.DRAFT_DELIVERED)], ["target.posted", "post.posted"]),
        (P.FAILED, [failed_row()], ["target.failed", "post.failed", "target.retrying"]),
        (P.FAILED, [failed_row(error="policy")], ["target.failed", "post.failed", "post.gave_up"]),
        (P.FAILED, [failed_row(error="timeout")], ["target.failed", "post.failed"]),
        (P.PENDING, [failed_row()], ["target.failed"]),
        (P.CANCELED, [a_row("a", T.CANCELED)], ["post.canceled"]),
        (P.VANISHED, [], ["post.vanished"]),
        (P.POSTED, [a_row("a"), a_row("z")], ["target.posted", "target.posted", "post.posted"]),
    ],
)
def test_a_read_tells_what_became_of_targets_then_of_the_post(state, rows, told_types):
    step, post = seen(a_post(), a_snapshot(state, *rows))

    assert types(step) == told_types
    assert (post.state, post.read_at) == (state, NOW)


def test_a_partial_post_retries_what_may_be_retried_and_nothing_else():
    rows = [a_row("a"), failed_row("b"), failed_row("c", "policy"), failed_row("d", "token")]
    step, post = seen(a_post(*(a_target(name) for name in "abcd")), a_snapshot(P.PARTIAL, *rows))

    due, parked = made(step, CommandKind.RETRY)
    assert (accounts_of([due, parked]), due.due_at) == ([["b"], ["d"]], NOW + 5 * MINUTE)
    assert (parked.state, parked.cause, parked.reason) == (WorkState.PARKED, "account:gv:d", FailureReason.TOKEN)
    assert [target.choice for target in post.targets] == ["", "retry", "give_up", "park"]
    assert told(step, "post.partial")["retry"] == told(step, "target.retrying")["retry"]
    assert "post.gave_up" not in types(step)


def test_the_retry_that_is_told_is_the_one_that_will_be_made():
    """Targets at different tries go together, when the last of them may."""
    post = a_post(a_target("a"), a_target("b", retries=1), a_target("c"))
    rows = [failed_row("a"), failed_row("b"), failed_row("c", "timeout")]
    step, post = seen(post, a_snapshot(P.FAILED, *rows))

    [command] = made(step, CommandKind.RETRY)
    assert (accounts_of([command]), command.due_at) == ([["a", "b"]], NOW + 15 * MINUTE)
    assert [target.retry_at for target in post.targets] == [command.due_at, command.due_at, None]
    assert told(step, "post.failed")["retry"]["at"] == "2026-03-01T12:15:00Z"


def test_a_wait_and_a_retry_are_two_commands_at_their_own_times():
    step, post = seen(a_post(*TWO), a_snapshot(P.FAILED, failed_row("a"), failed_row("b", "spam")))

    commands = made(step, CommandKind.RETRY)
    assert accounts_of(commands) == [["a"], ["b"]]
    assert [command.due_at - NOW for command in commands] == [5 * MINUTE, DAY]
    assert [target.retries for target in post.targets] == [1, 1]


def test_an_unknown_outcome_is_looked_at_for_a_quarter_of_an_hour_then_parks_once():
    failed = a_snapshot(P.FAILED, failed_row(error="timeout"))
    post, kinds = a_post(), []
    for minute in (0, 5, 14, 15, 16):
        step, post = seen(post, replace(failed, read_at=NOW + minute * MINUTE), NOW + minute * MINUTE)
        kinds.append(types(step))

    assert kinds == [["target.failed", "post.failed"], [], [], ["post.parked"], []]
    assert (post.targets[0].choice, post.gave_up, post.commands) == (Choice.PARK, False, 1)


def test_a_parked_unknown_outcome_asks_a_person():
    step, _ = seen(
        a_post(a_failed(error="timeout"), state=P.FAILED),
        a_snapshot(P.FAILED, failed_row(error="timeout", at=None)),
        NOW + HOUR,
    )

    assert "Retry" in told(step, "post.parked")["what_to_do"]
    assert [(command.cause, command.state) for command in made(step, CommandKind.RETRY)] == [("", WorkState.PARKED)]


def test_the_same_text_is_a_new_failure_only_with_a_newer_attempt():
    post = a_post(a_failed(last_attempted_at=NOW, choice="give_up"), state=P.FAILED, gave_up=True)
    for at, text, fresh in (
        (NOW, "rate", False),
        (NOW - MINUTE, "rate", False),
        (NOW + MINUTE, "rate", True),
        (NOW, "other", True),
    ):
        step, _ = seen(post, a_snapshot(P.FAILED, failed_row(error=text, at=at)), NOW + HOUR)
        assert ("target.failed" in types(step)) is fresh


def test_two_failures_within_one_instant_are_two():
    post = a_post(a_failed(last_attempted_at=NOW, choice="retry"), state=P.FAILED)

    again, _ = seen(post, a_snapshot(P.FAILED, failed_row(at=NOW)))
    newer, _ = seen(post, a_snapshot(P.FAILED, failed_row(at=NOW + MINUTE)))

    assert (types(again), types(newer)) == ([], ["target.failed", "target.retrying"])


def test_a_row_that_is_still_failed_while_it_is_being_retried_is_no_second_failure():
    step = a_step()
    retried(step, a_post(a_failed(last_attempted_at=NOW, choice="retry"), state=P.FAILED), ("a",), RULES)
    post = step.write().posts[0]

    waits, post = seen(post, a_snapshot(P.PENDING, failed_row(), at=NOW + MINUTE), NOW + MINUTE)
    fails, _ = seen(post, a_snapshot(P.FAILED, failed_row(), at=NOW + 2 * MINUTE), NOW + 2 * MINUTE)

    assert types(waits) == []
    assert types(fails) == ["target.failed", "post.failed", "target.retrying"]


def test_giving_up_is_told_once_for_each_round_of_failure():
    post, count = a_post(), []
    for minute, at in ((0, NOW), (1, NOW), (2, NOW + 2 * MINUTE), (3, NOW + 2 * MINUTE)):
        moment = NOW + minute * MINUTE
        step, post = seen(post, a_snapshot(P.FAILED, failed_row(error="policy", at=at), at=moment), moment)
        count.append(types(step).count("post.gave_up"))

    assert count == [1, 0, 1, 0]
    assert (post.gave_up, post.ended_at) == (True, NOW + 2 * MINUTE)


def test_a_new_failure_that_is_retried_takes_back_that_it_was_given_up():
    post = a_post(
        a_failed(error="policy", choice="give_up", last_attempted_at=NOW), state=P.FAILED, gave_up=True, ended_at=NOW
    )
    step, post = seen(post, a_snapshot(P.FAILED, failed_row(at=NOW + HOUR)), NOW + HOUR)

    assert (post.gave_up, post.ended_at) == (False, None)
    assert types(step) == ["target.failed", "target.retrying"]


def test_what_parks_for_a_person_does_not_take_back_that_it_was_given_up():
    known = a_post(a_failed(choice="give_up"), a_failed("b", "timeout"), state=P.FAILED, gave_up=True)
    rows = [a_row("a", T.FAILED, error="rate"), a_row("b", T.FAILED, error="timeout")]

    step, post = seen(known, a_snapshot(P.FAILED, *rows, at=NOW + HOUR), NOW + HOUR)

    assert (post.gave_up, post.targets[1].choice, types(step)) == (True, Choice.PARK, ["post.parked"])


def test_a_failed_post_whose_rows_are_hidden_is_given_up_without_a_reason():
    step, post = seen(a_post(a_target("a", T.VANISHED)), a_snapshot(P.FAILED))

    assert (types(step), post.reason) == (["post.failed", "post.gave_up"], None)


def test_a_post_that_the_partner_calls_failed_stays_failed_though_its_visible_rows_are_live():
    step, post = seen(a_post(*TWO), a_snapshot(P.PARTIAL, a_row("a"), a_row("b")))

    assert post.state is P.PARTIAL
    assert types(step)[-1] == "post.gave_up"


# Staleness.


@pytest.mark.parametrize("known", [{"read_at": NOW}, {"settled_at": NOW}, {"read_at": NOW - HOUR, "settled_at": NOW}])
@pytest.mark.parametrize("before", [timedelta(), MINUTE])
def test_a_stale_read_changes_nothing(known, before):
    post, step = a_post(**known), a_step()

    assert is_stale(post, a_snapshot(P.POSTED, a_row(), at=NOW - before), NOW)
    assert observe(step, post, a_snapshot(P.POSTED, a_row(), at=NOW - before), WATCHING) is False
    assert not step


@pytest.mark.parametrize(("ahead", "stale"), [(timedelta(seconds=5), True), (timedelta(seconds=6), False)])
@pytest.mark.parametrize("field", ["read_at", "settled_at"])
def test_what_a_clock_noted_that_was_set_back_since_makes_no_read_stale(field, ahead, stale):
    post = a_post(**{field: NOW + ahead})

    assert is_stale(post, a_snapshot(P.POSTED, a_row(), at=NOW), NOW) is stale


# Canceled and vanished.


@pytest.mark.parametrize(("reason", "state"), [(FailureReason.CANCELED, P.CANCELED), (None, P.VANISHED)])
def test_a_post_that_is_gone_was_canceled_if_we_asked_for_it(reason, state):
    step, post = seen(a_post(*TWO[:1], a_target("b", T.POSTED), reason=reason), a_snapshot(P.VANISHED))

    assert (post.state, types(step), post.poll_at) == (state, [f"post.{state}"], None)
    assert [target.state for target in post.targets] == [T.VANISHED, T.POSTED]


def test_a_cancelling_that_failed_is_forgotten_by_the_next_read():
    _, post = seen(a_post(reason=FailureReason.CANCELED), a_snapshot(P.PENDING))
    step, _ = seen(post, a_snapshot(P.VANISHED, at=NOW + HOUR), NOW + HOUR)

    assert types(step) == ["post.vanished"]


# Stuck.


@pytest.mark.parametrize(
    ("known", "state", "shown", "scheduled", "wanted"),
    [
        (NOW + HOUR, P.SCHEDULED, NOW + DAY, NOW + DAY, NOW + DAY),
        (None, P.SCHEDULED, NOW + DAY, NOW + DAY, NOW + DAY),
        (NOW + HOUR, P.SCHEDULED, None, NOW + HOUR, NOW + HOUR),
        (NOW + HOUR, P.DRAFT, None, None, NOW + MINUTE),
        (NOW + HOUR, P.PENDING, None, None, NOW + MINUTE),
        (NOW - HOUR, P.PENDING, None, None, NOW - HOUR),
        (NOW + HOUR, P.PENDING, NOW + HOUR, NOW + HOUR, NOW + HOUR),
        (None, P.PENDING, None, None, NOW),
    ],
)
def test_when_a_post_should_go_follows_the_schedule_at_the_partner(known, state, shown, scheduled, wanted):
    post = a_post(state=P.SCHEDULED, scheduled_at=known, wanted_at=known or NOW)

    _, after = seen(post, a_snapshot(state, at=NOW + MINUTE, scheduled_at=shown), NOW + MINUTE)

    assert (after.scheduled_at, after.wanted_at) == (scheduled, wanted)


def test_stuck_is_told_once_for_all_the_time_in_flight():
    post = replace(a_post(), in_flight_since=NOW)
    states = [(10, P.PENDING), (31, P.PUBLISHING), (40, P.UNKNOWN), (80, P.PENDING)]
    heard = []
    for minute, state in states:
        step, post = seen(post, a_snapshot(state, at=NOW + minute * MINUTE), NOW + minute * MINUTE)
        heard.append("post.stuck" in types(step))

    assert (heard, post.stuck, post.in_flight_since) == ([False, True, False, False], True, NOW)


def test_an_overdue_schedule_is_stuck_too_and_landing_ends_it():
    post = a_post(state=P.SCHEDULED, scheduled_at=NOW)
    step, post = seen(post, a_snapshot(P.SCHEDULED, at=NOW + HOUR), NOW + HOUR)
    assert told(step, "post.stuck")["since"] == "2026-03-01T12:00:00Z"

    _, post = seen(post, a_snapshot(P.POSTED, a_row(), at=NOW + DAY), NOW + DAY)
    assert (post.stuck, post.in_flight_since) == (False, None)


# Accounts and causes.


def test_a_token_failure_degrades_the_account_and_opens_its_cause_at_once():
    step, _ = seen(a_post(), a_snapshot(P.FAILED, failed_row(error="token")), NOW, an_account())

    assert types(step) == ["target.failed", "post.failed", "post.parked", "account.degraded", "attention.opened"]
    assert told(step, "attention.opened")["waits"] == ["post_1"]


@pytest.mark.parametrize("state", [AccountState.DEGRADED, AccountState.DISCONNECTED])
def test_a_second_token_failure_of_an_account_is_no_second_alarm(state):
    step, _ = seen(a_post(), a_snapshot(P.FAILED, failed_row(error="token")), NOW, an_account(state=state), a_cause())

    assert types(step) == ["target.failed", "post.failed", "post.parked"]


@pytest.mark.parametrize(
    ("account", "published", "heard"),
    [
        (an_account(state=AccountState.DEGRADED), NOW + MINUTE, ["account.reconnected", "attention.closed"]),
        (an_account(), NOW + MINUTE, ["attention.closed"]),
        (an_account("other"), NOW + MINUTE, ["attention.closed"]),
        (an_account(state=AccountState.DISCONNECTED), NOW + MINUTE, []),
        (an_account(state=AccountState.DEGRADED), NOW, []),
    ],
)
def test_a_post_that_went_out_after_the_cause_opened_heals_an_account_that_can_be_used(account, published, heard):
    step, _ = seen(a_post(), a_snapshot(P.POSTED, a_row(published_at=published)), NOW + HOUR, account, a_cause())

    assert types(step) == ["target.posted", *heard, "post.posted"]


def test_a_closed_cause_needs_no_healing():
    step, _ = seen(a_post(), a_snapshot(P.POSTED, a_row()), NOW + HOUR, an_account(), a_cause(closed_at=NOW))

    assert types(step) == ["target.posted", "post.posted"]


# A person's word.


def vouched(account="a", **fields):
    return a_target(account, T.POSTED, choice=Choice.LIVE, last_attempted_at=NOW, **fields)


def test_a_persons_word_survives_the_reads_that_contradict_it():
    step, post = seen(a_post(vouched(), state=P.POSTED), a_snapshot(P.FAILED, failed_row(error="timeout")), NOW + HOUR)

    assert (types(step), post.state, post.targets[0].state) == ([], P.POSTED, T.POSTED)


def test_beside_a_target_that_failed_it_makes_the_post_partial():
    post = a_post(vouched(), a_failed("b", "policy", choice="give_up"), state=P.PARTIAL, gave_up=True)
    step, post = seen(post, a_snapshot(P.FAILED, failed_row(), failed_row("b", "policy", at=None)), NOW + HOUR)

    assert (types(step), post.state) == ([], P.PARTIAL)


def test_a_newer_attempt_beats_it_and_the_partners_own_word_confirms_it():
    newer, _ = seen(a_post(vouched(), state=P.POSTED), a_snapshot(P.FAILED, failed_row(at=NOW + MINUTE)), NOW + HOUR)
    link = a_row(url="https://x.example", last_attempted_at=NOW)
    same, post = seen(a_post(vouched(), state=P.POSTED), a_snapshot(P.POSTED, link), NOW + HOUR)

    assert types(newer) == ["target.failed", "post.failed", "target.retrying"]
    assert (types(same), post.targets[0].choice) == (["target.linked"], "")


# When it is read next.


@pytest.mark.parametrize(
    ("fields", "age", "after"),
    [
        ({"in_flight_since": NOW}, timedelta(), MINUTE),
        ({"in_flight_since": NOW}, 10 * MINUTE, 2 * MINUTE),
        ({"in_flight_since": NOW}, DAY, 5 * MINUTE),
        ({"state": P.SCHEDULED, "scheduled_at": NOW + DAY}, timedelta(), 5 * MINUTE),
        ({"state": P.SCHEDULED, "scheduled_at": NOW + 3 * MINUTE}, timedelta(), 3 * MINUTE),
        ({"state": P.SCHEDULED, "scheduled_at": NOW + timedelta(seconds=5)}, timedelta(), MINUTE),
        ({"state": P.SCHEDULED, "scheduled_at": NOW}, 10 * MINUTE, 2 * MINUTE),
        ({"state": P.SCHEDULED}, timedelta(), MINUTE),
        ({"state": P.DRAFT}, timedelta(), 5 * MINUTE),
        ({"state": P.POSTED, "ended_at": NOW}, 4 * MINUTE, 6 * MINUTE),
        ({"state": P.POSTED, "ended_at": NOW}, 10 * MINUTE, None),
        ({"state": P.FAILED, "gave_up": True, "ended_at": NOW}, HOUR, None),
        ({"state": P.CANCELED, "ended_at": NOW}, timedelta(), None),
        ({"state": P.VANISHED}, timedelta(), None),
        ({"state": P.REJECTED}, timedelta(), None),
        ({"partner_id": None}, timedelta(), None),
    ],
)
def test_how_long_until_the_next_read(fields, age, after):
    at = next_poll(a_post(**fields), NOW + age, RULES)

    assert at == (None if after is None else NOW + age + after)


@pytest.mark.parametrize(("target", "after"), [(a_failed(), MINUTE), (a_failed(choice="park"), 5 * MINUTE)])
def test_a_failure_that_nobody_has_judged_is_looked_at_sooner(target, after):
    assert next_poll(a_post(target, state=P.FAILED), NOW, RULES) == NOW + after


@pytest.mark.parametrize(("age", "after"), [(HOUR, HOUR), (23 * HOUR, 23 * HOUR), (DAY, None)])
def test_a_live_target_without_an_address_is_looked_at_for_a_day(age, after):
    post = a_post(a_target("a", T.POSTED), state=P.POSTED, ended_at=NOW)

    assert next_poll(post, NOW + age, RULES) == (None if after is None else NOW + age + after)


# Answers of the partner.


@pytest.mark.parametrize(
    ("state", "told_type", "poll"),
    [
        (None, "post.pending", NOW + MINUTE),
        (P.SCHEDULED, "post.scheduled", NOW + 5 * MINUTE),
        (P.POSTED, "post.posted", NOW),
        (P.FAILED, "post.failed", NOW),
    ],
)
def test_a_publish_that_is_taken_is_told_with_its_warnings(state, told_type, poll):
    step, post = a_step(), a_post(partner_id=None, state=P.ACCEPTED)
    receipt = Receipt("p9", state, scheduled_at=NOW + DAY, created_at=NOW, warnings=({"code": "W"},))

    taken = take(step, post, receipt, RULES)

    assert (taken.partner_id, taken.scheduled_at, taken.partner_created_at) == ("p9", NOW + DAY, NOW)
    assert (taken.poll_at, taken.settled_at, types(step)) == (poll, NOW, [told_type])
    assert told(step, told_type)["warnings"] == [{"code": "W"}]


def test_an_update_lets_what_failed_wait_again():
    step = a_step()
    post = a_post(a_failed(choice="park"), a_target("b", T.POSTED), state=P.FAILED, gave_up=True, ended_at=NOW)

    taken = take(step, post, Receipt("p1", P.PENDING), RULES)

    assert [(row.state, row.choice) for row in taken.targets] == [(T.WAITING, ""), (T.POSTED, "")]
    assert (taken.gave_up, taken.ended_at) == (False, None)


def test_an_answer_without_news_tells_nothing():
    step = a_step()
    take(step, a_post(state=P.SCHEDULED), Receipt(None, P.SCHEDULED), RULES)

    assert (types(step), step.write().posts[0].partner_id) == ([], "p1")


def test_a_retry_that_is_taken_resets_what_failed_and_never_what_is_live():
    step, post = (
        a_step(),
        a_post(a_failed(choice="retry", retries=2), a_target("b", T.POSTED), a_failed("c"), state=P.PARTIAL),
    )

    retried(step, post, ("a", "b"), RULES)

    after = post_of(step.write(), post)
    assert [row.state for row in after.targets] == [T.WAITING, T.POSTED, T.FAILED]
    assert (after.state, after.targets[0].retries, types(step)) == (P.PENDING, 2, ["post.retrying"])


# Random lives.

row_states = st.sampled_from([T.WAITING, T.POSTED, T.FAILED, T.FAILED, T.UNKNOWN])
rows = st.builds(
    lambda name, state, error, at, url: a_row(
        name, state, error=error if state is T.FAILED else None, last_attempted_at=NOW + at * MINUTE, url=url
    ),
    st.sampled_from(["a", "b", "c"]),
    row_states,
    st.sampled_from(["rate", *JUDGEMENTS]),
    st.integers(0, 3),
    st.sampled_from([None, "https://x.example"]),
)
snapshots = st.builds(
    lambda state, shown: a_snapshot(state, *{row.account: row for row in shown}.values()),
    st.sampled_from(
        [P.PENDING, P.SCHEDULED, P.POSTED, P.PARTIAL, P.FAILED, P.FAILED, P.UNKNOWN, P.VANISHED, P.CANCELED]
    ),
    st.lists(rows, max_size=3),
)
lives = st.lists(st.tuples(snapshots, st.integers(-2, 40), st.booleans()), min_size=1, max_size=14)


def live(life):
    """Let a post live through reads, retries taken as they fall due; give each step with the post before and after."""
    post, now, due = a_post(a_target("a"), a_target("b")), NOW, []
    world = (an_account("a"), an_account("b"))
    for snapshot, minutes, takes_retry in life:
        now += max(minutes, 0) * MINUTE
        if takes_retry and post.state in MISSED and due:
            step = a_step(now)
            retried(step, post, tuple(due.pop(0)), RULES)
            yield step, post, post_of(step.write(), post), None
            post = post_of(step.write(), post)
        step, read_at = a_step(now, *world), now + (minutes - 1) * timedelta(seconds=1)
        kept = observe(step, post, replace(snapshot, read_at=read_at), WATCHING)
        after = post_of(step.write(), post)
        due += accounts_of(command for command in made(step, CommandKind.RETRY) if command.state is WorkState.DUE)
        yield step, post, after, replace(snapshot, read_at=read_at) if kept else None
        post = after


@given(lives)
def test_sequences_rise_by_one_and_the_final_state_is_never_missed(life):
    for step, before, after, read in live(life):
        events = [event for event in step.write().events if event.post_id]
        assert [event.sequence for event in events] == list(range(before.sequence + 1, after.sequence + 1))
        if read is not None:
            gone = before.state is P.CANCELED and read.state is P.VANISHED
            state = P.CANCELED if gone else read.state
            assert after.state is state
            assert (f"post.{state}" in types(step)) is (before.state is not state)


@given(lives)
def test_a_read_is_stale_exactly_when_something_newer_is_known_and_then_changes_nothing(life):
    for step, before, after, read in live(life):
        if read is None and not step:
            assert before is after
        if read is not None:
            assert not is_stale(before, read, step.now)
            assert is_stale(after, read, max(step.now, read.read_at))


@given(lives)
def test_the_same_picture_again_tells_nothing_until_a_doubt_has_lasted_long_enough(life):
    """One failure is judged once; only an unknown outcome may be parked later, and what is stuck told."""
    for _, _, after, read in live(life):
        if read is not None:
            doubt = any(target.state is T.FAILED and not target.choice for target in after.targets)
            for later in (MINUTE, 20 * MINUTE):
                moment = max(read.read_at, after.read_at) + later
                again, _ = seen(after, replace(read, read_at=moment), moment)
                assert set(types(again)) <= ({"post.parked", "post.stuck"} if doubt else {"post.stuck"})
                assert not [c for c in made(again, CommandKind.RETRY) if c.state is WorkState.DUE]


@given(lives)
def test_only_what_has_failed_is_retried_and_never_beyond_the_budget(life):
    most = len(RetryRules().delays)
    for step, _, after, _ in live(life):
        states = {target.account: target for target in after.targets}
        for names in accounts_of(made(step, CommandKind.RETRY)):
            assert {states[name].state for name in names} == {T.FAILED}
        assert all(target.retries <= most for target in after.targets)


@given(lives)
def test_what_has_ended_is_not_in_flight_and_what_has_not_is_read_again(life):
    for _, _, after, read in live(life):
        if read is not None:
            gone = after.state in (P.CANCELED, P.VANISHED)
            assert gone or after.poll_at is not None or after.ended_at is not None
            assert (after.ended_at is not None) is (gone or after.state is P.POSTED or after.gave_up)
            assert (after.in_flight_since is not None) is (after.state in (P.PENDING, P.UNKNOWN))


@given(st.sampled_from([*FailureClass]))
def test_every_class_of_failure_ends_in_a_decision(failure):
    judge = {"failure": failure, "reason": FailureReason.PLATFORM_OTHER}
    step, post = seen(
        a_post(a_failed(**judge, last_attempted_at=NOW), state=P.PARTIAL),
        a_snapshot(P.PARTIAL, failed_row()),
        NOW + HOUR,
    )

    assert post.targets[0].choice
    assert types(step)
