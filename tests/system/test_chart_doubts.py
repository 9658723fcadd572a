"""What bridge warns of when it starts, and what Pod Security refuses: NOTES.txt names it, or it is told why not."""

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from bridge.app import KINDS
from bridge.settings import _chats, _checks, _doubts, _endpoints, load
from tests.system.chart import HELMS, config_of, merged, notes, only, render
from tests.system.pod_security import pod_faults
from tests.system.test_chart_notes import QUIET

SLACK = {"kind": "slack", "secret": {"env": "LONG"}, "bot_token": {"env": "SLACK"}, "users": ["U012AB3CD"]}
ENDPOINT = {"url": "https://a.example/hook", "secret": {"env": "WHSEC"}}
GENVIRAL = {"genviral": {"kind": "genviral", "token": {"env": "LONG"}}}

NAMED: list[tuple[str, dict[str, Any]]] = [
    ("so nothing can be published", {"partners": None}),
    ("so /v1 refuses everything", {"tokens": None}),
    ("may be lost with the pod, unposted", {"database": {"ephemeral": True}}),
    ("outbound requests may reach", {"network": {"allow": ["10.0.0.0/8"]}}),
    ("outbound requests may be plain http", {"network": {"allow_http": True}}),
    ("is empty, so outbound requests may go to any port", {"network": {"ports": []}}),
    ("so the key travels in the clear", {"partners": {"genviral": {"base_url": "http://a.example"}}}),
    ("may publish a post twice", {"retry": {"ambiguous": "retry"}}),
    ("so whoever knows the address may publish", {"sources": {"a": {"kind": "generic", "auth": "none"}}}),
    (
        "so access logs may show it",
        {"sources": {"a": {"kind": "generic", "auth": "query:k", "secret": {"env": "LONG"}}}},
    ),
    ("whoever is in the workspace may publish", {"sources": {"a": {**SLACK, "users": []}}}),
    (".api_url: is plain http", {"sources": {"a": {**SLACK, "api_url": "http://a.example/api/"}}}),
    ("is not slack.com", {"sources": {"a": {**SLACK, "api_url": "https://slack.com.a.example/api/"}}}),
    (
        "so events travel in the clear",
        {"endpoints": {"a": {**ENDPOINT, "url": "http://a.example", "allow_http": True}}},
    ),
    ("is true, though its address is https", {"endpoints": {"a": {**ENDPOINT, "allow_http": True}}}),
]
"""A part of each warning, and a configuration that it is about."""

NOT_NAMED = {
    "server.host: ": "the chart has a listener for metrics, and knows of the Ingress: it says more itself",
    "server.public_url: is plain http, so tokens": "bridge speaks of it where it listens on the loopback alone",
    "characters and may be guessed": "the chart never sees a secret",
    "bytes and may be guessed": "the chart never sees a secret",
    "does nothing with PostgreSQL": "opens nothing up",
    ".writes: is off": "opens nothing up",
    "is the same account as": "opens nothing up",
    "only what names accounts itself is published": "opens nothing up",
    "so no content can be fetched": "opens nothing up",
    "does nothing without feed": "opens nothing up",
    "how often bridge looks for feeds": "opens nothing up",
    ".when[": "opens nothing up",
    "is no platform that is known here": "opens nothing up",
    "is not under accounts": "opens nothing up",
    "is retired, so nothing is posted there": "opens nothing up",
    ".bot_token: is missing": "opens nothing up",
    ".mode: is http, and server.public_url is missing": "opens nothing up",
}


def sentences(module: ModuleType) -> Iterator[str]:
    """Yield each text that a module yields, with what is filled in left out."""
    for node in ast.walk(ast.parse(Path(str(module.__file__)).read_text())):
        value = node.value if isinstance(node, ast.Yield) else None
        value = value.left if isinstance(value, ast.BinOp) else value
        if isinstance(value, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in value.values)
        elif isinstance(value, ast.Constant):
            yield str(value.value)


def test_every_warning_of_bridge_is_named_by_the_chart_or_told_why_not() -> None:
    found = [text for module in (_checks, _doubts, _endpoints, _chats) for text in sentences(module)]
    filled = [text.replace("{told}", "") for text in found]
    known = [*(part for part, _ in NAMED), *NOT_NAMED]
    assert len(found) > 25
    for text in filled:
        assert len([part for part in known if part.replace(" {}", "") in text]) == 1, text
    assert [part for part in known if not any(part in text for text in filled)] == []


