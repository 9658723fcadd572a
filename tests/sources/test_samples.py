"""What real senders send, and what it is expected to say; and that whoever cannot prove itself is not read.

Headless CMSs are in the files of their kinds.
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter
from standardwebhooks import Webhook

from bridge.core.errors import Problem
from bridge.core.model import Item, RawRequest, Verified
from bridge.core.signing import Check, Unverified
from bridge.ports import Source
from bridge.sources import CONFIGS, build
from tests.core.builders import NOW, problem_of
from tests.sources.reading import SAMPLES, a_request, anything, assert_never_crashes, entries

FOLDERS = (
    "airtable", "auto_blogger", "buttondown", "cloudevents", "contentstack", "feeder", "ghost", "github", "gitlab",
    "standard_webhooks", "woocommerce", "wordpress_com", "wordpress_mu_plugin", "wordpress_rest",
    "wordpress_wp_webhooks", "zapier",
)  # fmt: skip
ALL = [pytest.param(entry, id=f"{name}/{entry['file']}") for name in FOLDERS for entry in entries(name)]
SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MS = str(int(NOW.timestamp() * 1000))
SIGNERS = ("buttondown", "ghost", "github", "standard_webhooks", "stripe_style", "woocommerce", "wordpress_wp_webhooks")
VECTORS = [
    pytest.param(vector, id=name)
    for name in SIGNERS
    for vector in json.loads((SAMPLES / name / "vectors.json").read_text())
]


def a_source(kind: str, config: Mapping[str, Any]) -> Source:
    return build("cms", kind, TypeAdapter(CONFIGS[kind]).validate_python({"secret": SECRET, **config}))


def told(item: Item, names: Mapping[str, Any]) -> dict[str, Any]:
    """What an item says under these names, as JSON has it; of its body as much as is expected."""
    values = {name: getattr(item, name) for name in names}
    values["body"] = values["body"][: len(names["body"] or "") or None]
    return {name: list(value) if isinstance(value, tuple) else value or None for name, value in values.items()}


@pytest.mark.parametrize("entry", ALL)
def test_a_sample_says_what_its_sender_meant(entry):
    raw = replace(a_request(entry["bytes"], entry["sent"]), method=entry["method"])
    source, expected = a_source(entry["kind"], entry["config"]), entry["expected"]
    if "refused" in expected:
        assert problem_of(lambda: source.read(Verified(raw, "cms", "source:cms"))).status == expected["refused"]
        return

    items = source.read(Verified(raw, "cms", "source:cms")).items

    several = expected if isinstance(expected, list) else [expected]
    assert [told(item, names) for item, names in zip(items, several, strict=True)] == several


@pytest.mark.parametrize("entry", ALL)
def test_a_sample_is_told_where_it_is_from(entry):
    assert entry["origin"]
    assert entry["fidelity"]


def _hex(body: bytes, key: bytes = SECRET.encode()) -> str:
    return hmac.new(key, body, "sha256").hexdigest()


def _base64(body: bytes) -> str:
    return base64.b64encode(hmac.new(SECRET.encode(), body, "sha256").digest()).decode()


def _standard(body: bytes, brand: str = "webhook") -> dict[str, str]:
    """What the scheme's own library signs; it takes a secret without a prefix for base64."""
    signed = Webhook(base64.b64encode(SECRET.encode()).decode()).sign("m1", NOW, body.decode())
    return {f"{brand}-id": "m1", f"{brand}-timestamp": str(int(NOW.timestamp())), f"{brand}-signature": signed}


BASIC = {"authorization": "Basic " + base64.b64encode(f"bridge:{SECRET}".encode()).decode()}
BEARER = {"authorization": f"Bearer {SECRET}"}
AIRTABLE = base64.b64decode(SECRET)
PROOFS = {
    "airtable": lambda body: {"x-airtable-content-mac": f"hmac-sha256={_hex(body, AIRTABLE)}"},
    "auto_blogger": lambda body: {"x-webhook-signature": _hex(body)},
    "buttondown": lambda body: {"x-buttondown-signature": f"sha256={_hex(body)}"},
    "cloudevents": lambda body: BEARER,
    "contentstack": lambda body: BASIC,
    "feeder": lambda body: BEARER,
    "ghost": lambda body: {"x-ghost-signature": f"sha256={_hex(body + MS.encode())}, t={MS}"},
    "github": lambda body: {"x-hub-signature-256": f"sha256={_hex(body)}"},
    "gitlab": lambda body: {"x-gitlab-token": SECRET},
    "standard_webhooks": _standard,
    "woocommerce": lambda body: {"x-wc-webhook-signature": _base64(body)},
    "wordpress_com": lambda body: {},
    "wordpress_mu_plugin": _standard,
    "wordpress_rest": lambda body: {"x-wp-webhook-signature": _base64(body)},
    "wordpress_wp_webhooks": lambda body: {"x-wp-webhook-signature": _base64(body)},
    "zapier": lambda body: BASIC,
}


