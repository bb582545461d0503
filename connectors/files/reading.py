"""One file on its way: its rows as source records, in batches, each with the position that commits it."""

import os
from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Self

from ...schemas.ports import SourceRecord
from ...schemas.quarantine import MAX_ORIGINAL_BYTES
from .file_options import FileOptions
from .inbox import changed
from .positions import Position
from .rows import Row

Rows = Callable[[BinaryIO, FileOptions], Iterator[Row]]

_Sized = tuple[int, SourceRecord]


class Reading:
    """Reads one file once, from a position on.

    `seen` is the file as it was before anything was read. After the last batch `ended` says that its last record
    finishes the file; `changed` that somebody wrote into the file meanwhile, so that no record may.
    """

    def __init__(self, name: str, stream: BinaryIO, seen: os.stat_result, at: Position) -> None:
        self.name = name
        self.seen = seen
        self.sha256 = at.sha256
        self.row = at.row
        self.ended = False
        self.changed = False
        self._failed = at.failed
        self._stream = stream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()

    def position(self, *, done: bool) -> Position:
        return Position(self.name, self.sha256, self.row, done, self._failed)

    def batches(self, rows: Rows, options: FileOptions, limit: int) -> Iterator[list[SourceRecord]]:
        """Yield batches of at most `limit` records.

        Rows before the position come first, in batches of their own, marked `again`: only who knows the contract can
        compare their ids.
        """
        found = rows(self._stream, options)
        yield from _batches(self._known(found), limit, options.batch_bytes)
        yield from _batches(self._new(found), limit, options.batch_bytes)

    def _known(self, found: Iterator[Row]) -> Iterator[_Sized]:
        position = self.position(done=False).as_mapping()
        for row in islice(found, self.row):
            yield row.size, SourceRecord(position, f"{self.name}:again", row.value, again=True, input=self.sha256)

    def _new(self, found: Iterator[Row]) -> Iterator[_Sized]:
        """Yield the records of the rows left; reads one row ahead, to know the last one."""
        row = next(found, None)
        while row is not None:
            following = next(found, None)
            if following is None:
                self._end()
            yield row.size, self._record(row)
            row = following

    def _end(self) -> None:
        self.changed = changed(os.fstat(self._stream.fileno()), self.seen)
        self.ended = not self.changed

    def _record(self, row: Row) -> SourceRecord:
        self.row += 1
        # Quarantine keeps only the digest of a larger original.
        self._failed |= row.keep_file or (row.raw is not None and len(row.raw) > MAX_ORIGINAL_BYTES)
        return SourceRecord(
            position=self.position(done=self.ended).as_mapping(),
            place=f"{self.name}:{row.place or f'row {self.row}'}",
            value=row.value,
            refusal=row.refusal,
            detail=row.detail,
            raw=row.raw,
            sha256=row.sha256,
            size=row.size,
            finishes=self.sha256 if self.ended else None,
            input=self.sha256,
        )


def _batches(records: Iterator[_Sized], limit: int, batch_bytes: int) -> Iterator[list[SourceRecord]]:
    batch: list[SourceRecord] = []
    total = 0
    for size, record in records:
        batch.append(record)
        total += size
        if len(batch) >= limit or total >= batch_bytes:
            yield batch
            batch, total = [], 0
    if batch:
        yield batch
