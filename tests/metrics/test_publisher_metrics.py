"""What a source's role tells: silence, its promise, its edge, the flags that its contract can raise."""

import time
from types import SimpleNamespace

import pytest

from penstock.ops.metrics import PublisherMetrics, read_page
from penstock.schemas.observer import PublishCounts


@pytest.fixture
def metrics():
    made = PublisherMetrics("sensors", "air")
    charter = SimpleNamespace(members=[SimpleNamespace(id="city")])
    contract = SimpleNamespace(id="air", quality=[SimpleNamespace(flag="late"), SimpleNamespace(flag="range:pm10")])
    made.know(charter, contract, "PT10M")
    return made


def samples(metrics, name):
    return {tuple(labels.values()): value for labels, value in read_page(metrics.page().decode()).get(name, [])}


def silence(metrics):
    return samples(metrics, "penstock_source_silence_seconds")["sensors",]


def hour_ago(metrics):
    metrics.heard(round((time.time() - 3600) * 1000))


def test_silence_is_counted_from_before_the_process(metrics):
    assert silence(metrics) < 60
    hour_ago(metrics)
    assert 3590 < silence(metrics) < 3660


@pytest.mark.parametrize(
    "comes",
    [
        lambda one: one.published(PublishCounts("sensors", "air", 1, {}), 0.1),
        lambda one: one.published(PublishCounts("sensors", "air", 0, {"type": 1}), 0.1),
        lambda one: one.edge.message("taken"),
        lambda one: one.edge.message("unmapped"),
        lambda one: one.edge.queue(1),
    ],
)
def test_what_comes_ends_the_silence_whatever_becomes_of_it(metrics, comes):
    hour_ago(metrics)
    comes(metrics)
    assert silence(metrics) < 60


@pytest.mark.parametrize(
    "comes",
    [
        lambda one: one.edge.message("retained"),
        lambda one: one.edge.queue(0),
        lambda one: one.edge.connected(True),
        lambda one: one.edge.refused("city", "rate"),
        lambda one: one.edge.request(401, 0.01),
    ],
)
def test_what_brings_no_record_does_not(metrics, comes):
    hour_ago(metrics)
    comes(metrics)
    assert silence(metrics) > 3500


def test_a_promise_of_rhythm_is_told_where_there_is_one(metrics):
    assert samples(metrics, "penstock_source_silence_limit_seconds") == {("sensors",): 600}
    assert samples(PublisherMetrics("sensors", "air"), "penstock_source_silence_limit_seconds") == {}


def test_flags_are_those_that_the_contract_can_raise(metrics):
    flagged = {"late": 2, "range:pm10": 1, "range:Mari lives here": 5}
    metrics.published(PublishCounts("sensors", "air", 8, {}, duplicates=3, flagged=flagged, unclassified=4), 0.1)
    assert samples(metrics, "penstock_events_flagged_total") == {
        ("air", "late"): 2,
        ("air", "range:pm10"): 1,
        ("air", "unknown"): 5,
    }
    assert samples(metrics, "penstock_events_duplicate_total") == {("sensors",): 3}
    assert samples(metrics, "penstock_fields_unclassified_total") == {("air",): 4}


def test_a_source_that_lost_its_connection_waits_whatever_its_publisher_says(metrics):
    metrics.state("running", "")
    metrics.edge.connected(True)
    assert metrics.health.state == "running"
    metrics.edge.connected(False, "the broker is away")
    metrics.edge.connected(False)
    metrics.state("running", "")
    assert (metrics.health.state, metrics.health.reason) == ("waiting", "the broker is away")
    metrics.edge.connected(True)
    assert metrics.health.state == "running"


def test_the_edge_is_told_by_the_source_s_name(metrics):
    metrics.edge.request(202, 0.02)
    metrics.edge.request(799, 0.02)
    metrics.edge.queue(7)
    metrics.edge.connected(True)
    metrics.edge.message("taken")
    metrics.edge.refused("city", "rate")
    metrics.edge.refused("mari", "authorization")
    metrics.edge.refused(None, "authentication")
    assert samples(metrics, "penstock_http_requests_total") == {("sensors", "202"): 1, ("sensors", "unknown"): 1}
    assert samples(metrics, "penstock_http_request_seconds_count") == {("sensors",): 2}
    assert samples(metrics, "penstock_source_queue_records") == {("sensors",): 7}
    assert samples(metrics, "penstock_mqtt_connected") == {("sensors",): 1}
    assert samples(metrics, "penstock_mqtt_messages_total") == {("taken", "sensors"): 1}
    assert samples(metrics, "penstock_access_refused_total") == {
        ("ingest", "city", "rate"): 1,
        ("ingest", "unknown", "authorization"): 1,
        ("ingest", "unknown", "authentication"): 1,
    }
