"""A histogram in which one observation counts for many events, against one that counts each by itself."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Histogram, generate_latest

from penstock.ops.metrics import read_page
from penstock.ops.metrics.weighted import LATENCY_S, WeightedHistogram
from penstock.ops.metrics.words import Words

NAME = "penstock_planted_seconds"


def made():
    registry, words = CollectorRegistry(), Words()
    words.know("dataset", ["a", "b"])
    return registry, WeightedHistogram(registry, words, NAME, "Planted.", "dataset")


def counted(registry):
    page = read_page(generate_latest(registry).decode())
    return {
        name: {tuple(sorted(labels.items())): round(value, 6) for labels, value in samples}
        for name, samples in page.items()
    }


seconds = st.one_of(st.sampled_from(LATENCY_S), st.floats(0, 100))


@given(st.lists(st.tuples(st.sampled_from("ab"), seconds, st.integers(0, 40)), max_size=20))
def test_it_counts_like_one_that_is_told_each_event(told):
    registry, histogram = made()
    plain = CollectorRegistry()
    each = Histogram(NAME, "Planted.", ["dataset"], registry=plain, buckets=LATENCY_S)
    for dataset in "ab":
        histogram.observe(dataset, ())
        each.labels(dataset)
    for dataset, took, events in told:
        histogram.observe(dataset, [(took, events)])
        for _ in range(events):
            each.labels(dataset).observe(took)
    assert counted(registry) == counted(plain)


def test_what_no_document_names_is_unknown():
    registry, histogram = made()
    histogram.observe("38001085718", [(0.2, 3)])
    assert counted(registry)[f"{NAME}_count"] == {(("dataset", "unknown"),): 3}


def test_the_buckets_hold_what_service_levels_name():
    assert {0.05, 0.5, 1.0, 2.5, 5.0, 60.0} <= set(LATENCY_S)
