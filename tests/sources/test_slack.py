"""The source `slack`: who is let in, what real requests say, that nothing secret of them is kept, and commands."""

import json
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from slack_sdk.signature import Clock, SignatureVerifier

from bridge.core.errors import Fault, Problem
from bridge.core.model import Intent, RawRequest
from bridge.core.request import invalid
from bridge.core.signing import Check, Unverified
from bridge.sources import CONFIGS, KINDS
from tests.core.builders import NOW, problem_of
from tests.sources.chatting import (
    FORM,
    SAMPLES,
    SECRET,
    SECRETS,
    SIGNED_AT,
    a_source,
    command,
    read,
    said,
    sample,
    told,
)
from tests.sources.reading import a_request


@pytest.mark.parametrize("entry", [pytest.param(entry, id=name) for name, entry in SAMPLES.items()])
def test_a_sample_says_what_its_sender_meant(entry):
    parsed, expected = read(entry["bytes"], entry["sent"]), entry["expected"]

    if "reply" in expected:
        assert (parsed.items, parsed.gesture) == ((), None)
        assert expected["reply"].encode() in parsed.reply.body
    elif "gesture" in expected:
        assert parsed.items == ()
        assert told(parsed.gesture, expected["gesture"]) == expected["gesture"]
    else:
        [item] = parsed.items
        assert told(item, expected) == expected


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_secret_is_kept_of_a_request(name):
    parsed = sample(name)

    stored = (parsed.kept or b"").decode() + str([item.raw for item in parsed.items])
    assert not [secret for secret in SECRETS if secret in stored]
    assert parsed.kept is not None or not parsed.items


@pytest.mark.parametrize("name", ["slash_command_bolt.form", "publish_form.form", "publish_message.form"])
def test_over_a_socket_the_same_is_json(name):
    """Socket Mode hands on what the form's `payload`, or the form itself, says as an object."""
    fields = dict(parse_qsl(SAMPLES[name]["bytes"].decode()))
    whole = json.loads(fields["payload"]) if "payload" in fields else fields
    socket, http = read(whole), sample(name)

    assert (socket.items, socket.gesture, socket.kept) == (http.items, http.gesture, http.kept)


class At(Clock):
    def now(self) -> float:
        return NOW.timestamp()


def signed(body: bytes, at: datetime = NOW, secret: str = SECRET, **headers: str) -> RawRequest:
    """A request as slack_sdk signs it."""
    stamp = str(int(at.timestamp()))
    signature = SignatureVerifier(secret, At()).generate_signature(timestamp=stamp, body=body)
    return a_request(body, {**FORM, "X-Slack-Request-Timestamp": stamp, "X-Slack-Signature": signature, **headers})


@given(st.text(st.characters(codec="utf-8"), max_size=200))
def test_what_the_vendors_own_library_signs_is_let_in(text):
    raw = signed(text.encode())

    assert SignatureVerifier(SECRET, At()).is_valid_request(raw.body, dict(raw.headers))
    assert a_source().verify(raw).scope == "source:chat"
    assert a_source(secret=["new", SECRET]).verify(raw)


def test_the_signature_of_the_vendors_page_is_genuine():
    entry = SAMPLES["slash_command_signed.form"]
    raw = a_request(entry["bytes"], entry["sent"], SIGNED_AT)

    assert a_source().verify(raw).how
    with pytest.raises(Unverified):
        a_source().verify(replace(raw, received_at=NOW))


@pytest.mark.parametrize(
    ("headers", "check"),
    [
        ({"X-Slack-Request-Timestamp": "soon"}, Check.MALFORMED),
        ({"X-Slack-Request-Timestamp": "1e9"}, Check.MALFORMED),
        ({"X-Slack-Request-Timestamp": "²"}, Check.MALFORMED),
        ({"X-Slack-Request-Timestamp": "9" * 5000}, Check.MALFORMED),
        ({"X-Slack-Request-Timestamp": ""}, Check.UNSIGNED),
        ({"X-Slack-Signature": ""}, Check.UNSIGNED),
        ({"X-Slack-Signature": "v0="}, Check.MALFORMED),
        ({"X-Slack-Signature": "v1=00"}, Check.MALFORMED),
        ({"X-Slack-Signature": "v0=" + "0" * 64}, Check.FORGED),
    ],
)
def test_who_cannot_prove_itself_is_not_read(headers, check):
    """Of the first, slack_sdk raises a bare ValueError."""
    refused = problem_of(lambda: a_source().verify(signed(b"command=%2Fpublish", **headers)))

    assert isinstance(refused, Unverified)
    assert (refused.status, refused.check) == (401, check)


def test_an_old_request_and_another_secret_are_refused():
    assert problem_of(lambda: a_source().verify(signed(b"a=1", SIGNED_AT))).check is Check.STALE
    assert problem_of(lambda: a_source().verify(signed(b"a=1", secret="other"))).check is Check.FORGED
    assert problem_of(lambda: a_source(mode="socket", secret=None).verify(signed(b"a=1"))).status == 401


def test_the_check_of_our_certificate_is_answered_unsigned():
    source, raw = a_source(), a_request(b"ssl_check=1&token=x", FORM)

    parsed = source.read(source.verify(raw))
    assert (parsed.items, parsed.reply.status, parsed.reply.body) == ((), 200, b"")
    assert source.probe(replace(raw, method="GET", query="ssl_check=1&token=x")).status == 200
    assert source.probe(replace(raw, method="GET", query="")) is None


