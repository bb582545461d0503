"""What a transaction of the exchange is about: a common batch, or what one agreement is owed of the past."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from ..processors.lane import RELEASED
from ..processors.outcome import Input, Outcome, Refused
from ..processors.turns import Turn
from ..schemas.audit import InputRange
from ..schemas.lane_state import LaneState
from .past import Past
from .runner import Inbound

_input = partial(tuple.__new__, Input)
"""Half the price of the class, once an event."""


class Source(Protocol):
    """The records of a transaction, which offsets they stand for, and what changes in the lane with them."""

    @property
    def records(self) -> Sequence[Inbound]: ...

    @property
    def ranges(self) -> Mapping[int, InputRange]:
        """Per partition, the first offset, the one after the last, and how many records lie between."""
        ...

    @property
    def put_aside(self) -> Mapping[str, Sequence[int]]:
        """By agreement, the partitions whose records are not decided for it here."""
        ...

    @property
    def states(self) -> Sequence[LaneState]: ...

    @property
    def catch_up(self) -> str:
        """The agreement caught up with; empty for a common batch."""
        ...

    @property
    def taken_up(self) -> int:
        """How many of the records were put aside before."""
        ...


@dataclass(frozen=True, slots=True)
class Common:
    """A batch for everybody who is not behind."""

    records: Sequence[Inbound]
    turn: Turn
    catch_up: str = ""
    taken_up: int = 0

    @property
    def states(self) -> Sequence[LaneState]:
        return self.turn.states

    @property
    def ranges(self) -> Mapping[int, InputRange]:
        begins, ends, counts = firsts(self.records), dict[int, int](), Counter[int]()
        for one in self.records:
            ends[one.partition] = one.offset + 1
            counts[one.partition] += 1
        return {partition: InputRange(first, ends[partition], counts[partition]) for partition, first in begins.items()}

    @property
    def put_aside(self) -> Mapping[str, Sequence[int]]:
        found: dict[str, list[int]] = {}
        for partition, agreements in sorted(self.turn.aside.items()):
            for agreement in sorted(agreements):
                found.setdefault(agreement, []).append(partition)
        return found


@dataclass(frozen=True, slots=True)
class Behind:
    """What one agreement is owed. `state` is its state afterwards; before, its records were put aside `since`.

    `nobodys`: offsets of records that reach no agreement, and so were never put aside.
    """

    past: Past
    state: LaneState
    since: int
    nobodys: frozenset[int] = frozenset()

    @property
    def records(self) -> Sequence[Inbound]:
        return self.past.records

    @property
    def ranges(self) -> Mapping[int, InputRange]:
        return {self.state.partition: InputRange(self.past.first, self.past.upto, len(self.past.records))}

    @property
    def put_aside(self) -> Mapping[str, Sequence[int]]:
        return {}

    @property
    def states(self) -> Sequence[LaneState]:
        return (self.state,)

    @property
    def catch_up(self) -> str:
        return self.state.agreement

    @property
    def taken_up(self) -> int:
        return sum(one.offset >= self.since and one.offset not in self.nobodys for one in self.past.records)


def firsts(batch: Sequence[Inbound]) -> dict[int, int]:
    """Return the first offset of each partition of a batch."""
    found: dict[int, int] = {}
    for one in batch:
        found.setdefault(one.partition, one.offset)
    return found


def inputs(records: Sequence[Inbound]) -> list[Input]:
    return [_input((partition, offset, value)) for partition, offset, _, value, _ in records]


def released(outcome: Outcome) -> set[tuple[str, bytes]]:
    """Return of whom something is released, and under which agreement."""
    return {
        (agreement, one.subject)
        for one in outcome.disclosures
        for agreement, decision in one.decisions.items()
        if decision == RELEASED
    }


def of_agreements(outcome: Outcome) -> list[Refused]:
    """Return what was refused to an agreement. What reaches none is put in quarantine by the first lane, once."""
    return [one for one in outcome.refused if one.agreement is not None]
