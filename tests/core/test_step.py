"""One step: versions, sequences and causes, kept so that no caller has to."""

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import FailureReason
from bridge.core.model import (
    Attempt,
    CommandKind,
    Endpoint,
    Event,
    FeedState,
    Intent,
    Lookup,
    PostState,
    SourceObject,
    TargetState,
)
from bridge.core.step import Step, account_cause, account_facts, key_cause, plan_cause, reconnect
from tests.core.builders import NOW, a_cause, a_key, a_post, a_step, a_target, an_account, data, types

REASON = FailureReason.ACCOUNT_INACTIVE


def test_an_empty_step_writes_nothing():
    assert not a_step()
    assert a_step().write().posts == ()


def test_a_new_row_has_version_one_however_often_it_is_edited():
    step, post = a_step(), a_post()

    step.edit(step.edit(step.add(post), stuck=True), error="x")

    assert [(row.version, row.stuck, row.error) for row in step.write().posts] == [(1, True, "x")]


@given(st.integers(1, 100), st.integers(1, 5))
def test_a_changed_row_is_one_version_on_whichever_copy_was_edited(version, edits):
    step, post = a_step(), a_post(version=version)

    for number in range(edits):
        step.edit(post if number % 2 else step.see(post), commands=number)

    assert [(row.version, row.commands) for row in step.write().posts] == [(version + 1, edits - 1)]


def test_a_stale_copy_keeps_what_was_changed_before():
    step, post = a_step(), a_post()

    step.edit(post, stuck=True)

    assert step.edit(post, error="x").stuck
    assert step.see(a_post(id="other")).id == "other"


def test_rows_of_one_id_and_different_kinds_are_kept_apart():
    step = a_step()

    step.edit(a_key(name="x"), failures=1)
    step.edit(Endpoint("x", "https://a.example"), enabled=False)

    assert [row.name for row in (*step.write().keys, *step.write().endpoints)] == ["x", "x"]


def test_what_is_remembered_of_senders_is_told_apart_by_source_and_id():
    step = a_step()
    known, other = (SourceObject(source, "1", NOW, version=4) for source in ("blog", "shop"))
    wanted, feed = Lookup("evt_1", "blog", {"id": 1}, NOW, NOW), FeedState("blog", "https://a.example/feed", version=2)

    step.edit(step.edit(known, revision="2"), event_id="evt_1")
    step.edit(other, revision="9")
    step.add(wanted)
    step.edit(feed, failures=step.see(feed).failures + 1)

    write = step.write()
    assert [(row.key, row.revision, row.version) for row in write.objects] == [("blog:1", "2", 5), ("shop:1", "9", 5)]
    assert write.objects[0].event_id == "evt_1"
    assert write.lookups == (wanted,)
    assert [(row.source, row.failures, row.version) for row in write.feeds] == [("blog", 1, 3)]


def test_commands_are_numbered_within_their_post():
    step, post = a_step(), a_post(commands=3)

    numbers = [step.new_command(post, CommandKind.RETRY, NOW).number for _ in range(2)]

    assert (numbers, step.see(post).commands) == ([4, 5], 5)


def test_everything_that_is_told_of_a_post_and_its_targets_is_one_sequence():
    step, post = a_step(), a_post(sequence=7, caller_id="mine", correlation="c")

    step.tell_post(post, "post.stuck", PostState.PENDING, since=NOW)
    step.tell_target(post, a_target(name="brand"), "target.failed", TargetState.WAITING, reason=REASON)

    events = step.write().events
    assert [(event.subject, event.sequence) for event in events] == [("post:post_1", 8), ("target:post_1:a", 9)]
    assert (events[1].platforms, events[1].accounts) == (("tiktok",), ("brand",))
    assert events[1].reason == "account_inactive"
    assert data(events[0])["external_id"] == "mine"
    assert step.write().posts[0].sequence == 9


ALWAYS = {
    *("subject", "sequence", "previous", "current", "changed_at"),
    *("partner", "source", "event_id", "external_id", "correlation"),
}


def test_every_event_has_what_every_event_has():
    step = a_step(NOW, an_account())
    step.tell_post(a_post(), "post.stuck", None)
    step.tell_target(a_post(), a_target(), "target.linked", TargetState.POSTED)
    step.tell_account(an_account(), "account.connected", None)
    step.tell_key(a_key(), "partner.blocked", "ok", "blocked")
    step.tell_endpoint(Endpoint("ops", "https://a.example"), "endpoint.disabled", "enabled", "disabled")
    step.open_cause(account_cause("gv", "a"), "gv", REASON, "gone", waits=["post_1"])

    bodies = [data(event) for event in step.write().events]
    assert len(bodies) == 6
    assert all(set(body) >= ALWAYS for body in bodies)
    assert bodies[-1]["account"]["username"] == "user-a"


def test_a_cause_is_told_once_when_it_opens_and_once_when_it_closes():
    step, cause = a_step(), key_cause("gv")

    for _ in range(3):
        step.open_cause(cause, "gv", REASON, "gone", waits=["post_1"])

    [event] = step.write().events
    assert (event.type, data(event)["waits"], "what_to_do" in data(event)) == ("attention.opened", ["post_1"], True)


