"""The verbs of the command line, each as a real process."""

import shutil
import signal
import socket
import sqlite3
from pathlib import Path

import httpx
import pytest

import bridge
from tests.e2e.process import ROOT, SECRETS, Process, run, running, write_config

pytestmark = pytest.mark.slow

HEADERS = {"Authorization": f"Bearer {SECRETS['E2E_TOKEN']}"}
NOBODY = {"kind": "genviral", "token": {"env": "E2E_TOKEN"}, "base_url": "http://127.0.0.1:9/"}
WISH = {"caption": "Hello", "media": "https://cdn.example.com/v.mp4", "accounts": ["brand"]}


def get(url: str) -> httpx.Response:
    return httpx.get(url, headers=HEADERS, trust_env=False, timeout=10)


def served(process: Process) -> str:
    """Return the address of a service with one listener, once it answers."""
    [url] = process.addresses()
    assert get(f"{url}/readyz").status_code == 200
    return url


def test_serve_takes_a_free_port_says_where_and_ends_well(tmp_path: Path):
    with running(tmp_path / "log", "serve", "-c", str(write_config(tmp_path))) as process:
        url = served(process)
        assert get(f"{url}/livez").status_code == 200
        assert "bridge_build_info" in get(f"{url}/metrics").text

        assert process.end() == 0
        assert process.lines[-1]["event"] == "service.stopped"


def test_a_second_process_on_the_same_database_is_refused_and_told_by_whom(tmp_path: Path):
    config = str(write_config(tmp_path))
    with running(tmp_path / "log", "serve", "-c", config) as first:
        served(first)

        with running(tmp_path / "second", "serve", "-c", config) as second:
            assert second.status() == 1

        [line] = [line for line in second.lines if line["event"] == "service.not_started"]
        assert f"is in use by process {first.pid}; stop it first" in line["error"]
        served(first)


def test_the_admin_listener_is_apart(tmp_path: Path):
    server = {"host": "127.0.0.1", "port": 0, "admin": {"port": 0}}
    with running(tmp_path / "log", "serve", "-c", str(write_config(tmp_path, server=server))) as process:
        public, admin = process.addresses()

        assert {path: get(admin + path).status_code for path in ("/metrics", "/readyz", "/livez", "/v1/posts")} == {
            "/metrics": 200, "/readyz": 200, "/livez": 200, "/v1/posts": 404,
        }  # fmt: skip
        assert {path: get(public + path).status_code for path in ("/metrics", "/readyz", "/livez", "/v1/posts")} == {
            "/metrics": 404, "/readyz": 404, "/livez": 404, "/v1/posts": 200,
        }  # fmt: skip
        assert process.end() == 0


def test_what_was_answered_outlives_a_kill(tmp_path: Path):
    accounts = {"brand": {"partner": "genviral", "id": "3e30c8d1-0bc0-42d8-9a1a-bb63fe6c3c16"}}
    config = str(write_config(tmp_path, partners={"genviral": NOBODY}, accounts=accounts))
    with running(tmp_path / "log", "serve", "-c", config) as process:
        answer = httpx.post(f"{served(process)}/v1/publish", json=WISH, headers=HEADERS, trust_env=False)
        assert answer.status_code == 202
        assert process.end(signal.SIGKILL) == -signal.SIGKILL

    with running(tmp_path / "again", "serve", "-c", config) as process:
        event = get(f"{served(process)}/v1/events/{answer.json()['event_id']}")

        assert [post["id"] for post in event.json()["posts"]] == [post["id"] for post in answer.json()["posts"]]


def test_a_taken_port_ends_the_start_with_a_sentence(tmp_path: Path):
    with running(tmp_path / "log", "serve", "-c", str(write_config(tmp_path))) as first:
        port = int(served(first).rpartition(":")[2])
        (tmp_path / "other").mkdir()
        taken = write_config(tmp_path / "other", server={"host": "127.0.0.1", "port": port})

        refused = run("serve", "-c", str(taken))

    assert refused.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in refused.stdout


