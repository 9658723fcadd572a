"""`bridge drill` as a person runs it: one's own configuration, without its secrets, and nobody called."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import orjson
import pytest

from tests.e2e.process import run, write_config

SECTIONS: dict[str, Any] = {
    "server": {"port": 0, "secret_key": {"env": "NO_KEY"}, "signing_key": {"env": "NO_OTHER_KEY"}},
    "partners": {
        "gv": {"kind": "genviral", "token": {"env": "NOT_SET"}},
        "pe": {"kind": "posteverywhere", "token": {"env": "NOT_SET_EITHER"}},
    },
    "accounts": {
        "brand-x": {"partner": "pe", "id": "2282"},
        "brand-instagram": {"partner": "gv", "platform": "instagram", "username": "brandhq"},
        "brand-tiktok": {"partner": "gv", "id": "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"},
        "old-tiktok": {"partner": "gv", "id": "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c17", "retired": True},
    },
    "sources": {"blog": {"kind": "ghost", "secret": {"env": "NOR_THIS"}, "accounts": ["brand-x"]}},
    "endpoints": {
        "ops": {
            "url": "https://ops.example.com/hook",
            "secret": {"env": "NOR_THAT"},
            "events": ["attention.*", "partner.*"],
        },
        "team": {"url": {"env": "NO_ADDRESS"}, "format": "slack"},
        "archive": {"url": "https://archive.example.com/hook", "secret": {"env": "NOR_ITS_OWN"}},
    },
    "publish": {"hold": "10m"},
}


@pytest.fixture
def heard() -> list[bytes]:
    """The bodies that the endpoint of a person got."""
    return []


@pytest.fixture
def port(heard: list[bytes]) -> Iterator[int]:
    """Where that endpoint listens."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Endpoint) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_a_dead_token_is_told_to_whoever_wants_it_and_what_waited_resumes(tmp_path: Path):
    drill = run("drill", "dead-token", "--partner", "gv", "-c", str(write_config(tmp_path, **SECTIONS)))

    assert drill.returncode == 0, drill.stdout + drill.stderr
    for told in (
        "DRILL dead-token at partners.gv",
        "the token of brand-instagram dies",
        "somebody reconnects brand-instagram",
        "would have told: endpoint ops (wants attention.*, partner.*): attention.opened, attention.closed\n",
        "posts: 5 published, 1 waited, 1 resumed, lost 0, doubled 0\nEverything resumed.\n",
        "DRILL: Reconnect the account",
    ):
        assert told in drill.stdout
    assert "BADLY" not in drill.stdout
    assert not (tmp_path / "bridge.db").exists()


def test_an_outage_comes_as_json_and_everything_goes_out_in_the_end(tmp_path: Path):
    config = write_config(tmp_path, **SECTIONS)
    drill = run("drill", "outage", "--partner", "gv", "--json", "-c", str(config))

    assert (drill.returncode, drill.stderr) == (0, "")
    told = orjson.loads(drill.stdout)
    assert (told["drill"], told["well"], told["posts"]["waited"], told["posts"]["lost"]) == ("outage", True, 2, 0)
    by_name = {one["name"]: one for one in told["endpoints"]}
    assert by_name["archive"]["arrived"] == sum(by_name["archive"]["told"].values()) > 0
    assert not any(one["called"] for one in told["endpoints"])


def test_with_notify_the_real_endpoint_is_told_and_everything_says_drill(tmp_path: Path, heard: list[bytes], port: int):
    ops = {"url": f"http://127.0.0.1:{port}/hook", "secret": {"env": "E2E_TOKEN"}, "events": ["partner.*"]}
    reach = {"allow": ["127.0.0.0/8"], "allow_http": True, "ports": [443, port]}
    sections = SECTIONS | {"endpoints": SECTIONS["endpoints"] | {"ops": ops}, "network": reach}
    drill = run("drill", "plan-lapsed", "--partner", "gv", "--notify", "-c", str(write_config(tmp_path, **sections)))

    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert "endpoint ops is REALLY told; everything says DRILL\n" in drill.stdout
    assert "endpoint team is not told: its secret or its address is not at hand\n" in drill.stdout
    assert "told: endpoint ops (wants partner.*): partner.blocked, partner.recovered\n" in drill.stdout
    bodies = [orjson.loads(body) for body in heard]
    assert [body["type"] for body in bodies] == ["partner.blocked", "partner.recovered"]
    assert all(body["data"]["drill"] and body["data"]["message"].startswith("DRILL: ") for body in bodies)
