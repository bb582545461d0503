"""The live table: what it shows, at every width, with and without a terminal."""

import dataclasses
import io
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from penstock.ops import watch as watching
from penstock.ops.health import RoleServer
from penstock.ops.metrics import ExchangeMetrics
from penstock.ops.slot import RoleState
from penstock.ops.table import AgreementRow, DatasetRow, RoleRow, Snapshot, line, render
from penstock.ops.watch import Display, Rates, Watch, Watched
from penstock.schemas.observer import BatchCounts
from penstock.streams.totals import AgreementTotals, DatasetTotals

SNAPSHOT = Snapshot(
    ecosystem="cross-border-tax",
    generation=3,
    unsigned=("ee-fi-income",),
    up_s=3723.4,
    datasets=[
        DatasetRow("income-payments", 1234.6, 1_200_000, 0.04, 0),
        DatasetRow("tax-residency", 0, 0, None, 12),
    ],
    agreements=[
        AgreementRow("ee-fi-income", "fi-tax", 800, 640_000, {"predicate": 40_000, "consent": 3, "place": 0}),
        AgreementRow("ee-stat-wages", "ee-stat", 0, 0, {}),
    ],
    roles=[
        RoleRow("broker", "running", 1, "it was ended by signal 9 (Killed)"),
        RoleRow("gateway", "waiting", 0, "the registry does not answer"),
        RoleRow("connectors", "failed", 2, "no source"),
    ],
)

GOLDEN = """\
cross-border-tax · generation 3 · up 1:02:03
UNSIGNED: ee-fi-income

dataset               in      total    lag  quarantined
income-payments  1,235/s  1,200,000  0.0 s            0
tax-residency        0/s          0      ?           12

agreement      recipient    out    total  withheld
ee-fi-income   fi-tax     800/s  640,000  consent 3, predicate 40,000
ee-stat-wages  ee-stat      0/s        0

role        state    restarts  why
broker      running         1
gateway     waiting         0  the registry does not answer
connectors  failed          2  no source
"""


