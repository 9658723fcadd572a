"""Rules with one thing changed: the cases of an alert show that each part of it is needed when every mutant fails one.

What is changed: `for` is gone or doubled, a side of `and`, `unless` or `or` is left out, and so is a matcher (but the
job), replicas are summed up in another way, and installations of one job are thrown together.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as promql

from tests.rules import alerts, groups

Tree = dict[str, Any]
Change = Callable[[promql.Expr], Iterator[tuple[str, promql.Expr]]]

OTHERWISE = {"sum": ("max",), "max": ("min", "sum"), "min": ("max",)}
"""An aggregation -> what it is changed into."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One changed rule.

    Args:
        said: what was changed.
        rules: the changed rule, or the alerts that read the changed record, with all records they read.
        alerts: the names of the alerts whose cases try it.
    """

    said: str
    rules: tuple[Tree, ...]
    alerts: tuple[str, ...]


def mutants() -> Iterator[Mutant]:
    """Yield every mutant of every rule."""
    for name, rule in alerts().items():
        for said, changed in _changed(rule):
            yield Mutant(f"{name}: {said}", (*_records_of(rule), changed), (name,))
    for record in _records().values():
        readers = [rule for rule in alerts().values() if record["record"] in rule["expr"]]
        others = [one for reader in readers for one in _records_of(reader) if one != record]
        for said, changed in _changed(record):
            read = {one["record"]: one for one in (*others, changed)}
            yield Mutant(
                f"{record['record']}: {said}", (*read.values(), *readers), tuple(one["alert"] for one in readers)
            )


def _records() -> Mapping[str, Tree]:
    return {rule["record"]: rule for group in groups() for rule in group["rules"] if "record" in rule}


def _records_of(rule: Tree) -> list[Tree]:
    return [record for name, record in _records().items() if name in rule["expr"]]


def _changed(rule: Tree) -> Iterator[tuple[str, Tree]]:
    if "for" in rule:
        yield "without its `for`", {name: value for name, value in rule.items() if name != "for"}
        yield "with twice its `for`", rule | {"for": re.sub(r"\d+", lambda found: str(2 * int(found[0])), rule["for"])}
    for said, expression in _expressions(rule["expr"]):
        yield said, rule | {"expr": expression}


def _expressions(expression: str) -> Iterator[tuple[str, str]]:
    """Yield an expression with one node changed, for each node and each change of it."""
    whole, found = promql.parse(expression), list[promql.Expr]()
    promql.walk(whole, found.append)
    for at, node in enumerate(found):
        for change in (_sides, _matchers, _aggregations):
            for said, instead in change(node):
                yield said, str(_replaced(whole, at, instead))


def _replaced(whole: promql.Expr, at: int, instead: promql.Expr) -> promql.Expr:
    seen = iter(range(-at, 10_000))
    return promql.transform(whole, lambda _: instead if next(seen) == 0 else None)


def _sides(node: promql.Expr) -> Iterator[tuple[str, promql.Expr]]:
    if isinstance(node, promql.BinaryExpr) and str(node.op) in ("and", "unless", "or"):
        yield f"without `{node.op}` {node.rhs}", node.lhs
        if str(node.op) == "or":
            yield f"without {node.lhs} `or`", node.rhs


def _matchers(node: promql.Expr) -> Iterator[tuple[str, promql.Expr]]:
    for matcher in node.matchers.matchers if isinstance(node, promql.VectorSelector) else ():
        if matcher.name != "job":
            left = re.sub(rf",?{re.escape(str(matcher))}", "", str(node))
            yield f"{node} without {matcher}", promql.parse(left)


def _aggregations(node: promql.Expr) -> Iterator[tuple[str, promql.Expr]]:
    if isinstance(node, promql.AggregateExpr):
        text = str(node)
        for other in OTHERWISE[str(node.op)]:
            yield f"{other} instead of {text}", promql.parse(re.sub(r"^\w+", other, text))
        yield f"without the namespace in {text}", promql.parse(text.replace("namespace, ", "", 1))
