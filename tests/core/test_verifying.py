"""The declarative verifier: every way to sign and to send a secret, and each way in which a request fails it."""

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import RawRequest
from bridge.core.shared_secrets import without_secret
from bridge.core.signing import Algorithm, Check, Encoding
from bridge.core.verifying import KeyForm, Open, Place, Shared, Signature, Stamp, Unit, check, is_key, is_meant
from tests.core.builders import NOW

KEY = b"a key of some length"
SECRET = KEY.decode()
BODY = b'{"a": "\xc3\xa4"}\n'
T = str(int(NOW.timestamp()))
MS = str(int(NOW.timestamp()) * 1000)


def a_request(body: bytes = BODY, query: str = "", **headers: str) -> RawRequest:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    url = f"https://b.example/hooks/x{'?' if query else ''}{query}"
    return RawRequest("POST", "/hooks/x", query, url, pairs, body, NOW)


def hexed(message: bytes, key: bytes = KEY, algorithm: str = "sha256") -> str:
    return hmac.new(key, message, algorithm).hexdigest()


def b64(message: bytes, key: bytes = KEY, algorithm: str = "sha256") -> str:
    return base64.b64encode(hmac.new(key, message, algorithm).digest()).decode()


BODY_ONLY = Signature(header="x-sig")
PREFIXED = Signature(header="x-sig", prefix="sha256=")
STAMPED = Signature(header="x-sig", template="{timestamp}:{body}", stamp=Stamp(header="x-time", unit=Unit.MILLISECONDS))
LISTED = Signature(
    header="x-sig", separator=",", field="v1", template="{timestamp}.{body}", stamp=Stamp(field="t"),
    encoding=Encoding.BASE64URL,
)  # fmt: skip
STANDARD = Signature(
    header="x-sig", separator=" ", field="v1", between=",", template="{id}.{timestamp}.{body}", id_header="x-id",
    encoding=Encoding.BASE64, key=KeyForm.WHSEC, stamp=Stamp(header="x-time"),
)  # fmt: skip
LINED = Signature(
    header="x-sig", template="{method}\n{path}\n{signed_headers}\n{body}", signed="x-signed",
    stamp=Stamp(header="x-time"),
)  # fmt: skip
TEXTED = Signature(
    header="x-sig", separator=",", field="sign", encoding=Encoding.BASE64, stamp=Stamp(field="t"),
    template='{"Body":{body_json},"Env":{json.env},"T":{timestamp},"plain":{field.env}}',
)  # fmt: skip
HASHED = Signature(header="x-sig", keyed=False, template="{secret}{method}{url}{body}", version=("x-version", "v2"))
WINDOWS = Signature(header="x-sig", crlf=True, encoding=Encoding.BASE64)
WHSEC = "whsec_" + base64.b64encode(KEY).decode().rstrip("=")

