"""What roles tell: metrics counted by the batch, health by the worst thread, both over HTTP on the loopback."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from penstock.ops.health import RoleServer, ask, status
from penstock.ops.metrics import ExchangeMetrics, GatewayMetrics, PublisherMetrics, RoleMetrics, read_page
from penstock.ops.processes import read_status, write_status
from penstock.schemas.observer import BatchCounts, ExchangeObserver, PublishCounts, PublisherObserver


def value(metrics: RoleMetrics, name: str, **labels: str) -> float:
    found = [number for own, number in read_page(metrics.page().decode())[name] if own == labels]
    assert len(found) == 1, (name, labels)
    return found[0]


def counts(**changes: Any) -> BatchCounts:
    given: dict[str, Any] = {
        "dataset": "income",
        "events": 10,
        "released": {"ee-fi": 7},
        "withheld": {"ee-fi": {"purpose": 2, "consent": 1}},
        "quarantined": {"avro": 1},
        "lag_seconds": 0.5,
    }
    return BatchCounts(**{**given, **changes})


def test_an_exchange_counts_batches() -> None:
    metrics = ExchangeMetrics("income")
    observer: ExchangeObserver = metrics
    observer.generation(4, ["ee-fi"])
    observer.batch(counts(), 0.02)
    observer.batch(counts(lag_seconds=2.5), 0.03)
    assert value(metrics, "penstock_events_in_total", dataset="income") == 20
    assert value(metrics, "penstock_events_released_total", agreement="ee-fi") == 14
    assert value(metrics, "penstock_events_withheld_total", agreement="ee-fi", reason="purpose") == 4
    assert value(metrics, "penstock_events_withheld_total", agreement="ee-fi", reason="consent") == 2
    assert value(metrics, "penstock_events_quarantined_total", dataset="income", reason="avro") == 2
    assert value(metrics, "penstock_transactions_total", outcome="committed") == 2
    assert value(metrics, "penstock_transaction_seconds_sum") == pytest.approx(0.05)
    assert value(metrics, "penstock_batch_seconds_count") == 2
    assert value(metrics, "penstock_lag_seconds", dataset="income") == 2.5
    assert value(metrics, "penstock_generation") == 4
    observer.idle("income")
    assert value(metrics, "penstock_lag_seconds", dataset="income") == 0


def test_an_exchange_that_did_nothing_yet_shows_its_dataset() -> None:
    assert value(ExchangeMetrics("income"), "penstock_events_in_total", dataset="income") == 0


def test_publishers_count_by_source() -> None:
    metrics = PublisherMetrics("files", "income")
    observer: PublisherObserver = metrics
    observer.published(PublishCounts("files", "income", 5, {"columns": 2}, duplicates=3), 0.01)
    observer.published(PublishCounts("files", "income", 1, {"columns": 1}), 0.01)
    assert value(metrics, "penstock_published_total", source="files") == 6
    assert value(metrics, "penstock_events_duplicate_total", source="files") == 3
    assert value(metrics, "penstock_events_quarantined_total", dataset="income", reason="columns") == 3
    assert value(metrics, "penstock_transactions_total", outcome="committed") == 2


def test_two_roles_in_one_process_do_not_share_metrics() -> None:
    first, second = ExchangeMetrics("a"), ExchangeMetrics("a")
    first.batch(counts(dataset="a"), 0.1)
    assert value(second, "penstock_events_in_total", dataset="a") == 0


def test_a_role_is_as_well_as_the_worst_of_its_threads() -> None:
    metrics = PublisherMetrics("files", "income")
    assert metrics.health.state == "starting"
    metrics.state("running", "")
    assert metrics.health.state == "running"

    def other(state: str, reason: str) -> None:
        thread = threading.Thread(target=metrics.state, args=(state, reason), name="other")
        thread.start()
        thread.join()

    other("waiting", "the registry does not answer")
    metrics.state("running", "")
    assert (metrics.health.state, metrics.health.reason) == ("waiting", "the registry does not answer")
    since = metrics.health.since
    time.sleep(0.01)
    other("waiting", "the broker does not answer")
    assert (metrics.health.since, metrics.health.reason) == (since, "the broker does not answer")
    other("running", "")
    assert metrics.health.state == "running"
    assert metrics.health.since > since


def home(tmp_path: Path) -> Path:
    return tmp_path / ".penstock" / "run"


def test_health_and_metrics_are_served_where_the_file_says(tmp_path: Path) -> None:
    metrics = GatewayMetrics()
    with RoleServer("gateway", home(tmp_path), metrics, url="http://127.0.0.1:1"):
        facts = read_status(home(tmp_path) / "gateway.json")
        assert facts is not None
        assert (facts["role"], facts["pid"], facts["url"]) == ("gateway", os.getpid(), "http://127.0.0.1:1")
        answer = ask(facts["port"], "/health")
        assert answer is not None
        assert (answer[0], json.loads(answer[1])["state"]) == (503, "starting")
        metrics.state("running", "")
        answer = ask(facts["port"], "/health")
        assert answer is not None
        said = json.loads(answer[1])
        assert (answer[0], sorted(said)) == (200, ["pid", "reason", "role", "since", "state"])
        page = ask(facts["port"], "/metrics")
        assert page is not None
        assert page[0] == 200
        assert "process_resident_memory_bytes" in read_page(page[1])
        assert ask(facts["port"], "/nothing") == (404, "/health and /metrics\n")
        (row,) = status(tmp_path)
        assert (row["role"], row["state"], row["url"]) == ("gateway", "running", "http://127.0.0.1:1")
    assert ask(facts["port"], "/health") is None


def test_it_listens_on_the_loopback_only(tmp_path: Path) -> None:
    with RoleServer("a", home(tmp_path), RoleMetrics()) as server:
        assert server._servers[0].address[0] == "127.0.0.1"


def test_a_client_that_says_nothing_keeps_nobody_waiting(tmp_path: Path) -> None:
    with RoleServer("a", home(tmp_path), RoleMetrics()) as server:
        port = server.port
        with socket.create_connection(("127.0.0.1", port)):
            assert ask(port, "/health") is not None


def test_status_tells_waiting_stopped_and_silent_roles_apart(tmp_path: Path) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    write_status(home(tmp_path) / "gone.json", {"role": "gone", "pid": gone.pid, "port": 1})
    write_status(home(tmp_path) / "broker.json", {"pid": os.getpid(), "bootstrap": "127.0.0.1:1"})
    (home(tmp_path) / "damaged.json").write_text("{")
    metrics = RoleMetrics()
    metrics.state("waiting", "the broker does not answer")
    with RoleServer("here", home(tmp_path), metrics) as server, socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        write_status(
            home(tmp_path) / "silent.json", {"role": "silent", "pid": os.getpid(), "port": deaf.getsockname()[1]}
        )
        # A number and a port that by now belong to another role.
        taken = server.port
        write_status(home(tmp_path) / "other.json", {"role": "other", "pid": os.getpid(), "port": taken})
        rows = {row["role"]: (row["state"], row["reason"]) for row in status(tmp_path)}
    assert rows == {
        "gone": ("stopped", ""),
        "here": ("waiting", "the broker does not answer"),
        "silent": ("not answering", ""),
        "other": ("not answering", ""),
    }


def test_an_ecosystem_that_never_ran_has_no_rows(tmp_path: Path) -> None:
    assert status(tmp_path) == []
