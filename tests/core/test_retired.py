"""Accounts that the configuration says are no longer used: what they mean, and what becomes of work for them."""

from dataclasses import replace

import pytest

from bridge.core.directory import Directory, NamedAccount, resolve
from bridge.core.errors import FailureReason
from bridge.core.model import AccountState, CommandKind, PostState, TargetState, WorkState
from bridge.core.publishing import prepare
from bridge.core.resume import resume
from bridge.core.retired import close_retired, end_retired
from bridge.core.retry import Choice
from bridge.core.rules import PublishRules, WatchRules
from bridge.core.step import Step
from bridge.core.transitions import observe
from tests.core.builders import (
    HOUR,
    NOW,
    WATCHING,
    a_cause,
    a_command,
    a_failed,
    a_key,
    a_post,
    a_retry,
    a_row,
    a_snapshot,
    a_step,
    a_target,
    an_account,
    an_unsent,
    made,
    told,
    types,
)

P, W, RULES = PostState, WorkState, PublishRules()
OUT = AccountState.DISCONNECTED
NAMES = (
    NamedAccount("brand-a", "gv", id="a"),
    NamedAccount("brand-old", "gv", id="old", retired=True),
    NamedAccount("brand-user", "gv", platform="tiktok", username="user-u", retired=True),
    NamedAccount("never", "gv", id="never", retired=True),
    NamedAccount("second-name-of-a", "gv", id="a"),
)
ACCOUNTS = {
    one.key: one
    for one in (
        an_account("a"),
        an_account("old", replaced_by="new", state=AccountState.REMOVED),
        an_account("new", state=OUT),
        an_account("u"),
    )
}
KNOWN = Directory(ACCOUNTS, NAMES, frozenset({"gv"}), ("gv",))


def retired(*rows, accounts=("gv:a",), after=HOUR):
    """A step in a world where these accounts are no longer used."""
    step = a_step(NOW + after, *rows)
    return Step(step.moment, replace(step.world, retired=frozenset(accounts)))


def parked(kind=CommandKind.PUBLISH, **fields):
    return a_command(kind, **{"state": W.PARKED, "cause": "account:gv:a", "parked_at": NOW} | fields)


# What they mean.


def test_an_account_is_retired_under_every_id_it_had():
    assert KNOWN.retired == {"gv:old", "gv:new", "gv:u", "gv:never"}


@pytest.mark.parametrize("word", ["brand-old", "old", "gv:new", "brand-user", "u"])
def test_it_is_refused_by_whatever_name(word):
    wanted, [fault], refused = resolve(["brand-a", word], KNOWN, ())

    assert ([one.id for one in wanted], refused) == (["a"], [])
    assert (fault.field, fault.problem) == ("accounts[1]", f"{word!r} is retired")


def test_a_glob_leaves_it_out():
    assert [one.id for one in resolve(["brand-*"], KNOWN, ())[0]] == ["a"]


def test_a_glob_that_means_nothing_else_is_refused():
    wanted, faults, _ = resolve(["brand-[ou]*"], KNOWN, ())

    assert (wanted, {fault.problem for fault in faults}) == ([], {"'brand-[ou]*' is retired"})


def test_a_configured_list_goes_on_without_it():
    assert KNOWN.in_use(["brand-a", "brand-old", "typo"]) == ["brand-a", "typo"]
    assert KNOWN.in_use(["brand-old"]) == ["brand-old"]


def test_it_is_shown_as_retired_and_counted_once():
    assert sorted(KNOWN.census()) == [
        ("gv", "tiktok", "active"), ("gv", "tiktok", "retired"), ("gv", "tiktok", "retired"),
    ]  # fmt: skip
    assert list(replace(KNOWN, partners=("other",)).census()) == []


# What it opens and closes.


def test_it_opens_no_cause():
    step = retired(an_account(state=OUT))
    step.open_cause("account:gv:a", "gv", FailureReason.ACCOUNT_INACTIVE, "gone")
    assert not step


def test_those_of_others_and_of_its_key_open():
    step = retired()
    for cause in ("account:gv:b", "key:gv"):
        step.open_cause(cause, "gv", FailureReason.ACCOUNT_INACTIVE, "gone")
    assert types(step) == ["attention.opened"] * 2


def test_its_open_cause_is_closed_once():
    step = retired(an_account(state=OUT), a_cause())
    close_retired(step)
    close_retired(step)
    assert told(step, "attention.closed")["how"] == "the account is retired"


def test_a_closed_one_is_let_be():
    step = retired(a_cause(closed_at=NOW))
    close_retired(step)
    assert not step


