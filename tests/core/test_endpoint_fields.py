"""What an endpoint may be, wherever it is written: every field's rule, and what is said of a mistake."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bridge.core.endpoint_fields import EndpointFields, Known, columns, faults_of, fields_of, read, told, unknown
from bridge.core.errors import FailureReason
from bridge.core.model import Endpoint
from bridge.core.targets import ANYWHERE

URL = "https://ops.example.com/hook"
KNOWN = Known(partners=["main"], sources=["blog"], platforms=["linkedin-page"])


def wrong(**given: object) -> dict[str, str]:
    _, faults = read(given)
    assert all(fault.remedy for fault in faults)
    return {fault.field: fault.problem for fault in faults}


def wrong_together(known: Known = KNOWN, **given: object) -> dict[str, str]:
    sound, faults = read({"url": URL, **given})
    assert faults == []
    return {fault.field: fault.problem for fault in faults_of(EndpointFields(**sound), known)}


def test_sound_fields_are_read():
    sound, faults = read(
        {
            "url": URL,
            "events": "post.*",
            "where": {"platform": ["Twitter"], "reason": "token"},
            "rate": 0.5,
            "timeout": "30s",
            "schedule": ["0s", "1m"],
            "group": "1m",
            "headers": {"X-Team": "a"},
            "description": None,
        }
    )

    assert faults == []
    assert sound["events"] == ("post.*",)
    assert sound["where"] == {"platform": ("x",), "reason": ("token",)}
    assert sound["schedule"] == (timedelta(), timedelta(minutes=1))
    assert sound["description"] == ""


def test_every_field_that_is_wrong_is_told_at_once():
    found = wrong(
        url=5,
        events=["post.faild"],
        where={"reason": 5},
        format="xml",
        rate=0,
        ordering="all",
        timeout="0s",
        schedule=[],
        group="2h",
        headers={"X-A": 5},
        allow_http="perhaps",
        colour="red",
    )

    assert found == {
        "url": "must be a valid string",
        "events[0]": "matches no event type",
        "where.reason": "must be a list",
        "format": "must be 'standard', 'cloudevents', 'slack' or 'flat'",
        "rate": "must be greater than or equal to 0.001",
        "ordering": "must be 'none' or 'subject'",
        "timeout": "must be more than 0s",
        "schedule": "must have at least 1 item, not 0",
        "group": "must be at most 1h",
        "headers.X-A": "must be a valid string",
        "allow_http": "must be a valid boolean, unable to interpret input",
        "colour": "is not a field here",
    }


def test_conditions_name_what_there_is():
    found = wrong_together(
        where={
            "partner": ["main", "man"],
            "source": ["blog", "api", "adopted", "bolg"],
            "platform": ["linkedin", "linkedin-page", "myspace"],
            "reason": ["token", "tokn"],
            "account": ["whatever"],
            "weather": ["fair"],
        }
    )

    assert found == {
        "where.partner": "'man' is no partner that is known here",
        "where.source": "'bolg' is no source that is known here",
        "where.platform": "'myspace' is no platform that is known here",
        "where.reason": "'tokn' is no reason that is known here",
        "where.weather": "is not a condition",
    }


def test_a_pattern_may_name_what_is_yet_to_come_and_an_empty_one_names_nothing():
    assert wrong_together(where={"partner": ["b*"], "source": "*", "platform": "my*", "reason": "platform_*"}) == {}
    assert wrong_together(where={"account": [""]}) == {"where.account": "is empty"}
    assert wrong_together(Known(), where={"partner": "any", "source": "any"}) == {}


@pytest.mark.parametrize("reason", list(FailureReason))
def test_every_reason_can_be_a_condition(reason):
    assert wrong_together(where={"reason": str(reason)}) == {}


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("Webhook-Id", "a", "is a header that bridge sets itself"),
        ("HOST", "a", "is a header that bridge sets itself"),
        ("content-length", "1", "is a header that bridge sets itself"),
        ("Connection", "close", "is a header that bridge sets itself"),
        ("Transfer-Encoding", "chunked", "is a header that bridge sets itself"),
        ("Content-Type", "text/plain", "is a header that bridge sets itself"),
        ("X Team", "a", "is not the name of a header"),
        ("", "a", "is not the name of a header"),
        ("X-Tеam", "a", "is not the name of a header"),
        ("X-Team", "a\r\nX-Other: b", "is not the value of a header"),
        ("X-Team", " a", "is not the value of a header"),
        ("X-Team", "", "is not the value of a header"),
        ("X-Team", "ä", "is not the value of a header"),
        ("X-Team", "a" * 4001, "is not the value of a header"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(name, value, problem):
    assert wrong_together(headers={name: value}) == {f"headers.{name}": problem}


def test_all_headers_that_are_wrong_are_told_and_a_name_counts_in_any_case():
    found = wrong_together(headers={"X-Team": "a", "x-team": "b", "host": "c", "X-Note": "a b\tc!"})

    assert found == {"headers.x-team": "is there twice", "headers.host": "is a header that bridge sets itself"}


def test_plain_http_is_for_the_endpoint_to_allow():
    url = "http://ops.example.com/hook"

    assert wrong_together(url=url) == {"url": "is plain http"}
    assert wrong_together(url=url, allow_http=True) == {}
    assert wrong_together(Known(reachable=ANYWHERE), url=url) == {}


def test_only_a_format_that_can_say_several_things_is_grouped():
    assert wrong_together(format="flat", group="30s") == {
        "group": "the format flat cannot say several things in one message"
    }
    assert wrong_together(format="flat", group="0s") == wrong_together(format="slack", group="30s") == {}


@pytest.mark.parametrize(
    ("fields", "events", "group_s"),
    [
        ({}, ("*",), 0),
        ({"format": "slack"}, ("attention.*",), 30),
        ({"format": "slack", "events": ("*",), "group": timedelta()}, ("*",), 0),
    ],
)
def test_what_is_left_out_follows_the_format(fields, events, group_s):
    found = columns(EndpointFields(url=URL, **fields))

    assert (found["events"], found["group_s"]) == (events, group_s)


def test_a_row_gives_back_the_fields_that_made_it():
    fields = EndpointFields(
        url=URL,
        description="Team",
        events=("post.*",),
        where={"account": ("brand-*",)},
        format="slack",
        headers={"X-Team": "a"},
        rate=2.0,
        ordering="subject",
        timeout=timedelta(seconds=3),
        schedule=(timedelta(), timedelta(seconds=1)),
        group=timedelta(seconds=5),
        allow_http=True,
    )

    shown = replace(fields, url="https://ops.example.com/[redacted]")
    assert fields_of(Endpoint("ops", **columns(fields)), {"X-Team": "a"}) == shown


@pytest.mark.parametrize("pattern", ["a?c", "[ab]", "a*[!b]"])
def test_only_a_star_is_a_wildcard(pattern):
    assert wrong(events=[pattern], where={"account": [pattern]}) == {
        "events[0]": "has ? or [ in it",
        "where.account[0]": "has ? or [ in it",
    }


def test_a_pattern_has_up_to_100_characters_and_a_longer_one_is_looked_at_no_further():
    assert wrong(where={"account": "a" * 100}) == {}
    assert wrong(events="p" * 1_000_000, where={"reason": ["t" * 101]}) == {
        "events[0]": "has more than 100 characters",
        "where.reason[0]": "has more than 100 characters",
    }


def test_an_endpoint_has_up_to_100_patterns_in_all():
    said = [f"a{number}" for number in range(60)]

    assert wrong_together(events=["*"] * 40, where={"account": said}) == {}
    assert wrong_together(events=["*"] * 41, where={"account": said}) == {
        "events": "is one of 101 patterns in events and where",
        "where": "is one of 101 patterns in events and where",
    }
    assert wrong(events=["*"] * 101) == {"events": "must have at most 100 items, not 101"}
    assert wrong(where={f"c{number}": "a" for number in range(21)}) == {"where": "must have at most 20 items, not 21"}


def test_what_has_too_many_items_is_not_looked_at_one_by_one():
    many = [object()] * 100_000

    found = wrong(events=many, where={"account": many}, schedule=many, headers=dict(enumerate(many)))

    assert found.keys() == {"events", "where.account", "schedule", "headers"}
    assert {problem.startswith("must have at most") for problem in found.values()} == {True}


def test_names_are_told_in_short():
    long = "x" * 5_000
    sound, faults = read({long: 1, "headers": {long: 5}, "where": {long: ["a"]}})
    faults += faults_of(EndpointFields(url=URL, **sound), KNOWN)

    assert sorted(fault.field for fault in faults) == [f"headers.{'x' * 60}", f"where.{'x' * 60}", "x" * 60]


def test_only_so_many_faults_are_told_and_how_many_there_are_besides():
    faults = unknown([f"evnt{number}" for number in range(20_000)], ["events"])

    cut = told(faults)

    assert (len(cut), cut[-1].problem) == (51, "has 19950 more faults")
    assert all(fault.remedy for fault in cut)
    assert told(faults[:50]) == faults[:50]