@pytest.mark.parametrize(
    "forged",
    [
        b"ssl_check=1&command=/publish&text=Hi",
        b"ssl_check=2",
        b'{"ssl_check":"1"}',
        b"ssl_check=1&" * 99,
        b"ssl_check=0&ssl_check=1&token=AAAA",
        b"ssl_check=1&ssl%5fcheck=0&token=%7b",
        b"ssl_check=1&token=a&token=b",
        b"ssl_check=1&token[command]=x",
        b"payload={}&ssl_check=1",
        b"[]&ssl_check=1",
        b"ssl_check=1\n",
    ],
)
def test_what_else_says_that_it_is_the_check_has_to_prove_itself(forged):
    assert problem_of(lambda: a_source().verify(a_request(forged, FORM))).status == 401


@pytest.mark.parametrize("content_type", ["application/json", "multipart/form-data; boundary=x", "image/png", ""])
def test_the_check_is_answered_empty_whatever_it_calls_itself(content_type):
    source = a_source()

    parsed = source.read(source.verify(a_request(b"token=x&ssl_check=1", {"content-type": content_type})))
    assert (parsed.items, parsed.reply.body, parsed.kept) == ((), b"", None)


def test_a_command_asks_for_a_post_in_the_zone_of_whoever_gives_it():
    parsed = command("*Hi* &amp; bye <@W222> :tada: | <https://example.com/a> | brand-x | tomorrow 9am")
    [item] = parsed.items

    assert item.own == {
        "caption": "Hi & bye Ann 🎉\nhttps://example.com/a",
        "url": "https://example.com/a",
        "accounts": ["brand-x"],
        "scheduled_at": "2026-03-02T09:00:00",
        "timezone": "Europe/Berlin",
    }
    assert (item.intent, item.key, item.reply_to.channel, item.reply_to.user) == (Intent.SCHEDULE, None, "C1", "U1")
    assert item.reply_to.address == "https://r.example/1"
    assert (parsed.reply.status, parsed.reply.body) == (200, b"")


def test_without_a_person_the_zone_is_the_configured_one():
    [item] = command("Hi | tomorrow 9am", person=None, timezone="Asia/Kathmandu").items

    assert item.own["timezone"] == "Asia/Kathmandu"


@pytest.mark.parametrize("text", ["", "help", "  "])
def test_help_is_answered_at_once(text):
    assert said(command(text)).startswith("/publish caption | link or image")


def test_what_is_wrong_with_a_command_is_said_where_it_was_given():
    assert "scheduled_at 'tomorow 9am' is not a plain time" in said(command("Hi | tomorow 9am"))
    assert "nothing to post" in said(command("accounts: a"))


def test_every_fault_found_later_is_a_line_of_the_answer():
    refusal = command("Hi | nobody").refusal
    answered = refusal(invalid([Fault("accounts[0]", "'a<b' is unknown", "Use x."), Fault("media", "is missing")]))

    text = orjson.loads(answered.body)["text"]
    assert answered.status == 200
    assert text == "Nothing was posted:\n• accounts[0] 'a&lt;b' is unknown. Use x.\n• media is missing."
    assert "later" in orjson.loads(refusal(Problem(503, "busy", "Come later.")).body)["text"]


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ({"users": ["U2"]}, "add your id U1 to sources.chat.users"),
        ({"channels": ["C2"]}, "add its id C1 to sources.chat.channels"),
        ({"users": ["U1"], "channels": ["C2"]}, "add its id C1 to sources.chat.channels"),
        ({"users": ["U1"], "channels": ["C1"]}, None),
        ({"channels": ["C1"]}, None),
        ({"approvers": ["U2"]}, None),
    ],
)
def test_who_may_publish_is_judged_by_ids(config, why):
    parsed = command("Hi", **config)

    if why is None:
        assert len(parsed.items) == 1
    else:
        assert why in said(parsed)
        assert len(said(parsed)) < 250


@pytest.mark.parametrize(
    ("config", "keys"),
    [
        ({"secret": ["s"]}, []),
        ({}, ["secret"]),
        ({"auth": "none"}, []),
        ({"mode": "socket"}, ["app_token"]),
        ({"mode": "socket", "app_token": "xapp-1"}, []),
        ({"secret": ["s"], "app_token": "xapp-1"}, ["app_token"]),
        ({"secret": ["s"], "bot_token": "xoxp-1"}, ["bot_token"]),
        ({"secret": ["s"], "bot_token": "xoxe.xoxb-1"}, []),
    ],
)
def test_half_a_configuration_is_refused(config, keys):
    kind = KINDS["slack"]

    assert [key for key, _, _ in kind.faults(kind.config_type(**config))] == keys


@pytest.mark.parametrize(
    "config", [{"users": ["@ann"]}, {"channels": ["#social"]}, {"command": "publish"}, {"mode": "x"}]
)
def test_names_where_ids_belong_are_refused(config):
    with pytest.raises(ValidationError):
        a_source(**config)


def test_no_secret_shows_in_a_configuration():
    config = CONFIGS["slack"](secret=("s3cret",), bot_token="xoxb-1", app_token="xapp-1", webhook="https://hooks.x/1")

    assert not [one for one in ("s3cret", "xoxb-1", "xapp-1", "hooks.x") if one in repr(config)]
