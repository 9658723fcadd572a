"""What is told in a drill says so, to programs and to people, in every format."""

from datetime import UTC, datetime

import orjson
import pytest

from bridge.core import formats
from bridge.core.drilling import Told, marked, marked_write, outcome_of
from bridge.core.events import outbound
from bridge.core.model import Write

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
ACCOUNT = {"id": "1", "partner": "gv", "platform": "x", "username": "brandhq", "name": "brand"}
COMMON = {"sequence": 1, "partner": "gv", "source": "api", "event_id": None, "external_id": None, "correlation": None}
OPENED = {
    **COMMON,
    "subject": {"kind": "cause", "id": "account:gv:1"},
    "previous": "closed",
    "current": "open",
    "changed_at": AT,
    "reason": "account_inactive",
    "detail": "it is not listed",
    "opened_at": AT,
    "account": ACCOUNT,
    "waits": [],
    "waiting": 0,
    "what_to_do": "Reconnect it.",
}
RECOVERED = {**COMMON, "subject": {"kind": "key", "id": "gv"}, "previous": "blocked", "current": "ok", "changed_at": AT}


def event(event_type="attention.opened", data=OPENED):
    return outbound("msg_1", event_type, data, filters={"partner": "gv", "accounts": ("brand",)}, at=AT)


def test_an_event_of_a_drill_says_so_in_a_field_and_in_its_texts():
    made = marked(event())
    data = orjson.loads(made.body)["data"]

    assert data["drill"] is True
    assert data["what_to_do"] == "DRILL: Reconnect it."
    assert data["account"]["name"] == "DRILL brand"
    assert data["message"].startswith("DRILL: ")
    assert data["reason"] == "account_inactive"


def test_what_endpoints_filter_by_stays_as_it_is():
    made = marked(event())

    assert (made.accounts, made.partner, made.subject) == (("brand",), "gv", "cause:account:gv:1")


@pytest.mark.parametrize("name", [formats.CLOUDEVENTS, formats.SLACK, formats.FLAT])
@pytest.mark.parametrize("told", [("attention.opened", OPENED), ("partner.recovered", RECOVERED)])
def test_every_format_says_it(name, told):
    body = formats.body(name, marked(event(*told)))

    assert body is not None
    assert b"DRILL" in body


def test_targets_are_marked_each():
    rows = [{"account": ACCOUNT, "state": "posted", "url": None}, {"account": {"id": "2"}, "state": "posted"}]
    data = orjson.loads(marked(event("post.posted", {**OPENED, "targets": rows})).body)["data"]

    assert [row["account"]["name"] for row in data["targets"]] == ["DRILL brand", "DRILL 2"]


def test_a_step_that_tells_nothing_is_left_as_it_is():
    nothing = Write()

    assert marked_write(nothing) is nothing
    assert b'"drill":true' in marked_write(Write(events=(event(),))).events[0].body


@pytest.mark.parametrize(
    ("live", "waited", "doubled", "well", "lost"),
    [
        ({"a": True, "b": True}, ["b"], 0, True, 0),
        ({"a": True, "b": False}, ["b"], 0, False, 1),
        ({"a": False, "b": True}, ["b"], 0, False, 1),
        ({"a": True, "b": True}, ["b"], 1, False, 0),
        ({"a": True}, [], 0, True, 0),
    ],
)
def test_a_drill_went_well_when_everything_is_live_once(live, waited, doubled, well, lost):
    outcome = outcome_of(live, waited, doubled)

    assert (outcome.well, outcome.lost, outcome.waited) == (well, lost, len(waited))


def test_what_an_endpoint_was_told_is_counted_by_type():
    told = Told("ops", ("attention.*",))
    told.add("attention.opened", arrived=True)
    told.add("attention.opened", arrived=False)

    assert told.wire() == {
        "name": "ops",
        "events": ["attention.*"],
        "told": {"attention.opened": 2},
        "arrived": 1,
    }
    assert told.total == 2
