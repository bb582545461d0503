"""What a label may hold: only names of the list, only values that somebody made known, only so many of them."""

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from penstock.ops.health import RoleServer
from penstock.ops.metrics import ExchangeMetrics, GatewayMetrics, PublisherMetrics, RoleMetrics, read_page
from penstock.ops.metrics.families import MOST_CHILDREN, Families
from penstock.ops.metrics.weighted import WeightedHistogram
from penstock.ops.metrics.words import ALLOWED, Words
from penstock.schemas.errors import ConfigurationError
from penstock.schemas.observer import BatchCounts


def families():
    return Families(CollectorRegistry(), Words())


def samples(metrics, name):
    return {tuple(sorted(labels.items())): value for labels, value in read_page(metrics.page().decode()).get(name, [])}


@pytest.mark.parametrize("label", ["subject", "event_id", "national_id", "detail", "path", "topic", "le"])
@pytest.mark.parametrize("kind", ["counter", "gauge", "histogram"])
def test_a_label_that_is_not_of_the_list_is_refused_when_it_is_declared(kind, label):
    with pytest.raises(ConfigurationError, match=f"`penstock_planted`.*`{label}`"):
        getattr(families(), kind)("penstock_planted", "Planted.", "dataset", label)


def test_a_weighted_histogram_is_guarded_too():
    with pytest.raises(ConfigurationError, match=r"`penstock_planted_seconds`.*`subject`"):
        WeightedHistogram(CollectorRegistry(), Words(), "penstock_planted_seconds", "Planted.", "subject")


def test_a_role_with_a_metric_around_the_guard_does_not_start(tmp_path):
    metrics = RoleMetrics()
    Counter("penstock_planted", "Planted.", ["event_id"], registry=metrics.registry).labels("e-1").inc()
    with (
        pytest.raises(ConfigurationError, match=r"`penstock_planted_total`.*`event_id`"),
        RoleServer("gateway", tmp_path, metrics),
    ):
        pass


def test_also_one_that_has_no_series_yet(tmp_path):
    metrics = RoleMetrics()
    Gauge("penstock_planted", "Planted.", ["subject"], registry=metrics.registry)
    with pytest.raises(ConfigurationError, match=r"`penstock_planted`.*`subject`"):
        metrics.verify()


@pytest.mark.parametrize(
    "metrics", [ExchangeMetrics("a"), PublisherMetrics("s", "a"), GatewayMetrics(), RoleMetrics()], ids=type
)
def test_the_roles_own_metrics_pass(metrics):
    metrics.verify()


def test_a_value_that_nobody_made_known_becomes_unknown():
    metrics = ExchangeMetrics("income")
    metrics.generation(1, ["ee-fi"])
    withheld = {"ee-fi": {"purpose": 1, "because Mari said so": 2}, "38001085718": {"purpose": 4}}
    metrics.batch(BatchCounts("income", 7, {"ee-fi": 1, "38001085718": 3}, withheld, {"38001085718": 5}, 0.0), 0.01)
    metrics.batch(BatchCounts("39001085719", 1, {}, {}, {}, 0.0), 0.01)
    assert "8001085718" not in metrics.page().decode()
    assert "9001085719" not in metrics.page().decode()
    assert "Mari" not in metrics.page().decode()
    released = samples(metrics, "penstock_events_released_total")
    assert released == {(("agreement", "ee-fi"),): 1, (("agreement", "unknown"),): 3}
    found = samples(metrics, "penstock_events_withheld_total")
    assert found[("agreement", "ee-fi"), ("reason", "unknown")] == 2
    assert found[("agreement", "unknown"), ("reason", "purpose")] == 4
    assert samples(metrics, "penstock_events_quarantined_total")[("dataset", "income"), ("reason", "unknown")] == 5
    assert samples(metrics, "penstock_events_in_total") == {(("dataset", "income"),): 7, (("dataset", "unknown"),): 1}


def test_a_value_is_counted_by_name_from_when_it_is_known():
    found = families()
    counter = found.counter("penstock_planted_total", "Planted.", "agreement")
    counter["a",].inc()
    found.words.know("agreement", ["a"])
    counter["a",].inc(2)
    assert [child._value.get() for child in counter.values()] == [1, 2]
    assert list(counter) == [("unknown",), ("a",)]


def test_unknown_values_take_no_memory():
    counter = families().counter("penstock_planted_total", "Planted.", "agreement", "reason")
    for number in range(10_000):
        counter[f"a{number}", f"r{number}"].inc()
    assert list(counter) == [("unknown", "unknown")]


def test_a_family_has_so_many_children_and_no_more():
    found = families()
    found.words.know("agreement", map(str, range(2 * MOST_CHILDREN)))
    counter = found.counter("penstock_planted_total", "Planted.", "agreement")
    for number in range(2 * MOST_CHILDREN):
        counter[str(number),].inc()
    assert len(counter) == MOST_CHILDREN + 1
    assert counter["unknown",]._value.get() == MOST_CHILDREN


def test_every_label_is_either_of_codes_or_of_ids():
    assert {"dataset", "agreement", "principal", "reason", "state"} <= ALLOWED
    assert not ALLOWED & {"subject", "event", "event_id", "key", "handle", "detail", "message", "path"}
