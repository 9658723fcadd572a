"""Bearer tokens: who may do what."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.core.errors import Problem
from bridge.core.tokens import SCOPES, Token, Tokens

ZAPIER = Token("zapier", frozenset({"publish"}), ("brand-*",))
ADMIN = Token("admin", frozenset({"admin"}))
TOKENS = Tokens([("s3cret", ZAPIER), ("r00t", ADMIN)])


@pytest.mark.parametrize("header", ["Bearer s3cret", "bearer s3cret", "BEARER  s3cret "])
def test_a_known_token_is_found(header):
    assert TOKENS.check(header, "publish") is ZAPIER


@pytest.mark.parametrize("scope", SCOPES)
def test_admin_may_do_everything(scope):
    assert TOKENS.check("Bearer r00t", scope) is ADMIN


@pytest.mark.parametrize(
    ("header", "scope", "status", "slug"),
    [
        (None, "publish", 401, "no_token"),
        ("", "publish", 401, "no_token"),
        ("s3cret", "publish", 401, "no_token"),
        ("Basic s3cret", "publish", 401, "no_token"),
        ("Bearer ", "publish", 401, "no_token"),
        ("Bearer S3cret", "publish", 401, "unknown_token"),
        ("Bearer s3cret", "read", 403, "scope"),
    ],
)
def test_anything_else_is_refused(header, scope, status, slug):
    with pytest.raises(Problem) as caught:
        TOKENS.check(header, scope)

    assert (caught.value.status, caught.value.slug) == (status, slug)
    assert "s3cret" not in caught.value.detail


@given(st.text(max_size=300))
def test_a_guess_finds_nothing_and_is_not_repeated(guess):
    with pytest.raises(Problem) as caught:
        TOKENS.check(f"Bearer {guess}x", "publish")

    assert caught.value.status == 401
    assert len(caught.value.detail) < 250


def test_a_proof_holds_while_the_secrets_of_the_token_are_the_same():
    proof = TOKENS.proof("zapier")

    assert TOKENS.proven("zapier", proof) is ZAPIER
    assert "s3cret" not in proof
    assert Tokens([("s3cret", replace(ZAPIER, accounts=()))]).proven("zapier", proof) is not None
    for others in ([("other", ZAPIER)], [("s3cret", ZAPIER), ("more", ZAPIER)], [("s3cret", ADMIN)], []):
        assert Tokens(others).proven("zapier", proof) is None
