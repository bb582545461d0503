"""The alert rules, played by promtool: each fires, not too early, and clears; a quiet night wakes nobody."""

import re
from pathlib import Path

import pytest
import yaml
from dashboard_lint import METRIC, documented
from promtool import check_rules, rehearse
from timelines import TIMELINES, quiet_night

from penstock.ops.alerts.files import ALERTS, rule_file
from penstock.ops.alerts.pace import Pace, duration

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = {
    "PenstockRoleDown",
    "PenstockRoleWaiting",
    "PenstockLagHigh",
    "PenstockTransactionsAborting",
    "PenstockQuarantineRate",
    "PenstockSourceSilent",
    "PenstockAgreementAllWithheld",
    "PenstockControlStale",
    "PenstockKeyStoreDown",
    "PenstockKmsDown",
    "PenstockDiskFilling",
    "PenstockAgreementExpires",
    "PenstockAgreementParked",
    "PenstockFreshnessBurn",
    "PenstockErasureOverdue",
    "PenstockErasureUndone",
}


@pytest.mark.parametrize("scale", [1, 1 / 60])
def test_promtool_finds_nothing_wrong_with_the_rules(tmp_path: Path, scale: float) -> None:
    (tmp_path / "rules.yml").write_text(rule_file(Pace(scale)))
    assert check_rules(tmp_path / "rules.yml") == ""


def test_every_alert_has_a_timeline() -> None:
    assert {alert.name for alert in ALERTS} == EXPECTED
    assert {(one.alert, one.severity) for one in TIMELINES} == {(one.name, one.severity) for one in ALERTS}
    assert all(one.fires_at and one.silent_at for one in TIMELINES)


@pytest.mark.parametrize("number", range(len(TIMELINES)), ids=[f"{one.alert}-{one.severity}" for one in TIMELINES])
def test_an_alert_fires_in_time_not_too_early_and_clears(tmp_path: Path, number: int) -> None:
    timeline = TIMELINES[number]
    assert max(timeline.silent_at) > max(timeline.fires_at) > min(timeline.silent_at) or _rises_only(timeline)
    assert rehearse(tmp_path, rule_file(), timeline.test) == ""


def _rises_only(timeline) -> bool:
    """The disk that fills over hours is rehearsed up to its alert; clearing is rehearsed with the other timeline."""
    return sum(one.alert == timeline.alert and one.severity == timeline.severity for one in TIMELINES) > 1


def test_a_quiet_night_fires_no_alert(tmp_path: Path) -> None:
    assert rehearse(tmp_path, rule_file(), quiet_night()) == ""


def test_a_quiet_night_has_all_that_an_alert_asks_for() -> None:
    """A metric that is not there fires nothing, whatever its alert says."""
    there = {re.match(r"\w+", one["series"])[0] for one in quiet_night()["input_series"]}
    assert asked_for() - there == set()


def test_a_night_that_is_not_quiet_is_seen(tmp_path: Path) -> None:
    night = quiet_night()
    silent = next(one for one in night["input_series"] if "limit" in one["series"])
    silent["values"] = "1200x60"
    assert "PenstockSourceSilent" in rehearse(tmp_path, rule_file(), night)


def test_a_rule_that_fires_too_early_is_seen(tmp_path: Path) -> None:
    hasty = rule_file().replace('for: "1m"', 'for: "0s"')
    down = next(one for one in TIMELINES if one.alert == "PenstockRoleDown")
    assert "PenstockRoleDown" in rehearse(tmp_path, hasty, down.test)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda one: f"{one.name}-{one.severity}")
def test_an_alert_says_what_it_means_and_where_help_stands(alert) -> None:
    rules = [rule for group in yaml.safe_load(rule_file())["groups"] for rule in group["rules"]]
    rule = next(one for one in rules if (one.get("alert"), _severity(one)) == (alert.name, alert.severity))
    said = rule["annotations"]
    assert said["runbook_url"] == f"docs/operations.md#{alert.name.lower()}"
    assert len(said["summary"]) < 160
    assert said["description"].endswith(".")
    for label in re.findall(r"\$labels\.(\w+)", said["summary"] + said["description"]):
        kept = re.search(rf"by \([^)]*\b{label}\b", rule["expr"])
        assert kept or " by (" not in rule["expr"] or "penstock:" in rule["expr"], label


def _severity(rule: dict) -> str:
    return rule.get("labels", {}).get("severity", "")


def test_the_runbooks_address_can_be_put_before_them() -> None:
    assert 'runbook_url: "https://docs.example/docs/operations.md#penstockkmsdown"' in rule_file(
        docs="https://docs.example/"
    )


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0s"), (0.5, "500ms"), (5, "5s"), (90, "1m30s"), (21_600, "6h"), (86_400, "1d"), (7.25, "7s250ms")],
)
def test_durations_are_written_as_prometheus_reads_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_a_rehearsal_runs_faster_and_keeps_windows_wide_enough() -> None:
    fast = Pace(1 / 60)
    assert (fast.hold(60), fast.window(600), fast.window(60), fast.seconds(600), fast.seconds(60)) == (
        "1s",
        "10s",
        "5s",
        "10",
        "3",
    )


def test_every_runbook_is_there() -> None:
    handbook = (ROOT / "docs" / "operations.md").read_text()
    headings = {line.removeprefix("### ") for line in handbook.splitlines() if line.startswith("### ")}
    assert {alert.name for alert in ALERTS} <= headings
    assert all(alert.runbook == f"docs/operations.md#{alert.name.lower()}" for alert in ALERTS)
    assert {heading for heading in headings if heading.startswith("Penstock")} == EXPECTED


def test_the_page_about_alerts_lists_each_of_them() -> None:
    page = (ROOT / "docs" / "dashboards.md").read_text()
    listed = re.findall(r"^\| `(Penstock\w+)` \| (\w+) \|", page, re.MULTILINE)
    assert sorted(listed) == sorted((alert.name, alert.severity) for alert in ALERTS)


def test_what_the_page_says_was_fired_for_real_is_fired_and_cleared_by_a_test() -> None:
    page = (ROOT / "docs" / "dashboards.md").read_text()
    real = re.findall(r"^\| `(Penstock\w+)` \| (\w+) \|.*\| [^|]+ \|$", page, re.MULTILINE)
    live = (ROOT / "tests" / "alerts" / "test_live.py").read_text()
    assert sorted(real) == sorted((alert.name, alert.severity) for alert in ALERTS)
    for name, severity in real:
        severities = [one for one, _ in real].count(name)
        assert (f'fires("{name}", "{severity}"' if severities > 1 else f'fires("{name}"') in live, (name, severity)
        assert re.search(rf'clears\("{name}"', live), name


def test_every_metric_that_an_alert_asks_for_is_documented() -> None:
    known = documented(ROOT / "docs" / "metrics.md").keys() | {"up", "penstock_publish_commit_seconds_bucket"}
    known |= {"penstock_publish_commit_seconds_count"}
    assert len(asked_for()) > 15
    assert asked_for() - known == set()


def asked_for() -> set[str]:
    """Return every metric of ours that a rule asks for."""
    rules = [rule for group in yaml.safe_load(rule_file())["groups"] for rule in group["rules"]]
    return {metric for rule in rules for metric in METRIC.findall(rule["expr"])}
