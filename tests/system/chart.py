"""The chart: what helm makes of it, as parsed objects; and the table of its values, which its README shows.

`python -m tests.system.chart` writes that table again from the comments in values.yaml.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from tests.system.kube_tools import HELM, HELM3
from tests.system.operator_objects import operator_faults

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm"
VALUES = CHART / "values.yaml"
README = CHART / "README.md"
CASES = sorted((CHART / "ci").glob("*-values.yaml"))
HELMS = {"helm 4": HELM, "helm 3": HELM3}
OLDEST, NEWEST = "1.29.0", "1.37.0"
OPERATOR = ("ServiceMonitor", "PodMonitor", "PrometheusRule")
"""Kinds of the Prometheus operator, which Kubernetes itself has no schema of."""

Document = dict[str, Any]


class Refused(Exception):
    """What helm said instead of rendering."""


def run_helm(*arguments: str | Path, helm: str = HELM, stdin: str | None = None) -> str:
    """Run helm and return what it says.

    Raises:
        Refused: its exit status is not 0.
    """
    command = [helm, *map(str, arguments)]
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def render(
    values: Mapping[str, Any] | None = None,
    *files: Path,
    helm: str = HELM,
    release: str = "bridge",
    options: Sequence[str] = (),
    chart: Path = CHART,
) -> list[Document]:
    """Return the objects of `helm template`: these values over those of the files over the defaults.

    Raises:
        Refused: the schema or the chart does not take the values.
    """
    named = [part for file in files for part in ("--values", str(file))]
    arguments = ("template", release, chart, "--namespace", "social", *named, "--values", "-", *options)
    text = run_helm(*arguments, helm=helm, stdin=json.dumps(values or {}))
    return [document for document in yaml.load_all(text, yaml.CSafeLoader) if document]


def notes(values: Mapping[str, Any] | None = None, *files: Path, helm: str = HELM) -> str:
    """Return what NOTES.txt says of these values."""
    named = [part for file in files for part in ("--values", str(file))]
    arguments = ("install", "bridge", CHART, "--namespace", "social", "--dry-run=client", "--hide-secret", *named)
    said = run_helm(*arguments, "--values", "-", helm=helm, stdin=json.dumps(values or {}))
    return said.partition("NOTES:\n")[2]


def only(documents: Sequence[Document], kind: str, ending: str = "") -> Document:
    """Return the one object of a kind; of several, the one whose name ends like this."""
    (found,) = [one for one in documents if one["kind"] == kind and one["metadata"]["name"].endswith(ending)]
    return found


def config_of(documents: Sequence[Document]) -> dict[str, Any]:
    """Return the configuration that the chart renders."""
    texts = [one["data"]["bridge.yaml"] for one in documents if "bridge.yaml" in (one.get("data") or {})]
    (text,) = texts
    return dict(yaml.safe_load(text))


def faults(document: Document, version: str) -> list[str]:
    """Return what Kubernetes would refuse; a kind that it does not know is a fault, too.

    Those of the Prometheus operator have rules of their own.
    """
    return _faults(json.dumps(document), version)


@cache
def _faults(text: str, version: str) -> list[str]:
    document = json.loads(text)
    if document["kind"] in OPERATOR:
        return operator_faults(document)
    try:
        kubernetes_validate.validate(document, version, strict=True)
    except kubernetes_validate.SchemaNotFoundError as error:
        return [f"{document['kind']}: no schema: {error}"]
    except kubernetes_validate.ValidationError as error:
        return [f"{document['kind']}: {error.path}: {error.message}"]
    return []


def merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Return values with others laid over them, as helm does it."""
    both = [key for key in values.keys() & over.keys() if isinstance(values[key], dict) and isinstance(over[key], dict)]
    return {**values, **over, **{key: merged(values[key], over[key]) for key in both}}


def pods(documents: Sequence[Document]) -> Iterator[tuple[str, Document]]:
    """Yield each pod or pod template, with the name of what it belongs to."""
    for one in documents:
        name = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            yield name, one
        elif one["kind"] == "CronJob":
            yield name, one["spec"]["jobTemplate"]["spec"]["template"]
        elif "template" in (one.get("spec") or {}):
            yield name, one["spec"]["template"]


def containers(pod: Document) -> list[Document]:
    """Return the containers of a pod, those that run before included."""
    return [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]


@dataclass(frozen=True, slots=True)
class Value:
    """A key of values.yaml, with the text that stands above it and what it is by default."""

    path: str
    text: str
    default: Any


def described() -> list[Value]:
    """Return every key of values.yaml that has a text; what is within it is told by the same.

    Raises:
        AssertionError: a key has no text, and neither has all that is within it.
    """
    source = VALUES.read_text()
    node = yaml.compose(source)
    assert isinstance(node, yaml.MappingNode)
    return list(_described(node, yaml.safe_load(source), source.splitlines(), ""))


def _described(node: yaml.MappingNode, tree: Mapping[str, Any], lines: list[str], above: str) -> Iterator[Value]:
    for key, value in node.value:
        path, default = f"{above}{key.value}", tree[key.value]
        before = lines[key.start_mark.line - 1].strip()
        if before.startswith("# -- "):
            yield Value(path, before.removeprefix("# -- "), default)
        else:
            assert isinstance(value, yaml.MappingNode), f"{path}: has no line `# -- ...` above it"
            assert value.value, f"{path}: has no line `# -- ...` above it"
            yield from _described(value, default, lines, f"{path}.")


def table() -> str:
    """Return the values as the README shows them."""
    rows = ["| Key | Default | What it is |", "| --- | --- | --- |"]
    for one in described():
        default = json.dumps(one.default).replace("|", "\\|")
        rows.append(f"| `{one.path}` | `{default}` | {one.text.replace('|', chr(92) + '|')} |")
    return "\n".join(rows)


def readme() -> str:
    """Return the README with the table as it should be."""
    begin, end = "<!-- begin: values -->", "<!-- end: values -->"
    pattern = re.compile(f"{re.escape(begin)}.*{re.escape(end)}", re.DOTALL)
    return pattern.sub(lambda _: f"{begin}\n{table()}\n{end}", README.read_text())


if __name__ == "__main__":
    README.write_text(readme())
