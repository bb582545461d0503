"""The programs of a lane as the extension holds them, one writer after the other as they are met."""

from collections.abc import Sequence
from typing import Protocol

from ...schemas.confluent_wire import HEAD_BYTES
from ...schemas.contract import DataContract
from ...schemas.limits import MAX_RECORD_BYTES
from ..compiled.written import Written
from ..outcome import Input
from ..served_by_writer import ByWriter
from .extension import Extension, Lane
from .inside import Data
from .program import writer_data

Reads = list[list[tuple[int, int]]]
"""By writer, the places between which a predicate reads."""


class ProgramsMet(Protocol):
    """The programs of the writers met so far."""

    @property
    def writers(self) -> Sequence[Written]: ...

    def reads(self, number: int) -> Reads:
        """Return what the predicate of a view reads."""
        ...

    def knows(self, writer: int, number: int) -> bool:
        """Say whether a view of a writer's events is made by a program."""
        ...


class Programs:
    """Gives the extension a writer's programs when the first of its records comes.

    `whole`: it makes every view of every writer met so far.
    """

    def __init__(self, extension: Extension, contract: DataContract, compiled: ByWriter) -> None:
        self._extension = extension
        self._contract = contract
        self._compiled = compiled
        self._known: set[bytes] = set()
        self._data: list[Data] = []
        self._lane: Lane | None = None
        self.whole = True
        self.writers: list[Written] = []

    def lane(self, batch: Sequence[Input]) -> Lane | None:
        """Return the programs for a batch; None where the extension can do nothing about it."""
        for head in {one.value[:HEAD_BYTES] for one in batch if one.value} - self._known:
            written = self._compiled.get(head)
            if written is not None:
                self._known.add(head)
                self._add(written)
        return self._lane

    def reads(self, number: int) -> Reads:
        """Return what the predicate of a view reads."""
        return [one.read_by(number) for one in self.writers]

    def knows(self, writer: int, number: int) -> bool:
        """Say whether the extension makes a view of a writer's events."""
        return self._data[writer][-1][number] is not None

    def _add(self, written: Written) -> None:
        data = writer_data(self._contract, written)
        if data is None:
            return
        subjects = len(self._contract.subject_paths)
        try:
            self._lane = self._extension.Lane([*self._data, data], subjects, MAX_RECORD_BYTES)
        except (ValueError, OverflowError):
            return  # beyond what it knows or counts: as if there were no program
        self._data.append(data)
        self.writers.append(written)
        self.whole &= all(view is not None for view in data[-1])
