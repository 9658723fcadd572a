"""What is decided about media that must be with the partner first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core import actions, fetching
from bridge.core.errors import FailureClass, FailureReason, MediaError, PartnerError
from bridge.core.model import CommandKind, Hosted, PostState, WorkState
from bridge.core.publishing import fail, prepare
from bridge.core.resume import end
from bridge.core.rules import PublishRules, WatchRules
from tests.core.builders import DAY, HOUR, MINUTE, NOW, a_command, a_key, a_post, a_step, an_unsent, types

K = CommandKind
A, B = "https://a.example/a.webp", "https://a.example/b.webp"
SLIDES = {"type": "slideshow", "urls": [A, B]}
RULES, WATCH = PublishRules(), WatchRules()
CONTENT = {"caption": "x", "media": SLIDES}
UNREACHABLE = PartnerError(FailureReason.MEDIA_UNREACHABLE, FailureClass.RETRYABLE, status=400)


def a_fetch(**fields):
    return a_command(K.FETCH, **{"id": "fetch", "number": 1} | fields)


def a_publish(**fields):
    return a_command(**{"id": "publish", "number": 2} | fields)


def waiting_post(**fields):
    return an_unsent(**{"content": CONTENT, "hosted": {}, "commands": 2} | fields)


def commands_of(step):
    return {one.kind: one for one in step.write().commands}


# Who waits.


@pytest.mark.parametrize(("hosted", "waits"), [(None, False), ({}, True), ({A: "h"}, False)])
def test_a_publish_waits_while_its_media_are_not_stored(hosted, waits):
    assert fetching.is_waiting(a_publish(), an_unsent(hosted=hosted)) is waits


@pytest.mark.parametrize(("hosted", "waits"), [(None, True), ({A: "h"}, True), ({A: "h", B: "i"}, False)])
def test_an_update_waits_for_what_it_names(hosted, waits):
    update = a_command(K.UPDATE, payload={"changes": {"media": SLIDES}, "hosts": [A, B]})
    assert fetching.is_waiting(update, a_post(hosted=hosted)) is waits


def test_what_waits_is_put_off_without_using_budget():
    step = a_step()
    assert not prepare(step, a_publish(), waiting_post(), RULES)
    [publish] = step.write().commands
    assert (publish.due_at, publish.attempts, publish.state) == (NOW + fetching.WAIT, 0, WorkState.DUE)


def test_what_has_waited_for_a_week_ends():
    step = a_step(NOW + 8 * DAY)
    assert not prepare(step, a_publish(), waiting_post(), RULES)
    assert commands_of(step)[K.PUBLISH].state is WorkState.DEAD


def test_a_publish_of_a_post_that_has_ended_ends_with_its_reason():
    step = a_step()
    post = an_unsent(state=PostState.REJECTED, reason=FailureReason.MEDIA_INVALID)
    assert not prepare(step, a_publish(), post, RULES)
    [publish] = step.write().commands
    assert (publish.state, publish.reason, types(step)) == (WorkState.DEAD, FailureReason.MEDIA_INVALID, [])


def test_a_fetch_needs_no_post_at_the_partner():
    assert prepare(a_step(), a_fetch(), waiting_post(), RULES)


def test_frozen_bytes_wait_for_nothing():
    assert prepare(a_step(), a_publish(body=b"{}"), waiting_post(), RULES)


# One file after the other.


def test_a_fetch_whose_post_was_changed_looks_again_at_once():
    step = a_step()
    fetching.again(step, a_fetch(attempts=2, lease_until=NOW, due_at=NOW - HOUR))
    [fetch] = step.write().commands
    assert (fetch.attempts, fetch.lease_until, fetch.due_at) == (0, None, NOW)


def test_files_are_counted_as_they_come_and_the_order_is_that_of_the_post():
    step, fetch = a_step(), a_fetch(attempts=2, reason=FailureReason.TIMEOUT)
    fetch = fetching.stored(step, fetch, B, Hosted("hb"))
    assert fetching.missing(fetch, [A, B]) == [A]
    assert (fetch.attempts, fetch.reason, fetch.due_at) == (0, None, NOW)


def test_a_file_that_the_partner_works_on_is_looked_at_again():
    fetch = fetching.stored(a_step(), a_fetch(), A, Hosted("ha", ready=False))
    assert (fetching.waiting_for(fetch, A), fetching.missing(fetch, [A])) == ("ha", [A])
    assert fetch.due_at == NOW + fetching.LOOK_AGAIN
    later = fetching.stored(a_step(NOW + MINUTE), fetch, A, Hosted("ha", ready=False))
    assert later.progress["since"] == NOW.isoformat()
    done = fetching.stored(a_step(NOW + MINUTE), later, A, Hosted("ha"))
    assert (fetching.waiting_for(done, A), fetching.missing(done, [A])) == (None, [])


def test_a_file_that_is_worked_on_for_an_hour_is_given_up():
    fetch = fetching.stored(a_step(), a_fetch(), A, Hosted("ha", ready=False))
    fetching.refuse_if_stuck(fetch, A, NOW + HOUR)
    fetching.refuse_if_stuck(fetch, B, NOW + DAY)
    with pytest.raises(MediaError):
        fetching.refuse_if_stuck(fetch, A, NOW + HOUR + timedelta(seconds=1))


def test_the_end_of_a_fetch_tells_the_post_and_wakes_what_waited():
    step, fetch = a_step(NOW, a_key(failures=3)), a_fetch(progress={"done": {A: "ha", B: "hb"}}, calls=2)
    post, publish = waiting_post(), a_publish(due_at=NOW + MINUTE)
    parked = a_publish(id="parked", state=WorkState.PARKED, due_at=NOW + MINUTE)
    fetching.complete(step, fetch, post, [fetch, publish, parked])
    assert step.see(post).hosted == {A: "ha", B: "hb"}
    assert (step.see(fetch).state, step.see(publish).due_at, step.see(parked)) == (WorkState.DONE, NOW, parked)
    assert step.write().keys[0].failures == 0


def test_a_fetch_that_had_nothing_to_bring_leaves_a_post_of_plain_addresses():
    step, post = a_step(), waiting_post()
    fetching.complete(step, a_fetch(), post, [])
    assert step.see(post).hosted is None


# What is begun, and who stands in line.


def test_a_file_is_given_up_after_three_attempts_of_which_no_end_is_known():
    step, fetch = a_step(), a_fetch(progress={"done": {B: "hb"}})
    for _ in range(fetching.MOST_BEGUN):
        fetching.refuse_if_lost(fetch, A)
        fetch = fetching.begin(step, fetch, A)
        assert (fetching.was_lost(fetch, A), fetching.was_lost(fetch, B)) == (True, False)
    with pytest.raises(MediaError, match="3 times"):
        fetching.refuse_if_lost(fetch, A)
    fetching.refuse_if_lost(fetching.ended(step, fetch), A)
    assert fetching.stored(step, fetch, A, Hosted("ha")).progress == {"done": {A: "ha", B: "hb"}, "waiting": {}}


def test_what_the_partner_did_not_fetch_itself_is_brought_at_once():
    fetch = fetching.bring_next(a_step(), a_fetch(attempts=1, due_at=NOW - HOUR), A)
    assert (fetching.is_to_bring(fetch, A), fetching.is_to_bring(fetch, B)) == (True, False)
    assert (fetch.due_at, fetch.attempts) == (NOW, 0)


@pytest.mark.parametrize(("waiting", "seconds"), [(0, 60), (10, 80), (500, 300)])
def test_the_longer_the_line_the_later_one_looks_by_itself(waiting, seconds):
    fetch = fetching.stand_in_line(a_step(), a_fetch(attempts=1), waiting)
    assert (fetch.due_at, fetch.attempts) == (NOW + timedelta(seconds=seconds), 1)


# What fails.


def test_a_fetch_that_fails_for_good_rejects_its_post_and_ends_what_waits():
    step, fetch, post, publish = a_step(), a_fetch(attempts=1), waiting_post(), a_publish()
    error = fetching.as_refusal(MediaError(FailureReason.MEDIA_INVALID, "the file is no image"))
    fail(step, fetch, post, error, RULES, watch=WATCH)
    fetching.follow(step, fetch, post, [fetch, publish])
    now = step.see(post)
    assert (now.state, now.reason, now.error) == (
        PostState.REJECTED,
        FailureReason.MEDIA_INVALID,
        "the file is no image",
    )
    assert {one.state for one in commands_of(step).values()} == {WorkState.DEAD}
    assert types(step) == ["post.rejected"]


def test_a_fetch_for_an_update_that_fails_leaves_the_post_as_it_is():
    step, post = a_step(), a_post(hosted=None)
    fetch = a_fetch(payload={"media": SLIDES}, attempts=1)
    update = a_command(K.UPDATE, id="u", payload={"changes": {"media": SLIDES}, "hosts": [A]})
    error = fetching.as_refusal(MediaError(FailureReason.MEDIA_INVALID, "no image"))
    fail(step, fetch, post, error, RULES, watch=WATCH)
    fetching.follow(step, fetch, post, [fetch, update])
    assert (step.see(post).state, step.see(update).state) == (PostState.PENDING, WorkState.DEAD)


@pytest.mark.parametrize(("attempts", "pause_s"), [(1, 15), (2, 60), (3, None)])
def test_what_may_be_over_in_a_moment_is_tried_three_times(attempts, pause_s):
    step, fetch = a_step(), a_fetch(attempts=attempts)
    error = fetching.as_refusal(MediaError(FailureReason.MEDIA_UNREACHABLE, "404", final=False))
    fail(step, fetch, waiting_post(), error, RULES, watch=WATCH)
    fetch = step.see(fetch)
    expected = (WorkState.DUE, NOW + timedelta(seconds=pause_s)) if pause_s else (WorkState.DEAD, NOW)
    assert (fetch.state, fetch.due_at) == expected


def test_what_waits_is_parked_with_its_fetch_and_tells_it_once():
    step, fetch, post = a_step(NOW, a_key()), a_fetch(attempts=1, calls=1), waiting_post()
    publish = a_publish(due_at=NOW + MINUTE)
    refused = PartnerError(FailureReason.UNAUTHORIZED, FailureClass.NEEDS_HUMAN, key_wide=True, status=401)
    fail(step, fetch, post, refused, RULES, watch=WATCH)
    fetching.follow(step, fetch, post, [fetch, publish])
    assert (step.see(publish).state, step.see(publish).cause) == (WorkState.PARKED, "key:gv")
    assert step.see(post).state is PostState.PARKED
    assert types(step).count("post.parked") == 1


def test_a_fetch_that_expires_rejects_its_post():
    step, post = a_step(), waiting_post(state=PostState.PARKED)
    end(step, a_fetch(state=WorkState.PARKED), post, FailureReason.EXPIRED)
    assert step.see(post).state is PostState.REJECTED


# Addresses that the partner could not use.


def test_a_post_whose_addresses_are_refused_has_its_media_brought_instead():
    step, post, publish = a_step(), an_unsent(content=CONTENT), a_publish(attempts=1, calls=1)
    fail(step, publish, post, UNREACHABLE, RULES, watch=WATCH)
    made = commands_of(step)
    assert (step.see(post).hosted, made[K.FETCH].payload, made[K.FETCH].due_at) == ({}, {"refused": True}, NOW)
    assert made[K.PUBLISH].due_at == NOW + fetching.WAIT


def test_of_a_post_with_some_files_stored_those_are_brought_that_were_refused_by_address():
    step, post, publish = a_step(), an_unsent(content=CONTENT, hosted={A: "ha"}), a_publish(attempts=1, calls=1)
    too_large = PartnerError(FailureReason.MEDIA_INVALID, FailureClass.TERMINAL, status=400)
    fail(step, publish, post, too_large, RULES, watch=WATCH)
    made = commands_of(step)
    assert (step.see(post).hosted, made[K.FETCH].progress) == ({}, {"done": {A: "ha"}})
    assert made[K.PUBLISH].state is WorkState.DUE


def test_files_that_were_brought_and_are_refused_again_reject_their_post():
    step, post, publish = a_step(), an_unsent(content=CONTENT, hosted={A: "ha", B: "hb"}), a_publish(attempts=1)
    fail(step, publish, post, PartnerError(FailureReason.MEDIA_INVALID, FailureClass.TERMINAL), RULES, watch=WATCH)
    assert (step.see(post).state, step.see(post).reason) == (PostState.REJECTED, FailureReason.MEDIA_INVALID)


STORED = an_unsent(content=CONTENT, hosted={A: "ha", B: "hb"})


@pytest.mark.parametrize("post", [an_unsent(), STORED], ids=["no media", "stored"])
def test_without_media_to_bring_it_is_tried_again_as_it_is(post):
    step, publish = a_step(), a_publish(attempts=1, calls=1)
    fail(step, publish, post, UNREACHABLE, RULES, watch=WATCH)
    [publish] = step.write().commands
    assert publish.due_at == NOW + RULES.backoff_max


def test_an_update_whose_addresses_are_refused_has_its_media_brought_too():
    step, post = a_step(), a_post(commands=2)
    update = a_command(K.UPDATE, payload={"changes": {"media": SLIDES}}, attempts=1, calls=1)
    fail(step, update, post, UNREACHABLE, RULES, watch=WATCH)
    made = commands_of(step)
    assert made[K.FETCH].payload == {"media": SLIDES, "refused": True}
    assert (made[K.UPDATE].payload["hosts"], fetching.is_waiting(made[K.UPDATE], post)) == ([A, B], True)


def test_an_update_whose_media_were_brought_is_tried_again_as_it_is():
    step, post = a_step(), a_post(hosted={A: "ha", B: "hb"})
    update = a_command(K.UPDATE, payload={"changes": {"media": SLIDES}}, attempts=1, calls=1)
    fail(step, update, post, UNREACHABLE, RULES, watch=WATCH)
    assert set(commands_of(step)) == {K.UPDATE}


# What a person changes.


def test_new_media_of_an_unsent_post_are_fetched_and_what_is_stored_stays():
    step, post = a_step(), waiting_post(hosted={A: "ha"})
    actions.edit(step, post, [a_publish()], {"media": SLIDES}, None, hosts=[A, B])
    fetch = commands_of(step)[K.FETCH]
    assert (step.see(post).hosted, fetch.progress) == ({}, {"done": {A: "ha"}})


def test_new_media_that_are_all_stored_need_no_fetch():
    step, post = a_step(), waiting_post(hosted={A: "ha", B: "hb"})
    actions.edit(step, post, [a_publish()], {"media": SLIDES}, None, hosts=[B])
    assert (step.see(post).hosted, K.FETCH in commands_of(step)) == ({B: "hb"}, False)


def test_a_fetch_under_way_takes_the_new_media_over():
    step, post, fetch = a_step(), waiting_post(), a_fetch(lease_until=NOW + MINUTE)
    actions.edit(step, post, [fetch, a_publish()], {"media": SLIDES}, None, hosts=[A])
    assert K.FETCH not in commands_of(step)


def test_plain_media_end_the_fetch():
    step, post, fetch = a_step(), waiting_post(), a_fetch()
    actions.edit(step, post, [fetch, a_publish()], {"media": {"type": "video", "url": "v"}}, None)
    assert (step.see(post).hosted, commands_of(step)[K.FETCH].state) == (None, WorkState.DEAD)


def test_an_edit_of_other_things_leaves_the_fetch_alone():
    step, post, fetch = a_step(), waiting_post(), a_fetch()
    actions.edit(step, post, [fetch, a_publish()], {"caption": "y"}, None)
    assert (step.see(post).hosted, K.FETCH in commands_of(step)) == ({}, False)


def test_an_update_with_media_to_bring_comes_after_their_fetch():
    step, post = a_step(), a_post(commands=1)
    update = actions.edit(step, post, [], {"media": SLIDES}, None, hosts=[A])
    fetch = commands_of(step)[K.FETCH]
    assert (fetch.number, fetch.payload, update.number) == (2, {"media": SLIDES}, 3)
    assert update.payload["hosts"] == [A]


def test_a_later_update_of_other_things_still_waits_for_the_media():
    step = a_step()
    before = a_command(K.UPDATE, id="u", payload={"changes": {"media": SLIDES}, "hosts": [A]})
    update = actions.edit(step, a_post(), [before], {"caption": "y"}, None)
    assert update.payload == {"changes": {"media": SLIDES, "caption": "y"}, "hosts": [A]}


def test_later_media_take_the_place_of_those_that_are_still_fetched():
    step, fetch = a_step(), a_fetch(payload={"media": SLIDES})
    before = a_command(K.UPDATE, id="u", payload={"changes": {"media": SLIDES}, "hosts": [A]})
    update = actions.edit(step, a_post(), [fetch, before], {"media": {"type": "video", "url": "v"}}, None)
    assert ("hosts" in update.payload, step.see(fetch).state) == (False, WorkState.DEAD)


def test_a_rejected_post_that_is_tried_again_fetches_what_it_lacks():
    step, post = a_step(), waiting_post(state=PostState.REJECTED)
    dead = a_fetch(state=WorkState.DEAD, progress={"done": {A: "ha"}})
    actions.retry(step, post, [dead, a_publish(state=WorkState.DEAD)])
    fetch = next(one for one in step.write().commands if one.kind is K.FETCH)
    assert (fetch.progress, fetch.state) == ({"done": {A: "ha"}}, WorkState.DUE)


def test_a_canceled_post_fetches_nothing():
    step, fetch = a_step(), a_fetch()
    actions.cancel(step, waiting_post(), [fetch, a_publish()])
    assert step.see(fetch).state is WorkState.DEAD


def test_a_parked_post_that_is_sent_has_its_media_fetched_once():
    step, post = a_step(), waiting_post(state=PostState.PARKED)
    parked = a_publish(state=WorkState.PARKED)
    actions.send(step, post, [replace(a_fetch(), state=WorkState.DEAD), parked])
    actions.send(step, post, [a_fetch(), parked])
    assert len([one for one in step.write().commands if one.kind is K.FETCH]) == 1
