"""The dashboard: it is the one that its panels make, reads what there is, and reads it in the right way."""

import json
import re
from collections.abc import Iterator

import promql_parser as promql
import pytest

from bridge.metrics import CONFIGURED, METRICS
from tests.dashboard.model import FILE, WIDTH, dashboard

SHOWN = json.loads(FILE.read_text())
PANELS = [panel for panel in SHOWN["panels"] if panel["type"] != "row"]
QUERIES = {f"{panel['title']} {one['refId']}": one["expr"] for panel in PANELS for one in panel["targets"]}
VARIABLES = {"namespace": "social", "job": "bridge", "partner": ".*", "__rate_interval": "5m", "__range": "1h"}
SUFFIXES = {"histogram": ("_bucket", "_sum", "_count"), "counter": ("",), "gauge": ("",)}
NAMES = {f"bridge_{one.name}{suffix}": one for one in METRICS for suffix in SUFFIXES[one.kind]}
OF_THE_PROCESS = {
    "up",
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
}
OF_A_SCRAPE = {"namespace", "job", "instance"}
ALIKE = {f"bridge_{one.name}" for one in METRICS if "Every replica shows the same number" in one.help}


def filled(query: str) -> str:
    """A query as Grafana sends it when everything is chosen."""
    return re.sub(r"\$(\w+)", lambda found: VARIABLES[found[1]], query)


def inside(node: promql.Expr) -> list[promql.Expr]:
    """What an expression is made of."""
    match node:
        case promql.AggregateExpr():
            return [node.expr, *([node.param] if node.param else [])]
        case promql.BinaryExpr():
            return [node.lhs, node.rhs]
        case promql.Call():
            return list(node.args)
        case promql.MatrixSelector():
            return [node.vector_selector]
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return [node.expr]
    return []


def walk(
    node: promql.Expr, above: tuple[promql.Expr, ...] = ()
) -> Iterator[tuple[promql.Expr, tuple[promql.Expr, ...]]]:
    """Every part of an expression, with what it is within, nearest first."""
    yield node, above
    for part in inside(node):
        yield from walk(part, (node, *above))


def selectors(query: str) -> Iterator[tuple[promql.VectorSelector, tuple[promql.Expr, ...]]]:
    for node, above in walk(promql.parse(filled(query))):
        if isinstance(node, promql.VectorSelector):
            yield node, above


def labels_of(name: str) -> dict[str, tuple[str, ...] | None]:
    """The labels of a metric with their values; None where the configuration gives them."""
    if name in OF_THE_PROCESS:
        return {}
    metric = NAMES[name]
    sets = metric.sets(dict.fromkeys(CONFIGURED, ()))
    given = {label for label in metric.labels if isinstance(label, str)}
    return {label: None if label in given else values for label, values in sets.items()}


def test_the_file_is_the_one_that_the_panels_make():
    assert dashboard() == SHOWN, "write it again: python -m tests.dashboard.model"


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_reads_what_there_is(query):
    for selector, _ in selectors(query):
        known = labels_of(selector.name)
        asked = {matcher.name: matcher.value for matcher in selector.matchers.matchers}
        assert asked.keys() >= {"namespace", "job"}
        for name, value in asked.items():
            assert name in known or name in OF_A_SCRAPE, f"{selector.name} has no label {name}"
            values = known.get(name)
            for word in value.split("|") if values is not None else ():
                assert any(re.fullmatch(word, one) for one in values), f"{selector.name} has no {name} {word}"


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_groups_by_labels_that_there_are(query):
    for node, _ in walk(promql.parse(filled(query))):
        if isinstance(node, promql.AggregateExpr) and node.modifier is not None:
            within = [part.name for part, _ in walk(node) if isinstance(part, promql.VectorSelector)]
            known = OF_A_SCRAPE.union({"le"}, *(labels_of(name) for name in within))
            assert set(node.modifier.labels) <= known


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_what_every_replica_shows_alike_is_never_added_up_over_replicas(query):
    for selector, above in selectors(query):
        if selector.name in ALIKE or selector.name.startswith("bridge_queue_"):
            nearest = next(part for part in above if isinstance(part, promql.AggregateExpr))
            assert str(nearest.op) in ("max", "min"), query


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_counter_is_only_read_as_a_rate(query):
    for selector, above in selectors(query):
        if selector.name.endswith(("_total", "_bucket")):
            call = above[1]
            assert isinstance(above[0], promql.MatrixSelector)
            assert isinstance(call, promql.Call)
            assert call.func.name in ("rate", "increase")


@pytest.mark.parametrize("panel", PANELS, ids=[panel["title"] for panel in PANELS])
def test_a_panel_says_what_it_shows(panel):
    assert panel["description"].endswith(".")
    assert panel["datasource"]["uid"] == "${datasource}"
    defaults = panel["fieldConfig"]["defaults"]
    assert defaults["unit"]
    assert defaults["thresholds"]["steps"][0]["value"] is None


@pytest.mark.parametrize("target", [one for panel in PANELS for one in panel["targets"]], ids=QUERIES)
def test_a_legend_names_what_its_lines_are_parted_by(target):
    whole = promql.parse(filled(target["expr"]))
    parted = set(whole.modifier.labels) if isinstance(whole, promql.AggregateExpr) and whole.modifier else set()
    named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
    assert parted <= named
    assert named <= OF_A_SCRAPE.union({"version"}, *(labels_of(one.name) for one, _ in selectors(target["expr"])))


def test_panels_neither_overlap_nor_leave_the_grid():
    taken = {}
    for panel in SHOWN["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            assert 0 <= x < WIDTH
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_titles_and_ids_are_unique():
    for field in ("title", "id"):
        found = [panel[field] for panel in SHOWN["panels"]]
        assert len(set(found)) == len(found)


def test_the_arrows_stand_from_left_to_right():
    columns = {}
    for panel in PANELS:
        arrow = panel["title"].partition(":")[0]
        if arrow in ("In", "Watch", "Out"):
            columns.setdefault(panel["gridPos"]["x"], set()).add(arrow)
    assert columns == {0: {"In"}, 8: {"Watch"}, 16: {"Out"}}


def test_the_variables_are_those_that_queries_use():
    used = {name for query in QUERIES.values() for name in re.findall(r"\$(\w+)", query)}
    made = {one["name"] for one in SHOWN["templating"]["list"]}
    assert used - {"__rate_interval", "__range"} == made - {"datasource"}


def test_one_installation_is_shown_at_a_time():
    """What two of them show would be added up, or the worse would hide the other."""
    several = {one["name"] for one in SHOWN["templating"]["list"] if one.get("multi") or one.get("includeAll")}
    assert several == {"partner"}
    for query in QUERIES.values():
        for selector, _ in selectors(query):
            assert {str(one) for one in selector.matchers.matchers} >= {'namespace="social"', 'job="bridge"'}


def test_every_gauge_is_shown():
    read = {selector.name for query in QUERIES.values() for selector, _ in selectors(query)}
    missing = {f"bridge_{one.name}" for one in METRICS if one.kind == "gauge"} - read
    assert missing <= {"bridge_socket_connected", "bridge_config_last_reload_success_timestamp_seconds"}
