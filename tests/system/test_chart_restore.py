"""The way back to a copy, as helm/README.md shows it: each step only after the one before, and never for ever."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.system.chart import README, only, pods, render
from tests.system.kube_tools import KUBECTL

[RECIPE] = [
    text for text in re.findall(r"^```sh\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE) if "restore" in text
]
KUBECTL_SAYS = """#!/bin/sh
echo "$*" >> "$CALLS"
[ "$(wc -l < "$CALLS")" -ne "$FAILING" ]
"""


def calls(folder: Path, *, failing: int) -> list[str]:
    """Return what the recipe asks of a kubectl whose answer to one call is that it failed."""
    kubectl, told = folder / "kubectl", folder / "calls"
    kubectl.write_text(KUBECTL_SAYS)
    kubectl.chmod(0o755)
    told.unlink(missing_ok=True)
    environ = {"PATH": f"{folder}:{os.environ['PATH']}", "CALLS": str(told), "FAILING": str(failing)}
    subprocess.run(["bash", "-c", RECIPE], env=environ, check=False, timeout=30)
    return told.read_text().splitlines()


def test_a_step_that_fails_is_the_last(tmp_path: Path) -> None:
    made = calls(tmp_path, failing=0)
    verbs = [call.split()[2] for call in made]
    assert verbs == ["scale", "wait", "delete", "create", "wait", "logs", "delete", "scale"]
    for place in range(1, len(made) + 1):
        assert calls(tmp_path, failing=place) == made[:place]


def test_the_file_is_not_touched_before_the_old_pod_is_gone(tmp_path: Path) -> None:
    _, gone, _, _, done, *_ = calls(tmp_path, failing=0)
    assert {"--for=delete", "--timeout=5m"} <= set(gone.split())
    [selector] = re.findall(r"--selector (\S+)", gone)
    documents = render()
    wanted = dict(part.split("=") for part in selector.split(","))
    met = [name for name, pod in pods(documents) if wanted.items() <= pod["metadata"]["labels"].items()]
    assert met == ["Deployment/" + only(documents, "Deployment")["metadata"]["name"]]
    assert "--for=jsonpath={.status.phase}=Succeeded --timeout=30m" in done


@pytest.mark.parametrize("place", range(8))
def test_kubectl_knows_every_command(tmp_path: Path, place: int) -> None:
    """It gets as far as the cluster, of which there is none."""
    (tmp_path / "restore.yaml").write_text("{apiVersion: v1, kind: Pod, metadata: {name: bridge-restore}}")
    call = calls(tmp_path, failing=0)[place].split()
    command = [KUBECTL, "--server", "http://127.0.0.1:9", *call]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30).stderr
    assert "refused" in said, said
