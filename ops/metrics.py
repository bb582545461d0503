"""Prometheus metrics of the roles: counted once a batch, labels only of ids and codes that the documents bound."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest

from ..schemas.observer import BatchCounts, PublishCounts

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_COMMITTED = "committed"

Labels = tuple[str, ...]


class _Children(dict[Labels, Any]):
    """The children of a labelled metric by their labels, looked up in the client library once each."""

    def __init__(self, family: Counter | Gauge) -> None:
        super().__init__()
        self._family = family

    def __missing__(self, labels: Labels) -> Any:
        child = self[labels] = self._family.labels(*labels)
        return child


@dataclass(frozen=True, slots=True)
class Health:
    """A role's state since when (seconds since the epoch); `reason` says what a role that waits waits for."""

    state: str
    since: float
    reason: str = ""


class RoleMetrics:
    """What every role has: a registry of its own and its health.

    A role may work in several threads, each of which tells its own state; the role is as well as the worst of them.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._states: dict[str, Health] = {}
        self._begun = Health("starting", time.time())

    def state(self, state: str, reason: str) -> None:
        """Tell the calling thread's state. Cheap when nothing changed."""
        thread = threading.current_thread().name
        before = self._states.get(thread)
        if before is None or (before.state, before.reason) != (state, reason):
            since = before.since if before is not None and before.state == state else time.time()
            self._states[thread] = Health(state, since, reason)

    @property
    def health(self) -> Health:
        told = list(self._states.values())
        unwell = [one for one in told if one.state != "running"]
        if unwell:
            return min(unwell, key=lambda one: one.since)
        return max(told, key=lambda one: one.since, default=self._begun)

    def page(self) -> bytes:
        """Return the metrics in Prometheus' text format."""
        return generate_latest(self.registry)

    def _counter(self, name: str, about: str, *labels: str) -> Counter:
        return Counter(name, about, labels, registry=self.registry)

    def _histogram(self, name: str, about: str) -> Histogram:
        return Histogram(name, about, registry=self.registry, buckets=_SECONDS)


class _TransactionMetrics(RoleMetrics):
    """What roles have that write to Kafka in transactions."""

    def __init__(self) -> None:
        super().__init__()
        self._quarantined = _Children(
            self._counter("penstock_events_quarantined_total", "Records that went to quarantine.", "dataset", "reason")
        )
        self._transactions = _Children(
            self._counter("penstock_transactions_total", "Kafka transactions by how they ended.", "outcome")
        )
        self._seconds = self._histogram("penstock_transaction_seconds", "From beginning a transaction to its commit.")

    def aborted(self) -> None:
        self._transactions["aborted",].inc()

    def _committed(self, dataset: str, quarantined: Mapping[str, int], seconds: float) -> None:
        for reason, count in quarantined.items():
            self._quarantined[dataset, reason].inc(count)
        self._transactions[_COMMITTED,].inc()
        self._seconds.observe(seconds)


class ExchangeMetrics(_TransactionMetrics):
    """An exchange slot's metrics; an `ExchangeObserver`."""

    def __init__(self, dataset: str) -> None:
        super().__init__()
        self._in = _Children(self._counter("penstock_events_in_total", "Events read and dealt with.", "dataset"))
        self._released = _Children(
            self._counter("penstock_events_released_total", "Events released into a view.", "agreement")
        )
        self._withheld = _Children(
            self._counter("penstock_events_withheld_total", "Events withheld from a view.", "agreement", "reason")
        )
        self._lag = _Children(
            Gauge(
                "penstock_lag_seconds",
                "How long the newest event waited to be read.",
                ["dataset"],
                registry=self.registry,
            )
        )
        self._generation = Gauge("penstock_generation", "The generation acted on.", registry=self.registry)
        self._batch_seconds = self._histogram(
            "penstock_batch_seconds", "From the end of the last batch, or the last idle moment, to a commit."
        )
        self._last = time.monotonic()
        self._in[dataset,].inc(0)
        self._lag[dataset,].set(0)

    def batch(self, counts: BatchCounts, seconds: float) -> None:
        self._in[counts.dataset,].inc(counts.events)
        for agreement, count in counts.released.items():
            self._released[agreement,].inc(count)
        for agreement, reasons in counts.withheld.items():
            for reason, count in reasons.items():
                self._withheld[agreement, reason].inc(count)
        self._lag[counts.dataset,].set(counts.lag_seconds)
        self._committed(counts.dataset, counts.quarantined, seconds)
        now = time.monotonic()
        self._batch_seconds.observe(now - self._last)
        self._last = now

    def idle(self, dataset: str) -> None:
        self._lag[dataset,].set(0)
        self._last = time.monotonic()

    def generation(self, number: int) -> None:
        self._generation.set(number)


class PublisherMetrics(_TransactionMetrics):
    """The metrics of a role that runs publishers, one or several; a `PublisherObserver`."""

    def __init__(self) -> None:
        super().__init__()
        self._published = _Children(
            self._counter("penstock_published_total", "Records published to their provider topic.", "source")
        )

    def published(self, counts: PublishCounts, seconds: float) -> None:
        self._published[counts.source,].inc(counts.published)
        self._committed(counts.dataset, counts.quarantined, seconds)


class GatewayMetrics(RoleMetrics):
    """The gateway's metrics: its health and its process."""


def read_page(page: str) -> Mapping[str, list[tuple[Mapping[str, str], float]]]:
    """Return the samples of a page in Prometheus' text format: (labels, value) by sample name."""
    from prometheus_client.parser import text_string_to_metric_families

    samples: dict[str, list[tuple[Mapping[str, str], float]]] = {}
    for family in text_string_to_metric_families(page):
        for sample in family.samples:
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples
