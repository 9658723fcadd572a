"""The alerts speak of metrics, labels, people and pages that there are, and each is tried. What they do: tests/system.

`python -m tests.test_rules` writes the table of alerts in docs/runbooks/README.md again.
"""

import json
import re
from argparse import _SubParsersAction
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache

import promql_parser
import pytest
import yaml
from prometheus_client import CollectorRegistry

from bridge.app import KINDS
from bridge.app._bridge import JOBS
from bridge.cli import _parser
from bridge.core.events import EVENT_TYPES
from bridge.metrics import CONFIGURED, METRICS, Metrics
from bridge.settings import json_schema
from bridge.web import ROUTES
from tests.rules import FILES, ROOT, RUNBOOKS, THRESHOLD, alerts, cases, groups, looks
from tests.test_docs import blocks, code_of, log_events, spans, text_of

PAGES = sorted(RUNBOOKS.glob("Bridge*.md"))
KNOWN = {f"bridge_{metric.name}": metric for metric in METRICS}
SCRAPED = {"job", "instance", "namespace", "pod", "container", "service", "endpoint", "node"}
"""Labels that a scrape gives, by itself or by the Prometheus operator."""
BESIDES = {"up", "process_open_fds", "process_max_fds", "process_start_time_seconds"}
PAGING = {
    "BridgeAbsent", "BridgeIntakeFailing", "BridgeStorageErrors", "BridgeDiskFull", "BridgePollerStalled",
    "BridgeBacklogTooOld",
}  # fmt: skip
RECORDED = {rule["record"]: rule["expr"] for group in groups() for rule in group["rules"] if "record" in rule}
EXPRESSIONS = {name: rule["expr"] for name, rule in alerts().items()} | RECORDED


def nodes(expression: str) -> Iterator[object]:
    """Yield every part of an expression.

    Raises:
        ValueError: it is not PromQL.
    """
    found: list[object] = []
    promql_parser.walk(promql_parser.parse(expression), found.append)
    yield from found


def selectors(expression: str) -> Iterator[promql_parser.VectorSelector]:
    for node in nodes(expression):
        if isinstance(node, promql_parser.MatrixSelector):
            yield node.vector_selector
        elif isinstance(node, promql_parser.VectorSelector):
            yield node


def wrong(selector: promql_parser.VectorSelector) -> str:
    """Say what a selector names that no metric has; empty when there is nothing."""
    metric = KNOWN.get(selector.name) or KNOWN.get(re.sub(r"_(bucket|count|sum)$", "", selector.name))
    if metric is None:
        return "" if selector.name in BESIDES | RECORDED.keys() else f"no metric {selector.name}"
    sets = metric.sets(_ANY | {"task": JOBS})
    for matcher in selector.matchers.matchers:
        if matcher.name in ("job", "le"):
            continue
        if matcher.name not in sets:
            return f"{selector.name} has no label {matcher.name}"
        unknown = set(matcher.value.split("|")) - set(sets[matcher.name])
        if sets[matcher.name] and unknown:
            return f"{selector.name} has no {matcher.name}={unknown}"
    return ""


_ANY: dict[str, tuple[str, ...]] = dict.fromkeys(CONFIGURED, ())
"""Labels that take their values from elsewhere, with no values: any will do."""


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_a_rule_selects_metrics_and_labels_that_exist_and_the_job(name):
    found = list(selectors(EXPRESSIONS[name]))
    assert found
    assert [fault for fault in map(wrong, found) if fault] == []
    for selector in found:
        assert {"job": "bridge"}.items() <= {one.name: one.value for one in selector.matchers.matchers}.items()


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_what_every_replica_shows_is_never_added_up(name):
    for node in nodes(EXPRESSIONS[name]):
        if isinstance(node, promql_parser.AggregateExpr) and str(node.op) == "sum":
            inner = node.expr
            assert not isinstance(inner, promql_parser.VectorSelector) or KNOWN[inner.name].kind != "gauge"


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_name_says_its_level_its_metric_and_its_operation(name):
    level, metric, operation = name.split(":")
    assert level.startswith("namespace_job")
    assert metric.startswith("bridge_")
    assert not metric.endswith("_total")
    assert re.fullmatch(r"(ratio_rate|increase)\w+|max", operation)


