"""The compiled programs of a lane's writers, one after the other as they are met."""

from collections.abc import Sequence

from ...schemas.confluent_wire import HEAD_BYTES
from ..compiled.written import Written
from ..outcome import Input
from ..served_by_writer import ByWriter


class PythonPrograms:
    """As `native.programs.Programs`, for Python."""

    def __init__(self, compiled: ByWriter) -> None:
        self._compiled = compiled
        self._known: set[bytes] = set()
        self.writers: list[Written] = []

    def meet(self, batch: Sequence[Input]) -> bool:
        """Take in the writers of a batch; False where nothing is compiled for any writer met so far."""
        for head in {one.value[:HEAD_BYTES] for one in batch if one.value} - self._known:
            written = self._compiled.get(head)
            if written is not None:
                self._known.add(head)
                self.writers.append(written)
        return bool(self.writers)

    def reads(self, number: int) -> list[list[tuple[int, int]]]:
        """Return by writer the places between which the predicate of a view reads."""
        return [one.read_by(number) for one in self.writers]

    def knows(self, writer: int, number: int) -> bool:
        """Say whether a view of a writer's events is compiled."""
        return self.writers[writer].views[number] is not None
