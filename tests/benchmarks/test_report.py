"""Rows survive an interruption, and the tables, pictures and last line say what the rows hold."""

import json
import math
from xml.etree import ElementTree as ET

import pytest
from engines import ENGINES
from latency import told
from report import Report, last_line
from rows import Rows
from throughput import Terms, best_settings

SPEEDS = {"ceiling": 60_000, "penstock": 20_000, "penstock_native": 30_000, "kafka_streams": 10_000, "faust": 400}


@pytest.fixture
def folder(tmp_path):
    w1 = Rows(tmp_path, "w1", {"events": 1})
    for number, factor in enumerate((0.9, 1.0, 1.5)):
        for engine, rate in SPEEDS.items():
            for workers in (1, 2):
                figures = {"events_per_s": rate * factor * workers, "mb": 100.0, "engine_us": 1.0, "broker_us": 2.0}
                w1.add({"kind": "window", "engine": engine, "workers": workers, "number": number, **figures})
    agreements = Rows(tmp_path, "agreements", {})
    for count in (1, 10, 50):
        row = {"kind": "encrypting", "agreements": count, "engine": "penstock"}
        agreements.add({**row, "events_per_s": 1e6 / (40 + 10 * count)})
    latency = Rows(tmp_path, "latency", {})
    for engine, p99 in (("ceiling", 20.0), ("penstock", 28.0)):
        latency.add({"rate": 2_000, "engine": engine, "p50_ms": 5.0, "p99_ms": p99, "p999_ms": None, "late": 0})
    return tmp_path


def test_the_last_line_says_what_the_rows_hold(folder):
    said = json.loads(last_line(Report(folder)))
    assert said["w1"] == SPEEDS
    assert (said["ratio_to_ceiling"], said["ratio_to_kafka_streams"]) == (0.333, 2.0)
    assert (said["native_ratio_to_ceiling"], said["native_ratio_to_kafka_streams"]) == (0.5, 3.0)
    assert said["per_agreement_us"] == {"encrypting": 10.0, "plain": None}
    assert said["p99_ms"] == {"2000": {"ceiling": 20.0, "penstock": 28.0}}
    assert (said["p99_ratio_to_pass_through"], said["worker_mb"], said["w0"]) == (1.4, 100, {})


def test_tables_and_pictures_are_written(folder):
    written = {file.name: file.read_text() for file in Report(folder).write()}
    assert written.keys() == {"report.txt", "w1.svg", "agreements.svg", "latency.svg"}
    assert "| penstock | 20000 | 0.333 | 40000 |" in written["report.txt"]
    for name, content in written.items():
        if name.endswith(".svg"):
            assert ET.fromstring(content).tag.endswith("svg")  # noqa: S314 - we wrote it just now


def test_nothing_measured_is_nothing_said(tmp_path):
    assert json.loads(last_line(Report(tmp_path)))["ratio_to_ceiling"] is None


def test_rows_go_on_under_the_same_terms_only(tmp_path):
    Rows(tmp_path, "w1", {"events": 5}).add({"engine": "naive", "number": 0})
    assert Rows(tmp_path, "w1", {"events": 5}).has(engine="naive", number=0)
    assert not Rows(tmp_path, "w1", {"events": 6}).rows


def test_the_best_settings_are_those_that_gave_most(tmp_path):
    rows = Rows(tmp_path, "w0", {})
    for settings, rate in (({"records": 1}, 10.0), ({"records": 2}, 30.0), ({"records": 3}, None)):
        rows.add({"kind": "tried", "engine": "naive", "settings": settings, "events_per_s": rate})
    assert best_settings(rows, ENGINES["naive"]) == {"records": 2}
    assert best_settings(rows, ENGINES["faust"]) == ENGINES["faust"].tried[0]


def test_latency_pairs_a_partitions_nth_view_with_its_nth_event():
    sent = [0, 10_000_000, 20_000_000, 30_000_000]
    row = told(sent, [[5_000_000, 22_000_000], [11_000_000]], 2, 0)
    assert (row["events"], row["late"], row["p50_ms"], row["p99_ms"]) == (4, 1, 2.0, None)
    assert not math.isnan(row["p50_ms"])


def test_terms_have_a_hundred_thousand_subjects():
    assert Terms(1, 1, 1.0, []).subjects == 100_000
