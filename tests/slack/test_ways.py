"""Which way a message in Slack goes, and what follows a refusal."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from bridge.core.errors import FailureReason
from bridge.core.model import Message
from bridge.core.slack import Workspace, ways
from bridge.core.slack.api import Answer, Meaning
from bridge.core.slack.cards import Face
from bridge.core.slack.ways import Way

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = NOON + timedelta(minutes=29)
URL = "https://hooks.slack.com/commands/secret"

BOT = Workspace(name="slack", bot_token="xoxb-1")
HOOK = Workspace(name="slack", webhook="https://hooks.slack.com/services/secret")
BOTH = Workspace(name="slack", bot_token="xoxb-1", webhook=HOOK.webhook)
NEITHER = Workspace(name="slack")

BLOCK = {"type": "section"}
TELLING = Face("Posted", (BLOCK,), "posted", telling=True, ended=True)
NEWS = Face("Scheduled", (BLOCK,), "scheduled", telling=True, ended=False)
QUIET = Face("Being published", (BLOCK,), "publishing", telling=False, ended=False)
WAITING = Face("Waits", (BLOCK,), "waiting", telling=True, ended=False)


def message(**fields: Any) -> Message:
    given = {"channel": "C1", "user": "U1", "kind": "reply"} | fields
    return Message(id="rpl_1", event_id="evt_1", source="slack", created_at=NOON, **given)


ASKED = message(address=URL, address_until=LATER)


@pytest.mark.parametrize(
    ("row", "face", "workspace", "way"),
    [
        # A message of ours is changed, whatever else there is.
        (message(ts="1.2"), QUIET, BOTH, Way.UPDATE),
        (message(ts="1.2", address=URL, replaces=True), NEWS, BOTH, Way.UPDATE),
        (message(ts="1.2"), NEWS, HOOK, Way.HOOK),
        # Whoever asked is answered, as long as the address takes answers.
        (ASKED, NEWS, BOTH, Way.ADDRESS),
        (ASKED, QUIET, BOTH, Way.QUIET),
        (replace(ASKED, replaces=True), QUIET, NEITHER, Way.ADDRESS),
        (replace(ASKED, uses=3), NEWS, NEITHER, Way.ADDRESS),
        (replace(ASKED, uses=4), NEWS, NEITHER, Way.QUIET),
        (replace(ASKED, uses=4), TELLING, NEITHER, Way.ADDRESS),
        (replace(ASKED, uses=4), NEWS, BOT, Way.ADDRESS),
        (replace(ASKED, uses=4), NEWS, HOOK, Way.ADDRESS),
        (replace(ASKED, uses=4, replaces=True), NEWS, NEITHER, Way.QUIET),
        (replace(ASKED, uses=4, channel="", user=""), NEWS, BOT, Way.QUIET),
        (replace(ASKED, uses=5), NEWS, BOTH, Way.POST),
        (replace(ASKED, uses=5), NEWS, HOOK, Way.HOOK),
        (replace(ASKED, uses=5), TELLING, NEITHER, Way.STUCK),
        (replace(ASKED, uses=5), QUIET, NEITHER, Way.QUIET),
        (replace(ASKED, address_until=NOON), NEWS, BOTH, Way.POST),
        (replace(ASKED, address_until=NOON), TELLING, NEITHER, Way.STUCK),
        # Else a message is posted, where that is worth it.
        (message(), NEWS, BOTH, Way.POST),
        (message(), QUIET, BOTH, Way.QUIET),
        (message(begun_at=NOON), QUIET, BOTH, Way.POST),
        (message(begun_at=NOON), QUIET, HOOK, Way.QUIET),
        (message(channel=""), NEWS, BOT, Way.POST),
        (message(channel="", user=""), NEWS, BOT, Way.STUCK),
        (message(channel="", user=""), NEWS, BOTH, Way.HOOK),
        (message(), NEWS, HOOK, Way.HOOK),
        (message(), NEWS, NEITHER, Way.STUCK),
        # A step is ended, once.
        (message(kind="step", address="xwfp-1"), NEWS, BOT, Way.QUIET),
        (message(kind="step", address="xwfp-1"), TELLING, BOT, Way.END),
        (message(kind="step", address="xwfp-1"), WAITING, BOT, Way.END),
        (message(kind="step", address=""), TELLING, BOT, Way.QUIET),
    ],
)
def test_the_next_way(row: Message, face: Face, workspace: Workspace, way: Way) -> None:
    assert ways.choose(row, face, workspace, NOON) is way


@pytest.mark.parametrize(
    ("closed", "way"),
    [({Way.UPDATE}, Way.ADDRESS), ({Way.UPDATE, Way.ADDRESS}, Way.POST), ({*Way} - {Way.HOOK}, Way.HOOK)],
)
def test_a_way_that_was_refused_is_left_out(closed: set[Way], way: Way) -> None:
    assert ways.choose(replace(ASKED, ts="1.2"), NEWS, BOTH, NOON, closed) is way


def test_all_ways_refused_is_stuck() -> None:
    assert ways.choose(message(), NEWS, BOTH, NOON, {Way.POST, Way.HOOK}) is Way.STUCK


@pytest.mark.parametrize(
    ("row", "way", "meant", "changes"),
    [
        (ASKED, Way.ADDRESS, Meaning.ELSEWHERE, {"address": "", "address_until": None}),
        (message(ts="1.2"), Way.UPDATE, Meaning.LOST, {"ts": ""}),
        (message(ts="1.2", thread="1.1"), Way.UPDATE, Meaning.ELSEWHERE, {"ts": "", "channel": "U1", "thread": ""}),
        (message(ts="1.2", user=""), Way.UPDATE, Meaning.ELSEWHERE, {"ts": ""}),
        (message(begun_at=NOON), Way.POST, Meaning.ELSEWHERE, {"channel": "U1", "begun_at": None}),
    ],
)
def test_what_follows_a_refusal(row: Message, way: Way, meant: Meaning, changes: dict[str, Any]) -> None:
    assert ways.refused(row, way, meant) == replace(row, **changes)


def test_a_webhook_that_refuses_is_not_tried_again() -> None:
    assert ways.refused(message(), Way.HOOK, Meaning.ELSEWHERE) is None


@pytest.mark.parametrize("row", [message(channel="U1"), message(channel="D1"), message(user="")])
def test_who_cannot_be_told_directly_either_is_not_posted_to_again(row: Message) -> None:
    assert ways.refused(row, Way.POST, Meaning.ELSEWHERE) is None


def test_what_was_posted_is_known_by_its_ts_and_its_channel() -> None:
    row = ways.begun(message(channel="#social"), Way.POST, NOON)
    assert row.begun_at == NOON
    row = ways.shown(row, Way.POST, Answer(True, data={"ts": "1.2", "channel": "C7"}), NEWS, "mark")
    assert (row.ts, row.channel, row.begun_at, row.shown, row.said) == ("1.2", "C7", None, "mark", "scheduled")


def test_an_answer_is_counted_before_it_is_given_and_given_back_when_it_never_went() -> None:
    row = ways.begun(ASKED, Way.ADDRESS, NOON)
    assert row.uses == 1
    assert ways.unasked(row, Way.ADDRESS, ASKED.shown) == ASKED


def test_a_step_s_token_is_forgotten_with_its_end() -> None:
    row = message(kind="step", address="xwfp-1", execution="Fx1")
    assert ways.shown(row, Way.END, Answer(True), TELLING, "mark").address == ""


@pytest.mark.parametrize("row", [replace(ASKED, uses=5), replace(ASKED, address_until=NOON)])
def test_an_address_that_is_of_no_use_any_more_is_not_kept(row: Message) -> None:
    assert ways.without_spent(row, NOON).address == ""
    assert ways.without_spent(ASKED, NOON) == ASKED


def test_a_step_s_token_is_kept_until_its_end() -> None:
    row = message(kind="step", address="xwfp-1", uses=9)
    assert ways.without_spent(row, NOON) == row


def test_a_post_carries_what_it_is_found_by_and_no_previews() -> None:
    call = ways.write(Way.POST, message(thread="1.1"), NEWS, BOT)
    assert orjson.loads(call.body) == {
        "channel": "C1",
        "thread_ts": "1.1",
        "metadata": {"event_type": "bridge_message", "event_payload": {"id": "rpl_1"}},
        "text": "Scheduled",
        "blocks": [BLOCK],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def test_an_answer_is_for_whoever_asked_alone() -> None:
    call = ways.write(Way.ADDRESS, replace(ASKED, thread="1.1"), NEWS, NEITHER)
    said = orjson.loads(call.body)
    assert (call.url, said["response_type"], said["replace_original"]) == (URL, "ephemeral", False)
    assert said["thread_ts"] == "1.1"


def test_an_answer_to_a_press_of_a_button_takes_the_place_of_the_message() -> None:
    said = orjson.loads(ways.write(Way.ADDRESS, replace(ASKED, replaces=True), NEWS, NEITHER).body)
    assert (said["replace_original"], "response_type" in said) == (True, False)


@pytest.mark.parametrize(
    ("face", "method"), [(TELLING, "functions.completeSuccess"), (NEWS, "functions.completeError")]
)
def test_a_step_ends_well_only_when_it_was_posted(face: Face, method: str) -> None:
    row = message(kind="step", address="xwfp-1", execution="Fx1")
    call = ways.write(Way.END, row, face, BOT)
    assert (call.what, call.headers["Authorization"]) == (method, "Bearer xwfp-1")
    assert orjson.loads(call.body)["function_execution_id"] == "Fx1"


@pytest.mark.parametrize(
    ("workspace", "last", "reason"),
    [
        (BOT, "not_in_channel", FailureReason.FORBIDDEN),
        (BOT, "", FailureReason.INVALID),
        (NEITHER, "", FailureReason.EXPIRED),
    ],
)
def test_why_nobody_can_be_told(workspace: Workspace, last: str, reason: FailureReason) -> None:
    found, detail = ways.why_stuck(workspace, last)
    assert (found, len(detail) < 250) == (reason, True)
