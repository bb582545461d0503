"""The dashboards as files: nothing wrong with them by our lint, and what lies in deploy/ is what the code writes."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from dashboard_lint import documented, problems
from ecosystem import cli

from penstock.ops.alerts.files import rule_file
from penstock.ops.dashboards.all import DASHBOARDS
from penstock.ops.dashboards.files import grafana_files
from penstock.ops.dashboards.grafana import to_grafana
from penstock.ops.dashboards.panel import Dashboard
from penstock.ops.targets import prometheus_config

ROOT = Path(__file__).resolve().parents[2]
METRICS = documented(ROOT / "docs" / "metrics.md")
IN_CONTAINER = Path("/etc/prometheus/targets/prometheus-targets.json")

Json = dict[str, Any]


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=lambda one: one.uid)
def test_the_lint_finds_nothing(dashboard: Dashboard) -> None:
    assert len(METRICS) > 30
    assert problems(to_grafana(dashboard), METRICS) == []


def _panel(dashboard: Json, title: str) -> Json:
    return next(one for one in dashboard["panels"] if one["title"] == title and one["type"] == "timeseries")


FAULTS: dict[str, tuple[Callable[[Json], None], str]] = {
    "id": (lambda one: one["panels"][2].update(id=1), "the same id"),
    "overlap": (lambda one: one["panels"][3]["gridPos"].update(x=0), "overlap"),
    "grid": (lambda one: one["panels"][3]["gridPos"].update(w=25), "leaves the grid"),
    "unit": (lambda one: _panel(one, "Lag")["fieldConfig"]["defaults"].update(unit="parsecs"), "unknown unit"),
    "help": (lambda one: _panel(one, "Lag").update(description=""), "does not say"),
    "title": (lambda one: _panel(one, "Lag").update(title="Memory"), "two panels are called"),
    "metric": (lambda one: _ask(one, "penstock_lag_parsecs"), "no metric penstock_lag_parsecs"),
    "label": (lambda one: _ask(one, 'penstock_lag_seconds{person="x"}'), "no label person"),
    "variable": (lambda one: _ask(one, 'penstock_lag_seconds{dataset="$nobody"}'), "$nobody is no variable"),
    "legend": (lambda one: _ask(one, "max by (role) (penstock_lag_seconds)"), "the label dataset that"),
}


def _ask(dashboard: Json, expression: str) -> None:
    _panel(dashboard, "Lag")["targets"][0]["expr"] = expression


@pytest.mark.parametrize("fault", FAULTS)
def test_the_lint_finds_a_planted_fault(fault: str) -> None:
    dashboard = copy.deepcopy(to_grafana(DASHBOARDS[0]))
    plant, said = FAULTS[fault]
    plant(dashboard)
    assert any(said in one for one in problems(dashboard, METRICS)), problems(dashboard, METRICS)


def test_no_two_dashboards_share_an_identity() -> None:
    assert len({one.uid for one in DASHBOARDS}) == len({one.title for one in DASHBOARDS}) == len(DASHBOARDS) == 3


@pytest.mark.parametrize("path", sorted(grafana_files()), ids=str)
def test_what_grafana_is_provisioned_with_is_current(path: Path) -> None:
    committed = ROOT / "deploy" / "grafana" / path
    assert committed.read_text() == grafana_files()[path], "write it: penstock dashboards export deploy/grafana"


def test_nothing_else_lies_where_grafana_looks() -> None:
    folder = ROOT / "deploy" / "grafana"
    assert {one.relative_to(folder) for one in folder.rglob("*") if one.is_file()} == set(grafana_files())


def test_the_rules_that_prometheus_is_given_are_current() -> None:
    folder = ROOT / "deploy" / "prometheus"
    assert (folder / "alerts.yml").read_text() == rule_file(), "write it: penstock alerts export deploy/prometheus"
    config = (folder / "prometheus.yml").read_text().split("\n", 1)
    assert config[0].startswith("# ")
    assert config[1] == prometheus_config(IN_CONTAINER, rules=("alerts.yml",))


def test_provisioning_is_yaml_that_names_prometheus_and_the_folder() -> None:
    files = grafana_files("http://prom.example:9090", "/dashboards")
    source = yaml.safe_load(files[Path("provisioning/datasources/penstock.yaml")])["datasources"][0]
    assert (source["type"], source["url"]) == ("prometheus", "http://prom.example:9090")
    provider = yaml.safe_load(files[Path("provisioning/dashboards/penstock.yaml")])["providers"][0]
    assert provider["options"]["path"] == "/dashboards"
    assert provider["allowUiUpdates"] is False


def test_the_commands_write_the_files_and_list_what_there_is(tmp_path: Path) -> None:
    assert cli("dashboards", "export", str(tmp_path / "grafana")).code == 0
    for path, text in grafana_files().items():
        assert (tmp_path / "grafana" / path).read_text() == text
    assert cli("alerts", "export", str(tmp_path), "--docs", "https://docs.example/", "--scale", "0.5").code == 0
    rules = yaml.safe_load((tmp_path / "alerts.yml").read_text())["groups"]
    down = next(rule for group in rules for rule in group["rules"] if rule.get("alert") == "PenstockRoleDown")
    assert down["for"] == "30s"
    assert down["annotations"]["runbook_url"] == "https://docs.example/docs/operations.md#penstockroledown"
    assert [one["uid"] for one in json.loads(cli("dashboards", "list", "--json").out)] == [d.uid for d in DASHBOARDS]
    assert {one["severity"] for one in json.loads(cli("alerts", "list", "--json").out)} == {
        "critical",
        "warning",
        "info",
    }