# What waits for it.


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"cause": "key:gv"},
        {"cause": "", "reason": FailureReason.TOO_LATE},
        {"cause": "", "reason": FailureReason.NEEDS_APPROVAL},
    ],
)
def test_what_waits_is_rejected_whatever_for(fields):
    step, post = retired(), an_unsent(state=P.PARKED)

    assert end_retired(step, [(parked(**fields), post)]) == []

    assert (step.see(post).state, step.see(post).reason) == (P.REJECTED, FailureReason.ACCOUNT_RETIRED)
    facts = told(step, "post.rejected")
    assert (facts["reason"], facts["error"]) == (
        "account_retired", "the configuration says that the account is no longer used",
    )  # fmt: skip


def test_a_failed_one_that_waits_is_given_up():
    step, post = retired(), a_post(a_failed(), state=P.FAILED)

    assert end_retired(step, [(a_retry("a", state=W.PARKED, cause="account:gv:a", parked_at=NOW), post)]) == []

    assert step.see(post).targets[0].choice is Choice.GIVE_UP
    assert told(step, "post.gave_up")["reason"] == "account_retired"


@pytest.mark.parametrize(
    ("command", "post"),
    [
        (parked(), an_unsent(a_target("b"), state=P.PARKED)),
        (parked(body=b"{}"), an_unsent(state=P.PARKED)),
        (parked(CommandKind.CANCEL), a_post()),
        (parked(cause="key:gv"), an_unsent(a_target(), a_target("b"), state=P.PARKED)),
    ],
)
def test_others_and_what_may_be_stored_and_what_is_taken_back_go_on(command, post):
    step = retired()
    assert end_retired(step, [(command, post)]) == [(command, post)]
    assert not step


def test_a_dead_retired_account_does_not_keep_the_others_of_its_post_waiting():
    step, command = retired(an_account(state=OUT), an_account("b")), parked(cause="key:gv")

    resume(step, [(command, an_unsent(a_target(), a_target("b"), state=P.PARKED))], RULES, WatchRules())

    assert step.see(command).state is W.DUE


# What is due.


def test_a_due_post_is_rejected():
    step, command, post = retired(an_account(), a_key()), a_command(), an_unsent()

    assert not prepare(step, command, post, RULES)

    assert (step.see(command).state, step.see(post).reason) == (W.DEAD, FailureReason.ACCOUNT_RETIRED)


def test_the_other_accounts_of_a_due_post_go_at_once():
    step, command = retired(an_account(), an_account("b"), a_key()), a_command()
    post = an_unsent(a_target(), a_target("b"))

    assert not prepare(step, command, post, RULES)

    assert [row.account for row in step.see(post).targets] == ["b"]
    assert (step.see(command).state, step.see(command).due_at) == (W.DUE, NOW + HOUR)
    apart = next(row for row in step.write().posts if row.id != post.id)
    assert (apart.state, [row.account for row in apart.targets]) == (P.REJECTED, ["a"])


def test_a_due_retry_goes_on_with_the_other_accounts():
    step, post = retired(), a_post(a_failed(), a_failed("b"), state=P.FAILED)
    command = a_retry("a", "b")

    assert not prepare(step, command, post, RULES)

    assert step.see(command).payload["account_ids"] == ["b"]
    assert [row.choice for row in step.see(post).targets] == [Choice.GIVE_UP, post.targets[1].choice]
    assert types(step) == []


def test_what_may_be_stored_goes_on_as_it_was_sent():
    step = retired(an_account(), a_key())
    assert prepare(step, a_command(body=b"{}"), an_unsent(), RULES)


@pytest.mark.parametrize("error", ["rate", "token"])
def test_what_fails_there_is_neither_retried_nor_a_persons_matter(error):
    step, post = retired(an_account()), a_post(a_target(state=TargetState.PUBLISHING), state=P.PUBLISHING)

    observe(step, post, a_snapshot(P.FAILED, a_row(state=TargetState.FAILED, error=error), at=NOW + HOUR), WATCHING)

    assert made(step, CommandKind.RETRY) == []
    assert "attention.opened" not in types(step)
    assert told(step, "post.gave_up")["reason"] == "account_retired"


def test_one_that_may_be_live_is_looked_at_again_first():
    step, post = retired(an_account()), a_post(a_target(state=TargetState.PUBLISHING), state=P.PUBLISHING)

    row = a_row(state=TargetState.FAILED, error="timeout")
    observe(step, post, a_snapshot(P.FAILED, row, at=NOW + HOUR), WATCHING)

    assert (step.see(post).targets[0].choice, step.see(post).gave_up) == ("", False)
