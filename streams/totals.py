"""Totals of an ecosystem, read from the audit log: what was published, refused, released, withheld, ever."""

from dataclasses import dataclass, field
from typing import Any

from ..schemas.errors import RecordError
from ..schemas.versioned import unpack
from .settings import Cluster
from .tail import Tail
from .topics import AUDIT


@dataclass(slots=True)
class AgreementTotals:
    """One agreement's counts."""

    delivered: int = 0
    withheld: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0


@dataclass(slots=True)
class DatasetTotals:
    """One dataset's counts: records committed to its provider topic, as far as the exchange has seen them."""

    published: int = 0
    processed: int = 0
    quarantined: int = 0


class Totals:
    """Follows the audit log. The counts are those of committed transactions, so they never count anything twice."""

    def __init__(self, cluster: Cluster) -> None:
        self.datasets: dict[str, DatasetTotals] = {}
        self.agreements: dict[str, AgreementTotals] = {}
        self._tail = Tail(cluster, AUDIT)

    def catch_up(self) -> None:
        """Take in everything up to the end as of now."""
        for entry in self._tail.to_end():
            self._take(entry.value)

    def poll(self) -> None:
        """Take in what has come."""
        for entry in self._tail.poll():
            self._take(entry.value)

    def _take(self, value: bytes | None) -> None:
        try:
            record: dict[str, Any] = unpack(value)
        except RecordError:
            return  # not ours to count; `audit verify` is where it matters
        dataset = self.datasets.setdefault(str(record.get("dataset", "")), DatasetTotals())
        if record.get("kind") == "publisher":
            dataset.published += record["published"]
            dataset.quarantined += record["quarantined"]
        elif record.get("kind") == "exchange":
            dataset.processed += sum(records for _, _, records in record["inputs"].values())
            dataset.quarantined += record["refused"]
            for key, counts in record["agreements"].items():
                self._take_agreement(self.agreements.setdefault(key, AgreementTotals()), dataset, counts)

    def _take_agreement(self, totals: AgreementTotals, dataset: DatasetTotals, counts: dict[str, Any]) -> None:
        totals.delivered += counts["released"]
        totals.quarantined += counts["quarantined"]
        dataset.quarantined += counts["quarantined"]
        for reason, number in counts["withheld"].items():
            totals.withheld[reason] = totals.withheld.get(reason, 0) + number

    def close(self) -> None:
        self._tail.close()
