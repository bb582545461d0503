"""An exchange slot's metrics."""

import time
from collections.abc import Collection, Mapping

from ...schemas.observer import BatchCounts
from .operations import Operations
from .transactions import TransactionMetrics
from .weighted import WeightedHistogram
from .words import REGISTRY_OPERATIONS

STILL_S = 1.0


class ExchangeMetrics(TransactionMetrics):
    """An exchange slot's metrics; an `ExchangeObserver`."""

    def __init__(self, dataset: str) -> None:
        super().__init__(dataset)
        self.registry_operations = Operations(
            self.families, "registry", "Operations on the schema registry", REGISTRY_OPERATIONS
        )
        self._in = self.families.counter("penstock_events_in_total", "Events read and dealt with.", "dataset")
        self._released = self.families.counter(
            "penstock_events_released_total", "Events released into a view.", "agreement"
        )
        self._withheld = self.families.counter(
            "penstock_events_withheld_total", "Events withheld from a view.", "agreement", "reason"
        )
        self._encrypted = self.families.counter(
            "penstock_fields_encrypted_total", "Field values encrypted for a view.", "agreement"
        )
        self._lag = self.families.gauge(
            "penstock_lag_seconds", "How long the oldest event of a batch waited.", "dataset"
        )
        self._behind = self.families.gauge(
            "penstock_agreement_behind_records", "Offsets that an agreement is still to catch up with.", "agreement"
        )
        self._parked = self.families.gauge(
            "penstock_agreement_parked", "1 while an agreement's view topic or key fails.", "agreement"
        )
        self._generation = self.families.single("penstock_generation", "The generation acted on.")
        self._batch_seconds = self.families.histogram(
            "penstock_batch_seconds", "From the end of the last batch, or the last idle moment, to a commit."
        )
        self._latency = WeightedHistogram(
            self.registry,
            self.words,
            "penstock_publish_commit_seconds",
            "From an event's append to its provider topic to the commit of its views.",
            "dataset",
        )
        self._last = time.monotonic()
        self._in[dataset,].inc(0)
        self._lag_s = 0.0
        self._lag[dataset,].set_function(self._lag_now)
        self._latency.observe(dataset, ())

    def batch(self, counts: BatchCounts, seconds: float) -> None:
        self._in[counts.dataset,].inc(counts.events)
        for agreement, count in counts.released.items():
            self._released[agreement,].inc(count)
        for agreement, reasons in counts.withheld.items():
            for reason, count in reasons.items():
                self._withheld[agreement, reason].inc(count)
        for agreement, count in counts.encrypted.items():
            self._encrypted[agreement,].inc(count)
        self._left_out(counts.dataset, counts.unclassified)
        if counts.lag_seconds is not None:
            self._lag_s = counts.lag_seconds
        now_s = time.time()
        took = ((max(0.0, now_s - at_ms / 1000), events) for at_ms, events in counts.appended.items())
        self._latency.observe(counts.dataset, took)
        self._committed(counts.dataset, counts.quarantined, seconds)
        now = time.monotonic()
        self._batch_seconds[()].observe(now - self._last)
        self._last = now

    def idle(self, dataset: str) -> None:  # noqa: ARG002 - the protocol's signature
        self._lag_s = 0.0
        self._last = time.monotonic()

    def behind(self, records: Mapping[str, int], parked: Collection[str]) -> None:
        for gauge, values in ((self._behind, records), (self._parked, dict.fromkeys(parked, 1))):
            for (agreement,), child in list(gauge.items()):
                child.set(values.get(agreement, 0))
            for agreement, value in values.items():
                gauge[agreement,].set(value)

    def generation(self, number: int, agreements: Collection[str] = ()) -> None:
        self.words.know("agreement", agreements)
        self._generation.set(number)
        for agreement in agreements:
            self._released[agreement,].inc(0)
            self._encrypted[agreement,].inc(0)
            self._behind[agreement,].inc(0)
            self._parked[agreement,].inc(0)

    def _lag_now(self) -> float:
        """Return the lag as it was last told, and what has passed since where the slot has done nothing for a while."""
        still_s = time.monotonic() - self._last
        return self._lag_s + (still_s if still_s > STILL_S else 0.0)
