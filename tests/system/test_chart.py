"""The chart: what it renders is taken by Kubernetes, the same by both helms, and what it does not take it says."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from bridge import __version__
from bridge.settings import ORDER
from tests.system.chart import (
    CASES,
    CHART,
    HELMS,
    NEWEST,
    OLDEST,
    README,
    VALUES,
    Document,
    Refused,
    described,
    faults,
    merged,
    only,
    pods,
    readme,
    render,
    run_helm,
)
from tests.system.pod_security import pod_faults

DEFAULTS: dict[str, Any] = yaml.safe_load(VALUES.read_text())
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
FILES = [None, *CASES]
NAMES = ["defaults", *(case.stem.removesuffix("-values") for case in CASES)]

every_case = pytest.mark.parametrize("case", FILES, ids=NAMES)


def rendered(case: Path | None, values: dict[str, Any] | None = None, **more: Any) -> list[Document]:
    return render(values, *([case] if case else []), **more)


def stable(documents: list[Document]) -> list[Document]:
    """Leave out the one value that is made anew each time."""
    return [{**one, "data": sorted(one["data"])} if one["kind"] == "Secret" else one for one in documents]


@every_case
@pytest.mark.parametrize("helm", HELMS.values(), ids=HELMS)
def test_the_linter_finds_nothing(case: Path | None, helm: str) -> None:
    run_helm("lint", "--strict", CHART, *(["--values", case] if case else []), helm=helm)


@every_case
def test_both_helms_render_the_same(case: Path | None) -> None:
    four, three = (stable(rendered(case, helm=helm)) for helm in HELMS.values())
    assert four == three


@every_case
@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_takes_all_of_it(case: Path | None, version: str) -> None:
    documents = rendered(case, options=["--kube-version", version])
    assert [fault for document in documents for fault in faults(document, version)] == []


@every_case
def test_every_container_of_every_pod_is_restricted(case: Path | None) -> None:
    found = {name: pod_faults(pod) for name, pod in pods(rendered(case))}
    assert not any(found.values()), found


@every_case
def test_selectors_are_of_labels_that_stay_and_of_the_pods_that_serve_alone(case: Path | None) -> None:
    documents = rendered(case)
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(documents)}
    for one in documents:
        spec = one.get("spec") or {}
        chosen = spec.get("selector") or spec.get("podSelector") or {}
        wanted = chosen.get("matchLabels", chosen)
        if one["kind"] not in ("Service", "Deployment", "PodDisruptionBudget", "NetworkPolicy"):
            continue
        assert not {"helm.sh/chart", "app.kubernetes.io/version"} & set(wanted)
        met = {name.partition("/")[0] for name, has in labels.items() if wanted.items() <= has.items()}
        assert met == ({"CronJob"} if one["metadata"]["name"].endswith("-backup") else {"Deployment"})


@every_case
def test_objects_have_the_usual_labels_a_namespace_and_names_of_their_own(case: Path | None) -> None:
    documents = rendered(case, {"commonLabels": {"team": "social"}, "extraObjects": []})
    wanted = {"helm.sh/chart", "team", *(f"app.kubernetes.io/{word}" for word in ("name", "instance", "managed-by"))}
    for one in documents:
        assert one["metadata"]["namespace"] == "social"
        assert wanted <= set(one["metadata"].get("labels", ())), one["metadata"]["name"]
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CASES, ids=NAMES[1:])
def test_long_names_are_cut_and_stay_apart(case: Path) -> None:
    long = {"fullnameOverride": "", "nameOverride": "n" * 60}
    documents = rendered(case, {**long, "extraObjects": []}, release="r" * 53)
    names = [(one["kind"], one["metadata"]["name"]) for one in documents]
    assert len(set(names)) == len(names)
    for kind, name in names:
        assert len(name) <= (52 if kind == "CronJob" else 63)
        assert not name.endswith("-")
    assert [fault for one in documents for fault in faults(one, NEWEST)] == []


def booleans(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in tree.items():
        if isinstance(value, bool):
            yield (*path, key)
        elif isinstance(value, dict):
            yield from booleans(value, (*path, key))


def nested(path: tuple[str, ...], value: Any) -> dict[str, Any]:
    return {path[0]: nested(path[1:], value) if path[1:] else value}


def at(tree: Any, path: tuple[str, ...]) -> Any:
    return at(tree[path[0]], path[1:]) if path else tree


def refusal(case: Path | None, values: dict[str, Any]) -> str:
    """Return what the chart says against these values; nothing if it renders what Kubernetes takes."""
    try:
        documents = rendered(case, values)
    except Refused as refused:
        return str(refused)
    assert [fault for one in documents for fault in faults(one, NEWEST)] == []
    return ""


@every_case
def test_every_boolean_works_the_other_way_or_is_named_as_the_reason_why_not(case: Path | None) -> None:
    given = merged(DEFAULTS, yaml.safe_load(case.read_text()) if case else {})
    for path in booleans(DEFAULTS):
        if said := refusal(case, nested(path, not at(given, path))):
            assert ".".join(path) in said
            assert "execution error at" in said


POSTGRESQL = {"postgresql": {"existingSecret": "db"}}
COPIES = {"backup": {"enabled": True}}
REFUSED: list[tuple[dict[str, Any], list[str]]] = [
    ({"replicaCount": 3}, ["replicaCount is 3", "postgresql.existingSecret is empty"]),
    ({"persistence": {"enabled": False}}, ["persistence.enabled is false", "postgresql.existingSecret is empty"]),
    ({"persistence": {"ephemeral": True}}, ["persistence.enabled is true", "persistence.ephemeral is true"]),
    ({**POSTGRESQL, "config": {"database": {"url": {"env": "A"}}}}, ["existingSecret is db", "config.database.url"]),
    ({"config": {"database": {"url": "sqlite:////data/a.db"}}}, ["sqlite:////data/a.db", "/var/lib/bridge"]),
    ({"config": {"server": {"host": "127.0.0.1"}}}, ["config.server.host is 127.0.0.1"]),
    ({"config": {"server": {"admin": {"host": "localhost"}}}}, ["config.server.admin.host is localhost"]),
    ({"config": {"server": {"port": 9090}}}, ["config.server.port is 9090", "config.server.admin.port"]),
    ({"config": {"server": {"drain": "1m30s"}}}, ["terminationGracePeriodSeconds is 30", "95"]),
    ({"config": {"server": {"drain": "60 s"}}}, ["terminationGracePeriodSeconds is 30", "65"]),
    ({"ingress": {"enabled": True}}, ["ingress.enabled is true", "ingress.hosts is empty"]),
    ({**POSTGRESQL, **COPIES}, ["backup.enabled is true", "PostgreSQL"]),
    ({"persistence": {"enabled": False, "ephemeral": True}, **COPIES}, ["backup.enabled", "persistence.enabled"]),
    ({"persistence": {"accessModes": ["ReadWriteOncePod"]}, **COPIES}, ["backup.enabled", "ReadWriteOncePod"]),
    ({"extraEnv": [{"name": "BRIDGE_SERVER__PORT", "value": "1"}]}, ["BRIDGE_SERVER__PORT", "config"]),
    ({"extraEnv": [{"name": "BRIDGE_DATABASE__URL_FILE", "value": "/x"}]}, ["BRIDGE_DATABASE__URL_FILE", "config"]),
    ({"config": {"sources": {"helm-test": {"kind": "generic"}}}}, ["helm-test", "tests.enabled"]),
    ({"tests": {"secretKey": "a"}}, ["tests.secretKey is a", "existingSecret is empty"]),
    ({"mode": "sidecar", "ingress": {"enabled": True}}, ["mode is sidecar", "ingress.enabled is true"]),
    ({"mode": "sidecar", "config": {"server": {"host": "0.0.0.0"}}}, ["sidecar", "config.server.host is 0.0.0.0"]),
    (
        {"mode": "sidecar", "config": {"server": {"admin": {"host": "127.0.0.1"}}}},
        ["mode is sidecar", "config.server.admin.host is 127.0.0.1"],
    ),
    ({"mode": "sidecar", "config": {"server": {"port": 9090}}}, ["server.port is 9090", "config.server.admin.port"]),
    (
        {"mode": "sidecar", **POSTGRESQL, "config": {"database": {"url": {"env": "A"}}}},
        ["postgresql.existingSecret is db", "config.database.url is given"],
    ),
    ({"mode": "sidecar", **COPIES}, ["mode is sidecar", "backup.enabled is true"]),
    ({"mode": "sidecar", "networkPolicy": {"enabled": True}}, ["mode is sidecar", "networkPolicy.enabled is true"]),
]


@pytest.mark.parametrize("helm", HELMS.values(), ids=HELMS)
@pytest.mark.parametrize(("values", "told"), REFUSED, ids=[told[0] for _, told in REFUSED])
def test_values_that_contradict_each_other_are_refused_by_their_names(
    values: dict[str, Any], told: list[str], helm: str
) -> None:
    with pytest.raises(Refused) as refused:
        render(values, helm=helm)
    said = " ".join(str(refused.value).split())
    assert all(word in said for word in told), said


def closed(schema: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each mapping whose keys the schema knows."""
    schema = resolved(schema)
    if schema.get("additionalProperties") is False:
        yield path
    for name, inner in schema.get("properties", {}).items():
        yield from closed(inner, (*path, name))


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    name = schema.get("$ref", "").rpartition("/")[2]
    return dict(SCHEMA["definitions"][name]) if name else schema


