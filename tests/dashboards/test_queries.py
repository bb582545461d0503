"""Every query of every panel, asked of a real Prometheus that scrapes the running city: it must return data."""

import math
import struct
import subprocess
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

import pytest
from promtool import needed
from watched_city import EXAMPLES, WatchedCity, watched_city

from penstock.ops.dashboards.all import DASHBOARDS
from penstock.ops.dashboards.concrete import concrete
from penstock.ops.dashboards.panel import Dashboard, Panel, Query

DOCS = Path(__file__).resolve().parents[2] / "docs"
RANGE_S, RATE_INTERVAL_S = 60, 10
MOVED = (
    "penstock_events_withheld_total",
    "penstock_events_duplicate_total",
    "penstock_events_flagged_total",
    "penstock_events_quarantined_total",
    "penstock_fields_unclassified_total",
    'penstock_access_refused_total{door="ingest"}',
    "penstock_http_request_seconds_count",
    "penstock_mqtt_messages_total",
    "penstock_fields_encrypted_total",
    "penstock_publish_commit_seconds_count",
)
MAY_REST = {
    "Aborts and fences",
    "Alerts",
    "End within 30 days",
    "Keys not to be had",
    "Lag",
    "Waiting roles",
    "Waiting to be committed",
    "Withheld for want of consent",
}
"""Panels that may be 0 as long as all is well."""

QUERIES = [
    (dashboard, panel, query) for dashboard in DASHBOARDS for panel in dashboard.panels for query in panel.queries
]


@pytest.fixture(scope="module")
def city(kafka_installed: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedCity]:
    needed("prometheus")
    with watched_city(tmp_path_factory.mktemp("dashboards"), rate=300) as one:
        for metric in MOVED[:2]:
            one.wait_for(f"sum({metric})")
        assert one.knock_without_token("traffic-flow") == 401
        one.wait_for("sum(penstock_access_refused_total)")
        assert one.knock_without_token("traffic-flow") == 401  # `increase` does not see a series begin
        for metric in MOVED:
            one.wait_for(f"sum(increase({metric}[30s]))")
        yield one


def test_every_query_returns_data(city: WatchedCity) -> None:
    asked = {
        (dashboard.uid, panel.title, query.expression): _values(city, dashboard, panel, query)
        for dashboard, panel, query in QUERIES
    }
    assert len(asked) >= 65
    assert [key for key, values in asked.items() if not values] == []


def test_what_moves_is_more_than_an_honest_zero(city: WatchedCity) -> None:
    """A panel may say 0 where nothing happened, but in this city nearly everything happens."""
    still = [
        (dashboard.uid, panel.title)
        for dashboard in DASHBOARDS
        for panel in dashboard.panels
        if panel.title not in MAY_REST
        and not any(any(_values(city, dashboard, panel, query)) for query in panel.queries)
    ]
    assert still == []


def test_the_pictures_show_data_in_every_panel(city: WatchedCity, tmp_path: Path) -> None:
    """Of the renderer that the documentation's pictures come from, photographed by Chromium."""
    needed("chromium")
    script = EXAMPLES / "screenshots.py"
    spans = [f"--range={RANGE_S}", f"--rate-interval={RATE_INTERVAL_S}", "--pages"]
    done = subprocess.run(
        [sys.executable, str(script), city.watch.url, str(tmp_path), *spans],
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    for dashboard in DASHBOARDS:
        name = f"dashboard-{dashboard.uid.removeprefix('penstock-')}"
        width, height = struct.unpack_from(">II", (tmp_path / f"{name}.png").read_bytes(), 16)
        drawn = (tmp_path / f"{name}.html").read_text()
        assert (width, height > 1_000) == (1_600, True), name
        assert "no data" not in drawn, name
        assert [panel.title for panel in dashboard.panels if f"<h2>{escape(panel.title)}</h2>" not in drawn] == []
        assert (DOCS / "images" / f"{name}.png").is_file()
        assert f"(images/{name}.png)" in (DOCS / "dashboards.md").read_text()


def test_a_query_for_nothing_is_seen(city: WatchedCity) -> None:
    panel = DASHBOARDS[0].panels[0]
    assert _values(city, DASHBOARDS[0], panel, Query("penstock_planted_total", "")) == []


def _values(city: WatchedCity, dashboard: Dashboard, panel: Panel, query: Query) -> list[float]:
    asked = concrete(query.expression, dashboard, range_s=RANGE_S, rate_interval_s=RATE_INTERVAL_S)
    if panel.kind in {"bars", "table"}:
        found = [value for _, value in city.watch.query(asked)]
    else:
        found = [value for _, values in city.watch.over(asked, RANGE_S) for value in values]
    return [value for value in found if math.isfinite(value)]