def shown(snapshot: Snapshot, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(render(snapshot))
    text = console.file.getvalue()
    return "".join(row.rstrip() + "\n" for row in text.splitlines())


def test_the_table() -> None:
    assert shown(SNAPSHOT, 80) == GOLDEN


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_no_line_is_wider_than_the_terminal_and_nothing_is_lost(width: int) -> None:
    text = shown(SNAPSHOT, width)
    assert all(len(row) <= width for row in text.splitlines())
    squeezed = "".join(text.split())
    for word in ("UNSIGNED", "1,200,000", "640,000"):
        assert word in squeezed or width < 80


def test_the_line() -> None:
    assert line(SNAPSHOT) == (
        "up 1:02:03 · generation 3 UNSIGNED · in 1,235/s (1,200,000) · out 800/s (640,000) · withheld 40,003 · "
        "quarantined 12 · lag ? · roles 1/3 · gateway waiting (the registry does not answer) · "
        "connectors failed (no source)"
    )
    quiet = dataclasses.replace(SNAPSHOT, unsigned=(), datasets=SNAPSHOT.datasets[:1], roles=SNAPSHOT.roles[:1])
    assert line(quiet).endswith("quarantined 0 · lag 0.0 s · roles 1/1")
    nothing = dataclasses.replace(quiet, datasets=[], agreements=[], roles=[])
    assert line(nothing).endswith("lag 0.0 s · roles 0/0")
    assert shown(nothing, 80)


def test_what_seldom_happens_takes_a_column_when_it_does() -> None:
    odd = DatasetRow("air", 3, 1_500, 0.04, 1, 1_200, {"late": 7, "range:no2": 2, "range:pm10": 1}, 4)
    snapshot = dataclasses.replace(SNAPSHOT, datasets=[odd, SNAPSHOT.datasets[0]])
    rows = shown(snapshot, 100).splitlines()
    assert rows[3].split() == ["dataset", "in", "total", "lag", "quarantined", "duplicates", "unclassified", "flagged"]
    assert rows[4].split() == ["air", "3/s", "1,500", "0.0", "s", "1", "1,200", "4", "late", "7,", "range", "3"]
    assert rows[5].split()[-1] == "0"
    assert "quarantined 1 · duplicates 1,200 · flagged 10 · unclassified 4 · lag" in line(snapshot)


def test_names_are_no_markup() -> None:
    odd = dataclasses.replace(SNAPSHOT, roles=[RoleRow("a", "failed", 0, "see [bold]x[/nothing]")])
    assert "see [bold]x[/nothing]" in shown(odd, 120)


def test_rates_are_over_the_last_seconds_and_survive_restarts_and_silence() -> None:
    rates = Rates()
    assert rates.of("in", "a") == 0
    rates.update({(1, "in", "a"): 1_000_000}, 0.0)
    assert rates.of("in", "a") == 0
    rates.update({(1, "in", "a"): 1_000_100}, 1.0)
    assert rates.of("in", "a") == 100
    rates.update({}, 2.0)
    assert rates.of("in", "a") == 50
    rates.update({(1, "in", "a"): 1_000_200}, 4.0)
    assert rates.of("in", "a") == 50
    rates.update({(1, "in", "a"): 40, (2, "in", "a"): 60}, 5.0)
    assert rates.of("in", "a") == 60
    for second in range(6, 20):
        rates.update({}, float(second))
    assert rates.of("in", "a") == 0


class Ecosystem:
    """A watch over one real health server and pretended totals."""

    def __init__(self, run: Path) -> None:
        self.metrics = ExchangeMetrics("income")
        self.metrics.generation(3, ["ee-fi"])
        self.server = RoleServer("exchange-income-0", run, self.metrics)
        self.state = RoleState("exchange-income-0", os.getpid(), "running", 1, 0.0, "it was ended")
        totals: Any = SimpleNamespace(
            datasets={"income": DatasetTotals(9, 7, 2, duplicates=3, flagged={"late": 1}, unclassified=5)},
            agreements={"ee-fi": AgreementTotals(delivered=5, withheld={"consent": 2})},
            poll=lambda: None,
        )
        self.watch = Watch(
            Watched(
                ecosystem="tax",
                run=run,
                datasets=["income", "idle"],
                recipients={"ee-fi": "fi", "ee-lv": "lv"},
                generation=lambda: 3,
                unsigned=(),
                roles=lambda: [self.state, RoleState("broker", 1, "running", 0, 0.0)],
                lags=lambda: {"income": 0.5},
                totals=totals,
            )
        )

    def work(self, events: int) -> None:
        self.metrics.batch(BatchCounts("income", events, {"ee-fi": events // 2}, {}, {}, 0.0), 0.01)


def test_a_snapshot_has_rates_of_the_roles_and_totals_of_the_log(tmp_path: Path) -> None:
    ecosystem = Ecosystem(tmp_path)
    with ecosystem.server:
        ecosystem.metrics.state("running", "")
        ecosystem.watch.snapshot()
        ecosystem.work(1000)
        time.sleep(0.05)
        found = ecosystem.watch.snapshot()
    income, idle = found.datasets
    assert income.rate > 0
    assert income == DatasetRow("income", income.rate, 7, 0.5, 2, 3, {"late": 1}, 5)
    assert idle == DatasetRow("idle", 0.0, 0, None, 0)
    released, none = found.agreements
    assert released == AgreementRow("ee-fi", "fi", pytest.approx(income.rate / 2), 5, {"consent": 2})
    assert none == AgreementRow("ee-lv", "lv", 0.0, 0, {})
    assert [row.state for row in found.roles] == ["running", "running"]


def test_a_role_that_runs_and_waits_says_for_what(tmp_path: Path) -> None:
    ecosystem = Ecosystem(tmp_path)
    with ecosystem.server:
        ecosystem.metrics.state("waiting", "the registry does not answer")
        row = ecosystem.watch.snapshot().roles[0]
    assert (row.state, row.reason, row.restarts) == ("waiting", "the registry does not answer", 1)


def test_a_file_of_an_earlier_process_is_not_believed(tmp_path: Path) -> None:
    ecosystem = Ecosystem(tmp_path)
    with ecosystem.server:
        ecosystem.metrics.state("waiting", "of yesterday")
        ecosystem.state = dataclasses.replace(ecosystem.state, pid=1)
        assert ecosystem.watch.snapshot().roles[0].state == "running"


def test_without_a_terminal_it_prints_a_line_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "LINE_S", 0.2)
    out = io.StringIO()
    with Display(Ecosystem(tmp_path).watch, Console(file=out, width=40)) as display:
        begun = time.monotonic()
        while time.monotonic() - begun < 0.5:
            display.tick()
            time.sleep(0.01)
    lines = out.getvalue().splitlines()
    assert 2 <= len(lines) <= 4
    assert all(row.startswith("up 0:00:00 · generation 3 · in ") and row.endswith("roles 2/2") for row in lines)


def test_on_a_terminal_it_redraws_in_place(tmp_path: Path) -> None:
    out = io.StringIO()
    with Display(Ecosystem(tmp_path).watch, Console(file=out, width=80, force_terminal=True)) as display:
        display.show()
        display.show()
    assert out.getvalue().count("generation 3") >= 2
    assert "\x1b[1A" in out.getvalue()
