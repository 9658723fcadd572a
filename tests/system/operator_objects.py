"""What the Prometheus operator takes: the fields of its objects that a chart may set, each with what may stand there.

Written from the definitions of the operator 0.93 (https://github.com/prometheus-operator/prometheus-operator, folder
example/prometheus-operator-crd, read 2026-11). Authentication, TLS and proxies of scrapes are left out: nothing here
sets them, and a field that is not listed is a fault.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
Check = Callable[[Any, Path], Iterator[str]]


def _fault(path: Path, problem: str) -> str:
    return f"{'.'.join(map(str, path))}: {problem}"


def text(pattern: str = "", *, empty: bool = True) -> Check:
    """A string that fits a pattern as a whole."""

    def check(value: Any, path: Path) -> Iterator[str]:
        if not isinstance(value, str):
            yield _fault(path, f"must be text, not {value!r}")
        elif (pattern and not re.fullmatch(pattern, value)) or not (value or empty):
            yield _fault(path, f"cannot be {value!r}")

    return check


def word(*words: str) -> Check:
    """One of these words."""
    return text("|".join(map(re.escape, words)))


def number(least: int = 0) -> Check:
    """A whole number."""

    def check(value: Any, path: Path) -> Iterator[str]:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            yield _fault(path, f"must be a whole number from {least} on, not {value!r}")

    return check


def flag(value: Any, path: Path) -> Iterator[str]:
    """True or false."""
    if not isinstance(value, bool):
        yield _fault(path, f"must be true or false, not {value!r}")


def number_or_text(value: Any, path: Path) -> Iterator[str]:
    """A whole number or text: an expression, a port."""
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        yield _fault(path, f"must be text or a whole number, not {value!r}")


def listed(item: Check, *, least: int = 0) -> Check:
    """A list of items of one kind."""

    def check(value: Any, path: Path) -> Iterator[str]:
        if not isinstance(value, list) or len(value) < least:
            yield _fault(path, f"must be a list of {least} or more, not {value!r}")
            return
        for place, one in enumerate(value):
            yield from item(one, (*path, place))

    return check


def named(item: Check, key: str = ".+") -> Check:
    """A mapping from names to items of one kind."""

    def check(value: Any, path: Path) -> Iterator[str]:
        if not isinstance(value, dict):
            yield _fault(path, f"must be a mapping, not {value!r}")
            return
        for name, one in value.items():
            if not isinstance(name, str) or not re.fullmatch(key, name):
                yield _fault((*path, name), "is no name")
            yield from item(one, (*path, name))

    return check


@dataclass(frozen=True, slots=True)
class Fields:
    """A mapping with these fields and no others."""

    fields: Mapping[str, Check]
    required: tuple[str, ...] = ()

    def __call__(self, value: Any, path: Path) -> Iterator[str]:
        """Yield what is wrong with a value."""
        if not isinstance(value, dict):
            yield _fault(path, f"must be a mapping, not {value!r}")
            return
        for name in self.required:
            if name not in value:
                yield _fault((*path, name), "is missing")
        for name, one in value.items():
            if name in self.fields:
                yield from self.fields[name](one, (*path, name))
            else:
                yield _fault((*path, name), "is no field that the operator knows")


_UNITS = "".join(f"([0-9]+{unit})?" for unit in ("y", "w", "d", "h", "m", "s", "ms"))
_DURATION = text(f"0|{_UNITS}", empty=False)
_LABEL_NAME = "[a-zA-Z_][a-zA-Z0-9_]*"
_SIZE = text(r"0|([0-9]*[.])?[0-9]+((K|M|G|T|E|P)i?)?B")

_ACTIONS = (
    "replace", "keep", "drop", "hashmod", "labelmap", "labeldrop", "labelkeep", "lowercase", "uppercase", "keepequal",
    "dropequal",
)  # fmt: skip
_RELABELING = Fields(
    {
        "action": word(*_ACTIONS),
        "modulus": number(),
        "regex": text(),
        "replacement": text(),
        "separator": text(),
        "sourceLabels": listed(text(_LABEL_NAME)),
        "targetLabel": text(),
    }
)
_SCRAPE = {
    "enableHttp2": flag,
    "filterRunning": flag,
    "followRedirects": flag,
    "honorLabels": flag,
    "honorTimestamps": flag,
    "interval": _DURATION,
    "metricRelabelings": listed(_RELABELING),
    "params": named(listed(text())),
    "path": text("/.*"),
    "port": text(empty=False),
    "relabelings": listed(_RELABELING),
    "scheme": word("http", "https"),
    "scrapeTimeout": _DURATION,
    "targetPort": number_or_text,
    "trackTimestampsStaleness": flag,
}
_EXPRESSION = Fields({"key": text(), "operator": text(), "values": listed(text())}, ("key", "operator"))
_SELECTOR = Fields({"matchExpressions": listed(_EXPRESSION), "matchLabels": named(text())})
_MONITOR = {
    "attachMetadata": Fields({"node": flag}),
    "bodySizeLimit": _SIZE,
    "convertClassicHistogramsToNHCB": flag,
    "jobLabel": text(),
    "keepDroppedTargets": number(),
    "labelLimit": number(),
    "labelNameLengthLimit": number(),
    "labelValueLengthLimit": number(),
    "namespaceSelector": Fields({"any": flag, "matchNames": listed(text(empty=False))}),
    "podTargetLabels": listed(text()),
    "sampleLimit": number(),
    "scrapeClass": text(empty=False),
    "scrapeClassicHistograms": flag,
    "scrapeNativeHistograms": flag,
    "selector": _SELECTOR,
    "targetLimit": number(),
}
_RULE = Fields(
    {
        "alert": text(empty=False),
        "annotations": named(text(), _LABEL_NAME),
        "expr": number_or_text,
        "for": _DURATION,
        "keep_firing_for": _DURATION,
        "labels": named(text(), _LABEL_NAME),
        "record": text("[a-zA-Z_:][a-zA-Z0-9_:]*"),
    },
    ("expr",),
)
_GROUP = Fields(
    {
        "interval": _DURATION,
        "labels": named(text(), _LABEL_NAME),
        "limit": number(),
        "name": text(empty=False),
        "partial_response_strategy": text("(?i:abort|warn)?"),
        "query_offset": _DURATION,
        "rules": listed(_RULE),
    },
    ("name",),
)
_SPECS: Mapping[str, Fields] = {
    "ServiceMonitor": Fields(
        _MONITOR | {"endpoints": listed(Fields(_SCRAPE), least=1), "targetLabels": listed(text())},
        ("endpoints", "selector"),
    ),
    "PodMonitor": Fields(
        _MONITOR | {"podMetricsEndpoints": listed(Fields(_SCRAPE | {"portNumber": number(1)}), least=1)},
        ("podMetricsEndpoints", "selector"),
    ),
    "PrometheusRule": Fields({"groups": listed(_GROUP)}),
}
_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_LABEL_VALUE = r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?"
_METADATA = Fields(
    {
        "name": text(_NAME),
        "namespace": text(_NAME),
        "labels": named(text(_LABEL_VALUE)),
        "annotations": named(text()),
    },
    ("name",),
)


def operator_faults(document: Mapping[str, Any]) -> list[str]:
    """Return what the operator would refuse, or overlook, in one of its objects.

    Raises:
        KeyError: it is no kind of the operator that is known here.
    """
    whole = Fields(
        {
            "apiVersion": word("monitoring.coreos.com/v1"),
            "kind": text(),
            "metadata": _METADATA,
            "spec": _SPECS[document["kind"]],
        },
        ("apiVersion", "kind", "metadata", "spec"),
    )
    return [*whole(document, ()), *_doubles(document)]


def _doubles(document: Mapping[str, Any]) -> Iterator[str]:
    """Two groups of one name, and a rule that is an alert and a record, or neither, are refused by Prometheus only."""
    groups = document["spec"].get("groups", ()) if document["kind"] == "PrometheusRule" else ()
    names = [group.get("name") for group in groups]
    for place, group in enumerate(groups):
        if names.index(names[place]) != place:
            yield _fault(("spec", "groups", place, "name"), f"{names[place]!r} is that of another group")
        for number_, rule in enumerate(group.get("rules", ())):
            if ("alert" in rule) == ("record" in rule):
                yield _fault(("spec", "groups", place, "rules", number_), "must be either an alert or a record")
