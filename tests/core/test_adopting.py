"""Posts that were not sent through us: what is told of them, what is not done to them, when they are left alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.adopting import adopt, is_worth_watching, may_be_ours, merge
from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import ADOPTED, AccountState, CommandKind, Intent, PostState, Stranger, TargetState, WorkState
from bridge.core.rules import RetryRules
from bridge.core.transitions import observe, unchanged
from tests.core.builders import (
    DAY,
    HOUR,
    MINUTE,
    NOW,
    WATCHING,
    a_cause,
    a_command,
    a_post,
    a_retry,
    a_row,
    a_snapshot,
    a_step,
    a_target,
    an_account,
    an_unsent,
    made,
    post_of,
    told,
    types,
)

P, T = PostState, TargetState
RETRYING = replace(WATCHING, retry=RetryRules(adopted=True))


def a_stranger(state=P.SCHEDULED, *rows, caption="hello", **fields):
    shown = rows or (a_row("a", T.WAITING),)
    return Stranger(a_snapshot(state, *shown, **fields), {"caption": caption})


def adopted(stranger, *rows, rules=WATCHING):
    """Adopt; give the step, the post and the event that stands for it."""
    step = a_step(NOW, *rows)
    event = adopt(step, "gv", stranger, lambda key, account: f"our-{account}", rules)
    return step, step.write().posts[0], event


def failed(error="rate", **fields):
    return a_row("a", T.FAILED, error=error, last_attempted_at=NOW, **fields)


def read(post, state, *rows, after=timedelta(), rules=WATCHING, world=()):
    step = a_step(NOW + after, *world)
    assert observe(step, post, a_snapshot(state, *rows, at=NOW + after), rules)
    return step, post_of(step.write(), post)


ALL_STATES = [state for state in P if state not in (P.ACCEPTED, P.PARKED, P.REJECTED)]


@pytest.mark.parametrize("state", ALL_STATES)
def test_what_a_stranger_is_when_it_is_first_seen_is_told_once_whatever_it_is(state):
    rows = [failed("policy")] if state in (P.FAILED, P.PARTIAL) else [a_row("a", T.POSTED, url="https://x.example")]
    step, post, _ = adopted(a_stranger(state, *rows))

    assert types(step) == [f"post.{state}"]
    assert (told(step, f"post.{state}")["previous"], post.state, post.sequence) == (None, state, 1)
    assert (post.source, post.partner_id, post.version) == (ADOPTED, "p1", 1)


def test_an_adopted_post_has_our_names_the_content_that_is_shown_and_its_times():
    at = NOW + DAY
    _, post, event = adopted(a_stranger(scheduled_at=at, created_at=NOW - DAY), an_account(platform="youtube"))

    assert [(row.account, row.name, row.platform) for row in post.targets] == [("a", "our-a", "youtube")]
    assert (post.content, post.scheduled_at, post.wanted_at) == ({"caption": "hello"}, at, at)
    assert (post.partner_created_at, post.poll_at is not None, post.external_id) == (NOW - DAY, True, "")
    assert (event.key, event.scope, event.source, event.intent) == ("adopt:gv:p1", ADOPTED, ADOPTED, Intent.ADOPT)
    assert (event.key_until, event.id) == (None, post.event_id)


def test_afterwards_it_is_told_of_like_ours():
    _, post, _ = adopted(a_stranger(P.PENDING))
    step, post = read(post, P.POSTED, a_row("a"), after=MINUTE)

    assert types(step) == ["target.posted", "post.posted"]
    assert told(step, "post.posted")["source"] == ADOPTED


@pytest.mark.parametrize("error", ["rate", "spam", "policy", "token"])
def test_nothing_is_done_about_its_failures_by_itself(error):
    _, post, _ = adopted(a_stranger(P.PENDING))
    step, post = read(post, P.FAILED, failed(error), after=MINUTE)

    assert made(step, CommandKind.RETRY) == []
    assert types(step)[:2] == ["target.failed", "post.failed"]
    assert types(step)[-1] == "post.gave_up"
    assert told(step, "post.failed")["retry"] == {
        "will": False, "at": None, "attempt": 0, "of": 0, "why": post.targets[0].reason,
    }  # fmt: skip
    assert (post.gave_up, post.ended_at, post.reason) == (True, NOW + MINUTE, post.targets[0].reason)


@pytest.mark.parametrize("first_seen", [True, False])
def test_a_dead_token_needs_its_person_all_the_same(first_seen):
    account = an_account()
    if first_seen:
        step, post, _ = adopted(a_stranger(P.FAILED, failed("token")), account)
    else:
        _, post, _ = adopted(a_stranger(P.PENDING), account)
        step, post = read(post, P.FAILED, failed("token"), after=MINUTE, world=[account])

    assert {"account.degraded", "attention.opened"} <= set(types(step))
    assert (told(step, "attention.opened")["waits"], step.see(account).state) == ([post.id], AccountState.DEGRADED)
    assert step.write().commands == ()


def test_an_unknown_outcome_is_read_again_and_then_left_without_parking():
    _, post, _ = adopted(a_stranger(P.PENDING))
    _, post = read(post, P.FAILED, failed("timeout"), after=MINUTE)
    assert not post.gave_up

    step, post = read(post, P.FAILED, failed("timeout"), after=HOUR)
    assert (types(step), post.gave_up, step.write().commands) == (["post.gave_up"], True, ())


def test_it_is_retried_where_that_is_asked_for():
    _, post, _ = adopted(a_stranger(P.PENDING))
    step, post = read(post, P.FAILED, failed(), after=MINUTE, rules=RETRYING)

    [command] = made(step, CommandKind.RETRY)
    assert (command.payload["account_ids"], post.gave_up) == (["a"], False)


@pytest.mark.parametrize(
    ("state", "account", "opens"),
    [
        (P.SCHEDULED, AccountState.DISCONNECTED, True),
        (P.PENDING, AccountState.REMOVED, True),
        (P.SCHEDULED, AccountState.DEGRADED, False),
        (P.POSTED, AccountState.DISCONNECTED, False),
        (P.FAILED, AccountState.DISCONNECTED, False),
    ],
)
def test_an_account_that_is_dead_already_opens_its_cause_when_such_a_post_has_yet_to_go(state, account, opens):
    """A baseline is silent of accounts, so it is here that the first work for one is met."""
    row = a_row("a", T.WAITING) if state is not P.FAILED else failed("policy")
    step, post, _ = adopted(a_stranger(state, row), an_account(state=account, detail="the token has expired"))

    assert ("attention.opened" in types(step)) is opens
    if opens:
        opened = told(step, "attention.opened")
        assert (opened["waits"], opened["detail"]) == ([post.id], "tiktok account user-a: the token has expired")


def test_a_cause_that_is_open_is_not_opened_again():
    step, _, _ = adopted(a_stranger(), an_account(state=AccountState.DISCONNECTED), a_cause())

    assert (types(step), step.write().accounts) == (["post.scheduled"], ())


def test_accounts_that_no_listing_has_shown_are_kept_as_they_are_named():
    _, post, _ = adopted(a_stranger(P.PENDING, a_row("a", T.WAITING, platform="x")))

    assert post.targets[0].platform == "x"


# Not adopted.


@pytest.mark.parametrize(
    ("caption", "accounts", "fields", "ours"),
    [
        ("hello", ["a"], {}, True),
        ("hello\n ", ["b", "a"], {}, True),
        ("other", ["a"], {}, False),
        ("hello", ["b"], {}, False),
        ("hello", ["a"], {"state": P.PARKED}, True),
        ("hello", ["a"], {"state": P.UNKNOWN, "ended_at": NOW - HOUR}, True),
        ("hello", ["a"], {"state": P.UNKNOWN, "ended_at": NOW - 2 * DAY}, False),
    ],
)
def test_a_stranger_may_be_a_create_of_ours_whose_answer_was_lost(caption, accounts, fields, ours):
    unsure = an_unsent(*map(a_target, accounts), content={"caption": caption}, **fields)

    assert may_be_ours(a_step(), a_stranger(), [unsure]) is ours


def test_a_stranger_that_shows_no_accounts_may_be_on_any():
    stranger = Stranger(a_snapshot(P.PENDING), {"caption": "hello"})

    assert may_be_ours(a_step(), stranger, [an_unsent()])
    assert not may_be_ours(a_step(), stranger, [])


def test_a_caption_is_the_same_however_its_accents_are_written():
    stranger = Stranger(a_snapshot(P.PENDING), {"caption": "Caf\u00e9  time"})

    assert may_be_ours(a_step(), stranger, [an_unsent(content={"caption": "Cafe\u0301 time"})])


@pytest.mark.parametrize("state", ALL_STATES)
def test_what_is_gone_already_is_not_taken_in(state):
    assert is_worth_watching(a_stranger(state)) is (state is not P.VANISHED)


# One of ours after all.


def test_an_adopted_post_that_was_ours_gives_its_place_up_and_tells_its_end():
    post = a_post(source=ADOPTED, sequence=3, version=4)
    retry, done = a_retry("a"), a_command(CommandKind.RETRY, id="cmd_0", state=WorkState.DONE)
    step = a_step()

    merge(step, post, [retry, done], "post_9")

    ended, [dead] = post_of(step.write(), post), step.write().commands
    assert (ended.partner_id, ended.state, ended.poll_at, ended.ended_at) == (None, P.VANISHED, None, NOW)
    assert (dead.id, dead.state, dead.reason) == (retry.id, WorkState.DEAD, FailureReason.CONFLICT)
    data = told(step, "post.vanished")
    assert (data["same_as"], data["partner_id"], data["previous"]) == ("post_9", "p1", "pending")


# Known to be as it was.


def test_of_a_post_that_is_as_it_was_only_time_is_told():
    post = a_post(in_flight_since=NOW - HOUR, poll_at=NOW)
    step = a_step()
    unchanged(step, post, WATCHING)

    assert types(step) == ["post.stuck"]
    assert post_of(step.write(), post).poll_at > NOW


def test_an_unknown_outcome_that_has_lasted_is_decided_without_a_read():
    target = a_target("a", T.FAILED, error="timeout", failure=FailureClass.AMBIGUOUS, failed_at=NOW - HOUR,
                      reason=FailureReason.UNKNOWN_OUTCOME)  # fmt: skip
    step = a_step()
    unchanged(step, a_post(target, state=P.FAILED), WATCHING)

    assert (types(step), [one.state for one in made(step, CommandKind.RETRY)]) == (["post.parked"], [WorkState.PARKED])