def a_genuine(entry: Mapping[str, Any], folder: str) -> RawRequest:
    """A sample with a proof of now."""
    sent = {name.lower(): value for name, value in entry["sent"].items()}
    raw = a_request(entry["bytes"], {**sent, **PROOFS[folder](entry["bytes"])})
    return replace(raw, query=f"token={SECRET}" if folder == "wordpress_com" else "")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_sender_that_proves_itself_is_read(folder):
    for entry in entries(folder):
        verified = a_source(entry["kind"], entry["config"]).verify(a_genuine(entry, folder))

        assert (verified.source, verified.scope) == ("cms", "source:cms")
        assert SECRET not in verified.how


def _without_proof(raw: RawRequest, folder: str) -> RawRequest:
    kept = tuple(pair for pair in raw.headers if pair[0] not in PROOFS[folder](b""))
    return replace(raw, headers=kept, query="")


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_sender_that_does_not_is_not(folder):
    entry = entries(folder)[0]
    raw = a_genuine(entry, folder)
    source, strange = (
        a_source(entry["kind"], entry["config"]),
        a_source(entry["kind"], {**entry["config"], "secret": "b3RoZXI="}),
    )

    assert refused(source, _without_proof(raw, folder)) is Check.UNSIGNED
    assert refused(strange, raw) is Check.FORGED


SIGNED = ("airtable", "auto_blogger", "buttondown", "ghost", "github", "standard_webhooks", "woocommerce",
          "wordpress_mu_plugin", "wordpress_rest", "wordpress_wp_webhooks")  # fmt: skip


@pytest.mark.parametrize("folder", SIGNED)
def test_a_signature_is_of_these_very_bytes(folder):
    entry = entries(folder)[0]
    raw, source = a_genuine(entry, folder), a_source(entry["kind"], entry["config"])
    header = next(name for name in PROOFS[folder](b"") if name.endswith(("signature", "signature-256", "mac")))
    broken = tuple((name, "!" if name == header else value) for name, value in raw.headers)

    assert refused(source, replace(raw, body=raw.body + b" ")) is Check.FORGED
    assert refused(source, replace(raw, headers=broken)) in (Check.MALFORMED, Check.FORGED)


@pytest.mark.parametrize("folder", ["ghost", "standard_webhooks", "wordpress_mu_plugin"])
@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_signature_with_a_time_grows_old(folder, minutes):
    entry = entries(folder)[0]
    raw = replace(a_genuine(entry, folder), received_at=NOW + timedelta(minutes=minutes))

    assert refused(a_source(entry["kind"], entry["config"]), raw) is Check.STALE


def refused(source: Source, raw: RawRequest) -> Check:
    with pytest.raises(Unverified) as caught:
        source.verify(raw)
    assert caught.value.status == 401
    return caught.value.check


@pytest.mark.parametrize("vector", VECTORS)
def test_the_senders_own_vectors_are_genuine(vector):
    source = a_source(vector["kind"], {**vector["config"], "secret": vector["secret"]})
    raw = a_request(vector["body"].encode(), vector["headers"], datetime.fromtimestamp(vector["at"], UTC))

    assert source.verify(raw).scope == "source:cms"
    assert refused(source, replace(raw, body=raw.body + b" ")) is Check.FORGED


@pytest.mark.parametrize("brand", ["webhook", "svix"])
def test_both_brands_of_the_standard_are_taken(brand):
    assert a_source("standard_webhooks", {}).verify(a_request(b"{}", _standard(b"{}", brand)))


def test_gitlab_may_sign_instead():
    source = a_source("gitlab", {"auth": "signature"})

    assert source.verify(a_request(b"{}", _standard(b"{}")))
    assert refused(source, a_request(b"{}", {"x-gitlab-token": SECRET})) is Check.UNSIGNED


KINDS = ("cloudevents", "ghost", "github", "gitlab", "standard_webhooks", "woocommerce", "wordpress")
WORDS = (
    "post", "page", "current", "previous", "status", "published", "tags", "name", "release", "action", "object_kind",
    "type", "data", "post_status", "post_id", "taxonomies", "ID", "images", "src", "categories", "draft", "title",
    "email_only", "visibility", "released_at", "specversion", "source", "data_base64", "1.0", "content", "url",
)  # fmt: skip
HEADERS = {
    "x-github-event": "release", "x-wc-webhook-topic": "product.updated", "webhook-id": "m1", "ce-id": "1",
    "ce-source": "/a", "ce-type": "b", "ce-specversion": "1.0",
}  # fmt: skip
TYPES = ("application/json", "application/x-www-form-urlencoded", "application/cloudevents+json",
         "application/cloudevents-batch+json", "text/plain")  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@given(data=anything(*WORDS), content_type=st.sampled_from(TYPES))
def test_nothing_that_is_sent_crashes_a_kind(kind, data, content_type):
    assert_never_crashes(kind, data, {**HEADERS, "content-type": content_type})


@pytest.mark.parametrize("kind", KINDS)
@given(body=st.binary(max_size=80), content_type=st.sampled_from(TYPES) | st.text(max_size=20))
def test_no_bytes_crash_a_kind(kind, body, content_type):
    assert_never_crashes(kind, body, {**HEADERS, "content-type": content_type})


def test_a_problem_is_told_shortly():
    with pytest.raises(Problem) as caught:
        a_source("ghost", {}).read(Verified(a_request(b"{"), "cms", "source:cms"))

    assert len(caught.value.detail) < 250