GENUINE = {
    "body": (BODY_ONLY, SECRET, a_request(x_sig=hexed(BODY))),
    "upper": (BODY_ONLY, SECRET, a_request(x_sig=hexed(BODY).upper())),
    "sha1": (replace(BODY_ONLY, algorithm=Algorithm.SHA1), SECRET, a_request(x_sig=hexed(BODY, algorithm="sha1"))),
    "sha512": (
        replace(BODY_ONLY, algorithm=Algorithm.SHA512, encoding=Encoding.BASE64),
        SECRET,
        a_request(x_sig=b64(BODY, algorithm="sha512")),
    ),
    "prefix": (PREFIXED, SECRET, a_request(x_sig="sha256=" + hexed(BODY))),
    "stamped": (STAMPED, SECRET, a_request(x_sig=hexed(f"{MS}:".encode() + BODY), x_time=MS)),
    "listed": (
        LISTED,
        SECRET,
        a_request(x_sig=f"t={T}, v1=AAAA,v1=" + b64(f"{T}.".encode() + BODY).translate({43: 45, 47: 95}).rstrip("=")),
    ),
    "standard": (
        STANDARD,
        WHSEC,
        a_request(x_sig="v1a,AAAA v1," + b64(f"m1.{T}.".encode() + BODY), x_time=T, x_id="m1"),
    ),
    "standard without its prefix": (
        STANDARD,
        WHSEC.removeprefix("whsec_"),
        a_request(x_sig="v1," + b64(f"m1.{T}.".encode() + BODY), x_time=T, x_id="m1"),
    ),
    "lined": (
        LINED,
        SECRET,
        a_request(
            query="a=b",
            x_signed="x-signed,x-time",
            x_time=T,
            x_sig=hexed(f"POST\n/hooks/x?a=b\nx-signed:x-signed,x-time;x-time:{T}\n".encode() + BODY),
        ),
    ),
    "texted": (
        TEXTED,
        SECRET,
        a_request(
            x_sig="sign="
            + b64(b'{"Body":"{\\"a\\": \\"\xc3\xa4\\"}\\n","Env":"master","T":' + T.encode() + b',"plain":master}')
            + f", env=master, t={T}"
        ),
    ),
    "hashed": (
        HASHED,
        SECRET,
        a_request(x_version="v2", x_sig=hashlib.sha256(KEY + b"POSThttps://b.example/hooks/x" + BODY).hexdigest()),
    ),
    "plain address": (
        Signature(header="x-sig", template="{url_plain}"),
        SECRET,
        a_request(query="q=a%3ab%20c", x_sig=hexed(b"https://b.example/hooks/x?q=a:b%20c")),
    ),
    "windows": (WINDOWS, SECRET, a_request(b"a\nb\r\nc", x_sig=b64(b"a\r\nb\r\nc"))),
    "base64 key": (
        replace(BODY_ONLY, key=KeyForm.BASE64),
        base64.b64encode(KEY).decode(),
        a_request(x_sig=hexed(BODY)),
    ),
    "hex key": (replace(BODY_ONLY, key=KeyForm.HEX), KEY.hex(), a_request(x_sig=hexed(BODY))),
    "no time": (
        replace(BODY_ONLY, stamp=Stamp(header="x-time", required=False)),
        SECRET,
        a_request(x_sig=hexed(BODY)),
    ),
    "any age": (
        replace(STAMPED, stamp=Stamp(header="x-time", tolerance=None)),
        SECRET,
        a_request(x_sig=hexed(b"1:" + BODY), x_time="1"),
    ),
    "bearer": (Shared(place=Place.BEARER), SECRET, a_request(authorization=f"bearer {SECRET}")),
    "header": (Shared(place=Place.HEADER, name="x-key"), SECRET, a_request(x_key=f" {SECRET}\t")),
    "header in latin-1": (Shared(place=Place.HEADER, name="x-key"), "schlüssel", a_request(x_key="schlüssel")),
    "header in utf-8": (
        Shared(place=Place.HEADER, name="x-key"),
        "schlüssel→",
        a_request(x_key="schlüssel→".encode().decode("latin-1")),
    ),
    "password": (
        Shared(place=Place.BASIC),
        SECRET,
        a_request(authorization="Basic " + base64.b64encode(b"anybody:" + KEY).decode()),
    ),
    "user and password": (
        Shared(place=Place.BASIC),
        f"me:{SECRET}",
        a_request(authorization="Basic " + base64.b64encode(b"me:" + KEY).decode()),
    ),
    "query": (Shared(place=Place.QUERY, name="k"), SECRET, a_request(query="a=1&k=a+key%20of+some+length")),
    "field": (
        Shared(place=Place.BODY, name="a.secret"),
        SECRET,
        a_request(orjson.dumps({"a": {"secret": SECRET}}), content_type="application/json"),
    ),
    "form field": (
        Shared(place=Place.BODY, name="secret"),
        SECRET,
        a_request(b"secret=a+key+of+some+length", content_type="application/x-www-form-urlencoded; charset=utf-8"),
    ),
    "field after a mark": (
        Shared(place=Place.BODY, name="secret"), SECRET, a_request(b"\xef\xbb\xbf" + orjson.dumps({"secret": SECRET})),
    ),
    "field of a list of one": (
        Shared(place=Place.BODY, name="a.secret"), SECRET, a_request(orjson.dumps([{"a": {"secret": SECRET}}])),
    ),
    "field of JSON that is called a form": (
        Shared(place=Place.BODY, name="secret"), SECRET,
        a_request(orjson.dumps({"secret": SECRET}), content_type="application/x-www-form-urlencoded"),
    ),
    "open": (Open(), "", a_request()),
}  # fmt: skip


@pytest.mark.parametrize("case", GENUINE)
def test_what_the_sender_made_is_genuine(case):
    scheme, secret, raw = GENUINE[case]

    assert check(scheme, ["another", secret] if secret else [], raw) is Check.GENUINE
    assert scheme.told


@pytest.mark.parametrize("case", [name for name in GENUINE if name != "open"])
def test_another_secret_is_forged(case):
    scheme, _, raw = GENUINE[case]

    assert check(scheme, ["YW5vdGhlcg"], raw) in (Check.FORGED, Check.MALFORMED)
    assert check(scheme, [], raw) is Check.FORGED


SIGNED = [name for name, (scheme, _, _) in GENUINE.items() if isinstance(scheme, Signature) and name != "plain address"]


@pytest.mark.parametrize("case", SIGNED)
def test_one_changed_byte_is_forged(case):
    scheme, secret, raw = GENUINE[case]

    assert check(scheme, [secret], replace(raw, body=raw.body[:-1] + b"!")) is Check.FORGED


