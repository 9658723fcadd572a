"""Bodies of every kind: what they say, and that whatever is wrong is told with its place and costs little."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Problem
from bridge.core.model import RawRequest
from bridge.sources import _body
from bridge.sources._body import read_body, read_fields
from tests.core.builders import NOW, problem_of

FORM = "application/x-www-form-urlencoded"
MULTI = "multipart/form-data; boundary=X"
BIG = 2_000_000
READERS = (read_body, read_fields)


def a_request(body: bytes = b"{}", content_type: str | None = None, **headers: str) -> RawRequest:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    kind = [("content-type", content_type)] if content_type is not None else []
    return RawRequest("POST", "/v1/publish", "", "https://b.example/v1/publish", (*kind, *pairs), body, NOW)


def part(name: str, value: str, more: str = "") -> str:
    return f'--X\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


def multipart(*parts: str, end: str = "--X--\r\n") -> bytes:
    return ("".join(parts) + end).encode()


def refusal(body: bytes, content_type: str | None = None, read=read_fields) -> tuple[int, str, str]:
    with pytest.raises(Problem) as caught:
        read(a_request(body, content_type))
    assert len(caught.value.detail) < 250
    return caught.value.status, caught.value.slug, caught.value.detail


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content_type", "body", "fields"),
    [
        (None, b'{"caption": "x"}', {"caption": "x"}),
        ("application/json; charset=utf-8", b'{"tags": ["a"]}', {"tags": ["a"]}),
        ("Application/Vnd.Api+JSON", b"{}", {}),
        ("application/json", b"\xef\xbb\xbf{}", {}),
        (FORM, b"caption=a+b%21&tags[]=one", {"caption": "a b!", "tags": ["one"]}),
        (FORM, b"accounts=x&accounts=y", {"accounts": ["x", "y"]}),
        (FORM, b"tags[]=a&tags[]=b&tags=c&text=", {"tags": ["a", "b", "c"], "text": ""}),
        (FORM, b"", {}),
        (MULTI, multipart(part("caption", "gr\u00fc\u00df"), part("t", "")), {"caption": "gr\u00fc\u00df", "t": ""}),
        ('multipart/form-data; boundary="X"', multipart(part("a", "1"), part("a", "2")), {"a": ["1", "2"]}),
    ],
)
def test_a_body_becomes_fields(read, content_type, body, fields):
    assert read(a_request(body, content_type)) == fields


@pytest.mark.parametrize(
    ("content_type", "body", "said"),
    [
        (None, b"[]", []),
        ("text/plain", b' {"a": 1}', {"a": 1}),
        ("text/plain; charset=utf-8", b'\xef\xbb\xbf[{"a": 1}]', [{"a": 1}]),
        (FORM, b'{"a": 1}', {"a": 1}),
        (FORM, b"payload=%7B%22a%22%3A+1%7D", {"a": 1}),
        (FORM, b"payload=x", {"payload": "x"}),
        (FORM, b"payload=%7B%7D&b=1", {"payload": "{}", "b": "1"}),
        (FORM + "; charset=iso-8859-1", b"a=gr%FC%DF", {"a": "gr\u00fc\u00df"}),
        ("application/json; charset=latin-1", b'{"a": "gr\xfc\xdf"}', {"a": "gr\u00fc\u00df"}),
        ("application/json; charset=UTF_16", '{"a": 1}'.encode("utf-16"), {"a": 1}),
        ("application/json; charset*=utf-8''utf-8", b"{}", {}),
        (FORM, b"post[post_title]=x&post[meta][k]=1", {"post": {"post_title": "x", "meta": {"k": "1"}}}),
        (FORM, b"a[0][b]=1&a[1][b]=2", {"a": [{"b": "1"}, {"b": "2"}]}),
        (FORM, b"a[]=1&a[]=2&a[x]=3", {"a": {"0": "1", "1": "2", "x": "3"}}),
        (FORM, b"a=1&a[b]=2", {"a": {"0": "1", "b": "2"}}),
        (FORM, b"a[b]=1&a=2&a[b]=3", {"a": {"b": ["1", "3"], "1": "2"}}),
        (FORM, b"a[=1&[b]=2&a]=3&[=4", {"a[": "1", "[b]": "2", "a]": "3", "[": "4"}),
        (MULTI, multipart(part("post[title]", "x")), {"post": {"title": "x"}}),
    ],
)
def test_senders_of_hooks_write_as_they_do(content_type, body, said):
    assert read_body(a_request(body, content_type)) == said


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("body", "offset"),
    [(b"", 0), (b" \n", 0), (b"{", 1), (b'{"a": 1,}', 7), (b"\xff", 0), (b'{"a": "\xff"}', 7)],
)
def test_what_is_not_json_says_where(read, body, offset):
    with pytest.raises(Problem) as caught:
        read(a_request(body))

    assert (caught.value.status, caught.value.slug) == (400, "invalid_json")
    assert caught.value.extra["offset"] == offset


@pytest.mark.parametrize("body", [b'{"a": "He said "hi""}', b'{"a": "one\ntwo"}', b'["a" "b"]'])
def test_a_text_that_was_pasted_in_raw_is_told_by_what_it_does(body):
    assert "must be escaped" in refusal(body)[2]


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_json_that_is_no_object_is_refused(body):
    assert refusal(body)[:2] == (400, "invalid_json")


@pytest.mark.parametrize("body", [b"1", b'"x"', b"null", b"true"])
def test_a_hook_brings_an_object_or_a_list(body):
    assert "neither an object nor a list" in refusal(body, read=read_body)[2]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("body", "name"),
    [
        (b'{"a": 1, "a": 2}', "'a'"),
        (b'{"a" : 1, "a"\n:1, "b": ":"}', "'a'"),
        (b'{"x": [{"y": {"deep": 1, "deep": 1}}], "t": "a\\":b"}', "'deep'"),
        (b'{"\\u0061": 1, "a": 999999999999999999999999}', "'a'"),
        (b'{"' + b"n" * 300 + b'": 1, "' + b"n" * 300 + b'": 2}', "'nnn"),
    ],
)
def test_a_name_that_comes_twice_is_named(read, body, name):
    """Which of the two was meant nobody can know."""
    status, slug, detail = refusal(body, read=read)

    assert (status, slug) == (400, "invalid_json")
    assert f"The name {name}" in detail


@given(st.recursive(st.text('a":\\ ', max_size=4), lambda one: st.dictionaries(st.text('ab":', max_size=2), one)))
def test_names_that_come_once_are_never_refused(value):
    assert read_body(a_request(json.dumps({"value": value, "list": [value, value]}).encode()))["value"] == value


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "nonsense", "text/x-" + "y" * 500])
def test_other_media_types_are_refused(content_type):
    assert refusal(b"{}", content_type)[:2] == (415, "unsupported_media_type")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("begin", ['application/json; a="', "application/x-www-form-urlencoded; boundary="])
def test_a_content_type_that_is_long_is_not_even_parsed(read, begin, monkeypatch):
    """To part it at what may stand in quotes can take time without end."""
    monkeypatch.setattr(_body, "_type_of", lambda header: pytest.fail("it was parsed"))

    status, slug, detail = refusal(b"{}", begin + ";" * 100_000, read)
    assert (status, slug) == (415, "unsupported_media_type")
    assert "has 100" in detail
    assert refusal(b"{}", begin + "x" * (257 - len(begin)), read)[0] == 415


@pytest.mark.parametrize("content_type", ["application/json; \u20ac=\u20ac", 'application/json; a="', "json", ";"])
def test_a_content_type_that_is_odd_is_read_as_far_as_it_goes(content_type):
    assert read_body(a_request(b"{}", content_type)) == {}


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/xml", b"<a/>"),
        ("text/plain", b"hello"),
        ("application/json; charset=rot13", b"{}"),
        ("application/json; charset=punycode", b"{}"),
        (FORM + "; charset=klingon", b"a=1"),
    ],
)
def test_a_hook_learns_what_is_taken_instead(content_type, body):
    status, _, detail = refusal(body, content_type, read_body)

    assert status == 415
    assert "Send UTF-8" in detail or "Send application/json or a form" in detail


def test_a_body_in_another_character_set_than_it_says_is_refused():
    assert "not in utf-16" in refusal(b"{}\xd8", "application/json; charset=utf-16", read_body)[2]


WHOLE = multipart(part("caption", "x"), part("scheduled_at", "2026-03-01T17:00Z"))


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        (FORM, b"\xff", "utf-8"),
        (FORM, b"caption=%ff", "utf-8"),
        (FORM, b"%C3%28=x", "utf-8"),
        (FORM, b"&".join(b"a=1" for _ in range(1001)), "more than 1000 fields"),
        (MULTI, b"garbage", "boundary"),
        (MULTI, WHOLE[:-40], "has no end"),
        (MULTI, b"", "has no end"),
        (MULTI, multipart(*[part("a", "1")] * 1001), "more than 1000 fields"),
        (MULTI, multipart(part("a", "1")).replace(b"1", b"\xff"), "utf-8"),
        (MULTI, multipart(part("a", "1").replace('; name="a"', "")), "Field name"),
        (MULTI, multipart(part("f", "GIF89", '; filename="a.gif"')), "'f' is a file"),
        (MULTI, multipart(part("f", "x" * 3_000_000, '; filename="a.gif"')), "'f' is a file"),
        ("multipart/form-data", WHOLE, "cannot be read"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_whole(read, content_type, body, why):
    status, slug, detail = refusal(body, content_type, read)

    assert (status, slug) == (400, "invalid_body")
    assert why in detail


def test_a_name_of_a_form_nests_no_deeper_than_needed():
    assert read_body(a_request(b"a" + b"[b]" * 16 + b"=1", FORM))
    assert "too deep" in refusal(b"a" + b"[b]" * 17 + b"=1", FORM, read_body)[2]


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(("levels", "fits"), [(63, True), (64, False), (2000, False)])
def test_json_nests_64_levels(read, levels, fits):
    body = b'{"a":' + b"[" * levels + b"]" * levels + b"}"

    assert (problem_of(lambda: read(a_request(body))) is None) is fits
    if not fits:
        assert "too deep" in refusal(body, read=read)[2]


def a_list(item: bytes) -> bytes:
    return b"[" + item * (BIG // len(item)) + b"1]"


WORST = {
    "open lists": (None, b"[" * BIG),
    "open objects": (None, b'{"a":' * (BIG // 5)),
    "empty lists": (None, a_list(b"[],")),
    "lists and text": (None, b'["' + b"x" * (BIG - 300_000) + b'",' + b",".join([b"[]"] * 99_000) + b"]"),
    "deep lists": (None, a_list(b"[" * 60 + b"]" * 60 + b",")),
    "objects": (None, a_list(b'{"a":1},')),
    "numbers": (None, a_list(b"1,")),
    "names": (None, b"{" + b",".join(b'"k%d":1' % place for place in range(150_000)) + b',"k0":2}'),
    "quotes": (None, b'{"a":"' + b'\\":' * (BIG // 3) + b'"}'),
    "a long number": (None, b'{"b":":","a":0.' + b"9" * BIG + b"}"),
    "open brackets": (FORM, b"a[" * (BIG // 2)),
    "steps": (FORM, b"a" + b"[b]" * (BIG // 3) + b"=1"),
    "form fields": (FORM, b"&".join(b"k%d=1" % place for place in range(10_000))),
    "separators": (FORM, b"&" * BIG),
    "escapes": (FORM, b"a=" + b"%41" * (BIG // 3)),
    "parts": (MULTI, multipart(*[part("a", "1")] * 10_000)),
    "a payload": (FORM, b"payload=" + b"[" * BIG),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", list(WORST))
def test_two_megabytes_of_anything_are_judged_within_a_second(name):
    content_type, body = WORST[name]
    started = time.process_time()
    problem = problem_of(lambda: read_body(a_request(body, content_type)))

    assert time.process_time() - started < 1.0
    assert problem is None or problem.status == 400


@pytest.mark.parametrize(("count", "fits"), [(99_999, True), (100_001, False), (200_001, False)])
def test_more_parts_than_any_body_has_are_refused(count, fits):
    body = b"[" + b",".join([b"[]"] * (count - 1)) + b"]"

    assert (problem_of(lambda: read_body(a_request(body))) is None) is fits
    if not fits:
        assert "100000 objects and lists" in refusal(body, read=read_body)[2]


@given(st.integers(0, len(WHOLE) - 3))
def test_no_part_of_a_form_passes_for_the_whole(length):
    """A form without its schedule would go out at once."""
    assert refusal(WHOLE[:length], MULTI)[0] == 400


@given(
    st.binary(max_size=200),
    st.sampled_from([None, FORM, MULTI, "application/json", "multipart/form-data", "text/plain;charset=latin-1"])
    | st.text(max_size=30),
)
def test_no_body_crashes_the_source(body, content_type):
    for read in READERS:
        problem = problem_of(lambda read=read: read(a_request(body, content_type)))

        assert problem is None or problem.status in (400, 415)
