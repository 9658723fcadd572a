"""The source `posteverywhere`: signatures over the raw bytes, and what an event hints at.

The vector's secret and body are those of the tests of the vendor's clients (github.com/posteverywhere/
n8n-nodes-posteverywhere and posteverywhere-python); its digest was computed from them.
"""

import hmac
from datetime import timedelta

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.model import RawRequest
from bridge.core.signing import Check, Unverified
from bridge.ports import Hint
from bridge.sources import CONFIGS, KINDS, build
from bridge.sources.posteverywhere import PostEverywhereHooks
from tests.core.builders import NOW, problem_of

SECRET = "whsec_test_secret"
BODY = b'{"event":"post.published","data":{"post_id":"p1"}}'
SIGNATURE = "sha256=c0a9d4fdb1c236fc0599d41a514260f7b96e644242bd2b3f64d7c4026a873414"
HEX = SIGNATURE.removeprefix("sha256=")

HOOKS = build("pe-hooks", "posteverywhere", PostEverywhereHooks(secret=("whsec_next", SECRET), partner="pe"))


def a_request(body: bytes = BODY, signature: str | None = SIGNATURE, sent_at: str | None = None) -> RawRequest:
    pairs = [("x-posteverywhere-signature", signature), ("x-posteverywhere-timestamp", sent_at)]
    headers = tuple((name, value) for name, value in pairs if value is not None)
    return RawRequest("POST", "/hooks/pe-hooks", "", "https://b.example/hooks/pe-hooks", headers, body, NOW)


def read(body: object):
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    signature = "sha256=" + hmac.new(SECRET.encode(), raw, "sha256").hexdigest()
    return HOOKS.read(HOOKS.verify(a_request(raw, signature)))


def test_every_kind_has_its_configuration():
    assert [(name, kind.name, kind.config_type) for name, kind in KINDS.items()] == [
        (name, name, config) for name, config in CONFIGS.items()
    ]


@pytest.mark.parametrize("seconds", [None, 0, 300, -300])
def test_the_vendors_vector_is_genuine(seconds):
    sent_at = None if seconds is None else str(int((NOW + timedelta(seconds=seconds)).timestamp()))
    verified = HOOKS.verify(a_request(sent_at=sent_at))

    assert (verified.source, verified.scope, verified.accounts) == ("pe-hooks", "source:pe-hooks", ())


@pytest.mark.parametrize(
    ("request_", "check"),
    [
        (a_request(signature=None), Check.UNSIGNED),
        (a_request(signature=""), Check.UNSIGNED),
        (a_request(signature=HEX), Check.MALFORMED),
        (a_request(signature="sha1=" + HEX), Check.MALFORMED),
        (a_request(signature="SHA256=" + HEX), Check.MALFORMED),
        (a_request(signature="sha256="), Check.MALFORMED),
        (a_request(signature="sha256=" + HEX[:-2]), Check.FORGED),
        (a_request(signature="sha256=" + "0" * 64), Check.FORGED),
        (a_request(signature="sha256=zz"), Check.MALFORMED),
        (a_request(BODY + b" "), Check.FORGED),
        (a_request(BODY.replace(b":", b": ")), Check.FORGED),
        (a_request(sent_at="soon"), Check.MALFORMED),
        (a_request(sent_at=str(int(NOW.timestamp()) - 301)), Check.STALE),
        (a_request(sent_at=str(int(NOW.timestamp()) + 301)), Check.STALE),
    ],
)
def test_nothing_else_is_and_the_answer_does_not_say_why(request_, check):
    with pytest.raises(Unverified) as caught:
        HOOKS.verify(request_)

    assert (caught.value.status, caught.value.slug, caught.value.check) == (401, "not_verified", check)


@pytest.mark.parametrize(
    ("event", "data", "posts", "accounts"),
    [
        ("post.published", {"post_id": "p1", "platform": "x"}, ("p1",), ()),
        ("post.failed", {"id": "p1", "account_id": 7}, ("p1",), ("7",)),
        ("post.updated", {"post_group_id": 5}, ("5",), ()),
        ("account.disconnected", {"account_id": "2280"}, (), ("2280",)),
        ("account.reconnect_needed", {"id": 7}, (), ("7",)),
        ("media.uploaded", {"id": "m1"}, (), ()),
        ("post.approval_requested", {"post_id": "p1"}, ("p1",), ()),
        ("post.of_next_year", {"post_id": "p1", "more": []}, ("p1",), ()),
        ("post.published", {"post_id": ["p1"], "account_id": True}, (), ()),
        ("post.published", {"post_id": "p" * 129}, (), ()),
        ("post.published", None, (), ()),
        (None, {"post_id": "p1"}, ("p1",), ()),
    ],
)
def test_an_event_hints_at_what_it_names(event, data, posts, accounts):
    parsed = read({"event": event, "event_id": "e1", "data": data})

    (item,) = parsed.items
    assert (item.intent, item.key, item.own) == ("hint", "e1", {})
    assert parsed.hint == Hint("pe", posts, accounts)
    assert item.object_id == next(iter((*posts, *accounts)), None)


@pytest.mark.parametrize("event", ["test", "webhook.test", "ping", "webhook.ping"])
def test_a_test_is_a_test(event):
    parsed = read({"event": event, "data": {"post_id": "p1"}})

    assert ([(item.intent, item.key) for item in parsed.items], parsed.hint) == ([("test", None)], None)


@given(st.recursive(st.none() | st.booleans() | st.integers(0, 9) | st.text(max_size=5), st.lists, max_leaves=4))
def test_no_event_crashes_the_source(value):
    fields = [read({name: value, "data": {"post_id": value, "account_id": value}}) for name in ("event", "event_id")]

    assert all(item.intent in ("hint", "test") for parsed in fields for item in parsed.items)
    assert problem_of(lambda: read(orjson.dumps(value))).status == 400
