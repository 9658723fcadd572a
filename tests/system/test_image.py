"""The image, built and run: as closed as a pod may be, without a shell, on the Debian release of the official base."""

import base64
import contextlib
import hashlib
import json
import re
import secrets
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from standardwebhooks import Webhook

import bridge
from bridge.simulator.genviral import DEMO_TOKEN, TIKTOK
from tests.e2e.process import running
from tests.postgres import free_port
from tests.system.containers import PATIENCE_S, REVISION, ROOT, Container, Storage, build, run

TOKEN = "image-token-0123456789"
SECRET = "whsec_" + base64.b64encode(b"the secret of who signs events").decode()
DRAIN_S = 5.0
MEMORY = 192 * 1024 * 1024
LISTED = """
import hashlib, pathlib, sys, bridge
root = pathlib.Path(bridge.__file__).parent
for file in sorted(root.rglob("*")):
    if file.is_file():
        print(file.relative_to(root), hashlib.sha256(file.read_bytes()).hexdigest())
"""


@pytest.fixture(scope="session")
def storage() -> Iterator[Storage]:
    made = Storage()
    yield made
    made.clear()


@pytest.fixture(scope="session")
def image(storage: Storage) -> str:
    return build(storage, "bridge:test")


@pytest.fixture(scope="session")
def partner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A simulated Genviral, as a process of this machine, not of the image."""
    log = tmp_path_factory.mktemp("partner") / "log"
    with running(log, "simulate", "genviral", "--port", "0", "--tick", "0.5") as process:
        found = process.until(lambda: re.search(r"http://[^/\s]+", log.read_text()), "the simulator's address")
        yield found.group()


class Place:
    """A configuration, its secrets as files, and a volume: what containers of the image are started with."""

    def __init__(self, folder: Path, partner: str) -> None:
        self.port, self.admin = free_port(), free_port()
        self.volume = f"bridge-{secrets.token_hex(4)}"
        self.config, self.secrets = folder / "config", folder / "secrets"
        given = {"token": TOKEN, "genviral": DEMO_TOKEN, "letters": SECRET}
        for path, texts in ((self.config, {"bridge.yaml": yaml.safe_dump(self._tree(partner))}), (self.secrets, given)):
            path.mkdir()
            for name, text in texts.items():
                (path / name).write_text(text)

    def _tree(self, partner: str) -> dict[str, Any]:
        def secret(name: str) -> dict[str, str]:
            return {"file": f"/etc/bridge/secrets/{name}"}

        server = {"host": "0.0.0.0", "port": self.port, "admin": {"port": self.admin}, "drain": f"{DRAIN_S:.0f}s"}
        genviral = {"kind": "genviral", "token": secret("genviral"), "base_url": f"{partner}/api/partner/v1"}
        letters = {"kind": "standard_webhooks", "secret": secret("letters"), "accounts": ["brand"]}
        return {
            "server": server,
            "tokens": [{"name": "image", "token": secret("token"), "scopes": ["publish", "read"]}],
            "partners": {"genviral": genviral | {"rate": 50}},
            "accounts": {"brand": {"partner": "genviral", "id": str(TIKTOK)}},
            "sources": {"letters": letters | {"caption": "{{ title }}"}},
            "watch": {"tick": "300ms", "accounts_every": "600ms", "first_poll": "500ms", "max_poll": "1s"},
        }

    @property
    def options(self) -> tuple[str, ...]:
        """What a container needs to work here; also how much memory it may have."""
        return (
            "--network=host",
            f"--memory={MEMORY}",
            f"--memory-swap={MEMORY}",
            f"--volume={self.config}:/etc/bridge/config:ro",
            f"--volume={self.secrets}:/etc/bridge/secrets:ro",
            f"--volume={self.volume}:/var/lib/bridge",
        )

    def get(self, path: str, port: int | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.get(f"http://127.0.0.1:{port or self.port}{path}", headers=headers, trust_env=False, timeout=10)

    def send(self, title: str, secret: str = SECRET) -> httpx.Response:
        """Send an event as a CMS does, signed."""
        number, now = f"msg_{secrets.token_hex(8)}", datetime.now(UTC)
        data = {"id": number, "title": title, "image": "https://cdn.example.com/a.jpg"}
        body = json.dumps({"type": "post.published", "timestamp": now.isoformat(), "data": data})
        signature = Webhook(secret).sign(number, now, body)
        stamp = str(int(now.timestamp()))
        headers = {"webhook-id": number, "webhook-timestamp": stamp, "webhook-signature": signature}
        url = f"http://127.0.0.1:{self.port}/hooks/letters"
        return httpx.post(url, content=body, headers=headers, trust_env=False, timeout=10)

    def posted(self, event: str) -> list[dict[str, Any]]:
        """Return the posts of an event, once they are out."""
        posts = self.get(f"/v1/events/{event}").json()["posts"]
        return posts if posts and all(post["state"] == "posted" for post in posts) else []


def until(container: Container, holds: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if held := holds():
                return held
        if time.monotonic() > deadline or not container.inspect()["State"]["Running"]:
            raise AssertionError(f"{what} did not come:\n{container.log()}")
        time.sleep(0.05)


def started(storage: Storage, image: str, place: Place) -> Container:
    container = run(storage, image, options=place.options)
    until(container, lambda: place.get("/readyz", place.admin).status_code == 200, "a service that is ready")
    return container


@pytest.fixture
def place(tmp_path: Path, partner: str) -> Place:
    return Place(tmp_path, partner)


@pytest.fixture(scope="module")
def shared(
    storage: Storage, image: str, partner: str, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Place, Container]:
    """A service that no test ends."""
    place = Place(tmp_path_factory.mktemp("shared"), partner)
    return place, started(storage, image, place)


def proc(container: Container, name: str) -> str:
    return Path(f"/proc/{container.facts['State']['Pid']}/{name}").read_text()


def test_it_runs_with_no_right_that_it_does_not_need(shared):
    _, container = shared
    status = dict(line.split(":\t", 1) for line in proc(container, "status").splitlines() if ":\t" in line)

    assert status["Uid"].split() == status["Gid"].split() == ["10001"] * 4
    assert {
        name: int(status[name], 16) for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    } == dict.fromkeys(("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"), 0)
    assert status["NoNewPrivs"] == "1"
    assert status["NSpid"].split()[-1] == "1", "the service is not the first process, which gets the signals"
    assert proc(container, "cmdline").split("\0")[1:3] == ["/opt/bridge/bin/bridge", "serve"]


def test_nothing_but_the_volume_can_be_written(shared):
    _, container = shared
    tried = """
