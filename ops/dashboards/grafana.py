"""Dashboards as Grafana imports them. Written for Grafana 10 and later (dashboard schema 39)."""

import json
import string
from typing import Any

from .layout import Place, places
from .panel import Colour, Dashboard, Kind, Panel, Query, Row, Unit, Variable

SCHEMA_VERSION = 39
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

UNITS: dict[Unit, str] = {
    "events/s": "eps",
    "records/s": "recps",
    "requests/s": "reqps",
    "messages/s": "mps",
    "operations/s": "ops",
    "seconds": "s",
    "share": "percentunit",
    "bytes": "bytes",
    "count": "short",
    "days": "d",
}
COLOURS: dict[Colour, str] = {"good": "green", "watch": "orange", "bad": "red", "plain": "blue"}
TYPES: dict[Kind, str] = {
    "lines": "timeseries",
    "areas": "timeseries",
    "number": "stat",
    "bars": "bargauge",
    "table": "table",
}
INSTANT = frozenset({"bars", "table"})


def to_json(dashboard: Dashboard) -> str:
    """Return the file that Grafana imports or is provisioned with."""
    return json.dumps(to_grafana(dashboard), indent=2, ensure_ascii=False) + "\n"


def to_grafana(dashboard: Dashboard) -> dict[str, Any]:
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": f"For {dashboard.audience}.",
        "tags": ["penstock"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "timezone": "browser",
        "links": [_siblings()],
        "annotations": {"list": [_alerts()]},
        "templating": {"list": [_datasource(), *(_variable(one, dashboard) for one in dashboard.variables)]},
        "panels": [_placed(number, place) for number, place in enumerate(places(dashboard), start=1)],
    }


def _siblings() -> dict[str, Any]:
    return {"type": "dashboards", "title": "Penstock", "tags": ["penstock"], "asDropdown": True, "keepTime": True}


def _alerts() -> dict[str, Any]:
    return {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{alertname=~"Penstock.+", alertstate="firing", ecosystem=~"$ecosystem"}',
        "titleFormat": "{{alertname}}",
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0}


def _variable(variable: Variable, dashboard: Dashboard) -> dict[str, Any]:
    inside = '{ecosystem=~"$ecosystem"}' if variable is not dashboard.variables[0] else ""
    query = f"label_values({variable.metric}{inside}, {variable.label})"
    return {
        "name": variable.name,
        "label": variable.name.capitalize(),
        "type": "query",
        "datasource": SOURCE,
        "query": {"query": query, "refId": variable.name},
        "definition": query,
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _placed(number: int, place: Place) -> dict[str, Any]:
    grid = {"x": place.x, "y": place.y, "w": place.width, "h": place.height}
    head = {"id": number, "title": place.what.title, "gridPos": grid}
    if isinstance(place.what, Row):
        return {**head, "type": "row", "collapsed": False, "panels": []}
    return {**head, **_panel(place.what)}


def _panel(panel: Panel) -> dict[str, Any]:
    return {
        "type": TYPES[panel.kind],
        "description": panel.help,
        "datasource": SOURCE,
        "targets": [_target(letter, query, panel) for letter, query in _lettered(panel)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": _overrides(panel)},
        "options": _options(panel.kind),
        **({"transformations": _columns(panel)} if panel.kind == "table" else {}),
    }


def _lettered(panel: Panel) -> list[tuple[str, Query]]:
    return list(zip(string.ascii_uppercase, panel.queries, strict=False))


def _target(letter: str, query: Query, panel: Panel) -> dict[str, Any]:
    instant = panel.kind in INSTANT
    return {
        "refId": letter,
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expression,
        "legendFormat": query.legend,
        "range": not instant,
        "instant": instant,
        "format": "table" if panel.kind == "table" else "time_series",
    }


def _defaults(panel: Panel) -> dict[str, Any]:
    steps: list[dict[str, Any]] = [{"color": COLOURS[panel.colour], "value": None}]
    steps += [{"color": COLOURS[one.colour], "value": one.value} for one in panel.thresholds]
    over_time = panel.kind in {"lines", "areas"}
    return {
        "unit": UNITS[panel.unit],
        "min": 0,
        "color": {"mode": "palette-classic" if over_time else "thresholds"},
        "thresholds": {"mode": "absolute", "steps": steps},
        "custom": _drawing(panel) if over_time else {},
    }


def _drawing(panel: Panel) -> dict[str, Any]:
    stacked = panel.kind == "areas"
    return {
        "drawStyle": "line",
        "lineInterpolation": "smooth" if stacked else "linear",
        "lineWidth": 1 if stacked else 2,
        "fillOpacity": 45 if stacked else 8,
        "showPoints": "never",
        "spanNulls": False,
        "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
    }


def _options(kind: Kind) -> dict[str, Any]:
    if kind in {"lines", "areas"}:
        legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
        return {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    newest = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False}}
    if kind == "number":
        return {**newest, "colorMode": "value", "graphMode": "area", "justifyMode": "auto", "textMode": "value"}
    if kind == "bars":
        return {**newest, "orientation": "horizontal", "displayMode": "basic", "showUnfilled": True}
    return {"showHeader": True, "cellHeight": "sm"}


def _overrides(panel: Panel) -> list[dict[str, Any]]:
    """Return the units of columns that differ from the panel's."""
    return [
        {
            "matcher": {"id": "byName", "options": query.legend},
            "properties": [{"id": "unit", "value": UNITS[query.unit]}, {"id": "decimals", "value": 0}],
        }
        for query in panel.queries
        if query.unit is not None
    ]


def _columns(panel: Panel) -> list[dict[str, Any]]:
    """Join the queries' rows by their labels and head each value with its legend."""
    several = len(panel.queries) > 1
    names = {f"Value #{letter}" if several else "Value": query.legend for letter, query in _lettered(panel)}
    return [
        {"id": "merge", "options": {}},
        {"id": "organize", "options": {"excludeByName": {"Time": True}, "renameByName": names}},
    ]
