"""What a listing tells of accounts, and what calls tell of a key."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.accounts import (
    block,
    count_failure,
    may_probe,
    may_read,
    note_failure,
    note_probe,
    observe_listing,
    recover,
)
from bridge.core.errors import FailureClass, FailureReason
from bridge.core.model import AccountState
from bridge.core.retry import BREAKER
from bridge.core.rules import PublishRules, WatchRules
from tests.core.builders import (
    HOUR,
    MINUTE,
    NOW,
    a_cause,
    a_key,
    a_listed,
    a_listing,
    a_step,
    an_account,
    an_error,
    told,
    types,
)

A, WATCH, RULES = AccountState, WatchRules(), PublishRules()


def listed(key, accounts, listing, *causes, now=NOW, refused=None):
    step = a_step(now, key, *accounts, *causes)
    observe_listing(step, key, listing, WATCH, refused)
    return step, {row.id: row for row in step.write().accounts}


def test_the_first_listing_is_a_silent_baseline():
    step, rows = listed(
        a_key(listed_at=None, scope=None), [], a_listing(a_listed("a"), a_listed("b", state=A.DISCONNECTED))
    )

    assert (types(step), {name: row.state for name, row in rows.items()}) == ([], {"a": A.ACTIVE, "b": A.DISCONNECTED})
    assert (step.write().keys[0].listed_at, step.write().keys[0].scope) == (NOW, "workspace:1")


def test_later_a_new_account_is_told():
    step, rows = listed(a_key(), [an_account(raw_status="active")], a_listing(a_listed(), a_listed("b")))

    assert (types(step), list(rows)) == (["account.connected"], ["b"])


def test_a_listing_without_news_writes_nothing():
    step, _ = listed(a_key(), [an_account(raw_status="active")], a_listing(a_listed()))

    assert not step


def test_what_is_seen_is_noted_once_an_hour_and_new_facts_at_once():
    hourly, rows = listed(a_key(), [an_account(raw_status="active")], a_listing(a_listed()), now=NOW + HOUR)
    facts, named = listed(a_key(), [an_account()], a_listing(a_listed(username="new")))

    assert (types(hourly), rows["a"].last_seen_at, hourly.write().keys[0].listed_at) == ([], NOW + HOUR, NOW + HOUR)
    assert (types(facts), named["a"].username) == ([], "new")


def test_an_account_is_disconnected_at_the_second_miss_in_a_row():
    first, rows = listed(a_key(), [an_account()], a_listing())
    second, gone = listed(a_key(), [rows["a"]], a_listing())
    third, more = listed(a_key(), [gone["a"]], a_listing(), a_cause())

    assert (types(first), rows["a"].misses) == ([], 1)
    assert types(second) == ["account.disconnected", "attention.opened"]
    assert (types(third), more) == ([], {})


def test_being_seen_again_forgets_a_miss():
    _, rows = listed(a_key(), [an_account(misses=1)], a_listing(a_listed()))

    assert rows["a"].misses == 0


def test_an_account_that_was_just_refused_needs_no_second_miss():
    step, _ = listed(a_key(), [an_account("a"), an_account("b")], a_listing(), refused=frozenset({"a"}))

    assert types(step) == ["account.disconnected", "attention.opened"]


def test_a_listing_between_times_counts_misses_of_refused_accounts_only():
    step, _ = listed(a_key(), [an_account("a"), an_account("b")], a_listing(), refused=frozenset())

    assert not step


def test_another_word_for_the_same_workspace_is_taken_over_and_counts_no_misses():
    accounts = [an_account("a", raw_status="active"), an_account("b", misses=1)]
    step, rows = listed(a_key(), accounts, a_listing(a_listed("a"), scope="workspace:2"))

    assert (types(step), rows, step.write().keys[0].scope) == ([], {}, "workspace:2")


@pytest.mark.parametrize("rows", [(), (a_listed("z"),)])
def test_another_workspace_blocks_its_key_once_and_says_nothing_about_accounts(rows):
    step, changed = listed(a_key(), [an_account(misses=1)], a_listing(*rows, scope="workspace:2"))
    key = step.write().keys[0]
    again, _ = listed(key, [an_account()], a_listing(*rows, scope="workspace:2"), *step.write().causes, now=NOW + HOUR)

    assert (types(step), types(again), changed) == (["partner.blocked", "attention.opened"], [], {})
    assert (key.scope, key.blocked) == ("workspace:1", FailureReason.OTHER_WORKSPACE)
    assert "another name" in told(step, "attention.opened")["what_to_do"]


def test_a_blocked_key_that_is_renewed_with_one_of_another_workspace_has_another_cause():
    key = a_key(blocked=FailureReason.UNAUTHORIZED, held_until=NOW, probe_at=NOW)
    step, _ = listed(key, [an_account()], a_listing(scope="workspace:2"), a_cause("key:gv"))

    assert types(step) == ["partner.recovered", "attention.closed", "partner.blocked", "attention.opened"]
    assert step.write().keys[0].probe_at is None


@pytest.mark.parametrize(("state", "event"), [(A.DISCONNECTED, "account.disconnected"), (A.REMOVED, "account.removed")])
def test_a_word_of_the_partner_needs_no_second_look(state, event):
    step, _ = listed(a_key(), [an_account()], a_listing(a_listed(state=state, raw_status="paused")))

    assert types(step) == [event, "attention.opened"]
    assert told(step, "attention.opened")["detail"] == "tiktok account user-a: listed as paused"


@pytest.mark.parametrize("state", [A.DISCONNECTED, A.REMOVED])
def test_an_account_that_is_back_closes_its_cause(state):
    known = an_account(state=state, misses=2, replaced_by="b")
    step, rows = listed(a_key(), [known], a_listing(a_listed()), a_cause())

    assert types(step) == ["account.reconnected", "attention.closed"]
    assert (rows["a"].state, rows["a"].misses, rows["a"].replaced_by) == (A.ACTIVE, 0, None)


@pytest.mark.parametrize("state", [A.ACTIVE, A.DEGRADED, A.DISCONNECTED])
def test_an_account_that_comes_back_under_a_new_id_is_the_same(state):
    step, rows = listed(a_key(), [an_account("a", state=state)], a_listing(a_listed("z", username="user-a")), a_cause())

    assert types(step) == ["account.reconnected", "attention.closed"]
    assert (rows["a"].replaced_by, rows["a"].state, rows["a"].misses) == ("z", A.REMOVED, 0)
    assert told(step, "account.reconnected")["replaces"] == "a"


@pytest.mark.parametrize(
    "row", [a_listed("z", username=""), a_listed("z", username="user-a", platform="x"), a_listed("z", username="other")]
)
def test_another_name_or_platform_is_another_account(row):
    step, _ = listed(a_key(), [an_account("a", username="")], a_listing(row))

    assert types(step) == ["account.connected"]


def test_an_account_that_is_listed_beside_the_new_one_is_not_replaced():
    step, rows = listed(
        a_key(), [an_account("a", raw_status="active")], a_listing(a_listed("a"), a_listed("z", username="user-a"))
    )

    assert (types(step), list(rows)) == (["account.connected"], ["z"])


def test_a_degraded_account_counts_two_listings_then_keeps_still():
    counts, account = [], an_account(state=A.DEGRADED, raw_status="active")
    for _ in range(3):
        step, rows = listed(a_key(), [account], a_listing(a_listed()))
        account = rows.get("a", account)
        counts.append((account.seen_active, bool(step)))

    assert counts == [(1, True), (2, True), (2, False)]


seen = st.lists(st.sampled_from(["listed", "absent", "paused", "elsewhere"]), max_size=12)


@given(seen)
def test_connected_and_disconnected_alternate_whatever_is_listed(words):
    """A disconnect is told once, a reconnect once after it, and a cause stands open exactly in between."""
    account, key, causes, heard = an_account(raw_status="active"), a_key(), {}, []
    listings = {"listed": a_listing(a_listed()), "absent": a_listing()}
    listings["elsewhere"] = a_listing(a_listed("z"), scope="other")
    listings["paused"] = a_listing(a_listed(state=A.DISCONNECTED, raw_status="paused"))
    for word in words:
        step, rows = listed(key, [account], listings[word], *causes.values())
        account = rows.get("a", account)
        causes |= {cause.id: cause for cause in step.write().causes if cause.kind == "account"}
        heard += [one for one in types(step) if one.startswith("account.")]
        key = next(iter(step.write().keys), key)

        assert any(cause.open for cause in causes.values()) is (account.state is A.DISCONNECTED)
    assert heard == ["account.disconnected", "account.reconnected"] * (len(heard) // 2) + heard[:1] * (len(heard) % 2)


# The key.


def test_a_key_that_is_refused_is_told_once_and_held_again_and_again():
    error = an_error(FailureReason.UNAUTHORIZED, FailureClass.NEEDS_HUMAN, key_wide=True)
    step = a_step(NOW, a_key())
    note_failure(step, a_key(), error, RULES, WATCH)
    later = a_step(NOW + HOUR, step.write().keys[0])
    block(later, step.write().keys[0], error, WATCH.probe_every, waits=["post_1"])

    assert types(step) == ["partner.blocked", "attention.opened"]
    assert (types(later), later.write().keys[0].held_until) == ([], NOW + HOUR + WATCH.probe_every)


@pytest.mark.parametrize("held", [None, NOW + timedelta(days=1)])
def test_a_listing_lets_a_blocked_key_go_on(held):
    key = a_key(blocked=FailureReason.UNAUTHORIZED, held_until=held, detail="no")
    step, _ = listed(key, [], a_listing(), a_cause("key:gv"))

    row = step.write().keys[0]
    assert types(step) == ["partner.recovered", "attention.closed"]
    assert (row.blocked, row.held_until, row.detail) == (None, None, None)


def test_a_listing_lets_reads_go_on_but_says_nothing_of_refused_writes():
    error = an_error(FailureReason.FORBIDDEN, FailureClass.NEEDS_HUMAN, key_wide=True)
    refused = a_step(NOW, a_key())
    block(refused, a_key(), error, MINUTE, write=True)
    key = refused.write().keys[0]
    step, _ = listed(key, [], a_listing(), *refused.write().causes, now=NOW + HOUR)
    again = a_step(NOW + HOUR, step.write().keys[0])
    block(again, step.write().keys[0], error, MINUTE, write=True)

    assert (types(refused), types(step), types(again)) == (["partner.blocked", "attention.opened"], [], [])
    assert [may_read(row, NOW + HOUR) for row in (key, step.see(key), again.see(key))] == [False, True, True]
    assert [may_read(a_key(held_until=NOW + MINUTE), at) for at in (NOW, NOW + MINUTE)] == [False, True]


def test_an_answered_listing_of_a_key_that_refuses_writes_is_noted_once():
    key = a_key(blocked=FailureReason.FORBIDDEN, probe_at=NOW)
    step, _ = listed(key, [], a_listing(), a_cause("key:gv"))

    assert not step


@pytest.mark.parametrize(
    ("key", "cause", "may"),
    [
        ({"blocked": FailureReason.FORBIDDEN, "probe_at": NOW}, "key:gv", True),
        ({"blocked": FailureReason.FORBIDDEN, "probe_at": NOW + MINUTE}, "key:gv", False),
        ({"blocked": FailureReason.FORBIDDEN, "probe_at": NOW, "held_until": NOW}, "key:gv", False),
        ({"blocked": FailureReason.FORBIDDEN}, "key:gv", False),
        ({"blocked": FailureReason.FORBIDDEN, "probe_at": NOW}, "plan:gv", False),
        ({"name": "other"}, "key:gv", False),
    ],
)
def test_one_write_is_tried_when_its_turn_has_come_and_reads_work(key, cause, may):
    step = a_step(NOW, a_key(**key))
    note_probe(step, a_cause(cause), WATCH)

    assert bool(step) is may
    assert may_probe(a_step(NOW, a_key(**key)), a_cause(cause)) is may


@pytest.mark.parametrize(
    ("failures", "held", "left"),
    [(BREAKER, NOW + MINUTE, None), (1, NOW + MINUTE, NOW + MINUTE), (0, NOW + MINUTE, NOW + MINUTE)],
)
def test_a_success_closes_the_breaker_and_does_not_shorten_a_retry_after(failures, held, left):
    key = a_key(failures=failures, held_until=held)
    step = a_step(NOW, key)

    recover(step, key)

    assert (step.see(key).failures, step.see(key).held_until) == (0, left)


@pytest.mark.parametrize(
    ("reason", "fields", "failures", "held"),
    [
        (FailureReason.SERVER_ERROR, {"status": 500}, 5, timedelta(seconds=32)),
        (FailureReason.TIMEOUT, {}, 5, timedelta(seconds=32)),
        (FailureReason.RATE_LIMITED, {"status": 429}, 4, timedelta(seconds=2)),
        (FailureReason.RATE_LIMITED, {"retry_after": HOUR}, 4, HOUR),
        (FailureReason.SERVER_ERROR, {"retry_after": HOUR}, 4, HOUR),
        (FailureReason.INVALID, {"status": 400}, 0, None),
        (FailureReason.CLOSED, {}, 4, None),
    ],
)
def test_failures_in_a_row_open_the_breaker_and_a_retry_after_holds_the_key(reason, fields, failures, held):
    key = a_key(failures=4)
    step = a_step(NOW, key)

    count_failure(step, key, an_error(reason, **fields), RULES)

    row = step.see(key)
    assert (row.failures, row.held_until) == (failures, held and NOW + held)


@given(
    st.sampled_from([*FailureReason]), st.none() | st.timedeltas(timedelta(), HOUR), st.booleans(), st.integers(0, 9)
)
def test_nothing_shortens_a_hold(reason, retry_after, key_wide, failures):
    key = a_key(held_until=NOW + timedelta(minutes=30), failures=failures)
    step = a_step(NOW, key)

    note_failure(step, key, an_error(reason, retry_after=retry_after, key_wide=key_wide), RULES, WATCH)

    assert step.see(key).held_until >= max(key.held_until, NOW + (retry_after or timedelta()))


def test_a_first_failure_is_only_counted_and_a_refusal_of_a_healthy_key_is_nothing():
    counted, nothing = a_step(), a_step()

    note_failure(counted, a_key(), an_error(), RULES, WATCH)
    note_failure(nothing, a_key(), an_error(FailureReason.INVALID, status=400), RULES, WATCH)

    assert (counted.see(a_key()).failures, counted.see(a_key()).held_until, bool(nothing)) == (1, None, False)
