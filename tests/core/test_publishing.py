"""What is decided before a command goes out, and what follows from its answer or its failure."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import AccountState, AttemptOutcome, CommandKind, PostState, Receipt, TargetState, WorkState
from bridge.core.parting import park_for_account
from bridge.core.publishing import ended_attempt, fail, prepare, start, succeed
from bridge.core.retry import most_tries
from bridge.core.rules import PublishRules, WatchRules
from tests.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    a_cause,
    a_command,
    a_failed,
    a_key,
    a_post,
    a_retry,
    a_step,
    a_target,
    an_account,
    an_error,
    an_unsent,
    made,
    told,
    types,
)

A, P, T, W, K = AccountState, PostState, TargetState, WorkState, CommandKind
F, C = FailureReason, FailureClass
RULES, WATCH = PublishRules(), WatchRules()
MOST = most_tries(RULES)
IDLE = {"state": A.DISCONNECTED}


def prepared(command, post, *world):
    step = a_step(NOW, *world)
    return prepare(step, command, post, RULES), step


# Before it goes.


@pytest.mark.parametrize(
    ("command", "post"),
    [
        (a_command(), an_unsent()),
        (a_command(body=b"{}", sent_at=NOW), an_unsent()),
        (a_command(K.CANCEL), a_post()),
        (a_retry("a"), a_post(a_failed(), state=P.FAILED)),
        (a_retry("a", "b", body=b"{}"), a_post(a_failed(), a_target("b"), state=P.FAILED)),
    ],
)
def test_a_command_that_nothing_hinders_goes(command, post):
    goes, step = prepared(command, post, a_key(), an_account())

    assert (goes, bool(step)) == (True, False)


def test_a_blocked_key_parks_what_is_due_and_keeps_frozen_bytes():
    key = a_key(blocked=F.PAYMENT_REQUIRED, detail="no plan")
    goes, step = prepared(a_command(body=b"{}"), an_unsent(), key)

    row = step.write().commands[0]
    assert (goes, row.state, row.cause, row.reason, row.body) == (False, W.PARKED, "key:gv", F.PAYMENT_REQUIRED, b"{}")
    assert (types(step), step.write().posts[0].state) == (["post.parked"], P.PARKED)


def test_parking_a_retry_leaves_its_post_as_it_is():
    _, step = prepared(a_retry("a"), a_post(a_failed(), state=P.FAILED), a_key(blocked=F.FORBIDDEN))

    assert (step.write().posts[0].state, types(step)) == (P.FAILED, ["post.parked"])


def test_a_change_of_a_post_that_no_partner_has_yet_waits():
    goes, step = prepared(a_command(K.UPDATE), an_unsent())

    assert (goes, step.write().commands[0].due_at) == (False, NOW + timedelta(seconds=5))


@pytest.mark.parametrize(
    ("command", "post", "state", "told_types"),
    [
        (a_command(attempts=MOST), an_unsent(), P.REJECTED, ["post.rejected"]),
        (a_command(attempts=MOST, body=b"{}"), an_unsent(), P.UNKNOWN, ["post.unknown"]),
        (a_retry("a", attempts=MOST), a_post(a_failed(), state=P.FAILED), P.FAILED, ["post.gave_up"]),
        (a_command(K.CANCEL, attempts=MOST), a_post(state=P.SCHEDULED), P.SCHEDULED, []),
        (a_command(K.UPDATE, attempts=MOST), a_post(), P.PENDING, []),
    ],
)
def test_when_its_tries_are_used_up_it_ends_with_the_reason(command, post, state, told_types):
    goes, step = prepared(command, post)

    assert (goes, types(step), step.see(post).state) == (False, told_types, state)
    assert (step.see(command).state, step.see(command).reason) == (W.DEAD, F.GAVE_UP)


@pytest.mark.parametrize("target", [a_target("a", T.POSTED), a_target("a", T.WAITING), a_target("a", T.VANISHED)])
def test_a_retry_that_came_too_late_is_done(target):
    goes, step = prepared(a_retry("a"), a_post(target))

    assert (goes, step.write().commands[0].state, types(step)) == (False, W.DONE, [])


def test_what_went_live_meanwhile_is_not_asked_for_again():
    post = a_post(a_failed(), a_target("b", T.POSTED), state=P.PARTIAL)
    goes, step = prepared(a_retry("a", "b"), post)

    row = step.write().commands[0]
    assert (goes, row.payload, row.due_at, row.state) == (False, {"account_ids": ["a"]}, NOW, W.DUE)


def test_a_publish_follows_an_account_that_came_back_under_a_new_id():
    world = (an_account("a", replaced_by="z", state=A.REMOVED), an_account("z"))
    goes, step = prepared(a_command(), an_unsent(), *world)

    assert (goes, step.write().posts[0].targets[0].account, step.write().commands[0].due_at) == (False, "z", NOW)
    assert prepared(a_command(), step.write().posts[0], *world)[0] is True


# Splitting.


def test_idle_accounts_wait_each_in_a_post_of_its_own_and_the_healthy_ones_go():
    post = an_unsent(a_target("a"), a_target("b"), a_target("c"), sequence=4, commands=1, caller_id="mine")
    goes, step = prepared(
        a_command(lease_until=NOW), post, an_account("a"), an_account("b", **IDLE), an_account("c", **IDLE)
    )

    apart = [row for row in step.write().posts if row.id != post.id]
    assert (goes, [target.account for target in step.see(post).targets]) == (False, ["a"])
    assert (step.see(a_command()).state, step.see(a_command()).lease_until) == (W.DUE, None)
    assert [(row.state, row.targets[0].account, row.sequence, row.version) for row in apart] == [
        (P.PARKED, "b", 1, 1),
        (P.PARKED, "c", 1, 1),
    ]
    assert [row.cause for row in made(step, K.PUBLISH) if row.state is W.PARKED] == ["account:gv:b", "account:gv:c"]


def test_when_all_are_idle_the_post_itself_keeps_one():
    post = an_unsent(a_target("a"), a_target("b"))
    _, step = prepared(a_command(), post, an_account("a", **IDLE), an_account("b", **IDLE))

    assert [row.targets[0].account for row in step.write().posts] == ["b", "a"]
    assert all(row.state is P.PARKED for row in step.write().posts)
    assert types(step) == ["post.parked", "post.parked"]


def test_posts_of_accounts_that_look_alike_are_not_one_for_the_partner():
    """Ids of one maker may end alike, so what the partner is given comes from the post."""
    names = [f"{number}0000000-aaaa-1000-8000-001122334455" for number in range(5)]
    post = an_unsent(*(a_target(name) for name in names), event_id="evt_" + "0" * 28)
    _, step = prepared(a_command(), post, *(an_account(name, **IDLE) for name in names))

    ids = {row.external_id for row in step.write().posts}
    assert len(ids) == 5
    assert all(len(one) <= 128 for one in ids)


def test_accounts_that_no_listing_has_shown_are_refused_and_the_known_ones_go():
    post = an_unsent(a_target("a"), a_target("ghost"))
    goes, step = prepared(a_command(), post, a_key(), an_account("a"))

    refused = next(row for row in step.write().posts if row.id != post.id)
    assert (goes, types(step)) == (False, ["post.rejected"])
    assert (refused.state, refused.reason, refused.targets[0].account) == (P.REJECTED, F.UNKNOWN_ACCOUNTS, "ghost")
    assert [target.account for target in step.see(post).targets] == ["a"]


@pytest.mark.parametrize("key", [a_key(), a_key(listed_at=None)])
def test_when_nothing_is_known_of_any_the_partner_is_the_judge(key):
    assert prepared(a_command(), an_unsent(), key)[0] is True


@pytest.mark.parametrize(
    ("account", "name"), [(an_account(**IDLE), "tiktok account user-a is disconnected"), (None, "a is not active")]
)
def test_a_parked_publish_says_whom_it_waits_for(account, name):
    step, post = a_step(), an_unsent()
    step.add(post)

    park_for_account(step, a_command(), post, a_target(), account)

    assert (told(step, "post.parked")["error"], step.write().commands[0].cause) == (name, "account:gv:a")


def test_bytes_are_written_down_before_they_go_and_kept_until_they_change():
    step = a_step(NOW + HOUR)
    first = start(step, a_command(), b"1")
    again = start(a_step(NOW + DAY), first, b"1")

    assert (first.body, first.sent_at, first.calls, first.attempts) == (b"1", NOW + HOUR, 1, 1)
    assert (again.sent_at, again.calls, step.write().attempts[0].outcome) == (NOW + HOUR, 2, AttemptOutcome.STARTED)


# Answers.


def succeeded(command, post, receipt, *world):
    step = a_step(NOW, *world)
    succeed(step, command, post, receipt, WATCH)
    return step, step.see(post)


@pytest.mark.parametrize(("cause", "closed"), [("plan:gv", ["attention.closed"]), ("", [])])
def test_a_publish_that_is_taken_is_done_and_shows_that_its_key_works_and_a_probe_that_its_plan_does(cause, closed):
    world = (a_key(failures=7, held_until=NOW), a_cause("plan:gv"))
    command = a_command(body=b"{}", lease_until=NOW, cause=cause)
    step, post = succeeded(command, an_unsent(), Receipt("p9", P.PENDING), *world)

    row = step.write().commands[0]
    assert (row.state, row.body, row.lease_until, post.partner_id) == (W.DONE, None, None, "p9")
    assert (types(step), step.write().keys[0].failures) == (["post.pending", *closed], 0)


def test_an_update_changes_what_was_asked_clears_nulls_and_keeps_known_targets():
    changes = {"caption": "new", "title": None, "accounts": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}
    post = a_post(a_target("a", name="brand"), content={"caption": "old", "title": "t", "url": "u"}, state=P.SCHEDULED)

    step, after = succeeded(
        a_command(K.UPDATE, payload={"changes": changes}), post, Receipt("p1", P.SCHEDULED), an_account("b")
    )

    assert (after.content, types(step)) == ({"caption": "new", "url": "u"}, ["post.updated"])
    assert [(row.account, row.name, row.platform) for row in after.targets] == [
        ("a", "brand", "tiktok"),
        ("b", "", "tiktok"),
        ("c", "", ""),
    ]
    assert told(step, "post.updated")["changed"] == ["accounts", "caption", "title"]


@pytest.mark.parametrize(
    ("changes", "receipt", "scheduled", "wanted"),
    [
        ({"scheduled_at": None}, Receipt("p1", P.PENDING), None, NOW),
        ({"scheduled_at": "x"}, Receipt("p1", P.SCHEDULED, scheduled_at=NOW + DAY), NOW + DAY, NOW + DAY),
        ({"caption": "x"}, Receipt("p1", P.SCHEDULED), NOW + HOUR, NOW + HOUR),
    ],
)
def test_an_update_of_the_time_moves_when_it_was_wanted(changes, receipt, scheduled, wanted):
    post = a_post(state=P.SCHEDULED, scheduled_at=NOW + HOUR, wanted_at=NOW + HOUR)

    _, after = succeeded(a_command(K.UPDATE, payload={"changes": changes}), post, receipt)

    assert (after.scheduled_at, after.wanted_at, after.content.get("scheduled_at")) == (scheduled, wanted, None)


def test_an_update_of_a_failed_post_tells_both_and_lets_its_targets_wait():
    step, after = succeeded(
        a_command(K.UPDATE), a_post(a_failed(choice="park"), state=P.FAILED), Receipt("p1", P.PENDING)
    )

    assert (types(step), after.targets[0].state) == (["post.updated", "post.pending"], T.WAITING)


def test_a_retry_that_is_taken_is_told():
    step, after = succeeded(a_retry("a"), a_post(a_failed(), state=P.FAILED), Receipt("p1"))

    assert (types(step), after.state, after.settled_at) == (["post.retrying"], P.PENDING, NOW)


def test_a_retry_that_is_refused_is_a_harmless_race():
    post = a_post(a_failed(choice="retry", retries=1), a_failed("b", choice="wait"), state=P.PARTIAL)

    step, after = succeeded(a_retry("a"), post, Receipt("p1", accepted=False, refusal="Only failed posts"))

    assert ([row.choice for row in after.targets], after.poll_at, types(step)) == (["", "wait"], NOW, [])
    assert (step.write().commands[0].state, step.write().commands[0].detail) == (W.DONE, "Only failed posts")


def test_a_cancelling_that_is_taken_ends_the_post_and_not_what_is_live():
    step, after = succeeded(
        a_command(K.CANCEL),
        a_post(a_target(), a_target("b", T.POSTED), a_target("c", T.DRAFT_DELIVERED)),
        Receipt("p1"),
    )

    assert [row.state for row in after.targets] == [T.CANCELED, T.POSTED, T.DRAFT_DELIVERED]
    assert (types(step), after.state, after.poll_at, after.ended_at) == (["post.canceled"], P.CANCELED, None, NOW)


def test_a_cancelling_that_is_refused_has_the_post_looked_at():
    step, after = succeeded(a_command(K.CANCEL), a_post(), Receipt("p1", accepted=False))

    assert (types(step), after.reason, after.poll_at) == ([], F.CANCELED, NOW)


# Failures.


def failed(command, post, error, *world, **options):
    step = a_step(NOW, *(world or (a_key(),)))
    fail(step, command, post, error, RULES, watch=WATCH, **options)
    return step, step.see(command), step.see(post)


def sent(kind=CommandKind.PUBLISH, **fields):
    return a_command(kind, **{"body": b"{}", "sent_at": NOW, "attempts": 1, "calls": 1, "lease_until": NOW} | fields)


LOST = an_error(maybe_stored=True)
REFUSED = an_error(F.INVALID, C.TERMINAL, status=422, code="invalid_payload", issues=("x",))
LIMITED = an_error(F.RATE_LIMITED, status=429, retry_after=HOUR)
UNPAID = an_error(F.PAYMENT_REQUIRED, C.NEEDS_HUMAN, status=402, key_wide=True)
HOSTED = an_error(F.FORBIDDEN, C.NEEDS_HUMAN, status=403)


@pytest.mark.parametrize(
    ("error", "options", "kept"),
    [
        (LOST, {}, True),
        (LOST, {"lost": True}, True),
        (LIMITED, {}, False),
        (LIMITED, {"lost": True}, True),
        (UNPAID, {}, False),
        (UNPAID, {"lost": True}, True),
        (HOSTED, {"lost": True}, True),
        (HOSTED, {"lost": True, "absent": True}, False),
        (an_error(F.CONNECT), {"lost": True}, True),
        (an_error(F.CONNECT), {}, False),
        (REFUSED, {"lost": True, "absent": True}, False),
        (REFUSED, {}, False),
    ],
)
def test_bytes_stay_frozen_while_any_answer_to_them_may_be_lost(error, options, kept):
    _, command, _ = failed(sent(), an_unsent(), error, **options)

    assert (command.body is not None) is kept
    assert command.lease_until is None


@pytest.mark.parametrize(
    ("command", "error", "due", "attempts"),
    [
        (sent(), LOST, timedelta(seconds=2), 1),
        (sent(attempts=3), LOST, timedelta(seconds=8), 3),
        (sent(), an_error(maybe_stored=True, retry_after=HOUR), HOUR, 1),
        (sent(attempts=3), LIMITED, HOUR, 2),
        (sent(), an_error(F.RATE_LIMITED, status=429), timedelta(seconds=2), 0),
        (sent(), an_error(F.UNKNOWN_ACCOUNTS), timedelta(), 1),
        (sent(attempts=2), an_error(F.UNKNOWN_ACCOUNTS), timedelta(seconds=4), 2),
        (sent(), an_error(F.MEDIA_UNREACHABLE), 5 * MINUTE, 1),
        (sent(), an_error(F.UNKNOWN_OUTCOME, C.AMBIGUOUS, maybe_stored=True), timedelta(seconds=2), 1),
    ],
)
def test_what_may_pass_is_tried_again_later_and_waiting_for_the_key_uses_up_nothing(command, error, due, attempts):
    step, after, post = failed(command, an_unsent(), error)

    assert (after.state, after.due_at, after.attempts) == (W.DUE, NOW + due, attempts)
    assert (types(step), post.state, after.reason) == ([], P.ACCEPTED, error.reason)


def test_a_refusal_is_final_and_says_why():
    step, command, post = failed(sent(), an_unsent(), REFUSED)

    assert (command.state, post.state, post.reason, types(step)) == (W.DEAD, P.REJECTED, F.INVALID, ["post.rejected"])
    assert (told(step, "post.rejected")["code"], told(step, "post.rejected")["issues"]) == ("invalid_payload", ["x"])


@pytest.mark.parametrize(("attempts", "state"), [(1, W.DUE), (2, W.DUE), (3, W.DEAD)])
def test_after_a_lost_answer_a_refusal_is_of_the_bytes_first(attempts, state):
    _, command, _ = failed(sent(attempts=attempts), an_unsent(), REFUSED, lost=True, absent=True)

    assert (command.state, command.body) == (state, None)


@pytest.mark.parametrize("reason", [F.MEDIA_UNREACHABLE, F.UNKNOWN_ACCOUNTS])
def test_some_refusals_are_tried_three_times_only(reason):
    _, _, post = failed(sent(attempts=3), an_unsent(), an_error(reason, status=400))

    assert (post.state, post.reason) == (P.REJECTED, reason)


def test_the_last_refusal_for_an_account_that_is_known_to_be_gone_by_now_is_not_the_end():
    """The account was found to be gone while the third try was on its way."""
    refusal = an_error(F.UNKNOWN_ACCOUNTS, status=400)
    _, command, post = failed(sent(attempts=3), an_unsent(), refusal, a_key(), an_account(**IDLE))

    assert (command.state, post.state) == (W.DUE, P.ACCEPTED)


@pytest.mark.parametrize(("error", "state"), [(LOST, P.UNKNOWN), (an_error(F.CONNECT), P.REJECTED)])
def test_the_last_try_ends_it(error, state):
    _, command, post = failed(sent(attempts=MOST), an_unsent(), error)

    assert (command.state, command.reason, post.state, post.reason) == (W.DEAD, F.GAVE_UP, state, F.GAVE_UP)
    assert post.ended_at == NOW


def test_a_publish_that_may_be_stored_is_looked_for_before_it_is_called_rejected():
    error = an_error(F.SERVER_ERROR, C.TERMINAL, maybe_stored=True, status=500)
    step, command, post = failed(sent(), an_unsent(), error)

    assert (command.state, command.body, post.state, types(step)) == (W.DUE, b"{}", P.ACCEPTED, [])


def test_a_refused_key_parks_the_work_and_is_told_once():
    step, command, post = failed(sent(), an_unsent(), UNPAID)
    again, _, _ = failed(sent(), an_unsent(), UNPAID, step.write().keys[0], *step.write().causes)

    assert (command.state, command.cause, command.attempts, post.state) == (W.PARKED, "key:gv", 0, P.PARKED)
    assert types(step) == ["partner.blocked", "attention.opened", "post.parked"]
    assert told(step, "attention.opened")["waits"] == ["post_1"]
    assert types(again) == ["post.parked"]


@pytest.mark.parametrize(
    ("error", "do"), [(HOSTED, "subscription"), (an_error(F.NOT_ALLOWED_NOW, C.NEEDS_HUMAN), "writes: on")]
)
def test_what_only_this_post_needs_parks_this_post(error, do):
    step, command, _ = failed(sent(), an_unsent(), error)

    assert (command.cause, step.see(a_key()).blocked) == ("plan:gv", None)
    assert types(step) == ["post.parked", "attention.opened"]
    assert do in told(step, "attention.opened")["what_to_do"]


@pytest.mark.parametrize("kind", [K.UPDATE, K.CANCEL])
def test_another_command_that_is_refused_has_its_post_looked_at(kind):
    step, command, post = failed(sent(kind=kind), a_post(), REFUSED)

    assert (command.state, post.poll_at, post.state, types(step)) == (W.DEAD, NOW, P.PENDING, [])


def test_a_retry_that_is_refused_for_good_gives_its_targets_up():
    step, command, post = failed(a_retry("a", attempts=1), a_post(a_failed(), state=P.FAILED), REFUSED)

    assert (command.state, types(step), post.gave_up) == (W.DEAD, ["post.gave_up"], True)


def test_without_a_row_for_its_key_a_failure_is_of_the_command_alone():
    step, command, _ = failed(sent(), an_unsent(), LOST, an_account())
    succeeded(sent(), an_unsent(), Receipt("p1"))

    assert (command.state, step.write().keys) == (W.DUE, ())


reasons = st.builds(
    an_error,
    st.sampled_from([*F]),
    st.sampled_from([*C]),
    maybe_stored=st.booleans(),
    key_wide=st.booleans(),
    retry_after=st.none() | st.timedeltas(timedelta(), DAY),
    status=st.sampled_from([None, 400, 429, 500]),
)


@given(
    reasons,
    st.sampled_from([K.PUBLISH, K.UPDATE, K.RETRY, K.CANCEL]),
    st.integers(1, MOST),
    st.booleans(),
    st.booleans(),
)
def test_every_failure_ends_waits_or_is_due_later_with_its_reason(error, kind, attempts, lost, absent):
    command = sent(kind=kind, attempts=attempts, payload={"account_ids": ["a"]})
    post = an_unsent() if kind is K.PUBLISH else a_post(a_failed(), state=P.FAILED)
    _, after, now = failed(command, post, error, lost=lost, absent=lost and absent)

    assert after.state in (W.DUE, W.PARKED, W.DEAD)
    assert after.reason is not None
    assert after.lease_until is None
    # What is refused for good and may be stored all the same is looked for at once.
    at_once = absent or (error.failure is C.TERMINAL and error.maybe_stored)
    assert after.due_at >= NOW + (error.retry_after or timedelta()) or after.state is not W.DUE or at_once
    assert now.state is not P.REJECTED or not error.maybe_stored
    assert (after.cause != "") is (after.state is W.PARKED)


# What is kept of a call.


@pytest.mark.parametrize(
    ("result", "outcome", "answer"),
    [
        (REFUSED, AttemptOutcome.FAILED, {"code": "invalid_payload", "issues": ["x"]}),
        (LOST, AttemptOutcome.FAILED, None),
        (Receipt("p1", raw_status="pending"), AttemptOutcome.OK, {"id": "p1", "status": "pending"}),
        (
            Receipt("p1", duplicate=True, refusal="no", warnings=({"code": "W"},)),
            AttemptOutcome.OK,
            {"id": "p1", "status": None, "duplicate": True, "refusal": "no", "warnings": [{"code": "W"}]},
        ),
    ],
)
def test_an_attempt_ends_with_what_was_said(result, outcome, answer):
    attempt = ended_attempt(sent(), NOW + MINUTE, result, NOW)

    assert (attempt.outcome, attempt.answer, attempt.number, attempt.finished_at - attempt.started_at) == (
        outcome,
        answer,
        1,
        MINUTE,
    )


def test_the_kind_of_command_that_no_partner_takes_only_has_its_post_looked_at():
    step, post = succeeded(replace(a_command(), kind=K.FETCH), a_post(), Receipt(None))

    assert (types(step), post.poll_at) == ([], NOW)
