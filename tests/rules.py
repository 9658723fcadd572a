"""The alerts that the chart ships, and the cases that each is tried with.

A case of tests/system/rules/*.yaml is a unit test of promtool without what the rule says already: `it` (what it shows),
`series` (without the job), `every` (how far samples and evaluations are apart, 1m), `at` (when it is looked), and
`fires`: for each alert that fires by then its own `labels`, and what its description `says`. Without it it is quiet.
Where `at` is a list it is quiet at each time but the last: so a case shows how long an alert is pending.

Each case is tried with two installations at once, which have the same job and the same troubles in two namespaces, and
must not be mixed up. A series that has a namespace of its own is there once.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parent.parent
FILES = ROOT / "helm" / "files"
RUNBOOKS = ROOT / "docs" / "runbooks"
CASES = sorted((Path(__file__).parent / "system" / "rules").glob("*.yaml"))
JOB = "bridge"
NAMESPACES = ("social", "staging")
"""Where the two installations of each case are; the chart is rendered for the first."""
THRESHOLD = re.compile(r"([0-9.]+) # threshold$", re.MULTILINE)

Tree = dict[str, Any]


@cache
def groups() -> list[Tree]:
    """Return the groups of helm/files/rules.yaml."""
    return list(yaml.safe_load((FILES / "rules.yaml").read_text(encoding="utf-8"))["groups"])


def alerts(of: list[Tree] | None = None) -> dict[str, Tree]:
    """Return every alert of some groups, or of the file, by its name."""
    return {rule["alert"]: rule for group in of or groups() for rule in group["rules"] if "alert" in rule}


@cache
def cases() -> dict[str, list[Tree]]:
    """Return the cases of each alert.

    Raises:
        AssertionError: two files have cases of the same alert.
    """
    found: dict[str, list[Tree]] = {}
    for path in CASES:
        tree = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert not found.keys() & tree.keys()
        found |= tree
    return found


def looks(case: Tree) -> list[str]:
    """Return when it is looked whether the alert of a case fires."""
    return [case["at"]] if isinstance(case["at"], str) else list(case["at"])


def unit_tests(rules: Mapping[str, Tree], *, job: str = JOB, release: str | None = None) -> Iterator[Tree]:
    """Yield the cases of these alerts as promtool has them.

    Args:
        release: the namespace for which the chart made the rules; None for the file, which knows of none.
    """
    for name, tried in cases().items():
        for case in tried if name in rules else ():
            *pending, last = looks(case)
            # With no series at all nothing but the rule itself can name a namespace.
            where = NAMESPACES if case["series"] else (release,)
            fired = [_expected(rules[name], one, job, at) for one in case.get("fires", ()) for at in where]
            yield {
                "name": f"{name} {case['it']}",
                "interval": case.get("every", "1m"),
                "input_series": list(_series(case, job)),
                "alert_rule_test": [
                    *({"eval_time": time, "alertname": name, "exp_alerts": []} for time in pending),
                    {"eval_time": last, "alertname": name, "exp_alerts": fired},
                ],
            }


def _series(case: Tree, job: str) -> Iterator[Tree]:
    for series, values in case["series"].items():
        for namespace in NAMESPACES if "namespace=" not in series else ("",):
            labels = f'job="{job}",' + (f'namespace="{namespace}",' if namespace else "")
            yield {"series": series.replace("{", f"{{{labels}", 1), "values": values}


def _expected(rule: Tree, fired: Tree, job: str, namespace: str | None) -> Tree:
    says = fired["says"].replace(f"the job {JOB}", f"the job {job}")
    labels = {"job": job, **rule["labels"], **fired.get("labels", {})} | ({"namespace": namespace} if namespace else {})
    return {"exp_labels": labels, "exp_annotations": {**rule["annotations"], "description": says}}