import os, tempfile
for folder in ("/", "/tmp", "/opt/bridge", "/etc/bridge/config", "/etc/bridge/secrets", "/var/lib/bridge"):
    try:
        open(folder + "/made", "x").close(); print(folder)
    except OSError: pass
print(tempfile.gettempdir())
"""
    assert container.exec("python3", "-c", tried).stdout.split() == ["/var/lib/bridge", "/var/lib/bridge"]


def test_there_is_no_shell_to_start(shared):
    _, container = shared
    for shell in ("sh", "bash", "dash"):
        assert container.exec(shell, "-c", "true").returncode != 0


def test_a_signed_event_becomes_a_post_and_an_unsigned_one_does_not(shared):
    place, container = shared
    assert (
        place.send("Nobody", "whsec_" + base64.b64encode(b"another secret than that one").decode()).status_code == 401
    )

    answer = place.send("Somebody")

    assert answer.status_code == 200, answer.text
    [post] = until(container, lambda: place.posted(answer.json()["event_id"]), "the post")
    assert post["partner"] == "genviral"


def test_the_admin_port_has_the_metrics(shared):
    place, _ = shared
    assert f'version="{bridge.__version__}"' in place.get("/metrics", place.admin).text
    assert place.get("/metrics").status_code == 404


def test_it_stays_well_below_the_memory_that_it_is_given(shared):
    _, container = shared
    words = ("stats", "--no-stream", "--format", "{{.MemUsageBytes}}", container.name)
    used, _, limit = container.storage.podman(*words).replace("MiB", "").partition(" / ")

    assert float(limit) * 1024 * 1024 == MEMORY
    resident = int(re.search(r"VmRSS:\s+(\d+) kB", proc(container, "status"))[1]) / 1024
    print(f"resident {resident:.0f} MiB, control group {used} MiB")
    assert resident < 140


def test_the_health_check_passes_and_says_what_fails(storage, image, shared):
    _, container = shared
    command = facts_of(storage, image)["Healthcheck"]["Test"]
    assert command == ["CMD", "bridge", "health"]

    began = time.monotonic()
    well = container.exec(*command[1:])
    took = time.monotonic() - began
    alive = container.exec(*command[1:], "--live")
    elsewhere = free_port()
    words = ("exec", f"--env=BRIDGE_SERVER__ADMIN__PORT={elsewhere}", container.name, *command[1:])
    ill = storage.tried(*words)

    print(f"asked in {took:.2f} s")
    assert (well.returncode, well.stdout, alive.returncode, alive.stdout) == (0, "ready\n", 0, "live\n")
    assert ill.returncode == 1
    assert f"not ready: 127.0.0.1:{elsewhere} does not answer: Connection refused" in ill.stderr


def test_a_broken_edit_makes_no_running_service_ill(shared):
    place, container = shared
    file = place.config / "bridge.yaml"
    sound = file.read_text()
    file.write_text("server: {port: 1")
    try:
        asked = [container.exec("bridge", "health", *more) for more in ((), ("--live",))]
    finally:
        file.write_text(sound)

    assert [one.stdout for one in asked] == ["ready\n", "live\n"], asked[0].stderr


def test_sigterm_ends_it_in_time(storage, image, place):
    container = started(storage, image, place)

    began = time.monotonic()
    container.signal("TERM")

    assert container.status() == 0, container.log()
    assert time.monotonic() - began < DRAIN_S
    assert "service.stopped" in container.log().splitlines()[-1]


def test_what_was_answered_outlives_a_kill_with_the_volume(storage, image, place):
    first = started(storage, image, place)
    answer = place.send("Before the kill")
    first.signal("KILL")
    assert (answer.status_code, first.status()) == (200, 137)

    second = started(storage, image, place)

    [post] = until(second, lambda: place.posted(answer.json()["event_id"]), "the post of before")
    assert post["id"] in [one["id"] for one in answer.json()["posts"]]


def test_a_copy_of_the_database_is_made_beside_the_service(shared):
    place, container = shared
    event = place.send("Before the copy").json()["event_id"]

    made = container.exec("bridge", "backup", "copies.db")

    assert made.returncode == 0, made.stderr
    copied = "select id from events where id = ?"
    look = f"import sqlite3, sys; print(*sqlite3.connect('copies.db').execute('{copied}', sys.argv[1:]))"
    assert container.exec("python3", "-c", look, event).stdout == f"('{event}',)\n"


def test_other_verbs_run_the_same_way(storage, image, place):
    def told(*command: str) -> subprocess.CompletedProcess[str]:
        return storage.tried(
            "run", "--rm", "--pull=never", "--read-only", "--cap-drop=ALL", *place.options, image, *command
        )

    checked, version = told("check"), told("version")

    assert checked.returncode == 0, checked.stderr
    assert "The configuration is sound: 1 partner keys, 1 named accounts" in checked.stdout
    assert version.stdout == f"bridge {bridge.__version__}\n"


def test_without_a_configuration_or_a_volume_it_says_so(storage, image, place):
    plain = ("run", "--rm", "--pull=never", "--read-only", "--read-only-tmpfs=false", "--network=none")
    alone = storage.tried(*plain, image)
    without_volume = storage.tried(
        *plain, *(one for one in place.options if "/var/lib" not in one and "net" not in one), image
    )

    asked_for = storage.tried(*plain, "--env=BRIDGE_CONFIG=", image, "check")

    assert alone.returncode == without_volume.returncode == 1
    assert "bridge.yaml: cannot be read" in alone.stderr
    assert (asked_for.returncode, "bridge.yaml" in asked_for.stdout + asked_for.stderr) == (0, False), asked_for.stderr
    assert "service.not_started" in without_volume.stdout, without_volume.stderr


def facts_of(storage: Storage, image: str) -> Mapping[str, Any]:
    [found] = json.loads(storage.podman("image", "inspect", image))
    return found["Config"] | {"Healthcheck": found["Healthcheck"]}


def test_its_settings_are_those_that_the_chart_and_the_page_rely_on(storage, image):
    facts = facts_of(storage, image)

    assert (facts["User"], facts["WorkingDir"]) == ("10001:10001", "/var/lib/bridge")
    assert (facts["Entrypoint"], facts["Cmd"]) == (["bridge"], ["serve"])
    assert sorted(facts["ExposedPorts"]) == ["8080/tcp", "9090/tcp"]
    assert "BRIDGE_CONFIG=/etc/bridge/config/bridge.yaml" in facts["Env"]
    assert "Volumes" not in facts


def test_it_is_labelled(storage, image):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = facts_of(storage, image)["Labels"]

    named = {key.removeprefix("org.opencontainers.image."): value for key, value in labels.items()}
    assert {key: named[key] for key in ("title", "description", "licenses", "version", "revision")} == {
        "title": "bridge",
        "description": project["description"],
        "licenses": project["license"],
        "version": project["version"],
        "revision": REVISION,
    }


def test_it_has_every_file_of_the_package_and_all_of_them_compiled(shared):
    _, container = shared
    there = dict(line.rsplit(" ", 1) for line in container.exec("python3", "-c", LISTED).stdout.splitlines())
    compiled = {name for name in there if name.endswith(".pyc")}
    package = ROOT / "bridge"
    files = [file for file in package.rglob("*") if file.is_file() and "__pycache__" not in file.parts]

    assert {str(file.relative_to(package)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files} == {
        name: digest for name, digest in there.items() if name not in compiled
    }
    assert len(compiled) == len([file for file in files if file.suffix == ".py"])


def test_it_has_neither_tools_nor_tests_beside_what_is_locked(shared):
    _, container = shared
    listed = (
        "import importlib.metadata as m; print(*sorted(f'{d.name.lower()}=={d.version}' for d in m.distributions()))"
    )
    found = container.exec("/opt/bridge/bin/python3", "-c", listed).stdout.split()
    locked = re.findall(r"^([\w.-]+==\S+)", (ROOT / "requirements.lock").read_text(), re.MULTILINE)

    assert {name.replace("_", "-") for name in found} == {*locked, f"bridge-publish=={bridge.__version__}"}


def test_hadolint_finds_nothing():
    command = [Path(sys.executable).with_name("hadolint"), ROOT / "Dockerfile"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")