def test_no_label_of_ours_is_one_that_a_scrape_gives_but_for_the_one_that_the_monitors_drop():
    ours = {item if isinstance(item, str) else item[0] for metric in METRICS for item in metric.labels}
    assert ours & SCRAPED == {"endpoint"}
    assert "{action: labeldrop, regex: endpoint}" in text_of(ROOT / "helm" / "templates" / "_monitors.tpl")


@pytest.mark.parametrize("name", alerts())
def test_an_alert_says_how_bad_it_is_for_whom_and_what_to_do(name):
    rule, notes = alerts()[name], alerts()[name]["annotations"]
    assert re.fullmatch(r"Bridge([A-Z][a-z]+)+", name)
    assert set(rule["labels"]) == {"severity", "audience"}
    assert rule["labels"]["audience"] in ("platform", "marketing")
    assert rule["labels"]["severity"] in (("critical",) if name in PAGING else ("warning", "info"))
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert re.fullmatch(r"\w[^{}]+\.", notes["summary"])
    assert notes["description"].endswith(".")
    assert notes["runbook_url"] == f"docs/runbooks/{name}.md"
    assert re.fullmatch(r"\d+[mh]", rule.get("for", "0m"))


@pytest.mark.parametrize("name", alerts())
def test_an_alert_has_one_threshold_at_most_and_it_is_marked(name):
    assert len(set(THRESHOLD.findall(alerts()[name]["expr"]))) <= 1
    assert alerts()[name]["expr"].count("#") == len(THRESHOLD.findall(alerts()[name]["expr"]))


@pytest.mark.parametrize("name", alerts())
def test_an_alert_is_tried_both_ways(name):
    tried = cases()[name]
    fired = [one for case in tried for one in case.get("fires", ())]
    assert fired
    assert any("fires" not in case for case in tried)
    assert not [one for one in fired if "<no value>" in one["says"] or "{{" in one["says"]]


@pytest.mark.parametrize("name", [name for name, rule in alerts().items() if "for" in rule])
def test_an_alert_that_waits_is_looked_at_while_it_does(name):
    assert any(len(looks(case)) > 1 for case in cases()[name] if "fires" in case)


def test_nothing_is_tried_that_is_not_there():
    assert cases().keys() == alerts().keys()


def test_the_values_of_the_chart_know_exactly_the_alerts():
    schema = json.loads(text_of(ROOT / "helm" / "values.schema.json"))
    rules = schema["properties"]["prometheusRule"]["properties"]["rules"]
    assert rules["propertyNames"]["enum"] == sorted(alerts())


def test_the_example_for_alertmanager_names_alerts_and_labels_that_exist():
    tree = yaml.safe_load(text_of(FILES / "alertmanager.example.yaml"))
    words = [word for rule in tree["inhibit_rules"] for side in rule.values() for word in side]
    named = {name for word in words for name in re.findall(r"Bridge\w+", word)}
    labels = {name for metric in METRICS for name in metric.sets(_ANY)}
    assert named
    assert named <= alerts().keys()
    assert {word for rule in tree["inhibit_rules"] for word in rule["equal"]} <= labels | {"namespace", "job"}


def test_every_series_that_an_alert_reads_is_there_from_the_start():
    """So what is not there is a fault, and increase() sees the first failure."""
    metrics = Metrics(
        CollectorRegistry(),
        started=datetime(2026, 1, 1, tzinfo=UTC),
        partners=("main",),
        endpoints=("ops",),
        sockets=("team",),
        routes=ROUTES,
        jobs=JOBS,
    )
    shown = metrics.render().decode()
    used = {one.name for expression in EXPRESSIONS.values() for one in selectors(expression)}
    missing = [name for name in used - RECORDED.keys() - {"up"} if not re.search(rf"^{name}[{{ ]", shown, re.MULTILINE)]
    assert missing == []


# --- Runbooks --------------------------------------------------------------------------------------------------------


