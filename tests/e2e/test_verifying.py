"""Receivers verify and read what the real service sent: with their libraries, and as docs/verifying.md says."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from bridge.simulator.receiver import Received
from tests.e2e.receiving import SECRET, TYPE, receive
from tests.test_docs import DOCS, blocks

pytestmark = pytest.mark.slow

FORMATS = ("standard", "cloudevents", "flat")
PAGE = (DOCS / "verifying.md").read_text()


@pytest.fixture(scope="module")
def received(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Received]:
    return receive(tmp_path_factory.mktemp("town"), *FORMATS)


@pytest.mark.parametrize("name", FORMATS)
def test_the_library_of_standard_webhooks_verifies_each_format(received: Mapping[str, Received], name: str):
    one = received[name]

    assert one.verified, one.why_not
    assert Webhook(SECRET).verify(one.body, one.headers) == one.json
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(one.body + b" ", one.headers)


@pytest.mark.parametrize("code", [one for one in blocks(PAGE, "python") if "SECRET" in one], ids=["library", "alone"])
def test_the_ways_of_the_page_in_python_verify_it(received: Mapping[str, Received], code: str):
    one = received["standard"]
    space: dict[str, Any] = {"SECRET": SECRET}
    exec(code, space)

    assert space["receive"](one.headers, one.body) == one.json
    with pytest.raises((PermissionError, WebhookVerificationError)):
        space["receive"](one.headers, one.body + b" ")


def test_the_sdk_of_cloudevents_reads_its_format(received: Mapping[str, Received]):
    one, plain = received["cloudevents"], received["standard"].json
    event = from_http_event(HTTPMessage(one.headers, one.body))

    assert one.headers["content-type"].startswith("application/cloudevents+json")
    assert (event.get_id(), event.get_specversion()) == (one.webhook_id, "1.0")
    assert event.get_type().endswith(TYPE)
    assert event.get_source()
    assert event.get_time() is not None
    assert event.get_data() == plain["data"]


def test_the_flat_format_has_no_levels(received: Mapping[str, Received]):
    assert all(not isinstance(value, dict | list) for value in orjson.loads(received["flat"].body).values())
