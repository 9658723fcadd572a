"""The chart: how pods are replaced, spread and copied, and who reaches whom."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.system.chart import CHART, HELMS, Document, only, render, run_helm

CI = CHART / "ci"
SQLITE, POSTGRESQL = CI / "sqlite-values.yaml", CI / "postgresql-values.yaml"
SERVER = {
    "app.kubernetes.io/name": "bridge",
    "app.kubernetes.io/instance": "bridge",
    "app.kubernetes.io/component": "server",
}


def kinds(documents: list[Document]) -> list[str]:
    return [one["kind"] for one in documents]


def pod_of(documents: list[Document]) -> Document:
    return dict(only(documents, "Deployment")["spec"]["template"]["spec"])


def test_one_process_holds_a_file_so_its_pod_ends_before_the_next_begins() -> None:
    documents = render()
    spec = only(documents, "Deployment")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert "PodDisruptionBudget" not in kinds(documents)
    assert "topologySpreadConstraints" not in pod_of(documents)
    assert only(documents, "PersistentVolumeClaim")["metadata"]["annotations"] == {"helm.sh/resource-policy": "keep"}


def test_replicas_are_replaced_one_by_one_and_none_is_missed() -> None:
    documents = render({"replicaCount": 3, "postgresql": {"existingSecret": "db"}})
    spec = only(documents, "Deployment")["spec"]
    wanted = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": 1}}
    assert (spec["replicas"], spec["strategy"]) == (3, wanted)
    assert "PersistentVolumeClaim" not in kinds(documents)
    budget = only(documents, "PodDisruptionBudget")["spec"]
    assert (budget["maxUnavailable"], budget["selector"]["matchLabels"]) == (1, SERVER)
    for constraint in pod_of(documents)["topologySpreadConstraints"]:
        assert constraint["labelSelector"] == {"matchLabels": SERVER}
        assert constraint["matchLabelKeys"] == ["pod-template-hash"]


def test_a_single_replica_has_no_budget_that_would_keep_its_node_from_being_drained() -> None:
    assert "PodDisruptionBudget" not in kinds(render({"postgresql": {"existingSecret": "db"}}))


def test_a_selector_that_was_given_stays() -> None:
    first, second = pod_of(render({}, POSTGRESQL))["topologySpreadConstraints"]
    assert first["labelSelector"] == {"matchLabels": SERVER}
    assert second["labelSelector"] == {"matchLabels": {"own": "yes"}}


def test_the_pod_is_probed_where_nobody_else_comes_and_waits_before_it_ends() -> None:
    pod = pod_of(render())
    [container] = pod["containers"]
    probes = {name: container[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "startup": "/readyz",
        "liveness": "/livez",
        "readiness": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {"admin"}
    assert container["lifecycle"] == {"preStop": {"sleep": {"seconds": 5}}}
    assert pod["terminationGracePeriodSeconds"] > 5 + 10


@pytest.mark.parametrize("helm", HELMS.values(), ids=HELMS)
def test_kubernetes_that_cannot_pause_is_given_no_hook(helm: str) -> None:
    """1.29 takes the pause away, and then refuses the pod for a hook with nothing in it."""
    for version, hooks in {"1.29.9-gke.1": 0, "1.30.0-gke.1": 1, "1.37.0": 1}.items():
        pod = pod_of(render(helm=helm, options=["--kube-version", version]))
        assert ["lifecycle" in one for one in pod["containers"]] == [bool(hooks)], version


def test_a_label_of_the_chart_stays_and_stands_once() -> None:
    other = {f"app.kubernetes.io/{word}": "x" for word in ("name", "instance", "component", "version", "part-of")}
    documents = render({"commonLabels": {**other, "team": "a"}, "podLabels": {**other, "team": "b"}})
    pod = only(documents, "Deployment")["spec"]["template"]["metadata"]["labels"]
    assert SERVER.items() <= pod.items()
    assert pod["team"] == "b"
    assert [
        (one["kind"], one["metadata"]["labels"]) for one in documents if "x" in one["metadata"]["labels"].values()
    ] == []
    text = run_helm(
        "template", "bridge", CHART, "--values", "-", stdin=json.dumps({"commonLabels": other, "podLabels": other})
    )
    for one in text.split("\n---\n"):
        for node in mappings(yaml.compose(one)):
            keys = [key.value for key, _ in node.value]
            assert len(set(keys)) == len(keys)


def mappings(node: yaml.Node | None) -> Iterator[yaml.MappingNode]:
    """Yield each mapping as it is written: what is read already has each key but once."""
    if isinstance(node, yaml.MappingNode):
        yield node
        for _, value in node.value:
            yield from mappings(value)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from mappings(value)


def test_probes_and_metrics_have_a_service_that_never_leaves_the_cluster() -> None:
    documents = render({"service": {"type": "LoadBalancer"}})
    public, admin = only(documents, "Service", "bridge"), only(documents, "Service", "-admin")
    assert [port["targetPort"] for port in public["spec"]["ports"]] == ["http"]
    assert (public["spec"]["type"], admin["spec"]["type"]) == ("LoadBalancer", "ClusterIP")
    assert public["spec"]["selector"] == admin["spec"]["selector"] == SERVER
    [rule] = only(render({}, CI / "claim-values.yaml"), "Ingress")["spec"]["rules"]
    assert [path["backend"]["service"]["port"]["name"] for path in rule["http"]["paths"]] == ["http"]


def test_no_file_is_mounted_alone_so_all_of_them_follow_a_change() -> None:
    [container] = pod_of(render({}, SQLITE))["containers"]
    mounts = {one["name"]: one["mountPath"] for one in container["volumeMounts"]}
    assert mounts == {
        "config": "/etc/bridge/config",
        "secrets": "/etc/bridge/secrets",
        "data": "/var/lib/bridge",
        "tmp": "/tmp",
    }
    assert not any("subPath" in one for one in container["volumeMounts"])


def test_the_image_is_that_of_the_release_its_tag_or_its_digest() -> None:
    digest = "sha256:" + "ab" * 32
    images = [
        pod_of(render({"image": image}))["containers"][0]["image"]
        for image in ({}, {"tag": "1.2"}, {"tag": "1.2", "digest": digest})
    ]
    assert images == ["bridge:0.1.0", "bridge:1.2", f"bridge@{digest}"]


def test_copies_are_made_on_the_node_of_the_writer_and_one_at_a_time() -> None:
    documents = render({}, SQLITE)
    job = only(documents, "CronJob")["spec"]
    assert (job["schedule"], job["timeZone"], job["concurrencyPolicy"]) == ("@daily", "Europe/Berlin", "Forbid")
    pod = job["jobTemplate"]["spec"]["template"]["spec"]
    [term] = pod["affinity"]["podAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]
    assert term == {"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": SERVER}}
    [container] = pod["containers"]
    assert container["args"] == ["backup", "/backup", "--keep", "14"]
    claims = {one["name"]: one.get("persistentVolumeClaim", {}).get("claimName") for one in pod["volumes"]}
    assert claims == {"data": "bridge-data", "backup": "bridge-backup", "tmp": None}
    assert only(documents, "PersistentVolumeClaim", "-backup")["spec"]["storageClassName"] == ""
    assert only(documents, "PersistentVolumeClaim", "-data")["spec"]["storageClassName"] == "fast"


def test_a_claim_of_ones_own_is_used_and_none_is_made() -> None:
    documents = render({}, CI / "claim-values.yaml")
    assert "PersistentVolumeClaim" not in kinds(documents)
    pod = only(documents, "CronJob")["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    assert [one.get("persistentVolumeClaim") for one in pod["volumes"]] == [
        {"claimName": "my-data"},
        {"claimName": "my-copies"},
        None,
    ]


def test_a_policy_lets_in_who_is_named_and_out_to_what_is_needed() -> None:
    policy = only(render({}, SQLITE), "NetworkPolicy", "bridge")["spec"]
    http, admin, test = policy["ingress"]
    assert [port["port"] for port in http["ports"]] == ["http"]
    assert http["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "ingress-nginx"}
    assert [port["port"] for port in admin["ports"]] == ["admin"]
    assert admin["from"][0]["namespaceSelector"]["matchLabels"] == {"kubernetes.io/metadata.name": "monitoring"}
    assert test["from"][0]["podSelector"]["matchLabels"]["app.kubernetes.io/component"] == "test"
    names, out = policy["egress"]
    assert {(port["port"], port["protocol"]) for port in names["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert [port["port"] for port in out["ports"]] == [443]
    four, six = (peer["ipBlock"] for peer in out["to"])
    assert (four["cidr"], six["cidr"], six["except"]) == ("0.0.0.0/0", "::/0", ["fd00::/8"])
    assert len(four["except"]) == 3


def test_a_policy_opens_the_way_to_the_database_and_what_else_is_named() -> None:
    policy = only(render({}, POSTGRESQL), "NetworkPolicy")["spec"]
    assert policy["egress"][2] == {
        "ports": [{"port": 5432, "protocol": "TCP"}],
        "to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}],
    }
    assert policy["egress"][3]["ports"] == [{"port": 4318}]
    assert policy["ingress"][-1]["from"] == [{"podSelector": {"matchLabels": {"app": "cms"}}}]
    assert "from" not in policy["ingress"][0]


@pytest.mark.parametrize(
    ("collector", "port"),
    [
        ("http://otel.tracing:4318", 4318),
        ("http://[fd00::1]:4318/base", 4318),
        ("http://otel", 80),
        ("https://otel.example.com/otlp", None),
        ("http://localhost:4318", None),
        ("http://127.0.0.1:4318", None),
        ({"env": "COLLECTOR"}, None),
    ],
)
def test_a_policy_opens_the_way_to_the_collector_of_spans(collector: Any, port: int | None) -> None:
    values: dict[str, Any] = {
        "networkPolicy": {"enabled": True},
        "config": {"tracing": {"enabled": True, "collector": collector}},
    }
    rules = only(render(values), "NetworkPolicy")["spec"]["egress"]
    assert [one["port"] for rule in rules[2:] for one in rule["ports"]] == ([port] if port else [])
    values["config"]["tracing"]["enabled"] = False
    assert len(only(render(values), "NetworkPolicy")["spec"]["egress"]) == 2


def test_nobody_may_read_metrics_where_nobody_is_named() -> None:
    values: dict[str, Any] = {
        "networkPolicy": {"enabled": True, "ingress": {"adminFrom": []}, "egress": {"enabled": False}}
    }
    policy = only(render({**values, "tests": {"enabled": False}}), "NetworkPolicy")["spec"]
    assert [port["port"] for rule in policy["ingress"] for port in rule["ports"]] == ["http"]
    assert policy["policyTypes"] == ["Ingress"]


def test_the_copies_are_cut_off_from_the_network() -> None:
    policy = only(render({}, SQLITE), "NetworkPolicy", "-backup")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not {"ingress", "egress"} & set(policy)


def test_a_sidecar_has_a_configuration_and_nothing_else_of_a_deployment() -> None:
    assert kinds(render({}, CI / "sidecar-values.yaml")) == ["ConfigMap"]
    assert kinds(render({"mode": "sidecar", "secrets": {"a": "b"}})) == ["Secret", "ConfigMap"]


def test_what_is_added_is_added() -> None:
    documents = render({}, POSTGRESQL)
    pod = pod_of(documents)
    assert [one["name"] for one in pod["containers"]] == ["bridge", "beside"]
    assert [one["name"] for one in pod["initContainers"]] == ["before"]
    assert pod["volumes"][-1]["name"] == pod["containers"][0]["volumeMounts"][-1]["name"] == "ca"
    assert [one["name"] for one in pod["containers"][0]["env"]] == [
        "BRIDGE_CONFIG",
        "BRIDGE_TOKEN",
        "BRIDGE_LOG__LEVEL",
    ]
    assert pod["containers"][0]["livenessProbe"]["httpGet"]["scheme"] == "HTTP"
    assert {one["metadata"]["name"] for one in documents if one["kind"] == "ConfigMap"} >= {
        "bridge-more",
        "bridge-text",
    }


@pytest.mark.parametrize(
    "values", [{"tests": {"enabled": False}}, {"tests": {"secretKey": "k"}, "existingSecret": "s"}]
)
def test_what_is_rendered_twice_is_the_same_where_no_secret_is_made(values: dict[str, Any]) -> None:
    """So tools that render and compare, instead of installing, find nothing to do."""
    assert [render(values, helm=helm) for helm in HELMS.values()] == [
        render(values, helm=helm) for helm in HELMS.values()
    ]
