"""The source `generic`: a shared secret, and a body in our own field names."""

import pytest

from bridge.core.errors import Problem
from bridge.core.model import RawRequest
from bridge.core.signing import Check, Unverified
from bridge.sources import build
from bridge.sources.generic import GenericConfig
from tests.core.builders import NOW

SECRETS = ("the-old-secret", "the-new-sécret")
BEARER = build("cms", GenericConfig(secret=SECRETS))
NAMED = build("cms", GenericConfig(secret=SECRETS, header="X-Cms-Token"))
WIDE = build("cms", GenericConfig(secret=("秘密à",)))


def as_read(text: str) -> str:
    """A header that was sent in UTF-8, as a server reads it."""
    return text.encode().decode("latin-1")


def a_request(body: bytes = b"{}", **headers: str) -> RawRequest:
    pairs = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return RawRequest("POST", "/hooks/cms", "", "https://b.example/hooks/cms", pairs, body, NOW)


@pytest.mark.parametrize(
    ("source", "headers"),
    [
        (BEARER, {"authorization": "Bearer the-old-secret"}),
        (BEARER, {"authorization": "bearer  the-new-sécret "}),
        (NAMED, {"x_cms_token": "the-old-secret"}),
        (NAMED, {"x_cms_token": as_read("the-new-sécret")}),
        (WIDE, {"authorization": f"Bearer {as_read('秘密à')} "}),
    ],
)
def test_each_secret_lets_in_and_grants_no_more_than_the_source(source, headers):
    verified = source.verify(a_request(**headers))

    assert (verified.source, verified.scope, verified.accounts) == ("cms", "source:cms", ())


@pytest.mark.parametrize(
    ("source", "headers", "check"),
    [
        (BEARER, {}, Check.UNSIGNED),
        (BEARER, {"authorization": "Bearer"}, Check.UNSIGNED),
        (BEARER, {"authorization": "Basic the-old-secret"}, Check.UNSIGNED),
        (BEARER, {"authorization": "Bearer the-old-secre"}, Check.FORGED),
        (BEARER, {"authorization": "Bearer \udcff"}, Check.FORGED),
        (BEARER, {"x_cms_token": "the-old-secret"}, Check.UNSIGNED),
        (NAMED, {"authorization": "Bearer the-old-secret"}, Check.UNSIGNED),
        (NAMED, {"x_cms_token": "Bearer the-old-secret"}, Check.FORGED),
    ],
)
def test_nothing_else_does_and_the_answer_does_not_say_why(source, headers, check):
    with pytest.raises(Unverified) as caught:
        source.verify(a_request(**headers))

    assert (caught.value.status, caught.value.check) == (401, check)
    assert not {check, "secret"} & set(caught.value.slug.split("_"))


def test_a_body_is_what_the_api_takes():
    sent = {"authorization": "Bearer the-old-secret", "idempotency_key": "k1"}
    form = {"content_type": "application/x-www-form-urlencoded"} | sent

    parsed = BEARER.read(BEARER.verify(a_request(b'{"title": "x"}', **sent)))
    assert (parsed.intent, parsed.requests, parsed.key) == ("publish", ({"title": "x"},), "k1")
    assert BEARER.read(BEARER.verify(a_request(b"title=x", **form))).requests == ({"title": "x"},)
    with pytest.raises(Problem, match="invalid_json"):
        BEARER.read(BEARER.verify(a_request(b"{", **sent)))
