"""The publish request: every spelling that is allowed, and every fault of the others at once."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Problem
from bridge.core.request import EDITABLE, FIELDS, parse_request, read_media
from tests.core.builders import problem_of

MP4, JPG, PNG = "https://a.example/v.mp4", "https://a.example/1.jpg?x=1.gif", "https://a.example/2.PNG"


def faults_of(fields: dict, **options) -> dict[str, str]:
    with pytest.raises(Problem) as caught:
        parse_request(fields, **options)
    assert (caught.value.status, caught.value.slug) == (422, "invalid_request")
    return {fault.field: fault.problem for fault in reversed(caught.value.errors)}


@pytest.mark.parametrize(
    ("field", "sent", "read"),
    [
        ("caption", "hi", "hi"),
        ("caption", 7, "7"),
        ("caption", 1.5, "1.5"),
        ("caption", "", None),
        ("caption", None, None),
        ("captions", {"Twitter": "a", "LinkedIn": 7, "tiktok": ""}, {"x": "a", "linkedin": "7"}),
        ("captions", '{"x": "a", "mastodon": "b"}', {"x": "a", "mastodon": "b"}),
        ("captions", {}, None),
        ("captions", "", None),
        ("media", MP4, {"type": "video", "url": MP4}),
        ("media", [MP4], {"type": "video", "url": MP4}),
        ("media", JPG, {"type": "slideshow", "urls": [JPG]}),
        ("media", [JPG, PNG], {"type": "slideshow", "urls": [JPG, PNG]}),
        ("media", {"type": "video", "url": MP4, "bytes": 5}, {"type": "video", "url": MP4, "bytes": 5}),
        ("media", {"type": "slideshow", "urls": [JPG]}, {"type": "slideshow", "urls": [JPG]}),
        ("media", f'{{"type": "video", "url": "{MP4}"}}', {"type": "video", "url": MP4}),
        ("media", f'["{JPG}"]', {"type": "slideshow", "urls": [JPG]}),
        ("media", [], None),
        ("media", "", None),
        ("accounts", ["a", " b ", "a"], ["a", "b"]),
        ("accounts", "a, brand-*,", ["a", "brand-*"]),
        ("accounts", [{"id": "a"}, {"name": "b"}, {"id": 7}], ["a", "b", "7"]),
        ("accounts", {"id": "a"}, ["a"]),
        ("accounts", '["a", {"id": "b"}]', ["a", "b"]),
        ("accounts", "[ab]*", ["[ab]*"]),
        ("accounts", None, None),
        ("tiktok", {"title": "x"}, {"title": "x"}),
        ("tiktok", '{"title": "x"}', {"title": "x"}),
        ("settings", "", None),
        ("tags", "a, b,,", ["a", "b"]),
        ("tags", '["a", "b"]', ["a", "b"]),
        ("tags", ["a"], ["a"]),
        ("tags", None, None),
        ("url", "https://a.example/x", "https://a.example/x"),
        ("music_url", "HTTP://a.example", "HTTP://a.example"),
    ],
)
def test_a_field_is_read(field, sent, read):
    assert parse_request({field: sent}).given.get(field) == read


@pytest.mark.parametrize(
    ("fields", "field", "problem"),
    [
        ({"captoin": "x"}, "captoin", "is not a known field"),
        ({"zzzzzzzz": "x"}, "zzzzzzzz", "is not a known field"),
        ({"caption": ["x"]}, "caption", "is a list, not text"),
        ({"caption": True}, "caption", "is true or false, not text"),
        ({"caption": "a", "text": "b"}, "text", "differs from caption"),
        ({"captions": "short"}, "captions", "is text, not an object"),
        ({"captions": {"x": ["a"]}}, "captions.x", "is a list, not text"),
        ({"captions": {"x": "a", "twitter": "b"}}, "captions.twitter", "is there twice"),
        ({"captions": {" ": "a"}}, "captions. ", "names no platform"),
        ({"captions": {"x" * 41: "a"}}, "captions." + "x" * 40, "names no platform"),
        ({"external_id": "x" * 129}, "external_id", "has 129 characters"),
        ({"url": "a.example"}, "url", "is not an http(s) URL"),
        ({"url": "http://[::1"}, "url", "is not an http(s) URL"),
        ({"url": "https://a b"}, "url", "is not an http(s) URL"),
        ({"url": "https://" + "a" * 5000}, "url", "is not an http(s) URL"),
        ({"music_url": "ftp://a.example/x"}, "music_url", "is not an http(s) URL"),
        ({"tiktok": "x"}, "tiktok", "is text, not an object"),
        ({"settings": [1]}, "settings", "is a list, not an object"),
        ({"settings": {"a": [[]] * 2} | {"b": orjson.loads("[" * 40 + "]" * 40)}}, "settings", "is nested too deep"),
        ({"tags": 5}, "tags", "is not a list of text"),
        ({"tags": [5]}, "tags", "is not a list of text"),
        ({"dedupe": "maybe"}, "dedupe", "is text"),
        ({"dedupe": [True]}, "dedupe", "is a list"),
        ({"accounts": []}, "accounts", "is empty"),
        ({"accounts": " , "}, "accounts", "is empty"),
        ({"accounts": 5}, "accounts", "is a number"),
        ({"accounts": ["a", {"x": 1}, True]}, "accounts[1]", "names no account"),
        ({"accounts": ["a", True]}, "accounts[1]", "names no account"),
        ({"media": 5}, "media", "is neither an object, a URL nor a list of URLs"),
        ({"media": [5]}, "media", "is neither an object, a URL nor a list of URLs"),
        ({"media": "v.mp4"}, "media", "is not an http(s) URL"),
        ({"media": [JPG, "2.jpg"]}, "media[1]", "is not an http(s) URL"),
        ({"media": [MP4, MP4]}, "media", "has 2 videos"),
        ({"media": [MP4, JPG]}, "media", "does not show by its ending whether it is a video or images"),
        ({"media": "https://a.example/view"}, "media", "does not show by its ending whether it is a video or images"),
        ({"media": {"type": "video", "url": "x"}}, "media.url", "is not an http(s) URL"),
        ({"media": {"type": "slideshow", "urls": []}}, "media.urls", "is not a list of http(s) URLs"),
        ({"media": {"type": "gif"}}, "media.type", "is 'gif'"),
        ({"media": {"type": ["gif"]}}, "media.type", "is missing"),
        ({"scheduled_at": "soon"}, "scheduled_at", "'soon' is not a date and time"),
        ({"scheduled_at": "2026-03-01T17:00", "timezone": "X/Y"}, "timezone", "'X/Y' is not an IANA zone"),
        ({"scheduled_at": "2026-03-01T17:00Z", "timezone": "X/Y"}, "timezone", "'X/Y' is not an IANA zone"),
        ({"timezone": "X/Y"}, "timezone", "'X/Y' is not an IANA zone"),
        ({"scheduled_at": "1999-12-31T23:59:59Z"}, "scheduled_at", "is before the year 2000"),
        ({"scheduled_at": "0001-01-01T00:00Z"}, "scheduled_at", "is before the year 2000"),
    ],
)
def test_a_faulty_field_says_what_is_wrong(fields, field, problem):
    assert faults_of(fields)[field] == problem


def test_every_fault_is_told_at_once_and_the_detail_stays_short():
    fields = {"captoin": "x" * 999, "url": "x", "media": 5, "accounts": [], "tags": 1, "scheduled_at": "x"}

    with pytest.raises(Problem) as caught:
        parse_request(fields)

    assert {fault.field for fault in caught.value.errors} == set(fields)
    assert all(name in caught.value.detail for name in fields)
    assert len(caught.value.detail) < 250


def test_only_some_unknown_fields_get_a_suggestion_because_each_costs_time():
    with pytest.raises(Problem) as caught:
        parse_request({f"captio{number}": 1 for number in range(30)})

    hints = [fault.remedy.startswith("Did you mean") for fault in caught.value.errors]
    assert hints == [True] * 20 + [False] * 10


def test_a_schedule_is_read_in_its_zone_with_its_warnings():
    request = parse_request({"scheduled_at": "2026-03-29T02:30", "timezone": "Europe/Berlin"})

    assert request.scheduled_at.isoformat() == request.given["scheduled_at"] == "2026-03-29T01:30:00+00:00"
    assert [warning["code"] for warning in request.warnings] == ["DST_GAP"]


@pytest.mark.parametrize(
    ("fields", "hour"),
    [({}, 17), ({"timezone": "America/New_York"}, 23), ({"scheduled_at": "2026-03-01T18:00Z"}, 18)],
)
def test_a_zone_is_for_times_that_have_none(fields, hour):
    request = parse_request({"scheduled_at": "2026-03-01T18:00"} | fields, timezone="Europe/Berlin")

    assert request.scheduled_at.hour == hour


@pytest.mark.parametrize(("value", "media"), [(JPG, {"type": "slideshow", "urls": [JPG]}), (None, None)])
def test_media_of_a_configuration_are_read_like_those_of_a_request(value, media):
    assert read_media(value) == media
    with pytest.raises(ValueError, match=r"is not an http\(s\) URL; say"):
        read_media("nowhere")


@pytest.mark.parametrize(
    ("value", "dedupe"),
    [(None, True), ("", True), (True, True), ("on", True), (False, False), ("No", False), (0, False)],
)
def test_the_content_hash_can_be_turned_off(value, dedupe):
    assert parse_request({"dedupe": value}).dedupe is dedupe


def test_what_is_not_content_stands_apart():
    fields = {"caption": "x", "external_id": "e", "correlation": "c", "accounts": "a", "tags": "t"}
    fields |= {"captions": {"x": "y"}}

    request = parse_request(fields)

    assert (request.content, request.accounts) == ({"caption": "x", "tags": ["t"]}, ("a",))
    assert (request.external_id, request.correlation, request.captions) == ("e", "c", {"x": "y"})


@pytest.mark.parametrize(
    ("fields", "clear"),
    [
        ({"caption": None, "media": None}, {"caption", "media"}),
        ({"text": None}, {"caption"}),
        ({"caption": None, "text": "new"}, set()),
        ({"scheduled_at": None}, {"scheduled_at"}),
        ({"caption": ""}, set()),
    ],
)
def test_an_edit_clears_what_is_null(fields, clear):
    assert parse_request(fields, editing=True).clear == clear


@pytest.mark.parametrize("field", sorted(set(FIELDS) - set(EDITABLE)))
def test_an_edit_refuses_what_cannot_be_changed(field):
    assert faults_of({field: "x"}, editing=True)[field] == "is not a known field"


values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | st.text() | st.sampled_from([MP4, JPG]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text() | st.just("id"), inner, max_size=4),
    max_leaves=12,
)
requests = st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=12), values, max_size=8)


@given(requests, st.booleans())
def test_no_json_crashes_the_reader(fields, editing):
    """Every answer is a request whose sameness can be told, or a 422 that names at least one field."""
    problem = problem_of(lambda: parse_request(fields, editing=editing).fingerprint)

    assert problem is None or (problem.status == 422 and problem.errors)


DEEP = orjson.loads("[" * 1000 + "]" * 1000)


@pytest.mark.parametrize("sent", [DEEP, {"type": DEEP}, '{"a":' * 300 + "1" + "}" * 300, "[" * 33 + "]" * 33])
@pytest.mark.parametrize("field", FIELDS)
def test_no_depth_crashes_the_reader(field, sent):
    problem = problem_of(lambda: parse_request({field: sent}).fingerprint)

    assert problem is None or field in problem.detail


@given(st.permutations([("caption", "x"), ("settings", {"x": {"a": 1, "b": 2}}), ("accounts", "a,b"), ("tags", "t")]))
def test_the_order_of_keys_does_not_make_another_request(pairs):
    turned = [(name, {"x": {"b": 2, "a": 1}} if name == "settings" else value) for name, value in pairs]

    assert parse_request(dict(pairs)).fingerprint == parse_request(dict(turned)).fingerprint


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ({"text": "x"}, {"caption": "x"}, True),
        ({"caption": "x", "media": None}, {"caption": "x"}, True),
        ({"accounts": "a"}, {"accounts": [{"id": "a"}]}, True),
        ({"scheduled_at": "2026-03-01T18:00+01:00"}, {"scheduled_at": "2026-03-01T17:00:00Z"}, True),
        ({"caption": "x"}, {"caption": "x", "dedupe": True}, True),
        ({"captions": {"twitter": "x"}}, {"captions": {"x": "x"}}, True),
        ({"caption": "x"}, {"caption": "x", "captions": {"x": "y"}}, False),
        ({"caption": "x"}, {"caption": "y"}, False),
        ({"caption": "x"}, {"caption": "x", "accounts": "a"}, False),
        ({"caption": "x", "external_id": "1"}, {"caption": "x", "external_id": "2"}, False),
    ],
)
def test_sameness_is_that_of_the_parsed_request(one, other, same):
    assert (parse_request(one).fingerprint == parse_request(other).fingerprint) is same
