"""NOTES.txt: the addresses to give away, and every insecure choice by the name of its key."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.system.chart import CASES, CHART, HELMS, merged, notes, render

QUIET: dict[str, Any] = {
    "existingSecret": "bridge-secrets",
    "ingress": {"enabled": True, "hosts": ["bridge.example.com"], "tls": [{"hosts": ["bridge.example.com"]}]},
    "networkPolicy": {"enabled": True, "ingress": {"from": [{"podSelector": {}}]}},
    "config": {
        "tokens": [{"name": "a", "token": {"env": "A"}}],
        "partners": {"genviral": {"kind": "genviral", "token": {"env": "B"}}},
    },
}
"""Nothing of it is insecure, or of no use."""


def test_it_gives_the_address_of_each_sender() -> None:
    sources = {
        "blog": {"kind": "ghost", "secret": {"env": "S"}},
        "team": {"kind": "slack", "mode": "socket", "app_token": {"env": "S"}},
        "press": {"kind": "feed", "feed": "https://example.com/rss"},
    }
    said = notes({**QUIET, "config": {**QUIET["config"], "sources": sources}})
    assert "https://bridge.example.com/v1/publish" in said
    assert "https://bridge.example.com/hooks/blog" in said
    assert not any(f"/hooks/{name}" in said for name in ("team", "press", "helm-test"))


def test_without_an_ingress_it_says_how_to_reach_it() -> None:
    said = notes({"service": {"port": 8000}})
    assert "http://bridge.social.svc:8000/v1/publish" in said
    assert "port-forward service/bridge 8080:8000" in said


def test_a_sound_installation_is_warned_of_nothing() -> None:
    said = notes(QUIET)
    assert "SAFE" not in said
    assert "EFFECT" not in said


DOUBTS: list[tuple[dict[str, Any], str]] = [
    ({"ingress": {"tls": []}}, "ingress.tls: there is none"),
    ({"config": {"server": {"public_url": "http://a.example"}}}, "config.server.public_url: is plain http"),
    ({"ingress": {"enabled": False}, "service": {"type": "LoadBalancer"}}, "service.type: LoadBalancer"),
    ({"networkPolicy": {"enabled": False}}, "networkPolicy.enabled: is false"),
    ({"networkPolicy": {"ingress": {"from": []}}}, "networkPolicy.ingress.from: is empty"),
    ({"secrets": {"token": "hidden-value"}}, "secrets: token stands in the values"),
    ({"persistence": {"enabled": False, "ephemeral": True}}, "persistence.ephemeral: the database is lost"),
    ({"config": {"network": {"allow_http": True}}}, "config.network.allow_http"),
    (
        {"config": {"network": {"allow": ["10.0.0.0/8"]}}},
        "config.network.allow: outbound requests may reach the private",
    ),
    ({"config": {"network": {"ports": []}}}, "config.network.ports: is empty"),
    ({"config": {"sources": {"a": {"kind": "generic", "auth": "none"}}}}, "config.sources.a.auth: is none"),
    ({"config": {"sources": {"a": {"kind": "generic"}}}}, "config.sources.a.secret: there is none"),
    ({"config": {"sources": {"a": {"kind": "generic", "auth": "query:k"}}}}, "config.sources.a.auth: the secret"),
    ({"config": {"endpoints": {"a": {"allow_http": True}}}}, "config.endpoints.a.allow_http"),
    ({"config": {"partners": {"genviral": {"base_url": "http://a"}}}}, "config.partners.genviral.base_url"),
    ({"image": {"tag": "latest"}}, "image.tag: latest"),
    ({"networkPolicy": {"egress": {"enabled": False}}}, "networkPolicy.egress.enabled: is false"),
    ({"config": {"database": {"ephemeral": True}}}, "config.database.ephemeral: is true"),
    ({"config": {"sources": {"slack": {"secret": {"env": "S"}}}}}, "config.sources.slack.users: is empty"),
]


@pytest.mark.parametrize(("values", "told"), DOUBTS, ids=[told for _, told in DOUBTS])
def test_an_insecure_choice_is_named(values: dict[str, Any], told: str) -> None:
    said = notes(merged(QUIET, values))
    assert told in said.partition("NOT SAFE AS IT IS")[2]
    assert said.count("\n- ") == 1
    assert "hidden-value" not in said


def test_without_tls_a_wildcard_is_in_the_clear_and_makes_no_address() -> None:
    said = notes(merged(QUIET, {"ingress": {"hosts": ["*.example.com"], "tls": []}}))
    assert "ingress.tls: there is none" in said
    assert "ingress.hosts: the first is a wildcard" in said
    assert "*." not in said


@pytest.mark.parametrize(
    ("values", "claims"),
    [
        ({}, "bridge-data"),
        ({"backup": {"enabled": True}}, "bridge-data bridge-backup"),
        ({"backup": {"enabled": True, "persistence": {"existingClaim": "mine"}}}, "bridge-data"),
        ({"persistence": {"annotations": None}}, ""),
        ({"persistence": {"existingClaim": "mine"}}, ""),
        ({"persistence": {"enabled": False, "ephemeral": True}}, ""),
        ({"postgresql": {"existingSecret": "db"}}, ""),
        ({"mode": "sidecar"}, ""),
    ],
    ids=str,
)
def test_the_volumes_that_outlive_the_release_are_named(values: dict[str, Any], claims: str) -> None:
    said = notes(values)
    assert ("helm uninstall" in said) == bool(claims)
    assert not claims or f"--namespace social delete persistentvolumeclaim {claims}\n" in said


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"config": {"tokens": []}}, "config.tokens: there is none"),
        ({"config": {"partners": None}}, "config.partners: there is none"),
        ({"serviceMonitor": {"enabled": True}}, "serviceMonitor.labels: is empty"),
        ({"podMonitor": {"enabled": True}}, "podMonitor.labels: is empty"),
        ({"prometheusRule": {"enabled": True}}, "prometheusRule.labels: is empty"),
    ],
)
def test_what_has_no_effect_is_named(values: dict[str, Any], told: str) -> None:
    said = notes(merged(QUIET, values))
    assert told in said.partition("WITHOUT EFFECT AS IT IS")[2]
    assert said.count("\n- ") == 1
    labelled = {name: {**one, "labels": {"release": "x"}} for name, one in values.items() if name != "config"}
    assert "EFFECT" not in notes(merged(QUIET, labelled))


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.stem.removesuffix("-values"))
def test_both_helms_say_the_same(case: Path, tmp_path: Path) -> None:
    """Helm 3 shows no notes without a cluster, so they are rendered as an object here."""
    chart = tmp_path / "bridge"
    shutil.copytree(CHART, chart)
    (chart / "templates" / "NOTES.txt").rename(chart / "files" / "notes.txt")
    said = '{{ tpl (.Files.Get "files/notes.txt") . | toJson }}'
    text = f"{{apiVersion: v1, kind: Notes, metadata: {{name: notes}}, said: {said}}}"
    (chart / "templates" / "notes.yaml").write_text(text)
    four, three = (
        [one["said"] for one in render({}, case, helm=helm, chart=chart) if one["kind"] == "Notes"]
        for helm in HELMS.values()
    )
    assert four == three
    assert "bridge" in four[0]
