"""A batch that was read by compiled programs: where the parts of each event lie, and its facts in columns."""

from collections.abc import Callable, Sequence
from typing import Any

from ...schemas.confluent_wire import HEAD_BYTES
from ..compiled.scanning import Unusual
from ..compiled.written import Written
from ..outcome import Input

Positions = tuple[int, ...]
Reader = tuple[int, Callable[[bytes], Positions], Callable[[bytes, Positions], tuple[Any, ...]]]
"""A writer's number, and its `scan` and `facts`."""


def _unknown(_data: bytes) -> Positions:
    raise Unusual


class PythonScan:
    """What `native.extension.Scan` promises, by Python. Of an event that was not taken (writer 0) all is nothing.

    `data`: the records; `lie`: where their parts do; `own`: each event's id, framed.
    """

    def __init__(self, batch: Sequence[Input], writers: Sequence[Written], subjects: int) -> None:
        self.data = [one.value or b"" for one in batch]
        nothing = (b"", 0, *(None,) * subjects)
        read = _read(self.data, writers, nothing)
        numbers, lie, facts = zip(*read, strict=True) if read else ((), (), ())
        columns = list(map(list, zip(*facts, strict=True))) if facts else [[] for _ in nothing]
        self.own, self._days, *self._subjects = columns
        self.lie: Sequence[Positions] = lie
        self._writers = list(numbers)

    def writers(self) -> list[int]:
        return self._writers

    def days(self) -> list[int]:
        return self._days

    def subjects(self, number: int) -> list[bytes | None]:
        return self._subjects[number]

    def event_id(self, event: int) -> str:
        return str(self.own[event][4:].decode())

    def positions(self, event: int) -> Positions:
        return self.lie[event]

    def alike(self, read: Sequence[Sequence[tuple[int, int]]]) -> tuple[list[int], list[int]]:
        """Tell events apart by the parts that `read` names for each writer: one of each kind, and each event's kind."""
        known: dict[Any, int] = {}
        first: list[int] = []
        kinds: list[int] = []
        for event, (writer, data, lie) in enumerate(zip(self._writers, self.data, self.lie, strict=True)):
            if not writer:
                kinds.append(0)
                continue
            shown = (writer, *(data[lie[start] : lie[end]] for start, end in read[writer - 1]))
            kind = known.setdefault(shown, len(first))
            if kind == len(first):
                first.append(event)
            kinds.append(kind)
        return first, kinds


def _read(
    records: Sequence[bytes], writers: Sequence[Written], nothing: tuple[Any, ...]
) -> list[tuple[int, Positions, tuple[Any, ...]]]:
    """Return of each record its writer's number, its positions and its facts."""
    readers: dict[bytes, Reader] = {one.head: (number, one.scan, one.facts) for number, one in enumerate(writers, 1)}
    unknown: Reader = (0, _unknown, lambda *_: nothing)
    found = []
    for data in records:
        number, scan, facts = readers.get(data[:HEAD_BYTES], unknown)
        try:
            positions = scan(data)
            found.append((number, positions, facts(data, positions)))
        except Exception:  # noqa: BLE001 - whatever it is, the slow path finds it again and says it in words
            found.append((0, (), nothing))
    return found
