"""bridge as a sidecar: what the Kustomize Components, the manifest and the chart's template make of an application."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bridge.app import KINDS
from bridge.settings import Settings, load
from tests.system.chart import (
    CHART,
    HELMS,
    NEWEST,
    OLDEST,
    Document,
    Refused,
    config_of,
    faults,
    only,
    pods,
    render,
)
from tests.system.kube_tools import KUBECTL
from tests.system.pod_security import pod_faults

SIDECAR = Path(__file__).parents[2] / "docs" / "sidecar"
PAGE = SIDECAR.with_suffix(".md")
EXAMPLES = ("volume", "postgresql")


def kustomize(folder: Path) -> list[Document]:
    """Return what `kubectl kustomize` makes of a folder."""
    made = subprocess.run([KUBECTL, "kustomize", folder], check=True, capture_output=True, text=True).stdout
    return list(yaml.safe_load_all(made))


def manifest() -> list[Document]:
    return list(yaml.safe_load_all((SIDECAR / "manifest.yaml").read_text()))


@pytest.fixture(scope="module")
def rendered() -> dict[str, list[Document]]:
    return {"manifest": manifest(), **{name: kustomize(SIDECAR / "example" / name) for name in EXAMPLES}}


def bridge_of(documents: list[Document]) -> Document:
    """Return the sidecar of the one Deployment."""
    (found,) = [
        one
        for one in only(documents, "Deployment")["spec"]["template"]["spec"]["initContainers"]
        if one["name"] == "bridge"
    ]
    return dict(found)


def by_name(document: Document) -> Any:
    """Return an object in which the order of what has a name does not count."""
    if isinstance(document, dict):
        return {key: by_name(value) for key, value in document.items()}
    if isinstance(document, list) and all(isinstance(one, dict) and "name" in one for one in document):
        return {one["name"]: by_name(one) for one in document}
    return document


def test_the_manifest_to_copy_is_what_the_component_makes(rendered):
    def objects(name: str) -> dict[str, Any]:
        return {one["kind"]: by_name(one) for one in rendered[name]}

    assert objects("manifest") == objects("volume")


@pytest.mark.parametrize("name", ["manifest", *EXAMPLES])
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_every_object(rendered, name, version):
    assert [fault for one in rendered[name] for fault in faults(one, version)] == []


@pytest.mark.parametrize("name", ["manifest", *EXAMPLES])
def test_every_container_is_restricted(rendered, name):
    assert [fault for _, pod in pods(rendered[name]) for fault in pod_faults(pod)] == []


@pytest.mark.parametrize("name", ["manifest", *EXAMPLES])
def test_events_come_from_the_pod_and_probes_from_outside(rendered, name, tmp_path):
    settings, sidecar = settings_of(rendered[name], tmp_path), bridge_of(rendered[name])
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.server.admin is not None
    [port] = sidecar["ports"]
    assert (settings.server.admin.host, settings.server.admin.port) == ("0.0.0.0", port["containerPort"])
    for probe, path in {"startupProbe": "/readyz", "livenessProbe": "/livez"}.items():
        assert sidecar[probe]["httpGet"] == {"path": path, "port": port["name"]}
    assert sidecar["restartPolicy"] == "Always"
    assert not {"readinessProbe", "lifecycle"} & set(sidecar)


def settings_of(documents: list[Document], folder: Path) -> Settings:
    """Load the configuration as the sidecar would, with the files of its Secret in a folder."""
    secrets = only(documents, "Secret")["stringData"]
    for key, value in secrets.items():
        (folder / key).write_text(value if key != "ops" else f"whsec_{'QUJD' * 10}")
    config = folder / "bridge.yaml"
    config.write_text(only(documents, "ConfigMap")["data"]["bridge.yaml"].replace("/etc/bridge/secrets", str(folder)))
    environ = {one["name"]: one["value"] for one in bridge_of(documents).get("env", ())}
    return load(
        config, {name: value.replace("/etc/bridge/secrets", str(folder)) for name, value in environ.items()}, KINDS
    )


def test_what_was_acknowledged_is_kept_on_a_volume_or_in_postgresql(rendered, tmp_path):
    assert settings_of(rendered["volume"], tmp_path).database.url == "sqlite:///bridge.db"
    [kept] = [one for one in bridge_of(rendered["volume"])["volumeMounts"] if one["name"] == "bridge-data"]
    volumes = only(rendered["volume"], "Deployment")["spec"]["template"]["spec"]["volumes"]
    claim = {"claimName": only(rendered["volume"], "PersistentVolumeClaim")["metadata"]["name"]}
    assert {"name": kept["name"], "persistentVolumeClaim": claim} in volumes
    assert kept["mountPath"] == "/var/lib/bridge"

    assert settings_of(rendered["postgresql"], tmp_path).database.url.startswith("postgresql://")
    assert only(rendered["postgresql"], "Deployment")["spec"]["replicas"] > 1


ANY: Document = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "shop", "labels": {"app": "shop"}},
    "spec": {
        "replicas": 4,
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 2}},
        "selector": {"matchLabels": {"app": "shop"}},
        "template": {
            "metadata": {"labels": {"app": "shop"}, "annotations": {"team": "shop"}},
            "spec": {
                "initContainers": [{"name": "migrate", "image": "shop:1"}],
                "containers": [{"name": "shop", "image": "shop:1", "ports": [{"name": "http", "containerPort": 80}]}],
                "volumes": [{"name": "data", "emptyDir": {}}],
            },
        },
    },
}
"""A Deployment with something of its own wherever a component has something to add."""


@pytest.fixture(params=EXAMPLES)
def patched(request, tmp_path):
    shutil.copytree(SIDECAR / "components", tmp_path / "components")
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "deployment.yaml").write_text(yaml.safe_dump(ANY))
    made = {"resources": ["deployment.yaml"], "components": [f"../components/{request.param}"], "namePrefix": "my-"}
    (folder / "kustomization.yaml").write_text(yaml.safe_dump(made))
    return request.param, kustomize(folder)


def test_a_component_adds_to_any_deployment_and_takes_nothing_away(patched):
    kind, documents = patched
    before, after = ANY["spec"], only(documents, "Deployment")["spec"]
    assert after["selector"] == before["selector"]
    pod, was = after["template"]["spec"], before["template"]["spec"]
    assert [one["name"] for one in pod["initContainers"]] == ["bridge", "migrate"]
    assert pod["containers"] == was["containers"]
    assert {"name": "data", "emptyDir": {}} in pod["volumes"]
    assert after["template"]["metadata"]["labels"] == {"app": "shop", "bridge-sidecar": "true"}
    if kind == "volume":
        assert (after["replicas"], after["strategy"]) == (1, {"type": "Recreate"})
        claims = [one["persistentVolumeClaim"] for one in pod["volumes"] if "persistentVolumeClaim" in one]
        assert claims == [{"claimName": "my-bridge-data"}]
    else:
        assert (after["replicas"], after["strategy"]) == (before["replicas"], before["strategy"])
        assert "securityContext" not in pod
    assert [fault for one in documents for version in (OLDEST, NEWEST) for fault in faults(one, version)] == []


# --- The chart, as a dependency of another -------------------------------------------------------------------------

TEMPLATE = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata:
      labels:
        app: shop
        {{- include "bridge.sidecarLabels" .Subcharts.bridge | nindent 8 }}
    spec:
      securityContext: {fsGroup: 10001}
      initContainers:
        - {{ include "bridge.sidecar" .Subcharts.bridge | nindent 10 | trim }}
      containers:
        - {name: shop, image: "shop:1"}
      volumes:
        {{- include "bridge.sidecarVolumes" .Subcharts.bridge | nindent 8 }}
"""
"""What the comment of _sidecar.tpl shows."""


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    """A chart that has ours as a dependency."""
    chart = tmp_path_factory.mktemp("shop")
    shutil.copytree(CHART, chart / "charts" / "bridge")
    about = {
        "apiVersion": "v2",
        "name": "shop",
        "version": "1.0.0",
        "dependencies": [{"name": "bridge", "version": "*"}],
    }
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    (chart / "templates").mkdir()
    (chart / "templates" / "deployment.yaml").write_text(TEMPLATE)
    return chart


