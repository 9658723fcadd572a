"""No secret comes into the ConfigMap: the chart refuses whatever bridge's own settings take for one."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from bridge.app import KINDS
from bridge.core.database_urls import SECRETS
from bridge.settings._build import options
from bridge.settings._endpoints import _SECRET_HEADER
from bridge.settings._types import NAMED, SECTIONS, Token
from tests.system.chart import CHART, HELMS, Refused, config_of, render

HIDDEN = "hidden-0123456789abcdef"
REFERENCE = {"file": "/etc/bridge/secrets/key"}


def fields(kind: type) -> list[str]:
    """Return the fields of a type that are secrets; the chart looks no deeper than bridge has any."""
    known = options(kind)
    assert not [name for name, one in known.items() if one.nested and fields(one.nested)]
    return [name for name, one in known.items() if one.secret]


def places() -> Iterator[tuple[str, Any]]:
    """Yield the path of each secret of the configuration, and what makes a tree with it out of its value."""
    yield from ((f"tokens[0].{key}", lambda value, key=key: {"tokens": [{key: value}]}) for key in fields(Token))
    for section, kind in SECTIONS.items():
        yield from (
            (f"{section}.{key}", lambda value, section=section, key=key: {section: {key: value}})
            for key in fields(kind)
        )
    types = {"partners": KINDS.partners.values(), "sources": KINDS.sources.values(), "endpoints": [NAMED["endpoints"]]}
    for section, kinds in types.items():
        yield from (
            (f"{section}.a.{key}", lambda value, section=section, key=key: {section: {"a": {key: value}}})
            for key in sorted({key for kind in kinds for key in fields(kind)})
        )
    for section in ("endpoints.a", "tracing"):
        yield f"{section}.headers.X-Api-Key", lambda value, section=section: headers(section, value)


def headers(section: str, value: Any) -> dict[str, Any]:
    entry = {"headers": {"X-Api-Key": value, "X-Plain": "text"}}
    return {"endpoints": {"a": entry}} if section.startswith("endpoints") else {section: entry}


PLACES = list(places())


def refusal(config: dict[str, Any], **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        render({"config": config, **more})
    said = " ".join(str(refused.value).split())
    assert "ConfigMap" in said
    assert HIDDEN not in said
    return said


@pytest.mark.parametrize(("path", "tree"), PLACES, ids=[path for path, _ in PLACES])
def test_a_secret_that_stands_in_the_configuration_is_refused(path: str, tree: Any) -> None:
    said = refusal(tree(HIDDEN))
    assert f"config.{path} is a secret" in said
    assert "existingSecret" in said
    assert f"config.{path} is a secret" in refusal(tree([REFERENCE, HIDDEN]), mode="sidecar")
    assert config_of(render({"config": tree([REFERENCE, {"env": "KEY"}])}))


def test_all_places_are_known() -> None:
    names = {path for path, _ in PLACES}
    assert {"server.secret_key", "tokens[0].token", "partners.a.token", "sources.a.app_token"} <= names


@pytest.mark.parametrize("helm", HELMS.values(), ids=HELMS)
def test_both_helms_refuse_it(helm: str) -> None:
    with pytest.raises(Refused, match="is a secret"):
        render({"config": {"partners": {"genviral": {"token": HIDDEN}}}}, helm=helm)


@pytest.mark.parametrize("mode", ["standalone", "sidecar"])
@pytest.mark.parametrize(
    "address",
    [
        f"postgresql://bridge:{HIDDEN}@db/bridge",
        f"postgres://:{HIDDEN}@db:5432/bridge",
        f"postgresql+psycopg://bridge:a/{HIDDEN}?@db/bridge",
        f"mysql://bridge:{HIDDEN}@db/bridge",
        *(f"postgresql://db/bridge?sslmode=require&{name}={HIDDEN}" for name in SECRETS),
    ],
)
def test_a_password_in_the_address_of_the_database_is_refused(address: str, mode: str) -> None:
    said = refusal({"database": {"url": address}}, mode=mode)
    assert "config.database.url has a password" in said
    assert "postgresql.existingSecret" in said


@pytest.mark.parametrize(
    "address", ["postgresql://bridge@db:5432/bridge", "postgresql://db/b?sslmode=require", REFERENCE]
)
def test_an_address_without_a_password_may_stand_there(address: Any) -> None:
    assert config_of(render({"config": {"database": {"url": address}}}))["database"]["url"] == address


def test_headers_are_secrets_by_the_names_that_bridge_knows() -> None:
    [pattern] = re.findall(r'regexMatch "(.*?)" \$name', (CHART / "templates" / "_secrets.tpl").read_text())
    assert pattern == f"(?i){_SECRET_HEADER.pattern}"
    assert _SECRET_HEADER.flags & re.IGNORECASE
