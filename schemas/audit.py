"""The audit record: one per exchange transaction, one per publisher transaction; no field values.

Wire form: the frame of `versioned`, body as `to_record` gives it. It is committed in the transaction it tells of.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple


class InputRange(NamedTuple):
    """Offsets of one partition: from `first` up to, not including, `end`; `records` of them held data."""

    first: int
    end: int
    records: int


class Counts(NamedTuple):
    """What became of a transaction's records for one agreement."""

    released: int
    withheld: Mapping[str, int]
    quarantined: int


@dataclass(frozen=True, slots=True)
class ExchangeAudit:
    """What one exchange transaction released, under which documents.

    `slot` is the transactional id; `epoch` the instant (ms) at which this incarnation of the slot began.
    `refused` counts records that reached no agreement at all; `unclassified` counts, by path, values of fields that no
    contract knows. `put_aside`: by agreement, the partitions of whose records nothing was decided yet (counted as
    `parked`); a record with `catch_up`, the agreement caught up with, decides them, and `taken_up` counts those among
    its records. `lane`: of the slot, 0 the first one. The record leaves out what is nothing.
    """

    dataset: str
    generation: int
    consent_offset: int
    decided_at_ms: int
    slot: str
    epoch: int
    inputs: Mapping[int, InputRange]
    agreements: Mapping[str, Counts]
    refused: int
    unclassified: Mapping[str, int]
    put_aside: Mapping[str, Sequence[int]] = field(default_factory=dict)
    catch_up: str = ""
    taken_up: int = 0
    lane: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return the record as plain JSON."""
        later = {
            "put_aside": {key: list(partitions) for key, partitions in self.put_aside.items()},
            "catch_up": self.catch_up,
            "taken_up": self.taken_up,
            "lane": self.lane,
        }
        return self._first_keys() | {key: value for key, value in later.items() if value}

    def _first_keys(self) -> dict[str, Any]:
        return {
            "kind": "exchange",
            "dataset": self.dataset,
            "generation": self.generation,
            "consent_offset": self.consent_offset,
            "decided_at_ms": self.decided_at_ms,
            "slot": self.slot,
            "epoch": self.epoch,
            "inputs": {str(partition): list(span) for partition, span in self.inputs.items()},
            "agreements": {
                key: {"released": one.released, "withheld": dict(one.withheld), "quarantined": one.quarantined}
                for key, one in self.agreements.items()
            },
            "refused": self.refused,
            "unclassified": dict(self.unclassified),
        }


@dataclass(frozen=True, slots=True)
class PublisherAudit:
    """What one publisher transaction put on a provider topic, and what it refused at the door.

    `duplicates` counts records that were published before and discarded, `flagged` published events by quality flag,
    `unclassified` fields that no contract knows and that published events lack; the record leaves out what is nothing.
    """

    source: str
    dataset: str
    at_ms: int
    published: int
    quarantined: int
    duplicates: int = 0
    flagged: Mapping[str, int] = field(default_factory=dict)
    unclassified: int = 0

    def to_record(self) -> dict[str, Any]:
        """Return the record as plain JSON."""
        record = {
            "kind": "publisher",
            "source": self.source,
            "dataset": self.dataset,
            "at_ms": self.at_ms,
            "published": self.published,
            "quarantined": self.quarantined,
        }
        later = {
            "duplicates": self.duplicates,
            "flagged": dict(self.flagged),
            "unclassified": self.unclassified,
        }
        return record | {key: value for key, value in later.items() if value}
