"""What the doctor makes of what it saw."""

from datetime import timedelta

import orjson
import pytest

from bridge.core import examining
from bridge.core.directory import NamedAccount
from bridge.core.errors import FailureReason
from bridge.core.examining import Finding, State
from bridge.core.model import AccountState, Listed, Listing
from tests.core.builders import NOW

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("seconds", "state", "text"),
    [
        (0.4, State.OK, "agrees with the database"),
        (-3, State.OK, "the database is 3 s behind this machine"),
        (11, State.WARNING, "the database is 11 s ahead of this machine"),
        (-61, State.PROBLEM, "the database is 61 s behind this machine"),
    ],
)
def test_clocks_that_are_far_apart_break_signatures(seconds: float, state: State, text: str):
    found = examining.clock("the database", timedelta(seconds=seconds))

    assert (found.state, found.text) == (state, text)
    assert bool(found.todo) == (state is not State.OK)


@pytest.mark.parametrize(("free", "state"), [(1, State.PROBLEM), (300, State.WARNING), (2000, State.OK)])
def test_a_disk_is_judged_by_what_bridge_insists_on(free: int, state: State):
    assert examining.disk("database", free * 10**6, 200 * 10**6).state is state


@pytest.mark.parametrize(
    ("left", "state"), [(None, State.OK), (90 * DAY, State.OK), (20 * DAY, State.WARNING), (2 * DAY, State.PROBLEM)]
)
def test_a_certificate_is_a_matter_before_it_has_run_out(left: timedelta | None, state: State):
    found = examining.certificate("endpoint ops", NOW + left if left else None, NOW, "is reached")

    assert found.state is state
    assert found.text.startswith("is reached")


@pytest.mark.parametrize("reason", FailureReason)
def test_whatever_keeps_an_answer_away_has_something_to_do(reason: FailureReason):
    found = examining.unreached("endpoint ops", reason, "")

    assert (found.state, bool(found.todo)) == (State.PROBLEM, True)


@pytest.mark.parametrize("status", [301, 401, 403, 404, 410, 418, 500])
def test_a_test_that_was_not_taken_says_what_to_do(status: int):
    assert examining.tested("endpoint ops", status).todo
    assert examining.tested("endpoint ops", 204).state is State.OK


ROWS = (
    Listed("a1", "tiktok", "brand"),
    Listed("a2", "x", "brand", state=AccountState.DISCONNECTED, detail="the token has run out"),
    Listed("a3", "x", "old", state=AccountState.REMOVED),
    Listed("a4", "youtube", "brand", state=AccountState.DEGRADED, detail="the token runs out on Friday"),
)
NAMES = (
    NamedAccount("main", "genviral", platform="tiktok", username="brand"),
    NamedAccount("second", "genviral", "a2"),
    NamedAccount("old", "genviral", "a3", retired=True),
    NamedAccount("gone", "genviral", "a9"),
    NamedAccount("elsewhere", "posteverywhere", "a8"),
)


def test_each_account_that_cannot_post_is_named_and_retired_ones_are_not():
    found = list(examining.accounts("genviral", Listing("", ROWS, NOW), NAMES))

    assert [(one.state, one.text) for one in found] == [
        (State.PROBLEM, "account second (x brand) is disconnected: the token has run out"),
        (State.WARNING, "account a4 (youtube brand) is degraded: the token runs out on Friday"),
        (State.PROBLEM, "account gone (a9) is not listed: disconnected, or never there"),
    ]


OURS = {"Content-Type": "application/problem+json"}


@pytest.mark.parametrize(
    ("status", "headers", "body", "text"),
    [
        (405, OURS, {"type": "urn:bridge:problem:method_not_allowed"}, "is reached: bridge answers there"),
        (404, OURS, {"type": "urn:bridge:problem:no_such_source"}, "a bridge answers there that does not know it"),
        (503, OURS, {"type": "urn:bridge:problem:draining"}, "bridge answers 503 (draining)"),
        (405, OURS, {"type": "about:blank"}, "something else answers 405"),
        (405, OURS, [], "something else answers 405"),
        (405, OURS, None, "something else answers 405"),
        (405, {"Content-Type": "text/html"}, {"type": "urn:bridge:problem:x"}, "something else answers 405"),
        (404, {}, None, "something before bridge answers 404"),
        (403, {}, None, "something before bridge answers 403"),
        (302, {}, None, "is redirected (302)"),
        (502, {}, None, "the proxy answers 502"),
    ],
)
def test_only_the_words_of_bridge_prove_that_an_address_leads_there(status, headers, body, text):
    found = examining.seen("source blog", status, headers, b"<html>" if body is None else orjson.dumps(body))

    assert found.text == text
    assert (found.state is State.OK) == ("is reached" in text)
    assert bool(found.todo) == (found.state is not State.OK)


def test_the_worst_of_several_counts():
    findings = [Finding("a", State.WARNING, ""), Finding("b", State.PROBLEM, ""), Finding("c", State.OK, "")]

    assert examining.worst(findings) is State.PROBLEM
    assert examining.worst([]) is State.OK