@pytest.mark.parametrize("path", list(closed(SCHEMA)), ids=lambda path: ".".join(path) or "top")
def test_a_key_that_there_is_not_is_refused_wherever_it_stands(path: tuple[str, ...]) -> None:
    values = nested((*path, "tpyo"), 1)
    for helm in HELMS.values():
        with pytest.raises(Refused, match="tpyo"):
            render(values, helm=helm)


@pytest.mark.parametrize(
    "values",
    [
        {"replicaCount": "2"}, {"mode": "both"}, {"persistence": {"size": "five"}}, {"image": {"digest": "latest"}},
        {"config": {"partner": {}}}, {"backup": {"keep": 0}}, {"service": {"type": "ExternalName"}},
        {"ingress": {"paths": ["v1"]}}, {"ingress": {"tls": [{"secret": "a"}]}}, {"extraEnv": {"A": "b"}},
        {"securityContext": {"runAsUser": "10001"}}, {"podSecurityContext": {"seccompProfile": {"type": "runtime"}}},
        {"persistence": {"accessModes": ["ReadOnlyMany"]}}, {"secrets": {"a b": "c"}}, {"podLabels": {"a": 1}},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("helm", HELMS.values(), ids=HELMS)
def test_a_value_of_the_wrong_kind_is_refused(values: dict[str, Any], helm: str) -> None:
    with pytest.raises(Refused, match="schema"):
        render(values, helm=helm)


def test_values_schema_and_readme_know_the_same_keys() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(DEFAULTS, SCHEMA)
    for one in described():
        known = SCHEMA
        for part in one.path.split("."):
            known = resolved(known)["properties"][part]
        assert one.text == one.text.strip().rstrip("."), f"{one.path}: ends with a full stop"
    assert README.read_text() == readme(), "write it again: python -m tests.system.chart"


def in_both(tree: dict[str, Any], schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """Yield each key that the schema knows and the values do not; what a definition describes is Kubernetes' own."""
    for name, inner in schema.get("properties", {}).items():
        if name not in tree and (path, name) != ("", "global"):
            yield f"{path}{name}"
        elif isinstance(tree.get(name), dict) and "$ref" not in inner and name != "config":
            yield from in_both(tree[name], inner, f"{path}{name}.")


def test_the_schema_knows_no_key_that_the_values_do_not_show() -> None:
    assert list(in_both(DEFAULTS, SCHEMA)) == []


def test_the_schema_knows_every_field_of_the_security_of_pods_and_containers() -> None:
    folder = Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{NEWEST}-local-strict"
    kinds = json.loads((folder / "_definitions.json").read_text())["$defs"]
    for name, kind in (("podSecurityContext", "PodSecurityContext"), ("securityContext", "SecurityContext")):
        known = kinds[f"io.k8s.api.core.v1.{kind}"]["properties"]
        assert set(SCHEMA["definitions"][name]["properties"]) == set(known)


def test_the_sections_of_the_configuration_are_those_of_bridge() -> None:
    assert set(SCHEMA["properties"]["config"]["properties"]) == set(ORDER)


def test_the_chart_is_of_this_bridge_and_of_kubernetes_that_has_sidecars(tmp_path: Path) -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["name"], chart["apiVersion"], chart["appVersion"]) == ("bridge", "v2", __version__)
    render(options=["--kube-version", "1.29.3-gke.1"])
    with pytest.raises(Refused, match="kubeVersion"):
        render(options=["--kube-version", "1.28.9"])


@pytest.mark.parametrize("helm", HELMS.values(), ids=HELMS)
def test_the_package_renders_what_the_folder_does(tmp_path: Path, helm: str) -> None:
    run_helm("package", CHART, "--destination", tmp_path, helm=helm)
    [package] = tmp_path.iterdir()
    case = next(case for case in CASES if case.stem.startswith("sqlite"))
    assert rendered(case, chart=package, helm=helm) == rendered(case, helm=helm)


def test_as_a_part_of_another_chart_it_takes_global_values(tmp_path: Path) -> None:
    shutil.copytree(CHART, tmp_path / "shop" / "charts" / "bridge")
    (tmp_path / "shop" / "Chart.yaml").write_text("{apiVersion: v2, name: shop, version: 1.0.0}")
    values = {"global": {"registry": "x"}, "bridge": {"replicaCount": 2, **POSTGRESQL}}
    documents = render(values, chart=tmp_path / "shop")
    assert only(documents, "Deployment")["spec"]["replicas"] == 2
