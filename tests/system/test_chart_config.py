"""What the chart renders is what bridge reads: the configuration, the secrets, and the pod of `helm test`."""

import base64
import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from standardwebhooks.webhooks import Webhook

from bridge.app._changes import _FIXED
from bridge.cli import main
from tests.e2e.process import Process, run, running
from tests.postgres import free_port
from tests.system.chart import CASES, HELMS, NEWEST, OLDEST, README, Document, config_of, faults, only, render
from tests.system.pod_security import pod_faults

WHSEC = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SECRETS = {
    "database-url": "postgresql://bridge:pass@db.example.com/bridge",
    "helm-test": WHSEC,
    "ops": WHSEC,
    "whsec-test": WHSEC,
    "secret-key": base64.urlsafe_b64encode(bytes(range(32))).decode(),
    "signing-key": "whsk_" + base64.b64encode(bytes(range(32))).decode(),
    "slack-app": "xapp-1-A0-0123456789-abcdef",
    "slack-bot": "xoxb-0123456789-abcdef",
    "blog": "a-secret-of-the-blog-0123456789",
    "zapier": "a-secret-of-zapier-0123456789",
    **{name: f"{name}-0123456789abcdef" for name in ("token", "token-next", "genviral", "posteverywhere")},
}


def in_folder(documents: list[Document], folder: Path) -> Path:
    """Write what the chart mounts into a folder, and return the file of the configuration."""
    (folder / "secrets").mkdir()
    for name, value in SECRETS.items():
        (folder / "secrets" / name).write_text(value)
    text = only(documents, "ConfigMap", "-config")["data"]["bridge.yaml"]
    for place in ("/etc/bridge/secrets", "/var/lib/bridge"):
        text = text.replace(place, str(folder / Path(place).name))
    (folder / "bridge").mkdir()
    (folder / "bridge.yaml").write_text(text)
    return folder / "bridge.yaml"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem.removesuffix("-values"))
