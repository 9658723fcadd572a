"""Whatever a sender proves itself with, a request can be made that is verified as the sender's."""

from dataclasses import replace
from datetime import timedelta
from itertools import product

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import RawRequest
from bridge.core.posing import Unposable, posed
from bridge.core.signing import Algorithm, Check, Encoding
from bridge.core.verifying import KeyForm, Open, Place, Shared, Signature, Stamp, Unit, check
from bridge.sources import CONFIGS, KINDS, build, schemes
from tests.core.builders import NOW

HEX = "0123456789abcdef0123456789abcdef"
"""A secret that is a key in every form: text, hexadecimal and base64."""
BODY = b'{"title": "H\xc3\xa4llo",\n "n": [1]}'


def a_request(body: bytes = BODY, query: str = "a=b%2fc", kind: str = "application/json") -> RawRequest:
    url = f"https://b.example/base/hooks/x{'?' if query else ''}{query}"
    headers = (("content-type", kind), ("x-sig", "old"), ("authorization", "Bearer of-somebody-else"))
    return RawRequest("POST", "/hooks/x", query, url, headers, body, NOW)


def signatures() -> st.SearchStrategy[Signature]:
    """Every way to sign that a configuration can describe, and those of the kinds."""
    stamps = st.builds(
        lambda place, unit, tolerance: Stamp(**place, unit=unit, tolerance=tolerance),
        st.sampled_from([{"header": "x-time"}, {"field": "t"}]),
        st.sampled_from(Unit),
        st.sampled_from([None, timedelta(minutes=5)]),
    )
    names = ["{timestamp}", "{id}", "{method}", "{path}", "{url}", "{url_plain}", "{secret}", "{field.env}", ".", "v0:"]
    templates = st.tuples(st.lists(st.sampled_from(names), max_size=4), st.sampled_from(["{body}", "{body_json}"])).map(
        lambda both: "".join(both[0]) + both[1]
    )
    return st.builds(
        Signature,
        header=st.just("x-sig"),
        separator=st.just(","),
        field=st.just("v1"),
        prefix=st.sampled_from(["", "sha256="]),
        template=templates,
        algorithm=st.sampled_from(Algorithm),
        encoding=st.sampled_from(Encoding),
        keyed=st.booleans(),
        key=st.sampled_from(KeyForm),
        crlf=st.booleans(),
        stamp=stamps,
        id_header=st.just("x-id"),
        version=st.sampled_from([None, ("x-version", "v2")]),
    )


@given(signatures(), st.binary().filter(lambda body: b"\xff" not in body))
def test_whatever_can_be_signed_is_verified(scheme: Signature, body: bytes):
    scheme = scheme if scheme.keyed else replace(scheme, template="{secret}" + scheme.template)
    raw = a_request(body if "{body_json}" not in scheme.template else BODY)

    made = posed(scheme, HEX, raw, "msg_1")

    assert check(scheme, [HEX], made) is Check.GENUINE
    assert check(scheme, [HEX[::-1]], made) is Check.FORGED
    assert made.body == raw.body
    assert [value for name, value in made.headers if name == "x-sig"] != ["old"]


@given(st.sampled_from(Place), st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1))
def test_whatever_is_sent_as_it_is_is_verified(place: Place, secret: str):
    scheme = Shared(place=place, name="x-key")

    made = posed(scheme, secret, a_request(), "msg_1")

    assert check(scheme, [secret], made) is Check.GENUINE
    assert check(scheme, [secret + "x"], made) is Check.FORGED


SECRETS = (HEX, "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldY")
WAYS = (None, "bearer", "basic", "header:X-Key", "query:key", "none")
KINDS_AND_WAYS = [
    *((kind, auth) for kind in KINDS if kind not in ("slack", "posteverywhere") for auth in WAYS),
    *(("prismic", "body:secret"), ("generic", "body:deep.down"), ("slack", None), ("posteverywhere", None)),
]


@pytest.mark.parametrize(("kind", "auth"), KINDS_AND_WAYS, ids=str)
def test_a_configured_source_of_each_kind_takes_what_was_made(kind: str, auth: str | None):
    for secret, query in product(SECRETS, ("", "utm=1")):
        given = {"partner": "x"} if kind == "posteverywhere" else {"auth": auth}
        given |= {"feed": "https://a.example/f"} if kind == "feed" else {}
        config = CONFIGS[kind](secret=None if auth == "none" else (secret,), **given)
        for scheme in schemes(kind, config):
            made = posed(scheme, secret, a_request(query=query), "msg_1")

            assert build("x", kind, config).verify(made).source == "x"


def test_items_that_are_signed_too_stand_in_the_header():
    made = posed(KINDS["hygraph"].signatures[0], HEX, a_request(), "msg_1")

    assert "env=master," in (made.header("gcms-signature") or "")


def test_a_secret_takes_the_place_of_another_in_address_and_form():
    form = a_request(b"a=1&x-key=old", "x-key=old&b=%20", "application/x-www-form-urlencoded")

    asked = posed(Shared(place=Place.QUERY, name="x-key"), "new one", form, "")
    filled = posed(Shared(place=Place.BODY, name="x-key"), "new one", form, "")

    assert asked.query == "b=+&x-key=new+one"
    assert asked.public_url.endswith("/base/hooks/x?b=+&x-key=new+one")
    assert filled.body == b"a=1&x-key=new+one"


@pytest.mark.parametrize("body", [b'{"a": {"b": 1}}', b'[{"a": {}}]', b'{"a.b": "old"}', b"{}"])
def test_a_secret_is_put_at_its_path_of_a_body(body: bytes):
    made = posed(Shared(place=Place.BODY, name="a.b"), "s", a_request(body), "")

    assert b'"s"' in made.body
    assert len(orjson.loads(made.body)) == 1


STAMPED = Signature(header="x-sig", template="{timestamp}{body}", stamp=Stamp(header="x-time"))
IMPOSSIBLE = {
    "an item of a header that has none": (replace(STAMPED, stamp=Stamp(field="t")), HEX, BODY),
    "a text that is none": (Signature(header="x-sig", template="{body_json}"), HEX, b"\xff"),
    "no key": (Signature(header="x-sig", key=KeyForm.HEX), "xyz", BODY),
    "no JSON": (Shared(place=Place.BODY, name="a"), HEX, b"a=1"),
    "a list": (Shared(place=Place.BODY, name="a"), HEX, b"[1, 2]"),
    "any name": (Shared(place=Place.BODY, name="*.a"), HEX, b'{"b": {}}'),
}


@pytest.mark.parametrize("why", IMPOSSIBLE)
def test_what_nobody_could_send_is_said_to_be_so_without_the_secret(why: str):
    scheme, secret, body = IMPOSSIBLE[why]

    with pytest.raises(Unposable) as caught:
        posed(scheme, secret, a_request(body), "")

    assert secret not in str(caught.value)


def test_where_anybody_may_send_nothing_is_added():
    assert posed(Open(), "", a_request(), "") == a_request()
