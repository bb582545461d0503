"""What is wrong with a Grafana dashboard, read from its JSON alone, as an importer sees it."""

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

WIDTH = 24
UNITS = {"eps", "recps", "reqps", "mps", "ops", "s", "percentunit", "bytes", "short", "d"}
TYPES = {"timeseries", "stat", "bargauge", "table", "row"}
OTHERS = {"up", "ALERTS", "process_resident_memory_bytes", "process_cpu_seconds_total"}
TARGET_LABELS = {"role", "kind", "ecosystem", "job", "le", "alertname", "alertstate"}
BUILT_IN = {"__rate_interval", "__range"}
METRIC = re.compile(r"\b(penstock_\w+|process_\w+|ALERTS|up(?=\{))")

Json = dict[str, Any]


def documented(page: Path) -> dict[str, set[str]]:
    """The labels of every metric that docs/metrics.md has a line for."""
    rows = [line.split("|") for line in page.read_text().splitlines() if line.startswith("| `penstock_")]
    return {row[1].strip(" `"): set(re.findall(r"\w+", row[3])) for row in rows}


def problems(dashboard: Json, metrics: dict[str, set[str]]) -> list[str]:
    return [
        *_identity(dashboard),
        *_grid(dashboard["panels"]),
        *(problem for panel in dashboard["panels"] for problem in _panel(panel)),
        *(problem for expression in _expressions(dashboard) for problem in _query(expression, dashboard, metrics)),
    ]


def _identity(dashboard: Json) -> Iterator[str]:
    if not re.fullmatch(r"[a-z0-9-]{1,40}", dashboard.get("uid", "")):
        yield "the uid is none"
    ids = [panel["id"] for panel in dashboard["panels"]]
    if len(set(ids)) != len(ids):
        yield "two panels have the same id"
    titles = [panel["title"] for panel in dashboard["panels"] if panel["type"] != "row"]
    for title in {one for one in titles if titles.count(one) > 1}:
        kinds = [panel["type"] for panel in dashboard["panels"] if panel["title"] == title]
        if len(set(kinds)) != len(kinds):
            yield f"two panels are called {title!r}"


def _grid(panels: list[Json]) -> Iterator[str]:
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] < 0 or place["w"] < 1 or place["h"] < 1 or place["x"] + place["w"] > WIDTH:
            yield f"{panel['title']!r} leaves the grid"
    for one, other in combinations(panels, 2):
        if _overlap(one["gridPos"], other["gridPos"]):
            yield f"{one['title']!r} and {other['title']!r} overlap"


def _overlap(one: Json, other: Json) -> bool:
    beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
    below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
    return not beside and not below


def _panel(panel: Json) -> Iterator[str]:
    title = panel["title"]
    if panel["type"] not in TYPES:
        yield f"{title!r} is of no known type"
    if panel["type"] == "row":
        return
    if not re.search(r"\w.*\.$", panel.get("description", "")):
        yield f"{title!r} does not say what it shows"
    if not panel["targets"]:
        yield f"{title!r} asks nothing"
    defaults = panel["fieldConfig"]["defaults"]
    units = [defaults["unit"], *_override_units(panel)]
    for unit in units:
        if unit not in UNITS:
            yield f"{title!r} has the unknown unit {unit!r}"
    steps = [step["value"] for step in defaults["thresholds"]["steps"]]
    if steps[0] is not None or steps[1:] != sorted(steps[1:]):
        yield f"{title!r} has thresholds in disorder"
    for target in panel["targets"]:
        yield from _legend(title, target)


def _override_units(panel: Json) -> Iterator[str]:
    for override in panel["fieldConfig"]["overrides"]:
        yield from (one["value"] for one in override["properties"] if one["id"] == "unit")


def _legend(title: str, target: Json) -> Iterator[str]:
    kept = {label for by in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in re.findall(r"\w+", by)}
    for label in re.findall(r"{{(\w+)}}", target["legendFormat"]):
        if label not in kept:
            yield f"{title!r} names the label {label} that its query does not keep"
    if target["datasource"]["uid"] != "${datasource}":
        yield f"{title!r} is bound to one data source"


def _expressions(dashboard: Json) -> Iterator[str]:
    for panel in dashboard["panels"]:
        yield from (target["expr"] for target in panel.get("targets", []))
    yield from (one["definition"] for one in dashboard["templating"]["list"] if one["type"] == "query")
    yield from (one["expr"] for one in dashboard["annotations"]["list"])


def _query(expression: str, dashboard: Json, metrics: dict[str, set[str]]) -> Iterator[str]:
    variables = {one["name"] for one in dashboard["templating"]["list"]} | BUILT_IN
    for variable in re.findall(r"\$(\w+)", expression):
        if variable not in variables:
            yield f"${variable} is no variable of {dashboard['title']!r}"
    for metric in METRIC.findall(expression):
        if metric not in OTHERS and _family(metric, metrics) is None:
            yield f"no metric {metric} is documented"
    for metric, matchers in re.findall(r"\b(penstock_\w+)\{([^}]*)\}", expression):
        known = metrics.get(_family(metric, metrics) or "", set()) | TARGET_LABELS
        for label in re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", matchers):
            if label not in known:
                yield f"{metric} has no label {label}"


def _family(metric: str, metrics: dict[str, set[str]]) -> str | None:
    base = re.sub(r"_(bucket|count|sum)$", "", metric)
    return next((name for name in (metric, base) if name in metrics), None)