@pytest.mark.parametrize(("part", "given"), NAMED, ids=[part for part, _ in NAMED])
def test_what_bridge_warns_of_notes_name_by_the_same_path(part: str, given: dict[str, Any], tmp_path: Path) -> None:
    base = {"tokens": [{"name": "a", "token": {"env": "LONG"}}], "partners": GENVIRAL}
    values = {"config": merged(base, given), "tests": {"enabled": False}}
    rendered = tmp_path / "bridge.yaml"
    rendered.write_text(json.dumps(config_of(render(values))))
    environ = {"LONG": "a" * 32, "SLACK": "xoxb-0123456789-abcdef", "WHSEC": f"whsec_{'QUJD' * 10}"}
    told = [warning for warning in load(rendered, environ, KINDS).warnings if part in warning]
    assert told
    said = notes(values)
    for warning in told:
        assert f"- config.{warning.partition(':')[0]}: " in said


UNCONFINED = {"type": "Unconfined"}
SECURITY: list[tuple[dict[str, Any], list[str]]] = [
    ({"podSecurityContext": {"runAsNonRoot": False}}, ["podSecurityContext.runAsNonRoot"]),
    ({"podSecurityContext": {"runAsUser": 0}}, ["podSecurityContext.runAsUser"]),
    ({"podSecurityContext": {"seccompProfile": UNCONFINED}}, ["podSecurityContext.seccompProfile"]),
    ({"podSecurityContext": {"appArmorProfile": UNCONFINED}}, ["podSecurityContext.appArmorProfile"]),
    ({"podSecurityContext": {"sysctls": [{"name": "a", "value": "1"}]}}, ["podSecurityContext.sysctls"]),
    ({"securityContext": {"runAsNonRoot": False}}, ["securityContext.runAsNonRoot"]),
    ({"securityContext": {"runAsUser": 0}}, ["securityContext.runAsUser"]),
    ({"securityContext": {"seccompProfile": UNCONFINED}}, ["securityContext.seccompProfile"]),
    ({"securityContext": {"procMount": "Unmasked"}}, ["securityContext.procMount"]),
    ({"securityContext": {"privileged": True}}, ["securityContext.privileged"]),
    ({"securityContext": {"allowPrivilegeEscalation": True}}, ["securityContext.allowPrivilegeEscalation"]),
    ({"securityContext": {"capabilities": None}}, ["securityContext.capabilities"]),
    ({"securityContext": {"capabilities": {"add": ["SYS_ADMIN"]}}}, ["securityContext.capabilities"]),
    ({"securityContext": {"readOnlyRootFilesystem": False}}, ["securityContext.readOnlyRootFilesystem"]),
    (
        {"securityContext": None},
        [f"securityContext.{key}" for key in ("allowPrivilegeEscalation", "capabilities", "readOnlyRootFilesystem")],
    ),
    (
        {"securityContext": {"runAsNonRoot": None}, "podSecurityContext": {"runAsNonRoot": None}},
        ["securityContext.runAsNonRoot"],
    ),
    (
        {"securityContext": {"seccompProfile": None}, "podSecurityContext": {"seccompProfile": None}},
        ["securityContext.seccompProfile"],
    ),
]


@pytest.mark.parametrize(("values", "keys"), SECURITY, ids=[f"{values}" for values, _ in SECURITY])
def test_what_pod_security_refuses_is_named_by_its_key(values: dict[str, Any], keys: list[str]) -> None:
    assert pod_faults(only(render(values), "Deployment")["spec"]["template"])
    said = notes(merged(QUIET, values)).partition("NOT SAFE AS IT IS")[2]
    assert re.findall(r"^- ([\w.]+):", said, re.MULTILINE) == keys


@pytest.mark.parametrize(
    "values",
    [
        {"podSecurityContext": None},
        {"securityContext": {"seccompProfile": None}},
        {"podSecurityContext": {"runAsNonRoot": None}},
        {"securityContext": {"runAsUser": 1000, "capabilities": {"add": ["NET_BIND_SERVICE"]}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("helm", HELMS.values(), ids=HELMS)
def test_what_the_other_level_says_is_enough(values: dict[str, Any], helm: str) -> None:
    assert pod_faults(only(render(values, helm=helm), "Deployment")["spec"]["template"]) == []
    assert "SAFE" not in notes(merged(QUIET, values))


def test_beside_an_application_the_pod_is_not_the_charts() -> None:
    said = notes(
        {"mode": "sidecar", "podSecurityContext": {"runAsNonRoot": False}, "securityContext": {"runAsUser": 0}}
    )
    assert "podSecurityContext" not in said
    assert "- securityContext.runAsUser: is 0" in said
