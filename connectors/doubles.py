"""Sources for tests, here and in an agency's own: one over a list, and one that fails when told to."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ..schemas.ports import Source, SourceRecord
from ..schemas.reasons import Refusal


class Pause:
    """Stands between the items of a `ListSource` where there is nothing to read for a moment."""


PAUSE: Final = Pause()


@dataclass(frozen=True, slots=True)
class Refused:
    """An item of a `ListSource` that the source itself refuses."""

    reason: Refusal
    detail: str = ""
    raw: bytes | None = None


Item = Mapping[str, Any] | Refused | Pause


class ListSource:
    """Gives the items of a list, resumes at any position, and remembers every commit in `commits`.

    After the last item it gives empty batches until stopped. `finishes` names the whole list, if that is wanted.
    """

    def __init__(self, items: Sequence[Item], *, text: bool = False, finishes: str | None = None) -> None:
        self.commits: list[Mapping[str, Any]] = []
        self._items = items
        self._text = text
        self._finishes = finishes
        self._stopped = threading.Event()
        self._next = 0

    @property
    def text(self) -> bool:
        return self._text

    def open(self, position: Mapping[str, Any] | None, finished: Callable[[str], bool]) -> None:
        whole = self._finishes is not None and finished(self._finishes)
        self._next = len(self._items) if whole else int(position["item"]) if position else 0

    def batches(self, limit: int) -> Iterator[list[SourceRecord]]:
        while not self._stopped.is_set():
            yield self._batch(limit)

    def committed(self, position: Mapping[str, Any]) -> None:
        self.commits.append(position)

    def stop(self) -> None:
        self._stopped.set()

    def _batch(self, limit: int) -> list[SourceRecord]:
        batch: list[SourceRecord] = []
        while len(batch) < limit and self._next < len(self._items):
            item = self._items[self._next]
            self._next += 1
            if isinstance(item, Pause):
                break
            batch.append(self._record(item))
        return batch

    def _record(self, item: Mapping[str, Any] | Refused) -> SourceRecord:
        place, position = f"list:item {self._next}", {"item": self._next}
        finishes = self._finishes if self._next == len(self._items) else None
        if isinstance(item, Refused):
            return SourceRecord(position, place, None, item.reason, item.detail, item.raw, finishes=finishes)
        return SourceRecord(position, place, item, finishes=finishes)


class FaultySource:
    """Another source, but for faults, each of which happens once; numbers go on over `open`.

    `before` maps the number of a batch (from 1) to the error raised instead of it, `on_commit` the number of a commit
    to the error raised after it.
    """

    def __init__(
        self,
        inner: Source,
        *,
        before: Mapping[int, Exception] | None = None,
        on_commit: Mapping[int, Exception] | None = None,
    ) -> None:
        self._inner = inner
        self._before = dict(before or {})
        self._on_commit = dict(on_commit or {})
        self._batches = 0
        self._commits = 0

    @property
    def text(self) -> bool:
        return self._inner.text

    def open(self, position: Mapping[str, Any] | None, finished: Callable[[str], bool]) -> None:
        self._inner.open(position, finished)

    def batches(self, limit: int) -> Iterator[list[SourceRecord]]:
        given = self._inner.batches(limit)
        while True:
            if fault := self._before.pop(self._batches + 1, None):
                self._batches += 1
                raise fault
            batch = next(given, None)
            if batch is None:
                return
            self._batches += 1
            yield batch

    def committed(self, position: Mapping[str, Any]) -> None:
        self._inner.committed(position)
        self._commits += 1
        if fault := self._on_commit.pop(self._commits, None):
            raise fault

    def stop(self) -> None:
        self._inner.stop()
