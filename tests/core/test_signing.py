"""Signatures: the published vectors, another implementation as the judge, and our own verifier on the other side."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from bridge.core import signing
from bridge.core.delivering import headers_of
from bridge.core.endpoints import Sending
from bridge.core.model import RawRequest
from bridge.core.signing import Algorithm, Check, Encoding
from bridge.core.verifying import check
from bridge.sources._kind import standard_signature

# Each vector names its origin. Those marked "COMPUTED" follow a vendor's code: no published value was found.
VECTORS = json.loads((Path(__file__).parent / "signature_vectors.json").read_text())
# How each scheme is written with the building blocks: what is signed, and where the signature stands.
SCHEMES: dict[
    str, tuple[Callable[[dict[str, str], str], str], Callable[[dict[str, str]], str], Encoding, Algorithm]
] = {
    "slack": (
        lambda h, b: f"v0:{h['x-slack-request-timestamp']}:{b}",
        lambda h: h["x-slack-signature"].removeprefix("v0="),
        Encoding.HEX,
        Algorithm.SHA256,
    ),
    "github": (
        lambda h, b: b,
        lambda h: h["x-hub-signature-256"].removeprefix("sha256="),
        Encoding.HEX,
        Algorithm.SHA256,
    ),
    "sanity": (
        lambda h, b: f"{h['sanity-webhook-signature'].split(',')[0].removeprefix('t=')}.{b}",
        lambda h: h["sanity-webhook-signature"].split(",v1=")[1],
        Encoding.BASE64URL,
        Algorithm.SHA256,
    ),
    "shopify": (lambda h, b: b, lambda h: h["x-shopify-hmac-sha256"], Encoding.BASE64, Algorithm.SHA256),
    "ghost": (
        lambda h, b: b + h["x-ghost-signature"].split("t=")[1],
        lambda h: h["x-ghost-signature"].split(",")[0].removeprefix("sha256="),
        Encoding.HEX,
        Algorithm.SHA256,
    ),
    "webflow": (
        lambda h, b: f"{h['x-webflow-timestamp']}:{b}",
        lambda h: h["x-webflow-signature"],
        Encoding.HEX,
        Algorithm.SHA256,
    ),
    "storyblok": (lambda h, b: b, lambda h: h["webhook-signature"], Encoding.HEX, Algorithm.SHA1),
    "notion": (
        lambda h, b: b,
        lambda h: h["x-notion-signature"].removeprefix("sha256="),
        Encoding.HEX,
        Algorithm.SHA256,
    ),
    "wordpress_wp_webhooks": (
        lambda h, b: b,
        lambda h: h["x-wp-webhook-signature"],
        Encoding.BASE64,
        Algorithm.SHA256,
    ),
    "woocommerce": (lambda h, b: b, lambda h: h["x-wc-webhook-signature"], Encoding.BASE64, Algorithm.SHA256),
    "buttondown": (
        lambda h, b: b,
        lambda h: h["x-buttondown-signature"].removeprefix("sha256="),
        Encoding.HEX,
        Algorithm.SHA256,
    ),
    "stripe_style": (
        lambda h, b: f"{h['stripe-signature'].split(',')[0].removeprefix('t=')}.{b}",
        lambda h: h["stripe-signature"].split(",v1=")[1],
        Encoding.HEX,
        Algorithm.SHA256,
    ),
}
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEYS = [signing.secret_key("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]


def signed_headers(keys, message_id, now, body):
    headers = headers_of(Sending(tuple(keys)), message_id, "application/json", body, now)
    return {name: value for name, value in headers.items() if name.startswith("webhook-")}


secrets = st.binary(min_size=1, max_size=64)


@pytest.mark.parametrize("vector", [v for v in VECTORS if v["source"] in SCHEMES], ids=lambda v: v["source"])
def test_the_building_blocks_make_the_vendors_signatures(vector):
    headers = {name.lower(): value for name, value in vector["headers"].items()}
    message, signature, encoding, algorithm = SCHEMES[vector["source"]]
    signed = message(headers, vector["body"]).encode()
    key = vector["secret"].encode()

    assert signing.encode(signing.mac(key, signed, algorithm), encoding) == signature(headers)
    assert signing.encode(signing.mac(key, signed + b" ", algorithm), encoding) != signature(headers)
    assert signing.encode(signing.mac(b"other", signed, algorithm), encoding) != signature(headers)


def test_every_vector_is_used():
    assert {vector["source"] for vector in VECTORS} == {*SCHEMES, "standard_webhooks"}


def test_the_standard_webhooks_vector_is_signed_and_verified():
    (vector,) = (v for v in VECTORS if v["source"] == "standard_webhooks")
    headers, body, keys = vector["headers"], vector["body"].encode(), [signing.secret_key(vector["secret"])]
    sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)

    assert signed_headers(keys, headers["webhook-id"], sent_at, body) == headers
    assert judged(headers, body, keys, now=sent_at) is Check.GENUINE


@given(key=secrets, message_id=st.uuids().map(str), body=st.text().map(str.encode))
def test_what_we_sign_the_library_verifies(key, message_id, body):
    headers = signed_headers([key], message_id, datetime.now(UTC), body)

    Webhook(key).verify(body, headers, json_parse=False)


@given(key=secrets, message_id=st.uuids().map(str), body=st.text())
def test_what_the_library_signs_we_verify(key, message_id, body):
    signature = Webhook(key).sign(message_id, NOW, body)
    headers = {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(NOW.timestamp())),
        "webhook-signature": signature,
    }

    assert judged(headers, body.encode(), [key]) is Check.GENUINE


@given(keys=st.lists(secrets, min_size=1, max_size=4, unique=True), body=st.binary(), data=st.data())
def test_a_receiver_that_knows_one_of_several_secrets_accepts(keys, body, data):
    headers = signed_headers(keys, "msg_1", NOW, body)
    known = data.draw(st.sampled_from(keys))

    assert len(headers["webhook-signature"].split(" ")) == len(keys)
    assert judged(headers, body, [known]) is Check.GENUINE


@given(body=st.binary(), other=st.binary())
def test_another_body_is_forged(body, other):
    headers = signed_headers(KEYS, "msg_1", NOW, body)

    assert judged(headers, other, KEYS) is (Check.GENUINE if body == other else Check.FORGED)


@pytest.mark.parametrize(
    ("age", "expected"),
    [(0, Check.GENUINE), (300, Check.GENUINE), (-300, Check.GENUINE), (301, Check.STALE), (-301, Check.STALE)],
)
def test_a_signature_is_good_for_five_minutes_either_way(age, expected):
    headers = signed_headers(KEYS, "msg_1", NOW, b"{}")

    assert judged(headers, b"{}", KEYS, now=NOW + timedelta(seconds=age)) is expected


@pytest.mark.parametrize("timestamp", ["now", "1.5", "-1", "+1", "1e3", "١٢٣", "9" * 12, " 1", "1_0"])
def test_an_unreadable_timestamp_is_malformed(timestamp):
    headers = signed_headers(KEYS, "msg_1", NOW, b"{}") | {"webhook-timestamp": timestamp}

    assert judged(headers, b"{}", KEYS) is Check.MALFORMED


@pytest.mark.parametrize("signature", ["v1", "v1,", "v1,!", "v2,abc", "v1a,abc", ",", "é", "v1,,"])
def test_an_unreadable_signature_is_malformed(signature):
    headers = signed_headers(KEYS, "msg_1", NOW, b"{}") | {"webhook-signature": signature}

    assert judged(headers, b"{}", KEYS) is Check.MALFORMED


def test_other_versions_beside_ours_are_passed_over():
    headers = signed_headers(KEYS, "msg_1", NOW, b"{}")
    mixed = f"v1a,AAAA nonsense {headers['webhook-signature']}"

    assert judged(headers | {"webhook-signature": mixed}, b"{}", KEYS) is Check.GENUINE


@given(digest=st.binary(max_size=64), encoding=st.sampled_from(Encoding))
def test_decoding_undoes_encoding(digest, encoding):
    assert signing.decode(signing.encode(digest, encoding), encoding) == digest


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        *[(text, Encoding.HEX) for text in ("abc", "zz", "ab cd", "é")],
        *[(text, Encoding.BASE64) for text in ("A", "-_-_", "AA AA", "é", "A===")],
        *[(text, Encoding.BASE64URL) for text in ("A", "++++", "//AA")],
    ],
)
def test_other_text_is_not_decoded(text, encoding):
    assert signing.decode(text, encoding) is None


@pytest.mark.parametrize(
    ("secret", "key"),
    [
        ("whsec_AAEC", b"\0\1\2"),
        ("whsec_AA==", b"\0"),
        ("whsec_AA", b"\0"),
        ("plain text", b"plain text"),
        ("ü", b"\xc3\xbc"),
    ],
)
def test_a_secret_is_base64_after_its_prefix_else_its_bytes(secret, key):
    assert signing.secret_key(secret) == key


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_hunter2!", "whsec_A"])
def test_an_unusable_secret_is_refused_without_being_told(secret):
    with pytest.raises(ValueError, match="secret") as caught:
        signing.secret_key(secret)

    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def judged(headers, body, keys, now=NOW):
    """What our verifier of inbound requests says of a message that comes at `now`."""
    secrets = ["whsec_" + base64.b64encode(key).decode() for key in keys]
    url = "https://b.example/hooks/x"
    return check(
        standard_signature(), secrets, RawRequest("POST", "/hooks/x", "", url, tuple(headers.items()), body, now)
    )
