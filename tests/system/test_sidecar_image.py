"""The image, run as the manifest of the sidecar says, in a pod's network and with a volume as the kubelet mounts it."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bridge
from tests.e2e.process import PATIENCE_S
from tests.system.chart import only
from tests.system.containers import Container, Storage, build, run
from tests.system.pods import Pod, ask, pod
from tests.system.test_image import REVISION
from tests.system.test_sidecar import bridge_of, manifest

TOKEN = "token-of-the-app-0123456789"
GROUP = 20500
"""Whatever group the pod has for its volumes, as its `fsGroup`."""

NO_PARTNER = {"BRIDGE_PARTNERS__GENVIRAL__BASE_URL": "http://127.0.0.1:9"}
"""Calls that fail at once: the pod has no way out, and whoever looks for a name waits."""

KINDS = {"an emptyDir": "kubernetes.io~empty-dir/data", "a claim": "kubernetes.io~csi/pvc-1/mount"}


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    made = Storage()
    yield made
    made.clear()


@pytest.fixture(scope="module")
def image(storage: Storage) -> str:
    return build(storage, "bridge:test", VERSION=bridge.__version__, REVISION=REVISION)


class Node:
    """Where the kubelet would put what it mounts into the sidecar, and the pod's network."""

    def __init__(self, folder: Path, where: Pod) -> None:
        self.pod = where
        self._kubelet = folder / "pods" / "3b0f7f6e-5c1d-4c3e-9a55-0e6f5d9c7a21"
        self._config, self._secrets = folder / "config", folder / "secrets"
        documents = manifest()
        given = {"token": TOKEN, "genviral": "gva_live_1.first", "ops": f"whsec_{'QUJD' * 10}"}
        for path, texts in ((self._config, only(documents, "ConfigMap")["data"]), (self._secrets, given)):
            path.mkdir()
            for name, text in texts.items():
                (path / name).write_text(text)
        self._kubelet.mkdir(parents=True)
        (self._kubelet / "etc-hosts").write_text("127.0.0.1 localhost\n")
        self._sidecar: dict[str, Any] = bridge_of(documents)

    def options(self, volume: str, **environ: str) -> tuple[str, ...]:
        """Return what podman is told, for what the manifest has podman's word; `volume` is a path of `KINDS`."""
        kept = self._kubelet / "volumes" / volume
        kept.mkdir(parents=True, exist_ok=True)
        shutil.chown(kept, "root", GROUP)
        kept.chmod(0o2775)
        places = {"bridge-config": self._config, "bridge-secrets": self._secrets, "bridge-data": kept}
        security = self._sidecar["securityContext"]
        variables = {one["name"]: one["value"] for one in self._sidecar["env"]} | NO_PARTNER | environ
        return (
            f"--network=ns:/run/netns/{self.pod.name}",
            f"--user={security['runAsUser']}:{security['runAsGroup']}",
            f"--group-add={GROUP}",
            "--tmpfs=/tmp",
            "--no-hosts",
            f"--volume={self._kubelet / 'etc-hosts'}:/etc/hosts",
            *(f"--env={name}={value}" for name, value in variables.items()),
            *(
                f"--volume={places[one['name']]}:{one['mountPath']}{':ro' if one.get('readOnly') else ''}"
                for one in self._sidecar["volumeMounts"]
                if one["name"] in places
            ),
        )


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    with pod(3) as made:
        yield Node(tmp_path, made)


def ready(container: Container, node: Node) -> str:
    """Wait until the startup probe of the manifest holds, and return what it was answered."""
    end = time.monotonic() + PATIENCE_S
    while (answer := ask(f"http://{node.pod.address}:9090/readyz"))[0] != 200:
        assert time.monotonic() < end, container.log()
        time.sleep(0.1)
    return answer[1]


def test_it_runs_as_the_manifest_says(storage, image, node):
    container = run(storage, image, options=node.options(KINDS["a claim"]))
    assert "ephemeral" not in ready(container, node)

    url, headers = "http://127.0.0.1:8080/v1/events", {"Authorization": f"Bearer {TOKEN}"}
    assert [ask(url, headers=one, pod=node.pod)[0] for one in (headers, {})] == [200, 401]
    assert "refused" in ask(url.replace("127.0.0.1", node.pod.address))[1]
    container.signal("TERM")
    assert container.status() == 0, container.log()


def test_an_empty_dir_must_be_asked_for(storage, image, node):
    refused = run(storage, image, options=node.options(KINDS["an emptyDir"]))
    assert refused.status() == 1
    assert "database.url: lies in an emptyDir and is gone when the pod is" in refused.log()
    assert "database.ephemeral: true" in refused.log()

    taken = run(storage, image, options=node.options(KINDS["an emptyDir"], BRIDGE_DATABASE__EPHEMERAL="true"))
    assert "what was acknowledged may be lost with the pod" in ready(taken, node)
    assert '"warning":"database.ephemeral: is true' in taken.log()
    taken.signal("KILL")
    taken.status()