@pytest.mark.parametrize("case", [name for name in GENUINE if name != "open"])
def test_a_missing_header_is_unsigned(case):
    scheme, secret, raw = GENUINE[case]

    bare = replace(raw, headers=(), query="", body=b"{}")
    assert check(scheme, [secret], bare) is Check.UNSIGNED


@pytest.mark.parametrize("case", ["stamped", "listed", "standard", "lined", "texted"])
@pytest.mark.parametrize("seconds", [301, -301])
def test_an_old_or_early_signature_is_stale(case, seconds):
    scheme, secret, raw = GENUINE[case]

    moved = replace(raw, received_at=NOW + timedelta(seconds=seconds))
    assert check(scheme, [secret], moved) is Check.STALE
    assert check(scheme, ["another"], moved) in (Check.FORGED, Check.MALFORMED)


@pytest.mark.parametrize(
    ("scheme", "raw", "found"),
    [
        (PREFIXED, a_request(x_sig=hexed(BODY)), Check.MALFORMED),
        (PREFIXED, a_request(x_sig="sha256=zz"), Check.MALFORMED),
        (PREFIXED, a_request(x_sig=""), Check.UNSIGNED),
        (LISTED, a_request(x_sig="v1"), Check.MALFORMED),
        (LISTED, a_request(x_sig=f"t={T},,v0=AAAA"), Check.MALFORMED),
        (LISTED, a_request(x_sig="v1=AAAA"), Check.UNSIGNED),
        (LISTED, a_request(x_sig="t=soon,v1=AAAA"), Check.MALFORMED),
        (LISTED, a_request(x_sig="t=9" + "9" * 20 + ",v1=AAAA"), Check.MALFORMED),
        (LISTED, a_request(x_sig="t=٣,v1=AAAA"), Check.MALFORMED),
        (STANDARD, a_request(x_sig="v1,AAAA", x_time=T), Check.UNSIGNED),
        (STANDARD, a_request(x_sig="v1,AAAA", x_id="m1"), Check.UNSIGNED),
        (STANDARD, a_request(x_sig="v1a,AAAA", x_id="m1", x_time=T), Check.MALFORMED),
        (LINED, a_request(x_sig="aa", x_time=T), Check.MALFORMED),
        (LINED, a_request(x_sig="aa", x_time=T, x_signed="x-other,x-time"), Check.MALFORMED),
        (LINED, a_request(x_sig="aa", x_time=T, x_signed="x-sig"), Check.MALFORMED),
        (TEXTED, a_request(x_sig=f"sign=AAAA, t={T}"), Check.MALFORMED),
        (TEXTED, a_request(b"\xff", x_sig=f"sign=AAAA, env=m, t={T}"), Check.MALFORMED),
        (Shared(place=Place.BEARER), a_request(authorization="Basic YTpi"), Check.UNSIGNED),
        (Shared(place=Place.BASIC), a_request(authorization="Basic !"), Check.UNSIGNED),
        (Shared(place=Place.QUERY, name="k"), a_request(query="&".join(["a=1"] * 2000)), Check.UNSIGNED),
        (Shared(place=Place.BODY, name="k"), a_request(b"[" * 100_000), Check.UNSIGNED),
        (Shared(place=Place.BODY, name="k"), a_request(b'{"k": 1}'), Check.UNSIGNED),
        (Shared(place=Place.BODY, name="k"), a_request(b'[{"k": "x"}, {}]'), Check.UNSIGNED),
        (Shared(place=Place.BODY, name="k"), a_request(b'{"k": "%s", "a": [%s1]}' % (KEY, b"[]," * 200_000)),
         Check.UNSIGNED),
    ],
)  # fmt: skip
def test_what_is_not_written_as_it_should_be_is_told_apart(scheme, raw, found):
    assert check(scheme, [SECRET], raw) is found


def test_several_signatures_and_secrets_may_stand_side_by_side():
    bare = Signature(header="x-sig", separator=" ")
    raw = a_request(x_sig=f"00 {hexed(BODY, b'next')}")

    assert check(bare, ["now", "next"], raw) is Check.GENUINE
    assert check(bare, ["now"], raw) is Check.FORGED


def test_past_the_sixteenth_no_signature_is_looked_at():
    bare = Signature(header="x-sig", separator=" ")

    assert check(bare, [SECRET], a_request(x_sig="00 " * 15 + hexed(BODY))) is Check.GENUINE
    assert check(bare, [SECRET], a_request(x_sig="00 " * 16 + hexed(BODY))) is Check.FORGED


def test_a_request_says_which_of_several_schemes_it_means():
    raw = a_request(x_sig="aa", x_version="v2")

    assert is_meant(HASHED, raw)
    assert is_meant(BODY_ONLY, raw)
    assert not is_meant(replace(HASHED, version=("x-version", "v1")), raw)
    assert not is_meant(BODY_ONLY, a_request())


