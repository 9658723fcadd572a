"""What was asked of a post in doubt is done here once it is known that its partner has it not."""

from datetime import timedelta

import pytest

from bridge.core import looking
from bridge.core.errors import FailureReason
from bridge.core.meanwhile import is_asked, stand_again
from bridge.core.model import CommandKind, PostState, WorkState
from bridge.core.publishing import prepare
from bridge.core.restoring import Restore, doubt, is_suspect
from bridge.core.restoring import stand_again as stand_alone
from bridge.core.rules import PublishRules
from tests.core.builders import DAY, HOUR, MINUTE, NOW, a_command, a_step, a_target, an_account, an_unsent, types

K, W = CommandKind, WorkState
RESTORE = Restore(NOW - HOUR, NOW)
HELD = {"state": W.PARKED, "reason": FailureReason.NEEDS_APPROVAL, "payload": {"held": {"approve": "#social"}}}
URL = "https://cdn.example.com/new.jpg"


def doubted(**fields):
    return doubt(a_command(**fields), RESTORE, NOW)


def an_update(number=2, **changes):
    payload = {"changes": changes, "by": "CMS"}
    return a_command(K.UPDATE, id=f"cmd_{number}", number=number, payload=payload)


def stood(publish, *others, post=None):
    """The post, its publish and the other commands after it was not found."""
    step, post = a_step(NOW + MINUTE, an_account("b")), post or an_unsent()
    stand_again(step, publish, post, [publish, *others])
    return step, step.see(post), step.see(publish), [step.see(one) for one in others]


@pytest.mark.parametrize("lost", [{}, {"body": b"{}", "calls": 1, "sent_at": NOW}])
def test_a_cancel_ends_the_post_with_all_its_work(lost):
    publish = a_command(progress={"lost_at": NOW.isoformat()}, **lost) if lost else doubted()
    cancel = a_command(K.CANCEL, id="cmd_3", number=3)
    step, post, publish, [update, cancel] = stood(publish, an_update(caption="x"), cancel)

    assert (post.state, publish.state, cancel.state) == (PostState.CANCELED, W.DEAD, W.DONE)
    assert (update.state, update.reason) == (W.DEAD, FailureReason.CANCELED)
    assert types(step) == ["post.canceled"]


def test_updates_are_laid_over_each_other_and_over_the_post():
    at = (NOW + HOUR).isoformat()
    first, second = an_update(caption="one", scheduled_at=at), an_update(3, caption="two", accounts=[{"id": "b"}])
    step, post, publish, updates = stood(doubted(), first, second)

    assert (post.content["caption"], post.scheduled_at) == ("two", NOW + HOUR)
    assert [(row.account, row.platform) for row in post.targets] == [("b", "tiktok")]
    assert [one.state for one in updates] == [W.DONE, W.DONE]
    assert (publish.state, publish.body) == (W.DUE, None)
    assert types(step) == ["post.updated"]


def test_what_was_changed_is_looked_for_as_it_is_now():
    unchanged, changed = stood(doubted())[2], stood(doubted(), an_update(caption="x"))[2]

    assert not is_suspect(unchanged, RESTORE, NOW + MINUTE, DAY)
    assert is_suspect(changed, RESTORE, NOW + MINUTE, DAY)


def test_new_media_are_stored_for_the_post_and_for_the_update_no_more():
    update = a_command(K.UPDATE, id="cmd_2", payload={"changes": {"media": {"url": URL}}, "hosts": [URL]})
    fetch = a_command(K.FETCH, id="cmd_3", payload={"media": {"url": URL}})
    step, post, _, [_, fetch] = stood(doubted(), update, fetch)

    assert (post.content["media"], post.hosted, fetch.state) == ({"url": URL}, {}, W.DONE)
    assert [one.payload for one in step.write().commands if one.kind is K.FETCH and one.state is W.DUE] == [{}]


def test_a_change_that_waits_for_approval_goes_on_waiting():
    held = a_command(K.UPDATE, id="cmd_2", **HELD)

    assert not is_asked([held])
    assert stood(doubted(), held)[3] == [held]


def test_a_post_that_was_held_is_taken_back_or_changed_as_one_that_is():
    post = an_unsent(state=PostState.PARKED)

    assert stood(doubted(**HELD), an_update(caption="x"), post=post)[2].state is W.PARKED
    assert stood(doubted(**HELD), a_command(K.CANCEL, id="cmd_2"), post=post)[1].state is PostState.CANCELED


def test_looks_are_no_tries_and_end_after_a_long_time():
    rules, command = PublishRules(), doubted(attempts=2, created_at=NOW - 30 * DAY)
    tired = a_step().edit(command, attempts=10**6)

    assert prepare(a_step(NOW + HOUR), tired, an_unsent(), rules)
    step = a_step(NOW + rules.expires_after + timedelta(seconds=1))
    assert not prepare(step, tired, an_unsent(), rules)
    assert step.see(tired).reason is FailureReason.GAVE_UP
    stand_alone(step, tired, an_unsent())
    assert step.see(tired).attempts == 2


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"calls": 1}, {"changed": True}),
        ({"progress": {"cleared": True}}, {"changed": True}),
        ({"calls": 1, "body": b"{}", "progress": {"looks": 1}}, {"looks": 1}),
    ],
)
def test_a_change_counts_once_it_was_looked_for_or_sent(fields, expected):
    assert looking.changed(a_command(**fields)) == expected


def test_a_target_that_stays_keeps_what_is_known_of_it():
    known = a_target("a", name="brand")
    _, post, _, _ = stood(doubted(), an_update(accounts=[{"id": "a"}, {"id": "b"}]), post=an_unsent(known))

    assert post.targets[0] == known
