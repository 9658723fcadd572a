"""A publish request as people type it into the forms of Zapier: no levels, texts only, lists with commas."""

from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Problem
from bridge.sources._body import read_publish
from bridge.sources._typed import typed
from tests.sources.test_body import a_request

A, B = "https://a.example/1.jpg", "https://a.example/2.jpg"


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"caption": "a__b"}, {"caption": "a__b"}),
        ({"media__url": A, "media__type": "video"}, {"media": {"url": A, "type": "video"}}),
        ({"media__url": A}, {"media": A}),
        ({"media__urls": f"{A}, {B}"}, {"media": [A, B]}),
        ({"media__type": "slideshow", "media__urls": A}, {"media": {"type": "slideshow", "urls": [A]}}),
        ({"media": f"{A},{B}"}, {"media": [A, B]}),
        ({"media": f"{A}\n{B}"}, {"media": [A, B]}),
        ({"media": [A]}, {"media": [A]}),
        ({"media": "a photo of us"}, {"media": "a photo of us"}),
        ({"media": 5}, {"media": 5}),
        ({"media": {"type": "gif"}}, {"media": {"type": "gif"}}),
        ({"captions__x": "short", "captions": {"x": "c"}}, {"captions__x": "short", "captions": {"x": "c"}}),
        ({"captions__x": "short"}, {"captions": {"x": "short"}}),
        (
            {"tiktok__disable_comment": "yes", "tiktok__title": "yes"},
            {"tiktok": {"disable_comment": True, "title": "yes"}},
        ),
        ({"settings__x__made_with_ai": "false"}, {"settings": {"x": {"made_with_ai": False}}}),
        ({"tiktok": {"disable_comment": "perhaps"}}, {"tiktok": {"disable_comment": "perhaps"}}),
        ({"scheduled_at": "January 5, 2031 9:00 AM"}, {"scheduled_at": "2031-01-05T09:00:00"}),
        ({"scheduled_at": "2031-01-05T09:00:00-05:00"}, {"scheduled_at": "2031-01-05T09:00:00-05:00"}),
        ({"scheduled_at": 1925000000}, {"scheduled_at": "2031-01-01T02:13:20+00:00"}),
        ({"scheduled_at": "03/04/2031 9:00"}, {"scheduled_at": "03/04/2031 9:00"}),
        ({"scheduled_at": True, "accounts": "a, b"}, {"scheduled_at": True, "accounts": "a, b"}),
        ({"scheduled_at": 1925000000.0}, {"scheduled_at": "2031-01-01T02:13:20+00:00"}),
        ({"media": {"url": A, "type": None}}, {"media": A}),
        ({"media": {"url": None}}, {"media": {"url": None}}),
        ({"media": {"url": A, "cover_url": B}}, {"media": {"url": A, "cover_url": B}}),
        ({"media": {"url": A, "urls": [B]}}, {"media": {"url": A, "urls": [B]}}),
        ({"media": {"type": "", "url": A, "cover_url": ""}}, {"media": A}),
        ({"media": f"{A} "}, {"media": A}),
        ({"media": f"{A},"}, {"media": A}),
        ({"media": f"{A} ,{B}, "}, {"media": [A, B]}),
        ({"media": [f"{A}, {B}"]}, {"media": [A, B]}),
        ({"media": [f"{A},{B}", 5]}, {"media": [A, B, 5]}),
        ({"media": f"{A}?w=1,"}, {"media": f"{A}?w=1,"}),
        ({"media": f"{A}?with={B},{B}"}, {"media": f"{A}?with={B},{B}"}),
        ({"media": f"https://cdn.example/{A},{B}"}, {"media": f"https://cdn.example/{A},{B}"}),
        ({"media": f"{A}?w=1, {B}?w=2"}, {"media": [f"{A}?w=1", f"{B}?w=2"]}),
        ({"accounts": ["a, b", "c", ""]}, {"accounts": ["a", "b", "c"]}),
        ({"tags": ["a, b"]}, {"tags": ["a", "b"]}),
        ({"tags": ["Paris, France", "c d"]}, {"tags": ["Paris, France", "c d"]}),
        ({"accounts": "", "accounts__id": ""}, {"accounts": ""}),
        ({"accounts": ""}, {"accounts": ""}),
        ({"tiktok__privacy_level": "", "tiktok": ""}, {}),
        ({"tiktok__privacy_level": "SELF_ONLY", "tiktok": ""}, {"tiktok": {"privacy_level": "SELF_ONLY"}}),
        ({"tiktok__disable_comment": " ", "media__url": A}, {"media": A}),
        ({"settings": {"youtube": {"title": ""}, "x": {}}}, {"settings": {"x": {}}}),
        ({"settings": {"youtube": {"title": ""}}, "tiktok": {}}, {"tiktok": {}}),
        ({"tiktok__video_cover_timestamp_ms": "1000"}, {"tiktok": {"video_cover_timestamp_ms": 1000}}),
        ({"settings__instagram__thumb_offset_ms": "1.5 s"}, {"settings": {"instagram": {"thumb_offset_ms": "1.5 s"}}}),
        ({"pinterest__board_id": "123"}, {"pinterest": {"board_id": "123"}}),
        (
            {"media__type": "video", "media__url": A, "media__duration_sec": "30"},
            {"media": {"type": "video", "url": A, "duration_sec": 30}},
        ),
        ({"foo__bar": "x", "caption__x": "y"}, {"foo__bar": "x", "caption__x": "y"}),
    ],
)
def test_what_is_typed_is_read_as_a_program_would_send_it(sent, read):
    assert typed(sent) == read


def test_what_stands_alone_in_a_list_is_taken_and_several_are_refused_with_their_number():
    [item] = read_publish(a_request(b'[{"caption": "one"}]')).items

    assert item.own == {"caption": "one"}
    with pytest.raises(Problem, match=r"a list of 2\. Send one object in each request"):
        read_publish(a_request(b'[{"caption": "one"}, {"caption": "two"}]'))
    with pytest.raises(Problem, match="not an object"):
        read_publish(a_request(b"[[]]"))


def test_a_form_and_json_of_the_same_fields_are_the_same():
    fields = {"media__url": A, "accounts": "a, b", "tiktok__is_commercial": "no"}
    form = a_request(urlencode(fields).encode(), content_type="application/x-www-form-urlencoded")

    assert read_publish(form).items[0].own == typed(fields)


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from([A, f"{A} {B}", "yes"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["url", "urls", "is_x"]), inner),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["media", "media__url", "tiktok", "scheduled_at"]) | st.text(max_size=9), _VALUES)
)
def test_no_fields_crash_it_and_what_was_read_stays_as_it_is(fields):
    found = typed(fields)
    assert any("__" in name for name in fields) or typed(found) == found
