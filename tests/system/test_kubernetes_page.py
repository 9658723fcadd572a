"""docs/kubernetes.md: what it tells people to install and to type does what it says."""

import base64
import json
import re
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

from bridge.core.signing import secret_key
from bridge.core.units import parse_duration
from bridge.simulator import DEMO_TOKEN
from bridge.simulator.genviral import TIKTOK
from tests.e2e.process import running
from tests.postgres import free_port
from tests.rules import alerts
from tests.system.chart import CHART, ROOT, config_of, only, render, run_helm
from tests.test_docs import text_of

PAGE = text_of(ROOT / "docs" / "kubernetes.md")
VALUES: dict[str, Any] = yaml.safe_load(re.findall(r"```yml\n(.*?)```", PAGE, re.DOTALL)[0])
SHELL = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def block(word: str) -> str:
    """Return the one block of commands that has a word."""
    (found,) = [text for text in SHELL if word in text]
    return str(found)


def bash(script: str) -> list[str]:
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def secrets() -> dict[str, str]:
    """Return what the page puts into the Secret, made by the page's own commands."""
    given = re.findall(r'--from-literal=(\w+)="(.*)"', block("create secret"))
    return {name: bash(f'echo "{value}"')[0] for name, value in given}


def test_the_values_of_the_page_are_taken_and_give_what_its_commands_name() -> None:
    run_helm("lint", "--strict", CHART, "--values", "-", stdin=json.dumps(VALUES))
    documents = render(VALUES)
    names = {f"{one['kind'].lower()}/{one['metadata']['name']}" for one in documents}
    named = set(re.findall(r"\b(?:service|deployment)/\S+", "\n".join(SHELL)))
    assert named
    assert named <= names
    kinds = {"ServiceMonitor", "PrometheusRule", "CronJob", "Ingress", "PersistentVolumeClaim"}
    assert kinds <= {one["kind"] for one in documents}
    (http,) = [port for port in only(documents, "Service", "bridge")["spec"]["ports"] if port["name"] == "http"]
    assert f"8080:{http['port']}" in block("port-forward")
    assert config_of(documents)["server"]["public_url"] == "https://bridge.example.com"


def test_the_secret_of_the_page_has_what_the_values_name() -> None:
    made = secrets()
    named = set(re.findall(r"/etc/bridge/secrets/(\w+)", json.dumps(VALUES)))
    assert made.keys() == named
    assert len(made["token"]) >= 32
    assert len(secret_key(made["ops"])) == 24


def test_the_alerts_that_the_page_names_exist() -> None:
    named = set(re.findall(r"`(Bridge\w+)`", PAGE))
    assert named
    assert named <= alerts().keys()


def test_helm_does_not_wait_for_the_volume_of_the_first_copy() -> None:
    """With a storage class that waits for its first user that claim is Pending until the night."""
    assert VALUES["backup"]["enabled"]
    install = block("helm install")
    assert "--wait" not in install
    assert install.index("helm install") < install.index("rollout status") < install.index("helm test")


def test_bridge_is_away_for_long_enough_to_be_paged_for() -> None:
    """First its target has to be missed, then the rule holds for its time, then Alertmanager gathers."""
    [away] = re.findall(r"^sleep (\d+)$", block("scale"), re.MULTILINE)
    seen, gathered = timedelta(minutes=2), timedelta(seconds=30)
    assert timedelta(seconds=int(away)) >= seen + parse_duration(alerts()["BridgeAbsent"]["for"]) + gathered


def test_the_first_post_is_made_and_taken_back(tmp_path: Path) -> None:
    """The commands of the page, with its configuration, against the simulated partner."""
    config, made = config_of(render(VALUES)), secrets() | {"genviral": DEMO_TOKEN}
    for name, value in made.items():
        (tmp_path / name).write_text(value)
    (tmp_path / "helm-test").write_text("whsec_" + base64.b64encode(bytes(24)).decode())
    port, partner = free_port(), free_port()
    config["server"] |= {"host": "127.0.0.1", "port": port, "admin": {"port": free_port()}}
    config["database"]["url"] = f"sqlite:///{tmp_path / 'bridge.db'}"
    config["partners"]["genviral"]["base_url"] = f"http://127.0.0.1:{partner}/api/partner/v1"
    path = tmp_path / "bridge.yaml"
    path.write_text(yaml.safe_dump(config).replace("/etc/bridge/secrets", str(tmp_path)))
    commands = [line for line in block("port-forward").replace("\\\n", "").splitlines() if line.startswith("curl")]
    look, publish, cancel = (
        f"TOKEN={made['token']}; "
        + command.replace(":8080", f":{port}").replace("ACCOUNT-ID", TIKTOK).replace("curl", "curl --silent")
        for command in commands
    )
    simulating = running(tmp_path / "partner.log", "simulate", "genviral", "--port", str(partner))
    with simulating as simulator, running(tmp_path / "log", "serve", "--config", str(path)) as process:
        simulator.until(lambda: str(partner) in simulator.log.read_text(), "the simulator")
        process.addresses()

        def ask(command: str) -> Any:
            return json.loads("\n".join(bash(command)))

        process.until(lambda: TIKTOK in {one["id"] for one in ask(look)["items"]}, "the list of accounts")
        taken = ask(publish)
        (post,) = taken["posts"]
        assert post["state"] == "scheduled"
        assert "`POST-ID` is the `post_id` of the answer" in PAGE
        cancel = cancel.replace("POST-ID", taken["post_id"])
        ask(cancel)
        see = cancel.replace("-X DELETE", "")
        process.until(lambda: ask(see)["state"] == "canceled", "the cancel")
