"""The chart's monitors and dashboard: they find the pods, and what they read is what rules and dashboard ask for."""

import json
import re
from pathlib import Path

import pytest
import yaml

from bridge.metrics import METRICS
from tests.dashboard.model import FILE
from tests.system.chart import CASES, HELMS, OPERATOR, Refused, only, render
from tests.system.monitoring import labels_of, scrape_of
from tests.system.operator_objects import operator_faults

ROOT = Path(__file__).parents[2]
SERVICE = {"serviceMonitor": {"enabled": True}}
POD = {"podMonitor": {"enabled": True}}
SIDECAR = {**POD, "mode": "sidecar"}
MONITORS = {"service": SERVICE, "pod": POD, "sidecar": SIDECAR}
FULL = {
    "namespace": "monitoring",
    "labels": {"release": "kube-prometheus-stack"},
    "annotations": {"note": "scraped"},
    "interval": "1m",
    "scrapeTimeout": "20s",
    "sampleLimit": 500,
    "relabelings": [{"sourceLabels": ["__meta_kubernetes_pod_node_name"], "targetLabel": "node"}],
    "metricRelabelings": [{"action": "drop", "sourceLabels": ["__name__"], "regex": "python_gc_.*"}],
}
LABEL = re.compile(r'job="([^"]*)"')


def monitor(values, helm="helm 4"):
    [found] = [one for one in render(values, helm=HELMS[helm]) if one["kind"] in OPERATOR]
    return found


def scraped(values, folder):
    return labels_of(scrape_of(monitor(values), "127.0.0.1:9090"), folder)


# What the operator makes of them.


@pytest.mark.parametrize("values", MONITORS.values(), ids=MONITORS)
@pytest.mark.parametrize("job", ["bridge", "social-bridge"])
def test_the_labels_of_a_target_are_those_that_rules_and_dashboard_select(values, job, tmp_path):
    values = {**values, "monitoring": {"job": job}, "prometheusRule": {"enabled": True}}
    documents = render(values)
    found = next(one for one in documents if one["kind"] in ("ServiceMonitor", "PodMonitor"))
    labels = labels_of(scrape_of(found, "127.0.0.1:9090"), tmp_path)

    assert labels["job"] == job
    assert labels["namespace"] == "social"
    rules = json.dumps(only(documents, "PrometheusRule")["spec"]).replace('\\"', '"')
    assert set(LABEL.findall(rules)) == {job}


@pytest.mark.parametrize("values", MONITORS.values(), ids=MONITORS)
def test_no_label_of_a_target_takes_the_place_of_one_of_the_metrics(values, tmp_path):
    """The operator calls the scraped port `endpoint`, and so bridge calls where its deliveries go."""
    of_metrics = {label if isinstance(label, str) else label[0] for metric in METRICS for label in metric.labels}
    assert not scraped(values, tmp_path).keys() & of_metrics


def test_relabelings_of_the_values_come_last(tmp_path):
    values = {"serviceMonitor": {"enabled": True, "relabelings": [{"targetLabel": "job", "replacement": "other"}]}}
    assert scraped(values, tmp_path)["job"] == "other"


# What they find.


