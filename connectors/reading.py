"""One file on its way: its rows as source records, in batches, each with the position that commits it."""

import os
from collections.abc import Callable, Iterator
from itertools import islice
from types import TracebackType
from typing import BinaryIO, Self

from ..schemas.ports import SourceRecord
from ..schemas.quarantine import MAX_ORIGINAL_BYTES
from .file_options import FileOptions
from .inbox import changed
from .positions import Position
from .rows import Row

Rows = Callable[[BinaryIO, int, FileOptions], Iterator[Row]]


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
        """Yield batches of at most `limit` records; reads one row ahead, to know the last one.

        Rows before the position come first, in batches of their own, marked `again`: only who knows the contract can
        compare their ids.
        """
        again = self.row
        ahead = rows(self._stream, 0, options)
        while again and (known := [self._again(row) for row in islice(ahead, min(again, limit))]):
            again -= len(known)
            yield known
        yield from self._new(ahead, limit, options.batch_bytes)

    def _new(self, ahead: Iterator[Row], limit: int, batch_bytes: int) -> Iterator[list[SourceRecord]]:
        batch: list[SourceRecord] = []
        size = 0
        row = next(ahead, None)
        while row is not None:
            following = next(ahead, None)
            if following is None:
                self._end()
            size += row.size
            batch.append(self._record(row))
            if following is None or len(batch) >= limit or size >= batch_bytes:
                yield batch
                batch, size = [], 0
            row = following

    def _again(self, row: Row) -> SourceRecord:
        return SourceRecord(self.position(done=False).as_mapping(), f"{self.name}:again", row.value, again=True)

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
            finishes=self.sha256 if self.ended else None,
        )
