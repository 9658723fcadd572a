"""The source `api`: who may publish, and how a body becomes fields."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Problem
from bridge.core.model import RawRequest
from bridge.core.tokens import Token, Tokens
from bridge.sources import Api
from bridge.sources._body import read_fields
from tests.core.builders import NOW, problem_of

API = Api(Tokens([("s3cret", Token("zapier", frozenset({"publish"}), ("brand-*",)))]))
FORM = "application/x-www-form-urlencoded"
MULTI = "multipart/form-data; boundary=X"


def a_request(body: bytes = b"{}", content_type: str | None = None, **headers: str) -> RawRequest:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    kind = [("content-type", content_type)] if content_type is not None else []
    return RawRequest("POST", "/v1/publish", "", "https://b.example/v1/publish", (*kind, *pairs), body, NOW)


def part(name: str, value: str, more: str = "") -> str:
    return f'--X\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{value}\r\n'


def multipart(*parts: str, end: str = "--X--\r\n") -> bytes:
    return ("".join(parts) + end).encode()


def refusal(body: bytes, content_type: str | None = None) -> tuple[int, str, str]:
    with pytest.raises(Problem) as caught:
        read_fields(a_request(body, content_type))
    assert len(caught.value.detail) < 250
    return caught.value.status, caught.value.slug, caught.value.detail


def test_a_token_names_the_sender_and_its_accounts():
    verified = API.verify(a_request(authorization="Bearer s3cret"))

    assert (verified.source, verified.scope, verified.accounts) == ("api", "token:zapier", ("brand-*",))


@pytest.mark.parametrize("header", [{}, {"authorization": "Bearer wrong"}])
def test_without_a_known_token_nothing_is_read(header):
    with pytest.raises(Problem, match="401"):
        API.verify(a_request(**header))


@pytest.mark.parametrize(
    ("header", "key"), [({}, None), ({"idempotency_key": " k1 "}, "k1"), ({"idempotency_key": " "}, None)]
)
def test_the_key_is_a_header(header, key):
    parsed = API.read(API.verify(a_request(b'{"caption": "x"}', authorization="Bearer s3cret", **header)))

    assert (parsed.intent, parsed.requests, parsed.key) == ("publish", ({"caption": "x"},), key)


@pytest.mark.parametrize(("length", "fits"), [(255, True), (256, False)])
def test_a_key_has_a_length(length, fits):
    verified = API.verify(a_request(authorization="Bearer s3cret", idempotency_key="k" * length))
    if fits:
        assert API.read(verified).key == "k" * length
    else:
        with pytest.raises(Problem, match="invalid_key"):
            API.read(verified)


@pytest.mark.parametrize(
    ("content_type", "body", "fields"),
    [
        (None, b'{"caption": "x"}', {"caption": "x"}),
        ("application/json; charset=utf-8", b'{"tags": ["a"]}', {"tags": ["a"]}),
        ("Application/Vnd.Api+JSON", b"{}", {}),
        (FORM, b"caption=a+b%21&tags[]=one", {"caption": "a b!", "tags": ["one"]}),
        (FORM, b"accounts=x&accounts=y", {"accounts": ["x", "y"]}),
        (FORM, b"tags[]=a&tags[]=b&tags=c&text=", {"tags": ["a", "b", "c"], "text": ""}),
        (FORM, b"", {}),
        (MULTI, multipart(part("caption", "gr\u00fc\u00df"), part("t", "")), {"caption": "gr\u00fc\u00df", "t": ""}),
        ('multipart/form-data; boundary="X"', multipart(part("a", "1"), part("a", "2")), {"a": ["1", "2"]}),
    ],
)
def test_a_body_becomes_fields(content_type, body, fields):
    assert read_fields(a_request(body, content_type)) == fields


@pytest.mark.parametrize(
    ("body", "offset"),
    [(b"", 0), (b"{", 1), (b'{"a": 1,}', 7), (b"\xff", 0), (b'{"a": "\xff"}', 0)],
)
def test_what_is_not_json_says_where(body, offset):
    with pytest.raises(Problem) as caught:
        read_fields(a_request(body))

    assert (caught.value.status, caught.value.slug) == (400, "invalid_json")
    assert caught.value.extra["offset"] == offset


@pytest.mark.parametrize("body", [b"[]", b"1", b'"x"', b"null"])
def test_json_that_is_no_object_is_refused(body):
    assert refusal(body)[:2] == (400, "invalid_json")


@pytest.mark.parametrize("content_type", ["text/plain", "application/xml", "nonsense", "text/x-" + "y" * 500])
def test_other_media_types_are_refused(content_type):
    assert refusal(b"{}", content_type)[:2] == (415, "unsupported_media_type")


WHOLE = multipart(part("caption", "x"), part("scheduled_at", "2026-03-01T17:00Z"))


@pytest.mark.parametrize(
    ("content_type", "body", "why"),
    [
        (FORM, b"\xff", "utf-8"),
        (FORM, b"caption=%ff", "utf-8"),
        (FORM, b"%C3%28=x", "utf-8"),
        (FORM, b"&".join(b"a=1" for _ in range(1001)), "fields"),
        (MULTI, b"garbage", "boundary"),
        (MULTI, WHOLE[:-40], "has no end"),
        (MULTI, b"", "has no end"),
        (MULTI, multipart(*[part("a", "1")] * 1001), "too many fields"),
        (MULTI, multipart(part("a", "1")).replace(b"1", b"\xff"), "utf-8"),
        (MULTI, multipart(part("a", "1").replace('; name="a"', "")), "Field name"),
        (MULTI, multipart(part("f", "GIF89", '; filename="a.gif"')), "'f' is a file"),
        (MULTI, multipart(part("f", "x" * 3_000_000, '; filename="a.gif"')), "'f' is a file"),
        ("multipart/form-data", WHOLE, "cannot be read"),
    ],
)
def test_a_form_that_cannot_be_read_is_refused_whole(content_type, body, why):
    status, slug, detail = refusal(body, content_type)

    assert (status, slug) == (400, "invalid_body")
    assert why in detail


@given(st.integers(0, len(WHOLE) - 3))
def test_no_part_of_a_form_passes_for_the_whole(length):
    """A form without its schedule would go out at once."""
    assert refusal(WHOLE[:length], MULTI)[0] == 400


@given(
    st.binary(max_size=200),
    st.sampled_from([None, FORM, MULTI, "application/json", "multipart/form-data"]) | st.text(max_size=30),
)
def test_no_body_crashes_the_source(body, content_type):
    problem = problem_of(lambda: read_fields(a_request(body, content_type)))

    assert problem is None or problem.status in (400, 415)
