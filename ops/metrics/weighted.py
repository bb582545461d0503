"""A histogram of many events at once: one call a batch, whatever the number of events in it."""

import threading
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

from .words import Words, refuse_labels

LATENCY_S = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_INFINITE = "+Inf"


class WeightedHistogram(Collector):
    """A histogram with one label, in which one observation counts for several events."""

    def __init__(self, registry: CollectorRegistry, words: Words, name: str, about: str, label: str) -> None:
        refuse_labels(name, [label])
        self._name, self._about, self._label, self._words = name, about, label, words
        self._lock = threading.Lock()
        self._buckets: dict[str, list[int]] = {}
        self._sums: dict[str, float] = {}
        registry.register(self)

    def observe(self, value: str, seconds: Iterable[tuple[float, int]]) -> None:
        """Count events: how many took how many seconds. None at all makes the series appear, at zero."""
        (known,) = self._words.bounded([self._label], [value])
        with self._lock:
            buckets = self._buckets.setdefault(known, [0] * (len(LATENCY_S) + 1))
            total = self._sums.get(known, 0.0)
            for took, events in seconds:
                buckets[bisect_left(LATENCY_S, took)] += events
                total += took * events
            self._sums[known] = total

    def describe(self) -> Iterator[HistogramMetricFamily]:
        yield HistogramMetricFamily(self._name, self._about, labels=[self._label])

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(self._name, self._about, labels=[self._label])
        with self._lock:
            for value, buckets in self._buckets.items():
                family.add_metric([value], _cumulative(buckets), self._sums[value])
        yield family


def _cumulative(buckets: Sequence[int]) -> list[tuple[str, float]]:
    found, total = [], 0
    for bound, events in zip([*map(str, LATENCY_S), _INFINITE], buckets, strict=True):
        total += events
        found.append((bound, float(total)))
    return found