def test_closing_is_told_once_and_only_of_what_is_open():
    step = a_step(NOW, a_cause("plan:gv"), a_cause("key:gv", closed_at=NOW))

    for cause in (plan_cause("gv"), plan_cause("gv"), key_cause("gv"), "account:gv:none"):
        step.close_cause(cause, "it works")

    assert types(step) == ["attention.closed"]
    assert step.write().causes[0].closed_at == NOW


def test_a_cause_that_opens_again_is_the_same_row_and_says_what_to_do_if_told():
    later = NOW + timedelta(hours=1)
    step = a_step(later, a_cause("key:gv", closed_at=NOW, sequence=2, version=3))

    step.open_cause("key:gv", "gv", FailureReason.FORBIDDEN, "again", what_to_do="Pay.")
    step.open_cause("key:gv", "gv", REASON, "once more")

    [cause] = step.write().causes
    assert (cause.open, cause.opened_at, cause.reason) == (True, later, FailureReason.FORBIDDEN)
    assert (cause.sequence, cause.version) == (3, 4)
    assert data(step.write().events[0])["what_to_do"] == "Pay."


def test_a_new_post_comes_with_its_first_command():
    step = a_step()

    command = step.add_post(a_post(), NOW)

    assert (command.number, step.write().posts[0].version, step.write().commands) == (1, 1, (command,))


def test_attempts_and_killed_deliveries_are_written():
    step = a_step()

    step.attempt(Attempt("cmd_1", 1, "post_1", NOW))
    step.kill_deliveries("ops")

    assert step
    assert (len(step.write().attempts), step.write().kill_deliveries_of) == (1, ("ops",))


edits = st.lists(st.sampled_from(["post", "target", "account", "key", "edit"]), max_size=12)


@given(edits)
def test_sequences_and_versions_have_no_gap(words):
    step, post, account, key = a_step(), a_post(sequence=5, version=9), an_account(), a_key()
    acts = {
        "post": lambda: step.tell_post(post, "post.stuck", None),
        "target": lambda: step.tell_target(post, a_target(), "target.linked", TargetState.POSTED),
        "account": lambda: step.tell_account(account, "account.connected", None),
        "key": lambda: step.tell_key(key, "partner.blocked", "ok", "blocked"),
        "edit": lambda: step.edit(post, error="x"),
    }
    for word in words:
        acts[word]()
    events = [event for event in step.write().events if event.post_id]

    assert [event.sequence for event in events] == list(range(6, 6 + len(events)))
    assert all(row == replace(step.see(post), version=10) for row in step.write().posts)


def test_an_event_without_a_post_is_told_once():
    known = {"external_id": "a-1", "correlation": "c"}
    event = Event("evt_1", "blog", "source:blog", None, None, "f", Intent.PUBLISH, NOW, "", b"", {}, **known)
    step = a_step()
    step.tell_event(event, "post.rejected", FailureReason.INVALID, errors=[], accounts=["nobody"])
    [told] = step.write().events

    assert (told.subject, told.sequence, told.event_id, told.post_id) == (f"event:{event.id}", 1, event.id, None)
    assert (told.source, told.partner, told.reason) == (event.source, "", "invalid")
    assert data(told) == {
        "subject": {"kind": "event", "id": event.id},
        "previous": None,
        "current": "rejected",
        "partner": "",
        "source": event.source,
        "event_id": event.id,
        "external_id": "a-1",
        "correlation": "c",
        "reason": "invalid",
        "errors": [],
        "accounts": ["nobody"],
        "sequence": 1,
        "changed_at": "2026-03-01T12:00:00Z",
    }


def test_a_step_without_a_world_knows_nothing():
    assert Step(a_step().moment).world.accounts == {}


def test_what_is_told_of_a_cause_can_be_added_to_until_it_is_written():
    """The place among the events, the id and the sequence stay; what was told stays, unless it is said anew."""
    step = a_step(NOW, an_account())
    step.open_cause("account:gv:a", "gv", REASON, "gone", waits=["post_1"])
    step.tell_post(a_post(), "post.stuck", None)
    before, _ = step.write().events
    [(cause, known)] = step.opened

    step.explain(cause.id, waits=[*known, "post_2"], waiting=2, account=account_facts(an_account(), "our-a"))

    after, _ = step.write().events
    assert (known, replace(after, body=before.body)) == (["post_1"], before)
    assert data(after) == data(before) | {
        "waits": ["post_1", "post_2"],
        "waiting": 2,
        "account": {"id": "a", "platform": "tiktok", "username": "user-a", "name": "our-a"},
    }


def test_a_step_that_opens_nothing_has_nothing_to_explain():
    step = a_step(NOW, a_cause())
    step.open_cause("account:gv:a", "gv", REASON, "gone")
    step.close_cause("account:gv:a", "is back")

    assert step.opened == []


def test_a_link_is_asked_for_by_the_accounts_whole_name():
    assert reconnect("pe:2280").startswith("POST /v1/accounts/pe:2280/reconnect-link ")
