"""Which headers are kept of a request: what tells something of it, and nothing that proves who sent it."""

import pytest

from bridge.core.telling import telling


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("User-Agent", True),
        ("X-GitHub-Event", True),
        ("X-GitHub-Delivery", True),
        ("X-Shopify-Topic", True),
        ("webhook-id", True),
        ("X-Slack-Retry-Reason", True),
        ("Ce-Type", True),
        ("Authorization", False),
        ("Proxy-Authorization", False),
        ("Cookie", False),
        ("X-Hub-Signature-256", False),
        ("webhook-signature", False),
        ("X-Api-Key", False),
        ("X-Gitlab-Token", False),
        ("X-Secret-Id", False),
        ("X-Session-Id", False),
        ("CF-Access-Client-Id", False),
        ("X-Shopify-Hmac-Sha256", False),
        ("X-Forwarded-For", False),
        ("Content-Type", False),
        ("Accept", False),
    ],
)
def test_a_header_is_kept_for_what_it_tells(name: str, kept: bool) -> None:
    assert (telling([(name, "value")]) is not None) == kept


def test_of_long_and_many_headers_little_is_kept() -> None:
    found = telling([(f"x-{number}-id", "v" * 1_000) for number in range(100)])

    assert found is not None
    assert len(found) == 20
    assert {len(value) for value in found.values()} == {200}


def test_of_an_address_neither_its_user_nor_its_query_is_kept() -> None:
    found = telling([("X-WC-Webhook-Source", "https://me:s3cret@shop.example/in?key=s3cret")])

    assert found == {"x-wc-webhook-source": "https://shop.example/in"}
