"""The dashboard as Grafana reads it. `python -m tests.dashboard.model` writes helm/files/dashboard.json.

It is the "classic" model, which Grafana's sidecar takes from files:
https://grafana.com/docs/grafana/latest/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
(read 2026-11).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.dashboard import arrows, behind
from tests.dashboard.panel import Panel
from tests.dashboard.queries import OURS

FILE = Path(__file__).parents[2] / "helm" / "files" / "dashboard.json"
WIDTH = 24
"""How many columns Grafana has."""

ROWS: Mapping[str, Sequence[Panel]] = {
    "Now": arrows.NOW,
    "In from senders - watch at partners - out to endpoints": arrows.ARROWS,
    "Senders and endpoints": arrows.MORE,
    "What waits": behind.WAITS,
    "Posts": behind.POSTS,
    "Accounts": behind.ACCOUNTS,
    "Partners": behind.PARTNERS,
    "The service itself": behind.SERVICE,
}
"""The rows from top to bottom."""

_HEIGHTS = {"stat": 4, "timeseries": 8, "bargauge": 8}
_SOURCE = {"type": "prometheus", "uid": "${datasource}"}


def dashboard() -> dict[str, Any]:
    """Return the whole dashboard."""
    return {
        "title": "bridge",
        "uid": "bridge",
        "description": "Events in, what partners say, events out; and what waits in between.",
        "tags": ["bridge"],
        "schemaVersion": 42,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(_variables())},
        "annotations": {"list": []},
        "links": [],
        "panels": [{"id": number, **panel} for number, panel in enumerate(_panels(), 1)],
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}
    # One installation at a time: what is summed up or the worst of several would say nothing of any of them.
    yield _variable("namespace", "Namespace", "label_values(bridge_build_info, namespace)", several=False)
    yield _variable("job", "Job", 'label_values(bridge_build_info{namespace="$namespace"}, job)', several=False)
    yield _variable("partner", "Partner", f"label_values(bridge_partner_key_blocked{{{OURS}}}, partner)", several=True)


def _variable(name: str, label: str, query: str, *, several: bool) -> dict[str, Any]:
    everything: dict[str, Any] = {"includeAll": False, "multi": False}
    if several:
        everything = {"includeAll": True, "multi": True, "allValue": ".*"}
        everything |= {"current": {"text": "All", "value": "$__all"}}
    asked = {"query": query, "refId": name}
    return {
        "name": name, "label": label, "type": "query", "datasource": _SOURCE, "query": asked, "definition": query,
        "refresh": 2, "sort": 1, "hide": 0, **everything,
    }  # fmt: skip


def _panels() -> Iterator[dict[str, Any]]:
    """Yield every row with its panels: each beside the one before, or below where there is no room."""
    y = 0
    for title, panels in ROWS.items():
        yield {"type": "row", "title": title, "collapsed": False, "panels": [], "gridPos": _place(0, y, WIDTH, 1)}
        x, y, height = 0, y + 1, 0
        for panel in panels:
            if x + panel.width > WIDTH:
                x, y, height = 0, y + height, 0
            yield _panel(panel, _place(x, y, panel.width, _HEIGHTS[panel.kind]))
            x, height = x + panel.width, max(height, _HEIGHTS[panel.kind])
        y += height


def _place(x: int, y: int, width: int, height: int) -> dict[str, int]:
    return {"x": x, "y": y, "w": width, "h": height}


def _panel(panel: Panel, place: dict[str, int]) -> dict[str, Any]:
    return {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.tells,
        "gridPos": place,
        "datasource": _SOURCE,
        "targets": [_target(panel, *query, letter) for query, letter in zip(panel.queries, "ABCDEF", strict=False)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.kind],
    }


def _target(panel: Panel, expression: str, legend: str, letter: str) -> dict[str, Any]:
    now = panel.kind != "timeseries"
    shown = {"legendFormat": legend or "__auto", "instant": now, "range": not now, "editorMode": "code"}
    return {"refId": letter, "datasource": _SOURCE, "expr": expression, **shown}


def _defaults(panel: Panel) -> dict[str, Any]:
    steps = [{"value": value, "color": color} for value, color in panel.thresholds]
    mode = "thresholds" if panel.kind == "stat" else "palette-classic"
    common = {
        "unit": panel.unit,
        "min": 0,
        "noValue": "none",
        "color": {"mode": mode},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    return common if panel.kind != "timeseries" else common | {"custom": _drawn(panel)}


def _drawn(panel: Panel) -> dict[str, Any]:
    stacking = {"mode": "normal" if panel.stacked else "none", "group": "A"}
    lines = "line" if len(panel.thresholds) > 1 else "off"
    look = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 25 if panel.stacked else 0, "showPoints": "never"}
    return {**look, "stacking": stacking, "thresholdsStyle": {"mode": lines}}


_LAST = {"calcs": ["lastNotNull"], "fields": "", "values": False}
_OPTIONS: dict[str, Any] = {
    "timeseries": {
        "legend": {"displayMode": "table", "placement": "bottom", "showLegend": True, "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "stat": {"reduceOptions": _LAST, "colorMode": "value", "graphMode": "none", "textMode": "value"},
    "bargauge": {"reduceOptions": _LAST, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True},
}


if __name__ == "__main__":
    FILE.write_text(json.dumps(dashboard(), indent=2) + "\n")