@pytest.mark.parametrize(
    ("form", "secret", "sound"),
    [
        (KeyForm.TEXT, "x", True), (KeyForm.TEXT, "", False), (KeyForm.BASE64, "!", False), (KeyForm.HEX, "0g", False),
        (KeyForm.HEX, "0a", True), (KeyForm.WHSEC, "whsec_!", False), (KeyForm.WHSEC, "plain text", True),
    ],
)  # fmt: skip
def test_a_secret_must_hold_a_key(form, secret, sound):
    assert is_key(form, secret) is sound


SCHEMES = [scheme for scheme, _, _ in GENUINE.values() if not isinstance(scheme, Open)]


@given(st.sampled_from(SCHEMES), st.dictionaries(st.sampled_from(
    ["x-sig", "x-time", "x-id", "x-signed", "x-version", "authorization", "content-type"]),
    st.text(st.characters(max_codepoint=255), max_size=40)), st.binary(max_size=60), st.text(max_size=30),
)  # fmt: skip
def test_nothing_that_was_not_signed_is_genuine_and_nothing_fails(scheme, headers, body, query):
    raw = RawRequest("POST", "/hooks/x", query, "https://b.example/hooks/x", tuple(headers.items()), body, NOW)

    assert check(scheme, [SECRET], raw) is not Check.GENUINE


@pytest.mark.parametrize("place", Place)
def test_an_empty_secret_lets_nobody_in(place):
    sent = {
        "authorization": "Basic " + base64.b64encode(b"user:").decode(),
        "k": " ",
        "content_type": "application/json",
    }
    raw = a_request(b'{"k": ""}', query="k=", **sent)

    assert check(Shared(place=place, name="k"), ["", ""], raw) is not Check.GENUINE


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"k": "s3cret/\xc3\xa9", "a": 1.50}', b'{"k": "[redacted]", "a": 1.50}'),
        (
            b'{"k": "s3cret\\/\\u00e9", "s3cret": "x s3cret/\xc3\xa9"}',
            b'{"k": "[redacted]", "s3cret": "x s3cret/\xc3\xa9"}',
        ),
        (b'\xef\xbb\xbf[{"a": "\\"", "k": "s3cret/\xc3\xa9"}]', b'\xef\xbb\xbf[{"a": "\\"", "k": "[redacted]"}]'),
        (b"a=1&k=s3cret%2F%C3%A9&b=2+3", b"a=1&k=%5Bredacted%5D&b=2+3"),
        (b"k=s3cret/%c3%a9", b"k=%5Bredacted%5D"),
        (b"", b""),
    ],
)
def test_a_secret_in_a_body_is_blanked_however_it_is_escaped(body, kept):
    """All else stays as it was sent, byte by byte."""
    assert without_secret(a_request(body), ["another", "", "s3cret/\u00e9"], "k") == kept


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        (b'{"a": "blog", "k": {"s" : "blog"}, "blog": "k"}', b'{"a": "blog", "k": {"s" : "[redacted]"}, "blog": "k"}'),
        (b'{"a": "%s", "k": {"s": "%s"}, "%s" : 1}', b'{"a": "[redacted]", "k": {"s": "[redacted]"}, "%s" : 1}'),
        (b"a=blog&k.s=blog&blog=k", b"a=blog&k.s=%5Bredacted%5D&blog=k"),
        (b"a=%s&k.s=%s&%s=k", b"a=%%5Bredacted%%5D&k.s=%%5Bredacted%%5D&%s=k"),
    ],
)
def test_keys_stay_and_a_short_secret_is_blanked_at_its_path_alone(body, kept):
    long = b"sixteen-letters-"
    sent, stored = (body % (long, long, long), kept % long) if b"%s" in body else (body, kept)
    assert without_secret(a_request(sent), ["blog", long.decode()], "k.s") == stored


@given(st.text(min_size=1), st.booleans())
def test_a_secret_that_was_proven_is_nowhere_in_what_is_kept(secret, is_form):
    form = {"content_type": "application/x-www-form-urlencoded"}
    body = (
        urlencode({"k": secret, "a": 1}).encode() if is_form else json.dumps({"k": secret, "a": [secret, 1]}).encode()
    )
    raw, scheme = a_request(body, **(form if is_form else {})), Shared(place=Place.BODY, name="k")
    kept = replace(raw, body=without_secret(raw, [secret], "k"))

    assert check(scheme, [secret], raw) is Check.GENUINE
    assert check(scheme, [secret], kept) is (Check.GENUINE if secret == "[redacted]" else Check.FORGED)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_hash_may_be_inside(algorithm):
    raw = a_request(x_sig=hexed(BODY, algorithm=algorithm.value))

    assert check(Signature(header="x-sig", algorithm=algorithm), [SECRET], raw) is Check.GENUINE