def test_a_service_monitor_reads_the_admin_port_of_one_service():
    documents = render(SERVICE)
    spec = only(documents, "ServiceMonitor")["spec"]
    selected = [
        one
        for one in documents
        if one["kind"] == "Service" and spec["selector"]["matchLabels"].items() <= one["metadata"]["labels"].items()
    ]
    [endpoint] = spec["endpoints"]
    [port] = [port for one in selected for port in one["spec"]["ports"] if port["name"] == endpoint["port"]]
    containers = only(documents, "Deployment")["spec"]["template"]["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for one in containers for port in one["ports"]}

    assert ports[port["targetPort"]] == 9090
    assert spec["namespaceSelector"] == {"matchNames": ["social"]}


def test_a_pod_monitor_reads_the_admin_port_of_the_pods_of_the_release():
    documents = render(POD)
    spec = only(documents, "PodMonitor")["spec"]
    template = only(documents, "Deployment")["spec"]["template"]
    [endpoint] = spec["podMetricsEndpoints"]

    assert spec["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for one in template["spec"]["containers"] for port in one["ports"]}


def test_in_mode_sidecar_it_reads_the_pods_that_the_component_made():
    patch = yaml.safe_load((ROOT / "docs/sidecar/components/container/patch.yaml").read_text())
    template = patch["spec"]["template"]
    spec = monitor(SIDECAR)["spec"]
    [endpoint] = spec["podMetricsEndpoints"]

    assert spec["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    assert endpoint["port"] in {port["name"] for one in template["spec"]["initContainers"] for port in one["ports"]}


def test_pods_and_their_namespaces_can_be_chosen():
    chosen = {"selector": {"app": "shop"}, "namespaces": ["shop", "blog"]}
    spec = monitor({"mode": "sidecar", "podMonitor": {"enabled": True, **chosen}})["spec"]
    assert spec["selector"] == {"matchLabels": {"app": "shop"}}
    assert spec["namespaceSelector"] == {"matchNames": ["shop", "blog"]}

    everywhere = monitor({"mode": "sidecar", "podMonitor": {"enabled": True, "namespaces": ["*"]}})["spec"]
    assert everywhere["namespaceSelector"] == {"any": True}


# What is refused.


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({**SERVICE, **POD}, "every pod would be scraped twice"),
        ({**SERVICE, "mode": "sidecar"}, "Set podMonitor.enabled: true instead"),
        ({"podMonitor": {"enabled": True, "scrapeTimeout": "31s"}}, "longer than podMonitor.interval, which is 30s"),
        ({"podMonitor": {"enabled": True, "interval": "1m1s"}}, "podMonitor.interval is 1m1s: .* Set it to 1m or less"),
        ({"serviceMonitor": {"enabled": True, "interval": "30"}}, "interval"),
        ({"serviceMonitor": {"enabled": True, "interval": "30s1m"}}, "interval"),
        ({"serviceMonitor": {"enabled": True, "additionalLabels": {}}}, "additionalLabels"),
        ({"podMonitor": {"enabled": True, "sampleLimit": "many"}}, "sampleLimit"),
        ({"dashboard": {"folder": "x"}}, "folder"),
    ],
)
def test_what_cannot_be_meant_is_refused(values, says, helm):
    with pytest.raises(Refused, match=says):
        render(values, helm=HELMS[helm])


# What the operator would say of them.


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("name", ["serviceMonitor", "podMonitor"])
def test_with_every_value_they_are_what_the_operator_takes(name, helm):
    found = monitor({name: {"enabled": True, **FULL}}, helm)

    assert operator_faults(found) == []
    assert found == monitor({name: {"enabled": True, **FULL}})
    assert (found["metadata"]["namespace"], found["spec"]["sampleLimit"]) == ("monitoring", 500)
    assert found["metadata"]["labels"].items() >= {"release": "kube-prometheus-stack"}.items()
    [endpoint] = found["spec"].get("endpoints") or found["spec"]["podMetricsEndpoints"]
    assert (endpoint["interval"], endpoint["scrapeTimeout"]) == ("1m", "20s")
    assert endpoint["metricRelabelings"] == FULL["metricRelabelings"]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("case", CASES, ids=[case.stem for case in CASES])
def test_the_objects_of_every_case_are_what_the_operator_takes(case, helm):
    for one in render(None, case, helm=HELMS[helm]):
        if one["kind"] in OPERATOR:
            assert operator_faults(one) == []


def test_rules_are_what_the_operator_takes():
    assert operator_faults(only(render({"prometheusRule": {"enabled": True}}), "PrometheusRule")) == []


def broken(document, *path, value=...):
    """A copy of a document with another value at a path, or without it."""
    copy = json.loads(json.dumps(document))
    node = copy
    for step in path[:-1]:
        node = node[step]
    if value is ...:
        del node[path[-1]]
    else:
        node[path[-1]] = value
    return copy


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("spec", "endpoint"), [], "spec.endpoint: is no field"),
        (("spec", "endpoints", 0, "intervall"), "30s", "spec.endpoints.0.intervall: is no field"),
        (("spec", "endpoints", 0, "interval"), "30 s", "spec.endpoints.0.interval: cannot be '30 s'"),
        (("spec", "endpoints", 0, "interval"), 30, "spec.endpoints.0.interval: must be text"),
        (("spec", "endpoints", 0, "scrapeTimeout"), "10s1m", "cannot be '10s1m'"),
        (("spec", "endpoints", 0, "relabelings", 0, "target_label"), "job", "target_label: is no field"),
        (("spec", "endpoints", 0, "relabelings", 0, "action"), "set", "action: cannot be 'set'"),
        (("spec", "endpoints"), [], "spec.endpoints: must be a list of 1 or more"),
        (("spec", "selector"), ..., "spec.selector: is missing"),
        (("spec", "selector", "matchLabel"), {}, "spec.selector.matchLabel: is no field"),
        (("spec", "sampleLimit"), "20000", "spec.sampleLimit: must be a whole number"),
        (("spec", "namespaceSelector", "any"), "yes", "spec.namespaceSelector.any: must be true or false"),
        (("metadata", "labels", "release"), "not a value!", "metadata.labels.release: cannot be"),
        (("apiVersion",), "monitoring.coreos.com/v1alpha1", "apiVersion: cannot be"),
        (("status",), {}, "status: is no field"),
    ],
)
def test_a_slip_in_a_monitor_is_seen(path, value, fault):
    [found] = operator_faults(broken(monitor(SERVICE), *path, value=value))
    assert fault in found