def test_bridge_finds_no_fault_in_what_the_chart_renders(
    case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BRIDGE_TOKEN", "token-of-the-variable")
    path = in_folder(render({}, case), tmp_path)
    assert main(["check", "--config", str(path)]) == 0, capsys.readouterr().err


def test_what_was_left_out_is_filled_in() -> None:
    config = config_of(render())
    assert config["server"] == {"host": "0.0.0.0", "port": 8080, "admin": {"port": 9090}}
    assert config["database"] == {"url": "sqlite:////var/lib/bridge/bridge.db"}


def test_what_was_given_stays() -> None:
    given = {
        "server": {
            "host": "::",
            "port": 8181,
            "admin": {"host": "::", "port": 9191},
            "public_url": "https://a.example",
        },
        "database": {"url": {"env": "DATABASE_URL"}, "notify": False},
        "media": {"max_pixels": 25_000_000},
        "limits": {"queue": 1_000_000},
        "accounts": {"a": {"partner": "p", "id": "2285"}, "b": {"partner": "p", "id": "1e3"}},
        "publish": {"caption": "{{ title }}\n{{ url }}", "captions": {"x": "{{ .Values.secrets }}"}},
        "watch": {"adopt": "none"},
    }
    hosts = {"enabled": True, "hosts": ["b.example"]}
    for helm in HELMS.values():
        documents = render({"config": given, "tests": {"enabled": False}, "ingress": hosts}, helm=helm)
        assert config_of(documents) == given
        [container] = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
        assert container["ports"] == [{"name": "http", "containerPort": 8181}, {"name": "admin", "containerPort": 9191}]


def test_the_public_address_is_that_of_the_ingress() -> None:
    ingress: dict[str, Any] = {"enabled": True, "hosts": ["a.example", "b.example"]}
    assert config_of(render({"ingress": ingress}))["server"]["public_url"] == "http://a.example"
    ingress["tls"] = [{"secretName": "tls", "hosts": ["a.example"]}]
    assert config_of(render({"ingress": ingress}))["server"]["public_url"] == "https://a.example"


def test_a_wildcard_is_nobodys_address() -> None:
    ingress = {"enabled": True, "hosts": ["*.example.com", "b.example"]}
    assert "public_url" not in config_of(render({"ingress": ingress}))["server"]


def test_the_database_of_a_server_comes_as_a_file() -> None:
    documents = render({"postgresql": {"existingSecret": "db", "key": "uri"}})
    assert config_of(documents)["database"] == {"url": {"file": "/etc/bridge/secrets/database-url"}}
    volumes = volumes_of(documents)
    assert {"secret": {"name": "db", "items": [{"key": "uri", "path": "database-url"}]}} in volumes["secrets"][
        "projected"
    ]["sources"]
    assert "emptyDir" in volumes["data"]


def test_a_database_that_is_lost_with_the_pod_says_so_itself() -> None:
    documents = render({"persistence": {"enabled": False, "ephemeral": True, "ephemeralSize": "3Gi"}})
    assert config_of(documents)["database"]["ephemeral"] is True
    assert volumes_of(documents)["data"]["emptyDir"] == {"sizeLimit": "3Gi"}


def test_for_a_sidecar_events_are_taken_from_the_pod_alone() -> None:
    server = config_of(render({"mode": "sidecar"}))["server"]
    assert server == {"host": "127.0.0.1", "port": 8080, "admin": {"host": "0.0.0.0", "port": 9090}}


def volumes_of(documents: list[Document]) -> dict[str, Document]:
    volumes = only(documents, "Deployment")["spec"]["template"]["spec"]["volumes"]
    return {one["name"]: one for one in volumes}


def checksum(values: dict[str, Any]) -> str:
    template = only(render(values), "Deployment")["spec"]["template"]
    return str(template["metadata"]["annotations"]["checksum/restart"])


def test_what_is_reloaded_starts_no_pod_again() -> None:
    first = render({"secrets": {"a": "1"}, "config": {"limits": {"queue": 5}}})
    second = render({"secrets": {"a": "2"}, "config": {"limits": {"queue": 6}, "publish": {"hold": "10m"}}})
    assert only(first, "Deployment") == only(second, "Deployment")
    assert config_of(first) != config_of(second)


def test_what_cannot_be_reloaded_starts_pods_again() -> None:
    assert _FIXED.keys() == {"server", "database", "tracing"}
    assert set(_FIXED["server"]) == {"host", "port", "admin"}
    changes: list[dict[str, Any]] = [
        {},
        {"config": {"server": {"host": "::"}}},
        {"config": {"server": {"port": 8081}}},
        {"config": {"server": {"admin": {"port": 9091}}}},
        {"config": {"tracing": {"enabled": True}}},
        {"config": {"database": {"url": "sqlite:////var/lib/bridge/b.db"}}},
        {"postgresql": {"existingSecret": "a"}},
        {"postgresql": {"existingSecret": "b"}},
    ]
    assert len({checksum(one) for one in changes}) == len(changes)


def secret_of(documents: list[Document]) -> str:
    data = only(documents, "Secret", "-test")["data"]
    return base64.b64decode(data["helm-test"]).decode()


@dataclass(frozen=True, slots=True)
class Served:
    process: Process
    documents: list[Document]
    public: str
    admin: str


@contextlib.contextmanager
def serving(folder: Path, config: dict[str, Any]) -> Iterator[Served]:
    """Run bridge with what the chart renders, on ports of its own."""
    port, admin = free_port(), free_port()
    values = {"config": {**config, "server": {"port": port, "admin": {"port": admin}}}, "backup": {"enabled": True}}
    documents = render(values)
    path = in_folder(documents, folder)
    (folder / "secrets" / "helm-test").write_text(secret_of(documents))
    with running(folder / "log", "serve", "--config", str(path)) as process:
        assert len(process.addresses()) == 2
        yield Served(process, documents, f"http://127.0.0.1:{port}", f"http://127.0.0.1:{admin}")
        assert process.end() == 0


def test_the_pod_of_helm_test_finds_a_bridge_well_and_publishes_nothing(tmp_path: Path) -> None:
    """Its own script, from its own ConfigMap, against a process that runs with the configuration of the chart."""
    with serving(tmp_path, {}) as bridge:
        process, documents = bridge.process, bridge.documents
        script = tmp_path / "check.py"
        script.write_text(only(documents, "ConfigMap", "-test")["data"]["check.py"])
        environ = environment(only(documents, "Pod"))
        wanted = {"BRIDGE_URL": "http://bridge:80", "BRIDGE_ADMIN_URL": "http://bridge-admin:9090"}
        assert environ == {**wanted, "SECRET_FILE": "/secret/helm-test"}
        secret = tmp_path / "secrets" / "helm-test"
        environ = {"BRIDGE_URL": bridge.public, "BRIDGE_ADMIN_URL": bridge.admin, "SECRET_FILE": str(secret)}
        done = checked(script, environ)
        assert done.returncode == 0, done.stdout + process.log.read_text()
        assert done.stdout.count("ok ") == 6
        told = [line for line in process.lines if line["event"] == "event.accepted"]
        assert [(line["outcome"], line["post_ids"]) for line in told] == [("ignored", []), ("duplicate", [])]
        other = tmp_path / "other"
        other.write_text(WHSEC)
        done = checked(script, {**environ, "SECRET_FILE": str(other)})
        assert (done.returncode, "FAILED a signed event is taken" in done.stdout) == (1, True)


def test_whoever_has_the_secret_of_helm_test_can_publish_nothing(tmp_path: Path) -> None:
    """An ordinary source with the same secret publishes the same bodies."""
    config: dict[str, Any] = {
        "partners": {"genviral": {"kind": "genviral", "token": {"file": "/etc/bridge/secrets/genviral"}}},
        "accounts": {"a": {"partner": "genviral", "id": "0f4f54d4-8cce-4fb7-8c7b-befbcb8af812"}},
        "sources": {"ordinary": {"kind": "standard_webhooks", "secret": {"file": "/etc/bridge/secrets/helm-test"}}},
        "publish": {"preflight": "off", "hold": "1h"},
    }
    data = {"title": "A title", "url": "https://example.com/a", "accounts": ["a"]}
    with serving(tmp_path, config) as bridge:
        judge = Webhook(secret_of(bridge.documents))
        for number, word in enumerate(("post.published", "post.updated", "post.deleted", "none", "")):
            body = json.dumps({"type": word, "data": {**data, "id": str(number)}})
            now = datetime.now(UTC)
            signature = judge.sign(f"m{number}", now, body)
            headers = {"webhook-id": f"m{number}", "webhook-timestamp": str(int(now.timestamp()))}
            headers |= {"webhook-signature": signature, "content-type": "application/json"}
            made = {
                source: httpx.post(f"{bridge.public}/hooks/{source}", content=body, headers=headers).json()
                for source in ("helm-test", "ordinary")
            }
            assert "event_id" in made["helm-test"]
            assert "posts" not in made["helm-test"], made
            assert word != "post.published" or made["ordinary"]["posts"]


def test_the_pods_that_copy_and_go_back_need_no_more_than_they_have(tmp_path: Path) -> None:
    """Their own arguments and variables: no configuration, no secret. The first runs beside a bridge that works."""
    (tmp_path / "backup").mkdir()
    with serving(tmp_path, {}) as bridge:
        pod = only(bridge.documents, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]
        run_as(pod, tmp_path)
    assert {mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]} == {"data", "backup", "tmp"}
    [copy] = (tmp_path / "backup").iterdir()
    copy.rename(copy.with_name("bridge-20261122T031700Z.db"))
    pod = restoring()
    assert (pod_faults(pod), faults(pod, OLDEST), faults(pod, NEWEST)) == ([], [], [])
    run_as(pod, tmp_path)
    assert len(list((tmp_path / "bridge").glob("bridge.db.old*"))) >= 1


