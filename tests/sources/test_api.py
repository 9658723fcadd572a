"""The source `api`: who may publish, and which key a request has. Bodies are in `test_body.py`."""

import pytest

from bridge.core.errors import Problem
from bridge.core.model import Intent
from bridge.core.tokens import Token, Tokens
from bridge.sources import Api
from tests.sources.test_body import a_request

API = Api(Tokens([("s3cret", Token("zapier", frozenset({"publish"}), ("brand-*",)))]))


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

    (item,) = parsed.items
    assert (item.intent, item.own, item.key) == (Intent.PUBLISH, {"caption": "x"}, key)


@pytest.mark.parametrize(("length", "fits"), [(255, True), (256, False)])
def test_a_key_has_a_length(length, fits):
    verified = API.verify(a_request(authorization="Bearer s3cret", idempotency_key="k" * length))
    if fits:
        assert API.read(verified).items[0].key == "k" * length
    else:
        with pytest.raises(Problem, match="invalid_key"):
            API.read(verified)


def test_its_callers_say_everything_themselves():
    assert API.probe(a_request()) is None
    with pytest.raises(Problem, match="no_lookup"):
        API.lookup({}, ())
