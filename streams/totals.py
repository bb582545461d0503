"""Totals of an ecosystem, read from the audit log: what was published, refused, released, withheld, ever."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..schemas.errors import RecordError
from ..schemas.reasons import Reason
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

    def take_up(self, records: int) -> None:
        """Count records that were put aside as decided: what is left under `parked` is still to come."""
        left = self.withheld.pop(Reason.PARKED, 0) - records
        if left > 0:
            self.withheld[Reason.PARKED] = left

    def add(self, other: "AgreementTotals") -> None:
        self.delivered += other.delivered
        self.quarantined += other.quarantined
        for reason, number in other.withheld.items():
            self.withheld[reason] = self.withheld.get(reason, 0) + number


@dataclass(slots=True)
class DatasetTotals:
    """One dataset's counts: records committed to its provider topic, as far as the exchange has seen them.

    `duplicates` were discarded by publishers; `flagged` counts published events by quality flag;
    `unclassified` values of fields that no contract knows, left out at the door or by every view.
    """

    published: int = 0
    processed: int = 0
    quarantined: int = 0
    duplicates: int = 0
    flagged: dict[str, int] = field(default_factory=dict)
    unclassified: int = 0


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
            record = unpack(value)
            take = {"publisher": self._published, "exchange": self._exchanged}[record["kind"]]
            take(record)
        except (RecordError, KeyError, TypeError, AttributeError, ValueError):
            return  # not ours to count; `audit verify` is where it matters

    def _published(self, record: Mapping[str, Any]) -> None:
        """Count a record, or raise before anything of it is counted."""
        published, quarantined = int(record["published"]), int(record["quarantined"])
        duplicates, unclassified = int(record.get("duplicates", 0)), int(record.get("unclassified", 0))
        flagged = {flag: int(number) for flag, number in record.get("flagged", {}).items()}
        dataset = self.datasets.setdefault(record["dataset"], DatasetTotals())
        dataset.published += published
        dataset.quarantined += quarantined
        dataset.duplicates += duplicates
        dataset.unclassified += unclassified
        for flag, number in flagged.items():
            dataset.flagged[flag] = dataset.flagged.get(flag, 0) + number

    def _exchanged(self, record: Mapping[str, Any]) -> None:
        """Count a record, or raise before anything of it is counted."""
        first_lane = not record.get("lane") and not record.get("catch_up")  # the others read the same records again
        processed = sum(int(records) for _, _, records in record["inputs"].values()) if first_lane else 0
        counts = {key: _counted(one) for key, one in record["agreements"].items()}
        taken_up = int(record.get("taken_up", 0))
        refused = int(record["refused"])
        unclassified = sum(int(number) for number in record["unclassified"].values())
        dataset = self.datasets.setdefault(record["dataset"], DatasetTotals())
        dataset.processed += processed
        dataset.quarantined += refused
        dataset.unclassified += unclassified
        for key, one in counts.items():
            dataset.quarantined += one.quarantined
            self.agreements.setdefault(key, AgreementTotals()).add(one)
        if taken_up:
            self.agreements[record["catch_up"]].take_up(taken_up)

    def close(self) -> None:
        self._tail.close()


def _counted(record: Mapping[str, Any]) -> AgreementTotals:
    withheld = {reason: int(number) for reason, number in record["withheld"].items()}
    return AgreementTotals(int(record["released"]), withheld, int(record["quarantined"]))
