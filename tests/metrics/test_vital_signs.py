"""What a role depends on: operations are told, and a check in a thread of its own says whether it is well."""

import sqlite3
import threading
import time

import pytest

from penstock.ops import periodic
from penstock.ops.metrics import ExchangeMetrics, read_page
from penstock.ops.periodic import Periodic
from penstock.ops.store.engine import open_sqlite
from penstock.ops.store.kms_file import FileKms
from penstock.ops.store.observed import ObservedKeyStore, ObservedKms
from penstock.ops.timed import ObservedSchemas
from penstock.schemas.errors import (
    KeyUnavailableError,
    PenstockError,
    RefusedError,
    UnavailableError,
)
from penstock.schemas.ports import SubjectWant


def counted(metrics, name):
    return {
        (labels["operation"], labels["outcome"]): value
        for labels, value in read_page(metrics.page().decode())[name]
        if value
    }


@pytest.fixture
def metrics():
    return ExchangeMetrics("income")


@pytest.fixture
def keys(tmp_path, metrics):
    told = metrics.dependencies
    kms = ObservedKms(FileKms(tmp_path / "kek", create=True), told.kms)
    return ObservedKeyStore(open_sqlite(tmp_path / "store.db"), kms, "", told.store)


def test_questions_to_the_key_store_are_counted_and_timed(keys, metrics):
    want = SubjectWant(b"r" * 16, "d", "a")
    handle = keys.subject_keys([want])[want].handle
    keys.subject_keys([want])  # from memory
    keys.bulk_key("a", "w")
    keys.open_keys("a", [handle])
    assert len(keys.noise_secret("d", "2026-01")) == 32
    found = counted(metrics, "penstock_store_operations_total")
    assert found == {("load_keys", "ok"): 1, ("bulk_key", "ok"): 1, ("open_keys", "ok"): 1, ("secret", "ok"): 2}
    page = read_page(metrics.page().decode())
    assert {labels["operation"]: value for labels, value in page["penstock_store_operation_seconds_count"]} == {
        "load_keys": 1,
        "bulk_key": 1,
        "open_keys": 1,
        "secret": 2,
    }
    assert counted(metrics, "penstock_kms_operations_total")["unwrap", "ok"] == 4


def test_a_locked_store_is_counted_as_unavailable(keys, metrics, tmp_path):
    keys.reference_secret()
    engine = keys._engine
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA busy_timeout=50")
    locking = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    locking.execute("BEGIN EXCLUSIVE")
    with pytest.raises(UnavailableError):
        keys.bulk_key("a", "w")
    locking.close()
    assert counted(metrics, "penstock_store_operations_total")["bulk_key", "unavailable"] == 1


def test_a_kms_that_does_not_open_is_counted_as_an_error(tmp_path, metrics):
    kms = ObservedKms(FileKms(tmp_path / "kek", create=True), metrics.dependencies.kms)
    with pytest.raises(KeyUnavailableError):
        kms.unwrap(bytes(80), b"c")
    assert kms.health() is None
    (tmp_path / "kek").unlink()
    assert kms.health() is not None
    assert counted(metrics, "penstock_kms_operations_total") == {("unwrap", "error"): 1, ("health", "ok"): 2}


@pytest.mark.parametrize(
    ("failure", "outcome"),
    [(UnavailableError("no answer"), "unavailable"), (RefusedError("not you"), "error"), (None, "ok")],
)
def test_look_ups_in_the_registry_are_counted(metrics, failure, outcome):
    class Schemas:
        def schema(self, _):
            if failure:
                raise failure

    observed = ObservedSchemas(Schemas(), metrics.registry_operations)
    if failure is None:
        assert observed.schema(7) is None
    else:
        with pytest.raises(type(failure)):
            observed.schema(7)
    assert counted(metrics, "penstock_registry_operations_total") == {("schema", outcome): 1}


def test_a_check_tells_when_it_turns_and_turns_back(wait_until, caplog):
    failing = threading.Event()

    def check():
        if failing.is_set():
            raise PenstockError("it is away")

    with Periodic("planted", check, every_s=0.01) as watch:
        assert watch.is_well
        failing.set()
        wait_until(lambda: not watch.is_well)
        failing.clear()
        wait_until(lambda: watch.is_well)
    said = [record.getMessage() for record in caplog.records]
    assert said == ["planted: it is away", "planted: well again"]


def test_a_check_that_breaks_is_not_well_and_quotes_nothing(wait_until, caplog):
    def check():
        raise ValueError("38001085718")

    with Periodic("planted", check, every_s=0.01) as watch:
        wait_until(lambda: not watch.is_well)
    assert [record.getMessage() for record in caplog.records] == ["planted: ValueError"]


def test_a_check_that_never_ends_is_not_well(wait_until, monkeypatch):
    monkeypatch.setattr(periodic, "OVERDUE_S", 0.1)
    hanging = threading.Event()
    with Periodic("planted", hanging.wait, every_s=0.01) as watch:
        wait_until(lambda: not watch.is_well)
        hanging.set()
        wait_until(lambda: watch.is_well)


def test_the_lag_of_a_slot_that_stands_still_grows(metrics, wait_until, monkeypatch):
    metrics.idle("income")
    now = time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 90)
    ((_, lag),) = read_page(metrics.page().decode())["penstock_lag_seconds"]
    assert 89 < lag < 91