@pytest.mark.parametrize(
    ("path", "value", "fault"),
    [
        (("spec", "groups", 1, "rules", 0, "For"), "5m", "spec.groups.1.rules.0.For: is no field"),
        (("spec", "groups", 1, "rules", 0, "for"), "5 minutes", "for: cannot be '5 minutes'"),
        (("spec", "groups", 1, "rules", 0, "expr"), ..., "spec.groups.1.rules.0.expr: is missing"),
        (("spec", "groups", 1, "rules", 0, "labels", "severity"), 1, "labels.severity: must be text"),
        (("spec", "groups", 1, "rules", 0, "record"), "a:b", "spec.groups.1.rules.0: must be either"),
        (("spec", "groups", 1, "name"), "bridge.records", "'bridge.records' is that of another group"),
        (("spec", "groups", 1, "interval"), "", "interval: cannot be ''"),
    ],
)
def test_a_slip_in_the_rules_is_seen(path, value, fault):
    rules = only(render({"prometheusRule": {"enabled": True}}), "PrometheusRule")
    [found] = operator_faults(broken(rules, *path, value=value))
    assert fault in found


# The dashboard.


@pytest.mark.parametrize("helm", HELMS)
def test_grafana_finds_the_dashboard_as_it_is_in_its_file(helm):
    documents = render({"dashboard": {"enabled": True, "annotations": {"grafana_folder": "Social"}}}, helm=HELMS[helm])
    found = only(documents, "ConfigMap", "bridge-dashboard")

    assert found["metadata"]["labels"]["grafana_dashboard"] == "1"
    assert found["metadata"]["annotations"] == {"grafana_folder": "Social"}
    [(name, text)] = found["data"].items()
    assert (name, json.loads(text)) == ("social-bridge-dashboard.json", json.loads(FILE.read_text()))


def test_nothing_of_it_is_made_unless_it_is_wanted():
    documents = render()
    assert not [one for one in documents if one["kind"] in OPERATOR]
    assert not [one for one in documents if one["metadata"]["name"].endswith("dashboard")]
