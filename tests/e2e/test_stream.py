"""Who listens to the stream does not keep bridge from stopping."""

import http.client
import time

import pytest

from tests.e2e.process import SECRETS, running, write_config

pytestmark = pytest.mark.slow


def test_a_listener_is_let_go_at_once_when_bridge_stops(tmp_path):
    with running(tmp_path / "log", "serve", "-c", str(write_config(tmp_path))) as bridge:
        listening = http.client.HTTPConnection(bridge.addresses()[0].removeprefix("http://"), timeout=20)
        listening.request("GET", "/v1/stream", headers={"Authorization": f"Bearer {SECRETS['E2E_TOKEN']}"})
        answer = listening.getresponse()
        assert (answer.status, answer.readline(), answer.readline()) == (200, b"retry: 2000\n", b": listening\n")

        began = time.monotonic()
        assert bridge.end() == 0
        assert time.monotonic() - began < 2
        assert answer.read() == b"\n"
    listening.close()
