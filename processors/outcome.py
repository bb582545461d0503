"""What follows from a batch: nouns that a lane fills and the exchange writes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Input(NamedTuple):
    """A record of the provider topic."""

    partition: int
    offset: int
    value: bytes | None


class Output(NamedTuple):
    """A record for a view topic; it keeps its input's partition."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that goes to quarantine: whole, or (with `agreement`) only that agreement's view of it."""

    source: Input
    reason: str
    detail: str
    subject: bytes | None = None
    schema_id: int | None = None
    agreement: str | None = None


@dataclass(slots=True)
class Tally:
    """One agreement's counts in a batch. `encrypted` counts field values."""

    released: int = 0
    withheld: dict[str, int] = field(default_factory=dict)
    quarantined: int = 0
    encrypted: int = 0

    def withhold(self, reason: str) -> None:
        self.withheld[reason] = self.withheld.get(reason, 0) + 1


class Disclosure(NamedTuple):
    """What became of one personal event for each agreement, told for one of its data subjects."""

    subject: bytes
    source: Input
    decisions: Mapping[str, str]


@dataclass(slots=True)
class Outcome:
    """Everything that follows from a batch.

    `unclassified` counts what releases left out, by path; `unknown_fields` each field of each event that the contract
    does not know, released or not.
    """

    outputs: list[Output] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    disclosures: list[Disclosure] = field(default_factory=list)
    tallies: dict[str, Tally] = field(default_factory=dict)
    unclassified: dict[str, int] = field(default_factory=dict)
    unknown_fields: int = 0