def test_there_is_a_runbook_for_each_alert_and_no_other():
    assert [path.stem for path in PAGES] == sorted(alerts())


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_runbook_has_its_parts_and_is_short(path):
    text = text_of(path)
    assert text.startswith(f"# {path.stem}\n")
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Meaning", "Impact", "Diagnosis", "Mitigation"]
    assert all(part.strip() for part in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:])
    assert len(text.splitlines()) <= 60


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_queries_of_a_runbook_select_what_exists(path):
    queries = [line for block in blocks(text_of(path), "promql") for line in block.splitlines()]
    assert [fault for query in queries for one in selectors(query) if (fault := wrong(one))] == []
    metrics = re.findall(r"\bbridge_\w+", code_of(text_of(path)))
    assert {re.sub(r"_(bucket|count|sum)$", "", name) for name in metrics} <= KNOWN.keys() | RECORDED.keys()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_queries_of_a_runbook_do_not_mix_installations(path):
    queries = [line for block in blocks(text_of(path), "promql") for line in block.splitlines()]
    for node in (node for query in queries for node in nodes(query)):
        if isinstance(node, promql_parser.AggregateExpr):
            assert {"namespace", "job"} <= set(node.modifier.labels)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_what_is_asked_of_the_service_is_asked_in_its_container_too(path):
    lines = [line for block in blocks(text_of(path), "sh") for line in block.splitlines()]
    for line in lines:
        if line.startswith("bridge health"):
            assert f"kubectl exec deploy/bridge -- {line}" in lines


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_runbook_names_only_settings_events_and_routes_that_exist(path):
    text, served = text_of(path), {f"{method} {re.sub('{.*?}', 'X', path)}" for path, method in ROUTES}
    greps = re.findall(r"grep (?:-e )?([a-z]+\.[a-z_]+)|-e ([a-z]+\.[a-z_]+)", text)
    verbs = re.findall(r"(?:^|-- )bridge ([a-z]+)", code_of(text), re.MULTILINE)
    words = [span for span in spans(text) if re.fullmatch(r"[a-z]+\.[a-z_.]+", span)]
    assert {word for found in greps for word in found if word} <= named()
    assert set(words) <= named()
    assert set(verbs) <= VERBS
    for span in spans(text):
        if match := re.fullmatch(r"(GET|POST|DELETE|PATCH) (/\S+)", span):
            assert f"{match[1]} {re.sub('/(ID|NAME)', '/X', match[2])}" in served


VERBS = {verb for action in _parser()._actions if isinstance(action, _SubParsersAction) for verb in action.choices}


@cache
def named() -> frozenset[str]:
    """Return what a word with a dot may be: a log event, a type of outbound event, a setting of a section."""
    sections = json_schema(KINDS)["properties"].items()
    settings = {f"{section}.{name}" for section, schema in sections for name in schema.get("properties", ())}
    return frozenset({*log_events(), *settings, *EVENT_TYPES})


INDEX = RUNBOOKS / "README.md"
_TABLE = re.compile(r"(<!-- begin: alerts -->\n).*(<!-- end: alerts -->)", re.DOTALL)


def index() -> str:
    """Return the index with the alerts as they are."""
    head = "| Alert | Severity | Audience | Threshold | For | Summary |\n| --- | --- | --- | --- | --- | --- |\n"
    return _TABLE.sub(lambda match: f"{match[1]}{head}{''.join(map(_row, alerts()))}{match[2]}", text_of(INDEX))


def _row(name: str) -> str:
    rule = alerts()[name]
    threshold = next(iter(THRESHOLD.findall(rule["expr"])), "")
    labels, summary = rule["labels"], rule["annotations"]["summary"]
    cells = (f"[{name}]({name}.md)", labels["severity"], labels["audience"], threshold, rule.get("for", ""), summary)
    return f"| {' | '.join(cells)} |\n"


def test_the_index_of_the_runbooks_lists_the_alerts_as_they_are():
    assert text_of(INDEX) == index(), "write it again: python -m tests.test_rules"


if __name__ == "__main__":
    INDEX.write_text(index(), encoding="utf-8")
