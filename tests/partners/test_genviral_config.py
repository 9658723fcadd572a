"""The configuration of a key: what it refuses, and that it never shows the token."""

from typing import Any

import pytest

from bridge.partners.genviral import Contract, GenviralConfig


def test_defaults_suit_a_first_run() -> None:
    config = GenviralConfig(token="gva_live_a.b")
    assert (config.base_url, config.contract, config.rate, config.writes) == (
        "https://www.genviral.io/api/partner/v1",
        Contract.V3,
        2.0,
        True,
    )
    assert (
        GenviralConfig(token="t", contract=Contract("v1"), base_url="http://localhost:1/x/").base_url
        == "http://localhost:1/x"
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("token", ""), ("token", "two words"), ("token", "line\n"), ("token", "ünicode"),
        ("base_url", "ftp://a.example"), ("base_url", "https://"), ("base_url", "https://user:pw@a.example"),
        ("base_url", "https://a.example?x=1"),
        ("rate", 0), ("rate", -1), ("rate", 1000), ("rate", float("nan")), ("contract", "v2"),
    ],
)  # fmt: skip
def test_wrong_field_is_named(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{field}: "):
        GenviralConfig(**({"token": "gva_live_a.b"} | {field: value}))


def test_token_is_not_shown() -> None:
    assert "s3cr3t" not in repr(GenviralConfig(token="gva_live_a.s3cr3t"))