def restoring() -> Document:
    """Return the pod that the README shows."""
    [text] = re.findall(r"```yaml\n(apiVersion: v1\nkind: Pod\n.*?)```", README.read_text(), re.DOTALL)
    return dict(yaml.safe_load(text))


def run_as(pod: Document, folder: Path) -> None:
    """Run what a pod runs, with its volumes in a folder."""
    [container] = pod["spec"]["containers"]
    environ = {name: text.replace("/var/lib", str(folder)) for name, text in environment(pod).items()}
    arguments = [re.sub("^/backup", str(folder / "backup"), part) for part in container["args"]]
    done = run(*arguments, environ=environ)
    assert done.returncode == 0, done.stderr


def environment(pod: Document) -> dict[str, str]:
    [container] = pod["spec"]["containers"]
    return {one["name"]: one["value"] for one in container["env"]}


def checked(script: Path, environ: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", str(script)]
    return subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("given", [{"secrets": {"k": WHSEC}}, {"existingSecret": "mine"}], ids=["inline", "existing"])
def test_the_secret_of_helm_test_may_be_ones_own(given: dict[str, Any]) -> None:
    documents = render({**given, "tests": {"secretKey": "k"}})
    assert config_of(documents)["sources"]["helm-test"]["secret"] == {"file": "/etc/bridge/secrets/k"}
    [source] = only(documents, "Pod")["spec"]["volumes"][1]["projected"]["sources"]
    name = "mine" if "existingSecret" in given else "bridge-secrets"
    assert source == {"secret": {"name": name, "items": [{"key": "k", "path": "k"}]}}
    assert environment(only(documents, "Pod"))["SECRET_FILE"] == "/secret/k"
    assert not [one for one in documents if one["kind"] == "Secret" and one["metadata"]["name"] == "bridge-test"]


def test_inline_secrets_come_as_files_whole() -> None:
    documents = render({"secrets": {"a.b_c-d": "line\nline: {x}\n", "empty": ""}})
    data = only(documents, "Secret", "-secrets")["data"]
    assert {key: base64.b64decode(text).decode() for key, text in data.items()} == {
        "a.b_c-d": "line\nline: {x}\n",
        "empty": "",
    }
