"""What Prometheus says about a panel: series over time, or newest values, with their legends filled in."""

import json
import math
import re
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass

from penstock.ops.dashboards.concrete import concrete
from penstock.ops.dashboards.panel import Dashboard, Panel, Query

POINTS = 240
OVER_TIME = frozenset({"lines", "areas", "number"})


@dataclass(frozen=True)
class Series:
    """A series under its name; a value is missing (None) where Prometheus has none, or no number."""

    name: str
    labels: Mapping[str, str]
    values: tuple[float | None, ...]

    @property
    def newest(self) -> float | None:
        return next((value for value in reversed(self.values) if value is not None), None)


@dataclass(frozen=True)
class Asker:
    """Asks one Prometheus about the `range_s` before `end` (seconds since 1970)."""

    url: str
    end: float
    range_s: int
    rate_interval_s: int

    @property
    def step(self) -> float:
        return max(1.0, self.range_s / POINTS)

    def series(self, panel: Panel, query: Query, dashboard: Dashboard) -> list[Series]:
        filled = concrete(query.expression, dashboard, range_s=self.range_s, rate_interval_s=self.rate_interval_s)
        found = self.over_time(filled) if panel.kind in OVER_TIME else self.now(filled)
        return sorted(
            (Series(_legend(query.legend, labels), labels, values) for labels, values in found),
            key=lambda one: one.name,
        )

    def over_time(self, expression: str) -> list[tuple[dict[str, str], tuple[float | None, ...]]]:
        start = self.end - self.range_s
        found = self._get("query_range", query=expression, start=start, end=self.end, step=self.step)
        moments = [start + number * self.step for number in range(int(self.range_s / self.step) + 1)]
        return [(one["metric"], _aligned(one["values"], moments, self.step)) for one in found]

    def now(self, expression: str) -> list[tuple[dict[str, str], tuple[float | None, ...]]]:
        return [
            (one["metric"], (_number(one["value"][1]),)) for one in self._get("query", query=expression, time=self.end)
        ]

    def _get(self, path: str, **parameters: object) -> list[dict]:
        words = urllib.parse.urlencode(parameters)
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(f"{self.url}/api/v1/{path}?{words}", timeout=20) as answer:
            return json.load(answer)["data"]["result"]


def _aligned(values: list, moments: list[float], step: float) -> tuple[float | None, ...]:
    by_place = {round((float(at) - moments[0]) / step): _number(value) for at, value in values}
    return tuple(by_place.get(place) for place in range(len(moments)))


def _number(text: str) -> float | None:
    value = float(text)
    return value if math.isfinite(value) else None


def _legend(legend: str, labels: Mapping[str, str]) -> str:
    filled = re.sub(r"{{(\w+)}}", lambda found: labels.get(found[1], ""), legend)
    return filled.strip(" :") or "none"