CLAIM = {"persistence": {"existingClaim": "shop-bridge"}}
SERVER = {"postgresql": {"existingSecret": "database"}}


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("values", [CLAIM, SERVER], ids=["volume", "postgresql"])
def test_another_chart_takes_the_sidecar_from_ours(shop, helm, values):
    given = {"bridge": {"mode": "sidecar", "existingSecret": "secrets", **values}}
    documents = render(given, chart=shop, helm=HELMS[helm])

    assert [one["kind"] for one in documents if one["kind"] not in ("ConfigMap", "ServiceAccount")] == ["Deployment"]
    assert [fault for one in documents for version in (OLDEST, NEWEST) for fault in faults(one, version)] == []
    pod = only(documents, "Deployment")["spec"]["template"]
    assert pod["metadata"]["labels"] == {"app": "shop", "bridge-sidecar": "true"}
    mounted = {one["name"] for one in bridge_of(documents)["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["spec"]["volumes"]}
    assert all(name.startswith("bridge-") for name in mounted)


def test_the_sidecar_of_the_chart_is_that_of_the_component(shop, rendered):
    documents = render({"bridge": {"mode": "sidecar", "existingSecret": "secrets", **CLAIM}}, chart=shop)
    server = config_of(documents)["server"]
    assert (server["host"], server["port"], server["admin"]) == ("127.0.0.1", 8080, {"host": "0.0.0.0", "port": 9090})

    ours, theirs = bridge_of(documents), bridge_of(rendered["volume"])
    for key in ("restartPolicy", "startupProbe", "livenessProbe", "securityContext"):
        assert ours[key] == theirs[key]
    for one in (ours, theirs):
        assert [(port["name"], port["containerPort"]) for port in one["ports"]] == [("admin", 9090)]
        assert not {"readinessProbe", "lifecycle"} & set(one)
    assert by_name(ours["volumeMounts"]) == by_name(theirs["volumeMounts"])


def test_a_volume_that_is_added_comes_with_its_mount(shop):
    added = {
        "extraVolumes": [{"name": "ca", "configMap": {"name": "ca"}}],
        "extraVolumeMounts": [{"name": "ca", "mountPath": "/ca"}],
    }
    documents = render({"bridge": {"mode": "sidecar", **CLAIM, **added}}, chart=shop)
    assert {"name": "ca", "mountPath": "/ca"} in bridge_of(documents)["volumeMounts"]
    assert added["extraVolumes"][0] in only(documents, "Deployment")["spec"]["template"]["spec"]["volumes"]


def test_an_empty_dir_must_be_asked_for(shop):
    given = {"mode": "sidecar", "persistence": {"ephemeral": True, "ephemeralSize": "100Mi"}}
    documents = render({"bridge": given}, chart=shop)
    assert config_of(documents)["database"]["ephemeral"] is True
    volumes = only(documents, "Deployment")["spec"]["template"]["spec"]["volumes"]
    assert {"name": "bridge-data", "emptyDir": {"sizeLimit": "100Mi"}} in volumes


REFUSED = {
    "no place to keep anything": (
        {"mode": "sidecar"},
        "persistence.existingClaim and postgresql.existingSecret are both empty",
    ),
    "a second bridge": (CLAIM, "mode is standalone, so this chart makes a Deployment of its own"),
    "a claim and none": (
        {"mode": "sidecar", "persistence": {"existingClaim": "kept", "ephemeral": True}},
        "persistence.existingClaim is kept, and persistence.ephemeral is true",
    ),
}


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", REFUSED)
def test_values_that_would_lose_or_double_something_are_refused(shop, helm, name):
    values, words = REFUSED[name]
    with pytest.raises(Refused, match=words):
        render({"bridge": values}, chart=shop, helm=HELMS[helm])


def test_the_monitor_of_the_chart_selects_what_has_a_sidecar(shop, rendered):
    values = {"mode": "sidecar", "podMonitor": {"enabled": True}}
    monitor = only(render(values), "PodMonitor")["spec"]
    [endpoint] = monitor["podMetricsEndpoints"]
    given = {"bridge": {"mode": "sidecar", **CLAIM}}
    for documents in (*rendered.values(), render(given, chart=shop)):
        template = only(documents, "Deployment")["spec"]["template"]
        assert monitor["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
        assert endpoint["port"] in [port["name"] for port in bridge_of(documents)["ports"]]


# --- The page --------------------------------------------------------------------------------------------------------


def test_the_kustomization_that_the_page_shows_builds(tmp_path):
    folder = tmp_path / "shop"
    shutil.copytree(SIDECAR / "components", tmp_path / "components")
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(shown(0))
    (folder / "deployment.yaml").write_text(yaml.safe_dump(ANY))
    (folder / "bridge.yaml").write_text("{}\n")
    documents = kustomize(folder)
    assert bridge_of(documents)["image"] == "registry.example.com/bridge:0.1.0"
    assert only(documents, "ConfigMap")["metadata"]["name"] == "bridge-config"


def test_the_values_and_the_template_that_the_page_shows_render(shop):
    [code] = re.findall(r"^```text\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)
    assert [line for line in code.splitlines() if line not in TEMPLATE] == []
    assert only(render(yaml.safe_load(shown(1)), chart=shop), "Deployment")


def shown(place: int) -> str:
    """Return one of the blocks of YAML that are not bridge's own configuration."""
    return re.findall(r"^```yml\n(.*?)^```$", PAGE.read_text(), re.DOTALL | re.MULTILINE)[place]
