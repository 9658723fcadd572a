"""The worked example of CONTRIBUTING.md is a source: it is taken out of the page as it stands, and made to work."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from bridge.core.model import RawRequest
from bridge.core.signing import Check, Unverified
from bridge.ports import Source
from bridge.sources import KINDS, Kind
from bridge.sources._kind import Hook

PAGE = Path(__file__).parent.parent / "CONTRIBUTING.md"


def shown() -> Mapping[str, str]:
    """The files of the example, by the names that the page gives them."""
    section = PAGE.read_text(encoding="utf-8").partition("\n## Adding a source\n")[2].partition("\n## ")[0]
    found = re.findall(r"^```(?:python|json)\n(.*?)^```$", section, re.MULTILINE | re.DOTALL)
    names = ("inkwell.py", "published.json", "index.json", "vectors.json")
    assert all(f"`{name}`" in section or f"/{name}`" in section for name in names)
    return dict(zip(names, found, strict=True))


FILES = shown()
[SAMPLE], [VECTOR] = json.loads(FILES["index.json"]), json.loads(FILES["vectors.json"])


@pytest.fixture
def kind(tmp_path: Path) -> Kind:
    """What the file declares, loaded as a module."""
    file = tmp_path / "inkwell.py"
    file.write_text(FILES["inkwell.py"], encoding="utf-8")
    spec = spec_from_file_location("inkwell", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.KIND


@pytest.fixture
def source(kind: Kind) -> Source:
    return Hook("cms", kind, kind.config_type(secret=(VECTOR["secret"],), **VECTOR["config"]))


def sent(headers: Mapping[str, str], **changes: Any) -> RawRequest:
    """The sample as Inkwell would send it."""
    pairs = [("content-type", SAMPLE["content_type"]), *((name.lower(), value) for name, value in headers.items())]
    at, url = datetime.fromtimestamp(VECTOR["at"], UTC), "https://bridge.example.com/hooks/cms"
    raw = RawRequest(SAMPLE["method"], "/hooks/cms", "", url, tuple(pairs), FILES["published.json"].encode(), at)
    return replace(raw, **changes)


def test_the_sample_is_verified_and_says_what_is_expected(source):
    [item] = source.read(source.verify(sent(VECTOR["headers"]))).items

    told = {name: getattr(item, name) for name in SAMPLE["expected"]}
    shown = {name: list(value) if isinstance(value, tuple) else value or None for name, value in told.items()}
    assert shown == SAMPLE["expected"]


@pytest.mark.parametrize(
    ("headers", "changes", "found"),
    [
        ({}, {}, Check.UNSIGNED),
        (VECTOR["headers"], {"body": b"{}"}, Check.FORGED),
        (
            VECTOR["headers"],
            {"received_at": datetime.fromtimestamp(VECTOR["at"], UTC) + timedelta(hours=1)},
            Check.STALE,
        ),
    ],
)
def test_what_it_did_not_sign_is_refused(source, headers, changes, found):
    with pytest.raises(Unverified) as caught:
        source.verify(sent(headers, **changes))

    assert caught.value.check is found


def test_the_example_is_declared_as_the_kinds_are(kind):
    assert kind.name == "inkwell"
    assert kind.name not in KINDS, "Inkwell is made up; call the example otherwise"
    assert kind.faults(kind.config_type(secret=("x",))) == []
    assert 20 <= len(FILES["inkwell.py"].splitlines()) <= 50
