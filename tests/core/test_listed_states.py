"""Partners that say more of an account than that it is there: early notices, accounts that stay listed and are dead."""

import pytest

from bridge.core.accounts import observe_listing
from bridge.core.model import AccountState, PostState, TargetState
from bridge.core.rules import WatchRules
from bridge.core.transitions import observe
from tests.core.builders import (
    NOW,
    WATCHING,
    a_cause,
    a_key,
    a_listed,
    a_listing,
    a_post,
    a_row,
    a_snapshot,
    a_step,
    an_account,
    told,
    types,
)

A, WATCH = AccountState, WatchRules()
SOON, DEAD = "the token expires in 6 days", "the token has expired"


def follow(account, *rows, key=None, causes=()):
    """List an account again and again; give what each listing tells, the account as it is then, and open causes."""
    heard, opened, key = [], {cause.id: cause for cause in causes}, key or a_key()
    for row in rows:
        step = a_step(NOW, key, *([account] if account else []), *opened.values())
        observe_listing(step, key, a_listing(row), WATCH)
        write = step.write()
        heard.append(types(step))
        account = next(iter(write.accounts), account)
        opened |= {cause.id: cause for cause in write.causes}
        key = next(iter(write.keys), key)
    return heard, account, [cause.id for cause in opened.values() if cause.open]


def degraded(detail=SOON):
    return a_listed(state=A.DEGRADED, raw_status="warning", detail=detail)


def dead(state=A.DISCONNECTED, detail=DEAD):
    return a_listed(state=state, raw_status="unhealthy", detail=detail)


def test_an_early_notice_is_told_once_without_a_cause_and_when_it_is_over():
    heard, account, opened = follow(an_account(), degraded(), degraded(), a_listed(), a_listed())

    assert heard == [["account.degraded"], [], ["account.reconnected"], []]
    assert (account.state, account.detail, opened) == (A.ACTIVE, "", [])


def test_a_listing_that_does_not_tell_all_takes_no_early_notice_back():
    vague = a_listed(thorough=False)
    heard, account, _ = follow(an_account(), degraded(), vague, a_listed())

    assert heard == [["account.degraded"], [], ["account.reconnected"]]
    assert account.state is A.ACTIVE


def test_an_early_notice_says_why_and_a_changed_word_is_kept_without_an_event():
    step = a_step(NOW, a_key(), an_account())
    observe_listing(step, a_key(), a_listing(degraded()), WATCH)
    heard, account, _ = follow(an_account(), degraded(), degraded("the token expires in 5 days"))

    assert told(step, "account.degraded")["detail"] == SOON
    assert (heard, account.detail) == ([["account.degraded"], []], "the token expires in 5 days")


def test_without_words_the_partners_own_word_says_why():
    _, account, _ = follow(an_account(), degraded(""))

    assert account.detail == "listed as warning"


def test_a_listed_account_that_cannot_post_opens_its_cause_with_the_detail_and_closes_it_when_it_can():
    heard, account, opened = follow(an_account(), dead(), dead())
    back, healthy, left = follow(account, a_listed(), causes=[a_cause()])

    assert (heard, opened) == ([["account.disconnected", "attention.opened"], []], ["account:gv:a"])
    assert (account.state, account.detail) == (A.DISCONNECTED, DEAD)
    assert (back, healthy.state, healthy.detail, left) == (
        [["account.reconnected", "attention.closed"]],
        A.ACTIVE,
        "",
        [],
    )


def test_the_cause_says_what_the_partner_says():
    step = a_step(NOW, a_key(), an_account())
    observe_listing(step, a_key(), a_listing(dead()), WATCH)

    assert told(step, "attention.opened")["detail"] == f"tiktok account user-a: {DEAD}"


def test_from_a_notice_to_dead_to_a_notice_each_step_is_told():
    heard, account, opened = follow(an_account(), degraded(), dead(), degraded())

    assert heard == [
        ["account.degraded"],
        ["account.disconnected", "attention.opened"],
        ["account.reconnected", "attention.closed", "account.degraded"],
    ]
    assert (account.state, opened) == (A.DEGRADED, [])


def test_an_account_that_is_removed_after_it_was_disconnected_is_told_and_its_cause_stays():
    heard, account, opened = follow(an_account(), dead(), dead(A.REMOVED, "no such account"), dead(A.REMOVED))

    assert heard == [["account.disconnected", "attention.opened"], ["account.removed"], []]
    assert (account.state, opened) == (A.REMOVED, ["account:gv:a"])


@pytest.mark.parametrize("row", [a_listed(), degraded()])
def test_a_token_that_a_post_failed_for_is_not_mended_by_a_listing(row):
    """Its cause stays open, and two listings that show it as usable say that its mending cannot be seen either."""
    failed = an_account(state=A.DEGRADED)
    heard, account, opened = follow(failed, row, row, row, causes=[a_cause()])

    assert (heard, opened) == ([[], [], []], ["account:gv:a"])
    assert (account.state, account.seen_active, account.detail) == (A.DEGRADED, 2, "")


def test_a_post_that_fails_for_its_token_beats_an_early_notice():
    """It is degraded already, which is no news; but from now on it needs its person, whatever is listed."""
    noticed = an_account(state=A.DEGRADED, detail=SOON)
    failed = a_snapshot(PostState.FAILED, a_row("a", TargetState.FAILED, error="token"))
    step = a_step(NOW, noticed)
    assert observe(step, a_post(), failed, WATCHING)
    heard, account, opened = follow(step.see(noticed), a_listed(), causes=step.write().causes)

    assert [one for one in types(step) if one.startswith("a")] == ["attention.opened"]
    assert (heard, account.state, opened) == ([[]], A.DEGRADED, ["account:gv:a"])


def test_such_a_token_that_the_partner_comes_to_see_is_mended_when_the_partner_says_so():
    heard, account, opened = follow(an_account(state=A.DEGRADED), dead(), a_listed(), causes=[a_cause()])

    assert heard == [["account.disconnected"], ["account.reconnected", "attention.closed"]]
    assert (account.state, opened) == (A.ACTIVE, [])


@pytest.mark.parametrize("row", [degraded(), dead()])
def test_the_baseline_is_silent_and_keeps_why(row):
    heard, account, opened = follow(None, row, key=a_key(listed_at=None, scope=None))

    assert (heard, account.state, opened) == ([[]], row.state, [])
    assert account.detail == row.detail


@pytest.mark.parametrize(
    ("row", "events"),
    [
        (degraded(), ["account.connected", "account.degraded"]),
        (dead(), ["account.connected", "account.disconnected", "attention.opened"]),
    ],
)
def test_an_account_that_appears_later_and_is_not_well_is_told_as_both(row, events):
    heard, account, _ = follow(None, row)

    assert (heard, account.state) == ([events], row.state)


def test_an_account_that_comes_back_dead_under_a_new_id_has_a_cause_of_its_own():
    step = a_step(NOW, a_key(), an_account("a", state=A.DISCONNECTED), a_cause())
    observe_listing(step, a_key(), a_listing(a_listed("z", username="user-a", state=A.DISCONNECTED)), WATCH)

    assert types(step) == ["account.reconnected", "attention.closed", "account.disconnected", "attention.opened"]
    assert {cause.id: cause.open for cause in step.write().causes} == {
        "account:gv:a": False,
        "account:gv:z": True,
    }