def test_check_lists_every_fault_at_once(tmp_path: Path):
    good, missing = {"env": "E2E_SIGNING"}, {"env": "MISSING"}
    endpoints = {
        "ops": {"url": "ftp://ops.example", "secret": good},
        "log": {"url": "https://b.example", "secret": missing},
    }
    environ = {**SECRETS, "E2E_SIGNING": "whsec_" + "QUJD" * 10}
    config = write_config(tmp_path, endpoints=endpoints, watch={"tick": "soon"}, publsh={})

    for verb in ("check", "serve", "migrate"):
        checked = run(verb, "-c", str(config), environ=environ)

        assert checked.returncode == 1
        assert checked.stderr.startswith("The configuration has 4 faults:")
        for place in ("endpoints.ops.url", "endpoints.log.secret", "watch.tick", "publsh"):
            assert f"  {place}: " in checked.stderr
        assert "the environment variable MISSING is not set" in checked.stderr


def test_check_takes_the_example(tmp_path: Path):
    example = Path(shutil.copy(ROOT / "docs" / "bridge.example.yaml", tmp_path))
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "second-brand").write_text("gva_live_second.0123456789abcdef\n")
    tokens = {
        name: f"{name.lower()}-0123456789"
        for name in ("BRIDGE_TOKEN", "BRIDGE_TOKEN_NEXT", "BRIDGE_OPERATOR_TOKEN", "BLOG_SECRET", "ZAPIER_SECRET")
    } | {"POSTEVERYWHERE_TOKEN": "pe_live_" + "0" * 32, "POSTEVERYWHERE_HOOK_SECRET": "whsec_0123456789"}
    environ = {**tokens, "GENVIRAL_TOKEN": "gva_live_first.0123456789abcdef", "OPS_SECRET": "whsec_" + "QUJD" * 10}
    environ |= {
        "BRIDGE_SECRET_KEY": "A" * 43 + "=",
        "BRIDGE_SIGNING_KEY": f"whsk_{'A' * 43}=",
        "SLACK_WEBHOOK": "https://hooks.slack.com/services/a",
        "SLACK_SIGNING_SECRET": "0123456789abcdef0123456789abcdef",
        "SLACK_BOT_TOKEN": "xoxb-0123456789",
        "SHEET_AUTHORIZATION": "Bearer 0123456789",
        "SHEET_SECRET": "whsec_" + "QUJD" * 10,
    }

    checked = run("check", "-c", str(example), environ=environ)

    assert (checked.returncode, checked.stderr) == (0, "")
    assert "The configuration is sound: 3 partner keys, 4 named accounts, 3 endpoints, 2 tokens." in checked.stdout


def test_migrate_makes_the_database_and_then_has_nothing_to_do(tmp_path: Path):
    config = str(write_config(tmp_path))

    first, second = run("migrate", "-c", config), run("migrate", "-c", config)

    assert (first.returncode, first.stdout) == (0, "The database was brought up to date.\n")
    assert (second.returncode, second.stdout) == (0, "The database is up to date.\n")
    with sqlite3.connect(tmp_path / "bridge.db") as connection:
        assert connection.execute("select count(*) from posts").fetchone() == (0,)
    connection.close()


def test_the_simulator_starts_and_stops(tmp_path: Path):
    with running(tmp_path / "log", "simulate", "genviral", "--port", "0") as process:
        line = process.until(lambda: "token" in process.log.read_text() and process.log.read_text(), "the address")
        url = line.partition("Genviral simulator on ")[2].partition("/api")[0]

        assert get(f"{url}/_control/state").status_code == 200
        assert process.end() == 0


@pytest.mark.parametrize("partner", ["genviral", "posteverywhere"])
def test_a_simulator_on_a_port_that_is_taken_says_so_in_one_line(partner: str):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        told = run("simulate", partner, "--port", str(port))

    assert (told.returncode, told.stdout) == (2, "")
    assert told.stderr == f"127.0.0.1, port {port}, cannot be listened on: Address already in use. Choose --port 0.\n"


@pytest.mark.parametrize(
    ("flags", "word"),
    [("--tick=0", "--tick"), ("--tick=-1", "--tick"), ("--tick=nan", "--tick"), ("--port=70000", "port 70000")],
)
def test_a_simulator_refuses_what_cannot_be(flags: str, word: str):
    told = run("simulate", "genviral", flags)

    assert (told.returncode, told.stderr.count("\n")) == (2, 1)
    assert word in told.stderr


def test_version():
    assert run("version").stdout == f"bridge {bridge.__version__}\n"
