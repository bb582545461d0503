"""What roles have that write to Kafka in transactions."""

from collections.abc import Mapping

from ...schemas.reasons import Refusal
from .operations import Dependencies
from .role import RoleMetrics

_COMMITTED, _ABORTED = "committed", "aborted"


class TransactionMetrics(RoleMetrics):
    """The metrics of a role that writes to Kafka in transactions."""

    def __init__(self, dataset: str) -> None:
        super().__init__()
        self.words.know("dataset", [dataset])
        self.dependencies = Dependencies(self.families)
        self._quarantined = self.families.counter(
            "penstock_events_quarantined_total", "Records that went to quarantine.", "dataset", "reason"
        )
        self._transactions = self.families.counter(
            "penstock_transactions_total", "Kafka transactions by how they ended.", "outcome"
        )
        self._seconds = self.families.histogram(
            "penstock_transaction_seconds", "From beginning a transaction to its commit."
        )
        self._unclassified = self.families.counter(
            "penstock_fields_unclassified_total", "Values of fields that no contract knows.", "dataset"
        )
        self._unclassified[dataset,].inc(0)
        for outcome in (_COMMITTED, _ABORTED):
            self._transactions[outcome,].inc(0)
        for refusal in Refusal:
            self._quarantined[dataset, refusal].inc(0)

    def aborted(self) -> None:
        self._transactions[_ABORTED,].inc()

    def _left_out(self, dataset: str, fields: int) -> None:
        self._unclassified[dataset,].inc(fields)

    def _committed(self, dataset: str, quarantined: Mapping[str, int], seconds: float) -> None:
        for reason, count in quarantined.items():
            self._quarantined[dataset, reason].inc(count)
        self._transactions[_COMMITTED,].inc()
        self._seconds[()].observe(seconds)
